r"""Cosines between class means, and between classifier rows, over all pairs of classes that are not zero.

For classes in groups of m_g equal ones a Gram matrix has three kinds of entries: |v_g|^2, <v_g, v_h> between groups, and <v_g, v_g'> within
a group. The mean over pairs then weighs m_g m_h of the second kind and m_g (m_g - 1)/2 of the third. With fewer than two vectors
that are not zero there is no pair: NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ...losses import Array
    from ..prediction import Prediction

ZERO = 1e-12  # vectors shorter than this share of the longest are zero


def summary(norm2: Array, between: Array, within: Array, sizes: Array) -> tuple[Array, Array, Array]:
    """(smallest, mean, largest) cosine of P configurations.

    Parameters
    ----------
    norm2 : (P, G) squared lengths
    between : (P, G, G) inner products of members of different groups; the diagonal is not read
    within : (P, G) inner products of two members of one group; not read where it has one member
    sizes : (G,) members of each group
    """
    number = sizes.size
    longest = np.sqrt(norm2.max(axis=1, keepdims=True, initial=0.0))
    length = np.sqrt(np.maximum(norm2, 0.0))
    there = length > ZERO * longest
    inverse = np.divide(1.0, length, out=np.zeros_like(length), where=there)
    cosine = between * inverse[:, :, None] * inverse[:, None, :]
    at = np.arange(number)
    cosine[:, at, at] = within * inverse**2
    pairs = np.outer(sizes, sizes).astype(np.float64)
    pairs[at, at] = sizes * (sizes - 1.0)
    weight = pairs * there[:, :, None] * there[:, None, :]
    total = weight.sum(axis=(1, 2))
    np.clip(cosine, -1.0, 1.0, out=cosine)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (cosine * weight).sum(axis=(1, 2)) / total
    none = total == 0.0
    low = np.where(weight > 0, cosine, np.inf).min(axis=(1, 2))
    high = np.where(weight > 0, cosine, -np.inf).max(axis=(1, 2))
    for found in (low, mean, high):
        found[none] = np.nan
    return low, mean, high


def of_prediction(prediction: Prediction, which: str) -> tuple[float, float, float]:
    """(smallest, mean, largest) cosine of a prediction's class means ("features") or classifier rows ("classifiers")."""
    from ..factors import end_to_end_spectrum, layer_spectra

    ufm, solution = prediction.ufm, prediction.solution
    if which == "classifiers" and not ufm.loss.one_hot:
        return (np.nan,) * 3
    sigma, frame = solution.sigma_and_frame
    if solution.matrices is not None:
        found = solution.matrices()
        rows = found.features.T if which == "features" else found.end_to_end
    elif which == "features":
        rows = frame.right() * layer_spectra(ufm, sigma)[0] / np.sqrt(ufm.counts)[:, None]
    else:
        rows = frame.left() * end_to_end_spectrum(ufm, sigma)
    gram = rows @ rows.T
    low, mean, high = summary(gram.diagonal()[None], gram[None], np.zeros((1, len(gram))), np.ones(len(gram)))
    return float(low[0]), float(mean[0]), float(high[0])
