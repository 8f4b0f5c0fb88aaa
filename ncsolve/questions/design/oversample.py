r"""By which factors must classes be oversampled, so that none vanishes or merges?

Oversampling class k by r_k >= 1 makes its count n_k r_k, in the data term and in the feature penalty, and N grows to N' = sum n_k r_k. By
the rule of rule.py a class that could be lost lives iff its count exceeds a_k N'^p, p = (M+1)/M, with a_k = (g/kappa*)^p phi/rho_k^2. So

    n_k r_k >= max(n_k, a_k N'^p),      N' = S(N'),      S(N) = sum_k max(n_k, a_k N^p)                                     (1)

(the second entry for classes with the rule only). S is convex and rises; factors that help have sum n_k r_k >= S(sum n_k r_k), and below
the least root of S(N) = N no N does that. So the least root gives the smallest factors, all of them smallest at once; there
is none iff S(N) > N everywhere. Newton's method from N_0 = sum n_k rises to the least root of the convex S(N) - N and never passes it.

Whole factors: r -> smallest whole r' with n_k r'_k > a_k (sum n_j r_j)^p is monotone, so iterating it from r = 1 rises to its least
fixed point (Knaster, Tarski): again all factors are smallest at once. It starts from the real solution, which lies below.

N fixed (resampling every epoch to N samples): the counts that are needed do not move, and the others give way in proportion,
n_k r_k = max(a_k N^p, f n_k) with the f in (0, 1] that keeps the sum; possible iff sum_k a_k N^p < N.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...analytic.theorem import ACTIVE
from ...problem.errors import NoAnswer
from ...problem.losses import Squared
from ...theorems.predict import predict
from .rule import rule
from .side import Design, Side

if TYPE_CHECKING:
    from ...problem.losses import Array
    from ...problem.ufm import UFM
    from .rule import Rule

BESIDE = 1e-6  # relative distance in N (in the needed counts, where N is fixed) of the two sides
MOST_ROUNDS = 100_000
LARGEST_FACTOR = 2.0**53  # doubles hold every whole number up to here


@dataclass(frozen=True, eq=False)
class Oversampling(Design):
    """The answer of `oversampling`.

    Attributes
    ----------
    fixed_total : whether N is kept by subsampling
    factors : r_k, shape (K,); the smallest ones, at which the rule holds with equality
    counts : n_k r_k
    samples : their sum
    whole_factors : the smallest whole factors; None where N is fixed, or where no whole factors work
    whole_samples : N with them
    at_whole, below_whole : Sides with the whole factors, and with one of them less by one; None where there is none
    """

    question: ClassVar[str] = "oversample"

    fixed_total: bool
    factors: Array
    counts: Array
    samples: float
    whole_factors: Array | None
    whole_samples: float | None
    at_whole: Side | None
    below_whole: Side | None

    @property
    def verified(self) -> bool:
        """Whether all predictions beside the answer say what it says."""
        whole = self.at_whole is None or self.at_whole.holds
        return (
            super().verified
            and whole
            and not (self.below_whole is not None and self.below_whole.holds)
        )

    def _answer(self) -> dict[str, Any]:
        sides = {"at_whole": self.at_whole, "below_whole": self.below_whole}
        return {
            "fixed_total": self.fixed_total,
            "factors": self.factors.tolist(),
            "counts": self.counts.tolist(),
            "samples": self.samples,
            "whole_factors": None if self.whole_factors is None else self.whole_factors.tolist(),
            "whole_samples": self.whole_samples,
            **{key: None if side is None else side.to_dict() for key, side in sides.items()},
        }


def oversampling(ufm: UFM, *, fixed_total: bool = False) -> Oversampling:
    """The smallest oversampling factors at which no class vanishes or merges.

    Parameters
    ----------
    ufm : UFM
    fixed_total : bool
        Keep N by subsampling the other classes in proportion, instead of letting it grow.

    Returns
    -------
    Oversampling
        The real factors lie on the boundary itself; `inside` and `outside` are predictions with N (the needed counts, where N is
        fixed) larger and smaller by 1e-6. Newton's method on (1) ends when N no longer rises.

    Raises
    ------
    NoAnswer
        No class is lost as it is, or no factors keep all of them.

    Examples
    --------
    >>> import ncsolve
    >>> ufm = ncsolve.UFM(counts=[500, 500, 50, 50, 5, 5], loss="ce", weight_decay=4e-3, feature_decay=4e-3)
    >>> found = ncsolve.oversampling(ufm)
    >>> found.whole_factors.tolist(), found.whole_samples, found.verified
    ([1.0, 1.0, 1.0, 1.0, 5.0, 5.0], 1150.0, True)
    """
    own = rule(ufm)
    if isinstance(ufm.loss, Squared) and ufm.rank_limit < ufm.classes - (ufm.bias == "free"):
        raise NoAnswer(
            f"the width lets at most {ufm.rank_limit} modes live, whatever the counts; a width of {ufm.classes} works"
        )
    if not own.own.any():
        raise NoAnswer(
            "no class shares its count with another, so none merges: there is nothing to oversample"
        )
    if own.lives()[own.own].all():
        raise NoAnswer("no class is lost at these decays: there is nothing to oversample")
    finder = _Fixed(own) if fixed_total else _Growing(own)
    counts = finder.counts(1.0)

    def side(at: float, n: Array) -> Side:
        states = predict(_recounted(ufm, n)).solution.states().state
        living = states == ACTIVE
        return Side(at, bool(living.all()), float(living.mean()), states)

    whole = None if fixed_total else _whole(own, counts)
    below = None if whole is None else _one_less(own, whole)
    notes = [
        f"N {'stays' if fixed_total else 'grows from'} {ufm.samples:g}"
        + ("" if fixed_total else f" to {counts.sum():g}")
    ]
    if not own.own.all():
        notes.append(
            "classes whose count no other class has merge with none; they are not oversampled"
        )
    if not fixed_total and whole is None:
        notes.append("no whole factors up to 2^53 work: N outgrows them")
    return Oversampling(
        ufm=ufm,
        inside=side(1.0 + BESIDE, finder.counts(1.0 + BESIDE)),
        outside=side(1.0 - BESIDE, finder.counts(1.0 - BESIDE)),
        notes=tuple(notes),
        fixed_total=fixed_total,
        factors=counts / ufm.counts,
        counts=counts,
        samples=float(counts.sum()),
        whole_factors=whole,
        whole_samples=None if whole is None else float((whole * ufm.counts).sum()),
        at_whole=None if whole is None else side(1.0, whole * ufm.counts),
        below_whole=None if below is None else side(1.0, below * ufm.counts),
    )


def _recounted(ufm: UFM, counts: Array) -> UFM:
    return ufm.replace(counts=counts, names=ufm.names, width=ufm.width)


class _Growing:
    """Counts max(n_k, a_k N^p) at the least root N of (1), or at a multiple of it."""

    def __init__(self, own: Rule) -> None:
        self.own, self.p = own, (own.ufm.depth + 1.0) / own.ufm.depth
        n, total = own.ufm.counts, own.ufm.samples
        while True:
            needed = np.where(own.own, own.needed(total), 0.0)
            raised = needed > n
            excess = float(np.where(raised, needed, n).sum()) - total
            slope = self.p * float(needed[raised].sum()) / total
            if excess <= 0.0:
                break
            if slope >= 1.0:
                raise NoAnswer(
                    "no oversampling keeps every class: N grows as fast as the factors; smaller decays work "
                    "(ncsolve design decay says how small)"
                )
            moved = total + excess / (1.0 - slope)
            if not moved > total:
                break
            total = moved
        self.total = total

    def counts(self, scale: float) -> Array:
        """At N times `scale`."""
        needed = np.where(self.own.own, self.own.needed(self.total * scale), 0.0)
        counts: Array = np.maximum(self.own.ufm.counts, needed)
        return counts


class _Fixed:
    """Counts max(a_k N^p, f n_k) whose sum is N, the needed ones times a factor."""

    def __init__(self, own: Rule) -> None:
        self.own = own
        self.needed = np.where(own.own, own.needed(own.ufm.samples), 0.0)
        if not float(self.needed.sum()) * (1.0 + BESIDE) < own.ufm.samples:
            raise NoAnswer(
                f"{float(self.needed.sum()):g} samples are needed to keep every class, of the {own.ufm.samples:g} there are; "
                "smaller decays work (ncsolve design decay says how small)"
            )

    def counts(self, scale: float) -> Array:
        """With the needed counts times `scale`."""
        n, total = self.own.ufm.counts, self.own.ufm.samples
        needed = self.needed * scale
        order = np.argsort(
            -needed / n, kind="stable"
        )  # the first so many are at their needed count
        held = np.concatenate([[0.0], np.cumsum(needed[order])[:-1]])
        rest = total - np.concatenate([[0.0], np.cumsum(n[order])[:-1]])
        share = (total - held) / rest
        which = int(np.argmax((needed / n)[order] <= share))
        counts: Array = np.maximum(needed, share[which] * n)
        return counts


def _whole(own: Rule, counts: Array) -> Array | None:
    """The least whole factors, or None where the iteration passes every N at which the rule can hold."""
    ufm = own.ufm
    factors = np.ceil(counts / ufm.counts * (1.0 - 1e-12))
    growing_at_most = _last_root(own)
    for _ in range(MOST_ROUNDS):
        n = factors * ufm.counts
        dead = own.own & ~own.at(_recounted(ufm, n)).lives()
        if not dead.any():
            return factors
        wanted = np.ceil(own.needed(float(n.sum())) / ufm.counts * (1.0 - 1e-12))
        factors = np.where(dead, np.maximum(factors + 1.0, wanted), factors)
        if factors.max() >= LARGEST_FACTOR or float((factors * ufm.counts).sum()) > growing_at_most:
            return None
    return None


def _last_root(own: Rule) -> float:
    """An N beyond which S(N) > N: S(N) >= N^p sum a_k, so (sum a_k)^(-M)."""
    samples = own.ufm.samples
    per = float(own.needed(samples)[own.own].sum()) / samples  # sum a_k N^(p-1) at the present N
    return samples * math.exp(min(-own.ufm.depth * math.log(per), 600.0))


def _one_less(own: Rule, factors: Array) -> Array | None:
    """The whole factors, those of the smallest class that is raised less by one."""
    raised = factors > 1.0
    if not raised.any():
        return None
    n = own.ufm.counts
    least = float(n[raised].min())
    less: Array = np.where(raised & (n == least), factors - 1.0, factors)
    return less
