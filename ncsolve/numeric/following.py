"""Heavy-ball descent on the raw objective, watched along given singular vectors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..problem.descend import threads_for
from .optimizers import Ending, Momentum

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.objective import Objective


@dataclass(frozen=True, eq=False)
class Followed:
    """What was seen along modes (u_i, v_i) of A, the first K columns of W_M ... W_1 H.

    Attributes
    ----------
    step : array (T,)
    sigma : array (T, m), u_i^T A v_i
    layers : array (T, r, M + 1), q_{j+1,i}^T F_j q_{j,i} in the given hidden bases; None without bases
    outside : array (T,), ||A - sum_i sigma_i u_i v_i^T|| / ||A||
    theta : where descent ended
    steps : how many steps were taken
    ending : Ending
    """

    step: Array
    sigma: Array
    layers: Array | None
    outside: Array
    theta: Array
    steps: int
    ending: Ending


def follow(
    objective: Objective,
    theta: Array,
    vectors: tuple[Array, Array],
    method: Momentum,
    *,
    recorded: Collection[int],
    bases: Sequence[Array] | None = None,
    watch: Callable[[int, Array], None] | None = None,
) -> Followed:
    """Descend from theta, recording at the steps `recorded`.

    Parameters
    ----------
    objective : Objective whose first K columns of H are sqrt(n_k) times class means
    theta : array (size,)
    vectors : (U, V), shapes (outputs, m), (K, m)
    method : Momentum
    bases : (v, q_1, ..., q_M, u), orthonormal columns; layers are read off in them
    watch : called at every step with (step, sigma)
    """
    left, right = vectors
    rows: list[tuple[int, Array, Array, float]] = []
    wanted = set(recorded)

    def see(step: int, at: Array, *_: object) -> None:
        p = objective.unpack(at)
        scaled = p.features[:, : right.shape[0]]
        forward: Array = scaled if step in wanted else scaled @ right
        for weight in p.weights:
            forward = weight @ forward
        if step not in wanted:
            if watch is not None:
                watch(step, np.einsum("ki,ki->i", left, forward))
            return
        sigma = np.einsum("ki,ki->i", left, forward @ right)
        if watch is not None:
            watch(step, sigma)
        size = float(np.linalg.norm(forward))
        outside = float(np.linalg.norm(forward - (left * sigma) @ right.T)) / (size or 1.0)
        layers = np.empty(0)
        if bases is not None:
            factors = (scaled, *p.weights)
            pairs = zip(factors, pairwise(bases), strict=True)
            layers = np.stack(
                [
                    np.einsum("ai,ab,bi->i", out, factor, into, optimize=True)
                    for factor, (into, out) in pairs
                ],
                axis=-1,
            )
        rows.append((step, sigma, layers, outside))

    see(0, theta)
    with (
        threads_for(max(left.shape[0], *(shape[1] for shape in objective.shapes))),
        np.errstate(over="ignore", invalid="ignore"),
    ):
        outcome = method.minimize(objective, theta, see)
    steps, sigma, layers, outside = zip(*rows, strict=True)
    read = None if bases is None else np.array(layers)
    return Followed(
        np.array(steps, dtype=float),
        np.array(sigma),
        read,
        np.array(outside),
        outcome.theta,
        outcome.steps,
        outcome.ending,
    )
