r"""Measure: features, labels, a classifier and a prediction in, every metric out; at once, or batch by batch.

Features that do not fit in memory, or that come from several workers, are accumulated in one pass over counts, means and scatter.
Two metrics need more: nc1_pinv the within-class scatter along the class means, nc4_ncc_mismatch the final means before it can look at
a sample. The first is kept as the pooled d x d matrix where d is at most 2048 (32 MiB), or gathered by a second pass in min(K, d)
dimensions; the second needs the second pass. `measure` is both passes over one batch.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..problem.errors import DataError, ProblemError
from .metrics import METRICS, Measurement, Predicted, assembled, chosen
from .presets import Convention, preset_named
from .rows import FIRST, Rows, check_size, classifier_of, coded, layers_of, listed, ordered
from .statistics import Revisited, Sums

FULL = 2048  # dimensions up to which the pooled scatter matrix is kept
SCATTER = ("auto", "full", "trace")
QUANTITIES = ("counts", "origin", "offset", "scatter", "within")


def measure(
    features: Any,
    labels: Any,
    weight: Any = None,
    bias: Any = None,
    prediction: Predicted = None,
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
    wanted = chosen(keys)
    stream, second = StreamingMeasure(classes=classes, scatter="trace"), None
    stream.update(features, labels)
    if {"within", "mismatch"} & {need for key in wanted for need in METRICS[key].needs}:
        second = stream.second_pass(weight, bias)
        second.update(features, labels)
    options: dict[str, Any] = {"preset": preset, "convention": convention, "subset": subset}
    return stream.compute(weight, bias, prediction, second_pass=second, keys=wanted, **options)


class _Pass:
    """Sums by layer that are fed batch by batch; nothing of a batch that is refused is kept."""

    def __init__(self) -> None:
        self._layers: dict[str, Any] = {}

    def update(self, features: Any, labels: Any) -> None:
        """Add a batch.

        Parameters
        ----------
        features : (n, d) array, tensor or list, or a mapping layer -> such
            The layers of the first batch are those of all.
        labels : n labels

        Raises
        ------
        DataError
            Nothing of the batch is kept.
        """
        codes, classes = coded(labels)
        if len(codes) == 0:
            return
        layers = layers_of(features, len(codes))
        self._same(layers)
        parts = {name: self._empty(name, rows, classes) for name, rows in layers.items()}
        for name, rows in layers.items():
            parts[name].add(rows, codes, classes)
        self._join(parts)

    def _empty(self, name: str, rows: Rows, classes: Sequence[Hashable]) -> Sums | Revisited:
        """Sums for rows of these classes, which have seen nothing."""
        raise NotImplementedError

    def _same(self, given: Mapping[str, Any]) -> None:
        """Refuse a batch whose layers are not those of the others."""
        if self._layers and list(given) != list(self._layers):
            layers = (
                f"layers {listed(list(given))} were given, earlier {listed(list(self._layers))}"
            )
            raise DataError(f"{layers}; every batch needs the same layers in order")

    def _join(self, parts: Mapping[str, Any]) -> None:
        self._same(parts)
        for name, part in parts.items():
            if self._layers.setdefault(name, part) is not part:
                self._layers[name].merge(part)


class SecondPass(_Pass):
    """Run over the same samples once more: `update(features, labels)`, mergeable; then `compute(second_pass=...)`.

    Made by `StreamingMeasure.second_pass`.
    """

    def __init__(self, layers: Mapping[str, Measurement]) -> None:
        self._layers = {name: Revisited(one) for name, one in layers.items()}

    def merge(self, other: SecondPass) -> None:
        """Add what another worker has seen in its second pass with the same means."""
        self._join(other._layers)

    def _empty(self, name: str, rows: Rows, classes: Sequence[Hashable]) -> Revisited:
        return Revisited(self._layers[name].first, self._layers[name].basis)


class StreamingMeasure(_Pass):
    """Accumulate features batch by batch, in any order, then measure.

    Parameters
    ----------
    classes : sequence of labels, optional
        The order of the classes, which is that of the classifier's rows; a class without samples is then an error that names it. By
        default the sorted labels.
    scatter : "auto", "full" or "trace"
        Whether to keep the pooled d x d scatter matrix for nc1_pinv: where d <= 2048, always, or never.

    Notes
    -----
    All sums are float64; the result does not depend on the order or the size of the batches beyond rounding, and `merge` joins
    what workers saw. Cost of an update: O(N d), with the pooled matrix O(N d^2); memory O(K d), with it O(K d + d^2).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> features, labels = rng.normal(size=(30, 4)), np.arange(30) % 3
    >>> stream = StreamingMeasure()
    >>> for batch in range(0, 30, 10):
    ...     stream.update(features[batch : batch + 10], labels[batch : batch + 10])
    >>> import ncsolve
    >>> abs(stream.compute()["nc1_pinv"] / ncsolve.measure(features, labels)["nc1_pinv"] - 1) < 1e-12
    True
    """

    def __init__(self, *, classes: Sequence[Hashable] | None = None, scatter: str = "auto") -> None:
        if scatter not in SCATTER:
            works = ", ".join(map(repr, SCATTER))
            raise ProblemError(f"scatter {scatter!r} is unknown; one of {works} works")
        super().__init__()
        self.scatter, self.order = scatter, None
        if classes is not None:
            codes, found = coded(list(classes))
            if len(found) < len(codes):
                repeated = found[int(np.argmax(np.bincount(codes) > 1))]
                raise DataError(f"class {repeated!r} stands twice in classes; give each class once")
            self.order = [found[i] for i in codes]

    @property
    def samples(self) -> int:
        """How many samples were seen."""
        return int(next(iter(self._layers.values())).counts.sum()) if self._layers else 0

    def compute(
        self,
        weight: Any = None,
        bias: Any = None,
        prediction: Predicted = None,
        *,
        second_pass: SecondPass | None = None,
        preset: str | None = None,
        convention: Convention | None = None,
        subset: bool = False,
        keys: Iterable[str] | None = None,
    ) -> Measurement:
        """Metrics of everything seen so far; the accumulation can go on.

        Parameters
        ----------
        weight, bias, prediction, preset, convention, subset, keys
            As in `ncsolve.measure`.
        second_pass : SecondPass, optional
            Made by `second_pass` and run over the same samples; it adds nc4_ncc_mismatch, and nc1_pinv where the pooled matrix was not
            kept. Its classifier is used if none is given here.
        """
        if preset is not None:
            if convention is not None:
                raise ProblemError(f"preset {preset!r} fixes the convention; give one of the two")
            convention = preset_named(preset).convention
        layers = self._measured(weight, bias)
        for name, one in layers.items():
            if second_pass is not None:
                one = second_pass._layers[name].completed(one)
            layers[name] = replace(one, convention=convention or Convention(), preset=preset or "")
        return assembled(layers, prediction, subset=subset, keys=keys)

    def second_pass(self, weight: Any = None, bias: Any = None) -> SecondPass:
        """An accumulator for a second pass over the same samples, with the means as they are now.

        Parameters
        ----------
        weight, bias : the classifier, for nc4_ncc_mismatch
        """
        return SecondPass(self._measured(weight, bias))

    def merge(self, other: StreamingMeasure) -> None:
        """Add what another worker has seen; `other` stays as it is."""
        if other.scatter != self.scatter:
            why = f"scatter {self.scatter!r} here and {other.scatter!r} there; both need the same"
            raise ProblemError(why)
        for name, part in other._layers.items():
            self._refuse_strangers(part.place)
            here = self._layers.get(name, part).dimension
            if part.dimension != here:
                why = f"layer {name!r} has {here} dimensions here, {part.dimension} there"
                raise DataError(why)
        if other._layers:
            self._join(copy.deepcopy(other._layers))

    def reset(self) -> None:
        """Forget every sample."""
        self._layers = {}

    def state_dict(self) -> dict[str, Any]:
        """Arrays that `np.savez` writes and `np.load` reads without pickling; see `load_state_dict`.

        One holds a JSON text: the layers, their classes and the options. The others are "<layer>.<quantity>" in float64.
        """
        about, state = [], dict[str, Any]()
        for i, (name, part) in enumerate(self._layers.items()):
            spelled = _spelled(part.place)
            about += [{"name": name, "classes": spelled, "eps": part.eps, "largest": part.largest}]
            kept = {one: getattr(part, one) for one in QUANTITIES}
            state |= {f"{i}.{one}": np.copy(x) for one, x in kept.items() if x is not None}
        order = None if self.order is None else _spelled(self.order)
        document = {"version": 1, "order": order, "scatter": self.scatter, "layers": about}
        return {"document": np.array(json.dumps(document))} | state

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Become what `state_dict` described.

        Raises
        ------
        DataError
            The state is not one of ours; this object is unchanged.
        """
        try:
            document = json.loads(str(saved["document"]))
            if document["scatter"] not in SCATTER:
                raise ValueError(f"scatter is {document['scatter']!r}")
            layers = {one["name"]: _part(saved, i, one) for i, one in enumerate(document["layers"])}
            self.order, self.scatter, self._layers = document["order"], document["scatter"], layers
        except (KeyError, ValueError, TypeError, IndexError) as error:
            said = " ".join(str(error).split())[:100]
            why = f"this is not the state of a StreamingMeasure ({said})"
            raise DataError(f"{why}; give what state_dict returned") from None

    def _empty(self, name: str, rows: Rows, classes: Sequence[Hashable]) -> Sums:
        self._refuse_strangers(classes)
        d = rows.shape[1]
        if not self._layers:
            return Sums(d, full=self.scatter == "full" or (self.scatter == "auto" and d <= FULL))
        known: Sums = self._layers[name]
        if d != known.dimension:
            raise DataError(f"{rows.name} have {d} dimensions, earlier batches {known.dimension}")
        return Sums(d, full=known.within is not None)

    def _refuse_strangers(self, classes: Iterable[Hashable]) -> None:
        known = None if self.order is None else set(self.order)
        if known is not None and (strangers := [one for one in classes if one not in known]):
            among = f"are not among the classes {listed(list(self.order or ()))}"
            raise DataError(f"labels {listed(strangers)} {among}")

    def _measured(self, weight: Any, bias: Any) -> dict[str, Measurement]:
        """Statistics of each layer, with the classifier that acts on it."""
        if not self._layers:
            raise DataError("no samples were seen; call update with features and labels first")
        found = {}
        for name, part in self._layers.items():
            of = "" if name == FIRST else f" of layer {name!r}"
            check_size(part.largest, f"the features{of}")
            found[name] = part.measured(self.order or ordered(part.place))
        dimensions, classes = [one.dimension for one in found.values()], found[name].classes
        factors, vector = classifier_of(weight, bias, dimensions, classes)
        each = enumerate(found.items())
        return {name: replace(one, factors=factors[j:], bias=vector) for j, (name, one) in each}


def _part(state: Mapping[str, Any], i: int, about: Mapping[str, Any]) -> Sums:
    """The sums of layer i."""
    classes, origin = about["classes"], np.array(state[f"{i}.origin"], dtype=np.float64)
    part = Sums(origin.shape[1], full=f"{i}.within" in state)
    part.eps, part.largest = float(about["eps"]), float(about["largest"])
    part.places(classes, np.zeros((len(classes), part.dimension)))
    for name in QUANTITIES[: 4 + (part.within is not None)]:
        array, shape = np.array(state[f"{i}.{name}"], dtype=np.float64), getattr(part, name).shape
        if array.shape != shape or not np.isfinite(array).all():
            what = f"{name} of layer {about['name']!r}"
            raise ValueError(f"{what} is not a finite array of shape {shape}")
        setattr(part, name, array)
    return part


def _spelled(classes: Iterable[Hashable]) -> list[Any]:
    for one in classes:
        if not isinstance(one, str | int | bool):
            why = "cannot be saved; whole numbers and strings can"
            raise DataError(f"label {one!r} of type {type(one).__name__} {why}")
    return list(classes)
