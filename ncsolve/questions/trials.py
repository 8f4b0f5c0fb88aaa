r"""Attacks on a theorem: random problems inside its hypotheses, where formula, certificate and descent must agree.

On each problem the theorem's own `draw` gives (near a threshold every other time):

    formula    the value is the raw objective of the predicted matrices, and the states of classes are what these matrices show
    slope      ||grad L||^2 / (2 lambda_min |L|) at the predicted matrices: a minimizer (or critical point) has slope zero
    gap        (value - lower bound) / value of the certificate; below zero, the value is too low to be true
    excess     (lowest end of a few descents from random starts - value) / value; below zero, there is something lower
    thresholds the critical decay and count of a random class, and the decay of complete collapse, hold on both sides (threshold_trials.py)

A GLOBAL or CERTIFIED claim is REFUTED where any of these contradicts it, AGREES where descent reaches the value or the gap closes,
and is STUCK where neither does. A CRITICAL or BEST_KNOWN value is a critical point and an upper bound: it AGREES unless formula, slope
or lower bound contradict it, and a BEST_KNOWN one is BEATEN where descent ends lower. A theorem about a limit has no point at positive
decays: its value is held against the dual bound of the max-margin problem (numeric/margin.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytic.prediction import Prediction
from ..analytic.theorem import Claim
from ..numeric.descent import Descent
from ..numeric.margin import margin_certificate
from ..problem.errors import ProblemError
from ..problem.losses import class_columns
from ..problem.objective import Parameters, objective, objective_over
from ..verification import Verdict, verify
from .threshold_trials import wrong_states, wrong_thresholds

if TYPE_CHECKING:
    from ..analytic.theorem import Theorem
    from ..numeric.certify import Certificate
    from ..problem.ufm import UFM

FORMULA = (
    1e-12  # relative difference of value and objective; measured at most 1e-14 in 4,800 trials
)
SLOPE = 1e-14  # relative decrease that the slope still allows; measured at most 6e-21


@dataclass(frozen=True, eq=False)
class Trial:
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

    def to_dict(self) -> dict[str, Any]:
        """The trial as plain values."""
        return dict(vars(self)) | {"ufm": self.ufm.to_dict(), "verdict": self.verdict.name}


@dataclass(frozen=True, eq=False)
class Attack:
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
        found = {trial.verdict for trial in self.trials}
        order = (Verdict.REFUTED, Verdict.BEATEN, Verdict.STUCK, Verdict.AGREES)
        return next((verdict for verdict in order if verdict in found), Verdict.STUCK)

    def to_dict(self) -> dict[str, Any]:
        """The attack as plain values."""
        return {
            "theorem": self.theorem.name,
            "claim": self.theorem.claim.name,
            "verdict": self.verdict.name,
            "tolerance": self.tolerance,
            "interrupted": self.interrupted,
            "trials": [trial.to_dict() for trial in self.trials],
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
        return _limit_trial(prediction, margin_certificate(ufm, prediction.logits), tolerance)
    formula = abs(objective(ufm, prediction.parameters()) - value) / (abs(value) or 1.0)
    slope = _slope(prediction)
    found = verify(prediction, Descent(starts=starts), rng=rng, tolerance=tolerance)
    if found.interrupted:
        raise KeyboardInterrupt
    gap = None if found.certificate is None else found.certificate.relative_gap
    wrong = [
        f"the value is not the objective of the matrices, by {formula:.1e}"
        if not formula <= FORMULA
        else "",
        f"the slope at the matrices allows a relative decrease of {slope:.1e}"
        if not slope <= SLOPE
        else "",
        f"the value lies below a lower bound by {-gap:.1e}"
        if gap is not None and gap < -tolerance
        else "",
        wrong_states(prediction),
        wrong_thresholds(theorem, prediction, rng),
    ]
    verdict, why = _judged(prediction.claim, gap, found.excess, tolerance)
    if any(wrong):
        verdict, why = Verdict.REFUTED, "; ".join(filter(None, wrong))
    return Trial(ufm, value, formula, slope, gap, found.excess, verdict, why)


def _judged(
    claim: Claim, gap: float | None, excess: float, tolerance: float
) -> tuple[Verdict, str]:
    """What descent and the gap say of a value that is consistent in itself."""
    lower = f"descent ends lower by {-excess:.1e}"
    if claim in (Claim.GLOBAL, Claim.CERTIFIED):
        if excess < -tolerance:
            return Verdict.REFUTED, lower
        if excess <= tolerance:
            return Verdict.AGREES, ""
        closed = gap is not None and gap <= tolerance
        above = f"every descent ends above, the lowest by {excess:.1e}"
        return (Verdict.AGREES, f"{above}; the gap is closed") if closed else (Verdict.STUCK, above)
    if excess < -tolerance:
        return (
            (Verdict.AGREES, f"{lower}, as it may")
            if claim is Claim.CRITICAL
            else (Verdict.BEATEN, lower)
        )
    return Verdict.AGREES, "" if excess <= tolerance else f"descent ends above by {excess:.1e}"


def _limit_trial(prediction: Prediction, certificate: Certificate, tolerance: float) -> Trial:
    formula = abs(certificate.value - prediction.value) / prediction.value
    gap = (prediction.value - certificate.lower_bound) / prediction.value
    if not max(formula, certificate.feasibility) <= FORMULA:
        verdict, why = (
            Verdict.REFUTED,
            f"the margins are not one, by {certificate.feasibility:.1e}, or the norm is another",
        )
    elif gap < -tolerance:
        verdict, why = Verdict.REFUTED, f"the norm lies below a lower bound by {-gap:.1e}"
    else:
        verdict, why = (
            (Verdict.AGREES, "")
            if gap <= tolerance
            else (Verdict.STUCK, f"the gap stays open at {gap:.1e}")
        )
    return Trial(prediction.ufm, prediction.value, formula, None, gap, None, verdict, why)


def _slope(prediction: Prediction) -> float:
    """||grad L||^2 / (2 lambda_min |L|), over class means scaled by sqrt(n_k); for ReLU features the projected gradient."""
    ufm, p = prediction.ufm, prediction.parameters()
    columns = class_columns(ufm.loss, ufm.counts)
    raw = objective_over(ufm, columns)
    theta = raw.pack(Parameters(p.weights, p.features * columns.ones, p.bias))
    value, gradient = raw.value_and_gradient(theta)
    if ufm.features == "relu":
        inside = raw.feature_slice
        gradient[inside] = np.where(
            theta[inside] > 0, gradient[inside], np.minimum(gradient[inside], 0.0)
        )
    return float(gradient @ gradient) / (2.0 * min(ufm.decays) * (abs(value) or 1.0))
