r"""Cross-entropy, two or more layers, any counts: the lowest point known.

Problem. M >= 2, any counts, widths, decays and bias, cross-entropy of any kind, linear features.
Statement. By R1 and R2 the objective is the minimum over A of rank <= R and b of F(A, b) + c sum sigma^q + (lambda_b/2) ||b||^2,
q = 2/(M+1) < 1: not convex. What is returned is the lowest point of a portfolio of geometries polished on the K x K problem
(lowrank.py): an upper bound, never a theorem. Beside it stand the value of the simplex (equal counts) and a valid lower bound
(numeric/certify.py, the one for M >= 2).
Edge cases. Large decays: nothing lower than zero is found, which is said; zero is always a strict local minimum. Classes of equal count may
be exchanged in the geometry found: it is unique at most up to such exchanges. The lower bound is weak (tens of percent).
Proof. None: a search. That the simplex is not the answer is proved: no simplex ETF is global for K >= 4, M >= 3 or K >= 6, M = 2
(Garrod and Keating 2024, arXiv:2410.23169).
Source. The reduction: Dang et al. (2023, arXiv:2301.00437). The search is ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..analytic import draws
from ..analytic.hypotheses import CROSS_ENTROPY, DEEP, LINEAR
from ..analytic.search.searched import solution
from ..analytic.simplex_solution import simplex
from ..analytic.theorem import Case, Claim, Theorem
from ..problem.ufm import UFM

if TYPE_CHECKING:
    from .proofs.steps import Derivation


def derive() -> Derivation:
    """From the logits of explicit geometries to their objectives, and the lower bound that holds for every geometry."""
    import sympy as sp

    from .proofs.balance import balance_steps, power_sum_step
    from .proofs.frames import pair_result, pair_steps
    from .proofs.steps import Derivation, Step
    from .proofs.symbols import K, M, a, c, eq, k, matrix, n, q, t, times

    z = sp.Matrix(3, 3, sp.symbols("z_11 z_12 z_13 z_21 z_22 z_23 z_31 z_32 z_33", real=True))
    margins = sum(z[j, j] - z[i, j] for i in range(3) for j in range(3))
    spread = 3 * sp.eye(3) - sp.ones(3)
    u = sp.symbols("m_1:3", real=True)
    share, v = sp.symbols("p_1:4", positive=True), sp.symbols("v_1:4", real=True)
    value = sp.log(1 + sum(sp.exp(-one) for one in u))
    return Derivation(
        "Cross-entropy, M >= 2: explicit geometries and a lower bound for all",
        (
            *balance_steps(),
            *pair_steps(),
            Step(
                "Lower bound (equal counts). A column's loss is log(1 + sum e^(-m_j)) in its K - 1 margins m_j; it is "
                "convex: the second derivative along v of a logarithm of a sum of exponentials with shares p is a "
                "variance (three shares).",
                eq(
                    sum(p * one**2 for p, one in zip(share, v, strict=True))
                    - sum(p * one for p, one in zip(share, v, strict=True)) ** 2,
                    sum(
                        share[i] * share[j] * (v[i] - v[j]) ** 2
                        for i, j in ((0, 1), (0, 2), (1, 2))
                    ),
                ),
                {share[2]: 1 - share[0] - share[1]},
            ),
            Step(
                "Its tangent at equal margins a has equal slopes, -e^(-a)/(1 + (K - 1) e^(-a)) each (K = 3): the loss is "
                "at least log(1 + (K - 1) e^(-a)) with a the mean of the margins of all columns.",
                eq(
                    matrix([sp.Derivative(value, one) for one in u]),
                    matrix([-sp.exp(-a) / (1 + 2 * sp.exp(-a))] * 2),
                ),
                {one: a for one in u},
            ),
            Step(
                "All K (K - 1) margins add up to the product of Z with K I - J (K = 3),",
                eq(margins, sp.Trace(times(z.T, spread))),
            ),
            Step(
                "a matrix of operator norm K, since its square is K times itself. So the mean margin is at most "
                "||Z||_*/(K - 1) = t/((K - 1) sqrt(n)), t the sum of the singular values of A = sqrt(n) Z.",
                eq(times(spread, spread), 3 * matrix(spread)),
            ),
            power_sum_step(),
            Step(
                "Hence every objective is at least the minimum over t of log(1 + (K - 1) e^(-t/((K - 1) sqrt(n)))) + c "
                "t^q. For M = 1 (q = 1) that is the simplex's own objective, a = t/((K - 1) sqrt(n)):",
                eq(
                    sp.log(1 + (K - 1) * sp.exp(-t / ((K - 1) * sp.sqrt(n)))) + c * t**q,
                    sp.log(1 + (K - 1) * sp.exp(-a)) + c * (K - 1) * sp.sqrt(n) * a,
                ),
                {t: (K - 1) * sp.sqrt(n) * a, K: 1 + k},
                ({M: sp.Integer(1)},),
            ),
            Step(
                "For M > 1 the simplex pays more: (K - 1)^(1 - q) times the bound's penalty at its own t, a factor above "
                "one. With K - 1 written as (1 + k)^(M + 1), for M = 2 .. 6:",
                sp.Gt((K - 1) ** (1 - q), 1, evaluate=False),
                {K: 1 + (1 + k) ** (M + 1)},
                tuple({M: sp.Integer(depth)} for depth in range(2, 7)),
            ),
        ),
        (pair_result(),),
        {"beta": "own logit of the pairs", "s": "classes in a block", "k": "a positive number"},
    )


def draw(rng: np.random.Generator) -> UFM:
    """Up to five classes, 2 or 3 layers, decays up to where a simplex of the mean count would die."""
    n = draws.equal_counts(rng, most=5) if rng.random() < 0.5 else draws.counts(rng, most=5)
    depth = int(rng.integers(2, 4))
    scalar = simplex(UFM(np.full(n.size, n.mean()), "ce", depth))
    mean = scalar.critical_c() * scalar.q * float(np.exp(rng.uniform(np.log(0.02), np.log(0.8))))
    return UFM(n, "ce", depth, bias=draws.bias(rng), **draws.decays(rng, depth, mean))


THEOREM = Theorem(
    name="deep_cross_entropy",
    statement="Cross-entropy, M >= 2, any counts: the lowest geometry of a polished portfolio, named, with a lower bound beside it.",
    reference="a search; that the simplex is not global: Garrod and Keating 2024 (arXiv:2410.23169)",
    claim=Claim.BEST_KNOWN,
    hypotheses=(CROSS_ENTROPY, LINEAR, DEEP),
    solve=solution,
    derive=derive,
    cases=(
        Case("four balanced classes: a square", lambda: UFM([100] * 4, "ce", depth=3)),
        Case("imbalanced, deep", lambda: UFM([100, 100, 20, 20], "ce", depth=2)),
    ),
    iterative=True,
    preferred=True,
    draw=draw,
)
