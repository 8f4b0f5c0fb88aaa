r"""Filling a map: which theorem covers which cells, which of them are solved together, and which one by one.

Within a slice (plane.py) the hypotheses of a theorem hold for all cells with equal counts or for none, and for all others or for none: what
else moves are numbers. Only the hypotheses on a bottleneck ask for the decays, too; such cells are predicted one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...analytic.prediction import Prediction
from ...analytic.theorem import ACTIVE, MERGED, VANISHED
from ...problem.errors import NoTheorem, TooLarge
from ...problem.losses import CrossEntropy
from ...theorems.predict import choose
from . import cross_entropy, squared
from .angles import of_prediction
from .cells import CLASSIFIERS, FEATURES, FIELDS, STATES, blocks
from .merging import imbalanced_cross_entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ...analytic.theorem import Theorem
    from ...problem.ufm import UFM
    from .cells import Solver
    from .plane import Plane, Slice

_CLOSED: dict[str, tuple[Solver, frozenset[str]]] = {
    "relu_cross_entropy": (cross_entropy.relu_cross_entropy, frozenset(FIELDS)),
    "balanced_cross_entropy": (cross_entropy.balanced_cross_entropy, frozenset(FIELDS)),
    "balanced_regularized_bias": (squared.balanced_regularized_bias, frozenset(FIELDS)),
    "imbalanced_cross_entropy": (imbalanced_cross_entropy, frozenset(STATES)),
}


class Filling:
    """A map that is being filled."""

    def __init__(
        self, plane: Plane, fields: tuple[str, ...], theorem: str | None, limit: str
    ) -> None:
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
        if part.example.rank_limit < part.example.classes and not _decays_do_not_choose(
            part.example
        ):
            relu = part.example.features == "relu"
            self._leave(
                part, cells, iterative=isinstance(part.example.loss, CrossEntropy) and not relu
            )
            return
        counts = part.by_counts
        kinds, first, member = np.unique(counts, return_index=True, return_inverse=True)
        ends = np.empty(kinds.size, dtype=bool)
        for block in blocks(np.arange(kinds.size), np.zeros_like(kinds), part.example.classes):
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
        self._leave(part, cells[doubtful], iterative=chosen.iterative)

    def _leave(self, part: Slice, cells: NDArray[np.intp], *, iterative: bool) -> None:
        self.open += [part.where(cell) for cell in cells]
        self.iterative += cells.size if iterative else 0

    def _index(self, theorem: Theorem) -> int:
        return self.theorems.setdefault(theorem.name, len(self.theorems))

    def solve(self, most: int, progress: Callable[[int, int], None] | None) -> None:
        """Predict the open cells one by one."""
        if self.iterative > most:
            raise TooLarge(
                f"{self.iterative} cells have no closed form and need an iterative solver each, more than {most}; use fewer points, "
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
                self.theorem[row, column] = self.claim[row, column] = -1

    def _predict(self, row: int, column: int) -> None:
        ufm = self.plane.at(row, column)
        chosen = choose(ufm, self.asked, self.limit)
        prediction = Prediction(ufm, chosen, chosen.solution(ufm))
        for name, number in cell_fields(prediction, self.names).items():
            self.fields[name][row, column] = number
        self.theorem[row, column], self.claim[row, column] = (
            self._index(chosen),
            prediction.claim.rank,
        )

    def finish(self) -> None:
        """Freeze the arrays, or say why there is nothing in them."""
        if not self.theorems:
            reason, cells = max(self.uncovered.items(), key=lambda item: item[1])
            raise NoTheorem(
                f"no cell of the map has a theorem: {reason}"
                + (f" ({cells} cells)" if len(self.uncovered) > 1 else "")
            )
        for array in (*self.fields.values(), self.theorem, self.claim):
            array.setflags(write=False)


def cell_fields(prediction: Prediction, names: frozenset[str]) -> dict[str, float]:
    """The fields of one prediction."""
    found: dict[str, float] = {"value": prediction.value}
    if names & set(STATES):
        state = prediction.solution.states().state
        found |= {
            name: float((state == word).sum())
            for name, word in zip(STATES, (ACTIVE, VANISHED, MERGED), strict=True)
        }
    if "rank" in names:
        sigma, frame = prediction.solution.sigma_and_frame
        values = sigma if frame.orthonormal else prediction.singular_values
        found["rank"] = float((values > 1e-12 * max(float(values.max(initial=0.0)), 1e-300)).sum())
    for which, group in (("features", FEATURES), ("classifiers", CLASSIFIERS)):
        if names & set(group):
            found |= dict(zip(group, of_prediction(prediction, which), strict=True))
    return {name: found[name] for name in names}


def _solver(part: Slice, theorem: Theorem) -> tuple[Solver | None, frozenset[str]]:
    ufm = part.example
    if theorem.name == "squared_spectral":
        return (
            squared.squared_without_bias if ufm.bias == "none" else squared.squared_with_free_bias
        ), frozenset(FIELDS)
    if theorem.name == "imbalanced_cross_entropy" and not getattr(ufm.loss, "plain", False):
        return None, frozenset()
    return _CLOSED.get(theorem.name, (None, frozenset()))


def _decays_do_not_choose(ufm: UFM) -> bool:
    """Whether the theorem that covers a problem with a bottleneck is the same at all decays."""
    return not isinstance(ufm.loss, CrossEntropy) and isinstance(ufm.bias, str)
