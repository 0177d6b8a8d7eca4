# %% [markdown]
# # The cost model
#
# Measuring a candidate takes some fifty milliseconds, a prediction some microseconds. So a search asks a **cost model**
# which candidates deserve to be measured, and the model learns from those that were. This notebook opens it up on
# recorded data: spaces of which hundreds of candidates were timed once (`python -m benchmarks.record_search_data`), so
# that every guess can be set beside the truth. Nothing is compiled or timed here.

# %%
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

import tilewright as tw

sys.path.insert(0, str(Path(tw.__file__).parent.parent))  # the benchmarks are no installed package

from benchmarks.search_quality import DATA_FOLDER, Origin, RecordedSpace, load_recordings, recorded_space
from benchmarks.search_quality.replay import Contestant, replay
from tuner import DEFAULT_STRATEGY, features, model_factory

# %% tags=["parameters"]
TRIALS = 64  # that the model learns from
KERNEL = "resnet18 conv 64-64 56 3x3"

# %% [markdown]
# ## What was recorded
#
# One kernel out of ResNet-18. Candidates come from three places: a sample that is uniform over the space, searches, and
# all neighbours of the fastest. The sample shows what the space is like; most of it is slow.

# %%
Vector = NDArray[np.float64]

recordings = load_recordings(DATA_FOLDER)
recording = next((each for each in recordings if each.name == KERNEL), recordings[0])
space = recorded_space(recording)
print(f"{recording.name}: {len(recording)} candidates of {space.size:,} points, on {recording.provenance.device}")
print(f"best {recording.best_secs * 1e6:.1f} us, default {recording.default_secs / recording.best_secs:.2f} times that")
for parameter in recording.parameters:
    print(f"  {parameter.name:10} {', '.join(map(str, parameter.choices))}")

# %%
origins = np.array(recording.origins)
ratios = recording.run_secs / recording.best_secs
figure, axes = plt.subplots(figsize=(7, 3))
for origin in Origin:
    of_origin = np.sort(ratios[(origins == origin) & np.isfinite(ratios)])
    axes.plot(np.linspace(0, 1, len(of_origin)), of_origin, label=f"{origin}, {len(of_origin)}")
axes.set(yscale="log", xlabel="share of the candidates", ylabel="time / best time")
axes.legend()
plt.show()

# %% [markdown]
# ## Features
#
# The model sees a row of numbers per candidate: its decisions (sizes as logarithms, words as one column per choice) and
# quantities that follow from them by arithmetic alone, such as registers, loads and scratch memory. Nothing is lowered
# for that, so a whole batch takes microseconds per candidate. Here is what the space says of the default, of the best,
# and of one that took long:

# %%
timed = np.flatnonzero(np.isfinite(recording.run_secs))
candidates = [recording.candidate(int(row)) for row in timed]
secs = recording.run_secs[timed]
rows = features(space, candidates)
slow = int(np.argsort(secs)[int(0.9 * len(secs))])
shown = {"default": space.default(), "best": candidates[int(secs.argmin())], "slow": candidates[slow]}
told = {name: space.describe(candidate) for name, candidate in shown.items()}
print(f"{'':22}" + "".join(f"{name:>14}" for name in shown))
for quantity in told["default"]:
    print(f"{quantity:22}" + "".join(f"{told[name][quantity]:14.4g}" for name in shown))
for parameter in recording.parameters:
    print(f"{parameter.name:22}" + "".join(f"{candidate[parameter.name]!s:>14}" for candidate in shown.values()))
print(f"{rows.shape[1]} features")


# %% [markdown]
# ## Predicted and measured
#
# Gradient-boosted trees learn the logarithm of the time, from `TRIALS` candidates of the uniform sample. Then they are
# asked about all the others. A model is good for search if it *ranks* well, so the rank correlation counts.


# %%
def ranks(values: Vector) -> Vector:
    return values.argsort(kind="stable").argsort(kind="stable").astype(np.float64)


def rank_correlation(first: Vector, second: Vector) -> float:
    return float(np.corrcoef(ranks(first), ranks(second))[0, 1])


rng = np.random.default_rng(0)
sampled = np.flatnonzero(origins[timed] == Origin.SAMPLE)
learnt = rng.permutation(sampled)[:TRIALS]
others = np.setdiff1d(np.arange(len(timed)), learnt)
model = model_factory("xgb")(space, 0)
model.fit(rows[learnt], secs[learnt])
predicted = model.predict(rows).log_secs
predicted = predicted + np.median(np.log(secs[learnt]) - predicted[learnt])  # a model predicts up to a constant
figure, axes = plt.subplots(figsize=(5, 4))
for origin in Origin:
    chosen = others[origins[timed][others] == origin]
    axes.loglog(secs[chosen] * 1e6, np.exp(predicted[chosen]) * 1e6, ".", markersize=4, label=origin)
ends = [secs.min() * 1e6, secs.max() * 1e6]
axes.plot(ends, ends, color="gray", linewidth=1)
axes.set(xlabel="measured us", ylabel="predicted us")
axes.legend()
plt.show()
print(f"learnt from {len(learnt)}: rank correlation on the other {len(others)}: {rank_correlation(predicted[others], secs[others]):.2f}")
near = others[secs[others] < 1.5 * recording.best_secs]
print(f"among the {len(near)} of them within 1.5 times the best: {rank_correlation(predicted[near], secs[near]):.2f}")


# %% [markdown]
# Far from the best, ranking is easy. Among fast candidates the differences are as small as the model's errors: that is
# where a search has to measure.
#
# ## Which decisions matter
#
# Shuffle one decision among the candidates, together with all that follows from it, and see how much worse the model
# ranks them: what it relies on hurts.


# %%
def shuffled(name: str) -> Vector:
    """Predictions for the candidates with one decision taken from others, as far as these are near recorded ones."""
    donors = rng.permutation(len(candidates))
    changed = [{**dict(candidate.decisions), name: candidates[donor][name]} for candidate, donor in zip(candidates, donors, strict=True)]
    swapped = [
        space.candidate(decisions) if space.is_valid(decisions) else candidate
        for decisions, candidate in zip(changed, candidates, strict=True)
    ]
    return model.predict(features(space, swapped)).log_secs


before = rank_correlation(predicted, secs)
losses = {parameter.name: before - rank_correlation(shuffled(parameter.name), secs) for parameter in recording.parameters}
names = sorted(losses, key=lambda name: losses[name])
figure, axes = plt.subplots(figsize=(6, 0.3 * len(names) + 1))
axes.barh(names, [losses[name] for name in names])
axes.set(xlabel="rank correlation lost when the decision is shuffled")
plt.show()

# %% [markdown]
# ## What its mistakes look like
#
# On the left the errors of all predictions. On the right the candidates that the model likes best, beside their true
# times. Trees average over what they have seen, so their predictions shrink towards the middle, and the order is what
# can be used. The favourites that turn out slow are where the model is wrong in an interesting way: measuring them is
# how it finds out.

# %%
errors = predicted - np.log(secs)
favourites = others[np.argsort(predicted[others])[:20]]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
left.hist(errors[others], bins=40)
left.set(xlabel="log(predicted / measured)", ylabel="candidates")
right.plot(np.exp(predicted[favourites]) * 1e6, "o", label="predicted")
right.plot(secs[favourites] * 1e6, "x", label="measured")
right.axhline(recording.best_secs * 1e6, color="gray", linewidth=1, label="best known")
right.set(xlabel="the model's favourites", ylabel="us")
right.legend()
plt.show()
print(f"a typical error is a factor of {np.exp(np.median(np.abs(errors[others]))):.2f}")
print(f"of the model's 20 favourites, {np.mean(errors[favourites] < 0):.0%} are slower than predicted")
for worst in others[np.argsort(-np.abs(errors[others]))[:3]]:
    print(f"{np.exp(predicted[worst]) * 1e6:8.1f} us predicted, {secs[worst] * 1e6:8.1f} measured: {candidates[worst].to_json()}")

# %% [markdown]
# Some mistakes have a reason that no feature tells: code whose registers do not suffice keeps values in memory, which
# only the compiler finds out. The recording knows how many were spilled.

# %%
spills = recording.spills[timed]
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(spills[others], np.exp(errors[others]), ".", markersize=4)
axes.set(xscale="symlog", yscale="log", xlabel="spilled registers in the innermost loops", ylabel="predicted / measured")
plt.show()


# %% [markdown]
# ## How many trials it needs
#
# Learn from 4, 8, 16, ... candidates of the uniform sample, let the model choose among all others, and see how far its
# choice is from the best. The thin lines are the recorded kernels, the thick one their median.


# %%
def regret(where: RecordedSpace, count: int, seed: int) -> float:
    """The time of the model's choice over the best time, after learning from so many candidates."""
    known = np.flatnonzero(np.isfinite(where.recording.run_secs))
    times = where.recording.run_secs[known]
    encoded = features(where, [where.recording.candidate(int(row)) for row in known])
    uniform = np.flatnonzero(np.array([where.recording.origins[row] is Origin.SAMPLE for row in known]))
    taken = np.random.default_rng(seed).permutation(uniform)[:count]
    learner = model_factory("xgb")(where, seed)
    learner.fit(encoded[taken], times[taken])
    choice = int(learner.predict(encoded).log_secs.argmin())
    return float(min(times[choice], times[taken].min()) / times.min())


counts = [count for count in (4, 8, 16, 32, 64, 128) if count <= 2 * TRIALS]
spaces = [recorded_space(each) for each in recordings[:: max(1, len(recordings) // 8)]]
curves = np.array([[np.median([regret(each, count, seed) for seed in range(3)]) for count in counts] for each in spaces])
figure, axes = plt.subplots(figsize=(6, 3.5))
axes.plot(counts, curves.T, color="gray", linewidth=0.7)
axes.plot(counts, np.median(curves, axis=0), color="black", linewidth=2)
axes.set(xscale="log", xlabel="candidates learnt from", ylabel="time of the choice / best time")
axes.set_xticks(counts, [str(count) for count in counts])
plt.show()

# %% [markdown]
# ## In the search
#
# A search does better than that, because it learns from what it chose. The same kernel, replayed from the recording with
# ten seeds: the median best so far, and the middle half of the seeds.

# %%
figure, axes = plt.subplots(figsize=(7, 3.5))
for strategy in ("random", DEFAULT_STRATEGY):
    runs = [replay(space, space.answer, Contestant(strategy), seed, TRIALS).run_secs for seed in range(10)]
    speeds = recording.best_secs / np.fmin.accumulate(np.array(runs), axis=1)
    low, middle, high = np.nanquantile(speeds, (0.25, 0.5, 0.75), axis=0)
    (line,) = axes.step(np.arange(1, TRIALS + 1), middle, where="post", label=strategy)
    axes.fill_between(np.arange(1, TRIALS + 1), low, high, step="post", alpha=0.2, color=line.get_color())
    print(f"{strategy:10} reaches {middle[-1]:.1%} of the best known speed after {TRIALS} trials")
axes.set(xlabel="trials", ylabel="speed, of the best known")
axes.legend()
plt.show()
