r"""The squared logits of balanced factors without their product.

Where Z = W X with X = P H (P scales and renames rows) has factors whose columns w_i and rows x_i are nearly orthogonal, as balanced factors
have, only the diagonals of the two Gram matrices matter:

    sum_jk n_k z_jk^2 = <W^T W, X D X^T> = sum_i |w_i|^2 (x_i D x_i) + rest,     |rest| <= sum over i != j of |w_i . w_j| |x_i D x_j|.

The diagonal is summed in balls. The rest is tiny times tiny, and is bounded through floating-point matrix products, whose entries are
off by at most (K + 10) u (|A| |B|), u = 2^-53, whatever the order of summation and with or without fused operations, up to underflow.
For large problems this replaces the one dense product; where the bound is too coarse for the cell that is wanted, that product is made
after all (point.py).

Underflow. Powers of two are taken out of every w_i, x_i, sqrt(n) and scale first, so that all entries are at most 1. An entry, product or
sum that underflows then is off by at most 2^-1022, a dot product by less than 8 K 2^-1022 < 1e-300, and 1e-75 is added to each. The scales
are raised to 1e-75 too, so that no product of two dot products and two scales is below 1e-300, where it could underflow again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .balls import ball, flint
from .products import Rows, is_thin, product, rows_of

if TYPE_CHECKING:
    from fractions import Fraction

    from ...problem.losses import Array
    from ...problem.objective import Parameters
    from .exact import ExactProblem

SMALLEST = 64  # classes; below that the dense product costs nothing
UNIT, LEAST, UNDERFLOW = 2.0**-53, 1e-75, 1e-290
SAFETY = (
    1.0 + 1e-6
)  # covers the roundings of sums and products of nonnegative numbers below, each a relative 1e-9 at most


def squares_and_products(problem: ExactProblem, point: Parameters, b: list[Fraction]) -> Any | None:
    """The ball of sum_jk n_k z_jk (z_jk + 2 (b_j - y_jk)) for one-hot targets, or None where this road is not worth while."""
    classes = problem.ufm.classes
    if not problem.one_hot or classes < SMALLEST:
        return None
    head, features = point.weights[-1], point.features
    if (np.count_nonzero(head, axis=1) <= 1).all() or (
        np.count_nonzero(features, axis=1) <= 1
    ).all():
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
        w, x = (
            [module.arb(a) for a in left[:, i].tolist()],
            [module.arb(a) for a in right[i].tolist()],
        )
        weighted = [n * a for n, a in zip(counts, x, strict=True)]
        size = sum([a * a for a in w]) * sum([a * y for a, y in zip(x, weighted, strict=True)])
        own = sum([a * y for a, y in zip(w, weighted, strict=True)])
        total += scale * (scale * size + 2 * (along_bias[i, 0] * along_counts[i, 0] - own))
    most = np.array([np.nextafter(float(abs(scale).upper()), np.inf) for scale in scales])
    rest = _off_diagonal(left, right, problem.ufm.counts, most)
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


def _off_diagonal(left: Array, right: Array, counts: Array, scales: Array) -> float | None:
    """An upper bound on sum over i != j of |w_i . w_j| |x_i D x_j| d_i d_j; None if it overflows."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        w, x, root, size = left.T, right, np.sqrt(counts), scales
        (w, a), (x, b), (root, c), (size, d) = map(_at_most_one, (w, x, root[None], size[:, None]))
        grams = []
        for rows in (w, x * root):
            error = (rows.shape[1] + 10) * UNIT * (np.abs(rows) @ np.abs(rows).T) * SAFETY + LEAST
            grams.append(np.abs(rows @ rows.T) + error)
        exponent = a + b + c + d
        top = int(exponent.max())
        size = np.maximum(np.ldexp(size[:, 0], exponent - top), LEAST)
        terms = grams[0] * grams[1] * np.outer(size, size)
        np.fill_diagonal(terms, 0.0)
        found = float(np.ldexp(terms.sum() * SAFETY, 2 * top)) + UNDERFLOW
    return found if np.isfinite(found) else None


def _at_most_one(rows: Array) -> tuple[Array, Any]:
    """Each row divided by a power of two, exactly but for what underflows, and the exponents."""
    largest = np.abs(rows).max(axis=1)
    exponents = np.where(
        largest > 0, np.frexp(largest)[1], -10_000
    )  # a row of zeros is below all others
    return np.ldexp(rows, -exponents[:, None]), exponents
