r"""Squared loss, any counts, one layer, regularized bias: the convex problem, solved through groups of equal counts.

Problem. M = 1, any counts, bias decay lambda_b > 0, width >= K.
Statement. The minimizer over A and b of F(A, b) + c ||A||_* + (lambda_b/2) ||b||^2 gives the global minimizer through balanced
factors. Two or more classes of equal count n merge iff sqrt(n) <= N c. No closed form is known unless all counts are equal
(balanced_regularized_bias); the answer is numerical and its strength is the duality gap.
Edge cases. Equality sqrt(n) = N c: the group is merged. Equal counts everywhere: balanced_regularized_bias has the closed form.
Proof. R1, R2, R5 as for cross-entropy: squared loss is convex in the logits.
Source. The balanced case is Zhou et al. (2022, arXiv:2203.01238).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..analytic import draws
from ..analytic.grouped import solution
from ..analytic.hypotheses import LINEAR, ONE_HOT, ONE_LAYER, REGULARIZED_BIAS, SQUARED
from ..analytic.merging import convex_losses
from ..analytic.theorem import Case, Claim, Hypothesis, Theorem
from ..problem.ufm import UFM

if TYPE_CHECKING:
    from .proofs.steps import Derivation


def derive() -> Derivation:
    """From groups to the contrasts in closed form, the rule by which a group merges, and complete collapse."""
    import sympy as sp

    from .proofs.balance import one_layer_steps
    from .proofs.groups import n_1, n_2, split_steps
    from .proofs.imbalanced_results import lost_share, squared_results, two_class_square
    from .proofs.steps import Derivation, Step
    from .proofs.symbols import N, a, c, eq, lambda_b, matrix, n, times

    size = sp.Symbol("m", positive=True)
    mean, mu = sp.symbols("C_gg mu", real=True)
    own, rest = mean + a * (1 - 1 / size), mean - a / size
    cost = (size - 1) * n * (a - 1) ** 2 / (2 * N) + c * (size - 1) * sp.sqrt(n) * a
    counts, b = sp.symbols("n_1:4", positive=True), sp.symbols("b_1:4", real=True)
    total = sum(counts)
    column = sp.Matrix(counts)
    at_zero = (
        sum(counts[k] * sum((b[j] - int(j == k)) ** 2 for j in range(3)) for k in range(3))
        / (2 * total)
        + lambda_b * sum(one**2 for one in b) / 2
    )
    found = {b[j]: counts[j] / (total * (1 + lambda_b)) for j in range(3)}
    gradient = (sp.Matrix(b) * sp.ones(1, 3) - sp.eye(3)) * sp.diag(*map(sp.sqrt, counts))
    rest_sum = sum(one**2 for one in counts) / (2 * total**2 * (1 + lambda_b))
    return Derivation(
        "Squared loss, M = 1, any counts, regularized bias: groups, merging, complete collapse",
        (
            *one_layer_steps(),
            *split_steps(),
            Step(
                "The residuals of a column of a group of m classes within its group: 1 off for the own class, the m - 1 "
                "others. Their squares split into one in the mean and one in a.",
                eq(
                    (own - 1) ** 2 + (size - 1) * rest**2,
                    size * (mean - 1 / size) ** 2 + (1 - 1 / size) * (a - 1) ** 2,
                ),
            ),
            Step(
                "So a has an objective of its own, (m - 1) [n (a - 1)^2/(2N) + c sqrt(n) a], with the stationary point "
                "sqrt(n) a = sqrt(n) - N c, whatever means and bias are.",
                eq(sp.Derivative(cost, a), 0),
                {a: 1 - N * c / sp.sqrt(n)},
            ),
            Step(
                "Its slope at a = 0 shows that the group merges exactly where sqrt(n) <= N c.",
                eq(
                    sp.Subs(sp.Derivative(cost, a), a, 0),
                    (size - 1) * sp.sqrt(n) / N * (N * c - sp.sqrt(n)),
                ),
            ),
            Step(
                "Complete collapse: at A = 0 (three classes) the bias is n_k/(N (1 + lambda_b)),",
                eq(matrix([sp.Derivative(at_zero, one) for one in b]), matrix(sp.zeros(3, 1))),
                found,
            ),
            Step("the objective", eq(at_zero, sp.Rational(1, 2) - rest_sum), found),
            Step(
                "and N times the gradient in A is (b 1^T - I) D^(1/2), whose squared singular values are the eigenvalues "
                "of D - s n n^T/N with s = (1 + 2 lambda_b)/(1 + lambda_b)^2. All is zero exactly where the largest is at "
                "most N^2 c^2.",
                eq(
                    times(gradient, gradient.T),
                    matrix(sp.diag(*counts) - lost_share * column * column.T / total),
                ),
                found,
            ),
            Step(
                "For two classes they solve a quadratic equation:",
                eq(
                    sp.Determinant(
                        matrix(
                            sp.diag(n_1, n_2)
                            - lost_share
                            * sp.Matrix([n_1, n_2])
                            * sp.Matrix([[n_1, n_2]])
                            / (n_1 + n_2)
                            - mu * sp.eye(2)
                        )
                    ),
                    0,
                ),
                {mu: two_class_square},
            ),
            Step(
                "A heavy bias decay brings back the problem without a bias, whose largest is the larger count (s tends to "
                "zero);",
                eq(sp.Limit(lost_share, lambda_b, sp.oo, "-"), 0),
            ),
            Step(
                "a light one the centered target (s = 1).", eq(sp.Limit(lost_share, lambda_b, 0), 1)
            ),
        ),
        squared_results(),
        {
            "C_gg": "mean logit of a group at its own mean, with the bias",
            "m": "classes in the group",
            "b": "bias",
            "mu": "N^2 times a squared singular value",
        },
    )


def draw(rng: np.random.Generator) -> UFM:
    """Any counts, bias decay log-uniform in 1e-4 .. 1."""
    n = draws.counts(rng)
    mean = draws.mean_decay(rng, np.sqrt(n) / n.sum())
    bias = float(10.0 ** rng.uniform(-4.0, 0.0))
    return UFM(n, bias=bias, width=draws.width(rng, 1, n.size), **draws.decays(rng, 1, mean))


THEOREM = Theorem(
    name="imbalanced_regularized_bias",
    statement="Squared loss, any counts, M = 1, bias decay lambda_b: a convex problem on groups of equal counts, solved to a certified "
    "gap.",
    reference="the convex problem behind Zhou et al. 2022 (arXiv:2203.01238), for any counts",
    claim=Claim.CERTIFIED,
    hypotheses=(
        SQUARED,
        ONE_HOT,
        REGULARIZED_BIAS,
        ONE_LAYER,
        LINEAR,
        Hypothesis("the width is at least K", lambda ufm: ufm.rank_limit >= ufm.classes),
    ),
    solve=solution,
    losses=convex_losses,
    derive=derive,
    cases=(
        Case(
            "imbalanced, regularized bias",
            lambda: UFM([200, 100, 50, 50], weight_decay=1e-3, feature_decay=1e-3, bias=1e-2),
        ),
    ),
    iterative=True,
    draw=draw,
)
