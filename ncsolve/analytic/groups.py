r"""Classes of equal rights: what a convex problem of K classes loses when classes are exchangeable (R5).

Classes with the same count (and the same parameters of the loss) form a group; let there be G groups of m_g classes with
count n_g. A convex problem has a minimizer that no permutation within groups moves, so the logits of a class in group g are

    own class  C_gg + a_g (1 - 1/m_g),     rest of its group  C_gg - a_g / m_g,     each class of group h  C_hg

(m_g = 1: no rest, a_g = 0). With A = Zbar D^(1/2) the spaces "group means" and "contrasts within group g" are invariant, hence

    ||A||_* = ||B||_* + sum_g (m_g - 1) sqrt(n_g) |a_g|,     B_hg = sqrt(m_h) C_hg sqrt(m_g n_g)      (G x G),

and column g carries the share m_g n_g / N of the samples. N and K do not enter the cost.

A column of reduced logits has G + 1 rows: one class of each group h that is not the own class, then the own class; row h
stands for m_h - [h = g] classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .spectrum import DenseFrame, checked_size, contrasts

if TYPE_CHECKING:
    from ..problem.losses import Array, Indices
    from ..problem.ufm import UFM


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
