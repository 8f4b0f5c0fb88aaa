r"""A lower bound for the max-margin problem of the vanishing-decay limit.

    minimize ||A||_*     subject to     s_k (r_k z_kk - r_j z_jk) >= 1   for all j != k,     A = Z D^(1/2).

For multipliers beta_jk >= 0 let Gamma have the columns sum_j beta_jk s_k (r_k e_k - r_j e_j) / sqrt(n_k). Then <Gamma, A> >= sum beta for
every feasible A, so ||A||_* >= sum beta / ||Gamma||_op. At a minimizer Gamma is a subgradient of the nuclear norm, U V^T plus a part
between the null spaces; columns of Gamma are orthogonal to (1/r_1, ..., 1/r_K), and where that spans the left null space the part is
zero. So the multipliers are read off U V^T of the point; should one be negative there, it is set to zero: the bound stays valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .certify import Certificate

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.ufm import UFM

ZERO = 1e-9  # singular values below this share of the largest are null


def margin_certificate(ufm: UFM, logits: Array) -> Certificate:
    """Nuclear norm of logits (K, K) scaled to margin one, against the dual bound.

    Parameters
    ----------
    ufm : UFM
        Cross-entropy without smoothing; decays do not matter.
    logits : array (K, K), column k the logits of class k

    Returns
    -------
    Certificate
        `feasibility` is how far the smallest margin of `logits` is from one.

    Examples
    --------
    >>> import ncsolve
    >>> prediction = ncsolve.predict(ncsolve.UFM(counts=[9, 4, 4], loss="ce"), limit="vanishing-decay")
    >>> margin_certificate(prediction.ufm, prediction.logits).relative_gap < 1e-13
    True
    """
    _, label, rows = ufm.loss.per_class(ufm.classes)
    at, root = np.arange(ufm.classes), np.sqrt(ufm.counts)
    scaled = label * rows[:, None] * logits
    margins = scaled[at, at] - scaled
    margins[at, at] = np.inf
    margin = float(margins.min())
    left, sigma, right = np.linalg.svd(logits * root / margin if margin > 0 else logits * root)
    null = sigma <= ZERO * sigma[0]
    gamma = left[:, ~null] @ right[~null]
    slope = label * rows[:, None] / root  # Gamma_jk = -beta_jk slope_jk for j != k
    beta = np.maximum(-gamma / slope, 0.0)
    beta[at, at] = 0.0
    dual = -beta * slope
    dual[at, at] = (beta.sum(axis=0) * label * rows) / root
    bound = float(beta.sum()) / max(float(np.linalg.norm(dual, 2)), np.finfo(float).tiny)
    return Certificate(
        float(sigma.sum()) if margin > 0 else np.inf,
        bound * (1.0 - 1e-14),
        abs(margin - 1.0),
        "max margin",
    )
