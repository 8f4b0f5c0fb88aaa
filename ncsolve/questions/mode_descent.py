r"""Gradient descent of aligned modes, step by step and exactly.

    v_j <- mu v_j + lambda_j s_j - (tau - P) P / (N s_j),     s_j <- s_j - eta v_j,     P = s_0 s_1 ... s_M

is what heavy-ball descent with rate eta and momentum mu (mu = 0: gradient descent) on the raw objective over all N features does to the
singular values of the layers: the gradient of every aligned factor is aligned, so the network never leaves these modes, and nothing is
approximated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..problem.losses import Array

HIGHEST = 1e100  # a layer beyond has diverged


def descent(
    tau: Array,
    samples: float,
    decays: tuple[float, ...],
    start: Array,
    *,
    learning_rate: float,
    momentum: float = 0.0,
) -> Iterator[Array]:
    """Yield (s_0, ..., s_M) of all modes before the first step, after it, ...; ends only where a layer diverges.

    Parameters
    ----------
    tau : array (m,)
    samples : N
    decays : the M + 1 decays
    start : array (m, M + 1)
    learning_rate, momentum : eta and mu

    Examples
    --------
    >>> import numpy as np
    >>> steps = descent(np.array([3.0]), 9.0, (0.01, 0.01), np.array([[0.1, 0.1]]), learning_rate=0.1)
    >>> [round(float(next(steps)[0, 0]), 6) for _ in range(3)]
    [0.1, 0.103222, 0.106548]
    """
    layers = np.array(start, dtype=np.float64).T.copy()  # a row per layer
    decay = np.array(decays)[:, None]
    velocity = np.zeros_like(layers)
    while True:
        yield layers.T.copy()
        rest = _products_of_others(layers)
        pull = (tau - layers[0] * rest[0]) / samples
        velocity *= momentum
        velocity += decay * layers - pull * rest
        layers -= learning_rate * velocity
        if not np.abs(layers).max() < HIGHEST:
            return


def _products_of_others(layers: Array) -> Array:
    """Row j: the product of all rows but j, without a division, which would fail at zero."""
    rest = np.ones_like(layers)
    before, after = np.ones_like(layers[0]), np.ones_like(layers[0])
    for j in range(len(layers)):
        rest[j] *= before
        before = before * layers[j]
        rest[-1 - j] *= after
        after = after * layers[-1 - j]
    return rest
