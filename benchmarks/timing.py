"""Fair timing on a noisy machine: alternate the two sides, report medians and spreads of the paired ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """Seconds of both sides and their paired ratios (ours / theirs)."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratios(self) -> list[float]:
        return [a / b for a, b in zip(self.ours, self.theirs, strict=True)]

    def row(self, scale: float = 1.0) -> str:
        """Median ratio with its range; `scale` turns it into the promised unit."""
        ratios = sorted(scale * ratio for ratio in self.ratios)
        return f"{statistics.median(ratios):.3g} ({ratios[0]:.3g} to {ratios[-1]:.3g})"


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def paired(ours: Callable[[], object], theirs: Callable[[], object], repeats: int = 7) -> Ratio:
    """Both sides in turn, after one warm-up each."""
    ours(), theirs()
    rows = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    return Ratio([a for a, _ in rows], [b for _, b in rows])
