"""A rendered line of text, and what the text-direction classifier wants to see of it. Used by `demo.py`."""

from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

HEIGHT, WIDTH = 48, 192  # of the classifier's input
FONT_SIZE = 40
MARGIN = 8
LABELS = (0, 180)  # degrees by which a line is turned, in the order of the classifier's outputs


def render(text: str) -> Image.Image:
    """Black on white, with a little room around."""
    font = ImageFont.load_default(size=FONT_SIZE)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("RGB", (ceil(right - left) + 2 * MARGIN, ceil(bottom - top) + 2 * MARGIN), "white")
    ImageDraw.Draw(image).text((MARGIN - left, MARGIN - top), text, font=font, fill="black")
    return image


def classifier_input(image: Image.Image) -> NDArray[np.float32]:
    """As rapidocr's TextClassifier prepares a line: height 48, at most 192 wide, BGR, from -1 to 1, filled up with zeros on the right."""
    width = min(WIDTH, ceil(HEIGHT * image.width / image.height))
    resized = np.asarray(image.resize((width, HEIGHT), Image.Resampling.BILINEAR), np.float32)
    channels = resized[:, :, ::-1].transpose(2, 0, 1)
    batch = np.zeros((1, 3, HEIGHT, WIDTH), np.float32)
    batch[0, :, :, :width] = (channels / 255 - 0.5) / 0.5
    return batch
