r"""Deep balanced cross-entropy: the simplex is claimed to be every global minimizer.

Published. Cross-entropy, equal counts, M >= 2 linear layers, widths at least K - 1: the class means and classifier rows of every global
minimizer form a simplex ETF, and its length solves one scalar equation.
Counterexample. K = 4, M = 3, n = 100, all decays 5e-4. Split the classes into two pairs with logits beta (1, -1; -1, 1) in each pair
and zero between pairs (a square: rank 2 instead of 3). Its objective log(1 + e^(-2 beta) + 2 e^(-beta)) + 2 c (2 beta sqrt(n))^q has
the minimum .0254820, at the simplex the objective is .0276368.
Why. The penalty sum sigma^q, q = 2/(M+1) < 1, prefers few large singular values to many small ones; the simplex has K - 1 equal ones.
Instead. The simplex is a critical point (deep_simplex). For K = 3 nothing lower is known. The lowest geometries known are found by a
search (deep_cross_entropy). At M = 1 the claim holds (balanced_cross_entropy).
Source. Dang et al. (2023, arXiv:2301.00437), Theorem 4.1. That no simplex is global for K >= 4, M >= 3 or K >= 6, M = 2: Garrod and
Keating (2024, arXiv:2410.23169).
"""

from __future__ import annotations

import math

import numpy as np

from ...analytic import draws
from ...analytic.factors import balanced_factors
from ...analytic.hypotheses import BALANCED, CROSS_ENTROPY, DEEP, LINEAR, PLAIN
from ...analytic.reduction import reduce
from ...analytic.simplex import simplex, simplex_solution
from ...analytic.spectrum import DenseFrame
from ...analytic.theorem import Hypothesis
from ...problem.objective import Parameters
from ...problem.ufm import UFM
from . import Refutation


def published(ufm: UFM) -> Parameters:
    """The simplex of the best length."""
    solution = simplex_solution(ufm, simplex(ufm).scale())
    return balanced_factors(ufm, *solution.sigma_and_frame, np.zeros(ufm.classes))


def better(ufm: UFM) -> Parameters:
    """K/2 opposite pairs in orthogonal directions, at the best length on a grid (no equation is solved)."""
    pairs, reduction, n = ufm.classes // 2, reduce(ufm), float(ufm.counts[0])

    def value(beta: float) -> float:
        rest = math.exp(-2.0 * beta) + (ufm.classes - 2) * math.exp(-beta)
        return math.log1p(rest) + reduction.c * pairs * math.pow(
            2.0 * beta * math.sqrt(n), reduction.q
        )

    grid: list[float] = np.geomspace(0.05, 60.0, 4000).tolist()
    beta = min(grid, key=value)
    frame = np.zeros((ufm.classes, pairs))
    frame[2 * np.arange(pairs), np.arange(pairs)] = math.sqrt(0.5)
    frame[2 * np.arange(pairs) + 1, np.arange(pairs)] = -math.sqrt(0.5)
    sigma = np.full(pairs, 2.0 * beta * math.sqrt(n))
    return balanced_factors(ufm, sigma, DenseFrame(lambda: (frame, frame)), np.zeros(ufm.classes))


def draw(rng: np.random.Generator) -> UFM:
    """An even number of classes from four, three or more layers, decays well below where the simplex dies."""
    n, depth = (
        np.full(2 * int(rng.integers(2, 6)), float(rng.integers(5, 200))),
        int(rng.integers(3, 7)),
    )
    scalar = simplex(UFM(n, "ce", depth))
    mean = scalar.critical_c() * scalar.q * float(np.exp(rng.uniform(np.log(0.01), np.log(0.7))))
    return UFM(n, "ce", depth, **draws.decays(rng, depth, mean))


REFUTATION = Refutation(
    name="deep_simplex_is_global",
    statement="Cross-entropy, equal counts, M >= 2 layers: every global minimizer is a simplex ETF.",
    reference="Dang et al. 2023 (arXiv:2301.00437), Theorem 4.1, for M >= 2",
    hypotheses=(
        CROSS_ENTROPY,
        LINEAR,
        PLAIN,
        BALANCED,
        DEEP,
        Hypothesis("every width is at least K - 1", lambda ufm: ufm.rank_limit >= ufm.classes - 1),
    ),
    fails="Four classes, M = 3: two orthogonal pairs of opposite vectors (a square) lie lower; the deep penalty prefers low rank.",
    instead="The simplex is a critical point for M >= 2, global for M = 1; the lowest geometries known for M >= 2 come from a search.",
    holds="deep_simplex",
    counterexample=lambda: UFM([100] * 4, "ce", depth=3),
    published=published,
    better=better,
    draw=draw,
)
