"""python -m benchmarks: measure every speed promise and write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from . import (
    campaign,
    cross_entropy,
    descent_seed,
    growth,
    imports,
    phase,
    places,
    predict_million,
    rigorous,
)

SUITES = {
    "predict": predict_million,
    "imports": imports,
    "phase": phase,
    "descent": descent_seed,
    "places": places,
    "ce": cross_entropy,
    "rigorous": rigorous,
    "campaign": campaign,
    "growth": growth,
}
HEAD = ("what", "measured", "promise")
PACKAGES = ("numpy", "scipy", "torch", "cvxpy", "scs", "clarabel", "python-flint")
INTRODUCTION = """# Benchmarks

Made by `python -m benchmarks --write` in one run (torch is needed for the descent rows, cvxpy for cross-entropy, python-flint for rigorous
certificates). Ratios are medians of alternating pairs, with their range; the machine is shared, so single seconds mean little.
"""
GROWTH = """## How cost grows

K classes, G distinct counts, N samples, d dimensions, M layers. The exponent p of time ~ size^p is fitted to the medians of five
calls at each size, in brackets the range of fits to single repeats; sizes at which fixed costs still hide the growth are left out
of the fit (`benchmarks/growth.py` says how).
"""


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Lines of a Markdown table, each printed as soon as it is measured."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        lines.append("| " + " | ".join(row) + " |")
        print(lines[-1], flush=True)
    return lines


def machine() -> str:
    """Processor, cores, system, versions and date."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    packages = []
    for name in PACKAGES:
        try:
            packages.append(f"{name} {version(name)}")
        except ImportError:
            packages.append(f"{name} absent")
    processor = names[0] if names else platform.machine()
    where = f"{processor}, {os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}"
    return f"{where}, {', '.join(packages)}; {datetime.now(UTC):%Y-%m-%d}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", help=f"any of {', '.join(SUITES)}; all by default")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    unknown = [name for name in options.suites if name not in SUITES]
    if unknown:
        parser.error(f"suite {unknown[0]!r} is unknown; any of {', '.join(SUITES)} works")
    chosen = options.suites or list(SUITES)
    parts = [INTRODUCTION, machine(), ""]
    promised = [name for name in chosen if name != "growth"]
    if promised:
        parts += [
            "## Promises",
            "",
            *table(HEAD, (row for name in promised for row in SUITES[name].rows())),
            "",
        ]
    if "growth" in chosen:
        parts += [GROWTH, *table(growth.HEAD, growth.rows()), ""]
    if options.write:
        Path("docs/benchmarks.md").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
