r"""Counts that keep classes alive: the smallest count that a minority needs, and the smallest oversampling at which no class is lost.

A minority. m classes share the count x, the others have N_0 samples together, so N = N_0 + m x grows with x. By the rule of survival.py
they live iff

    f(x) = kappa* (x rho^2/phi)^(M/(M+1)) - g (N_0 + m x) >= 0        (M = 1: > 0).                                           (1)

f is concave and negative at x = 0, so it holds on an interval [x_low, x_high] or nowhere: x_low is the answer, and beyond x_high the
minority has drawn N so far up that it dies of its own number. f is largest at (kappa* M / ((M+1) g m))^(M+1) (rho^2/phi)^M, and there it is
negative, so that no count helps, iff N_0 is too large. M = 1 is a quadratic in sqrt(x): with c' = c sqrt(phi)/rho

    sqrt(x_low) = 2 N_0 c' / (1 + sqrt(1 - 4 m N_0 c'^2)),        none iff 4 m N_0 c'^2 >= 1.                                  (2)

A rank bound R adds that the minority's modes must be among the R largest, which holds from some x on, since as many modes exceed a
contrast as classes have larger counts: still an interval.

Oversampling class k by r_k >= 1 makes its count n_k r_k, in the data term and in the feature penalty, and N grows to N' = sum n_k r_k.
By the rule of survival.py a class that could be lost lives iff its count exceeds a_k N'^p, p = (M+1)/M, with
a_k = (g/kappa*)^p phi/rho_k^2. So

    n_k r_k >= max(n_k, a_k N'^p),      N' = S(N'),      S(N) = sum_k max(n_k, a_k N^p)                                     (3)

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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..analytic import scalar
from ..analytic.reduction import reduce
from ..analytic.theorem import ACTIVE
from ..problem.errors import NoAnswer
from ..problem.losses import Squared
from ..problem.ufm import FEWEST, MOST
from .design import Design, Side, between, class_indices, states_of
from .survival import Rule, rule, survival

if TYPE_CHECKING:
    from ..problem.losses import Array, Indices
    from ..problem.ufm import UFM

BESIDE = 1e-6  # relative distance in N (in the needed counts, where N is fixed) of the two sides
MOST_ROUNDS = 100_000
LARGEST_FACTOR = 2.0**53  # doubles hold every whole number up to here


@dataclass(frozen=True, eq=False, repr=False)
class SmallestCount(Design):
    """The answer of `smallest_count`.

    Attributes
    ----------
    classes : indices of the minority's m classes
    count : the smallest real count at which they live (`outside` is the double before it)
    integer : the smallest whole count at which they live; None where no whole number lies in the interval
    largest : the largest count at which they live; None where it is beyond 1e100
    samples : N at the whole count, or at `count` where there is none
    at_integer, below_integer : Sides at the whole count and at the whole number before it; None where there is none
    """

    question: ClassVar[str] = "count"
    own: ClassVar[tuple[str, ...]] = (
        "classes",
        "count",
        "integer",
        "largest",
        "samples",
        "at_integer",
        "below_integer",
    )

    classes: Indices
    count: float
    integer: float | None
    largest: float | None
    samples: float
    at_integer: Side | None
    below_integer: Side | None

    @property
    def verified(self) -> bool:
        """Whether all predictions beside the answer say what it says."""
        whole = self.at_integer is None or self.at_integer.holds
        return (
            super().verified
            and whole
            and not (self.below_integer is not None and self.below_integer.holds)
        )


def smallest_count(ufm: UFM, classes: Sequence[str] | None = None) -> SmallestCount:
    """The smallest count at which a minority is active, the other counts and the decays being given.

    Parameters
    ----------
    ufm : UFM
    classes : names, optional
        The minority, whose classes all get the same count; by default the classes with the smallest count.

    Returns
    -------
    SmallestCount
        `inside` and `outside` are predictions at neighboring doubles: bisection on doubles, each decided in rational arithmetic,
        ends where no double lies between.

    Raises
    ------
    NoAnswer
        No count keeps them, every count does, or the class has no threshold of its own (a class that shares its count with no other
        merges with none).

    Examples
    --------
    >>> import ncsolve
    >>> found = ncsolve.smallest_count(ncsolve.UFM(counts=[1000, 100, 10, 2], depth=3, weight_decay=5e-4, feature_decay=5e-4))
    >>> found.integer, round(found.count, 6), found.verified
    (3.0, 2.593969, True)
    """
    chosen = (
        np.flatnonzero(ufm.counts == ufm.counts.min())
        if classes is None
        else class_indices(ufm, classes)
    )
    named = (
        f"class {ufm.names[int(chosen[0])]!r}"
        if chosen.size == 1
        else f"these {chosen.size} classes"
    )

    def problem(x: float) -> UFM:
        counts = ufm.counts.copy()
        counts[chosen] = x
        return ufm.replace(counts=counts, names=ufm.names, width=ufm.width)

    trial = rule(problem(_unused(ufm)))
    if not trial.own[chosen].all():
        raise NoAnswer(
            f"{named} would share a count with no other: such a class merges with none, at any count; name two or more"
        )
    rank, bound = ufm.rank_limit, _bounded(ufm)
    shared = int(bound == "contrasts")  # m classes that merge have m - 1 contrasts
    if bound and chosen.size - shared > rank:
        raise NoAnswer(
            f"the width lets {rank} modes live, which is too few for {named}; a width of {ufm.classes} works"
        )

    def lives(x: float) -> bool:
        at = problem(x)
        living = survival(at).lives(at) if bound else trial.at(at).lives()
        return bool(living[chosen].all())

    rest = np.delete(ufm.counts, chosen)
    top = _best(ufm, float((trial.slope[chosen] ** 2).min()) / float(trial.factor), chosen.size)
    room = rank - chosen.size + shared  # larger counts that leave the minority its place
    if bound and rest.size > room:
        top = max(top, float(np.nextafter(np.sort(rest)[::-1][room], math.inf)))
    if not FEWEST < top < MOST or not lives(top):
        raise NoAnswer(
            f"no count keeps {named} alive: with {float(rest.sum()):g} other samples N grows as fast as they do, the best count "
            f"{top:.6g} is not enough; smaller decays or fewer other samples work"
        )
    if lives(FEWEST):
        raise NoAnswer(
            f"every count keeps {named} alive: the decays are too small to lose a class of {FEWEST:g} samples"
        )
    before, count = between(lambda x: not lives(x), FEWEST, top)
    largest = None if lives(MOST) else between(lives, top, MOST)[0]
    integer: float | None = float(math.ceil(count))
    if not lives(float(math.ceil(count))):
        integer = None

    def side(x: float) -> Side:
        states = states_of(problem(x))
        living = states[chosen] == ACTIVE
        return Side(x, bool(living.all()), float(living.mean()), states)

    notes = (
        ()
        if integer is not None
        else (f"no whole number lies between {count:.9g} and {largest:.9g}",)
    )
    return SmallestCount(
        ufm=ufm,
        inside=side(count),
        outside=side(before),
        notes=notes,
        classes=chosen,
        count=count,
        integer=integer,
        largest=largest,
        samples=problem(count if integer is None else integer).samples,
        at_integer=None if integer is None else side(integer),
        below_integer=None if integer is None or integer < 2 else side(integer - 1.0),
    )


def _best(ufm: UFM, strength: float, classes: int) -> float:
    """Where f of (1) is largest."""
    depth = ufm.depth
    per = math.log(
        scalar.threshold(depth) * depth / ((depth + 1.0) * reduce(ufm).mean_decay * classes)
    )
    log = (depth + 1.0) * per + depth * math.log(strength)
    return math.exp(min(max(log, -700.0), 700.0))


def _bounded(ufm: UFM) -> str:
    """What the rank bound cuts: "axes", "contrasts", or nothing."""
    if ufm.bias == "none" and (isinstance(ufm.loss, Squared) or ufm.features == "relu"):
        return "axes" if ufm.rank_limit < ufm.classes else ""
    return (
        "contrasts"
        if isinstance(ufm.loss, Squared) and ufm.bias == "free" and ufm.rank_limit < ufm.classes - 1
        else ""
    )


def _unused(ufm: UFM) -> float:
    """A count that no class has."""
    return float(np.nextafter(ufm.counts.max(), math.inf))


@dataclass(frozen=True, eq=False, repr=False)
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
    own: ClassVar[tuple[str, ...]] = (
        "fixed_total",
        "factors",
        "counts",
        "samples",
        "whole_factors",
        "whole_samples",
        "at_whole",
        "below_whole",
    )

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
        fixed) larger and smaller by 1e-6. Newton's method on (3) ends when N no longer rises.

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
        states = states_of(_recounted(ufm, n))
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
    """Counts max(n_k, a_k N^p) at the least root N of (3), or at a multiple of it."""

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
