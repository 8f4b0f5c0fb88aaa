r"""The raw objective, its gradient and its second derivative, for explicit matrices.

With X_0 = H, X_j = W_j X_{j-1}, Z = X_M + b 1^T and B_M = dF/dZ, B_{j-1} = W_j^T B_j:

    dL/dW_j = B_j X_{j-1}^T + lambda_j W_j,    dL/dH = B_0 + lambda_H H,    dL/db = B_M 1 + lambda_b b.

The product with the Hessian differentiates those lines once more, along a direction. Nothing here knows a closed form:
this file is the definition that every theorem is held against.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..values import Value
from .errors import ProblemError
from .losses import class_columns, sample_columns

if TYPE_CHECKING:
    from .losses import Array, Columns
    from .ufm import UFM


@dataclass(frozen=True, eq=False, repr=False)
class Parameters(Value):
    """Matrices of a network: (W_1, ..., W_M), features with P columns, bias (zeros when there is none)."""

    weights: tuple[Array, ...]
    features: Array
    bias: Array

    def __post_init__(self) -> None:
        """Arrays stay as they are given: `Objective.unpack` hands out views to write into."""

    @property
    def end_to_end(self) -> Array:
        """W_M ... W_1, shape (outputs, d_1)."""
        product = self.weights[-1]
        for weight in reversed(self.weights[:-1]):
            product = product @ weight
        return product

    def named(self, prefix: str = "") -> dict[str, Array]:
        """W_1, ..., W_M, class_means and bias by name, the prefix before each: as they are written to an .npz file.

        Examples
        --------
        >>> Parameters((np.eye(2),), np.ones((2, 3)), np.zeros(2)).named("found_").keys()
        dict_keys(['found_W_1', 'found_class_means', 'found_bias'])
        """
        weights = {f"{prefix}W_{j}": weight for j, weight in enumerate(self.weights, start=1)}
        return weights | {f"{prefix}class_means": self.features, f"{prefix}bias": self.bias}


@dataclass(frozen=True, eq=False, repr=False)
class Objective(Value):
    """L as a function of one flat vector theta = (W_1, ..., W_M, H, b).

    Built by `objective_over`; `columns` says what a column of H stands for.
    """

    columns: Columns
    shapes: tuple[tuple[int, int], ...]
    weight_decay: tuple[float, ...]
    feature_decay: float
    bias_decay: float

    @property
    def _has_bias(self) -> bool:
        return self.bias_decay < math.inf

    @property
    def feature_shape(self) -> tuple[int, int]:
        """(d_1, P)."""
        return self.shapes[0][1], self.columns.ones.size

    @property
    def size(self) -> int:
        """Number of free numbers in theta."""
        bias = self.shapes[-1][0] if self._has_bias else 0
        return sum(r * c for r, c in (*self.shapes, self.feature_shape)) + bias

    @property
    def feature_slice(self) -> slice:
        """Where H lies in theta."""
        start = sum(r * c for r, c in self.shapes)
        return slice(start, start + self.feature_shape[0] * self.feature_shape[1])

    def pack(self, parameters: Parameters) -> Array:
        """Matrices to theta."""
        parts = [w.ravel() for w in parameters.weights] + [parameters.features.ravel()]
        return np.concatenate([*parts, parameters.bias] if self._has_bias else parts)

    def unpack(self, theta: Array) -> Parameters:
        """Theta to matrices (views, not copies)."""
        start, blocks = 0, []
        for rows, columns in (*self.shapes, self.feature_shape):
            blocks.append(theta[start : start + rows * columns].reshape(rows, columns))
            start += rows * columns
        bias = theta[start:] if self._has_bias else np.zeros(self.shapes[-1][0])
        return Parameters(tuple(blocks[:-1]), blocks[-1], bias)

    def value(self, theta: Array) -> float:
        """L(theta)."""
        p = self.unpack(theta)
        return self.columns.value(self._forward(p)[-1]) + self.penalty(p)

    def penalty(self, p: Parameters) -> float:
        """The decay terms."""
        squares = [
            decay * np.vdot(w, w) for decay, w in zip(self.weight_decay, p.weights, strict=True)
        ]
        squares.append(self.feature_decay * np.vdot(p.features, p.features))
        if self._has_bias:
            squares.append(self.bias_decay * np.vdot(p.bias, p.bias))
        return 0.5 * float(sum(squares))

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """L(theta) and its gradient, shape (size,)."""
        p = self.unpack(theta)
        x = self._forward(p)
        gradient = np.empty_like(theta)
        out = self.unpack(gradient)
        fit, back = self.columns.value_and_gradient(x[-1])
        if self._has_bias:
            out.bias[:] = back @ self.columns.ones + self.bias_decay * p.bias
        for j in reversed(range(len(p.weights))):
            np.matmul(back, x[j].T, out=out.weights[j])
            out.weights[j][:] += self.weight_decay[j] * p.weights[j]
            back = p.weights[j].T @ back
        np.multiply(p.features, self.feature_decay, out=out.features)
        out.features[:] += back
        return fit + self.penalty(p), gradient

    def hessian_product(self, theta: Array) -> Callable[[Array], Array]:
        """The map v -> (second derivative of L at theta) v; the forward and backward passes at theta are done once."""
        p = self.unpack(theta)
        x = self._forward(p)
        back = [self.columns.gradient(x[-1])]
        for weight in reversed(p.weights):
            back.insert(0, weight.T @ back[0])

        bend = self.columns.hessian_product(x[-1])

        def product(v: Array) -> Array:
            d = self.unpack(np.asarray(v, dtype=np.float64).ravel())
            result = np.empty(self.size)
            out = self.unpack(result)
            dx = [d.features]
            for j, weight in enumerate(p.weights):
                dx.append(d.weights[j] @ x[j] + weight @ dx[j])
            dx[-1] = dx[-1] + np.outer(d.bias, self.columns.ones)
            db = bend(dx[-1])
            if self._has_bias:
                out.bias[:] = db @ self.columns.ones + self.bias_decay * d.bias
            for j in reversed(range(len(p.weights))):
                out.weights[j][:] = (
                    db @ x[j].T + back[j + 1] @ dx[j].T + self.weight_decay[j] * d.weights[j]
                )
                db = d.weights[j].T @ back[j + 1] + p.weights[j].T @ db
            out.features[:] = db + self.feature_decay * d.features
            return result

        return product

    def _forward(self, p: Parameters) -> list[Array]:
        x = [p.features]
        for weight in p.weights:
            x.append(weight @ x[-1])
        if self._has_bias:
            x[-1] = x[-1] + np.outer(p.bias, self.columns.ones)
        return x


def objective_over(ufm: UFM, columns: Columns) -> Objective:
    """The objective of `ufm` over the given layout of columns."""
    return Objective(columns, ufm.shapes, ufm.weight_decay, ufm.feature_decay, ufm.bias_decay)


def objective(ufm: UFM, parameters: Parameters) -> float:
    """The canonical objective of explicit matrices.

    Parameters
    ----------
    ufm : UFM
    parameters : Parameters
        `features` has N columns (samples, classes in order) or K columns (class means shared by all samples of a class).

    Returns
    -------
    float
        (1/N) sum of losses plus every decay term over all N feature columns.

    Examples
    --------
    >>> import ncsolve
    >>> prediction = ncsolve.predict(ncsolve.UFM(counts=[20, 10], weight_decay=1e-2, feature_decay=1e-2))
    >>> abs(ncsolve.objective(prediction.ufm, prediction.parameters()) - prediction.value) < 1e-12
    True
    """
    width = parameters.features.shape[1]
    if width == ufm.classes:
        columns = class_columns(ufm.loss, ufm.counts)
        scaled = Parameters(
            parameters.weights, parameters.features * np.sqrt(ufm.counts), parameters.bias
        )
    elif ufm.whole and width == ufm.samples:
        columns, scaled = sample_columns(ufm.loss, ufm.counts), parameters
    else:
        raise ProblemError(
            f"features have {width} columns; give N = {ufm.samples:g} (samples) or K = {ufm.classes} (class means)"
        )
    raw = objective_over(ufm, columns)
    for found, expected in zip((w.shape for w in parameters.weights), ufm.shapes, strict=True):
        if found != expected:
            raise ProblemError(f"a weight matrix has shape {found}; the problem needs {expected}")
    return raw.value(raw.pack(scaled))
