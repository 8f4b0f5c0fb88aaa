r"""Critical points of the raw objective and their inertia: how many directions go down, are flat, go up.

Squared loss, bias none or free. Every choice of modes, each at zero, at its outer minimum or (M >= 2) at its unstable root, with
balanced aligned factors, is a critical point, if at most R modes are active. With r active ones, from the blocks of curvature.py,

    negative = modes at the unstable root
             + pairs of active modes in the wrong order, (tau_a - tau_b)(sigma_a - sigma_b) < 0,
               and pairs with one tau, both at the unstable root
             + pairs of an active mode a and a missing one c with tau_c > tau_a
             + (M = 1) d_1 - r for each missing mode with tau_c > N c
    zero     = sum over layers of r (2 d_j - r - 1)/2, the rotations of the hidden layers
             + pairs with one tau: active at different roots, or one active and one missing
             + (M = 1) d_1 - r for each missing mode with tau_c = N c

Against it stand all eigenvalues of the raw objective's Hessian at that point. Other losses and a regularized bias have no aligned modes:
there the verb `verify` with `--hessian` looks at the minimizer's second derivative.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytic.factors import balanced_factors
from ..analytic.spectrum import DenseFrame
from ..analytic.theorem import Claim
from ..numeric.hessian import LARGEST_DENSE, hessian_eigenvalues
from ..problem.errors import NoTheorem, ProblemError, TooLarge
from ..problem.losses import class_columns, sample_columns
from ..problem.objective import Parameters, objective_over
from ..problem.ufm import UFM
from ..values import Value
from .curvature import Family, eigenvalues, families
from .modes import INNER, ZERO, Placed, placed, target_modes

if TYPE_CHECKING:
    from ..analytic.prediction import Prediction
    from ..problem.losses import Array

SAME = (
    1e-12  # target singular values of a decomposed matrix that differ by less, relatively, are one
)
FOLD = 1e-9  # distance of kappa to the fold, relatively, below which the sign of a mode's own curvature is rounding
FLAT = 1e-10  # an eigenvalue within this share of the largest modulus counts as zero; rounding measured below 1e-14
EQUAL = 1e-9  # predicted and measured eigenvalues agree within this share of the largest modulus; measured below 1e-13


@dataclass(frozen=True, repr=False, eq=False)
class Inertia(Value):
    """Numbers of negative, zero and positive eigenvalues."""

    negative: int
    zero: int
    positive: int

    @property
    def size(self) -> int:
        """Their sum, the number of free numbers."""
        return self.negative + self.zero + self.positive


@dataclass(frozen=True, eq=False, repr=False)
class CriticalPoint(Value):
    """A critical point of the raw objective and what theory says of its Hessian.

    Attributes
    ----------
    at : what was asked for, in words
    placed : where each mode of the target is
    """

    at: str
    placed: Placed

    @property
    def ufm(self) -> UFM:
        """The problem."""
        return self.placed.modes.ufm

    @property
    def value(self) -> float:
        """The objective there."""
        return self.placed.value

    @property
    def warnings(self) -> tuple[str, ...]:
        """What rounding decides."""
        modes, there = self.placed.modes, self.placed.place != ZERO
        near = np.flatnonzero(there & (np.abs(modes.kappa / modes.fold - 1.0) < FOLD))
        if not near.size or self.ufm.depth == 1:
            return ()
        names = ", ".join(modes.names[i] for i in near[:5])
        return (
            f"{names}: at the fold, where both roots are one and a mode's own curvature is zero up to rounding",
        )

    def parameters(self) -> Parameters:
        """(W_1, ..., W_M), class means (d_1, K), bias."""
        modes, kept = self.placed.modes, np.flatnonzero(self.placed.share > 0)
        frame = DenseFrame(lambda: (modes.frame.left()[:, kept], modes.frame.right()[:, kept]))
        return balanced_factors(self.ufm, self.placed.sigma[kept], frame, modes.bias)

    def inertia(self, columns: float | None = None) -> Inertia:
        """Predicted counts, where H has so many columns (N by default, the sum of the counts)."""
        ufm = self.ufm
        size = sum(rows * width for rows, width in ufm.shapes) + ufm.width[0] * self._of(columns)
        size += 0 if ufm.bias == "none" else ufm.outputs
        negative, zero = aligned_inertia(self.placed)
        return Inertia(negative, zero, size - negative - zero)

    def families(self, columns: float | None = None) -> list[Family]:
        """Predicted eigenvalues by kind of direction."""
        chosen = self.placed
        return families(chosen.modes, chosen.share, chosen.shrinkage, self._of(columns))

    def _of(self, columns: float | None) -> int:
        return int(self.ufm.samples if columns is None else columns)


def critical_point(problem: UFM | Prediction, at: str = "minimizer") -> CriticalPoint:
    """The critical point that `at` names, with its predicted inertia.

    Parameters
    ----------
    problem : UFM (squared loss, linear features, bias none or free), or the Prediction of its global minimizer
    at : str
        "minimizer", the predicted one; "zero"; "modes=0,2" (these modes at their outer minimum, all others zero), "unstable" (every
        mode that has one at its unstable root), "unstable=1" (mode 1 there, the others as in the minimizer), or
        "modes=0,2+unstable=1" (all others zero). Modes are classes, by name or number, where mode k is class k.

    Raises
    ------
    NoTheorem
        If the point is not known in closed form for this problem.
    ProblemError
        If `at` names a mode that does not exist, has no such root, or too many for the widths.

    Examples
    --------
    >>> import ncsolve
    >>> ufm = ncsolve.UFM([30, 20, 8], depth=2, weight_decay=3e-3, feature_decay=3e-3)
    >>> critical_point(ufm).inertia().negative, critical_point(ufm, "unstable=2").inertia().negative
    (0, 1)
    >>> critical_point(ufm.replace(depth=1), "modes=1").inertia().negative  # class 0 is stronger; two idle units see classes 0 and 2
    5
    """
    if not isinstance(problem, UFM):
        if problem.claim is not Claim.GLOBAL or problem.theorem.limit:
            raise NoTheorem(
                f"the point of theorem {problem.theorem.name!r} has no modes: only the global minimizer of squared loss has them"
            )
        problem = problem.ufm
    return CriticalPoint(at, placed(target_modes(problem), at))


def aligned_inertia(chosen: Placed) -> tuple[int, int]:
    """Negative and zero eigenvalues, by the rules of this module."""
    modes, ufm = chosen.modes, chosen.modes.ufm
    place, tau2 = chosen.place, modes.tau2
    active, missing = np.flatnonzero(place != ZERO), np.flatnonzero(place == ZERO)
    a, b = active[np.triu_indices(active.size, 1)[0]], active[np.triu_indices(active.size, 1)[1]]
    order = _sign(tau2[a], tau2[b])
    inner = place == INNER
    swapped = order * np.sign(chosen.sigma[a] - chosen.sigma[b]) < 0
    over = _sign(tau2[missing][:, None], tau2[active])
    negative = [
        inner.sum(),
        swapped.sum(),
        ((order == 0) & inner[a] & inner[b]).sum(),
        (over > 0).sum(),
    ]
    zero = [((order == 0) & (inner[a] != inner[b])).sum(), (over == 0).sum()]
    zero += [active.size * (2 * width - active.size - 1) // 2 for width in ufm.width]
    if ufm.depth == 1:
        above = modes.above_threshold[missing] * (ufm.width[0] - active.size)
        negative.append(above[above > 0].sum())
        zero.append(
            (ufm.width[0] - active.size) * (above == 0).sum() if ufm.width[0] > active.size else 0
        )
    return int(sum(negative)), int(sum(zero))


def _sign(one: Array, other: Array) -> Array:
    """Sign of the difference, 0 where it is rounding."""
    difference = one - other
    sign: Array = np.where(
        np.abs(difference) <= SAME * np.maximum(one, other), 0.0, np.sign(difference)
    )
    return sign


class Agreement(Enum):
    """What the measured spectrum says of the predicted one; the value is the sentence for the reader."""

    AGREES = "the measured counts are the predicted ones"
    CONTRADICTED = "the measured counts differ from the predicted ones"
    UNRESOLVED = "some predicted eigenvalues are too small, or known too little, for doubles to tell their signs"


@dataclass(frozen=True, eq=False, repr=False)
class Landscape(Value):
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
    def families(self) -> list[Family]:
        """Predicted eigenvalues by kind of direction."""
        return self.point.families(self.columns)

    @cached_property
    def predicted_eigenvalues(self) -> Array:
        """Predicted eigenvalues, ascending."""
        return eigenvalues(self.families)

    @property
    def eigenvalue_error(self) -> float:
        """The largest difference of predicted and measured eigenvalues, in order, as a share of the largest modulus."""
        difference = np.abs(self.predicted_eigenvalues - self.measured_eigenvalues)
        return float(difference.max()) / self.largest

    @property
    def comparison(self) -> Agreement:
        """AGREES, CONTRADICTED or UNRESOLVED, where the spectra agree and signs differ only by rounding."""
        if not self.eigenvalue_error <= EQUAL:
            return Agreement.CONTRADICTED
        return Agreement.AGREES if self.measured == self.predicted else Agreement.UNRESOLVED

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain values."""
        point = self.point
        first = {"ufm": point.ufm.to_dict(), "at": point.at, "value": point.value, "proved": True}
        return first | {
            "columns": self.columns,
            "modes": point.placed.to_rows(),
            "predicted": self.predicted.to_dict(),
            "measured": self.measured.to_dict(),
            "comparison": self.comparison.name,
            "eigenvalue_error": self.eigenvalue_error,
            "gradient_norm": self.gradient_norm,
            "tolerance": self.tolerance,
            "families": [family.to_dict() for family in self.families],
            "measured_eigenvalues": self.measured_eigenvalues.tolist(),
            "warnings": list(point.warnings),
        }


def measure_inertia(
    point: CriticalPoint | Prediction | UFM,
    at: str = "minimizer",
    *,
    columns: str = "auto",
    tolerance: float = FLAT,
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
    every = columns == "samples" or (columns == "auto" and fits)
    objective = objective_over(
        ufm, (sample_columns if every else class_columns)(ufm.loss, ufm.counts)
    )
    if objective.size > LARGEST_DENSE:
        raise TooLarge(
            f"the Hessian has {objective.size} free numbers; all its eigenvalues are computed up to {LARGEST_DENSE}: "
            "fewer classes or smaller widths work"
        )
    p = found.parameters()
    spread = np.repeat(p.features, ufm.counts.astype(np.intp), axis=1) if every else None
    features = p.features * np.sqrt(ufm.counts) if spread is None else spread
    theta = objective.pack(Parameters(p.weights, features, p.bias))
    slope = float(np.linalg.norm(objective.value_and_gradient(theta)[1]))
    spectrum = hessian_eigenvalues(objective, theta)
    return Landscape(found, features.shape[1], spectrum, slope, tolerance)
