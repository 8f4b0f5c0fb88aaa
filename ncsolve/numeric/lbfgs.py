r"""L-BFGS without bounds, written on NumPy alone.

The step is -H g, where H is built from the last m pairs s_i = theta_{i+1} - theta_i, y_i = g_{i+1} - g_i by the two-loop recursion
(Nocedal 1980), started from (s^T y / y^T y) I for the newest pair. A step length t is accepted under the weak Wolfe conditions

    L(theta + t d) <= L(theta) + 1e-4 t g^T d,      g(theta + t d)^T d >= 0.9 g^T d,

or, where rounding hides the decrease (Hager and Zhang 2005), when L has not risen beyond rounding and the slope at the new point
is within -0.9 and 0.8 times g^T d in size. The second condition makes every s^T y positive, so H stays positive definite.

Why not SciPy's L-BFGS-B, which `optimizers.LBFGS` uses under bounds: the wheels of NumPy and SciPy each bring an OpenBLAS with its
own threads, and a program that calls both in turn has them wait for each other. The seed experiment at M = 3 ran ten times slower.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..problem.losses import Array

Function = Callable[["Array"], tuple[float, "Array"]]

DECREASE, CURVATURE = 1e-4, 0.9
TRIALS = 40  # of one line search; beyond them nothing lower can be told apart
IDLE = 100  # steps in a row that lower the value by no more than rounding


def lbfgs(
    function: Function, theta: Array, memory: int, idle: int = IDLE
) -> Iterator[tuple[Array, float, Array]]:
    """Yield (theta, value, gradient) after every step, from a start that is not yielded.

    Ends when no step goes lower, or after `idle` steps in a row that lower the value by no more than rounding.
    """
    value, gradient = function(theta)
    lowest, waited = value, 0
    pairs: deque[tuple[Array, Array, float]] = deque(maxlen=memory)
    while True:
        direction = _direction(gradient, pairs)
        first = 1.0 if pairs else min(1.0, 1.0 / (float(np.linalg.norm(gradient)) or 1.0))
        found = _line_search(function, theta, value, gradient, direction, first)
        if found is None:
            if not pairs:
                return
            pairs.clear()  # the model may be at fault: once more along the gradient
            continue
        step, new, value, new_gradient = found
        direction *= step
        change = new_gradient - gradient
        curvature = float(np.vdot(direction, change))
        if curvature > 0:
            pairs.append((direction, change, curvature))
        theta, gradient = new, new_gradient
        yield theta, value, gradient
        waited = 0 if value < lowest - _rounding(value) else waited + 1
        if waited == idle:
            return
        lowest = min(lowest, value)


def _direction(gradient: Array, pairs: deque[tuple[Array, Array, float]]) -> Array:
    """-H g by two loops over the pairs; a new array."""
    q = -gradient
    scratch = np.empty_like(q)
    shares = []
    for s, y, curvature in reversed(pairs):
        share = float(np.vdot(s, q)) / curvature
        shares.append(share)
        q -= np.multiply(y, share, out=scratch)
    if pairs:
        _, y, curvature = pairs[-1]
        q *= curvature / float(np.vdot(y, y))
    for (s, y, curvature), share in zip(pairs, reversed(shares), strict=True):
        q += np.multiply(s, share - float(np.vdot(y, q)) / curvature, out=scratch)
    return q


def _line_search(
    function: Function, theta: Array, value: float, gradient: Array, direction: Array, step: float
) -> tuple[float, Array, float, Array] | None:
    """(step, theta, value, gradient) under the module's conditions; None after `TRIALS` points or at a zero slope."""
    slope = float(np.vdot(gradient, direction))
    if not slope < 0:
        return None
    low, at_low, high = 0.0, (value, slope), np.inf
    for _ in range(TRIALS):
        new = theta + step * direction
        new_value, new_gradient = function(new)
        new_slope = float(np.vdot(new_gradient, direction))
        decreased = new_value <= value + DECREASE * step * slope
        flat = new_value <= value + _rounding(value) and new_slope <= -0.8 * slope
        if not (np.isfinite(new_value) and np.isfinite(new_slope) and (decreased or flat)):
            high = step
        elif new_slope < CURVATURE * slope:
            low, at_low = step, (new_value, new_slope)
        else:
            return step, new, new_value, new_gradient
        step = _inside(low, at_low, step, (new_value, new_slope)) if high < np.inf else 2.0 * step
        if high < np.inf and not low + 0.1 * (high - low) <= step <= low + 0.9 * (high - low):
            step = 0.5 * (low + high)
    return None


def _rounding(value: float) -> float:
    return 4 * float(np.finfo(float).eps) * abs(value)


def _inside(
    low: float, at_low: tuple[float, float], other: float, at_other: tuple[float, float]
) -> float:
    """Minimizer of the cubic through values and slopes at two points; NaN where it has none."""
    (f, g), (h, k), gap = at_low, at_other, other - low
    if gap == 0 or not np.isfinite(h) or not np.isfinite(k):
        return np.nan
    bend = g + k - 3.0 * (h - f) / gap
    square = bend * bend - g * k
    if square < 0:
        return np.nan
    root = np.copysign(np.sqrt(square), gap)
    bottom = k - g + 2.0 * root
    return low + gap * (1.0 - (k + root - bend) / bottom) if bottom != 0 else np.nan
