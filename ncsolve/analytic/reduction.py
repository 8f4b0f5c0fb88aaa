r"""The central page: from matrices to singular values.

R1 (collapse). The loss is convex in the logits, so replacing each feature by its class mean never raises the objective;
every minimizer has one feature per class. Write Zbar for the K logit vectors and A = (Zbar - b 1^T) D^(1/2), D = diag(n_k).

R2 (variational Schatten identity). Over all factors of a fixed X, with every width at least rank X,

    min { sum_j lambda_j/2 ||W_j||^2 + lambda_H/2 ||H||^2 : W_M ... W_1 H = X } = c sum_i sigma_i(X)^q,
    q = 2/(M+1),   g = (lambda_H lambda_1 ... lambda_M)^(1/(M+1)),   c = g (M+1)/2 = g/q,

because M + 1 positive numbers lambda_j s_j^2 with a given product have the smallest sum when all are equal (to g sigma^q).

So the whole problem is      min over A of rank <= R and b:   F(A, b) + c sum_i sigma_i(A)^q + (lambda_b/2) ||b||^2.

M = 1: convex (nuclear norm). M >= 2: a quasi-norm that prefers low rank; A = 0 is always a strict local minimum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..problem.errors import ProblemError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.losses import Array
    from ..problem.ufm import UFM

SMALLEST_MEAN_DECAY = 1e-300  # every quantity below is at least g times a power of a count


@dataclass(frozen=True)
class Reduction:
    """The few numbers through which depth, widths and decays enter: q, g, c, R."""

    depth: int
    samples: float
    mean_decay: float
    rank_limit: int

    @property
    def q(self) -> float:
        """Schatten exponent 2/(M+1)."""
        return 2.0 / (self.depth + 1)

    @property
    def c(self) -> float:
        """Weight of the quasi-norm, g (M+1)/2."""
        return self.mean_decay * (self.depth + 1) / 2.0


def reduce(ufm: UFM) -> Reduction:
    """The reduced problem of a UFM.

    Examples
    --------
    >>> import ncsolve
    >>> from ncsolve.analytic.reduction import reduce
    >>> reduce(ncsolve.UFM(counts=[4, 4], weight_decay=0.04, feature_decay=0.01)).c
    0.02
    """
    return Reduction(ufm.depth, ufm.samples, geometric_mean(ufm.decays), ufm.rank_limit)


def exceeding(
    counts: Array, slope: Array | float, ufm: UFM, factor: Fraction = Fraction(1)
) -> NDArray[np.bool_]:
    """Whether n rho^2 > factor N^2 lambda_W lambda_H, at M = 1, for counts n and slopes rho.

    In floating point where that is clear, in rational arithmetic within 1e-9 of the threshold.
    """
    rho = np.broadcast_to(np.asarray(slope, dtype=np.float64), counts.shape)
    with np.errstate(over="ignore", under="ignore"):
        ratio = np.sqrt(counts) * rho / (ufm.samples * reduce(ufm).c * math.sqrt(factor))
    found: NDArray[np.bool_] = ratio > 1.0
    near = np.flatnonzero(np.abs(ratio - 1.0) < 1e-9)
    if near.size:
        limit = (
            factor
            * exact_sum(ufm.counts) ** 2
            * Fraction(ufm.weight_decay[0])
            * Fraction(ufm.feature_decay)
        )
        for i in near.tolist():
            found[i] = Fraction(float(counts[i])) * Fraction(float(rho[i])) ** 2 > limit
    return found


def exact_sum(counts: Array) -> Fraction:
    """N as a rational number: doubles are whole multiples of the power of two that the finest of them needs."""
    if (counts == np.floor(counts)).all():
        return Fraction(sum(map(int, counts.tolist())))
    ratios = [count.as_integer_ratio() for count in counts.tolist()]
    finest = max(denominator for _, denominator in ratios)
    return Fraction(
        sum(numerator * (finest // denominator) for numerator, denominator in ratios), finest
    )


def geometric_mean(decays: tuple[float, ...]) -> float:
    """(product of the decays)^(1/(M+1)) to about an ulp, whatever their range: mantissas and exponents apart."""
    mantissa, exponent = 1.0, 0
    for decay in decays:
        m, e = math.frexp(decay)
        mantissa, shift = math.frexp(mantissa * m)
        exponent += e + shift
    root = 1.0 / len(decays)
    whole, rest = divmod(exponent, len(decays))
    g = (
        math.ldexp(mantissa**root * 2.0 ** (rest * root), whole)
        if min(decays) < max(decays)
        else decays[0]
    )
    if g < SMALLEST_MEAN_DECAY:
        raise ProblemError(
            f"the geometric mean of the decays is {g:g}: doubles cannot carry it; keep it above 1e-300"
        )
    return g
