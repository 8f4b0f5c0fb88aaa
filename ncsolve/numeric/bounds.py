r"""Lower bounds on the objective, from the problem and a few points alone.

Convex losses: the gradient at a point as a dual point (problem/duality.py).

Squared loss has a better bound for M >= 2 and for bottlenecks: by von Neumann's trace inequality ||A - T||^2 >= sum (sigma_i -
tau_i)^2, so with r = sigma/tau each mode costs at least tau^2/(2N) times the minimum over r in [0, 1] of (1 - r)^2 + gamma r^q, where
gamma = 2 N c tau^(q-2); at most R modes may leave zero. That minimum is bounded from below by branch and bound: r^q is concave,
hence above its chord on each interval, and a parabola above a chord has an explicit minimum. No stationarity equation is
solved. tau comes from LAPACK's SVD of T.

The vanishing-decay limit of cross-entropy is a max-margin problem with a bound of its own:

    minimize ||A||_*     subject to     s_k (r_k z_kk - r_j z_jk) >= 1   for all j != k,     A = Z D^(1/2).              (2)

For multipliers beta_jk >= 0 let Gamma have the columns sum_j beta_jk s_k (r_k e_k - r_j e_j) / sqrt(n_k). Then <Gamma, A> >= sum beta for
every feasible A, so ||A||_* >= sum beta / ||Gamma||_op. At a minimizer Gamma is a subgradient of the nuclear norm, U V^T plus a part
between the null spaces; columns of Gamma are orthogonal to (1/r_1, ..., 1/r_K), and where that spans the left null space the part is
zero. So the multipliers are read off U V^T of the point; should one be negative there, it is set to zero: the bound stays valid.

All are evaluated in floating point: the bound is lowered by an allowance for rounding, and it is evidence, not a proof.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..problem.duality import ROUNDING, check_size, dual_bound
from ..problem.errors import ProblemError
from ..problem.losses import Squared
from ..problem.objective import Parameters, objective
from ..values import Value

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.ufm import UFM

INTERVALS = 16
ZERO = 1e-9  # singular values below this share of the largest are null


@dataclass(frozen=True, eq=False, repr=False)
class Certificate(Value):
    """Objective of a point and a lower bound that holds for every point.

    Attributes
    ----------
    value : objective of the certified point
    lower_bound : no point lies lower, up to floating-point rounding
    feasibility : how far the dual point had to be scaled back, max(0, ||Gamma||_o / c - 1); 0 for the other bounds
    method : "dual", "dual lines" (M >= 2), "von Neumann" or "max margin"
    rigorous : always False here: floats are evidence, not proof
    gap, relative_gap : the value minus the lower bound, and divided by |value| (undivided where the value is zero)
    """

    value: float
    lower_bound: float
    feasibility: float
    method: str
    rigorous: bool = False

    entries = ("value", "lower_bound", "feasibility", "method", "rigorous", "gap", "relative_gap")

    @property
    def gap(self) -> float:
        """The value minus the lower bound."""
        return self.value - self.lower_bound

    @property
    def relative_gap(self) -> float:
        """The gap divided by |value|, the gap itself where the value is zero."""
        return self.gap / (abs(self.value) or 1.0)


def certificate(ufm: UFM, parameters: Parameters, witness: Sequence[Array] = ()) -> Certificate:
    """Certify explicit matrices (W_1, ..., W_M), class means (d_1, K), bias.

    Parameters
    ----------
    ufm : UFM
    parameters : Parameters
    witness : logit matrices (outputs, K), optional
        Points whose gradients are tried as dual points beside that of the parameters; any of them keeps the bound valid.

    Raises
    ------
    ProblemError
        If no bound is known: squared loss at depth >= 2 or a bottleneck with a regularized bias.
    TooLarge
        Beyond 4096 classes.

    Notes
    -----
    ReLU features only shrink the set of points, so bounds for linear features hold for them too.

    Examples
    --------
    >>> import ncsolve
    >>> ufm = ncsolve.UFM(counts=[20, 10], weight_decay=1e-2, feature_decay=1e-2)
    >>> certificate(ufm, ncsolve.predict(ufm).parameters()).relative_gap < 1e-12
    True
    """
    check_size(ufm)
    value = objective(ufm, parameters)
    rounding = ROUNDING * math.sqrt(ufm.classes) * abs(value)
    wide = ufm.rank_limit >= min(ufm.classes, ufm.outputs)
    if isinstance(ufm.loss, Squared) and not (ufm.depth == 1 and wide):
        if not isinstance(ufm.bias, str):
            raise ProblemError(
                "no bound is known for a regularized bias with depth >= 2 or a bottleneck; depth 1 and full width work"
            )
        return Certificate(value, _von_neumann_bound(ufm) - rounding, 0.0, "von Neumann")
    reached = parameters.end_to_end @ parameters.features + parameters.bias[:, None]
    bound, feasibility = dual_bound(ufm, (reached, *witness), value)
    return Certificate(value, bound, feasibility, "dual" if ufm.depth == 1 else "dual lines")


def _von_neumann_bound(ufm: UFM) -> float:
    root = np.sqrt(ufm.counts)
    targets = ufm.loss.targets(ufm.classes)
    if ufm.bias == "free":
        targets = targets - (targets @ (ufm.counts / ufm.samples))[:, None]
    tau = np.linalg.svd(targets * root, compute_uv=False)
    tau = tau[tau > tau[0] * tau.size * np.finfo(float).eps]
    q = 2.0 / (ufm.depth + 1)
    log_decay = math.fsum(math.log(decay) for decay in ufm.decays) / (ufm.depth + 1)
    gamma = np.exp(math.log(ufm.samples * (ufm.depth + 1)) + log_decay + (q - 2.0) * np.log(tau))
    scale = tau * tau / (2.0 * ufm.samples)
    cost = np.minimum(_scalar_bound(gamma, q), 1.0)
    if tau.size <= ufm.rank_limit:
        return math.fsum(np.sort(scale * cost))
    saved = np.sort(scale * (1.0 - cost))[
        ::-1
    ]  # only R modes may leave zero: the R largest savings
    return math.fsum(scale) - math.fsum(saved[: ufm.rank_limit])


def _scalar_bound(gamma: Array, q: float) -> Array:
    """Lower bounds on min over r in [0, 1] of (1 - r)^2 + gamma r^q, by branch and bound with chords."""
    edges = np.linspace(0.0, 1.0, INTERVALS + 1)
    low, high = np.tile(edges[:-1], (gamma.size, 1)), np.tile(edges[1:], (gamma.size, 1))
    gamma = gamma[:, None]
    floor = np.full(gamma.shape[0], np.inf)  # the least bound among intervals no longer split
    rows = np.arange(gamma.shape[0])[:, None]
    bound = floor
    for _ in range(50):
        at_low = (1.0 - low) ** 2 + gamma * low**q
        chord = gamma * (high**q - low**q) / (high - low)
        best = np.clip(1.0 - chord / 2.0, low, high)
        lower = (1.0 - best) ** 2 + gamma * low**q + chord * (best - low)
        upper = np.minimum(at_low, (1.0 - best) ** 2 + gamma * best**q).min(axis=1)
        bound = np.minimum(lower.min(axis=1), floor)
        if np.all(upper - bound <= 4e-16 * upper):
            break
        order = np.argsort(lower, axis=1)
        half = INTERVALS // 2
        floor = np.minimum(floor, np.take_along_axis(lower, order, axis=1)[:, half])
        low, high = low[rows, order[:, :half]], high[rows, order[:, :half]]
        middle = 0.5 * (low + high)
        low, high = np.hstack([low, middle]), np.hstack([middle, high])
    return bound


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
    value = float(sigma.sum()) if margin > 0 else np.inf
    return Certificate(value, bound * (1.0 - 1e-14), abs(margin - 1.0), "max margin")
