"""The MXNet side of `mxnet_peer.py`: a script for another Python, so it imports nothing of this project.

In: a folder with graph.json and weights.npz, then requests as JSON lines on stdin. Out: one JSON line per request on stdout.
"""

import importlib
import json
import sys
import time
from typing import Any

import numpy as np

vars(np)["bool"] = bool  # MXNet 1.9.1 still uses the name that numpy 1.24 took away
mx = importlib.import_module("mxnet")


def half(pads: list[int]) -> tuple[int, ...]:
    if pads[:2] != pads[2:]:
        raise ValueError(f"padding {pads} differs between the sides; this converter knows symmetric padding")
    return tuple(pads[:2])


def convert(node: dict[str, Any], x: list[Any], weights: dict[str, Any], sym: Any) -> Any:
    """The MXNet symbol of one ONNX node; `x` are the symbols of its inputs."""
    op, a, name = node["op"], node["attributes"], node["output"]
    if op == "Conv":
        window = {"kernel": tuple(a["kernel_shape"]), "stride": tuple(a["strides"]), "pad": half(a["pads"])}
        filters = weights[node["inputs"][1]].shape[0]
        return sym.Convolution(*x, name=name, num_filter=filters, num_group=a["group"], no_bias=len(x) == 2, **window)
    if op == "BatchNormalization":
        return sym.BatchNorm(*x, name=name, eps=a["epsilon"], fix_gamma=False, use_global_stats=True)
    if op == "MaxPool":
        window = {"kernel": tuple(a["kernel_shape"]), "stride": tuple(a["strides"]), "pad": half(a["pads"])}
        convention = "full" if a.get("ceil_mode") else "valid"
        return sym.Pooling(x[0], name=name, pool_type="max", pooling_convention=convention, **window)
    if op == "AveragePool":
        window = {"kernel": tuple(a["kernel_shape"]), "stride": tuple(a["strides"]), "pad": half(a["pads"])}
        return sym.Pooling(x[0], name=name, pool_type="avg", **window)
    if op == "LRN":
        return sym.LRN(x[0], name=name, nsize=a["size"], alpha=a["alpha"], beta=a["beta"], knorm=a["bias"])
    if op == "Clip":
        low, high = (float(weights[limit]) for limit in node["inputs"][1:])
        return sym.clip(x[0], low, high, name=name)
    if op == "Gemm":
        return sym.FullyConnected(*x, name=name, num_hidden=weights[node["inputs"][1]].shape[0])
    simple = {
        "Relu": lambda: sym.Activation(x[0], name=name, act_type="relu"),
        "Add": lambda: sym.elemwise_add(x[0], x[1], name=name),
        "Concat": lambda: sym.Concat(*x, name=name, dim=a["axis"]),
        "GlobalAveragePool": lambda: sym.Pooling(x[0], name=name, pool_type="avg", global_pool=True, kernel=(1, 1)),
        "Flatten": lambda: sym.Flatten(x[0], name=name),
        "Softmax": lambda: sym.softmax(x[0], name=name, axis=a["axis"]),
        "Identity": lambda: sym.identity(x[0], name=name),
    }
    if op not in simple:
        raise ValueError(f"no conversion of {op} to MXNet; known: {', '.join(sorted(simple))}")
    return simple[op]()


def load(folder: str) -> Any:
    with open(f"{folder}/graph.json") as file:
        graph = json.load(file)
    with np.load(f"{folder}/weights.npz") as file:
        weights = {name: file[name] for name in file.files}
    symbols = {name: mx.sym.var(name) for name in graph["inputs"]}
    for node in graph["nodes"]:
        operands = node["inputs"][:1] if node["op"] == "Clip" else node["inputs"]
        x = [symbols.setdefault(name, mx.sym.var(name)) if name in weights else symbols[name] for name in operands]
        symbols[node["output"]] = convert(node, x, weights, mx.sym)
    network = mx.sym.Group([symbols[name] for name in graph["outputs"]])
    shapes = {name: tuple(shape) for name, shape in graph["inputs"].items()}
    executor = network.simple_bind(mx.cpu(), grad_req="null", **shapes)
    for slots in (executor.arg_dict, executor.aux_dict):
        for name in slots:
            if name in weights:
                slots[name][:] = weights[name]
    return executor


def forward(executor: Any, inputs: dict[str, Any]) -> Any:
    outputs = executor.forward(is_train=False, **inputs)
    for output in outputs:
        output.wait_to_read()
    return outputs


def answer(executor: Any, request: dict[str, Any]) -> dict[str, Any]:
    if request["do"] == "ready":
        return {}
    with np.load(request["inputs"]) as file:
        inputs = {name: mx.nd.array(file[name]) for name in file.files}
    outputs = forward(executor, inputs)
    if request["do"] == "run":
        np.savez(request["outputs"], **{str(position): output.asnumpy() for position, output in enumerate(outputs)})
        return {}
    secs = []
    for _ in range(request["calls"]):
        start = time.perf_counter()
        forward(executor, inputs)
        secs.append(time.perf_counter() - start)
    return {"secs": secs}


def main() -> None:
    if sys.argv[1] == "--version":
        print(mx.__version__)
        return
    executor = load(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(answer(executor, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
