"""The objective of explicit matrices in balls, against mpmath at 70 digits and against fractions."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from support.balls import DIGITS, decimal, holds

import ncsolve
from ncsolve.numeric import point
from ncsolve.numeric.balls import Enclosure, ExactProblem, flint
from ncsolve.numeric.point import objective, off_diagonal


@pytest.mark.parametrize(
    ("depth", "bias", "loss"),
    [
        (1, "none", "mse"),
        (3, "free", "mse"),
        (1, 0.05, "mse"),
        (1, "none", "ce"),
        (1, "free", "smooth"),
        (1, 0.05, "scaled"),
    ],
)
def test_the_objective_of_random_matrices_is_enclosed(depth, bias, loss):
    losses = {
        "smooth": ncsolve.CrossEntropy(0.15),
        "scaled": ncsolve.CrossEntropy(0.1, [0.3, -1, 0.2], [1, 2, 0.7], [1, 0.5, 3]),
    }
    ufm = ncsolve.UFM([7, 3, 1.25], losses.get(loss, loss), depth, 4, 0.013, 0.027, bias)
    rng = np.random.default_rng(1)
    weights = tuple(rng.normal(size=shape) * (rng.random(shape) < 0.7) for shape in ufm.shapes)
    b = np.zeros(3) if bias == "none" else rng.normal(size=3)
    matrices = ncsolve.Parameters(weights, rng.normal(size=(4, 3)), b)
    found = Enclosure.of(objective(ExactProblem(ufm), matrices))
    with mpmath.workdps(DIGITS):
        exact = lambda m: mpmath.matrix(m.tolist())  # noqa: E731
        z = exact(matrices.features)
        for weight in weights:
            z = exact(weight) * z
        n, total = [decimal(x) for x in ufm.counts], mpmath.fsum(decimal(x) for x in ufm.counts)
        value = mpf(0)
        parameters = (
            [[decimal(x) for x in row] for row in ufm.loss.per_class(3)]
            if loss not in ("mse",)
            else None
        )
        delta = decimal(getattr(ufm.loss, "smoothing", 0.0))
        for k in range(3):
            logits = [z[j, k] + mpf(float(b[j])) for j in range(3)]
            if parameters is None:
                value += (
                    n[k]
                    / total
                    * mpmath.fsum((x - (j == k)) ** 2 for j, x in enumerate(logits))
                    / 2
                )
                continue
            offset, label, rows = parameters
            u = [label[k] * rows[j] * x + offset[j] for j, x in enumerate(logits)]
            target = [delta / 3 + (1 - delta) * (j == k) for j in range(3)]
            log_sum = mpmath.log(mpmath.fsum(mpmath.exp(x) for x in u))
            value += (
                n[k]
                / total
                * (log_sum - mpmath.fsum(p * x for p, x in zip(target, u, strict=True)))
            )
        for decay, weight in zip(ufm.weight_decay, weights, strict=True):
            value += decimal(decay) / 2 * mpmath.fsum(mpf(x) ** 2 for x in weight.ravel().tolist())
        for k in range(3):
            value += (
                decimal(ufm.feature_decay)
                / 2
                * n[k]
                * mpmath.fsum(mpf(x) ** 2 for x in matrices.features[:, k].tolist())
            )
        if not isinstance(bias, str):
            value += decimal(bias) / 2 * mpmath.fsum(mpf(x) ** 2 for x in b.tolist())
    assert holds(found, value)
    assert found.high / found.low - 1 <= Fraction(1, 2**63)


@pytest.mark.parametrize("depth", [1, 3])
def test_the_objective_without_the_dense_product_is_the_one_with_it(depth):
    counts = np.round(np.geomspace(900, 20, 70), 2)
    ufm = ncsolve.UFM(
        counts, depth=depth, width=75, bias="free", weight_decay=1e-4, feature_decay=1e-4
    )
    problem, best = ExactProblem(ufm), ncsolve.predict(ufm).parameters()
    rng = np.random.default_rng(0)
    for spread in (
        0.0,
        1e-12,
        1e-3,
    ):  # further off its Gram matrices are no longer diagonal, and the bound grows
        noise = [
            spread * rng.normal(size=best.weights[-1].shape),
            spread * rng.normal(size=best.features.shape),
        ]
        matrices = ncsolve.Parameters(
            (*best.weights[:-1], best.weights[-1] + noise[0]),
            best.features + noise[1],
            best.bias + spread,
        )
        with flint().ctx.workprec(256):
            dense = objective(problem, matrices)
            rest = point._squared(problem, matrices, None)
        with flint().ctx.workprec(128):
            near = point._squared(problem, matrices, point.balanced_products(problem, matrices))
            relative = float((near.rad() / (near + point._penalty(problem, matrices))).mid())
        assert near.contains(rest)
        assert near.rad() > rest.rad()
        assert relative < 1e-20 if spread < 1e-6 else relative > 1e-12
        assert Enclosure.of(objective(problem, matrices)) == Enclosure.of(dense)


@pytest.mark.parametrize(
    ("w", "x", "n", "d"),
    [
        (0, 0, 0, 0),
        (80, 76, 0, -162),  # an outer product of the scales would underflow
        (-170, 200, 0, 0),  # a Gram matrix would
        (-310, 300, 10, 20),  # entries are subnormal
        (150, -320, 0, 170),
        (300, 0, -300, -100),
    ],
)
@pytest.mark.parametrize("mixed", [False, True], ids=["alike", "mixed"])
def test_off_diagonal_products_bound_what_fractions_find(w, x, n, d, mixed):
    rng = np.random.default_rng(0)
    left, right, scales = (
        rng.normal(size=(9, 5)),
        rng.normal(size=(5, 9)),
        np.abs(rng.normal(size=5)),
    )
    left, right, scales = left * 10.0**w, right * 10.0**x, scales * 10.0**d
    if mixed:
        left[:, 1], right[2], scales[3] = left[:, 1] * 1e-5, right[2] * 1e-5, 5e-324
    counts = rng.uniform(1, 9, 9).round(3) * 10.0**n
    grams = [
        [
            [
                sum(Fraction(a) * Fraction(b) * m for a, b, m in zip(x, y, weight, strict=True))
                for y in rows
            ]
            for x in rows
        ]
        for rows, weight in (
            (left.T, [1] * 9),
            (right, [Fraction(repr(n)) for n in counts.tolist()]),
        )
    ]
    exact = sum(
        abs(grams[0][i][j] * grams[1][i][j]) * Fraction(scales[i]) * Fraction(scales[j])
        for i in range(5)
        for j in range(5)
        if i != j
    )
    found = Fraction(off_diagonal(left, right, counts, scales))
    assert exact <= found <= exact * (1 + Fraction(1, 10**5)) + Fraction(2e-290)


def test_factors_whose_scales_underflow_are_enclosed():
    size, decay = 64, 1e-300
    ufm = ncsolve.UFM([1.0] * size, depth=3, width=size, weight_decay=decay, feature_decay=decay)
    layer, large = np.eye(size) * 1.5e-162**0.5, np.full((size, size), 1.4e76)
    spread = ncsolve.Parameters((layer, layer, large), large, np.zeros(size))
    problem = ExactProblem(ufm)
    with flint().ctx.workprec(256):
        dense = point._squared(problem, spread, None) + point._penalty(problem, spread)
    found = Enclosure.of(objective(problem, spread))
    assert found.low <= Enclosure.of(dense).high
    assert Enclosure.of(dense).low <= found.high
