"""By how much Tilewright is to lead over other libraries on whole networks, batch 1, and whether it does. Next: `model_tables.py`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp, log

from tilewright.interleave import Timing

OURS = "tilewright"
FIRST_FOUR = ("onnxruntime", "openvino", "torch", "mxnet")
ALL_SIX = (*FIRST_FOUR, "ncnn", "mnn")
MEAN_PEER, GOAL_MEAN = "mxnet", 1.6  # the geometric mean of all networks and numbers of threads against one library


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The fastest of `peers` is to take at least so many times our time. otherwise: on networks without a ratio of their own."""

    title: str
    peers: tuple[str, ...]
    ratios: Mapping[str, float]
    otherwise: float | None = None

    def ratio(self, network: str) -> float | None:
        """None where nothing is asked for."""
        return self.ratios.get(network, self.otherwise)


TUNED_GOALS = (
    Goal(title="best of the first four", peers=FIRST_FOUR, ratios={"resnet18": 1.9, "vgg16": 2.0, "resnet50": 1.25}),
    Goal(
        title="best of all",
        peers=ALL_SIX,
        ratios={
            "resnet18": 1.4,
            "vgg16": 1.4,
            "resnet50": 1.15,
            "mobilenet_v1": 1.05,
            "mobilenet_v2": 1.05,
            "squeezenet": 1.1,
            "densenet121": 1.1,
            "inception_v1": 1.1,
        },
    ),
)
UNTUNED_GOALS = (Goal(title="onnxruntime", peers=("onnxruntime",), ratios={"resnet18": 1.3, "vgg16": 1.3}, otherwise=0.9),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one network stands to a goal. best: the fastest of the goal's peers. asked: None where no ratio is asked for."""

    title: str
    best: str
    best_secs: float
    ratio: float
    asked: float | None

    @property
    def lost(self) -> bool:
        """Behind the goal; without one, behind the library."""
        return self.ratio < (1.0 if self.asked is None else self.asked)


def standing(goal: Goal, network: str, timings: Mapping[str, Timing], batch: int = 1) -> Standing | None:
    """By minimum times; goals are for batch 1. None where none of the goal's peers ran."""
    secs = {name: timings[name].minimum for name in goal.peers if name in timings}
    if not secs:
        return None
    best = min(secs, key=secs.__getitem__)
    asked = goal.ratio(network) if batch == 1 else None
    return Standing(title=goal.title, best=best, best_secs=secs[best], ratio=secs[best] / timings[OURS].minimum, asked=asked)


def geometric_mean(ratios: Iterable[float]) -> float:
    """Of at least one positive number."""
    logs = [log(ratio) for ratio in ratios]
    return exp(sum(logs) / len(logs))
