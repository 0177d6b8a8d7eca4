"""Times candidates on the devices of a fleet: what `LocalRunner` does here, done there.

In: `Built` and `RunLimits`. Out: `Measurement`, with the name and the state of the device among its facts. Next: `records_db` keeps it.
"""

import tempfile
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from compiler.target import Target
from compiler.workload import Workload
from fleet import Blob, Device, Ending, FleetError, Job, JobResult, describe_host
from fleet.client import FarmClient
from measure.errors import MeasureError
from measure.measurement import Measurement, MeasureStatus, Verification
from measure.paired_comparison import VERDICT_FACT, judge_rounds
from measure.reference import ReferenceCase, make_reference_case
from measure.remote.choose_device import DeviceGroup, choose_group
from measure.remote.job_text import CandidateTimes, JobSettings, arrays_file, candidate_name, job_text, read_times
from measure.remote.job_window import JobWindow
from measure.remote.native_code import NativeTools
from measure.request import Built, RunLimits
from measure.runner import RunnerOptions
from measure.sampling import SamplingOptions
from measure.verify import TOLERANCE

CASES = 4  # reference cases that are kept, with their files
TRIES = 3  # where the fleet, not the candidate, is to blame


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteOptions:
    """key: which devices. devices: how many are used at a time. priority: larger goes before other people's."""

    key: str
    devices: int = 1
    priority: int = 0


@dataclass(frozen=True, slots=True)
class _Case:
    """A reference case and its files."""

    reference: ReferenceCase
    inputs: Blob
    outputs: Blob


class RemoteRunner:
    """A context manager, used by one thread. The client is the caller's.

    `running` is as for the local runner; its memory limit is the device's own business. All times are of devices with one fingerprint,
    which is `device`. Raises `MeasureError` where the fleet cannot do what is asked.
    """

    def __init__(self, client: FarmClient, options: RemoteOptions, running: RunnerOptions, group: DeviceGroup | None = None) -> None:
        self._client = client
        self._options = options
        self._running = running
        self._group = group or find_group(client, options.key)
        self._session = uuid.uuid4().hex[:16]
        self._number = 0
        self._cases: OrderedDict[str, _Case] = OrderedDict()
        self._tools: dict[str, tuple[NativeTools, Blob]] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="tilewright-remote-")
        self._window = JobWindow(client, self._most_jobs())
        self._limits: dict[str, RunLimits] = {}  # by workload, the last that were asked for
        self._under_way: dict[int, tuple[Built, PendingMeasurement]] = {}  # by id of the candidate

    def __enter__(self) -> "RemoteRunner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def device(self) -> Device:
        return self._group.device

    @property
    def group(self) -> DeviceGroup:
        return self._group

    @property
    def slots(self) -> int:
        """How many measurements can be under way at a time."""
        return min(self._options.devices, len(self._group.names))

    def run(self, built: Built, limits: RunLimits) -> Measurement:
        """Of a candidate that is under way already, the limits are those from when it was started: wider ones, as bests only improve."""
        self._limits[built.request.workload.key] = limits
        _, pending = self._under_way.pop(id(built), (built, None))
        return (pending or self._start(built, limits)).result()

    def prefetch(self, built: Built) -> None:
        """Hands the candidate to the fleet and returns at once; `run` has to be called for it later."""
        limits = self._limits.get(built.request.workload.key, RunLimits())
        self._under_way[id(built)] = (built, self._start(built, limits))

    def forget(self, built: Built) -> None:
        """What `prefetch` started is not asked for."""
        _, pending = self._under_way.pop(id(built), (built, None))
        if pending is not None:
            pending.cancel()

    def _start(self, built: Built, limits: RunLimits) -> "PendingMeasurement":
        settings = JobSettings(
            threads=self._threads(built.request.target),
            footprint_bytes=self._running.footprint_bytes,
            sampling=self._running.sampling,
            limits=limits,
        )
        return PendingMeasurement(self, [built], settings)

    def compare(self, candidates: Sequence[Built]) -> list[Measurement]:
        if not candidates:
            return []
        settings = JobSettings(
            threads=self._threads(candidates[0].request.target),
            footprint_bytes=self._running.footprint_bytes,
            sampling=SamplingOptions(sample_secs=self._running.comparison_secs),
            rounds=self._running.comparison_rounds,
        )
        return with_verdicts(PendingMeasurement(self, candidates, settings).results())

    def close(self) -> None:
        """Gives up what is under way."""
        self._window.close()
        self._folder.cleanup()

    def submit(self, candidates: Sequence[Built], settings: JobSettings) -> "Future[JobResult]":
        """One job on one device; raises `ToolchainError` where a candidate cannot be linked."""
        case = self._case(candidates[0].request.workload)
        tools, harness = self._native_tools(candidates[0].request.target)
        libraries = [tools.link(built.artifact.object_code, Path(self._folder.name)) for built in candidates]
        files = {"inputs": case.inputs, "outputs": case.outputs}
        files |= {candidate_name(position): library for position, library in enumerate(libraries)}
        self._number += 1
        job = Job(
            identity=f"{self._session}-{self._number}",
            key=self._options.key,
            program=harness.digest,
            files=tuple((name, blob.digest) for name, blob in files.items()),
            stdin=job_text(settings, case.reference, [built.artifact for built in candidates]),
            candidate=libraries[0].digest,
            fingerprint=self._group.device.fingerprint,
            priority=self._options.priority,
            timeout_secs=self._running.timeout_secs,
        )
        return self._window.submit(job, {blob.digest: blob for blob in (harness, *files.values())})

    @property
    def input_seed(self) -> int:
        return self._running.input_seed

    def _most_jobs(self) -> int:
        """Two for each device, one of which waits there; but jobs of one session are on no more devices than asked for."""
        return 2 * self.slots if self.slots == len(self._group.names) else self.slots

    def _threads(self, target: Target) -> int:
        return self._running.threads or target.cores

    def _case(self, workload: Workload) -> _Case:
        case = self._cases.get(workload.key)
        if case is None:
            reference = make_reference_case(workload, self._running.input_seed)
            case = _Case(reference, Blob.of(arrays_file(reference.inputs)), Blob.of(arrays_file(reference.outputs)))
            self._cases[workload.key] = case
        self._cases.move_to_end(workload.key)
        while len(self._cases) > CASES:
            self._cases.popitem(last=False)
        return case

    def _native_tools(self, target: Target) -> tuple[NativeTools, Blob]:
        """Like this machine are devices that run the same system on the same architecture."""
        if target.triple not in self._tools:
            here, there = dict(describe_host().facts), dict(self._group.device.facts)
            same = all(here.get(name) == there.get(name) for name in ("machine", "os"))
            tools = NativeTools.for_target(target, like_this_machine=same)
            self._tools[target.triple] = (tools, tools.harness())
        return self._tools[target.triple]


class PendingMeasurement:
    """A measurement that is under way. What the fleet fails to do is tried again."""

    def __init__(self, runner: RemoteRunner, candidates: Sequence[Built], settings: JobSettings) -> None:
        self._runner = runner
        self._candidates = candidates
        self._settings = settings
        self._future = runner.submit(candidates, settings)

    def result(self) -> Measurement:
        return self.results()[0]

    def results(self) -> list[Measurement]:
        for _ in range(TRIES):
            result = self._wait()
            match result.ending:
                case Ending.NO_DEVICE:
                    raise MeasureError(result.text)
                case Ending.REFUSED:
                    self._future = self._runner.submit(self._candidates, self._settings)
                case _:
                    return _measurements(self._candidates, result, self._runner.input_seed)
        raise MeasureError(f"the fleet could not measure in {TRIES} tries: {result.text}")

    def cancel(self) -> None:
        self._future.cancel()

    def _wait(self) -> JobResult:
        try:
            return self._future.result()
        except FleetError as error:
            raise MeasureError(str(error)) from error
        except KeyboardInterrupt:
            self._future.cancel()
            raise


def find_group(client: FarmClient, key: str) -> DeviceGroup:
    """Asks the tracker; raises `MeasureError`."""
    try:
        return choose_group(client.devices(), key)
    except FleetError as error:
        raise MeasureError(str(error)) from error


def _measurements(candidates: Sequence[Built], result: JobResult, seed: int) -> list[Measurement]:
    times: Sequence[CandidateTimes | None] = [None] * len(candidates)
    printed = " ".join(result.errors.decode(errors="replace").split())[-500:]
    error = f"{result.text}{': ' if printed else ''}{printed}"
    status = MeasureStatus.CRASH
    match result.ending:
        case Ending.EXITED if result.code == 0:
            try:
                times = read_times(result.output, len(candidates))
            except MeasureError as unreadable:
                error = str(unreadable)
        case Ending.TIMEOUT:
            status, error = MeasureStatus.RUN_TIMEOUT, f"the kernel was {result.text}"
        case Ending.KILLED:
            error = f"the kernel's process was lost: {error}"
        case Ending.EXITED:
            error = f"the kernel could not be run: {error}"
    return [_measurement(built, result, entry, status, error, seed) for built, entry in zip(candidates, times, strict=True)]


def with_verdicts(compared: Sequence[Measurement]) -> list[Measurement]:
    """What a comparison came to, among the facts of those that have times."""
    timed = [measurement for measurement in compared if measurement.run_secs]
    judged = iter(judge_rounds([measurement.run_secs for measurement in timed]) if timed else ())
    result = []
    for measurement in compared:
        if measurement.run_secs:
            each = next(judged)
            facts = (*measurement.facts, (VERDICT_FACT, str(each.verdict)), ("verdict_p", each.p))
            measurement = replace(measurement, run_secs=each.run_secs, facts=facts)
        result.append(measurement)
    return result


def _measurement(
    built: Built, result: JobResult, times: CandidateTimes | None, status: MeasureStatus, error: str, seed: int
) -> Measurement:
    """status, error: where there are no times."""
    facts = (*built.facts, ("device_name", result.device), *sorted(result.health.items()))
    if times is None:
        return Measurement(status=status, error=error, build_secs=built.build_secs, measure_secs=result.secs, facts=facts)
    verdict = None
    if times.max_error is not None:
        passed = times.max_error <= TOLERANCE
        verdict = Verification(passed=passed, tolerance=TOLERANCE, max_error=times.max_error, input_seed=seed)
    wrong = verdict is not None and not verdict.passed
    return Measurement(
        status=MeasureStatus.WRONG_ANSWER if wrong else MeasureStatus.OK,
        run_secs=() if wrong else times.run_secs,
        error=f"largest error {times.max_error or inf:.2g} of the largest output, {TOLERANCE:.0e} is allowed" if wrong else "",
        build_secs=built.build_secs,
        measure_secs=result.secs,
        stopped_early=times.stopped_early,
        verification=verdict,
        facts=facts,
    )
