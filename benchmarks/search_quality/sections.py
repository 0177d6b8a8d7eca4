"""The tables: contestants side by side, each workload, the default without any trial. In: `Comparison`. Out: Markdown, and JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from benchmarks.search_quality.recording import Recording
from benchmarks.search_quality.replay import Contestant
from benchmarks.search_quality.scores import NEAR, Advantage, Curves, advantage, geometric_mean, quality_after, share_within
from benchmarks.tables import Cell, table

MILESTONES = (16, 32, 64, 128)
QUALITIES = (0.9, NEAR, 0.98)
YARDSTICK = "autotvm"
GOAL_TRIALS, GOAL_SHARE = 32, 0.9
GOAL_ADVANTAGE = 5.0
GOAL_DEFAULT = 1.15


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """curves: of each contestant, one per recording. surrogates: the same in the whole space, None where that could not be made.

    default: the contestant that has the goals.
    """

    recordings: Sequence[Recording]
    curves: Mapping[Contestant, Sequence[Curves]]
    surrogates: Mapping[Contestant, Sequence[Curves | None]]
    default: Contestant
    seeds: int
    trials: int

    def yardstick(self) -> Contestant | None:
        """The contestant that others are said to need fewer trials than."""
        return next((each for each in self.curves if each.strategy == YARDSTICK), None)

    def milestones(self) -> list[int]:
        return [trials for trials in MILESTONES if trials <= self.trials]


def contestants_section(comparison: Comparison) -> str:
    """One row per contestant over all workloads."""
    milestones, yardstick = comparison.milestones(), comparison.yardstick()
    header = [
        f"search, {len(comparison.recordings)} workloads x {comparison.seeds} seeds",
        *(f"found in {trials}" for trials in milestones),
        *(f"% of best after {trials}" for trials in milestones),
        "median trials",
        "CPU ms / trial",
    ]
    if yardstick is not None:
        header += [f"fewer trials than {YARDSTICK} to {quality:.0%}" for quality in QUALITIES]
    if comparison.surrogates:
        header += [f"surrogate: found in {min(GOAL_TRIALS, comparison.trials)}"]
    rows = [[str(contestant), *_contestant_cells(comparison, contestant)] for contestant in comparison.curves]
    missed = f"short of {GOAL_SHARE:.0%} found in {GOAL_TRIALS} trials, or of {GOAL_ADVANTAGE:.0f} times fewer than {YARDSTICK}"
    return table(header, rows, missed)


def _contestant_cells(comparison: Comparison, contestant: Contestant) -> list[Cell | str]:
    curves, is_default = comparison.curves[contestant], contestant == comparison.default
    cells: list[Cell | str] = []
    for trials in comparison.milestones():
        share = share_within(curves, trials)
        cells.append(Cell(f"{share:.0%}", is_default and trials == GOAL_TRIALS and share < GOAL_SHARE))
    cells += [f"{quality_after(curves, trials):.1%}" for trials in comparison.milestones()]
    typical = sorted(each.median_trials_to() for each in curves)[len(curves) // 2]
    cells += [_trials(typical, comparison.trials), f"{1e3 * sum(each.thinking_secs_per_trial for each in curves) / len(curves):.1f}"]
    if (yardstick := comparison.yardstick()) is not None:
        for quality in QUALITIES:
            found = advantage(curves, comparison.curves[yardstick], quality)
            cells.append(Cell(_ratio(found), is_default and quality == NEAR and found.ratio < GOAL_ADVANTAGE))
    if comparison.surrogates:
        made = [each for each in comparison.surrogates.get(contestant, ()) if each is not None]
        cells.append(f"{share_within(made, GOAL_TRIALS):.0%} of {len(made)}" if made else "-")
    return cells


def _ratio(found: Advantage) -> str:
    """`>` where the slower one did not get there everywhere, `<` where the faster one did not."""
    if not found.workloads:
        return "-"
    bound = "> " if found.at_least and not found.behind else "< " if found.behind and not found.at_least else ""
    return f"{bound}{found.ratio:.1f}x of {found.workloads}"


def _trials(count: float, trials: int) -> str:
    return f"{count:.0f}" if isfinite(count) else f"> {trials}"


def workloads_section(comparison: Comparison) -> str:
    """One row per workload: what is known of it, and the median trials that each contestant needs."""
    contestants = list(comparison.curves)
    header = ["workload", "recorded", "best us", "default / best", *map(str, contestants)]
    rows: list[list[Cell | str]] = []
    for position, recording in enumerate(comparison.recordings):
        row: list[Cell | str] = [
            recording.name,
            f"{len(recording)}{' (all)' if recording.exhaustive else ''}",
            f"{recording.best_secs * 1e6:.1f}",
            f"{recording.default_secs / recording.best_secs:.2f}",
        ]
        for contestant in contestants:
            count = comparison.curves[contestant][position].median_trials_to()
            row.append(Cell(_trials(count, comparison.trials), contestant == comparison.default and count > GOAL_TRIALS))
        rows.append(row)
    return f"Trials until {NEAR:.0%} of the best known, median over the seeds:\n\n" + table(
        header, rows, f"where {comparison.default} needs more than {GOAL_TRIALS}"
    )


def default_section(recordings: Sequence[Recording]) -> str:
    """How far the schedules without any trial are from the best known, by network."""
    networks = dict.fromkeys(recording.network for recording in recordings)
    groups = {name: [each for each in recordings if each.network == name] for name in networks} | {"all": list(recordings)}
    rows: list[list[Cell | str]] = []
    for name, group in groups.items():
        ratios = [default_ratio(each) for each in group]
        mean = geometric_mean(ratios)
        rows.append(
            [
                name,
                str(len(group)),
                Cell(f"{mean:.3f}", mean > GOAL_DEFAULT),
                f"{sum(r <= GOAL_DEFAULT for r in ratios)}",
                f"{max(ratios):.2f}",
            ]
        )
    header = ("no trials", "workloads", "default / best", f"within {GOAL_DEFAULT - 1:.0%}", "worst")
    return table(header, rows, f"further than {GOAL_DEFAULT - 1:.0%} from the best known")


def default_ratio(recording: Recording) -> float:
    """The default's time over the best known; infinite if it failed."""
    return recording.default_secs / recording.best_secs if isfinite(recording.default_secs) else inf


def json_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One per contestant and workload."""
    rows = []
    for contestant, curves in comparison.curves.items():
        for recording, each in zip(comparison.recordings, curves, strict=True):
            needed = each.trials_to(NEAR)
            rows.append(
                {
                    "contestant": str(contestant),
                    "workload": recording.name,
                    "network": recording.network,
                    "best_secs": recording.best_secs,
                    "default_ratio": default_ratio(recording),
                    "trials_to_95": [None if not isfinite(count) else int(count) for count in needed.tolist()],
                    "median_quality": {str(trials): float(each.quality()[trials - 1]) for trials in comparison.milestones()},
                    "cpu_ms_per_trial": 1e3 * each.thinking_secs_per_trial,
                }
            )
    return rows
