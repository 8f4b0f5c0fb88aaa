r"""Lower bounds on the objective, from the problem and a point alone.

M = 1 with every width at least the rank (convex). With A = (Zbar - b 1^T) D^(1/2), e = sqrt(n), G = dF/dA at the point and any
scale t, Fenchel duality gives, for Gamma = t G with ||Gamma||_op <= c,

    objective >= -<Gamma, T> - (N/2) ||Gamma||_F^2 - ||Gamma e||^2 / (2 lambda_b),        T = Y D^(1/2),

where the last term is absent without a bias and Gamma e = 0 is forced (by projection) for a free one. The bound is quadratic
in t, so the best t is explicit. At a minimizer ||G||_op <= c, t = 1, and the gap is zero.

M >= 2, or a bottleneck (not convex), squared loss. By von Neumann's trace inequality ||A - T||^2 >= sum (sigma_i - tau_i)^2, so
with r = sigma/tau each mode costs at least tau^2/(2N) times the minimum over r in [0, 1] of (1 - r)^2 + gamma r^q, where
gamma = 2 N c tau^(q-2); at most R modes may leave zero. That minimum is bounded from below by branch and bound: r^q is concave,
hence above its chord on each interval, and a parabola above a chord has an explicit minimum. No stationarity equation is
solved. tau comes from LAPACK's SVD of T.

Both are evaluated in floating point: the bound is lowered by an allowance for rounding, and it is evidence, not a proof.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ProblemError, TooLarge
from ..losses import Squared, class_columns
from ..raw_objective import Parameters, objective

if TYPE_CHECKING:
    from ..losses import Array
    from ..problem import UFM

LARGEST = 4096  # classes; the bound needs a dense singular value decomposition
INTERVALS = 16
ROUNDING = 64 * float(np.finfo(float).eps)


@dataclass(frozen=True)
class Certificate:
    """Objective of a point and a lower bound that holds for every point.

    Attributes
    ----------
    value : objective of the certified point
    lower_bound : no point lies lower, up to floating-point rounding
    feasibility : how far the dual point had to be scaled back, max(0, ||G||_op / c - 1); 0 for the von Neumann bound
    method : "dual" or "von Neumann"
    rigorous : always False here: floats are evidence, not proof
    """

    value: float
    lower_bound: float
    feasibility: float
    method: str
    rigorous: bool = False

    @property
    def gap(self) -> float:
        """The value minus the lower bound."""
        return self.value - self.lower_bound

    @property
    def relative_gap(self) -> float:
        """The gap divided by |value|, the gap itself where the value is zero."""
        return self.gap / (abs(self.value) or 1.0)

    def to_dict(self) -> dict[str, Any]:
        """The certificate as plain values."""
        return dict(vars(self)) | {"gap": self.gap, "relative_gap": self.relative_gap}


def certificate(ufm: UFM, parameters: Parameters) -> Certificate:
    """Certify explicit matrices (W_1, ..., W_M), class means (d_1, K), bias.

    Raises
    ------
    ProblemError
        If no bound is known: depth >= 2 or a bottleneck with a regularized bias, ReLU features with a bias.
    TooLarge
        Beyond 4096 classes.

    Notes
    -----
    ReLU features only shrink the set of points, so the bound for linear features holds for them too.

    Examples
    --------
    >>> import ncsolve
    >>> ufm = ncsolve.UFM(counts=[20, 10], weight_decay=1e-2, feature_decay=1e-2)
    >>> certificate(ufm, ncsolve.predict(ufm).parameters()).relative_gap < 1e-12
    True
    """
    if max(ufm.classes, ufm.outputs) > LARGEST:
        raise TooLarge(f"a certificate for {ufm.classes} classes needs too large a decomposition; up to {LARGEST} classes work")
    if not isinstance(ufm.loss, Squared):
        raise ProblemError(f"no certificate is known for loss {ufm.loss.name!r}; 'mse' works")
    value = objective(ufm, parameters)
    rounding = ROUNDING * math.sqrt(ufm.classes) * abs(value)
    if ufm.depth == 1 and ufm.rank_limit >= min(ufm.classes, ufm.outputs):
        bound, feasibility = _dual_bound(ufm, parameters)
        return Certificate(value, bound - rounding, feasibility, "dual")
    if not isinstance(ufm.bias, str):
        raise ProblemError(
            "no bound is known for a regularized bias with depth >= 2 or a bottleneck; depth 1 and full width work"
        )
    return Certificate(value, _von_neumann_bound(ufm) - rounding, 0.0, "von Neumann")


def _dual_bound(ufm: UFM, parameters: Parameters) -> tuple[float, float]:
    c = math.sqrt(ufm.weight_decay[0]) * math.sqrt(ufm.feature_decay)
    root = np.sqrt(ufm.counts)
    columns = class_columns(ufm.loss, ufm.counts)
    target = ufm.loss.targets(ufm.classes) * root
    scaled = parameters.weights[0] @ (parameters.features * root) + np.outer(parameters.bias, root)
    gradient = columns.gradient(scaled)
    mean = gradient @ root
    if ufm.bias == "free":
        gradient = gradient - np.outer(mean / (root @ root), root)
    norm = float(np.linalg.norm(gradient, 2))
    linear = -float(np.vdot(gradient, target))
    quadratic = ufm.samples / 2 * float(np.vdot(gradient, gradient))
    if not isinstance(ufm.bias, str):
        quadratic += float(mean @ mean) / (2 * ufm.bias_decay)
    if norm == 0.0:
        return 0.0, 0.0
    t = min(c / norm, max(linear / (2 * quadratic), 0.0))
    return t * linear - t * t * quadratic, max(0.0, norm / c - 1.0)


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
    saved = np.sort(scale * (1.0 - cost))[::-1]  # only R modes may leave zero: keep the R largest savings
    over = np.sort(scale * cost) if tau.size <= ufm.rank_limit else None
    return math.fsum(over) if over is not None else math.fsum(scale) - math.fsum(saved[: ufm.rank_limit])


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
