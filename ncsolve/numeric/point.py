r"""The objective of explicit matrices, enclosed: an upper bound on the minimum that anybody can evaluate again.

Every entry is a double and taken exactly; counts and decays are exact decimals.

squared        (1/2N) [ N |b|^2 - 2 b . Y n + sum_k n_k |y_k|^2 + sum_jk n_k z_jk (z_jk + 2 (b_j - y_jk)) ],   z = W_M ... W_1 h_k
cross-entropy  sum_k (n_k/N) [ log(1 + sum_j exp(u_j - u_k)) - sum_j p_j (u_j - u_k) ]   over j != k,   u_j = s_k r_j (z_jk + b_j) + iota_j

A matrix is a list of rows, a row a mapping from columns to balls; an entry is left out only where the double is zero. Predicted factors
are axis-aligned but for one or two, so most products only scale rows or columns; FLINT's dense product does the rest.

Where Z = W X with X = P H (P scales and renames rows) has factors whose columns w_i and rows x_i are nearly orthogonal, as balanced
factors have, not even that one is needed:

    sum_jk n_k z_jk^2 = <W^T W, X D X^T> = sum_i |w_i|^2 (x_i D x_i) + rest,     |rest| <= sum over i != j of |w_i . w_j| |x_i D x_j|.

The diagonal is summed in balls. The rest is tiny times tiny, and is bounded through floating-point matrix products, whose entries are
off by at most (K + 10) u (|A| |B|), u = 2^-53, whatever the order of summation and with or without fused operations, up to underflow.
It is the only place where a proof rests on hardware floating point, and where it is too coarse the dense product is made after all.

Underflow. Powers of two are taken out of every w_i, x_i, sqrt(n) and scale first, so that all entries are at most 1. An entry, product or
sum that underflows then is off by at most 2^-1022, a dot product by less than 8 K 2^-1022 < 1e-300, and 1e-75 is added to each. The scales
are raised to 1e-75 too, so that no product of two dot products and two scales is below 1e-300, where it could underflow again.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.losses import class_columns
from ..problem.objective import Parameters, objective_over
from .balls import PRECISION, ExactProblem, flint, settled, total

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.ufm import UFM

Rows = list[dict[int, Any]]
SMALLEST = 64  # classes; below that the dense product costs nothing
UNIT, LEAST, UNDERFLOW = 2.0**-53, 1e-75, 1e-290
SAFETY = 1.0 + 1e-6  # covers sums and products of nonnegative numbers, each off by 1e-9 at most
STEPS = 500


def infeasible(ufm: UFM, point: Parameters) -> str | None:
    """Why the matrices are no point of the problem; None if they are."""
    shapes = [*ufm.shapes, (ufm.width[0], ufm.classes), (ufm.outputs,)]
    matrices = (*point.weights, point.features, point.bias)
    if [matrix.shape for matrix in matrices] != shapes:
        return "its matrices do not have the problem's shapes"
    if not all(np.isfinite(matrix).all() for matrix in matrices):
        return "an entry is not a finite number"
    if ufm.bias == "none" and np.any(point.bias != 0):
        return "the problem has no bias, and this one is not zero"
    if ufm.features == "relu" and point.features.size and point.features.min() < 0:
        return "a feature is negative, and the problem's are not"
    return None


def objective(problem: ExactProblem, point: Parameters) -> Any:
    """The ball of the objective of the matrices, to 64 bits and more."""

    def evaluated(precision: int) -> Any:
        near = (
            balanced_products(problem, point)
            if problem.squared and precision == PRECISION[0]
            else None
        )
        data = _cross_entropy if not problem.squared else _squared
        return data(problem, point, near) + _penalty(problem, point)

    return settled(evaluated, "the objective of the matrices")


def logits(point: Parameters) -> Rows:
    """W_M ... W_1 H, without the bias; neighbors with at most one entry in each row are multiplied first."""
    merged: list[tuple[Rows, int]] = []
    for matrix in (*reversed(point.weights), point.features):
        factor = (_rows(matrix), matrix.shape[1])
        if merged and _is_thin(factor[0]) and _is_thin(merged[-1][0]):
            factor = _product(merged.pop(), factor)
        merged.append(factor)
    return reduce(_product, merged)[0]


def lower_point(ufm: UFM, point: Parameters) -> Parameters:
    """The end of at most 500 steps of L-BFGS-B on the raw objective over class means: a witness that is only proposed.

    Stops where the objective no longer changes by a few ulps, or no gradient entry exceeds 1e-10 of the value. ReLU features stay
    nonnegative.
    """
    from scipy.optimize import Bounds, minimize

    raw = objective_over(ufm, class_columns(ufm.loss, ufm.counts))
    root = np.sqrt(ufm.counts)
    start = raw.pack(Parameters(point.weights, point.features * root, point.bias))
    low = np.full(start.size, -np.inf)
    if ufm.features == "relu":
        low[raw.feature_slice] = 0.0
    options = {"maxiter": STEPS, "maxfun": 4 * STEPS, "ftol": 1e-15}
    end = minimize(
        raw.value_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(low, np.inf),
        options=options | {"gtol": 1e-10 * abs(raw.value(start))},
    )
    lower = raw.unpack(end.x)
    return Parameters(lower.weights, lower.features / root, lower.bias)


def _penalty(problem: ExactProblem, point: Parameters) -> Any:
    decays = zip(problem.decays[1:], point.weights, strict=True)
    terms = [decay * _square_sum(weight) for decay, weight in decays]
    for n, column in zip(problem.counts, point.features.T, strict=True):
        terms.append(problem.decays[0] * n * _square_sum(column))
    if problem.bias_decay is not None:
        terms.append(problem.bias_decay * _square_sum(point.bias))
    return total(terms) / 2


def _square_sum(matrix: Array) -> Any:
    """The sum of squares of doubles."""
    there = matrix[matrix != 0].tolist()
    row = flint().arb_mat(1, len(there), there)
    return (row * row.transpose())[0, 0] if there else 0


def _squared(problem: ExactProblem, point: Parameters, products: Any | None) -> Any:
    counts, arb = problem.counts, flint().arb
    b = [arb(x) for x in point.bias.tolist()]
    known = problem.samples * total(x * x for x in b)  # the data term where all z are zero
    if problem.one_hot:
        known += problem.samples - 2 * total(x * n for x, n in zip(b, counts, strict=True))
    else:
        for x, row in zip(b, problem.targets, strict=True):
            known += total(n * y * (y - 2 * x) for n, y in zip(counts, row, strict=True))
    if products is None:
        weights = [arb(n) for n in counts]
        products = arb(0)
        for j, z in enumerate(logits(point)):
            if problem.one_hot:
                pull = 2 * b[j]
                products += total(weights[k] * x * (x + pull) for k, x in z.items())
                products -= 2 * weights[j] * z[j] if j in z else 0
            elif z:
                pulls = [2 * (b[j] - y) for y in problem.targets[j]]
                products += total(weights[k] * x * (x + pulls[k]) for k, x in z.items())
    return (known + products) / (2 * problem.samples)


def _cross_entropy(problem: ExactProblem, point: Parameters, _: None) -> Any:
    terms, spread = [], problem.smoothing / problem.ufm.classes
    for k, (n, apart) in enumerate(zip(problem.counts, differences(problem, point), strict=True)):
        loss = total(x.exp() for j, x in enumerate(apart) if j != k).log1p()
        terms.append(n / problem.samples * (loss - spread * total(apart) if spread else loss))
    return total(terms)


def differences(problem: ExactProblem, point: Parameters) -> Iterator[list[Any]]:
    """u_j - u_k over j, one list per class k."""
    offset, label, scale = ([flint().arb(x) for x in numbers] for numbers in problem.per_class)
    rows = zip(scale, logits(point), point.bias.tolist(), strict=True)
    seen = [[r * (row.get(k, 0) + b) for k in range(len(label))] for r, row, b in rows]
    for k, s in enumerate(label):
        u = [s * row[k] + i for row, i in zip(seen, offset, strict=True)]
        yield [x - u[k] for x in u]


def _rows(matrix: Array) -> Rows:
    arb, rows = flint().arb, []
    for row in matrix:
        there = np.flatnonzero(row)
        rows.append({k: arb(x) for k, x in zip(there.tolist(), row[there].tolist(), strict=True)})
    return rows


def _is_thin(rows: Rows) -> bool:
    """Whether no row has two entries."""
    return all(len(row) <= 1 for row in rows)


def _product(one: tuple[Rows, int], other: tuple[Rows, int]) -> tuple[Rows, int]:
    """The product of two matrices, each with the number of its columns."""
    (left, _), (right, columns) = one, other
    if _is_thin(left):
        return [
            {k: x * y for j, x in row.items() for k, y in right[j].items()} for row in left
        ], columns
    if _is_thin(right):
        scaled: Rows = []
        for row in left:
            scaled.append({})
            for j, x in row.items():
                for k, y in right[j].items():
                    scaled[-1][k] = scaled[-1].get(k, 0) + x * y
        return scaled, columns
    inner = sorted({j for row in left for j in row} & {j for j, row in enumerate(right) if row})
    if not inner:
        return [{} for _ in left], columns
    mat = flint().arb_mat
    a = mat(len(left), len(inner), [row.get(j, 0) for row in left for j in inner])
    b = mat(len(inner), columns, [right[j].get(k, 0) for j in inner for k in range(columns)])
    dense = (a * b).tolist()
    return [
        dict(enumerate(entries)) if row else {} for row, entries in zip(left, dense, strict=True)
    ], columns


def balanced_products(problem: ExactProblem, point: Parameters) -> Any | None:
    """The ball of sum_jk n_k z_jk (z_jk + 2 (b_j - y_jk)) for one-hot targets, or None where this road is not worth while."""
    classes, head, features = problem.ufm.classes, point.weights[-1], point.features
    axes = any((np.count_nonzero(x, axis=1) <= 1).all() for x in (head, features))
    inner = [(_rows(weight), weight.shape[1]) for weight in reversed(point.weights[:-1])]
    if not problem.one_hot or classes < SMALLEST or axes:
        return None
    if not all(_is_thin(rows) for rows, _ in inner):
        return None
    module = flint()
    if inner:
        rows = reduce(_product, inner)[0]
    else:
        rows = [{i: module.arb(1)} for i in range(features.shape[0])]
    pairs = [(i, c, scale) for i, row in enumerate(rows) for c, scale in row.items()]
    left, right = head[:, [i for i, _, _ in pairs]], features[[c for _, c, _ in pairs]]
    scales = [scale for _, _, scale in pairs]
    counts = [module.arb(n) for n in problem.counts]
    along_bias = module.arb_mat(left.T.tolist()) * module.arb_mat(classes, 1, point.bias.tolist())
    along_counts = module.arb_mat(right.tolist()) * module.arb_mat(classes, 1, counts)
    terms = []
    for i, scale in enumerate(scales):
        w, x = (
            [module.arb(a) for a in numbers] for numbers in (left[:, i].tolist(), right[i].tolist())
        )
        weighted = [n * a for n, a in zip(counts, x, strict=True)]
        size = total(a * a for a in w) * total(a * y for a, y in zip(x, weighted, strict=True))
        own = total(a * y for a, y in zip(w, weighted, strict=True))
        terms.append(scale * (scale * size + 2 * (along_bias[i, 0] * along_counts[i, 0] - own)))
    most = np.array([np.nextafter(float(abs(scale).upper()), np.inf) for scale in scales])
    rest = off_diagonal(left, right, problem.ufm.counts, most)
    return None if rest is None else total(terms) + module.arb(0, rest)


def off_diagonal(left: Array, right: Array, counts: Array, scales: Array) -> float | None:
    """An upper bound on sum over i != j of |w_i . w_j| |x_i D x_j| d_i d_j; None if it overflows."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        (w, a), (x, b), (root, c), (size, d) = map(
            _at_most_one, (left.T, right, np.sqrt(counts)[None], scales[:, None])
        )
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
    exponents = np.where(largest > 0, np.frexp(largest)[1], -10_000)  # zeros lie below all others
    return np.ldexp(rows, -exponents[:, None]), exponents
