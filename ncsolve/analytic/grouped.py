r"""From the convex engine to a Solution: exact decisions, all K classes, thresholds.

Classes of a group of two or more merge iff a_g = 0, that is sqrt(n_g) rho_g <= N c (convex.py): the critical count is
(N c / rho_g)^2, N held fixed, and the critical decay sqrt(n_g) rho_g / N. A class whose count is its own has no such threshold.
Everything is zero iff c is at least the dual norm of dF/dA at A = 0 (with the best bias): the larger one of ||dF/dB||_op and the
critical decays.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..losses import CrossEntropy
from .convex import ConvexProblem, ConvexSolution, solve_convex
from .groups import Groups, groups
from .reduction import reduce
from .theorem import ACTIVE, MERGED, VANISHED, ClassStates, Solution

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..losses import Array
    from ..problem import UFM
    from .theorem import Watch


def solution(ufm: UFM, watch: Watch | None = None) -> Solution:
    """Solve a problem with M = 1 and a loss convex in the logits through its groups."""
    found_groups = groups(ufm)
    problem = reduced_problem(ufm, found_groups)
    found = solve_convex(problem, lambda coarse: reduced_problem(ufm, coarse), watch)
    bias = found_groups.expand(found.bias)
    if ufm.bias == "free" and isinstance(ufm.loss, CrossEntropy):  # which does not see multiples of 1/r
        blind = 1.0 / ufm.loss.per_class(ufm.classes)[2]
        bias = bias - blind * (blind @ bias) / (blind @ blind)
    nothing = not (found.sigma.size or problem.alive.any())
    warnings = ("the decays are so large that the zero solution is the global minimizer",) if nothing else ()
    return Solution(
        value=found.value,
        modes=lambda: found_groups.modes((found.left, found.sigma, found.right), found.contrast),
        bias=lambda: bias,
        states=lambda: _states(ufm, problem, found),
        warnings=warnings,
        facts={"relative_gap": found.gap / abs(found.value)},
    )


def reduced_problem(ufm: UFM, over: Groups, c: float | None = None) -> ConvexProblem:
    """The convex problem of `ufm` over some groups; `c` is that of the decays unless given."""
    per_group = ufm.loss.per_class(ufm.classes)[:, over.first]
    slope = ufm.loss.own_slope(ufm.classes)[over.first]
    columns = ufm.loss.grouped(over.sizes * over.counts / over.samples, over.multiplicity, per_group)
    if c is None:
        alive, c = _alive(ufm, over, slope), reduce(ufm).c
    else:
        alive = (over.sizes > 1) & (np.sqrt(over.counts) * slope > over.samples * c)
    return ConvexProblem(columns, over, c, ufm.bias_decay, alive)


def _alive(ufm: UFM, over: Groups, slope: Array) -> NDArray[np.bool_]:
    """N rho^2 > N^2 lambda_W lambda_H for groups of two or more, in rational arithmetic."""
    samples = sum((Fraction(float(n)) for n in ufm.counts), Fraction(0))
    limit = samples**2 * Fraction(ufm.weight_decay[0]) * Fraction(ufm.feature_decay)
    exact = [Fraction(float(n)) * Fraction(float(rho)) ** 2 > limit for n, rho in zip(over.counts, slope, strict=True)]
    alive: NDArray[np.bool_] = np.array(exact) & (over.sizes > 1)
    return alive


def _states(ufm: UFM, problem: ConvexProblem, found: ConvexSolution) -> ClassStates:
    over = problem.groups
    slope = ufm.loss.own_slope(ufm.classes)[over.first]
    several = over.sizes > 1
    moved = np.linalg.norm(found.right * found.sigma, axis=1) > 1e-14 * (found.sigma[0] if found.sigma.size else 1.0)
    state: NDArray[np.str_] = np.where(moved | problem.alive, ACTIVE, VANISHED).astype(f"U{len(VANISHED)}")
    state[moved & several & ~problem.alive] = MERGED
    pull = np.sqrt(over.counts) * slope / over.samples
    return ClassStates(
        state[over.member],
        state[over.member] == ACTIVE,
        over.expand(np.where(several, (over.samples * problem.c / slope) ** 2, math.nan)),
        over.expand(np.where(several, pull, math.nan)),
        max([problem.norm_at_zero(), *pull[several]]),
    )
