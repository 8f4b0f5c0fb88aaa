r"""Squared loss, one-hot labels: one theorem for every depth, width, imbalance and bias (none or free).

Problem. min (1/2N) ||W_M ... W_1 H + b 1^T - Y||^2 + decays, with any counts n_k, widths d_j and decays; b = 0 or free.

Statement. Let T = D^(1/2) (b = 0) or T = D^(1/2) - n sqrt(n)^T / N (b free, then b = n/N), with singular values tau_i. Every
global minimizer has A = (Zbar - b 1^T) D^(1/2) = U diag(sigma) V^T with singular vectors of T, where sigma_i = tau_i (1 - p_i),
p_i the smaller root of p (1-p)^((M-1)/(M+1)) = N g tau_i^(-2M/(M+1)) if p_i <= 1/M and sigma_i = 0 otherwise; only the
R = min(K, widths) largest survive. Bias none: class k vanishes iff n_k^M < N^(M+1) Pi M^(2M)/(M-1)^(M-1) (at equality it ties
for M >= 2; for M = 1 it is zero there). Balanced: an orthogonal frame (b = 0) or a simplex ETF (b free).

Edge cases. Equality at the threshold: zero and the outer root tie for M >= 2; both are minimizers, the non-zero one is returned and said;
for M = 1 the mode is zero there. Just above it the mode keeps a non-zero local minimum (`locally_stable`), up to kappa_max/kappa* times the
critical decay. Free bias: classes of equal count whose contrasts die merge, they share one non-zero vector. Equal tau on both sides
of a bottleneck's cut: any subspace of them is optimal; the first in order are shown. All modes lost: everything is zero, b stays.
Proof. R1, R2, von Neumann's trace inequality, and the scalar problem (scalar.py). ReLU features: without a bias the class
means lie on coordinate axes, so H >= 0 holds at the unconstrained minimizer, which is therefore also the constrained one.

Source. Dang et al. (2023, arXiv:2301.00437) Theorems 3.1, 3.2, 5.1, 5.2, 5.3 are cases, here with any widths and unequal decays;
free bias under imbalance: arXiv:2411.17278. Their text's threshold depends on how its b is defined, and their code takes the
largest stationary root without comparing it with zero; both are settled here from the objective's values.
"""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import replace

import numpy as np

from ..analytic import draws
from ..analytic.hypotheses import ONE_HOT, SQUARED, UNPENALIZED_BIAS
from ..analytic.scalar import energy, level, shrinkage, survives, threshold
from ..analytic.spectral import centered_fates, death, losses, select, solution
from ..analytic.spectrum import AxisSpectrum, CenteredSpectrum
from ..analytic.theorem import Case, Claim, Fates, Hypothesis, Losses, Problems, Solution, Theorem
from ..problem.ufm import UFM
from .proofs import proof


def solve(ufm: UFM) -> Solution:
    """The minimizer of a problem inside the hypotheses."""
    if ufm.bias == "none":
        return solution(select(ufm, AxisSpectrum(ufm.counts)), np.zeros(ufm.outputs))
    return solution(select(ufm, CenteredSpectrum(ufm.counts)), ufm.counts / ufm.samples)


def many(problems: Problems, wanted: Set[str]) -> Fates:
    """What becomes of the classes of many problems: without a bias mode k is class k, and living means are orthogonal."""
    ufm, of, g = problems.example, problems.of, problems.mean_decay
    if ufm.bias == "free":
        spectra = map(CenteredSpectrum, problems.counts)
        return Fates.joined(
            [centered_fates(ufm, one, g[of == v], wanted) for v, one in enumerate(spectra)]
        )
    unit = level(problems.counts, 1.0, 1.0, ufm.depth)  # tau^(-2M/(M+1))
    kappa = unit[of] * (problems.samples * g)[:, None]
    alive, near = survives(kappa, ufm.depth)
    alive[:, ufm.rank_limit :] = False  # counts fall
    active = alive.sum(axis=1)
    value = None
    if "value" in wanted:
        share = energy(shrinkage(kappa, alive, ufm.depth), ufm.depth)
        value = np.einsum("dk,dk->d", share, problems.counts[of]) / (2.0 * problems.samples)
    angles = (np.where(active >= 2, 0.0, np.nan),) * 3
    return Fates(
        active, np.zeros_like(active), np.asarray(near.any(axis=1)), active, value, angles, angles
    )


def where_lost(ufm: UFM) -> Losses:
    """Classes at kappa* n^(M/(M+1)) / N; with a free bias modes, groups of equal counts, and the last root, if it outlives a contrast."""
    if ufm.bias == "none":
        return losses(ufm, ufm.counts, by_class=True)
    spectrum = CenteredSpectrum(ufm.counts)
    counts, _, sizes = spectrum.groups
    repeated, means = counts[sizes > 1], math.nan
    if counts.size > 1 and sizes[-1] > 1:  # else the largest mode is a root
        root = spectrum.tau2[spectrum.roots - 1]
        if (spectrum.tau2 > root) @ spectrum.copies < ufm.rank_limit:
            means = float(death(ufm, root))
    modes = losses(ufm, np.repeat(spectrum.tau2, spectrum.copies))
    return replace(modes, contrasts=(repeated, death(ufm, repeated)), means=means)


def _example(**fields: object) -> UFM:
    return UFM(**({"counts": [100] * 4, "weight_decay": 5e-4, "feature_decay": 5e-4} | fields))  # type: ignore[arg-type]


def draw(rng: np.random.Generator) -> UFM:
    """A random problem: any depth, widths, bias; a fifth of those without a bias have ReLU features."""
    n, depth = draws.counts(rng), int(rng.integers(1, 5))
    bias = "none" if rng.random() < 0.5 else "free"
    tau2 = n if bias == "none" else CenteredSpectrum(n).tau2
    mean = draws.mean_decay(rng, threshold(depth) * tau2 ** (depth / (depth + 1.0)) / n.sum())
    features = "relu" if bias == "none" and rng.random() < 0.2 else "linear"
    width = draws.width(rng, depth, n.size, 1 if rng.random() < 0.25 else None)
    return UFM(
        n, depth=depth, width=width, bias=bias, features=features, **draws.decays(rng, depth, mean)
    )


THEOREM = Theorem(
    name="squared_spectral",
    statement="Squared loss: the minimizer shrinks each singular value of the (centered) label matrix by a scalar rule, "
    "at any depth, width, imbalance and decays, bias none or free.",
    reference="Dang et al. 2023 (arXiv:2301.00437), Theorems 3.1, 3.2, 5.1, 5.2, 5.3, extended",
    claim=Claim.GLOBAL,
    hypotheses=(
        SQUARED,
        ONE_HOT,
        UNPENALIZED_BIAS,
        Hypothesis(
            "features are linear, or ReLU without a bias",
            lambda ufm: ufm.features == "linear" or ufm.bias == "none",
            {"features": "linear; relu without bias"},
        ),
    ),
    solve=solve,
    many=many,
    losses=where_lost,
    derive=proof("squared_spectral"),
    cases=(
        Case("Dang et al. 2023, Theorem 3.1 (balanced, deep, no bias)", lambda: _example(depth=3)),
        Case(
            "Dang et al. 2023, Theorem 3.2 (balanced, deep, free last-layer bias)",
            lambda: _example(depth=3, bias="free"),
        ),
        Case(
            "Dang et al. 2023, Theorems 5.1 to 5.3 (imbalanced, M = 1)",
            lambda: _example(counts=[200, 100, 50, 50]),
        ),
        Case(
            "Dang et al. 2023, Theorems 5.1 to 5.3 (imbalanced, M = 1, bottleneck)",
            lambda: _example(counts=[200, 100, 60, 50], width=2),
        ),
        Case(
            "Dang et al. 2023, Theorems 5.1 to 5.3 (imbalanced, deep)",
            lambda: _example(counts=[200, 100, 50, 50], depth=6),
        ),
        Case(
            "arXiv:2411.17278 (imbalanced, free bias)",
            lambda: _example(counts=[200, 100, 50, 50], bias="free"),
        ),
    ),
    draw=draw,
)
