"""From the low-rank search to a Solution: the point found, the simplex beside it, witnesses for the lower bound, the bound itself."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...problem.losses import CrossEntropy, class_columns
from ..factors import balanced_factors
from ..groups import groups, reduced_problem
from ..reduction import reduce
from ..simplex import simplex, simplex_witnesses
from ..spectrum import DenseFrame, given
from ..theorem import ACTIVE, MERGED, VANISHED, ClassStates, Solution

if TYPE_CHECKING:
    from ...problem.losses import Array
    from ...problem.ufm import UFM
    from ..theorem import Watch

SAME = 1e-6  # class means nearer than this share of the largest are the same
DECAYS = np.geomspace(
    0.9, 1e-3, 10
)  # of the one-layer problems whose gradients bound a deep one, as shares of where all collapses


def solution(ufm: UFM, watch: Watch | None = None) -> Solution:
    """The lowest point found for a problem with M >= 2 or a bottleneck."""
    from ...numeric.bounds import certificate
    from .lowrank import best_known

    reduction = reduce(ufm)
    told = (
        None
        if watch is None
        else (lambda done, total: watch(f"search {done} of {total}", math.nan))
    )
    found = best_known(
        class_columns(ufm.loss, ufm.counts),
        classes=ufm.classes,
        c=reduction.c,
        q=reduction.q,
        rank_limit=reduction.rank_limit,
        bias_decay=ufm.bias_decay,
        progress=told,
    )
    frame = DenseFrame(given, (found.left, found.right))
    balanced = ufm.balanced and isinstance(ufm.loss, CrossEntropy) and ufm.loss.plain
    facts = {"rank": float(found.sigma.size)}
    if balanced and reduction.rank_limit >= ufm.classes - 1:
        scalar = simplex(ufm)
        facts["simplex"] = scalar.value(scalar.best()) if scalar.best() > 0 else scalar.at_zero
    witness = _witnesses(ufm)
    point = balanced_factors(ufm, found.sigma, frame, found.bias)
    facts["lower_bound"] = certificate(ufm, point, witness).lower_bound
    return Solution(
        value=found.value,
        modes=(found.sigma, frame),
        bias=found.bias,
        states=partial(_states, point.features, ufm.depth),
        unique=False,
        warnings=() if found.sigma.size else ("nothing lower than the zero solution was found",),
        geometry=found.geometry,
        facts=facts,
        witness=partial(tuple, witness),
    )


def _witnesses(ufm: UFM) -> tuple[Array, ...]:
    """Logits of one-layer minimizers at full width: their gradients are dual points of the convex problem."""
    if ufm.balanced and isinstance(ufm.loss, CrossEntropy) and ufm.loss.plain:
        scalar = simplex(ufm)
        return simplex_witnesses(scalar, scalar.best())
    from ..convex import solve_convex

    over = groups(ufm)
    if ufm.depth == 1:
        levels = [reduce(ufm).c]
    else:
        most = reduced_problem(ufm, over, 1.0).norm_at_zero()
        levels = (most * DECAYS).tolist()
    found = []
    for c in levels:
        problem = reduced_problem(ufm, over, c)
        point = solve_convex(problem, lambda coarse, c=c: reduced_problem(ufm, coarse, c))  # type: ignore[misc]
        sigma, frame = over.modes((point.left, point.sigma, point.right), point.contrast)
        logits = (frame.left() * sigma) @ frame.right().T / np.sqrt(ufm.counts)
        found.append(logits + over.expand(point.bias)[:, None])
    return tuple(found)


def _states(means: Array, depth: int) -> ClassStates:
    """Read off the class means, to six digits: merged classes share theirs."""
    norms = np.linalg.norm(means, axis=0)
    near = SAME * max(float(norms.max(initial=0.0)), np.finfo(float).tiny)
    state = np.full(norms.size, ACTIVE, dtype=f"U{len(VANISHED)}")
    for k in range(norms.size):
        distance = np.linalg.norm(means - means[:, [k]], axis=0)
        if (distance <= near).sum() > 1:
            state[k] = MERGED
    state[norms <= near] = VANISHED
    nan = np.full(norms.size, math.nan)
    factor = 1.0 if depth == 1 else math.nan
    return ClassStates(state, state == ACTIVE, nan, nan, math.nan, factor)
