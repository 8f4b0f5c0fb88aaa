r"""The point where every factor is zero and the bias is at its optimum, for any loss, with its whole Hessian spectrum.

The logits are b in every column, and b minimizes F(b 1^T) + (lambda_b/2) ||b||^2. The gradient of every factor has another factor in
it, so the point is critical. The product of M + 1 factors changes at order M + 1 only, so the second derivative is

    M = 1:    2 <Gamma, D_1 D_0> + lambda_0 ||D_0||^2 + lambda_1 ||D_1||^2,    Gamma = dF/dZ,
    M >= 2:   sum_j lambda_j ||D_j||^2,

plus that of the bias alone. In the singular bases of Gamma (over the K columns scaled by sqrt(n_k), singular values gamma_i) the first
line is, for each of the d_1 hidden units, [[lambda_1, gamma_i], [gamma_i, lambda_0]], which is negative once iff gamma_i exceeds
sqrt(lambda_0 lambda_1), and a decay for every direction that Gamma does not use. Squared loss has gamma_i = tau_i / N. The bias adds the
eigenvalues of the loss's second derivative in b: for cross-entropy one of them is zero when the bias is free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..problem.losses import Squared, class_columns
from ..problem.objective import Parameters, objective
from .curvature import Family, two_by_two
from .modes import target_modes

if TYPE_CHECKING:
    from ..problem.losses import Array, Columns
    from ..problem.ufm import UFM

NEWTON = 100  # steps
LEVEL = 1e-12  # gamma^2 that differs from lambda_0 lambda_1 by less, relatively, equals it where it is known to rounding only


@dataclass(frozen=True, eq=False)
class Origin:
    """The zero point of one problem.

    Attributes
    ----------
    ufm : UFM
    parameters : zero factors (K class means), the best bias
    value : the objective
    gamma : singular values of Gamma, descending, shape (min(outputs, K),)
    above : array like gamma, the sign of gamma - sqrt(lambda_0 lambda_1) (M = 1)
    of_bias : eigenvalues of the second derivative in the bias; empty without a bias
    """

    ufm: UFM
    parameters: Parameters
    value: float
    gamma: Array
    above: Array
    of_bias: Array

    @property
    def inertia(self) -> tuple[int, int]:
        """Negative and zero eigenvalues."""
        unseen = int(self.ufm.bias == "free" and not isinstance(self.ufm.loss, Squared))
        if self.ufm.depth > 1:
            return 0, unseen
        width = self.ufm.width[0]
        return int((self.above > 0).sum()) * width, int((self.above == 0).sum()) * width + unseen

    def families(self, columns: int) -> list[Family]:
        """Eigenvalues by kind of direction, where H has so many columns."""
        ufm, decay = self.ufm, np.array(self.ufm.decays)
        found = [Family("the bias", self.of_bias, 1)]
        if ufm.depth == 1:
            used, width = self.gamma.size, ufm.width[0]
            found += [
                Family("modes and hidden units", two_by_two(decay[1], decay[0], self.gamma), width),
                Family("empty rows and hidden units", decay[1:], (ufm.outputs - used) * width),
                Family("empty columns and hidden units", decay[:1], (columns - used) * width),
            ]
        else:
            sizes = [ufm.width[0] * columns, *(rows * width for rows, width in ufm.shapes)]
            names = ("H", *(f"W_{j + 1}" for j in range(ufm.depth)))
            found += [Family(name, decay[j : j + 1], sizes[j]) for j, name in enumerate(names)]
        return [family for family in found if family.size]


def origin(ufm: UFM) -> Origin:
    """The zero point of a problem with any loss and bias.

    Examples
    --------
    >>> import ncsolve
    >>> origin(ncsolve.UFM([30, 20, 8], loss="ce", weight_decay=1e-2, feature_decay=1e-2)).gamma.round(6).tolist()
    [0.087393, 0.062102, 0.0]
    """
    columns = class_columns(ufm.loss, ufm.counts)
    bias = np.zeros(ufm.outputs) if ufm.bias == "none" else _best_bias(columns, ufm)
    gamma = np.asarray(
        np.linalg.svd(columns.gradient(np.outer(bias, columns.ones)), compute_uv=False),
        dtype=np.float64,
    )
    level = ufm.feature_decay * ufm.weight_decay[0]
    above = np.where(np.abs(gamma**2 / level - 1.0) <= LEVEL, 0.0, np.sign(gamma**2 - level))
    if (
        ufm.depth == 1 and isinstance(ufm.loss, Squared) and isinstance(ufm.bias, str)
    ):  # gamma = tau/N, compared exactly
        exact = np.sort(target_modes(ufm).above_threshold)[::-1]
        above = np.concatenate([exact, np.full(gamma.size - exact.size, -1.0)])
    second = np.empty((0, 0)) if ufm.bias == "none" else _bend(columns, bias, ufm.bias_decay)
    of_bias = np.asarray(np.linalg.eigvalsh(second), dtype=np.float64)
    parameters = Parameters(
        tuple(np.zeros(shape) for shape in ufm.shapes), np.zeros((ufm.width[0], ufm.classes)), bias
    )
    return Origin(ufm, parameters, objective(ufm, parameters), gamma, above, of_bias)


def _best_bias(columns: Columns, ufm: UFM) -> Array:
    """The minimizer of the convex F(b 1^T) + (lambda_b/2) ||b||^2 by damped Newton steps, until none lowers it."""

    def value(b: Array) -> float:
        return columns.value(np.outer(b, columns.ones)) + ufm.bias_decay / 2.0 * float(b @ b)

    bias = np.zeros(ufm.outputs)
    for _ in range(NEWTON):
        slope = (
            columns.gradient(np.outer(bias, columns.ones)) @ columns.ones + ufm.bias_decay * bias
        )
        step = np.asarray(
            np.linalg.lstsq(_bend(columns, bias, ufm.bias_decay), slope, rcond=1e-13)[0],
            dtype=np.float64,
        )
        length = _first_lower(value, bias, step)
        if length == 0.0:
            return bias
        bias = bias - length * step
    return bias


def _first_lower(value: Callable[[Array], float], bias: Array, step: Array) -> float:
    """1, 1/2, ...: the first length that lowers the value; 0 if none does. A last step that moves by rounding is not taken."""
    here, length = value(bias), 1.0
    while length > 1e-8:
        if value(bias - length * step) < here:
            return length
        length *= 0.5
    return 0.0


def _bend(columns: Columns, bias: Array, decay: float) -> Array:
    """Second derivative in the bias, shape (outputs, outputs)."""
    product = columns.hessian_product(np.outer(bias, columns.ones))
    rows = [product(np.outer(axis, columns.ones)) @ columns.ones for axis in np.eye(bias.size)]
    return np.array(rows) + decay * np.eye(bias.size)
