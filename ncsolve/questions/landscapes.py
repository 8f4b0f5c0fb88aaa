"""The inertia that theory predicts at a critical point, against all eigenvalues of the raw objective's Hessian there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..numeric.hessian import LARGEST_DENSE, hessian_eigenvalues
from ..problem.errors import ProblemError, TooLarge
from ..problem.losses import class_columns, sample_columns
from ..problem.objective import Objective, Parameters, objective_over
from .curvature import eigenvalues
from .landscape import CriticalPoint, Inertia, critical_point

if TYPE_CHECKING:
    from ..analytic.prediction import Prediction
    from ..problem.losses import Array
    from ..problem.ufm import UFM
    from .curvature import Family

ZERO = 1e-10  # an eigenvalue within this share of the largest modulus counts as zero; rounding measured below 1e-14
SAME = 1e-9  # predicted and measured eigenvalues agree within this share of the largest modulus; measured below 1e-13


class Comparison(Enum):
    """What the measured spectrum says of the predicted one; the value is the sentence for the reader."""

    AGREES = "the measured counts are the predicted ones"
    CONTRADICTED = "the measured counts differ from the predicted ones"
    UNRESOLVED = "some predicted eigenvalues are too small, or known too little, for doubles to tell their signs"


@dataclass(frozen=True, eq=False)
class Landscape:
    """A critical point with its predicted and its measured spectrum.

    Attributes
    ----------
    point : CriticalPoint
    columns : number of columns of H in both: N, or K (class means alone) where N columns are too many
    measured_eigenvalues : array, ascending
    gradient_norm : of the raw objective at the point; zero in theory
    tolerance : an eigenvalue within this share of the largest modulus, or ten times the gradient's norm, counts as zero
    """

    point: CriticalPoint
    columns: int
    measured_eigenvalues: Array
    gradient_norm: float
    tolerance: float

    @cached_property
    def predicted(self) -> Inertia:
        """Counts by theory."""
        return self.point.inertia(self.columns)

    @cached_property
    def measured(self) -> Inertia:
        """Counts of the dense Hessian."""
        small = max(
            self.tolerance * self.largest, 10.0 * self.gradient_norm
        )  # an orbit is as flat as the gradient is small
        negative = int((self.measured_eigenvalues < -small).sum())
        positive = int((self.measured_eigenvalues > small).sum())
        return Inertia(negative, self.measured_eigenvalues.size - negative - positive, positive)

    @property
    def largest(self) -> float:
        """The largest eigenvalue in modulus."""
        return float(np.abs(self.measured_eigenvalues).max())

    @cached_property
    def families(self) -> list[Family] | None:
        """Predicted eigenvalues by kind of direction, or None."""
        return self.point.families(self.columns)

    @cached_property
    def predicted_eigenvalues(self) -> Array | None:
        """Predicted eigenvalues, ascending, or None."""
        return None if self.families is None else eigenvalues(self.families)

    @property
    def eigenvalue_error(self) -> float | None:
        """The largest difference of predicted and measured eigenvalues, in order, as a share of the largest modulus."""
        if self.predicted_eigenvalues is None:
            return None
        return (
            float(np.abs(self.predicted_eigenvalues - self.measured_eigenvalues).max())
            / self.largest
        )

    @property
    def comparison(self) -> Comparison:
        """AGREES, CONTRADICTED or UNRESOLVED."""
        error = self.eigenvalue_error
        if error is not None and not error <= SAME:
            return Comparison.CONTRADICTED
        if self.measured == self.predicted:
            return Comparison.AGREES
        if (
            error is not None or not self.point.proved
        ):  # the spectra agree, so signs differ only where rounding decides them
            return Comparison.UNRESOLVED
        return Comparison.CONTRADICTED

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain values."""
        families = self.families
        return {
            "ufm": self.point.ufm.to_dict(),
            "at": self.point.at,
            "value": self.point.value,
            "proved": self.point.proved,
            "columns": self.columns,
            "modes": None if self.point.placed is None else self.point.placed.to_rows(),
            "predicted": self.predicted.to_dict(),
            "measured": self.measured.to_dict(),
            "comparison": self.comparison.name,
            "eigenvalue_error": self.eigenvalue_error,
            "gradient_norm": self.gradient_norm,
            "tolerance": self.tolerance,
            "families": None if families is None else [family.to_dict() for family in families],
            "measured_eigenvalues": self.measured_eigenvalues.tolist(),
            "warnings": list(self.point.warnings),
        }


def measure_inertia(
    point: CriticalPoint | Prediction | UFM,
    at: str = "minimizer",
    *,
    columns: str = "auto",
    tolerance: float = ZERO,
) -> Landscape:
    """All eigenvalues of the raw objective's Hessian at a critical point, beside what theory says of them.

    Parameters
    ----------
    point : CriticalPoint, or a UFM or Prediction and `at` (see `critical_point`)
    columns : "samples" (all N features), "means" (K class means, scaled by sqrt(n_k): the N - K within-class directions per unit are left
        out on both sides), or "auto": samples where there are at most 3000 free numbers, else means
    tolerance : float
        An eigenvalue within this share of the largest modulus counts as zero.

    Raises
    ------
    TooLarge
        Beyond 3000 free numbers.

    Examples
    --------
    >>> import ncsolve
    >>> found = measure_inertia(ncsolve.UFM([6, 4, 2], depth=2, weight_decay=2e-2, feature_decay=2e-2), "unstable=2")
    >>> found.measured, found.comparison.name
    (Inertia(negative=1, zero=6, positive=47), 'AGREES')
    """
    found = point if isinstance(point, CriticalPoint) else critical_point(point, at)
    ufm = found.ufm
    if columns not in ("auto", "samples", "means"):
        raise ProblemError(f"columns {columns!r} is unknown; 'auto', 'samples' or 'means' works")
    if not 0 < tolerance < 1:
        raise ProblemError(f"tolerance {tolerance!r} is not a number between 0 and 1 such as 1e-10")
    if columns == "samples" and not ufm.whole:
        raise ProblemError("fractional counts have no N samples; columns='means' works")
    fits = ufm.whole and found.inertia().size <= LARGEST_DENSE
    if columns == "samples" or (columns == "auto" and fits):
        return _measured(
            found, objective_over(ufm, sample_columns(ufm.loss, ufm.counts)), True, tolerance
        )
    return _measured(
        found, objective_over(ufm, class_columns(ufm.loss, ufm.counts)), False, tolerance
    )


def _measured(
    point: CriticalPoint, objective: Objective, every: bool, tolerance: float
) -> Landscape:
    """At the point, with every sample at its class mean, or the scaled class means alone."""
    ufm = point.ufm
    if objective.size > LARGEST_DENSE:
        raise TooLarge(
            f"the Hessian has {objective.size} free numbers; all its eigenvalues are computed up to {LARGEST_DENSE}: "
            "fewer classes or smaller widths work"
        )
    p = point.parameters()
    features = (
        np.repeat(p.features, ufm.counts.astype(np.intp), axis=1)
        if every
        else p.features * np.sqrt(ufm.counts)
    )
    theta = objective.pack(Parameters(p.weights, features, p.bias))
    slope = float(np.linalg.norm(objective.value_and_gradient(theta)[1]))
    return Landscape(
        point, features.shape[1], hessian_eigenvalues(objective, theta), slope, tolerance
    )
