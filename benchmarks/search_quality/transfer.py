"""Leave one network out: how many trials a search needs whose model has seen the recordings of all other networks.

Beside it stand two ceilings: a model that has seen the network's own recordings as well, and a search whose second trial is always right,
since the first is the default's. In: recordings, a contestant. Out: `TransferRun`s, and a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.search_quality.recorded_space import recorded_space
from benchmarks.search_quality.recording import Recording, load_recording
from benchmarks.search_quality.replay import Contestant, replay
from benchmarks.search_quality.scores import NEAR, Curves, advantage, geometric_mean, make_curves
from benchmarks.tables import Cell, table
from tuner import FeatureEncoder, ModelFactory, Prior, TaskTimes, model_factory, train_prior, with_prior

Value = TypeVar("Value")

GOAL_TRANSFER = 3.0
OWN_MODEL = "xgb"
CEILINGS = """Ceilings: had the model seen the recordings of the network left out as well; were the second trial of each search within
reach of the best known, the first being the default's."""


@dataclass(frozen=True, eq=False)
class TransferRun:
    """chosen_ratio: the time of the candidate that the prior thinks fastest, without any trial, over the best known."""

    curves: Curves
    chosen_ratio: float


@dataclass(frozen=True, slots=True)
class TransferJob:
    """paths: of the recordings that the prior learns from, those of the network of `path` among them for a ceiling alone."""

    path: Path
    paths: tuple[Path, ...]
    contestant: Contestant
    seeds: int
    trials: int

    def run(self) -> TransferRun:
        factory = _learnt(self.paths, self.contestant)
        space = recorded_space(load_recording(self.path))
        runs = [replay(space, space.answer, self.contestant, seed, self.trials, factory) for seed in range(self.seeds)]
        best = space.recording.best_secs
        curves = make_curves([run.run_secs for run in runs], self.trials, best, sum(run.thinking_secs for run in runs))
        everything = list(space.all())
        guesses = factory(space, 0).predict(FeatureEncoder(space).encode(everything)).log_secs
        chosen = space.answer([everything[int(np.argmin(guesses))]])[0].best_secs
        return TransferRun(curves, float("inf") if chosen is None else chosen / best)


def transfer_jobs(paths: Sequence[Path], networks: Sequence[str], contestant: Contestant, seeds: int, trials: int) -> list[TransferJob]:
    """One per recording, in their order; the model learns from other networks."""
    jobs = []
    for path, network in zip(paths, networks, strict=True):
        others = tuple(other for other, its in zip(paths, networks, strict=True) if its != network)
        jobs.append(TransferJob(path, others, contestant, seeds, trials))
    return jobs


def ceiling_jobs(paths: Sequence[Path], contestant: Contestant, seeds: int, trials: int) -> list[TransferJob]:
    """One per recording, in their order; the model learns from all of them, the one that is searched among them."""
    return [TransferJob(path, tuple(paths), contestant, seeds, trials) for path in paths]


@lru_cache(2)
def _learnt(paths: tuple[Path, ...], contestant: Contestant) -> ModelFactory:
    return learn_prior([load_recording(path) for path in paths], contestant.factory())


def learn_prior(recordings: Sequence[Recording], own: ModelFactory | None) -> ModelFactory:
    """Models that know the recordings. own: the contestant's model; None: the one that searches use."""
    return with_prior(own or model_factory(OWN_MODEL), recorded_prior(recordings))


def recorded_prior(recordings: Sequence[Recording]) -> Prior:
    """What the recordings teach of other kernels."""
    told = []
    for recording in recordings:
        candidates = [recording.candidate(row) for row in range(len(recording))]
        told.append(TaskTimes.of(recorded_space(recording), candidates, recording.run_secs, recording.provenance.device.model))
    return train_prior([each for each in told if each is not None], "recordings of other networks")


def transfer_section(
    recordings: Sequence[Recording], alone: Sequence[Curves], runs: Sequence[TransferRun], knowing: Sequence[TransferRun], trials: int
) -> str:
    """alone: the same contestant without what the other networks taught. knowing: with what all recordings taught."""
    rows: list[list[Cell | str]] = []
    for network in dict.fromkeys(recording.network for recording in recordings):
        positions = [position for position, recording in enumerate(recordings) if recording.network == network]
        rows.append(_row(network, _at(alone, positions), _at(runs, positions), _at(knowing, positions), trials))
    rows.append(_row("all", alone, runs, knowing, trials))
    header = [
        "network left out", "workloads", "trials alone", "trials with the others", "fewer", "fewer, had it been seen too",
        "fewer, were the second right", "no trial: model's choice / best",
    ]  # fmt: skip
    text = f"Median trials to {NEAR:.0%} of the best known, with records of the other networks:\n\n"
    return text + table(header, rows, f"fewer than {GOAL_TRANSFER:.0f} times fewer trials") + f"\n\n{CEILINGS}"


def _at(values: Sequence[Value], positions: Sequence[int]) -> list[Value]:
    return [values[position] for position in positions]


def _row(name: str, alone: Sequence[Curves], runs: Sequence[TransferRun], knowing: Sequence[TransferRun], trials: int) -> list[Cell | str]:
    learnt = [run.curves for run in runs]
    found = advantage(learnt, alone, NEAR)
    before, after = (sorted(each.median_trials_to() for each in curves)[len(curves) // 2] for curves in (alone, learnt))
    return [
        name,
        str(len(runs)),
        *(f"{count:.0f}" if isfinite(count) else f"> {trials}" for count in (before, after)),
        Cell(f"{found.ratio:.1f}x", found.ratio < GOAL_TRANSFER),
        f"{advantage([run.curves for run in knowing], alone, NEAR).ratio:.1f}x",
        f"{found.bound:.1f}x",
        f"{geometric_mean([run.chosen_ratio for run in runs]):.3f}",
    ]
