r"""A phase map: what becomes of the classes, the value and the angles, over two fields of the problem.

Cells that a closed form covers are solved together (cells.py); every other cell is predicted by itself. Both ways give what `predict` says of
the cell's problem, theorem and claim included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import NoTheorem, ProblemError, TooLarge
from ...losses import CrossEntropy
from ..predict import choose
from ..prediction import Prediction
from ..theorem import ACTIVE, MERGED, VANISHED, Claim
from . import cells as closed
from .angles import of_prediction
from .axes import Axis, axis
from .boundaries import Boundary, boundaries
from .cells import CLASSIFIERS, FEATURES
from .merging import imbalanced_cross_entropy
from .plane import Plane, Slice
from .tail import LongTail

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ...losses import Array
    from ...problem import UFM
    from ..theorem import Theorem

STATES = ("active", "vanished", "merged")
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
LARGEST = 2**31  # bytes that the arrays of a map may take
MOST_SOLVED = 10_000

_CLOSED: dict[str, tuple[closed.Solver, frozenset[str]]] = {
    "relu_cross_entropy": (closed.relu_cross_entropy, frozenset(FIELDS)),
    "balanced_cross_entropy": (closed.balanced_cross_entropy, frozenset(FIELDS)),
    "balanced_regularized_bias": (closed.balanced_regularized_bias, frozenset(FIELDS)),
    "imbalanced_cross_entropy": (imbalanced_cross_entropy, frozenset(STATES)),
}


@dataclass(frozen=True, eq=False)
class PhaseMap:
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
        pairs, number = np.unique(np.stack([self.theorem.ravel(), self.claim.ravel()]), axis=1, return_counts=True)
        claims = list(Claim)
        named = zip(pairs.T.tolist(), number.tolist(), strict=True)
        return {(self.theorems[t], claims[c].name): cells for (t, c), cells in named if t >= 0}

    def to_dict(self) -> dict[str, Any]:
        """The map as plain values; rows of a field run along y. NaN stands where there is no number."""
        tail = self.plane.tail
        rule = None if tail is None else {"K": tail.classes, "n": tail.largest, "ratio": tail.ratio, "step": tail.step, "rule": tail.rule}
        return {
            "ufm": self.plane.ufm.to_dict(),
            "long_tail": rule,
            "x": self.x.to_dict(),
            "y": self.y.to_dict(),
            "fields": {name: _plain(name, field) for name, field in self.fields.items()},
            "theorems": list(self.theorems),
            "theorem": self.theorem.tolist(),
            "claims": [claim.name for claim in Claim],
            "claim": self.claim.tolist(),
            "uncovered": [{"reason": reason, "cells": cells} for reason, cells in self.uncovered.items()],
            "solved": self.solved,
            "boundaries": [boundary.to_dict() for boundary in self.boundaries],
        }

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the map to a .csv or .npz file, atomically.

        .csv: one row per cell with x, y, every field, theorem and claim. .npz: x, y, every field, theorem, claim, theorems, and each
        boundary as boundary_<i> (2 rows: x, y) with their names in boundary_names; load with ``np.load(path, allow_pickle=False)``.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is false.
        ValueError
            For another suffix.
        """
        from .files import save

        save(self, path, overwrite=overwrite)


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
        NAME=LOW:HIGH:POINTS[,log|,lin] or NAME=V1,V2,..., with NAME one of decay (all decays equal), mean-decay (the problem's own decays times
        a factor), bias-decay, ratio, n, K, depth, width.
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
    A cell within rounding of a threshold is predicted by itself, in exact arithmetic: every cell is what `predict` says of `at(row, column)`.

    Examples
    --------
    >>> import ncsolve
    >>> tail = ncsolve.LongTail(classes=10, largest=500, ratio=100)
    >>> found = ncsolve.phase_map(
    ...     ncsolve.UFM(tail.counts(), depth=3), "decay=1e-4:1e-2:3", "ratio=1:100:2", long_tail=tail, fields="active"
    ... )
    >>> found.fields["active"]
    array([[10., 10.,  0.],
           [10.,  9.,  0.]])
    >>> found.at(1, 1).weight_decay
    (0.001, 0.001, 0.001)
    """
    wanted = chosen_fields(fields)
    plane = _plane(problem, axis(x), axis(y), long_tail, full_width)
    rows, columns = plane.shape
    needed = 8 * rows * columns * (len(wanted) + 4)
    if needed > LARGEST:
        raise TooLarge(
            f"a map of {columns} x {rows} points with {len(wanted)} fields would take {needed / 2**30:.3g} GiB; "
            f"up to {LARGEST / 2**30:g} GiB are given, which 500 x 500 points with all fields do not need"
        )
    work = _Work(plane, wanted, theorem, limit)
    for part in plane.slices():
        work.close(part)
    work.solve(most_solved, progress)
    return work.finished()


def chosen_fields(fields: str | Sequence[str]) -> tuple[str, ...]:
    """Names of fields, each once, in the order given."""
    names = list(FIELDS) if fields == "all" else [name.strip() for name in fields.split(",")] if isinstance(fields, str) else fields
    names = [str(name).replace("-", "_") for name in names]
    for name in names:
        if name not in FIELDS:
            raise ProblemError(f"field {name!r} is unknown; all, or some of {', '.join(FIELDS)}, works")
    if not names:
        raise ProblemError(f"no field is asked for; all, or some of {', '.join(FIELDS)}, works")
    return tuple(dict.fromkeys(names))


def _plane(problem: UFM, x: Axis, y: Axis, tail: LongTail | None, full_width: bool | None) -> Plane:
    full = set(problem.width) == {min(problem.classes, problem.outputs)} if full_width is None else full_width
    if tail is not None and not np.array_equal(tail.counts(), problem.counts):
        problem = problem.replace(counts=tail.counts(), **({} if full else {"width": problem.width}))
    return Plane(problem, x, y, tail, full)


class _Work:
    """A map that is being filled."""

    def __init__(self, plane: Plane, fields: tuple[str, ...], theorem: str | None, limit: str) -> None:
        self.plane, self.names, self.asked, self.limit = plane, frozenset(fields), theorem, limit
        self.fields = {name: np.full(plane.shape, np.nan) for name in fields}
        self.theorem = np.full(plane.shape, -1, dtype=np.int16)
        self.claim = np.full(plane.shape, -1, dtype=np.int8)
        self.theorems: dict[str, int] = {}
        self.uncovered: dict[str, int] = {}
        self.open: list[tuple[int, int]] = []
        self.iterative = 0

    def close(self, part: Slice) -> None:
        """Fill the cells of a slice that closed forms cover; list the others as open."""
        cells = np.arange(part.size)
        if part.example.rank_limit < part.example.classes and not _decays_do_not_choose(part.example):
            relu = part.example.features == "relu"
            self._leave(part, cells, iterative=isinstance(part.example.loss, CrossEntropy) and not relu)
            return
        counts = part.by_counts
        kinds, first, member = np.unique(counts, return_index=True, return_inverse=True)
        ends = np.empty(kinds.size, dtype=bool)
        for block in closed.blocks(np.arange(kinds.size), np.zeros(kinds.size), part.example.classes):
            vectors = part.counts(first[block])
            ends[block] = vectors.min(axis=1) == vectors.max(axis=1)
        balanced = ends[member.reshape(-1)]
        for same in (cells[balanced], cells[~balanced]):
            if same.size:
                self._close_alike(part, same)

    def _close_alike(self, part: Slice, cells: NDArray[np.intp]) -> None:
        """Cells that differ in numbers only: one theorem covers all or none."""
        try:
            chosen = choose(part.cell(cells[0]), self.asked, self.limit)
        except NoTheorem as error:
            self.uncovered[str(error)] = self.uncovered.get(str(error), 0) + cells.size
            return
        solver, gives = _solver(part, chosen)
        if solver is None or not gives >= self.names:
            self._leave(part, cells, iterative=chosen.iterative)
            return
        found, doubtful = solver(part, cells, self.names)
        row, column = part.rows[cells // part.columns.size], part.columns[cells % part.columns.size]
        for name, field in self.fields.items():
            field[row, column] = found[name]
        self.theorem[row, column], self.claim[row, column] = self._index(chosen), chosen.claim.rank
        self._leave(part, cells[doubtful], iterative=False)

    def _leave(self, part: Slice, cells: NDArray[np.intp], *, iterative: bool) -> None:
        self.open += [part.where(cell) for cell in cells]
        self.iterative += cells.size if iterative else 0

    def _index(self, theorem: Theorem) -> int:
        return self.theorems.setdefault(theorem.name, len(self.theorems))

    def solve(self, most: int, progress: Callable[[int, int], None] | None) -> None:
        """Predict the open cells one by one."""
        if self.iterative > most:
            raise TooLarge(
                f"{self.iterative} cells have no closed form and an iterative solver each, more than {most}; use fewer points, "
                "ask for active, merged or vanished alone, or raise the limit (most_solved, --most-solved)"
            )
        for done, (row, column) in enumerate(self.open):
            if progress is not None:
                progress(done, len(self.open))
            try:
                self._predict(row, column)
            except NoTheorem as error:
                self.uncovered[str(error)] = self.uncovered.get(str(error), 0) + 1
                for field in self.fields.values():
                    field[row, column] = np.nan

    def _predict(self, row: int, column: int) -> None:
        ufm = self.plane.at(row, column)
        chosen = choose(ufm, self.asked, self.limit)
        prediction = Prediction(ufm, chosen, chosen.solution(ufm))
        for name, number in cell_fields(prediction, self.names).items():
            self.fields[name][row, column] = number
        self.theorem[row, column], self.claim[row, column] = self._index(chosen), prediction.claim.rank

    def finished(self) -> PhaseMap:
        """The map, or the reason why there is none."""
        if not self.theorems:
            reason, cells = max(self.uncovered.items(), key=lambda item: item[1])
            raise NoTheorem(f"no cell of the map has a theorem: {reason}" + (f" ({cells} cells)" if len(self.uncovered) > 1 else ""))
        for array in (*self.fields.values(), self.theorem, self.claim):
            array.setflags(write=False)
        return PhaseMap(
            self.plane,
            self.fields,
            boundaries(self.plane, self.asked, self.limit),
            tuple(self.theorems),
            self.theorem,
            self.claim,
            self.uncovered,
            len(self.open),
        )


def cell_fields(prediction: Prediction, names: frozenset[str]) -> dict[str, float]:
    """The fields of one prediction."""
    found: dict[str, float] = {"value": prediction.value}
    if names & set(STATES):
        state = prediction.solution.states().state
        found |= {name: float((state == word).sum()) for name, word in zip(STATES, (ACTIVE, VANISHED, MERGED), strict=True)}
    if "rank" in names:
        sigma, frame = prediction.solution.sigma_and_frame
        values = sigma if frame.orthonormal else prediction.singular_values
        found["rank"] = float((values > 1e-12 * max(float(values.max(initial=0.0)), 1e-300)).sum())
    for which, group in (("features", FEATURES), ("classifiers", CLASSIFIERS)):
        if names & set(group):
            found |= dict(zip(group, of_prediction(prediction, which), strict=True))
    return {name: found[name] for name in names}


def _solver(part: Slice, theorem: Theorem) -> tuple[closed.Solver | None, frozenset[str]]:
    ufm = part.example
    if theorem.name == "squared_spectral":
        return (closed.squared_without_bias if ufm.bias == "none" else closed.squared_with_free_bias), frozenset(FIELDS)
    if theorem.name == "imbalanced_cross_entropy" and not getattr(ufm.loss, "plain", False):
        return None, frozenset()
    return _CLOSED.get(theorem.name, (None, frozenset()))


def _decays_do_not_choose(ufm: UFM) -> bool:
    """Whether the theorem that covers a problem with a bottleneck is the same at all decays."""
    return not isinstance(ufm.loss, CrossEntropy) and isinstance(ufm.bias, str)


def _plain(name: str, field: Array) -> list[list[Any]]:
    if name in WHOLE and not np.isnan(field).any():
        return field.astype(np.int64).tolist()  # type: ignore[no-any-return]
    return field.tolist()  # type: ignore[no-any-return]
