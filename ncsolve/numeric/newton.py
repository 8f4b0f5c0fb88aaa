"""Newton-MINRES polish: the last digits of a run; the steps are those of problem/descend.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..problem.descend import newton, projected
from .optimizers import Ending, Outcome, Watch, small_gradient

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.objective import Objective


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
