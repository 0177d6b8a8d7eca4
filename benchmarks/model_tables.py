"""The tables of `models.py`: times, standing to the goals, errors, and what a second thread brings. In: `ModelRow`s. Out: text."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.model_goals import GOAL_MEAN, MEAN_PEER, OURS, Goal, Standing, geometric_mean, standing
from benchmarks.tables import Cell, milliseconds, table
from tilewright.interleave import Timing

MAX_ERROR = 1e-4  # relative to the largest output of the reference
ABSENT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One network on one number of threads, with the libraries that ran it. errors: the largest difference over the largest output."""

    network: str
    threads: int
    batch: int = 1
    timings: Mapping[str, Timing]
    errors: Mapping[str, float]

    def ratio(self, name: str) -> float | None:
        """Minimum time of a library as a multiple of ours."""
        return self.timings[name].minimum / self.timings[OURS].minimum if name in self.timings else None

    def time_cells(self, names: Sequence[str]) -> list[Cell | str]:
        """Ours in milliseconds; each peer's with its time as a multiple of ours, marked where that is below one."""
        ours = self.timings[OURS]
        cells: list[Cell | str] = [self.network, milliseconds(ours.minimum), milliseconds(ours.median), f"{ours.spread:.0%}"]
        for name in names:
            ratio = self.ratio(name)
            cells.append(ABSENT if ratio is None else Cell(f"{milliseconds(self.timings[name].minimum)} = {ratio:.2f}x", ratio < 1))
        return cells

    def error_cells(self, names: Sequence[str]) -> list[Cell | str]:
        known = {name: f"{error:.0e}" for name, error in self.errors.items()}
        ours = Cell(known[OURS], self.errors[OURS] > MAX_ERROR)
        return [self.network, str(self.threads), ours, *(known.get(name, ABSENT) for name in names)]

    def standings(self, goals: Sequence[Goal]) -> list[Standing | None]:
        return [standing(goal, self.network, self.timings, self.batch) for goal in goals]

    def to_json(self, goals: Sequence[Goal]) -> dict[str, Any]:
        libraries = {name: {**timing.to_json(), "error": self.errors[name]} for name, timing in self.timings.items()}
        stands = [{**asdict(each), "lost": each.lost} for each in self.standings(goals) if each is not None]
        return {"network": self.network, "threads": self.threads, "batch": self.batch, "libraries": libraries, "goals": stands}


def model_tables(rows: Sequence[ModelRow], names: Sequence[str], goals: Sequence[Goal]) -> list[str]:
    """names: of the peers, in the order of their columns."""
    counts = sorted({row.threads for row in rows})
    tables = []
    for threads in counts:
        some = [row for row in rows if row.threads == threads]
        tables += [time_table(some, names), goal_table(some, goals)]
    if (mean := mean_table(rows)) is not None:
        tables.append(mean)
    tables.append(error_table(rows, names))
    if len(counts) > 1:
        tables.append(scaling_table(rows, [OURS, *names]))
    return tables


def time_table(rows: Sequence[ModelRow], names: Sequence[str]) -> str:
    """Of one number of threads."""
    header = (f"ms, {_conditions(rows[0])}", OURS, "median", "spread", *names)
    return table(header, [row.time_cells(names) for row in rows], f"faster than {OURS}")


def goal_table(rows: Sequence[ModelRow], goals: Sequence[Goal]) -> str:
    """Of one number of threads: for each goal its fastest library, the ratio to ours, and the ratio asked for."""
    header = [f"ms, {_conditions(rows[0])}", OURS]
    for goal in goals:
        header += [goal.title, "ratio", "goal"]
    cells: list[list[Cell | str]] = []
    for row in rows:
        line: list[Cell | str] = [row.network, milliseconds(row.timings[OURS].minimum)]
        for each in row.standings(goals):
            if each is None:
                line += [ABSENT] * 3
                continue
            asked = ABSENT if each.asked is None else f"{each.asked:.2f}x"
            line += [f"{milliseconds(each.best_secs)} {each.best}", Cell(f"{each.ratio:.2f}x", each.lost), asked]
        cells.append(line)
    return table(header, cells, "short of its goal, or without a goal slower than the library")


def mean_table(rows: Sequence[ModelRow]) -> str | None:
    """The geometric mean over all rows against one library; None where it did not run."""
    ratios = [ratio for row in rows if (ratio := row.ratio(MEAN_PEER)) is not None]
    if not ratios:
        return None
    mean = geometric_mean(ratios)
    cells: list[Cell | str] = ["geometric mean", MEAN_PEER, str(len(ratios)), Cell(f"{mean:.2f}x", mean < GOAL_MEAN), f"{GOAL_MEAN:.2f}x"]
    return table(("over all", "against", "cells", "ratio", "goal"), [cells], "short of its goal")


def error_table(rows: Sequence[ModelRow], names: Sequence[str]) -> str:
    header = ("largest error", "threads", OURS, *names)
    return table(header, [row.error_cells(names) for row in rows], f"error above {MAX_ERROR:.0e} of the largest output")


def scaling_table(rows: Sequence[ModelRow], names: Sequence[str]) -> str:
    """Time on the fewest threads over time on the most, for each library."""
    fewest, most = min(row.threads for row in rows), max(row.threads for row in rows)
    slow = {row.network: row for row in rows if row.threads == fewest}
    fast = {row.network: row for row in rows if row.threads == most}

    def cells(network: str) -> list[Cell | str]:
        both = [name for name in names if name in slow[network].timings and name in fast[network].timings]
        gains = {name: slow[network].timings[name].minimum / fast[network].timings[name].minimum for name in both}
        best = max(gains.values())
        marked = {name: Cell(f"{gain:.2f}x", name == OURS and gain < 0.98 * best) for name, gain in gains.items()}
        return [network, *(marked.get(name, ABSENT) for name in names)]

    header = (f"{fewest} -> {most} threads", *names)
    return table(header, [cells(network) for network in slow], "gains less from threads than another library does")


def _conditions(row: ModelRow) -> str:
    batch = f", batch {row.batch}" if row.batch > 1 else ""
    return f"{row.threads} thread{'s' * (row.threads > 1)}{batch}"
