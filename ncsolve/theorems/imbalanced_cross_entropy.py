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
from typing import TYPE_CHECKING

import numpy as np

from ..analytic import draws
from ..analytic.grouped import solution
from ..analytic.hypotheses import CROSS_ENTROPY, LINEAR, ONE_LAYER
from ..analytic.merging import GroupMeans, convex_losses
from ..analytic.theorem import Case, Claim, Fates, Hypothesis, Losses, Problems, Theorem
from ..problem.losses import CrossEntropy
from ..problem.ufm import UFM

if TYPE_CHECKING:
    from .proofs.steps import Derivation


def many(problems: Problems, wanted: Set[str]) -> Fates | None:
    """Which classes merge and vanish, without solving (merging.py); nothing else is known of plain cross-entropy, nor of another one."""
    if not wanted <= {"states"} or not problems.example.loss.plain:
        return None
    kinds, kind = np.unique([problems.of, problems.bias_decay], axis=1, return_inverse=True)
    found = Fates(*np.zeros((2, kind.size)), np.zeros(kind.size, dtype=bool))
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


def derive() -> Derivation:
    """From groups to the rule by which a group merges, complete collapse, and two classes in closed form."""
    import sympy as sp

    from .proofs.balance import one_layer_steps
    from .proofs.groups import between, m_1, m_2, n_1, n_2, spectrum_steps, split_steps
    from .proofs.imbalanced_results import cross_entropy_results, two_class_logit
    from .proofs.steps import Derivation, Step
    from .proofs.symbols import N, a, c, delta, eq, matrix, n, times

    size, others, rho = sp.symbols("m m_h rho", positive=True)
    mean, far = sp.symbols("C_gg C_hg", real=True)
    own, rest = mean + a * (1 - 1 / size), mean - a / size
    column = (
        sp.log(sp.exp(rho * own) + (size - 1) * sp.exp(rho * rest) + others * sp.exp(rho * far))
        - (1 - delta) * rho * own
        - delta / (size + others) * rho * (own + (size - 1) * rest + others * far)
    )
    several = {size: 1 + sp.Symbol("l", positive=True)}
    z, counts = sp.symbols("z_1:4", real=True), sp.symbols("n_1:4", positive=True)
    zero = {one: sp.Integer(0) for one in z}
    one, two = sp.symbols("z_1 z_2", positive=True)
    scaled = sp.Matrix([[one, -two], [-one, two]]) * sp.diag(sp.sqrt(n_1), sp.sqrt(n_2))
    length = sp.sqrt(2 * (n_1 * one**2 + n_2 * two**2))
    pair = (
        n_1 * sp.log(1 + sp.exp(-2 * one)) + n_2 * sp.log(1 + sp.exp(-2 * two))
    ) / N + c * length
    both = sp.Symbol("z", positive=True)
    solved = {one: both, two: both, n_1: N - n_2, c: sp.sqrt(2 / N) / (1 + sp.exp(2 * both))}
    return Derivation(
        "Cross-entropy, M = 1, any counts: groups, merging, complete collapse",
        (
            *one_layer_steps(),
            *split_steps(),
            Step(
                "The loss of a column of a group of m classes, with label smoothing and temperatures rho = s_g r_g, where "
                "a = 0: its slope in a does not depend on any mean logit or bias.",
                eq(sp.Subs(sp.Derivative(column, a), a, 0), -(1 - delta) * rho * (1 - 1 / size)),
                several,
            ),
            Step(
                "It is convex in a.", sp.Gt(sp.Derivative(column, a, a), 0, evaluate=False), several
            ),
            Step(
                "Weighted with m n/N, and with the penalty c (m - 1) sqrt(n) a, the slope at a = 0 is a positive number "
                "times N c - sqrt(n) (1 - delta) rho: the group merges exactly where sqrt(n) (1 - delta) s r <= N c.",
                eq(
                    size * n / N * (-(1 - delta) * rho * (1 - 1 / size))
                    + c * (size - 1) * sp.sqrt(n),
                    (size - 1) * sp.sqrt(n) / N * (N * c - sp.sqrt(n) * (1 - delta) * rho),
                ),
            ),
            Step(
                "Complete collapse (plain, no bias): the gradient in A at A = 0, by differentiating the loss of each "
                "column (three classes), is -(I - J/K) D^(1/2)/N. All is zero exactly where its operator norm is at most "
                "c.",
                eq(
                    matrix(
                        sp.Matrix(
                            3,
                            3,
                            lambda j, k: (
                                sp.sqrt(counts[k])
                                / N
                                * sp.Derivative(sp.log(sum(map(sp.exp, z))) - z[k], z[j])
                            ),
                        )
                    ),
                    matrix((sp.ones(3) / 3 - sp.eye(3)) * sp.diag(*map(sp.sqrt, counts)) / N),
                ),
                zero,
            ),
            *spectrum_steps(),
            Step(
                "(m_1 n_2 + m_2 n_1)/K lies between n_1 and n_2, so the largest is that of the larger count if two "
                "classes share it, and this one if not.",
                eq(between - n_2, m_2 * (n_1 - n_2) / (m_1 + m_2)),
            ),
            Step(
                "Two classes: logits z_1 (1, -1) and z_2 (-1, 1). A has rank one and the squared norm",
                eq(sp.Trace(times(scaled.T, scaled)), length**2),
            ),
            Step(
                "(its determinant is zero), so that is its nuclear norm.",
                eq(sp.Determinant(matrix(scaled)), 0),
            ),
            Step(
                "The objective (n_1 log(1 + e^(-2 z_1)) + n_2 log(1 + e^(-2 z_2)))/N + c ||A|| is stationary in z_1 where "
                "both logits are one z with c sqrt(N/2) (1 + e^(2z)) = 1, whatever the counts are,",
                eq(sp.Derivative(pair, one), 0),
                solved,
            ),
            Step("and in z_2.", eq(sp.Derivative(pair, two), 0), solved),
            Step("Solved for z:", eq(two_class_logit, both), {c: solved[c]}),
            Step(
                "That logit is zero exactly where N c reaches the operator norm at zero, sqrt(N/2):",
                eq(two_class_logit, 0),
                {c: 1 / sp.sqrt(2 * N)},
            ),
        ),
        cross_entropy_results(),
        {
            "C_gg": "mean logit of a group at its own mean",
            "rho": "s_g r_g, the temperatures",
            "m": "classes in the group",
            "m_h": "classes outside it",
        },
    )


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
    many=many,
    losses=where_lost,
    derive=derive,
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
