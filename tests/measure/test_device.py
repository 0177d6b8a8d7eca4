"""A device is told apart by what decides its speed, and by nothing that changes between two looks."""

import dataclasses
import platform

import pytest

from measure import Device, describe_host

BOARD = Device(model="Board 3", cores=4, facts=(("governor", "performance"), ("memory_gib", 1)))


def test_the_host_is_the_same_device_twice() -> None:
    first, second = describe_host(), describe_host()
    assert first == second
    assert first.fingerprint == second.fingerprint
    assert first.cores >= 1
    assert first.model
    assert {"machine", "os", "kernel"} <= dict(first.facts).keys()


def test_json_round_trip() -> None:
    assert Device.from_json(BOARD.to_json()) == BOARD
    assert Device.from_json(describe_host().to_json()) == describe_host()
    with pytest.raises(ValueError, match="device format 7"):
        Device.from_json(BOARD.to_json() | {"format": 7})


def test_the_order_of_facts_does_not_matter_and_every_fact_does() -> None:
    assert Device(model="Board 3", cores=4, facts=tuple(reversed(BOARD.facts))).fingerprint == BOARD.fingerprint
    others = [
        dataclasses.replace(BOARD, model="Board 4"),
        dataclasses.replace(BOARD, cores=2),
        dataclasses.replace(BOARD, facts=(("governor", "powersave"), ("memory_gib", 1))),
    ]
    assert len({device.fingerprint for device in [BOARD, *others]}) == 4


def test_text_for_people() -> None:
    assert str(BOARD) == f"Board 3, 4 cores ({BOARD.fingerprint[:8]})"


@pytest.mark.parametrize(("machine", "model"), [("x86_64", "AMD EPYC"), ("armv7l", "armv7l emulated on AMD EPYC")])
def test_an_emulated_machine_is_another_device(monkeypatch: pytest.MonkeyPatch, machine: str, model: str) -> None:
    system = platform.uname_result("Linux", "here", "6.1", "#1", machine)
    monkeypatch.setattr("fleet.device.platform.uname", lambda: system)
    monkeypatch.setattr("fleet.device._cpu_info", lambda: {"model name": "AMD EPYC", "flags": "fma avx2"})
    assert describe_host().model == model
