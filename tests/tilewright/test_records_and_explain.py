"""The commands that only look: what a database holds, and what a model would be compiled from."""

import json
from pathlib import Path
from typing import Any

from tests.tilewright.conftest import TRIALS, Command

FORMS = 3  # one of each kernel


def table(text: str) -> list[dict[str, str]]:
    """The rows of the Markdown table in `text`."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(header, row, strict=True)) for row in rows]


def last_verdict(rows: list[dict[str, Any]], decisions: dict[str, Any]) -> str | None:
    """Of the candidate with these decisions; `rows` come oldest first."""
    return next((row["verdict"] for row in reversed(rows) if row["decisions"] == decisions and row["verdict"] is not None), None)


def test_list(command: Command, tuned_url: str) -> None:
    listed: list[dict[str, Any]] = json.loads(command("records", "list", "--db", tuned_url, "-f", "json").out)
    assert len(listed) >= TRIALS
    assert {row["status"] for row in listed} == {"ok"}
    assert {row["threads"] for row in listed} == {1}
    assert all(row["ms"] > 0 and row["decisions"] for row in listed)
    assert [row["id"] for row in listed] == sorted(row["id"] for row in listed)
    newest = table(command("records", "list", "--db", tuned_url, "--limit", 2).out)
    assert [row["id"] for row in newest] == [str(row["id"]) for row in listed[-2:]]
    assert json.loads(command("records", "list", "--db", tuned_url, "--status", "crash", "-f", "json").out) == []


def test_best(command: Command, tuned_url: str) -> None:
    best: list[dict[str, Any]] = json.loads(command("records", "best", "--db", tuned_url, "-f", "json").out)
    assert len(best) == FORMS
    listed = json.loads(command("records", "list", "--db", tuned_url, "-f", "json").out)
    for row in best:
        trials = [other for other in listed if other["workload"] == row["workload"]]
        right = [other for other in trials if any(each["verified"] for each in trials if each["decisions"] == other["decisions"])]
        unbeaten = [other for other in right if last_verdict(right, other["decisions"]) not in ("lost", "tied")]
        assert row["ms"] == min(other["ms"] for other in unbeaten or right)
    assert [row["ms"] for row in best] == sorted((row["ms"] for row in best), reverse=True)
    rows = table(command("records", "best", "--db", tuned_url).out)
    assert {row["threads"] for row in rows} == {"1"}
    assert all("=" in row["decisions"] for row in rows)


def test_stats(command: Command, tuned_url: str) -> None:
    stats = json.loads(command("records", "stats", "--db", tuned_url, "-f", "json").out)
    assert (stats["workloads"], stats["devices"], stats["targets"]) == (FORMS, 1, 1)
    assert stats["by_status"] == {"ok": stats["records"]}
    (session,) = stats["sessions"]
    assert (session["status"], session["tuner"], session["records"]) == ("finished", "random", stats["records"])
    text = command("records", "stats", "--db", tuned_url).out
    assert f"by status: {stats['records']} ok\n" in text
    assert table(text)[0]["status"] == "finished"


def test_explain(command: Command, classifier: Path, tuned_url: str) -> None:
    explained = json.loads(command("explain", classifier, "--db", tuned_url, "--threads", 1, "-f", "json").out)
    best = json.loads(command("records", "best", "--db", tuned_url, "-f", "json").out)
    assert {kernel["schedule_from"] for kernel in explained["kernels"]} <= {f"record {row['id']}, same device" for row in best}
    assert explained["expected_ms"] == sum(kernel["ms_in_all"] for kernel in explained["kernels"])
    text = command("explain", classifier, "--db", tuned_url, "--threads", 1).out
    assert text.startswith("classifier: 3 kernels for ")
    assert text.endswith("; 0 of 3 kernels have none\n")


def test_explain_says_where_nothing_is_known(command: Command, classifier: Path, tuned_url: str) -> None:
    for words in (("explain", classifier, "--db", tuned_url, "--threads", 2), ("explain", classifier)):
        rows = table(command(*words).out)
        assert {row["schedule from"] for row in rows} == {"default: no verified record for this target and device"}
        assert {row["ms each"] for row in rows} == {"-"}
