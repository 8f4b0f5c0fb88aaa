r"""Cross-entropy of balanced classes on the simplex: from logits to one number a, the margin.

Logits a (I - J/K) cost loss(a) = log(1 + (K-1) e^(-a)) + delta (1 - 1/K) a; -loss'(a) = u - d with u = (K-1)/(e^a + K - 1) and
d = delta (1 - 1/K).
"""

from __future__ import annotations

import sympy as sp

from .centered import centering
from .steps import Step
from .symbols import K, a, c, delta, eq, k, n, times

LARGER = {K: 1 + k}
loss = sp.log(1 + (K - 1) * sp.exp(-a)) + delta * (1 - 1 / K) * a
pull = (K - 1) / (sp.exp(a) + K - 1) - delta * (1 - 1 / K)


def simplex_loss_steps() -> tuple[Step, ...]:
    """The objective's data term and singular values for logits a (I - J/K)."""
    own, other = a * (1 - 1 / K), -a / K
    z, s = sp.symbols("z_1:4", real=True), sp.Symbol("s", real=True)
    p = (*sp.symbols("p_1 p_2", positive=True),)
    p = (*p, 1 - sum(p))
    return (
        Step(
            "Logits a (I - J/K): a(1 - 1/K) for the own class, -a/K for each of the K - 1 others. The loss of a sample "
            "with target (1 - delta) e_k + delta/K is",
            eq(
                sp.log(sp.exp(own) + (K - 1) * sp.exp(other))
                - (1 - delta) * own
                - delta / K * (own + (K - 1) * other),
                loss,
            ),
            LARGER,
        ),
        Step(
            "A constant s added to all logits of a column changes no loss (three classes, any target), while any J-part "
            "makes A larger: the minimizer has none.",
            eq(
                sp.log(sum(sp.exp(one + s) for one in z))
                - sum(w * (one + s) for w, one in zip(p, z, strict=True)),
                sp.log(sum(sp.exp(one) for one in z))
                - sum(w * one for w, one in zip(p, z, strict=True)),
            ),
        ),
        *(
            Step(
                f"I - J/K is a projection (K = {classes}) of trace K - 1: A = sqrt(n) a (I - J/K) has K - 1 singular "
                "values sigma = sqrt(n) a.",
                eq(times(centering(classes), centering(classes)), centering(classes)),
            )
            for classes in (2, 3, 5)
        ),
        Step(
            "Minus the slope of the loss is u - delta (1 - 1/K) with u = (K - 1)/(e^a + K - 1):",
            eq(-sp.Derivative(loss, a), pull),
        ),
        Step("The loss is convex.", sp.Gt(sp.Derivative(loss, a, a), 0, evaluate=False), LARGER),
    )


def simplex_norm_steps() -> tuple[Step, ...]:
    """Angles of the simplex."""
    s = sp.Symbol("s", positive=True)
    return (
        Step(
            "The Grams of classifier and features are multiples s (I - J/K); the cosine between any two classes is",
            eq((-s / K) / (s * (1 - 1 / K)), -1 / (K - 1)),
            LARGER,
        ),
    )


def simplex_gradient_step(height: sp.Expr, where: dict[sp.Basic, sp.Expr]) -> Step:
    """The gradient in A at the simplex is -height (I - J/K)."""
    share = sp.sqrt(n) / (n * K)
    bottom = 1 + (K - 1) * sp.exp(-a)
    return Step(
        "The gradient of the loss in A at the simplex, (sqrt(n)/N)(softmax - target) with N = nK: the entry of the own "
        "class and that of any other.",
        eq(
            sp.ImmutableMatrix(
                [
                    share * (1 / bottom - (1 - delta) - delta / K),
                    share * (sp.exp(-a) / bottom - delta / K),
                ]
            ),
            sp.ImmutableMatrix([-height * (1 - 1 / K), height / K]),
        ),
        where,
    )


one_layer_margin = sp.log(K / (K * c * sp.sqrt(n) + delta) - K + 1)
one_layer_slope = -pull + c * (K - 1) * sp.sqrt(n)


def softmax_gradient_steps() -> tuple[Step, ...]:
    """At a matrix that no permutation moves, neither does the gradient move: entry by entry for K = 3 and 4."""
    steps = []
    for classes in (3, 4):
        z = sp.Matrix(classes, 1, sp.symbols(f"z_1:{classes + 1}", real=True))
        value = sp.log(sum(map(sp.exp, z))) - (1 - delta) * z[0] - delta / classes * sum(z)
        at = {
            one: a * (1 - sp.Rational(1, classes)) if j == 0 else -a / classes
            for j, one in enumerate(z)
        }
        slope = sp.ImmutableMatrix([sp.Derivative(value, one) for one in z])
        steps.append(
            Step(
                f"K = {classes}, a column's gradient by differentiating the loss in every logit: at the simplex it is a "
                "multiple of the simplex's column, so the gradient in A is a multiple of I - J/K.",
                eq(
                    slope,
                    -pull.subs(K, classes)
                    * sp.Rational(classes, classes - 1)
                    * sp.ImmutableMatrix(centering(classes)[:, 0]),
                ),
                at,
            )
        )
    return tuple(steps)
