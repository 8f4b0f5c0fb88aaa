"""Measure: features, labels, a classifier and a prediction in; every metric out."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .convention import Convention
from .measurement import Measurement
from .streaming import StreamingMeasure

if TYPE_CHECKING:
    from .predicted import Prediction


def measure(
    features: Any,
    labels: Any,
    weight: Any = None,
    bias: Any = None,
    prediction: Prediction | None = None,
    *,
    preset: str | None = None,
    convention: Convention | None = None,
    classes: Sequence[Hashable] | None = None,
    subset: bool = False,
    keys: Iterable[str] | None = None,
) -> Measurement:
    r"""Neural-collapse metrics of features and a classifier, and their distance to a prediction.

    Parameters
    ----------
    features : (N, d) array, torch tensor or nested list, or a mapping layer name -> such
        One row per sample. Of several layers the first is the input of W_1, which a prediction is about; the others have passed W_1,
        then W_2, ...; each is measured under `.layers`, with the rest of the network as its classifier.
    labels : N hashable values
        Whole numbers, consecutive or not, strings, ...
    weight : (K, d) matrix, or the list W_1, ..., W_M, optional
        Rows in the order of the classes, as torch.nn.Linear has them. With several matrices their product is the classifier.
    bias : (K,), optional
    prediction : Prediction, optional
        Its classes are matched by name to the labels; if it was made from counts without names and the names do not fit, the sorted
        labels are its classes in order.
    preset : "papyan", "zhu", "dang", "hong-ling" or "galanti", optional
        Use that paper's conventions and list its values under its names in `.published`.
    convention : Convention, optional
        Single choices of normalization; not together with a preset.
    classes : sequence of labels, optional
        The order of the classifier's rows; default sorted. A class without samples is then an error.
    subset : bool
        Whether the samples are a part of what the prediction is about, so that their counts may differ from the predicted ones.
    keys : iterable of str, optional
        Only these metrics.

    Returns
    -------
    Measurement
        A mapping key -> value. Metrics that need something that was not given, or that have no value here, are not in it;
        `.absent` says why.

    Raises
    ------
    DataError
        Features, labels or classifier do not fit or are not finite; the message gives the shapes or the place.
    ProblemError
        An option is unknown.

    Notes
    -----
    Everything is computed in float64 from counts, class means and scatter. Cost: two passes, O(N d K) with K classes
    (the first alone O(N d) where no metric needs the second); O(K d) memory beside one block of rows of 8 MiB; no d x d matrix.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat(["cat", "dog", "owl"], [50, 20, 5])
    >>> means = {"cat": [2.0, 0, 0, 0], "dog": [0, 1.5, 0, 0], "owl": [0, 0, 1.0, 0]}
    >>> features = np.array([means[label] for label in labels]) + 0.01 * rng.normal(size=(75, 4))
    >>> found = measure(features, labels, weight=np.eye(3, 4))
    >>> found["nc1_quotient"] < 1e-3, found["nc4_ncc_mismatch"], found.rank
    (True, 0.0, 2)
    >>> "nc2_gof_H" in found, found.absent["nc2_gof_H"]
    (False, 'it needs a prediction')
    """
    from .registry import chosen

    wanted = None if keys is None else list(chosen(keys))
    needs = {need for one in chosen(wanted).values() for need in one.needs}
    stream = StreamingMeasure(classes=classes, scatter="trace")
    stream.update(features, labels)
    second = None
    if needs & {"within", "mismatch"}:
        second = stream.second_pass(weight, bias)
        second.update(features, labels)
    return stream.compute(
        weight,
        bias,
        prediction,
        second_pass=second,
        preset=preset,
        convention=convention,
        subset=subset,
        keys=wanted,
    )
