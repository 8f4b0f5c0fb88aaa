r"""Newton-MINRES polish: the last digits of a run.

At a minimum the Hessian is singular (rotations of hidden layers), so each Newton system is solved by MINRES, which returns the
minimum-length step of a consistent singular system and copes with negative curvature. A step is halved until the objective
does not rise beyond rounding; near the end, where the objective no longer tells points apart, the gradient norm decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .optimizers import Ending, Outcome, Watch, projected, small_gradient

if TYPE_CHECKING:
    from ..losses import Array
    from ..raw_objective import Objective


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

    def minimize(self, objective: Objective, theta: Array, watch: Watch, nonnegative: slice | None = None) -> Outcome:
        """Polish; entries at an active bound stay there."""
        from scipy.sparse.linalg import LinearOperator, minres

        value, gradient = objective.value_and_gradient(theta)
        for step in range(1, self.steps + 1):
            free = projected(gradient, theta, nonnegative)
            if small_gradient(objective, value, free, self.tolerance):
                return Outcome(theta, step - 1, Ending.CONVERGED)
            moving = np.ones(theta.size, dtype=bool)
            if nonnegative is not None:
                moving[nonnegative] = theta[nonnegative] > 0
            product = objective.hessian_product(theta)
            operator = LinearOperator((theta.size,) * 2, matvec=lambda v, p=product, m=moving: m * p(m * v), dtype=float)
            norm = float(np.linalg.norm(free))
            direction, _ = minres(operator, -free * moving, rtol=min(1e-2, norm), maxiter=self.products)
            found = _accept(objective, theta, value, gradient, direction, nonnegative)
            if found is None:
                return Outcome(theta, step - 1, Ending.STALLED)
            theta, value, gradient = found
            watch(step, theta, value, projected(gradient, theta, nonnegative))
        return Outcome(theta, self.steps, Ending.STEPS)


def _accept(
    objective: Objective, theta: Array, value: float, gradient: Array, direction: Array, nonnegative: slice | None
) -> tuple[Array, float, Array] | None:
    """The longest halved step that lowers the objective, or keeps it to rounding and lowers the gradient."""
    norm = np.linalg.norm(projected(gradient, theta, nonnegative))
    rounding = 8.0 * np.finfo(float).eps * abs(value)
    for halvings in range(12):
        trial = theta + 0.5**halvings * direction
        if nonnegative is not None:
            np.maximum(trial[nonnegative], 0.0, out=trial[nonnegative])
        trial_value, trial_gradient = objective.value_and_gradient(trial)
        shrunk = np.linalg.norm(projected(trial_gradient, trial, nonnegative)) < 0.9 * norm
        if trial_value < value - rounding or (trial_value <= value + rounding and shrunk):
            return trial, trial_value, trial_gradient
    return None
