"""The goals of whole networks: which library counts, what is marked, which tables there are."""

import pytest

from benchmarks.model_goals import ALL_SIX, FIRST_FOUR, TUNED_GOALS, UNTUNED_GOALS, geometric_mean, standing
from benchmarks.model_tables import ModelRow, error_table, goal_table, mean_table, model_tables
from benchmarks.networks import NETWORKS
from tilewright.interleave import Timing

SECS = {"tilewright": 0.010, "onnxruntime": 0.020, "openvino": 0.021, "torch": 0.030, "mxnet": 0.019, "ncnn": 0.013, "mnn": 0.016}


def row(network: str = "resnet18", threads: int = 1, batch: int = 1, **changed: float | None) -> ModelRow:
    """None: the library did not run."""
    secs = {name: value for name, value in {**SECS, **changed}.items() if value is not None}
    timings = {name: Timing((value,)) for name, value in secs.items()}
    return ModelRow(network=network, threads=threads, batch=batch, timings=timings, errors=dict.fromkeys(timings, 1e-6))


def test_the_fastest_of_the_right_libraries_counts() -> None:
    first, everything = TUNED_GOALS
    assert (first.peers, everything.peers) == (FIRST_FOUR, ALL_SIX)
    four = standing(first, "resnet18", row().timings)
    six = standing(everything, "resnet18", row().timings)
    assert four is not None
    assert six is not None
    assert (four.best, four.asked, four.lost) == ("mxnet", 1.9, False)
    assert (six.best, six.asked, six.lost) == ("ncnn", 1.4, True)
    assert six.ratio == pytest.approx(1.3)
    assert standing(first, "resnet18", {"tilewright": Timing((0.01,))}) is None


def test_goals_are_for_one_image_and_without_one_parity_is_asked() -> None:
    batched = standing(TUNED_GOALS[0], "resnet18", row(mxnet=0.011).timings, batch=8)
    slower = standing(TUNED_GOALS[0], "squeezenet", row(mxnet=0.009).timings)
    assert batched is not None
    assert slower is not None
    assert (batched.asked, batched.lost) == (None, False)
    assert (slower.asked, slower.lost) == (None, True)


def test_every_network_has_a_goal_tuned_and_untuned() -> None:
    assert all(TUNED_GOALS[1].ratio(network) for network in NETWORKS)
    (untuned,) = UNTUNED_GOALS
    assert [untuned.ratio(network) for network in ("resnet18", "vgg16", "mobilenet_v1")] == [1.3, 1.3, 0.9]


def test_cells_short_of_their_goal_are_marked() -> None:
    lines = goal_table([row(), row("squeezenet", ncnn=None, mnn=None, mxnet=0.012)], TUNED_GOALS).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:4]]
    assert cells[0] == ["ms, 1 thread", "tilewright", "best of the first four", "ratio", "goal", "best of all", "ratio", "goal"]
    assert cells[2] == ["resnet18", "10.0", "19.0 mxnet", "1.90x", "1.90x", "13.0 ncnn", "1.30x (*)", "1.40x"]
    assert cells[3] == ["squeezenet", "10.0", "12.0 mxnet", "1.20x", "-", "12.0 mxnet", "1.20x", "1.10x"]
    assert lines[-1].endswith("1 cell")


def test_the_mean_is_geometric_and_has_a_goal() -> None:
    assert geometric_mean([1.0, 4.0]) == pytest.approx(2.0)
    text = mean_table([row(mxnet=0.010), row(mxnet=0.020)])
    assert text is not None
    assert "1.41x (*)" in text
    assert mean_table([row(mxnet=None)]) is None


def test_errors_are_listed_for_every_library() -> None:
    line = error_table([row(mnn=None)], ALL_SIX).splitlines()[2]
    assert [cell.strip() for cell in line.strip("|").split("|")] == ["resnet18", "1", *["1e-06"] * 6, "-"]


def test_tables_of_a_batch_say_so() -> None:
    tables = model_tables([row(threads=1, batch=8), row(threads=2, batch=8)], ALL_SIX, TUNED_GOALS)
    heads = [text.split("|")[1].strip() for text in tables]
    assert heads == [
        *["ms, 1 thread, batch 8"] * 2,
        *["ms, 2 threads, batch 8"] * 2,
        "over all",
        "largest error",
        "1 -> 2 threads",
    ]
    stands = row(batch=8).to_json(TUNED_GOALS)["goals"]
    assert [(each["best"], each["asked"], each["lost"]) for each in stands] == [("mxnet", None, False), ("ncnn", None, False)]
