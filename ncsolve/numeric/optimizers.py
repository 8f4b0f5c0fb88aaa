r"""Ways down: L-BFGS, plain gradient descent with a sound step, the published SGD with momentum, and a Newton polish.

Each is a frozen value with its own limits, and one method, `minimize`. All share one stopping rule: with mu the smallest
decay, the objective cannot lie much more than |gradient|^2 / (2 mu) above a minimum whose curvature is at least mu, so a run
has converged when

    |gradient|^2 <= 2 mu * tolerance * objective.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..problem.descend import lbfgs, newton, projected

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.objective import Objective

#: Called after every step with (step, theta, objective, gradient).
Watch = Callable[[int, "Array", float, "Array"], None]


class Stop(Enum):
    """Why a run stopped."""

    CONVERGED = "the gradient is as small as the tolerance asks"
    STEPS = "the step limit was reached before the gradient was small; more steps may go lower"
    STALLED = "no step lowers the objective in floating point"
    DIVERGED = "the objective grew without bound; a smaller learning rate works"
    INTERRUPTED = "interrupted; the point reached so far is kept"


@dataclass(frozen=True, eq=False)
class Arrival:
    """Where a run ended, after how many steps, and why."""

    theta: Array
    steps: int
    ending: Stop


class Optimizer(Protocol):
    """A way down."""

    def minimize(
        self, objective: Objective, theta: Array, watch: Watch, nonnegative: slice | None = None
    ) -> Arrival:
        """Descend from theta; entries in `nonnegative` are kept >= 0."""


def small_gradient(objective: Objective, value: float, gradient: Array, tolerance: float) -> bool:
    """The stopping rule of this module."""
    decay = min(objective.feature_decay, *objective.weight_decay)
    return float(np.vdot(gradient, gradient)) <= 2.0 * decay * tolerance * abs(value)


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS (see problem/descend.py); SciPy's L-BFGS-B where ReLU features bound some entries.

    Parameters
    ----------
    steps : int, limit on iterations
    tolerance : float, relative gap promised by the stopping rule
    memory : int, number of stored pairs
    """

    steps: int = 20_000
    tolerance: float = 1e-11
    memory: int = 10

    def minimize(
        self, objective: Objective, theta: Array, watch: Watch, nonnegative: slice | None = None
    ) -> Arrival:
        """Descend; see the module for the stopping rule."""
        if nonnegative is not None:
            return self._bounded(objective, theta, watch, nonnegative)
        step, point = 0, theta
        for step, (point, value, gradient) in enumerate(
            lbfgs(objective.value_and_gradient, theta, self.memory), start=1
        ):
            watch(step, point, value, gradient)
            if small_gradient(objective, value, gradient, self.tolerance):
                return Arrival(point, step, Stop.CONVERGED)
            if step >= self.steps:
                return Arrival(point, step, Stop.STEPS)
        return Arrival(point, step, Stop.STALLED)

    def _bounded(
        self, objective: Objective, theta: Array, watch: Watch, nonnegative: slice
    ) -> Arrival:
        """SciPy's L-BFGS-B."""
        from scipy.optimize import OptimizeResult, minimize

        last: list[tuple[float, Array]] = []
        state = {"step": 0, "converged": False}

        def evaluate(x: Array) -> tuple[float, Array]:
            value, gradient = objective.value_and_gradient(x)
            last[:] = [(value, gradient)]
            return value, gradient

        def callback(intermediate_result: OptimizeResult) -> None:
            state["step"] += 1
            x = np.array(
                intermediate_result.x
            )  # SciPy goes on writing into it, and an interrupt may come at any trial point
            value, gradient = last[0]
            if value != intermediate_result.fun:  # the line search ended on an earlier trial point
                value, gradient = objective.value_and_gradient(x)
            free = projected(gradient, x, nonnegative)
            watch(state["step"], x, value, free)
            if small_gradient(objective, value, free, self.tolerance):
                state["converged"] = True
                raise StopIteration

        lower = np.full(theta.size, -np.inf)
        lower[nonnegative] = 0.0
        bounds = np.column_stack([lower, np.full(theta.size, np.inf)])
        options = {
            "maxiter": self.steps,
            "maxfun": 4 * self.steps,
            "maxcor": self.memory,
            "ftol": 0.0,
            "gtol": 0.0,
        }
        result = minimize(
            evaluate,
            theta,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            callback=callback,
            options=options,
        )
        ending = (
            Stop.CONVERGED
            if state["converged"]
            else Stop.STEPS
            if result.status == 1
            else Stop.STALLED
        )
        return Arrival(np.array(result.x), int(state["step"]), ending)


@dataclass(frozen=True)
class GradientDescent:
    """Plain gradient descent with an automatic step.

    A step eta is accepted when it gives at least half of what the slope promises, L(theta - eta g) <= L - (eta/2) |g|^2 (true
    for eta <= 1/Lipschitz); rejected steps are halved, accepted ones tried a tenth longer next time. Sound: the objective
    never rises, and no constant has to be known.
    """

    steps: int = 200_000
    tolerance: float = 1e-13
    first_step: float = 1.0

    def minimize(
        self, objective: Objective, theta: Array, watch: Watch, nonnegative: slice | None = None
    ) -> Arrival:
        """Descend; with a bound, each step is projected onto it."""
        eta = self.first_step
        value, gradient = objective.value_and_gradient(theta)
        for step in range(1, self.steps + 1):
            while True:
                trial = theta - eta * gradient
                if nonnegative is not None:
                    np.maximum(trial[nonnegative], 0.0, out=trial[nonnegative])
                move = trial - theta
                promised = float(np.vdot(gradient, move)) + float(np.vdot(move, move)) / (2.0 * eta)
                trial_value, trial_gradient = objective.value_and_gradient(trial)
                if trial_value <= value + promised:
                    break
                eta *= 0.5
                if eta * float(np.abs(gradient).max()) <= 1e-17 * float(np.abs(theta).max()):
                    return Arrival(theta, step, Stop.STALLED)
            theta, value, gradient = trial, trial_value, trial_gradient
            free = projected(gradient, theta, nonnegative)
            watch(step, theta, value, free)
            if small_gradient(objective, value, free, self.tolerance):
                return Arrival(theta, step, Stop.CONVERGED)
            eta *= 1.1
        return Arrival(theta, self.steps, Stop.STEPS)


@dataclass(frozen=True)
class Momentum:
    """Heavy-ball descent at a fixed rate, v <- momentum v + gradient, theta <- theta - learning_rate v, for `steps` steps.

    A run has diverged when the objective exceeds a million times its start (or 1, if that is more); the point before is kept.
    The defaults are those of Dang et al. (2023) for their direct experiments.
    """

    steps: int = 30_000
    learning_rate: float = 0.1
    momentum: float = 0.9

    def minimize(
        self, objective: Objective, theta: Array, watch: Watch, nonnegative: slice | None = None
    ) -> Arrival:
        """Descend; the only early end is divergence."""
        velocity = np.zeros_like(theta)
        first, gradient = objective.value_and_gradient(theta)
        for step in range(1, self.steps + 1):
            velocity *= self.momentum
            velocity += gradient
            before, theta = theta, theta - self.learning_rate * velocity
            if nonnegative is not None:
                np.maximum(theta[nonnegative], 0.0, out=theta[nonnegative])
            value, gradient = objective.value_and_gradient(theta)
            if not value < 1e6 * max(first, 1.0):
                return Arrival(before, step - 1, Stop.DIVERGED)
            watch(step, theta, value, projected(gradient, theta, nonnegative))
        return Arrival(theta, self.steps, Stop.STEPS)


@dataclass(frozen=True)
class Newton:
    """Polish after descent: the last digits of a run, by the Newton-MINRES steps of problem/descend.py.

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
    ) -> Arrival:
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
                return Arrival(theta, step, Stop.CONVERGED)
            found = next(walk, None) if step < self.steps else None
            if found is None:
                break
            theta, value, gradient = found
            watch(step + 1, theta, value, projected(gradient, theta, nonnegative))
        return Arrival(theta, step, Stop.STEPS if step == self.steps else Stop.STALLED)
