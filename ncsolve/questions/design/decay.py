r"""The largest decay that keeps every class alive.

Decays enter the geometry through their geometric mean g only, and class k lives for every g up to a critical g_k (survival.py). So
all of a set of classes live up to the smallest of their g_k, and K' of the K classes up to the K'-th largest g_k. With equal decays
the answer is the decay lambda = g itself; with given decays that keep their ratios it is the factor g / (their mean).

For depth >= 2 a class's non-zero local minimum outlives its global one by the factor kappa_max / kappa* (scalar.py): up to there a
descent that already has the class may keep it, although zero is lower.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...analytic import scalar
from ...analytic.reduction import geometric_mean
from ...analytic.theorem import ACTIVE
from ...problem.errors import NoAnswer, ProblemError
from ...problem.losses import Squared
from ...theorems.predict import predict
from .bracket import last_double
from .named import class_indices, positive_below_one
from .side import Design, Side
from .survival import Survival, complete_collapse, survival

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...problem.losses import Array, Indices
    from ...problem.ufm import UFM

BESIDE = 1e-6  # relative distance of the two sides where the boundary is known to rounding only
LOCAL = 1e-9


@dataclass(frozen=True, eq=False)
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

    def _answer(self) -> dict[str, Any]:
        names = [self.ufm.names[k] for k in self.lost.tolist()]
        keys = ("decay", "mean_decay", "exact", "recommended", "distance", "local", "local_holds")
        return {
            "keep_ratios": self.keep_ratios,
            "wanted": [self.ufm.names[k] for k in self.wanted.tolist()]
            if self.wanted.size < self.ufm.classes
            else None,
            "needed": self.needed,
            **{key: getattr(self, key) for key in keys},
            "lost": names,
            "critical_decay": [None if math.isnan(g) else g for g in self.critical.tolist()],
            "at_recommended": self.at_recommended.to_dict(),
        }


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
    for name, value in (("share", share), ("margin", margin)):
        positive_below_one(name, value, one=name == "share")
    wanted = np.arange(ufm.classes) if classes is None else class_indices(ufm, classes)
    needed = max(1, math.ceil(share * wanted.size - 1e-9))
    known = survival(ufm, theorem or "")
    critical, level, exact = _level(ufm, known, wanted, needed)
    unit = geometric_mean(ufm.decays) if keep_ratios else 1.0
    at = _Family(ufm, keep_ratios, wanted, needed, theorem)
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
class _Family:
    """The problems along which the decay grows, and whether what was asked for holds in one."""

    ufm: UFM
    keep_ratios: bool
    wanted: Indices
    needed: int
    theorem: str | None

    def problem(self, x: float) -> UFM:
        ratios = self.ufm.decays if self.keep_ratios else (1.0,) * (self.ufm.depth + 1)
        return self.ufm.replace(
            weight_decay=[x * ratio for ratio in ratios[1:]], feature_decay=x * ratios[0]
        )

    def side(self, x: float) -> Side:
        states = predict(self.problem(x), self.theorem).solution.states().state
        living = int((states[self.wanted] == ACTIVE).sum())
        return Side(x, living >= self.needed, living / self.wanted.size, states)

    def stable(self, x: float) -> bool:
        stable: NDArray[np.bool_] = (
            predict(self.problem(x), self.theorem).solution.states().locally_stable
        )
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


def _local(ufm: UFM, at: _Family, x: float) -> tuple[float | None, bool | None]:
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
