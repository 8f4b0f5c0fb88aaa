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

import numpy as np

from ..analytic import draws
from ..analytic.hypotheses import BALANCED, CROSS_ENTROPY, DEEP, LINEAR, PLAIN
from ..analytic.simplex import simplex, simplex_solution
from ..analytic.theorem import Case, Claim, Hypothesis, Losses, Solution, Theorem
from ..problem.losses import CrossEntropy
from ..problem.ufm import UFM
from .proofs import proof


def solve(ufm: UFM) -> Solution:
    """The critical point of a problem inside the hypotheses."""
    return simplex_solution(ufm, simplex(ufm).best())


def where_lost(ufm: UFM) -> Losses:
    """The largest g = c q at which the simplex lies below zero."""
    scalar = simplex(ufm)
    name = "complete collapse", "the simplex is no longer below zero"
    return Losses(named={name: scalar.critical_c() * scalar.q})


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
    derive=proof("deep_simplex"),
    cases=(
        Case(
            "Dang et al. 2023, Theorem 4.1 (what holds of it)",
            lambda: UFM([100] * 4, "ce", depth=3),
        ),
    ),
    draw=draw,
)
