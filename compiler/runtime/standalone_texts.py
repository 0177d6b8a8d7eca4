"""The texts that lie beside a standalone model: its Makefile and README. Filled in by `write_standalone.py`."""

# The linker takes what the program calls and nothing else; the mathematical library is for kernels that need it. GNU's pads to pages if it
# is not told otherwise, zig's does not and refuses to be told.
PROGRAM_OPTIONS = ("-Wl,--gc-sections", "-Wl,--as-needed", "-s", "-lpthread", "-lm")
GNU_OPTIONS = ("-Wl,-z,noseparate-code",)

MAKEFILE = """\
# Builds ./model, which runs the model once: `make`, or `make CC=aarch64-linux-gnu-gcc` and the like.
CC = {compiler}
CFLAGS = -Os

model: main.c libmodel.a tilewright_model.h
\t$(CC) $(CFLAGS) -o $@ main.c libmodel.a {options}

clean:
\trm -f model
.PHONY: clean
"""

README = """\
# {name}

A compiled model for `{target}`. It needs the C library and threads, nothing else.

| file | is |
|---|---|
| libmodel.a | the kernels, the calls between them, the thread pool |
| weights.bin | the weights, packed for these kernels; its last 64 bytes say which |
| tilewright_model.h | the C interface |
| main.c, Makefile | a program that runs the model: `make && ./model -n 10 INPUT.raw` |
| model.json | inputs, outputs, and each kernel with the schedule that it was compiled from |

Inputs, then outputs, dense and row-major:

{inputs}

A program of your own maps or reads weights.bin to a multiple of 64 bytes, calls `tw_model_set_weights` once and `tw_model_run` as often as
it likes, and is linked like ./model.
"""
