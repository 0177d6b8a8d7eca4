"""What a time belongs to: the device, told apart from every other by the facts that decide its speed.

`describe_host` reads them once from the operating system; `records_db` keys its records with the fingerprint, daemons report it to their
tracker. Imports the standard library only, for small boards.
"""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DEVICE_FORMAT = 1
GIB_BYTES = 1 << 30
X86_MACHINES = frozenset({"x86_64", "amd64", "AMD64", "i386", "i486", "i586", "i686"})

Fact = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """model: the processor's own name. cores: how many this process may use. facts: what else decides speed, by name, nothing volatile."""

    model: str
    cores: int
    facts: tuple[tuple[str, Fact], ...] = field(default=())

    def __post_init__(self) -> None:
        if self.facts != tuple(sorted(self.facts)):
            object.__setattr__(self, "facts", tuple(sorted(self.facts)))

    @property
    def fingerprint(self) -> str:
        """sha256 of the canonical JSON, as hex: two devices are comparable exactly when these are equal."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        return {"format": DEVICE_FORMAT, "model": self.model, "cores": self.cores, "facts": dict(self.facts)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Device":
        if data.get("format") != DEVICE_FORMAT:
            raise ValueError(f"device format {data.get('format')!r} is not {DEVICE_FORMAT}")
        return Device(model=str(data["model"]), cores=int(data["cores"]), facts=tuple(sorted(data["facts"].items())))

    def __str__(self) -> str:
        """For people: `AMD EPYC, 2 cores (3f9c2a1b)`."""
        return f"{self.model}, {self.cores} core{'s' if self.cores != 1 else ''} ({self.fingerprint[:8]})"


def describe_host() -> Device:
    """The machine that this process runs on, restricted to the cores that it may use."""
    cpu = _cpu_info()
    system = platform.uname()
    facts: dict[str, Fact | None] = {
        "machine": system.machine,
        "features": " ".join(sorted(cpu.get("flags", cpu.get("Features", "")).split())),
        "cpu_family": " ".join(filter(None, (cpu.get(name) for name in ("vendor_id", "cpu family", "model", "stepping")))),
        "cpu_part": " ".join(filter(None, (cpu.get(name) for name in ("CPU implementer", "CPU part", "CPU variant", "CPU revision")))),
        "threads_per_core": _threads_per_core(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "max_clock_khz": _read("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"),
        "boost": _read("/sys/devices/system/cpu/cpufreq/boost"),
        "cpu_quota": _cpu_quota(),
        "memory_gib": _memory_gib(),
        "os": _operating_system(system),
        "kernel": _major_version(system.release),
        "hypervisor": _hypervisor(cpu),
    }
    known = tuple((name, value) for name, value in sorted(facts.items()) if value is not None and value != "")
    return Device(model=_cpu_model(cpu, system), cores=_usable_cores(), facts=known)


def _read(path: str) -> str:
    """The text of a small file of the operating system; empty where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""


def _cpu_info() -> dict[str, str]:
    """The first processor's block of /proc/cpuinfo, and the fields that ARM boards list after all of them."""
    fields: dict[str, str] = {}
    for line in _read("/proc/cpuinfo").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    return fields


def _cpu_model(cpu: Mapping[str, str], system: platform.uname_result) -> str:
    """qemu-user runs programs of another machine and shows them this one's /proc/cpuinfo, where only x86 has "flags"."""
    board = _read("/proc/device-tree/model")
    model = cpu.get("model name") or board or cpu.get("Model") or system.processor or system.machine
    emulated = "flags" in cpu and system.machine not in X86_MACHINES
    return f"{system.machine} emulated on {model}" if emulated else model


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _threads_per_core() -> int | None:
    siblings = _read("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")
    if not siblings:
        return None
    spans = [span.partition("-") for span in siblings.split(",")]
    return sum(int(last or first) - int(first) + 1 for first, _, last in spans)


def _cpu_quota() -> float | None:
    """The share of processor time that a container is held to, in cores; None without a limit."""
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    if not period:
        quota, period = _read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), _read("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _memory_gib() -> int | None:
    """Whole GiB, since kernels of one machine differ by some megabytes in what they keep for themselves."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB_BYTES)


def _operating_system(system: platform.uname_result) -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return system.system
    return f"{system.system} {release.get('ID', '')} {release.get('VERSION_ID', '')}".strip()


def _major_version(release: str) -> str:
    return release.partition(".")[0]


def _hypervisor(cpu: Mapping[str, str]) -> str:
    """Which hypervisor this machine is a guest of; "unknown" where only the processor's flag tells."""
    named = _read("/sys/hypervisor/type") or _read("/sys/class/dmi/id/sys_vendor")
    if "hypervisor" not in cpu.get("flags", "").split():
        return ""
    return named or "unknown"
