"""What the sections of an object file or program take when it is loaded: for the sizes of standalone models.

In: the bytes of an ELF file, of any machine. Out: names and sizes of the sections that are loaded. Source of the layout: the ELF
specification, chapter "Sections". Used by `write_standalone.py`.
"""

import struct
from collections.abc import Iterator

from compiler.errors import ToolchainError

_ALLOCATED = 2  # SHF_ALLOC
_NO_BITS = 8  # SHT_NOBITS


def loaded_sections(data: bytes) -> Iterator[tuple[str, int]]:
    """(name, bytes) of each section with contents that ends up in memory; `ToolchainError` for anything but ELF."""
    if data[:4] != b"\x7fELF" or data[4:5] not in (b"\x01", b"\x02"):
        raise ToolchainError(f"sizes are known of ELF files only; this one begins with {data[:4]!r}")
    wide = data[4] == 2
    order = ">" if data[5:6] == b"\x02" else "<"
    at, entry_bytes, count, names = _header(data, order, wide)
    layout = f"{order}IIQQQQ" if wide else f"{order}IIIIII"  # name, type, flags, address, offset, size
    entries = [struct.unpack_from(layout, data, at + entry_bytes * index) for index in range(count)]
    strings = entries[names][4]
    for name, kind, flags, _, _, size in entries:
        if flags & _ALLOCATED and kind != _NO_BITS and size:
            start = strings + name
            yield data[start : data.index(b"\0", start)].decode(errors="replace"), size


def _header(data: bytes, order: str, wide: bool) -> tuple[int, int, int, int]:
    """Where the table of sections begins, the bytes of an entry, their number, and which one holds the names."""
    (at,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", data, 0x28 if wide else 0x20)
    entry_bytes, count, names = struct.unpack_from(f"{order}3H", data, 0x3A if wide else 0x2E)
    return at, entry_bytes, count, names
