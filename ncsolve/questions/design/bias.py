r"""The bias decay that gives a wanted angle between class means: squared loss, equal counts, one layer.

With tau = sqrt(n), c = sqrt(lambda_W lambda_H) and sigma = tau - N c the class means have (balanced_regularized_bias.py)

    cos = (sigma_1 - sigma)/(sigma_1 + (K-1) sigma),     sigma_1 = max(sigma - N c/lambda_b, 0).

Solved for sigma_1 = sigma (1 + (K-1) cos)/(1 - cos), so that sigma - sigma_1 = -K sigma cos/(1 - cos) = N c/lambda_b:

    lambda_b = N c (1 - cos) / (-K sigma cos),        -1/(K-1) <= cos < 0.                                                    (1)

At cos = -1/(K-1), the simplex, this is N c/sigma, and every smaller lambda_b gives the simplex as well; as cos rises to 0 lambda_b grows
without bound (no bias: an orthogonal frame). No lambda_b gives another angle; if N c >= tau everything is zero and there is no angle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ...analytic.reduction import reduce
from ...problem.errors import NoAnswer, NoTheorem, ProblemError
from ...problem.losses import Squared
from ...theorems.predict import predict
from .side import Design, Side

if TYPE_CHECKING:
    from ...problem.ufm import UFM

BESIDE = 1e-6  # relative distance of the two sides in lambda_b
LARGEST = 1000  # classes up to which the cosine is read off the predicted Gram matrix
ALIKE = 1e-9  # cosines closer than this are the same


@dataclass(frozen=True, eq=False)
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

    def _answer(self) -> dict[str, Any]:
        return {
            key: getattr(self, key)
            for key in ("cosine", "angle", "bias_decay", "simplex_up_to", "reached")
        }


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
