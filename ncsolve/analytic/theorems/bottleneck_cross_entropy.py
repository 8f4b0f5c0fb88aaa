r"""Cross-entropy, one layer, fewer dimensions than the geometry wants: the lowest point known.

Problem. M = 1, any counts and bias, d_1 < K - 1.
Statement. The rank constraint makes the problem non-convex. What is returned is the lowest point of a multi-start search over
matrices of rank d_1 (lowrank.py), an upper bound. The problem without the bottleneck is convex, and its minimum, solved through
groups and certified by duality, is a true lower bound.
Proof. None for the point: a search. The bound: removing the rank constraint can only lower the minimum, and weak duality (R4).
Source. The convex problem: Hong and Ling (2023, arXiv:2309.09725). The search is ours.
"""

from __future__ import annotations

from ...problem import UFM
from ..hypotheses import CROSS_ENTROPY, LINEAR, ONE_LAYER
from ..searched import solution
from ..theorem import Case, Claim, Hypothesis, Theorem

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
    cases=(Case("six classes in two dimensions", lambda: UFM([100] * 6, "ce", width=2)),),
    iterative=True,
)
