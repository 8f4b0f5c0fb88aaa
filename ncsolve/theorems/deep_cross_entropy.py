r"""Cross-entropy, two or more layers, any counts: the lowest point known.

Problem. M >= 2, any counts, widths, decays and bias, cross-entropy of any kind, linear features.
Statement. By R1 and R2 the objective is the minimum over A of rank <= R and b of F(A, b) + c sum sigma^q + (lambda_b/2) ||b||^2,
q = 2/(M+1) < 1: not convex. What is returned is the lowest point of a portfolio of geometries polished on the K x K problem
(lowrank.py): an upper bound, never a theorem. Beside it stand the value of the simplex (equal counts) and a valid lower bound
(numeric/bounds.py, the one for M >= 2).
Edge cases. Large decays: nothing lower than zero is found, which is said; zero is always a strict local minimum. Classes of equal count may
be exchanged in the geometry found: it is unique at most up to such exchanges. The lower bound is weak (tens of percent).
Proof. None: a search. That the simplex is not the answer is proved: no simplex ETF is global for K >= 4, M >= 3 or K >= 6, M = 2
(Garrod and Keating 2024, arXiv:2410.23169).
Source. The reduction: Dang et al. (2023, arXiv:2301.00437). The search is ours.
"""

from __future__ import annotations

import numpy as np

from ..analytic import draws
from ..analytic.hypotheses import CROSS_ENTROPY, DEEP, LINEAR
from ..analytic.simplex import simplex
from ..analytic.theorem import Case, Claim, Solution, Theorem, Watch
from ..problem.ufm import UFM
from .proofs import proof


def solve(ufm: UFM, watch: Watch | None = None) -> Solution:
    """The lowest point of the search."""
    from ..analytic.search.lowrank import solution  # only a problem that is searched loads it

    return solution(ufm, watch)


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
    solve=solve,
    derive=proof("deep_cross_entropy"),
    cases=(
        Case("four balanced classes: a square", lambda: UFM([100] * 4, "ce", depth=3)),
        Case("imbalanced, deep", lambda: UFM([100, 100, 20, 20], "ce", depth=2)),
    ),
    iterative=True,
    preferred=True,
    draw=draw,
)
