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
from collections.abc import Set
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytic import draws
from ..analytic.angles import extremes, inverse_lengths, mean, present
from ..analytic.hypotheses import CROSS_ENTROPY, NO_BIAS, ONE_LAYER, PLAIN
from ..analytic.reduction import exceeding, reduce
from ..analytic.spectrum import SpikeFrame
from ..analytic.theorem import (
    ACTIVE,
    VANISHED,
    Case,
    Claim,
    ClassStates,
    Fates,
    Hypothesis,
    Losses,
    Problems,
    Solution,
    Theorem,
)
from ..problem.losses import CrossEntropy
from ..problem.ufm import UFM
from .proofs import proof

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.losses import Array

NEAR = 1e-9  # of a threshold that exact arithmetic decides


def solve(ufm: UFM) -> Solution:
    """The minimizer of a problem inside the hypotheses."""
    classes, c, delta, n = ufm.classes, reduce(ufm).c, ufm.loss.smoothing, ufm.counts
    alive, share = _alive(ufm), (classes - 1.0) / classes
    sigma, value = _columns(ufm, n, ufm.samples, c, alive)
    axes = np.flatnonzero(alive)
    axes = axes[np.argsort(-sigma[axes], kind="stable")]
    states = partial(
        ClassStates,
        np.where(alive, ACTIVE, VANISHED),
        alive,
        np.full(classes, (ufm.samples * c / (1.0 - delta)) ** 2 / share),
        np.sqrt(share * n) * (1.0 - delta) / ufm.samples,
    )
    nothing = "the decays are so large that the zero solution is the global minimizer"
    return Solution(
        value=float(value),
        modes=(sigma[axes], SpikeFrame(axes, classes)),
        bias=np.zeros(classes),
        states=states,
        warnings=() if alive.any() else (nothing,),
        geometry="orthogonal axes",
    )


def many(problems: Problems, wanted: Set[str]) -> Fates:
    """What becomes of the classes of many problems."""
    ufm, n = problems.example, problems.counts[problems.of]
    samples, c = problems.samples[:, None], problems.mean_decay[:, None]
    ratio = (
        np.sqrt(n * ((ufm.classes - 1.0) / ufm.classes))
        * (1.0 - ufm.loss.smoothing)
        / (samples * c)
    )
    alive = ratio > 1.0
    active = alive.sum(axis=1)
    sigma, value = _columns(ufm, n, samples, c, alive)
    return Fates(
        active,
        np.zeros_like(active),
        np.asarray((np.abs(ratio - 1.0) < NEAR).any(axis=1)),
        np.minimum(active, ufm.classes - 1),
        value,
        (np.where(active >= 2, 0.0, np.nan),) * 3,
        _row_cosines(sigma, "extremes" in wanted) if "classifiers" in wanted else None,
    )


def where_lost(ufm: UFM) -> Losses:
    """Class k at sqrt(n_k (K-1)/K) (1 - delta) / N."""
    counts, share = np.sort(ufm.counts)[::-1], (ufm.classes - 1.0) / ufm.classes
    return Losses(classes=np.sqrt(counts * share) * (1.0 - ufm.loss.smoothing) / ufm.samples)


def _columns(
    ufm: UFM, n: Array, samples: Any, c: Any, alive: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """(sigma_k, objective) with the classes last: each column is a problem of its own."""
    classes, delta = ufm.classes, ufm.loss.smoothing
    share = (classes - 1.0) / classes
    x = (samples * c / np.sqrt(share * n) + delta) * share
    ratio = np.maximum(classes * (share - x) / x, 2.0**-53)  # (K-1)(1/x - 1) = 1 + K (share - x)/x
    margin = np.where(alive, np.log1p(ratio), 0.0)
    sigma = np.sqrt(n * share) * margin
    smoothed = np.log1p((classes - 1) * np.exp(-margin)) + delta * share * margin
    losses = np.where(alive, smoothed, math.log(classes))
    value: Array = (n * losses / samples + c * sigma).sum(axis=-1)
    return sigma, value


def _row_cosines(t: Array, ends: bool) -> tuple[Array, Array, Array]:
    """Cosines of the rows of sum_k sqrt(t_k) u_k e_k^T, u_k = (e_k - 1/K)/sqrt(1 - 1/K) (spectrum.py), with T = sum_k t_k / K:

    v_j . v_l = -(t_j + t_l - T)/(K - 1) for j != l,         |v_j|^2 = ((K - 2) t_j + T)/(K - 1).
    """
    classes = t.shape[1]
    total = t.sum(axis=1, keepdims=True) / classes
    norm2 = ((classes - 2.0) * t + total) / (classes - 1.0)
    there = present(norm2)
    inverse = inverse_lengths(norm2, there)
    one, weighted = inverse.sum(axis=1), (t * inverse).sum(axis=1)
    square = ((2.0 * t - total) * inverse**2).sum(axis=1)
    apart = square - (2.0 * weighted * one - total[:, 0] * one**2)
    number = there.sum(axis=1).astype(np.float64)

    def between(part: slice) -> Array:
        dot = total[part, :, None] - t[part, :, None] - t[part, None, :]
        return np.asarray(dot * (inverse[part, :, None] * inverse[part, None, :]) / (classes - 1.0))

    low = high = np.full(len(t), np.nan)
    if ends:
        low, high = extremes(between, np.zeros_like(t), there, np.ones(classes))
    return low, mean(apart / (classes - 1.0) + number, number), high


def _alive(ufm: UFM) -> np.ndarray:
    """N (1 - delta)^2 (K-1) > N^2 lambda_W lambda_H K, exactly."""
    kept = 1.0 - ufm.loss.smoothing
    return exceeding(ufm.counts, kept, ufm, Fraction(ufm.classes, ufm.classes - 1))


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
    return UFM(
        n, loss, width=draws.width(rng, 1, n.size), features="relu", **draws.decays(rng, 1, mean)
    )


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
        Hypothesis(
            "the width is at least the number of active classes (K always is enough)",
            _wide_enough,
            by_decay=True,
        ),
    ),
    solve=solve,
    many=many,
    losses=where_lost,
    derive=proof("relu_cross_entropy"),
    cases=(
        Case(
            "Dang et al. 2024 (imbalanced)", lambda: UFM([200, 100, 50, 50], "ce", features="relu")
        ),
    ),
    draw=draw,
)
