r"""Attacks on a theorem: random problems inside its hypotheses, where formula, certificate and descent must agree.

On each problem the theorem's own `draw` gives (near a threshold every other time):

    formula    the value is the raw objective of the predicted matrices, and the states of classes are what these matrices show
    slope      ||grad L||^2 / (2 lambda_min |L|) at the predicted matrices: a minimizer (or critical point) has slope zero
    gap        (value - lower bound) / value of the certificate; below zero, the value is too low to be true
    excess     (lowest end of a few descents from random starts - value) / value; below zero, there is something lower
    thresholds the critical decay and count of a random class, and the decay of complete collapse, hold on both sides

A class's critical decay is the geometric mean of the decays from which it is not active any more, its critical count the count (of its
whole group of equal counts, with N fixed) up to which it is not, and at the decay of complete collapse everything becomes zero: the
problem is solved on both sides of each. A free bias of cross-entropy is determined up to multiples of v = (1/r_1, ..., 1/r_K), which the
loss does not see; the one of least norm is orthogonal to v.

A GLOBAL or CERTIFIED claim is REFUTED where any of these contradicts it, AGREES where descent reaches the value or the gap closes,
and is STUCK where neither does. A CRITICAL or BEST_KNOWN value is a critical point and an upper bound: it AGREES unless formula, slope
or lower bound contradict it, and a BEST_KNOWN one is BEATEN where descent ends lower. A theorem about a limit has no point at positive
decays: its value is held against the dual bound of the max-margin problem (numeric/bounds.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytic.prediction import Prediction
from ..analytic.reduction import reduce
from ..analytic.theorem import ACTIVE, MERGED, VANISHED, Claim
from ..numeric.bounds import margin_certificate
from ..numeric.descent import Descent
from ..problem.errors import ProblemError
from ..problem.losses import CrossEntropy, class_columns
from ..problem.objective import Parameters, objective, objective_over
from ..values import Value, plain
from ..verification import Verdict, verify
from .thresholds import thresholds

if TYPE_CHECKING:
    from ..analytic.theorem import Theorem
    from ..problem.ufm import UFM

FORMULA = 1e-12  # relative difference of value and objective; at most 1e-14 in 4,800 trials
SLOPE = 1e-14  # relative decrease that the slope still allows; measured at most 6e-21
EDGE = 1e-3  # relative distance of both sides from a threshold
SAME, APART = 1e-9, 1e-7  # shares of the largest class mean: nearer ones are the same, others apart
UNSEEN = 1e-9  # length of the bias along v, in logits


@dataclass(frozen=True, eq=False, repr=False)
class Trial(Value):
    """One problem of an attack.

    Attributes
    ----------
    ufm : the problem
    value : predicted
    formula, slope, gap, excess : as in the module; None where there is none
    verdict : Verdict
    why : what contradicts the claim, or what is worth saying
    """

    ufm: UFM
    value: float
    formula: float | None
    slope: float | None
    gap: float | None
    excess: float | None
    verdict: Verdict
    why: str


@dataclass(frozen=True, eq=False, repr=False)
class Attack(Value):
    """All trials of one theorem.

    Attributes
    ----------
    theorem : Theorem
    trials : tuple of Trial
    tolerance : relative difference that counts as none
    interrupted : whether Ctrl-C ended it early
    """

    theorem: Theorem
    trials: tuple[Trial, ...]
    tolerance: float
    interrupted: bool = False

    @property
    def verdict(self) -> Verdict:
        """The worst of the trials' verdicts: REFUTED, BEATEN, STUCK, AGREES."""
        order = (Verdict.REFUTED, Verdict.BEATEN, Verdict.STUCK, Verdict.AGREES)
        given = {trial.verdict for trial in self.trials}
        return next((verdict for verdict in order if verdict in given), Verdict.STUCK)

    def to_dict(self) -> dict[str, Any]:
        """The attack as plain values."""
        return {
            "theorem": self.theorem.name,
            "claim": self.theorem.claim.name,
            "verdict": self.verdict.name,
            "tolerance": self.tolerance,
            "interrupted": self.interrupted,
            "trials": plain(self.trials),
        }


def attack(
    theorem: Theorem,
    trials: int = 20,
    *,
    rng: int | np.random.Generator | None = None,
    starts: int = 3,
    tolerance: float = 1e-8,
    progress: Callable[[int, Trial], None] | None = None,
) -> Attack:
    """Try to refute a theorem on random problems inside its hypotheses.

    Parameters
    ----------
    theorem : Theorem
        Of the registry, or any other with `draw` and `solve`.
    trials : int >= 1
    rng : seed or Generator; one child is spawned per trial, so trial i does not depend on how many there are
    starts : int
        Descents per problem.
    tolerance : float
        Relative difference of values that counts as none.
    progress : callback
        Called as progress(index, trial) after each trial.

    Returns
    -------
    Attack
        Ctrl-C keeps the trials so far.

    Raises
    ------
    ProblemError
        If `trials` is below one, or the theorem has no `draw`.

    Examples
    --------
    >>> from ncsolve.theorems import theorem
    >>> attack(theorem("squared_spectral"), 3, rng=0).verdict.name
    'AGREES'
    """
    if trials < 1:
        raise ProblemError(f"trials {trials!r} is not a whole number of 1 or more")
    if theorem.draw is None:
        raise ProblemError(f"theorem {theorem.name!r} cannot draw problems; give it a `draw`")
    done: list[Trial] = []
    try:
        for index, child in enumerate(np.random.default_rng(rng).spawn(trials)):
            done.append(_trial(theorem, theorem.draw(child), child, starts, tolerance))
            if progress is not None:
                progress(index, done[-1])
    except KeyboardInterrupt:
        if not done:
            raise
        return Attack(theorem, tuple(done), tolerance, interrupted=True)
    return Attack(theorem, tuple(done), tolerance)


def _trial(
    theorem: Theorem, ufm: UFM, rng: np.random.Generator, starts: int, tolerance: float
) -> Trial:
    prediction = Prediction(ufm, theorem, theorem.solution(ufm))
    value = prediction.value
    if theorem.limit:
        return _limit_trial(prediction, tolerance)
    formula = abs(objective(ufm, prediction.parameters()) - value) / (abs(value) or 1.0)
    slope = _slope(prediction)
    runs = verify(prediction, Descent(starts=starts), rng=rng, tolerance=tolerance)
    if runs.interrupted:
        raise KeyboardInterrupt
    gap = None if runs.certificate is None else runs.certificate.relative_gap
    wrong = [_wrong_states(prediction), _wrong_thresholds(theorem, prediction, rng)]
    if gap is not None and gap < -tolerance:
        wrong.insert(0, f"the value lies below a lower bound by {-gap:.1e}")
    if not slope <= SLOPE:
        wrong.insert(0, f"the slope at the matrices allows a relative decrease of {slope:.1e}")
    if not formula <= FORMULA:
        wrong.insert(0, f"the value is not the objective of the matrices, by {formula:.1e}")
    verdict, why = _judged(prediction.claim, gap, runs.excess, tolerance)
    if any(wrong):
        verdict, why = Verdict.REFUTED, "; ".join(filter(None, wrong))
    return Trial(ufm, value, formula, slope, gap, runs.excess, verdict, why)


def _judged(
    claim: Claim, gap: float | None, excess: float, tolerance: float
) -> tuple[Verdict, str]:
    """What descent and the gap say of a value that is consistent in itself."""
    lower, above = f"descent ends lower by {-excess:.1e}", f"by {excess:.1e}"
    if claim in (Claim.GLOBAL, Claim.CERTIFIED):
        if excess < -tolerance:
            return Verdict.REFUTED, lower
        if excess <= tolerance:
            return Verdict.AGREES, ""
        why = f"every descent ends above, the lowest {above}"
        if gap is not None and gap <= tolerance:
            return Verdict.AGREES, f"{why}; the gap is closed"
        return Verdict.STUCK, why
    if excess >= -tolerance:
        return Verdict.AGREES, "" if excess <= tolerance else f"descent ends above {above}"
    may = claim is Claim.CRITICAL
    return (Verdict.AGREES, f"{lower}, as it may") if may else (Verdict.BEATEN, lower)


def _limit_trial(prediction: Prediction, tolerance: float) -> Trial:
    bound, value = margin_certificate(prediction.ufm, prediction.logits), prediction.value
    formula, gap = abs(bound.value - value) / value, (value - bound.lower_bound) / value
    verdict, why = Verdict.AGREES, ""
    if not max(formula, bound.feasibility) <= FORMULA:
        off = f"the margins are not one, by {bound.feasibility:.1e}, or the norm is another"
        verdict, why = Verdict.REFUTED, off
    elif gap < -tolerance:
        verdict, why = Verdict.REFUTED, f"the norm lies below a lower bound by {-gap:.1e}"
    elif gap > tolerance:
        verdict, why = Verdict.STUCK, f"the gap stays open at {gap:.1e}"
    return Trial(prediction.ufm, value, formula, None, gap, None, verdict, why)


def _slope(prediction: Prediction) -> float:
    """||grad L||^2 / (2 lambda_min |L|), over class means scaled by sqrt(n_k); for ReLU features the projected gradient."""
    ufm, p = prediction.ufm, prediction.parameters()
    columns = class_columns(ufm.loss, ufm.counts)
    raw = objective_over(ufm, columns)
    theta = raw.pack(Parameters(p.weights, p.features * columns.ones, p.bias))
    value, gradient = raw.value_and_gradient(theta)
    if ufm.features == "relu":
        inside = raw.feature_slice
        inward = np.minimum(gradient[inside], 0.0)
        gradient[inside] = np.where(theta[inside] > 0, gradient[inside], inward)
    return float(gradient @ gradient) / (2.0 * min(ufm.decays) * (abs(value) or 1.0))


def _wrong_states(prediction: Prediction) -> str:
    """A class whose state its class mean contradicts: vanished but not zero, merged but with no equal, active but either."""
    means, names = prediction.class_means, prediction.ufm.names
    norms = np.linalg.norm(means, axis=0)
    largest = float(norms.max()) or 1.0
    for k, state in enumerate(prediction.classes.state.tolist()):
        others = np.linalg.norm(np.delete(means, k, axis=1) - means[:, [k]], axis=0).min() / largest
        zero = norms[k] / largest
        if not {VANISHED: zero <= APART, MERGED: others <= APART, ACTIVE: zero > SAME}[state]:
            far = f"norm {zero:.1e} and distance {others:.1e} of the largest"
            return f"class {names[k]!r} is called {state}, but its mean has {far}"
    return ""


def _wrong_thresholds(theorem: Theorem, prediction: Prediction, rng: np.random.Generator) -> str:
    """What contradicts a stated threshold, or the choice of the bias, where anything does."""
    ufm, loss = prediction.ufm, prediction.ufm.loss
    if prediction.claim not in (Claim.GLOBAL, Claim.CERTIFIED) or not loss.one_hot:
        return ""
    if isinstance(loss, CrossEntropy) and ufm.bias == "free":
        unseen = loss.unseen(ufm.classes)
        along = abs(float(prediction.bias @ unseen)) / float(np.linalg.norm(unseen))
        if along > UNSEEN:
            seen = f"{along:.1e} of it is not seen by the loss"
            return f"the bias is not the one of least norm: {seen}"
    for about, problem, classes, state, expected in _beside_thresholds(prediction, rng):
        if problem is None or theorem.lacks(problem):
            continue
        beside = Prediction(problem, theorem, theorem.solution(problem))
        if bool((beside.classes.state[classes] == state).all()) is not expected:
            where = f"{reduce(problem).mean_decay:.6g}, N = {problem.samples:g}"
            return f"{about} is contradicted by the states at {where}"
        if wrong := _wrong_states(beside):
            return f"{about}: {wrong}"
    return ""


def _beside_thresholds(
    prediction: Prediction, rng: np.random.Generator
) -> Iterator[tuple[str, UFM | None, list[int], str, bool]]:
    """A threshold in words, a problem beside it, classes, a state, and whether all of them have it there.

    The thresholds are the decay of one class, the count of one group, and the decay of complete collapse.
    """
    ufm, table = prediction.ufm, prediction.classes
    for name, numbers, lost in (
        ("decay", table.critical_decay, 1 + EDGE),
        ("count", table.critical_count, 1 - EDGE),
    ):
        known = np.flatnonzero(np.isfinite(numbers))
        if not known.size:
            continue
        k = int(rng.choice(known))
        about = f"the critical {name} {numbers[k]:.6g} of class {ufm.names[k]!r}"
        for factor, active in ((lost, False), (2 - lost, True)):
            x = float(numbers[k]) * factor
            problem = _at_decay(ufm, x) if name == "decay" else _at_count(ufm, k, x)
            yield about, problem, [k], ACTIVE, active
    collapse = thresholds(prediction).complete_collapse
    if collapse is not None:
        about = f"the decay {collapse:.6g} of complete collapse"
        for factor, zero in ((1 + EDGE, True), (1 - EDGE, False)):
            problem = _at_decay(ufm, collapse * factor)
            yield about, problem, list(range(ufm.classes)), VANISHED, zero


def _at_decay(ufm: UFM, mean: float) -> UFM:
    """All decays but the bias's by one factor, to a geometric mean."""
    factor = mean / reduce(ufm).mean_decay
    weights = [factor * decay for decay in ufm.weight_decay]
    return ufm.replace(weight_decay=weights, feature_decay=factor * ufm.feature_decay)


def _at_count(ufm: UFM, k: int, count: float) -> UFM | None:
    """The classes that share the count of class k at another one, the rest by a factor that keeps N; None if that cannot be.

    Under a bottleneck a class can be lost to the others, whose counts change here: nothing is said of that.
    """
    group = ufm.counts == ufm.counts[k]
    rest, left = float(ufm.counts[~group].sum()), ufm.samples - count * int(group.sum())
    if ufm.rank_limit < ufm.classes - (ufm.bias == "free") or rest == 0 or left <= 0:
        return None
    counts = np.where(group, count, ufm.counts * (left / rest))
    if np.unique(counts).size != np.unique(ufm.counts).size:
        return None
    return ufm.replace(counts=counts, names=ufm.names, width=ufm.width)
