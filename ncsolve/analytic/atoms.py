r"""Frames with a formula, for as many classes as there are numbers in memory.

`ContrastFrame`: all K - 1 contrasts, equally strong. Any orthonormal basis of them serves, and sum_i u_ki^2 = 1 - 1/K for every k.

`SpikeFrame`: for each active class k the atom u_k = (e_k - 1/K) / sqrt(1 - 1/K), v_k = e_k (ReLU features). The u_k are unit vectors
that are not orthogonal.

Both know the logits' diagonal and margins without building the matrix: with A = sum_i sigma_i u_i v_i^T and logits z_k = A_k / sqrt(n_k),
classes that are active have margin m and own logit m (1 - 1/K), all others zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .spectrum import checked_size, contrasts

if TYPE_CHECKING:
    from ..problem.losses import Array, Indices


@dataclass(frozen=True)
class ContrastFrame:
    """Orthonormal contrasts of K classes, `rank` = K - 1 of them, or 0."""

    classes: int
    rank: int

    @property
    def orthonormal(self) -> bool:
        """They are."""
        return True

    def left(self) -> Array:
        """Helmert contrasts, shape (K, rank)."""
        return contrasts(self.classes)[:, : self.rank]

    def right(self) -> Array:
        """The same."""
        return self.left()

    def left_sums(self, x: Array) -> Array:
        """Sums over modes of u_ki^2 x_i, all x_i being equal."""
        return np.full(self.classes, float(x[0]) * (1.0 - 1.0 / self.classes) if self.rank else 0.0)

    def right_sums(self, x: Array) -> Array:
        """The same."""
        return self.left_sums(x)

    def own_and_margin(self, sigma: Array, counts: Array) -> tuple[Array, Array]:
        """Own logits and margins."""
        margin = float(sigma[0]) / np.sqrt(counts) if self.rank else np.zeros(self.classes)
        return margin * (1.0 - 1.0 / self.classes), margin


@dataclass(frozen=True, eq=False)
class SpikeFrame:
    """Atoms of the classes `axes`, in that order."""

    axes: Indices
    classes: int

    @property
    def orthonormal(self) -> bool:
        """The left vectors are not."""
        return False

    @property
    def _share(self) -> float:
        return 1.0 - 1.0 / self.classes

    def left(self) -> Array:
        """(e_k - 1/K)/sqrt(1 - 1/K), shape (K, r)."""
        matrix = np.full(
            checked_size(self.classes, self.axes.size, "the matrix of directions"),
            -1.0 / self.classes,
        )
        matrix[self.axes, np.arange(self.axes.size)] += 1.0
        return matrix / math.sqrt(self._share)

    def right(self) -> Array:
        """Coordinate axes, shape (K, r)."""
        matrix = np.zeros(checked_size(self.classes, self.axes.size, "the matrix of axes"))
        matrix[self.axes, np.arange(self.axes.size)] = 1.0
        return matrix

    def left_sums(self, x: Array) -> Array:
        """Sums over atoms of u_ki^2 x_i."""
        own = self.right_sums(x)
        rest = (float(x.sum()) - own) / self.classes**2
        sums: Array = (own * self._share**2 + rest) / self._share
        return sums

    def right_sums(self, x: Array) -> Array:
        """x_i at class axes[i]."""
        sums = np.zeros(self.classes)
        sums[self.axes] = x
        return sums

    def own_and_margin(self, sigma: Array, counts: Array) -> tuple[Array, Array]:
        """Own logits and margins."""
        margin = self.right_sums(sigma) / np.sqrt(self._share * counts)
        return margin * self._share, margin
