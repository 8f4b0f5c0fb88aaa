r"""Cross-entropy with ReLU features, one layer, no bias: every class on its own axis.

Problem. M = 1, H >= 0, b = 0, d_1 >= number of active classes, any counts, smoothing delta in [0, 1).
Statement. Class means are orthogonal, W h_k = m_k (e_k - 1/K) with m_k = max(0, log((K-1)(1/x_k - 1))),
x_k = (N c sqrt(K/((K-1) n_k)) + delta) (K-1)/K; ||h_k||^2 = sqrt((K-1) lambda_W/(K lambda_H n_k)) m_k. Class k vanishes iff
n_k (1 - delta)^2 <= N^2 lambda_W lambda_H K/(K-1). The objective is
sum_k (n_k/N) (log(1 + (K-1) e^(-m_k)) + delta (1 - 1/K) m_k) + c sqrt(n_k (K-1)/K) m_k.
Edge cases. At equality of the threshold the class is zero. All classes below it: everything is zero. K = 2: the two classes are
orthogonal, not opposite. Vanished classes have logits zero, so their samples keep the loss log K.
Proof. For any G whose columns have products G_k . G_l <= 0 (k != l), max over h >= 0, |h| = 1 of |G h| is max_k |G_k|. Columns
proportional to 1/K - e_k are such, so among H >= 0 the penalty is at least c sum_k |A_k|, with equality for axis-aligned H; then the
columns decouple, and each is a convex problem that only permutations of the wrong classes leave as it is.
Source. Dang et al. (2024, arXiv:2401.02058); their code has a spurious factor sqrt(lambda_W/lambda_H).
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from ...losses import CrossEntropy
from ...problem import UFM
from .. import draws
from ..atoms import SpikeFrame
from ..hypotheses import CROSS_ENTROPY, NO_BIAS, ONE_LAYER, PLAIN
from ..reduction import exceeding, reduce
from ..theorem import ACTIVE, VANISHED, Case, Claim, ClassStates, Hypothesis, Solution, Theorem


def solve(ufm: UFM) -> Solution:
    """The minimizer of a problem inside the hypotheses."""
    classes, c, delta = ufm.classes, reduce(ufm).c, _smoothing(ufm)
    alive = _alive(ufm)
    share = (classes - 1.0) / classes
    x = (ufm.samples * c / np.sqrt(share * ufm.counts[alive]) + delta) * share
    length = np.log1p(np.maximum(classes * (share - x) / x, 2.0**-53))  # (K-1)(1/x - 1) = 1 + K (share - x)/x
    sigma = np.sqrt(ufm.counts[alive] * share) * length
    losses = np.log1p((classes - 1) * np.exp(-length)) + delta * share * length
    lost = float(ufm.counts[~alive].sum()) * math.log(classes)
    order = np.argsort(-sigma, kind="stable")
    axes = np.flatnonzero(alive)[order]

    return Solution(
        value=(float(ufm.counts[alive] @ losses) + lost) / ufm.samples + c * float(sigma.sum()),
        modes=lambda: (sigma[order], SpikeFrame(axes, classes)),
        bias=lambda: np.zeros(classes),
        states=lambda: ClassStates(
            np.where(alive, ACTIVE, VANISHED),
            alive,
            np.full(classes, (ufm.samples * c / (1.0 - delta)) ** 2 / share),
            np.sqrt(share * ufm.counts) * (1.0 - delta) / ufm.samples,
        ),
        warnings=() if alive.any() else ("the decays are so large that the zero solution is the global minimizer",),
        geometry="orthogonal axes",
    )


def _smoothing(ufm: UFM) -> float:
    return ufm.loss.smoothing if isinstance(ufm.loss, CrossEntropy) else 0.0


def _alive(ufm: UFM) -> np.ndarray:
    """N (1 - delta)^2 (K-1) > N^2 lambda_W lambda_H K, exactly."""
    return exceeding(ufm.counts, (1.0 - _smoothing(ufm)), ufm, Fraction(ufm.classes, ufm.classes - 1))


def _wide_enough(ufm: UFM) -> bool:
    if ufm.rank_limit >= ufm.classes or ufm.depth > 1 or not isinstance(ufm.loss, CrossEntropy):
        return ufm.rank_limit >= ufm.classes
    return ufm.rank_limit >= int(_alive(ufm).sum())


def draw(rng: np.random.Generator) -> UFM:
    """Any counts, smoothing in half of the draws."""
    n = draws.counts(rng)
    loss = CrossEntropy(smoothing=float(rng.choice([0.0, rng.uniform(0.0, 0.4)])))
    critical = np.sqrt(n * (n.size - 1.0) / n.size) * (1.0 - loss.smoothing) / n.sum()
    mean = draws.mean_decay(rng, critical)
    return UFM(n, loss, width=draws.width(rng, 1, n.size), features="relu", **draws.decays(rng, 1, mean))


THEOREM = Theorem(
    name="relu_cross_entropy",
    statement="Cross-entropy with ReLU features, M = 1, no bias: class means are orthogonal, with explicit lengths; classes below a "
    "count vanish.",
    reference="Dang et al. 2024 (arXiv:2401.02058), with label smoothing added",
    claim=Claim.GLOBAL,
    hypotheses=(
        CROSS_ENTROPY,
        PLAIN,
        Hypothesis("features are ReLU", lambda ufm: ufm.features == "relu", {"features": "relu"}),
        NO_BIAS,
        ONE_LAYER,
        Hypothesis("the width is at least the number of active classes (K always is enough)", _wide_enough),
    ),
    solve=solve,
    cases=(Case("Dang et al. 2024 (imbalanced)", lambda: UFM([200, 100, 50, 50], "ce", features="relu")),),
    draw=draw,
)
