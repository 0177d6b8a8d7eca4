"""A profile as a table for people and as plain values. In: `ModelProfile`. Used by `bench.py`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich.table import Table

from tilewright.kernel_bound import Limit
from tilewright.profile_model import LOSING_SHARE, KernelProfile, ModelProfile
from tilewright.tables import show_table

SORTS = ("order", "ms")
NODE_LENGTH = 28
COLUMNS = ("#", "nodes", "kernel", "variant", "layout", "ms", "share", "rate", "of bound", "spills", "record", "expected ms")
FOLDED = {"nodes", "kernel", "layout", "record"}
RIGHT = {*COLUMNS} - FOLDED - {"variant"}
LEGEND = (
    "of bound: the least time over the one taken, for its multiply-adds (fma) or for its bytes from the cache or memory that holds them",
    "GFLOP/s of winograd count the operations of the direct convolution; its bound counts the multiplications that it does itself",
)


@dataclass(frozen=True, slots=True)
class ProfileView:
    """sort: one of SORTS, longest first by ms. top: how many kernels to list; all by default."""

    sort: str = SORTS[0]
    top: int | None = None

    def listed(self, profile: ModelProfile) -> Sequence[KernelProfile]:
        kernels = sorted(profile.kernels, key=lambda kernel: -kernel.secs) if self.sort == "ms" else profile.kernels
        return kernels[: self.top]


def print_profile(title: str, profile: ModelProfile, view: ProfileView) -> None:
    table = Table(title=title, title_justify="left")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in RIGHT else "left", no_wrap=column not in FOLDED, overflow="fold")
    listed = view.listed(profile)
    for kernel in listed:
        table.add_row(*_cells(kernel, profile), style="yellow" if kernel.losing else None)
    show_table(table, sys.stdout)
    for line in (*_totals(profile, listed), *LEGEND):
        click.echo(line)


def profile_json(profile: ModelProfile, view: ProfileView) -> dict[str, Any]:
    """Milliseconds, GB/s and GFLOP/s; shares as fractions of 1; null where a library does not tell."""
    roofline = profile.roofline
    return {
        "threads": roofline.threads,
        "runs": profile.runs,
        "kernels_ms": profile.kernel_secs * 1e3,
        "outside_ms": profile.outside_secs * 1e3,
        "sum_ms": profile.profiled_secs * 1e3,
        "whole_ms": profile.plain_secs * 1e3,
        "ratio": profile.profiled_secs / profile.plain_secs,
        "ceiling": {"gflops": roofline.gflops, "read_gbytes": {str(size): gbytes for size, gbytes in roofline.read.points}},
        "kernels": [_kernel_json(kernel, profile) for kernel in view.listed(profile)],
    }


def _kernel_json(kernel: KernelProfile, profile: ModelProfile) -> dict[str, Any]:
    info, bound, expected = kernel.kernel, kernel.bound, kernel.kernel.expected_secs
    return {
        "number": kernel.number,
        "nodes": list(info.nodes),
        "kernel": info.workload,
        "key": info.workload_key,
        "variant": kernel.variant,
        "layouts": None if kernel.layouts is None else list(kernel.layouts),
        "ms": kernel.secs * 1e3,
        "share": profile.share(kernel.secs),
        "gflops": kernel.gflops,
        "ceiling_share": None if kernel.gflops is None else kernel.gflops / profile.roofline.gflops,
        "gbytes": kernel.gbytes,
        "bound": None if bound is None else bound.limit.value,
        "bound_ms": None if bound is None else bound.secs * 1e3,
        "bound_share": kernel.bound_share,
        "losing": kernel.losing,
        "spills": kernel.spills,
        "schedule_from": info.schedule_source,
        "expected_ms": None if expected is None else expected * 1e3,
    }


def _cells(kernel: KernelProfile, profile: ModelProfile) -> list[str]:
    expected = kernel.kernel.expected_secs
    return [
        str(kernel.number),
        short_nodes(kernel.kernel.nodes),
        kernel.short_form,
        kernel.variant or "-",
        "-" if kernel.layouts is None else " -> ".join(dict.fromkeys(kernel.layouts)),
        _milliseconds(kernel.secs),
        f"{profile.share(kernel.secs):.1%}",
        _rate(kernel),
        _of_bound(kernel),
        "-" if kernel.spills is None else str(kernel.spills),
        kernel.kernel.schedule_source.partition(":")[0],
        "-" if expected is None else _milliseconds(expected),
    ]


def short_nodes(nodes: Sequence[str]) -> str:
    """The end of the first name, without what folding added to it, and how many more there are.

    >>> short_nodes(("conv1.scaled.1", "relu1")), short_nodes(("/features/stage2/block3/branch1/conv/Conv",))
    ('conv1 +1', '.../block3/branch1/conv/Conv')
    """
    if not nodes:
        return "-"
    more = f" +{len(nodes) - 1}" if len(nodes) > 1 else ""
    name, room = nodes[0].partition(".scaled")[0], NODE_LENGTH - len(more)
    return (name if len(name) <= room else f"...{name[3 - room :]}") + more


def _milliseconds(secs: float) -> str:
    return f"{secs * 1e3:.{5 if secs < 1e-6 else 4 if secs < 0.1 else 2}f}"


def _rate(kernel: KernelProfile) -> str:
    """Of what bounds the kernel."""
    if kernel.bound is None:
        return "-"
    return f"{kernel.gflops:.0f} GFLOP/s" if kernel.bound.limit is Limit.MULTIPLY_ADDS else f"{kernel.gbytes:.1f} GB/s"


def _of_bound(kernel: KernelProfile) -> str:
    if kernel.bound is None:
        return "-"
    return f"{kernel.bound_share:.0%} {kernel.bound.limit}{' (*)' if kernel.losing else ''}"


def _totals(profile: ModelProfile, listed: Sequence[KernelProfile]) -> list[str]:
    rest = len(profile.kernels) - len(listed)
    rest_secs = profile.kernel_secs - sum(kernel.secs for kernel in listed)
    losing = [kernel for kernel in profile.kernels if kernel.losing]
    lost_secs = sum(kernel.secs for kernel in losing)
    whole, clock = profile.plain_secs, profile.clock_secs
    read = [f"{gbytes:.0f} at {_size(size)}" for size, gbytes in profile.roofline.read.points]
    return [
        *([f"not listed: {_kernels(rest)}, {_milliseconds(rest_secs)} ms"] if rest else []),
        f"sum: {_milliseconds(profile.kernel_secs)} ms in {_kernels(len(profile.kernels))} + {_milliseconds(profile.outside_secs)} ms"
        f" to call the model = {_milliseconds(profile.profiled_secs)} ms, mean of the fastest quarter of {profile.runs} runs",
        f"whole: {_milliseconds(whole)} ms without the clock between kernels; with it {clock / whole:+.1%} ({clock * 1e6:+.2f} us);"
        f" sum / whole {profile.profiled_secs / whole:.3f}",
        f"(*) below {LOSING_SHARE:.0%} of its bound: {_kernels(len(losing))}, {profile.share(lost_secs):.0%} of the time",
        f"ceiling: {profile.roofline.gflops:.0f} GFLOP/s; GB/s read: {', '.join(read[::2])}",
    ]


def _kernels(count: int) -> str:
    return f"{count} kernel{'s' if count != 1 else ''}"


def _size(size_bytes: int) -> str:
    return f"{size_bytes >> 20} MiB" if size_bytes >= 1 << 20 else f"{size_bytes >> 10} KiB"
