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
        return self.loss(a) + self.c * (self.classes - 1) * math.pow(
            a * math.sqrt(self.count), self.q
        )

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
        far = peak
        while excess(far) > 0:
            far *= 2.0
        return _last(excess, peak, far)

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

        def falling(
            a: float,
        ) -> (
            float
        ):  # stationary where pull(a) a = q (log K - loss(a)); before that the left side is larger
            return self.pull(a) * a - self.q * (self.at_zero - self.loss(a))

        far = 1.0
        while falling(far) > 0:
            far *= 2.0
        a = _last(falling, 0.0, far)
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

        far = 1.0
        while rising(far) > 0:
            far *= 2.0
        return _last(rising, 0.0, far)


def _last(falling: Callable[[float], float], low: float, high: float) -> float:
    """The last double between low and high at which a function that changes sign once, downwards, is positive."""
    while True:
        middle = 0.5 * (low + high)
        if not low < middle < high:
            return low if low > 0 else high
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
