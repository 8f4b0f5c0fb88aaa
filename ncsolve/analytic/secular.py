r"""Eigenvalues of diag(n) - n n^T / N, the squared singular values of the centered target (R6).

A group of m equal counts n gives the eigenvalue n with multiplicity m - 1, and 0 has the eigenvector 1. The others solve
the secular equation sum_k n_k^2 / (n_k - mu) = N; subtracting mu/N times it, free of the root at zero,

    f(mu) = sum_g m_g n_g / (n_g - mu) = 0,                                                                  (1)

which rises from -inf to +inf between neighboring counts: one root in each gap. With x_g = 1/(n_g - mu), the left singular
vector is proportional to n_g x_g and the right one to sqrt(n_g) x_g.

Each root is found as an offset from its nearer pole, so that every difference n_g - mu, and with it every vector entry, is
accurate to rounding. The gaps are solved in blocks: poles within one block length are summed as they are, the far ones
form a function so smooth on the block (analytic up to three half lengths from its centre, Bernstein ellipse 3 + sqrt 8)
that interpolation at 24 Chebyshev points is exact to rounding. The cost is a small multiple of 24 G^2 / 96.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..problem.losses import Array

BLOCK = 96
NODES = 24
STEPS = 200  # a bound for bisection alone; Newton takes about five
CONVERGED = 1e-11  # Newton squares the relative error, so the step after a change this small is already exact


@dataclass(frozen=True, eq=False)
class SecularRoots:
    """Roots of (1), one per gap between distinct counts, ascending.

    Attributes
    ----------
    poles : array (G,), distinct counts, ascending
    origin : int array (G - 1,), index of the pole nearest to each root
    offset : array (G - 1,), root minus that pole
    """

    poles: Array
    origin: np.ndarray[tuple[int], np.dtype[np.intp]]
    offset: Array

    @property
    def roots(self) -> Array:
        """mu_i, shape (G - 1,)."""
        roots: Array = self.poles[self.origin] + self.offset
        return roots

    def inverse_gaps(self, chosen: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Array:
        """1 / (n_g - mu_i) for the chosen roots, shape (G, chosen)."""
        gaps: Array = (self.poles[:, None] - self.poles[self.origin[chosen]]) - self.offset[chosen]
        return 1.0 / gaps


def secular_roots(poles: Array, multiplicities: Array) -> SecularRoots:
    """Solve (1) for all gaps.

    Parameters
    ----------
    poles : array (G,), distinct counts, strictly ascending
    multiplicities : array (G,), how many classes have that count

    Notes
    -----
    Iteration: Newton on h(t) = t (gap - t) f, which has no poles, kept inside a bracket that each sign of h shrinks; a step
    that leaves the bracket is replaced by bisection. A block is done once no offset changes by more than 1e-11 of itself.

    Examples
    --------
    >>> import numpy as np
    >>> np.round(secular_roots(np.array([1.0, 4.0]), np.ones(2)).roots, 12)  # 2 * 1 * 4 / (1 + 4)
    array([1.6])
    """
    weights = poles * multiplicities
    count = poles.size - 1
    origin = np.empty(count, dtype=np.intp)
    offset = np.empty(count)
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        origin[start:stop], offset[start:stop] = _solve_block(poles, weights, start, stop)
    return SecularRoots(poles, origin, offset)


def _solve_block(poles: Array, weights: Array, start: int, stop: int) -> tuple[np.ndarray, Array]:
    low, high = poles[start], poles[stop]
    length = high - low
    first, last = np.searchsorted(poles, [low - length, high + length])
    first, last = min(int(first), start), max(int(last), stop + 1)
    far = np.r_[0:first, last : poles.size]
    left = np.arange(start, stop)
    gap = poles[left + 1] - poles[left]
    field = _FarField(poles[far], weights[far], low, high)
    near, near_weights = poles[first:last], weights[first:last]

    def f(pole: np.ndarray, t: Array) -> tuple[Array, Array]:
        x = 1.0 / ((near[:, None] - poles[pole]) - t)
        y = near_weights @ x
        x *= x
        far_value, far_slope = field(poles[pole] + t)
        return y + far_value, near_weights @ x + far_slope

    middle, _ = f(left, 0.5 * gap)
    pole = np.where(middle >= 0, left, left + 1)
    sign = np.where(
        middle >= 0, 1.0, -1.0
    )  # the offset's sign: right of the left pole, left of the right one
    a, b = np.zeros(stop - start), 0.5 * gap  # bracket of |offset|
    # the two poles beside the gap, and all others frozen at its middle, give the start: p/t = r/(gap - t) + rest
    wl, wr = weights[left], weights[left + 1]
    rest = sign * (middle - 2.0 * (wr - wl) / gap)
    p, r = np.where(middle >= 0, wl, wr), np.where(middle >= 0, wr, wl)
    linear = p + r + rest * gap
    t = 2.0 * p * gap / (linear + np.sqrt(np.maximum(linear * linear - 4.0 * rest * p * gap, 0.0)))
    t = np.where((t > 0) & (t <= 0.5 * gap), t, 0.25 * gap)
    for _ in range(STEPS):
        value, slope = f(pole, sign * t)
        value *= sign  # as a function of |offset|, rising from -inf at the pole
        outside = value < 0
        a, b = np.where(outside, t, a), np.where(outside, b, t)
        product = t * (gap - t)
        h = product * value
        newton = t - h / (product * slope + (gap - 2.0 * t) * value)
        step = np.where((newton >= a) & (newton <= b), newton, 0.5 * (a + b))
        done = (np.abs(step - t) <= CONVERGED * t).all()
        t = step
        if done:
            break
    return pole, sign * t


class _FarField:
    """Value and slope of sum_j w_j / (n_j - mu) over far poles, on [low, high], by Chebyshev interpolation."""

    def __init__(self, poles: Array, weights: Array, low: float, high: float) -> None:
        self.centre, self.half = 0.5 * (low + high), 0.5 * (high - low)
        self.empty = poles.size == 0
        if self.empty:
            return
        angles = np.pi * (np.arange(NODES) + 0.5) / NODES
        values = np.empty(NODES)
        scratch = np.empty_like(poles)
        for k, node in enumerate(self.centre + self.half * np.cos(angles)):
            np.subtract(poles, node, out=scratch)
            np.divide(weights, scratch, out=scratch)
            values[k] = scratch.sum()
        series = np.cos(np.outer(np.arange(NODES), angles)) @ values * (2.0 / NODES)
        series[0] *= 0.5
        slope = np.append(np.polynomial.chebyshev.chebder(series), 0.0) / self.half
        self.series = np.column_stack([series, slope])

    def __call__(self, mu: Array) -> tuple[Array, Array]:
        if self.empty:
            return np.zeros_like(mu), np.zeros_like(mu)
        angle = np.arccos(np.clip((mu - self.centre) / self.half, -1.0, 1.0))
        value, slope = (np.cos(np.outer(angle, np.arange(NODES))) @ self.series).T
        return value, slope
