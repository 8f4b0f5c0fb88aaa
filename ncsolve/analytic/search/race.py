r"""Races: many descents side by side, of which the better go on.

After every leg of 20, 20, 40, 80 and 160 steps of L-BFGS on G (fixed_rank.py) the best third goes on; modes whose loss does not
raise f are given up on the way, so a run may end at a lower rank than it began. The finalists converge: a run ends when

    ||grad G|| ||theta|| < 1e-10 G,      theta = (L, R, b),

and `Run.finish` then takes Newton steps to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ...problem.descend import lbfgs, newton
from .fixed_rank import shrunk

if TYPE_CHECKING:
    from ...problem.losses import Array
    from .fixed_rank import FixedRank

MEMORY = 20
LEGS = (20, 20, 40, 80, 160)
LAST = 2000  # steps of a finalist
FINALISTS = 4
SAME = 1e-9  # relative difference of values below which two runs of one rank have met
STILL = 1e-10
STEPS, PRODUCTS = 40, 2000  # of the polish, and of each of its steps


class Tell:
    """Counts legs for the caller."""

    def __init__(self, progress: Callable[[int, int], None] | None, total: int) -> None:
        self.progress, self.done, self.total = progress, 0, total

    def __call__(self) -> None:
        """One leg more."""
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)

    def end(self) -> None:
        """Rounds that were not needed are done."""
        if self.progress is not None and self.done < self.total:
            self.progress(self.total, self.total)


class Run:
    """One descent, which can be continued and which gives up modes on the way."""

    def __init__(self, problem: FixedRank, name: str, theta: Array) -> None:
        self.problem, self.name = problem, name
        self._begin(theta)

    def _begin(self, theta: Array) -> None:
        self.theta, self.done = theta, False
        self.value = self.problem.reduced(*self.problem.decompose(theta))
        self.steps = lbfgs(self.problem.value_and_gradient, theta, MEMORY)

    @property
    def rank(self) -> int:
        """Number of modes left."""
        return int(self.problem.unpack(self.theta)[0].shape[1])

    def advance(self, steps: int) -> None:
        """So many steps more, or until the gradient is small; then modes that do not pay go."""
        with np.errstate(over="ignore", invalid="ignore"):  # trial points of the line search
            for _ in range(steps if not self.done else 0):
                step = next(self.steps, None)
                if step is None:
                    self.done = True
                    break
                self.theta, self.value, gradient = step
                if float(np.linalg.norm(gradient) * np.linalg.norm(self.theta)) < STILL * abs(
                    self.value
                ):
                    self.done = True
                    break
        if (fewer := shrunk(self.problem, self.theta)).size < self.theta.size:
            self._begin(fewer)

    def finish(self) -> None:
        """To rounding; the value becomes that of f."""
        function, hessian = self.problem.value_and_gradient, self.problem.hessian_product
        for step in islice(newton(function, hessian, self.theta, PRODUCTS), STEPS):
            self.theta = step[0]
        self.value = self.problem.reduced(*self.problem.decompose(self.theta))


def race(field: list[Run], tell: Tell) -> list[Run]:
    """Leave the best third after every leg; the finalists, converged and distinct, best first."""
    for steps in LEGS:
        for run in field:
            run.advance(steps)
        field = distinct(field)
        field = field[: max(FINALISTS, len(field) // 3)]
        tell()
    for run in field[:FINALISTS]:
        for _ in range(LAST // LEGS[-1]):
            run.advance(LEGS[-1])
    tell()
    return distinct(field[:FINALISTS])


def distinct(field: list[Run]) -> list[Run]:
    """Ascending in value, without those that have met one of the same rank."""
    kept: list[Run] = []
    for run in sorted(field, key=lambda run: run.value):
        if not any(
            run.rank == other.rank and run.value - other.value <= SAME * abs(run.value)
            for other in kept[-3:]
        ):
            kept.append(run)
    return kept
