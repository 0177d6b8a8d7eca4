"""Frames survive any cutting of the stream, and what is no frame is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measure.frames import Frame, FrameError, FrameReader

HEADERS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none(), max_size=3)
FRAMES = st.lists(st.builds(Frame, HEADERS, st.binary(max_size=40)), max_size=5)


@given(FRAMES, st.integers(1, 50))
def test_frames_come_out_whole(frames: list[Frame], piece: int) -> None:
    stream = b"".join(frame.encode() for frame in frames)
    reader = FrameReader()
    out = [frame for start in range(0, len(stream), piece) for frame in reader.feed(stream[start : start + piece])]
    assert out == frames


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xff" * 8, "at most"),
        (b"\x02\0\0\0\0\0\0\0{]", "no JSON"),
        (b"\x02\0\0\0\0\0\0\0[]", "no object"),
    ],
)
def test_what_is_no_frame_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(FrameError, match=text):
        list(FrameReader().feed(data))
