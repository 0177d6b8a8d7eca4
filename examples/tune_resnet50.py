"""Tune ResNet-50 for this machine, then time it: `python -m examples.tune_resnet50 [MINUTES]`.

The records go to tuned-resnet50.db; started again, the search goes on where it stopped. Ctrl-C ends it early and keeps everything.
"""

import sys
from statistics import median

import numpy as np

import tilewright as tw
from benchmarks.networks import resnet50


def main(minutes: float = 15) -> None:
    model = tw.load(resnet50().SerializeToString())
    with tw.Database("sqlite:///tuned-resnet50.db") as database, tw.show_progress() as progress:
        tw.tune(model, target="host", database=database, minutes=minutes, on_event=progress)
        tuned = tw.compile(model, target="host", database=database)
    untuned = tw.compile(model, target="host")
    image = np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)
    for name, executable in (("untuned", untuned), ("tuned", tuned), ("untuned", untuned), ("tuned", tuned)):
        secs = median(executable.time({"data": image}, repeat=20))
        print(f"{name:8} {secs * 1e3:7.3f} ms on {executable.threads} threads")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
