r"""Deep squared loss: the largest stationary point of each class is taken for its global minimizer.

Published. The code that accompanies the theorems for deep linear networks takes, for every class, the largest real root of the
stationarity equation M x^(M-1)/(1 + x^M)^2 = beta_k as the minimizer, without comparing it with x = 0; where no real root exists it
stops with an error.
Counterexample. Counts 1000, 100, 10, 2, M = 3, all decays 5e-4. The class of 2 has a largest root, a local minimum, and zero is lower:
the objective falls from .0115632 to .0113984 when this class is set to zero.
Why. g(x) = 1/(1 + x^M) + beta x has g(0) = 1. At the larger root g < 1 only for beta <= (M-1)^((M-1)/M)/M; roots exist up to a larger
beta (for M = 3 up to .839947 instead of .529134). Between the two the root exists and loses.
Instead. Zero is a candidate for every class, and values decide (squared_spectral).
Source. The published code of Dang et al. (2023, arXiv:2301.00437); their theorems state a threshold.
"""

from __future__ import annotations

import numpy as np

from ...analytic import draws
from ...analytic.factors import balanced_factors
from ...analytic.hypotheses import DEEP, LINEAR, NO_BIAS, ONE_HOT, SQUARED
from ...analytic.reduction import reduce
from ...analytic.scalar import fold, threshold
from ...analytic.spectrum import AxisFrame
from ...problem.objective import Parameters
from ...problem.ufm import UFM
from . import Refutation


def largest_root(beta: float, depth: int) -> float:
    """The largest real root x of M x^(M-1) = beta (1 + x^M)^2, as the published rule takes it; an error where there is none."""
    polynomial = np.zeros(2 * depth + 1)  # highest power first
    polynomial[[0, depth, 2 * depth]] = beta, 2.0 * beta, beta
    polynomial[depth + 1] -= depth
    roots = np.roots(polynomial)
    real = roots[np.abs(roots.imag) < 1e-9 * np.abs(roots)].real
    return float(real[real > 0].max())


def published(ufm: UFM) -> Parameters:
    """Every class at its largest root."""
    return _parameters(ufm, zero=False)


def better(ufm: UFM) -> Parameters:
    """The same, but zero where 1/(1 + x^M) + beta x > 1."""
    return _parameters(ufm, zero=True)


def _parameters(ufm: UFM, *, zero: bool) -> Parameters:
    reduction, depth = reduce(ufm), ufm.depth
    beta = depth * (ufm.samples * reduction.mean_decay) ** ((depth + 1.0) / depth) / ufm.counts
    x = np.array([largest_root(float(b), depth) for b in beta])
    kept = 1.0 / (1.0 + x**depth) + beta * x <= 1.0 if zero else np.full(x.size, True)
    sigma = np.sqrt(ufm.counts) * x**depth / (1.0 + x**depth)
    axes = np.flatnonzero(kept)
    return balanced_factors(ufm, sigma[axes], AxisFrame(axes, ufm.classes), np.zeros(ufm.classes))


def draw(rng: np.random.Generator) -> UFM:
    """Counts and decays for which the smallest class has a root that loses to zero."""
    n, depth = draws.counts(rng), int(rng.integers(2, 7))
    power = depth / (depth + 1.0)
    kappa = threshold(depth) + (fold(depth) - threshold(depth)) * float(rng.uniform(0.1, 0.9))
    mean = kappa * float(n.min()) ** power / float(n.sum())
    return UFM(n, depth=depth, **draws.decays(rng, depth, mean))


REFUTATION = Refutation(
    name="largest_root_is_the_minimizer",
    statement="Squared loss, M >= 2 layers: the largest root of each class's stationarity equation is its global minimizer.",
    reference="the published code of Dang et al. 2023 (arXiv:2301.00437); their theorems state a threshold",
    hypotheses=(SQUARED, ONE_HOT, LINEAR, NO_BIAS, DEEP),
    fails="Counts 1000, 100, 10, 2, M = 3, decays 5e-4: the class of 2 has a root, but zero is lower. At larger decays no root exists.",
    instead="Zero is a candidate for every class and wins where there is no root, or where 1/(1 + x^M) + beta x > 1 at the largest one.",
    holds="squared_spectral",
    counterexample=lambda: UFM([1000, 100, 10, 2], depth=3),
    published=published,
    better=better,
    draw=draw,
)
