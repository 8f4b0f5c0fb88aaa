r"""The objective of explicit matrices, enclosed: an upper bound on the minimum that anybody can evaluate again.

Every entry is a double and taken exactly; counts and decays are exact decimals.

squared        (1/2N) [ N |b|^2 - 2 b . Y n + sum_k n_k |y_k|^2 + sum_jk n_k z_jk (z_jk + 2 (b_j - y_jk)) ],   z = W_M ... W_1 h_k
cross-entropy  sum_k (n_k/N) [ log(1 + sum_j exp(u_j - u_k)) - sum_j p_j (u_j - u_k) ]   over j != k,   u_j = s_k r_j (z_jk + b_j) + iota_j
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .balanced import squares_and_products
from .balls import ball, bounds, flint
from .enclosure import Enclosure, cell, is_cell
from .products import Rows, chain, square_sum
from .rejected import Rejected, Undecided

if TYPE_CHECKING:
    from ...problem.objective import Parameters
    from .exact import ExactProblem

BITS = 64
PRECISION = (128, 256, 512)


def objective(problem: ExactProblem, point: Parameters) -> Enclosure:
    """The cell of 64 bits that holds the objective of the matrices."""
    for precision in PRECISION:
        low, high = objective_bounds(problem, point, precision)
        found = cell(low, high, BITS)
        if found is not None:
            return found
    raise Undecided("the objective of the matrices")


def check(problem: ExactProblem, point: Parameters, stored: Enclosure, what: str) -> None:
    """Raise Rejected unless `stored` is the cell that holds the objective."""
    for precision in PRECISION:
        low, high = objective_bounds(problem, point, precision)
        if is_cell(stored, low, high, BITS):
            return
        if high < stored.low or low > stored.high or cell(low, high, BITS) is not None:
            break
    raise Rejected(
        f"{what}: the objective of the matrices does not lie in the stored cell of {BITS} bits"
    )


def objective_bounds(
    problem: ExactProblem, point: Parameters, precision: int
) -> tuple[Fraction, Fraction]:
    """Two numbers between which the objective lies."""
    b = [Fraction(x) for x in point.bias.tolist()]
    with flint().ctx.workprec(precision):
        if problem.squared:
            near = squares_and_products(problem, point, b) if precision == PRECISION[0] else None
            rest = _products(problem, _logits(point), b) if near is None else near
            total = ball(_squares(problem, b)) + rest / ball(2 * problem.samples)
        else:
            total = _cross_entropy(problem, _logits(point), b)
        found = bounds(total + _penalty(problem, point))
    if found is None:
        raise Undecided("the objective of the matrices, which overflows")
    return found


def _logits(point: Parameters) -> Rows:
    return chain([*reversed(point.weights), point.features])


def _penalty(problem: ExactProblem, point: Parameters) -> Any:
    total = flint().arb(0)
    for decay, weight in zip(problem.weight_decay, point.weights, strict=True):
        total += ball(decay / 2) * square_sum(weight[weight != 0].tolist())
    for n, column in zip(problem.counts, point.features.T, strict=True):
        if there := column[column != 0].tolist():
            total += ball(problem.feature_decay * n / 2) * square_sum(there)
    if problem.bias_decay is not None:
        total += ball(problem.bias_decay / 2) * square_sum(point.bias.tolist())
    return total


def _squares(problem: ExactProblem, b: list[Fraction]) -> Fraction:
    """The data term where all z are zero, exactly."""
    n, samples = problem.counts, problem.samples
    known = samples * sum(x * x for x in b)
    if problem.one_hot:
        known += samples - 2 * sum((x * m for x, m in zip(b, n, strict=True)), Fraction(0))
    else:
        for x, row in zip(b, problem.targets, strict=True):
            known += sum((m * y * (y - 2 * x) for m, y in zip(n, row, strict=True)), Fraction(0))
    return Fraction(known, 2 * samples)


def _products(problem: ExactProblem, logits: Rows, b: list[Fraction]) -> Any:
    """The ball of sum_jk n_k z_jk (z_jk + 2 (b_j - y_jk))."""
    counts = [ball(m) for m in problem.counts]
    total = flint().arb(0)
    for j, z in enumerate(logits):
        if problem.one_hot:
            pull = 2 * ball(b[j])
            total += sum([counts[k] * x * (x + pull) for k, x in z.items()])
            if j in z:
                total -= 2 * counts[j] * z[j]
        elif z:
            pulls = [2 * ball(b[j] - y) for y in problem.targets[j]]
            total += sum([counts[k] * x * (x + pulls[k]) for k, x in z.items()])
    return total


def _cross_entropy(problem: ExactProblem, logits: Rows, b: list[Fraction]) -> Any:
    """The ball of the losses."""
    arb = flint().arb
    zero, total = arb(0), arb(0)
    offset, label, rows = problem.per_class
    bias, r, iota = [ball(x) for x in b], [ball(x) for x in rows], [ball(x) for x in offset]
    spread = problem.smoothing / len(rows)
    plain = all(x == 0 for x in offset) and all(x == 1 for x in rows) and not any(b)
    for k, n in enumerate(problem.counts):
        s = ball(label[k])
        if plain:
            u = [s * row.get(k, zero) for row in logits]
        else:
            u = [s * r[j] * (row.get(k, zero) + bias[j]) + iota[j] for j, row in enumerate(logits)]
        mine = u[k]
        apart = [x - mine for j, x in enumerate(u) if j != k]
        loss = sum([x.exp() for x in apart]).log1p()
        if spread:
            loss -= ball(spread) * sum(apart)
        total += ball(n / problem.samples) * loss
    return total
