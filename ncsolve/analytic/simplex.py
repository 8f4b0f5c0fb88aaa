r"""The simplex as a candidate: balanced cross-entropy at any depth, on one number.

Logits a (I - J/K) with a >= 0 have K - 1 singular values sqrt(n) a of A = Zbar D^(1/2), and with smoothing delta the objective is

    f(a) = log(1 + (K-1) e^(-a)) + delta (1 - 1/K) a + c (K-1) (a sqrt(n))^q.

Its first two terms are convex and minus their slope, u(a) - d with u = (K-1)/(e^a + K - 1) and d = delta (1 - 1/K), is log-concave
where positive (u is, and (u-d) u'' <= u u'' <= u'^2 where u'' > 0). So log(u - d) + (1-q) log a is strictly concave: it meets the level
log(c q (K-1) n^(q/2)) at most twice, and the outer meeting is the only candidate beside zero (R3). Compare the values.

M = 1 is explicit: a = log(K/(K c sqrt(n) + delta) - K + 1), zero iff K c sqrt(n) + delta >= 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..problem.losses import CrossEntropy
from .reduction import reduce
from .spectrum import ContrastFrame
from .theorem import ACTIVE, VANISHED, ClassStates, Solution

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.ufm import UFM


@dataclass(frozen=True)
class Simplex:
    """The scalar problem.

    Attributes
    ----------
    classes, count, smoothing : K, n, delta
    c, q : weight and exponent of the quasi-norm
    """

    classes: int
    count: float
    smoothing: float
    c: float
    q: float

    @property
    def at_zero(self) -> float:
        """F(0) = log K."""
        return math.log(self.classes)

    def value(self, a: float) -> float:
        """f(a)."""
        power = math.pow(a * math.sqrt(self.count), self.q)
        return self.loss(a) + self.c * (self.classes - 1) * power

    def loss(self, a: float) -> float:
        """The first two terms of f."""
        return (
            math.log1p((self.classes - 1) * math.exp(-a))
            + self.smoothing * (1.0 - 1.0 / self.classes) * a
        )

    def pull(self, a: float) -> float:
        """u(a) - d, minus the slope of the loss."""
        e = (self.classes - 1) * math.exp(-a)
        return e / (1.0 + e) - self.smoothing * (1.0 - 1.0 / self.classes)

    def scale(self) -> float:
        """The a of the outer critical point, 0 where there is none; it may lose to zero."""
        if self.q == 1.0:
            x = self.classes * self.c * math.sqrt(self.count) + self.smoothing
            return math.log1p(self.classes * (1.0 - x) / x) if x < 1.0 else 0.0
        level = math.log(self.c * self.q * (self.classes - 1)) + 0.5 * self.q * math.log(self.count)
        peak = self._peak()

        def excess(a: float) -> float:
            return self._log_pull(a) + (1.0 - self.q) * math.log(a) - level

        if not excess(peak) > 0:
            return 0.0
        return _last(excess, peak)

    def best(self) -> float:
        """The a of the lowest simplex: the outer critical point or zero. At M = 1 a critical point is always the lower one."""
        a = self.scale()
        if self.q == 1.0:
            return a
        return a if a > 0 and self.value(a) < self.at_zero else 0.0

    def critical_c(self) -> float:
        """The c up to which the simplex lies below zero: the maximum over a of (log K - loss(a)) / ((K-1) (a sqrt(n))^q)."""
        if self.q == 1.0:
            return (1.0 - self.smoothing) / (self.classes * math.sqrt(self.count))

        def falling(a: float) -> float:
            """Zero where the ratio is stationary, positive before."""
            return self.pull(a) * a - self.q * (self.at_zero - self.loss(a))

        a = _last(falling, 0.0)
        return (self.at_zero - self.loss(a)) / (
            (self.classes - 1) * math.pow(a * math.sqrt(self.count), self.q)
        )

    def _log_pull(self, a: float) -> float:
        if self.smoothing:
            pull = self.pull(a)
            return math.log(pull) if pull > 0 else -math.inf
        return math.log(self.classes - 1) - a - math.log1p((self.classes - 1) * math.exp(-a))

    def _peak(self) -> float:
        """Where log(u - d) + (1-q) log a is largest."""

        def rising(a: float) -> float:
            e = (self.classes - 1) * math.exp(-a)
            pull = self.pull(a)
            slope = e / (1.0 + e) ** 2  # -u'
            return (1.0 - self.q) * pull - slope * a

        return _last(rising, 0.0)


def _last(falling: Callable[[float], float], low: float) -> float:
    """The last double above low at which a function that changes sign once, downwards, is positive."""
    high = low or 1.0
    while falling(high) > 0:
        high *= 2.0
    while True:
        middle = 0.5 * (low + high)
        if not low < middle < high:
            return low if low > 0 else high
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)


def simplex(ufm: UFM) -> Simplex:
    """The scalar problem of a balanced UFM."""
    reduction = reduce(ufm)
    smoothing = ufm.loss.smoothing if isinstance(ufm.loss, CrossEntropy) else 0.0
    return Simplex(ufm.classes, float(ufm.counts[0]), smoothing, reduction.c, reduction.q)


def simplex_solution(ufm: UFM, a: float) -> Solution:
    """Logits a (I - J/K), bias zero."""
    classes, scalar = ufm.classes, simplex(ufm)
    sigma = np.full(classes - 1 if a > 0 else 0, a * math.sqrt(scalar.count))
    critical = scalar.critical_c() * scalar.q  # c = g/q
    which = "the global minimizer" if ufm.depth == 1 else "lower than every simplex"
    nothing = f"the decays are so large that the zero solution is {which}"
    merging = float((ufm.samples * scalar.c / (1.0 - scalar.smoothing)) ** 2)

    states = partial(
        ClassStates,
        np.full(classes, ACTIVE if a > 0 else VANISHED),
        np.full(classes, scalar.scale() > 0),
        np.full(classes, merging if ufm.depth == 1 else math.nan),  # deeper, no count decides
        np.full(classes, critical),
        local_factor=1.0 if ufm.depth == 1 else math.nan,
    )
    return Solution(
        value=scalar.value(a) if a > 0 else scalar.at_zero,
        modes=(sigma, ContrastFrame(classes, sigma.size)),
        bias=np.zeros(classes),
        states=states,
        warnings=() if a > 0 else (nothing,),
        geometry="simplex" if a > 0 else "zero",
        witness=partial(simplex_witnesses, scalar, a) if ufm.depth > 1 else None,
    )


def simplex_witnesses(scalar: Simplex, a: float) -> tuple[Array, ...]:
    """Simplices of lengths around a: their gradients are dual points of the one-layer problem at many decays."""
    shape = np.eye(scalar.classes) - 1.0 / scalar.classes
    many = 100 if scalar.classes <= 64 else 20
    lengths = max(a, 1.0) * np.concatenate(
        [np.geomspace(0.02, 3.0, many), np.linspace(0.9, 1.6, many)]
    )
    return tuple(length * shape for length in lengths)
