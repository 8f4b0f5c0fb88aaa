r"""A dual point from the matrices that are to be certified. Nothing here is trusted: dual.py checks what comes out.

At a minimizer the gradient of the data term is an optimal dual point. So the logits of the matrices are averaged over exchangeable
classes (cross-entropy: their softmax is), the gradient is made feasible, and shrunk towards zero by a dyadic t <= 1 until its norm
is at most c with a margin that the proof needs.

Free bias: with the flow phi_jk = n_k s_k pi_jk from class k to class j, the rows of Gamma are orthogonal to sqrt(n) when what flows
into each class less what flows out is what the targets give. The excess of each group is sent to, or fetched from, the largest
group: flow is only added, and the balance holds exactly in rational arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from .blocks import groups_of, means_over_groups
from .dual import Dual
from .rejected import Rejected, Undecided

if TYPE_CHECKING:
    from ...problem.objective import Parameters
    from .exact import ExactProblem

MARGIN = 64 * 2.0**-53  # per group; an eigendecomposition of G groups errs by a few G ulps
TRIES = 8


def dual_point(problem: ExactProblem, point: Parameters) -> tuple[Dual, float]:
    """A feasible dual point, and how far it was from feasible: max(0, ||Gamma|| / c - 1)."""
    with np.errstate(over="ignore", invalid="ignore"):
        logits = point.end_to_end @ point.features + point.bias[:, None]
    if not np.isfinite(logits).all():
        raise Undecided("the gradient at the matrices, whose logits overflow,")
    found = _gradient(problem, logits)
    c = math.sqrt(problem.weight_decay[0]) * math.sqrt(problem.feature_decay)
    norm = found.gamma.norm()
    if problem.ufm.features == "relu":
        norm = min(norm, found.gamma.nonnegative_norm())
    margin = MARGIN * found.groups.number
    for _ in range(TRIES):
        t = min(1.0, c / norm * (1.0 - margin)) if norm > 0 else 1.0
        shrunk = found if t == 1.0 else _shrunk(found, Fraction(t))
        try:
            shrunk.check()
        except Rejected:
            margin *= 8.0
            continue
        return shrunk, max(0.0, norm / c - 1.0)
    raise Undecided("the norm of a dual point")


def _shrunk(dual: Dual, t: Fraction) -> Dual:
    """T Gamma: probabilities move towards the targets."""
    if dual.problem.squared:
        own = None if dual.own is None else [t * x for x in dual.own]
        return replace(dual, entry=[[t * x for x in row] for row in dual.entry], own=own)
    spread = (1 - t) * dual.problem.smoothing / len(dual.groups.member)
    entry = [
        [t * x + spread if dual.groups.others(h, g) else x for g, x in enumerate(row)]
        for h, row in enumerate(dual.entry)
    ]
    return replace(dual, entry=entry)


def _gradient(problem: ExactProblem, logits: np.ndarray) -> Dual:
    groups = groups_of(problem)
    if problem.squared:
        gradient = (logits - problem.ufm.loss.targets(problem.ufm.classes)) / float(problem.samples)
        if not problem.one_hot:
            return Dual(problem, groups, _exact(gradient))
        entry, own = means_over_groups(gradient, groups)
        return Dual(problem, groups, _exact(entry), [Fraction(x) for x in own.tolist()])
    offset, label, rows = problem.ufm.loss.per_class(problem.ufm.classes)
    u = label * rows[:, None] * logits + offset[:, None]
    u -= u.max(axis=0)
    share = np.exp(u)
    share /= share.sum(axis=0)
    entry, _ = means_over_groups(share, groups)
    dual = Dual(problem, groups, _exact(entry))
    over = [g for g, missed in enumerate(dual.missed) if missed > 1]
    if over:  # by a rounding of probabilities next to one
        entry[:, over] *= 1.0 - 2.0**-50 * len(rows)
        dual = Dual(problem, groups, _exact(entry))
    return _balanced(dual) if problem.ufm.bias == "free" else dual


def _balanced(dual: Dual) -> Dual:
    """Add flow until every row is exactly orthogonal to sqrt(n)."""
    problem, groups = dual.problem, dual.groups
    label = [problem.per_class[1][k] for k in groups.first]
    hub = max(range(groups.number), key=lambda g: groups.sizes[g] * groups.counts[g])
    sent = [
        n * s for n, s in zip(groups.counts, label, strict=True)
    ]  # a class of group g sends sent_g pi
    spread = problem.smoothing / len(groups.member)
    everything = sum((m * x for m, x in zip(groups.sizes, sent, strict=True)), Fraction(0))
    entry = [list(row) for row in dual.entry]
    for g in range(groups.number):
        if g == hub:
            continue
        others = [h for h in range(groups.number) if h != g]
        inflow = sum((groups.sizes[h] * sent[h] * dual.entry[g][h] for h in others), Fraction(0))
        outflow = sum((groups.sizes[h] * sent[g] * dual.entry[h][g] for h in others), Fraction(0))
        excess = inflow - outflow - (spread * everything - spread * len(groups.member) * sent[g])
        if excess > 0:  # what a class of g has too much of goes to the classes of the hub
            entry[hub][g] += excess / (groups.sizes[hub] * sent[g])
        else:
            entry[g][hub] -= excess / (groups.sizes[hub] * sent[hub])
    return _within_simplex(replace(dual, entry=entry))


def _within_simplex(dual: Dual) -> Dual:
    """Pulled back towards the targets, which keeps the rows orthogonal, where probabilities sum to more than one."""
    spread, classes = dual.problem.smoothing / len(dual.groups.member), len(dual.groups.member)
    target = spread * (classes - 1)
    most = max(dual.missed)
    return dual if most <= 1 else _shrunk(dual, (1 - target) / (most - target))


def _exact(matrix: np.ndarray) -> list[list[Fraction]]:
    return [[Fraction(x) for x in row] for row in matrix.tolist()]
