"""How much memory the kernels of a model take their weights from while they are timed, and which inputs are as cold."""

from dataclasses import replace
from pathlib import Path

import pytest
from onnx import TensorProto, helper

import tilewright as tw
from compiler.graph import workload_variants
from compiler.target import Target
from tests.tilewright.models import save_classifier, save_model, value
from tilewright.tune_model import MAX_FOOTPRINT, _footprint_bytes, _input_arguments

MIB = 1 << 20


@pytest.mark.parametrize(
    ("weights_mib", "cache_mib", "here", "copies"),
    [
        (0, 32, 0, 0),
        (8, 32, 8, 8),
        (9, 32, 256, 9),
        (32, 32, 256, 32),
        (33, 32, 256, 33),
        (109, 32, 256, 64),
        (500, 32, 256, 64),
        (500, 256, MAX_FOOTPRINT // MIB, 500),
        (5, 0, 0, 0),
    ],
)
def test_weights_that_the_last_level_cache_does_not_keep_come_from_memory(weights_mib: int, cache_mib: int, here: int, copies: int) -> None:
    """copies: on a board, which has no memory to spare."""
    target = replace(Target.parse("host"), l3_bytes=cache_mib * MIB)
    assert _footprint_bytes(weights_mib * MIB, target, is_here=True) == here * MIB
    assert _footprint_bytes(weights_mib * MIB, target, is_here=False) == copies * MIB


def cold_arguments(path: Path) -> dict[str, tuple[int, ...]]:
    """Of the forms that have any: the anchor's operator, and the positions."""
    model, target = tw.load(path), Target.parse("host")
    found = _input_arguments(model.groups(target), model.inputs, target)
    for workload in model.workloads(target):
        assert len({form in found for form in workload_variants(workload, target)}) == 1
    return {workload.ops[workload.anchor].op: positions for workload, positions in found.items()}


def test_the_first_kernel_finds_its_input_cold(tmp_path: Path) -> None:
    assert cold_arguments(save_classifier(tmp_path / "classifier.onnx")) == {"conv2d": (0,)}


def test_what_another_call_reads_warm_is_no_cold_input(tmp_path: Path) -> None:
    nodes = [helper.make_node("Softmax", ["x"], ["half"], axis=1), helper.make_node("Softmax", ["half"], ["y"], axis=1)]
    assert cold_arguments(save_model(tmp_path / "twice.onnx", nodes, [value("x", (3, 40))], "y")) == {}


def test_indices_are_no_cold_inputs(tmp_path: Path) -> None:
    nodes = [helper.make_node("Gather", ["x", "rows"], ["y"])]
    inputs = [value("x", (50, 8)), value("rows", (7,), TensorProto.INT64)]
    assert cold_arguments(save_model(tmp_path / "gather.onnx", nodes, inputs, "y")) == {"gather": (0,)}
