"""What a user hands over, checked: features as rows, labels as classes, a classifier as matrices.

Features, one row per sample, shape (N, d): arrays, torch tensors on any device and nested lists are read block by block, so that
float32 features are never copied as a whole. The unit roundoff of what the user gave is remembered: a difference between class
means below it is no information.

Labels are hashable values: whole numbers (consecutive or not), strings, booleans, None excepted. Whole floats are the integers they
equal, scalars of numpy and torch the Python values they hold. Classes are in sorted order; where their kinds cannot be compared,
by kind and then by how they print.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.border import refuse_mask, shown
from ..problem.errors import DataError

if TYPE_CHECKING:
    from ..problem.losses import Array, Indices

FIRST = "H"  # the name of the only layer
DOUBLE = float(np.finfo(np.float64).eps)
BLOCK = 1 << 20  # numbers per block: 8 MiB
# Squares of larger numbers, summed, leave the doubles, and those of noise in smaller ones.
SMALLEST, LARGEST = 1e-130, 1e140
ADVICE = "give one label per sample, such as whole numbers or strings"


@dataclass(frozen=True, eq=False)
class Rows:
    """An (N, d) array or tensor; `eps` is the spacing of its floats at 1."""

    source: Any
    shape: tuple[int, int]
    eps: float
    name: str

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Slices of the rows with new float64 arrays of them, whose squares are finite."""
        step = max(1, BLOCK // self.shape[1])
        for start in range(0, self.shape[0], step):
            block = np.array(_numpy(self.source[start : start + step]), dtype=np.float64)
            if not (block.min() >= -LARGEST and block.max() <= LARGEST):
                i, j = np.argwhere(~(np.abs(block) <= LARGEST))[0]
                large = f"beyond {LARGEST:g}, where squares overflow"
                why = large if math.isfinite(block[i, j]) else "not a finite number"
                what = f"sample {start + i}, coordinate {j} (counting from 0) is {block[i, j]:g}"
                raise DataError(f"{self.name}: {what}, {why}; leave out or mend such samples")
            yield slice(start, start + len(block)), block


def rows(features: Any, name: str = "features") -> Rows:
    """Check the shape and the kind of features."""
    if hasattr(features, "detach"):
        import torch

        source, finfo = features.detach(), torch.finfo
        floats = source.dtype.is_floating_point
        real = floats or not (source.dtype.is_complex or source.dtype == torch.bool)
    else:
        try:
            source, finfo = np.asanyarray(features), np.finfo
        except ValueError:
            why = "have rows of different lengths; give an (N, d) array"
            raise DataError(f"{name} {shown(features)} {why}") from None
        refuse_mask(source, name, "have")
        floats, real = source.dtype.kind == "f", source.dtype.kind in "fiu"
    shape, why = tuple(int(size) for size in source.shape), ""
    if not real:
        why = (
            f"hold values of type {source.dtype}, not real numbers; give an (N, d) array of floats"
        )
    elif len(shape) != 2:
        column = "give one column as features[:, None]"
        hint = column if len(shape) == 1 else "flatten each sample to one row"
        why = f"have shape {shape}, not (samples, dimensions); {hint}"
    elif 0 in shape:
        nothing = "so there is nothing to measure; give at least one sample of each class"
        why = f"have shape {shape}, {nothing}"
    if why:
        raise DataError(f"{name} {why}")
    eps = float(finfo(source.dtype).eps) if floats else DOUBLE
    return Rows(source, (shape[0], shape[1]), max(eps, DOUBLE), name)


def layers_of(features: Any, samples: int) -> dict[str, Rows]:
    """The features by layer, each with one row per label."""
    if not isinstance(features, Mapping):
        found = {FIRST: rows(features)}
    elif features:
        named = features.items()
        found = {str(name): rows(one, f"features of layer {name!r}") for name, one in named}
    else:
        why = "give at least one layer, name -> (N, d) array"
        raise DataError(f"features are an empty mapping; {why}")
    for layer in found.values():
        if layer.shape[0] != samples:
            hint = "; give one row per sample"
            if layer.shape[1] == samples:
                hint = ": they look transposed; give (samples, dimensions), features.T"
            shapes = f"have shape {layer.shape} and labels have shape ({samples},)"
            raise DataError(f"{layer.name} {shapes}{hint}")
    return found


def coded(labels: Any) -> tuple[Indices, list[Hashable]]:
    """Indices (N,) and the classes they point at, in sorted order.

    >>> codes, classes = coded(["owl", "cat", "owl"])
    >>> codes.tolist(), classes
    ([1, 0, 1], ['cat', 'owl'])
    """
    labels = labels.detach().cpu().numpy() if hasattr(labels, "detach") else labels
    if isinstance(labels, str | bytes) or not hasattr(labels, "__len__"):
        raise DataError(f"labels {shown(labels)} are not a sequence; {ADVICE}")
    refuse_mask(labels, "labels", "have")
    if array := isinstance(labels, np.ndarray):
        labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        if labels.ndim != 1:
            why = f"labels have shape {labels.shape}; {ADVICE} (of one-hot rows, their argmax)"
            raise DataError(why)
    if array and labels.dtype.kind in "biufUS":
        values, codes = np.unique(labels, return_inverse=True)
        distinct = values.tolist()
    else:
        number: dict[Hashable, int] = {}
        codes = np.empty(len(labels), dtype=np.intp)
        for i, value in enumerate(labels):
            try:
                value = value.item() if hasattr(value, "item") else value
                codes[i] = number.setdefault(value, len(number))
            except TypeError:
                why = "which cannot name a class"
                place = f"label {i} (counting from 0) is {shown(value)}"
                raise DataError(f"{place}, {why}; {ADVICE}") from None
        distinct = list(number)
    for i, value in enumerate(distinct):
        if isinstance(value, bytes):
            distinct[i] = value.decode("utf-8", "backslashreplace")
        elif isinstance(value, float) and value.is_integer():
            distinct[i] = int(value)
        missing = value is None or value != value or value in ("", b"")  # NaN differs from itself
        if missing or isinstance(distinct[i], float):
            why = "which is missing" if missing else "not a whole number"
            place = f"label {int(np.flatnonzero(codes == i)[0])} (counting from 0)"
            raise DataError(f"{place} is {shown(distinct[i])}, {why}; {ADVICE}")
    classes = ordered(dict.fromkeys(distinct))
    rank = {one: i for i, one in enumerate(classes)}
    return np.array([rank[one] for one in distinct], dtype=np.intp)[codes], classes


def ordered(classes: Iterable[Hashable]) -> list[Hashable]:
    """Classes in sorted order, whatever they are.

    >>> ordered(["b", 10, "a", 9])
    [9, 10, 'a', 'b']
    """
    known = list(classes)
    try:
        return sorted(known)  # type: ignore[type-var]
    except TypeError:
        kinds: dict[str, list[Hashable]] = {}
        for one in known:
            kinds.setdefault(type(one).__name__, []).append(one)
        if len(kinds) == 1:
            return sorted(known, key=repr)
        return [one for kind in sorted(kinds) for one in ordered(kinds[kind])]


def listed(classes: Sequence[Hashable], most: int = 8) -> str:
    """The classes on one line, for a message."""
    more = ", ..." if len(classes) > most else ""
    return ", ".join(shown(one, 40) for one in classes[:most]) + more


def classifier_of(
    weight: Any, bias: Any, dimensions: Sequence[int], classes: Sequence[Hashable]
) -> tuple[tuple[Array, ...], Array | None]:
    """The matrices and the bias, checked against the features' dimensions and the classes.

    `weight` is one (K, d) matrix, W_M ... W_1, or the sequence W_1, ..., W_M of which W_j acts on layer j.
    """
    if weight is None:
        if bias is not None:
            raise DataError("a bias without a classifier says nothing; give weight as well")
        return (), None
    several = isinstance(weight, list | tuple) and bool(weight) and all(map(_is_matrix, weight))
    given = weight if several else [weight]
    names = [f"weight W_{j + 1}" if several else "weight" for j in range(len(given))]
    factors = tuple(map(matrix, given, names))
    sizes = [float(np.abs(factor).max(initial=0.0)) for factor in factors]
    for entry, what in zip(sizes, names, strict=True):
        check_size(entry, what)
    # a zero matrix may stand anywhere
    magnitude = sum(map(math.log10, sizes)) if all(sizes) else 0.0
    if not math.log10(SMALLEST) <= magnitude <= math.log10(LARGEST):
        listing = ", ".join(f"{entry:g}" for entry in sizes)
        out = f"is out of range; from {SMALLEST:g} to {LARGEST:g} is measured"
        raise DataError(f"the matrices have largest entries {listing}, whose product {out}")
    rows = [*(factor.shape[1] for factor in factors[1:]), len(classes)]
    columns = [*dimensions, *(factor.shape[0] for factor in factors[len(dimensions) - 1 : -1])]
    for what, factor, *wanted in zip(names, factors, rows, columns, strict=False):
        if factor.shape != tuple(wanted):
            raise DataError(_misfit(what, factor, wanted, classes, last=factor is factors[-1]))
    if len(dimensions) > len(factors) or (not several and len(dimensions) > 1):
        lists = "give weight as the list W_1, ..., W_M, one per layer"
        raise DataError(
            f"{len(dimensions)} layers of features and {len(factors)} matrices; {lists}"
        )
    vector = None if bias is None else matrix(bias, "bias")
    size = len(classes)
    if vector is not None and vector.shape not in ((size,), (size, 1), (1, size)):
        why = f"it needs one entry for each of {size} classes"
        raise DataError(f"bias has shape {vector.shape}; {why}")
    return factors, None if vector is None else vector.ravel()


def matrix(values: Any, name: str) -> Array:
    """A float64 copy of a small array or tensor, finite throughout."""
    refuse_mask(values, name)
    try:
        found = np.array(_numpy(values), dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name} {shown(values)} is not an array of real numbers") from None
    wrong = found[~(np.abs(found) <= LARGEST)]
    if wrong.size:
        large = f"entries up to {LARGEST:g} are measured"
        why = large if math.isfinite(wrong[0]) else "every entry must be a finite number"
        raise DataError(f"{name} holds {wrong[0]:g}; {why}")
    return found


def check_size(largest: float, name: str) -> None:
    """Refuse what is neither zero nor large enough for the squares of its small parts, given its largest entry."""
    if 0.0 < largest < SMALLEST:
        why = f"multiply by a constant: from {SMALLEST:g} to {LARGEST:g} is measured"
        small = f"is {largest:g}, and squares of small parts of it underflow"
        raise DataError(f"the largest entry of {name} {small}; {why}")


def _misfit(
    what: str, factor: Array, wanted: Sequence[int], classes: Sequence[Hashable], *, last: bool
) -> str:
    """What is wrong with a matrix that is not of the wanted shape."""
    (rows, columns), size = wanted, len(classes)
    hint = f"features have dimension {columns}, so it should be ({rows}, {columns})"
    if factor.shape == (columns, rows):
        hint = "it looks transposed; give (classes, dimensions), as torch.nn.Linear keeps it"
    elif factor.ndim == 2 and factor.shape[1] == columns and last:
        found = factor.shape[0]
        message = f"{what} has {found} rows, but the labels have {size} classes"
        numbers = {one for one in classes if isinstance(one, int) and 0 <= one < found}
        if not len(numbers) == size < found:
            return f"{message} ({listed(classes)}); give one row per class"
        missing = [k for k in range(found) if k not in numbers]
        none = f"no sample of {'class' if len(missing) == 1 else 'classes'} {listed(missing)}"
        return f"{message}: {none}; give samples of every class"
    return f"{what} has shape {factor.shape} for {size} classes and dimension {columns}: {hint}"


def _is_matrix(value: Any) -> bool:
    if hasattr(value, "shape"):
        return len(value.shape) == 2
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], list | tuple)


def _numpy(values: Any) -> Any:
    """What numpy can read: tensors leave their device, and bfloat16 becomes float32."""
    if not hasattr(values, "detach"):
        return values
    values = values.detach().cpu()
    short = values.dtype.is_floating_point and values.element_size() < 4
    return (values.float() if short else values).numpy()
