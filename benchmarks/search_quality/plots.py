"""The same as pictures: speed over trials, performance profiles, one panel per workload. In: `Comparison`. Out: PNG files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from benchmarks.search_quality.scores import NEAR, Numbers
from benchmarks.search_quality.sections import Comparison

QUARTILES = (0.25, 0.5, 0.75)
COLUMNS = 6
DPI = 130


def save_plots(comparison: Comparison, folder: Path) -> list[Path]:
    """overview.png, profiles.png, workloads.png."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"overview": _overview(comparison), "profiles": _profiles(comparison), "workloads": _panels(comparison)}
    paths = []
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=DPI)
        paths.append(path)
    return paths


def _overview(comparison: Comparison) -> Figure:
    """The median workload's speed over trials, and the middle half of the workloads around it."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for position, (contestant, curves) in enumerate(comparison.curves.items()):
        qualities = np.array([each.quality() for each in curves])
        _band(axes, list(np.quantile(qualities, QUARTILES, axis=0)), str(contestant), position)
    axes.axhline(NEAR, color="gray", linewidth=0.8, linestyle=":")
    axes.set(xlabel="trials", ylabel="speed, of the best known", ylim=(_lowest(comparison), 1.005))
    _trials_axis(axes, comparison.trials)
    axes.set_title(f"Median of {len(comparison.recordings)} workloads, and the middle half of them; {comparison.seeds} seeds each")
    _finish(axes)
    return figure


def _profiles(comparison: Comparison) -> Figure:
    """The share of workloads that are found within so many trials (Dolan and More 2002, with trials in place of time)."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    counts = np.arange(1, comparison.trials + 1)
    for position, (contestant, curves) in enumerate(comparison.curves.items()):
        needed = np.array([each.median_trials_to() for each in curves])
        axes.step(counts, (needed[:, None] <= counts).mean(axis=0), where="post", label=str(contestant), **_look(position))
    axes.set(xlabel="trials", ylabel=f"workloads at {NEAR:.0%} of the best known", ylim=(0, 1.02))
    _trials_axis(axes, comparison.trials)
    axes.set_title("Workloads whose median seed is there")
    _finish(axes)
    return figure


def _panels(comparison: Comparison) -> Figure:
    """For each workload the median seed's speed, and the middle half of the seeds."""
    columns = min(COLUMNS, len(comparison.recordings))
    rows = -(-len(comparison.recordings) // columns)
    figure = Figure(figsize=(2.9 * columns, 2.2 * rows + 0.6), layout="constrained")
    grid: Sequence[Axes] = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel().tolist()
    for position, (axes, recording) in enumerate(zip(grid, comparison.recordings, strict=False)):
        for look, (contestant, curves) in enumerate(comparison.curves.items()):
            _band(axes, [curves[position].quality(quantile) for quantile in QUARTILES], str(contestant), look)
        axes.axhline(NEAR, color="gray", linewidth=0.8, linestyle=":")
        axes.set_title(recording.name, fontsize=7)
        axes.set_ylim(_lowest(comparison), 1.01)
        _trials_axis(axes, comparison.trials)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.tick_params(labelsize=7)
    for axes in grid[len(comparison.recordings) :]:
        axes.axis("off")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=8)
    return figure


def _band(axes: Axes, quartiles: Sequence[Numbers], label: str, position: int) -> None:
    low, middle, high = quartiles
    trials = np.arange(1, len(middle) + 1)
    (line,) = axes.step(trials, middle, where="post", label=label, **_look(position))
    axes.fill_between(trials, low, high, step="post", color=line.get_color(), alpha=0.12, linewidth=0)


def _look(position: int) -> dict[str, Any]:
    """Ten colours, then the same ones dashed."""
    return {"color": f"C{position % 10}", "linestyle": "-" if position < 10 else "--"}


def _trials_axis(axes: Axes, trials: int) -> None:
    """Logarithmic, with whole numbers."""
    axes.set_xscale("log", base=2)
    axes.set_xlim(1, trials)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _lowest(comparison: Comparison) -> float:
    """Where the axes of speed begin."""
    worst = min(float(each.quality(QUARTILES[0])[0]) for curves in comparison.curves.values() for each in curves)
    return max(0.0, min(0.9, worst - 0.03))


def _finish(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(alpha=0.25)
    axes.legend()
