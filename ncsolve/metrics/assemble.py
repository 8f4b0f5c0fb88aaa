"""From statistics, classifier and prediction to a Measurement, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..problem.errors import ProblemError
from .convention import Convention
from .evidence import Evidence
from .measurement import Measurement
from .network import FIRST, Network
from .predicted import matched, predicted_at
from .presets import preset_named
from .registry import evaluated

if TYPE_CHECKING:
    from .predicted import Prediction
    from .statistics import Statistics


def measurement(
    statistics: Mapping[str, Statistics],
    network: Network,
    prediction: Prediction | None,
    *,
    preset: str | None,
    convention: Convention | None,
    subset: bool,
    keys: Iterable[str] | None,
) -> Measurement:
    """From statistics by layer to the Measurement."""
    if preset is not None and convention is not None:
        raise ProblemError(f"preset {preset!r} fixes the convention; give one of the two")
    paper = None if preset is None else preset_named(preset)
    chosen = paper.convention if paper is not None else convention or Convention()
    keys = None if keys is None else [keys] if isinstance(keys, str) else list(keys)
    first = next(iter(statistics.values()))
    order = (
        None
        if prediction is None
        else matched(prediction, first.classes, first.counts, subset=subset)
    )
    found = []
    for layer, one in enumerate(statistics.values()):
        predicted = None
        if prediction is not None and order is not None:
            predicted = predicted_at(prediction, order, layer)
        evidence = Evidence(one, network.rest(layer), network.bias, predicted, chosen)
        values, absent = evaluated(evidence, keys)
        published = {} if paper is None else paper.values(values, evidence.classes)
        found.append(
            Measurement(values, absent, published, preset or "", evidence, network.factors[layer:])
        )
    if len(found) == 1 and next(iter(statistics)) == FIRST:
        return found[0]
    return replace(found[0], layers=dict(zip(statistics, found, strict=True)))
