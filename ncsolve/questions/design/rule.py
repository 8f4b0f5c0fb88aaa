r"""The rule by which a class lives or dies by its own count.

    class k lives   iff   N g <= kappa* (n_k rho_k^2 / phi)^(M/(M+1))                      (M = 1: <)                        (1)

with g the geometric mean of the decays and kappa* that of scalar.py; for M = 1 it reads sqrt(n_k) rho_k > N c sqrt(phi).

    squared loss, no bias               every class vanishes by it, any M                  rho = 1                 phi = 1
    squared loss with a bias            classes that share their count merge by it         rho = 1                 phi = 1
    cross-entropy, M = 1                classes that share their count merge by it         rho = (1 - delta) s r   phi = 1
    cross-entropy with ReLU features    every class vanishes by it, M = 1                  rho = 1 - delta         phi = K/(K-1)

Other classes have no such rule: a class whose count no other class has merges with none. Raised to the power M + 1, (1) is a
comparison of rational numbers, which is made exactly where floating point is within 1e-9 of equality.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...analytic.groups import groups
from ...analytic.reduction import exact_sum, geometric_mean
from ...analytic.scalar import critical_power, threshold
from ...problem.errors import NoAnswer
from ...problem.losses import CrossEntropy, Squared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...problem.losses import Array
    from ...problem.ufm import UFM

NEAR = 1e-9  # relative distance to equality within which rational numbers decide


@dataclass(frozen=True, eq=False)
class Rule:
    """The rule (1) of one problem.

    Attributes
    ----------
    ufm : UFM
    slope : rho, shape (K,)
    factor : phi
    own : the classes that live or die by it, shape (K,)
    """

    ufm: UFM
    slope: Array
    factor: Fraction
    own: NDArray[np.bool_]

    @property
    def strength(self) -> Array:
        """Counts times rho^2 / phi: those that squared loss without a bias would have to have."""
        strength: Array = self.ufm.counts * self.slope**2 / float(self.factor)
        return strength

    @property
    def critical_decay(self) -> Array:
        """The geometric mean of the decays up to which (1) holds, shape (K,)."""
        depth = self.ufm.depth
        critical: Array = (
            threshold(depth) * self.strength ** (depth / (depth + 1.0)) / self.ufm.samples
        )
        return critical

    def needed(self, samples: float) -> Array:
        """The count up to which (1) fails when the samples are so many, shape (K,)."""
        depth = self.ufm.depth
        level = samples * geometric_mean(self.ufm.decays) / threshold(depth)
        needed: Array = level ** ((depth + 1.0) / depth) * float(self.factor) / self.slope**2
        return needed

    def at(self, ufm: UFM) -> Rule:
        """The same rule for other counts or decays."""
        return replace(self, ufm=ufm)

    def lives(self) -> NDArray[np.bool_]:
        """Whether (1) holds, exactly, shape (K,)."""
        ratio = self.critical_decay / geometric_mean(self.ufm.decays)
        found: NDArray[np.bool_] = ratio > 1.0
        near = np.flatnonzero(np.abs(ratio - 1.0) < NEAR)
        if near.size:
            depth = self.ufm.depth
            limit = critical_power(exact_sum(self.ufm.counts), self.ufm.decays) * self.factor**depth
            kinds, which = np.unique(
                np.vstack([self.ufm.counts[near], self.slope[near]]), axis=1, return_inverse=True
            )
            powers = [(Fraction(n) * Fraction(rho) ** 2) ** depth for n, rho in kinds.T.tolist()]
            decided = np.array(
                [power > limit or (power == limit and depth > 1) for power in powers]
            )
            found[near] = decided[which.reshape(-1)]
        return found


def rule(ufm: UFM) -> Rule:
    """The rule of a problem.

    Raises
    ------
    NoAnswer
        No class of such a problem lives or dies by its own count.
    """
    shared = np.zeros(ufm.classes, dtype=bool)
    if isinstance(ufm.loss, Squared):
        if not ufm.loss.one_hot:
            raise NoAnswer(
                "given targets leave no class a threshold of its own; one-hot targets do"
            )
        if ufm.bias == "none":
            return Rule(ufm, np.ones(ufm.classes), Fraction(1), ~shared)
        if not isinstance(ufm.bias, str) and ufm.depth > 1:
            raise NoAnswer(
                "no thresholds are known for a regularized bias at depth 2 or more; depth 1, or another bias, works"
            )
    elif not isinstance(ufm.loss, CrossEntropy):
        raise NoAnswer(f"no thresholds are known for the loss {ufm.loss.name!r}")
    elif ufm.depth > 1:
        raise NoAnswer(
            "no thresholds are known for cross-entropy at depth 2 or more; depth 1, or squared loss, works"
        )
    elif ufm.features == "relu":
        factor = Fraction(ufm.classes, ufm.classes - 1)
        return Rule(ufm, np.full(ufm.classes, 1.0 - ufm.loss.smoothing), factor, ~shared)
    elif ufm.rank_limit < ufm.classes - 1:
        raise NoAnswer(
            f"no thresholds are known for cross-entropy at width {ufm.rank_limit} < K - 1; a width of {ufm.classes - 1} works"
        )
    over = groups(ufm)
    return Rule(ufm, ufm.loss.own_slope(ufm.classes), Fraction(1), over.sizes[over.member] > 1)
