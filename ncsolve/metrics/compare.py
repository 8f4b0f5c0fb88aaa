r"""Compare: how far a measured network is from a prediction, and whether that is within a tolerance.

The network is at the prediction if its features have collapsed (nc1_quotient), class means, classifier and their product are the predicted
ones up to rotation, and so are the bias b and the singular values of each W_j. With the predicted product Zhat and bias bhat the bias is
off by

    ||b - bhat|| / max(||bhat||, ||Zhat||_F / sqrt K),

the second being what the K columns of logits measure: a bias that is off moves every column. A free bias of cross-entropy is known up to
multiples of (1/r_1, ..., 1/r_K), which change no softmax; both lose that component first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.errors import DataError, ProblemError
from ..problem.losses import CrossEntropy
from ..problem.objective import Parameters
from ..values import Value
from . import metrics
from .metrics import Measurement, Predicted, assembled, gof, norm, principal, relative
from .rows import FIRST, classifier_of

if TYPE_CHECKING:
    from ..problem.losses import Array

SCALE_FREE = ("nc2_gof_H", "nc2_gof_W", "nc3_gof")
ABSOLUTE = ("nc2_abs_H", "nc2_abs_W", "nc3_abs")
NC1, BIAS = "nc1_quotient", "bias"
# the targets of balanced theory, for comparison
OTHERS = ("nc2_etf_H", "nc2_etf_W", "nc2_of_H", "nc2_of_W")


@dataclass(frozen=True, eq=False, repr=False)
class FactorSpectrum(Value):
    """Singular values of one factor, measured and predicted, padded with zeros to one length.

    Attributes
    ----------
    name : "H" (class means times sqrt(n_k)) or "W_j"
    gof : distance of the two at norm 1; None where one is zero
    relative : distance as a share of the norm of the prediction; None where that is zero
    """

    name: str
    measured: Array
    predicted: Array
    gof: float | None
    relative: float | None


@dataclass(frozen=True, eq=False, repr=False)
class ClassComparison(Value):
    """One class, measured and predicted.

    Attributes
    ----------
    name, count, state : the class, its samples, what is predicted of it
    feature_norm, predicted_feature_norm : of its mean
    weight_norm, predicted_weight_norm : of its row of W_M ... W_1; None without a classifier
    variance : of its features, E ||h - mu||^2
    bias, predicted_bias : its entry of b; zero where there is none, None without a classifier
    angle : degrees between its measured mean and the predicted one, after the best rotation of all means; None where one is zero
    cosine_error : largest |cos - predicted cos| of its mean with another class's; None where none is defined
    """

    name: Hashable
    count: int
    state: str
    feature_norm: float
    predicted_feature_norm: float
    weight_norm: float | None
    predicted_weight_norm: float
    variance: float
    bias: float | None
    predicted_bias: float
    angle: float | None
    cosine_error: float | None

    def to_dict(self) -> dict[str, Any]:
        """The row as plain values."""
        return super().to_dict() | {"name": str(self.name)}


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Value):
    """A measurement beside the prediction. Built by `compare`.

    Attributes
    ----------
    measurement : with every metric that a prediction allows
    tolerance : distances up to this agree
    decisive : the keys that are held against it
    """

    entries = (
        *("agrees", "tolerance", "decisive", "largest", "distances", "untested", "procrustes"),
        *("classes", "spectra"),
    )

    measurement: Measurement
    tolerance: float
    decisive: tuple[str, ...]

    @property
    def prediction(self) -> Predicted:
        """What was predicted."""
        return self.measurement.prediction

    @property
    def matrices(self) -> Parameters:
        """(W_1, ..., W_M), class means and bias as measured, classes in the order of the measurement; without a classifier no W."""
        return Parameters(self.measurement.factors, self.measurement.class_means, self._bias)

    @property
    def distances(self) -> dict[str, float]:
        """nc1_quotient and the distances to the prediction that have a value, by key: metrics, "bias" and, of a deep problem whose
        matrices were all given, "spectrum_W_j", the relative distance of the singular values of W_j.
        """
        m = self.measurement
        found: dict[str, float | None] = {key: m.get(key) for key in (NC1, *SCALE_FREE, *ABSOLUTE)}
        found[BIAS] = self.bias_distance
        if len(self.prediction.weights) > 1:
            found |= {f"spectrum_{one.name}": one.relative for one in self.spectra[1:]}
        return {key: value for key, value in found.items() if value is not None}

    @cached_property
    def bias_distance(self) -> float | None:
        """How far the bias is off, as a share of the predicted one or of the predicted logits, whichever is larger; where a network or a
        prediction has no bias, it is zero. None without a classifier, and where both predictions are zero.
        """
        if self.measurement.weight is None:
            return None
        measured, predicted = self._bias, self._predicted_bias
        ufm = self.prediction.ufm
        if ufm.bias_decay == 0.0 and isinstance(ufm.loss, CrossEntropy):
            free = ufm.loss.unseen(ufm.classes)[self.measurement.place]
            measured, predicted = (
                one - free * (free @ one) / (free @ free) for one in (measured, predicted)
            )
        logits = norm(self.measurement.geometry.products) / math.sqrt(len(predicted))
        scale = max(norm(predicted), logits)
        return norm(measured - predicted) / scale if scale else None

    @property
    def untested(self) -> tuple[str, ...]:
        """What the verdict says nothing about, in words."""
        m, depth = self.measurement, len(self.prediction.weights)
        scale_free = BIAS not in self.decisive
        if m.weight is None:
            return ("the classifier", "the bias", *(("the scale",) if scale_free else ()))
        if scale_free:
            return ("the scale", "the bias", *(("the matrices one by one",) if depth > 1 else ()))
        return ("the matrices one by one",) if len(m.factors) != depth else ()

    @property
    def largest(self) -> tuple[str, float]:
        """The decisive distance that is largest, over all layers: (key, or key/layer, and value)."""
        found = {key: value for key, value in self.distances.items() if key in self.decisive}
        for name, layer in self.measurement.layers.items():
            found |= {f"{key}/{name}": layer[key] for key in self.decisive if key in layer}
        worst = max(found, key=lambda key: found[key])
        return worst, found[worst]

    @property
    def agrees(self) -> bool:
        """Whether every decisive distance is within the tolerance."""
        return self.largest[1] <= self.tolerance

    @cached_property
    def spectra(self) -> tuple[FactorSpectrum, ...]:
        """Singular values of H and, where all of W_1, ..., W_M were given, of each."""
        predicted = {layer.name: layer.singular_values for layer in self.prediction.layers}
        measured = self.measurement.spectra
        if len(measured) != len(predicted):
            measured = {"H": measured["H"]}
        every = []
        for name, values in measured.items():
            size = max(len(values), len(predicted[name]))
            a, b = (np.pad(one, (0, size - len(one))) for one in (values, predicted[name]))
            every.append(FactorSpectrum(name, a, b, _known(gof, a, b), _known(relative, a, b)))
        return tuple(every)

    @cached_property
    def classes(self) -> tuple[ClassComparison, ...]:
        """One row per class."""
        m, place, table = self.measurement, self.measurement.place, self.prediction.classes
        nothing = [None] * len(m.classes)
        weight_norm = nothing if m.weight is None else m.weight_norm.tolist()
        error = np.abs(m.feature_cosines - self.predicted_cosines())
        np.fill_diagonal(error, np.nan)
        errors = (float(np.nanmax(row)) if np.isfinite(row).any() else None for row in error)
        count, state = map(int, m.counts), map(str, table.state[place])
        features = m.feature_norm.tolist(), table.feature_norm[place].tolist()
        weights = weight_norm, table.weight_norm[place].tolist(), m.variances.tolist()
        bias = nothing if m.weight is None else self._bias.tolist(), self._predicted_bias.tolist()
        angles = map(_angle, *self.aligned_means)
        columns = (m.classes, count, state, *features, *weights, *bias, angles, errors)
        return tuple(ClassComparison(*row) for row in zip(*columns, strict=True))

    @cached_property
    def aligned_means(self) -> tuple[Array, Array]:
        """Class means as rows, measured (rotated onto the predicted) and predicted, in common coordinates."""
        return aligned(self.measurement.means, self._predicted_means)

    @cached_property
    def aligned(self) -> tuple[Array, Array]:
        """Class means, then classifier rows, each at Frobenius norm 1, measured (rotated) and predicted: two (2K, r) arrays."""
        m = self.measurement
        if m.weight is None:
            raise DataError("a classifier is needed to show its rows; give weight")
        rows = metrics.product(self.prediction.weights)[self.measurement.place]
        both = (m.means, m.weight), (self._predicted_means, rows)
        units = ([x / (np.linalg.norm(x) or 1.0) for x in one] for one in both)
        return aligned(*map(np.concatenate, units))

    @property
    def procrustes(self) -> float | None:
        """||rotated class means - predicted||_F / ||predicted||_F; None where nothing is predicted but zero."""
        return _known(relative, *self.aligned_means)

    def predicted_cosines(self, which: str = "features") -> Array:
        """Predicted cosines between class means ("features") or classifier rows ("weights"), shape (K, K); NaN where one is zero."""
        gram: Array = getattr(self.measurement.geometry, which)
        return metrics.quotients(gram, np.sqrt(np.maximum(np.diag(gram), 0.0)))

    @property
    def _predicted_means(self) -> Array:
        return np.asarray(self.prediction.class_means.T[self.measurement.place])

    @property
    def _bias(self) -> Array:
        """As measured; zeros without one."""
        m = self.measurement
        return np.zeros(len(m.classes)) if m.bias is None else m.bias

    @property
    def _predicted_bias(self) -> Array:
        return np.asarray(self.prediction.bias[self.measurement.place])

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain values: the measurement's document, with what is predicted added."""
        largest = dict(zip(("key", "value"), self.largest, strict=True))
        return self.measurement.to_dict() | super().to_dict() | {"largest": largest}


def compare(
    measured: Measurement,
    prediction: Predicted,
    *,
    tolerance: float = 0.05,
    scale_free: bool = False,
    subset: bool = False,
) -> Comparison:
    """Hold a measurement against a prediction.

    Parameters
    ----------
    measured : Measurement
    prediction : Prediction
    tolerance : float > 0
        The network agrees if none of these exceeds it: nc1_quotient, nc2_gof_H, nc2_gof_W, nc3_gof (scale-free) and nc2_abs_H, nc2_abs_W,
        nc3_abs (which see the scale), of every layer that was measured; "bias"; and in a deep problem whose matrices were given one by one
        "spectrum_W_1", ..., "spectrum_W_M". What has no value is not held against it; `.untested` says what that leaves open.
    scale_free : bool
        Hold only the scale-free ones against it.
    subset : bool
        Whether the samples are a part of what the prediction is about; else their counts must be the predicted ones.

    Returns
    -------
    Comparison
        `.agrees`, `.distances`, `.untested`, `.classes`, `.spectra`, `.largest`, `.aligned_means`.

    Raises
    ------
    DataError
        Classes or counts contradict the prediction, or no distance has a value (both sides are zero).

    Notes
    -----
    Costs O(K^3 + K^2 d) beside the measurement; the features themselves are not needed again.

    Examples
    --------
    >>> import ncsolve, numpy as np
    >>> prediction = ncsolve.predict(ncsolve.UFM(counts=[20, 10, 5], weight_decay=5e-3, feature_decay=5e-3))
    >>> found = ncsolve.measure(prediction.features().T, np.repeat([0, 1, 2], [20, 10, 5]), prediction.weights)
    >>> compare(found, prediction).agrees, compare(found, prediction).largest[1] < 1e-12
    (True, True)
    """
    if not (isinstance(tolerance, int | float) and 0 < tolerance < math.inf):
        raise ProblemError(f"tolerance {tolerance!r} is not a positive number such as 0.05")
    beside = assembled(measured.layers or {FIRST: measured}, prediction, subset=subset)
    geometry = SCALE_FREE if scale_free else (*SCALE_FREE, *ABSOLUTE)
    if not any(key in beside for key in geometry):
        why = f"no distance to this prediction has a value: {beside.absent[geometry[0]]}"
        raise DataError(f"{why}; decays that keep classes alive can be compared with")
    depth = len(prediction.weights)
    factors = [f"spectrum_W_{j + 1}" for j in range(depth)] if depth > 1 else []
    more = () if scale_free else (BIAS, *factors)
    return Comparison(beside, float(tolerance), (NC1, *geometry, *more))


def compare_matrices(
    point: Parameters,
    prediction: Predicted,
    names: Sequence[Hashable],
    counts: Array,
    variances: Array | None = None,
) -> Comparison:
    """Hold matrices against a prediction, as `compare` does a measurement.

    Class means are the features of `point`, one column per class; there are no weights where there is no classifier. Names and counts
    are those of the columns. Without variances E ||h - mu||^2 every sample is at its class mean.

    >>> import ncsolve
    >>> prediction = ncsolve.predict(ncsolve.UFM(counts=[20, 10, 5], weight_decay=5e-3, feature_decay=5e-3))
    >>> found = compare_matrices(prediction.parameters(), prediction, prediction.ufm.names, prediction.ufm.counts)
    >>> found.largest[1] < 1e-12, found.spectra[0].relative < 1e-12
    (True, True)
    """
    metrics.matched(prediction, names, counts, subset=True)  # before anything is said of shapes
    means = np.ascontiguousarray(point.features.T)
    scatter = np.zeros(len(names)) if variances is None else counts * variances
    found = Measurement(tuple(names), +counts, +means, np.zeros_like(means), scatter)
    weights, bias = (list(point.weights), point.bias) if point.weights else (None, None)
    factors, vector = classifier_of(weights, bias, [means.shape[1]], names)
    return compare(replace(found, factors=factors, bias=vector), prediction, subset=True)


def aligned(measured: Array, predicted: Array) -> tuple[Array, Array]:
    r"""The rows of both in common coordinates, `measured` rotated (reflections allowed) onto `predicted`.

    Vectors are known up to an orthogonal map. With rows A (m x d) measured and B (m x p) predicted, padded to one width, the map R with
    the least ||A R - B||_F comes from the SVD of A^T B (Schonemann 1966). Both are first written in coordinates of their own row spaces,
    at most m wide, so that the cost is O(m^2 (m + d)) and no d x d matrix appears; inner products of rows stay.

    Examples
    --------
    >>> import numpy as np
    >>> turned, still = aligned(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 2.0]]))
    >>> bool(np.allclose(turned, still))
    True
    """
    from scipy.linalg import orthogonal_procrustes

    a, b = principal(measured), principal(predicted)
    width = max(a.shape[1], b.shape[1])
    a, b = (np.pad(one, ((0, 0), (0, width - one.shape[1]))) for one in (a, b))
    rotation, _ = orthogonal_procrustes(a, b)
    return a @ rotation, b


def _known(distance: Callable[[Array, Array, str], float], a: Array, b: Array) -> float | None:
    try:
        return distance(a, b, "")
    except metrics.Undefined:
        return None


def _angle(a: Array, b: Array) -> float | None:
    """Degrees between two vectors, by the half-angle formula, exact near 0 and 180."""
    lengths = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if not all(lengths):
        return None
    a, b = a / lengths[0], b / lengths[1]
    return math.degrees(2.0 * math.atan2(np.linalg.norm(a - b), np.linalg.norm(a + b)))
