"""Plan a descent on squared loss and predict when each mode and class is learned: see course.py for what is predicted.

Bias none, or free and at its optimum ybar at the start, where it stays: the residuals of aligned factors have mean zero.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from ..problem.errors import ProblemError, TooLarge
from ..problem.objective import Parameters
from .course import TimeCourse
from .starts import projected_start
from .target_modes import target_modes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ..problem.losses import Array
    from ..problem.ufm import UFM
    from .target_modes import TargetModes

SMALLEST = 1e-250  # product of the layers of a mode
MOST_ASKED = 5_000_000  # steps


def time_course(
    ufm: UFM,
    *,
    learning_rate: float = 0.1,
    momentum: float = 0.0,
    start: float | ArrayLike | Parameters = 0.1,
    steps: int | None = None,
    share: float = 0.5,
) -> TimeCourse:
    """Predict the time course of every mode and the step at which each class is learned or dies.

    Parameters
    ----------
    ufm : UFM
        Squared loss, linear features, bias none or free (then the bias starts at its optimum).
    learning_rate, momentum : of heavy-ball descent on the objective over all N features
    start : number, array (m,), array (m, M + 1), or Parameters
        Singular values of H (all N columns), W_1, ..., W_M along each mode of an aligned start: one number for all, one for each mode, or
        one for each mode and layer. Or explicit matrices with class means (d_1, K) or all features (d_1, N), which are projected on the
        modes (starts.py).
    steps : int, optional
        At most 5 x 10^6. Default: one and a half times what the last class needs, at most 10^6.
    share : number between 0 and 1
        A class is learned at this share of its final value.

    Raises
    ------
    NoTheorem
        Unless the loss is squared loss, features are linear and the bias is none or free.
    ProblemError
        If a number is not usable.
    TooLarge
        If more steps are asked for.

    Examples
    --------
    >>> import ncsolve
    >>> ufm = ncsolve.UFM([30, 20, 8], weight_decay=3e-3, feature_decay=3e-3)
    >>> course = ncsolve.time_course(ufm, learning_rate=0.1, start=0.1)
    >>> [round(float(step), 1) for step in course.class_step], course.descent.class_step.tolist()
    ([343.0, 408.9, 609.4], [345.0, 410.0, 611.0])
    """
    for name, number, low, high in (
        ("learning_rate", learning_rate, 0.0, math.inf),
        ("share", share, 0.0, 1.0),
        ("momentum", momentum, -1e-300, 1.0),
    ):
        if isinstance(number, bool) or not isinstance(number, Real) or not low < number < high:
            allowed = {
                "learning_rate": "a positive number",
                "share": "a number between 0 and 1",
                "momentum": "a number from 0 to below 1",
            }
            raise ProblemError(f"{name} {number!r} is not {allowed[name]}")
    if steps is not None and (
        isinstance(steps, bool) or not isinstance(steps, int) or not steps >= 1
    ):
        raise ProblemError(f"steps {steps!r} is not a whole number of 1 or more")
    if steps is not None and steps > MOST_ASKED:
        raise TooLarge(
            f"{steps} steps would be followed one by one; up to {MOST_ASKED} works: a larger learning rate needs fewer"
        )
    modes = target_modes(ufm)
    given = start if isinstance(start, Parameters) else None
    layers = (
        _aligned(modes, start) if not isinstance(start, Parameters) else _projected(modes, start)
    )
    return TimeCourse(
        modes, float(learning_rate), float(momentum), layers, float(share), steps, given
    )


def _aligned(modes: TargetModes, start: float | ArrayLike) -> Array:
    """The start of every mode and layer, shape (m, M + 1)."""
    size, layers = modes.tau2.size, modes.ufm.depth + 1
    advice = f"give one positive number, {size} (one per mode) or {size} x {layers} (one per mode and layer)"
    try:
        given = np.array(start, dtype=np.float64)
    except (TypeError, ValueError):
        raise ProblemError(f"start {start!r} is not made of numbers; {advice}") from None
    if given.shape not in ((), (size,), (size, layers)):
        raise ProblemError(
            f"start has shape {given.shape} for {size} modes and {layers} layers; {advice}"
        )
    if not (np.isfinite(given).all() and (given > 0).all()):
        bad = float(given[~((given > 0) & np.isfinite(given))].flat[0])
        why = (
            "a mode that starts at zero stays there"
            if bad == 0
            else "it is not positive and finite"
        )
        raise ProblemError(f"start {bad:g} does not work: {why}; {advice}")
    product = layers * np.log([given.min(), given.max()])
    if product[1] > math.log(1e6 * modes.tau.max()):
        raise ProblemError(
            f"start {given.max():g} is far beyond every target ({modes.tau.max():g}); a start of order 1 or less works"
        )
    if product[0] < math.log(SMALLEST):
        raise ProblemError(
            f"start {given.min():g} to the power {layers} is too small for a double; a start of order .1 works"
        )
    full = np.broadcast_to(given[:, None] if given.ndim == 1 else given, (size, layers)).copy()
    full[~modes.room] = 0.0
    return full


def _projected(modes: TargetModes, start: Parameters) -> Array:
    """The projection of explicit matrices."""
    ufm = modes.ufm
    shapes = tuple(weight.shape for weight in start.weights)
    if shapes != ufm.shapes or start.features.shape[0] != ufm.width[0]:
        raise ProblemError(
            f"the start has weights of shapes {shapes}; the problem needs {ufm.shapes}"
        )
    return projected_start(modes, start.weights, scaled_means(ufm, start.features))


def scaled_means(ufm: UFM, features: Array) -> Array:
    """Class means times sqrt(n_k), of class means (d_1, K) or all features (d_1, N)."""
    columns = features.shape[1]
    if columns == ufm.classes:
        return features * np.sqrt(ufm.counts)
    if not ufm.whole or columns != ufm.samples:
        raise ProblemError(
            f"features have {columns} columns; give K = {ufm.classes} class means or N = {ufm.samples:g} samples"
        )
    first = np.concatenate([[0], np.cumsum(ufm.counts)[:-1]]).astype(np.intp)
    sums: Array = np.add.reduceat(features, first, axis=1)
    return sums / np.sqrt(ufm.counts)
