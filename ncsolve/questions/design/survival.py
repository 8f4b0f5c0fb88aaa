r"""Which classes live at which decays.

Only the geometric mean g of the decays enters, and every class lives up to a critical g of its own:

    own rule (rule.py)                            g_k = kappa* (n_k rho_k^2 / phi)^(M/(M+1)) / N
    squared loss, free bias, a count of its own   kappa* mu^(M/(M+1)) / N with mu the largest root of the secular equation: such a
                                                  class is moved by every root, so it lives as long as one of them does
    convex problem, a count of its own            as long as the means of the groups differ, B != 0 (convex.py): decided by
                                                  ||dF/dB||_op at B = 0 against c, which has no closed form

A rank bound R lets live only the R largest counts (squared loss without a bias, ReLU), or the R largest modes (free bias).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...analytic.grouped import reduced_problem
from ...analytic.groups import groups
from ...analytic.reduction import exact_sum, geometric_mean
from ...analytic.scalar import critical_power, threshold
from ...analytic.simplex_solution import simplex
from ...analytic.spectral import select
from ...analytic.spectrum import CenteredSpectrum
from ...problem.losses import Squared
from .rule import NEAR, Rule, rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...problem.losses import Array
    from ...problem.ufm import UFM

DIGITS = 2000  # distinct counts up to which a root is placed with 80 digits
FINER = 2.0**-0.25  # steps of the scan for the decay at which the means collapse
HALVINGS = 50


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
