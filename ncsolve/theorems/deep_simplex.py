r"""Cross-entropy, balanced classes, two or more layers: the simplex, a critical point.

Problem. M >= 2, n_k = n for all k, cross-entropy with smoothing delta, every width >= K - 1, any bias.
Statement. The simplex a (I - J/K), with a the outer critical point of the scalar problem in simplex.py, is a critical point of the
objective; where its value is not below log K, zero is the lower one of the two and is returned.
Not a minimizer in general: Dang et al. (2023, arXiv:2301.00437), Theorem 4.1, claims that it is global; Garrod and Keating
(2024, arXiv:2410.23169) prove that no simplex ETF is global for K >= 4, M >= 3 or K >= 6, M = 2. See deep_cross_entropy for the
lowest point known.
Edge cases. No critical simplex exists beyond a decay (the scalar equation has no root): zero is returned. Where one exists but its value is
log K or more, zero is returned as well. K = 2 and 3: nothing lower than the simplex is known.
Proof. The objective restricted to simplices has slope zero there, and its gradient in A at a permutation-invariant A is
permutation-invariant, hence a combination of I - J/K and J/K; on J/K the loss has slope zero.
Source. Dang et al. (2023, arXiv:2301.00437), Theorem 4.1, as far as it holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..analytic import draws
from ..analytic.hypotheses import BALANCED, CROSS_ENTROPY, DEEP, LINEAR, PLAIN
from ..analytic.simplex_solution import simplex, simplex_solution
from ..analytic.theorem import Case, Claim, Hypothesis, Losses, Solution, Theorem
from ..problem.losses import CrossEntropy
from ..problem.ufm import UFM

if TYPE_CHECKING:
    from .proofs.steps import Derivation


def solve(ufm: UFM) -> Solution:
    """The critical point of a problem inside the hypotheses."""
    return simplex_solution(ufm, simplex(ufm).best())


def where_lost(ufm: UFM) -> Losses:
    """The largest g = c q at which the simplex lies below zero."""
    scalar = simplex(ufm)
    name = "complete collapse", "the simplex is no longer below zero"
    return Losses(named={name: scalar.critical_c() * scalar.q})


def derive() -> Derivation:
    """From the objective on simplices to the critical length, its criticality among all matrices, and the comparison with zero."""
    import sympy as sp

    from .proofs.balance import balance_steps
    from .proofs.simplex_results import deep_results
    from .proofs.softmax import (
        LARGER,
        loss,
        pull,
        simplex_gradient_step,
        simplex_loss_steps,
        simplex_norm_steps,
        softmax_gradient_steps,
    )
    from .proofs.steps import Derivation, Step
    from .proofs.symbols import K, M, a, c, eq, g, lambda_H, m, n, q, sigma

    objective = loss + c * (K - 1) * (a * sp.sqrt(n)) ** q
    u = (K - 1) / (sp.exp(a) + K - 1)
    stationary = {c: pull / (q * (K - 1) * n ** (q / 2) * a ** (q - 1))}
    return Derivation(
        "Cross-entropy, equal counts, M >= 2: the simplex as a critical point",
        (
            *balance_steps(),
            *simplex_loss_steps(),
            Step(
                "Objective on simplices: the loss plus c (K - 1) sigma^q, sigma = a sqrt(n). Its slope:",
                eq(
                    sp.Derivative(objective, a),
                    -pull + c * q * (K - 1) * n ** (q / 2) * a ** (q - 1),
                ),
            ),
            *softmax_gradient_steps(),
            simplex_gradient_step(pull / (sp.sqrt(n) * (K - 1)), {}),
            Step(
                "The penalty's gradient at A = sigma (I - J/K) is c q sigma^(q - 1) (I - J/K) on the K - 1 directions "
                "that A has. The two cancel exactly where the slope in a vanishes: the simplex is then a critical point "
                "among all A of its rank (in the remaining direction the penalty rises infinitely fast and the loss has "
                "slope zero).",
                eq(
                    -pull / (sp.sqrt(n) * (K - 1)) + c * q * sigma ** (q - 1),
                    (-pull + c * q * (K - 1) * n ** (q / 2) * a ** (q - 1))
                    / (sp.sqrt(n) * (K - 1)),
                ),
                {sigma: a * sp.sqrt(n)},
            ),
            Step(
                "At most two lengths are critical: the logarithm of a^(1 - q) (u - d), d = delta (1 - 1/K), is concave "
                "where u > d. Its last part without smoothing:",
                sp.Lt(sp.Derivative(sp.log(u), a, a), 0, evaluate=False),
                LARGER,
            ),
            Step(
                "with it, (u - d) u'' - u'^2 is u u'' - u'^2 < 0 minus d u'' where u'' > 0, and both its terms are "
                "negative elsewhere:",
                sp.Lt(u * sp.Derivative(u, a, a) - sp.Derivative(u, a) ** 2, 0, evaluate=False),
                LARGER,
            ),
            Step(
                "and the other part is concave for M > 1.",
                sp.Lt(sp.Derivative((1 - q) * sp.log(a), a, a), 0, evaluate=False),
                {M: 1 + m},
            ),
            Step(
                "Second derivative at a critical length: its sign is that of minus the slope of log(a^(1 - q) (u - d)), "
                "so the outer one is a minimum along simplices and the inner one a maximum.",
                eq(
                    sp.Derivative(objective, a, a),
                    -pull * (sp.Derivative(pull, a) / pull + (1 - q) / a),
                ),
                stationary,
            ),
            Step(
                "At a critical length the penalty is a (u - d)/q = a (u - d)(M + 1)/2, so the objective is below log K, "
                "its value at zero, exactly where log K - loss exceeds that.",
                eq(sp.log(K) - objective, sp.log(K) - loss - a * pull * (M + 1) / 2),
                stationary,
            ),
            Step(
                "The least decay at which zero wins comes with a tie, log K - loss = c (K - 1) (a sqrt(n))^q at a "
                "critical length; there the slope of (log K - loss)/(a sqrt(n))^q in a vanishes too:",
                eq(
                    sp.Derivative((sp.log(K) - loss) / (a * sp.sqrt(n)) ** q, a)
                    * (a * sp.sqrt(n)) ** q,
                    pull - q / a * (sp.log(K) - loss),
                ),
            ),
            Step(
                "Balanced factors: the squared norm of a class mean is s_H^2 (1 - 1/K)/n with lambda_H s_H^2 = g sigma^q. "
                "The class means' own share of the decay terms is c (K - 1) sigma^q/(M + 1).",
                eq(
                    n * K / 2 * lambda_H * (g * sigma**q / lambda_H) * (1 - 1 / K) / n,
                    c * (K - 1) * sigma**q / (M + 1),
                ),
                {c: g * (M + 1) / 2},
            ),
            *simplex_norm_steps(),
        ),
        deep_results(),
    )


def draw(rng: np.random.Generator) -> UFM:
    """Equal counts, 2 to 4 layers, smoothing in half of the draws, any bias."""
    n, depth = draws.equal_counts(rng), int(rng.integers(2, 5))
    loss = CrossEntropy(smoothing=float(rng.choice([0.0, rng.uniform(0.0, 0.3)])))
    scalar = simplex(UFM(n, loss, depth))
    mean = draws.mean_decay(rng, scalar.critical_c() * scalar.q)
    width = draws.width(rng, depth, n.size, n.size - 1)
    return UFM(n, loss, depth, width, bias=draws.bias(rng), **draws.decays(rng, depth, mean))


THEOREM = Theorem(
    name="deep_simplex",
    statement="Cross-entropy, equal counts, M >= 2: the simplex ETF with its length from one scalar equation is a critical point.",
    reference="critical: Dang et al. 2023 (arXiv:2301.00437), Theorem 4.1; not global: Garrod and Keating 2024 (arXiv:2410.23169)",
    claim=Claim.CRITICAL,
    hypotheses=(
        CROSS_ENTROPY,
        LINEAR,
        PLAIN,
        BALANCED,
        DEEP,
        Hypothesis("every width is at least K - 1", lambda ufm: ufm.rank_limit >= ufm.classes - 1),
    ),
    solve=solve,
    losses=where_lost,
    derive=derive,
    cases=(
        Case(
            "Dang et al. 2023, Theorem 4.1 (what holds of it)",
            lambda: UFM([100] * 4, "ce", depth=3),
        ),
    ),
    draw=draw,
)
