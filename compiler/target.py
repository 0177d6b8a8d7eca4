"""What code is generated for: the machine that schedules are chosen for and that `compiler/codegen` emits. Text round trip, presets.

>>> target = Target.parse("llvm -mcpu=cortex-a53 -mtriple=aarch64-linux-gnu -num-cores=4")
>>> target.triple, target.vector_lanes, target.vector_registers
('aarch64-unknown-linux-gnu', 4, 32)
>>> Target.parse(str(target)) == target
True
"""

import functools
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType

import llvmlite.binding as llvm

from compiler.errors import TargetError

_SSE = frozenset({"sse2"})
_SSE4 = _SSE | {"sse3", "ssse3", "sse4.1", "sse4.2", "popcnt"}
_AVX = _SSE4 | {"avx"}
_AVX2 = _AVX | {"avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe"}
_AVX512 = _AVX2 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
_NEON = frozenset({"neon", "fma"})
_VFP3 = frozenset({"neon"})
_RV64GC = frozenset({"fma"})

# What each cpu that may be named implies, of the features that code generation asks for (`Target.has`). A host whose cpu is not listed here
# is described by the features that LLVM finds on it.
CPUS: Mapping[str, Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "x86_64": {
            **dict.fromkeys(("x86-64", "generic"), _SSE),
            **dict.fromkeys(("x86-64-v2", "nehalem", "westmere", "goldmont", "silvermont"), _SSE4),
            **dict.fromkeys(("sandybridge", "ivybridge"), _AVX),
            **dict.fromkeys(("x86-64-v3", "haswell", "broadwell", "skylake", "alderlake", "raptorlake", "gracemont"), _AVX2),
            **dict.fromkeys(("meteorlake", "arrowlake", "arrowlake-s", "lunarlake", "sierraforest", "grandridge"), _AVX2),
            **dict.fromkeys(("znver1", "znver2", "znver3"), _AVX2),
            **dict.fromkeys(("x86-64-v4", "skylake-avx512", "cascadelake", "cooperlake", "icelake-client", "icelake-server"), _AVX512),
            **dict.fromkeys(("tigerlake", "rocketlake", "sapphirerapids", "emeraldrapids", "graniterapids", "znver4", "znver5"), _AVX512),
        },
        "aarch64": {
            **dict.fromkeys(
                ("generic", "cortex-a53", "cortex-a55", "cortex-a57", "cortex-a72", "cortex-a73", "cortex-a76", "cortex-a78"), _NEON
            ),
            **dict.fromkeys(("cortex-x1", "neoverse-n1", "neoverse-n2", "neoverse-v1", "neoverse-v2"), _NEON),
            **dict.fromkeys(("apple-m1", "apple-m2", "apple-m3"), _NEON),
        },
        "armv7": {
            **dict.fromkeys(("generic", "cortex-a8", "cortex-a9"), _VFP3),
            **dict.fromkeys(("cortex-a7", "cortex-a15", "cortex-a17", "cortex-a53", "cortex-a72"), _NEON),
        },
        "riscv64": {
            **dict.fromkeys(("generic-rv64", "sifive-u74"), _RV64GC),
            "spacemit-x60": _RV64GC | {"v"},
        },
    }
)

# Cpus that wait where an operand is late, so that loads have to stand well ahead of what uses them.
_IN_ORDER = frozenset({"cortex-a7", "cortex-a8", "cortex-a53", "cortex-a55", "sifive-u74", "spacemit-x60"})

_BASELINE = {"x86_64": "x86-64", "aarch64": "generic", "armv7": "generic", "riscv64": "generic-rv64"}
_BASELINE_FEATURES = {"generic-rv64": "+m,+a,+f,+d,+c"}  # LLVM's generic cpu has integers only; Linux expects RV64GC
_ARCH_SPELLINGS = {"amd64": "x86_64", "x86-64": "x86_64", "arm64": "aarch64", "arm": "armv7", "armv7l": "armv7", "armv7a": "armv7"}
_VENDORS = frozenset({"unknown", "pc", "apple", "w64"})

# Bytes of L1 data, L2 and L3 (shared) where neither the text nor the machine tells: the least of the family in common use. The L2 is per
# core on x86-64; the four cores of a Cortex-A53 cluster share theirs (Raspberry Pi 3b: 32 KiB of L1 data each, 512 KiB of L2 together).
_CACHES = {
    "x86_64": (32 << 10, 512 << 10, 8 << 20),
    **dict.fromkeys(("aarch64", "armv7", "riscv64"), (32 << 10, 512 << 10, 0)),
}

# Host features worth naming in the target's text: those that vectorised arithmetic may use. A cpu name implies more than its machine may
# have (hypervisors mask features), so absent ones are named as well.
_X86_FEATURES = (
    "sse3",
    "ssse3",
    "sse4.1",
    "sse4.2",
    "popcnt",
    "lzcnt",
    "movbe",
    "bmi",
    "bmi2",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "fma4",
    "xop",
)
_AVX512_FEATURES = ("f", "bw", "cd", "dq", "vl", "vbmi", "vnni", "bf16", "fp16")
_NAMED_FEATURES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "x86_64": (*_X86_FEATURES, *(f"avx512{part}" for part in _AVX512_FEATURES), "gfni"),
        "aarch64": ("neon", "fullfp16", "dotprod", "i8mm", "bf16"),
        "armv7": ("neon", "vfp4"),
        "riscv64": ("m", "a", "f", "d", "c", "v"),
    }
)

_OPTIONS = {
    "mtriple": "triple",
    "mcpu": "cpu",
    "mattr": "features",
    "num-cores": "cores",
    "vector-bits": "vector_bits",
    "vector-registers": "vector_registers",
    "l1-bytes": "l1_bytes",
    "l2-bytes": "l2_bytes",
    "l3-bytes": "l3_bytes",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A machine. `features` are LLVM's (`+avx2,-avx512f`), on top of what `cpu` implies; L3 is 0 bytes where there is none."""

    kind: str
    triple: str
    cpu: str
    features: str
    cores: int
    vector_bits: int
    vector_registers: int
    l1_bytes: int
    l2_bytes: int
    l3_bytes: int

    @property
    def arch(self) -> str:
        return self.triple.split("-", 1)[0]

    @property
    def vector_lanes(self) -> int:
        """float32 lanes of one vector register."""
        return self.vector_bits // 32

    @property
    def has_vectors(self) -> bool:
        """False where a vector is kept in as many scalar registers as it has lanes, and takes as many instructions."""
        return self.arch != "riscv64" or self.has("v")

    @property
    def in_order(self) -> bool:
        """Whether the cpu executes instructions in the order of the program."""
        return self.cpu in _IN_ORDER

    def has(self, feature: str) -> bool:
        """Whether code may use `feature`, by the features given or else by the cpu."""
        return _has(self.arch, self.cpu, self.features, feature)

    @staticmethod
    def parse(text: str) -> "Target":
        """A preset's name, or `llvm -mcpu=... -mtriple=... -mattr=... -num-cores=...`; raises `TargetError`."""
        words = text.split()
        if len(words) == 1 and words[0] in PRESETS:
            return PRESETS[words[0]]()
        if not words or words[0] not in KINDS:
            raise TargetError(f"unknown target {text!r}; known presets: {', '.join(sorted(PRESETS))}; known kinds: {', '.join(KINDS)}")
        given: dict[str, str] = {}
        for word in words[1:]:
            option, equals, value = word.lstrip("-").partition("=")
            if not word.startswith("-") or not equals or option not in _OPTIONS:
                raise TargetError(f"unknown target option {word!r} in {text!r}; known: {', '.join(f'-{name}=' for name in _OPTIONS)}")
            given[_OPTIONS[option]] = value
        return KINDS[words[0]](given)

    def __str__(self) -> str:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return " ".join([self.kind, *(f"-{option}={values[name]}" for option, name in _OPTIONS.items() if values[name] != "")])


def _has(arch: str, cpu: str, features: str, feature: str) -> bool:
    listed = features.split(",")
    if f"+{feature}" in listed or f"-{feature}" in listed:
        return f"+{feature}" in listed
    return feature in CPUS[arch].get(cpu, ()) or (arch == "armv7" and feature == "fma" and "+vfp4" in listed)


def normalize_triple(triple: str) -> str:
    """`arch-vendor-system-abi` with one spelling per architecture.

    >>> normalize_triple("armv7l-linux-gnueabihf"), normalize_triple("arm64-apple-darwin")
    ('armv7-unknown-linux-gnueabihf', 'aarch64-apple-darwin')
    """
    parts = triple.split("-")
    if len(parts) < 2:
        raise TargetError(f"triple {triple!r} is not arch-vendor-system[-abi], for example aarch64-unknown-linux-gnu")
    arch = _ARCH_SPELLINGS.get(parts[0], parts[0])
    if arch not in CPUS:
        raise TargetError(f"unknown architecture {parts[0]!r} in triple {triple!r}; known: {', '.join(CPUS)}")
    rest = parts[1:] if parts[1] in _VENDORS else ["unknown", *parts[1:]]
    return "-".join([arch, *rest])


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not text.isdecimal() or (int(text) == 0 and name != "l3_bytes"):
        option = next(option for option, field in _OPTIONS.items() if field == name)
        raise TargetError(f"target option -{option}={text} is not a positive number")
    return int(text)


def _triple_of_cpu(cpu: str) -> str:
    """The Linux triple of the architecture that knows `cpu`, this machine's own first."""
    host = normalize_triple(llvm.get_process_triple())
    arches = [arch for arch, cpus in CPUS.items() if not cpu or cpu in cpus]
    if host.split("-", 1)[0] in arches or not arches:
        return host
    return f"{arches[0]}-unknown-linux-{'gnueabihf' if arches[0] == 'armv7' else 'gnu'}"


def _check_cpu(arch: str, cpu: str) -> None:
    if cpu not in CPUS[arch] and cpu != _host_cpu(arch):
        raise TargetError(f"unknown cpu {cpu!r} for {arch}; known: {', '.join(CPUS[arch])}")


def _check_features(arch: str, features: str) -> None:
    for feature in filter(None, features.split(",")):
        if feature[0] not in "+-" or len(feature) < 2:
            raise TargetError(f"feature {feature!r} in -mattr={features} must begin with + or -, for example +fma for {arch}")


def _llvm_target(given: Mapping[str, str]) -> Target:
    triple = normalize_triple(given["triple"]) if "triple" in given else _triple_of_cpu(given.get("cpu", ""))
    arch = triple.split("-", 1)[0]
    cpu = given.get("cpu", _BASELINE[arch])
    features = given.get("features", _BASELINE_FEATURES.get(cpu, ""))
    _check_cpu(arch, cpu)
    _check_features(arch, features)
    has = functools.partial(_has, arch, cpu, features)
    l1_bytes, l2_bytes, l3_bytes = _CACHES[arch]
    vector_bits = _number(given, "vector_bits", 512 if has("avx512f") else 256 if has("avx") else 128)
    if vector_bits % 32 or vector_bits & (vector_bits - 1):
        raise TargetError(f"target option -vector-bits={vector_bits} is not a power of two of at least 32")
    return Target(
        kind="llvm",
        triple=triple,
        cpu=cpu,
        features=features,
        cores=_number(given, "cores", 1),
        vector_bits=vector_bits,
        vector_registers=_number(given, "vector_registers", _registers(arch, has)),
        l1_bytes=_number(given, "l1_bytes", l1_bytes),
        l2_bytes=_number(given, "l2_bytes", l2_bytes),
        l3_bytes=_number(given, "l3_bytes", l3_bytes),
    )


def _registers(arch: str, has: Callable[[str], bool]) -> int:
    """Vector registers. RISC-V without the V extension keeps each vector of four lanes in four of its 32 scalar registers."""
    if arch == "riscv64":
        return 32 if has("v") else 8
    return 32 if has("avx512f") or arch == "aarch64" else 16


def _host_cpu(arch: str) -> str:
    """LLVM's name of this machine's cpu; empty if this machine is of another architecture."""
    return llvm.get_host_cpu_name() if normalize_triple(llvm.get_process_triple()).startswith(f"{arch}-") else ""


def _host_features(arch: str) -> str:
    try:
        found = llvm.get_host_cpu_features()
    except RuntimeError:  # LLVM cannot tell on this system
        return ""
    return ",".join(f"{'+' if found[name] else '-'}{name}" for name in _NAMED_FEATURES[arch] if name in found)


def _host_caches() -> dict[str, str]:
    """Cache sizes of the first core as Linux tells them; empty elsewhere."""
    sizes: dict[str, str] = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        digits, unit = size.rstrip("KM"), size[-1:]
        if kind != "Instruction" and level in ("1", "2", "3") and digits.isdecimal() and int(digits):
            sizes[f"l{level}_bytes"] = str(int(digits) << {"K": 10, "M": 20}.get(unit, 0))
    return sizes


def host_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _host() -> Target:
    try:
        triple = normalize_triple(llvm.get_process_triple())
    except TargetError as error:
        raise TargetError(f"this machine ({platform.machine()}) cannot be compiled for: {error}") from error
    arch = triple.split("-", 1)[0]
    described = {"triple": triple, "cpu": _host_cpu(arch), "features": _host_features(arch), "cores": str(host_cores())}
    return _llvm_target({**described, **_host_caches()})


def _preset(**given: str) -> Callable[[], Target]:
    return lambda: _llvm_target(given)


# Kinds of target by the first word of their text, each with what reads its options; GPU kinds are added here.
KINDS: Mapping[str, Callable[[Mapping[str, str]], Target]] = MappingProxyType({"llvm": _llvm_target})

_PI3B = {"cpu": "cortex-a53", "cores": "4", "l1_bytes": str(32 << 10), "l2_bytes": str(512 << 10)}

PRESETS: Mapping[str, Callable[[], Target]] = MappingProxyType(
    {
        "host": _host,
        "x86-64-v1": _preset(triple="x86_64-linux-gnu", cpu="x86-64", cores="4"),
        "x86-64-v2": _preset(triple="x86_64-linux-gnu", cpu="x86-64-v2", cores="4"),
        "x86-64-v3": _preset(triple="x86_64-linux-gnu", cpu="x86-64-v3", cores="4"),
        "x86-64-v4": _preset(triple="x86_64-linux-gnu", cpu="x86-64-v4", cores="4", l2_bytes=str(1 << 20)),
        "aarch64": _preset(triple="aarch64-linux-gnu", cpu="generic", cores="4"),
        "riscv64": _preset(triple="riscv64-linux-gnu", cores="4"),
        **dict.fromkeys(("pi3b", "pi3b-64"), _preset(triple="aarch64-linux-gnu", **_PI3B)),
        "pi3b-32": _preset(triple="armv7-linux-gnueabihf", **_PI3B),
    }
)
