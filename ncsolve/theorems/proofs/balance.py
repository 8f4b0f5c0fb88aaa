r"""From factors to singular values: what the decays of M + 1 factors cost (R1, R2).

For one singular direction with product s_H s_1 ... s_M = sigma the decay terms are (1/2) sum_j lambda_j s_j^2. The numbers
y_j = lambda_j s_j^2 / (g sigma^q) have product one, and sum y_j - (M + 1) = sum (y_j - 1 - log y_j) >= 0.
"""

from __future__ import annotations

import sympy as sp

from .steps import Step
from .symbols import M, eq, g, matrix, q, sigma, t, y


def balance_steps() -> tuple[Step, ...]:
    """Collapse to class means, the arithmetic-geometric mean inequality, and the balanced factors that attain it."""
    h = sp.symbols("h_1:4", real=True)
    mean = sum(h) / 3
    gap = y - 1 - sp.log(y)
    steps = [
        Step(
            "Collapse: replacing the features of a class by their mean saves the squared spread in the decay term (one "
            "coordinate, three samples); the loss is convex in the feature, so by Jensen it does not grow. One feature "
            "per class is left.",
            eq(
                sum(one**2 for one in h) - 3 * mean**2,
                ((h[0] - h[1]) ** 2 + (h[1] - h[2]) ** 2 + (h[2] - h[0]) ** 2) / 3,
            ),
        ),
        Step(
            "A singular direction with product sigma pays half the sum of M + 1 numbers lambda_j s_j^2 whose product is "
            "(g sigma^q)^(M + 1). Divided by g sigma^q they are numbers y_j with product one, so that sum y_j - (M + 1) "
            "is the sum of y_j - 1 - log y_j. This function has the slope",
            eq(sp.Derivative(gap, y), (y - 1) / y),
        ),
        Step("is convex,", sp.Gt(sp.Derivative(gap, y, y), 0, evaluate=False)),
        Step(
            "and is zero at y = 1, its minimum: the sum is least when all y_j = 1, that is lambda_j s_j^2 = g sigma^q for "
            "each factor. The least penalty is (M + 1) g sigma^q / 2 = c sigma^q.",
            eq(gap, 0),
            {y: sp.Integer(1)},
        ),
    ]
    u, v, w, z = sp.symbols("u_0:4", positive=True)
    squares = {
        1: ((u**2 + v**2) / 2 - u * v, (u - v) ** 2 / 2),
        2: (
            (u**3 + v**3 + w**3) / 3 - u * v * w,
            (u + v + w) * ((u - v) ** 2 + (v - w) ** 2 + (w - u) ** 2) / 6,
        ),
        3: (
            (u**4 + v**4 + w**4 + z**4) / 4 - u * v * w * z,
            ((u**2 - v**2) ** 2 + (w**2 - z**2) ** 2) / 4 + (u * v - w * z) ** 2 / 2,
        ),
    }
    for depth, (left, right) in squares.items():
        steps.append(
            Step(
                f"The arithmetic-geometric mean inequality for M = {depth} as a sum of squares, u_j being (lambda_j "
                f"s_j^2)^(1/{depth + 1}): zero only where all are equal.",
                eq(left, right),
            )
        )
    product = sp.Symbol("Pi", positive=True)
    steps.append(
        Step(
            "Attained for every M: the balanced factors s_j^2 = g sigma^q / lambda_j have the product sigma (squared "
            "here), Pi being the product of the M + 1 decays and g = Pi^(1/(M + 1)).",
            eq((g * sigma**q) ** (M + 1) / product, sigma**2),
            {g: product ** (1 / (M + 1))},
        )
    )
    for depth in (1, 2, 3):
        decays = sp.symbols(f"lambda_H lambda_1:{depth + 1}", positive=True)
        factors = sp.symbols(f"S_0:{depth + 1}", positive=True)
        power = sp.Rational(2, depth + 1)
        steps.append(
            Step(
                f"For M = {depth} explicitly: product and penalty of the balanced factors.",
                eq(
                    matrix(
                        [
                            sp.prod(factors),
                            sum(decay * s**2 for decay, s in zip(decays, factors, strict=True)) / 2,
                        ]
                    ),
                    matrix([sigma, sp.Rational(depth + 1, 2) * g * sigma**power]),
                ),
                {
                    s: sp.sqrt(g * sigma**power / decay)
                    for decay, s in zip(decays, factors, strict=True)
                }
                | {g: sp.prod(decays) ** sp.Rational(1, depth + 1)},
            )
        )
    return tuple(steps)


def one_layer_steps() -> tuple[Step, ...]:
    """The same for M = 1 only: what a nuclear norm costs."""
    everything = balance_steps()
    return (everything[0], everything[4], everything[8])


def power_sum_step() -> Step:
    """For q < 1 a sum of powers is at least the power of the sum."""
    s = sp.Symbol("s", positive=True)
    return Step(
        "For q < 1 singular values sigma_i with sum t have sum sigma_i^q >= t^q: with r = sigma_i/t between 0 and 1, r^q "
        ">= r, and the r add up to one. Written with r = s^(M + 1), s = 1/(1 + t), for M = 2 .. 6:",
        sp.Gt(s**2 - s ** (M + 1), 0, evaluate=False),
        {s: 1 / (1 + t)},
        tuple({M: sp.Integer(depth)} for depth in range(2, 7)),
    )
