r"""NC1: the within-class scatter against the between-class scatter.

With Sigma_W = (1/N) sum (h - mu_y)(h - mu_y)^T and Sigma_B = sum_k s_k (mu_k - mu_G)(mu_k - mu_G)^T, s_k = 1/K or n_k/N.
"""

from __future__ import annotations

import math

import numpy as np

from .evidence import Evidence, Undefined
from .registry import metric


@metric("nc1_pinv", "within")
def nc1_pinv(e: Evidence) -> float:
    r"""Trace tr(Sigma_W Sigma_B^+) / K.

    With Sigma_B = B^T B, B = diag(sqrt s) (mu_k - mu_G) = U diag(sigma) V^T of shape K x d, the trace is the sum of
    v_r^T Sigma_W v_r / sigma_r^2 over the singular values above the cut. No d x d matrix is inverted.

    Papyan, Han & Donoho 2020 (their notebook: not divided by K, mu_C); Zhu et al. 2021 and Dang et al. 2023: mu_S; Hong & Ling
    2023: mu_S and s_k = n_k/N.
    """
    s = e.statistics
    assert s.within is not None
    root = np.sqrt(e.between_shares)[:, None]
    _, sigma, v = np.linalg.svd(root * (e.centered @ s.basis.T), full_matrices=False)
    alive = sigma > e.rank_cut * float(
        root.max()
    )  # the weighted rows are moved by rounding no further
    if not alive.any():
        raise Undefined("all class means coincide")
    v, sigma = v[alive], sigma[alive]
    trace = float(
        (np.einsum("ri,ij,rj->r", v, s.within / s.samples, v, optimize=True) / sigma**2).sum()
    )
    return trace / e.classes if e.convention.per_class else trace


@metric("nc1_quotient")
def nc1_quotient(e: Evidence) -> float:
    """Quotient tr Sigma_W / tr Sigma_B (Tirer & Bruna 2022)."""
    s = e.statistics
    between = float(e.between_shares @ np.einsum("ij,ij->i", e.centered, e.centered))
    if (np.linalg.norm(s.differences, axis=1) <= s.resolution).all():
        raise Undefined("all class means coincide")
    return float(s.scatter.sum()) / s.samples / between


@metric("nc1_cdnv")
def nc1_cdnv(e: Evidence) -> float:
    """Mean over i < j of (V_i + V_j) / (2 ||mu_i - mu_j||^2), V = E ||h - mu||^2 (Galanti, Gyorgy & Hutter 2022).

    Infinite where two class means coincide up to the rounding of float64.
    """
    v, moved, resolution = e.statistics.variances, e.centered, e.statistics.resolution
    total = 0.0
    for i in range(e.classes - 1):  # differences, not Gram matrices: near means keep their digits
        apart = moved[i + 1 :] - moved[i]
        squares = np.einsum("ij,ij->i", apart, apart)
        if (squares <= (resolution[i + 1 :] + resolution[i]) ** 2).any():
            return math.inf
        total += float(((v[i] + v[i + 1 :]) / (2.0 * squares)).sum())
    return total / (e.classes * (e.classes - 1) / 2.0)
