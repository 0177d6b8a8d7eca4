"""The documents name files, links and options that exist, and their example runs."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.tilewright.conftest import Command
from tests.tilewright.models import save_classifier

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
COMMANDS = ("tune", "compile", "run", "bench", "explain", "report")
PACKAGES = (
    "tilewright",
    "tuner",
    "records_db",
    "measure",
    "schedule_space",
    "compiler",
    "fleet",
    "benchmarks",
    "examples",
    "notebooks",
    "tests",
)


def by_name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text())
    assert not [link for link in links if "://" not in link and not (document.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_named_files_exist(document: Path) -> None:
    """By their path from the root, or by its end."""
    named = re.findall(r"`([\w./]+\.(?:py|c|h|md|toml)|(?:" + "|".join(PACKAGES) + r")/[\w./]+)`", document.read_text())
    known = [path.as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.*")]
    allowed = {"tuner.py", "fuse_epilogues.py", "utils.py"}  # names of files that are not ours, or must not be
    absent = [name for name in named if name not in allowed and not (ROOT / name).exists()]
    assert not [name for name in absent if not any(path.endswith(f"/{name}") for path in known)]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_names_every_option(command: Command, name: str) -> None:
    reference = (ROOT / "docs" / "command-line.md").read_text()
    section = reference.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    synopsis = section.partition("```")[2].partition("```")[0]
    options = command(name, "--help").out.partition("\nOptions:\n")[2]
    offered = {option for line in options.splitlines() for option in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", line)}
    assert set(re.findall(r"--[a-z-]+", synopsis)) == offered - {"--help"}


def test_the_example_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small model under the name of the large one."""
    (source,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    model = onnx.load(save_classifier(tmp_path / "resnet18.onnx"))
    model.graph.input[0].name = model.graph.node[0].input[0] = "data"
    onnx.save(model, "resnet18.onnx")
    quick = source.replace("(1, 3, 224, 224)).astype", "(1, 3, 16, 16)).astype").replace("trials=512", "trials=4")
    assert quick.count("16, 16") == quick.count("trials=4") == 1
    names: dict[str, object] = {}
    exec(compile(quick, "README.md", "exec"), names)
    assert np.asarray(names["y"]).shape == (1, 10)
    assert (tmp_path / "resnet18.so").is_file()
