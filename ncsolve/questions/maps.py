r"""A phase map: what becomes of the classes, the value and the angles, over two fields of the problem.

A map is `predict` over a grid. Within a slice (axes.py) only numbers move, so that one theorem covers all cells whose counts are equal, or
all others, or none; it is asked for all of them at once (`Theorem.many`). What it leaves, cells within rounding of a threshold and
what only a solver knows, is predicted one by one, and so are cells with a bottleneck whose theorem may change with the decays.
Both ways give what `predict` says of the cell's problem, theorem and claim included.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytic.angles import cosines
from ..analytic.prediction import Prediction
from ..analytic.theorem import ACTIVE, MERGED, VANISHED, Claim, Problems
from ..files import atomic_write, document_of, write_arrays
from ..problem.errors import NoTheorem, ProblemError, TooLarge
from ..problem.fields import TAIL
from ..problem.ufm import UFM
from ..theorems.predict import candidates, choose
from ..values import Value
from .axes import Axis, LongTail, Plane, Slice, axis
from .boundaries import Boundary, boundaries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..analytic.theorem import Fates, Theorem
    from ..problem.losses import Array, Indices

LARGEST = 2**31  # bytes that the arrays of a map may take
MOST_SOLVED = 10_000
BLOCK = 1 << 17  # numbers (cells x classes) at a time: the working arrays stay in cache
STATES = ("active", "vanished", "merged")
FEATURES = ("cosine_min", "cosine", "cosine_max")
CLASSIFIERS = ("classifier_cosine_min", "classifier_cosine", "classifier_cosine_max")
#: Field -> what it is, with its unit.
FIELDS = {
    "active": "active classes",
    "vanished": "vanished classes (zero feature and classifier)",
    "merged": "merged classes (non-zero, shared with another class)",
    "rank": "rank of the logits without the bias",
    "value": "objective at the predicted point",
    "cosine_min": "smallest cosine between class means",
    "cosine": "mean cosine between class means",
    "cosine_max": "largest cosine between class means",
    "classifier_cosine_min": "smallest cosine between classifier rows",
    "classifier_cosine": "mean cosine between classifier rows",
    "classifier_cosine_max": "largest cosine between classifier rows",
}
WHOLE = (*STATES, "rank")
WANTED = (  # fields -> what a theorem is asked for
    (STATES, "states"),
    (("rank",), "rank"),
    (("value",), "value"),
    (FEATURES, "features"),
    (CLASSIFIERS, "classifiers"),
    ((*FEATURES[::2], *CLASSIFIERS[::2]), "extremes"),
)


@dataclass(frozen=True, eq=False, repr=False)
class PhaseMap(Value):
    """Fields over two axes. Built by `phase_map`.

    Attributes
    ----------
    plane : Plane
        The axes and the family of problems; `at(row, column)` is the problem of a cell.
    fields : mapping of field name to array, shape (points on y, points on x)
        NaN where no theorem covers the cell, and for cosines where fewer than two classes are non-zero.
    boundaries : tuple of Boundary
        Curves across which a field changes, from closed forms.
    theorems : tuple of str
        Names of the theorems used.
    theorem : int array, shape as fields
        Index into `theorems`; -1 where none covers the cell.
    claim : int array, shape as fields
        `Claim.rank` (0 is GLOBAL); -1 where there is none.
    uncovered : mapping of a reason to the number of cells
    solved : int
        Cells that were predicted one by one.
    """

    plane: Plane
    fields: Mapping[str, Array]
    boundaries: tuple[Boundary, ...]
    theorems: tuple[str, ...]
    theorem: NDArray[np.int16]
    claim: NDArray[np.int8]
    uncovered: Mapping[str, int]
    solved: int

    @property
    def x(self) -> Axis:
        """The axis of columns."""
        return self.plane.x

    @property
    def y(self) -> Axis:
        """The axis of rows."""
        return self.plane.y

    def at(self, row: int, column: int) -> UFM:
        """The problem of a cell."""
        return self.plane.at(row, column)

    def tally(self) -> dict[tuple[str, str], int]:
        """(theorem, claim) -> number of cells."""
        pairs = np.stack([self.theorem.ravel(), self.claim.ravel()])
        pairs, number = np.unique(pairs, axis=1, return_counts=True)
        claims = list(Claim)
        cells = zip(pairs.T.tolist(), number.tolist(), strict=True)
        return {(self.theorems[t], claims[c].name): many for (t, c), many in cells if t >= 0}

    def to_dict(self, *, arrays: bool = True) -> dict[str, Any]:
        """The map as plain values; rows of a field run along y, NaN where there is no number. Without `arrays` no cells, no curves."""
        tail = self.plane.tail
        rule = tail and {"K": tail.classes, "n": tail.largest, "ratio": tail.ratio} | {
            "step": tail.step,
            "rule": tail.rule,
        }
        body = {
            "ufm": self.plane.ufm.to_dict(),
            "long_tail": rule,
            "full_width": self.plane.full_width,
            "x": self.x.to_dict(),
            "y": self.y.to_dict(),
            "theorems": list(self.theorems),
            "claims": [claim.name for claim in Claim],
            "uncovered": [
                {"reason": reason, "cells": cells} for reason, cells in self.uncovered.items()
            ],
            "solved": self.solved,
        }
        if not arrays:
            curves = [{"name": curve.name, "kind": curve.kind} for curve in self.boundaries]
            return body | {"boundaries": curves}
        counted = {
            name: field.astype(np.int64) if name in WHOLE and not np.isnan(field).any() else field
            for name, field in self.fields.items()
        }
        return body | {
            "fields": {name: field.tolist() for name, field in counted.items()},
            "theorem": self.theorem.tolist(),
            "claim": self.claim.tolist(),
            "boundaries": [boundary.to_dict() for boundary in self.boundaries],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], arrays: Mapping[str, Any]) -> PhaseMap:
        """The map that a JSON document, or the document and the arrays of an .npz file, holds.

        Raises
        ------
        KeyError, TypeError, ValueError
            Something is missing, or does not fit the axes.
        """
        x, y = (
            Axis(one["name"], one["values"], one["scale"] == "log")
            for one in (document["x"], document["y"])
        )

        def cells(values: Any) -> Array:
            field = np.array(values, dtype=np.float64)
            if field.shape != (len(y), len(x)):
                raise ValueError(
                    f"a field has shape {field.shape}, the axes have {(len(y), len(x))} points"
                )
            return field

        held = document.get("fields") or arrays
        fields = {name: cells(held[name]) for name in FIELDS if name in held}
        if not fields:
            raise ValueError("no field is in it")
        tail = document["long_tail"]
        words = ("K", "n", "ratio", "step", "rule")
        rule = None if tail is None else LongTail(*(tail[word] for word in words))
        ufm = UFM.from_dict(document["ufm"])
        curves = []
        for i, one in enumerate(document["boundaries"]):
            ends = arrays.get(f"boundary_{i}")
            ends = np.array([one["x"], one["y"]], dtype=np.float64) if ends is None else ends
            curves.append(Boundary(one["name"], one["kind"], *ends))
        theorem, claim = (cells(arrays.get(key, document.get(key))) for key in ("theorem", "claim"))
        return cls(
            Plane(ufm, x, y, rule, document.get("full_width", False)),
            fields,
            tuple(curves),
            tuple(document["theorems"]),
            theorem.astype(np.int16),
            claim.astype(np.int8),
            {one["reason"]: one["cells"] for one in document["uncovered"]},
            int(document["solved"]),
        )

    def save(self, path: str | Path, document: str = "", *, overwrite: bool = False) -> None:
        """Write the map to a .csv or .npz file, atomically.

        .csv: one row per cell with x, y, every field, theorem and claim. .npz: x, y, every field, theorem, claim, theorems, each boundary
        as boundary_<i> (2 rows: x, y) with their names in boundary_names, and `document`, a JSON text with the problem and the axes
        (made here by default); load with ``np.load(path, allow_pickle=False)``. `ncsolve plot phase` draws the .npz.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is false.
        ValueError
            For another suffix.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in (".csv", ".npz"):
            raise ValueError(f"{str(path)!r} has suffix {suffix!r}; a map is saved as .csv or .npz")
        if suffix == ".npz":
            document = document or document_of("phase", self.to_dict(arrays=False))
            write_arrays(path, self._arrays(), document, compressed=True, overwrite=overwrite)
            return
        with atomic_write(path, overwrite=overwrite) as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
            csv.writer(text, lineterminator="\n").writerows(self._rows())
            text.flush()
            text.detach()

    def _arrays(self) -> dict[str, Any]:
        arrays: dict[str, Any] = {"x": self.x.values, "y": self.y.values} | dict(self.fields)
        arrays |= {"x_name": np.array(self.x.name), "y_name": np.array(self.y.name)}
        arrays |= {"theorem": self.theorem, "theorems": np.array(self.theorems)}
        arrays |= {"claim": self.claim, "claims": np.array([claim.name for claim in Claim])}
        names = [boundary.name for boundary in self.boundaries]
        arrays["boundary_names"] = np.array(names, dtype=np.str_)
        curves = {f"boundary_{i}": np.stack([b.x, b.y]) for i, b in enumerate(self.boundaries)}
        return arrays | curves

    def _rows(self) -> Iterator[list[str]]:
        claims = [*(claim.name for claim in Claim), ""]  # -1 is the last
        theorems = [*self.theorems, ""]
        yield [self.x.name, self.y.name, *self.fields, "theorem", "claim"]
        for i, y in enumerate(self.y.values):
            for j, x in enumerate(self.x.values):
                ends = _shown(x, self.x.whole), _shown(y, self.y.whole)
                cells = [_shown(field[i, j], name in WHOLE) for name, field in self.fields.items()]
                yield [*ends, *cells, theorems[self.theorem[i, j]], claims[self.claim[i, j]]]


def _shown(number: float, whole: bool) -> str:
    """As many digits as the double has; nothing where there is no number."""
    if np.isnan(number):
        return ""
    return f"{number:.0f}" if whole else repr(float(number))


def phase_map(
    problem: UFM,
    x: str | Axis,
    y: str | Axis,
    *,
    long_tail: LongTail | None = None,
    fields: str | Sequence[str] = "all",
    theorem: str | None = None,
    limit: str = "",
    full_width: bool | None = None,
    most_solved: int = MOST_SOLVED,
    progress: Callable[[int, int], None] | None = None,
) -> PhaseMap:
    """Class states, value and angles over two fields of a problem, with the closed-form boundaries between them.

    Parameters
    ----------
    problem : UFM
        Gives every field that no axis moves.
    x, y : str or Axis
        NAME=LOW:HIGH:POINTS[,log|,lin] or NAME=V1,V2,..., with NAME one of decay (all decays equal), mean-decay (the problem's own
        decays times a factor), bias-decay, ratio, n, K, depth, width, or any other field that is one number (smoothing, ...).
    long_tail : LongTail, optional
        The rule behind the counts, in place of the problem's own; ratio, n and K need it.
    fields : "all", or names between commas or in a sequence
        active, vanished, merged, rank, value, cosine, cosine_min, cosine_max (class means), classifier_cosine... (rows of W_M ... W_1).
        Cosines run over all pairs of classes that are not zero.
    theorem, limit : as in `predict`
    full_width : bool, optional
        Whether widths follow K, large enough for the full geometry. Default: yes if every width of `problem` is K.
    most_solved : int
        How many cells may be left to an iterative solver (cross-entropy with unequal counts or depth; its numbers of active, vanished and
        merged classes need none at M = 1 without label-dependent scales).
    progress : callable, optional
        Called as progress(cells done, cells) while cells are predicted one by one.

    Returns
    -------
    PhaseMap

    Raises
    ------
    ProblemError, CountsError
        The axes do not make a family of problems.
    NoTheorem
        No theorem covers any cell.
    TooLarge
        The arrays would take more than 2 GiB, or more than `most_solved` cells need an iterative solver.

    Notes
    -----
    A cell within rounding of a threshold is predicted by itself, in exact arithmetic: every cell is what `predict` says of its problem,
    `at(row, column)`.

    Examples
    --------
    >>> import ncsolve
    >>> tail = ncsolve.LongTail(classes=10, largest=500, ratio=100)
    >>> found = ncsolve.phase_map(
    ...     ncsolve.UFM(tail.counts(), depth=3), "decay=1e-4:1e-2:3", "ratio=1:100:2", long_tail=tail, fields="active"
    ... )
    >>> found.fields["active"]
    array([[10., 10.,  0.],
           [10.,  9.,  3.]])
    >>> found.at(1, 1).weight_decay
    (0.001, 0.001, 0.001)
    """
    wanted, full = chosen_fields(fields), full_width
    x, y = axis(x), axis(y)
    if full is None:
        full = set(problem.width) == {min(problem.classes, problem.outputs)}
    if long_tail is not None and not np.array_equal(long_tail.counts(), problem.counts):
        width = {} if full else {"width": problem.width}
        problem = problem.replace(counts=long_tail.counts(), **width)
    plane = Plane(problem, x, y, long_tail, full)
    rows, columns = plane.shape
    needed = 8 * rows * columns * (len(wanted) + 4)
    if needed > LARGEST:
        raise TooLarge(
            f"a map of {columns} x {rows} points with {len(wanted)} field{'s' * (len(wanted) > 1)} would take {needed / 2**30:.3g} GiB; "
            f"up to {LARGEST / 2**30:g} GiB are given, which 500 x 500 points with all fields do not need"
        )
    filling = _Filling(plane, wanted, theorem, limit)
    for part in plane.slices():
        filling.fill(part)
    filling.solve(most_solved, progress)
    return PhaseMap(
        plane,
        filling.fields,
        boundaries(plane, theorem, limit),
        tuple(filling.theorems),
        filling.theorem,
        filling.claim,
        filling.uncovered,
        len(filling.open),
    )


def chosen_fields(fields: str | Sequence[str]) -> tuple[str, ...]:
    """Names of fields, each once, in the order given."""
    names = fields.split(",") if isinstance(fields, str) else [str(name) for name in fields]
    names = list(FIELDS) if fields == "all" else [name.strip().replace("-", "_") for name in names]
    for name in names:
        if name not in FIELDS:
            raise ProblemError(
                f"field {name!r} is unknown; all, or some of {', '.join(FIELDS)}, works"
            )
    if not names:
        raise ProblemError(f"no field is asked for; all, or some of {', '.join(FIELDS)}, works")
    return tuple(dict.fromkeys(names))


class _Filling:
    """A map that is being filled."""

    def __init__(
        self, plane: Plane, fields: tuple[str, ...], theorem: str | None, limit: str
    ) -> None:
        self.plane, self.asked, self.limit = plane, theorem, limit
        self.fields = {name: np.full(plane.shape, np.nan) for name in fields}
        self.wanted = frozenset(what for names, what in WANTED if set(names) & set(fields))
        self.theorem = np.full(plane.shape, -1, dtype=np.int16)
        self.claim = np.full(plane.shape, -1, dtype=np.int8)
        self.theorems: dict[str, int] = {}
        self.uncovered: dict[str, int] = {}
        self.open: list[tuple[int, int]] = []
        self.iterative = 0

    def fill(self, part: Slice) -> None:
        """Fill the cells of a slice for which a theorem speaks at once; list the others as open."""
        example, cells = part.example, np.arange(part.size)
        if example.rank_limit < example.classes:
            among = candidates(example, self.asked, self.limit)
            if any(one.by_decay for theorem in among for one in theorem.hypotheses):
                self._leave(part, cells, among)
                return
        level = part.along(TAIL)  # cells with the same number have the same counts
        kinds, first, member = np.unique(level, return_index=True, return_inverse=True)
        step = max(1, BLOCK // example.classes)
        equal = np.concatenate(
            [
                np.ptp(part.counts(first[i : i + step]), axis=1) == 0
                for i in range(0, kinds.size, step)
            ]
        )[member.reshape(-1)]
        for same in (cells[equal], cells[~equal]):
            if not same.size:
                continue
            try:
                chosen = choose(part.cell(same[0]), self.asked, self.limit)
            except NoTheorem as error:
                self._uncovered(error, same.size)
                continue
            for block in _blocks(same, level, example.classes):
                self._tell(part, block, level[block], chosen)

    def _tell(self, part: Slice, cells: Indices, level: Indices, theorem: Theorem) -> None:
        """Cells that differ in numbers only, with ascending `level`."""
        new = np.diff(level, prepend=-1) > 0
        problems = Problems(
            part.example,
            part.counts(cells[new]),
            np.cumsum(new) - 1,
            part.mean_decay[cells],
            part.bias_decay[cells],
        )
        fates = theorem.many(problems, self.wanted)
        if fates is None:
            self._leave(part, cells, (theorem,))
            return
        row, column = part.where(cells)
        for name, numbers in _fields(fates, problems.example.classes).items():
            if name in self.fields and numbers is not None:
                self.fields[name][row, column] = numbers
        self.theorem[row, column], self.claim[row, column] = (
            self._index(theorem),
            theorem.claim.rank,
        )
        self._leave(part, cells[fates.doubtful], (theorem,))

    def _leave(self, part: Slice, cells: Indices, theorems: Sequence[Theorem]) -> None:
        row, column = part.where(cells)
        self.open += zip(row.tolist(), column.tolist(), strict=True)
        self.iterative += cells.size * any(theorem.iterative for theorem in theorems)

    def _uncovered(self, error: NoTheorem, cells: int) -> None:
        self.uncovered[str(error)] = self.uncovered.get(str(error), 0) + cells

    def _index(self, theorem: Theorem) -> int:
        return self.theorems.setdefault(theorem.name, len(self.theorems))

    def solve(self, most: int, progress: Callable[[int, int], None] | None) -> None:
        """Predict the open cells one by one; say why if there is nothing in the map."""
        if self.iterative > most:
            raise TooLarge(
                f"{self.iterative} cells have no closed form and need an iterative solver each, more than {most}; use fewer points, "
                "ask for active, merged or vanished alone, or raise the limit (most_solved, --most-solved)"
            )
        for done, cell in enumerate(self.open):
            if progress is not None:
                progress(done, len(self.open))
            ufm = self.plane.at(*cell)
            try:
                theorem = choose(ufm, self.asked, self.limit)
            except NoTheorem as error:
                self._uncovered(error, 1)
                for field in self.fields.values():
                    field[cell] = np.nan
                self.theorem[cell] = self.claim[cell] = -1
                continue
            prediction = Prediction(ufm, theorem, theorem.solution(ufm))
            for name, number in cell_fields(prediction, frozenset(self.fields)).items():
                self.fields[name][cell] = number
            self.theorem[cell], self.claim[cell] = self._index(theorem), prediction.claim.rank
        if not self.theorems:
            reason, cells = max(self.uncovered.items(), key=lambda item: item[1])
            many = f" ({cells} cells)" if len(self.uncovered) > 1 else ""
            raise NoTheorem(f"no cell of the map has a theorem: {reason}{many}")


def _blocks(cells: Indices, level: Indices, classes: int) -> Iterator[Indices]:
    """Cells in the order of their counts, some hundred thousand numbers at a time; cells with the same counts stay together if they fit."""
    cells = cells[np.argsort(level[cells], kind="stable")]
    ordered = level[cells]
    most = max(BLOCK // classes, min(256, (1 << 23) // classes), 1)
    start = 0
    while start < cells.size:
        stop = min(start + most, cells.size)
        if stop < cells.size:
            edge = int(np.searchsorted(ordered, ordered[stop]))
            stop = edge if edge > start else stop
        yield cells[start:stop]
        start = stop


def _fields(fates: Fates, classes: int) -> dict[str, Any]:
    unknown = (None,) * 3
    features, classifiers = (
        unknown if told is None else told for told in (fates.features, fates.classifiers)
    )
    return {
        "active": fates.active,
        "vanished": classes - fates.active - fates.merged,
        "merged": fates.merged,
        "rank": fates.rank,
        "value": fates.value,
    } | dict(zip((*FEATURES, *CLASSIFIERS), (*features, *classifiers), strict=True))


def cell_fields(prediction: Prediction, names: frozenset[str]) -> dict[str, float]:
    """The fields of one prediction."""
    cell: dict[str, float] = {"value": prediction.value}
    if names & set(STATES):
        state = prediction.solution.states().state
        words = zip(STATES, (ACTIVE, VANISHED, MERGED), strict=True)
        cell |= {name: float((state == word).sum()) for name, word in words}
    if "rank" in names:
        sigma, frame = prediction.solution.sigma_and_frame
        values = sigma if frame.orthonormal else prediction.singular_values
        least = 1e-12 * max(float(values.max(initial=0.0)), 1e-300)
        cell["rank"] = float((values > least).sum())
    for which, group in (("features", FEATURES), ("classifiers", CLASSIFIERS)):
        if names & set(group):
            cell |= dict(zip(group, cosines(prediction, which), strict=True))
    return {name: cell[name] for name in names}
