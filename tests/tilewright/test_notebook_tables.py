"""What a notebook shows of the face's objects."""

from dataclasses import replace
from pathlib import Path

import tilewright as tw
from measure import MeasureStatus
from tilewright.notebook_tables import html_table
from tuner import Progress, StopReason, TaskResult

PROGRESS = Progress(trials=12, trials_budget=12, elapsed_secs=3.2, secs_left=0.0, failures=((MeasureStatus.CRASH, 2),), model_secs=5e-3)
TASK = TaskResult(name="conv <1>", weight=2.0, trials=12, failed=2, known=0, default_secs=4e-3, best_secs=2e-3)


def result(*tasks: TaskResult) -> tw.TuneResult:
    return tw.TuneResult(session=3, stop=StopReason.TRIALS, tasks=tasks, progress=PROGRESS)


def cells(html: str) -> list[list[str]]:
    rows = html.split("<tbody>")[1].split("<tr>")[1:]
    return [[cell.split(">", 1)[1].split("</td>")[0] for cell in row.split("<td ")[1:]] for row in rows]


def test_every_text_is_escaped() -> None:
    html = html_table("<title>", ["<a>", "b"], [["<script>", "&"]], "<note>")
    assert "<script>" not in html
    assert cells(html) == [["&lt;script&gt;", "&amp;"]]
    assert "&lt;title&gt;" in html
    assert "&lt;note&gt;" in html


def test_a_tune_shows_the_model_and_its_kernels() -> None:
    html = result(TASK, replace(TASK, name="large", best_secs=None))._repr_html_()
    assert html.startswith("<div><b>Session 3: the trials are spent after 12 trials in 3 s</b></div>")
    assert cells(html) == [
        ["whole model", "", "24", "4", "16.00", "-", "-"],
        ["large", "2", "12", "2", "4.000", "-", "-"],
        ["conv &lt;1&gt;", "2", "12", "2", "4.000", "2.000", "2.00x"],
    ]
    assert "failed trials: 2 crash" in html


def test_many_kernels_are_cut() -> None:
    html = result(*(replace(TASK, name=f"kernel {number}") for number in range(40)))._repr_html_()
    assert len(cells(html)) == 25
    assert "16 smaller kernels are left out" in html


def test_what_tune_gives_back_shows_itself(classifier: Path) -> None:
    model = tw.load(classifier)
    with tw.Database("sqlite://") as database:
        tuned = tw.tune(model, threads=1, database=database, trials=1, tuner="random")
    assert isinstance(tuned, tw.TuneResult)
    assert cells(tuned._repr_html_())[0][2] == "1"


def test_a_model_shows_its_values(classifier: Path) -> None:
    model = tw.load(classifier)
    rows = cells(model._repr_html_())
    assert [row[1] for row in rows] == ["input"] * len(model.inputs) + ["output"] * len(model.outputs)
    assert {row[0] for row in rows} == {*model.inputs, *model.outputs}
