r"""Lower bounds on the objective, from the problem and a few points alone.

Convex part. With A = (Zbar - b 1^T) D^(1/2), e = sqrt(n) and any dual point Gamma, Fenchel duality gives for every (A, b)

    F(A, b) + (lambda_b/2) ||b||^2 >= <Gamma, A> - F*(Gamma) - ||Gamma e||^2 / (2 lambda_b) >= V(Gamma) - ||Gamma||_o ||A||_*,   (1)

where the bias term is absent without a bias, and Gamma e = 0 is needed for a free one. || ||_o is the operator norm; for features
H >= 0 it is at most sqrt(largest eigenvalue of Q), Q = Gamma^T Gamma with its negative off-diagonal entries set to zero, since
max |Gamma h| over unit h >= 0 never gains from them. Gamma is the gradient at a point, moved by rounding so that it is feasible.

M = 1: the penalty is c ||A||_* (of the atoms w h^T, h >= 0, for ReLU), so the bound is V(t Gamma) with t = c/||Gamma||_o if that is
less than one; t is improved by a line search where the gap is open. At a minimizer ||Gamma||_o <= c, t = 1, and the gap is zero. A
bottleneck only removes points, so the same bound holds.

M >= 2: sum sigma^q >= (sum sigma)^q for q <= 1, so with s = ||A||_* every dual point gives objective >= V - ||Gamma||_o s + c s^q, and
the objective is at least the minimum over s >= 0 of max_i (V_i - mu_i s) + c s^q. That function is concave between the corners of the
maximum of lines, so its minimum lies at s = 0 or at a corner.

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

from ..problem.errors import ProblemError, TooLarge
from ..problem.losses import Squared, class_columns
from ..problem.objective import Parameters, objective
from ..values import Value

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.ufm import UFM

LARGEST = 4096  # classes; the bound needs a dense singular value decomposition
INTERVALS = 16
ROUNDING = 64 * float(np.finfo(float).eps)
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
    root = np.sqrt(ufm.counts)
    reached = parameters.end_to_end @ parameters.features + parameters.bias[:, None]
    duals = [_Dual(ufm, logits * root) for logits in (reached, *witness)]
    if ufm.depth == 1:
        bounds, excess = zip(*(dual.bound() for dual in duals), strict=True)
        return Certificate(value, max(bounds) - rounding, min(excess), "dual")
    return Certificate(value, _lines_bound(ufm, duals) - rounding, 0.0, "dual lines")


def check_size(ufm: UFM) -> None:
    """Refuse problems whose certificate needs too large a decomposition."""
    if max(ufm.classes, ufm.outputs) > LARGEST:
        raise TooLarge(
            f"a certificate for {ufm.classes} classes needs too large a decomposition; up to {LARGEST} classes work"
        )


class _Dual:
    """The gradient at a point as a dual point: V(t Gamma) and ||Gamma||_o of (1)."""

    def __init__(self, ufm: UFM, scaled: Array) -> None:
        self.ufm = ufm
        self.columns = class_columns(ufm.loss, ufm.counts)
        self.gamma = self.columns.gradient(scaled)
        if ufm.bias == "free":
            self.gamma = self.columns.without_mean(self.gamma)
        regularized = not isinstance(ufm.bias, str)
        pull = self.gamma @ self.columns.ones
        self.bias_cost = float(pull @ pull) / (2.0 * ufm.bias_decay) if regularized else 0.0
        self.norm = _operator_norm(self.gamma, nonnegative=ufm.features == "relu")

    def height(self, t: float) -> float:
        """V(t Gamma)."""
        return -self.columns.conjugate(t * self.gamma) - t * t * self.bias_cost

    def bound(self) -> tuple[float, float]:
        """The best bound along t Gamma at M = 1, and how far Gamma is from feasible."""
        c = math.sqrt(self.ufm.weight_decay[0]) * math.sqrt(self.ufm.feature_decay)
        if self.norm == 0.0:
            return self.height(0.0), 0.0
        most = c / self.norm
        if not isinstance(self.ufm.loss, Squared):
            most = min(most, 1.0)  # beyond 1 the conjugate may be infinite
        low, high = 0.0, most
        at_most = self.height(most)
        best = max(at_most, self.height(0.0))
        for _ in range(60):  # V is concave along t
            one, two = low + (high - low) / 3.0, high - (high - low) / 3.0
            at_one, at_two = self.height(one), self.height(two)
            best = max(best, at_one, at_two)
            low, high = (one, high) if at_one < at_two else (low, two)
            at_the_end = high == most and best == at_most
            if high - low <= (1e-3 if at_the_end else 1e-9) * most:
                break
        return best, max(0.0, self.norm / c - 1.0)


def _operator_norm(gamma: Array, *, nonnegative: bool) -> float:
    """The largest |gamma h| over unit h, or an upper bound on it over unit h >= 0."""
    norm = float(np.linalg.norm(gamma, 2))
    if not nonnegative:
        return norm
    gram = gamma.T @ gamma
    kept = np.where(np.eye(gram.shape[0], dtype=bool), gram, np.maximum(gram, 0.0))
    return min(norm, math.sqrt(max(float(np.linalg.eigvalsh(kept)[-1]), 0.0)))


def _lines_bound(ufm: UFM, duals: Sequence[_Dual]) -> float:
    """The minimum over s >= 0 of the largest line V - mu s, plus c s^q."""
    depth = ufm.depth
    log_decay = math.fsum(math.log(decay) for decay in ufm.decays) / (depth + 1)
    c, q = (depth + 1) / 2.0 * math.exp(log_decay), 2.0 / (depth + 1)
    shares = np.linspace(1.0, 0.02, 50) if len(duals) < 20 else np.ones(1)
    lines = np.array([(dual.height(t), t * dual.norm) for dual in duals for t in shares])
    lines = lines[np.isfinite(lines[:, 0])]
    height, slope = np.vstack([lines, [0.0, 0.0]]).T  # the losses are not negative
    with np.errstate(divide="ignore", invalid="ignore"):
        corners = ((height[:, None] - height) / (slope[:, None] - slope)).ravel()
    corners = np.concatenate([[0.0], corners[np.isfinite(corners) & (corners > 0)]])
    least = math.inf
    for block in np.array_split(corners, max(1, corners.size // 4096)):
        top = (height - np.outer(block, slope)).max(axis=1)
        least = min(least, float((top + c * block**q).min()))
    return least


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
