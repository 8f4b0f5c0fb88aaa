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

import numpy as np

from ..analytic import draws
from ..analytic.groups import solution, states
from ..analytic.hypotheses import LINEAR, ONE_HOT, ONE_LAYER, REGULARIZED_BIAS, SQUARED
from ..analytic.merging import convex_losses
from ..analytic.theorem import Case, Claim, Hypothesis, Theorem
from ..problem.ufm import UFM
from .proofs import proof


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
    states=states,
    losses=convex_losses,
    derive=proof("imbalanced_regularized_bias"),
    cases=(
        Case(
            "imbalanced, regularized bias",
            lambda: UFM([200, 100, 50, 50], weight_decay=1e-3, feature_decay=1e-3, bias=1e-2),
        ),
    ),
    iterative=True,
    draw=draw,
)
