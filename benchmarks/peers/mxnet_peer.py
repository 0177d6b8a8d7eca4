"""MXNet 1.9.1 with oneDNN, in a process of its own, since it needs an older numpy than everything else here.

    python3.11 -m venv mxnet-venv
    mxnet-venv/bin/pip install mxnet==1.9.1 'numpy<1.24'
    python -m benchmarks.models --mxnet-python mxnet-venv/bin/python

The network goes there as JSON and .npz files, and `mxnet_worker.py` answers requests, one JSON line each; times are taken inside.
"""

import json
import os
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from tilewright.peers import Arrays, MissingPeer, Prepared, plain_graph

WORKER = Path(__file__).with_name("mxnet_worker.py")


@dataclass(frozen=True, slots=True)
class _Worker:
    process: subprocess.Popen[str]
    folder: tempfile.TemporaryDirectory[str]

    def run(self, inputs: Arrays) -> list[NDArray[Any]]:
        self.ask({"do": "run", "inputs": self._save(inputs), "outputs": f"{self.folder.name}/outputs.npz"})
        with np.load(f"{self.folder.name}/outputs.npz") as outputs:
            return [outputs[f"{position}"] for position in range(len(outputs.files))]

    def time(self, inputs: Arrays, calls: int) -> list[float]:
        answer = self.ask({"do": "time", "inputs": self._save(inputs), "calls": calls})
        return [float(secs) for secs in answer["secs"]]

    def close(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait(timeout=30)
        if self.process.stdout:
            self.process.stdout.close()
        self.folder.cleanup()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the MXNet process has no pipes")
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the MXNet process ended with exit code {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _save(self, inputs: Arrays) -> str:
        path = f"{self.folder.name}/inputs.npz"
        np.savez(path, **inputs)  # type: ignore[arg-type]
        return path


class MXNetPeer:
    name = "mxnet"

    def __init__(self, python: str) -> None:
        self.python = python

    def version(self) -> str:
        try:
            asked = subprocess.run([self.python, str(WORKER), "--version"], capture_output=True, text=True, check=False)
        except OSError as error:
            raise MissingPeer(f"mxnet does not start with {self.python}: {error.strerror}") from error
        if asked.returncode:
            reason = (asked.stderr.strip().splitlines() or ["no output"])[-1]
            raise MissingPeer(f"mxnet does not start with {self.python}: {reason}")
        return asked.stdout.strip()

    def prepare(self, model: onnx.ModelProto, threads: int) -> Prepared:
        graph = plain_graph(model)
        folder = tempfile.TemporaryDirectory(prefix="mxnet-peer-")
        description = {"inputs": graph.inputs, "outputs": graph.outputs, "nodes": [asdict(node) for node in graph.nodes]}
        Path(folder.name, "graph.json").write_text(json.dumps(description))
        np.savez(f"{folder.name}/weights.npz", **graph.weights)  # type: ignore[arg-type]
        settings = {"OMP_NUM_THREADS": str(threads), "MXNET_SUBGRAPH_BACKEND": "MKLDNN"}
        process = subprocess.Popen(
            [self.python, str(WORKER), folder.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **settings},
        )
        worker = _Worker(process, folder)
        worker.ask({"do": "ready"})
        return worker
