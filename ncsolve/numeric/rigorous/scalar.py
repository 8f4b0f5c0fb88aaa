r"""One mode of squared loss, proved in integer arithmetic.

A mode with target singular value tau minimizes (sigma - tau)^2/(2N) + c sigma^q over sigma >= 0. With sigma = tau (1 - p) its
stationary points solve

    left(p) := p^(M+1) (1-p)^(M-1) = N^(M+1) Pi / tau^(2M),                                                  (1)

left rises strictly on [0, (M+1)/(2M)] and falls afterwards, so (1) has at most one root there: the outer one, the only minimum
besides sigma = 0. Its value is tau^2/(2N) times v(p) = p (1 + M (1-p)), against tau^2/(2N) at zero, and

    it is lower than zero  iff  p < 1/M  iff  tau^(2M) (M-1)^(M-1) > N^(M+1) Pi M^(2M)         (0^0 = 1),       (2)

with equality for equality. (2) is a comparison of rationals. p is enclosed by two numbers between which left crosses the right side of (1):
two comparisons of integers. Where tau^2 itself is only enclosed, each comparison takes the end of the enclosure that makes it hardest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING

from .enclosure import Enclosure, cells_near, unit
from .rejected import Rejected

if TYPE_CHECKING:
    from .exact import ExactProblem

BITS = 64  # of an enclosure of p: relative width 1e-19


class Stand(Enum):
    """How the outer stationary point compares with zero."""

    ALIVE = "the outer root beats zero"
    ZERO = "zero is the only minimizer"
    TIE = "the outer root and zero tie exactly"
    UNDECIDED = "the largest precision does not tell the outer root from zero"


@dataclass(frozen=True)
class Scalar:
    """The numbers in (1) and (2): M, N and N^(M+1) Pi."""

    depth: int
    samples: Fraction
    power: Fraction

    @staticmethod
    def of(problem: ExactProblem) -> Scalar:
        """Those of a problem."""
        m, samples = problem.ufm.depth, problem.samples
        return Scalar(m, samples, samples ** (m + 1) * problem.product)

    @property
    def critical(self) -> Fraction:
        """tau^(2M) at a tie."""
        m = self.depth
        return self.power * Fraction(m ** (2 * m), (m - 1) ** (m - 1))

    @property
    def tied(self) -> Enclosure:
        """P at a tie, where v(p) = 1."""
        return Enclosure(Fraction(1, self.depth), Fraction(1, self.depth))

    def stand(self, tau2: Enclosure) -> Stand:
        """Decide (2) for every tau^2 in the enclosure."""
        low, high = tau2.low**self.depth, tau2.high**self.depth
        if self.depth == 1:  # at equality p = 1 is zero itself
            return (
                Stand.ALIVE
                if low > self.critical
                else Stand.ZERO
                if high <= self.critical
                else Stand.UNDECIDED
            )
        if low > self.critical:
            return Stand.ALIVE
        if high < self.critical:
            return Stand.ZERO
        return Stand.TIE if tau2.exact else Stand.UNDECIDED

    def reaches(self, p: Fraction, tau2: Fraction) -> int:
        """The sign of left(p) - N^(M+1) Pi / tau^(2M)."""
        m, a, b = self.depth, p.numerator, p.denominator
        mine: int = a ** (m + 1) * (b - a) ** (m - 1) * tau2.numerator**m * self.power.denominator
        other: int = self.power.numerator * tau2.denominator**m * b ** (2 * m)
        return (mine > other) - (mine < other)

    def encloses(self, p: Enclosure, tau2: Enclosure) -> bool:
        """Whether the outer root lies in [low, high] for every tau^2 in the enclosure, and is the only one on its branch.

        At M = 1 no p exceeds 1: there sigma = 0 is the minimizer, with v(1) = 1.
        """
        m = self.depth
        on_branch = 0 < p.low < p.high and 2 * m * p.high <= m + 1
        before = on_branch and self.reaches(p.low, tau2.high) <= 0
        return before and (self.reaches(p.high, tau2.low) > 0 or (m == 1 and p.high == 1))

    def is_proved(self, p: Enclosure, tau2: Enclosure) -> bool:
        """Whether `p` is one cell of 64 bits that encloses the outer root, or two of which neither does alone."""
        if p.low <= 0 or not self.encloses(p, tau2):
            return False
        u = unit(p.low, BITS)
        if p.low % u or p.high - p.low not in (u, 2 * u):
            return False
        halves = (Enclosure(p.low, p.middle), Enclosure(p.middle, p.high))
        return p.high - p.low == u or not any(self.encloses(half, tau2) for half in halves)

    def shrinkage(self, tau2: Enclosure) -> Enclosure | None:
        """The cell, or two cells, that enclose the outer root for every tau^2 in the enclosure; None if they do not.

        Newton's iteration in balls only proposes them; `is_proved` proves.
        """
        guess = self._newton(tau2.middle)
        if guess is None:
            return None
        near = cells_near(guess, BITS)
        doubled = [Enclosure(p.low, p.low + 2 * (p.high - p.low)) for p in near]
        return next((p for p in (*near, *doubled) if self.is_proved(p, tau2)), None)

    def share(self, p: Fraction) -> Fraction:
        """v(p), rising up to (M+1)/(2M)."""
        return p * (1 + self.depth * (1 - p))

    def _newton(self, tau2: Fraction) -> Fraction | None:
        from .balls import ball, bounds, flint

        m = self.depth
        level = _log(self.power) - m * _log(tau2)

        def excess(p: float) -> float:
            return (m + 1) * math.log(p) + ((m - 1) * math.log1p(-p) if m > 1 else 0.0) - level

        low, high = (
            level / (m + 1),
            math.log((m + 1) / (2 * m)),
        )  # p >= the (m + 1)-th root of the right side
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (
                (middle, high) if excess(min(math.exp(middle), 1 - 1e-16)) < 0 else (low, middle)
            )
        module = flint()
        with module.ctx.workprec(3 * BITS):
            p = module.arb(min(math.exp(0.5 * (low + high)), 1 - 1e-16))
            right = ball(self.power).log() - m * ball(tau2).log()
            for _ in range(3):
                slope = (m + 1) / p - (m - 1) / (1 - p)
                p = (
                    (p - ((m + 1) * p.log() + (m - 1) * (1 - p).log() - right) / slope).mid()
                    if m > 1
                    else (right / 2).exp()
                )
            found = bounds(p)
        if found is None or not found[0] > 0:
            return None
        return min((found[0] + found[1]) / 2, 1 - Fraction(1, 2 ** (2 * BITS)))


def checked(scalar: Scalar, stand: Stand, p: Enclosure | None, tau2: Enclosure, what: str) -> None:
    """Raise Rejected unless the stored stand and root are what (1) and (2) say."""
    if scalar.stand(tau2) is not stand:
        raise Rejected(
            f"{what}: the comparison with the threshold says {scalar.stand(tau2).name}, not {stand.name}"
        )
    if (p is None) != (stand is Stand.ZERO):
        raise Rejected(f"{what}: a root is stored exactly where the mode may be other than zero")
    if stand is Stand.TIE and p != scalar.tied:
        raise Rejected(f"{what}: at a tie p is 1/M")
    if stand in (Stand.ALIVE, Stand.UNDECIDED) and not (
        p is not None and scalar.is_proved(p, tau2)
    ):
        raise Rejected(
            f"{what}: the signs at the endpoints of p do not enclose the outer root in a cell of {BITS} bits"
        )


def _log(number: Fraction) -> float:
    return math.log(number.numerator) - math.log(number.denominator)
