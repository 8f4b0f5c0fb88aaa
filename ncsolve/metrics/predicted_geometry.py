r"""NC2 and NC3 against the predicted geometry: Gram matrices of Hbar and of W_M ... W_1, and their product.

A distance between normalized matrices (gof, goodness of fit) does not see a common factor; its absolute companion does.
"""

from __future__ import annotations

import numpy as np

from ..problem.losses import Array
from .evidence import Evidence, Undefined, gram, norm, unit
from .predicted import Predicted
from .registry import metric


@metric("nc2_gof_H", "prediction")
def nc2_gof_H(e: Evidence) -> float:
    """||nrm(Hbar^T Hbar) - nrm(predicted)||_F, not centered (Dang et al. 2023)."""
    return gof(gram(e.means), _of(e).gram_features, "Gram matrix of the class means")


@metric("nc2_gof_W", "weight", "prediction")
def nc2_gof_W(e: Evidence) -> float:
    """||nrm(Gram of the rows of W_M ... W_1) - nrm(predicted)||_F (Dang et al. 2023)."""
    return gof(gram(e.classifier), _of(e).gram_weights, "Gram matrix of the classifier")


@metric("nc2_abs_H", "prediction")
def nc2_abs_H(e: Evidence) -> float:
    """||Hbar^T Hbar - predicted||_F / ||predicted||_F: sees the scale."""
    return relative(gram(e.means), _of(e).gram_features, "Gram matrix of the class means")


@metric("nc2_abs_W", "weight", "prediction")
def nc2_abs_W(e: Evidence) -> float:
    """||Gram of the rows of W_M ... W_1 - predicted||_F / ||predicted||_F: sees the scale."""
    return relative(gram(e.classifier), _of(e).gram_weights, "Gram matrix of the classifier")


@metric("nc3_gof", "weight", "prediction")
def nc3_gof(e: Evidence) -> float:
    """||nrm(W_M ... W_1 Hbar) - nrm(predicted)||_F, not centered, without the bias (Dang et al. 2023)."""
    return gof(e.classifier @ e.means.T, _of(e).product, "product of classifier and class means")


@metric("nc3_abs", "weight", "prediction")
def nc3_abs(e: Evidence) -> float:
    """||W_M ... W_1 Hbar - predicted||_F / ||predicted||_F: the absolute companion of nc3_gof."""
    return relative(
        e.classifier @ e.means.T, _of(e).product, "product of classifier and class means"
    )


def gof(found: Array, predicted: Array, what: str) -> float:
    """Distance between the two matrices at norm 1."""
    return float(
        np.linalg.norm(unit(found, f"the {what}") - unit(predicted, f"the predicted {what}"))
    )


def relative(found: Array, predicted: Array, what: str) -> float:
    """Distance as a share of the norm of the prediction."""
    size = norm(predicted)
    if size == 0.0:
        raise Undefined(f"the predicted {what} is zero")
    return norm(found - predicted) / size


def _of(e: Evidence) -> Predicted:
    assert e.predicted is not None  # the registry asks for it first
    return e.predicted
