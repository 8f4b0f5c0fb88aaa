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

Why p and not sigma: p is the small number (1 - sigma/tau cancels) and at a minimizer p <= 1/M, so sigma loses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.losses import Array

BLOCK = 1 << 15  # entries solved at a time: the working arrays stay in cache
ROUNDING = 1e-12  # relative distance to kappa* below which floats may not decide

Exceeds = Callable[[int, Fraction, int], int | None]


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
    p = (depth + 1) / (2.0 * depth)
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
    e, top, peak = _e(depth), fold(depth), (depth + 1) / (2.0 * depth)
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


@dataclass(frozen=True, eq=False)
class Modes:
    """Solved modes: what (1) and (2) say of each target singular value tau.

    Attributes
    ----------
    depth, samples, mean_decay : M, N, g
    tau2 : array, squared target singular values
    shrinkage : array, p of each mode; 1 where zero is the minimizer
    ties : indices of modes that tie with zero exactly (M >= 2); the non-zero minimizer is the one kept
    undecided : indices of modes whose tau is known only to rounding and lies within rounding of the threshold
    """

    depth: int
    samples: float
    mean_decay: float
    tau2: Array
    shrinkage: Array
    ties: tuple[int, ...]
    undecided: tuple[int, ...]

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Whether a non-zero sigma is a global minimizer: p < 1."""
        return self.shrinkage < 1.0

    @property
    def kappa(self) -> Array:
        """The level of each mode."""
        return level(self.tau2, self.samples, self.mean_decay, self.depth)

    @property
    def sigma(self) -> Array:
        """The singular values tau (1 - p) of A, in the order of tau2."""
        sigma: Array = np.sqrt(self.tau2)
        sigma *= 1.0 - self.shrinkage
        return sigma

    def total(
        self, copies: NDArray[np.intp] | None = None, kept: NDArray[np.intp] | None = None
    ) -> float:
        """Sum of the modes' objectives tau^2/(2N) p (1 + M (1 - p)).

        Mode i counts `copies[i]` times (once by default), of which `kept[i]` are solved and the others held at zero.
        """
        sums = []
        for start in range(0, self.tau2.size, BLOCK):
            block = slice(start, start + BLOCK)
            p = self.shrinkage[block]
            share = p * (1.0 + self.depth * (1.0 - p))
            if copies is not None:
                solved = copies[block] if kept is None else kept[block]
                share = share * solved + (copies[block] - solved)
            sums.append(float((share * (self.tau2[block] / self.samples)).sum()))
        return math.fsum(sums) / 2.0


def solve(
    tau2: Array,
    *,
    samples: float,
    mean_decay: float,
    decays: tuple[float, ...],
    exact_samples: Callable[[], Fraction],
    exceeds: Exceeds,
) -> Modes:
    """Solve all modes at once, zero included; one routine decides for every theorem.

    Parameters
    ----------
    tau2 : array of squared target singular values
    samples, mean_decay, decays : N, g and the M + 1 decays
    exact_samples : N as a Fraction, asked for only near the threshold
    exceeds : called as exceeds(i, power, M) for modes within rounding of the threshold; the sign of
        tau_i^(2M) - power in exact arithmetic, or None where tau_i is itself only known to rounding

    Notes
    -----
    No tolerance enters the result: a mode that floating point cannot place is compared exactly.
    """
    depth = len(decays) - 1
    limit = threshold(depth)
    highest = (
        limit * (1.0 + ROUNDING) if depth > 1 else 1.0 - 2.0**-53
    )  # kappa* as rounding may have moved it
    shrinkage = np.empty_like(tau2)
    ties, undecided = [], []
    for start in range(0, tau2.size, BLOCK):
        block = slice(start, start + BLOCK)
        kappa = level(tau2[block], samples, mean_decay, depth)
        alive = kappa <= limit if depth > 1 else kappa < limit
        near = np.flatnonzero(np.abs(kappa - limit) <= ROUNDING * limit)
        if near.size:
            power = critical_power(exact_samples(), decays)
            for i in near.tolist():
                sign = exceeds(start + i, power, depth)
                if sign is None:
                    undecided.append(start + i)
                    continue
                alive[i] = sign > 0 or (sign == 0 and depth > 1)
                if sign == 0 and depth > 1:
                    ties.append(start + i)
        if alive.all():
            shrinkage[block] = outer_root(np.minimum(kappa, highest), depth)
        else:
            shrinkage[block] = 1.0
            shrinkage[block][alive] = outer_root(np.minimum(kappa[alive], highest), depth)
    return Modes(depth, samples, mean_decay, tau2, shrinkage, tuple(ties), tuple(undecided))


def _e(depth: int) -> float:
    return (depth - 1) / (depth + 1)
