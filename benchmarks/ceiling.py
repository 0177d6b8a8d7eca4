"""What this machine can do at most, float32 multiply-adds and bytes read per second: `python -m benchmarks.ceiling` prints both.

`measure/ceiling.py` measures them.
"""

import argparse

from benchmarks.command_line import numbers
from measure import measure_ceiling


def main() -> None:
    parser = argparse.ArgumentParser(description="The measured ceiling of this machine: float32 multiply-adds and streaming reads.")
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="numbers of threads, separated by commas (default: 1,2)")
    for threads in parser.parse_args().threads:
        ceiling = measure_ceiling(threads)
        print(f"{threads} thread{'s' * (threads > 1)}: {ceiling.gflops:.1f} GFLOP/s, {ceiling.gbytes:.1f} GB/s read")


if __name__ == "__main__":
    main()
