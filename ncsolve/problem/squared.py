r"""Squared loss.

    F(Z) = ||Z - Y||_F^2 / (2N),        per sample  (1/2) ||z - y||^2

Y repeats the target of class k in each of its n_k columns; the target is the unit vector e_k unless a matrix is given.
Any orthogonal change of columns leaves F as it is, so three layouts share one class: samples (P = N, target Y), class
means (P = K, target Y D^(1/2)), and the rotation of all N samples that `numeric/layout.py` builds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ProblemError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .loss import Array, Indices


@dataclass(frozen=True, eq=False)
class SquaredColumns:
    """||Z - target||_F^2 / (2 total), where the bias enters through the row `ones`."""

    target: Array
    ones: Array
    total: float

    def value(self, logits: Array) -> float:
        """F(Z)."""
        return self._fit(logits - self.target)

    def _fit(self, residual: Array) -> float:
        return float(np.vdot(residual, residual)) / (2.0 * self.total)

    def gradient(self, logits: Array) -> Array:
        """(Z - target) / total."""
        gradient: Array = (logits - self.target) / self.total
        return gradient

    def value_and_gradient(self, logits: Array) -> tuple[float, Array]:
        """Both, from one residual."""
        residual = logits - self.target
        return self._fit(residual), residual / self.total

    def without_mean(self, dual: Array) -> Array:
        """The orthogonal projection."""
        return dual - np.outer(dual @ self.ones / (self.ones @ self.ones), self.ones)

    def conjugate(self, dual: Array) -> float:
        """<dual, target> + (total/2) ||dual||^2."""
        return float(np.vdot(dual, self.target)) + self.total / 2.0 * float(np.vdot(dual, dual))

    def hessian_product(self, logits: Array) -> Callable[[Array], Array]:
        """Direction / total: the second derivative is constant."""
        return lambda direction: direction / self.total


@dataclass(frozen=True, eq=False)
class WeightedSquaredColumns:
    """Sum over entries of weight (Z - target)^2 / 2; entries of weight zero stand for nothing. They carry no bias row."""

    target: Array
    weight: Array

    @property
    def ones(self) -> Array:
        """Zeros: reduced columns take their bias through the logits."""
        return np.zeros(self.target.shape[1])

    def value(self, logits: Array) -> float:
        """F(Z)."""
        return float(np.vdot(self.weight, (logits - self.target) ** 2)) / 2.0

    def gradient(self, logits: Array) -> Array:
        """Weight times residual."""
        gradient: Array = self.weight * (logits - self.target)
        return gradient

    def value_and_gradient(self, logits: Array) -> tuple[float, Array]:
        """Both."""
        return self.value(logits), self.gradient(logits)

    def hessian_product(self, logits: Array) -> Callable[[Array], Array]:
        """Weight times direction."""
        return lambda direction: self.weight * direction

    def without_mean(self, dual: Array) -> Array:
        """The point itself: there is no bias row."""
        return dual

    def conjugate(self, dual: Array) -> float:
        """<dual, target> + sum of dual^2 / (2 weight)."""
        there = self.weight > 0
        return (
            float(np.vdot(dual, self.target))
            + float((dual[there] ** 2 / self.weight[there]).sum()) / 2.0
        )


@dataclass(frozen=True, eq=False, init=False)
class Squared:
    """The squared loss (1/2)||z - y||^2, averaged over samples.

    Parameters
    ----------
    codes : array_like of shape (outputs, K), optional
        Column k is the target of class k: another label encoding, soft labels, or (with every count 1) the targets of a
        regression. By default the targets are one-hot, outputs = K, and no matrix is stored.

    Examples
    --------
    >>> import numpy as np, ncsolve
    >>> ufm = ncsolve.UFM(counts=[30, 20, 10], loss=ncsolve.Squared([[1.0, -1.0, 0.0]]), weight_decay=1e-3,
    ...                   feature_decay=1e-3)
    >>> ncsolve.predict(ufm).logits.shape
    (1, 3)
    """

    codes: Array | None = None

    def __init__(self, codes: ArrayLike | None = None) -> None:
        if codes is not None:
            try:
                matrix = np.array(codes, dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise ProblemError(
                    f"targets are not a matrix of numbers ({error}); give one column per class"
                ) from None
            if matrix.ndim != 2 or 0 in matrix.shape:
                raise ProblemError(
                    f"targets have shape {matrix.shape}; give (outputs, K), one column per class"
                )
            if not np.isfinite(matrix).all():
                row, column = np.argwhere(~np.isfinite(matrix))[0]
                raise ProblemError(
                    f"target [{row}, {column}] is {matrix[row, column]}; targets must be finite numbers"
                )
            matrix.setflags(write=False)
            codes = matrix
        object.__setattr__(self, "codes", codes)

    @property
    def name(self) -> str:
        """The word used in `UFM(loss=...)`."""
        return "mse"

    @property
    def one_hot(self) -> bool:
        """Whether class k is encoded by the unit vector e_k, as in classification."""
        return self.codes is None

    def outputs(self, classes: int) -> int:
        """Rows of the target matrix: K for one-hot labels."""
        if self.codes is None:
            return classes
        if self.codes.shape[1] != classes:
            raise ProblemError(
                f"targets have {self.codes.shape[1]} columns for {classes} classes; give one column per class"
            )
        return int(self.codes.shape[0])

    def targets(self, classes: int) -> Array:
        """The matrix Y, column k the target of class k."""
        return np.eye(classes) if self.codes is None else self.codes

    def parameters(self) -> dict[str, Any]:
        """The targets, unless they are one-hot."""
        return {} if self.codes is None else {"targets": self.codes.tolist()}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Squared:
        """The loss with these `parameters`."""
        return cls(
            **{"codes" if name == "targets" else name: value for name, value in parameters.items()}
        )

    def per_class(self, classes: int) -> Array:
        """The codes; nothing where targets are one-hot."""
        return np.empty((0, classes)) if self.codes is None else self.codes

    def own_slope(self, classes: int) -> Array:
        """One: the difference of the targets."""
        return np.ones(classes)

    def grouped(
        self, shares: Array, multiplicity: Array, per_group: Array
    ) -> WeightedSquaredColumns:
        """Reduced columns of one-hot targets."""
        target = np.zeros(multiplicity.shape)
        target[-1] = 1.0
        return WeightedSquaredColumns(target, multiplicity * shares)

    def columns(self, labels: Indices, mass: Array) -> SquaredColumns:
        """Column i stands for `mass[i]` samples of class `labels[i]`."""
        root = np.sqrt(mass)
        if self.codes is not None:
            return SquaredColumns(self.codes[:, labels] * root, root, float(mass.sum()))
        target = np.zeros((int(labels.max()) + 1, labels.size))
        target[labels, np.arange(labels.size)] = root
        return SquaredColumns(target, root, float(mass.sum()))
