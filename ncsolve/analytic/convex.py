r"""The convex engine: M = 1, any loss convex in the logits, through groups of exchangeable classes (groups.py).

    minimize over B (G x G), a (G), b (G):   F(B, a, b) + c ||B||_* + c sum_g (m_g - 1) sqrt(n_g) |a_g| + (lambda_b/2) sum_g m_g b_g^2

With B = L R^T the nuclear norm is min (|L|^2 + |R|^2)/2, so everything is smooth in (L, R, a, b) once it is known which a_g are
zero, and that is known beforehand. At a_g = 0 the own class and the rest of its group have the same logits, hence the same
softmax and the same residual up to the target, whatever B and b are:

    dF/da_g = -(n_g/N) (m_g - 1) rho_g,        rho_g = (1 - delta) s_g r_g (cross-entropy),  1 (squared loss),

so a_g = 0 iff sqrt(n_g) rho_g <= N c, decided in exact arithmetic; elsewhere the best a_g is positive and |a_g| = a_g.

The rank of B starts as the number of singular values of dF/dB at zero that exceed c. L-BFGS goes near, Newton-MINRES to the end;
then singular values at rounding level are dropped, directions in which ||dF/dB|| exceeds c are added, and the loop goes on until
the duality gap of the reduced problem (R4, block by block) is below 1e-13 of the value (8e-11 beyond 150 groups) or no longer falls.
A problem with more than 150 groups starts from the solution of a coarser one, where neighboring counts share a group.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ..problem.descend import lbfgs, newton, threads_for
from .groups import Groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.losses import Array, Columns

#: Called now and then as progress(stage, objective).
Watch = Callable[[str, float], None]

GAP, LARGE_GAP = 1e-13, 8e-11  # relative duality gap aimed at, and beyond FINE groups
SMALL, TINY = (
    1e-18,
    1e-26,
)  # squared gradient over c times the objective, from which Newton goes on: up to FINE groups, beyond
ROUNDS = 12  # of adding and dropping directions
COARSE, FINE = 60, 150  # groups of the coarse problem; more groups than FINE start from it
NOTHING = 1e-9  # a singular value below this share of c N is dropped before the polish, if the bound allows
MEMORY = 6
IDLE = 600  # steps without a lower value: the gap, of first order in the gradient, closes long after the value has settled


@dataclass(frozen=True, eq=False)
class ConvexSolution:
    """The minimizer: B = left diag(sigma) right^T, a, b per group, its objective and the duality gap of the reduced problem."""

    left: Array
    sigma: Array
    right: Array
    contrast: Array
    bias: Array
    value: float
    gap: float


@dataclass(frozen=True, eq=False)
class ConvexProblem:
    """The reduced problem.

    Attributes
    ----------
    columns : data term over reduced logits
    groups : Groups
    c : weight of the nuclear norm
    bias_decay : lambda_b; infinity without a bias, 0 for a free one
    alive : which a_g are not zero
    """

    columns: Columns
    groups: Groups
    c: float
    bias_decay: float
    alive: NDArray[np.bool_]

    @cached_property
    def _cost(self) -> Array:
        return self.c * self.groups.contrast_cost

    @cached_property
    def _units(self) -> tuple[Array, Array]:
        """Lengths in which a and b are measured, so that curvatures are near c."""
        root = np.sqrt(self.groups.counts)
        return 1.0 / np.sqrt(self.groups.contrast_cost[self.alive]), 1.0 / np.sqrt(
            self.groups.sizes * root
        )

    @property
    def _has_bias(self) -> bool:
        return self.bias_decay < math.inf

    @cached_property
    def _bias_weight(self) -> Array:
        """lambda_b m_g: curvature of the bias penalty; zero without a bias, which then is zero, too."""
        return (self.bias_decay if self._has_bias else 0.0) * self.groups.sizes

    def _penalty(self, left: Array, right: Array, contrast: Array, bias: Array) -> float:
        factors = self.c / 2.0 * float(np.vdot(left, left) + np.vdot(right, right))
        return factors + float(self._cost @ contrast) + float(self._bias_weight @ bias**2) / 2.0

    def pack(self, left: Array, right: Array, contrast: Array, bias: Array) -> Array:
        """(L, R, a, b) to one vector."""
        a_unit, b_unit = self._units
        parts = [left.ravel(), right.ravel(), contrast[self.alive] / a_unit]
        return np.concatenate([*parts, bias / b_unit] if self._has_bias else parts)

    def without_means(self, contrast: Array, bias: Array) -> Array:
        """(a, b) packed at B = 0, rank 0."""
        none = np.zeros((self.groups.number, 0))
        return self.pack(none, none, contrast, bias)

    def unpack(self, x: Array, rank: int) -> tuple[Array, Array, Array, Array]:
        """One vector to (L, R, a, b)."""
        g = self.groups.number
        a_unit, b_unit = self._units
        left, right, rest = (
            x[: g * rank].reshape(g, rank),
            x[g * rank : 2 * g * rank].reshape(g, rank),
            x[2 * g * rank :],
        )
        contrast = np.zeros(g)
        contrast[self.alive] = rest[: a_unit.size] * a_unit
        return (
            left,
            right,
            contrast,
            rest[a_unit.size :] * b_unit if self._has_bias else np.zeros(g),
        )

    def value_and_gradient(self, x: Array, rank: int) -> tuple[float, Array]:
        """Objective and gradient in packed variables."""
        left, right, contrast, bias = self.unpack(x, rank)
        fit, slope = self.columns.value_and_gradient(
            self.groups.logits(left @ right.T, contrast, bias)
        )
        g_b, g_a, g_bias = self.groups.pull(slope)
        g_bias = g_bias + self._bias_weight * bias
        gradient = self._gradient(
            g_b @ right + self.c * left, g_b.T @ left + self.c * right, g_a + self._cost, g_bias
        )
        return fit + self._penalty(left, right, contrast, bias), gradient

    def hessian(self, x: Array, rank: int) -> Callable[[Array], Array]:
        """The map v -> (second derivative at x) v."""
        left, right, contrast, bias = self.unpack(x, rank)
        logits = self.groups.logits(left @ right.T, contrast, bias)
        g_b = self.groups.pull(self.columns.gradient(logits))[0]
        bend = self.columns.hessian_product(logits)

        def product(v: Array) -> Array:
            d_left, d_right, d_contrast, d_bias = self.unpack(
                np.asarray(v, dtype=np.float64).ravel(), rank
            )
            moved = self.groups.logits(d_left @ right.T + left @ d_right.T, d_contrast, d_bias)
            h_b, h_a, h_bias = self.groups.pull(bend(moved))
            to_left = h_b @ right + g_b @ d_right + self.c * d_left
            to_right = h_b.T @ left + g_b.T @ d_left + self.c * d_right
            return self._gradient(to_left, to_right, h_a, h_bias + self._bias_weight * d_bias)

        return product

    def _gradient(self, left: Array, right: Array, contrast: Array, bias: Array) -> Array:
        a_unit, b_unit = self._units
        parts = [left.ravel(), right.ravel(), contrast[self.alive] * a_unit]
        return np.concatenate([*parts, bias * b_unit] if self._has_bias else parts)

    def slope(self, x: Array, rank: int) -> Array:
        """dF/dB, shape (G, G)."""
        left, right, contrast, bias = self.unpack(x, rank)
        slope: Array = self.groups.pull(
            self.columns.gradient(self.groups.logits(left @ right.T, contrast, bias))
        )[0]
        return slope

    def norm_at_zero(self) -> float:
        """||dF/dB||_op at A = 0 with the best bias: from c = this on, all is zero, unless a contrast still lives."""
        return replace(self, alive=np.zeros(self.groups.number, dtype=bool)).norm_without_means()

    def norm_without_means(self) -> float:
        """||dF/dB||_op at B = 0 with the best a and b: B is zero iff this is at most c."""
        x = self.without_means(np.where(self.alive, 2.0, 0.0), np.zeros(self.groups.number))
        return float(np.linalg.norm(self.slope(_descend(self, x, 0, None), 0), 2))

    def gap(self, x: Array, rank: int) -> tuple[float, float]:
        """(objective, objective - lower bound): the dual point is the gradient, scaled back until it is feasible in every block.

        With a free bias the bound holds up to (gradient in b) times (error of b), which is added.
        """
        left, right, contrast, bias = self.unpack(x, rank)
        fit, dual = self.columns.value_and_gradient(
            self.groups.logits(left @ right.T, contrast, bias)
        )
        value = fit + self._penalty(left, right, contrast, bias)
        g_b, g_a, g_bias = self.groups.pull(dual)
        t = min(1.0, self.c / max(float(np.linalg.norm(g_b, 2)), 1e-300))
        for cost, pull in zip(self._cost, np.abs(g_a), strict=True):
            t = min(t, cost / pull) if cost > 0 and pull > cost else t
        bound = -self.columns.conjugate(t * dual)
        slack = 0.0
        if self._has_bias:
            if self.bias_decay > 0:
                bound -= (
                    t * t * float((g_bias**2 / self.groups.sizes).sum()) / (2.0 * self.bias_decay)
                )
            else:
                slack = float(np.abs(g_bias).sum()) * (1.0 + float(np.abs(bias).max()))
        return value, value - bound + slack


def solve_convex(
    problem: ConvexProblem, coarse: Callable[[Groups], ConvexProblem], watch: Watch | None = None
) -> ConvexSolution:
    """The minimizer of the reduced problem.

    Parameters
    ----------
    problem : ConvexProblem
    coarse : callable
        The same problem over other groups; asked for only where there are more than 150.
    watch : callback
    """
    with threads_for(problem.groups.number):
        return _solve(problem, coarse, watch)


def _solve(
    problem: ConvexProblem, coarse: Callable[[Groups], ConvexProblem], watch: Watch | None
) -> ConvexSolution:
    left, right, contrast, bias = _start(problem, coarse, watch)
    number = problem.groups.number
    best: tuple[float, float, Array, int] | None = None
    for turn in range(ROUNDS):
        rank = left.shape[1]
        x = _descend(problem, problem.pack(left, right, contrast, bias), rank, watch)
        value, gap = problem.gap(x, rank)
        if watch is not None:
            watch(
                f"round {turn + 1}, rank {rank} of {number}, relative gap {gap / abs(value):.1e}",
                value,
            )
        if best is None or gap < best[1]:
            best = (value, gap, x, rank)
        elif turn > 2:
            break
        left, right, contrast, bias = problem.unpack(x, rank)
        u, s, v = _svd(left, right)
        new_u, strength, new_v = _exceeding(problem, x, rank)
        kept = s > NOTHING * problem.groups.samples * problem.c
        if gap <= _aim(problem) * abs(value) and kept.all():
            break
        if kept.all() and not strength.size:
            if turn:
                break
            continue
        root = np.sqrt(s[kept])
        fresh = np.full(strength.size, math.sqrt(1e-3 * (s[0] if s.size else 1.0)))
        left = np.hstack([u[:, kept] * root, -new_u * fresh])
        right = np.hstack([v[:, kept] * root, new_v * fresh])
    assert best is not None
    value, gap, x, rank = best
    left, right, contrast, bias = problem.unpack(x, rank)
    u, s, v = _svd(left, right)
    kept = s > NOTHING * problem.groups.samples * problem.c
    return ConvexSolution(u[:, kept], s[kept], v[:, kept], contrast, bias, value, max(gap, 0.0))


def _descend(problem: ConvexProblem, x: Array, rank: int, watch: Watch | None) -> Array:
    """L-BFGS until the gap is closed or no step goes lower; then Newton, to rounding for up to 150 groups, else as far as needed."""

    def function(y: Array) -> tuple[float, Array]:
        return problem.value_and_gradient(y, rank)

    def hessian(y: Array) -> Callable[[Array], Array]:
        return problem.hessian(y, rank)

    def closed(y: Array, value: float, gradient: Array) -> bool:
        if float(np.vdot(gradient, gradient)) > 1e-6 * problem.c * value:
            return False
        objective, gap = problem.gap(y, rank)
        return gap <= _aim(problem) * objective

    if not x.size:
        return x
    large = problem.groups.number > FINE
    y, value, gradient = x, *function(x)
    for step, (y, value, gradient) in enumerate(lbfgs(function, x, MEMORY, IDLE), start=1):
        if step % 10 == 0:
            if watch is not None:
                watch(f"step {step}, rank {rank}", value)
            if step % 30 == 0 and closed(y, value, gradient):
                break
        if float(np.vdot(gradient, gradient)) <= (TINY if large else SMALL) * problem.c * value:
            break
    if large and closed(y, value, gradient):
        return y
    for last in islice(newton(function, hessian, y, 300), 25):
        y, value, gradient = last
        if watch is not None:
            watch(f"Newton, rank {rank}", value)
        if large and closed(y, value, gradient):
            break
    return y


def _aim(problem: ConvexProblem) -> float:
    return GAP if problem.groups.number <= FINE else LARGE_GAP


def _svd(left: Array, right: Array) -> tuple[Array, Array, Array]:
    """Left vectors, singular values, right vectors (columns) of L R^T."""
    q_left, r_left = np.linalg.qr(left)
    q_right, r_right = np.linalg.qr(right)
    u, s, vt = np.linalg.svd(r_left @ r_right.T)
    return q_left @ u, s, q_right @ vt.T


def _exceeding(problem: ConvexProblem, x: Array, rank: int) -> tuple[Array, Array, Array]:
    """Singular triples of dF/dB beyond c, outside the directions in use."""
    u, s, vt = np.linalg.svd(problem.slope(x, rank))
    over = s > problem.c * (1.0 + 1e-9)
    if not over.any():
        return u[:, :0], s[:0], vt[:0].T
    left, right, _, _ = problem.unpack(x, rank)
    fresh_u = u[:, over] - (q := np.linalg.qr(left)[0]) @ (q.T @ u[:, over])
    fresh_v = vt[over].T - (q := np.linalg.qr(right)[0]) @ (q.T @ vt[over].T)
    new = (np.linalg.norm(fresh_u, axis=0) > 0.5) & (np.linalg.norm(fresh_v, axis=0) > 0.5)
    return u[:, over][:, new], s[over][new], vt[over].T[:, new]


def _start(
    problem: ConvexProblem, coarse: Callable[[Groups], ConvexProblem], watch: Watch | None
) -> tuple[Array, Array, Array, Array]:
    """(L, R, a, b): from a coarser problem, or from the gradient at zero."""
    groups = problem.groups
    if groups.number > FINE:
        return _refined(problem, coarse, watch)
    contrast = np.where(problem.alive, 2.0, 0.0)
    bias = np.zeros(groups.number)
    if problem.bias_decay < math.inf:
        x = problem.without_means(contrast, bias)
        _, _, contrast, bias = problem.unpack(_descend(problem, x, 0, None), 0)
    x = problem.without_means(contrast, bias)
    u, s, vt = np.linalg.svd(problem.slope(x, 0))
    kept = s > problem.c
    root = np.sqrt(
        (s[kept] - problem.c)
        / max(float(s[0]), 1e-300)
        * math.sqrt(groups.samples / groups.sizes.sum())
        * 4.0
    )
    return -u[:, kept] * root, vt[kept].T * root, contrast, bias


def _refined(
    problem: ConvexProblem, coarse: Callable[[Groups], ConvexProblem], watch: Watch | None
) -> tuple[Array, Array, Array, Array]:
    """(L, R, a, b) from a problem with few groups of neighboring counts: means interpolated, contrasts continued in the count."""
    groups = problem.groups
    parent = np.arange(groups.number) * COARSE // groups.number
    sizes = np.bincount(parent, weights=groups.sizes).astype(np.float64)
    counts = np.bincount(parent, weights=groups.sizes * groups.counts) / sizes
    wide = Groups(counts, sizes, parent, groups.first[np.unique(parent, return_index=True)[1]])
    found = solve_convex(coarse(wide), coarse, watch)
    mean = (found.left * found.sigma) @ found.right.T / wide.scale  # logits C_hg
    at = np.linspace(0.0, COARSE - 1.0, groups.number)
    low = np.minimum(at.astype(np.intp), COARSE - 2)
    weights = np.zeros((groups.number, COARSE))
    weights[np.arange(groups.number), low] = 1.0 - (at - low)
    weights[np.arange(groups.number), low + 1] = at - low
    alive = found.contrast > 0
    own = np.interp(
        np.sqrt(groups.counts),
        *_thresholded(np.sqrt(counts[alive]), found.contrast[alive], problem),
    )
    logits = weights @ mean @ weights.T - (parent[:, None] == parent) * (own / sizes[parent])
    u, s, vt = np.linalg.svd(logits * groups.scale + np.diag(np.sqrt(groups.counts) * own))
    contrast, bias = np.where(problem.alive, np.maximum(own, 1e-3), 0.0), weights @ found.bias
    x = problem.without_means(contrast, bias)
    rank = int((np.linalg.svd(problem.slope(x, 0), compute_uv=False) > problem.c).sum())
    root = np.sqrt(np.maximum(s[:rank], 1e-3 * s[0]))
    return u[:, :rank] * root, vt[:rank].T * root, contrast, bias


def _thresholded(roots: Array, contrast: Array, problem: ConvexProblem) -> tuple[Array, Array]:
    """Nodes (sqrt(n), a) with a = 0 at sqrt(n) = N c added."""
    edge = problem.groups.samples * problem.c
    return np.concatenate([[0.0, edge], roots[roots > edge]]), np.concatenate(
        [[0.0, 0.0], contrast[roots > edge]]
    )
