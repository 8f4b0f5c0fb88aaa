r"""The classifier's decisions, its bias, its sum, and how far each row stands out of the others' hull."""

from __future__ import annotations

import numpy as np

from ..problem.losses import Array
from .evidence import Evidence, Undefined, norm
from .registry import metric

MOST = 256  # classes; beyond, K quadratic programs of K unknowns take minutes


@metric("nc4_ncc_mismatch", "weight", "mismatch")
def nc4_ncc_mismatch(e: Evidence) -> float:
    """Share of samples with argmax(W h + b) != nearest class mean (Papyan, Han & Donoho 2020).

    The bias takes part wherever one was given. Ties up to rounding are agreements.
    """
    assert e.statistics.mismatch is not None
    return e.statistics.mismatch


@metric("nc_bias", "weight", "bias")
def nc_bias(e: Evidence) -> float:
    """||b + W mu_S||, mu_S the mean of all samples (NC4 of Zhu et al. 2021 and Zhou et al. 2022)."""
    assert e.bias is not None
    return norm(e.bias + e.classifier @ e.statistics.sample_mean)


@metric("nc0", "weight")
def nc0(e: Evidence) -> float:
    """||W^T 1||: the norm of the sum of the classifier's rows."""
    return norm(e.classifier.sum(axis=0))


@metric("nc2_margin", "weight")
def nc2_margin(e: Evidence) -> float:
    """min_k dist(w_k, conv{w_j : j != k}), the margin of generalized neural collapse for K > d + 1 (Jiang et al. 2024)."""
    if e.classes > MOST:
        raise Undefined(
            f"it takes {e.classes} quadratic programs; up to {MOST} classes are measured"
        )
    rows = e.classifier
    if rows.shape[1] > rows.shape[0]:  # distances live in the span of the rows
        left, sigma, _ = np.linalg.svd(rows, full_matrices=False)
        rows = left * sigma
    return min(hull_distance(np.delete(rows, k, axis=0) - rows[k]) for k in range(e.classes))


def hull_distance(points: Array) -> float:
    r"""Distance of the origin from the convex hull of the rows.

    Let P have the points as columns and write x >= 0 as s u with sum u = 1. Over s, ||P x||^2 + (s - 1)^2 has the minimum
    ||P u||^2 / (1 + ||P u||^2), which grows with ||P u||: so x of non-negative least squares is a multiple of the weights u of the
    point of the hull that is nearest to the origin.

    Examples
    --------
    >>> round(hull_distance(np.array([[1.0, 1.0], [1.0, -1.0]])), 12)
    1.0
    """
    from scipy.optimize import nnls

    scale = float(np.linalg.norm(points, axis=1).max())
    if scale == 0.0:
        return 0.0
    system = np.vstack([points.T / scale, np.ones(len(points))])
    target = np.zeros(len(system))
    target[-1] = 1.0
    x, _ = nnls(system, target)
    return float(np.linalg.norm(points.T @ (x / x.sum())))
