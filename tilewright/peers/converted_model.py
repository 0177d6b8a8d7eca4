"""Models in the files of libraries that read no ONNX, kept in a folder of this user below the system's temporary one. Next: `ncnn_peer.py`.

In: an ONNX model and a function that converts it. Out: the folder with the converted files; a second call finds it there.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import onnx

ONNX_FILE = "model.onnx"
Convert = Callable[[Path], None]  # folder that holds ONNX_FILE: the converted files are to be written beside it


def converted_model(model: onnx.ModelProto, converter: str, convert: Convert, keep: Sequence[str], cache: Path | None = None) -> Path:
    """The folder with the files `keep`. converter: name and version, which are part of what the cache looks for."""
    serialized = model.SerializeToString()
    cache = cache or cache_folder()
    folder = cache / hashlib.sha256(converter.encode() + b"\n" + serialized).hexdigest()
    if folder.is_dir():
        return folder
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as made:
        (source := Path(made, "source")).mkdir()
        (source / ONNX_FILE).write_bytes(serialized)
        convert(source)
        (result := Path(made, "result")).mkdir()
        for name in keep:
            shutil.move(source / name, result / name)
        try:
            result.rename(folder)
        except OSError:  # another process was faster
            if not folder.is_dir():
                raise
    return folder


def cache_folder() -> Path:
    return Path(tempfile.gettempdir(), f"tilewright-peers-{os.getuid()}")
