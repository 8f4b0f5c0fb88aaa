"""A second pass over the samples of a `StreamingMeasure`, once the class means are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.errors import DataError
from .labels import coded
from .network import Network, layers_of, same_layers
from .revisit import Revisit

if TYPE_CHECKING:
    from .statistics import Statistics


class SecondPass:
    """Run over the same samples once more: `update(features, labels)`, mergeable; then `compute(second_pass=...)`.

    Made by `StreamingMeasure.second_pass`.
    """

    def __init__(self, statistics: Mapping[str, Statistics], network: Network) -> None:
        self.network = network
        self._revisits = {
            name: Revisit(one, network.rest(layer), network.bias)
            for layer, (name, one) in enumerate(statistics.items())
        }

    def update(self, features: Any, labels: Any) -> None:
        """Look at a batch again; nothing of it is kept if it is refused."""
        codes, classes = coded(labels)
        if len(codes) == 0:
            return
        layers = layers_of(features, len(codes))
        same_layers(self._revisits, layers)
        parts = {name: one.fresh() for name, one in self._revisits.items()}
        for name, rows in layers.items():
            parts[name].add(rows, codes, classes)
        for name, part in parts.items():
            self._revisits[name].merge(part)

    def merge(self, other: SecondPass) -> None:
        """Add what another worker has seen in its second pass with the same means."""
        same_layers(self._revisits, other._revisits)
        for name, part in other._revisits.items():
            self._revisits[name].merge(part)

    def network_for(self, network: Network) -> Network:
        """The classifier that was given to `compute`, or the one of this pass; they must agree."""
        if not network.factors:
            return self.network
        if self.network.factors and not self.network.same(network):
            raise DataError(
                "compute was given another classifier than the second pass; give the same, or none"
            )
        return network

    def completed(self, first: Mapping[str, Statistics]) -> dict[str, Statistics]:
        """The statistics of the first pass with what this one gathered."""
        found = {}
        for name, one in first.items():
            seen = self._revisits[name]
            if seen.samples != one.samples or not np.array_equal(seen.statistics.means, one.means):
                raise DataError(
                    f"the second pass saw {seen.samples} samples and the first {one.samples:g}; run it over the same samples"
                )
            found[name] = replace(one, within=seen.within, mismatch=seen.mismatch)
        return found
