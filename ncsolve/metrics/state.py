"""What a `StreamingMeasure` has seen, as arrays that `np.savez` writes and `np.load` reads without pickling.

One array holds a JSON text: the layers, their classes and the options. The others are "<layer>.<quantity>" in float64.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ..problem.errors import DataError
from .accumulator import Accumulator

QUANTITIES = ("counts", "origin", "offset", "scatter", "within")


def written(
    order: Sequence[Hashable] | None, scatter: str, layers: Mapping[str, Accumulator]
) -> dict[str, Any]:
    """The state as arrays."""
    about = [
        {"name": name, "classes": _spelled(part.classes), "eps": part.eps, "largest": part.largest}
        for name, part in layers.items()
    ]
    document = {
        "version": 1,
        "order": None if order is None else _spelled(order),
        "scatter": scatter,
        "layers": about,
    }
    state: dict[str, Any] = {"document": np.array(json.dumps(document))}
    for i, part in enumerate(layers.values()):
        for name in QUANTITIES:
            if (array := getattr(part, name)) is not None:
                state[f"{i}.{name}"] = array.copy()
    return state


def read(
    state: Mapping[str, Any], known: Sequence[str]
) -> tuple[list[Hashable] | None, str, dict[str, Accumulator]]:
    """Order, scatter option (one of `known`) and layers."""
    try:
        document = json.loads(str(state["document"]))
        if document["scatter"] not in known:
            raise ValueError(f"scatter is {document['scatter']!r}")
        layers = {
            about["name"]: _part(state, i, about) for i, about in enumerate(document["layers"])
        }
        return document["order"], document["scatter"], layers
    except (KeyError, ValueError, TypeError, IndexError) as error:
        said = " ".join(str(error).split())[:100]
        raise DataError(
            f"this is not the state of a StreamingMeasure ({said}); give what state_dict returned"
        ) from None


def _part(state: Mapping[str, Any], i: int, about: Mapping[str, Any]) -> Accumulator:
    arrays = {
        name: np.array(state[f"{i}.{name}"], dtype=np.float64)
        for name in QUANTITIES
        if f"{i}.{name}" in state
    }
    part = Accumulator(arrays["origin"].shape[1], full="within" in arrays)
    part.classes, part.eps, part.largest = (
        list(about["classes"]),
        float(about["eps"]),
        float(about["largest"]),
    )
    size, d = len(part.classes), part.dimension
    shapes = {
        "counts": (size,),
        "origin": (size, d),
        "offset": (size, d),
        "scatter": (size,),
        "within": (d, d),
    }
    for name in QUANTITIES[: 4 + ("within" in arrays)]:
        if arrays[name].shape != shapes[name] or not np.isfinite(arrays[name]).all():
            raise ValueError(
                f"{name} of layer {about['name']!r} is not a finite array of shape {shapes[name]}"
            )
        setattr(part, name, arrays[name])
    return part


def _spelled(classes: Sequence[Hashable]) -> list[Any]:
    wrong = [one for one in classes if not isinstance(one, str | int | bool)]
    if wrong:
        raise DataError(
            f"label {wrong[0]!r} of type {type(wrong[0]).__name__} cannot be saved; whole numbers and strings can"
        )
    return list(classes)
