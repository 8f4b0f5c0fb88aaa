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
from collections.abc import Set
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytic import draws
from ..analytic.hypotheses import BALANCED, LINEAR, ONE_HOT, ONE_LAYER, REGULARIZED_BIAS, SQUARED
from ..analytic.reduction import reduce
from ..analytic.scalar import critical_power
from ..analytic.spectrum import DenseFrame, contrasts
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
from ..problem.ufm import UFM
from .proofs import proof

if TYPE_CHECKING:
    from ..problem.losses import Array

NEAR = 1e-9  # of a threshold where exact arithmetic decides


def solve(ufm: UFM) -> Solution:
    """The minimizer of a problem inside the hypotheses."""
    classes, samples, c, tau = ufm.classes, ufm.samples, reduce(ufm).c, math.sqrt(ufm.counts[0])
    alive, moved = _alive(ufm)
    contrast, mean, bias, value = _minimizer(
        ufm, ufm.counts[0], samples, c, ufm.bias_decay, alive, moved
    )
    sigma = np.array([float(contrast)] * (classes - 1) * alive + [float(mean)] * moved)
    states = partial(
        ClassStates,
        np.full(classes, ACTIVE if alive else VANISHED),
        np.full(classes, alive),
        np.full(classes, (samples * c) ** 2),
        np.full(classes, tau / samples),
    )
    nothing = "the decays are so large that the zero solution is the global minimizer"
    return Solution(
        value=float(value),
        modes=(sigma, DenseFrame(_vectors, (classes, sigma.size))),
        bias=np.full(classes, float(bias)),
        states=states,
        warnings=() if alive else (nothing,),
    )


def many(problems: Problems, wanted: Set[str]) -> Fates:
    """What becomes of the classes of many problems."""
    ufm, n = problems.example, problems.counts[problems.of, 0]
    classes, samples, c, decay = (
        ufm.classes,
        problems.samples,
        problems.mean_decay,
        problems.bias_decay,
    )
    with np.errstate(over="ignore"):
        pull = samples * c / np.sqrt(n)
        pull_mean = pull * (1.0 + 1.0 / decay)
    alive, moved = pull < 1.0, pull_mean < 1.0
    contrast, mean, _, value = _minimizer(ufm, n, samples, c, decay, alive, moved)
    with np.errstate(invalid="ignore"):
        cosine = (mean - contrast) / (mean + (classes - 1) * contrast)
    angles = (np.where(alive, cosine, np.nan),) * 3
    return Fates(
        np.where(alive, classes, 0),
        np.zeros(n.size),
        (np.abs(pull - 1.0) < NEAR) | (np.abs(pull_mean - 1.0) < NEAR),
        (classes - 1) * alive + moved,
        value,
        angles,
        angles,
    )


def where_lost(ufm: UFM) -> Losses:
    """Contrasts at sqrt(n)/N; the mean mode at 1/(1 + 1/lambda_b) of it, and below it the class means are no simplex."""
    root = math.sqrt(float(ufm.counts[0])) / ufm.samples
    simplex = root / (1.0 + 1.0 / ufm.bias_decay)
    return Losses(everything=root, named={("simplex", "mean mode lost: exact simplex"): simplex})


def _minimizer(
    ufm: UFM, n: Any, samples: Any, c: Any, decay: Any, alive: Any, moved: Any
) -> tuple[Array, Array, Array, Array]:
    """(sigma on the contrasts, sigma_1 on the mean, b, value), where `alive` and `moved` say which of the first two are not zero."""
    classes, tau = ufm.classes, np.sqrt(n)
    least, pull = tau * 2.0**-53, samples * c
    with np.errstate(over="ignore"):
        contrast = np.where(alive, np.maximum(tau - pull, least), 0.0)
        mean = np.where(moved, np.maximum(tau - pull * (1.0 + 1.0 / decay), least), 0.0)
        bias = np.where(moved, c * tau / decay, 1.0 / (classes * (1.0 + decay)))
        residual = np.minimum(tau, pull)  # tau - sigma
        value = (classes - 1) * (residual**2 / (2 * samples) + c * contrast)
        free = pull**2 / (2 * samples) + c * mean + decay * classes * bias**2 / 2
        value = value + np.where(moved, free, decay / (2 * classes * (1.0 + decay)))
    return contrast, mean, bias, value


def _alive(ufm: UFM) -> tuple[bool, bool]:
    """Whether sigma and sigma_1 are not zero, in exact arithmetic."""
    n, decay = Fraction(float(ufm.counts[0])), Fraction(ufm.bias_decay)
    power = critical_power(ufm.classes * n, ufm.decays)
    return n > power, n * decay**2 > power * (1 + decay) ** 2


def _wide_enough(ufm: UFM) -> bool:
    alive, moved = _alive(ufm)
    return ufm.rank_limit >= (ufm.classes - 1) * alive + moved


def _vectors(classes: int, rank: int) -> tuple[Array, Array]:
    """Orthonormal columns: K - 1 contrasts, then 1/sqrt(K)."""
    ones = np.full(classes, 1.0 / math.sqrt(classes))
    return (np.column_stack([contrasts(classes), ones])[:, :rank],) * 2


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
            by_decay=True,
        ),
    ),
    solve=solve,
    many=many,
    losses=where_lost,
    derive=proof("balanced_regularized_bias"),
    cases=(
        Case(
            "Zhou et al. 2022 (simplex regime)",
            lambda: UFM([50] * 5, weight_decay=1e-3, feature_decay=1e-3, bias=1e-3),
        ),
        Case(
            "above the simplex regime",
            lambda: UFM([50] * 5, weight_decay=1e-3, feature_decay=1e-3, bias=0.5),
        ),
    ),
    draw=draw,
)
