r"""Cross-entropy, any counts, one layer: the convex problem, solved through groups of equal counts.

Problem. M = 1, any counts, cross-entropy with smoothing, logit adjustment and temperatures, bias none, free or regularized, width
at least the rank of the solution.
Statement. The minimizer over A = (Zbar - b 1^T) D^(1/2) and b of F(A, b) + c ||A||_* + (lambda_b/2) ||b||^2 gives the global minimizer
through balanced factors. Classes with equal counts n (and equal parameters of the loss) are exchangeable; a group of two or more
merges into one mean and one classifier iff sqrt(n) (1 - delta) s r <= N c. All is zero iff the gradient at A = 0 has dual norm at
most c. The answer is numerical: its strength is the duality gap (R4), which `certify` evaluates afresh.
Edge cases. At sqrt(n) rho = N c a group merges (its contrast is exactly zero). A class whose count no other has
never merges. A free bias is determined up to multiples of (1/r_1, ..., 1/r_K); the least norm is returned. A gap that cannot be closed
below 1e-8 turns the claim into BEST_KNOWN, which is said.
Proof. Jensen (R1) and the variational form of the nuclear norm (R2) reduce to a convex problem; invariance (R5) to groups
(groups.py, convex.py).
Source. Hong and Ling (2023, arXiv:2309.09725) for the structure at plain cross-entropy without a bias.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

import numpy as np

from ..analytic import draws
from ..analytic.groups import solution, states
from ..analytic.hypotheses import CROSS_ENTROPY, LINEAR, ONE_LAYER
from ..analytic.merging import GroupMeans, convex_losses
from ..analytic.theorem import Case, Claim, Fates, Hypothesis, Losses, Problems, Theorem
from ..problem.losses import CrossEntropy
from ..problem.ufm import UFM
from .proofs import proof


def many(problems: Problems, wanted: Set[str]) -> Fates | None:
    """Which classes merge and vanish, without solving (merging.py); nothing else is known of plain cross-entropy, nor of another one."""
    if not wanted <= {"states"} or not problems.example.loss.plain:
        return None
    kinds, kind = np.unique([problems.of, problems.bias_decay], axis=1, return_inverse=True)
    found = Fates(np.zeros(kind.size), np.zeros(kind.size), np.zeros(kind.size, dtype=np.bool_))
    for i, (v, decay) in enumerate(kinds.T):
        same = kind.reshape(-1) == i
        counts = problems.counts[int(v)]
        bias = problems.example.bias
        ufm = problems.example.replace(counts=counts, bias=bias if isinstance(bias, str) else decay)
        some = GroupMeans(ufm).fates(problems.mean_decay[same])
        for whole, part in zip(
            (found.active, found.merged, found.doubtful),
            (some.active, some.merged, some.doubtful),
            strict=True,
        ):
            whole[same] = part
    return found


def where_lost(ufm: UFM) -> Losses:
    """Groups at sqrt(n) rho / N; without a bias also the means of those that are merged."""
    found = convex_losses(ufm)
    if ufm.bias == "none" and ufm.loss.plain and found.contrasts[0].size:
        found = replace(found, means=GroupMeans(ufm).vanishing())
    return found


def draw(rng: np.random.Generator) -> UFM:
    """Any counts and bias; plain, smoothed, logit-adjusted, LDT or CDT losses in turn."""
    n = draws.counts(rng)
    fields = [
        {},
        {"smoothing": float(rng.uniform(0.0, 0.4))},
        {"offsets": np.log(n / n.sum())},
        {"label_scale": (n / n.max()) ** 0.25},
        {"class_scale": (n / n.max()) ** 0.25},
    ][int(rng.integers(5))]
    loss = CrossEntropy(**fields)
    mean = draws.mean_decay(rng, np.sqrt(n) * loss.own_slope(n.size) / n.sum())
    return UFM(
        n,
        loss,
        width=draws.width(rng, 1, n.size),
        bias=draws.bias(rng),
        **draws.decays(rng, 1, mean),
    )


THEOREM = Theorem(
    name="imbalanced_cross_entropy",
    statement="Cross-entropy with any counts, M = 1: a convex problem on groups of equal counts, solved to a certified gap; small "
    "groups merge below an explicit count.",
    reference="Hong and Ling 2023 (arXiv:2309.09725), extended to biases, smoothing and label-dependent losses",
    claim=Claim.CERTIFIED,
    hypotheses=(
        CROSS_ENTROPY,
        LINEAR,
        ONE_LAYER,
        Hypothesis("the width is at least K - 1", lambda ufm: ufm.rank_limit >= ufm.classes - 1),
    ),
    solve=solution,
    states=states,
    many=many,
    losses=where_lost,
    derive=proof("imbalanced_cross_entropy"),
    cases=(
        Case(
            "Hong and Ling 2023 (groups of equal counts)",
            lambda: UFM([200] * 2 + [50] * 3, "ce", 1, None, 1e-3, 1e-3),
        ),
        Case("free bias", lambda: UFM([200, 100, 50], "ce", 1, None, 1e-3, 1e-3, "free")),
        Case(
            "logit adjustment",
            lambda: UFM(
                [200, 100, 50], CrossEntropy(offsets=[0.7, 0.0, -0.7]), 1, None, 1e-3, 1e-3
            ),
        ),
        Case(
            "LDT (Behnia et al. 2023, arXiv:2303.07608)",
            lambda: UFM(
                [200, 100, 50], CrossEntropy(label_scale=[1.0, 0.7, 0.5]), 1, None, 1e-3, 1e-3
            ),
        ),
    ),
    iterative=True,
    draw=draw,
)
