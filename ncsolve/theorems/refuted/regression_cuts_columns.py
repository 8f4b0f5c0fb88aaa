r"""Multivariate regression: in the partial regime the square root is claimed to be cut by columns.

Published. Squared loss, one layer, free bias, targets with covariance Sigma (over the samples), c = lambda_H lambda_W in the paper's
normalization (so that their c is N lambda_H lambda_W here). Where c lies between the smallest and the largest eigenvalue of Sigma, the
global minimizer has W proportional to the first j columns of A^(1/2), A = Sigma^(1/2) - sqrt(c) I, the others set to zero, where j is
the number of eigenvalues above c.
Counterexample. Four samples with two correlated targets, Sigma = (5/2) (1, 4/5; 4/5, 1): eigenvalues 9/2 and 1/2, eigenvectors on the
diagonals. At c = 1.96 the first column has the eigenvector's direction, but 1/sqrt(2) of its length: 2.29156 there, the minimum is
2.23985.
The reading. A has a negative eigenvalue in this regime, so its square root is not real. Here it is read in the claim's favor: the square
root of A's positive part, its first j columns, and the best H for that W. They span the right space, with a wrong W W^T.
Instead. By von Neumann's trace inequality the minimizer shrinks singular values of the centered targets and keeps the singular vectors:
the cut is made in the eigenbasis of Sigma (squared_targets). Both agree where Sigma is diagonal with descending entries.
Source. Andriopoulos et al. (2024, arXiv:2409.04180), Theorem 4.1.
"""

from __future__ import annotations

import math

import numpy as np

from ...analytic.hypotheses import LINEAR, ONE_LAYER, SQUARED
from ...analytic.theorem import Hypothesis
from ...problem.losses import Squared
from ...problem.objective import Parameters
from ...problem.ufm import UFM
from . import Refutation


def published(ufm: UFM) -> Parameters:
    """The first j columns of the square root of A's positive part as W, and the best H for it."""
    eigenvalues, vectors, root = _spectrum(ufm)
    partial = (vectors * np.sqrt(np.maximum(np.sqrt(eigenvalues) - root, 0.0))) @ vectors.T
    kept = int((np.sqrt(eigenvalues) > root).sum())
    partial[:, kept:] = 0.0
    return _completed(ufm, partial)


def better(ufm: UFM) -> Parameters:
    """The cut in the eigenbasis."""
    eigenvalues, vectors, root = _spectrum(ufm)
    return _completed(ufm, vectors * np.sqrt(np.maximum(np.sqrt(eigenvalues) - root, 0.0)))


def _centered(ufm: UFM) -> np.ndarray:
    codes = ufm.loss.targets(ufm.classes)
    centered: np.ndarray = codes - (codes @ (ufm.counts / ufm.samples))[:, None]
    return centered


def _spectrum(ufm: UFM) -> tuple[np.ndarray, np.ndarray, float]:
    """Eigenvalues of Sigma, descending, its eigenvectors, and sqrt(c)."""
    targets = _centered(ufm)
    eigenvalues, vectors = np.linalg.eigh((targets * ufm.counts) @ targets.T / ufm.samples)
    root = math.sqrt(ufm.samples * ufm.weight_decay[0] * ufm.feature_decay)
    return np.maximum(eigenvalues[::-1], 0.0), vectors[:, ::-1], root


def _completed(ufm: UFM, shape: np.ndarray) -> Parameters:
    """W = (N lambda_H/lambda_W)^(1/4) shape, padded to the width, with the best H and b = mean target."""
    weight = np.zeros(ufm.shapes[0])
    weight[:, : shape.shape[1]] = (
        ufm.samples * ufm.feature_decay / ufm.weight_decay[0]
    ) ** 0.25 * shape
    ridge = weight.T @ weight + ufm.samples * ufm.feature_decay * np.eye(weight.shape[1])
    codes = ufm.loss.targets(ufm.classes)
    return Parameters(
        (weight,),
        np.linalg.solve(ridge, weight.T @ _centered(ufm)),
        codes @ (ufm.counts / ufm.samples),
    )


def draw(rng: np.random.Generator) -> UFM:
    """Gaussian targets with 2 .. 4 outputs, none of them nearly uncorrelated, and a c between two eigenvalues of their covariance."""
    outputs, samples = int(rng.integers(2, 5)), int(rng.integers(8, 30))
    tilted = False
    while not tilted:
        codes = rng.normal(size=(outputs, outputs)) @ rng.normal(size=(outputs, samples))
        problem = UFM(np.ones(samples), Squared(codes), 1, outputs, 1e-3, 1e-3, "free")
        eigenvalues, vectors, _ = _spectrum(problem)
        tilted = bool(np.abs(vectors).min() > 0.1)
    cut = int(rng.integers(1, outputs))
    share = float(rng.uniform(0.1, 0.7))  # well between the two, or hardly anything is kept
    root = (1.0 - share) * math.sqrt(eigenvalues[cut]) + share * math.sqrt(eigenvalues[cut - 1])
    decay = root / math.sqrt(samples)
    return problem.replace(weight_decay=decay, feature_decay=decay)


REFUTATION = Refutation(
    name="regression_cuts_columns",
    statement="Regression, M = 1, free bias, some eigenvalues of the target covariance below c: columns of a square root are cut.",
    reference="Andriopoulos et al. 2024 (arXiv:2409.04180), Theorem 4.1, in the partial regime",
    hypotheses=(
        SQUARED,
        Hypothesis(
            "the targets are given as a matrix",
            lambda ufm: not ufm.loss.one_hot,
            {"loss": "given targets"},
        ),
        Hypothesis("the bias is free", lambda ufm: ufm.bias == "free", {"bias": "free"}),
        ONE_LAYER,
        LINEAR,
    ),
    fails="Two correlated targets with c between the eigenvalues of their covariance: the columns that are kept have wrong lengths.",
    instead="The cut is made in the eigenbasis of the covariance; the two agree where it is diagonal with descending entries.",
    holds="squared_targets",
    counterexample=lambda: UFM(
        [1.0] * 4, Squared([[2.0, 1.0, -1.0, -2.0], [1.0, 2.0, -2.0, -1.0]]), 1, 2, 0.7, 0.7, "free"
    ),
    published=published,
    better=better,
    draw=draw,
)
