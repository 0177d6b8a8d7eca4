"""Targets: presets, text round trip, what is derived from the cpu, and what is refused."""

import dataclasses

import pytest

from compiler.errors import TargetError
from compiler.target import CPUS, PRESETS, Target, host_cores, normalize_triple


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_round_trip(name: str) -> None:
    target = Target.parse(name)
    assert Target.parse(str(target)) == target
    assert str(Target.parse(str(target))) == str(target)
    assert hash(target) == hash(Target.parse(str(target)))


@pytest.mark.parametrize(("arch", "cpu"), [(arch, cpu) for arch, cpus in CPUS.items() for cpu in cpus])
def test_every_cpu_round_trips(arch: str, cpu: str) -> None:
    target = Target.parse(f"llvm -mtriple={arch}-linux-gnu -mcpu={cpu} -num-cores=3")
    assert (target.arch, target.cpu, target.cores) == (arch, cpu, 3)
    assert Target.parse(str(target)) == target


@pytest.mark.parametrize(
    ("text", "bits", "registers", "fma"),
    [
        ("x86-64-v4", 512, 32, True),
        ("x86-64-v3", 256, 16, True),
        ("llvm -mcpu=skylake-avx512 -mtriple=x86_64-linux-gnu", 512, 32, True),
        ("llvm -mcpu=znver5 -mattr=-avx512f -mtriple=x86_64-linux-gnu", 256, 16, True),
        ("llvm -mcpu=sandybridge -mtriple=x86_64-linux-gnu", 256, 16, False),
        ("llvm -mcpu=x86-64 -mtriple=x86_64-linux-gnu", 128, 16, False),
        ("llvm -mcpu=x86-64 -mattr=+avx2,+fma,+avx -mtriple=x86_64-linux-gnu", 256, 16, True),
        ("pi3b", 128, 32, True),
        ("aarch64", 128, 32, True),
        ("pi3b-64", 128, 32, True),
        ("pi3b-32", 128, 16, True),
        ("riscv64", 128, 8, True),
        ("llvm -mcpu=spacemit-x60", 128, 32, True),
        ("x86-64-v1", 128, 16, False),
        ("x86-64-v2", 128, 16, False),
        ("llvm -mtriple=armv7l-linux-gnueabihf", 128, 16, False),
        ("llvm -mtriple=armv7l-linux-gnueabihf -mattr=+vfp4", 128, 16, True),
        ("llvm -mtriple=armv7l-linux-gnueabihf -mcpu=cortex-a7", 128, 16, True),
    ],
)
def test_derived_from_the_cpu(text: str, bits: int, registers: int, fma: bool) -> None:
    target = Target.parse(text)
    assert (target.vector_bits, target.vector_registers, target.has("fma")) == (bits, registers, fma)
    assert target.vector_lanes == bits // 32


def test_the_cpu_decides_the_triple() -> None:
    assert Target.parse("llvm -mcpu=cortex-a53").triple == "aarch64-unknown-linux-gnu"
    assert Target.parse("llvm -mcpu=cortex-a15").triple == "armv7-unknown-linux-gnueabihf"


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("armv7l-linux-gnueabihf", "armv7-unknown-linux-gnueabihf"),
        ("armv7-unknown-linux-gnueabihf", "armv7-unknown-linux-gnueabihf"),
        ("amd64-linux-gnu", "x86_64-unknown-linux-gnu"),
        ("x86_64-pc-linux-gnu", "x86_64-pc-linux-gnu"),
        ("arm64-apple-darwin", "aarch64-apple-darwin"),
    ],
)
def test_triples(given: str, normal: str) -> None:
    assert normalize_triple(given) == normal


def test_options_override() -> None:
    target = Target.parse("llvm -mcpu=x86-64-v4 -mtriple=x86_64-linux-gnu -vector-bits=256 -vector-registers=16 -l1-bytes=1024 -l3-bytes=0")
    assert (target.vector_bits, target.vector_registers, target.l1_bytes, target.l3_bytes) == (256, 16, 1024, 0)
    assert Target.parse(str(target)) == target


def test_host() -> None:
    host = Target.parse("host")
    assert host.cores == host_cores() >= 1
    assert host.vector_bits in (128, 256, 512)
    assert (host.vector_bits == 512) == host.has("avx512f")
    assert 8 << 10 <= host.l1_bytes <= 1 << 20
    assert host.l2_bytes >= host.l1_bytes


def test_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Target.parse("pi3b").cores = 8  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "known presets: aarch64, host, pi3b"),
        ("k9", "unknown target 'k9'; known presets: .* known kinds: llvm"),
        ("cuda -arch=sm_37", "known kinds: llvm"),
        ("pi3b -num-cores=2", "unknown target"),
        ("llvm -mcpu=pentium9 -mtriple=x86_64-linux-gnu", "unknown cpu 'pentium9' for x86_64; known: x86-64, .*znver5"),
        ("llvm -mcpu=pentium9", "unknown cpu 'pentium9'"),
        ("llvm -mcpu=haswell -mtriple=aarch64-linux-gnu", "unknown cpu 'haswell' for aarch64; known: generic, cortex-a53"),
        ("llvm -mtriple=mips-linux-gnu", "unknown architecture 'mips' .* known: x86_64, aarch64, armv7"),
        ("llvm -mtriple=x86_64", "is not arch-vendor-system"),
        ("llvm -march=foo", "unknown target option '-march=foo' .* known: -mtriple="),
        ("llvm -mcpu", "unknown target option '-mcpu'"),
        ("llvm mcpu=haswell", "unknown target option 'mcpu=haswell'"),
        ("llvm -num-cores=two", "-num-cores=two is not a positive number"),
        ("llvm -num-cores=0", "-num-cores=0 is not a positive number"),
        ("llvm -mattr=avx2", r"must begin with \+ or -"),
        ("llvm -vector-bits=100", "not a power of two"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        Target.parse(text)


def test_both_forms_of_the_raspberry_pi() -> None:
    wide, narrow = Target.parse("pi3b-64"), Target.parse("pi3b-32")
    assert wide == Target.parse("pi3b")
    assert (wide.triple, narrow.triple) == ("aarch64-unknown-linux-gnu", "armv7-unknown-linux-gnueabihf")
    assert {(each.cpu, each.cores, each.l1_bytes, each.l2_bytes, each.l3_bytes) for each in (wide, narrow)} == {
        ("cortex-a53", 4, 32 << 10, 512 << 10, 0)
    }


def test_which_cpus_execute_in_order() -> None:
    assert Target.parse("pi3b").in_order
    assert Target.parse("pi3b-32").in_order
    assert not Target.parse("aarch64").in_order
    assert not Target.parse("x86-64-v3").in_order
