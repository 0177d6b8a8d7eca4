# %% [markdown]
# # Tune one convolution
#
# A model is a few dozen kernels, and each of them is tuned in the same way. This notebook follows a single one, a
# depthwise convolution out of MobileNet, through every stage: the **workload** says what is to be computed, its
# **space** holds the ways to compute it, each **candidate** becomes a loop nest and then machine code, **measuring**
# says how fast and whether it is right, a **cost model** learns from that, and **search** decides what to measure next.
# All numbers below are measured on the machine that ran the notebook.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tilewright as tw
from compiler.graph import workload_flops
from compiler.loop_ir import print_func
from compiler.lower import lower
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from measure import Builder, BuildRequest, Built, LocalRunner, RunLimits
from schedule_space import Candidate, space_for
from tilewright.resolve_target import resolve_target
from tuner import Event, TrialDone, XGBoostCostModel, features

# %% tags=["parameters"]
TRIALS = 64
WIDTH = 150  # of printed loop nests

# %% [markdown]
# ## The workload
#
# The target is this machine, on one thread. Activations lie in blocks of as many channels as a vector register has
# lanes (`NCHW16c` with AVX-512); weights stay in the order of the model file, since the kernel's schedule repacks
# constants anyway.

# %%
target = resolve_target("host", threads=1)
lanes = target.vector_lanes
channels, size, kernel, stride = 64, 112, 3, 2
activations = TensorType((1, channels // lanes, size, size, lanes))
weights = TensorType((channels, 1, kernel, kernel))
attributes = {
    "strides": (stride, stride),
    "padding": (kernel // 2,) * 4,
    "dilations": (1, 1),
    "groups": channels,
    "layout": f"NCHW{lanes}c",
    "out_layout": f"NCHW{lanes}c",
}
convolution = GroupOp("conv2d", (("arg", 0), ("arg", 1)), attributes)
workload = Workload((Argument(activations), Argument(weights, constant=True)), (convolution,))
print(target.cpu, f"{target.vector_bits} bits")
print(workload)
print(f"{workload_flops(workload) / 1e6:.0f} million operations")

# %% [markdown]
# What it computes is a tensor expression. Written out with nothing scheduled, it is the loop nest that the interpreter
# runs as the oracle of all tests:

# %%
print("\n".join(line[:WIDTH] for line in print_func(workload.naive).splitlines()))

# %% [markdown]
# ## The space
#
# A space is a set of parameters with a constraint. It knows its size, a default that is good with nothing measured, and
# the neighbours of a candidate.

# %%
space = space_for(workload, target, target.cores)
print(f"{space.size:,} combinations")
for parameter in space.parameters:
    print(f"  {parameter.name:12} {', '.join(map(str, parameter.choices))}")
default = space.default()
print("default:", default.to_json())
print(len(space.neighbours(default)), "neighbours of the default")

# %% [markdown]
# ## A candidate
#
# The decisions of a candidate yield a **schedule**: a list of small steps, plain data. A record in the database holds
# the steps, so it can be replayed when the space has long changed.

# %%
schedule = space.schedule(default)
for kind, *arguments in schedule.to_json()["steps"]:
    print(f"  {kind:14}", *arguments)

# %% [markdown]
# Applied to the naive loop nest, they give the one that becomes machine code: vectors, accumulators, packed weights.

# %%
lowered = lower(workload, schedule, target)
lines = print_func(lowered.main).splitlines()
print("\n".join(line[:WIDTH] for line in lines))

# %% [markdown]
# ## Measuring
#
# A builder compiles in a worker process, a runner times in a killable child: a candidate that crashes or hangs costs
# itself and nothing else. The answer is compared with a reference before a candidate may be called the best.


# %%
def measure(candidates: list[Candidate]) -> list[float]:
    """Seconds per call; not-a-number where there is no time."""
    requests = [BuildRequest(workload=workload, schedule=space.schedule(candidate), target=target) for candidate in candidates]
    seconds = [float("nan")] * len(candidates)
    with Builder() as builder, LocalRunner() as runner:
        for position, built in builder.stream(requests):
            if isinstance(built, Built):
                seconds[position] = runner.run(built, RunLimits()).best_secs or float("nan")
    return seconds


with Builder() as builder, LocalRunner() as runner:
    (built,) = builder.build([BuildRequest(workload=workload, schedule=schedule, target=target)])
    assert isinstance(built, Built), built
    measurement = runner.run(built, RunLimits())
print(measurement.status, [f"{secs * 1e6:.1f} us" for secs in measurement.run_secs])
print(measurement.verification)
assert measurement.best_secs is not None
print(f"{workload_flops(workload) / measurement.best_secs / 1e9:.1f} GFLOP/s without any tuning")

# %% [markdown]
# Candidates that are drawn at random lie far apart:

# %%
drawn = space.sample(np.random.default_rng(0), TRIALS)
drawn_secs = np.array(measure(drawn))
figure, axes = plt.subplots(figsize=(7, 3))
axes.plot(np.sort(drawn_secs * 1e6), ".", label=f"{len(drawn)} drawn at random, sorted")
axes.axhline(measurement.best_secs * 1e6, color="black", linestyle="--", label="default schedule")
axes.set(yscale="log", ylabel="microseconds", xlabel="candidate")
axes.legend()
plt.show()

# %% [markdown]
# ## The cost model
#
# Decisions and a few analytic quantities (registers, footprints, remainders) are the features of a candidate. Gradient-
# boosted trees learn the logarithm of its time. Trained on one half of the draws, they rank the other half:

# %%
rows = features(space, drawn)
half = len(drawn) // 2
model = XGBoostCostModel(seed=0)
model.fit(rows[:half], drawn_secs[:half])
predicted = model.predict(rows[half:]).log_secs
figure, axes = plt.subplots(figsize=(4, 3))
axes.plot(predicted, drawn_secs[half:] * 1e6, ".")
axes.set(xlabel="predicted (log, up to a constant)", ylabel="measured microseconds", yscale="log")
plt.show()
ranks = [values.argsort().argsort().astype(float) for values in (predicted, drawn_secs[half:])]
print(f"{rows.shape[1]} features; rank correlation {np.corrcoef(ranks[0], ranks[1])[0, 1]:.2f}")

# %% [markdown]
# ## The search
#
# `tune` puts it together: batch by batch it proposes, builds, times, stores every trial, and learns. Here are two
# strategies on the same budget, each into a database of its own; a dot is a trial.


# %%
def tune(strategy: str, database: tw.Database) -> list[float]:
    """The time of each trial in microseconds, not-a-number where it failed."""
    times: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, TrialDone):
            times.append((event.measurement.best_secs or float("nan")) * 1e6)

    tw.tune({workload: 1}, target, database=database, trials=TRIALS, tuner=strategy, on_event=listen)
    return times


databases = {strategy: tw.Database("sqlite://") for strategy in ("random", "xgb")}
figure, axes = plt.subplots(figsize=(7, 3))
for strategy, database in databases.items():
    times = tune(strategy, database)
    best_so_far = np.fmin.accumulate(times)
    (line,) = axes.step(range(1, len(times) + 1), best_so_far, where="post", label=f"{strategy}, best so far")
    axes.plot(range(1, len(times) + 1), times, ".", color=line.get_color(), alpha=0.5)
    rate = workload_flops(workload) / best_so_far[-1] / 1e3
    print(f"{strategy:6} {best_so_far[-1]:.1f} us, {rate:.1f} GFLOP/s after {len(times)} trials")
axes.set(xlabel="trials", ylabel="microseconds", yscale="log")
axes.legend()
plt.show()

# %% [markdown]
# ## What is kept
#
# Every trial is a record. Compilation asks the database for the best one of a workload, on this device, whose answer
# was verified:

# %%
with LocalRunner() as runner:
    device = runner.device
best_record = databases["xgb"].best_record(workload, target, device)
assert best_record is not None
print(device)
print(best_record, f"{best_record.cost_secs * 1e6:.1f} us")
print(best_record.record.decisions)
for database in databases.values():
    print({str(status): count for status, count in database.status_counts().items()})
    database.close()
