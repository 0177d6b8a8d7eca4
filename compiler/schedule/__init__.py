"""Schedule steps: each rewrites a loop nest, all are plain data. Next: `compiler/lower`, after `schedule_space` has chosen the steps."""

from compiler.schedule.annotate import Parallel, Unroll, Vectorize
from compiler.schedule.cache_read import CacheRead, blocked_shape
from compiler.schedule.cache_write import CacheWrite
from compiler.schedule.compute_at import ComputeAt
from compiler.schedule.compute_inline import ComputeInline
from compiler.schedule.fuse import Fuse
from compiler.schedule.narrow import Narrow
from compiler.schedule.pad_storage import PadStorage
from compiler.schedule.prefetch import Prefetch
from compiler.schedule.reorder import Reorder
from compiler.schedule.rfactor import RFactor
from compiler.schedule.specialize import Specialize
from compiler.schedule.split import Split
from compiler.schedule.step import SCHEDULE_FORMAT, STEPS, Schedule, Step, register_step

__all__ = [
    "SCHEDULE_FORMAT",
    "STEPS",
    "CacheRead",
    "CacheWrite",
    "ComputeAt",
    "ComputeInline",
    "Fuse",
    "Narrow",
    "PadStorage",
    "Parallel",
    "Prefetch",
    "RFactor",
    "Reorder",
    "Schedule",
    "Specialize",
    "Split",
    "Step",
    "Unroll",
    "Vectorize",
    "blocked_shape",
    "register_step",
]
