r"""Explicit geometries of balanced classes for cross-entropy: pairs (orthoplex), blocks of simplices, regular polygons.

Each has logits Z that are symmetric, with Z^2 = s Z: a multiple of a projection, of rank trace/s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from ...analytic.factors import balanced_factors
from ...analytic.spectrum import DenseFrame
from ...problem.objective import Parameters, objective
from ...problem.ufm import UFM
from .draws import spread
from .steps import Result, Step
from .symbols import K, M, a, c, eq, k, matrix, n, q, sigma, times, total

beta, rho, size = sp.symbols("beta rho s", positive=True)
pair_loss = sp.log(1 + sp.exp(-2 * beta) + (K - 2) * sp.exp(-beta))
pair_objective = pair_loss + c * K / 2 * (2 * beta * sp.sqrt(n)) ** q
pair_slope = -(2 * sp.exp(-2 * beta) + (K - 2) * sp.exp(-beta)) / (
    1 + sp.exp(-2 * beta) + (K - 2) * sp.exp(-beta)
)


def swap(classes: int) -> Any:
    """The permutation that exchanges the members of each pair."""
    return matrix(sp.Matrix(classes, classes, lambda i, j: int(i // 2 == j // 2 and i != j)))


def _column_loss(logits: Any) -> Any:
    """Loss of the first class from its column of logits."""
    return sp.log(sum(map(sp.exp, logits[:, 0]))) - logits[0, 0]


def pair_steps() -> tuple[Step, ...]:
    """The orthoplex: classes in opposite pairs on orthogonal axes."""
    steps = []
    for classes in (4, 6):
        logits = beta * (matrix(sp.eye(classes)) - swap(classes))
        steps += [
            Step(
                f"Pairs, K = {classes}: logits beta for the own class, -beta for its partner, zero for all others, Z = "
                "beta (I - P). Z is symmetric and",
                eq(times(logits, logits), 2 * beta * logits),
            ),
            Step(
                "so its singular values are 2 beta, K/2 of them by the trace, and those of A are 2 beta sqrt(n).",
                eq(total(logits[i, i] for i in range(classes)), sp.Rational(classes, 2) * 2 * beta),
            ),
            Step(
                "The loss, from the first column:",
                eq(_column_loss(logits), pair_loss.subs(K, classes)),
            ),
        ]
    own, partner, other = sp.symbols("g_own g_partner g_other", real=True)
    eye, ones, half = matrix(sp.eye(4)), matrix(sp.ones(4)), (matrix(sp.eye(4)) - swap(4)) / 2
    gradient = own * eye + partner * swap(4) + other * (ones - eye - swap(4))
    return (
        *steps,
        Step(
            "For every even K: the loss",
            eq(sp.log(sp.exp(beta) + sp.exp(-beta) + K - 2) - beta, pair_loss),
            {K: 2 + k},
        ),
        Step(
            "and the slope of the objective log(1 + e^(-2 beta) + (K - 2) e^(-beta)) + c (K/2) (2 beta sqrt(n))^q.",
            eq(
                sp.Derivative(pair_objective, beta),
                pair_slope + c * q * K * sp.sqrt(n) * (2 * beta * sp.sqrt(n)) ** (q - 1),
            ),
        ),
        *(
            Step(
                f"The gradient of the first column's loss, by differentiating in each logit (K = {classes}), has one entry "
                "for the own class, one for the partner and one for all others: the gradient lies in the algebra of I, P "
                "and J.",
                eq(
                    matrix([sp.Derivative(sp.log(sum(map(sp.exp, z))) - z[0], one) for one in z]),
                    matrix([sp.exp(beta), sp.exp(-beta)] + [1] * (classes - 2))
                    / (sp.exp(beta) + sp.exp(-beta) + classes - 2)
                    - matrix([1] + [0] * (classes - 1)),
                ),
                {one: (beta, -beta)[j] if j < 2 else sp.Integer(0) for j, one in enumerate(z)},
            )
            for classes in (4, 6)
            for z in [sp.symbols(f"z_1:{classes + 1}", real=True)]
        ),
        Step(
            "On the directions Q = (I - P)/2 that A has, a matrix of that algebra is multiplication by own minus partner "
            "(K = 4),",
            eq(times(gradient, half), (own - partner) * half),
        ),
        Step("from both sides:", eq(times(half, gradient), (own - partner) * half)),
        Step(
            "so the gradient of loss and penalty on these directions is 1/(K sqrt(n)) times the slope in beta. Where that "
            "vanishes the point is critical among all A of its rank.",
            eq(
                (sp.exp(beta) - sp.exp(-beta))
                / (K * sp.sqrt(n) * (sp.exp(beta) + sp.exp(-beta) + K - 2))
                - 1 / (K * sp.sqrt(n))
                + c * q * sigma ** (q - 1),
                (pair_slope + c * q * K * sp.sqrt(n) * sigma ** (q - 1)) / (K * sp.sqrt(n)),
            ),
            {sigma: 2 * beta * sp.sqrt(n)},
        ),
        Step(
            "Why it can win: K/2 singular values in place of the simplex's K - 1; for q near zero the penalty counts them.",
            sp.Gt(K - 1, K / 2, evaluate=False),
            {K: 2 + k},
        ),
        Step(
            "Blocks of s classes in orthogonal simplices: own logit a (1 - 1/s), -a/s in the block, zero elsewhere. The loss",
            eq(
                sp.log(sp.exp(a * (1 - 1 / size)) + (size - 1) * sp.exp(-a / size) + K - size)
                - a * (1 - 1 / size),
                sp.log(1 + (size - 1) * sp.exp(-a) + (K - size) * sp.exp(-a * (1 - 1 / size))),
            ),
            {K: size + k, size: 1 + sp.Symbol("l", positive=True)},
        ),
        Step(
            "is that of the pairs for s = 2, a = 2 beta.",
            eq(
                sp.log(1 + (size - 1) * sp.exp(-a) + (K - size) * sp.exp(-a * (1 - 1 / size))),
                pair_loss,
            ),
            {size: sp.Integer(2), a: 2 * beta, K: 2 + k},
        ),
    )


def pair_result() -> Result:
    """The orthoplex's objective."""
    expression = pair_objective.subs(c, (M + 1) / 2 * sp.Symbol("g", positive=True))

    def numeric(classes: float, n: float, depth: float, decay: float, beta: float) -> float:
        half = int(classes) // 2
        left = np.kron(np.eye(half), [[1.0], [-1.0]]) / 2**0.5
        return explicit_objective([n] * int(classes), int(depth), decay, left, 2 * beta * n**0.5)

    def draw(rng: np.random.Generator) -> tuple[float, ...]:
        return (
            2.0 * rng.integers(2, 7),
            spread(rng, 5, 5e3),
            float(rng.integers(2, 7)),
            spread(rng, 1e-5, 1e-2),
            spread(rng, 0.5, 6),
        )

    arguments = (K, n, M, sp.Symbol("g", positive=True), beta)
    return Result("objective of the orthoplex (all decays g)", expression, arguments, numeric, draw)


def polygon_loss(classes: int) -> Any:
    """Loss at logits rho cos(2 pi (j - k)/K)."""
    return sp.log(sum(sp.exp(rho * (sp.cos(2 * sp.pi * j / classes) - 1)) for j in range(classes)))


def polygon_steps() -> tuple[Step, ...]:
    """The regular polygon: two dimensions."""
    steps = []
    for classes in (3, 4, 5, 6):
        logits = rho * matrix(
            sp.Matrix(classes, classes, lambda i, j, K=classes: sp.cos(2 * sp.pi * (i - j) / K))
        )
        steps.append(
            Step(
                f"Regular polygon, K = {classes}: logits rho cos(2 pi (j - k)/K). Z is symmetric and Z^2 = (K rho/2) Z: "
                "with the trace K rho it has two singular values K rho/2, those of A are sqrt(n) times that.",
                eq(times(logits, logits), classes * rho / 2 * logits),
            )
        )
        steps.append(
            Step(
                "The loss, from the first column:", eq(_column_loss(logits), polygon_loss(classes))
            )
        )
    s = sp.symbols("s_0:3", real=True)
    circulant = matrix(sp.Matrix(5, 5, lambda i, j: s[min((i - j) % 5, (j - i) % 5)]))
    wave = matrix([sp.cos(2 * sp.pi * j / 5) for j in range(5)])
    return (
        *steps,
        Step(
            "The gradient is circulant, softmax minus the identity. On the polygon's plane it is multiplication by one "
            "number (K = 5),",
            eq(
                times(circulant, wave),
                (s[0] + 2 * s[1] * sp.cos(2 * sp.pi / 5) + 2 * s[2] * sp.cos(4 * sp.pi / 5)) * wave,
            ),
        ),
        Step(
            "the slope of the loss in rho: where the objective loss + c K sqrt(n) rho is stationary in rho, the polygon "
            "is critical among all A of rank two. The slope for K = 5, with softmax entries in the proportion of e^(rho "
            "cos):",
            eq(
                sp.Derivative(polygon_loss(5), rho),
                sum(
                    sp.cos(2 * sp.pi * j / 5) * sp.exp(rho * (sp.cos(2 * sp.pi * j / 5) - 1))
                    for j in range(5)
                )
                / sum(sp.exp(rho * (sp.cos(2 * sp.pi * j / 5) - 1)) for j in range(5))
                - 1,
            ),
        ),
    )


def polygon_parameters(classes: int, n: float, decay: float, rho: float) -> tuple[UFM, Parameters]:
    """The polygon in a network of width two."""
    angle = 2 * np.pi * np.arange(classes) / classes
    left = np.column_stack([np.cos(angle), np.sin(angle)]) * (2 / classes) ** 0.5
    ufm = UFM([n] * classes, "ce", 1, 2, decay, decay)
    return ufm, _factors(ufm, left, classes * rho / 2 * n**0.5)


def polygon_results() -> tuple[Result, ...]:
    """Objective of regular polygons at M = 1."""
    return tuple(
        Result(
            f"objective of the regular polygon, K = {classes}, both decays c",
            polygon_loss(classes) + c * classes * sp.sqrt(n) * rho,
            (n, c, rho),
            lambda n, decay, rho, classes=classes: objective(
                *polygon_parameters(classes, n, decay, rho)
            ),
            lambda rng: (spread(rng, 5, 5e3), spread(rng, 1e-5, 1e-2), spread(rng, 0.5, 8)),
        )
        for classes in (4, 5, 6, 7)
    )


def explicit_objective(
    counts: list[float], depth: int, decay: float, left: Any, sigma: float
) -> float:
    """The raw objective of balanced factors of sigma * left left^T."""
    ufm = UFM(counts, "ce", depth, None, decay, decay)
    return objective(ufm, _factors(ufm, left, sigma))


def _factors(ufm: UFM, left: Any, sigma: float) -> Parameters:
    return balanced_factors(
        ufm, np.full(left.shape[1], sigma), DenseFrame(lambda: (left, left)), np.zeros(ufm.classes)
    )
