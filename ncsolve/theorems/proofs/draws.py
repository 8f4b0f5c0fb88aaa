"""Random numbers for results."""

from __future__ import annotations

import math

import numpy as np


def spread(rng: np.random.Generator, low: float, high: float) -> float:
    """Log-uniform between two positive numbers."""
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))
