r"""The target's singular values with a free bias, proved by signs.

tau^2 are the non-zero eigenvalues of diag(n) - n n^T/N. A count shared by m classes gives itself, m - 1 times; with the distinct counts
n_1 < ... < n_G of m_g classes each, the others are the roots of

    f(mu) = sum_g m_g n_g / (n_g - mu).

Between two neighboring counts f rises strictly from -infinity to +infinity (each term has the slope m_g n_g/(n_g - mu)^2 > 0): one root,
enclosed by two signs. So all of them interlace, n_1 < mu_1 < n_2 < ... < n_G, which also proves their order. Of two distinct counts
the root is rational, mu = n_1 n_2 K/N.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from operator import mul
from typing import TYPE_CHECKING, Any

import numpy as np

from .balls import ball, bounds, flint, sign
from .enclosure import Enclosure, cells_near, unit, wider
from .rejected import Rejected, Undecided

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS = (
    80,
    160,
    320,
    640,
)  # of an enclosure; the next one where poles, thresholds or signs ask for it
BLOCK = 256
STEPS = 12


class Secular:
    """f, its signs and its roots.

    Parameters
    ----------
    poles : distinct counts, ascending
    sizes : classes of each count
    """

    def __init__(self, poles: Sequence[Fraction], sizes: Sequence[int]) -> None:
        self.poles, self.sizes = list(poles), list(sizes)
        self.weights = [n * m for n, m in zip(poles, sizes, strict=True)]
        self._balls: dict[int, tuple[list[Any], list[Any]]] = {}

    def sign(self, mu: Fraction, bits: int) -> int:
        """The sign of f at a number that is no pole: in balls, exactly where a ball does not tell."""
        precision = 2 * bits
        with flint().ctx.workprec(precision):
            x = ball(mu)
            found = sign(sum([w / (n - x) for n, w in zip(*self._at(precision), strict=True)]))
        return self._exact_sign(mu) if found is None else found

    def encloses(self, gap: int, mu: Enclosure, bits: int) -> bool:
        """Whether the root between counts `gap` and `gap + 1` lies in [low, high), or is the one number low = high."""
        if not self.poles[gap] < mu.low <= mu.high < self.poles[gap + 1]:
            return False
        if mu.exact:
            return self._exact_sign(mu.low) == 0
        return self.sign(mu.low, bits) <= 0 < self.sign(mu.high, bits)

    def check(self, gap: int, mu: Enclosure, what: str) -> list[tuple[int, Enclosure]]:
        """Raise Rejected unless `mu` is one cell that encloses the root, or with two counts the root itself.

        Returns all cells that do and have fewer bits, with their bits.
        """
        bits = (
            0 if mu.exact or mu.low <= 0 else next((bits for bits in BITS if _is_cell(mu, bits)), 0)
        )
        if mu.exact != (len(self.poles) == 2) or not (mu.exact or bits):
            raise Rejected(
                f"{what}: tau2 is not one cell of {', '.join(map(str, BITS))} bits, nor the rational root of two counts"
            )
        if not self.encloses(gap, mu, bits or BITS[0]):
            raise Rejected(
                f"{what}: the signs at the endpoints of tau2 do not enclose the root of the secular equation"
            )
        return [] if mu.exact else self.wider(gap, mu, bits)

    def wider(self, gap: int, mu: Enclosure, bits: int) -> list[tuple[int, Enclosure]]:
        """(bits, cell) for all cells of fewer bits than `mu` has that enclose its root too."""
        cells = [(fewer, wider(mu, fewer)) for fewer in BITS if fewer < bits]
        return [(fewer, cell) for fewer, cell in cells if self.encloses(gap, cell, fewer)]

    def roots(self) -> list[Enclosure]:
        """One enclosure per gap, each proved."""
        if len(self.poles) == 2:
            (a, b), (m, k) = self.poles, self.sizes
            return [Enclosure(*[a * b * (m + k) / (m * a + k * b)] * 2)]
        starts = _starts(
            np.array([float(n) for n in self.poles]), np.array([float(w) for w in self.weights])
        )
        return [self.root(gap, start) for gap, start in enumerate(starts)]

    def root(self, gap: int, start: Fraction | None = None, least: int = BITS[0]) -> Enclosure:
        """The root of a gap to at least so many bits. Newton in balls proposes, the signs prove."""
        guess = start
        for bits in BITS:
            if bits < least:
                continue
            for _ in range(STEPS):
                guess = self._newton(gap, guess, bits)
                u = unit(guess, bits)
                if 4 * u > self.poles[gap + 1] - self.poles[gap]:
                    break  # the cells are as wide as the gap: more bits
                for found in cells_near(guess, bits):
                    if self.encloses(gap, found, bits):
                        return next(
                            (
                                cell
                                for fewer, cell in self.wider(gap, found, bits)
                                if fewer >= least
                            ),
                            found,
                        )
        raise Undecided(
            f"the root between counts {float(self.poles[gap])} and {float(self.poles[gap + 1])}"
        )

    def _newton(self, gap: int, guess: Fraction | None, bits: int) -> Fraction:
        """One Newton step on (mu - a)(b - mu) f, which has no poles nearby, kept inside the gap."""
        a, b = self.poles[gap], self.poles[gap + 1]
        x = (a + b) / 2 if guess is None or not a < guess < b else guess
        precision = 2 * bits
        with flint().ctx.workprec(precision):
            mu, left, right = ball(x), ball(x - a), ball(b - x)
            poles, weights = self._at(precision)
            reach = [1 / (n - mu) for n in poles]
            terms = list(map(mul, weights, reach))
            value, slope = sum(terms), sum(map(mul, terms, reach))
            step = left * right * value / (left * right * slope + (right - left) * value)
            found = bounds((mu - step).mid())
        if found is not None and a < found[0] < b:
            return found[0]
        return (a + x) / 2 if self.sign(x, bits) > 0 else (x + b) / 2

    def _at(self, precision: int) -> tuple[list[Any], list[Any]]:
        if precision not in self._balls:
            self._balls[precision] = (
                [ball(n) for n in self.poles],
                [ball(w) for w in self.weights],
            )
        return self._balls[precision]

    def _exact_sign(self, mu: Fraction) -> int:
        module = flint()
        x = module.fmpq(mu.numerator, mu.denominator)
        total = module.fmpq(0)
        for n, w in zip(self.poles, self.weights, strict=True):
            total += module.fmpq(w.numerator, w.denominator) / (
                module.fmpq(n.numerator, n.denominator) - x
            )
        return int(total > 0) - int(total < 0)


def _is_cell(mu: Enclosure, bits: int) -> bool:
    u = unit(mu.low, bits)
    return mu.high - mu.low == u and mu.low % u == 0


def _starts(poles: NDArray[np.float64], weights: NDArray[np.float64]) -> list[Fraction | None]:
    """Roots to about double precision, as offsets from the nearer pole by bisection."""
    gaps = np.diff(poles)
    found: list[Fraction | None] = []
    for first in range(0, gaps.size, BLOCK):
        left = np.arange(first, min(first + BLOCK, gaps.size))
        half = 0.5 * gaps[left]

        def f(pole: NDArray[np.intp], t: NDArray[np.float64]) -> NDArray[np.float64]:
            value: NDArray[np.float64] = (
                1.0 / ((poles - poles[pole][:, None]) - t[:, None])
            ) @ weights
            return value

        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            near_left = f(left, half) >= 0
            pole, side = np.where(near_left, left, left + 1), np.where(near_left, 1.0, -1.0)
            low, high = np.zeros(left.size), half
            for _ in range(50):
                middle = 0.5 * (low + high)
                before = (
                    side * f(pole, side * middle) < 0
                )  # as a function of the distance to the pole it rises from -infinity
                low, high = np.where(before, middle, low), np.where(before, high, middle)
        offset = side * 0.5 * (low + high)
        found += [
            Fraction(float(poles[p])) + Fraction(float(t))
            for p, t in zip(pole, offset, strict=True)
        ]
    return found
