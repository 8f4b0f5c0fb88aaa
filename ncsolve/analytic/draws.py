"""Random problems for attacks on theorems: small enough to descend on, and near a threshold every other time.

A threshold is a value g* of the geometric mean of all decays at which a class or mode is lost. `mean_decay` draws g near one of the
given thresholds, g = g* (1 +- 10^-u) with u uniform in 1..3, or well away from it, g = g* times a log-uniform factor in .01 .. 1;
`decays` spreads g over the layers, each decay within a factor of three of g.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..problem.losses import Array

SPREAD = math.log(3.0)


def counts(rng: np.random.Generator, most: int = 6, largest: float = 60.0) -> Array:
    """2 .. `most` whole counts, log-uniform in 1 .. `largest`; in half of the draws some are equal."""
    size = int(rng.integers(2, most + 1))
    n: Array = np.floor(np.exp(rng.uniform(0.0, math.log(largest), size)))
    if rng.random() < 0.5:
        n = rng.choice(n[: int(rng.integers(1, size + 1))], size)
    return n


def equal_counts(rng: np.random.Generator, fewest: int = 2, most: int = 6) -> Array:
    """`fewest` .. `most` times the same count."""
    return np.full(int(rng.integers(fewest, most + 1)), float(rng.integers(2, 40)))


def mean_decay(rng: np.random.Generator, critical: Array | float) -> float:
    """The geometric mean of the decays, near one of the critical ones or below it."""
    g = float(rng.choice(np.atleast_1d(critical)))
    if rng.random() < 0.5:
        return g * (1.0 + float(rng.choice([-1.0, 1.0]) * 10.0 ** -rng.uniform(1.0, 3.0)))
    return g * float(np.exp(rng.uniform(math.log(0.01), 0.0)))


def decays(rng: np.random.Generator, depth: int, mean: float) -> dict[str, Any]:
    """Decays of all layers with the given geometric mean, equal in half of the draws."""
    logs = rng.uniform(-SPREAD, SPREAD, depth + 1) if rng.random() < 0.5 else np.zeros(depth + 1)
    spread = mean * np.exp(logs - logs.mean())
    return {"weight_decay": spread[1:].tolist(), "feature_decay": float(spread[0])}


def width(rng: np.random.Generator, depth: int, full: int, least: int | None = None) -> list[int]:
    """Widths of every layer from `least` (by default `full`, which is always wide enough) to `full` + 2."""
    low = full if least is None else least
    return [int(d) for d in rng.integers(low, full + 3, depth)]


def bias(rng: np.random.Generator) -> str | float:
    """None, free or regularized."""
    kinds: list[str | float] = ["none", "free", float(10.0 ** rng.uniform(-4.0, 0.0))]
    return kinds[int(rng.integers(3))]
