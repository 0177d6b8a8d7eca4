"""A space of which only the recorded candidates exist: searches run on it as on the real one, without compiler or device.

What it does in place of the real space, and why a search does not find it easier:

    sample      few candidates: from those that were drawn uniformly when the data was recorded. Taken from all recorded ones, among which
                the good ones are many, a random search would look far better than it is. When more are asked for than were drawn so,
                the rest follow: as large a sample of the real space would hold candidates like them.
    neighbours  recorded candidates one decision away, and the nearest where these are fewer than `MIN_NEIGHBOURS`
    candidate   decisions that nobody measured lead to the nearest that somebody did, up to `SNAP_DECISIONS` away; is_valid says so

Features come from today's template where it still has the recorded parameters, else from the recorded quantities.
In: `Recording`. Next: `replay.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks.search_quality.recording import Origin, Recording
from compiler.errors import ScheduleError
from compiler.schedule import Schedule
from compiler.target import Target
from measure import Measurement, MeasureStatus
from schedule_space import Candidate, Choice, Columns, Decisions, Parameter, Quantities, ScheduleSpace, Template, space_for

MIN_NEIGHBOURS = 8
SNAP_DECISIONS = 2

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class RecordedTemplate:
    """What is left of a template when only its data is kept: it can tell candidates apart, and cannot make schedules."""

    recording: Recording

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self.recording.parameters

    def is_valid(self, decisions: Decisions) -> bool:
        return self.nearest(decisions, SNAP_DECISIONS) is not None

    def default(self) -> Decisions:
        return dict(self.recording.candidate(self.recording.default).decisions)

    def schedule(self, decisions: Decisions) -> Schedule:
        raise ScheduleError(f"{self.recording.name} is a recording: it has a time for {dict(decisions)}, and no schedule")

    def describe_batch(self, columns: Columns) -> Quantities:
        """The quantities of that day, of the nearest recorded candidates."""
        decided = [dict(zip(columns, choices, strict=True)) for choices in zip(*(each.tolist() for each in columns.values()), strict=True)]
        rows = [self.nearest(decisions, len(self.parameters)) or 0 for decisions in decided]
        return {name: column[rows] for name, column in self.recording.quantities.items()}

    def nearest(self, decisions: Decisions, within: int) -> int | None:
        """The recorded row with the fewest other decisions, up to `within`; of several the one whose choices lie nearest."""
        try:
            wanted = tuple(index[decisions[name]] for name, index in self._positions)
        except KeyError:
            return None
        return self.nearest_to(wanted, within)

    def nearest_to(self, point: tuple[int, ...], within: int) -> int | None:
        """The same of the positions of the choices."""
        exact = self._rows.get(point)
        if exact is not None or not within:
            return exact
        asked = np.array(point, np.int64)
        differing = (self.recording.choices != asked).sum(axis=1)
        least = int(differing.min())
        if least > within:
            return None
        rows = np.flatnonzero(differing == least)
        return int(rows[self.distances(asked, rows).argmin()])

    def distances(self, asked: NDArray[np.int64], rows: Rows) -> NDArray[np.float64]:
        """Between choices, as shares of each parameter's range; words are all equally far."""
        gaps = np.abs(self.recording.choices[rows].astype(np.int64) - asked)
        shares: NDArray[np.float64] = np.where(self._is_number, gaps / self._ranges, gaps > 0).sum(axis=1)
        return shares

    @cached_property
    def _rows(self) -> dict[tuple[int, ...], int]:
        return {tuple(choices): row for row, choices in enumerate(self.recording.choices.tolist())}

    @cached_property
    def _positions(self) -> list[tuple[str, dict[Choice, int]]]:
        return [(each.name, {choice: position for position, choice in enumerate(each.choices)}) for each in self.parameters]

    @cached_property
    def _is_number(self) -> NDArray[np.bool_]:
        return np.array([all(isinstance(choice, int) and not isinstance(choice, bool) for choice in p.choices) for p in self.parameters])

    @cached_property
    def _ranges(self) -> NDArray[np.float64]:
        return np.array([max(1, len(parameter.choices) - 1) for parameter in self.parameters], np.float64)


@dataclass(frozen=True)
class RecordedSpace(ScheduleSpace):
    """`recorded` finds rows; `template` is today's where it still has the recorded parameters, else the same as `recorded`."""

    recorded: RecordedTemplate

    @property
    def recording(self) -> Recording:
        return self.recorded.recording

    def is_valid(self, decisions: Decisions) -> bool:
        return self.recorded.is_valid(decisions)

    def contains(self, decisions: Decisions) -> bool:
        return len(decisions) == len(self.parameters) and self.recorded.nearest(decisions, 0) is not None

    def candidate(self, decisions: Decisions) -> Candidate:
        row = self.recorded.nearest(decisions, SNAP_DECISIONS)
        if row is None:
            raise ValueError(f"nothing near {dict(decisions)} was recorded of {self.recording.name}")
        return self._candidates[row]

    def at(self, point: Sequence[int]) -> Candidate:
        """The recorded candidate there, or near there; what was not recorded, and nothing near it, is itself."""
        row = self.recorded.nearest_to(tuple(point), SNAP_DECISIONS)
        return super().at(point) if row is None else self._candidates[row]

    def is_valid_at(self, point: tuple[int, ...]) -> bool:
        return self.recorded.nearest_to(point, SNAP_DECISIONS) is not None

    def default(self) -> Candidate:
        return self._candidates[self.recording.default]

    def schedule(self, candidate: Candidate) -> Schedule:
        return self.recorded.schedule(dict(candidate.decisions))

    def all(self) -> Iterator[Candidate]:
        """In the order of the choices."""
        order = np.lexsort(self.recording.choices.T[::-1])
        return iter([self._candidates[row] for row in order])

    def sample(self, rng: np.random.Generator, count: int) -> list[Candidate]:
        drawn = rng.permutation(self._drawn)[:count]
        rest = rng.permutation(self._chosen)[: count - len(drawn)]
        return [self._candidates[row] for row in (*drawn, *rest)]

    def neighbours(self, candidate: Candidate) -> list[Candidate]:
        return [self._candidates[row] for row in self._neighbour_rows(self.row(candidate))]

    def row(self, candidate: Candidate) -> int:
        """Where it was recorded; of one that was not, the nearest."""
        row = self.recorded.nearest(dict(candidate.decisions), len(self.parameters))
        if row is None:
            raise ValueError(f"{candidate} is not of the recorded space of {self.recording.name}")
        return row

    def answer(self, candidates: Sequence[Candidate]) -> list[Measurement]:
        """What came of each, or of the nearest candidate that was recorded."""
        return [self._measurement(self.row(candidate)) for candidate in candidates]

    def _measurement(self, row: int) -> Measurement:
        status, facts = self.recording.statuses[row], (("spills", int(self.recording.spills[row])),)
        if status is MeasureStatus.OK:
            return Measurement(status=status, run_secs=(float(self.recording.run_secs[row]),), facts=facts)
        return Measurement(status=status, error="as recorded", facts=facts)

    def _neighbour_rows(self, row: int) -> Iterable[int]:
        if row not in self._neighbours:
            recording = self.recording
            differing = (recording.choices != recording.choices[row]).sum(axis=1)
            near = np.flatnonzero(differing == 1)
            if len(near) < MIN_NEIGHBOURS:
                others = np.flatnonzero(differing > 0)
                far = self.recorded.distances(recording.choices[row].astype(np.int64), others)
                near = others[np.lexsort((far, differing[others]))[:MIN_NEIGHBOURS]]
            self._neighbours[row] = near.tolist()
        return self._neighbours[row]

    @cached_property
    def _candidates(self) -> list[Candidate]:
        return [self.recording.candidate(row) for row in range(len(self.recording))]

    @cached_property
    def _neighbours(self) -> dict[int, list[int]]:
        return {}

    @cached_property
    def _drawn(self) -> Rows:
        """Rows that are a uniform sample of the space; all of it where everything was recorded."""
        uniform = [self.recording.exhaustive or origin is Origin.SAMPLE for origin in self.recording.origins]
        return np.flatnonzero(uniform)

    @cached_property
    def _chosen(self) -> Rows:
        return np.setdiff1d(np.arange(len(self.recording)), self._drawn)


def recorded_space(recording: Recording) -> RecordedSpace:
    target = Target.parse(recording.target)
    recorded = RecordedTemplate(recording)
    today = space_for(recording.workload, target, recording.threads).template
    template: Template = today if today.parameters == recording.parameters else recorded
    return RecordedSpace(recording.workload, target, recording.threads, template, recorded)
