r"""What closed forms over many cells share.

A solver takes a Slice, some of its cells and the names of the fields that are wanted, and gives one array per field and a mask of cells
that it leaves to `predict`: those within rounding of a threshold, which exact arithmetic decides, and those where a tie at a
bottleneck leaves a choice. Levels, thresholds and roots are those of scalar.py; the other formulas stand beside the theorem that
proves them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...problem.losses import CrossEntropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...problem.losses import Array
    from ...problem.ufm import UFM
    from .plane import Indices, Slice

    Found = tuple[dict[str, Array], NDArray[np.bool_]]
    Solver = Callable[[Slice, Indices, frozenset[str]], Found]

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
ENDS = frozenset(
    {FEATURES[0], FEATURES[2], CLASSIFIERS[0], CLASSIFIERS[2]}
)  # cosines that need Gram matrices
BLOCK = 1 << 19  # numbers (cells x classes) at a time
NEAR = 1e-9  # of a threshold whose exact comparison is `reduction.exceeding`


def blocks(cells: Indices, order: Indices, per_cell: int) -> Iterator[Indices]:
    """Positions in `cells`, cells with equal `order` beside each other, in parts of about BLOCK / per_cell."""
    sorted_ = np.argsort(order, kind="stable")
    step = max(1, BLOCK // per_cell)
    for start in range(0, cells.size, step):
        yield sorted_[start : start + step]


def rows(
    part: Slice, cells: Indices, per_class: int = 1
) -> Iterator[tuple[Indices, Array, Array, Indices]]:
    """Blocks of cells: positions, distinct count vectors (descending), their N, and which of them each cell has."""
    for block in blocks(cells, part.by_counts[cells], part.example.classes * per_class):
        _, first, of = np.unique(
            part.by_counts[cells[block]], return_index=True, return_inverse=True
        )
        counts = -np.sort(-part.counts(cells[block[first]]), axis=1)
        yield (
            block,
            counts,
            counts.sum(axis=1, dtype=np.longdouble).astype(np.float64),
            of.reshape(-1),
        )


def largest(part: Slice, cells: Indices) -> Array:
    """N_1 of some cells, the only count of balanced ones."""
    return part.counts(cells)[:, 0]


def all_or_none(classes: int, alive: NDArray[np.bool_]) -> dict[str, Array]:
    """Numbers of classes where all share their fate."""
    active = np.where(alive, float(classes), 0.0)
    return {"active": active, "vanished": classes - active, "merged": np.zeros(active.size)}


def smoothing(ufm: UFM) -> float:
    """Delta of label smoothing."""
    return ufm.loss.smoothing if isinstance(ufm.loss, CrossEntropy) else 0.0


def wants_angles(fields: frozenset[str]) -> bool:
    """Whether any cosine is wanted."""
    return bool(fields & {*FEATURES, *CLASSIFIERS})
