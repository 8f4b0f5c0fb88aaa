r"""Class weights that treat all classes alike.

Samples of class k weigh omega_k in the loss; the scale of the loss is kept by sum_k omega_k n_k = N.

Squared loss without a bias, any depth (weighted.py): class k's critical decay is kappa* omega_k n_k^(M/(M+1)) / N, so

    thresholds     omega_k = C n_k^(-M/(M+1)),    C = N / sum_j n_j^(1/(M+1)),    common critical decay kappa* C / N.

No other weights keep all classes alive at so large a decay: raising the least critical decay takes weight from another class. All
kappa_k are equal then, and with them all shrinkages p_k: every own logit is the same 1 - p, at every decay.

    classifiers    rows of W_M ... W_1 have the norm sqrt(lambda_H/g) sigma_k^(M/(M+1)): equal iff sigma_k = s for all k. By the
                   stationarity of (1), omega_k = N g s^(q-1) / (tau_k - s).
    features       class means have the norm sqrt(g/lambda_H) sigma_k^(q/2) / sqrt(n_k): equal iff sigma_k = s n_k^((M+1)/2).

sum omega_k n_k = N then fixes s: the sum rises with s wherever every p_k = 1 - sigma_k/tau_k is at most 1/M, which it must be, or
zero would beat the mode. So s lies between the largest (1 - 1/M) bound and the smallest sigma = tau bound, which is empty unless

    classifiers   n_max/n_min < (M/(M-1))^2,        features   n_max/n_min < (M/(M-1))^(2/M),

(no condition at M = 1), and it exists iff the sum is at most N at the lower end. With the classifiers' weights the rows of W_M ... W_1 are
an orthogonal frame of equal length, whatever the counts; the class means are orthogonal with lengths proportional to n_k^(-1/2).

Cross-entropy, M = 1: a group merges iff sqrt(n) omega rho <= N c, so omega_k = C/(sqrt(n_k) rho_k) gives all groups the critical decay C/N.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...analytic.reduction import reduce
from ...analytic.theorem import ACTIVE
from ...problem.errors import NoAnswer, NoTheorem, ProblemError
from ...problem.losses import Squared
from .bracket import between
from .rule import rule
from .side import Design, Side
from .weighted import weighted_cross_entropy, weighted_squared

if TYPE_CHECKING:
    from ...problem.losses import Array
    from ...problem.ufm import UFM

AIMS = ("thresholds", "classifiers", "features")
BESIDE, MOVED = (
    1e-6,
    1e-3,
)  # relative distance of the two sides: in the decay, in the weight of the smallest class
CERTIFIED = 1e-8  # relative duality gap below which cross-entropy's sides count
EQUAL = 1e-9  # relative spread of lengths that counts as none


@dataclass(frozen=True, eq=False)
class ClassWeights(Design):
    """The answer of `class_weights`.

    Attributes
    ----------
    aim : "thresholds", "classifiers" or "features"
    weights : omega_k, shape (K,); sum omega_k n_k = N
    critical : critical geometric mean of the decays with these weights, shape (K,); NaN for classes that never merge
    critical_before : without weights
    own_logit, weight_norm, feature_norm : at the given decays with these weights, shape (K,); None for cross-entropy
    spread : (largest - smallest)/largest of what was to be made equal: critical decays, norms
    """

    question: ClassVar[str] = "class-weights"

    aim: str
    weights: Array
    critical: Array
    critical_before: Array
    own_logit: Array | None
    weight_norm: Array | None
    feature_norm: Array | None
    spread: float

    @property
    def verified(self) -> bool:
        """Whether the predictions on both sides, and the spread, say what the answer says."""
        return super().verified and self.spread <= EQUAL

    def _answer(self) -> dict[str, Any]:
        columns = {key: getattr(self, key) for key in ("own_logit", "weight_norm", "feature_norm")}
        return {
            "aim": self.aim,
            "weights": self.weights.tolist(),
            "critical_decay": [None if math.isnan(g) else g for g in self.critical.tolist()],
            "critical_decay_before": [
                None if math.isnan(g) else g for g in self.critical_before.tolist()
            ],
            **{key: None if column is None else column.tolist() for key, column in columns.items()},
            "spread": self.spread,
        }


def class_weights(ufm: UFM, aim: str = "thresholds") -> ClassWeights:
    """Class weights omega_k in the loss that equalize thresholds, or the lengths of classifiers or class means.

    Parameters
    ----------
    ufm : UFM
        Squared loss without a bias at any depth, or (for thresholds) cross-entropy at M = 1.
    aim : "thresholds", "classifiers" or "features"

    Returns
    -------
    ClassWeights
        For thresholds the sides are predictions with all decays 1e-6 below and above the common critical one: all classes live, or
        none. For lengths, predictions with the weight of the smallest class 1e-3 larger and smaller: it becomes the longer or the
        shorter one (`number`: its length over the mean of the others).

    Raises
    ------
    NoAnswer
        No weights do it: the counts lie too far apart for the depth, or the decays are too large.
    NoTheorem
        Weighted squared loss with a bias has no theorem here.

    Examples
    --------
    >>> import numpy as np, ncsolve
    >>> found = ncsolve.class_weights(ncsolve.UFM(counts=[1000, 100, 10], weight_decay=1e-3, feature_decay=1e-3))
    >>> np.round(found.weights, 6).tolist(), found.verified
    ([0.783772, 2.478505, 7.837722], True)
    """
    if aim not in AIMS:
        raise ProblemError(f"aim {aim!r} is unknown; {', '.join(map(repr, AIMS))} works")
    if not isinstance(ufm.loss, Squared):
        return _cross_entropy(ufm, aim)
    if not ufm.loss.one_hot or ufm.bias != "none":
        raise NoTheorem(
            "weights in the squared loss are solved for one-hot targets without a bias; --bias none works"
        )
    if ufm.rank_limit < ufm.classes:
        raise NoAnswer(
            f"the width lets {ufm.rank_limit} of {ufm.classes} classes live, whatever the weights; {ufm.classes} works"
        )
    exponent = ufm.depth / (ufm.depth + 1.0)
    omega = (
        _normalized(ufm, ufm.counts**-exponent) if aim == "thresholds" else _equal_lengths(ufm, aim)
    )
    own = rule(ufm)
    critical = own.critical_decay * omega
    found = weighted_squared(ufm, omega)
    lengths = {
        "thresholds": critical,
        "classifiers": found.weight_norm,
        "features": found.feature_norm,
    }[aim]
    inside, outside = (
        _by_decay(ufm, omega, float(critical.min()))
        if aim == "thresholds"
        else _by_weight(ufm, omega, aim)
    )
    return ClassWeights(
        ufm=ufm,
        inside=inside,
        outside=outside,
        notes=(),
        aim=aim,
        weights=omega,
        critical=critical,
        critical_before=own.critical_decay,
        own_logit=found.own_logit,
        weight_norm=found.weight_norm,
        feature_norm=found.feature_norm,
        spread=_spread(lengths),
    )


def _normalized(ufm: UFM, omega: Array) -> Array:
    normalized: Array = omega * (ufm.samples / float(omega @ ufm.counts))
    return normalized


def _spread(lengths: Array) -> float:
    return float((lengths.max() - lengths.min()) / lengths.max())


def _equal_lengths(ufm: UFM, aim: str) -> Array:
    """omega_k = N g sigma_k^(q-1) / (tau_k - sigma_k), sigma_k = s u_k, with the s at which sum omega_k n_k = N."""
    reduction, tau, depth = reduce(ufm), np.sqrt(ufm.counts), ufm.depth
    ratio = float(ufm.counts.max() / ufm.counts.min())
    most = (
        (depth / (depth - 1.0)) ** (2.0 if aim == "classifiers" else 2.0 / depth)
        if depth > 1
        else math.inf
    )
    if not ratio < most:
        raise NoAnswer(
            f"no weights make the {aim} equally long at depth {depth}: the largest count is {ratio:.6g} times the smallest, "
            f"and only below {most:.6g} does no class lose to zero; less depth works"
        )
    u = (
        np.ones(ufm.classes)
        if aim == "classifiers"
        else (ufm.counts / ufm.counts.max()) ** ((depth + 1) / 2.0)
    )
    low, high = float((tau / u).max() * (1.0 - 1.0 / depth)), float((tau / u).min())

    def weights(s: float) -> Array:
        omega: Array = (
            ufm.samples * reduction.mean_decay * (s * u) ** (reduction.q - 1.0) / (tau - s * u)
        )
        return omega

    def light(s: float) -> bool:
        with np.errstate(divide="ignore"):
            total = float(weights(s) @ ufm.counts)
        return total <= ufm.samples

    low = max(low, float(np.finfo(np.float64).tiny) * high)
    if not light(low):
        raise NoAnswer(
            f"no weights make the {aim} equally long at these decays, which are too large; smaller decays work"
        )
    return _normalized(ufm, weights(between(light, low, high)[0]))


def _by_decay(ufm: UFM, omega: Array, critical: float) -> tuple[Side, Side]:
    """All decays a little below and above the common critical one."""

    def side(g: float) -> Side:
        states = weighted_squared(ufm.replace(weight_decay=g, feature_decay=g), omega).states
        living = float((states == ACTIVE).mean())
        return Side(g, living == 1.0, living, states)

    inside, outside = side(critical * (1.0 - BESIDE)), side(critical * (1.0 + BESIDE))
    return inside, Side(outside.at, outside.number > 0.0, outside.number, outside.states)


def _by_weight(ufm: UFM, omega: Array, aim: str) -> tuple[Side, Side]:
    """The weight of the smallest class a little larger and smaller; its length over the mean of the others'."""
    least = int(np.argmin(ufm.counts))

    def side(factor: float) -> Side:
        moved = omega.copy()
        moved[least] *= factor
        found = weighted_squared(ufm, moved)
        length = found.weight_norm if aim == "classifiers" else found.feature_norm
        number = float(length[least] / np.delete(length, least).mean())
        return Side(factor, number > 1.0, number, found.states)

    return side(1.0 + MOVED), side(1.0 - MOVED)


def _cross_entropy(ufm: UFM, aim: str) -> ClassWeights:
    if aim != "thresholds":
        raise NoTheorem(
            f"aim {aim!r} belongs to squared loss; for cross-entropy label temperatures do it (ncsolve design ldt)"
        )
    own = rule(ufm)
    if ufm.features == "relu":
        raise NoTheorem(
            "weights are solved for cross-entropy with linear features; --features linear works"
        )
    if not own.own.any():
        raise NoAnswer(
            "no class shares its count with another, so none merges: there is nothing to equalize"
        )
    omega = _normalized(ufm, 1.0 / (np.sqrt(ufm.counts) * own.slope))
    critical = np.where(own.own, np.sqrt(ufm.counts) * own.slope * omega / ufm.samples, math.nan)
    common = float(np.nanmin(critical))

    def side(c: float) -> Side:
        states, gap = weighted_cross_entropy(ufm, omega, c)
        living = float((states[own.own] == ACTIVE).mean())
        return Side(c, gap <= CERTIFIED and living == 1.0, living, states)

    inside, outside = side(common * (1.0 - BESIDE)), side(common * (1.0 + BESIDE))
    return ClassWeights(
        ufm=ufm,
        inside=inside,
        outside=Side(outside.at, outside.number > 0.0, outside.number, outside.states),
        notes=("the sides are convex problems solved to a duality gap of at most 1e-8",),
        aim=aim,
        weights=omega,
        critical=critical,
        critical_before=np.where(own.own, own.critical_decay, math.nan),
        own_logit=None,
        weight_norm=None,
        feature_norm=None,
        spread=_spread(critical[own.own]),
    )
