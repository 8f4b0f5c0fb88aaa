"""The part of a prediction that features and a classifier are compared with, in the order of the measured classes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..problem.errors import DataError, ProblemError
from .labels import listed

if TYPE_CHECKING:
    from ..problem.losses import Array, Indices
    from ..problem.ufm import UFM


class PredictedLayer(Protocol):
    """Singular values of one factor."""

    @property
    def name(self) -> str:
        """What it is called: "H", or "W_j"."""

    @property
    def singular_values(self) -> Array:
        """Non-zero ones, descending."""


class Prediction(Protocol):
    """What is asked of a prediction; how it was made does not matter here."""

    @property
    def ufm(self) -> UFM:
        """The problem."""

    @property
    def gram_features(self) -> Array:
        """(K, K)."""

    @property
    def gram_weights(self) -> Array:
        """(K, K), of the rows of W_M ... W_1."""

    @property
    def class_means(self) -> Array:
        """(d_1, K)."""

    @property
    def weights(self) -> tuple[Array, ...]:
        """(W_1, ..., W_M)."""

    @property
    def bias(self) -> Array:
        """(outputs,)."""

    @property
    def logits(self) -> Array:
        """(K, K), column k the logits of class k."""

    @property
    def layers(self) -> Sequence[Any]:
        """PredictedLayer of H, W_1, ..., W_M."""

    @property
    def classes(self) -> Any:
        """The table of classes."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """Gram matrices of the inputs X of a layer and of the rest W_M ... W_j of the network, and their product.

    Attributes
    ----------
    prediction : Prediction
    order : order[k] is the place of the measured class k among the predicted ones
    layer : j - 1, how many matrices the features have passed
    """

    prediction: Prediction
    order: Indices
    layer: int
    gram_features: Array
    gram_weights: Array
    product: Array

    @property
    def depth_left(self) -> int:
        """How many of the predicted matrices act on these features."""
        return len(self.prediction.weights) - self.layer


def predicted_at(prediction: Prediction, order: Indices, layer: int = 0) -> Predicted:
    """What is predicted of the features that have passed the first `layer` matrices."""
    weights = prediction.weights
    if layer >= len(weights):
        raise DataError(
            f"layer {layer + 1} is measured, but the prediction has {len(weights)}; predict with that depth"
        )
    square = np.ix_(order, order)
    features, rest = prediction.class_means, weights[-1]
    for weight in weights[:layer]:
        features = weight @ features
    for weight in reversed(weights[layer:-1]):
        rest = rest @ weight
    grams = (
        (prediction.gram_features, prediction.gram_weights)
        if layer == 0
        else (features.T @ features, rest @ rest.T)
    )
    return Predicted(
        prediction, order, layer, grams[0][square], grams[1][square], (rest @ features)[square]
    )


def matched(
    prediction: Prediction, classes: Sequence[Hashable], counts: Array, *, subset: bool = False
) -> Indices:
    """For each measured class its place among the predicted ones.

    By name, where the labels printed as text are the predicted names; else, if the prediction was made from counts without names, the
    classes in sorted order are the counts in their order.

    Parameters
    ----------
    prediction : Prediction
    classes, counts : what was measured
    subset : whether the samples are only some of those that the prediction is about, so that counts may differ

    Raises
    ------
    DataError
        A class is missing, or its count is not the predicted one; the message names it.
    """
    ufm = prediction.ufm
    if not ufm.loss.one_hot:
        raise ProblemError(
            "the prediction is for targets that are not one-hot: no row of W belongs to a class; one-hot ones work"
        )
    names, labels = list(ufm.names), [str(one) for one in classes]
    places = {name: k for k, name in enumerate(names)}
    numbered = names == [str(k) for k in range(len(names))]
    if set(labels) == set(names):
        order = [places[label] for label in labels]
    elif numbered and len(labels) == len(names):
        order = list(range(len(names)))
    else:
        missing = [name for name in names if name not in set(labels)]
        extra = [one for one, label in zip(classes, labels, strict=True) if label not in places]
        said = [f"classes without samples: {listed(missing)}"] if missing else []
        said += [f"labels that are no predicted class: {listed(extra)}"] if extra else []
        advice = "predict with the counts of these labels, or give samples of every class"
        raise DataError(
            f"{len(labels)} classes were measured and {len(names)} predicted; {'; '.join(said)}; {advice}"
        )
    found = np.array(order, dtype=np.intp)
    wrong = np.flatnonzero(ufm.counts[found] != counts)
    if wrong.size and not subset:
        k = wrong[:4]
        pairs = ", ".join(
            f"class {classes[i]!r}: {counts[i]:g} samples, {ufm.counts[found[i]]:g} predicted"
            for i in k
        )
        more = f" and {wrong.size - 4} more" if wrong.size > 4 else ""
        raise DataError(
            f"the labels contradict the counts of the prediction ({pairs}{more}); predict with these counts, or say that the "
            "samples are a subset of the training set"
        )
    return found
