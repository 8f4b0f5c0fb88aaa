r"""Where descent starts: aligned with the modes of the target, or Gaussian and then seen through its projection on the modes.

Aligned: F_j = sum_i s_{j,i} q_{j+1,i} q_{j,i}^T with q_{0,i} = v_i (right), q_{M+1,i} = u_i (left singular vectors of the target) and
any orthonormal hidden q_{j,i}. Balanced, W_{j+1}^T W_{j+1} = W_j W_j^T, where all s_j of a mode are equal.

Gaussian, M = 1. While everything is small each mode obeys, coordinate by coordinate in R^(d_1),

    d/dt (W^T u, H v) = [[-lambda_1, tau/N], [tau/N, -lambda_0]] (W^T u, H v).

Only the top eigenvector (e_W, e_H) grows, so the mode soon looks like one that started aligned, with s_1 = r e_W and s_0 = r e_H, where
r = |e_W W^T u + e_H H v|. That is exact in the linear phase; afterwards the vectors of two modes, not quite orthogonal (by about
d_1^(-1/2)), disturb each other.

Gaussian, M >= 2. Nothing grows linearly at zero. The stand-in is the aligned start with the same product u^T W_M ... W_1 H v = s_j^(M+1);
a mode whose product is negative is given none. It ignores how far the layers are from alignment.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..problem.objective import Parameters

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.ufm import UFM
    from .target_modes import TargetModes

LARGEST = 2**24  # numbers in H up to which a Gaussian start draws all N features


def aligned_bases(modes: TargetModes, rng: np.random.Generator) -> list[Array]:
    """(v, q_1, ..., q_M, u): right vectors of the modes that the widths have room for, random hidden bases, left vectors."""
    kept = np.flatnonzero(modes.room)
    hidden = [np.linalg.qr(rng.normal(size=(width, kept.size)))[0] for width in modes.ufm.width]
    return [modes.frame.right()[:, kept], *hidden, modes.frame.left()[:, kept]]


def aligned_parameters(modes: TargetModes, start: Array, bases: list[Array]) -> Parameters:
    """Matrices with singular values `start` (m, M + 1) in these bases, and class means (d_1, K)."""
    kept = np.flatnonzero(modes.room)
    factors = [(left * start[kept, j]) @ right.T for j, (right, left) in enumerate(pairwise(bases))]
    return Parameters(tuple(factors[1:]), factors[0] / np.sqrt(modes.ufm.counts), modes.bias)


def gaussian_parameters(
    ufm: UFM, scale: float, bias: Array, rng: np.random.Generator
) -> Parameters:
    """Every weight and every feature from N(0, scale^2); of very many features only the class means are drawn, of variance scale^2/n_k."""
    weights = tuple(rng.normal(scale=scale, size=shape) for shape in ufm.shapes)
    if ufm.whole and ufm.samples * ufm.width[0] <= LARGEST:
        return Parameters(
            weights, rng.normal(scale=scale, size=(ufm.width[0], int(ufm.samples))), bias
        )
    return Parameters(
        weights,
        rng.normal(scale=scale, size=(ufm.width[0], ufm.classes)) / np.sqrt(ufm.counts),
        bias,
    )


def projected_start(modes: TargetModes, weights: tuple[Array, ...], scaled_means: Array) -> Array:
    """The aligned start that stands for weights and class means scaled by sqrt(n_k), shape (m, M + 1); zeros where there is none."""
    left, right = modes.frame.left(), modes.frame.right()
    if modes.ufm.depth > 1:
        product = weights[-1].T @ left
        for weight in reversed(weights[:-1]):
            product = weight.T @ product
        along = np.einsum("di,di->i", product, scaled_means @ right)
        level = np.maximum(along, 0.0) ** (1.0 / (modes.ufm.depth + 1))
        return np.repeat((level * modes.room)[:, None], modes.ufm.depth + 1, axis=1)
    decay_h, decay_w = modes.ufm.decays
    pull, half = modes.tau / modes.ufm.samples, (decay_h - decay_w) / 2.0
    angle = np.arctan2(
        pull, half + np.hypot(half, pull)
    )  # the top eigenvector is (cos, sin) in (W, H)
    grows = np.cos(angle) * (weights[0].T @ left) + np.sin(angle) * (scaled_means @ right)
    strength = np.linalg.norm(grows, axis=0) * modes.room
    return np.stack([strength * np.sin(angle), strength * np.cos(angle)], axis=1)
