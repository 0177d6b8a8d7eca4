"""Arrays by name in .npz files: what `tilewright run` reads and writes."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.errors import InputError

Array = NDArray[Any]


def read_arrays(path: Path) -> dict[str, Array]:
    """Never unpickles. Raises `InputError`."""
    expected = "an .npz file made by numpy.savez(file, name=array) is expected"
    try:
        with path.open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise InputError(f"{path} holds one array without a name: {expected}")
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: {expected}") from None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile):
        raise InputError(f"{path} cannot be read: {expected}") from None


def write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """What `numpy.savez` would write; that function has no room for an array named `file`. Raises `InputError`."""
    try:
        with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
