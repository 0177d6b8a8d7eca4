"""The pictures of a report, as SVG that stands in the page and takes its colours from the page's style sheet. Next: `page.py`.

Matplotlib draws; text stays text, and the colours of text and frames become variables, so that a dark page has light ones.
"""

import io
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tilewright.report.model_time import ModelTime
from tilewright.report.predictions import Predictions
from tilewright.report.session_data import TaskData, TimeSplit, TuneData

INK, FAINT = "#010203", "#040506"  # stand-ins, replaced by variables of the style sheet
VARIABLES = {INK: "var(--ink)", FAINT: "var(--faint)"}
BLUE, ORANGE, GREEN, RED, GRAY = "#3b82d6", "#e08a2e", "#2fa37c", "#d6504b", "#8a8f98"  # readable on white and on black
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "grid.alpha": 0.35,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
WIDTH = 10.0  # inches; the page scales the pictures to its own width
PANELS, PANEL_COLUMNS = 24, 4
MOST_RATIO = 8.0  # slower than this times the best: drawn at the upper edge
TITLE_CHARACTERS = 38


def model_time_figure(times: Sequence[ModelTime]) -> str:
    """Milliseconds of one inference over seconds of tuning."""
    with style.context(STYLE):
        figure, axes = _figure(3.2)
        for color, each in zip(_cycle(len(times)), times, strict=True):
            seconds, secs = zip(*each.points, strict=True)
            axes.step(seconds, 1e3 * np.array(secs), where="post", color=color, linewidth=1.8, label=each.device)
            axes.annotate(f"{1e3 * secs[-1]:.3g} ms", (seconds[-1], 1e3 * secs[-1]), xytext=(4, 5), textcoords="offset points", ha="right")
        axes.set(xlabel="seconds of tuning", ylabel="one inference, ms")
        axes.set_ylim(bottom=0)
        if len(times) > 1:
            axes.legend()
        return _svg(figure, "model")


def curves_figure(tasks: Sequence[TaskData]) -> str:
    """A panel per task: every trial a dot, the best so far a line, where a session began a thin line."""
    shown = tasks[:PANELS]
    columns = min(PANEL_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    with style.context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.75 * rows + 0.3), layout="constrained")
        grid: list[Axes] = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
        for axes, task in zip(grid, shown, strict=False):
            _panel(axes, task)
        for axes in grid[len(shown) :]:
            axes.axis("off")
        return _svg(figure, "curves")


def _panel(axes: Axes, task: TaskData) -> None:
    times = np.array([np.nan if secs is None else 1e3 * secs for secs in task.run_secs])
    trials = np.arange(1, len(times) + 1)
    title = task.label if len(task.label) <= TITLE_CHARACTERS else task.label[: TITLE_CHARACTERS - 1] + "…"
    axes.set_title(title, loc="left", fontsize=7.5)
    best = np.fmin.accumulate(times)
    failed = trials[np.isnan(times)]
    top = min(np.nanmax(times), MOST_RATIO * np.nanmin(times)) if np.isfinite(times).any() else 1.0
    axes.plot(trials, np.minimum(times, top), ".", color=GRAY, markersize=2.5, alpha=0.7)
    axes.plot(failed, np.full(len(failed), top), "x", color=RED, markersize=3)
    axes.step(trials, best, where="post", color=BLUE, linewidth=1.6)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.tick_params(labelsize=7)
    if np.isfinite(best).any():
        axes.annotate(
            f"{best[-1]:.3g} ms", (trials[-1], best[-1]), xytext=(0, -3), textcoords="offset points", ha="right", va="top", fontsize=7.5
        )
    sessions = [record.session for record in task.records]
    for trial, (before, after) in enumerate(pairwise(sessions), 1):
        if before != after:
            axes.axvline(trial + 0.5, color=FAINT, linewidth=0.8)


def time_figure(times: Sequence[TimeSplit]) -> str:
    """A bar per session: building, timing, the rest; a mark at its wall time."""
    with style.context(STYLE):
        figure, axes = _figure(0.75 + 0.32 * len(times))
        names = [f"session {split.session}" for split in times]
        left = np.zeros(len(times))
        for label, color, secs in (
            ("building", BLUE, [split.building for split in times]),
            ("timing", ORANGE, [split.timing for split in times]),
            ("the rest: model, search, database", GRAY, [split.rest for split in times]),
        ):
            axes.barh(names, secs, left=left, color=color, height=0.6, label=label)
            left += np.array(secs)
        axes.plot([split.elapsed for split in times], names, "|", color=INK, markersize=16, markeredgewidth=2, label="wall time")
        axes.invert_yaxis()
        axes.set_xlabel("seconds")
        figure.legend(loc="outside upper left", ncols=4)
        return _svg(figure, "time")


def predictions_figure(predictions: Predictions, data: TuneData) -> str:
    """Predicted against measured, both over the best measured of the task."""
    best = [task.best_secs or 1.0 for task in data.tasks]
    measured = np.array([each.measured / best[each.task] for each in predictions.trials])
    predicted = np.array([each.predicted / best[each.task] for each in predictions.trials])
    with style.context(STYLE):
        figure = Figure(figsize=(5.2, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.plot(measured, predicted, ".", color=BLUE, markersize=5, alpha=0.55, markeredgewidth=0)
        ends = [min(measured.min(), predicted.min()), max(measured.max(), predicted.max())]
        axes.plot(ends, ends, color=FAINT, linewidth=1)
        axes.set(xscale="log", yscale="log", xlabel="measured, of the task's best", ylabel="predicted, of the task's best")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value in (2, 3, 5, 20, 30, 50) else ""))
        return _svg(figure, "predictions")


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def _cycle(count: int) -> list[str]:
    colors = (BLUE, ORANGE, GREEN, RED, GRAY)
    return [colors[position % len(colors)] for position in range(count)]


def _svg(figure: Figure, name: str) -> str:
    """Without prolog and metadata; its identifiers begin with `name`, since several pictures share the page."""
    buffer = io.StringIO()
    with style.context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="|url\()#', rf"\1#{name}-", text)
    text = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", text, count=1), count=1)
    for color, variable in VARIABLES.items():
        text = text.replace(color, variable)
    return text
