r"""Counts that keep classes alive: the smallest count that a minority needs, and the smallest oversampling at which no class is lost.

A minority. m classes share the count x, the others have N_0 samples together, so N = N_0 + m x grows with x. By (1) of design.py they
live iff

    f(x) = kappa* (x rho^2/phi)^(M/(M+1)) - g (N_0 + m x) >= 0        (M = 1: > 0),                                           (1)

or iff x >= a N^p with p = (M+1)/M and a = (g/kappa*)^p phi/rho^2; the theorem knows a N^p (`ClassStates.critical_count`). f is concave
and negative at x = 0, so it holds on an interval [x_low, x_high] or nowhere: x_low is the answer, and beyond x_high the minority has
drawn N so far up that it dies of its own number. f is largest at (M/((M+1) m))^(M+1) a^(-M), and there it is negative, so that no count
helps, iff N_0 is too large. M = 1 is a quadratic in sqrt(x): with c' = c sqrt(phi)/rho

    sqrt(x_low) = 2 N_0 c' / (1 + sqrt(1 - 4 m N_0 c'^2)),        none iff 4 m N_0 c'^2 >= 1.                                  (2)

A rank bound R adds that the minority's modes must be among the R largest, which holds from some x on, since as many modes exceed a
contrast as classes have larger counts: still an interval. That x is found where decays are so small that nothing else is lost.

Oversampling class k by r_k >= 1 makes its count n_k r_k, in the data term and in the feature penalty, and N grows to N' = sum n_k r_k.
A class that could be lost lives iff its count exceeds a_k N'^p. So

    n_k r_k >= max(n_k, a_k N'^p),      N' = S(N'),      S(N) = sum_k max(n_k, a_k N^p)                                     (3)

(a_k = 0 for classes without a count of their own). S is convex and rises; factors that help have sum n_k r_k >= S(sum n_k r_k), and below
the least root of S(N) = N no N does that. So the least root gives the smallest factors, all of them smallest at once; there
is none iff S(N) > N everywhere. Newton's method from N_0 = sum n_k rises to the least root of the convex S(N) - N and never passes it.

Whole factors: r -> smallest whole r' with n_k r'_k > a_k (sum n_j r_j)^p is monotone, so iterating it from r = 1 rises to its least
fixed point (Knaster, Tarski): again all factors are smallest at once. It starts from the real solution, which lies below. As
S(N) >= N^p sum a_k, no N beyond (sum a_k)^(-M) will do.

N fixed (resampling every epoch to N samples): the counts that are needed do not move, and the others give way in proportion,
n_k r_k = max(a_k N^p, f n_k) with the f in (0, 1] that keeps the sum; possible iff sum_k a_k N^p < N.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..analytic.theorem import ACTIVE
from ..problem.errors import NoAnswer
from ..problem.ufm import FEWEST, MOST
from ..theorems.predict import choose
from .design import Design, Side, between, class_indices, fates, last_double, states_of, theorem_for

if TYPE_CHECKING:
    from ..problem.losses import Array, Indices
    from ..problem.ufm import UFM

BESIDE = 1e-6  # relative distance in N (in the needed counts, where N is fixed) of the two sides
MOST_ROUNDS = 100_000
LARGEST_FACTOR = 2.0**53  # doubles hold every whole number up to here
TINY = {"weight_decay": 1e-190, "feature_decay": 1e-190}  # decays at which only widths lose classes
ALONE = "no class shares its count with another, so none merges"
SMALLER = "smaller decays work (ncsolve design decay says how small)"


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

    classes: Indices
    count: float
    integer: float | None
    largest: float | None
    samples: float
    at_integer: Side | None
    below_integer: Side | None


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
    least = np.flatnonzero(ufm.counts == ufm.counts.min())
    chosen = least if classes is None else class_indices(ufm, classes)
    m, one = chosen.size, f"class {ufm.names[int(chosen[0])]!r}"
    named = one if m == 1 else f"these {m} classes"
    others = float(np.delete(ufm.counts, chosen).sum())

    def problem(x: float) -> UFM:
        counts = ufm.counts.copy()
        counts[chosen] = x
        return _recounted(ufm, counts)

    def lives(x: float) -> bool:
        return Side.of(x, fates(problem(x)).state, chosen).holds

    def fits(x: float) -> bool:
        return Side.of(x, fates(problem(x).replace(**TINY)).state, chosen).holds

    def side(x: float) -> Side:
        return Side.of(x, states_of(problem(x)), chosen)

    unused = float(np.nextafter(ufm.counts.max(), math.inf))  # a count that no class has
    per, p = _needed(problem(unused))
    a = float(per[chosen].max())
    if math.isnan(a):
        alone = "such a class merges with none, at any count; name two or more"
        raise NoAnswer(f"{named} would share a count with no other: {alone}")
    peak = (ufm.depth + 1.0) * math.log(1.0 / (p * m)) - ufm.depth * math.log(max(a, 5e-324))
    top = math.exp(min(max(peak, -700.0), 700.0))
    if ufm.rank_limit < ufm.classes:
        widest = min(2.0 * float(ufm.counts.max()), MOST)
        if not fits(widest):
            few = f"which is too few for {named}; a width of {ufm.classes} works"
            raise NoAnswer(f"the width lets {ufm.rank_limit} modes live, {few}")
        if not fits(FEWEST):
            top = max(top, between(lambda x: not fits(x), FEWEST, widest)[1])
    if not FEWEST < top < MOST or not lives(top):
        fast = f"with {others:g} other samples N grows as fast as they do"
        best = f"the best count {top:.6g} is not enough; smaller decays or fewer other samples work"
        raise NoAnswer(f"no count keeps {named} alive: {fast}, {best}")
    if lives(FEWEST):
        choose(problem(FEWEST))  # refuses a width at which nothing is known of so many
        small = f"the decays are too small to lose a class of {FEWEST:g} samples"
        raise NoAnswer(f"every count keeps {named} alive: {small}")

    def closed(x: float) -> bool:
        return bool(x > a * (others + m * x) ** p)

    guess = between(lambda x: not closed(x), FEWEST, top)[1]
    before, count = last_double(lambda x: not lives(x), guess, FEWEST, top)
    largest = None
    if not lives(MOST):
        largest = last_double(lives, between(closed, top, MOST)[0], top, MOST)[0]
    integer = float(math.ceil(count)) if lives(float(math.ceil(count))) else None
    none = (f"no whole number lies between {count:.9g} and {largest or MOST:.9g}",)
    return SmallestCount(
        ufm=ufm,
        inside=side(count),
        outside=side(before),
        notes=none if integer is None else (),
        classes=chosen,
        count=count,
        integer=integer,
        largest=largest,
        samples=problem(count if integer is None else integer).samples,
        at_integer=None if integer is None else side(integer),
        below_integer=None if integer is None or integer < 2 else side(integer - 1.0),
    )


def _recounted(ufm: UFM, counts: Array) -> UFM:
    return ufm.replace(counts=counts, names=ufm.names, width=ufm.width)


def _needed(ufm: UFM) -> tuple[Array, float]:
    """(a, p): at full width class k is lost when its count falls to a_k N^p; NaN for a class that has no such count."""
    theorem_for(ufm)
    p = (ufm.depth + 1.0) / ufm.depth
    return fates(ufm.replace(width=ufm.classes)).critical_count / ufm.samples**p, p


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

    fixed_total: bool
    factors: Array
    counts: Array
    samples: float
    whole_factors: Array | None
    whole_samples: float | None
    at_whole: Side | None
    below_whole: Side | None


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
    n, rank, (a, p) = ufm.counts, ufm.rank_limit, _needed(ufm)
    own, a = ~np.isnan(a), np.nan_to_num(a)
    if rank < ufm.classes:
        wide = ufm.replace(width=ufm.classes)
        lost = theorem_for(wide).losses(wide)
        if max(lost.classes.size, lost.modes.size) > rank:
            most = f"the width lets at most {rank} modes live, whatever the counts"
            raise NoAnswer(f"{most}; a width of {ufm.classes} works")
    if not own.any():
        raise NoAnswer(f"{ALONE}: there is nothing to oversample")
    if (fates(ufm).state[own] == ACTIVE).all():
        raise NoAnswer("no class is lost at these decays: there is nothing to oversample")
    root = ufm.samples if fixed_total else _least_root(ufm, a, p)

    def counts(scale: float) -> Array:
        """With N, or with the counts needed at the same N, times `scale`."""
        grown: Array = np.maximum(n, a * (root * scale) ** p)
        return _shared_out(ufm, a * root**p * scale) if fixed_total else grown

    def side(at: float, n: Array) -> Side:
        return Side.of(at, states_of(_recounted(ufm, n)), slice(None))

    real = counts(1.0)
    whole = None if fixed_total else _whole(ufm, own, a, p, real / n)
    below = None
    if whole is not None and (whole > 1.0).any():
        smallest = (whole > 1.0) & (n == n[whole > 1.0].min())
        below = side(1.0, np.where(smallest, whole - 1.0, whole) * n)
    grown = "" if fixed_total else f" to {real.sum():g}"
    notes = [f"N {'stays' if fixed_total else 'grows from'} {ufm.samples:g}{grown}"]
    if not own.all():
        alone = "classes whose count no other class has merge with none"
        notes.append(f"{alone}; they are not oversampled")
    if not fixed_total and whole is None:
        notes.append("no whole factors up to 2^53 work: N outgrows them")
    return Oversampling(
        ufm=ufm,
        inside=side(1.0 + BESIDE, counts(1.0 + BESIDE)),
        outside=side(1.0 - BESIDE, counts(1.0 - BESIDE)),
        notes=tuple(notes),
        fixed_total=fixed_total,
        factors=real / n,
        counts=real,
        samples=float(real.sum()),
        whole_factors=whole,
        whole_samples=None if whole is None else float((whole * n).sum()),
        at_whole=None if whole is None else side(1.0, whole * n),
        below_whole=below,
    )


def _least_root(ufm: UFM, a: Array, p: float) -> float:
    """The least root N of (3), by Newton's method."""
    total = ufm.samples
    while True:
        needed = a * total**p
        raised = needed > ufm.counts
        excess = float(np.maximum(needed, ufm.counts).sum()) - total
        slope = p * float(needed[raised].sum()) / total
        if excess <= 0.0:
            return total
        if slope >= 1.0:
            faster = "N grows as fast as the factors"
            raise NoAnswer(f"no oversampling keeps every class: {faster}; {SMALLER}")
        moved = total + excess / (1.0 - slope)
        if not moved > total:
            return total
        total = moved


def _shared_out(ufm: UFM, needed: Array) -> Array:
    """Counts max(needed, f n_k) whose sum is N."""
    n, total, wanted = ufm.counts, ufm.samples, float(needed.sum())
    if not wanted < total:
        keep = f"{wanted:g} samples are needed to keep every class"
        raise NoAnswer(f"{keep}, of the {total:g} there are; {SMALLER}")
    held = np.zeros(n.size, dtype=bool)  # at their needed count, which only leaves less for others
    while True:
        share = (total - float(needed[held].sum())) / float(n[~held].sum())
        if (held >= (needed > share * n)).all():
            counts: Array = np.where(held, needed, share * n)
            return counts
        held |= needed > share * n


def _whole(ufm: UFM, own: Array, a: Array, p: float, real: Array) -> Array | None:
    """The least whole factors, or None where the iteration passes every N at which the rule can hold."""
    n, factors = ufm.counts, np.ceil(real * (1.0 - 1e-12))
    most = math.exp(min(-ufm.depth * math.log(float(a.sum())), 700.0))
    for _ in range(MOST_ROUNDS):
        total = float((factors * n).sum())
        dead = own & (fates(_recounted(ufm, factors * n)).state != ACTIVE)
        if not dead.any():
            return factors
        wanted = np.ceil(a * total**p / n * (1.0 - 1e-12))
        factors = np.where(dead, np.maximum(factors + 1.0, wanted), factors)
        if factors.max() >= LARGEST_FACTOR or float((factors * n).sum()) > most:
            return None
    return None
