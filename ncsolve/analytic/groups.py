r"""Classes of equal rights: what a convex problem of K classes loses when classes are exchangeable (R5).

Classes with the same count (and the same parameters of the loss) form a group; let there be G groups of m_g classes with
count n_g. A convex problem has a minimizer that no permutation within groups moves, so the logits of a class in group g are

    own class  C_gg + a_g (1 - 1/m_g),     rest of its group  C_gg - a_g / m_g,     each class of group h  C_hg

(m_g = 1: no rest, a_g = 0). With A = Zbar D^(1/2) the spaces "group means" and "contrasts within group g" are invariant, hence

    ||A||_* = ||B||_* + sum_g (m_g - 1) sqrt(n_g) |a_g|,     B_hg = sqrt(m_h) C_hg sqrt(m_g n_g)      (G x G),

and column g carries the share m_g n_g / N of the samples. N and K do not enter the cost.

A column of reduced logits has G + 1 rows: one class of each group h that is not the own class, then the own class; row h
stands for m_h - [h = g] classes.

Classes of a group of two or more merge iff a_g = 0, that is sqrt(n_g) rho_g <= N c (convex.py): the critical count is
(N c / rho_g)^2, N held fixed, and the critical decay sqrt(n_g) rho_g / N. A class whose count is its own has no such threshold.
Everything is zero iff c is at least the dual norm of dF/dA at A = 0 (with the best bias): the larger one of ||dF/dB||_op and the
critical decays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from ..problem.losses import CrossEntropy
from .reduction import exceeding, reduce
from .spectrum import DenseFrame, checked_size, contrasts
from .theorem import ACTIVE, MERGED, VANISHED, Claim, ClassStates, Solution

if TYPE_CHECKING:
    from ..problem.losses import Array, Indices
    from ..problem.ufm import UFM
    from .convex import ConvexProblem, ConvexSolution
    from .theorem import Watch

OPEN = 1e-8  # a relative duality gap beyond which nothing is certified


@dataclass(frozen=True, eq=False)
class Groups:
    """G groups of exchangeable classes, in order of their counts.

    Attributes
    ----------
    counts, sizes : n_g and m_g, shape (G,), float
    member : group of each class, shape (K,)
    first : a class of each group, shape (G,)
    """

    counts: Array
    sizes: Array
    member: Indices
    first: Indices

    @property
    def number(self) -> int:
        """G."""
        return int(self.counts.size)

    @cached_property
    def samples(self) -> float:
        """N."""
        return float(self.counts @ self.sizes)

    @cached_property
    def scale(self) -> Array:
        """sqrt(m_h) sqrt(m_g n_g): B = scale * C, shape (G, G)."""
        scale: Array = np.sqrt(self.sizes)[:, None] * np.sqrt(self.sizes * self.counts)
        return scale

    @cached_property
    def multiplicity(self) -> Array:
        """Classes that each row of a reduced column stands for, shape (G + 1, G)."""
        return np.vstack([self.sizes[:, None] - np.eye(self.number), np.ones(self.number)])

    @cached_property
    def contrast_cost(self) -> Array:
        """(m_g - 1) sqrt(n_g): what a_g costs in the nuclear norm."""
        cost: Array = (self.sizes - 1.0) * np.sqrt(self.counts)
        return cost

    def logits(self, b_matrix: Array, contrast: Array, bias: Array) -> Array:
        """Reduced logits (G + 1, G) of B, a and a bias per group."""
        mean = b_matrix / self.scale + bias[:, None]
        x = np.vstack([mean, mean.diagonal() + contrast * (1.0 - 1.0 / self.sizes)])
        x[np.arange(self.number), np.arange(self.number)] -= contrast / self.sizes
        return x

    def pull(self, gradient: Array) -> tuple[Array, Array, Array]:
        """The transpose of `logits`: a gradient in reduced logits to gradients in B, a and the bias."""
        at = np.arange(self.number)
        mean = gradient[:-1].copy()
        mean[at, at] += gradient[-1]
        contrast = gradient[-1] * (1.0 - 1.0 / self.sizes) - gradient[at, at] / self.sizes
        return mean / self.scale, contrast, mean.sum(axis=1)

    def expand(self, per_group: Array) -> Array:
        """One number per class."""
        expanded: Array = per_group[self.member]
        return expanded

    def modes(self, b_svd: tuple[Array, Array, Array], contrast: Array) -> tuple[Array, DenseFrame]:
        """(sigma descending, Frame) of A from the SVD of B (left, sigma, right as columns) and a, zeros left out."""
        left, strength, right = b_svd
        alive = np.flatnonzero((contrast > 0) & (self.sizes > 1))
        copies = (self.sizes[alive] - 1).astype(np.intp)
        sigma = np.concatenate(
            [strength, np.repeat(np.sqrt(self.counts[alive]) * contrast[alive], copies)]
        )
        order = np.argsort(-sigma, kind="stable")

        return sigma[order], DenseFrame(Groups.vectors, (self, left, right, alive, order))

    def vectors(
        self, left: Array, right: Array, alive: Indices, order: Indices
    ) -> tuple[Array, Array]:
        """U and V of `modes`: expanded means, then the contrasts of the groups `alive`, in that order."""
        shape = checked_size(self.member.size, order.size, "the matrix of singular vectors")
        u, v = np.zeros(shape), np.zeros(shape)
        start = left.shape[1]
        for frame, side in ((u, left), (v, right)):
            frame[:, :start] = (side / np.sqrt(self.sizes)[:, None])[self.member]
        for g in alive:
            members = np.flatnonzero(self.member == g)
            block = np.ix_(members, np.arange(start, start + members.size - 1))
            u[block] = v[block] = contrasts(members.size)
            start += members.size - 1
        return u[:, order], v[:, order]


def groups(ufm: UFM) -> Groups:
    """Groups of classes that the problem does not tell apart."""
    keys = np.vstack([ufm.counts, ufm.loss.per_class(ufm.classes)])
    kinds, first, member, sizes = np.unique(
        keys, axis=1, return_index=True, return_inverse=True, return_counts=True
    )
    return Groups(kinds[0], sizes.astype(np.float64), member.reshape(-1), first)


def solution(ufm: UFM, watch: Watch | None = None) -> Solution:
    """Solve a problem with M = 1 and a loss convex in the logits through its groups."""
    from .convex import solve_convex

    found_groups = groups(ufm)
    problem = reduced_problem(ufm, found_groups)
    found = solve_convex(problem, lambda coarse: reduced_problem(ufm, coarse), watch)
    bias = found_groups.expand(found.bias)
    if ufm.bias == "free" and isinstance(ufm.loss, CrossEntropy):
        unseen = ufm.loss.unseen(ufm.classes)
        bias = bias - unseen * (unseen @ bias) / (unseen @ unseen)
    nothing = not (found.sigma.size or problem.alive.any())
    warnings: tuple[str, ...] = (
        ("the decays are so large that the zero solution is the global minimizer",)
        if nothing
        else ()
    )
    relative = found.gap / abs(found.value)
    closed = relative <= OPEN
    if not closed:
        warnings += (
            f"the duality gap could only be closed to {relative:.1e}: this is the lowest point found, not certified",
        )
    return Solution(
        value=found.value,
        modes=partial(found_groups.modes, (found.left, found.sigma, found.right), found.contrast),
        bias=bias,
        states=partial(states, ufm, problem, found),
        warnings=warnings,
        facts={"relative_gap": relative},
        claim=None if closed else Claim.BEST_KNOWN,
    )


def reduced_problem(ufm: UFM, over: Groups, c: float | None = None) -> ConvexProblem:
    """The convex problem of `ufm` over some groups; `c` is that of the decays unless given."""
    from .convex import ConvexProblem

    per_group = ufm.loss.per_class(ufm.classes)[:, over.first]
    slope = ufm.loss.own_slope(ufm.classes)[over.first]
    columns = ufm.loss.grouped(
        over.sizes * over.counts / over.samples, over.multiplicity, per_group
    )
    if c is None:
        alive, c = exceeding(over.counts, slope, ufm) & (over.sizes > 1), reduce(ufm).c
    else:
        alive = (over.sizes > 1) & (np.sqrt(over.counts) * slope > over.samples * c)
    return ConvexProblem(columns, over, c, ufm.bias_decay, alive)


def states(
    ufm: UFM, problem: ConvexProblem | None = None, found: ConvexSolution | None = None
) -> ClassStates:
    """What becomes of each class: as the problem was solved, or, without solving it, as long as no group mean is zero."""
    over = groups(ufm) if problem is None else problem.groups
    slope, c = ufm.loss.own_slope(ufm.classes)[over.first], reduce(ufm).c
    several, collapse = over.sizes > 1, math.nan
    pull = np.sqrt(over.counts) * slope / over.samples
    if problem is None or found is None:
        alive, moved = exceeding(over.counts, slope, ufm) & several, np.ones_like(several)
    else:
        strongest = found.sigma[0] if found.sigma.size else 1.0
        moved = np.linalg.norm(found.right * found.sigma, axis=1) > 1e-14 * strongest
        alive, collapse = problem.alive, max([problem.norm_at_zero(), *pull[several]])
    state = np.where(moved | alive, ACTIVE, VANISHED).astype(f"U{len(VANISHED)}")
    state[moved & several & ~alive] = MERGED
    with np.errstate(over="ignore"):
        count = (over.samples * c / slope) ** 2
    return ClassStates(
        state[over.member],
        state[over.member] == ACTIVE,
        over.expand(np.where(several, count, math.nan)),
        over.expand(np.where(several, pull, math.nan)),
        collapse,
    )
