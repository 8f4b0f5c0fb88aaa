"""Routes: how many files of ncsolve a call enters, and how often it goes from one to another.

`python -m benchmarks.routes` prints both for predict, verify, compare and a map of 20 x 20 cells, each called for the second time,
when everything is imported. A call of a function is a step; a switch is a step into another file than that of the step before.
Version 0.1.0: predict 44 files and 406 switches, verify 57 and 2,803, compare 71 and 968, the map 46 and 12,735.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import ncsolve
from ncsolve.cli import main

PACKAGE = str(Path(ncsolve.__file__).parent)
PROBLEM = "--counts 20,10,5 --depth 3"
COMMANDS = {
    "predict": f"predict {PROBLEM}",
    "verify": f"verify {PROBLEM} --rng 0 --force --out v.npz",
    "compare": f"compare v.npz {PROBLEM}",
    "map": "phase --counts 20,10,5 --x decay=1e-4:1e-1:20 --y depth=1:20:20,lin",
}


def route(call: Callable[[], Any]) -> list[str]:
    """The file of the package that every step of the call is in, in order."""
    steps: list[str] = []

    def step(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            steps.append(frame.f_code.co_filename)

    sys.setprofile(step)
    try:
        call()
    finally:
        sys.setprofile(None)
    return steps


def switches(steps: list[str]) -> int:
    """How often a step is in another file than the one before."""
    return sum(before != after for before, after in pairwise(steps))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, words in COMMANDS.items():
            with contextlib.redirect_stdout(io.StringIO()):
                main(words.split())
                steps = route(lambda words=words: main(words.split()))
            print(f"{name:8} {len(set(steps)):3} files {switches(steps):6} switches")
