r"""Singular value decompositions of the target T, kept in the form that its symmetry gives.

    T = Y D^(1/2)                      bias none,      T = (Y - ybar 1^T) D^(1/2),  ybar = Y n / N     bias free

For one-hot targets Y = I and
    bias none:  T = D^(1/2), tau_k^2 = n_k, singular vectors are coordinate axes            -> `AxisSpectrum`
    bias free:  tau^2 solve a secular equation between neighboring counts (secular.py);
                m classes of one count n add the contrasts among themselves, tau^2 = n      -> `CenteredSpectrum`
Any other target matrix is decomposed numerically                                           -> `DenseSpectrum`

A spectrum lists modes with their number of copies; a `Frame` holds the singular vectors of the modes that are kept, and is
asked for sums over modes before it is asked for matrices, since a coordinate frame of a million classes has no matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..problem.errors import TooLarge
from .secular import SecularRoots, secular_roots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.losses import Array

    Indices = NDArray[np.intp]

LARGEST_MATRIX = 2**31  # entries; 16 GiB of doubles


def checked_size(rows: int, columns: int, what: str) -> tuple[int, int]:
    """The shape, unless the matrix would not fit in memory."""
    if rows * columns > LARGEST_MATRIX:
        raise TooLarge(
            f"{what} would be a {rows} x {columns} matrix of {8e-9 * rows * columns:.3g} GB; "
            "use the vectors (singular_values, classes), which need none"
        )
    return rows, columns


def contrasts(size: int) -> Array:
    """Orthonormal contrasts of `size` members, shape (size, size - 1): column j sets member j + 1 against the ones before it."""
    from scipy.linalg import helmert

    checked_size(size, size, "the matrix of singular vectors")
    columns: Array = helmert(size).T
    return columns


class Frame(Protocol):
    """Left and right singular vectors (u_i, v_i) of the kept modes, i = 1..r."""

    @property
    def orthonormal(self) -> bool:
        """Whether the left vectors are orthonormal; the right ones always are.

        If not, they are unit vectors: A = sum_i sigma_i u_i v_i^T is a sum of atoms, no singular value decomposition.
        """

    def left(self) -> Array:
        """U, shape (outputs, r)."""

    def right(self) -> Array:
        """V, shape (K, r)."""

    def left_sums(self, x: Array) -> Array:
        """sum_i u_ki^2 x_i, shape (outputs,)."""

    def right_sums(self, x: Array) -> Array:
        """sum_i v_ki^2 x_i, shape (K,)."""

    def own_and_margin(self, sigma: Array, counts: Array) -> tuple[Array, Array] | None:
        """Own logits and margins without the bias, where they need no matrix; else None."""


@dataclass(frozen=True, eq=False)
class AxisFrame:
    """u_i = v_i = the coordinate axis of class `axes[i]`."""

    axes: Indices
    classes: int

    @property
    def orthonormal(self) -> bool:
        """Axes are."""
        return True

    def left(self) -> Array:
        """Columns of the identity."""
        frame = np.zeros(
            checked_size(self.classes, self.axes.size, "the matrix of singular vectors")
        )
        frame[self.axes, np.arange(self.axes.size)] = 1.0
        return frame

    def right(self) -> Array:
        """Columns of the identity."""
        return self.left()

    def left_sums(self, x: Array) -> Array:
        """x_i at class axes[i]."""
        sums = np.zeros(self.classes)
        sums[self.axes] = x
        return sums

    def right_sums(self, x: Array) -> Array:
        """x_i at class axes[i]."""
        return self.left_sums(x)

    def own_and_margin(self, sigma: Array, counts: Array) -> tuple[Array, Array]:
        """Every other logit is zero."""
        own = self.left_sums(sigma) / np.sqrt(counts)
        return own, own


@dataclass(frozen=True, eq=False)
class DenseFrame:
    """Singular vectors as matrices, built when first asked for."""

    build: Callable[[], tuple[Array, Array]]

    @property
    def orthonormal(self) -> bool:
        """They are."""
        return True

    @cached_property
    def vectors(self) -> tuple[Array, Array]:
        """(U, V)."""
        return self.build()

    def left(self) -> Array:
        """U, shape (outputs, r)."""
        return self.vectors[0]

    def right(self) -> Array:
        """V, shape (K, r)."""
        return self.vectors[1]

    def left_sums(self, x: Array) -> Array:
        """Sums over modes of u_ki^2 x_i."""
        sums: Array = self.left() ** 2 @ x
        return sums

    def right_sums(self, x: Array) -> Array:
        """Sums over modes of v_ki^2 x_i."""
        sums: Array = self.right() ** 2 @ x
        return sums

    def own_and_margin(self, sigma: Array, counts: Array) -> None:
        """Read off the logits."""
        return None


class Spectrum(Protocol):
    """Squared singular values of T with their copies, exact comparison, and the vectors of kept modes."""

    @property
    def tau2(self) -> Array:
        """Squared singular values, one entry per distinct mode, in the spectrum's own order."""

    @property
    def copies(self) -> Indices | None:
        """How often each mode occurs; None when each occurs once."""

    def exceeds(self, mode: int, power: Fraction, depth: int) -> int | None:
        """The sign of tau^(2M) - power, exactly; None where tau is known to rounding only."""

    def frame(self, modes: Indices, kept: Indices) -> Frame:
        """Singular vectors of `kept[i]` copies of each listed mode, in that order."""


@dataclass(frozen=True, eq=False)
class AxisSpectrum:
    """T = D^(1/2): mode k is class k."""

    counts: Array

    @property
    def tau2(self) -> Array:
        """The counts."""
        return self.counts

    @property
    def copies(self) -> None:
        """Each mode occurs once: equal counts are separate modes here."""
        return None

    def exceeds(self, mode: int, power: Fraction, depth: int) -> int:
        """Counts are doubles, hence rationals: the comparison is exact."""
        return _sign(Fraction(float(self.counts[mode])) ** depth - power)

    def frame(self, modes: Indices, kept: Indices) -> AxisFrame:
        """Coordinate axes."""
        return AxisFrame(modes[kept > 0], self.counts.size)


@dataclass(frozen=True, eq=False)
class CenteredSpectrum:
    """T = (I - n 1^T / N) D^(1/2): first the roots of the secular equation, then the contrasts within each group."""

    counts: Array

    @cached_property
    def _groups(self) -> tuple[Array, Indices, Indices]:
        """Distinct counts ascending, the group of each class, the size of each group."""
        poles, group, sizes = np.unique(self.counts, return_inverse=True, return_counts=True)
        return poles, group, sizes

    @cached_property
    def _roots(self) -> SecularRoots:
        poles, _, sizes = self._groups
        return secular_roots(poles, sizes.astype(np.float64))

    @cached_property
    def _repeated(self) -> Indices:
        return np.flatnonzero(self._groups[2] > 1)

    @cached_property
    def tau2(self) -> Array:
        """Roots, then repeated counts."""
        return np.concatenate([self._roots.roots, self._groups[0][self._repeated]])

    @cached_property
    def copies(self) -> Indices:
        """1 per root, m - 1 per group of m equal counts."""
        return np.concatenate(
            [np.ones(self._roots.offset.size, dtype=np.intp), self._groups[2][self._repeated] - 1]
        )

    def contrast_mode(self) -> Indices:
        """For each class the index of its group's contrast mode, or -1 for a count that no other class has."""
        mode = np.full(self._groups[0].size, -1, dtype=np.intp)
        mode[self._repeated] = self._roots.offset.size + np.arange(self._repeated.size)
        return mode[self._groups[1]]

    def exceeds(self, mode: int, power: Fraction, depth: int) -> int:
        """Repeated counts are rational; a root lies above mu exactly when the secular function at mu is negative."""
        roots = self._roots.offset.size
        poles, _, sizes = self._groups
        if mode >= roots:
            return _sign(Fraction(float(poles[self._repeated[mode - roots]])) ** depth - power)
        import mpmath

        with mpmath.workdps(80):
            critical = mpmath.root(mpmath.mpf(power.numerator) / power.denominator, depth)
            if not poles[mode] < critical < poles[mode + 1]:
                return 1 if critical <= poles[mode] else -1
            weights = zip(poles.tolist(), sizes.tolist(), strict=True)
            terms = [size * mpmath.mpf(n) / (mpmath.mpf(n) - critical) for n, size in weights]
            total = mpmath.fsum(terms)
            if abs(total) < mpmath.mpf(10) ** -60 * mpmath.fsum(map(abs, terms)):
                return 0
            return -1 if total > 0 else 1

    def frame(self, modes: Indices, kept: Indices) -> DenseFrame:
        """Columns n_g x_g and sqrt(n_g) x_g for roots, Helmert contrasts for groups."""
        return DenseFrame(lambda: self._vectors(modes, kept))

    def _vectors(self, modes: Indices, kept: Indices) -> tuple[Array, Array]:
        poles, group, sizes = self._groups
        classes, roots = self.counts.size, self._roots.offset.size
        left = np.zeros(checked_size(classes, int(kept.sum()), "the matrix of singular vectors"))
        right = np.zeros_like(left)
        column = np.concatenate([[0], np.cumsum(kept)])[:-1]
        single = (modes < roots) & (kept > 0)
        if single.any():
            x = self._roots.inverse_gaps(modes[single])
            for matrix, y in ((left, x * poles[:, None]), (right, x * np.sqrt(poles)[:, None])):
                matrix[:, column[single]] = (y / np.sqrt(sizes @ (y * y)))[group]
        for i in np.flatnonzero(modes >= roots):
            members = np.flatnonzero(group == self._repeated[modes[i] - roots])
            columns = column[i] + np.arange(kept[i])
            left[np.ix_(members, columns)] = right[np.ix_(members, columns)] = contrasts(
                members.size
            )[:, : kept[i]]
        return left, right


@dataclass(frozen=True, eq=False)
class DenseSpectrum:
    """T as a matrix, decomposed by LAPACK: squared singular values are known to rounding only."""

    target: Array

    @cached_property
    def _svd(self) -> tuple[Array, Array, Array]:
        return np.linalg.svd(self.target, full_matrices=False)

    @cached_property
    def tau2(self) -> Array:
        """Squares of the numerical singular values; those at rounding level are zero."""
        tau = self._svd[1]
        squares: Array = (
            np.where(tau > tau[0] * max(self.target.shape) * np.finfo(float).eps, tau, 0.0) ** 2
        )
        return squares

    @property
    def copies(self) -> None:
        """Each listed once; repeated values are repeated entries."""
        return None

    def exceeds(self, mode: int, power: Fraction, depth: int) -> None:
        """Unknown beyond rounding."""
        return None

    def frame(self, modes: Indices, kept: Indices) -> DenseFrame:
        """The chosen columns of U and V."""
        chosen = modes[kept > 0]
        return DenseFrame(lambda: (self._svd[0][:, chosen], self._svd[2][chosen].T))


def _sign(number: Fraction) -> int:
    return (number > 0) - (number < 0)
