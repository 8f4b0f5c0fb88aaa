r"""What the columns of H stand for while descent moves them.

`Shared`: one column per sample, all N of them, or a few per class, each shared by an equal part of its samples (exact from such a
start), for every loss and for ReLU features.

`Rotated`: squared loss with linear features is unchanged when H and Y are multiplied on the right by an orthogonal N x N
matrix. Choose one that maps the normalized class indicators to the first K axes: column k becomes sqrt(n_k) times the class
mean, the target [Y D^(1/2), 0], the bias row [sqrt(n)^T, 0]. The N - K remaining columns hold the deviations from the means;
gradient descent keeps multiplying them from the left only, so a second rotation packs them into w = min(d_1, N - K) columns (a
singular value decomposition). The trajectory of the objective and of every Frobenius norm and Gram matrix is the same to
rounding, for K + min(d_1, N - K) columns instead of N.

A Gaussian start needs no N columns either: a d x m Gaussian matrix has as its LQ factor a lower triangle with independent
normals below the diagonal and chi variables of m, m-1, ... degrees of freedom on it (Bartlett).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..problem.errors import ProblemError, TooLarge
from ..problem.losses import Squared, SquaredColumns, class_columns, sample_columns

if TYPE_CHECKING:
    from ..problem.losses import Array, Columns, Indices
    from ..problem.ufm import UFM

LARGEST = 2**31  # entries of a matrix with N columns; 16 GiB


class Layout(Protocol):
    """Columns of H: their data term, their random start, and the statistics read off them."""

    @property
    def columns(self) -> Columns:
        """The data term over these columns."""

    def start(self, rng: np.random.Generator, scale: float) -> Array:
        """H with all N columns drawn from N(0, scale^2), in this layout."""

    def around(self, means: Array, noise: Array) -> Array:
        """Class means (d_1, K) plus `noise`, which is in this layout already."""

    def place(self, features: Array) -> Array:
        """H in this layout, of explicit features (d_1, N)."""

    def class_means(self, features: Array) -> Array:
        """Hbar, shape (d_1, K)."""

    def within(self, features: Array) -> float:
        """sum_i ||h_i - mean of its class||^2."""


@dataclass(frozen=True, eq=False)
class Shared:
    """Blocks of columns, classes in order, `sizes[k]` for class k, each scaled by the root of the samples that share it.

    Descent from a start in which samples share a feature keeps them together (their gradients are equal), so this moves all N
    features exactly, from such a start; two columns per class are enough to see it collapse, and fractional counts are as good.
    With one column per sample (all roots 1) it moves every sample by itself.
    """

    ufm: UFM
    columns: Columns
    sizes: Indices

    def _allowed(self, features: Array) -> Array:
        return np.abs(features) if self.ufm.features == "relu" else features

    def start(self, rng: np.random.Generator, scale: float) -> Array:
        """Every column from N(0, scale^2) times its root; absolute values when features are ReLU."""
        root = self.columns.ones
        return self._allowed(rng.normal(scale=scale, size=(self.ufm.width[0], root.size)) * root)

    def around(self, means: Array, noise: Array) -> Array:
        """Every column at its class mean, plus noise; absolute values when features are ReLU."""
        return self._allowed(np.repeat(means, self.sizes, axis=1) * self.columns.ones + noise)

    def place(self, features: Array) -> Array:
        """The features themselves, where every sample has a column of its own."""
        if not np.array_equal(self.sizes, self.ufm.counts):
            raise ProblemError(
                "explicit features for all samples need replicas=0, which moves every sample by itself"
            )
        return np.array(features, dtype=np.float64)

    def class_means(self, features: Array) -> Array:
        """Means of blocks of columns."""
        return _block_means(features / self.columns.ones, self.sizes)

    def within(self, features: Array) -> float:
        """Squared distance to the class means over all N samples."""
        means = np.repeat(self.class_means(features), self.sizes, axis=1) * self.columns.ones
        return float(np.sum((features - means) ** 2))


@dataclass(frozen=True, eq=False)
class Rotated:
    """K scaled class means and w = min(d_1, N - K) packed deviations."""

    ufm: UFM
    columns: Columns
    spread: int

    def start(self, rng: np.random.Generator, scale: float) -> Array:
        """The exact law of N independent Gaussian columns, rotated."""
        width, classes = self.ufm.width[0], self.ufm.classes
        means = rng.normal(scale=scale, size=(width, classes))
        packed = self.columns.ones.size - classes
        if packed < width or self.spread == packed:
            rest = rng.normal(scale=scale, size=(width, packed))
        else:
            rest = np.tril(rng.normal(scale=scale, size=(width, width)), -1)
            rest[np.diag_indices(width)] = scale * np.sqrt(
                rng.chisquare(self.spread - np.arange(width))
            )
        return np.hstack([means, rest])

    def around(self, means: Array, noise: Array) -> Array:
        """Scaled means in the first K columns."""
        features = noise.copy()
        features[:, : self.ufm.classes] += means * np.sqrt(self.ufm.counts)
        return features

    def place(self, features: Array) -> Array:
        """Rotate explicit features."""
        counts = self.ufm.counts.astype(np.intp)
        means = _block_means(features, counts)
        packed = self.columns.ones.size - self.ufm.classes
        # The rank is at most N - K, which an LQ factor need not show in its first columns; singular values come sorted.
        left, strength, _ = np.linalg.svd(
            features - np.repeat(means, counts, axis=1), full_matrices=False
        )
        return np.hstack([means * np.sqrt(self.ufm.counts), (left * strength)[:, :packed]])

    def class_means(self, features: Array) -> Array:
        """First K columns, unscaled."""
        means: Array = features[:, : self.ufm.classes] / np.sqrt(self.ufm.counts)
        return means

    def within(self, features: Array) -> float:
        """Squared norm of the packed deviations."""
        rest = features[:, self.ufm.classes :]
        return float(np.vdot(rest, rest))


def samples(ufm: UFM) -> Shared:
    """The layout with all N columns."""
    if not ufm.whole:
        raise ProblemError(
            "fractional counts have no N samples to move; whole counts, or the rotated layout, work"
        )
    if max(*ufm.width, ufm.outputs) * ufm.samples > LARGEST:
        raise TooLarge(
            f"all N = {ufm.samples:g} features would need matrices of {8e-9 * max(*ufm.width, ufm.outputs) * ufm.samples:.3g} GB; "
            "smaller counts, or squared loss with linear features (which are rotated), work"
        )
    return Shared(ufm, sample_columns(ufm.loss, ufm.counts), ufm.counts.astype(np.intp))


def grouped(ufm: UFM, replicas: int) -> Shared:
    """The layout with `replicas` features per class."""
    sizes = np.full(ufm.classes, replicas)
    labels = np.repeat(np.arange(ufm.classes), sizes)
    return Shared(ufm, ufm.loss.columns(labels, np.repeat(ufm.counts / replicas, sizes)), sizes)


def rotated(ufm: UFM) -> Rotated:
    """The exact rotation, for squared loss with linear features.

    Fractional counts have no samples; their deviations are given floor(N) - K dimensions, which changes nothing at a minimum.
    """
    if not can_rotate(ufm):
        raise ProblemError(
            "the rotation is exact for squared loss with linear features only; rotate=False works here"
        )
    means = class_columns(ufm.loss, ufm.counts)
    assert isinstance(means, SquaredColumns)
    spread = max(int(ufm.samples) - ufm.classes, 0)
    packed = min(ufm.width[0], spread)
    target = np.hstack([means.target, np.zeros((ufm.outputs, packed))])
    ones = np.concatenate([means.ones, np.zeros(packed)])
    return Rotated(ufm, SquaredColumns(target, ones, 1.0 / ufm.samples), spread)


def can_rotate(ufm: UFM) -> bool:
    """Whether the rotated layout is exact."""
    return isinstance(ufm.loss, Squared) and ufm.features == "linear"


def _block_means(features: Array, sizes: Indices) -> Array:
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    means: Array = np.add.reduceat(features, starts, axis=1) / sizes
    return means
