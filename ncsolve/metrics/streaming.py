r"""Metrics of features that do not fit in memory, or that come from several workers.

One pass keeps per-class counts, means and scatter (`accumulator`). Two metrics need more: nc1_pinv the within-class scatter along the
class means, nc4_ncc_mismatch the final means before it can look at a sample. The first is kept as the pooled d x d matrix where
d is at most 2048 (32 MiB), or gathered by a second pass in min(K, d) dimensions; the second needs the second pass.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.errors import DataError, ProblemError
from . import state
from .accumulator import Accumulator
from .assemble import measurement
from .convention import Convention
from .labels import coded, listed, ordered
from .measurement import Measurement
from .network import FIRST, layers_of, network_of, same_layers
from .rows import check_size
from .second_pass import SecondPass
from .statistics import Statistics

if TYPE_CHECKING:
    from .predicted import Prediction

FULL = 2048  # dimensions up to which the pooled scatter matrix is kept
SCATTER = ("auto", "full", "trace")


class StreamingMeasure:
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
            raise ProblemError(
                f"scatter {scatter!r} is unknown; one of {', '.join(map(repr, SCATTER))} works"
            )
        self.order = None if classes is None else _distinct(classes)
        self.scatter = scatter
        self._layers: dict[str, Accumulator] = {}

    @property
    def samples(self) -> int:
        """How many samples were seen."""
        return int(next(iter(self._layers.values())).counts.sum()) if self._layers else 0

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
        self._refuse_strangers(classes)
        if not self._layers:
            new = {
                name: Accumulator(rows.shape[1], full=self._full(rows.shape[1]))
                for name, rows in layers.items()
            }
        else:
            same_layers(self._layers, layers)
            new = self._layers
            for name, rows in layers.items():
                if rows.shape[1] != new[name].dimension:
                    raise DataError(
                        f"{rows.name} have {rows.shape[1]} dimensions, earlier batches {new[name].dimension}"
                    )
        parts = {
            name: Accumulator(rows.shape[1], full=new[name].within is not None)
            for name, rows in layers.items()
        }
        for name, rows in layers.items():
            parts[name].add(rows, codes, classes)
        for name, part in parts.items():
            new[name].merge(part)
        self._layers = new

    def compute(
        self,
        weight: Any = None,
        bias: Any = None,
        prediction: Prediction | None = None,
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
        statistics = self._statistics()
        dimensions = [one.means.shape[1] for one in statistics.values()]
        network = network_of(weight, bias, dimensions, next(iter(statistics.values())).classes)
        if second_pass is not None:
            network = second_pass.network_for(network)
            statistics = second_pass.completed(statistics)
        return measurement(
            statistics,
            network,
            prediction,
            preset=preset,
            convention=convention,
            subset=subset,
            keys=keys,
        )

    def second_pass(self, weight: Any = None, bias: Any = None) -> SecondPass:
        """An accumulator for a second pass over the same samples, with the means as they are now.

        Parameters
        ----------
        weight, bias : the classifier, for nc4_ncc_mismatch
        """
        statistics = self._statistics()
        dimensions = [one.means.shape[1] for one in statistics.values()]
        return SecondPass(
            statistics,
            network_of(weight, bias, dimensions, next(iter(statistics.values())).classes),
        )

    def merge(self, other: StreamingMeasure) -> None:
        """Add what another worker has seen; `other` stays as it is."""
        if other.scatter != self.scatter:
            raise ProblemError(
                f"scatter {self.scatter!r} here and {other.scatter!r} there; both need the same"
            )
        for part in other._layers.values():
            self._refuse_strangers(part.classes)
        if not self._layers:
            self._layers = {name: part.copy() for name, part in other._layers.items()}
            return
        if other._layers:
            same_layers(self._layers, other._layers)
            for name, part in other._layers.items():
                if part.dimension != self._layers[name].dimension:
                    raise DataError(
                        f"layer {name!r} has {self._layers[name].dimension} dimensions here, {part.dimension} there"
                    )
            for name, part in other._layers.items():
                self._layers[name].merge(part)

    def reset(self) -> None:
        """Forget every sample."""
        self._layers = {}

    def state_dict(self) -> dict[str, Any]:
        """Arrays, one of them a text, that `np.savez` writes without pickling; see `load_state_dict`."""
        return state.written(self.order, self.scatter, self._layers)

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Become what `state_dict` described.

        Raises
        ------
        DataError
            The state is not one of ours; this object is unchanged.
        """
        self.order, self.scatter, self._layers = state.read(saved, SCATTER)

    def _full(self, dimension: int) -> bool:
        return self.scatter == "full" or (self.scatter == "auto" and dimension <= FULL)

    def _refuse_strangers(self, classes: Sequence[Hashable]) -> None:
        if self.order is not None and (
            strangers := [one for one in classes if one not in set(self.order)]
        ):
            raise DataError(
                f"labels {listed(strangers)} are not among the classes {listed(self.order)}"
            )

    def _statistics(self) -> dict[str, Statistics]:
        if not self._layers:
            raise DataError("no samples were seen; call update with features and labels first")
        for name, part in self._layers.items():
            check_size(
                part.largest, "the features" if name == FIRST else f"the features of layer {name!r}"
            )
        return {name: _summary(part, self.order) for name, part in self._layers.items()}


def _summary(part: Accumulator, order: Sequence[Hashable] | None) -> Statistics:
    classes = ordered(part.classes) if order is None else list(order)
    place = {one: i for i, one in enumerate(part.classes)}
    if absent := [one for one in classes if one not in place]:
        raise DataError(
            f"no sample of {'class' if len(absent) == 1 else 'classes'} {listed(absent)}; give samples of every class"
        )
    if len(classes) < 2:
        raise DataError(
            f"the labels hold one class, {listed(classes)}; neural collapse needs at least 2 classes"
        )
    k = np.array([place[one] for one in classes], dtype=np.intp)
    summary = Statistics(
        tuple(classes), part.counts[k], part.origin[k], part.offset[k], part.scatter[k], part.eps
    )
    if part.within is None:
        return summary
    return replace(summary, within=summary.basis @ part.within @ summary.basis.T)


def _distinct(classes: Sequence[Hashable]) -> list[Hashable]:
    codes, found = coded(list(classes))
    if len(found) < len(codes):
        repeated = next(one for i, one in enumerate(found) if (codes == i).sum() > 1)
        raise DataError(f"class {repeated!r} stands twice in classes; give each class once")
    return [found[i] for i in codes]
