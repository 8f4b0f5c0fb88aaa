r"""Squared loss with arbitrary targets: label encodings, soft labels, regression.

Problem. Column k of Y (outputs x K) is the target of the n_k samples of "class" k; regression has every n_k = 1.
Statement. As in squared_spectral with T = (Y - ybar 1^T) D^(1/2), ybar = Y n / N, b = ybar (bias free), or T = Y D^(1/2) (bias
none): A shares T's singular vectors and every singular value is shrunk by the same scalar rule.
Edge cases. tau comes from a floating-point decomposition: a mode within 1e-12 of its threshold is said to be undecided. Lost modes can
merge classes whose targets differ, or leave a class at zero. With a free bias constant targets give A = 0 and value zero. Repeated
tau on both sides of a bottleneck's cut: any subspace of them is optimal.
Proof. The same: von Neumann's trace inequality does not ask where T comes from.
Source. Andriopoulos et al. (2024, arXiv:2409.04180) for regression at M = 1. Their Theorem 4.1 cuts columns of a matrix square
root in the partial regime; the minimizer is cut in the eigenbasis, as here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..analytic import draws
from ..analytic.hypotheses import LINEAR, SQUARED, UNPENALIZED_BIAS
from ..analytic.scalar import threshold
from ..analytic.spectral import Selection, losses, select, solution
from ..analytic.spectrum import DenseSpectrum
from ..analytic.theorem import (
    ACTIVE,
    MERGED,
    VANISHED,
    Case,
    Claim,
    ClassStates,
    Hypothesis,
    Losses,
    Solution,
    Theorem,
)
from ..problem.losses import Squared
from ..problem.ufm import UFM

if TYPE_CHECKING:
    from ..problem.losses import Array
    from .proofs.steps import Derivation

ZERO = 1e-12  # features below this share of the largest are zero to rounding


def solve(ufm: UFM) -> Solution:
    """The minimizer of a problem inside the hypotheses."""
    mean, spectrum = _centered(ufm)
    selection = select(ufm, spectrum)
    return solution(selection, mean, partial(_states, selection))


def where_lost(ufm: UFM) -> Losses:
    """The decays at which modes die."""
    return losses(ufm, _centered(ufm)[1].tau2)


def _centered(ufm: UFM) -> tuple[Array, DenseSpectrum]:
    """The mean that a free bias takes, and what is left of the targets."""
    codes = ufm.loss.targets(ufm.classes)
    mean = codes @ (ufm.counts / ufm.samples) if ufm.bias == "free" else np.zeros(ufm.outputs)
    return mean, DenseSpectrum((codes - mean[:, None]) * np.sqrt(ufm.counts))


def derive() -> Derivation:
    """From the objective with any target to shrunk singular values, and what a bound on the rank keeps."""
    import sympy as sp

    from .proofs.balance import balance_steps
    from .proofs.scalar import factor_steps, scalar_steps
    from .proofs.steps import Derivation, Step
    from .proofs.symbols import N, eq, matrix, sigma, y
    from .proofs.target_results import target_results
    from .proofs.trace import alpha, beta, trace_steps, turn

    counts = sp.symbols("n_1:4", positive=True)
    z, b, code = (
        sp.symbols("z_1:4", real=True),
        sp.Symbol("b", real=True),
        sp.symbols("y_1:4", real=True),
    )
    total = sum(counts)
    mean = sum(n * one for n, one in zip(counts, code, strict=True)) / total
    root = matrix([[sp.sqrt(n) for n in counts]])
    centered = matrix([[sp.sqrt(n) * (one - mean) for n, one in zip(counts, code, strict=True)]])
    residual = [
        sp.sqrt(n) * (one + b - target) for n, one, target in zip(counts, z, code, strict=True)
    ]
    high, low = sp.symbols("tau_1 tau_2", nonnegative=True)
    target = turn(alpha) * sp.diag(high, low) * turn(beta).T
    level = sp.Symbol("l", positive=True)
    seen = high * sp.cos(alpha) ** 2 + low * sp.sin(alpha) ** 2
    return Derivation(
        "Squared loss, any targets: shrunk singular values of the target",
        (
            *balance_steps(),
            Step(
                "Objective (one output, three classes): with a bias b the loss is stationary in b where the mean of z + b "
                "is that of the targets,",
                eq(sp.Derivative(sum(one**2 for one in residual) / (2 * total), b), 0),
                {b: mean - sum(n * one for n, one in zip(counts, z, strict=True)) / total},
            ),
            Step(
                "which is ybar = Y n/N when A sqrt(n) = 0. The target left over, T = (Y - ybar 1^T) D^(1/2), satisfies T "
                "sqrt(n) = 0, and so does an A with its singular vectors.",
                eq((centered * root.T)[0], 0),
            ),
            Step(
                "With z = A D^(-1/2) the loss is ||A - T||^2/(2N), here with b = ybar:",
                eq(
                    sum(one**2 for one in residual),
                    sum(
                        (sp.sqrt(n) * one - entry) ** 2
                        for n, one, entry in zip(counts, z, centered, strict=True)
                    ),
                ),
                {b: mean},
            ),
            *trace_steps(),
            Step(
                "A 2 x 2 target has squared singular values with the sum ||T||^2",
                eq(sum(entry**2 for entry in target), high**2 + low**2),
            ),
            Step(
                "and the product of the singular values is |det T|.",
                eq(sp.Determinant(target), high * low),
            ),
            Step(
                "So tau_1 and tau_2 are half of sqrt(||T||^2 + 2 |det T|) plus or minus sqrt(||T||^2 - 2 |det T|); the "
                "squares of sum and difference:",
                eq(
                    matrix([(high + low) ** 2, (high - low) ** 2]),
                    matrix([high**2 + low**2 + 2 * high * low, high**2 + low**2 - 2 * high * low]),
                ),
            ),
            *scalar_steps(),
            *factor_steps(),
            Step(
                "Partial regime or a bottleneck, rank one in a plane: A = sigma u v^T with u, v turned by alpha, beta "
                "from the leading singular vectors sees u^T T v of the target, never more than tau_1.",
                eq(
                    high
                    - (high * sp.cos(alpha) * sp.cos(beta) + low * sp.sin(alpha) * sp.sin(beta)),
                    (high + low) / 2 * (1 - sp.cos(alpha - beta))
                    + (high - low) / 2 * (1 - sp.cos(alpha + beta)),
                ),
            ),
            Step(
                "M = 1: the best sigma for what is seen, h, saves (h - N c)^2/(2N): the objective (sigma^2 - 2 sigma "
                "h)/(2N) + c sigma there.",
                eq(
                    (sigma**2 - 2 * sigma * y) / (2 * N) + level / N * sigma,
                    -((y - level) ** 2) / (2 * N),
                ),
                {sigma: y - level},
            ),
            Step(
                "A symmetric target cut along a direction turned by alpha (a coordinate axis, say) in place of the "
                "leading eigenvector saves less by",
                eq(
                    ((high - level) ** 2 - (seen - level) ** 2) / (2 * N),
                    (high - low)
                    * sp.sin(alpha) ** 2
                    * (2 * (high - level) - (high - low) * sp.sin(alpha) ** 2)
                    / (2 * N),
                ),
            ),
            Step(
                "which is positive while h > N c, since its last factor is (tau_1 - N c) + (h - N c). The minimizer is "
                "cut in the basis of singular vectors.",
                eq(
                    2 * (high - level) - (high - low) * sp.sin(alpha) ** 2,
                    (high - level) + (seen - level),
                ),
            ),
        ),
        target_results(),
        {"alpha": "an angle", "beta": "an angle", "l": "N c"},
    )


def _states(selection: Selection) -> ClassStates:
    """Compared as class means: a lost mode can merge classes whose targets differ."""
    ufm, (sigma, frame) = selection.ufm, selection.sigma_and_frame()
    means = frame.right() * sigma ** (1.0 / (ufm.depth + 1)) / np.sqrt(ufm.counts)[:, None]
    norms = np.linalg.norm(means, axis=1)
    zero = ZERO * norms.max()
    order = np.argsort(means @ np.cos(np.arange(sigma.size)))  # equal rows become neighbors
    equal = np.linalg.norm(np.diff(means[order], axis=0), axis=1) <= zero
    state = np.full(norms.size, ACTIVE, dtype=f"U{len(VANISHED)}")
    state[order[1:][equal]] = state[order[:-1][equal]] = MERGED
    state[norms <= zero] = VANISHED
    return selection.class_states(state)


def draw(rng: np.random.Generator) -> UFM:
    """Gaussian targets of 1 .. 5 outputs, any depth and widths, bias none or free."""
    n, depth = draws.counts(rng), int(rng.integers(1, 5))
    codes = rng.normal(size=(int(rng.integers(1, 6)), n.size))
    bias = "none" if rng.random() < 0.5 else "free"
    tau2 = _centered(UFM(n, Squared(codes), bias=bias))[1].tau2
    level = draws.mean_decay(
        rng, threshold(depth) * tau2[tau2 > 0] ** (depth / (depth + 1.0)) / n.sum()
    )
    width = draws.width(rng, depth, min(codes.shape), 1 if rng.random() < 0.25 else None)
    return UFM(n, Squared(codes), depth, width, bias=bias, **draws.decays(rng, depth, level))


THEOREM = Theorem(
    name="squared_targets",
    statement="Squared loss with any target matrix: the minimizer shrinks each singular value of the (centered) targets by "
    "the same scalar rule as for labels.",
    reference="Andriopoulos et al. 2024 (arXiv:2409.04180), corrected and extended to any depth, width and counts",
    claim=Claim.GLOBAL,
    hypotheses=(
        SQUARED,
        Hypothesis(
            "the targets are given as a matrix",
            lambda ufm: not ufm.loss.one_hot,
            {"loss": "given targets"},
        ),
        UNPENALIZED_BIAS,
        LINEAR,
    ),
    solve=solve,
    losses=where_lost,
    derive=derive,
    cases=(
        Case(
            "Andriopoulos et al. 2024 (regression, M = 1, free bias)",
            lambda: UFM(
                [1.0] * 4, Squared([[1, 2, 0, -1], [0, 1, 3, 1]]), 1, 4, 1e-2, 1e-2, "free"
            ),
        ),
        Case(
            "a bipolar encoding of three classes",
            lambda: UFM(
                [30, 20, 10], Squared([[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]), 2, 5, 1e-3, 1e-3
            ),
        ),
    ),
    draw=draw,
)
