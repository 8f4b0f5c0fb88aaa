r"""The free bias of squared loss: centered target, secular equation, simplex."""

from __future__ import annotations

import sympy as sp

from .steps import Step
from .symbols import K, eq, k, matrix, n, sigma, times

mu = sp.Symbol("mu", positive=True)


def target(counts: tuple[sp.Symbol, ...]) -> sp.Matrix:
    """T = D^(1/2) - n sqrt(n)^T / N."""
    column = sp.Matrix(counts)
    return sp.diag(*map(sp.sqrt, counts)) - column * column.applyfunc(sp.sqrt).T / sum(counts)


def centered_steps() -> tuple[Step, ...]:
    """From the bias to the squared singular values of the centered target."""
    counts = sp.symbols("n_1:4", positive=True)
    total, column = sum(counts), sp.Matrix(counts)
    root = column.applyfunc(sp.sqrt)
    b, entry = sp.symbols("b_1:4", real=True), sp.symbols("A_11 A_12 A_13", real=True)
    row = sum((entry[j] + b[0] * root[j] - (root[j] if j == 0 else 0)) ** 2 for j in range(3)) / (
        2 * total
    )
    best = (counts[0] - sum(entry[j] * root[j] for j in range(3))) / total
    steps = [
        Step(
            "Free bias (first row, three classes): the loss is stationary in b_1 at (n_1 - (A sqrt(n))_1)/N,",
            eq(sp.Derivative(row, b[0]), 0),
            {b[0]: best},
        ),
        Step(
            "which is n_1/N when A sqrt(n) = 0; and the target with b = n/N inserted, T = D^(1/2) - n sqrt(n)^T/N, "
            "satisfies T sqrt(n) = 0, hence so does an A that shares its singular vectors.",
            eq(times(target(counts), root), matrix(sp.zeros(3, 1))),
        ),
        Step(
            "Its squared singular values are the eigenvalues of",
            eq(
                times(target(counts), target(counts).T),
                matrix(sp.diag(*counts) - column * column.T / total),
            ),
        ),
    ]
    for classes in (2, 3, 4):
        counts = sp.symbols(f"n_1:{classes + 1}", positive=True)
        total, column = sum(counts), sp.Matrix(counts)
        secular = sum(
            one * sp.prod([other - mu for other in counts if other != one]) for one in counts
        )
        steps.append(
            Step(
                f"whose characteristic polynomial for K = {classes} (the matrix times N) is mu times the secular function: "
                "besides zero, the sum of n_k/(n_k - mu) vanishes, cleared of denominators here.",
                eq(
                    sp.Determinant(
                        matrix(total * sp.diag(*(one - mu for one in counts)) - column * column.T)
                    ),
                    -mu * total ** (classes - 1) * secular,
                ),
            )
        )
    return tuple(steps) + _vector_steps()


def _vector_steps() -> tuple[Step, ...]:
    counts = sp.symbols("n_1:4", positive=True)
    total, column = sum(counts), sp.Matrix(counts)
    vector = sp.Matrix([one / (one - mu) for one in counts])
    secular = sum(one / (one - mu) for one in counts)
    one, two = sp.symbols("n_1 n_2", positive=True)
    return (
        Step(
            "The left singular vector has the entries n_k/(n_k - mu): what is missing to an eigenvector is a multiple of "
            "the secular function.",
            eq(
                times(sp.diag(*counts) - column * column.T / total - mu * sp.eye(3), vector),
                matrix(-mu / total * secular * column),
            ),
        ),
        Step(
            "Two classes: tau^2 = 2 n_1 n_2/N.",
            eq(
                sp.Determinant(
                    matrix(
                        sp.diag(one, two)
                        - sp.Matrix([one, two]) * sp.Matrix([[one, two]]) / (one + two)
                        - mu * sp.eye(2)
                    )
                ),
                0,
            ),
            {mu: 2 * one * two / (one + two)},
        ),
        Step(
            "Two equal counts n: their difference is an eigenvector with tau^2 = n, whatever the third count is.",
            eq(
                times(
                    sp.diag(n, n, one)
                    - sp.Matrix([n, n, one]) * sp.Matrix([[n, n, one]]) / (2 * n + one),
                    [1, -1, 0],
                ),
                n * matrix([1, -1, 0]),
            ),
        ),
    )


def simplex_steps() -> tuple[Step, ...]:
    """Equal counts: A is a multiple of I - J/K, and the Gram matrices have equal angles."""
    return (
        Step(
            "Equal counts and a free bias: T = sqrt(n) (I - J/K), all K - 1 singular values are equal and A = sigma (I - "
            "J/K). The Grams of classifier and features are multiples of I - J/K, with the cosine (entry off the diagonal "
            "over entry on it)",
            eq((-sigma / K) / (sigma * (1 - 1 / K)), -1 / (K - 1)),
            {K: 1 + k},
        ),
        *(
            Step(
                f"I - J/K is a projection of rank K - 1 (K = {classes}): its square is itself.",
                eq(times(centering(classes), centering(classes)), centering(classes)),
            )
            for classes in (2, 3, 5)
        ),
        Step(
            "Equal counts and no bias: A = sigma I, the Grams are multiples of I, every cosine is zero: an orthogonal frame.",
            eq(times(sp.sqrt(n) * sp.eye(3), sp.sqrt(n) * sp.eye(3)), n * matrix(sp.eye(3))),
        ),
    )


def centering(classes: int) -> sp.Matrix:
    """I - J/K."""
    return matrix(sp.eye(classes) - sp.ones(classes) / classes)
