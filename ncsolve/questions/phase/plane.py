r"""The plane of a map: one problem per pair (x, y), and its division into slices that one formula solves.

Depth, K and width change the shape of the problem: each of their values is a slice. Within a slice only numbers move: counts
(through n and ratio), the mean decay g, the bias decay. Of the decays nothing but g enters the mathematics (reduction.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...analytic.reduction import geometric_mean
from ...problem.errors import ProblemError
from ...problem.ufm import UFM
from .axes import COUNTS, Axis
from .tail import LongTail, tail_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...problem.losses import Array

    Indices = NDArray[np.intp]

HARD = ("K", "depth", "width")  # axes that change the shape of the problem
DECAYS = ("decay", "mean-decay")


@dataclass(frozen=True, eq=False)
class Plane:
    """A family of problems over two axes.

    Attributes
    ----------
    ufm : the problem whose fields the axes move
    x, y : axes
    tail : the long-tail rule behind the counts; None where they are fixed
    full_width : whether widths follow the number of classes, large enough for the full geometry; else they stay as they are
    """

    ufm: UFM
    x: Axis
    y: Axis
    tail: LongTail | None
    full_width: bool

    def __post_init__(self) -> None:
        names = {self.x.name, self.y.name}
        if len(names) == 1:
            raise ProblemError(f"both axes are {self.x.name}; a map needs two different ones")
        if names == set(DECAYS):
            raise ProblemError(
                "decay and mean-decay both set the decays; a map needs two different quantities"
            )
        if self.tail is None and (
            moved := [name for name in (self.x.name, self.y.name) if name in COUNTS]
        ):
            raise ProblemError(
                f"axis {moved[0]} needs counts by the long-tail rule (--long-tail K=..,n=..,ratio=.., or long_tail=LongTail(...)), "
                "not a fixed vector"
            )
        if "depth" in names:
            for what, values in (
                ("width", self.ufm.width),
                ("weight decay", self.ufm.weight_decay),
            ):
                if len(set(values)) > 1 and not (what == "width" and self.full_width):
                    raise ProblemError(
                        f"axis depth needs one {what} for all layers, not {', '.join(f'{v:g}' for v in values)}"
                    )
        for axis in (self.x, self.y):
            for value in (
                axis.values[0],
                axis.values[-1],
            ):  # the ends are judged where the rule judges
                if axis.name in COUNTS and self.tail is not None:
                    self.tail.replace(**{axis.name: float(value)})
            if axis.name == "n" and self.tail is not None and self.tail.rule == "floored":
                odd = axis.values[axis.values != np.floor(axis.values)]
                if odd.size:
                    raise ProblemError(
                        f"axis n has whole numbers only under the floored rule, not {odd[0]:g}; list whole ones (n=10,50,100) "
                        "or use the continuous rule"
                    )
        if self._counts_axes == {"n", "ratio"} and self.tail is not None:
            n, ratio = (
                axis.values for axis in sorted((self.x, self.y), key=lambda axis: axis.name)
            )
            self.tail.replace(n=float(n[0]), ratio=float(ratio[-1]))

    @property
    def shape(self) -> tuple[int, int]:
        """(points on y, points on x): fields have this shape."""
        return len(self.y), len(self.x)

    @property
    def _counts_axes(self) -> set[str]:
        return {self.x.name, self.y.name} & set(COUNTS)

    def values(self, row: int, column: int) -> dict[str, float]:
        """Axis name -> value in one cell."""
        return {self.y.name: float(self.y.values[row]), self.x.name: float(self.x.values[column])}

    def at(self, row: int, column: int) -> UFM:
        """The problem of one cell."""
        return self.problem(self.values(row, column))

    def problem(self, values: dict[str, float]) -> UFM:
        """The problem where the named axes have these values."""
        base = self.ufm
        depth = int(values.get("depth", base.depth))
        weight: Any = base.weight_decay[0] if depth != base.depth else base.weight_decay
        feature = base.feature_decay
        if "decay" in values:
            weight = feature = values["decay"]
        elif "mean-decay" in values:
            layers = (weight,) * depth if isinstance(weight, float) else weight
            factor = values["mean-decay"] / geometric_mean((feature, *layers))
            weight, feature = [decay * factor for decay in layers], feature * factor
        width: Any = (
            None if self.full_width else (base.width[0] if depth != base.depth else base.width)
        )
        moved = {name: value for name, value in values.items() if name in COUNTS}
        counts, names = base.counts, base.names
        if moved and self.tail is not None:
            counts = self.tail.replace(**moved).counts()
            names = names if counts.size == base.classes else None  # type: ignore[assignment]
        return UFM(
            counts,
            base.loss,
            depth,
            int(values["width"]) if "width" in values else width,
            weight,
            feature,
            values.get("bias-decay", base.bias),
            base.features,
            names,
        )

    def slices(self) -> Iterator[Slice]:
        """The plane in parts of one depth, K and width."""
        rows, columns = np.arange(len(self.y)), np.arange(len(self.x))
        for chosen_rows in rows[:, None] if self.y.name in HARD else [rows]:
            for chosen_columns in columns[:, None] if self.x.name in HARD else [columns]:
                yield Slice(self, chosen_rows, chosen_columns)


@dataclass(frozen=True, eq=False)
class Slice:
    """Cells of one depth, K and width: `rows` x `columns` of the plane, as flat arrays in that order."""

    plane: Plane
    rows: Indices
    columns: Indices

    @property
    def size(self) -> int:
        """Number of cells."""
        return int(self.rows.size * self.columns.size)

    @cached_property
    def example(self) -> UFM:
        """The first cell's problem: its depth, widths, loss and features are those of all."""
        return self.cell(0)

    def where(self, cell: int) -> tuple[int, int]:
        """(row, column) of a cell in the plane."""
        row, column = divmod(int(cell), self.columns.size)
        return int(self.rows[row]), int(self.columns[column])

    def cell(self, cell: int) -> UFM:
        """The problem of a cell."""
        return self.plane.at(*self.where(cell))

    def along(self, names: tuple[str, ...]) -> Indices:
        """For each cell a number that is the same exactly where the axes with these names have the same values."""
        row = (
            np.arange(self.rows.size)
            if self.plane.y.name in names
            else np.zeros(self.rows.size, dtype=np.intp)
        )
        column = (
            np.arange(self.columns.size)
            if self.plane.x.name in names
            else np.zeros(self.columns.size, dtype=np.intp)
        )
        index: Indices = (row[:, None] * self.columns.size + column).ravel()
        return index

    @cached_property
    def by_counts(self) -> Indices:
        """Cells with the same number have the same counts."""
        return self.along(COUNTS)

    def counts(self, cells: Indices) -> Array:
        """Class counts of some cells, shape (cells, K)."""
        tail, name = self.plane.tail, {"x": self.plane.x.name, "y": self.plane.y.name}
        if tail is None or not set(name.values()) & set(COUNTS):
            return np.broadcast_to(self.example.counts, (cells.size, self.example.classes))
        row, column = self.rows[cells // self.columns.size], self.columns[cells % self.columns.size]
        moved = {name["y"]: self.plane.y.values[row], name["x"]: self.plane.x.values[column]}
        fixed = tail.replace(K=self.example.classes)
        return tail_counts(
            fixed,
            moved.get("n", np.full(cells.size, float(fixed.largest))),
            moved.get("ratio", np.full(cells.size, float(fixed.ratio))),
        )

    @cached_property
    def mean_decay(self) -> Array:
        """G of every cell."""
        return self._per_value(DECAYS, lambda ufm: geometric_mean(ufm.decays))

    @cached_property
    def bias_decay(self) -> Array:
        """lambda_b of every cell."""
        return self._per_value(("bias-decay",), lambda ufm: ufm.bias_decay)

    def _per_value(self, names: tuple[str, ...], number: Any) -> Array:
        index = self.along(names)
        kinds, first, member = np.unique(index, return_index=True, return_inverse=True)
        plane = self.plane
        found = np.empty(kinds.size)
        for i, cell in enumerate(first):
            values = plane.values(*self.where(cell))
            found[i] = number(
                plane.problem(
                    {name: value for name, value in values.items() if name in (*names, "depth")}
                )
            )
        return found[member.reshape(-1)]
