"""A schedule is data: a tuple of small frozen steps, each a function from one loop nest to the next, with a JSON form.

A step class is registered under the name that its JSON carries. `Schedule.to_json` and `Schedule.from_json` are inverse to each other; the
format has a version of its own, so that records outlive changes here.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, TypeVar, cast

from compiler.errors import ScheduleError
from compiler.loop_ir import LoopFunc

SCHEDULE_FORMAT = 1


class Step(Protocol):
    """One rewriting of the loop nest; raises `ScheduleError` where it does not apply."""

    kind: ClassVar[str]

    def apply(self, func: LoopFunc) -> LoopFunc: ...


STEPS: dict[str, type[Step]] = {}
StepClass = TypeVar("StepClass", bound=type[Any])


def register_step(cls: StepClass) -> StepClass:
    """Class decorator: makes the step known under its `kind`, the name that its JSON carries."""
    if cls.kind in STEPS:
        raise ValueError(f"step {cls.kind!r} is registered twice")
    STEPS[cls.kind] = cls
    return cls


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps that turn a workload's naive loop nest into a fast one, in order."""

    steps: tuple[Step, ...] = ()

    def apply(self, func: LoopFunc) -> LoopFunc:
        """The loop nest after all steps; raises `ScheduleError` at the first that does not apply."""
        for step in self.steps:
            func = step.apply(func)
        return func

    def to_json(self) -> dict[str, Any]:
        """`{"format": 1, "steps": [["split", "conv.ow", [4, 14]], ...]}`: the fields of each step after its name, in order."""
        steps = [[step.kind, *(_plain(getattr(step, f.name)) for f in fields(cast(Any, step)))] for step in self.steps]
        return {"format": SCHEDULE_FORMAT, "steps": steps}

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Schedule":
        if data.get("format") != SCHEDULE_FORMAT:
            raise ScheduleError(f"schedule format {data.get('format')!r} is not {SCHEDULE_FORMAT}: it was written by another version")
        steps: list[Step] = []
        for kind, *arguments in data["steps"]:
            if kind not in STEPS:
                raise ScheduleError(f"unknown schedule step {kind!r}; known: {', '.join(sorted(STEPS))}")
            steps.append(STEPS[kind](*(_frozen(argument) for argument in arguments)))
        return Schedule(tuple(steps))
