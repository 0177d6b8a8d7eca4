"""A schedule space: parameters, a constraint, a default, and the schedule of each point.

`Template` is what a loop structure implements (`tiled_reduction.py`, `elementwise.py`, `row_stages.py`); `ScheduleSpace` gives it the
operations that search needs. Next: `tuner`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Protocol

import numpy as np

from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload
from schedule_space.candidate import Candidate, Decisions, Parameter
from schedule_space.decision_columns import DecisionColumns
from schedule_space.quantities import Columns, Quantities

MAX_REJECTIONS = 50  # rounds of four draws per wanted candidate


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

    def all(self) -> Iterator[Candidate]:
        """Every valid candidate, in the order of the choices."""
        names = [parameter.name for parameter in self.parameters]
        for choices in product(*(parameter.choices for parameter in self.parameters)):
            if self.is_valid(dict(zip(names, choices, strict=True))):
                yield Candidate(tuple(zip(names, choices, strict=True)))

    def sample(self, rng: np.random.Generator, count: int) -> list[Candidate]:
        """Up to `count` distinct valid candidates, uniform over the valid points; fewer where the space holds no more."""
        names = [parameter.name for parameter in self.parameters]
        found: dict[Candidate, None] = {}
        for _ in range(MAX_REJECTIONS):
            draws = rng.integers(0, [len(parameter.choices) for parameter in self.parameters], size=(4 * count, len(names)))
            for row in draws.tolist():
                choices = [parameter.choices[index] for parameter, index in zip(self.parameters, row, strict=True)]
                decisions = tuple(zip(names, choices, strict=True))
                if self.is_valid(dict(decisions)):
                    found[Candidate(decisions)] = None
                if len(found) >= count:
                    return list(found)
        return list(found)

    def neighbours(self, candidate: Candidate) -> list[Candidate]:
        """Valid candidates that differ in one decision: the adjacent choices of numbers, every other choice of names."""
        result: list[Candidate] = []
        decisions = dict(candidate.decisions)
        for parameter in self.parameters:
            position = parameter.choices.index(decisions[parameter.name])
            numeric = all(isinstance(choice, int) and not isinstance(choice, bool) for choice in parameter.choices)
            near = (position - 1, position + 1) if numeric else range(len(parameter.choices))
            for index in near:
                if index == position or not 0 <= index < len(parameter.choices):
                    continue
                changed = {**decisions, parameter.name: parameter.choices[index]}
                if self.is_valid(changed):
                    result.append(Candidate(tuple(changed.items())))
        return result
