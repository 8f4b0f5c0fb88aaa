r"""Cross-entropy, balanced classes, one layer: the simplex.

Problem. M = 1, n_k = n for all k, cross-entropy with label smoothing delta in [0, 1), c = sqrt(lambda_W lambda_H), width >= K - 1,
bias none, free or regularized.
Statement. The logits are a (I - J/K) with a = log(K/(K c sqrt(n) + delta) - K + 1), zero iff K c sqrt(n) + delta >= 1; A has K - 1
singular values sqrt(n) a, the class means and classifier rows form a simplex ETF, and b = 0 (a free one is determined up to a
constant).
Edge cases. At K c sqrt(n) + delta = 1 everything is zero. K = 2: an opposite pair. A free bias is determined up to a constant, which the
loss does not see; zero is returned. If everything is zero, any width is enough.
Proof. The problem is convex in (A, b) and no permutation of classes changes it, so some minimizer is invariant: A = alpha (I - J/K)
+ beta J/K, b constant. Neither beta nor b changes the loss, so both are zero; what is left is convex in a, and its slope vanishes at
the stated a.
Source. Zhu et al. (2021, arXiv:2105.02375); with smoothing Guo et al. (2024, arXiv:2402.03979).
"""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from ..analytic import draws
from ..analytic.hypotheses import BALANCED, CROSS_ENTROPY, LINEAR, ONE_LAYER, PLAIN
from ..analytic.merging import NEAR, convex_losses
from ..analytic.reduction import exceeding
from ..analytic.simplex import simplex, simplex_solution
from ..analytic.theorem import Case, Claim, Fates, Hypothesis, Problems, Solution, Theorem
from ..problem.losses import CrossEntropy
from ..problem.ufm import UFM
from .proofs import proof


def solve(ufm: UFM) -> Solution:
    """The minimizer of a problem inside the hypotheses."""
    return simplex_solution(ufm, max(simplex(ufm).scale(), 2.0**-53) if _alive(ufm) else 0.0)


def many(problems: Problems, wanted: Set[str]) -> Fates:
    """What becomes of the classes of many problems."""
    ufm, n, c = problems.example, problems.counts[problems.of, 0], problems.mean_decay
    classes, delta = ufm.classes, ufm.loss.smoothing
    ratio = np.sqrt(n) * (1.0 - delta) / (classes * n * c)
    alive, x = ratio > 1.0, classes * c * np.sqrt(n) + delta
    a = np.log1p(np.maximum(classes * (1.0 - x) / x, 0.0))
    a = np.where(alive, np.maximum(a, 2.0**-53), 0.0)
    loss = np.log1p((classes - 1) * np.exp(-a)) + delta * (1.0 - 1.0 / classes) * a
    angles = (np.where(alive, -1.0 / (classes - 1), np.nan),) * 3
    return Fates(
        np.where(alive, classes, 0),
        np.zeros(n.size),
        np.abs(ratio - 1.0) < NEAR,
        np.where(alive, classes - 1, 0),
        np.where(alive, loss + c * (classes - 1) * a * np.sqrt(n), np.log(classes)),
        angles,
        angles,
    )


def _alive(ufm: UFM) -> bool:
    """N (1 - delta)^2 > N^2 lambda_W lambda_H, exactly."""
    kept = 1.0 - ufm.loss.smoothing
    return bool(exceeding(ufm.counts[:1], kept, ufm)[0])


def _wide_enough(ufm: UFM) -> bool:
    return ufm.rank_limit >= ufm.classes - 1 or (
        ufm.depth == 1 and ufm.balanced and not _alive(ufm)
    )


def draw(rng: np.random.Generator) -> UFM:
    """Equal counts, smoothing in half of the draws, any bias."""
    n = draws.equal_counts(rng)
    loss = CrossEntropy(smoothing=float(rng.choice([0.0, rng.uniform(0.0, 0.5)])))
    mean = draws.mean_decay(rng, (1.0 - loss.smoothing) / (n.size * np.sqrt(n[0])))
    width = draws.width(rng, 1, n.size, n.size - 1)
    return UFM(n, loss, width=width, bias=draws.bias(rng), **draws.decays(rng, 1, mean))


THEOREM = Theorem(
    name="balanced_cross_entropy",
    statement="Cross-entropy, equal counts, M = 1: features and classifiers form a simplex ETF with an explicit length, with or "
    "without a bias and label smoothing.",
    reference="Zhu et al. 2021 (arXiv:2105.02375); Guo et al. 2024 (arXiv:2402.03979)",
    claim=Claim.GLOBAL,
    hypotheses=(
        CROSS_ENTROPY,
        LINEAR,
        PLAIN,
        BALANCED,
        ONE_LAYER,
        Hypothesis("the width is at least K - 1", _wide_enough, by_decay=True),
    ),
    solve=solve,
    many=many,
    losses=convex_losses,
    derive=proof("balanced_cross_entropy"),
    cases=(
        Case("Zhu et al. 2021, Theorem 3.1", lambda: UFM([100] * 4, "ce", bias=1e-3)),
        Case(
            "Guo et al. 2024 (label smoothing)", lambda: UFM([100] * 4, CrossEntropy(smoothing=0.1))
        ),
    ),
    draw=draw,
)
