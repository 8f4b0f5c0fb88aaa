"""A phase map as a table of cells (.csv) or as arrays with a JSON text (.npz), written and read."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...border import shown
from ...errors import DataError
from ...files import atomic_write, document_of, write_arrays
from ...problem import UFM
from ..theorem import Claim
from .axes import KNOWN, Axis
from .boundaries import Boundary
from .cells import FIELDS, WHOLE
from .plane import Plane
from .tail import LongTail

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...losses import Array
    from .map import PhaseMap


@dataclass(frozen=True, eq=False)
class Table:
    """What a .csv file keeps of a map: its axes and fields, and which theorem covers each cell (-1: none); no problem, no boundaries."""

    x: Axis
    y: Axis
    fields: Mapping[str, Array]
    theorem: NDArray[np.int16]
    boundaries: tuple[Boundary, ...] = ()


def save(found: PhaseMap, path: str | Path, document: str = "", *, overwrite: bool = False) -> None:
    """Write `found` in the format of the suffix of `path`."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".npz"):
        raise ValueError(f"{str(path)!r} has suffix {suffix!r}; a map is saved as .csv or .npz")
    if suffix == ".npz":
        document = document or document_of("phase", about(found))
        write_arrays(path, _arrays(found), document, compressed=True, overwrite=overwrite)
        return
    with atomic_write(path, overwrite=overwrite) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        csv.writer(text, lineterminator="\n").writerows(_rows(found))
        text.flush()
        text.detach()


def about(found: PhaseMap) -> dict[str, Any]:
    """The document of a map without its arrays: the problem, the rule behind the counts, the axes, the names of boundaries."""
    body = found.to_dict(arrays=False)
    return body | {"boundaries": [{"name": boundary.name, "kind": boundary.kind} for boundary in found.boundaries]}


def read_map(document: Mapping[str, Any], arrays: Mapping[str, Any]) -> PhaseMap | Table:
    """The map that a JSON document, or the document and the arrays of an .npz file, holds; a Table where the problem is missing.

    Raises
    ------
    KeyError, TypeError, ValueError
        Something is missing, or does not fit the axes.
    """
    from .map import PhaseMap

    x, y = (Axis(one["name"], one["values"], one["scale"] == "log") for one in (document["x"], document["y"]))
    held = document.get("fields") or {name: arrays[name] for name in FIELDS if name in arrays}
    fields = {name: _cells(values, x, y) for name, values in held.items() if name in FIELDS}
    if not fields:
        raise ValueError("no field is in it")
    theorem = _cells(arrays["theorem"] if "theorem" in arrays else document["theorem"], x, y).astype(np.int16)
    if "ufm" not in document:
        return Table(x, y, fields, theorem)
    tail = document["long_tail"]
    rule = None if tail is None else LongTail(tail["K"], tail["n"], tail["ratio"], tail["step"], tail["rule"])
    plane = Plane(UFM.from_dict(document["ufm"]), x, y, rule, document.get("full_width", False))
    curves = [
        Boundary(one["name"], one["kind"], *(arrays[f"boundary_{i}"] if f"boundary_{i}" in arrays else _curve(one)))
        for i, one in enumerate(document["boundaries"])
    ]
    claim = _cells(arrays["claim"] if "claim" in arrays else document["claim"], x, y).astype(np.int8)
    uncovered = {one["reason"]: one["cells"] for one in document["uncovered"]}
    return PhaseMap(
        plane, fields, tuple(curves), tuple(document["theorems"]), theorem, claim, uncovered, int(document["solved"])
    )


def _curve(document: Mapping[str, Any]) -> Array:
    return np.array([document["x"], document["y"]], dtype=np.float64)


def _cells(values: Any, x: Axis, y: Axis) -> Array:
    """One number per cell; NaN where there is none."""
    found = np.array(values, dtype=np.float64)
    if found.shape != (len(y), len(x)):
        raise ValueError(f"a field has shape {found.shape}, the axes have {(len(y), len(x))} points")
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
        if head[-2:] != ["theorem", "claim"] or not set(head[:2]) <= set(KNOWN) or not set(head[2:-2]) <= set(FIELDS):
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
        axes = {side: Axis(axis, values).to_dict() for side, axis, values in (("x", head[0], x), ("y", head[1], y))}
    except (ValueError, IndexError):
        raise DataError(
            f"{name} is not a whole phase map (a cell is missing, twice there or no number); make it again"
        ) from None
    fields = {field: columns[..., 2 + i].tolist() for i, field in enumerate(head[2:-2])}
    return axes | {"fields": fields, "theorem": covered.tolist()}


def _arrays(found: PhaseMap) -> dict[str, Any]:
    named: dict[str, Any] = {"x": found.x.values, "y": found.y.values} | dict(found.fields)
    named |= {"x_name": np.array(found.x.name), "y_name": np.array(found.y.name)}
    named |= {"theorem": found.theorem, "theorems": np.array(found.theorems), "claim": found.claim}
    named["claims"] = np.array([claim.name for claim in Claim])
    named["boundary_names"] = np.array([boundary.name for boundary in found.boundaries], dtype=np.str_)
    return named | {f"boundary_{i}": np.stack([boundary.x, boundary.y]) for i, boundary in enumerate(found.boundaries)}


def _rows(found: PhaseMap) -> Iterator[list[Any]]:
    names, claims = list(found.fields), [claim.name for claim in Claim]
    yield [found.x.name, found.y.name, *names, "theorem", "claim"]
    x = [_shown(v, found.x.whole) for v in found.x.values]
    for i, y in enumerate(found.y.values):
        columns = [[_shown(v, name in WHOLE) for v in found.fields[name][i]] for name in names]
        theorem = [found.theorems[t] if t >= 0 else "" for t in found.theorem[i]]
        claim = [claims[c] if c >= 0 else "" for c in found.claim[i]]
        shown = [_shown(y, found.y.whole)] * len(x)
        yield from (list(row) for row in zip(x, shown, *columns, theorem, claim, strict=True))


def _shown(number: float, whole: bool) -> str:
    """As many digits as the double has; nothing where there is no number."""
    if np.isnan(number):
        return ""
    return f"{number:.0f}" if whole else repr(float(number))
