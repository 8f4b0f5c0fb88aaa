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

import numpy as np

from ..analytic import draws
from ..analytic.hypotheses import CROSS_ENTROPY, LINEAR, ONE_LAYER
from ..analytic.theorem import Case, Claim, Hypothesis, Solution, Theorem, Watch
from ..problem.ufm import UFM
from .proofs import proof


def solve(ufm: UFM, watch: Watch | None = None) -> Solution:
    """The lowest point of the search."""
    from ..analytic.search.lowrank import solution  # only a problem that is searched loads it

    return solution(ufm, watch)


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
    solve=solve,
    derive=proof("bottleneck_cross_entropy"),
    cases=(Case("six classes in two dimensions", lambda: UFM([100] * 6, "ce", width=2)),),
    iterative=True,
    draw=draw,
)
