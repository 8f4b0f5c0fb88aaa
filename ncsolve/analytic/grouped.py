r"""From the convex engine to a Solution: exact decisions, all K classes, thresholds.

Classes of a group of two or more merge iff a_g = 0, that is sqrt(n_g) rho_g <= N c (convex.py): the critical count is
(N c / rho_g)^2, N held fixed, and the critical decay sqrt(n_g) rho_g / N. A class whose count is its own has no such threshold.
Everything is zero iff c is at least the dual norm of dF/dA at A = 0 (with the best bias): the larger one of ||dF/dB||_op and the
critical decays.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..problem.losses import CrossEntropy
from .groups import Groups, groups
from .reduction import exceeding, reduce
from .theorem import ACTIVE, MERGED, VANISHED, Claim, ClassStates, Solution

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.ufm import UFM
    from .convex import ConvexProblem, ConvexSolution
    from .theorem import Watch

OPEN = 1e-8  # a relative duality gap beyond which nothing is certified


def solution(ufm: UFM, watch: Watch | None = None) -> Solution:
    """Solve a problem with M = 1 and a loss convex in the logits through its groups."""
    from .convex import solve_convex

    found_groups = groups(ufm)
    problem = reduced_problem(ufm, found_groups)
    found = solve_convex(problem, lambda coarse: reduced_problem(ufm, coarse), watch)
    bias = found_groups.expand(found.bias)
    if ufm.bias == "free" and isinstance(ufm.loss, CrossEntropy):
        unseen = ufm.loss.unseen(ufm.classes)
        bias = bias - unseen * (unseen @ bias) / (unseen @ unseen)
    nothing = not (found.sigma.size or problem.alive.any())
    warnings: tuple[str, ...] = (
        ("the decays are so large that the zero solution is the global minimizer",)
        if nothing
        else ()
    )
    relative = found.gap / abs(found.value)
    closed = relative <= OPEN
    if not closed:
        warnings += (
            f"the duality gap could only be closed to {relative:.1e}: this is the lowest point found, not certified",
        )
    return Solution(
        value=found.value,
        modes=partial(found_groups.modes, (found.left, found.sigma, found.right), found.contrast),
        bias=bias,
        states=partial(_states, ufm, problem, found),
        warnings=warnings,
        facts={"relative_gap": relative},
        claim=None if closed else Claim.BEST_KNOWN,
    )


def reduced_problem(ufm: UFM, over: Groups, c: float | None = None) -> ConvexProblem:
    """The convex problem of `ufm` over some groups; `c` is that of the decays unless given."""
    from .convex import ConvexProblem

    per_group = ufm.loss.per_class(ufm.classes)[:, over.first]
    slope = ufm.loss.own_slope(ufm.classes)[over.first]
    columns = ufm.loss.grouped(
        over.sizes * over.counts / over.samples, over.multiplicity, per_group
    )
    if c is None:
        alive, c = exceeding(over.counts, slope, ufm) & (over.sizes > 1), reduce(ufm).c
    else:
        alive = (over.sizes > 1) & (np.sqrt(over.counts) * slope > over.samples * c)
    return ConvexProblem(columns, over, c, ufm.bias_decay, alive)


def _states(ufm: UFM, problem: ConvexProblem, found: ConvexSolution) -> ClassStates:
    over = problem.groups
    slope = ufm.loss.own_slope(ufm.classes)[over.first]
    several = over.sizes > 1
    moved = np.linalg.norm(found.right * found.sigma, axis=1) > 1e-14 * (
        found.sigma[0] if found.sigma.size else 1.0
    )
    state: NDArray[np.str_] = np.where(moved | problem.alive, ACTIVE, VANISHED).astype(
        f"U{len(VANISHED)}"
    )
    state[moved & several & ~problem.alive] = MERGED
    pull = np.sqrt(over.counts) * slope / over.samples
    with np.errstate(over="ignore"):
        count = (over.samples * problem.c / slope) ** 2
    return ClassStates(
        state[over.member],
        state[over.member] == ACTIVE,
        over.expand(np.where(several, count, math.nan)),
        over.expand(np.where(several, pull, math.nan)),
        max([problem.norm_at_zero(), *pull[several]]),
    )
