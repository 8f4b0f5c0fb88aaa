r"""Fenchel duality: every point gives a lower bound on the objective of a convex loss.

With A = (Zbar - b 1^T) D^(1/2), e = sqrt(n) and any dual point Gamma, Fenchel duality gives for every (A, b)

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
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .errors import TooLarge
from .losses import Squared, class_columns

if TYPE_CHECKING:
    from .losses import Array
    from .ufm import UFM

LARGEST = 4096  # classes; the bound needs a dense singular value decomposition
ROUNDING = 64 * float(np.finfo(float).eps)


def dual_bound(ufm: UFM, points: Sequence[Array], value: float) -> tuple[float, float]:
    """(lower bound, feasibility) from the gradients at logit matrices (outputs, K), lowered by the rounding of a value.

    The feasibility says how far the best dual point had to be scaled back, max(0, ||Gamma||_o / c - 1); 0 for M >= 2.
    """
    check_size(ufm)
    rounding = ROUNDING * math.sqrt(ufm.classes) * abs(value)
    duals = [DualPoint(ufm, logits * np.sqrt(ufm.counts)) for logits in points]
    if ufm.depth > 1:
        return lines_bound(ufm, duals) - rounding, 0.0
    bounds, excess = zip(*(dual.bound() for dual in duals), strict=True)
    return max(bounds) - rounding, min(excess)


def check_size(ufm: UFM) -> None:
    """Refuse problems whose certificate needs too large a decomposition."""
    if max(ufm.classes, ufm.outputs) > LARGEST:
        raise TooLarge(
            f"a certificate for {ufm.classes} classes needs too large a decomposition; up to {LARGEST} classes work"
        )


class DualPoint:
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
        self.norm = operator_norm(self.gamma, nonnegative=ufm.features == "relu")

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


def operator_norm(gamma: Array, *, nonnegative: bool) -> float:
    """The largest |gamma h| over unit h, or an upper bound on it over unit h >= 0."""
    norm = float(np.linalg.norm(gamma, 2))
    if not nonnegative:
        return norm
    gram = gamma.T @ gamma
    kept = np.where(np.eye(gram.shape[0], dtype=bool), gram, np.maximum(gram, 0.0))
    return min(norm, math.sqrt(max(float(np.linalg.eigvalsh(kept)[-1]), 0.0)))


def lines_bound(ufm: UFM, duals: Sequence[DualPoint]) -> float:
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
