r"""A phase map: what becomes of the classes, the value and the angles, over two fields of the problem.

Cells that a closed form covers are solved together (squared.py, cross_entropy.py, merging.py), every other cell by itself. Both ways give
what `predict` says of the cell's problem, theorem and claim included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...analytic.theorem import Claim
from ...problem.errors import ProblemError, TooLarge
from .axes import Axis, axis
from .boundaries import Boundary, boundaries
from .cells import FIELDS, WHOLE
from .filling import Filling
from .plane import Plane
from .tail import LongTail

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ...problem.losses import Array
    from ...problem.ufm import UFM

LARGEST = 2**31  # bytes that the arrays of a map may take
MOST_SOLVED = 10_000


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
        pairs, number = np.unique(
            np.stack([self.theorem.ravel(), self.claim.ravel()]), axis=1, return_counts=True
        )
        claims = list(Claim)
        named = zip(pairs.T.tolist(), number.tolist(), strict=True)
        return {(self.theorems[t], claims[c].name): cells for (t, c), cells in named if t >= 0}

    def to_dict(self, *, arrays: bool = True) -> dict[str, Any]:
        """The map as plain values; rows of a field run along y, NaN where there is no number. Without `arrays` no cells, no curves."""
        tail = self.plane.tail
        rule = (
            None
            if tail is None
            else {
                "K": tail.classes,
                "n": tail.largest,
                "ratio": tail.ratio,
                "step": tail.step,
                "rule": tail.rule,
            }
        )
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
            return body
        return body | {
            "fields": {name: _plain(name, field) for name, field in self.fields.items()},
            "theorem": self.theorem.tolist(),
            "claim": self.claim.tolist(),
            "boundaries": [boundary.to_dict() for boundary in self.boundaries],
        }

    def save(self, path: str | Path, document: str = "", *, overwrite: bool = False) -> None:
        """Write the map to a .csv or .npz file, atomically.

        .csv: one row per cell with x, y, every field, theorem and claim. .npz: x, y, every field, theorem, claim, theorems, each boundary
        as boundary_<i> (2 rows: x, y) with their names in boundary_names, and `document`, a JSON text with the problem and the axes
        (made here by default); load with ``np.load(path, allow_pickle=False)``. `ncsolve plot phase` draws both.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is false.
        ValueError
            For another suffix.
        """
        from .files import save

        save(self, path, document, overwrite=overwrite)


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
        decays times a factor), bias-decay, ratio, n, K, depth, width.
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
    wanted = chosen_fields(fields)
    plane = _plane(problem, axis(x), axis(y), long_tail, full_width)
    rows, columns = plane.shape
    needed = 8 * rows * columns * (len(wanted) + 4)
    if needed > LARGEST:
        raise TooLarge(
            f"a map of {columns} x {rows} points with {len(wanted)} field{'s' * (len(wanted) > 1)} would take {needed / 2**30:.3g} GiB; "
            f"up to {LARGEST / 2**30:g} GiB are given, which 500 x 500 points with all fields do not need"
        )
    filling = Filling(plane, wanted, theorem, limit)
    for part in plane.slices():
        filling.close(part)
    filling.solve(most_solved, progress)
    filling.finish()
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
    names = (
        list(FIELDS)
        if fields == "all"
        else [name.strip() for name in fields.split(",")]
        if isinstance(fields, str)
        else fields
    )
    names = [str(name).replace("-", "_") for name in names]
    for name in names:
        if name not in FIELDS:
            raise ProblemError(
                f"field {name!r} is unknown; all, or some of {', '.join(FIELDS)}, works"
            )
    if not names:
        raise ProblemError(f"no field is asked for; all, or some of {', '.join(FIELDS)}, works")
    return tuple(dict.fromkeys(names))


def _plane(problem: UFM, x: Axis, y: Axis, tail: LongTail | None, full_width: bool | None) -> Plane:
    full = (
        set(problem.width) == {min(problem.classes, problem.outputs)}
        if full_width is None
        else full_width
    )
    if tail is not None and not np.array_equal(tail.counts(), problem.counts):
        problem = problem.replace(
            counts=tail.counts(), **({} if full else {"width": problem.width})
        )
    return Plane(problem, x, y, tail, full)


def _plain(name: str, field: Array) -> list[list[Any]]:
    if name in WHOLE and not np.isnan(field).any():
        return field.astype(np.int64).tolist()  # type: ignore[no-any-return]
    return field.tolist()  # type: ignore[no-any-return]
