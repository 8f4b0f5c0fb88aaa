r"""Plain cross-entropy at M = 1 over many cells, where it has a closed form: ReLU features, and balanced classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .angles import extremes, inverse_lengths, mean, present
from .cells import CLASSIFIERS, ENDS, FEATURES, NEAR, all_or_none, largest, rows, smoothing

if TYPE_CHECKING:
    from ...problem.losses import Array
    from .cells import Found
    from .plane import Indices, Slice


def relu_cross_entropy(part: Slice, cells: Indices, fields: frozenset[str]) -> Found:
    """Classes on axes of their own, with explicit margins (theorems/relu_cross_entropy.py)."""
    classes, delta = part.example.classes, smoothing(part.example)
    share = (classes - 1.0) / classes
    active, value = np.empty(cells.size), np.empty(cells.size)
    angles = {name: np.full(cells.size, np.nan) for name in CLASSIFIERS}
    doubtful = np.zeros(cells.size, dtype=bool)
    for block, counts, samples, of in rows(
        part, cells, classes if ENDS & {*CLASSIFIERS} & fields else 1
    ):
        n, c = counts[of], part.mean_decay[cells[block], None]
        ratio = np.sqrt(n * share) * (1.0 - delta) / (samples[of, None] * c)
        alive = ratio > 1.0
        doubtful[block] = (np.abs(ratio - 1.0) < NEAR).any(axis=1)
        x = (samples[of, None] * c / np.sqrt(share * n) + delta) * share
        margin = np.where(alive, np.log1p(np.maximum(classes * (share - x) / x, 2.0**-53)), 0.0)
        sigma = np.sqrt(n * share) * margin
        losses = np.where(
            alive,
            np.log1p((classes - 1) * np.exp(-margin)) + delta * share * margin,
            np.log(classes),
        )
        active[block] = alive.sum(axis=1)
        value[block] = np.einsum("ck,ck->c", n, losses) / samples[of] + c[:, 0] * sigma.sum(axis=1)
        if fields & set(CLASSIFIERS):
            for name, numbers in zip(
                CLASSIFIERS, _spikes(sigma, bool(ENDS & {*CLASSIFIERS} & fields)), strict=True
            ):
                angles[name][block] = numbers
    straight = np.where(active >= 2, 0.0, np.nan)
    found = {
        "active": active,
        "vanished": classes - active,
        "merged": np.zeros(cells.size),
        "value": value,
    }
    return found | {"rank": np.minimum(active, classes - 1)} | dict.fromkeys(
        FEATURES, straight
    ) | angles, doubtful


def _spikes(t: Array, ends: bool) -> tuple[Array, Array, Array]:
    """Cosines of the rows of sum_k sqrt(t_k) u_k e_k^T, u_k = (e_k - 1/K)/sqrt(1 - 1/K) (atoms.py), with T = sum_k t_k / K:

    v_j . v_l = -(t_j + t_l - T)/(K - 1) for j != l,         |v_j|^2 = ((K - 2) t_j + T)/(K - 1).
    """
    classes = t.shape[1]
    total = t.sum(axis=1, keepdims=True) / classes
    norm2 = ((classes - 2.0) * t + total) / (classes - 1.0)
    there = present(norm2)
    inverse = inverse_lengths(norm2, there)
    one, weighted = inverse.sum(axis=1), (t * inverse).sum(axis=1)
    apart = -(2.0 * weighted * one - total[:, 0] * one**2) + ((2.0 * t - total) * inverse**2).sum(
        axis=1
    )
    number = there.sum(axis=1).astype(np.float64)
    low = high = np.full(len(t), np.nan)
    if ends:
        between = (
            -(t[:, :, None] + t[:, None, :] - total[:, :, None])
            * (inverse[:, :, None] * inverse[:, None, :])
            / (classes - 1.0)
        )
        low, high = extremes(between, np.zeros_like(t), there, np.ones(classes))
    return low, mean(apart / (classes - 1.0) + number, number), high


def balanced_cross_entropy(part: Slice, cells: Indices, fields: frozenset[str]) -> Found:
    """The simplex at M = 1 (theorems/balanced_cross_entropy.py)."""
    classes, delta = part.example.classes, smoothing(part.example)
    n, c = largest(part, cells), part.mean_decay[cells]
    ratio = np.sqrt(n) * (1.0 - delta) / (classes * n * c)
    alive = ratio > 1.0
    x = classes * c * np.sqrt(n) + delta
    a = np.where(
        alive, np.maximum(np.log1p(np.maximum(classes * (1.0 - x) / x, 0.0)), 2.0**-53), 0.0
    )
    loss = np.log1p((classes - 1) * np.exp(-a)) + delta * (1.0 - 1.0 / classes) * a
    value = np.where(alive, loss + c * (classes - 1) * a * np.sqrt(n), np.log(classes))
    found = all_or_none(classes, alive) | {
        "rank": np.where(alive, classes - 1.0, 0.0),
        "value": value,
    }
    angle = np.where(alive, -1.0 / (classes - 1), np.nan)
    return found | dict.fromkeys((*FEATURES, *CLASSIFIERS), angle), np.abs(ratio - 1.0) < NEAR
