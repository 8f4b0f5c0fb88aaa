r"""Counts, means and scatter of the classes in one pass, in any order, mergeable.

Per class: count n, mean mu and scatter s = sum ||h - mu||^2. Two parts of a class merge by (Chan, Golub & LeVeque 1983)

    delta = mu_b - mu_a,   mu = mu_a + delta n_b / n,   s = s_a + s_b + ||delta||^2 n_a n_b / n,   n = n_a + n_b,

and the pooled matrix S = sum (h - mu_y)(h - mu_y)^T by the same rule with delta delta^T. Means are kept as an origin, the first
sample of the class, and an offset from it: features that have nearly collapsed keep the digits of their differences.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..problem.errors import DataError

if TYPE_CHECKING:
    from ..problem.losses import Array, Indices
    from .rows import Rows


class Accumulator:
    """Running statistics of one set of features.

    Parameters
    ----------
    dimension : d
    full : whether to keep the pooled d x d scatter matrix
    """

    def __init__(self, dimension: int, *, full: bool) -> None:
        self.classes: list[Hashable] = []
        self.counts: Array = np.zeros(0)
        self.origin: Array = np.zeros((0, dimension))
        self.offset: Array = np.zeros((0, dimension))
        self.scatter: Array = np.zeros(0)
        self.within: Array | None = np.zeros((dimension, dimension)) if full else None
        self.eps = 0.0
        self.largest = 0.0

    @property
    def dimension(self) -> int:
        """The dimension d of the features."""
        return int(self.origin.shape[1])

    def add(self, rows: Rows, codes: Indices, classes: Sequence[Hashable]) -> None:
        """Add samples; `codes` point into `classes`. O(N d), or O(N d^2) with the pooled matrix.

        Blocks before one that is refused are kept: add to a new accumulator, then merge.
        """
        for place, block in rows.blocks():
            self._block(block, codes[place], classes)
        self.eps = max(self.eps, rows.eps)

    def merge(self, other: Accumulator) -> None:
        """Add what another accumulator has seen."""
        if other.dimension != self.dimension:
            raise DataError(
                f"features of dimension {other.dimension} cannot join features of dimension {self.dimension}"
            )
        if (self.within is None) != (other.within is None):
            raise DataError(
                "one part keeps the pooled scatter matrix and the other does not; give both the same scatter="
            )
        k = self._places(other.classes, other.origin)
        self._join(k, other.counts, (other.origin - self.origin[k]) + other.offset, other.scatter)
        if self.within is not None and other.within is not None:
            self.within += other.within
        self.eps = max(self.eps, other.eps)
        self.largest = max(self.largest, other.largest)

    def copy(self) -> Accumulator:
        """One that has seen the same."""
        new = Accumulator(self.dimension, full=self.within is not None)
        new.merge(self)
        return new

    def _block(self, x: Array, codes: Indices, classes: Sequence[Hashable]) -> None:
        order = np.argsort(codes, kind="stable")
        present, starts, sizes = np.unique(codes[order], return_index=True, return_counts=True)
        x = x[order]
        self.largest = max(self.largest, float(np.abs(x).max()))
        k = self._places([classes[i] for i in present], x[starts])
        x -= np.repeat(self.origin[k], sizes, axis=0)
        n = sizes.astype(np.float64)
        mean = np.add.reduceat(x, starts, axis=0) / n[:, None]
        x -= np.repeat(mean, sizes, axis=0)
        mean += (
            np.add.reduceat(x, starts, axis=0) / n[:, None]
        )  # the rounding of the first sum; its square is below rounding
        scatter = np.add.reduceat(np.einsum("ij,ij->i", x, x), starts)
        self._join(k, n, mean, scatter)
        if self.within is not None:
            self.within += x.T @ x

    def _join(self, k: Indices, n: Array, mean: Array, scatter: Array) -> None:
        """Chan's rule for the classes at `k`; means are relative to the origins."""
        before = self.counts[k]
        total = before + n
        delta = mean - self.offset[k]
        self.offset[k] += delta * (n / total)[:, None]
        share = before * n / total
        self.scatter[k] += scatter + share * np.einsum("ij,ij->i", delta, delta)
        self.counts[k] = total
        if self.within is not None:
            self.within += (delta * share[:, None]).T @ delta

    def _places(self, classes: Sequence[Hashable], first: Array) -> Indices:
        """Where the classes stand; new ones are given an origin."""
        known = {one: i for i, one in enumerate(self.classes)}
        new = [i for i, one in enumerate(classes) if one not in known]
        if new:
            self.classes += [classes[i] for i in new]
            self.counts = np.append(self.counts, np.zeros(len(new)))
            self.scatter = np.append(self.scatter, np.zeros(len(new)))
            self.origin = np.concatenate([self.origin, first[new]])
            self.offset = np.concatenate([self.offset, np.zeros((len(new), self.dimension))])
            known = {one: i for i, one in enumerate(self.classes)}
        return np.array([known[one] for one in classes], dtype=np.intp)
