"""Machine code against references: which schedules a workload is compiled by, and the comparison of what they compute.

A variant is a target, a number of threads and a schedule. The vectors have the machine's width and narrower ones, since a small tensor
that fits one wide vector takes other paths through code generation than one that needs several narrow ones and a tail.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.driver import runs_here
from compiler.ops import get_operator
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload
from measure.child_pool import ChildPool, OutcomeKind
from measure.child_server import ServerSettings
from schedule_space import Candidate, Decisions, space_for
from tests.conformance import guarded_jobs
from tests.schedule_space.chosen_candidates import with_choices

Array = NDArray[Any]

TIMEOUT_SECS = 300.0
JOBS_PER_CHILD = 200
TOO_LONG = "unrolls to more than"
RELATIVE_TOLERANCE = 1e-4
ABSOLUTE_TOLERANCE = 2e-6


@dataclass(frozen=True, slots=True)
class Variant:
    """One schedule to compile; label says in a message what it is. drawn: code generation may refuse it for its length."""

    label: str
    target: Target
    threads: int
    schedule: Schedule
    drawn: bool

    def to_json(self) -> dict[str, Any]:
        return {"label": self.label, "target": str(self.target), "threads": self.threads, "schedule": self.schedule.to_json()}


@cache
def targets() -> dict[str, Target]:
    """The machine itself, with its own and with narrower vectors, and plainer machines that it can stand in for."""
    host = Target.parse("host")
    found = {"host": host}
    found.update({f"host, {bits} bits": replace(host, vector_bits=bits) for bits in (256, 128) if bits < host.vector_bits})
    plainer = {"AVX2": Target.parse("x86-64-v3"), "SSE2": Target.parse("llvm -mcpu=x86-64 -mtriple=x86_64-linux-gnu")}
    plainer["AVX2, 128 bits"] = replace(plainer["AVX2"], vector_bits=128)
    return found | {name: target for name, target in plainer.items() if runs_here(target)}


class NativeChecker:
    """Compiles and runs in a child process of its own."""

    def __init__(self) -> None:
        self._pool = ChildPool(ServerSettings(module=guarded_jobs.__name__, jobs_per_child=JOBS_PER_CHILD))

    def close(self) -> None:
        self._pool.close()

    def check(
        self,
        workload: Workload,
        arguments: Sequence[Array],
        expected: Sequence[Array],
        variants: Sequence[Variant],
        missing: Mapping[str, int] | None = None,
        absolute: float = ABSOLUTE_TOLERANCE,
    ) -> None:
        """Every variant computes `expected`, stays inside its buffers, and depends on nothing but the arguments.

        missing: elements that the buffers lack, by role, which must make this fail. absolute: as in `assert_close`.
        """
        plans = [variant.to_json() for variant in variants]
        header = {"workload": workload.to_json(), "variants": plans, "missing": dict(missing or {})}
        blob = b"".join(np.ascontiguousarray(array).tobytes() for array in arguments)
        outcome = self._pool.wait(self._pool.submit(header, blob, timeout_secs=TIMEOUT_SECS))
        assert outcome.kind is OutcomeKind.DONE, f"{workload}: {outcome.kind} {outcome.text}"
        start = 0
        for variant, error in zip(variants, outcome.reply["errors"], strict=True):
            if variant.drawn and TOO_LONG in error:
                continue
            assert not error, f"{workload}, {variant.label}: {error}"
            for want in expected:
                got = np.frombuffer(outcome.blob, want.dtype, want.size, start).reshape(want.shape)
                start += want.nbytes
                assert_close(got, want, f"{workload}, {variant.label}", absolute)
        assert start == len(outcome.blob)


def assert_close(got: Array, want: Array, label: str, absolute: float = ABSOLUTE_TOLERANCE) -> None:
    """absolute: of the largest finite value."""
    if want.dtype.kind != "f":
        np.testing.assert_array_equal(got, want, err_msg=label)
        return
    finite = np.abs(want[np.isfinite(want)])
    scale = float(finite.max(initial=0.0))
    np.testing.assert_allclose(got, want, rtol=RELATIVE_TOLERANCE, atol=absolute * max(scale, 1e-3), err_msg=label)


def reference(workload: Workload, arguments: Sequence[Array]) -> list[Array]:
    """The outputs of a group, by the operators' references."""
    values: list[tuple[Array, ...]] = []
    for op in workload.ops:
        inputs = [arguments[index] if source == "arg" else values[index][0] for source, index in op.inputs]
        values.append(get_operator(op.op).reference(inputs, op.attributes))
    return list(values[-1])


def default_variant(workload: Workload, target: str, threads: int) -> Variant:
    machine = replace(targets()[target], cores=threads)
    space = space_for(workload, machine, threads)
    return Variant(f"{target}, {threads} threads, default {space.default().key}", machine, threads, space.schedule(space.default()), False)


def drawn_variants(workload: Workload, target: str, threads: int, draws: int) -> Iterator[Variant]:
    """Some candidates of the space, the same ones for the same workload."""
    machine = replace(targets()[target], cores=threads)
    space = space_for(workload, machine, threads)
    for candidate in space.sample(np.random.default_rng(int(workload.key[:8], 16)), draws):
        yield Variant(f"{target}, {threads} threads, {candidate.key}", machine, threads, space.schedule(candidate), True)


def chosen_variant(
    workload: Workload, target: str, threads: int, fixed: Decisions, wanted: Callable[[Candidate], bool] = lambda _: True
) -> Variant:
    """A candidate that makes some decisions and is wanted, the rest drawn."""
    machine = replace(targets()[target], cores=threads)
    space = space_for(workload, machine, threads)
    candidate = with_choices(space, fixed, np.random.default_rng(int(workload.key[:8], 16)), wanted)
    assert candidate is not None, f"{workload}: no candidate with {fixed}"
    return Variant(f"{target}, {threads} threads, {candidate.key}", machine, threads, space.schedule(candidate), False)


def some_variant(workload: Workload, turn: int) -> list[Variant]:
    """By turns the default or a drawn candidate, on every target, for one and two threads."""
    names = list(targets())
    turn, drawn = divmod(turn, 2)
    turn, target = divmod(turn, len(names))
    threads = 1 + turn % 2
    return list(drawn_variants(workload, names[target], threads, 1)) if drawn else [default_variant(workload, names[target], threads)]


def all_variants(workload: Workload, draws: int) -> list[Variant]:
    """On every target the default and drawn candidates, the one for one thread and the others for two, or the other way round."""
    found: list[Variant] = []
    for turn, target in enumerate(targets()):
        threads = 1 + turn % 2
        found += [default_variant(workload, target, threads), *drawn_variants(workload, target, 3 - threads, draws)]
    return found
