r"""Cross-entropy, one layer, all decays going to zero: the max-margin geometry.

Problem. M = 1, no bias, no smoothing, width >= K - 1 (K for CDT), logits of class k scaled to s_k r_j z_j; lambda -> 0.
Statement. A/||A|| tends to that of the least nuclear norm with margins one, s_k (r_k z_k - r_j z_j) >= 1 for all j != k:

    Zbar = (I - u u^T) diag(1/(r_k s_k)),    u proportional to (1/r_1, ..., 1/r_K),     A = Zbar D^(1/2).

Plain: Zbar = I - J/K, the SELI geometry. Logit adjustment has no influence. LDT with s_k proportional to sqrt(n_k) makes A a
multiple of I - J/K: the classifiers are an exact simplex ETF.
What is returned. The unit-margin A through balanced factors, `.value` = its nuclear norm ||A||_*. The geometry is a limit: it is
approached like 1/log(1/lambda), and no minimizer at positive decay has it exactly.
Edge cases. The direction alone is a limit: norms grow without bound as decays vanish. Equal counts and plain loss: the simplex.
Label smoothing has no such limit, since its minimizers stay bounded.
Proof. At small decays the minimizer has large margins and its direction tends to the solution of the max-margin problem (Source).
That problem is convex, and Zbar has equal margins and a dual certificate in the span of its singular vectors.
Source. Thrampoulidis et al. (2022, arXiv:2208.05512); label-dependent losses Behnia et al. (2023, arXiv:2303.07608).
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..analytic import draws
from ..analytic.hypotheses import CROSS_ENTROPY, LINEAR, NO_BIAS, ONE_LAYER
from ..analytic.spectrum import DenseFrame, given
from ..analytic.theorem import ACTIVE, Case, Claim, ClassStates, Hypothesis, Solution, Theorem
from ..problem.losses import CrossEntropy
from ..problem.ufm import UFM

if TYPE_CHECKING:
    from .proofs.steps import Derivation


def solve(ufm: UFM) -> Solution:
    """The limit geometry of a problem inside the hypotheses."""
    _, label, rows = ufm.loss.per_class(ufm.classes)
    u = (1.0 / rows) / np.linalg.norm(1.0 / rows)
    left, sigma, right = np.linalg.svd(
        (np.eye(ufm.classes) - np.outer(u, u)) * (np.sqrt(ufm.counts) / (label * rows))
    )
    rank = ufm.classes - 1  # u is in the null space
    return Solution(
        value=math.fsum(sigma[:rank]),
        modes=(sigma[:rank], DenseFrame(given, (left[:, :rank], right[:rank].T))),
        bias=np.zeros(ufm.classes),
        states=partial(
            ClassStates,
            np.full(ufm.classes, ACTIVE),
            np.full(ufm.classes, True),
            np.full(ufm.classes, math.nan),
            np.full(ufm.classes, math.nan),
            math.nan,
        ),
        warnings=(
            "a limit: scaled to margin one; at positive decays the geometry differs by a share of order 1/log(1/decay)",
        ),
        geometry="SELI" if getattr(ufm.loss, "plain", False) else "label-dependent SELI",
    )


def derive() -> Derivation:
    """From margins to the geometry, its Grams for two groups of counts, and the dual certificate."""
    import sympy as sp

    from .proofs.centered import centering
    from .proofs.groups import (
        SIZES,
        between,
        contrast,
        m_1,
        m_2,
        masses,
        mu,
        n_1,
        n_2,
        of,
        spectrum_steps,
        within,
    )
    from .proofs.imbalanced_results import two_class_logit
    from .proofs.seli_results import seli_results
    from .proofs.steps import Derivation, Step
    from .proofs.symbols import K, c, eq, matrix, n, times

    r, s, u, counts = (sp.symbols(f"{letter}_1:4", positive=True) for letter in "rsun")
    nu, t = sp.symbols("nu t", positive=True)
    logits = (sp.eye(3) - sp.Matrix(u) * sp.Matrix(u).T) * sp.diag(
        *(1 / (r[k] * s[k]) for k in range(3))
    )
    margins = sp.Matrix(3, 3, lambda j, k: s[k] * (r[k] * logits[k, k] - r[j] * logits[j, k]))
    direction = {u[k]: 1 / (nu * r[k]) for k in range(3)}
    one, two = sp.symbols("w_1 w_2", real=True)
    margin = sp.log(1 / (c * sp.sqrt(n)) - K + 1)

    def gram_steps(first: int, second: int) -> tuple[Step, ...]:
        sizes, total = of((first, second)), first + second
        one = sp.sqrt(mu)
        left = contrast(first, second)
        right = masses(first, second).applyfunc(sp.sqrt) * left / one
        blocks = within(first, second, sp.sqrt(n_1), sp.sqrt(n_2))
        a = centering(total) * masses(first, second).applyfunc(sp.sqrt)
        where = {mu: between.subs(sizes)}
        return (
            Step(
                f"SELI with {first} and {second} classes: A = (I - J/K) D^(1/2) is the centered blocks times sqrt(n_g) plus "
                "sqrt(mu) w v^T with w the unit contrast between the groups, v = D^(1/2) w/sqrt(mu), mu = (m_1 n_2 + m_2 "
                "n_1)/K.",
                eq(
                    times(centering(total), masses(first, second).applyfunc(sp.sqrt)),
                    blocks + one * left * right.T,
                ),
                where,
            ),
            Step(
                "The classifier's Gram is the root of A A^T: blocks times sqrt(n_g) plus sqrt(mu) w w^T; its square",
                eq(times(*[blocks + one * left * left.T] * 2), a * a.T),
                where,
            ),
            Step(
                "the features' Gram is the root of A^T A between two D^(-1/2), and that root is the blocks plus sqrt(mu) "
                "v v^T; its square",
                eq(times(*[blocks + one * right * right.T] * 2), a.T * a),
                where,
            ),
            Step(
                "The polar factor of A, blocks plus w v^T, is orthogonal on the range of A: A is its product with the "
                "features' root.",
                eq(
                    times(
                        within(first, second, 1, 1) + left * right.T, blocks + one * right * right.T
                    ),
                    a,
                ),
                where,
            ),
        )

    return Derivation(
        "Cross-entropy, M = 1, decays to zero: the least nuclear norm at margin one",
        (
            Step(
                "As the decays vanish margins grow without bound, like log(1/c): for equal counts (balanced_cross_entropy)",
                eq(sp.Limit(margin / sp.log(1 / c), c, 0), 1),
            ),
            Step(
                "and for two classes of any counts (imbalanced_cross_entropy), where the margin 2z is the same for both "
                "at every decay.",
                eq(sp.Limit(2 * two_class_logit / sp.log(1 / c), c, 0), 1),
            ),
            Step(
                "What is left is the least nuclear norm at margin one. Margins (three classes, any temperatures): Zbar = "
                "(I - u u^T) diag(1/(r_k s_k)), u = 1/(nu r), has s_k (r_k z_kk - r_j z_jk) = 1 for every j other than k.",
                eq(matrix(margins), matrix(sp.ones(3) - sp.eye(3))),
                direction,
            ),
            Step(
                "and (I - u u^T) has u in its null space, so that A has rank K - 1, when nu makes u a unit vector.",
                eq(times(sp.eye(3) - sp.Matrix(u) * sp.Matrix(u).T, u), matrix(sp.zeros(3, 1))),
                direction | {nu: sp.sqrt(sum(1 / one**2 for one in r))},
            ),
            Step(
                "LDT with s_k proportional to sqrt(n_k), no CDT: A = Zbar D^(1/2) is a multiple of I - J/K, the "
                "classifiers are a simplex.",
                eq(times(logits, sp.diag(*map(sp.sqrt, counts))), t * centering(3)),
                direction
                | {one: sp.Integer(1) for one in r}
                | {nu: sp.sqrt(3)}
                | {s[k]: sp.sqrt(counts[k]) / t for k in range(3)},
            ),
            *spectrum_steps(),
            *(step for sizes in SIZES[:2] for step in gram_steps(*sizes)),
            Step(
                "Optimality: the polar factor Q is a subgradient of the nuclear norm, and Q D^(1/2) must be a combination "
                "of e_k - e_j with weights -Q_jk sqrt(n_k) >= 0. Its columns add up to zero since w does (here m_1 and "
                "m_2 times its entries);",
                eq(m_1 * one + m_2 * two, 0),
                {one: sp.sqrt(m_2 / (m_1 * (m_1 + m_2))), two: -sp.sqrt(m_1 / (m_2 * (m_1 + m_2)))},
            ),
            Step(
                "between the groups Q_jk = w_j v_k < 0;",
                sp.Lt(
                    -sp.sqrt(m_2 / (m_1 * (m_1 + m_2)))
                    * sp.sqrt(m_1 / (m_2 * (m_1 + m_2)))
                    * sp.sqrt(n_2 / mu),
                    0,
                    evaluate=False,
                ),
            ),
            Step(
                "and within group 1 Q_jk = -1/m_1 + w_1 v_1, negative because the square of 1/m_1 is larger than that of "
                "w_1 v_1.",
                sp.Gt(1 / m_1**2, (m_2 / (m_1 * (m_1 + m_2))) ** 2 * n_1 / mu, evaluate=False),
                {mu: between},
            ),
            Step(
                "The value, the nuclear norm, is sum (m_g - 1) sqrt(n_g) + sqrt(mu); for equal counts it is (K - 1) sqrt(n).",
                eq(
                    (m_1 - 1) * sp.sqrt(n_1) + (m_2 - 1) * sp.sqrt(n_2) + sp.sqrt(mu),
                    (m_1 + m_2 - 1) * sp.sqrt(n_1),
                ),
                {mu: between, n_2: n_1},
            ),
        ),
        seli_results(),
        {
            "nu": "the length of 1/r",
            "u": "1/(nu r)",
            "w": "entries of the unit contrast between two groups",
        },
    )


def draw(rng: np.random.Generator) -> UFM:
    """Any counts; plain, LDT or CDT losses in turn. The decays do not matter."""
    n = draws.counts(rng)
    scale = np.exp(rng.uniform(-0.7, 0.7, n.size))
    loss = [CrossEntropy(), CrossEntropy(label_scale=scale), CrossEntropy(class_scale=scale)][
        int(rng.integers(3))
    ]
    return UFM(n, loss)


THEOREM = Theorem(
    name="vanishing_decay",
    statement="Cross-entropy, M = 1, decays to zero: the geometry of the least nuclear norm at margin one, in closed form for any "
    "counts and label-dependent scales.",
    reference="Thrampoulidis et al. 2022 (arXiv:2208.05512); Behnia et al. 2023 (arXiv:2303.07608)",
    claim=Claim.GLOBAL,
    hypotheses=(
        CROSS_ENTROPY,
        LINEAR,
        Hypothesis(
            "there is no label smoothing", lambda ufm: getattr(ufm.loss, "smoothing", 0.0) == 0.0
        ),
        NO_BIAS,
        ONE_LAYER,
        Hypothesis("the width is at least K - 1", lambda ufm: ufm.rank_limit >= ufm.classes - 1),
    ),
    solve=solve,
    derive=derive,
    cases=(
        Case("Thrampoulidis et al. 2022 (SELI)", lambda: UFM([100, 10, 10], "ce")),
        Case(
            "Behnia et al. 2023 (LDT)",
            lambda: UFM([100, 10, 10], CrossEntropy(label_scale=[10.0, 10**0.5, 10**0.5])),
        ),
    ),
    limit="vanishing-decay",
    draw=draw,
)
