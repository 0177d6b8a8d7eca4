"""A space whose times are a formula: no compiler, no device, an optimum that is known."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.codegen import Artifact
from compiler.schedule import Schedule, Split, Unroll
from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from measure import BuildRequest, Built, Device, Measurement, MeasureStatus, RunLimits, Verification
from schedule_space import Candidate, Columns, Decisions, Parameter, Quantities, ScheduleSpace
from tuner import Task

TARGET = Target.parse("llvm -mcpu=x86-64-v3 -num-cores=1")
DEVICE = Device(model="toy", cores=4)
TILES = (1, 2, 4, 8, 16, 32)
ORDERS = ("mn", "nm", "blocked")


@dataclass(frozen=True)
class ToyTemplate:
    """Fastest at m = 8, n = 16, blocked, unroll 4; m x n may be at most 256, and an unroll of 16 crashes."""

    tiles: tuple[int, ...] = TILES
    scale_secs: float = 1e-3

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            Parameter("m", self.tiles),
            Parameter("n", self.tiles),
            Parameter("order", ORDERS),
            Parameter("unroll", (1, 2, 4, 8, 16)),
            Parameter("pack", (False, True)),
        )

    def is_valid(self, decisions: Decisions) -> bool:
        return int(decisions["m"]) * int(decisions["n"]) <= 256

    def default(self) -> Decisions:
        return {"m": self.tiles[0], "n": self.tiles[len(self.tiles) // 3], "order": "mn", "unroll": 1, "pack": False}

    def schedule(self, decisions: Decisions) -> Schedule:
        d = decisions
        steps = (Split("x", (int(d["m"]), int(d["n"]))), Split("y", (int(d["unroll"]),)), Unroll(f"{d['order']} {d['pack']}"))
        return Schedule(steps)

    def describe_batch(self, columns: Columns) -> Quantities:
        return {"registers": (columns["m"] * columns["n"]).astype(np.float64)}

    def secs(self, decisions: Decisions) -> float | None:
        """None where the candidate crashes."""
        if decisions["unroll"] == 16:
            return None
        distance = sum(abs(np.log2(int(decisions[name])) - best) for name, best in (("m", 3), ("n", 4), ("unroll", 2)))
        order = {"mn": 1.3, "nm": 1.2, "blocked": 1.0}[str(decisions["order"])]
        return float(self.scale_secs * order * (1 + 0.25 * distance) * (1.1 if decisions["pack"] else 1.0))

    @property
    def best_secs(self) -> float:
        return self.scale_secs


def toy_workload(size: int = 64, op: str = "relu") -> Workload:
    return Workload((Argument(TensorType((size,))),), (GroupOp(op, (("arg", 0),)),))


def toy_space(template: ToyTemplate | None = None, size: int = 64, op: str = "relu") -> ScheduleSpace:
    return ScheduleSpace(toy_workload(size, op), TARGET, 1, template or ToyTemplate())


def toy_task(name: str = "toy", size: int = 64, weight: float = 1.0, family: str = "", op: str = "relu", **template: object) -> Task:
    space = toy_space(ToyTemplate(**template), size, op)
    return Task(workload=toy_workload(size, op), target=TARGET, space=space, weight=weight, name=name, family=family)


def measured(secs: float | None, verified: bool = False) -> Measurement:
    if secs is None:
        return Measurement(status=MeasureStatus.CRASH, error="killed by SIGSEGV")
    verdict = Verification(passed=True, tolerance=1e-4, max_error=1e-6, input_seed=0) if verified else None
    return Measurement(status=MeasureStatus.OK, run_secs=(secs, secs * 1.1), verification=verdict)


def measure_toy(space: ScheduleSpace, candidate: Candidate) -> Measurement:
    assert isinstance(space.template, ToyTemplate)
    return measured(space.template.secs(dict(candidate.decisions)))


class ToyBuilder:
    """Builds nothing; notes what it was asked for."""

    def __init__(self) -> None:
        self.requests: list[BuildRequest] = []

    def stream(self, requests: Sequence[BuildRequest]) -> Iterator[tuple[int, Built | Measurement]]:
        self.requests += requests
        artifact = Artifact(b"", "", ())
        return iter([(position, Built(request=request, artifact=artifact, build_secs=0.0)) for position, request in enumerate(requests)])


class ToyRunner:
    """Times by the formula of whichever of the tasks' spaces has the workload; verifies as the limits ask."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.device = DEVICE
        self.runs: list[tuple[str, str]] = []
        self.limits: list[RunLimits] = []
        self.compared: list[int] = []
        self._secs: dict[tuple[str, Schedule], float | None] = {}
        for task in tasks:
            template = task.space.template
            assert isinstance(template, ToyTemplate)
            for candidate in task.space.all():
                self._secs[(task.workload.key, task.space.schedule(candidate))] = template.secs(dict(candidate.decisions))

    def run(self, built: Built, limits: RunLimits) -> Measurement:
        key = (built.request.workload.key, built.request.schedule)
        self.runs.append((key[0], str(key[1])))
        self.limits.append(limits)
        secs = self._secs[key]
        verified = secs is not None and (limits.verify_below_secs is None or secs < limits.verify_below_secs)
        return measured(secs, verified)

    def compare(self, candidates: Sequence[Built]) -> list[Measurement]:
        self.compared.append(len(candidates))
        return [measured(self._secs[(built.request.workload.key, built.request.schedule)], verified=True) for built in candidates]
