"""The page: it parses, it holds the numbers, it fetches nothing, and no text of a database becomes markup."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from records_db import Database
from tests.tilewright.conftest import TRIALS, Command
from tests.tilewright.kernel_workloads import dense
from tests.tilewright.report.made_records import NASTY, add_session
from tilewright.commands import report as report_command

VOID = {"meta", "br", "img", "link", "input", "hr"}
FETCHING = {"src", "href", "xlink:href", "action", "data", "poster", "srcset"}


class Page(HTMLParser):
    """Refuses tags that do not nest; keeps texts, tags, and whatever a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in FETCHING and value is not None and not value.startswith("#")]
        self.ids += [value for name, value in attrs if name == "id" and value is not None]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += f" {data.strip()}"


@pytest.fixture(name="url")
def _url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'tuned.db'}"
    Database(url).close()
    return url


def read_page(command: Command, url: str, *words: object) -> Page:
    path = Path(url.removeprefix("sqlite:///")).with_suffix(".html")
    outcome = command("report", "--db", url, "-o", path, "--no-ceiling", *words)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"{path}: ")
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.fetched == []
    assert not re.search(r"@import|url\((?!#)", text)
    assert "script" not in page.tags
    assert len(page.ids) == len(set(page.ids))
    return page


def test_a_page_of_several_sessions(command: Command, url: str) -> None:
    small, large = dense(32, 48), dense(64, 96)
    with Database(url) as database:
        add_session(database, [small, large], [2e-3, None, 1.234e-3], weights={small.key: 3.0, large.key: 1.0})
        add_session(database, [large], [1.5e-3] * 30, seed=1)
    page = read_page(command, url)
    assert page.tags.count("svg") == 4
    for number in ("36 measurements", "2 failed", "1.234", "session 1", "session 2", "4.94 ms", "1.23 ms", "2 compile_error"):
        assert number in page.words, number
    assert NASTY in page.words
    assert "A <b>board</b> & more" in page.words
    assert "tilewright tune <model>.onnx" in page.words
    assert "so each counts once" not in page.words
    assert "the limits of the recorded device are not known" in page.words
    one = read_page(command, url, "--session", 2)
    assert "30 measurements" in one.words
    assert "1.234" not in one.words
    assert "None." in one.words


def test_a_page_of_an_empty_database(command: Command, url: str) -> None:
    page = read_page(command, url)
    assert "No session has measured anything yet" in page.words
    assert "svg" not in page.tags


def test_a_page_of_failures_only(command: Command, url: str) -> None:
    with Database(url) as database:
        add_session(database, [dense(32, 48)], [None] * 20)
    page = read_page(command, url)
    assert "20 compile_error" in page.words
    assert "Too few trials of one kernel with a time" in page.words
    assert "so each counts once" not in page.words


def test_a_page_of_one_trial_without_weights(command: Command, url: str) -> None:
    with Database(url) as database:
        add_session(database, [dense(32, 48)], [1e-3])
    page = read_page(command, url)
    assert "so each counts once" in page.words
    assert "1 measurement" in page.words


def test_a_page_of_a_real_session(command: Command, tuned_url: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    outcome = command("report", "--db", tuned_url, "-o", page)
    assert outcome.code == 0
    words = Page(page.read_text(encoding="utf-8")).words
    assert re.search(rf"\b(?:{'|'.join(str(count) for count in range(TRIALS, 4 * TRIALS))}) measurements", words)
    assert "its limits were measured now" in words
    assert "so each counts once" not in words


def test_bad_input_is_refused_in_one_line(command: Command, url: str, tmp_path: Path) -> None:
    assert "there is no such file" in command("report", "--db", f"sqlite:///{tmp_path}/none.db").complaint
    assert "has no session 3" in command("report", "--db", url, "--session", 3).complaint
    assert "cannot write" in command("report", "--db", url, "-o", tmp_path / "no" / "folder.html").complaint


def test_a_missing_library_is_named(command: Command, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(f"No module named {name!r}", name="matplotlib")

    monkeypatch.setattr(report_command.importlib, "import_module", missing)
    assert "a report needs matplotlib, which is not installed: pip install" in command("report", "--db", url).complaint
