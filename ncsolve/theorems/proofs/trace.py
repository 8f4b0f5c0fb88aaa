r"""Von Neumann's trace inequality for 2 x 2 matrices, as an identity, and what it gives for squared loss.

A and T have singular values sigma_1 >= sigma_2, tau_1 >= tau_2 and singular vectors turned against each other by the angles alpha
(left) and beta (right). The general case follows because an optimal pair of bases can be improved in any plane in which they differ.
"""

from __future__ import annotations

import sympy as sp

from .steps import Step
from .symbols import eq, matrix

alpha, beta = sp.symbols("alpha beta", real=True)


def turn(angle: sp.Expr) -> sp.Expr:
    """Rotation by an angle."""
    return matrix([[sp.cos(angle), -sp.sin(angle)], [sp.sin(angle), sp.cos(angle)]])


def trace_steps() -> tuple[Step, ...]:
    """The distance of A and T is least when they share singular vectors."""
    strong, weak = sp.symbols("sigma_1 sigma_2", nonnegative=True)
    first, second = sp.symbols("tau_1 tau_2", nonnegative=True)
    a, t = turn(alpha) * sp.diag(strong, weak) * turn(beta).T, sp.diag(first, second)
    product = (a.T * t).trace()
    even, odd = strong * first + weak * second, strong * second + weak * first
    distance = (a - t).applyfunc(lambda entry: entry**2)
    return (
        Step(
            "Von Neumann's trace inequality in a plane: let the singular vectors of A be turned against those of T = "
            "diag(tau_1, tau_2) by the angles alpha and beta. Aligned singular values give sigma_1 tau_1 + sigma_2 tau_2 "
            "in place of tr(A^T T); the difference is",
            eq(
                even - product,
                (even + odd) / 2 * (1 - sp.cos(alpha - beta))
                + (even - odd) / 2 * (1 - sp.cos(alpha + beta)),
            ),
        ),
        Step(
            "where both factors are nonnegative, since",
            eq(even - odd, (strong - weak) * (first - second)),
        ),
        Step(
            "Hence ||A - T||^2 is the sum of (sigma_i - tau_i)^2 plus twice that difference: A takes the singular vectors "
            "of T.",
            eq(
                sum(distance),
                (strong - first) ** 2 + (weak - second) ** 2 + 2 * (even - product),
            ),
        ),
    )


def duality_step() -> Step:
    """<Gamma, A> >= -||Gamma||_op ||A||_* in a plane."""
    strong, weak = sp.symbols("sigma_1 sigma_2", nonnegative=True)
    first, second = sp.symbols("gamma_1 gamma_2", nonnegative=True)
    a = turn(alpha) * sp.diag(strong, weak) * turn(beta).T
    return Step(
        "Operator and nuclear norm are dual (in a plane, singular vectors of A turned against those of Gamma = "
        "diag(gamma_1, gamma_2), gamma_1 >= gamma_2): <Gamma, A> + gamma_1 ||A||_* is a sum of products of nonnegative "
        "numbers.",
        eq(
            (a.T * sp.diag(first, second)).trace() + first * (strong + weak),
            (strong + weak) * (first + second) / 2 * (1 + sp.cos(alpha - beta))
            + (first - second)
            / 2
            * (strong * (1 + sp.cos(alpha + beta)) + weak * (1 - sp.cos(alpha + beta))),
        ),
    )
