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

import numpy as np

from ..analytic import draws
from ..analytic.hypotheses import CROSS_ENTROPY, LINEAR, NO_BIAS, ONE_LAYER
from ..analytic.spectrum import DenseFrame, given
from ..analytic.theorem import ACTIVE, Case, Claim, ClassStates, Hypothesis, Solution, Theorem
from ..problem.losses import CrossEntropy
from ..problem.ufm import UFM
from .proofs import proof


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
    derive=proof("vanishing_decay"),
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
