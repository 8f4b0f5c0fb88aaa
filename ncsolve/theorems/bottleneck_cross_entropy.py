r"""Cross-entropy, one layer, fewer dimensions than the geometry wants: the lowest point known.

Problem. M = 1, any counts and bias, d_1 < K - 1.
Statement. The rank constraint makes the problem non-convex. What is returned is the lowest point of a multi-start search over
matrices of rank d_1 (lowrank.py), an upper bound. The problem without the bottleneck is convex, and its minimum, solved through
groups and certified by duality, is a true lower bound.
Edge cases. Where the convex problem's solution has rank at most d_1 it is the minimizer, and the gap closes. Classes in a space of few
dimensions may share directions.
Proof. None for the point: a search. The bound: removing the rank constraint can only lower the minimum, and weak duality (R4).
Source. The convex problem: Hong and Ling (2023, arXiv:2309.09725). The search is ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..analytic import draws
from ..analytic.hypotheses import CROSS_ENTROPY, LINEAR, ONE_LAYER
from ..analytic.search.searched import solution
from ..analytic.theorem import Case, Claim, Hypothesis, Theorem
from ..problem.ufm import UFM

if TYPE_CHECKING:
    from .proofs.steps import Derivation


def derive() -> Derivation:
    """An explicit point, the regular polygon, and the bound that holds without the bottleneck and therefore with it."""
    import sympy as sp

    from .proofs.balance import one_layer_steps
    from .proofs.bottleneck_results import bound_result
    from .proofs.frames import polygon_results, polygon_steps
    from .proofs.softmax import LARGER, one_layer_margin
    from .proofs.steps import Derivation, Step
    from .proofs.symbols import K, a, c, delta, eq, n, y
    from .proofs.trace import duality_step

    z, w = sp.symbols("z_1:4", real=True), sp.symbols("w_1:4", positive=True)
    p = [one / sum(w) for one in w]
    share = [sp.exp(one) / sum(map(sp.exp, z)) for one in z]
    gibbs = y * sp.log(y) - y + 1
    own, other = 1 / (1 + (K - 1) * sp.exp(-a)), sp.exp(-a) / (1 + (K - 1) * sp.exp(-a))
    return Derivation(
        "Cross-entropy, M = 1, a bottleneck: an explicit point and a lower bound",
        (
            *one_layer_steps(),
            *polygon_steps(),
            Step(
                "Lower bound: for probabilities p the loss of class 1 (three classes) plus sum p log p minus <p - e_1, z> "
                "is the divergence of p from the softmax (Fenchel and Young),",
                eq(
                    sp.log(sum(map(sp.exp, z)))
                    - z[0]
                    + sum(one * sp.log(one) for one in p)
                    - (sum(one * logit for one, logit in zip(p, z, strict=True)) - z[0]),
                    sum(one * sp.log(one / s) for one, s in zip(p, share, strict=True)),
                ),
            ),
            Step(
                "which is nonnegative: summed with the softmax as weights it is y log y - y + 1 at y = p/softmax. That "
                "function has the slope log y,",
                eq(sp.Derivative(gibbs, y), sp.log(y)),
            ),
            Step("is convex", sp.Gt(sp.Derivative(gibbs, y, y), 0, evaluate=False)),
            Step("and zero at its minimum, y = 1.", eq(gibbs, 0), {y: sp.Integer(1)}),
            duality_step(),
            Step(
                "So with Gamma = dF/dA in place of p - e_k (column by column) and ||Gamma||_op <= c, every A of any rank "
                "has F(A) + c ||A||_* >= -F*(Gamma), the mean entropy of the columns' probabilities: dropping the rank "
                "constraint can only lower the minimum. For equal counts and the simplex of length a = log(1/(c sqrt(n)) "
                "- K + 1) as the point, ||Gamma||_op = c:",
                eq(other / sp.sqrt(n), c),
                {a: one_layer_margin.subs(delta, 0)},
            ),
            Step(
                "and the bound is the simplex's objective.",
                eq(
                    -own * sp.log(own) - (K - 1) * other * sp.log(other),
                    sp.log(1 + (K - 1) * sp.exp(-a)) + c * (K - 1) * sp.sqrt(n) * a,
                ),
                {c: other / sp.sqrt(n)} | LARGER,
            ),
        ),
        (*polygon_results(), bound_result()),
        {
            "rho": "length of the polygon's logits",
            "p": "probabilities",
            "w": "positive weights, p = w/sum w",
        },
    )


def draw(rng: np.random.Generator) -> UFM:
    """Three to five classes in 1 .. K - 2 dimensions."""
    n = draws.counts(rng, most=5) if rng.random() < 0.5 else draws.equal_counts(rng, most=5)
    n = np.resize(n, max(3, n.size))
    mean = float(np.sqrt(n.mean()) / n.sum() * np.exp(rng.uniform(np.log(0.02), np.log(0.5))))
    width = int(rng.integers(1, n.size - 1))
    return UFM(n, "ce", 1, width, bias=draws.bias(rng), **draws.decays(rng, 1, mean))


THEOREM = Theorem(
    name="bottleneck_cross_entropy",
    statement="Cross-entropy, M = 1, width below K - 1: the lowest point of a low-rank search, with the convex problem's minimum as a "
    "lower bound.",
    reference="a search; the convex problem that bounds it: Hong and Ling 2023 (arXiv:2309.09725)",
    claim=Claim.BEST_KNOWN,
    hypotheses=(
        CROSS_ENTROPY,
        LINEAR,
        ONE_LAYER,
        Hypothesis("the width is below K - 1", lambda ufm: ufm.rank_limit < ufm.classes - 1),
    ),
    solve=solution,
    derive=derive,
    cases=(Case("six classes in two dimensions", lambda: UFM([100] * 6, "ce", width=2)),),
    iterative=True,
    draw=draw,
)
