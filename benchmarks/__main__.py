"""python -m benchmarks: measure every speed promise and write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from . import cross_entropy, descent_seed, imports, places, predict_million, rigorous

SUITES = {
    "predict": predict_million,
    "imports": imports,
    "descent": descent_seed,
    "places": places,
    "ce": cross_entropy,
    "rigorous": rigorous,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", help=f"any of {', '.join(SUITES)}; all by default")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    unknown = [name for name in options.suites if name not in SUITES]
    if unknown:
        parser.error(f"suite {unknown[0]!r} is unknown; any of {', '.join(SUITES)} works")
    lines = ["| what | measured | promise |", "|---|---|---|"]
    for name in options.suites or SUITES:
        for row in SUITES[name].rows():
            lines.append("| " + " | ".join(row) + " |")
            print(lines[-1], flush=True)
    packages = []
    for name in ("numpy", "scipy", "torch", "cvxpy", "scs", "python-flint"):
        try:
            packages.append(f"{name} {version(name)}")
        except ImportError:
            packages.append(f"{name} absent")
    where = f"Python {platform.python_version()}, {', '.join(packages)}, {platform.machine()}, 2 cores, {datetime.now(UTC):%Y-%m-%d}"
    text = (
        "# Benchmarks\n\nMade by `python -m benchmarks --write` (torch is needed for the descent rows, cvxpy for cross-entropy). Ratios\n"
        "are medians of alternating pairs in one run, with their range; the machine is shared, so single seconds mean little.\n\n"
        f"{where}.\n\n" + "\n".join(lines) + "\n"
    )
    if options.write:
        Path("docs/benchmarks.md").write_text(text, encoding="utf-8")
    sys.exit(0)


if __name__ == "__main__":
    main()
