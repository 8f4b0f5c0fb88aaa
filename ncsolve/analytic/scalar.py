r"""The scalar problem that decides every mode of every squared-loss theorem.

    minimize over sigma >= 0:   (sigma - tau)^2 / (2N) + c sigma^q,      q = 2/(M+1),  c = g/q

Write sigma = tau (1 - p); p in (0, 1] is the shrinkage of the mode, p = 1 its death. Stationary points solve

    p (1 - p)^e = kappa,       e = (M-1)/(M+1),     kappa = N g tau^(-2M/(M+1)),                             (1)

and there the objective is tau^2/(2N) * p (1 + M (1 - p)), against tau^2/(2N) at zero. So zero wins iff p > 1/M, that is

    kappa > kappa* = (1/M) (1 - 1/M)^e,        kappa*^(M+1) = (M-1)^(M-1) / M^(2M).                          (2)

The left side of (1) rises to its maximum kappa_max at p = (M+1)/(2M), then falls: the smaller p is the outer minimum, the
larger one the unstable point below which descent dies; between kappa* and kappa_max the minimum exists but loses to zero.
M = 1 needs no case of its own: e = 0, p = kappa, kappa* = 1. Relation to the variable x of Dang et al. (2023,
arXiv:2301.00437): x^M = (1 - p)/p, beta = M kappa^((M+1)/M).

Why p and not sigma: p is the small number (1 - sigma/tau cancels) and at a minimizer p <= 1/M, so sigma loses nothing. The
unstable point is given as the share x = sigma/tau = 1 - p, which is small there: (1 - x) x^e = kappa. All functions here work
entry by entry, on arrays of any shape.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..problem.losses import Array

BLOCK = 1 << 15  # entries solved at a time: the working arrays stay in cache
ROUNDING = 1e-12  # relative distance to kappa* below which floats may not decide


def threshold(depth: int) -> float:
    """kappa*, the largest kappa at which the non-zero minimum beats (or ties with) zero.

    Examples
    --------
    >>> threshold(1), round(threshold(2), 6)
    (1.0, 0.39685)
    """
    return float((1.0 - 1.0 / depth) ** _e(depth) / depth)


def fold(depth: int) -> float:
    """kappa_max, the largest kappa at which a non-zero stationary point exists."""
    p = _peak(depth)
    return float(p * (1.0 - p) ** _e(depth))


def critical_power(samples: Fraction, decays: tuple[float, ...]) -> Fraction:
    """tau^(2M) at which a mode ties with zero, exactly: N^(M+1) Pi M^(2M) / (M-1)^(M-1)."""
    m = len(decays) - 1
    product = Fraction(1)
    for decay in decays:
        product *= Fraction(decay)
    return samples ** (m + 1) * product * Fraction(m ** (2 * m), (m - 1) ** (m - 1))


def level(tau2: Array, samples: float, mean_decay: float, depth: int) -> Array:
    """Kappa = N g tau^(-2M/(M+1)); infinite for tau = 0."""
    with np.errstate(over="ignore", divide="ignore"):
        kappa: Array = samples * mean_decay * np.power(tau2, -depth / (depth + 1.0))
    return kappa


def outer_root(kappa: Array, depth: int) -> Array:
    """The smaller root p of (1), the outer minimum, for kappa <= kappa*; one ulp or so.

    The start matches p as an analytic function of u = sqrt(1 - kappa/kappa_max) in value at u = 0 and in value and slope
    at u = 1, and is good to 8e-4 at every depth; each Halley step cubes that, so two reach rounding (1e-9, then 1e-28).
    """
    if depth == 1:
        return kappa.copy()
    e, top, peak = _e(depth), fold(depth), _peak(depth)
    slope = top - 4.0 * e * top * top
    quadratic = slope - (2.0 * top - peak)
    linear = slope - 2.0 * quadratic
    u = np.sqrt(1.0 - kappa / top)
    p: Array = kappa / (top * (1.0 + u)) * (peak + u * (linear + u * quadratic))
    for _ in range(2):
        r = 1.0 / (1.0 - p)
        v = kappa * np.power(r, e)  # p = v at the root
        t = e * v * r
        d = 1.0 - t
        p -= (p - v) / (d + (p - v) * (0.5 * (e + 1.0)) * t * r / d)
    return p


def survives(kappa: Array, depth: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether the outer minimum is the minimizer (a tie counts, except at M = 1), and whether rounding may have decided that."""
    limit = threshold(depth)
    alive = kappa <= limit if depth > 1 else kappa < limit
    return alive, np.abs(kappa - limit) <= ROUNDING * limit


def shrinkage(kappa: Array, alive: NDArray[np.bool_], depth: int) -> Array:
    """P of every mode: the outer root where it is alive (kappa above kappa* by rounding only), 1 elsewhere."""
    highest = threshold(depth) * (1.0 + ROUNDING) if depth > 1 else 1.0 - 2.0**-53
    p = np.ones(kappa.shape)
    flat, level, lives = p.reshape(-1), kappa.reshape(-1), alive.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        block = slice(start, start + BLOCK)
        one = lives[block]
        if one.all():
            flat[block] = outer_root(np.minimum(level[block], highest), depth)
        else:
            flat[block][one] = outer_root(np.minimum(level[block][one], highest), depth)
    return p


def energy(p: Array, depth: int) -> Array:
    """The objective p (1 + M (1 - p)) of a mode at a stationary point, as a share of tau^2/(2N), that at zero."""
    share: Array = p * (1.0 + depth * (1.0 - p))
    return share


def outer_shrinkage(kappa: Array, depth: int) -> Array:
    """P = 1 - sigma/tau of the outer minimum, whether zero is lower or not; 1 where there is none (kappa > kappa_max).

    Examples
    --------
    >>> outer_shrinkage(np.array([0.36, 0.5]), 2).round(6).tolist()
    [0.435626, 1.0]
    """
    if depth == 1:
        return np.minimum(kappa, 1.0)
    safe, e = kappa <= threshold(depth), _e(depth)
    p = shrinkage(kappa, safe, depth)
    rest = ~safe & (kappa <= fold(depth))
    p[rest] = _root(lambda x: np.log(x) + e * np.log1p(-x), kappa[rest], kappa[rest], _peak(depth))
    return p


def inner_share(kappa: Array, depth: int) -> Array:
    """Sigma/tau of the unstable point; 0 where there is none (M = 1, or kappa > kappa_max).

    Examples
    --------
    >>> inner_share(np.array([0.36, 0.5]), 2).round(6).tolist()
    [0.055346, 0.0]
    """
    share, e = np.zeros_like(kappa), _e(depth)
    there = (kappa <= fold(depth)) & (kappa > 0)
    if depth > 1 and there.any():  # in y = log x, where even kappa^(1/e) has all its digits
        low, high = np.log(kappa[there]) / e, math.log(1.0 - _peak(depth))
        share[there] = np.exp(
            _root(lambda y: e * y + np.log1p(-np.exp(y)), kappa[there], low, high)
        )
    return share


def _root(rise: Callable[[Array], Array], kappa: Array, low: Array, high: float) -> Array:
    """Where the rising function `rise` equals log(kappa), to the last bits; `high` where the two roots are one to rounding."""
    from scipy.optimize.elementwise import find_root

    if not kappa.size:
        return kappa
    height, top = np.log(kappa), np.maximum(high, low)
    found = find_root(lambda x, h: rise(x) - h, (np.minimum(low, top), top), args=(height,)).x
    root: Array = np.where(rise(top) <= height, top, found)
    return root


def _e(depth: int) -> float:
    return (depth - 1) / (depth + 1)


def _peak(depth: int) -> float:
    """P at the fold."""
    return (depth + 1) / (2.0 * depth)
