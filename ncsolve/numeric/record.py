"""What a descent leaves behind: the last point, and a row of numbers at steps that grow apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.objective import Objective
    from .layout import Layout

#: Called at every recorded step as progress(start, step, objective, gradient norm).
Progress = Callable[[int, int, float, float], None]

RECORD_GROWTH = 1.05  # recorded steps are this far apart, as a ratio


@dataclass(frozen=True, eq=False)
class Reference:
    """A geometry to measure distances to: Gram of class means, Gram of W_M ... W_1, and W_M ... W_1 Hbar."""

    gram_features: Array
    gram_weights: Array
    product: Array


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Recorded steps, as columns of equal length.

    Attributes
    ----------
    step, objective, gradient_norm
    nc1 : tr Sigma_W / tr Sigma_B
    nc2_features, nc2_weights : distance of the normalized Gram to the reference's; NaN without a reference
    nc3 : distance of normalized W_M ... W_1 Hbar to the reference's; NaN without a reference
    """

    step: Array
    objective: Array
    gradient_norm: Array
    nc1: Array
    nc2_features: Array
    nc2_weights: Array
    nc3: Array

    def to_dict(self) -> dict[str, list[float | None]]:
        """Lists, with None where there is no reference."""
        return {
            name: [None if x != x else x for x in column.tolist()]
            for name, column in vars(self).items()
        }


class Recorder:
    """Keeps the last point (so that an interrupt loses nothing) and a record at growing distances."""

    def __init__(
        self,
        layout: Layout,
        objective: Objective,
        reference: Reference | None,
        index: int,
        progress: Progress | None,
        theta: Array,
    ) -> None:
        self.layout, self.objective, self.reference = layout, objective, reference
        self.index, self.progress = index, progress
        self.offset = self.step = 0
        self.next = 0.0
        self.rows: list[tuple[float, ...]] = []
        self.theta = theta

    def __call__(self, step: int, theta: Array, value: float, gradient: Array) -> None:
        """Watch one step of a stage that began at `offset`."""
        self.step, self.theta = self.offset + step, theta
        if self.step >= self.next:
            self.next = max(self.step + 1.0, RECORD_GROWTH * self.step)
            self.record(self.step, theta, value, gradient)
            if self.progress is not None:
                self.progress(self.index, self.step, value, float(np.linalg.norm(gradient)))

    def record(self, step: int, theta: Array, value: float, gradient: Array) -> None:
        """Add a row, unless the step has one."""
        if self.rows and self.rows[-1][0] >= step:
            return
        norm = float(np.linalg.norm(gradient))
        p = self.objective.unpack(theta)
        means = self.layout.class_means(p.features)
        between = float(np.sum((means - means.mean(axis=1, keepdims=True)) ** 2)) / means.shape[1]
        nc1 = self.layout.within(p.features) / self._total / between if between > 0 else np.nan
        row = [float(step), value, norm, nc1, np.nan, np.nan, np.nan]
        if self.reference is not None:
            product = p.end_to_end
            row[4] = _distance(means.T @ means, self.reference.gram_features)
            row[5] = _distance(product @ product.T, self.reference.gram_weights)
            row[6] = _distance(product @ means, self.reference.product)
        self.rows.append(tuple(row))

    @property
    def _total(self) -> float:
        return float(np.vdot(self.layout.columns.ones, self.layout.columns.ones))

    def trajectory(self) -> Trajectory:
        """The record as columns."""
        return Trajectory(*np.array(self.rows).T)


def _distance(found: Array, reference: Array) -> float:
    """||found/|found| - reference/|reference| ||_F, a zero matrix staying zero."""
    sizes = [float(np.linalg.norm(matrix)) for matrix in (found, reference)]
    return float(np.linalg.norm(found / (sizes[0] or 1.0) - reference / (sizes[1] or 1.0)))
