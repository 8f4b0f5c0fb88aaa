"""A prediction: the theorem, the claim, the numbers, one row per class, and every matrix on demand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ..problem.errors import ProblemError
from ..values import Value, frozen, plain

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ..problem.losses import Array
    from ..problem.objective import Parameters
    from ..problem.ufm import UFM
    from .theorem import Claim, Solution, Theorem


@dataclass(frozen=True, eq=False, repr=False)
class Layer(Value):
    """Singular values of one factor: "H" (all N columns) or "W_j"."""

    name: str
    shape: tuple[int, float]
    singular_values: Array


@dataclass(frozen=True, eq=False, repr=False)
class ClassRow(Value):
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


@dataclass(frozen=True, eq=False, repr=False)
class ClassTable(Value):
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
        row = {one.name: plain(getattr(self, one.name)[index]) for one in fields(self)}
        for name in ("weight_norm", "critical_count", "critical_decay"):
            row[name] = None if math.isnan(row[name]) else row[name]
        return ClassRow(**row)

    def __iter__(self) -> Iterator[ClassRow]:
        return (self[i] for i in range(len(self)))


@dataclass(frozen=True, eq=False, repr=False)
class Prediction(Value):
    """The predicted geometry of one UFM. Built by `predict`.

    Predictions are equal if they are about the same problem, by the same theorem, and say the same. `print(prediction)` shows the table
    that the command line prints.

    Attributes
    ----------
    ufm : UFM
    theorem : Theorem
    solution : Solution
        What the theorem says, the rest when asked.
    """

    ufm: UFM
    theorem: Theorem
    solution: Solution

    def __post_init__(self) -> None:
        frozen(self.solution.bias)

    @classmethod
    @cache
    def _names(cls) -> tuple[str, ...]:
        said = ("claim", "value", "unique", "geometry", "facts", "warnings")
        return ("ufm", "theorem", *said, "sigma", "bias")

    def __str__(self) -> str:
        from ..show.text import text_of

        return text_of(self)

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
        """Further numbers worth reading beside the value, by name."""
        return self.solution.facts

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences that must be read with the numbers."""
        return self.solution.warnings

    @property
    def bias(self) -> Array:
        """b, shape (outputs,)."""
        return self.solution.bias

    @property
    def sigma(self) -> Array:
        """The strengths of the kept modes, descending: singular values of A where its frame is orthonormal."""
        return self.solution.sigma_and_frame[0]

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
            sigma = _strengths(frame.left() * sigma)
        values[: sigma.size] = sigma
        return frozen(values)  # type: ignore[no-any-return]

    @cached_property
    def _parameters(self) -> Parameters:
        from .factors import balanced_factors

        point = self.solution.matrices
        if point is None:
            sigma, frame = self.solution.sigma_and_frame
            point = balanced_factors(self.ufm, sigma, frame, self.bias)
        frozen((*point.weights, point.features, point.bias))
        return point

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
    def logits(self) -> Array:
        """Zbar = A D^(-1/2) + b 1^T, shape (outputs, K), column k the logits of class k."""
        sigma, frame = self.solution.sigma_and_frame
        centered = (frame.left() * sigma) @ (frame.right().T / np.sqrt(self.ufm.counts))
        return frozen(centered + self.bias[:, None])  # type: ignore[no-any-return]

    @cached_property
    def gram_features(self) -> Array:
        """Hbar^T Hbar, shape (K, K)."""
        return frozen(self.class_means.T @ self.class_means)  # type: ignore[no-any-return]

    @cached_property
    def gram_weights(self) -> Array:
        """Gram of the rows of W_M ... W_1, shape (outputs, outputs)."""
        product = self._parameters.end_to_end
        return frozen(product @ product.T)  # type: ignore[no-any-return]

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Non-zero singular values of H, W_1, ..., W_M, descending."""
        from .factors import layer_spectra

        sigma, frame = self.solution.sigma_and_frame
        if self.solution.matrices is None:
            spectra = list(layer_spectra(self.ufm, sigma))
        else:
            scaled = self.class_means * np.sqrt(self.ufm.counts)
            spectra = [_strengths(matrix, zeros=False) for matrix in (scaled, *self.weights)]
        if not frame.orthonormal:
            spectra[-1] = _strengths(frame.left() * spectra[-1])
        shapes = ((self.ufm.width[0], self.ufm.samples), *self.ufm.shapes)
        names = ("H", *(f"W_{j + 1}" for j in range(self.ufm.depth)))
        return tuple(Layer(*layer) for layer in zip(names, shapes, spectra, strict=True))

    @cached_property
    def classes(self) -> ClassTable:
        """One row per class: state, norms, own logit, margin, critical count, critical decay."""
        from .factors import end_to_end_spectrum, layer_spectra

        ufm, solution = self.ufm, self.solution
        (sigma, frame), states = solution.sigma_and_frame, solution.states()
        if solution.matrices is not None:
            feature_norm = np.linalg.norm(solution.matrices.features, axis=0)
            weight_norm = np.linalg.norm(solution.matrices.end_to_end, axis=1)
        else:
            feature_norm = np.sqrt(frame.right_sums(layer_spectra(ufm, sigma)[0] ** 2) / ufm.counts)
            weight_norm = np.full(ufm.classes, math.nan)
            if ufm.loss.one_hot:
                weight_norm = np.sqrt(frame.left_sums(end_to_end_spectrum(ufm, sigma) ** 2))
        # frames that know logits come without a bias, or a constant one of zero
        direct = frame.own_and_margin(sigma, ufm.counts)
        if direct is None:
            agreement = ufm.loss.targets(ufm.classes).T @ self.logits  # [j, k] = y_j . z_k
            own = agreement.diagonal().copy()
            np.fill_diagonal(agreement, -math.inf)
            direct = own, own - agreement.max(axis=0)
        rest = states.critical_count, states.critical_decay
        norms = weight_norm, feature_norm
        first = ufm.names, ufm.counts, states.state, states.locally_stable
        return ClassTable(*first, *norms, *direct, *rest)

    def to_dict(self) -> dict[str, Any]:
        """The prediction as plain values: the body of the JSON contract."""
        hypotheses = [{"text": text, "holds": holds} for text, holds in self.theorem_checks]
        return {
            "ufm": self.ufm.to_dict(),
            "theorem": {
                "name": self.theorem.name,
                "reference": self.theorem.reference,
                "claim": self.claim.name,
                "hypotheses": hypotheses,
            },
            "value": self.value,
            "unique": self.unique,
            "geometry": self.geometry or None,
            "facts": dict(self.facts),
            "singular_values": self.singular_values.tolist(),
            "bias": self.bias.tolist(),
            "classes": [row.to_dict() for row in self.classes],
            "layers": plain(self.layers),
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
        document = document or document_of("predict", self.to_dict())
        write_arrays(path, arrays, document, overwrite=overwrite)


def _strengths(matrix: Array, *, zeros: bool = True) -> Array:
    """Singular values; without `zeros` those above rounding."""
    strength: Array = np.asarray(np.linalg.svd(matrix, compute_uv=False), dtype=np.float64)
    return strength if zeros else strength[strength > 1e-12 * max(float(strength[0]), 1e-300)]
