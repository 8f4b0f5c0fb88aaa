"""What one or two passes over the features leave: counts, class means, scatter, and the within-class scatter along the means."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..losses import Array


@dataclass(frozen=True, eq=False)
class Statistics:
    """Sufficient statistics of N features in K classes.

    Attributes
    ----------
    classes : K labels
    counts : n_k, shape (K,)
    means : mu_k, shape (K, d)
    scatter : sum over the class of ||h - mu_k||^2, shape (K,)
    eps : spacing at 1 of the floats that the features came in
    within : sum over all samples of (Q (h - mu_y)) (Q (h - mu_y))^T with the orthonormal rows Q of `basis`, shape (r, r); None
        if it was not kept
    mismatch : share of samples whose class by the classifier is not the one of the nearest class mean; None if not counted
    """

    classes: tuple[Hashable, ...]
    counts: Array
    means: Array
    scatter: Array
    eps: float
    within: Array | None = None
    mismatch: float | None = None

    @property
    def samples(self) -> float:
        """N."""
        return float(self.counts.sum())

    @property
    def variances(self) -> Array:
        """V_k = E ||h - mu_k||^2, shape (K,); zero for a class of one sample."""
        found: Array = self.scatter / self.counts
        return found

    @cached_property
    def mean_of_means(self) -> Array:
        """mu_C."""
        rough = self.means.mean(axis=0)
        found: Array = rough + (self.means - rough).mean(axis=0)
        return found

    @cached_property
    def sample_mean(self) -> Array:
        """mu_S, summed as a difference from mu_C: exact where the counts are equal."""
        shares = self.counts / self.samples
        found: Array = self.mean_of_means + shares @ (self.means - self.mean_of_means)
        return found

    @cached_property
    def basis(self) -> Array:
        """Orthonormal rows that span all differences of class means, shape (min(K, d), d)."""
        found: Array = np.linalg.svd(self.means - self.mean_of_means, full_matrices=False)[2]
        return found
