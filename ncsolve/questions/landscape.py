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

Any loss, all factors zero, bias at its optimum: origin.py. For squared loss that is the case r = 0.

Other problems: only the predicted minimizer, where nothing goes down, and what is flat are the rotations and, for a free bias of
cross-entropy, the one direction of b that the loss does not see.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytic.factors import balanced_factors
from ..analytic.spectrum import DenseFrame
from ..analytic.theorem import Claim
from ..problem.errors import NoTheorem
from ..problem.losses import Squared
from ..problem.objective import Parameters
from ..problem.ufm import UFM
from ..theorems.predict import predict
from .curvature import Family, families
from .modes import INNER, ZERO, Placed, placed, target_modes
from .origin import origin

if TYPE_CHECKING:
    from ..analytic.prediction import Prediction
    from ..problem.losses import Array

SAME = (
    1e-12  # target singular values of a decomposed matrix that differ by less, relatively, are one
)
FOLD = 1e-9  # distance of kappa to the fold, relatively, below which the sign of a mode's own curvature is rounding


@dataclass(frozen=True)
class Inertia:
    """Numbers of negative, zero and positive eigenvalues."""

    negative: int
    zero: int
    positive: int

    @property
    def size(self) -> int:
        """Their sum, the number of free numbers."""
        return self.negative + self.zero + self.positive

    def to_dict(self) -> dict[str, int]:
        """The counts as plain values."""
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class CriticalPoint:
    """A critical point of the raw objective and what theory says of its Hessian.

    Attributes
    ----------
    ufm : UFM
    at : what was asked for, in words
    value : objective there
    proved : whether the inertia is a theorem (else what is expected of a minimizer that is only the best known)
    placed : where each mode of the target is (squared loss), or None
    warnings : sentences
    """

    ufm: UFM
    at: str
    value: float
    proved: bool
    placed: Placed | None
    warnings: tuple[str, ...]
    _matrices: Any
    _inertia: Any
    _families: Any

    @cached_property
    def _parameters(self) -> Parameters:
        found: Parameters = self._matrices()
        return found

    def parameters(self) -> Parameters:
        """(W_1, ..., W_M), class means (d_1, K), bias."""
        return self._parameters

    def inertia(self, columns: float | None = None) -> Inertia:
        """Predicted counts, where H has so many columns (N by default, the sum of the counts)."""
        negative, zero = self._inertia()
        return Inertia(negative, zero, self._size(columns) - negative - zero)

    def families(self, columns: float | None = None) -> list[Family] | None:
        """Predicted eigenvalues by kind of direction; None where they are not known in closed form."""
        found: list[Family] | None = self._families(self._columns(columns))
        return found

    def _columns(self, columns: float | None) -> int:
        return int(self.ufm.samples if columns is None else columns)

    def _size(self, columns: float | None) -> int:
        bias = 0 if self.ufm.bias == "none" else self.ufm.outputs
        return (
            sum(rows * width for rows, width in self.ufm.shapes)
            + self.ufm.width[0] * self._columns(columns)
            + bias
        )


def critical_point(problem: UFM | Prediction, at: str = "minimizer") -> CriticalPoint:
    """The critical point that `at` names, with its predicted inertia.

    Parameters
    ----------
    problem : UFM with linear features, or a Prediction of one, whose point is then the "minimizer"
    at : str
        "minimizer", the predicted one; "zero"; for squared loss with bias none or free also "modes=0,2" (these modes at their outer
        minimum, all others zero), "unstable" (every mode that has one at its unstable root), "unstable=1" (mode 1 there, the others as in
        the minimizer), or "modes=0,2+unstable=1" (all others zero). Modes are classes, by name or number, where mode k is class k.

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
    ufm = problem if isinstance(problem, UFM) else problem.ufm
    if ufm.features != "linear":
        raise NoTheorem(
            "the Hessian is that of linear features; ReLU features bound H, and its minimizers may lie on the bound"
        )
    if at == "zero":
        return _at_zero(ufm)
    aligned = isinstance(ufm.loss, Squared) and isinstance(ufm.bias, str)
    if at == "minimizer" and not (aligned and _closed(problem)):
        return _at_minimizer(predict(problem) if isinstance(problem, UFM) else problem)
    if not aligned:
        raise NoTheorem(
            f"{at!r} needs squared loss with bias none or free; 'minimizer' and 'zero' work here"
        )
    return aligned_point(placed(target_modes(ufm), at), at)


def _closed(problem: UFM | Prediction) -> bool:
    """Whether the point of a squared-loss problem is the aligned minimizer: not one that was asked for by another name."""
    return isinstance(problem, UFM) or problem.theorem.name in (
        "squared_spectral",
        "squared_targets",
    )


def aligned_point(chosen: Placed, at: str = "as given") -> CriticalPoint:
    """The critical point with each mode of a squared-loss problem where `chosen` says."""
    modes, ufm = chosen.modes, chosen.modes.ufm
    kept = np.flatnonzero(chosen.share > 0)

    def matrices() -> Parameters:
        frame = DenseFrame(lambda: (modes.frame.left()[:, kept], modes.frame.right()[:, kept]))
        return balanced_factors(ufm, chosen.sigma[kept], frame, modes.bias)

    def spectrum(columns: int) -> list[Family]:
        return families(modes, chosen.share, chosen.shrinkage, columns)

    return CriticalPoint(
        ufm,
        at,
        chosen.value,
        True,
        chosen,
        _warnings(chosen),
        matrices,
        lambda: aligned_inertia(chosen),
        spectrum,
    )


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


def _warnings(placed: Placed) -> tuple[str, ...]:
    """What rounding decides."""
    modes = placed.modes
    near = [
        modes.names[i]
        for i in np.flatnonzero(
            (placed.place != ZERO) & (np.abs(modes.kappa / modes.fold - 1.0) < FOLD)
        )
    ]
    said = f"{', '.join(near[:5])}: at the fold, where both roots are one and a mode's own curvature is zero up to rounding"
    return (said,) if near and modes.ufm.depth > 1 else ()


def _at_zero(ufm: UFM) -> CriticalPoint:
    found = origin(ufm)
    modes = (
        target_modes(ufm) if isinstance(ufm.loss, Squared) and isinstance(ufm.bias, str) else None
    )
    placed = None if modes is None else Placed(modes, np.full(modes.tau2.size, ZERO, dtype="U8"))
    return CriticalPoint(
        ufm,
        "zero",
        found.value,
        True,
        placed,
        (),
        lambda: found.parameters,
        lambda: found.inertia,
        found.families,
    )


def _at_minimizer(prediction: Prediction) -> CriticalPoint:
    """A minimizer whose eigenvalues have no closed form: nothing goes down, rotations are flat."""
    ufm = prediction.ufm
    if prediction.theorem.limit:
        raise NoTheorem(
            f"theorem {prediction.theorem.name!r} is about a limit: it has no point at positive decays"
        )
    rank = int(
        np.sum(prediction.singular_values > 1e-9 * max(prediction.singular_values[0], 1e-300))
    )
    if rank == 0:
        return _at_zero(ufm)
    unseen = int(ufm.bias == "free" and not isinstance(ufm.loss, Squared))
    zero = unseen + sum(rank * (2 * width - rank - 1) // 2 for width in ufm.width)
    proved = prediction.claim in (Claim.GLOBAL, Claim.CERTIFIED) and prediction.unique
    doubt = (
        f"the point is {prediction.claim.value}: theory does not say that nothing goes down there"
    )
    return CriticalPoint(
        ufm,
        "minimizer",
        prediction.value,
        proved,
        None,
        prediction.warnings if proved else (*prediction.warnings, doubt),
        prediction.parameters,
        lambda: (0, zero),
        lambda columns: None,
    )
