r"""Design, the inverse question: from what is wanted of the geometry to the decay, the width, the bias decay that gives it.

Every answer is a value that carries what is predicted on both sides of it: `inside`, a point where what was asked for is predicted to
hold, and `outside`, one where it is predicted to fail. The answer is verified when the predictions say so. Counts and oversampling
are in recount.py, weights and temperatures in reweigh.py.

Decay. Decays enter the geometry through their geometric mean g only, and class k lives for every g up to a critical g_k (survival.py).
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

    lambda_b = N c (1 - cos) / (-K sigma cos),        -1/(K-1) <= cos < 0.                                                    (1)

At cos = -1/(K-1), the simplex, this is N c/sigma, and every smaller lambda_b gives the simplex as well; as cos rises to 0 lambda_b grows
without bound (no bias: an orthogonal frame). No lambda_b gives another angle; if N c >= tau everything is zero and there is no angle.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..analytic import scalar
from ..analytic.reduction import geometric_mean, reduce
from ..analytic.theorem import ACTIVE, Claim
from ..problem.border import shown
from ..problem.errors import CountsError, NoAnswer, NoTheorem, ProblemError
from ..problem.losses import CrossEntropy, Squared
from ..theorems.predict import predict
from ..values import Value, plain
from .survival import Survival, complete_collapse, survival

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.losses import Array, Indices
    from ..problem.ufm import UFM

BESIDE = 1e-6  # relative distance of the two sides where a boundary is known to rounding only, and in lambda_b
LOCAL = 1e-9
SAME, ROUNDING = (
    1e-9,
    1e-14,
)  # relative differences of values that count as none: searched for, closed forms
SEARCHED = 12  # classes up to which a bottleneck of cross-entropy is searched for
LARGEST = 1000  # classes up to which the cosine is read off the predicted Gram matrix
ALIKE = 1e-9  # cosines closer than this are the same

#: Entries that have another name than the attribute; that stand for classes; that are critical decays.
ATTRIBUTES = {"critical_decay": "critical", "critical_decay_before": "critical_before"}
ATTRIBUTES |= {"label_scale": "scales"}
NAMED, CRITICAL = {"wanted", "lost", "classes"}, {"critical_decay", "critical_decay_before"}


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
    #: Entries of the document that are the answer's own.
    own: ClassVar[tuple[str, ...]] = ()

    ufm: UFM
    inside: Side
    outside: Side
    notes: tuple[str, ...]

    @property
    def verified(self) -> bool:
        """Whether the predictions on both sides say what the answer says."""
        return self.inside.holds and not self.outside.holds

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain values: classes by their names, and None for a critical decay that there is not."""
        own = {key: plain(getattr(self, ATTRIBUTES.get(key, key))) for key in self.own}
        for key in NAMED & own.keys():
            own[key] = [self.ufm.names[k] for k in own[key]]
        for key in CRITICAL & own.keys():
            own[key] = [None if math.isnan(g) else g for g in own[key]]
        sides = {"inside": self.inside.to_dict(), "outside": self.outside.to_dict()}
        ending = {"verified": self.verified, "notes": list(self.notes)}
        return {"question": self.question, "ufm": self.ufm.to_dict()} | own | sides | ending


def last_double(holds: Callable[[float], bool], guess: float) -> tuple[float, float]:
    """(x, next double) such that `holds(x)` and not `holds(next)`, for a statement that holds up to a point beside `guess`.

    Positive doubles in order are the integers of their bit patterns in order, so a bracket is halved on integers: two neighbors are
    reached after at most 63 halvings, whatever the range, and there is no tolerance to choose. The bracket starts at the guess and
    grows by 1, 2, 4, ... doubles until the statement changes. If the statement is not monotone the pair is still such a pair.

    Raises
    ------
    NoAnswer
        The statement is the same from the guess to the end of the normal doubles.

    Examples
    --------
    >>> last_double(lambda x: x * x <= 2.0, 1.0)[0] ** 2 <= 2.0
    True
    """
    first, last = _bits(2.0**-1022), _bits(2.0**1023)
    near = far = _bits(guess)
    forward, step = holds(guess), 1
    while holds(_double(far)) is forward:
        near, far = far, min(max(far + (step if forward else -step), first), last)
        step *= 2
        if near == far:
            raise NoAnswer(
                f"what was asked for {'holds' if forward else 'fails'} from {guess:g} to the end of what doubles carry"
            )
    return between(holds, _double(min(near, far)), _double(max(near, far)))


def between(holds: Callable[[float], bool], low: float, high: float) -> tuple[float, float]:
    """The neighbors between `low`, where the statement holds, and `high`, where it does not."""
    a, b = _bits(low), _bits(high)
    while b - a > 1:
        middle = (a + b) // 2
        a, b = (middle, b) if holds(_double(middle)) else (a, middle)
    return _double(a), _double(b)


def _bits(x: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", x))[0])


def _double(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<q", bits))[0])


def class_indices(ufm: UFM, names: Sequence[str]) -> Indices:
    """Positions of the named classes, ascending.

    Raises
    ------
    CountsError
        No class has that name; the message gives the closest ones.
    """
    if isinstance(names, str):
        names = [names]
    place = {name: k for k, name in enumerate(ufm.names)}
    for name in names:
        if str(name) not in place:
            from difflib import get_close_matches

            near = get_close_matches(str(name), list(place), n=3) or list(ufm.names[:3])
            raise CountsError(
                f"class {shown(name)} does not exist; {' and '.join(map(repr, near))} do"
            )
    if not len(names):
        raise CountsError("no class is named; give one name or more, or none to ask about all")
    return np.array(sorted({place[str(name)] for name in names}), dtype=np.intp)


def states_of(ufm: UFM, theorem: str | None = None, limit: str = "") -> NDArray[np.str_]:
    """What is predicted to become of each class."""
    return predict(ufm, theorem, limit=limit).solution.states().state


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
    at_recommended : Side there
    critical : critical geometric mean of the decays of every class, shape (K,); NaN where no decay keeps it
    local : the largest decay at which so many are at least locally stable; None where that says nothing more
    local_holds : whether predictions beside `local` say so
    """

    question: ClassVar[str] = "decay"
    own: ClassVar[tuple[str, ...]] = (
        "keep_ratios",
        "wanted",
        "needed",
        "decay",
        "mean_decay",
        "exact",
        "recommended",
        "distance",
        "local",
        "local_holds",
        "lost",
        "critical_decay",
        "at_recommended",
    )

    keep_ratios: bool
    wanted: Indices
    needed: int
    decay: float
    mean_decay: float
    exact: bool
    recommended: float
    distance: float
    at_recommended: Side
    critical: Array
    local: float | None
    local_holds: bool | None

    @property
    def verified(self) -> bool:
        """Whether all predictions beside the answer say what it says."""
        return super().verified and self.at_recommended.holds and self.local_holds is not False

    @property
    def lost(self) -> Indices:
        """The wanted classes that live inside and not outside."""
        lost: Indices = self.wanted[
            (self.inside.states[self.wanted] == ACTIVE)
            & (self.outside.states[self.wanted] != ACTIVE)
        ]
        return lost

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
        known to rounding (survival.py) and the sides lie 1e-6 of it away.

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
    for name, value, most in (("share", share, "at most 1"), ("margin", margin, "below 1")):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
            raise ProblemError(f"{name} {value!r} is not a number above 0 and {most}")
        if value == 1 and name == "margin":
            raise ProblemError(f"{name} {value!r} is not a number above 0 and {most}")
    wanted = np.arange(ufm.classes) if classes is None else class_indices(ufm, classes)
    needed = max(1, math.ceil(share * wanted.size - 1e-9))
    known = survival(ufm, theorem or "")
    critical, level, exact = _level(ufm, known, wanted, needed)
    unit = geometric_mean(ufm.decays) if keep_ratios else 1.0
    at = _Decays(ufm, keep_ratios, wanted, needed, theorem)
    x = level / unit
    if exact:
        x, beyond = last_double(
            lambda y: int(known.lives(at.problem(y))[wanted].sum()) >= needed, x
        )
    else:
        x, beyond = x * (1.0 - BESIDE), x * (1.0 + BESIDE)
    recommended = _cut(x * (1.0 - margin))
    local, local_holds = _local(ufm, at, level / unit)
    notes = []
    if not exact:
        notes.append(
            "the boundary has no closed form and is known to rounding; the two sides lie 1e-6 of it away"
        )
    if known.means is not None:
        notes.append(
            "classes whose count no other class has merge with none: they live until all class means coincide"
        )
    return LargestDecay(
        ufm=ufm,
        inside=at.side(x),
        outside=at.side(beyond),
        notes=tuple(notes),
        keep_ratios=keep_ratios,
        wanted=wanted,
        needed=needed,
        decay=x,
        mean_decay=geometric_mean(at.problem(x).decays),
        exact=exact,
        recommended=recommended,
        distance=1.0 - recommended / x,
        at_recommended=at.side(recommended),
        critical=critical,
        local=local,
        local_holds=local_holds,
    )


@dataclass(frozen=True, eq=False)
class _Decays:
    """The problems along which the decay grows, and whether what was asked for holds in one."""

    ufm: UFM
    keep_ratios: bool
    wanted: Indices
    needed: int
    theorem: str | None

    def problem(self, x: float) -> UFM:
        features, *weights = self.ufm.decays if self.keep_ratios else (1.0,) * (self.ufm.depth + 1)
        return self.ufm.replace(
            weight_decay=[x * one for one in weights], feature_decay=x * features
        )

    def side(self, x: float) -> Side:
        states = states_of(self.problem(x), self.theorem)
        living = int((states[self.wanted] == ACTIVE).sum())
        return Side(x, living >= self.needed, living / self.wanted.size, states)

    def stable(self, x: float) -> bool:
        stable = predict(self.problem(x), self.theorem).solution.states().locally_stable
        return int(stable[self.wanted].sum()) >= self.needed


def _level(ufm: UFM, known: Survival, wanted: Indices, needed: int) -> tuple[Array, float, bool]:
    """(critical decays, the one up to which enough live, whether it is exact)."""
    critical = known.critical
    level = _ranked(critical[wanted], needed)
    if known.means is not None and not (math.isfinite(level) and known.means(level) > level):
        critical = known.with_means(complete_collapse(ufm, critical))
        level = _ranked(critical[wanted], needed)
    if math.isnan(level):
        most = int((~np.isnan(critical[wanted])).sum())
        raise NoAnswer(
            f"no decay keeps {needed} of these {wanted.size} classes: the width lets {most} of them live "
            f"(rank at most {ufm.rank_limit}); a width of {ufm.classes} works"
        )
    return critical, level, not known.rounded[critical == level].any()


def _ranked(critical: Array, needed: int) -> float:
    """The needed-th largest, NaN being the smallest."""
    ordered = np.sort(np.where(np.isnan(critical), -math.inf, critical))[::-1]
    level = float(ordered[needed - 1])
    return math.nan if level == -math.inf else level


def _local(ufm: UFM, at: _Decays, x: float) -> tuple[float | None, bool | None]:
    """Up to where enough classes are at least locally stable, for deep squared loss."""
    if ufm.depth == 1 or not isinstance(ufm.loss, Squared):
        return None, None
    local = x * scalar.fold(ufm.depth) / scalar.threshold(ufm.depth)
    return local, at.stable(local * (1.0 - LOCAL)) and not at.stable(local * (1.0 + LOCAL))


def _cut(x: float) -> float:
    """The largest number of three digits that is at most x."""
    exponent = math.floor(math.log10(x)) - 2
    digits = math.floor(x / 10.0**exponent)
    cut = float(f"{digits}e{exponent}")
    if cut > x or cut <= 0:
        cut = float(f"{digits - 1}e{exponent}")
    if not 0 < cut <= x:
        raise ProblemError(f"no number of three digits lies just below {x:g}")
    return cut


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
    own: ClassVar[tuple[str, ...]] = ("width", "full", "value")

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
    if wide.claim not in (Claim.GLOBAL, Claim.CERTIFIED):
        raise NoAnswer(
            "the geometry at full width is known as an upper bound only, so its rank says nothing; depth 1 works"
        )
    rank = int(wide.solution.sigma_and_frame[0].size)
    if rank == 0:
        raise NoAnswer(
            "everything is zero at these decays: no width is needed; smaller decays keep classes"
        )
    if rank == 1:
        raise NoAnswer("the geometry has rank 1: width 1 keeps it, and there is nothing below")
    known = f"the geometry has rank {rank}, so width {rank} keeps it"
    searched = isinstance(ufm.loss, CrossEntropy) and ufm.features == "linear"
    if searched and ufm.classes > SEARCHED:
        raise NoAnswer(
            f"{known}; what a smaller one costs would have to be searched for, which is done up to {SEARCHED} classes"
        )

    def side(width: int) -> Side:
        try:
            found = predict(ufm.replace(width=width))
        except NoTheorem:
            raise NoAnswer(f"{known}; no theorem says what a smaller one costs here") from None
        slack = (
            0.0
            if found.claim is Claim.GLOBAL and wide.claim is Claim.GLOBAL
            else SAME * abs(wide.value)
        )
        same = found.value <= wide.value * (1.0 + ROUNDING) + slack
        return Side(float(width), same, found.value, found.solution.states().state)

    return SmallestWidth(
        ufm=ufm,
        inside=side(rank),
        outside=side(rank - 1),
        notes=("below width K - 1 the values of the sides are searched for: upper bounds",)
        if searched
        else (),
        width=rank,
        full=full,
        value=wide.value,
    )


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
    own: ClassVar[tuple[str, ...]] = (
        "cosine",
        "angle",
        "bias_decay",
        "simplex_up_to",
        "reached",
    )

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
    if (
        not isinstance(ufm.loss, Squared)
        or not ufm.loss.one_hot
        or not ufm.balanced
        or ufm.depth > 1
        or ufm.features != "linear"
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
    if cosine < least and cosine >= least - 4e-16:  # -1/(K-1) as somebody else rounded it
        cosine = least
    if not least <= cosine < 0.0:
        why = (
            "0 is the cosine without a bias (--bias none)"
            if cosine == 0
            else "no bias decay gives it"
        )
        raise NoAnswer(
            f"cosine {cosine:.9g} is out of reach for {classes} classes: {why}; from {least:.9g} to below 0 works"
        )
    decay = pull * (1.0 - cosine) / (-classes * sigma * cosine)
    reached = _cosine(ufm, decay)[0]

    def side(at: float, slack: float) -> Side:
        found, states = _cosine(ufm, at)
        return Side(at, found <= cosine + slack, found, states)

    inside, outside = side(decay * (1.0 - BESIDE), 1e-13), side(decay * (1.0 + BESIDE), 0.0)
    notes = ("every smaller bias decay gives the simplex as well",) if cosine == least else ()
    return BiasDecay(
        ufm=ufm,
        inside=inside,
        outside=outside,
        notes=notes,
        cosine=float(cosine),
        angle=math.degrees(math.acos(cosine)),
        bias_decay=decay,
        simplex_up_to=pull / sigma,
        reached=reached,
    )


def _cosine(ufm: UFM, decay: float) -> tuple[float, Any]:
    """(cosine between class means, states) predicted at a bias decay."""
    prediction = predict(ufm.replace(bias=decay))
    states = prediction.solution.states().state
    if ufm.classes <= LARGEST:
        h = prediction.class_means[:, :2]
        return float(
            h[:, 0] @ h[:, 1] / math.sqrt((h[:, 0] @ h[:, 0]) * (h[:, 1] @ h[:, 1]))
        ), states
    sigma = prediction.solution.sigma_and_frame[
        0
    ]  # Gram (A^T A)^(1/2)/sqrt(n): sigma on contrasts, sigma_1 on the mean
    mean = float(sigma[-1]) if sigma.size == ufm.classes else 0.0
    return (mean - float(sigma[0])) / (mean + (ufm.classes - 1) * float(sigma[0])), states
