"""A schedule space: parameters, a constraint, a default, and the schedule of each point.

`Template` is what a loop structure implements (`tiled_reduction.py`, `elementwise.py`, `row_stages.py`); `ScheduleSpace` gives it the
operations that search needs. Next: `tuner`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import prod
from typing import Protocol

import numpy as np

from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload
from schedule_space.candidate import Candidate, Choice, Decisions, Parameter
from schedule_space.decision_columns import DecisionColumns
from schedule_space.quantities import Columns, Quantities

MAX_REJECTIONS = 50  # rounds of four draws per wanted candidate
MAX_REMEMBERED = 1 << 15  # points whose validity is kept, 6 MiB; a search asks again and again for the neighbours of its best

Point = tuple[int, ...]
"""A candidate as the position of each choice, in the order of the space's parameters."""


class Template(Protocol):
    """The schedules of one workload on one target by one loop structure."""

    @property
    def parameters(self) -> tuple[Parameter, ...]: ...

    def is_valid(self, decisions: Decisions) -> bool:
        """Registers suffice, scratch fits its cache, the unrolled code is not too long."""
        ...

    def default(self) -> Decisions:
        """The best guess with nothing measured."""
        ...

    def schedule(self, decisions: Decisions) -> Schedule: ...

    def describe_batch(self, columns: Columns) -> Quantities:
        """Analytic quantities of a batch of candidates, out of `QUANTITIES`; the same ones for every batch of the template."""
        ...


@dataclass(frozen=True)
class ScheduleSpace:
    """The legal schedules of a workload on a target for a number of threads."""

    workload: Workload
    target: Target
    threads: int
    template: Template = field(repr=False)
    _validity: dict[Point, bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self.template.parameters

    @property
    def size(self) -> int:
        """Points before constraints."""
        return prod(len(parameter.choices) for parameter in self.parameters)

    def candidate(self, decisions: Decisions) -> Candidate:
        """The candidate of some decisions; raises ValueError where they are not of this space."""
        for parameter in self.parameters:
            if decisions.get(parameter.name) not in parameter.choices:
                raise ValueError(f"{parameter.name}={decisions.get(parameter.name)!r} is not one of {parameter.choices}")
        return Candidate(tuple((parameter.name, decisions[parameter.name]) for parameter in self.parameters))

    def contains(self, decisions: Decisions) -> bool:
        """Whether the decisions are a valid point (another version of the space may have made them)."""
        return (
            len(decisions) == len(self.parameters)
            and all(decisions.get(parameter.name) in parameter.choices for parameter in self.parameters)
            and self.is_valid(decisions)
        )

    def is_valid(self, decisions: Decisions) -> bool:
        return self.template.is_valid(decisions)

    def default(self) -> Candidate:
        return self.candidate(self.template.default())

    def schedule(self, candidate: Candidate) -> Schedule:
        return self.template.schedule(dict(candidate.decisions))

    @property
    def decision_columns(self) -> DecisionColumns:
        """Candidates as positions in the choices of the parameters; keep it where many batches follow each other."""
        return DecisionColumns(self.parameters)

    def describe_batch(self, columns: Columns) -> Quantities:
        return self.template.describe_batch(columns)

    def describe(self, candidate: Candidate) -> dict[str, float]:
        """The quantities of one candidate of this space."""
        columns = self.decision_columns
        told = self.describe_batch(columns.columns(columns.positions([candidate])))
        return {name: float(values[0]) for name, values in told.items()}

    @cached_property
    def _decisions(self) -> tuple[tuple[tuple[str, Choice], ...], ...]:
        """For each parameter and choice the pair that stands in candidates."""
        return tuple(tuple((parameter.name, choice) for choice in parameter.choices) for parameter in self.parameters)

    @cached_property
    def _positions(self) -> tuple[dict[Choice, int], ...]:
        return tuple({choice: position for position, choice in enumerate(parameter.choices)} for parameter in self.parameters)

    @cached_property
    def is_numeric(self) -> tuple[bool, ...]:
        """For each parameter, whether its choices are sizes in an order; else they are names, or true and false."""
        return tuple(
            all(isinstance(choice, int) and not isinstance(choice, bool) for choice in parameter.choices) for parameter in self.parameters
        )

    def point(self, candidate: Candidate) -> Point:
        """Where a candidate of this space stands; raises KeyError for one of another space."""
        return tuple(positions[choice] for positions, (_, choice) in zip(self._positions, candidate.decisions, strict=True))

    def at(self, point: Sequence[int]) -> Candidate:
        """The candidate at a point, valid or not."""
        return Candidate(tuple(choices[position] for choices, position in zip(self._decisions, point, strict=True)))

    def is_valid_at(self, point: Point) -> bool:
        """As `is_valid`, and quick where it is asked again."""
        known = self._validity.get(point)
        if known is None:
            known = self.is_valid(dict(self.at(point).decisions))
            if len(self._validity) >= MAX_REMEMBERED:
                self._validity.clear()
            self._validity[point] = known
        return known

    def all(self) -> Iterator[Candidate]:
        """Every valid candidate, in the order of the choices."""
        for decisions in product(*self._decisions):
            if self.is_valid(dict(decisions)):
                yield Candidate(decisions)

    def sample(self, rng: np.random.Generator, count: int) -> list[Candidate]:
        """Up to `count` distinct valid candidates, uniform over the valid points; fewer where the space holds no more."""
        found: dict[Candidate, None] = {}
        sizes = [len(choices) for choices in self._decisions]
        for _ in range(MAX_REJECTIONS):
            for row in rng.integers(0, sizes, size=(4 * count, len(sizes))).tolist():
                candidate = self.at(row)
                if self.is_valid(dict(candidate.decisions)):
                    found[candidate] = None
                if len(found) >= count:
                    return list(found)
        return list(found)

    def neighbours(self, candidate: Candidate) -> list[Candidate]:
        """Valid candidates that differ in one decision: the adjacent choices of numbers, every other choice of names."""
        point = self.point(candidate)
        result: list[Candidate] = []
        for axis, position in enumerate(point):
            count = len(self._decisions[axis])
            for near in (position - 1, position + 1) if self.is_numeric[axis] else range(count):
                if near == position or not 0 <= near < count:
                    continue
                moved = (*point[:axis], near, *point[axis + 1 :])
                if self.is_valid_at(moved):
                    result.append(self.at(moved))
        return result
