"""What changes on a device while it works, as far as it tells: temperature, clock, throttling, load, free memory."""

import os
from contextlib import suppress
from pathlib import Path

# The firmware of a Raspberry Pi: bits 0 to 3 are under-voltage, capped clock, throttled, temperature limit, now; 16 to 19 since the start.
THROTTLED_FILE = "/sys/devices/platform/soc/soc:firmware/get_throttled"
_NOW = {0: "under-voltage", 1: "capped", 2: "throttled", 3: "temperature limit"}

Health = dict[str, float | int | str]


def read_health() -> Health:
    health: Health = {}
    temperatures = [
        int(text) / 1000
        for text in (_read(path) for path in sorted(Path("/sys/class/thermal").glob("thermal_zone*/temp")))
        if text.lstrip("-").isdecimal()
    ]
    if temperatures:
        health["temperature_c"] = round(max(temperatures), 1)
    clock = _read(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"))
    if clock.isdecimal():
        health["clock_mhz"] = int(clock) // 1000
    with suppress(ValueError):
        flags = int(_read(Path(THROTTLED_FILE)), 16)
        health["throttled"] = ", ".join(text for bit, text in _NOW.items() if flags >> bit & 1) or "no"
    with suppress(OSError):
        health["load"] = round(os.getloadavg()[0], 2)
    available = next((line.split()[1] for line in _read(Path("/proc/meminfo")).splitlines() if line.startswith("MemAvailable:")), "")
    if available.isdecimal():
        health["free_mib"] = int(available) // 1024
    return health


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
