"""pad_storage: more room than elements along one axis of a stage's buffer."""

from dataclasses import dataclass, replace
from typing import ClassVar

from compiler.errors import ScheduleError
from compiler.loop_ir import LoopFunc
from compiler.schedule.locate import exchange_buffer, find_buffer
from compiler.schedule.step import register_step


@register_step
@dataclass(frozen=True, slots=True)
class PadStorage:
    """Lengthen an axis of a buffer by `extra` elements that nobody uses, so that what lies along the axes before it does not stand
    whole pages apart, where all of it would compete for the same few lines of the cache.

    allocate b[36, 64]           ->     allocate b[36, 65]
    """

    kind: ClassVar[str] = "pad_storage"
    stage: str
    axis: int
    extra: int

    def apply(self, func: LoopFunc) -> LoopFunc:
        old = find_buffer(func, self.stage)
        if any(param.name == self.stage for param in func.params) or not 0 <= self.axis < len(old.shape) or self.extra < 0:
            raise ScheduleError(f"pad_storage of {self.stage!r}, axis {self.axis}, by {self.extra}: it is a parameter or has no such axis")
        shape = (*old.shape[: self.axis], old.shape[self.axis] + self.extra, *old.shape[self.axis + 1 :])
        return exchange_buffer(func, replace(old, shape=shape))
