"""The per-class table of a prediction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.losses import Array
    from ..problem.ufm import UFM
    from .theorem import Solution


@dataclass(frozen=True)
class ClassRow:
    """One class of a prediction.

    Attributes
    ----------
    name, count : the class
    state : "active", "vanished" (feature and classifier zero) or "merged" (non-zero, shared with another class)
    locally_stable : whether a non-zero local minimum exists for it, global or not
    weight_norm : norm of the class's row of W_M ... W_1; None when targets are not one-hot
    feature_norm : norm of its class mean
    own_logit : z_k . y_k, the logit of its own class
    margin : min over other classes j of z_k . (y_k - y_j)
    critical_count : count at or below which it vanishes or merges, N fixed; None where no count of its own decides
    critical_decay : geometric mean of the decays at which it does; None where no decay keeps it
    """

    name: str
    count: float
    state: str
    locally_stable: bool
    weight_norm: float | None
    feature_norm: float
    own_logit: float
    margin: float
    critical_count: float | None
    critical_decay: float | None

    def to_dict(self) -> dict[str, Any]:
        """The row as plain values."""
        return dict(self.__dict__)


@dataclass(frozen=True, eq=False)
class ClassTable:
    """K rows, stored by column: `table.state`, `table.feature_norm`, ... are arrays of length K."""

    name: Sequence[str]
    count: Array
    state: NDArray[np.str_]
    locally_stable: NDArray[np.bool_]
    weight_norm: Array
    feature_norm: Array
    own_logit: Array
    margin: Array
    critical_count: Array
    critical_decay: Array

    def __len__(self) -> int:
        return int(self.count.size)

    @overload
    def __getitem__(self, index: int) -> ClassRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[ClassRow]: ...
    def __getitem__(self, index: int | slice) -> ClassRow | list[ClassRow]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return ClassRow(
            self.name[index],
            float(self.count[index]),
            str(self.state[index]),
            bool(self.locally_stable[index]),
            _known(self.weight_norm[index]),
            float(self.feature_norm[index]),
            float(self.own_logit[index]),
            float(self.margin[index]),
            _known(self.critical_count[index]),
            _known(self.critical_decay[index]),
        )

    def __iter__(self) -> Iterator[ClassRow]:
        return (self[i] for i in range(len(self)))


def class_table(ufm: UFM, solution: Solution) -> ClassTable:
    """Norms, logits and thresholds of every class of a solution."""
    from .factors import end_to_end_spectrum, layer_spectra

    sigma, frame = solution.sigma_and_frame
    states = solution.states()
    feature_norm = np.sqrt(frame.right_sums(layer_spectra(ufm, sigma)[0] ** 2) / ufm.counts)
    if ufm.loss.one_hot:
        weight_norm = np.sqrt(frame.left_sums(end_to_end_spectrum(ufm, sigma) ** 2))
    else:
        weight_norm = np.full(ufm.classes, math.nan)
    if solution.matrices is not None:
        found = solution.matrices
        feature_norm, weight_norm = (
            np.linalg.norm(found.features, axis=0),
            np.linalg.norm(found.end_to_end, axis=1),
        )
    direct = frame.own_and_margin(
        sigma, ufm.counts
    )  # frames that know them come without a bias, or a constant one of zero
    if direct is not None:
        own, margin = direct
    else:
        codes = ufm.loss.targets(ufm.classes)
        agreement = codes.T @ logits(ufm, solution)  # [j, k] = y_j . z_k
        own = agreement.diagonal().copy()
        np.fill_diagonal(agreement, -math.inf)
        margin = own - agreement.max(axis=0)
    return ClassTable(
        ufm.names,
        ufm.counts,
        states.state,
        states.locally_stable,
        weight_norm,
        feature_norm,
        own,
        margin,
        states.critical_count,
        states.critical_decay,
    )


def logits(ufm: UFM, solution: Solution) -> Array:
    """Zbar = A D^(-1/2) + b 1^T, column k the logits of class k."""
    sigma, frame = solution.sigma_and_frame
    z: Array = (frame.left() * sigma) @ (frame.right().T / np.sqrt(ufm.counts)) + solution.bias[
        :, None
    ]
    return z


def _known(number: float) -> float | None:
    return None if math.isnan(number) else float(number)
