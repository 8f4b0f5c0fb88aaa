r"""Best known minimizers of the reduced problem where no theorem reaches: deep cross-entropy and bottlenecks.

    minimize over A of rank <= R and b:     f(A, b) = F(A + b 1^T) + c sum_i sigma_i(A)^q + (lambda_b/2) ||b||^2,   0 < q <= 1

For q < 1 there are many local minima, of every rank. (Garrod and Keating 2024, arXiv:2410.23169: for K >= 4, M >= 3 and for
K >= 6, M = 2 the simplex is not the lowest.) What is returned is the lowest of a fixed portfolio, an upper bound and no theorem:

    starts    self-dual A = a X^T X D^(1/2), a by a scan, X a frame of `frames` or random unit columns, of every rank
    races     all starts descend a few steps; the best third goes on, again and again; finalists converge
    moves     the best lose a mode, gain one along the steepest rank-one direction, are shaken, exchange two classes of different
              counts, and race again until that brings nothing
    finish    Newton steps to rounding

A = 0 with its best bias is always a candidate. The random numbers have a fixed seed: the same question gets the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from ...problem.duality import dual_bound
from ...problem.losses import CrossEntropy, class_columns
from ...problem.objective import objective
from ..factors import balanced_factors
from ..groups import groups, reduced_problem
from ..reduction import reduce
from ..simplex import simplex, simplex_witnesses
from ..spectrum import DenseFrame, given
from ..theorem import ACTIVE, MERGED, VANISHED, ClassStates, Solution
from .fixed_rank import LAST, LEGS, SAME, FixedRank, RankRun, distinct, race
from .frames import frames, geometry, thinned

if TYPE_CHECKING:
    from ...problem.losses import Array, Columns
    from ...problem.ufm import UFM
    from ..theorem import Watch

SEED = 2410
ROUNDS, PATIENCE = 18, 2  # races at most, and how many in a row may bring nothing
PARENTS = 2  # runs whose neighbors enter the next race
# of each parent: modes dropped, shaken copies, exchanges looked at and tried
DROPS, SHAKEN, PAIRS, SWAPS = 8, 6, 70, 12
MANY = 40  # classes, beyond which there are fewer starts and rounds
SCALES = np.geomspace(0.3, 100.0, 30)  # own logits tried for a frame
ALIKE = 1e-6  # class means nearer than this share of the largest are the same
# of the one-layer problems whose gradients bound a deep one, as shares of where all collapses
DECAYS = np.geomspace(0.9, 1e-3, 10)


@dataclass(frozen=True, eq=False)
class Found:
    """The best A = left diag(sigma) right^T and bias, and what came close.

    Attributes
    ----------
    value : float, f(A, b)
    left, right : (K, r), orthonormal columns
    sigma : (r,), descending
    bias : (K,), zeros when there is none
    geometry : str, name of the arrangement of the class means
    table : tuple of (name of the start, rank, value), ascending: the best distinct candidates and A = 0
    """

    value: float
    left: Array
    sigma: Array
    right: Array
    bias: Array
    geometry: str
    table: tuple[tuple[str, int, float], ...]


def best_known(
    columns: Columns,
    classes: int,
    c: float,
    q: float,
    rank_limit: int,
    bias_decay: float = math.inf,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """The lowest point of the portfolio.

    Parameters
    ----------
    columns : Columns, one per class, with as many outputs as classes
    classes : int, K
    c, q : float, weight and exponent of the quasi-norm
    rank_limit : int, R
    bias_decay : float, infinity for no bias, 0 for a free one
    progress : callable, optional; called as progress(done, total) after every leg of a race

    Examples
    --------
    >>> from ncsolve.problem.losses import CrossEntropy, class_columns
    >>> columns = class_columns(CrossEntropy(), np.full(4, 100.0))
    >>> found = best_known(columns, classes=4, c=1e-3, q=0.5, rank_limit=4)
    >>> found.geometry, found.sigma.size, round(found.value, 9)
    ('square', 2, 0.025481997)
    """
    problem = FixedRank(columns, classes, c, q, bias_decay)
    rng = np.random.default_rng(SEED)
    rounds = ROUNDS if classes <= MANY else ROUNDS // 3
    legs, total = count(1), rounds * (len(LEGS) + 1)

    def tell() -> None:
        if progress is not None:
            progress(next(legs), total)

    limit = min(rank_limit, classes)
    nothing = np.zeros((classes, 0))
    zero = RankRun(problem, "zero", problem.pack(nothing, np.zeros(0), nothing, np.zeros(classes)))
    zero.advance(LAST)
    best = race(_first(problem, limit, rng), tell)
    idle = 0
    for _ in range(1, rounds):
        before = best[0].value
        best = race(best + [run for old in best[:PARENTS] for run in _moves(old, limit, rng)], tell)
        idle = 0 if best[0].value < before * (1.0 - SAME) else idle + 1
        if idle == PATIENCE:
            break
    if progress is not None and next(legs) <= total:
        progress(total, total)  # rounds that were not needed are done
    for run in [*best, zero]:
        run.finish()
    ranking = distinct([zero, *best])
    left, sigma, right, bias = problem.decompose(ranking[0].theta)
    means = right * sigma ** (q / 2.0) / columns.ones[:, None]
    table = tuple((run.name if run.rank else "zero", run.rank, run.value) for run in ranking)
    return Found(ranking[0].value, left, sigma, right, bias, geometry(means @ means.T), table)


def solution(ufm: UFM, watch: Watch | None = None) -> Solution:
    """The lowest point found for a problem with M >= 2 or a bottleneck."""
    reduction = reduce(ufm)
    columns, limits = class_columns(ufm.loss, ufm.counts), (reduction.rank_limit, ufm.bias_decay)

    def told(done: int, total: int) -> None:
        if watch is not None:
            watch(f"search {done} of {total}", math.nan)

    found = best_known(columns, ufm.classes, reduction.c, reduction.q, *limits, told)
    frame = DenseFrame(given, (found.left, found.right))
    balanced = ufm.balanced and isinstance(ufm.loss, CrossEntropy) and ufm.loss.plain
    facts = {"rank": float(found.sigma.size)}
    if balanced and reduction.rank_limit >= ufm.classes - 1:
        scalar = simplex(ufm)
        facts["simplex"] = scalar.value(scalar.best()) if scalar.best() > 0 else scalar.at_zero
    witness = _witnesses(ufm)
    point = balanced_factors(ufm, found.sigma, frame, found.bias)
    reached = point.end_to_end @ point.features + point.bias[:, None]
    facts["lower_bound"], _ = dual_bound(ufm, (reached, *witness), objective(ufm, point))
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
    near = ALIKE * max(float(norms.max(initial=0.0)), np.finfo(float).tiny)
    state = np.full(norms.size, ACTIVE, dtype=f"U{len(VANISHED)}")
    for k in range(norms.size):
        distance = np.linalg.norm(means - means[:, [k]], axis=0)
        if (distance <= near).sum() > 1:
            state[k] = MERGED
    state[norms <= near] = VANISHED
    nan = np.full(norms.size, math.nan)
    factor = 1.0 if depth == 1 else math.nan
    return ClassStates(state, state == ACTIVE, nan, nan, math.nan, factor)


def _first(problem: FixedRank, limit: int, rng: np.random.Generator) -> list[RankRun]:
    """Frames and random starts of all ranks, thinned out above 8; fewer for many classes."""
    classes, copies = problem.classes, 4 if problem.classes <= MANY else 2
    by_rank: dict[int, list[RankRun]] = {}
    for name, x in frames(classes):
        if x.shape[0] <= limit:
            by_rank.setdefault(x.shape[0], []).append(_start(problem, name, x, rng))
    field: list[RankRun] = []
    for runs in by_rank.values():
        field += sorted(runs, key=lambda run: run.value)[:copies]
    for rank in thinned(1, limit):
        for i in range(copies):
            x = rng.normal(size=(rank, classes))
            unit = x / np.linalg.norm(x, axis=0)
            field.append(_start(problem, f"random {i + 1} of rank {rank}", unit, rng))
    return field


def _start(problem: FixedRank, name: str, x: Array, rng: np.random.Generator) -> RankRun:
    """A = a X^T X D^(1/2), a the best on a grid, shaken by a thousandth lest a symmetric saddle hold it."""
    ones = problem.columns.ones
    order = np.argsort(-ones, kind="stable")  # frames are laid out from the largest class down
    placed = np.empty_like(x)
    placed[:, order] = x
    bias = np.zeros(ones.size)
    factors = [placed.T.ravel(), (placed * ones).T.ravel()]
    left, sigma, right, _ = problem.decompose(
        np.concatenate([*factors, bias] if problem.bias_decay < math.inf else factors)
    )
    rank = int((sigma > 1e-9 * sigma[0]).sum())
    logits, norm = placed.T @ placed * ones, problem.c * float((sigma[:rank] ** problem.q).sum())

    def value(a: float) -> float:
        return problem.columns.value(a * logits) + float(norm * a**problem.q)

    scale = min(SCALES.tolist(), key=value)
    theta = problem.pack(left[:, :rank], scale * sigma[:rank], right[:, :rank], bias)
    return RankRun(problem, name, _shake(theta, 1e-3, rng))


def _moves(run: RankRun, limit: int, rng: np.random.Generator) -> Iterator[RankRun]:
    """Neighbors of a found point."""
    problem, origin = run.problem, run.name.split(", then ")[0]
    left, sigma, right, bias = problem.decompose(run.theta)
    for i in range(sigma.size)[-DROPS:]:
        keep = np.arange(sigma.size) != i
        theta = problem.pack(left[:, keep], sigma[keep], right[:, keep], bias)
        yield RankRun(problem, f"{origin}, then a mode dropped", theta)
    if 0 < sigma.size < limit:
        logits = (left * sigma) @ right.T + np.outer(bias, problem.columns.ones)
        u, _, v = np.linalg.svd(problem.columns.gradient(logits))
        left, right = np.column_stack([left, -u[:, 0]]), np.column_stack([right, v[0]])
        theta = problem.pack(left, np.append(sigma, sigma[-1]), right, bias)
        yield RankRun(problem, f"{origin}, then a mode added", theta)
    for i in range(SHAKEN):
        yield RankRun(problem, f"{origin}, then shaken", _shake(run.theta, 0.5, rng))
        x = rng.normal(size=(sigma.size + i % 2, problem.classes))
        if 0 < len(x) <= limit:
            unit = x / np.linalg.norm(x, axis=0)
            yield _start(problem, f"random of rank {len(x)}", unit, rng)
    swapped = _swaps(run, f"{origin}, then classes exchanged", rng)
    yield from sorted(swapped, key=lambda run: run.value)[:SWAPS]


def _swaps(run: RankRun, name: str, rng: np.random.Generator) -> Iterator[RankRun]:
    """Two classes of different counts are exchanged."""
    ones = run.problem.columns.ones
    pairs = np.argwhere(ones[:, None] > ones)
    for pair in rng.permutation(pairs)[:PAIRS]:
        theta, at = run.theta.copy(), np.arange(ones.size)
        at[pair] = pair[::-1]
        left, right, _ = run.problem.unpack(theta)
        left[:] = left[at]
        right[:] = (right / ones[:, None])[at] * ones[:, None]
        yield RankRun(run.problem, name, theta)


def _shake(theta: Array, share: float, rng: np.random.Generator) -> Array:
    size = float(np.sqrt(np.mean(theta**2))) if theta.size else 0.0
    return theta + share * size * rng.normal(size=theta.size)
