"""One search on recorded measurements: what it finds after each trial, and what its own thinking costs.

In: a recorded space and a contestant, that is a strategy with a cost model. Out: `Replay`. Next: `run_replays.py`, which runs thousands.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time

import numpy as np
from numpy.typing import NDArray

from measure import Measurement
from schedule_space import Candidate, ScheduleSpace
from tuner import ModelFactory, make_strategy, model_factory

BATCH = 8  # as `tilewright tune` asks for them

Answer = Callable[[Sequence[Candidate]], list[Measurement]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """model: of a strategy that asks one; empty: the strategy's own choice. informed: the model knows the recordings of other networks."""

    strategy: str
    model: str = ""
    informed: bool = False

    def factory(self) -> ModelFactory | None:
        return model_factory(self.model) if self.model else None

    def __str__(self) -> str:
        name = f"{self.strategy}/{self.model}" if self.model else self.strategy
        return f"{name}, informed" if self.informed else name


@dataclass(frozen=True, eq=False)
class Replay:
    """run_secs: of each trial in order, not-a-number where it failed. thinking_secs: processor time of the search over all trials."""

    run_secs: NDArray[np.float64]
    thinking_secs: float


def replay(
    space: ScheduleSpace, answer: Answer, contestant: Contestant, seed: int, trials: int, make_model: ModelFactory | None = None
) -> Replay:
    """A search from nothing. The default is tried alone, as in a session. Depends on the seed and the recording only, but for the time.

    make_model: in place of the model that the contestant names.
    """
    rng = np.random.default_rng([seed, int(space.workload.key[:12], 16)])
    started = process_time()
    strategy = make_strategy(contestant.strategy, space, rng, make_model or contestant.factory())
    thinking_secs = process_time() - started
    secs: list[float] = []
    while len(secs) < trials:
        started = process_time()
        batch = strategy.suggest(min(BATCH, trials - len(secs)) if secs else 1)
        thinking_secs += process_time() - started
        if not batch:
            break
        results = list(zip(batch, answer(batch), strict=True))
        secs += [np.nan if measurement.best_secs is None else measurement.best_secs for _, measurement in results]
        started = process_time()
        strategy.update(results)
        thinking_secs += process_time() - started
    return Replay(np.array(secs), thinking_secs)
