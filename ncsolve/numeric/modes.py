r"""Squared loss with bias none or free: the global minimum, enclosed mode by mode.

By von Neumann's trace inequality ||A - T||^2 >= sum (sigma_i - tau_i)^2, with equality where A shares T's singular vectors, so the
minimum over A of rank <= R is a sum over the target's singular values tau of scalar minima, of which at most R may leave zero. What a
mode gains by leaving it, max over sigma of tau sigma/N - sigma^2/(2N) - c sigma^q, is a maximum of functions that rise with tau: the R
largest are kept.

A mode minimizes (sigma - tau)^2/(2N) + c sigma^q over sigma >= 0. With sigma = tau (1 - p), p = exp(y), its stationary points solve

    left(y) := (M+1) y + (M-1) log(1 - exp(y)) = (M+1) log N + log Pi - M log tau^2,                         (1)

left rises strictly up to p = (M+1)/(2M) and falls afterwards, so (1) has at most one root there: the outer one, the only minimum
besides sigma = 0. Its value is tau^2/(2N) times v(p) = p (1 + M (1-p)), against tau^2/(2N) at zero, and

    it is lower than zero  iff  p < 1/M  iff  tau^(2M) (M-1)^(M-1) > N^(M+1) Pi M^(2M)         (0^0 = 1),       (2)

with equality for equality: a comparison of rationals where tau^2 is one, else of balls. Either way the mode costs min(v(p), 1).

tau^2. Bias none: the counts. Bias free: the non-zero eigenvalues of diag(n) - n n^T/N. A count shared by m classes gives itself, m - 1
times; with the distinct counts n_1 < ... < n_G of m_g classes each, the others are the roots of

    f(mu) = sum_g m_g n_g / (n_g - mu).                                                                      (3)

Between two neighboring counts f rises strictly from -infinity to +infinity: one root. So all of them interlace, which also proves their
order. Of two distinct counts the root is rational, mu = n_1 n_2 K/N. Given targets: with the target's columns y_k (less their weighted
mean where the bias is free) the eigenvalues of the rational matrix Y D Y^T, that is the roots of its characteristic polynomial, which
is computed exactly and whose roots FLINT isolates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.errors import ProblemError
from .balls import PRECISION, Enclosure, ExactProblem, Undecided, dyadic, flint, newton, total

if TYPE_CHECKING:
    from ..problem.losses import Array

LARGEST = 64  # rows or columns of given targets: the coefficients of their polynomial grow with the square
BISECTIONS = 50


class Stand(Enum):
    """How the outer stationary point compares with zero."""

    ALIVE = "the outer root beats zero"
    ZERO = "zero is the only minimizer"
    TIE = "the outer root and zero tie exactly"
    UNDECIDED = "the largest precision does not tell the outer root from zero"


@dataclass(frozen=True)
class TargetMode:
    """One distinct tau.

    Attributes
    ----------
    tau2 : Enclosure of tau^2
    copies, kept : how often it occurs, and for how many of these the rank has room
    stand : Stand
    p : Enclosure of p = 1 - sigma/tau at the outer root (1/M at a tie), None where the mode is zero
    sigma : Enclosure of tau (1 - p), None where the mode is zero
    """

    tau2: Enclosure
    copies: int
    kept: int
    stand: Stand
    p: Enclosure | None = None
    sigma: Enclosure | None = None

    def to_dict(self) -> dict[str, Any]:
        """The mode as plain values, its enclosures as exact text."""
        found = {
            name: value.to_list() if isinstance(value, Enclosure) else value
            for name, value in vars(self).items()
        }
        return found | {"stand": self.stand.name}


def modes(problem: ExactProblem) -> tuple[list[TargetMode], Any]:
    """All modes, tau descending, and the ball of the least objective that they allow."""
    left, found, value = problem.ufm.rank_limit, [], []
    with flint().ctx.workprec(PRECISION[0]):
        for tau2, copies, again in _targets(problem):
            kept = min(left, copies)
            left -= kept
            stand, tau2, p = solved(problem, tau2, again)
            square = flint().arb(tau2)
            if p is None:
                found.append(TargetMode(Enclosure.of(tau2), copies, kept, stand))
                value.append(copies * tau2)
                continue
            sigma = square.sqrt() * (1 - p)
            ends = [Enclosure.of(x) for x in (tau2, p, sigma)]
            found.append(TargetMode(ends[0], copies, kept, stand, ends[1], ends[2]))
            cost = (p * (1 + problem.ufm.depth * (1 - p))).min(1)
            value.append(square * (copies - kept + kept * cost))
        return found, flint().arb(sum(value) / (2 * problem.samples))


def solved(
    problem: ExactProblem, tau2: Any, again: Callable[[int], Any] | None
) -> tuple[Stand, Any, Any | None]:
    """(2) and the outer root p; a ball of tau^2 that leaves (2) open is made again with more bits."""
    m, arb = problem.ufm.depth, flint().arb
    power = problem.samples ** (m + 1)
    for decay in problem.decays:
        power *= decay
    for precision in PRECISION if again else PRECISION[:1]:
        with flint().ctx.workprec(precision):
            if again and precision > PRECISION[0]:
                tau2 = again(precision)
            mine, other = tau2**m * (m - 1) ** (m - 1), power * m ** (2 * m)
            if mine < other or (m == 1 and again is None and mine == other):
                return Stand.ZERO, tau2, None
            if again is None and mine == other:
                return Stand.TIE, tau2, arb(1) / m
            stand = Stand.ALIVE if mine > other else Stand.UNDECIDED
            if stand is Stand.ALIVE or precision == PRECISION[-1]:
                return stand, tau2, outer(m, arb(power).log() - m * arb(tau2).log(), precision)
    raise AssertionError("a rational is decided")


def outer(depth: int, level: Any, precision: int) -> Any:
    """P at the outer root of (1) with that right side."""
    arb = flint().arb
    if depth == 1:
        return (level / 2).exp().min(1)

    def left(y: Any) -> tuple[Any, Any]:
        p, q = y.exp(), -y.expm1()
        value = (depth + 1) * y + (depth - 1) * q.log() - level
        return value, depth + 1 - (depth - 1) * p / q

    low, top = level / (depth + 1), (arb(depth + 1) / (2 * depth)).log()
    # concave, so Newton rises to the root from the left
    found = newton(left, low.mid(), low - 1, top, precision // 2 + 16)
    if found is None:
        raise Undecided("the outer root of a mode")
    return found.exp()


def _targets(problem: ExactProblem) -> list[tuple[Any, int, Callable[[int], Any] | None]]:
    """(tau^2, copies, how to enclose it with more bits where it is no known rational), descending."""
    if not problem.one_hot:
        polynomial = _characteristic(problem)

        def again(i: int, bits: int) -> Any:
            return _roots(polynomial, bits)[i][0]

        found = enumerate(_roots(polynomial, PRECISION[0]))
        return [(tau2, copies, partial(again, i)) for i, (tau2, copies) in found]
    sizes = Counter(problem.counts)
    poles = sorted(sizes)
    copies = [sizes[n] for n in poles]
    if not problem.free:
        return [(n, m, None) for n, m in zip(poles[::-1], copies[::-1], strict=True)]
    modes: list[tuple[Any, int, Callable[[int], Any] | None]] = []
    secular = Secular(poles, copies)
    for g in reversed(range(len(poles))):
        if copies[g] > 1:
            modes.append((poles[g], copies[g] - 1, None))
        if g and len(poles) == 2:
            modes.append((poles[0] * poles[1] * len(problem.counts) / problem.samples, 1, None))
        elif g:
            root = partial(secular.root, g - 1)
            modes.append((root(PRECISION[0]), 1, root))
    return modes


class Secular:
    """(3) and its roots, for distinct counts, ascending, and how many classes have each."""

    def __init__(self, poles: list[Any], sizes: list[int]) -> None:
        self.poles = poles
        self.weights = [n * m for n, m in zip(poles, sizes, strict=True)]
        floats = ([float(Enclosure.of(x).low) for x in y] for y in (poles, self.weights))
        self._starts = _starts(*map(np.array, floats))

    def root(self, gap: int, precision: int) -> Any:
        """The ball of the root between two neighboring counts; more bits where those asked for do not tell it from them."""
        arb = flint().arb
        for bits in PRECISION[PRECISION.index(precision) :]:
            with flint().ctx.workprec(bits):
                a, b = (arb(n) for n in self.poles[gap : gap + 2])
                poles, weights = ([arb(x) for x in y] for y in (self.poles, self.weights))
                near_left, offset = self._starts[gap]
                start = (a + offset if near_left else b - offset).mid()

                def f(mu: Any, poles: Any = poles, weights: Any = weights) -> tuple[Any, Any]:
                    reach = [1 / (n - mu) for n in poles]
                    terms = [w * r for w, r in zip(weights, reach, strict=True)]
                    slope = total(t * r for t, r in zip(terms, reach, strict=True))
                    return total(terms), slope

                found = newton(f, start, a, b, bits // 2 + 16)
                if found is not None:
                    return found
        raise Undecided(f"the root between counts {self.poles[gap]} and {self.poles[gap + 1]}")


def _starts(poles: Array, weights: Array) -> list[tuple[bool, float]]:
    """Roots of (3) in floating point: whether the count below is the nearer one, and the distance to the nearer one, by bisection."""
    left, half = np.arange(poles.size - 1), 0.5 * np.diff(poles)

    def f(pole: Any, t: Array) -> Array:
        value: Array = (1.0 / ((poles - poles[pole][:, None]) - t[:, None])) @ weights
        return value

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        near_left = f(left, half) >= 0
        pole, side = np.where(near_left, left, left + 1), np.where(near_left, 1.0, -1.0)
        low, high = np.zeros(left.size), half
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            before = side * f(pole, side * middle) < 0  # it rises with the distance to the pole
            low, high = np.where(before, middle, low), np.where(before, high, middle)
    return list(zip(near_left.tolist(), (0.5 * (low + high)).tolist(), strict=True))


def _characteristic(problem: ExactProblem) -> Any:
    """The characteristic polynomial of Y D Y^T, or of Y^T Y D with the same non-zero roots, without its zero roots."""
    mat, y = flint().fmpq_mat, problem.targets
    if min(len(y), len(y[0])) > LARGEST:
        raise ProblemError(
            f"a rigorous certificate for {len(y)} x {len(y[0])} targets needs an exact characteristic polynomial; "
            f"up to {LARGEST} rows or columns work"
        )
    if problem.free:
        means = [
            sum(n * x for n, x in zip(problem.counts, row, strict=True)) / problem.samples
            for row in y
        ]
        y = [[x - mean for x in row] for row, mean in zip(y, means, strict=True)]
    weighted = mat([[n * x for n, x in zip(problem.counts, row, strict=True)] for row in y])
    across = mat(y).transpose()
    chi = (weighted * across if len(y) <= len(y[0]) else across * weighted).charpoly().coeffs()
    rational = flint().fmpq_poly(chi[next(i for i, a in enumerate(chi) if a != 0) :])
    return rational.numer() if callable(rational.numer) else rational.numer


def _roots(polynomial: Any, precision: int) -> list[tuple[Any, int]]:
    """(ball, multiplicity) of every root, descending: all are real and positive, and no two balls meet."""
    for bits in PRECISION[PRECISION.index(precision) :]:
        with flint().ctx.workprec(bits):
            roots = [(root.real, copies) for root, copies in polynomial.complex_roots()]
            roots.sort(key=lambda found: dyadic(found[0]), reverse=True)
            apart = all(one > other for (one, _), (other, _) in pairwise(roots))
            fine = all(x > 0 and x.rel_accuracy_bits() > bits // 2 + 16 for x, _ in roots)
            if apart and fine:
                return roots
    raise Undecided("an eigenvalue of the targets' Gram matrix")
