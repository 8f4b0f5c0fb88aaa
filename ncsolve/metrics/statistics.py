"""What one or two passes over the features leave: counts, class means, scatter, and the within-class scatter along the means.

A class mean is kept as an origin, one of its samples, and an offset from it: differences of class means, and of samples from their class
mean, are taken of origins first, so that an offset common to all features costs them no digits.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..problem.losses import Array

DOUBLE = float(np.finfo(np.float64).eps)
ROUNDINGS = 16.0  # of a quantity in float64 that make no difference


@dataclass(frozen=True, eq=False)
class Statistics:
    """Sufficient statistics of N features in K classes.

    Attributes
    ----------
    classes : K labels
    counts : n_k, shape (K,)
    origin, offset : mu_k = origin_k + offset_k, each of shape (K, d)
    scatter : sum over the class of ||h - mu_k||^2, shape (K,)
    eps : spacing at 1 of the floats that the features came in
    within : sum over all samples of (Q (h - mu_y)) (Q (h - mu_y))^T with the orthonormal rows Q of `basis`, shape (r, r); None
        if it was not kept
    mismatch : share of samples whose class by the classifier is not the one of the nearest class mean; None if not counted
    """

    classes: tuple[Hashable, ...]
    counts: Array
    origin: Array
    offset: Array
    scatter: Array
    eps: float
    within: Array | None = None
    mismatch: float | None = None

    @cached_property
    def means(self) -> Array:
        """mu_k, shape (K, d)."""
        found: Array = self.origin + self.offset
        return found

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
    def anchor(self) -> Array:
        """A vector of doubles near mu_C."""
        found: Array = self.means.mean(axis=0)
        return found

    @cached_property
    def moved(self) -> Array:
        """mu_k less the anchor, shape (K, d)."""
        found: Array = (self.origin - self.anchor) + self.offset
        return found

    @cached_property
    def mean_of_means(self) -> Array:
        """mu_C."""
        found: Array = self.anchor + self.moved.mean(axis=0)
        return found

    @cached_property
    def sample_mean(self) -> Array:
        """mu_S, summed as a difference from mu_C: exact where the counts are equal."""
        shares = self.counts / self.samples
        found: Array = self.mean_of_means + shares @ self.differences
        return found

    @cached_property
    def differences(self) -> Array:
        """mu_k - mu_C, shape (K, d)."""
        found: Array = self.moved - self.moved.mean(axis=0)
        return found

    @cached_property
    def resolution(self) -> Array:
        """How far rounding in float64 may have moved each of them, shape (K,)."""
        found: Array = (
            ROUNDINGS
            * DOUBLE
            * (np.linalg.norm(self.differences, axis=1) + np.sqrt(self.variances))
        )
        return found

    @cached_property
    def basis(self) -> Array:
        """Orthonormal rows that span all differences of class means, shape (min(K, d), d)."""
        found: Array = np.linalg.svd(self.differences, full_matrices=False)[2]
        return found
