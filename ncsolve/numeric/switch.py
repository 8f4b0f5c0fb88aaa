r"""Discrete steps of descent: switch single directions of the end-to-end map off, or on.

Deep objectives have a local minimum for every number of strongest directions switched on: a direction at zero is stable, and so is
one that has grown while no stronger one is at zero; random starts seldom find the best number. Both moves compare raw objectives
only, and no formula for a minimum enters.

Off: take the left singular vectors u of W_M ... W_1 H from the weakest up, follow each backwards through the layers
(u_{j-1} = W_j^T u_j, normalized) and remove its component from every factor.

On: the strongest singular pair (u, v) of -dF/dZ outside the spaces in use is the direction in which the loss falls fastest; add
a rank-one term to every factor through unused hidden directions, with equal penalties, and scan its size; the lowest valley of the
scan is narrowed by golden sections, since close to where a direction stops paying the valley is narrower than the scan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..problem.objective import Parameters

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.objective import Objective

WEAK = 1e-6  # directions weaker than this share of the strongest are off
SIZES = np.geomspace(
    0.05, 20.0, 25
)  # sizes tried for a new direction, times the size at which its penalty equals the loss
SECTIONS, GOLDEN = 12, (5.0**0.5 - 1.0) / 2.0  # to 0.3% of the interval


def switch(objective: Objective, theta: Array) -> Array | None:
    """A lower point with some directions switched off, or one on; None where none is found."""
    pruned = switch_off(objective, theta)
    return switch_on(objective, theta) if pruned is None else pruned


def switch_on(objective: Objective, theta: Array) -> Array | None:
    """The point with one more direction if that lies lower, else None."""
    p = objective.unpack(theta)
    outer = [p.features, *p.weights]
    # The last left vector is unused only if the columns do not fill the space: all of them are needed where rows exceed columns.
    ranges = [
        np.linalg.svd(factor, full_matrices=factor.shape[0] > factor.shape[1])[:2]
        for factor in outer[:-1]
    ]
    if any(s.size >= u.shape[0] and s[-1] > WEAK * s[0] for u, s in ranges):
        return None  # a layer has no unused direction
    hidden = [u[:, -1] for u, _ in ranges]
    z = p.end_to_end @ p.features
    left, strength, right = np.linalg.svd(z, full_matrices=False)
    used = strength > WEAK * strength[0]
    gradient = objective.columns.gradient(z + np.outer(p.bias, objective.columns.ones))
    gradient = gradient - left[:, used] @ (left[:, used].T @ gradient)
    gradient = gradient - (gradient @ right[used].T) @ right[used]
    u, _, v = np.linalg.svd(gradient, full_matrices=False)
    ends = [v[0], *hidden, -u[:, 0]]  # W_j gains ends[j+1] ends[j]^T, H gains hidden[0] v^T
    decays = [objective.feature_decay, *objective.weight_decay]
    best = objective.value(theta)
    unit = np.sqrt(best / len(decays))

    def grown(size: float) -> Array:
        factors = [
            f + size * unit / np.sqrt(d) * np.outer(ends[j + 1], ends[j])
            for j, (f, d) in enumerate(zip(outer, decays, strict=True))
        ]
        return objective.pack(Parameters(tuple(factors[1:]), factors[0], p.bias))

    size, value = _valley(lambda size: objective.value(grown(size)))
    return grown(size) if value < best else None


def _valley(function: Callable[[float], float]) -> tuple[float, float]:
    """The bottom of the lowest valley over SIZES, (size, value); the first size, where the function only rises, is no valley."""
    values = np.array([function(size) for size in SIZES])
    inside = 1 + np.flatnonzero((values[1:-1] <= values[:-2]) & (values[1:-1] <= values[2:]))
    lowest = int(inside[np.argmin(values[inside])]) if inside.size else int(np.argmin(values))
    best = (float(SIZES[lowest]), float(values[lowest]))
    if not inside.size:
        return best
    low, high = float(SIZES[lowest - 1]), float(SIZES[lowest + 1])
    for _ in range(SECTIONS):
        one, two = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        at_one, at_two = function(one), function(two)
        best = min(best, (one, at_one), (two, at_two), key=lambda pair: pair[1])
        low, high = (low, two) if at_one < at_two else (one, high)
    return best


def switch_off(objective: Objective, theta: Array) -> Array | None:
    """The pruned point if one lies lower, else None."""
    parameters = objective.unpack(theta)
    directions, strength, _ = np.linalg.svd(
        parameters.end_to_end @ parameters.features, full_matrices=False
    )
    weakest = [i for i in reversed(range(strength.size)) if strength[i] > WEAK * strength[0]]

    def without(count: int) -> tuple[float, Array]:
        pruned = objective.pack(_remove(parameters, directions[:, weakest[:count]]))
        return objective.value(pruned), pruned

    best, chosen, count = objective.value(theta), None, 0
    reach = 1
    while reach <= len(weakest):  # gallop up, then halve: the gain rises with the count, then falls
        value, pruned = without(reach)
        if value >= best:
            break
        best, chosen, count, reach = value, pruned, reach, 2 * reach
    step = reach // 2
    while step >= 1:
        if count + step <= len(weakest):
            value, pruned = without(count + step)
            if value < best:
                best, chosen, count = value, pruned, count + step
                continue
        step //= 2
    return chosen


def _remove(parameters: Parameters, directions: Array) -> Parameters:
    """Each factor without its components along the directions, followed from the top layer down."""
    weights = []
    for weight in reversed(parameters.weights):
        weights.append(weight - directions @ (directions.T @ weight))
        directions = np.linalg.qr(weight.T @ directions)[0]
    features = parameters.features - directions @ (directions.T @ parameters.features)
    return Parameters(tuple(reversed(weights)), features, parameters.bias)
