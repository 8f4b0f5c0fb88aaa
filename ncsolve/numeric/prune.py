r"""A discrete step of descent: switch off directions of the end-to-end map that cost more than they give.

Deep objectives have a local minimum for every subset of directions that is switched on, because a direction at zero is stable
and so is one that has grown. From a run's end point, take the left singular vectors u of W_M ... W_1 Hbar from the weakest up;
follow each backwards through the layers (u_{j-1} = W_j^T u_j, normalized) and remove its component from every factor. The raw
objective of the pruned matrices decides how many of the weakest directions are removed. No formula for the minimum is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..raw_objective import Parameters

if TYPE_CHECKING:
    from ..losses import Array
    from ..raw_objective import Objective

NOISE = 1e-8  # directions weaker than this share of the strongest are already off


def prune(objective: Objective, theta: Array) -> Array | None:
    """The pruned point if one lies lower, else None."""
    parameters = objective.unpack(theta)
    directions, strength, _ = np.linalg.svd(parameters.end_to_end @ parameters.features, full_matrices=False)
    weakest = [i for i in reversed(range(strength.size)) if strength[i] > NOISE * strength[0]]

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
