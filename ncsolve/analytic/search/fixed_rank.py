r"""The reduced problem at a fixed rank r, on two factors.

    G(L, R, b) = F(L R^T + b 1^T) + (c/2) [tr (L^T L)^q + tr (R^T R)^q] + (lambda_b/2) ||b||^2,     L, R with r columns

Horn: sum_i sigma_i(L R^T)^q <= sum_i s_i(L)^q s_i(R)^q, at most half the sum of s_i(L)^(2q) + s_i(R)^(2q). So G >= f(L R^T, b), with
equality at L = U Sigma^(1/2), R = V Sigma^(1/2): both have the same minimizers, G needs no singular vectors, and descent on it
keeps the factors balanced by itself. G is smooth while the rank is r. With S = (X^T X)^(q-1) for X = L or R,

    dG/dL = F' R + c q L S_L,        d(X S) = dX S + X dS,        dS = V (D o V^T (dX^T X + X^T dX) V) V^T,

where X^T X = V diag(e) V^T and D_ij = (e_i^(q-1) - e_j^(q-1)) / (e_i - e_j) (Daleckii and Krein).

For q < 1 a mode that goes to zero is met by an infinite slope, so modes are given up by value: see `shrunk`.

Many descents race side by side, of which the better go on. After every leg of 20, 20, 40, 80 and 160 steps of L-BFGS on G
the best third goes on; modes whose loss does not raise f are given up on the way, so a run may end at a lower rank than it
began. The finalists converge: a run ends when

    ||grad G|| ||theta|| < 1e-10 G,      theta = (L, R, b),

and `RankRun.finish` then takes Newton steps to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ...problem.descend import lbfgs, newton

if TYPE_CHECKING:
    from ...problem.losses import Array, Columns

EPS = float(np.finfo(float).eps)
HUGE = 1e70  # entries of a trial point beyond which powers leave the doubles
MEMORY = 20
LEGS = (20, 20, 40, 80, 160)
LAST = 2000  # steps of a finalist
FINALISTS = 4
SAME = 1e-9  # relative difference of values below which two runs of one rank have met
STILL = 1e-10
STEPS, PRODUCTS = 40, 2000  # of the polish, and of each of its steps
NEAR = 1e-5  # relative distance below which a divided difference is the derivative in the middle, to NEAR^2


@dataclass(frozen=True, eq=False)
class FixedRank:
    """G as a function of theta = (L, R, b); the rank is read off the length of theta."""

    columns: Columns
    classes: int
    c: float
    q: float
    bias_decay: float

    def unpack(self, theta: Array) -> tuple[Array, Array, Array]:
        """(L, R, b), views; b is zero when there is no bias."""
        k = self.classes
        rank = (theta.size - (k if self.bias_decay < math.inf else 0)) // (2 * k)
        left, right, bias = np.split(theta, [k * rank, 2 * k * rank])
        return left.reshape(k, rank), right.reshape(k, rank), bias if bias.size else np.zeros(k)

    def pack(self, left: Array, sigma: Array, right: Array, bias: Array) -> Array:
        """Balanced factors of left diag(sigma) right^T."""
        parts = [(left * np.sqrt(sigma)).ravel(), (right * np.sqrt(sigma)).ravel()]
        return np.concatenate([*parts, bias] if self.bias_decay < math.inf else parts)

    def decompose(self, theta: Array) -> tuple[Array, Array, Array, Array]:
        """(left, sigma, right, bias) with L R^T = left diag(sigma) right^T, through the r x r core."""
        left, right, bias = self.unpack(theta)
        (one, a), (other, b) = np.linalg.qr(left), np.linalg.qr(right)
        u, sigma, v = np.linalg.svd(a @ b.T)
        return one @ u, sigma, other @ v.T, bias

    def reduced(self, left: Array, sigma: Array, right: Array, bias: Array) -> float:
        """f(A, b), not G: the value that counts."""
        fit = self.columns.value((left * sigma) @ right.T + np.outer(bias, self.columns.ones))
        return fit + self.c * float((sigma**self.q).sum()) + self._bias_term(bias)

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """G and its gradient."""
        gradient = np.zeros_like(theta)
        if not np.abs(theta).max(initial=0.0) < HUGE:
            return math.inf, gradient
        left, right, bias = self.unpack(theta)
        value, back = self.columns.value_and_gradient(
            left @ right.T + np.outer(bias, self.columns.ones)
        )
        to_left, to_right, to_bias = self.unpack(gradient)
        np.matmul(back, right, out=to_left)
        np.matmul(back.T, left, out=to_right)
        for x, to in ((left, to_left), (right, to_right)):
            e, v = _gram(x)
            value += 0.5 * self.c * float((e**self.q).sum())
            to += self.c * self.q * (x @ ((v * e ** (self.q - 1.0)) @ v.T))
        if self.bias_decay < math.inf:
            to_bias += back @ self.columns.ones + self.bias_decay * bias
        return value + self._bias_term(bias), gradient

    def hessian_product(self, theta: Array) -> Callable[[Array], Array]:
        """The map v -> (second derivative of G at theta) v."""
        left, right, bias = self.unpack(theta)
        logits = left @ right.T + np.outer(bias, self.columns.ones)
        back, bend = self.columns.gradient(logits), self.columns.hessian_product(logits)
        bend_left, bend_right = self._bend(left), self._bend(right)

        def product(direction: Array) -> Array:
            dl, dr, db = self.unpack(direction)
            moved = bend(dl @ right.T + left @ dr.T + np.outer(db, self.columns.ones))
            parts = [
                moved @ right + back @ dr + bend_left(dl),
                moved.T @ left + back.T @ dl + bend_right(dr),
            ]
            if self.bias_decay < math.inf:
                parts.append(moved @ self.columns.ones + self.bias_decay * db)
            return np.concatenate([part.ravel() for part in parts])

        return product

    def _bend(self, x: Array) -> Callable[[Array], Array]:
        """d(c q X S) along dX."""
        e, v = _gram(x)
        power = self.q - 1.0
        s = (v * e**power) @ v.T
        gap, middle = e[:, None] - e, 0.5 * (e[:, None] + e)
        close = np.abs(gap) <= NEAR * middle
        slope = power * middle ** (power - 1.0)
        divided = np.where(
            close, slope, (e[:, None] ** power - e**power) / np.where(close, 1.0, gap)
        )

        def along(dx: Array) -> Array:
            turn = dx.T @ x
            bend: Array = (
                self.c * self.q * (dx @ s + x @ (v @ (divided * (v.T @ (turn + turn.T) @ v)) @ v.T))
            )
            return bend

        return along

    def _bias_term(self, bias: Array) -> float:
        return 0.5 * self.bias_decay * float(bias @ bias) if self.bias_decay < math.inf else 0.0


def shrunk(problem: FixedRank, theta: Array) -> Array:
    """Theta without its smallest modes, as long as giving one up does not raise f; theta itself if none goes."""
    left, sigma, right, bias = problem.decompose(theta)
    value, rank = problem.reduced(left, sigma, right, bias), sigma.size
    while rank:
        fewer = left[:, : rank - 1], sigma[: rank - 1], right[:, : rank - 1]
        if not (less := problem.reduced(*fewer, bias)) <= value:
            break
        value, rank = less, rank - 1
    if rank == sigma.size:
        return theta
    return problem.pack(left[:, :rank], sigma[:rank], right[:, :rank], bias)


def _gram(x: Array) -> tuple[Array, Array]:
    """Eigenvalues of X^T X, kept above rounding, and eigenvectors."""
    e, v = np.linalg.eigh(x.T @ x)
    return np.maximum(e, EPS * e.max(initial=0.0) + HUGE**-2), v


class RankRun:
    """One descent, which can be continued and which gives up modes on the way."""

    def __init__(self, problem: FixedRank, name: str, theta: Array) -> None:
        self.problem, self.name = problem, name
        self._begin(theta)

    def _begin(self, theta: Array) -> None:
        self.theta, self.done = theta, False
        self.value = self.problem.reduced(*self.problem.decompose(theta))
        self.steps = lbfgs(self.problem.value_and_gradient, theta, MEMORY)

    @property
    def rank(self) -> int:
        """Number of modes left."""
        return int(self.problem.unpack(self.theta)[0].shape[1])

    def advance(self, steps: int) -> None:
        """So many steps more, or until the gradient is small; then modes that do not pay go."""
        with np.errstate(over="ignore", invalid="ignore"):  # trial points of the line search
            for _ in range(steps if not self.done else 0):
                step = next(self.steps, None)
                if step is None:
                    self.done = True
                    break
                self.theta, self.value, gradient = step
                slope = float(np.linalg.norm(gradient) * np.linalg.norm(self.theta))
                if slope < STILL * abs(self.value):
                    self.done = True
                    break
        if (fewer := shrunk(self.problem, self.theta)).size < self.theta.size:
            self._begin(fewer)

    def finish(self) -> None:
        """To rounding; the value becomes that of f."""
        function, hessian = self.problem.value_and_gradient, self.problem.hessian_product
        for step in islice(newton(function, hessian, self.theta, PRODUCTS), STEPS):
            self.theta = step[0]
        self.value = self.problem.reduced(*self.problem.decompose(self.theta))


def race(field: list[RankRun], tell: Callable[[], None]) -> list[RankRun]:
    """Leave the best third after every leg; the finalists, converged and distinct, best first."""
    for steps in LEGS:
        for run in field:
            run.advance(steps)
        field = distinct(field)
        field = field[: max(FINALISTS, len(field) // 3)]
        tell()
    for run in field[:FINALISTS]:
        for _ in range(LAST // LEGS[-1]):
            run.advance(LEGS[-1])
    tell()
    return distinct(field[:FINALISTS])


def distinct(field: list[RankRun]) -> list[RankRun]:
    """Ascending in value, without those that have met one of the same rank."""
    kept: list[RankRun] = []
    for run in sorted(field, key=lambda run: run.value):
        near = (other for other in kept[-3:] if run.value - other.value <= SAME * abs(run.value))
        if all(run.rank != other.rank for other in near):
            kept.append(run)
    return kept
