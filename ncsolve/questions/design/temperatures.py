r"""Label-dependent temperatures (LDT) that treat all classes alike: cross-entropy, one layer.

The logits of a sample of class k are multiplied by s_k (`CrossEntropy(label_scale=s)`; delta_k in Behnia et al. 2023, arXiv:2303.07608).
The scale of the logits is kept by sum_k s_k n_k = N. There are three aims, and they contradict each other:

    thresholds    a group merges iff sqrt(n_k) (1 - delta) s_k r_k <= N c (convex.py): s_k = C/(sqrt(n_k) r_k) gives every group the
                  critical decay C (1 - delta)/N. Small classes are scaled up.
    limit         as decays vanish A tends to a multiple of (I - J/K) D^(1/2) diag(1/s) (vanishing_decay.py): with s_k = C sqrt(n_k) that
                  is I - J/K, and the classifiers are a simplex ETF. Small classes are scaled down, which lowers their merge
                  threshold: it is proportional to n_k then.
    classifiers   the classifiers are an exact simplex ETF at the given decays, not only in the limit. A = alpha (I - J/K) has the
                  logits alpha/sqrt(n_k) (e_k - 1/K), margins m_k = s_k alpha/sqrt(n_k), and the gradient column
                  -(s_k sqrt(n_k)/N) K/(e^(m_k) + K - 1) (e_k - 1/K), which must be that of -c (I - J/K), for every k:

                      m_k / (e^(m_k) + K - 1) = beta/n_k,     s_k = (N c/(K sqrt(n_k))) (e^(m_k) + K - 1),     beta = alpha N c/K.    (1)

                  The problem is convex, so that point is its global minimizer. The left side of (1) rises up to e^m (m - 1) = K - 1
                  and falls beyond. On the branch beyond, larger classes have larger margins, sum s_k n_k falls in beta, and the scale
                  fixes beta; this branch tends to `limit` as c -> 0. Where even the largest beta, n_min times the peak, leaves the
                  sum above N, the branch before the peak is tried, on which the sum rises from N c sum sqrt(n_k) at A = 0. Answers
                  with small classes before the peak and large ones beyond it are not looked for: they might fill part of the gap
                  of decays between the two. From c sum sqrt(n_k) = 1 on there is none, since every s_k >= N c/sqrt(n_k).

The class means then have the Gram matrix of (A^T A)^(1/2) between D^(-1/2): the simplex directions, lengths proportional to n_k^(-1/2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...analytic.reduction import reduce
from ...analytic.theorem import ACTIVE
from ...problem.errors import NoAnswer, NoTheorem, ProblemError
from ...problem.losses import CrossEntropy
from ...theorems.predict import predict
from .bracket import between
from .rule import rule
from .side import Design, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...analytic.prediction import Prediction
    from ...problem.losses import Array
    from ...problem.ufm import UFM

AIMS = ("thresholds", "limit", "classifiers")
BESIDE, MOVED = (
    1e-6,
    1e-3,
)  # relative distance of the two sides: in the decay, in the temperature of the smallest class
SIMPLEX = 1e-6  # largest entry of the difference of Gram matrices that counts as none; the solver reaches about 1e-8
LARGEST = 2000  # classes whose classifiers are looked at
TINY, LARGEST_MARGIN = 1e-300, 700.0


@dataclass(frozen=True, eq=False)
class LabelTemperatures(Design):
    """The answer of `label_temperatures`.

    Attributes
    ----------
    aim : "thresholds", "limit" or "classifiers"
    scales : s_k, shape (K,), for `CrossEntropy(label_scale=...)`; sum s_k n_k = N
    critical, critical_before : critical decays with and without them, shape (K,); NaN for classes that never merge
    deviation : how far the classifiers at the given decays are from a simplex ETF: the largest entry of the difference of Gram
        matrices, both of mean length one. None beyond 2000 classes
    deviation_before : without temperatures
    limit_deviation : in the limit of vanishing decays (no bias)
    """

    question: ClassVar[str] = "ldt"

    aim: str
    scales: Array
    critical: Array
    critical_before: Array
    deviation: float | None
    deviation_before: float | None
    limit_deviation: float | None

    @property
    def verified(self) -> bool:
        """Whether the predictions say what the answer says; for lengths also that the classifiers are a simplex."""
        reached = {"thresholds": 0.0, "limit": self.limit_deviation, "classifiers": self.deviation}[
            self.aim
        ]
        return super().verified and reached is not None and reached <= SIMPLEX

    def _answer(self) -> dict[str, Any]:
        keys = ("deviation", "deviation_before", "limit_deviation")
        return {
            "aim": self.aim,
            "label_scale": self.scales.tolist(),
            "critical_decay": [None if math.isnan(g) else g for g in self.critical.tolist()],
            "critical_decay_before": [
                None if math.isnan(g) else g for g in self.critical_before.tolist()
            ],
            **{key: getattr(self, key) for key in keys},
        }


def label_temperatures(ufm: UFM, aim: str = "thresholds") -> LabelTemperatures:
    """Label-dependent temperatures that equalize merge thresholds, or make the classifiers a simplex ETF.

    Parameters
    ----------
    ufm : UFM
        Cross-entropy at M = 1 with linear features; a label_scale of its own is replaced. For `limit` and `classifiers` without bias,
        smoothing and class-dependent temperatures.
    aim : "thresholds", "limit" (decays going to zero) or "classifiers" (at the given decays)

    Returns
    -------
    LabelTemperatures
        For thresholds the sides are predictions at decays 1e-6 below and above the common critical one. For the others, predictions
        with the temperature of the smallest class moved by 1e-3 either way: its classifier becomes longer (inside) or shorter than
        the mean of the others (`number`: their ratio). beta of (1) is bisected to neighboring doubles.

    Raises
    ------
    NoAnswer
        No class can merge; or the decays are too large for an exact simplex, or lie between the branches of (1).
    NoTheorem
        Another loss or depth.

    Examples
    --------
    >>> import numpy as np, ncsolve
    >>> ufm = ncsolve.UFM(counts=[100, 20, 20], loss="ce", weight_decay=1e-3, feature_decay=1e-3)
    >>> found = ncsolve.label_temperatures(ufm, "classifiers")
    >>> np.round(found.scales, 5).tolist(), found.deviation < 1e-6 < found.deviation_before, found.verified
    ([1.2611, 0.34724, 0.34724], True, True)
    """
    if aim not in AIMS:
        raise ProblemError(f"aim {aim!r} is unknown; {', '.join(map(repr, AIMS))} works")
    if not isinstance(ufm.loss, CrossEntropy) or ufm.depth > 1 or ufm.features != "linear":
        raise NoTheorem(
            "label temperatures are solved for cross-entropy (--loss ce) at depth 1 with linear features"
        )
    if ufm.rank_limit < ufm.classes - 1:
        raise NoTheorem(
            f"label temperatures are solved at width K - 1 or more; a width of {ufm.classes - 1} works"
        )
    plain = _scaled(ufm, np.ones(ufm.classes))
    if aim != "thresholds":
        given = isinstance(plain.loss, CrossEntropy) and (
            not plain.loss.plain or plain.loss.smoothing > 0
        )
        if given or ufm.bias != "none":
            raise NoTheorem(
                f"aim {aim!r} is solved for cross-entropy without bias, smoothing, offsets and class scales"
            )
        if ufm.classes == 2:
            raise NoAnswer(
                "the classifiers of two classes are opposite and equally long whatever the temperatures"
            )
    own = rule(plain)
    root = np.sqrt(ufm.counts)
    if aim == "thresholds":
        if not own.own.any():
            raise NoAnswer(
                "no class shares its count with another, so none merges: there is nothing to equalize"
            )
        scales = _normalized(ufm, 1.0 / (root * own.slope))
    elif aim == "limit":
        scales = _normalized(ufm, root)
    else:
        scales = _simplex(ufm)
    scaled = _scaled(ufm, scales)
    critical = np.where(own.own, own.critical_decay * scales, math.nan)
    inside, outside = (
        _by_decay(scaled, critical) if aim == "thresholds" else _by_scale(ufm, scales, aim)
    )
    looked = ufm.classes <= LARGEST
    without_limit = ufm.bias != "none" or (
        isinstance(plain.loss, CrossEntropy) and plain.loss.smoothing > 0
    )
    return LabelTemperatures(
        ufm=ufm,
        inside=inside,
        outside=outside,
        notes=(),
        aim=aim,
        scales=scales,
        critical=critical,
        critical_before=np.where(own.own, own.critical_decay, math.nan),
        deviation=_deviation(predict(scaled)) if looked else None,
        deviation_before=_deviation(predict(plain)) if looked else None,
        limit_deviation=_deviation(predict(scaled, limit="vanishing-decay"))
        if looked and not without_limit
        else None,
    )


def _scaled(ufm: UFM, scales: Array) -> UFM:
    """The problem with these label temperatures; all one means none."""
    loss = ufm.loss
    assert isinstance(loss, CrossEntropy)
    given = None if (scales == 1.0).all() else scales
    return ufm.replace(loss=CrossEntropy(loss.smoothing, loss.offsets, given, loss.class_scale))


def _normalized(ufm: UFM, scales: Array) -> Array:
    normalized: Array = scales * (ufm.samples / float(scales @ ufm.counts))
    return normalized


def _simplex(ufm: UFM) -> Array:
    """s_k of (1)."""
    n, classes, c = ufm.counts, ufm.classes, reduce(ufm).c

    def margins(beta: float, beyond: bool) -> Array:
        """The roots of log m - log(e^m + K - 1) = log(beta/n) on one side of the peak, by bisection until no double changes."""
        low, high = (
            np.full(n.size, peak if beyond else TINY),
            np.full(n.size, LARGEST_MARGIN if beyond else peak),
        )
        target = np.log(beta / n)
        while True:
            middle = 0.5 * (low + high)
            if ((middle <= low) | (middle >= high)).all():
                return low
            before = (_log_psi(middle, classes) > target) == beyond
            low, high = np.where(before, middle, low), np.where(before, high, middle)

    def total(beta: float, beyond: bool) -> float:
        """Sum of s_k n_k / N, with e^m + K - 1 = m n/beta."""
        return float(c / classes * (n**1.5 * margins(beta, beyond)).sum() / beta)

    peak = _peak(classes)
    most = float(n.min()) * math.exp(float(_log_psi(np.array(peak), classes)))
    beyond = total(most, True) <= 1.0
    if not beyond and not c * float(np.sqrt(n).sum()) < 1.0 <= total(most, False):
        if c * float(np.sqrt(n).sum()) >= 1.0:
            raise NoAnswer(
                "no temperatures make the classifiers a simplex at these decays, which are too large; smaller ones work"
            )
        raise NoAnswer(
            "no temperatures with all classes on one branch make the classifiers a simplex here; smaller decays work"
        )
    beta = between(lambda b: (total(b, beyond) > 1.0) == beyond, most * 1e-250, most)[0]
    return _normalized(ufm, np.sqrt(n) * margins(beta, beyond))


def _log_psi(m: Array, classes: int) -> Array:
    log: Array = np.log(m) - np.logaddexp(m, math.log(classes - 1.0))
    return log


def _peak(classes: int) -> float:
    """The root of e^m (m - 1) = K - 1, m > 1."""
    return between(
        lambda m: math.exp(m) * (m - 1.0) <= classes - 1.0, 1.0, 2.0 + math.log(classes)
    )[0]


def _deviation(prediction: Prediction) -> float:
    """Largest entry of the difference between the Gram matrix of the classifiers and that of a simplex, both of mean length one."""
    gram = prediction.gram_weights
    classes = gram.shape[0]
    length = float(np.trace(gram)) / classes
    if length == 0.0:
        return math.inf
    simplex = (np.eye(classes) - 1.0 / classes) * (classes / (classes - 1.0))
    return float(np.abs(gram / length - simplex).max())


def _by_decay(scaled: UFM, critical: Array) -> tuple[Side, Side]:
    """All decays a little below and above the common critical one."""
    shared, common = ~np.isnan(critical), float(np.nanmin(critical))

    def side(c: float) -> tuple[float, NDArray[np.str_]]:
        states = predict(scaled.replace(weight_decay=c, feature_decay=c)).solution.states().state
        return float((states[shared] == ACTIVE).mean()), states

    below, above = common * (1.0 - BESIDE), common * (1.0 + BESIDE)
    (living, alive), (left, lost) = side(below), side(above)
    return Side(below, living == 1.0, living, alive), Side(above, left > 0.0, left, lost)


def _by_scale(ufm: UFM, scales: Array, aim: str) -> tuple[Side, Side]:
    """The temperature of the smallest class a little moved either way; its classifier's length over the mean of the others'.

    Which way makes it longer depends on the branch: the longer one is the inside.
    """
    least = int(np.argmin(ufm.counts))

    def side(factor: float) -> Side:
        moved = scales.copy()
        moved[least] *= factor
        prediction = predict(_scaled(ufm, moved), limit="vanishing-decay" if aim == "limit" else "")
        length = prediction.classes.weight_norm
        number = float(length[least] / np.delete(length, least).mean())
        return Side(factor, number > 1.0, number, prediction.classes.state)

    outside, inside = sorted((side(1.0 - MOVED), side(1.0 + MOVED)), key=lambda one: one.number)
    return inside, outside
