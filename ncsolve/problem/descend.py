r"""Ways down that know a function and nothing else: L-BFGS without bounds, and Newton steps by MINRES. Both witnesses use them.

L-BFGS. The step is -H g, where H is built from the last m pairs s_i = theta_{i+1} - theta_i, y_i = g_{i+1} - g_i by the two-loop
recursion (Nocedal 1980), started from (s^T y / y^T y) I for the newest pair. A step length t is accepted under the weak Wolfe
conditions

    L(theta + t d) <= L(theta) + 1e-4 t g^T d,      g(theta + t d)^T d >= 0.9 g^T d,

or, where rounding hides the decrease (Hager and Zhang 2005), when L has not risen beyond rounding and the slope at the new point
is within -0.9 and 0.8 times g^T d in size. The second condition makes every s^T y positive, so H stays positive definite.

Why not SciPy's L-BFGS-B, which `optimizers.LBFGS` uses under bounds: the wheels of NumPy and SciPy each bring an OpenBLAS with its
own threads, and a program that calls both in turn has them wait for each other. The seed experiment at M = 3 ran ten times slower.

Newton-MINRES, the last digits of a run. At a minimum the Hessian is singular (rotations of hidden layers), so each Newton system is
solved by MINRES, which returns the minimum-length step of a consistent singular system and copes with negative curvature. A step is
halved until the objective does not rise beyond rounding; near the end, where the objective no longer tells points apart, the
gradient norm decides.

Threads. Those of a BLAS wait for each other by spinning. For matrices of a few hundred rows that costs as much as it saves when the
machine is idle, and up to thirty times the computation when other programs use the cores: solving Places-LT took 3.5 s with one
thread, idle or not (7 s beside one busy process), and more than 100 s with two threads beside that process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .losses import Array

Function = Callable[["Array"], tuple[float, "Array"]]

DECREASE, CURVATURE = 1e-4, 0.9
TRIALS = 40  # of one line search; beyond them nothing lower can be told apart
IDLE = 100  # steps in a row that lower the value by no more than rounding
TINY, LARGE = 64, 512  # rows below which no BLAS starts threads, and from which they pay


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


def newton(
    function: Function,
    hessian: Callable[[Array], Callable[[Array], Array]],
    theta: Array,
    products: int,
    nonnegative: slice | None = None,
) -> Iterator[tuple[Array, float, Array]]:
    """Yield (theta, value, gradient) after every Newton step; ends when no step goes lower.

    `hessian(theta)` is the map v -> (second derivative at theta) v; MINRES stops at the relative residual min(.01, |gradient|).
    """
    from scipy.sparse.linalg import LinearOperator, minres

    value, gradient = function(theta)
    while True:
        free = projected(gradient, theta, nonnegative)
        moving = np.ones(theta.size, dtype=bool)
        if nonnegative is not None:
            moving[nonnegative] = theta[nonnegative] > 0
        product = hessian(theta)
        operator = LinearOperator(
            (theta.size,) * 2, matvec=lambda v, p=product, m=moving: m * p(m * v), dtype=float
        )
        norm = float(np.linalg.norm(free))
        direction, _ = minres(operator, -free * moving, rtol=min(1e-2, norm), maxiter=products)
        rounding = 8.0 * np.finfo(float).eps * abs(value)
        for halvings in range(12):
            # the longest halved step that lowers the objective, or keeps it to rounding and lowers the gradient
            trial = theta + 0.5**halvings * direction
            if nonnegative is not None:
                np.maximum(trial[nonnegative], 0.0, out=trial[nonnegative])
            lower, slope = function(trial)
            shrunk = np.linalg.norm(projected(slope, trial, nonnegative)) < 0.9 * norm
            if lower < value - rounding or (lower <= value + rounding and shrunk):
                theta, value, gradient = trial, lower, slope
                break
        else:
            return
        yield theta, value, gradient


def projected(gradient: Array, theta: Array, nonnegative: slice | None) -> Array:
    """The gradient without the parts that push against the bound theta >= 0."""
    if nonnegative is None:
        return gradient
    free = gradient.copy()
    free[nonnegative] = np.where(
        theta[nonnegative] > 0, gradient[nonnegative], np.minimum(gradient[nonnegative], 0.0)
    )
    return free


@contextmanager
def threads_for(rows: int) -> Iterator[None]:
    """One BLAS thread while matrices of so many rows are multiplied; no limit for large ones. Holds for the whole process."""
    if not TINY <= rows < LARGE:
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
