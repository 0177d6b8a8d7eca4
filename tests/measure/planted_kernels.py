"""Compiled kernels of `relu` on 1024 floats that misbehave: artifacts as a builder makes them, from C."""

import tempfile
from functools import cache
from pathlib import Path

from compiler.codegen import Artifact
from compiler.lower import Param, ParamRole
from compiler.runtime import find_toolchain
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.te import Buffer
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from measure import BuildRequest, Built, Measurement, MeasureStatus

COUNT = 1024
RELU = Workload((Argument(TensorType((COUNT,))),), (GroupOp("relu", (("arg", 0),)),))
RELU_LOOP = "for (int i = 0; i < 1024; i++) out[i] = in[i] > 0 ? in[i] : 0;"
BODIES = {
    "good": RELU_LOOP,
    "slow": f"usleep(20000); {RELU_LOOP}",
    "wrong": "for (int i = 0; i < 1024; i++) out[i] = in[i];",
    "incomplete": "for (int i = 0; i < 1023; i++) out[i] = in[i] > 0 ? in[i] : 0;",
    "adds up": "for (int i = 0; i < 1024; i++) out[i] += in[i] > 0 ? in[i] : 0;",
    "segfault": "*(volatile int *)8 = 1;",
    "abort": "abort();",
    "exit": "exit(0);",
    "spin": "for (;;) { volatile int i = 0; i++; }",
    "eat memory": "for (;;) memset(malloc(1 << 28), 1, 1 << 28);",
    "overwrite everything": "memset((char *)out - (1 << 14), 255, 1 << 15);",
}
HEAD = """
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
void kernel(void **params, void *pool) { (void)pool; float *in = params[0], *out = params[1]; (void)in; (void)out; %s }
"""


@cache
def planted(name: str) -> Built:
    """A kernel that does what `BODIES` says, as if a schedule had led to it."""
    target = Target.parse("host")
    request = BuildRequest(workload=RELU, schedule=Schedule(), target=Target.parse(f"{target} -num-cores=1"))
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "kernel.c", Path(folder) / "kernel.o"
        source.write_text(HEAD % BODIES[name])
        find_toolchain().link_shared([source], output, ("-c", "-fvisibility=default", "-D_GNU_SOURCE", "-Wno-error"))
        code = output.read_bytes()
    params = (Param(Buffer("arg0", (COUNT,)), ParamRole.ARGUMENT, 0), Param(Buffer("relu", (COUNT,)), ParamRole.OUTPUT, 0))
    return Built(request=request, artifact=Artifact(code, "kernel", params, facts=(("spills", 0),)), build_secs=0.25)


def check_good(measurement: Measurement) -> None:
    """It has times, and its answer was right."""
    assert measurement.status is MeasureStatus.OK, measurement.error
    assert measurement.verification is not None
    assert measurement.verification.passed
    assert min(measurement.run_secs) > 0
