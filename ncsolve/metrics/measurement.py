"""The result: metrics by key, and the statistics they were computed from."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .evidence import Evidence

if TYPE_CHECKING:
    from ..problem.losses import Array


@dataclass(frozen=True, eq=False)
class Measurement(Mapping[str, float]):
    """Neural-collapse metrics of one set of features: a mapping key -> value, with the statistics behind it.

    Attributes
    ----------
    metrics : key -> value; the mapping itself
    absent : key -> why it has no value
    published : the values under the names of the preset's paper; empty without a preset
    preset : its name, or ""
    evidence : statistics, classifier, prediction and convention
    factors : the matrices W_1, ..., W_M that were given, the classifier alone if it was one matrix
    layers : name -> Measurement of that layer's features, where several layers were given
    """

    metrics: dict[str, float]
    absent: dict[str, str]
    published: dict[str, float]
    preset: str
    evidence: Evidence
    factors: tuple[Array, ...] = ()
    layers: Mapping[str, Measurement] = field(default_factory=dict)

    def __getitem__(self, key: str) -> float:
        if key in self.absent:
            raise KeyError(f"{key} is absent: {self.absent[key]}")
        return self.metrics[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)

    @property
    def classes(self) -> tuple[Hashable, ...]:
        """The K labels, in the order of the rows of the classifier."""
        return self.evidence.statistics.classes

    @property
    def counts(self) -> Array:
        """Samples per class, shape (K,)."""
        return self.evidence.statistics.counts

    @property
    def samples(self) -> int:
        """N."""
        return int(self.evidence.statistics.samples)

    @property
    def class_means(self) -> Array:
        """Hbar, shape (d, K): one column per class, as in a Prediction."""
        return self.evidence.means.T

    @property
    def variances(self) -> Array:
        """V_k = E ||h - mu_k||^2, shape (K,)."""
        return self.evidence.statistics.variances

    @property
    def rank(self) -> int:
        """Numerical rank of the centered class means."""
        return self.evidence.rank

    @property
    def rank_cut(self) -> float:
        """Singular values of the centered class means at or below this count as zero."""
        return self.evidence.rank_cut

    @property
    def weight(self) -> Array | None:
        """W_M ... W_1, shape (K, d), or None."""
        return self.evidence.weight

    @property
    def bias(self) -> Array | None:
        """b, shape (K,), or None."""
        return self.evidence.bias

    @cached_property
    def gram_features(self) -> Array:
        """Hbar^T Hbar, not centered, shape (K, K)."""
        found: Array = self.evidence.means @ self.evidence.means.T
        return found

    @cached_property
    def gram_weights(self) -> Array | None:
        """Gram matrix of the rows of W_M ... W_1, shape (K, K), or None."""
        return None if self.weight is None else self.weight @ self.weight.T

    @cached_property
    def feature_norm(self) -> Array:
        """||mu_k||, not centered, shape (K,)."""
        found: Array = np.linalg.norm(self.evidence.means, axis=1)
        return found

    @cached_property
    def weight_norm(self) -> Array | None:
        """||w_k||, shape (K,), or None."""
        return (
            None
            if self.weight is None
            else np.asarray(np.linalg.norm(self.weight, axis=1), dtype=np.float64)
        )

    @property
    def feature_cosines(self) -> Array:
        """Cosines between class means, not centered, shape (K, K); NaN where one is zero."""
        return _cosines(self.gram_features, self.feature_norm)

    @property
    def weight_cosines(self) -> Array | None:
        """Cosines between the rows of the classifier, shape (K, K), or None."""
        if self.gram_weights is None or self.weight_norm is None:
            return None
        return _cosines(self.gram_weights, self.weight_norm)

    @cached_property
    def logits(self) -> Array | None:
        """W_M ... W_1 Hbar + b, shape (K, K), column k the logits of the mean of class k; None without a classifier."""
        if self.weight is None:
            return None
        found: Array = self.weight @ self.evidence.means.T
        return found if self.bias is None else found + self.bias[:, None]

    @cached_property
    def spectra(self) -> dict[str, Array]:
        """Singular values, descending: "H" of Hbar D^(1/2), which is what H has once every class has collapsed; "W_1", ..., "W_M"."""
        scaled = self.evidence.means * np.sqrt(self.counts)[:, None]
        named = {"H": scaled} | {f"W_{j + 1}": factor for j, factor in enumerate(self.factors)}
        return {
            name: np.asarray(np.linalg.svd(one, compute_uv=False), dtype=np.float64)
            for name, one in named.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """The measurement as plain values."""
        e = self.evidence
        weight_norm = (
            [None] * len(self.classes) if self.weight_norm is None else self.weight_norm.tolist()
        )
        rows = zip(
            self.classes, self.counts, self.feature_norm, weight_norm, self.variances, strict=True
        )
        return {
            "samples": self.samples,
            "dimension": int(e.means.shape[1]),
            "rank": self.rank,
            "rank_cut": self.rank_cut,
            "convention": e.convention.to_dict(),
            "metrics": dict(self.metrics),
            "absent": dict(self.absent),
            "preset": self.preset or None,
            "published": dict(self.published),
            "classes": [
                {
                    "name": str(name),
                    "count": int(count),
                    "feature_norm": float(h),
                    "weight_norm": w,
                    "variance": float(v),
                }
                for name, count, h, w, v in rows
            ],
            "spectra": {name: values.tolist() for name, values in self.spectra.items()},
            "layers": [
                {
                    "name": name,
                    "rank": layer.rank,
                    "metrics": dict(layer.metrics),
                    "absent": dict(layer.absent),
                }
                for name, layer in self.layers.items()
            ],
        }


def _cosines(gram: Array, norm: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = np.clip(gram / np.outer(norm, norm), -1.0, 1.0)
    return found
