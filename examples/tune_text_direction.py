"""Tune a trained text-direction classifier for one thread of this machine: `python -m examples.tune_text_direction [TRIALS]`.

The model is fetched once, from the package rapidocr-onnxruntime; its file leaves the sizes of its input open, so they are given here.
"""

import sys

import tilewright as tw
from examples.fetch_package import TEXT_DIRECTION, fetch


def main(trials: int = 1000) -> None:
    model = tw.load(fetch(*TEXT_DIRECTION), shapes={"x": (1, 3, 48, 192)})
    with tw.Database("sqlite:///tuned-text-direction.db") as database, tw.show_progress() as progress:
        tw.tune(model, target="host", database=database, trials=trials, threads=1, on_event=progress)
        executable = tw.compile(model, target="host", database=database, threads=1)
    executable.save("text_direction.so")
    print("saved as text_direction.so; time it with `tilewright bench text_direction.so`")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
