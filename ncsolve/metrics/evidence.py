"""Everything that a metric may look at: statistics, classifier, prediction, and the conventions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .convention import Convention

if TYPE_CHECKING:
    from ..problem.losses import Array
    from .predicted import Predicted
    from .statistics import Statistics


class Undefined(Exception):
    """The metric has no value here; the message says why."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Statistics of the features, the classifier (K, d) that acts on them, and what is predicted of both."""

    statistics: Statistics
    weight: Array | None = None
    bias: Array | None = None
    predicted: Predicted | None = None
    convention: Convention = field(default_factory=Convention)

    @property
    def classes(self) -> int:
        """K."""
        return len(self.statistics.classes)

    @property
    def means(self) -> Array:
        """Class means as rows, shape (K, d)."""
        return self.statistics.means

    @cached_property
    def center(self) -> Array:
        """mu_G, by the convention."""
        return (
            self.statistics.mean_of_means
            if self.convention.center == "classes"
            else self.statistics.sample_mean
        )

    @cached_property
    def centered(self) -> Array:
        """mu_k - mu_G as rows, shape (K, d)."""
        s = self.statistics
        if self.convention.center == "classes":
            return s.differences
        found: Array = s.differences - (s.counts / s.samples) @ s.differences
        return found

    @cached_property
    def between_shares(self) -> Array:
        """Weights of the class means in Sigma_B, with sum 1."""
        if self.convention.between == "samples":
            found: Array = self.statistics.counts / self.statistics.samples
            return found
        return np.full(self.classes, 1.0 / self.classes)

    @cached_property
    def rank_cut(self) -> float:
        """Singular values of the centered class means at or below this count as zero."""
        share = self.convention.rank_cut
        scale = float(np.linalg.norm(self.means))
        return (2.0 * self.statistics.eps if share is None else share) * scale

    @cached_property
    def singular_values(self) -> Array:
        """Of the K x d centered class means, descending."""
        return np.asarray(np.linalg.svd(self.centered, compute_uv=False), dtype=np.float64)

    @cached_property
    def rank(self) -> int:
        """Numerical rank of the centered class means."""
        return int((self.singular_values > self.rank_cut).sum())

    @cached_property
    def classifier(self) -> Array:
        """W."""
        assert self.weight is not None  # the registry asks for it first
        return self.weight

    @cached_property
    def weight_rows(self) -> Array:
        """Rows of W, centered if the convention says so."""
        rows = self.classifier
        return rows - rows.mean(axis=0) if self.convention.center_weights else rows


def unit(matrix: Array, what: str) -> Array:
    """nrm(A) = A / ||A||_F."""
    size = norm(matrix)
    if size == 0.0:
        raise Undefined(f"{what} is zero")
    found: Array = matrix / size
    return found


def norm(array: Array) -> float:
    """Frobenius norm; entries whose squares leave the doubles are scaled by a power of two, which rounds nothing."""
    exponent = -math.frexp(float(np.abs(array).max(initial=0.0)))[1]
    return math.ldexp(float(np.linalg.norm(np.ldexp(array, exponent))), -exponent)


def gram(rows: Array) -> Array:
    """Inner products of the rows."""
    found: Array = rows @ rows.T
    return found


def simplex(classes: int) -> Array:
    """E = (I - J/K) / sqrt(K - 1), the Gram matrix of a simplex at norm 1."""
    found: Array = (np.eye(classes) - 1.0 / classes) / math.sqrt(classes - 1.0)
    return found


def cosines(rows: Array, names: tuple[object, ...], what: str) -> Array:
    """Cosines between the rows, shape (K, K)."""
    length = np.linalg.norm(rows, axis=1)
    if not length.all():
        k = int(np.flatnonzero(length == 0.0)[0])
        raise Undefined(f"the {what} of class {names[k]!r} is zero and has no direction")
    directions = rows / length[:, None]
    return np.clip(gram(directions), -1.0, 1.0)
