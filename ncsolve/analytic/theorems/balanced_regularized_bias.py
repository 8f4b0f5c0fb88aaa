r"""Squared loss, balanced classes, one layer, regularized bias.

Problem. M = 1, n_k = n for all k, bias decay lambda_b > 0, c = sqrt(lambda_W lambda_H).
Statement. With tau = sqrt(n), A = (Zbar - b 1^T) D^(1/2) has K - 1 singular values sigma = max(tau - N c, 0) on the contrasts between
classes and one, sigma_1 = max(tau - N c (1 + 1/lambda_b), 0), on the mean; b = c tau / lambda_b where sigma_1 > 0 and
b = 1/(K (1 + lambda_b)) where sigma_1 = 0. So for lambda_b <= N c/(tau - N c) the class means form an exact simplex ETF, and
above it cos(h_k, h_l) = (sigma_1 - sigma)/(sigma_1 + (K-1) sigma) climbs from -1/(K-1) to 0.
Edge cases. sigma_1 = 0 exactly up to lambda_b = N c/(tau - N c), sigma = 0 exactly from N c = tau on; both are decided in rational
arithmetic. lambda_b -> 0 gives the free bias (simplex), lambda_b -> infinity no bias (orthogonal frame). Where sigma = 0 the mean
mode is zero too, and only b is left.
Proof. The problem is convex in (A, b) and invariant under permutations of the classes, so a minimizer is invariant: A has one
eigenvalue on 1 and one on its complement, b is a multiple of 1, and each scalar problem is a soft threshold.
Source. Zhou et al. (2022, arXiv:2203.01238); the angle formula arXiv:2606.00344.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from ...problem import UFM
from .. import draws
from ..hypotheses import BALANCED, LINEAR, ONE_HOT, ONE_LAYER, REGULARIZED_BIAS, SQUARED
from ..reduction import reduce
from ..scalar import critical_power
from ..spectrum import DenseFrame, contrasts
from ..theorem import ACTIVE, VANISHED, Case, Claim, ClassStates, Hypothesis, Solution, Theorem


def solve(ufm: UFM) -> Solution:
    """The minimizer of a problem inside the hypotheses."""
    classes, samples, decay = ufm.classes, ufm.samples, ufm.bias_decay
    n, c = float(ufm.counts[0]), reduce(ufm).c
    tau = math.sqrt(n)
    contrast, mean = _sigmas(ufm)
    residual = min(tau, samples * c)  # tau - sigma
    value = (classes - 1) * (residual**2 / (2 * samples) + c * contrast)
    if mean > 0:
        bias = c * tau / decay
        value += (samples * c) ** 2 / (2 * samples) + c * mean + decay * classes * bias**2 / 2
    else:
        bias = 1.0 / (classes * (1.0 + decay))
        value += decay / (2 * classes * (1.0 + decay))
    alive = [contrast] * (classes - 1) * (contrast > 0)
    sigma = np.array(alive + [mean] * (mean > 0))
    warnings = () if contrast > 0 else ("the decays are so large that the zero solution is the global minimizer",)
    return Solution(
        value=value,
        modes=lambda: (sigma, DenseFrame(lambda: (_vectors(classes)[:, : sigma.size],) * 2)),
        bias=lambda: np.full(classes, bias),
        states=lambda: ClassStates(
            np.full(classes, ACTIVE if contrast > 0 else VANISHED),
            np.full(classes, contrast > 0),
            np.full(classes, (samples * c) ** 2),
            np.full(classes, tau / samples),
        ),
        warnings=warnings,
    )


def _sigmas(ufm: UFM) -> tuple[float, float]:
    """(sigma on the contrasts, sigma_1 on the mean); which of them is zero is decided in exact arithmetic."""
    n, decay = Fraction(float(ufm.counts[0])), Fraction(ufm.bias_decay)
    power, tau, pull = critical_power(ufm.classes * n, ufm.decays), math.sqrt(n), ufm.samples * reduce(ufm).c
    least = tau * 2.0**-53
    contrast = max(tau - pull, least) if n > power else 0.0
    mean = max(tau - pull * (1.0 + 1.0 / ufm.bias_decay), least) if n * decay**2 > power * (1 + decay) ** 2 else 0.0
    return contrast, mean


def _wide_enough(ufm: UFM) -> bool:
    contrast, mean = _sigmas(ufm)
    return ufm.rank_limit >= (ufm.classes - 1) * (contrast > 0) + (mean > 0)


def _vectors(classes: int) -> np.ndarray:
    """Orthonormal columns: K - 1 contrasts, then 1/sqrt(K)."""
    return np.column_stack([contrasts(classes), np.full(classes, 1.0 / math.sqrt(classes))])


def draw(rng: np.random.Generator) -> UFM:
    """Equal counts; lambda_b near the end of the simplex regime every other time."""
    n = draws.equal_counts(rng)
    mean = draws.mean_decay(rng, math.sqrt(n[0]) / n.sum())
    pull = n.sum() * mean / math.sqrt(n[0])  # N c / tau
    critical = pull / (1.0 - pull) if pull < 1.0 else 1.0
    decay = draws.mean_decay(rng, critical) * float(rng.choice([1.0, 1.0, 30.0]))
    return UFM(n, bias=decay, width=draws.width(rng, 1, n.size), **draws.decays(rng, 1, mean))


THEOREM = Theorem(
    name="balanced_regularized_bias",
    statement="Squared loss, equal counts, M = 1, bias decay lambda_b: the class means move from a simplex ETF to an orthogonal "
    "frame as lambda_b grows, by an explicit formula.",
    reference="Zhou et al. 2022 (arXiv:2203.01238); arXiv:2606.00344",
    claim=Claim.GLOBAL,
    hypotheses=(
        SQUARED,
        ONE_HOT,
        REGULARIZED_BIAS,
        ONE_LAYER,
        BALANCED,
        LINEAR,
        Hypothesis(
            "the width is at least the rank of the solution (K always is enough)",
            lambda ufm: isinstance(ufm.bias, str) or ufm.depth > 1 or _wide_enough(ufm),
        ),
    ),
    solve=solve,
    cases=(
        Case("Zhou et al. 2022 (simplex regime)", lambda: UFM([50] * 5, weight_decay=1e-3, feature_decay=1e-3, bias=1e-3)),
        Case("above the simplex regime", lambda: UFM([50] * 5, weight_decay=1e-3, feature_decay=1e-3, bias=0.5)),
    ),
    draw=draw,
)
