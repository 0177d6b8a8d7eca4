"""The benchmarks of the fleet run, at their smallest, and count right."""

import json

from click.testing import CliRunner

from benchmarks.fleet import main
from benchmarks.fleet_builds import measure_builds
from benchmarks.fleet_overhead import measure_overhead
from benchmarks.fleet_scale import simulate
from benchmarks.fleet_soak import soak


def test_overhead() -> None:
    found = measure_overhead(2)
    assert found.trials == 2
    assert 0 < found.least_local_ms <= found.local_ms
    assert 0 < found.least_remote_ms <= found.remote_ms
    assert found.ahead_ms > 0
    assert "through the tracker" in str(found)


def test_builds() -> None:
    found = measure_builds(5)
    assert found.builds == 8
    assert 0 < found.least_local_ms <= found.local_ms
    assert 0 < found.least_remote_ms <= found.remote_ms
    assert "at a builder" in str(found)


def test_a_quiet_soak() -> None:
    found = soak(120, kill_every_secs=1000.0)
    assert (found.trials, found.kills, found.lost, found.duplicated, found.wrong, found.repeated_on_devices) == (120, 0, 0, 0, 0, 0)
    assert found.memory_begin_mib.keys() == found.memory_end_mib.keys() == {"tracker", "one", "two"}
    assert "0 lost, 0 duplicated" in str(found)


def test_a_soak_with_kills_loses_nothing() -> None:
    found = soak(60, kill_every_secs=0.3)
    assert found.kills > 0
    assert (found.lost, found.duplicated, found.ended) == (0, 0, ())
    assert found.wrong <= found.kills // 2, "quarantined, where two kills hit the same trial"


def test_scale() -> None:
    found = simulate(devices=4, clients=2, seconds=1.5)
    assert found.trials > 0
    assert found.least_share <= 1 <= found.most_share
    assert 0 < found.wait_ms_median <= found.wait_ms_p95
    assert "4 devices, 2 clients" in str(found)


def test_the_command_line() -> None:
    done = CliRunner().invoke(main, ["devices", "--trials", "10", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)["devices"]
    assert found["trials"] == 10
    assert found["one_per_sec"] > 0
    assert found["two_per_sec"] > 0
