r"""Cosines between class means, and between classifier rows, over all pairs of classes that are not zero.

With c of them, and S the sum of their unit vectors, the mean over pairs is (|S|^2 - c) / (c (c - 1)): no matrix is needed. The smallest and
the largest cosine need the Gram matrix; for classes in groups of m_g equal ones it has one entry for each pair of groups and one
within each group. With fewer than two vectors that are not zero there is no pair: NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...analytic.prediction import Prediction
    from ...problem.losses import Array

ZERO = 1e-12  # vectors shorter than this share of the longest are zero


def present(norm2: Array) -> NDArray[np.bool_]:
    """Which vectors of P configurations with squared lengths (P, G) are not zero."""
    length = np.sqrt(np.maximum(norm2, 0.0))
    found: NDArray[np.bool_] = length > ZERO * length.max(axis=1, keepdims=True, initial=0.0)
    return found


def inverse_lengths(norm2: Array, there: NDArray[np.bool_]) -> Array:
    """1/|v|, and 0 for vectors that are zero."""
    return np.divide(1.0, np.sqrt(np.maximum(norm2, 0.0)), out=np.zeros_like(norm2), where=there)


def mean(sum2: Array, number: Array) -> Array:
    """Mean cosine of P configurations from |S|^2 and the number of vectors that are not zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = np.where(number > 1, (sum2 - number) / (number * (number - 1.0)), np.nan)
    return np.clip(found, -1.0, 1.0)


def extremes(
    between: Array, within: Array, there: NDArray[np.bool_], sizes: Array
) -> tuple[Array, Array]:
    """(smallest, largest) cosine of P configurations.

    Parameters
    ----------
    between : (P, G, G) cosines of members of different groups; the diagonal is not read, and is overwritten
    within : (P, G) cosines of two members of one group; not read where it has one member
    there : (P, G) whether the vectors of a group are not zero
    sizes : (G,) members of each group
    """
    at = np.arange(sizes.size)
    found = []
    for worst, extreme in ((np.inf, np.minimum), (-np.inf, np.maximum)):
        between[:, at, at] = np.where(sizes > 1, within, worst)
        if not there.all():
            between[~there] = worst
            between.transpose(0, 2, 1)[~there] = worst
        one = extreme.reduce(between, axis=(1, 2))
        one = np.clip(one, -1.0, 1.0)
        one[there @ sizes < 2] = np.nan
        found.append(one)
    return found[0], found[1]


def of_prediction(prediction: Prediction, which: str) -> tuple[float, float, float]:
    """(smallest, mean, largest) cosine of a prediction's class means ("features") or classifier rows ("classifiers")."""
    from ...analytic.factors import end_to_end_spectrum, layer_spectra

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
    norm2 = (rows**2).sum(axis=1)[None]
    there = present(norm2)
    unit = rows * inverse_lengths(norm2, there)[0][:, None]
    one = np.ones(len(rows))
    low, high = extremes((unit @ unit.T)[None], np.zeros(norm2.shape), there, one)
    middle = mean(np.array([(unit.sum(axis=0) ** 2).sum()]), there @ one)
    return float(low[0]), float(middle[0]), float(high[0])
