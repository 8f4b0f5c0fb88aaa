"""A prediction: the theorem, the claim, the numbers, and every matrix on demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.errors import ProblemError
from . import classes as _classes

if TYPE_CHECKING:
    from pathlib import Path

    from ..problem.losses import Array
    from ..problem.objective import Parameters
    from ..problem.ufm import UFM
    from .theorem import Claim, Solution, Theorem


@dataclass(frozen=True)
class Layer:
    """Singular values of one factor: "H" (all N columns) or "W_j"."""

    name: str
    shape: tuple[int, float]
    singular_values: Array

    def to_dict(self) -> dict[str, Any]:
        """The layer as plain values."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "singular_values": self.singular_values.tolist(),
        }


@dataclass(frozen=True, eq=False)
class Prediction:
    """The predicted geometry of one UFM. Built by `predict`.

    Attributes
    ----------
    ufm : UFM
    theorem : Theorem
    value : float
        The objective at the predicted point.
    unique : bool
        Whether every global minimizer has the same Grams, bias and layer spectra; rotations of hidden layers are always free.
    warnings : tuple of str
    theorem_checks : tuple of (hypothesis, holds)
    """

    ufm: UFM
    theorem: Theorem
    solution: Solution

    @property
    def claim(self) -> Claim:
        """How strong the statement is."""
        return self.solution.claim or self.theorem.claim

    @property
    def value(self) -> float:
        """Objective at the predicted point."""
        return self.solution.value

    @property
    def unique(self) -> bool:
        """Whether the geometry is the only minimizer, up to rotation."""
        return self.solution.unique

    @property
    def geometry(self) -> str:
        """The name of the geometry, such as "simplex"; empty where it has none."""
        return self.solution.geometry

    @property
    def facts(self) -> Mapping[str, float]:
        """Further numbers worth reading beside the value, by name (the value of a competing geometry, a lower bound)."""
        return self.solution.facts

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences that must be read with the numbers."""
        return self.solution.warnings

    @cached_property
    def theorem_checks(self) -> tuple[tuple[str, bool], ...]:
        """Each hypothesis of the theorem with whether it holds."""
        return self.theorem.check(self.ufm)

    @cached_property
    def singular_values(self) -> Array:
        """Singular values of A = (Zbar - b 1^T) D^(1/2), descending, zeros included, shape (min(K, outputs),)."""
        values = np.zeros(min(self.ufm.classes, self.ufm.outputs))
        sigma, frame = self.solution.sigma_and_frame
        if not frame.orthonormal:
            sigma = np.asarray(
                np.linalg.svd(frame.left() * sigma, compute_uv=False), dtype=np.float64
            )
        values[: sigma.size] = sigma
        return values

    @cached_property
    def _parameters(self) -> Parameters:
        from .factors import balanced_factors

        if self.solution.matrices is not None:
            return self.solution.matrices
        sigma, frame = self.solution.sigma_and_frame
        return balanced_factors(self.ufm, sigma, frame, self.solution.bias)

    def parameters(self) -> Parameters:
        """Explicit (W_1, ..., W_M), class means and bias, as one value."""
        return self._parameters

    @property
    def weights(self) -> tuple[Array, ...]:
        """(W_1, ..., W_M), W_j of shape (d_{j+1}, d_j)."""
        return self._parameters.weights

    @property
    def class_means(self) -> Array:
        """Hbar, shape (d_1, K)."""
        return self._parameters.features

    def features(self) -> Array:
        """H, shape (d_1, N): every sample at its class mean, classes in order.

        Raises
        ------
        ProblemError
            If a count is not a whole number.
        """
        if not self.ufm.whole:
            raise ProblemError("fractional counts have no N samples to list; use class_means")
        return np.repeat(self.class_means, self.ufm.counts.astype(np.intp), axis=1)

    @cached_property
    def bias(self) -> Array:
        """b, shape (outputs,)."""
        return self.solution.bias

    @cached_property
    def logits(self) -> Array:
        """Zbar, shape (outputs, K), column k the logits of class k."""
        return _classes.logits(self.ufm, self.solution)

    @cached_property
    def gram_features(self) -> Array:
        """Hbar^T Hbar, shape (K, K)."""
        gram: Array = self.class_means.T @ self.class_means
        return gram

    @cached_property
    def gram_weights(self) -> Array:
        """Gram of the rows of W_M ... W_1, shape (outputs, outputs)."""
        product = self._parameters.end_to_end
        gram: Array = product @ product.T
        return gram

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Non-zero singular values of H, W_1, ..., W_M, descending."""
        from .factors import layer_spectra

        sigma, frame = self.solution.sigma_and_frame
        spectra = layer_spectra(self.ufm, sigma)
        if self.solution.matrices is not None:
            scaled = self.class_means * np.sqrt(self.ufm.counts)
            spectra = tuple(
                _nonzero(np.linalg.svd(matrix, compute_uv=False))
                for matrix in (scaled, *self.weights)
            )
        if not frame.orthonormal:
            oblique: Array = np.asarray(
                np.linalg.svd(frame.left() * spectra[-1], compute_uv=False), dtype=np.float64
            )
            spectra = (*spectra[:-1], oblique)
        shapes = ((self.ufm.width[0], self.ufm.samples), *self.ufm.shapes)
        names = ("H", *(f"W_{j + 1}" for j in range(self.ufm.depth)))
        return tuple(Layer(*layer) for layer in zip(names, shapes, spectra, strict=True))

    @cached_property
    def classes(self) -> _classes.ClassTable:
        """One row per class: state, norms, own logit, margin, critical count, critical decay."""
        return _classes.class_table(self.ufm, self.solution)

    def to_dict(self) -> dict[str, Any]:
        """The prediction as plain values: the body of the JSON contract."""
        return {
            "ufm": self.ufm.to_dict(),
            "theorem": {
                "name": self.theorem.name,
                "reference": self.theorem.reference,
                "claim": self.claim.name,
                "hypotheses": [
                    {"text": text, "holds": holds} for text, holds in self.theorem_checks
                ],
            },
            "value": self.value,
            "unique": self.unique,
            "geometry": self.geometry or None,
            "facts": dict(self.facts),
            "singular_values": self.singular_values.tolist(),
            "bias": self.bias.tolist(),
            "classes": [row.to_dict() for row in self.classes],
            "layers": [layer.to_dict() for layer in self.layers],
            "warnings": list(self.warnings),
        }

    def save(self, path: str | Path, document: str = "", *, overwrite: bool = False) -> None:
        """Write matrices and the JSON body to an .npz file, atomically.

        Arrays: W_1 .. W_M, class_means, bias, logits, singular_values, counts, and `document`, a JSON text (by default `to_dict`).
        Load with ``np.load(path, allow_pickle=False)``.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is false.
        """
        from ..files import document_of, write_arrays

        arrays = self.parameters().named() | {"logits": self.logits}
        arrays |= {"singular_values": self.singular_values, "counts": self.ufm.counts}
        write_arrays(
            path, arrays, document or document_of("predict", self.to_dict()), overwrite=overwrite
        )


def _nonzero(strength: np.ndarray) -> Array:
    """Singular values above rounding."""
    found: Array = strength[strength > 1e-12 * max(float(strength[0]), 1e-300)]
    return found
