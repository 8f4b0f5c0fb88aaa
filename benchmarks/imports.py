"""Start-up: import time against the libraries needed, and --help. Promise: 1.5 times the imports; .15 s for --help."""

from __future__ import annotations

import subprocess
import sys

from .timing import paired

NAMES = "from ncsolve import UFM, Prediction, predict, thresholds"
NEEDED = "import numpy"


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def rows() -> list[tuple[str, str, str]]:
    """(what, ratio, promise)."""
    table = []
    for what, code in (
        ("import ncsolve", "import ncsolve"),
        ("import of UFM, predict, thresholds", NAMES),
    ):
        ratio = paired(lambda c=code: run(c), lambda: run(NEEDED), repeats=15)
        table.append(
            (what, f"{ratio.row()} x {NEEDED!r}, interpreter start included", "at most 1.5 x")
        )
    deep = "from ncsolve import verify, Descent; import scipy.optimize, scipy.sparse.linalg"
    ratio = paired(
        lambda: run(deep),
        lambda: run("import numpy, scipy.optimize, scipy.sparse.linalg"),
        repeats=9,
    )
    table.append(
        (
            "import of verify with its scipy modules",
            f"{ratio.row()} x importing those alone",
            "at most 1.5 x",
        )
    )
    command = [sys.executable, "-m", "ncsolve", "--help"]
    help_ = paired(
        lambda: subprocess.run(command, check=True, capture_output=True),
        lambda: run("pass"),
        repeats=15,
    )
    shown = f"{sorted(help_.ours)[len(help_.ours) // 2]:.3f} s (an empty interpreter: {sorted(help_.theirs)[7]:.3f} s)"
    table.append(("ncsolve --help", shown, "under .15 s"))
    return table
