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
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.errors import DataError, ProblemError
from ..problem.losses import CrossEntropy
from ..problem.objective import Parameters
from .alignment import aligned
from .assemble import measurement as assembled
from .evidence import Undefined, norm
from .measurement import Measurement
from .network import FIRST, Network, network_of
from .predicted import matched
from .predicted_geometry import gof, relative
from .statistics import DOUBLE, Statistics

if TYPE_CHECKING:
    from ..problem.losses import Array
    from .predicted import Predicted, Prediction

SCALE_FREE = ("nc2_gof_H", "nc2_gof_W", "nc3_gof")
ABSOLUTE = ("nc2_abs_H", "nc2_abs_W", "nc3_abs")
NC1, BIAS = "nc1_quotient", "bias"
OTHERS = (
    "nc2_etf_H",
    "nc2_etf_W",
    "nc2_of_H",
    "nc2_of_W",
)  # the targets of balanced theory, for comparison


@dataclass(frozen=True, eq=False)
class Spectrum:
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

    @property
    def gof(self) -> float | None:
        """See the class."""
        return _known(lambda: gof(self.measured, self.predicted, "spectrum"))

    @property
    def relative(self) -> float | None:
        """See the class."""
        return _known(lambda: relative(self.measured, self.predicted, "spectrum"))

    def to_dict(self) -> dict[str, Any]:
        """The spectrum as plain values."""
        measured, predicted = self.measured.tolist(), self.predicted.tolist()
        return {
            "name": self.name,
            "measured": measured,
            "predicted": predicted,
            "gof": self.gof,
            "relative": self.relative,
        }


@dataclass(frozen=True)
class ClassComparison:
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
        return dict(self.__dict__) | {"name": str(self.name)}


@dataclass(frozen=True, eq=False)
class Comparison:
    """A measurement beside the prediction. Built by `compare`.

    Attributes
    ----------
    measurement : with every metric that a prediction allows
    tolerance : distances up to this agree
    decisive : the keys that are held against it
    """

    measurement: Measurement
    tolerance: float
    decisive: tuple[str, ...]

    @property
    def prediction(self) -> Prediction:
        """What was predicted."""
        return self._predicted.prediction

    @property
    def _predicted(self) -> Predicted:
        assert self.measurement.evidence.predicted is not None
        return self.measurement.evidence.predicted

    @property
    def matrices(self) -> Parameters:
        """(W_1, ..., W_M), class means and bias as measured, classes in the order of the measurement; without a classifier no W."""
        m = self.measurement
        return Parameters(m.factors, m.class_means, self._bias())

    @property
    def distances(self) -> dict[str, float]:
        """nc1_quotient and the distances to the prediction that have a value, by key: metrics, "bias" and, of a deep problem whose
        matrices were all given, "spectrum_W_j", the relative distance of the singular values of W_j.
        """
        found = {
            key: self.measurement[key]
            for key in (NC1, *SCALE_FREE, *ABSOLUTE)
            if key in self.measurement
        }
        if self.bias_distance is not None:
            found[BIAS] = self.bias_distance
        if len(self.prediction.weights) > 1:
            spectra = {_spectrum(one.name): one.relative for one in self.spectra if one.name != "H"}
            found |= {key: value for key, value in spectra.items() if value is not None}
        return found

    @cached_property
    def bias_distance(self) -> float | None:
        """How far the bias is off, as a share of the predicted one or of the predicted logits, whichever is larger; where a network or a
        prediction has no bias, it is zero. None without a classifier, and where both predictions are zero.
        """
        if self.measurement.weight is None:
            return None
        measured, predicted = self._bias(), self._predicted_bias()
        if (free := self._unseen_bias()) is not None:
            measured, predicted = (
                one - free * (free @ one) / (free @ free) for one in (measured, predicted)
            )
        scale = max(norm(predicted), norm(self._predicted.product) / math.sqrt(len(predicted)))
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
    def spectra(self) -> tuple[Spectrum, ...]:
        """Singular values of H and, where all of W_1, ..., W_M were given, of each."""
        predicted = {layer.name: layer.singular_values for layer in self.prediction.layers}
        measured = self.measurement.spectra
        if len(measured) != len(predicted):
            measured = {"H": measured["H"]}
        return tuple(
            Spectrum(name, *_padded(values, predicted[name])) for name, values in measured.items()
        )

    @cached_property
    def classes(self) -> tuple[ClassComparison, ...]:
        """One row per class."""
        m, order = self.measurement, self._predicted.order
        table = self.prediction.classes
        turned, still = self.aligned_means
        weight_norm = m.weight_norm
        errors = self._cosine_errors()
        return tuple(
            ClassComparison(
                name,
                int(m.counts[k]),
                str(table.state[order[k]]),
                float(m.feature_norm[k]),
                float(table.feature_norm[order[k]]),
                None if weight_norm is None else float(weight_norm[k]),
                float(table.weight_norm[order[k]]),
                float(m.variances[k]),
                None if weight_norm is None else float(self._bias()[k]),
                float(self._predicted_bias()[k]),
                _angle(turned[k], still[k]),
                errors[k],
            )
            for k, name in enumerate(m.classes)
        )

    @cached_property
    def aligned_means(self) -> tuple[Array, Array]:
        """Class means as rows, measured (rotated onto the predicted) and predicted, in common coordinates."""
        return aligned(self.measurement.evidence.means, self._predicted_means)

    @cached_property
    def aligned(self) -> tuple[Array, Array]:
        """Class means, then classifier rows, each at Frobenius norm 1, measured (rotated) and predicted: two (2K, r) arrays."""
        weight = self.measurement.weight
        if weight is None:
            raise DataError("a classifier is needed to show its rows; give weight")
        rest = self.prediction.weights[-1]
        for factor in reversed(self.prediction.weights[:-1]):
            rest = rest @ factor
        stacked = [
            np.concatenate([_unit(means), _unit(rows)])
            for means, rows in (
                (self.measurement.evidence.means, weight),
                (self._predicted_means, rest[self._predicted.order]),
            )
        ]
        return aligned(stacked[0], stacked[1])

    @property
    def procrustes(self) -> float | None:
        """||rotated class means - predicted||_F / ||predicted||_F; None where nothing is predicted but zero."""
        turned, still = self.aligned_means
        return _known(lambda: relative(turned, still, "class means"))

    @property
    def _predicted_means(self) -> Array:
        found: Array = self.prediction.class_means.T[self._predicted.order]
        return found

    def _bias(self) -> Array:
        """As measured; zeros without one."""
        m = self.measurement
        return np.zeros(len(m.classes)) if m.bias is None else m.bias

    def _predicted_bias(self) -> Array:
        found: Array = self.prediction.bias[self._predicted.order]
        return found

    def _unseen_bias(self) -> Array | None:
        """The direction in which a free bias changes no softmax, or None."""
        ufm = self.prediction.ufm
        if ufm.bias_decay != 0.0 or not isinstance(ufm.loss, CrossEntropy):
            return None
        found: Array = ufm.loss.unseen(ufm.classes)[self._predicted.order]
        return found

    def predicted_cosines(self, which: str = "features") -> Array:
        """Predicted cosines between class means ("features") or classifier rows ("weights"), shape (K, K); NaN where one is zero."""
        gram = (
            self._predicted.gram_features if which == "features" else self._predicted.gram_weights
        )
        norm = np.sqrt(np.maximum(np.diag(gram), 0.0))
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Array = np.clip(gram / np.outer(norm, norm), -1.0, 1.0)
        return found

    def _cosine_errors(self) -> list[float | None]:
        error = np.abs(self.measurement.feature_cosines - self.predicted_cosines())
        np.fill_diagonal(error, np.nan)
        return [float(np.nanmax(row)) if np.isfinite(row).any() else None for row in error]

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain values: the measurement's document, with what is predicted added."""
        key, value = self.largest
        return self.measurement.to_dict() | {
            "agrees": self.agrees,
            "tolerance": self.tolerance,
            "decisive": list(self.decisive),
            "largest": {"key": key, "value": value},
            "distances": self.distances,
            "untested": list(self.untested),
            "procrustes": self.procrustes,
            "classes": [row.to_dict() for row in self.classes],
            "spectra": [spectrum.to_dict() for spectrum in self.spectra],
        }


def compare(
    measured: Measurement,
    prediction: Prediction,
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
    layers = measured.layers or {FIRST: measured}
    again = assembled(
        {name: layer.evidence.statistics for name, layer in layers.items()},
        Network(measured.factors, measured.bias),
        prediction,
        preset=measured.preset or None,
        convention=None if measured.preset else measured.evidence.convention,
        subset=subset,
        keys=None,
    )
    geometry = SCALE_FREE if scale_free else (*SCALE_FREE, *ABSOLUTE)
    if not any(key in again for key in geometry):
        why = again.absent[geometry[0]]
        raise DataError(
            f"no distance to this prediction has a value: {why}; decays that keep classes alive can be compared with"
        )
    depth = len(prediction.weights)
    factors = [_spectrum(f"W_{j}") for j in range(1, depth + 1)] if depth > 1 else []
    return Comparison(
        again, float(tolerance), (NC1, *geometry, *(() if scale_free else (BIAS, *factors)))
    )


def compare_matrices(
    point: Parameters,
    prediction: Prediction,
    names: Sequence[Hashable],
    counts: Array,
    variances: Array | None = None,
) -> Comparison:
    """Hold matrices against a prediction, as `compare` does a measurement.

    Parameters
    ----------
    point : Parameters
        Class means are its features, one column per class; no weights where there is no classifier.
    prediction : Prediction
    names, counts : of the classes, in the order of the columns
    variances : E ||h - mu||^2 of each class; by default every sample is at its class mean

    Examples
    --------
    >>> import ncsolve
    >>> prediction = ncsolve.predict(ncsolve.UFM(counts=[20, 10, 5], weight_decay=5e-3, feature_decay=5e-3))
    >>> found = compare_matrices(prediction.parameters(), prediction, prediction.ufm.names, prediction.ufm.counts)
    >>> found.largest[1] < 1e-12, found.spectra[0].relative < 1e-12
    (True, True)
    """
    matched(prediction, names, counts, subset=True)  # before anything is said of shapes
    means = np.ascontiguousarray(point.features.T)
    scatter = np.zeros(len(names)) if variances is None else counts * variances
    statistics = Statistics(tuple(names), counts, means, np.zeros_like(means), scatter, DOUBLE)
    network = network_of(
        list(point.weights) or None, point.bias if point.weights else None, [means.shape[1]], names
    )
    measured = assembled(
        {FIRST: statistics}, network, None, preset=None, convention=None, subset=True, keys=()
    )
    return compare(measured, prediction, subset=True)


def _spectrum(name: str) -> str:
    """The key of the distance of a factor's singular values."""
    return f"spectrum_{name}"


def _known(distance: Any) -> float | None:
    try:
        return float(distance())
    except Undefined:
        return None


def _padded(a: Array, b: Array) -> tuple[Array, Array]:
    size = max(a.size, b.size)
    return np.pad(a, (0, size - a.size)), np.pad(b, (0, size - b.size))


def _unit(rows: Array) -> Array:
    size = float(np.linalg.norm(rows))
    return rows / size if size else rows


def _angle(a: Array, b: Array) -> float | None:
    """Degrees between two vectors, by the half-angle formula, exact near 0 and 180."""
    lengths = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if not all(lengths):
        return None
    a, b = a / lengths[0], b / lengths[1]
    return math.degrees(
        2.0 * math.atan2(float(np.linalg.norm(a - b)), float(np.linalg.norm(a + b)))
    )
