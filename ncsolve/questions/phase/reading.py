"""A phase map read back: from its JSON document, from the arrays beside one, or from its table of cells."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...problem.border import shown
from ...problem.errors import DataError
from ...problem.ufm import UFM
from .axes import KNOWN, Axis
from .boundaries import Boundary
from .cells import FIELDS
from .map import PhaseMap
from .plane import Plane
from .tail import LongTail

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...problem.losses import Array


@dataclass(frozen=True, eq=False)
class Table:
    """What a .csv file keeps of a map: its axes and fields, and which theorem covers each cell (-1: none); no problem, no boundaries."""

    x: Axis
    y: Axis
    fields: Mapping[str, Array]
    theorem: NDArray[np.int16]
    boundaries: tuple[Boundary, ...] = ()


def read_map(document: Mapping[str, Any], arrays: Mapping[str, Any]) -> PhaseMap | Table:
    """The map that a JSON document, or the document and the arrays of an .npz file, holds; a Table where the problem is missing.

    Raises
    ------
    KeyError, TypeError, ValueError
        Something is missing, or does not fit the axes.
    """
    x, y = (
        Axis(one["name"], one["values"], one["scale"] == "log")
        for one in (document["x"], document["y"])
    )
    held = document.get("fields") or {name: arrays[name] for name in FIELDS if name in arrays}
    fields = {name: _cells(values, x, y) for name, values in held.items() if name in FIELDS}
    if not fields:
        raise ValueError("no field is in it")
    theorem = _cells(
        arrays["theorem"] if "theorem" in arrays else document["theorem"], x, y
    ).astype(np.int16)
    if "ufm" not in document:
        return Table(x, y, fields, theorem)
    tail = document["long_tail"]
    rule = (
        None
        if tail is None
        else LongTail(tail["K"], tail["n"], tail["ratio"], tail["step"], tail["rule"])
    )
    plane = Plane(UFM.from_dict(document["ufm"]), x, y, rule, document.get("full_width", False))
    curves = [
        Boundary(
            one["name"],
            one["kind"],
            *(arrays[f"boundary_{i}"] if f"boundary_{i}" in arrays else _curve(one)),
        )
        for i, one in enumerate(document["boundaries"])
    ]
    claim = _cells(arrays["claim"] if "claim" in arrays else document["claim"], x, y).astype(
        np.int8
    )
    uncovered = {one["reason"]: one["cells"] for one in document["uncovered"]}
    return PhaseMap(
        plane,
        fields,
        tuple(curves),
        tuple(document["theorems"]),
        theorem,
        claim,
        uncovered,
        int(document["solved"]),
    )


def _curve(document: Mapping[str, Any]) -> Array:
    return np.array([document["x"], document["y"]], dtype=np.float64)


def _cells(values: Any, x: Axis, y: Axis) -> Array:
    """One number per cell; NaN where there is none."""
    found = np.array(values, dtype=np.float64)
    if found.shape != (len(y), len(x)):
        raise ValueError(
            f"a field has shape {found.shape}, the axes have {(len(y), len(x))} points"
        )
    return found


def read_table(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The axes and fields of a .csv file as a document for `read_map`.

    Raises
    ------
    DataError
        It is not the table of a map, or not the whole of it.
    """
    name = shown(os.fspath(path))
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            head, *rows = csv.reader(stream)
        if (
            head[-2:] != ["theorem", "claim"]
            or not set(head[:2]) <= set(KNOWN)
            or not set(head[2:-2]) <= set(FIELDS)
        ):
            raise ValueError
    except (ValueError, csv.Error):
        raise DataError(
            f"{name} is not the table of a phase map (ncsolve phase --out FILE.csv); of other commands give the .json, .npz or .jsonl"
        ) from None
    try:
        numbers = np.array([[float(cell) if cell else np.nan for cell in row[:-2]] for row in rows])
        x, y = np.unique(numbers[:, 0]), np.unique(numbers[:, 1])
        order = np.lexsort((numbers[:, 0], numbers[:, 1]))
        columns = numbers[order].reshape(y.size, x.size, len(head) - 2)
        covered = np.array([0 if rows[i][-2] else -1 for i in order]).reshape(y.size, x.size)
        if not ((columns[..., 0] == x).all() and (columns[..., 1] == y[:, None]).all()):
            raise ValueError
        axes = {
            side: Axis(axis, values).to_dict()
            for side, axis, values in (("x", head[0], x), ("y", head[1], y))
        }
    except (ValueError, IndexError):
        raise DataError(
            f"{name} is not a whole phase map (a cell is missing, twice there or no number); make it again"
        ) from None
    fields = {field: columns[..., 2 + i].tolist() for i, field in enumerate(head[2:-2])}
    return axes | {"fields": fields, "theorem": covered.tolist()}
