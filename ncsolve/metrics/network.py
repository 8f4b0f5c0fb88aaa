"""Features of one or several layers and the matrices that act on them, checked against each other."""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.errors import DataError
from .labels import listed
from .rows import LARGEST, SMALLEST, Rows, check_size, matrix, rows

if TYPE_CHECKING:
    from ..problem.losses import Array

FIRST = "H"  # the name of the only layer


@dataclass(frozen=True, eq=False)
class Network:
    """W_1, ..., W_M, the bias of the last, and the products that act on each layer's features."""

    factors: tuple[Array, ...]
    bias: Array | None

    def rest(self, layer: int) -> Array | None:
        """W_M ... W_{layer + 1}, shape (K, d_{layer + 1}); None without matrices."""
        if not self.factors:
            return None
        return functools.reduce(np.matmul, reversed(self.factors[layer:]))

    def same(self, other: Network) -> bool:
        """Whether both hold the same numbers."""
        if len(self.factors) != len(other.factors) or (self.bias is None) != (other.bias is None):
            return False
        alike = all(map(np.array_equal, self.factors, other.factors))
        return alike and (
            self.bias is None or other.bias is None or np.array_equal(self.bias, other.bias)
        )


def layers_of(features: Any, samples: int) -> dict[str, Rows]:
    """The features by layer, each with one row per label."""
    if isinstance(features, Mapping):
        if not features:
            raise DataError(
                "features are an empty mapping; give at least one layer, name -> (N, d) array"
            )
        found = {
            str(name): rows(layer, f"features of layer {name!r}")
            for name, layer in features.items()
        }
    else:
        found = {FIRST: rows(features)}
    for layer in found.values():
        if layer.shape[0] != samples:
            hint = "; give one row per sample"
            if layer.shape[1] == samples:
                hint = ": they look transposed; give (samples, dimensions), features.T"
            raise DataError(
                f"{layer.name} have shape {layer.shape} and labels have shape ({samples},){hint}"
            )
    return found


def network_of(
    weight: Any, bias: Any, dimensions: Sequence[int], classes: Sequence[Hashable]
) -> Network:
    """The classifier, checked against the features' dimensions and the classes.

    `weight` is one (K, d) matrix, W_M ... W_1, or the sequence W_1, ..., W_M of which W_j acts on layer j.
    """
    size = len(classes)
    if weight is None:
        if bias is not None:
            raise DataError("a bias without a classifier says nothing; give weight as well")
        return Network((), None)
    several = (
        isinstance(weight, list | tuple)
        and len(weight) > 0
        and all(_is_matrix(one) for one in weight)
    )
    given = list(weight) if several else [weight]
    factors = tuple(
        matrix(one, f"weight W_{j + 1}" if several else "weight") for j, one in enumerate(given)
    )
    _check_sizes(factors)
    for j, factor in enumerate(factors):
        what = f"weight W_{j + 1}" if several else "weight"
        rows_expected = (
            size
            if j == len(factors) - 1
            else factors[j + 1].shape[1]
            if factors[j + 1].ndim == 2
            else None
        )
        columns = dimensions[j] if j < len(dimensions) else factors[j - 1].shape[0]
        if factor.ndim == 2 and factor.shape == (rows_expected, columns):
            continue
        if factor.shape == (columns, rows_expected):
            hint = "it looks transposed; give (classes, dimensions), as torch.nn.Linear keeps it"
        elif factor.ndim == 2 and factor.shape[1] == columns and j == len(factors) - 1:
            raise DataError(_wrong_rows(what, factor.shape[0], classes))
        else:
            hint = (
                f"features have dimension {columns}, so it should be ({rows_expected}, {columns})"
            )
        raise DataError(
            f"{what} has shape {factor.shape} for {size} classes and dimension {columns}: {hint}"
        )
    if len(dimensions) > len(factors) or (not several and len(dimensions) > 1):
        raise DataError(
            f"{len(dimensions)} layers of features and {len(factors)} matrices; give weight as the list W_1, ..., W_M, one per layer"
        )
    vector = None if bias is None else matrix(bias, "bias")
    if vector is not None and vector.shape not in ((size,), (size, 1), (1, size)):
        raise DataError(
            f"bias has shape {vector.shape}; it needs one entry for each of {size} classes"
        )
    return Network(factors, None if vector is None else vector.ravel())


def same_layers(known: Iterable[str], given: Iterable[str]) -> None:
    """Refuse a batch whose layers are not those of the others."""
    known, given = list(known), list(given)
    if known != given:
        raise DataError(
            f"layers {listed(given)} were given, earlier {listed(known)}; every batch needs the same layers in order"
        )


def _check_sizes(factors: Sequence[Array]) -> None:
    """Refuse matrices that are too small or whose product may leave the doubles; a zero matrix may stand anywhere."""
    sizes = [float(np.abs(factor).max(initial=0.0)) for factor in factors]
    for j, size in enumerate(sizes):
        check_size(size, "weight" if len(sizes) == 1 else f"weight W_{j + 1}")
    if all(sizes) and not math.log10(SMALLEST) <= sum(map(math.log10, sizes)) <= math.log10(
        LARGEST
    ):
        listing = ", ".join(f"{size:g}" for size in sizes)
        raise DataError(
            f"the matrices have largest entries {listing}, whose product is out of range; from {SMALLEST:g} to {LARGEST:g} is measured"
        )


def _wrong_rows(what: str, found: int, classes: Sequence[Hashable]) -> str:
    size = len(classes)
    message = f"{what} has {found} rows, but the labels have {size} classes"
    numbers = [one for one in classes if isinstance(one, int) and 0 <= one < found]
    if len(numbers) == size < found:
        missing = [k for k in range(found) if k not in set(numbers)]
        return f"{message}: no sample of {'class' if len(missing) == 1 else 'classes'} {listed(missing)}; give samples of every class"
    return f"{message} ({listed(classes)}); give one row per class"


def _is_matrix(value: Any) -> bool:
    shape = getattr(value, "shape", None)
    return (
        len(shape) == 2
        if shape is not None
        else isinstance(value, list | tuple) and bool(value) and isinstance(value[0], list | tuple)
    )
