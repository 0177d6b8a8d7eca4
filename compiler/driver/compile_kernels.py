"""Compiles many kernels: from the cache, and what is not there in child processes at once (`compile_worker.py`). Next: `compile_model.py`.

Child processes, not threads, because building LLVM IR holds the interpreter's lock; and not `multiprocessing`, which would run the user's
main module again.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import LifoQueue
from typing import IO, Any

from compiler import errors
from compiler.codegen import Artifact
from compiler.driver.compile_kernel import compile_kernel
from compiler.driver.compile_worker import receive, send
from compiler.driver.object_cache import ObjectCache, kernel_key
from compiler.errors import CodegenError, TilewrightError
from compiler.runtime import child_environment
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload

MESSAGE_WORDS = 40
WORTH_A_WORKER = 6  # kernels; a worker needs as long to import as a few kernels take to compile


@dataclass(frozen=True, slots=True)
class KernelRequest:
    workload: Workload
    schedule: Schedule


def compile_kernels(
    requests: Sequence[KernelRequest], target: Target, cache: ObjectCache | None, workers: int
) -> list[Artifact | TilewrightError]:
    """One result per request, in order: the artifact, or why there is none (the schedule does not fit, or LLVM gave up).

    workers: child processes at most; 1 compiles in this process.
    """
    results: list[Artifact | TilewrightError | None] = [None] * len(requests)
    missing: list[int] = []
    for position, request in enumerate(requests):
        found = cache.get(kernel_key(request.workload, request.schedule, target)) if cache else None
        results[position] = found
        if found is None:
            missing.append(position)
    workers = min(workers, len(missing) // WORTH_A_WORKER)
    todo = [requests[position] for position in missing]
    compiled = _compile_in_workers(todo, target, cache, workers) if workers > 1 else [_compile_here(item, target, cache) for item in todo]
    for position, result in zip(missing, compiled, strict=True):
        results[position] = result
    return [result for result in results if result is not None]


def _compile_here(request: KernelRequest, target: Target, cache: ObjectCache | None) -> Artifact | TilewrightError:
    try:
        return compile_kernel(request.workload, request.schedule, target, cache)
    except TilewrightError as error:
        return error


def _compile_in_workers(
    requests: Sequence[KernelRequest], target: Target, cache: ObjectCache | None, workers: int
) -> list[Artifact | TilewrightError]:
    idle: LifoQueue[_Worker] = LifoQueue()
    started = [_Worker() for _ in range(workers)]
    for worker in started:
        idle.put(worker)

    def compile_one(request: KernelRequest) -> Artifact | TilewrightError:
        worker = idle.get()
        try:
            result = worker.compile(request, target)
        finally:
            idle.put(worker)
        if cache and isinstance(result, Artifact):
            cache.put(kernel_key(request.workload, request.schedule, target), result)
        return result

    try:
        with ThreadPoolExecutor(workers) as threads:
            return list(threads.map(compile_one, requests))
    finally:
        for worker in started:
            worker.close()


class _Worker:
    """A child process, started anew after a kernel that kills it."""

    def __init__(self) -> None:
        self._process, self._errors = self._start()

    @staticmethod
    def _start() -> "tuple[subprocess.Popen[bytes], IO[bytes]]":
        words = [sys.executable, "-P", "-m", "compiler.driver.compile_worker"]
        messages = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        pipe = subprocess.PIPE
        return subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=messages, env=child_environment(sys.path)), messages

    def compile(self, request: KernelRequest, target: Target) -> Artifact | TilewrightError:
        header = {"workload": request.workload.to_json(), "schedule": request.schedule.to_json(), "target": str(target)}
        reply = self._ask(header)
        if reply is None:
            code = self._process.wait()
            self._errors.seek(0)
            words = self._errors.read().decode(errors="replace").split()[-MESSAGE_WORDS:]
            self.close()
            self._process, self._errors = self._start()
            return CodegenError(f"the compiler died with exit code {code} on {request.workload}: {' '.join(words) or 'no message'}")
        answer, body = reply
        if "error" in answer:
            kind = getattr(errors, answer["error"], CodegenError)
            return kind(answer["text"]) if issubclass(kind, TilewrightError) else CodegenError(answer["text"])
        return Artifact.from_bytes(body)

    def _ask(self, header: dict[str, Any]) -> tuple[dict[str, Any], bytes] | None:
        """None if the process dies over it."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise ValueError("a worker is started with pipes")
        try:
            send(stdin, header)
        except BrokenPipeError:
            return None
        return receive(stdout)

    def close(self) -> None:
        """Ends the process, which is idle or dead."""
        with self._errors, suppress(BrokenPipeError), self._process:
            pass
