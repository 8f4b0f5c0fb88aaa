r"""Singular value decompositions of the target T, kept in the form that its symmetry gives, and frames of singular vectors.

    T = Y D^(1/2)                      bias none,      T = (Y - ybar 1^T) D^(1/2),  ybar = Y n / N     bias free

For one-hot targets Y = I and
    bias none:  T = D^(1/2), tau_k^2 = n_k, singular vectors are coordinate axes            -> `AxisSpectrum`
    bias free:  tau^2 solve a secular equation between neighboring counts (secular.py);
                m classes of one count n add the contrasts among themselves, tau^2 = n      -> `CenteredSpectrum`
Any other target matrix is decomposed numerically                                           -> `DenseSpectrum`

A spectrum lists modes with their number of copies; a `Frame` holds the singular vectors (u_i, v_i) of the modes that are kept, and is
asked for sums over modes before it is asked for matrices, since a coordinate frame of a million classes has no matrix:

    AxisFrame       u_i = v_i = e_k                                              squared loss, no bias
    ContrastFrame   all K - 1 contrasts, equally strong; any basis serves, sum_i u_ki^2 = 1 - 1/K          the simplex
    SpikeFrame      u_k = (e_k - 1/K) / sqrt(1 - 1/K), v_k = e_k; the u_k are unit vectors, not orthogonal ReLU features
    DenseFrame      matrices, built when first asked for

The first three know the logits' diagonal and margins: with A = sum_i sigma_i u_i v_i^T and logits z_k = A_k / sqrt(n_k), active classes
of the last two have margin m and own logit m (1 - 1/K), all others zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.errors import TooLarge
from ..values import Value
from .secular import SecularRoots, secular_roots

if TYPE_CHECKING:
    from ..problem.losses import Array, Indices

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


class Frame(Value):
    """Left and right singular vectors (u_i, v_i) of the kept modes, i = 1..r; here with sums from matrices.

    Attributes
    ----------
    orthonormal : whether the left vectors are orthonormal; the right ones always are. If not, they are unit vectors:
        A = sum_i sigma_i u_i v_i^T is a sum of atoms, no singular value decomposition
    """

    orthonormal = True

    def left(self) -> Array:
        """U, shape (outputs, r)."""
        raise NotImplementedError

    def right(self) -> Array:
        """V, shape (K, r)."""
        return self.left()

    def left_sums(self, x: Array) -> Array:
        """sum_i u_ki^2 x_i, shape (outputs,)."""
        sums: Array = self.left() ** 2 @ x
        return sums

    def right_sums(self, x: Array) -> Array:
        """sum_i v_ki^2 x_i, shape (K,)."""
        sums: Array = self.right() ** 2 @ x
        return sums

    def own_and_margin(self, sigma: Array, counts: Array) -> tuple[Array, Array] | None:
        """Own logits and margins without the bias, where they need no matrix; else None."""
        return None


@dataclass(frozen=True, eq=False, repr=False)
class AxisFrame(Frame):
    """u_i = v_i = the coordinate axis of class `axes[i]`."""

    axes: Indices
    classes: int

    def left(self) -> Array:
        """Columns of the identity."""
        frame = np.zeros(
            checked_size(self.classes, self.axes.size, "the matrix of singular vectors")
        )
        frame[self.axes, np.arange(self.axes.size)] = 1.0
        return frame

    def left_sums(self, x: Array) -> Array:
        """x_i at class axes[i]."""
        sums = np.zeros(self.classes)
        sums[self.axes] = x
        return sums

    right_sums = left_sums

    def own_and_margin(self, sigma: Array, counts: Array) -> tuple[Array, Array]:
        """Every other logit is zero."""
        own = self.left_sums(sigma) / np.sqrt(counts)
        return own, own


@dataclass(frozen=True, eq=False, repr=False)
class ContrastFrame(Frame):
    """Orthonormal contrasts of K classes, `rank` = K - 1 of them, or 0."""

    classes: int
    rank: int

    def left(self) -> Array:
        """Helmert contrasts, shape (K, rank)."""
        return contrasts(self.classes)[:, : self.rank]

    def left_sums(self, x: Array) -> Array:
        """All x_i are equal."""
        return np.full(self.classes, float(x[0]) * (1.0 - 1.0 / self.classes) if self.rank else 0.0)

    right_sums = left_sums

    def own_and_margin(self, sigma: Array, counts: Array) -> tuple[Array, Array]:
        """Margins sigma / sqrt(n)."""
        margin = float(sigma[0]) / np.sqrt(counts) if self.rank else np.zeros(self.classes)
        return margin * (1.0 - 1.0 / self.classes), margin


class SpikeFrame(AxisFrame):
    """Atoms of the classes `axes`, in that order."""

    orthonormal = False

    @property
    def _share(self) -> float:
        return 1.0 - 1.0 / self.classes

    def left(self) -> Array:
        """(e_k - 1/K)/sqrt(1 - 1/K), shape (K, r)."""
        return (self.right() - 1.0 / self.classes) / math.sqrt(self._share)

    right = AxisFrame.left

    def left_sums(self, x: Array) -> Array:
        """Own atoms have the square (1 - 1/K), all others 1/K^2 / (1 - 1/K)."""
        own = self.right_sums(x)
        rest = (float(x.sum()) - own) / self.classes**2
        sums: Array = (own * self._share**2 + rest) / self._share
        return sums

    def own_and_margin(self, sigma: Array, counts: Array) -> tuple[Array, Array]:
        """Margins sigma / sqrt(n (1 - 1/K))."""
        margin = self.right_sums(sigma) / np.sqrt(self._share * counts)
        return margin * self._share, margin


@dataclass(frozen=True, eq=False, repr=False)
class DenseFrame(Frame):
    """Singular vectors as matrices (U, V) = build(*held); `build` is a function with a name, so that a frame is data."""

    build: Callable[..., tuple[Array, Array]]
    held: tuple[Any, ...] = ()

    @cached_property
    def vectors(self) -> tuple[Array, Array]:
        """(U, V)."""
        return self.build(*self.held)

    def left(self) -> Array:
        """U, shape (outputs, r)."""
        return self.vectors[0]

    def right(self) -> Array:
        """V, shape (K, r)."""
        return self.vectors[1]


def given(left: Array, right: Array) -> tuple[Array, Array]:
    """`DenseFrame(given, (U, V))`: matrices that are there."""
    return left, right


class Spectrum(Value):
    """Squared singular values of T with their copies, exact comparison, and the vectors of kept modes.

    Attributes
    ----------
    tau2 : squared singular values, one entry per distinct mode, in the spectrum's own order
    copies : how often each mode occurs; None when each occurs once
    mode_of_class : for each class the index of the mode that is its own, -1 where it has none
    by_class : whether mode k is class k
    """

    by_class = False

    tau2: Array
    copies: Indices | None
    mode_of_class: Indices

    def exceeds(self, mode: int, power: Fraction, depth: int) -> int | None:
        """The sign of tau^(2M) - power, exactly; None where tau is known to rounding only."""
        return None

    def frame(self, modes: Indices, kept: Indices) -> Frame:
        """Singular vectors of `kept[i]` copies of each listed mode, in that order."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, repr=False)
class AxisSpectrum(Spectrum):
    """T = D^(1/2): mode k is class k; equal counts are separate modes."""

    counts: Array
    copies = None
    by_class = True

    @property
    def tau2(self) -> Array:  # type: ignore[override]
        """The counts."""
        return self.counts

    @property
    def mode_of_class(self) -> Indices:  # type: ignore[override]
        """Its own number."""
        return np.arange(self.counts.size)

    def exceeds(self, mode: int, power: Fraction, depth: int) -> int:
        """Counts are doubles, hence rationals: the comparison is exact."""
        return _sign(Fraction(float(self.counts[mode])) ** depth - power)

    def frame(self, modes: Indices, kept: Indices) -> AxisFrame:
        """Coordinate axes."""
        return AxisFrame(modes[kept > 0], self.counts.size)


@dataclass(frozen=True, eq=False, repr=False)
class CenteredSpectrum(Spectrum):
    """T = (I - n 1^T / N) D^(1/2): first the roots of the secular equation, then the contrasts within each group."""

    counts: Array

    @cached_property
    def groups(self) -> tuple[Array, Indices, Indices]:
        """Distinct counts ascending, the group of each class, the size of each group."""
        poles, group, sizes = np.unique(self.counts, return_inverse=True, return_counts=True)
        return poles, group, sizes

    @cached_property
    def _roots(self) -> SecularRoots:
        return secular_roots(self.groups[0], self.groups[2].astype(np.float64))

    @property
    def roots(self) -> int:
        """How many modes are roots, in ascending order; the others are contrasts, groups of two or more ascending."""
        return int(self.groups[0].size) - 1

    @cached_property
    def _repeated(self) -> Indices:
        return np.flatnonzero(self.groups[2] > 1)

    @cached_property
    def tau2(self) -> Array:  # type: ignore[override]
        """Roots, then repeated counts."""
        return np.concatenate([self._roots.roots, self.groups[0][self._repeated]])

    @cached_property
    def copies(self) -> Indices:  # type: ignore[override]
        """1 per root, m - 1 per group of m equal counts."""
        return np.append(np.ones(self.roots, dtype=np.intp), self.groups[2][self._repeated] - 1)

    @cached_property
    def mode_of_group(self) -> Indices:
        """For each group the index of its contrast mode, or -1 for a count that only one class has."""
        mode = np.full(self.groups[0].size, -1, dtype=np.intp)
        mode[self._repeated] = self.roots + np.arange(self._repeated.size)
        return mode

    @property
    def mode_of_class(self) -> Indices:  # type: ignore[override]
        """The contrast mode of its group."""
        return self.mode_of_group[self.groups[1]]

    def exceeds(self, mode: int, power: Fraction, depth: int) -> int:
        """Repeated counts are rational; a root lies above mu exactly when the secular function at mu is negative."""
        poles, _, sizes = self.groups
        if mode >= self.roots:
            count = poles[self._repeated[mode - self.roots]]
            return _sign(Fraction(float(count)) ** depth - power)
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
        return DenseFrame(CenteredSpectrum.vectors, (self, modes, kept))

    def vectors(self, modes: Indices, kept: Indices) -> tuple[Array, Array]:
        """U and V of the kept copies of each mode."""
        poles, group, sizes = self.groups
        shape = checked_size(self.counts.size, int(kept.sum()), "the matrix of singular vectors")
        left, right = np.zeros(shape), np.zeros(shape)
        column = np.cumsum(kept) - kept
        single = (modes < self.roots) & (kept > 0)
        if single.any():
            x = self._roots.inverse_gaps(modes[single])
            for matrix, y in ((left, x * poles[:, None]), (right, x * np.sqrt(poles)[:, None])):
                matrix[:, column[single]] = (y / np.sqrt(sizes @ (y * y)))[group]
        for i in np.flatnonzero(modes >= self.roots):
            members = np.flatnonzero(group == self._repeated[modes[i] - self.roots])
            block = np.ix_(members, column[i] + np.arange(kept[i]))
            left[block] = right[block] = contrasts(members.size)[:, : kept[i]]
        return left, right


@dataclass(frozen=True, eq=False, repr=False)
class DenseSpectrum(Spectrum):
    """T as a matrix, decomposed by LAPACK: squared singular values are known to rounding only, repeated ones are repeated entries."""

    target: Array
    copies = None

    @cached_property
    def _svd(self) -> tuple[Array, Array, Array]:
        return np.linalg.svd(self.target, full_matrices=False)

    @cached_property
    def tau2(self) -> Array:  # type: ignore[override]
        """Squares of the numerical singular values; those at rounding level are zero."""
        tau = self._svd[1]
        least = tau[0] * max(self.target.shape) * np.finfo(float).eps
        squares: Array = np.where(tau > least, tau, 0.0) ** 2
        return squares

    @property
    def mode_of_class(self) -> Indices:  # type: ignore[override]
        """No class has one."""
        return np.full(self.target.shape[1], -1)

    def frame(self, modes: Indices, kept: Indices) -> DenseFrame:
        """The chosen columns of U and V."""
        chosen = modes[kept > 0]
        return DenseFrame(given, (self._svd[0][:, chosen], self._svd[2][chosen].T))


def _sign(number: Fraction) -> int:
    return (number > 0) - (number < 0)
