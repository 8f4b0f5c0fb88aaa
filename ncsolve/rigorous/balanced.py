r"""The squared logits of balanced factors without their product.

Where Z = W X with X = P H (P scales and renames rows) has factors whose columns w_i and rows x_i are nearly orthogonal, as balanced factors
have, only the diagonals of the two Gram matrices matter:

    sum_jk n_k z_jk^2 = <W^T W, X D X^T> = sum_i |w_i|^2 (x_i D x_i) + rest,     |rest| <= sum over i != j of |w_i . w_j| |x_i D x_j|.

The diagonal is summed in balls. The rest is tiny times tiny, and is bounded through floating-point matrix products, whose entries are
off by at most (K + 10) u (|A| |B|), u = 2^-53, whatever the order of summation and with or without fused operations; underflow adds
less than 1e-290. For large problems this replaces the one dense product; where the bound is too coarse for the cell that is wanted,
that product is made after all (point.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .balls import ball, flint
from .products import Rows, is_thin, product, rows_of

if TYPE_CHECKING:
    from fractions import Fraction

    from ..losses import Array
    from ..raw_objective import Parameters
    from .exact import ExactProblem

SMALLEST = 64  # classes; below that the dense product costs nothing
UNIT, UNDERFLOW = 2.0**-53, 1e-290
SAFETY = 1.0 + 1e-6  # covers the roundings of sums and products of nonnegative numbers below, each a relative 1e-9 at most


def squares_and_products(problem: ExactProblem, point: Parameters, b: list[Fraction]) -> Any | None:
    """The ball of sum_jk n_k z_jk (z_jk + 2 (b_j - y_jk)) for one-hot targets, or None where this road is not worth while."""
    classes = problem.ufm.classes
    if not problem.one_hot or classes < SMALLEST:
        return None
    head, features = point.weights[-1], point.features
    if (np.count_nonzero(head, axis=1) <= 1).all() or (np.count_nonzero(features, axis=1) <= 1).all():
        return None
    inner = [rows_of(weight) for weight in reversed(point.weights[:-1])]
    if not all(map(is_thin, inner)):
        return None
    pairs = _renamed(inner, features.shape[0])
    left, right = head[:, [i for i, _, _ in pairs]], features[[c for _, c, _ in pairs]]
    scales = [scale for _, _, scale in pairs]
    module = flint()
    counts, bias = [ball(n) for n in problem.counts], [ball(x) for x in b]
    along_bias = module.arb_mat(left.T.tolist()) * module.arb_mat(classes, 1, bias)
    along_counts = module.arb_mat(right.tolist()) * module.arb_mat(classes, 1, counts)
    total = module.arb(0)
    for i, scale in enumerate(scales):
        w, x = [module.arb(a) for a in left[:, i].tolist()], [module.arb(a) for a in right[i].tolist()]
        weighted = [n * a for n, a in zip(counts, x, strict=True)]
        size = sum([a * a for a in w]) * sum([a * y for a, y in zip(x, weighted, strict=True)])
        own = sum([a * y for a, y in zip(w, weighted, strict=True)])
        total += scale * (scale * size + 2 * (along_bias[i, 0] * along_counts[i, 0] - own))
    most = np.array([np.nextafter(float(abs(scale).upper()), np.inf) for scale in scales])
    rest = _off_diagonal(left * 1.0, right * np.sqrt(problem.ufm.counts), most)
    return None if rest is None else total + module.arb(0, rest)


def _renamed(inner: list[Rows], width: int) -> list[tuple[int, int, Any]]:
    """Rows of P that are not zero: (row, row of H, scale)."""
    one = flint().arb(1)
    if not inner:
        return [(i, i, one) for i in range(width)]
    merged = inner[0]
    for rows in inner[1:]:
        merged = product(merged, rows, len(rows))
    return [(i, c, scale) for i, row in enumerate(merged) for c, scale in row.items()]


def _off_diagonal(left: Array, right: Array, scales: Array) -> float | None:
    """An upper bound on sum over i != j of |w_i . w_j| |x_i . x_j| d_i d_j; None if it overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        grams = []
        for columns in (left, right.T):
            error = (columns.shape[0] + 10) * UNIT * (np.abs(columns).T @ np.abs(columns)) * SAFETY + UNDERFLOW
            grams.append(np.abs(columns.T @ columns) + error)
        terms = grams[0] * grams[1] * np.outer(scales, scales)
        np.fill_diagonal(terms, 0.0)
        found = float(terms.sum()) * SAFETY + UNDERFLOW
    return found if np.isfinite(found) else None
