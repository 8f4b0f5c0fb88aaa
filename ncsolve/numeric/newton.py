r"""Newton-MINRES polish: the last digits of a run.

At a minimum the Hessian is singular (rotations of hidden layers), so each Newton system is solved by MINRES, which returns the
minimum-length step of a consistent singular system and copes with negative curvature. A step is halved until the objective
does not rise beyond rounding; near the end, where the objective no longer tells points apart, the gradient norm decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .optimizers import Ending, Outcome, Watch, projected, small_gradient

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.objective import Objective
    from .lbfgs import Function


@dataclass(frozen=True)
class Newton:
    """Polish after descent.

    Parameters
    ----------
    steps : int, limit on Newton steps
    products : int, limit on Hessian products per step
    tolerance : float, relative gap promised by the stopping rule of `optimizers`
    largest : int, number of variables beyond which a converged run is left as it is
    """

    steps: int = 20
    products: int = 400
    tolerance: float = 1e-20
    largest: int = 50_000

    def minimize(
        self, objective: Objective, theta: Array, watch: Watch, nonnegative: slice | None = None
    ) -> Outcome:
        """Polish; entries at an active bound stay there."""
        value, gradient = objective.value_and_gradient(theta)
        walk = newton(
            objective.value_and_gradient,
            objective.hessian_product,
            theta,
            self.products,
            nonnegative,
        )
        for step in range(self.steps + 1):
            if small_gradient(
                objective, value, projected(gradient, theta, nonnegative), self.tolerance
            ):
                return Outcome(theta, step, Ending.CONVERGED)
            found = next(walk, None) if step < self.steps else None
            if found is None:
                break
            theta, value, gradient = found
            watch(step + 1, theta, value, projected(gradient, theta, nonnegative))
        return Outcome(theta, step, Ending.STEPS if step == self.steps else Ending.STALLED)


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
        found = _accept(function, theta, value, gradient, direction, nonnegative)
        if found is None:
            return
        theta, value, gradient = found
        yield found


def _accept(
    function: Function,
    theta: Array,
    value: float,
    gradient: Array,
    direction: Array,
    nonnegative: slice | None,
) -> tuple[Array, float, Array] | None:
    """The longest halved step that lowers the objective, or keeps it to rounding and lowers the gradient."""
    norm = np.linalg.norm(projected(gradient, theta, nonnegative))
    rounding = 8.0 * np.finfo(float).eps * abs(value)
    for halvings in range(12):
        trial = theta + 0.5**halvings * direction
        if nonnegative is not None:
            np.maximum(trial[nonnegative], 0.0, out=trial[nonnegative])
        trial_value, trial_gradient = function(trial)
        shrunk = np.linalg.norm(projected(trial_gradient, trial, nonnegative)) < 0.9 * norm
        if trial_value < value - rounding or (trial_value <= value + rounding and shrunk):
            return trial, trial_value, trial_gradient
    return None
