"""Attacks on the thresholds that a theorem states, by solving the problem on both sides of each.

A class's critical decay is the geometric mean of the decays from which it is not active any more, its critical count the count (of its
whole group of equal counts, with N fixed) up to which it is not, and at the decay of complete collapse everything becomes zero. Each is
held against the states on both sides of it, and these against the matrices they belong to.

A free bias of cross-entropy is determined up to multiples of v = (1/r_1, ..., 1/r_K), which the loss does not see; the one of least norm
is orthogonal to v.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..analytic.prediction import Prediction
from ..analytic.reduction import reduce
from ..analytic.theorem import ACTIVE, MERGED, VANISHED, Claim
from ..problem.losses import CrossEntropy
from .thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..analytic.theorem import Theorem
    from ..problem.losses import Array
    from ..problem.ufm import UFM

    States = Callable[[NDArray[np.str_]], bool]
    Moved = Callable[[int, float], UFM | None]

EDGE = 1e-3  # relative distance of both sides from the threshold
SAME, APART = (
    1e-9,
    1e-7,
)  # class means nearer than this share of the largest are the same, and apart if beyond
UNSEEN = 1e-9  # length of the bias along v, in logits


def wrong_thresholds(theorem: Theorem, prediction: Prediction, rng: np.random.Generator) -> str:
    """What contradicts a stated threshold, or "": one class's decay, one group's count, complete collapse, the bias."""
    if (
        prediction.claim not in (Claim.GLOBAL, Claim.CERTIFIED)
        or theorem.limit
        or not prediction.ufm.loss.one_hot
    ):
        return ""
    ufm, table, found = prediction.ufm, prediction.classes, [_wrong_bias(prediction)]
    attacked: tuple[tuple[str, Array, Moved, float], ...] = (
        ("decay", table.critical_decay, lambda _, x: _at_decay(ufm, x), 1 + EDGE),
        ("count", table.critical_count, lambda k, x: _at_count(ufm, k, x), 1 - EDGE),
    )
    for name, numbers, moved, lost in attacked:
        known = np.flatnonzero(np.isfinite(numbers))
        if known.size:
            k = int(rng.choice(known))
            threshold = float(numbers[k])
            about = f"the critical {name} {threshold:.6g} of class {ufm.names[k]!r}"
            found.append(_contradicted(theorem, moved(k, threshold * lost), about, _lost(k)))
            found.append(
                _contradicted(theorem, moved(k, threshold * (2 - lost)), about, _active(k))
            )
    collapse = thresholds(prediction).complete_collapse
    if collapse is not None:
        about = f"the decay {collapse:.6g} of complete collapse"
        found.append(
            _contradicted(theorem, _at_decay(ufm, collapse * (1 + EDGE)), about, _all_vanished)
        )
        found.append(
            _contradicted(theorem, _at_decay(ufm, collapse * (1 - EDGE)), about, _some_left)
        )
    return next(filter(None, found), "")


def _active(k: int) -> States:
    return lambda states: bool(states[k] == ACTIVE)


def _lost(k: int) -> States:
    return lambda states: bool(states[k] != ACTIVE)


def _all_vanished(states: NDArray[np.str_]) -> bool:
    return bool((states == VANISHED).all())


def _some_left(states: NDArray[np.str_]) -> bool:
    return bool((states != VANISHED).any())


def wrong_states(prediction: Prediction) -> str:
    """A class whose state its class mean contradicts: vanished but not zero, merged but with no equal, active but either."""
    means, names = prediction.class_means, prediction.ufm.names
    norms = np.linalg.norm(means, axis=0)
    largest = float(norms.max()) or 1.0
    for k, state in enumerate(prediction.classes.state.tolist()):
        others = np.linalg.norm(np.delete(means, k, axis=1) - means[:, [k]], axis=0).min() / largest
        zero = norms[k] / largest
        shown = {VANISHED: zero <= APART, MERGED: others <= APART, ACTIVE: zero > SAME}[state]
        if not shown:
            return f"class {names[k]!r} is called {state}, but its mean has norm {zero:.1e} and distance {others:.1e} of the largest"
    return ""


def _at_decay(ufm: UFM, mean: float) -> UFM:
    """All decays but the bias's by one factor, to a geometric mean."""
    factor = mean / reduce(ufm).mean_decay
    return ufm.replace(
        weight_decay=[factor * decay for decay in ufm.weight_decay],
        feature_decay=factor * ufm.feature_decay,
    )


def _at_count(ufm: UFM, k: int, count: float) -> UFM | None:
    """The classes that share the count of class k at another one, the rest by a factor that keeps N; None if that cannot be.

    Under a bottleneck a class can be lost to the others, whose counts change here: nothing is said of that.
    """
    if ufm.rank_limit < ufm.classes - (ufm.bias == "free"):
        return None
    group = ufm.counts == ufm.counts[k]
    rest, left = float(ufm.counts[~group].sum()), ufm.samples - count * int(group.sum())
    if rest == 0 or left <= 0:
        return None
    counts = np.where(group, count, ufm.counts * (left / rest))
    if np.unique(counts).size != np.unique(ufm.counts).size:
        return None
    return ufm.replace(counts=counts, names=ufm.names, width=ufm.width)


def _contradicted(theorem: Theorem, ufm: UFM | None, about: str, holds: States) -> str:
    """What the states of a problem beside the threshold contradict; nothing where the theorem does not reach it."""
    if ufm is None or theorem.lacks(ufm):
        return ""
    prediction = Prediction(ufm, theorem, theorem.solution(ufm))
    if not holds(prediction.classes.state):
        return f"{about} is contradicted by the states at {reduce(ufm).mean_decay:.6g}, N = {ufm.samples:g}"
    wrong = wrong_states(prediction)
    return f"{about}: {wrong}" if wrong else ""


def _wrong_bias(prediction: Prediction) -> str:
    ufm, loss = prediction.ufm, prediction.ufm.loss
    if not isinstance(loss, CrossEntropy) or ufm.bias != "free":
        return ""
    unseen = loss.unseen(ufm.classes)
    along = abs(float(prediction.bias @ unseen)) / float(np.linalg.norm(unseen))
    return (
        f"the bias is not the one of least norm: {along:.1e} of it is not seen by the loss"
        if along > UNSEEN
        else ""
    )
