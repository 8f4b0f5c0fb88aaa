"""Labels of any kind as indices into a list of classes.

Labels are hashable values: whole numbers (consecutive or not), strings, booleans, None excepted. Whole floats are the integers they
equal, scalars of numpy and torch the Python values they hold. Classes are in sorted order; where their kinds cannot be compared,
by kind and then by how they print.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.border import refuse_mask, shown
from ..problem.errors import DataError

if TYPE_CHECKING:
    from ..problem.losses import Indices

ADVICE = "give one label per sample, such as whole numbers or strings"


def coded(labels: Any) -> tuple[Indices, list[Hashable]]:
    """Indices (N,) and the classes they point at, in sorted order.

    Raises
    ------
    DataError
        The labels are not a line of hashable values, or one of them is missing.

    Examples
    --------
    >>> codes, classes = coded(["owl", "cat", "owl"])
    >>> codes.tolist(), classes
    ([1, 0, 1], ['cat', 'owl'])
    """
    if hasattr(labels, "detach"):
        labels = labels.detach().cpu().numpy()
    if isinstance(labels, str | bytes) or not hasattr(labels, "__len__"):
        raise DataError(f"labels {shown(labels)} are not a sequence; {ADVICE}")
    refuse_mask(labels, "labels", "have")
    if not isinstance(labels, np.ndarray):
        line = list(labels)
        if {type(value) for value in line} not in ({int}, {str}, {bool}):
            return _by_hash(line)
        try:
            labels = np.asarray(line)
        except (OverflowError, ValueError):
            return _by_hash(line)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(
            f"labels have shape {labels.shape}; {ADVICE} (of one-hot rows, their argmax)"
        )
    if labels.dtype.kind not in "biufUS":
        return _by_hash(labels.tolist())
    values, codes = np.unique(labels, return_inverse=True)
    found = [
        _plain(value, lambda i=i: int(np.flatnonzero(codes == i)[0]))
        for i, value in enumerate(values)
    ]
    return codes, found


def ordered(classes: Iterable[Hashable]) -> list[Hashable]:
    """Classes in sorted order, whatever they are.

    Examples
    --------
    >>> ordered(["b", 10, "a", 9])
    [9, 10, 'a', 'b']
    """
    known = list(classes)
    try:
        return sorted(known)  # type: ignore[type-var]
    except TypeError:
        pass
    kinds: dict[str, list[Hashable]] = {}
    for one in known:
        kinds.setdefault(type(one).__name__, []).append(one)
    placed: list[Hashable] = []
    for kind in sorted(kinds):
        try:
            placed += sorted(kinds[kind])  # type: ignore[type-var]
        except TypeError:
            placed += sorted(kinds[kind], key=repr)
    return placed


def listed(classes: Sequence[Hashable], most: int = 8) -> str:
    """The classes on one line, for a message."""
    return ", ".join(shown(one, 40) for one in classes[:most]) + (
        ", ..." if len(classes) > most else ""
    )


def _by_hash(line: list[Any]) -> tuple[Indices, list[Hashable]]:
    places: dict[Hashable, int] = {}
    try:
        found = [
            places.setdefault(_plain(value, lambda i=i: i), len(places))
            for i, value in enumerate(line)
        ]
    except TypeError:
        i = next(i for i, value in enumerate(line) if not isinstance(value, Hashable))
        raise DataError(
            f"label {i} (counting from 0) is {shown(line[i])}, which cannot name a class; {ADVICE}"
        ) from None
    classes = ordered(places)
    rank = np.empty(len(classes), dtype=np.intp)
    rank[[places[one] for one in classes]] = np.arange(len(classes))
    return rank[np.array(found, dtype=np.intp)], classes


def _plain(value: Any, where: Any) -> Hashable:
    """The Python value of a label."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if value is None or value != value or value == "":  # only NaN differs from itself
        raise DataError(
            f"label {where()} (counting from 0) is {shown(value)}, which is missing; {ADVICE}"
        )
    if isinstance(value, float):
        if not value.is_integer():
            raise DataError(
                f"label {where()} (counting from 0) is {value!r}, not a whole number; {ADVICE}"
            )
        return int(value)
    hash(value)
    named: Hashable = value
    return named
