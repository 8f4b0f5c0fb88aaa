r"""The smallest count that a minority needs.

m classes share the count x, the others have N_0 samples together, so N = N_0 + m x grows with x. By the rule of rule.py they live iff

    f(x) = kappa* (x rho^2/phi)^(M/(M+1)) - g (N_0 + m x) >= 0        (M = 1: > 0).                                           (1)

f is concave and negative at x = 0, so it holds on an interval [x_low, x_high] or nowhere: x_low is the answer, and beyond x_high the
minority has drawn N so far up that it dies of its own number. f is largest at (kappa* M / ((M+1) g m))^(M+1) (rho^2/phi)^M, and there it is
negative, so that no count helps, iff N_0 is too large. M = 1 is a quadratic in sqrt(x): with c' = c sqrt(phi)/rho

    sqrt(x_low) = 2 N_0 c' / (1 + sqrt(1 - 4 m N_0 c'^2)),        none iff 4 m N_0 c'^2 >= 1.                                  (2)

A rank bound R adds that the minority's modes must be among the R largest, which holds from some x on, since as many modes exceed a
contrast as classes have larger counts: still an interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...analytic import scalar
from ...analytic.reduction import reduce
from ...analytic.theorem import ACTIVE
from ...problem.errors import NoAnswer
from ...problem.losses import Squared
from ...problem.ufm import FEWEST, MOST
from ...theorems.predict import predict
from .bracket import between
from .named import class_indices
from .rule import rule
from .side import Design, Side
from .survival import survival

if TYPE_CHECKING:
    from ...problem.losses import Indices
    from ...problem.ufm import UFM


@dataclass(frozen=True, eq=False)
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

    @property
    def verified(self) -> bool:
        """Whether all predictions beside the answer say what it says."""
        whole = self.at_integer is None or self.at_integer.holds
        return (
            super().verified
            and whole
            and not (self.below_integer is not None and self.below_integer.holds)
        )

    def _answer(self) -> dict[str, Any]:
        sides = {"at_integer": self.at_integer, "below_integer": self.below_integer}
        return {
            "classes": [self.ufm.names[k] for k in self.classes.tolist()],
            **{key: getattr(self, key) for key in ("count", "integer", "largest", "samples")},
            **{key: None if side is None else side.to_dict() for key, side in sides.items()},
        }


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
        states = predict(problem(x)).solution.states().state
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
