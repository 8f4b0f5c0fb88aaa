r"""Balanced factors (R2): from A = U diag(sigma) V^T to W_M, ..., W_1 and the class means.

All M + 1 factors carry equal penalties, lambda_j s_j^2 = g sigma^q, and neighbors share singular vectors. The hidden bases
are free (rotations of a layer change nothing); here they are the first coordinate axes of each layer:

    W_M = U diag(s_M) [I 0],   W_j = diag(s_j) padded with zeros,   Hbar = [I 0]^T diag(s_H) V^T D^(-1/2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..problem.errors import ProblemError
from ..problem.objective import Parameters
from .reduction import reduce
from .spectrum import Frame, checked_size

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.ufm import UFM


def layer_spectra(ufm: UFM, sigma: Array) -> tuple[Array, ...]:
    """Singular values (s_H, s_1, ..., s_M) of H and of each W_j, one entry per mode, where A has `sigma`.

    s_j = sqrt(g sigma^q / lambda_j). Raises ProblemError where decays differ so much that one would overflow.
    """
    reduction = reduce(ufm)
    share = reduction.mean_decay * np.power(sigma, reduction.q)
    with np.errstate(over="ignore", under="ignore"):
        spectra = tuple(np.sqrt(share) / np.sqrt(decay) for decay in ufm.decays)
    for spectrum in spectra:
        if spectrum.size and not (np.isfinite(spectrum).all() and spectrum.max() < 1e150):
            raise ProblemError(
                f"decays {min(ufm.decays):g} and {max(ufm.decays):g} lie so far apart that a layer overflows; bring them closer"
            )
    return spectra


def end_to_end_spectrum(ufm: UFM, sigma: Array) -> Array:
    """Singular values of W_M ... W_1: the product of the layers', S = sqrt(lambda_H / g) sigma^(M/(M+1))."""
    reduction = reduce(ufm)
    depth = reduction.depth
    spectrum: Array = (
        np.sqrt(ufm.feature_decay)
        / np.sqrt(reduction.mean_decay)
        * np.power(sigma, depth / (depth + 1.0))
    )
    return spectrum


def balanced_factors(ufm: UFM, sigma: Array, frame: Frame, bias: Array) -> Parameters:
    """Explicit (W_1, ..., W_M), class means (d_1, K) and bias whose product is A D^(-1/2) + b 1^T."""
    rank = sigma.size
    spectra = layer_spectra(ufm, sigma)
    weights = []
    for j, (shape, s) in enumerate(zip(ufm.shapes, spectra[1:], strict=True)):
        weight = np.zeros(checked_size(*shape, f"W_{j + 1}"))
        if j + 1 < ufm.depth:
            weight[np.arange(rank), np.arange(rank)] = s
        else:
            weight[:, :rank] = frame.left() * s
        weights.append(weight)
    means = np.zeros(checked_size(ufm.width[0], ufm.classes, "the matrix of class means"))
    means[:rank] = (spectra[0] * frame.right()).T / np.sqrt(ufm.counts)
    return Parameters(tuple(weights), means, bias)
