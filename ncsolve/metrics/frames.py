r"""NC2: how far class means and classifier rows are from a simplex or an orthogonal frame.

H stands for the class means minus mu_G (not centered for the orthogonal frame), W for the rows of the classifier; nrm(A) = A/||A||_F,
E = (I - J/K)/sqrt(K - 1).
"""

from __future__ import annotations

import math

import numpy as np

from ..problem.losses import Array
from .evidence import Evidence, Undefined, cosines, gram, simplex, unit
from .registry import metric


@metric("nc2_equinorm_H")
def nc2_equinorm_H(e: Evidence) -> float:
    """std_k / mean_k of ||mu_k - mu_G|| (Papyan, Han & Donoho 2020)."""
    return _spread(e, e.centered, "the centered class means are")


@metric("nc2_equinorm_W", "weight")
def nc2_equinorm_W(e: Evidence) -> float:
    """std_k / mean_k of ||w_k|| (Papyan, Han & Donoho 2020)."""
    return _spread(e, e.weight_rows, "the classifier is")


@metric("nc2_equiangle_H")
def nc2_equiangle_H(e: Evidence) -> float:
    """Mean over k != l of |cos(mu_k - mu_G, mu_l - mu_G) + 1/(K - 1)| (Papyan, Han & Donoho 2020).

    The absolute value stands inside the mean: the signed mean is zero for every centered set of equal norms.
    """
    return _equiangle(e, e.centered, "centered class mean")


@metric("nc2_equiangle_W", "weight")
def nc2_equiangle_W(e: Evidence) -> float:
    """Mean over k != l of |cos(w_k, w_l) + 1/(K - 1)| (Papyan, Han & Donoho 2020)."""
    return _equiangle(e, e.weight_rows, "classifier row")


@metric("nc2_etf_H")
def nc2_etf_H(e: Evidence) -> float:
    """||nrm(Gram of mu_k - mu_G) - E||_F (Zhu et al. 2021, Zhou et al. 2022, Dang et al. 2023)."""
    return _distance(
        gram(e.centered), simplex(e.classes), "the centered Gram matrix of the class means"
    )


@metric("nc2_etf_W", "weight")
def nc2_etf_W(e: Evidence) -> float:
    """||nrm(W W^T) - E||_F; W as it is (Zhu et al. 2021, Dang et al. 2023) or centered (Zhou et al. 2022)."""
    return _distance(gram(e.weight_rows), simplex(e.classes), "the Gram matrix of the classifier")


@metric("nc2_of_H")
def nc2_of_H(e: Evidence) -> float:
    """||nrm(Hbar^T Hbar) - I/sqrt K||_F, not centered: the target of bias-free squared loss (Dang et al. 2023)."""
    return _distance(
        gram(e.means),
        np.eye(e.classes) / math.sqrt(e.classes),
        "the Gram matrix of the class means",
    )


@metric("nc2_of_W", "weight")
def nc2_of_W(e: Evidence) -> float:
    """||nrm(W W^T) - I/sqrt K||_F (Dang et al. 2023)."""
    return _distance(
        gram(e.classifier),
        np.eye(e.classes) / math.sqrt(e.classes),
        "the Gram matrix of the classifier",
    )


def _spread(e: Evidence, rows: Array, what: str) -> float:
    length = np.linalg.norm(rows, axis=1)
    if not length.any():
        raise Undefined(f"{what} zero")
    return float(length.std(ddof=e.convention.ddof) / length.mean())


def _equiangle(e: Evidence, rows: Array, what: str) -> float:
    off = ~np.eye(e.classes, dtype=bool)
    return float(
        np.abs(cosines(rows, e.statistics.classes, what)[off] + 1.0 / (e.classes - 1.0)).mean()
    )


def _distance(found: Array, target: Array, what: str) -> float:
    return float(np.linalg.norm(unit(found, what) - target))
