r"""Both stationary points of the scalar problem: the outer minimum and the unstable root below which a mode dies.

With x = sigma / tau = 1 - p, equation (1) of scalar.py reads

    (1 - x) x^e = kappa,    e = (M-1)/(M+1),

whose left side rises from 0 to kappa_max at x = (M-1)/(2M) and falls to 0 at x = 1. For 0 < kappa < kappa_max it has one root on each
side: the outer one, a minimum, whether zero is lower or not, and the inner one, a maximum. M = 1 (e = 0) has x = 1 - kappa only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import scalar

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..problem.losses import Array


def outer_shrinkage(kappa: Array, depth: int) -> Array:
    """P = 1 - sigma/tau of the outer minimum; 1 where there is none (kappa > kappa_max, or kappa >= 1 at M = 1).

    Examples
    --------
    >>> import numpy as np
    >>> outer_shrinkage(np.array([0.36, 0.5]), 2).round(6).tolist()
    [0.435626, 1.0]
    """
    p = np.ones_like(kappa)
    if depth == 1:
        return np.minimum(kappa, p)
    safe = kappa <= scalar.threshold(depth)
    p[safe] = scalar.outer_root(kappa[safe], depth)
    rest = ~safe & (kappa <= scalar.fold(depth))
    p[rest] = _root(
        lambda x: np.log(x) + _e(depth) * np.log1p(-x), kappa[rest], kappa[rest], _peak(depth)
    )
    return p


def inner_share(kappa: Array, depth: int) -> Array:
    """Sigma/tau of the unstable root; 0 where there is none (M = 1, or kappa > kappa_max).

    Examples
    --------
    >>> import numpy as np
    >>> inner_share(np.array([0.36, 0.5]), 2).round(6).tolist()
    [0.055346, 0.0]
    """
    share = np.zeros_like(kappa)
    there = (kappa <= scalar.fold(depth)) & (kappa > 0)
    if depth > 1 and there.any():
        e, level = _e(depth), kappa[there]
        low, high = (
            np.log(level) / e,
            np.log(1.0 - _peak(depth)),
        )  # in y = log x, where even kappa^(1/e) has all its digits
        share[there] = np.exp(_root(lambda y: e * y + np.log1p(-np.exp(y)), level, low, high))
    return share


def _root(rise: Callable[[Array], Array], level: Array, low: Array, high: float) -> Array:
    """Where the rising function `rise` equals log(level), to the last bits, between `low` and `high`."""
    from scipy.optimize.elementwise import find_root

    if not level.size:
        return level
    height = np.log(level)
    top = np.maximum(np.full_like(level, high), low)
    at_top = rise(top) - height
    found = find_root(lambda x, h: rise(x) - h, (np.minimum(low, top), top), args=(height,)).x
    root: Array = np.where(
        at_top <= 0, top, found
    )  # within rounding of the fold the two roots are one
    return root


def _e(depth: int) -> float:
    return (depth - 1) / (depth + 1)


def _peak(depth: int) -> float:
    """P at the fold."""
    return (depth + 1) / (2.0 * depth)
