r"""Which classes live at which decays: the rule by which a class lives or dies by its own count, and what decides the others.

    class k lives   iff   N g <= kappa* (n_k rho_k^2 / phi)^(M/(M+1))                      (M = 1: <)                        (1)

with g the geometric mean of the decays and kappa* that of scalar.py; for M = 1 it reads sqrt(n_k) rho_k > N c sqrt(phi).

    squared loss, no bias               every class vanishes by it, any M                  rho = 1                 phi = 1
    squared loss with a bias            classes that share their count merge by it         rho = 1                 phi = 1
    cross-entropy, M = 1                classes that share their count merge by it         rho = (1 - delta) s r   phi = 1
    cross-entropy with ReLU features    every class vanishes by it, M = 1                  rho = 1 - delta         phi = K/(K-1)

Other classes have no such rule: a class whose count no other class has merges with none. Raised to the power M + 1, (1) is a
comparison of rational numbers, which is made exactly where floating point is within 1e-9 of equality.

Only the geometric mean g of the decays enters, and every class lives up to a critical g of its own:

    own rule (1)                                  g_k = kappa* (n_k rho_k^2 / phi)^(M/(M+1)) / N
    squared loss, free bias, a count of its own   kappa* mu^(M/(M+1)) / N with mu the largest root of the secular equation: such a
                                                  class is moved by every root, so it lives as long as one of them does
    convex problem, a count of its own            as long as the means of the groups differ, B != 0 (convex.py): decided by
                                                  ||dF/dB||_op at B = 0 against c, which has no closed form

A rank bound R lets live only the R largest counts (squared loss without a bias, ReLU), or the R largest modes (free bias).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..analytic.groups import groups, reduced_problem
from ..analytic.reduction import exact_sum, geometric_mean
from ..analytic.scalar import critical_power, threshold
from ..analytic.simplex import simplex
from ..analytic.spectral import select
from ..analytic.spectrum import CenteredSpectrum
from ..problem.errors import NoAnswer
from ..problem.losses import CrossEntropy, Squared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.losses import Array
    from ..problem.ufm import UFM

NEAR = 1e-9  # relative distance to equality within which rational numbers decide
DIGITS = 2000  # distinct counts up to which a root is placed with 80 digits
FINER = 2.0**-0.25  # steps of the scan for the decay at which the means collapse
HALVINGS = 50


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


@dataclass(frozen=True, eq=False)
class Survival:
    """At which decays the classes of a problem live.

    Attributes
    ----------
    critical : the geometric mean of the decays up to which each class lives, shape (K,); NaN where none keeps it, infinity where
        the class lives as long as `means` says
    lives : callable giving for the same problem at other decays which classes live, those that `means` decides counted as living
    rounded : the classes whose critical decay is known to rounding only, shape (K,); of all others `lives` knows exactly
    means : callable giving ||dF/dB||_op at B = 0 for a given c; B != 0 iff it exceeds c. None where it decides nothing
    """

    critical: Array
    lives: Callable[[UFM], NDArray[np.bool_]]
    rounded: NDArray[np.bool_]
    means: Callable[[float], float] | None = None

    def with_means(self, at_most: float) -> Array:
        """The critical decays, those that `means` decides found numerically below `at_most`.

        Scanned downwards in steps of 2^(1/4) until B != 0, then halved 50 times or until the ends are neighbors.
        """
        assert self.means is not None
        high = at_most
        low = high * FINER
        while not self.means(low) > low:
            high, low = low, low * FINER
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            if not low < middle < high:
                break
            low, high = (middle, high) if self.means(middle) > middle else (low, middle)
        return np.where(np.isinf(self.critical), low, self.critical)


def survival(ufm: UFM, theorem: str = "") -> Survival:
    """At which decays the classes of `ufm` live.

    Raises
    ------
    NoAnswer
        No thresholds are known for such a problem.
    """
    if theorem == "deep_simplex":
        scalar = simplex(ufm)
        most = scalar.critical_c() * scalar.q
        everyone = np.ones(ufm.classes, dtype=bool)
        return Survival(
            np.full(ufm.classes, most),
            lambda at: everyone & (geometric_mean(at.decays) < most),
            everyone,
        )
    own, squared = rule(ufm), isinstance(ufm.loss, Squared)
    if squared and ufm.bias == "free":
        return _centered_labels(ufm)
    if ufm.bias == "none" and (squared or ufm.features == "relu"):
        return _axes(own)

    def lives(at: UFM) -> NDArray[np.bool_]:
        return own.at(at).lives() | ~own.own

    if own.own.all():
        return Survival(own.critical_decay, lives, ~own.own)
    over = groups(ufm)
    return Survival(
        np.where(own.own, own.critical_decay, math.inf),
        lives,
        ~own.own,
        lambda c: reduced_problem(ufm, over, c).norm_without_means(),
    )


def complete_collapse(ufm: UFM, critical: Array) -> float:
    """The decay from which on everything is zero: a convex problem's dual norm at zero, or the largest critical decay beyond it."""
    over = groups(ufm)
    finite = critical[np.isfinite(critical)]
    return float(max([reduced_problem(ufm, over, 1.0).norm_at_zero(), *finite.tolist()]))


def _axes(own: Rule) -> Survival:
    """Mode k is class k, and only the R largest have room."""
    ufm = own.ufm
    fits = np.ones(ufm.classes, dtype=bool)
    if ufm.rank_limit < ufm.classes:
        fits[np.argsort(-ufm.counts, kind="stable")[ufm.rank_limit :]] = False
    return Survival(
        np.where(fits, own.critical_decay, math.nan), lambda at: own.at(at).lives() & fits, ~own.own
    )


def _centered_labels(ufm: UFM) -> Survival:
    """Contrasts within groups, and the largest root for a class whose count is its own."""
    own, spectrum = rule(ufm), CenteredSpectrum(ufm.counts)
    room, copies, mode = select(ufm, spectrum).room, spectrum.copies, spectrum.mode_of_class
    top = (
        int((copies > 0).sum()) - int(np.unique(mode[mode >= 0]).size) - 1
    )  # roots come first, ascending
    moved = top >= 0 and room[top] > 0
    root = spectrum.tau2[top] if top >= 0 else 0.0
    depth = ufm.depth
    critical_root = threshold(depth) * root ** (depth / (depth + 1.0)) / ufm.samples
    fits = np.where(own.own, room[mode] > 0, moved)
    for cut in np.flatnonzero(
        (room > 0) & (room < copies)
    ):  # at most one group lies on both sides of the cut
        members, apart = np.flatnonzero(mode == cut), int(room[cut]) + 1
        if not (
            moved and members.size == apart + 1
        ):  # one that is left over shares its vector with none
            fits[members[apart:]] = False
    exact = exact_sum(ufm.counts)

    def lives(at: UFM) -> NDArray[np.bool_]:
        g = geometric_mean(at.decays)
        alive = critical_root > g
        if top >= 0 and abs(critical_root - g) < NEAR * g and copies.size <= DIGITS:
            sign = spectrum.exceeds(top, critical_power(exact, at.decays), depth)
            alive = sign > 0 or (sign == 0 and depth > 1)
        living: NDArray[np.bool_] = np.where(own.own, own.at(at).lives(), alive) & fits
        return living

    critical = np.where(fits, np.where(own.own, own.critical_decay, critical_root), math.nan)
    return Survival(critical, lives, ~own.own & (copies.size > DIGITS))
