r"""Design, the inverse question: from what is wanted of the geometry to the decay, the width, the bias decay that gives it.

Every answer is a boundary of what `predict` says, and carries what is predicted on both sides of it: `inside`, a point where what was
asked for is predicted to hold, and `outside`, one where it is predicted to fail. The answer is verified when the predictions say so.
Where they are decided in exact arithmetic, the two are neighboring doubles. Counts and oversampling are in recount.py, weights and
temperatures in reweigh.py.

Decay. Decays enter the geometry through their geometric mean g only, and class k lives for every g up to a critical g_k, which the
theorem knows (`ClassStates.critical_decay`). Most classes live or die by their own count, with kappa* that of scalar.py:

    class k lives   iff   N g <= kappa* (n_k rho_k^2 / phi)^(M/(M+1))                      (M = 1: <)                        (1)

    squared loss, no bias               every class vanishes by it, any M                  rho = 1                 phi = 1
    squared loss with a bias            classes that share their count merge by it         rho = 1                 phi = 1
    cross-entropy, M = 1                classes that share their count merge by it         rho = (1 - delta) s r   phi = 1
    cross-entropy with ReLU features    every class vanishes by it, M = 1                  rho = 1 - delta         phi = K/(K-1)

Raised to the power M + 1, (1) compares rational numbers. A class whose count no other class has merges with none: with a free bias in
squared loss it is moved by every root of the secular equation, so it lives as long as the largest one, and in a convex problem as long
as the means of the groups differ, B != 0 (convex.py): decided by ||dF/dB||_op at B = 0 against c, which has no closed form. A rank bound
lets live the classes of the R largest modes only.

So all of a set of classes live up to the smallest of their g_k, and K' of the K classes up to the K'-th largest g_k. With equal decays
the answer is the decay lambda = g itself; with given decays that keep their ratios it is the factor g / (their mean). For depth >= 2 a
class's non-zero local minimum outlives its global one by the factor kappa_max / kappa* (scalar.py): up to there a descent that already
has the class may keep it, although zero is lower.

Width. The factors W_M ... W_1 H can make A iff every width is at least rank A, so the smallest width is the number of non-zero singular
values of the minimizer that has all the room it wants. One unit less shuts a mode out: for squared loss the smallest mode that lives is
lost, which costs its gain over zero; for the convex problems the minimizer of least rank is out of reach, so the minimum rises.

Bias decay (squared loss, equal counts, one layer). With tau = sqrt(n), c = sqrt(lambda_W lambda_H) and sigma = tau - N c the class
means have (balanced_regularized_bias.py)

    cos = (sigma_1 - sigma)/(sigma_1 + (K-1) sigma),     sigma_1 = max(sigma - N c/lambda_b, 0).

Solved for sigma_1 = sigma (1 + (K-1) cos)/(1 - cos), so that sigma - sigma_1 = -K sigma cos/(1 - cos) = N c/lambda_b:

    lambda_b = N c (1 - cos) / (-K sigma cos),        -1/(K-1) <= cos < 0.                                                    (2)

At cos = -1/(K-1), the simplex, this is N c/sigma, and every smaller lambda_b gives the simplex as well; as cos rises to 0 lambda_b grows
without bound (no bias: an orthogonal frame). No lambda_b gives another angle; if N c >= tau everything is zero and there is no angle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..analytic.merging import means_lost
from ..analytic.reduction import geometric_mean, reduce
from ..analytic.theorem import ACTIVE, Claim
from ..problem.border import shown
from ..problem.errors import CountsError, NoAnswer, NoTheorem, ProblemError
from ..theorems.predict import candidates, choose, predict
from ..values import Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..analytic.theorem import ClassStates, Theorem
    from ..problem.losses import Array, Indices
    from ..problem.ufm import UFM

BESIDE = 1e-6  # relative distance of the two sides where a boundary is known to rounding only
LOCAL = 1e-9  # the same, where local minima end
SAME, ROUNDING = 1e-9, 1e-14  # relative differences of values that count as none: searched, closed
SEARCHED = 12  # classes up to which a bottleneck of cross-entropy is searched for
ALIKE = 1e-9  # cosines closer than this are the same
ROUGHLY = Context(prec=3, rounding=ROUND_FLOOR)  # the largest number of three digits
SMALLEST, LARGEST = 2.0**-1022, 2.0**1023  # normal doubles

#: Entries that have another name than the attribute, and those that stand for classes.
RENAMED = {"critical": "critical_decay", "critical_before": "critical_decay_before"}
RENAMED |= {"scales": "label_scale"}
NAMED = {"wanted", "lost", "classes"}


@dataclass(frozen=True, eq=False, repr=False)
class Side(Value):
    """What is predicted at one point beside an answer.

    Attributes
    ----------
    at : the point, in the units of the answer
    holds : whether what was asked for holds there
    number : what was compared: a share of classes, a cosine, a ratio of lengths, a value
    states : "active", "vanished" or "merged" for each class, shape (K,)
    """

    at: float
    holds: bool
    number: float
    states: NDArray[np.str_]

    @classmethod
    def of(
        cls, at: float, states: NDArray[np.str_], wanted: Any, needed: int | None = None
    ) -> Side:
        """Whether so many of the wanted classes, or all of them, are active."""
        living = states[wanted] == ACTIVE
        enough = int(living.sum()) >= (living.size if needed is None else needed)
        return cls(at, enough, float(living.mean()), states)

    @property
    def tally(self) -> dict[str, int]:
        """How many classes are in which state."""
        names, times = np.unique(self.states, return_counts=True)
        return dict(zip(names.tolist(), times.tolist(), strict=True))


@dataclass(frozen=True, eq=False, repr=False)
class Design(Value):
    """What every answer has.

    Attributes
    ----------
    ufm : the problem it was asked about
    inside, outside : Side, where what was asked for holds and where it fails
    notes : sentences that must be read with the numbers
    """

    question: ClassVar[str] = ""

    ufm: UFM
    inside: Side
    outside: Side
    notes: tuple[str, ...]

    @property
    def verified(self) -> bool:
        """Whether all predictions beside the answer say what it says: it fails outside of it and below it only."""
        sides = {name: side for name, side in vars(self).items() if isinstance(side, Side)}
        return all(
            side.holds is not name.startswith(("outside", "below")) for name, side in sides.items()
        )

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain values, classes by their names."""
        held = super().to_dict()
        for key in NAMED & held.keys():
            held[key] = [self.ufm.names[k] for k in held[key]]
        first = {"question": self.question, "ufm": held.pop("ufm")}
        ends = {key: held.pop(key) for key in ("inside", "outside", "notes")}
        own = {RENAMED.get(key, key): value for key, value in held.items()}
        return first | own | ends | {"verified": self.verified}


def last_double(
    holds: Callable[[float], bool], guess: float, first: float = SMALLEST, last: float = LARGEST
) -> tuple[float, float]:
    """(x, next double) such that `holds(x)` and not `holds(next)`, for a statement that holds up to a point beside `guess`.

    Positive doubles in order are the integers of their bit patterns in order, so a bracket is halved on integers: two neighbors are
    reached after at most 63 halvings, whatever the range, and there is no tolerance to choose. The bracket starts at the guess and
    grows by 1, 2, 4, ... doubles until the statement changes. If the statement is not monotone the pair is still such a pair.

    Raises
    ------
    NoAnswer
        The statement is the same from the guess to `first` or `last`, by default the ends of the normal doubles.

    Examples
    --------
    >>> last_double(lambda x: x * x <= 2.0, 1.0)[0] ** 2 <= 2.0
    True
    """
    near = far = _bits(guess)
    forward, step = holds(guess), 1
    while holds(_double(far)) is forward:
        moved = min(max(far + (step if forward else -step), _bits(first)), _bits(last))
        near, far, step = far, moved, 2 * step
        if near == far:
            how = "holds" if forward else "fails"
            end = f"{guess:g} to the end of what doubles carry"
            raise NoAnswer(f"what was asked for {how} from {end}")
    return between(holds, _double(min(near, far)), _double(max(near, far)))


def between(holds: Callable[[float], bool], low: float, high: float) -> tuple[float, float]:
    """The neighbors between `low`, where the statement holds, and `high`, where it does not."""
    a, b = _bits(low), _bits(high)
    while b - a > 1:
        middle = (a + b) // 2
        a, b = (middle, b) if holds(_double(middle)) else (a, middle)
    return _double(a), _double(b)


def _bits(x: float) -> int:
    return int(np.float64(x).view(np.int64))


def _double(bits: int) -> float:
    return float(np.int64(bits).view(np.float64))


def class_indices(ufm: UFM, names: Sequence[str]) -> Indices:
    """Positions of the named classes, ascending.

    Raises
    ------
    CountsError
        No class has that name; the message gives the closest ones.
    """
    names = [names] if isinstance(names, str) else names
    place = {name: k for k, name in enumerate(ufm.names)}
    for name in names:
        if str(name) not in place:
            near = get_close_matches(str(name), list(place), n=3) or list(ufm.names[:3])
            others = f"{' and '.join(map(repr, near))} do"
            raise CountsError(f"class {shown(name)} does not exist; {others}")
    if not len(names):
        raise CountsError("no class is named; give one name or more, or none to ask about all")
    return np.array(sorted({place[str(name)] for name in names}), dtype=np.intp)


def theorem_for(ufm: UFM, named: str | None = None) -> Theorem:
    """The theorem that says when classes are lost, at these decays or at others.

    Raises
    ------
    NoAnswer
        There is none: where the lowest point is searched for, nobody knows when it changes.
    NoTheorem
        Nothing covers the problem.
    """
    if not ufm.loss.one_hot:
        raise NoAnswer("given targets leave no class a threshold of its own; one-hot targets do")
    covering = candidates(ufm, named)
    if covering and not _searched(covering):
        return covering[0]
    if named and not covering:
        return choose(ufm, named)  # which says what is missing
    width, deep = ufm.classes - 1, "at depth 2 or more; depth 1, or"
    if ufm.depth > 1 and _searched(candidates(ufm.replace(bias="none", features="linear"))):
        what = f"{ufm.loss.words} {deep} squared loss, works"
    elif ufm.depth > 1 and 0.0 < ufm.bias_decay < math.inf:
        what = f"a regularized bias {deep} another bias, works"
    elif covering and ufm.rank_limit < width:
        what = f"{ufm.loss.words} at width {ufm.rank_limit} < K - 1; a width of {width} works"
    elif covering:
        what = f"theorem {named!r}; another one works"
    else:
        return choose(ufm)
    raise NoAnswer(f"no thresholds are known for {what}")


def _searched(theorems: Sequence[Theorem]) -> bool:
    return any(one.claim is Claim.BEST_KNOWN or one.limit for one in theorems)


def fates(ufm: UFM, named: str | None = None) -> ClassStates:
    """What becomes of each class, exactly, and when; of a convex problem without solving it, as if its group means differed."""
    theorem = theorem_for(ufm, named)
    return theorem.states(ufm) if theorem.states else theorem.solution(ufm).states()


def states_of(ufm: UFM, limit: str = "") -> NDArray[np.str_]:
    """What is predicted to become of each class."""
    return predict(ufm, limit=limit).solution.states().state


@dataclass(frozen=True, eq=False, repr=False)
class LargestDecay(Design):
    """The answer of `largest_decay`.

    Attributes
    ----------
    keep_ratios : whether `decay` is a factor on the given decays, or the common value of all of them
    wanted : indices of the classes that were asked about
    needed : how many of them must live
    decay : the largest one at which they do (exact: the last double; else known to rounding)
    mean_decay : the geometric mean of the decays there
    exact : whether `inside` and `outside` are neighboring doubles
    recommended : a round number below `decay`
    distance : 1 - recommended/decay
    local : the largest decay at which so many are at least locally stable; None where that says nothing more
    local_holds : whether predictions beside `local` say so
    lost : indices of the wanted classes that live inside and not outside
    critical : critical geometric mean of the decays of every class, shape (K,); NaN where no decay keeps it
    at_recommended : Side there
    """

    question: ClassVar[str] = "decay"

    keep_ratios: bool
    wanted: Indices
    needed: int
    decay: float
    mean_decay: float
    exact: bool
    recommended: float
    distance: float
    local: float | None
    local_holds: bool | None
    lost: Indices
    critical: Array
    at_recommended: Side

    @property
    def verified(self) -> bool:
        """Whether all predictions beside the answer say what it says."""
        return super().verified and self.local_holds is not False

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain values; `wanted` is None where all classes were asked about."""
        everyone = self.wanted.size == self.ufm.classes
        return super().to_dict() | ({"wanted": None} if everyone else {})


def largest_decay(
    ufm: UFM,
    *,
    share: float = 1.0,
    classes: Sequence[str] | None = None,
    keep_ratios: bool = False,
    margin: float = 0.01,
    theorem: str | None = None,
) -> LargestDecay:
    """The largest decay that keeps classes alive: neither vanished nor merged.

    Parameters
    ----------
    ufm : UFM
        Its decays do not matter, or only their ratios do. A regularized bias keeps its decay.
    share : float in (0, 1]
        Which share of all classes (or of the named ones) must live, at least; a share of K is rounded up.
    classes : names, optional
        Ask about these classes only.
    keep_ratios : bool
        Scale the given decays by one factor, instead of making all equal.
    margin : float in (0, 1)
        How far below the boundary the recommended value lies, before it is cut to three digits.
    theorem : str, optional
        As in `predict`; "deep_simplex" asks about deep cross-entropy's simplex.

    Returns
    -------
    LargestDecay
        Where the boundary has a closed form, `inside` and `outside` are predictions at neighboring doubles: bisection on doubles
        from the closed form, each decided in rational arithmetic, ends where no double lies between. Otherwise the boundary is
        known to rounding and the sides lie 1e-6 of it away.

    Raises
    ------
    NoAnswer
        No decay keeps so many classes (a width is too small), or no thresholds are known.

    Examples
    --------
    >>> import ncsolve
    >>> ufm = ncsolve.UFM(counts={"cat": 1000, "dog": 100, "owl": 10, "yak": 4})
    >>> found = ncsolve.largest_decay(ufm)
    >>> round(found.decay, 9), found.recommended, found.verified, found.outside.states.tolist()
    (0.001795332, 0.00177, True, ['active', 'active', 'active', 'vanished'])
    """
    for asked, value, most in (("share", share, "at most 1"), ("margin", margin, "below 1")):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and 0 < value <= 1) or (value == 1 and asked == "margin"):
            raise ProblemError(f"{asked} {value!r} is not a number above 0 and {most}")
    wanted = np.arange(ufm.classes) if classes is None else class_indices(ufm, classes)
    needed = max(1, math.ceil(share * wanted.size - 1e-9))
    known, told = theorem_for(ufm, theorem), fates(ufm, theorem)
    unit, ratios = (geometric_mean(ufm.decays), ufm.decays) if keep_ratios else (1.0, None)

    def problem(x: float) -> UFM:
        features, *weights = (x * ratio for ratio in ratios or (1.0,) * (ufm.depth + 1))
        return ufm.replace(weight_decay=weights, feature_decay=features)

    @cache
    def predicted(x: float) -> ClassStates:
        return predict(problem(x), theorem).solution.states()

    def side(x: float) -> Side:
        return Side.of(x, predicted(x).state, wanted, needed)

    def lives(x: float) -> bool:
        states = known.states(problem(x)) if known.states else predicted(x)
        return Side.of(x, states.state, wanted, needed).holds

    def stable(x: float) -> bool:
        return int(predicted(x).locally_stable[wanted].sum()) >= needed

    def level() -> float:
        return float(
            np.sort(np.nan_to_num(critical[wanted], nan=-1.0, posinf=math.inf))[::-1][needed - 1]
        )

    critical = told.critical_decay.copy()
    lone = np.isnan(critical) & (known.states is not None)
    critical[lone] = math.inf
    if lone.any():
        critical[lone] = means_lost(ufm, level())
    if level() < 0.0:
        fitting = int((~np.isnan(critical[wanted])).sum())
        raise NoAnswer(
            f"no decay keeps {needed} of these {wanted.size} classes: the width lets {fitting} of them live "
            f"(rank at most {ufm.rank_limit}); a width of {ufm.classes} works"
        )
    exact = known.claim is not Claim.CRITICAL and not lone[critical == level()].any()
    notes, x = [], level() / unit
    x, beyond = last_double(lives, x) if exact else (x * (1.0 - BESIDE), x * (1.0 + BESIDE))
    recommended = float(ROUGHLY.create_decimal_from_float(x * (1.0 - margin)))
    local, local_holds = None, None
    if told.local_factor > 1.0:
        local = level() / unit * told.local_factor
        local_holds = stable(local * (1.0 - LOCAL)) and not stable(local * (1.0 + LOCAL))
    if not exact:
        away = "the two sides lie 1e-6 of it away"
        notes.append(f"the boundary has no closed form and is known to rounding; {away}")
    if lone.any():
        until = "they live until all class means coincide"
        notes.append(f"classes whose count no other class has merge with none: {until}")
    inside, outside = side(x), side(beyond)
    lost = (inside.states[wanted] == ACTIVE) & (outside.states[wanted] != ACTIVE)
    return LargestDecay(
        ufm=ufm,
        inside=inside,
        outside=outside,
        notes=tuple(notes),
        keep_ratios=keep_ratios,
        wanted=wanted,
        needed=needed,
        decay=x,
        mean_decay=geometric_mean(problem(x).decays),
        exact=exact,
        recommended=recommended,
        distance=1.0 - recommended / x,
        local=local,
        local_holds=local_holds,
        lost=wanted[lost],
        critical=critical,
        at_recommended=side(recommended),
    )


@dataclass(frozen=True, eq=False, repr=False)
class SmallestWidth(Design):
    """The answer of `smallest_width`.

    Attributes
    ----------
    width : the smallest width of every layer
    full : the width that is always enough
    value : the objective at full width; `number` of the sides is theirs
    """

    question: ClassVar[str] = "width"

    width: int
    full: int
    value: float


def smallest_width(ufm: UFM) -> SmallestWidth:
    """The smallest width (of the features and of every hidden layer) at which the geometry is that of full width.

    Parameters
    ----------
    ufm : UFM
        Its own widths do not matter.

    Returns
    -------
    SmallestWidth
        The sides are predictions at that width and at one less: the value is that of full width, or higher.

    Raises
    ------
    NoAnswer
        Everything is zero, the geometry has rank one, or it is known as an upper bound only (cross-entropy at depth 2 or more); or
        its rank is known, but not what a smaller width costs (a search among more than 12 classes, or no theorem).

    Examples
    --------
    >>> import ncsolve
    >>> found = ncsolve.smallest_width(ncsolve.UFM(counts=[1000, 100, 10, 2], depth=3, weight_decay=5e-4, feature_decay=5e-4))
    >>> found.width, found.full, found.verified
    (3, 4, True)
    """
    full = min(ufm.classes, ufm.outputs)
    wide = predict(ufm.replace(width=full))
    rank = int(wide.solution.sigma_and_frame[0].size)
    known = f"the geometry has rank {rank}, so width {rank} keeps it"
    if wide.claim not in (Claim.GLOBAL, Claim.CERTIFIED):
        why = "known as an upper bound only, so its rank says nothing"
        raise NoAnswer(f"the geometry at full width is {why}; depth 1 works")
    if rank == 0:
        why = "no width is needed; smaller decays keep classes"
        raise NoAnswer(f"everything is zero at these decays: {why}")
    if rank == 1:
        raise NoAnswer("the geometry has rank 1: width 1 keeps it, and there is nothing below")

    def side(width: int) -> Side:
        found = predict(ufm.replace(width=width))
        closed = found.claim is wide.claim is Claim.GLOBAL
        slack = ROUNDING * wide.value + (0.0 if closed else SAME * abs(wide.value))
        states = found.solution.states().state
        return Side(float(width), found.value <= wide.value + slack, found.value, states)

    try:
        searched = choose(ufm.replace(width=rank - 1)).claim is Claim.BEST_KNOWN
        if searched and ufm.classes > SEARCHED:
            cost = "what a smaller one costs would have to be searched for"
            raise NoAnswer(f"{known}; {cost}, which is done up to {SEARCHED} classes")
        inside, outside = side(rank), side(rank - 1)
    except NoTheorem:
        raise NoAnswer(f"{known}; no theorem says what a smaller one costs here") from None
    said = ("below width K - 1 the values of the sides are searched for: upper bounds",)
    notes = said if searched else ()
    return SmallestWidth(ufm, inside, outside, notes, width=rank, full=full, value=wide.value)


@dataclass(frozen=True, eq=False, repr=False)
class BiasDecay(Design):
    """The answer of `bias_decay_for_cosine`.

    Attributes
    ----------
    cosine, angle : what was asked for; the angle in degrees
    bias_decay : lambda_b; for the simplex the largest one
    simplex_up_to : the largest lambda_b at which the class means are a simplex
    reached : the cosine predicted at `bias_decay`
    """

    question: ClassVar[str] = "bias-decay"

    cosine: float
    angle: float
    bias_decay: float
    simplex_up_to: float
    reached: float

    @property
    def verified(self) -> bool:
        """Whether the cosine is reached, and not beyond."""
        return super().verified and abs(self.reached - self.cosine) <= ALIKE


def bias_decay_for_cosine(ufm: UFM, cosine: float) -> BiasDecay:
    """The bias decay lambda_b at which class means have the given cosine.

    Parameters
    ----------
    ufm : UFM
        Squared loss, equal counts, M = 1; its own bias does not matter.
    cosine : float
        From -1/(K-1), the simplex, to below 0.

    Returns
    -------
    BiasDecay
        A closed form. The sides are predictions with lambda_b smaller and larger by 1e-6: the cosine is at most the one asked for, or
        above it (`number`).

    Raises
    ------
    NoAnswer
        No bias decay gives this cosine; the message gives the range.
    NoTheorem
        Unequal counts, depth, cross-entropy or ReLU features.

    Examples
    --------
    >>> import ncsolve
    >>> found = ncsolve.bias_decay_for_cosine(ncsolve.UFM(counts=[50] * 5, weight_decay=1e-3, feature_decay=1e-3), -0.1)
    >>> round(found.bias_decay, 9), round(found.reached, 12), found.verified
    (0.080632537, -0.1, True)
    """
    if not isinstance(cosine, int | float) or isinstance(cosine, bool) or not -1.0 <= cosine <= 1.0:
        raise ProblemError(f"cosine {cosine!r} is not a number from -1 to 1")
    biased = ufm.replace(bias=1.0)
    if not ufm.balanced or not any(
        kind == "simplex" for one in candidates(biased) for kind, _ in one.losses(biased).named
    ):
        raise NoTheorem(
            "the angle is known for one-hot squared loss with equal counts at depth 1 and linear features"
        )
    classes, pull = ufm.classes, ufm.samples * reduce(ufm).c
    tau, least = math.sqrt(float(ufm.counts[0])), -1.0 / (classes - 1)
    sigma = tau - pull
    if sigma <= 0.0:
        raise NoAnswer(
            f"everything is zero at these decays (N c = {pull:.6g} is at least sqrt(n) = {tau:.6g}): there is no angle"
        )
    if least - 4e-16 <= cosine < least:  # -1/(K-1) as somebody else rounded it
        cosine = least
    if not least <= cosine < 0.0:
        none = "0 is the cosine without a bias (--bias none)"
        why = none if cosine == 0 else "no bias decay gives it"
        raise NoAnswer(
            f"cosine {cosine:.9g} is out of reach for {classes} classes: {why}; from {least:.9g} to below 0 works"
        )
    decay = pull * (1.0 - cosine) / (-classes * sigma * cosine)

    def side(factor: float, slack: float) -> Side:
        solved = predict(ufm.replace(bias=decay * factor)).solution
        modes = solved.sigma_and_frame[
            0
        ]  # of (A^T A)^(1/2), the Gram matrix of sqrt(n) times the means
        contrast, mean = float(modes[0]), float(modes[-1]) if modes.size == classes else 0.0
        found = (mean - contrast) / (mean + (classes - 1) * contrast)
        return Side(decay * factor, found <= cosine + slack, found, solved.states().state)

    simplex = ("every smaller bias decay gives the simplex as well",)
    return BiasDecay(
        ufm=ufm,
        inside=side(1.0 - BESIDE, 1e-13),
        outside=side(1.0 + BESIDE, 0.0),
        notes=simplex if cosine == least else (),
        cosine=float(cosine),
        angle=math.degrees(math.acos(cosine)),
        bias_decay=decay,
        simplex_up_to=pull / sigma,
        reached=side(1.0, 0.0).number,
    )
