"""Single operators against other libraries: sections and goals on invented times, every library's numbers on small operators."""

import argparse
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.kernel_workloads import Convolution, Kernel, MatrixProduct
from benchmarks.network_builder import NetworkBuilder
from benchmarks.operator_case import make_case, smallest_case
from benchmarks.operator_peers import OPERATOR_PEERS, OperatorPeer, load_operator_peer
from benchmarks.past_vendors import QUICK, asked_kernels, fastest_own, form_name, measure_operator, operator_tasks
from benchmarks.vendor_rows import VendorRow, quota_cells, vendor_tables
from benchmarks.vendor_sections import SECTIONS, VENDORS, sizes_divide
from compiler.target import Target
from measure import CeilingLoops, LocalRunner
from records_db import Database
from tilewright.peers import MissingPeer, load_peer

TARGET = replace(Target.parse("host"), cores=1)
SMALL: tuple[Kernel, ...] = (
    Convolution(16, 32, 9, 3),
    Convolution(32, 16, 10, 3, stride=2),
    Convolution(16, 32, 7, 1),
    Convolution(32, 32, 8, 3, 2, 32),
    MatrixProduct(5, 24, 16),
    MatrixProduct(1, 24, 10, transpose=True),
)


@pytest.fixture(params=sorted(OPERATOR_PEERS))
def peer(request: pytest.FixtureRequest) -> OperatorPeer:
    try:
        return load_operator_peer(request.param)
    except MissingPeer as missing:
        pytest.skip(str(missing))


def rows_of(section: str, secs: dict[str, list[float]]) -> list[VendorRow]:
    """One for each kernel of the section; times in multiples of ours."""
    kernels = SECTIONS[section].kernels
    return [
        VendorRow(
            section=section,
            name=kernel.name,
            gflop=0.1,
            secs={"tilewright": 1e-3, **{name: 1e-3 * values[position] for name, values in secs.items()}},
            call_secs={},
            errors={"tilewright": 1e-6, **dict.fromkeys(secs, 1e-7)},
            form="direct",
            ceiling_gflops=120.0,
            asked_share=None,
            trials=8,
        )
        for position, kernel in enumerate(kernels)
    ]


def test_sections_hold_the_shapes_that_are_asked_for() -> None:
    assert {name: len(section.kernels) for name, section in SECTIONS.items()} == {
        "3x3": 9,
        "1x1": 24,
        "matmul": 11,
        "depthwise": 18,
        "3x3 /2": 3,
    }
    names = [kernel.name for section in SECTIONS.values() for kernel in section.kernels]
    assert len(set(names)) == len(names)
    assert [kernel.name for kernel in SECTIONS["3x3 /2"].kernels] == [
        "64->128 56x56 3x3 /2",
        "128->256 28x28 3x3 /2",
        "256->512 14x14 3x3 /2",
    ]
    assert SECTIONS["3x3"].kernels[3].name == "512->512 7x7 3x3"
    assert SECTIONS["3x3"].floor(VENDORS) == 1.7


def test_sizes_that_divide() -> None:
    assert sizes_divide(Convolution(64, 256, 56, 1), 16)
    assert not sizes_divide(Convolution(512, 2048, 7, 1), 16)
    assert not sizes_divide(Convolution(256, 512, 56, 1, 2), 16)
    assert sizes_divide(MatrixProduct(196, 1024, 256), 16)
    assert not sizes_divide(MatrixProduct(1, 2048, 1000), 16)


def test_goals_count_kernels() -> None:
    torch = [3.0] * 5 + [2.3] * 3 + [1.6]
    rows = rows_of("3x3", {"torch": torch, "onnxruntime": [9.0] * 9, "ncnn": [1.4] * 4 + [1.2] * 5})
    cells = [[str(cell) for cell in line] for line in quota_cells(SECTIONS["3x3"], rows)]
    assert [line[2:] for line in cells] == [
        ["2.80x", "5", "5 of 9"],
        ["2.20x", "8", "8 of 9"],
        ["1.70x", "all", "8 of 9 (*)"],
        ["1.30x", "5", "4 of 9 (*)"],
        ["1.15x", "8", "9 of 9"],
    ]
    assert cells[0][1] == "the better of torch, onnxruntime"
    assert quota_cells(SECTIONS["3x3"], rows[1:]) == []
    assert len(quota_cells(SECTIONS["3x3"], rows_of("3x3", {"ncnn": [1.4] * 9}))) == 2


def test_cells_below_the_floor_are_marked() -> None:
    row = rows_of("3x3", {"torch": [1.6] * 9, "onnxruntime": [2.0] * 9, "ncnn": [1.2] * 9})[0]
    texts = [str(cell) for cell in row.cells(["torch", "onnxruntime", "ncnn"])]
    assert texts[1:5] == ["1.00", "100", "83%", "direct"]
    assert texts[5:] == ["1.60 = 1.60x", "2.00 = 2.00x", "1.20 = 1.20x", "1.60x (*)", "1.20x", "1e-06", "1e-07", "8"]
    asked = replace(row, asked_share=0.95, errors={"tilewright": 1e-3})
    assert [str(cell) for cell in asked.cells([])] == [row.name, "1.00", "100", "83% (*)", "direct", "1e-03 (*)", "-", "8"]
    assert "short of the goal" not in "\n".join(vendor_tables([row], ["torch", "onnxruntime", "ncnn"]))


def test_kernels_and_sections_can_be_asked_for() -> None:
    def names(text: str | None, quick: bool = False) -> list[str]:
        return [kernel.name for _, kernel in asked_kernels(argparse.Namespace(kernels=text, quick=quick))]

    assert len(names(None)) == 65
    assert names(None, quick=True) == list(QUICK)
    assert names("512->512 7x7 3x3,3x3 /2")[:2] == ["512->512 7x7 3x3", "64->128 56x56 3x3 /2"]
    with pytest.raises(SystemExit, match="unknown name '5x5'; known: 3x3, 1x1, matmul, depthwise, 3x3 /2, 64->64 56x56 3x3"):
        names("5x5")


@pytest.mark.parametrize("kernel", SMALL, ids=lambda kernel: kernel.name)
def test_the_reference_is_what_onnxruntime_computes(kernel: Kernel) -> None:
    case = make_case(kernel)
    (output,) = load_peer("onnxruntime").prepare(case.model(), 1).run({"data": case.data})
    reference = case.reference()
    assert reference.dtype == np.float64
    assert output.shape == reference.shape
    assert case.error(output, reference) < 1e-5


@pytest.mark.parametrize("kernel", SMALL, ids=lambda kernel: kernel.name)
def test_libraries_compute_the_operator(kernel: Kernel, peer: OperatorPeer) -> None:
    case = make_case(kernel)
    prepared = peer.prepare(case)
    assert case.error(prepared.run(), case.reference()) < 1e-5
    assert prepared.time(2) > 0
    assert peer.prepare(smallest_case(kernel)).time(2) > 0


@pytest.mark.parametrize("kernel", SMALL, ids=lambda kernel: kernel.name)
def test_an_operator_of_ours_beside_onnxruntime(kernel: Kernel) -> None:
    case, loops = make_case(kernel), CeilingLoops(TARGET)
    with Database("sqlite://") as database, LocalRunner() as runner:
        own = fastest_own(case, operator_tasks(kernel, TARGET)[:1], database, runner)
    peers = {"onnxruntime": load_operator_peer("onnxruntime")}
    row = measure_operator(SECTIONS["3x3"], case, own, peers, loops, TARGET, rounds=1, statistic="median")
    assert (own.form, own.trials) == ("direct, untuned", 0)
    assert max(row.errors.values()) < 1e-5
    assert min(*row.secs.values(), row.ceiling_gflops) > 0
    assert row.to_json()["share"] > 0


def test_forms_have_names() -> None:
    names = [form_name(task.workload) for task in operator_tasks(Convolution(64, 64, 56, 3), TARGET)]
    assert names[0] == "direct"
    assert all(name.startswith("F(") and name.endswith(",3x3)") for name in names[1:])


def test_missing_libraries_say_how_to_get_them() -> None:
    with pytest.raises(KeyError, match="unknown library 'mkl'; known: torch, onnxruntime, ncnn"):
        load_operator_peer("mkl")


def test_batches_have_the_same_weights() -> None:
    nets = []
    for batch in (1, 8):
        net = NetworkBuilder("net", seed=0)
        x = net.average_pool(net.local_response_norm(net.conv(net.input((batch, 3, 8, 8)), 4, 3)), 2, 2)
        assert net.shapes[x] == (batch, 4, 4, 4)
        nets.append(net.finish(x))
    assert nets[0].graph.initializer == nets[1].graph.initializer
