"""What a fleet costs and whether it keeps its promises, on this machine, over TLS.

    python -m benchmarks.fleet                        # all five parts, a few seconds each
    python -m benchmarks.fleet overhead --trials 200  # milliseconds per trial over a local run
    python -m benchmarks.fleet builds --trials 200    # milliseconds per build at a builder over a local one
    python -m benchmarks.fleet devices                # trials per second of two simulated devices against one
    python -m benchmarks.fleet soak --trials 5000 --kill-every 20
    python -m benchmarks.fleet scale --devices 200 --clients 20 --seconds 60

Timings on a shared machine are good for ratios only.
"""

import json
from collections.abc import Callable
from dataclasses import asdict

import click

from benchmarks.fleet_builds import BuildCost, measure_builds
from benchmarks.fleet_overhead import Overhead, measure_overhead
from benchmarks.fleet_scale import Scale, simulate
from benchmarks.fleet_soak import Soak, soak
from benchmarks.fleet_speedup import Speedup, measure_speedup

PARTS = ("overhead", "builds", "devices", "soak", "scale")


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--trials", type=click.IntRange(min=10), default=100, show_default=True, help="Of overhead, builds, devices and soak.")
@click.option("--kill-every", type=click.FloatRange(min=1), default=5.0, show_default=True, help="Seconds between kills in the soak.")
@click.option("--devices", type=click.IntRange(min=1), default=50, show_default=True, help="Simulated devices of scale.")
@click.option("--clients", type=click.IntRange(min=1), default=10, show_default=True, help="Clients of scale.")
@click.option("--seconds", type=click.FloatRange(min=1), default=10.0, show_default=True, help="Of scale.")
@click.option("--json", "as_json", is_flag=True, help="Print all numbers as one JSON object.")
def main(parts: tuple[str, ...], trials: int, kill_every: float, devices: int, clients: int, seconds: float, as_json: bool) -> None:
    """Measure a fleet on this machine."""
    work: dict[str, Callable[[], Overhead | BuildCost | Speedup | Soak | Scale]] = {
        "overhead": lambda: measure_overhead(trials),
        "builds": lambda: measure_builds(trials),
        "devices": lambda: measure_speedup(trials),
        "soak": lambda: soak(trials, kill_every),
        "scale": lambda: simulate(devices, clients, seconds),
    }
    found = {}
    for part in parts or PARTS:
        result = work[part]()
        found[part] = asdict(result)
        if not as_json:
            print(f"{part}: {result}")
    if as_json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
