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
from .proofs import proof

if TYPE_CHECKING:
    from ..problem.losses import Array

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
    derive=proof("squared_targets"),
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
