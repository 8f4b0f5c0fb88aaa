r"""Cosines between class means, and between classifier rows, over all pairs of classes that are not zero.

With c of them, and S the sum of their unit vectors, the mean over pairs is (|S|^2 - c) / (c (c - 1)): no matrix is needed. The smallest and
the largest cosine need the Gram matrix; for classes in groups of m_g equal ones it has one entry for each pair of groups and one
within each group. With fewer than two vectors that are not zero there is no pair: NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .factors import end_to_end_spectrum, layer_spectra

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..problem.losses import Array
    from .prediction import Prediction

ZERO = 1e-12  # vectors shorter than this share of the longest are zero
BLOCK = 1 << 19  # entries of Gram matrices at a time


def present(norm2: Array) -> NDArray[np.bool_]:
    """Which vectors of P configurations with squared lengths (P, G) are not zero."""
    length = np.sqrt(np.maximum(norm2, 0.0))
    there: NDArray[np.bool_] = length > ZERO * length.max(axis=1, keepdims=True, initial=0.0)
    return there


def inverse_lengths(norm2: Array, there: NDArray[np.bool_]) -> Array:
    """1/|v|, and 0 for vectors that are zero."""
    return np.divide(1.0, np.sqrt(np.maximum(norm2, 0.0)), out=np.zeros_like(norm2), where=there)


def mean(sum2: Array, number: Array) -> Array:
    """Mean cosine of P configurations from |S|^2 and the number of vectors that are not zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = np.where(number > 1, (sum2 - number) / (number * (number - 1.0)), np.nan)
    return np.clip(middle, -1.0, 1.0)


def extremes(
    between: Callable[[slice], Array], within: Array, there: NDArray[np.bool_], sizes: Array
) -> tuple[Array, Array]:
    """(smallest, largest) cosine of P configurations.

    Parameters
    ----------
    between : from a slice of the configurations to cosines of members of different groups, shape (p, G, G), without the diagonal
    within : (P, G) cosines of two members of one group; not read where it has one member
    there : (P, G) whether the vectors of a group are not zero
    sizes : (G,) members of each group
    """
    at, ends = np.arange(sizes.size), np.full((2, len(there)), np.nan)
    step = max(1, BLOCK // sizes.size**2)
    for start in range(0, len(there), step):
        part = slice(start, start + step)
        gram, zero = between(part), ~there[part]
        for end, worst, extreme in ((0, np.inf, np.minimum), (1, -np.inf, np.maximum)):
            gram[:, at, at] = np.where(sizes > 1, within[part], worst)
            if zero.any():
                gram[zero] = worst
                gram.transpose(0, 2, 1)[zero] = worst
            ends[end, part] = np.clip(extreme.reduce(gram, axis=(1, 2)), -1.0, 1.0)
    ends[:, there @ sizes < 2] = np.nan
    return ends[0], ends[1]


def cosines(prediction: Prediction, which: str) -> tuple[float, float, float]:
    """(smallest, mean, largest) cosine of a prediction's class means ("features") or classifier rows ("classifiers")."""
    ufm, solution = prediction.ufm, prediction.solution
    if which == "classifiers" and not ufm.loss.one_hot:
        return (np.nan,) * 3
    sigma, frame = solution.sigma_and_frame
    if solution.matrices is not None:
        point = solution.matrices
        rows = point.features.T if which == "features" else point.end_to_end
    elif which == "features":
        rows = frame.right() * layer_spectra(ufm, sigma)[0] / np.sqrt(ufm.counts)[:, None]
    else:
        rows = frame.left() * end_to_end_spectrum(ufm, sigma)
    norm2 = (rows**2).sum(axis=1)[None]
    there = present(norm2)
    unit = rows * inverse_lengths(norm2, there)[0][:, None]
    one = np.ones(len(rows))
    low, high = extremes(lambda _: (unit @ unit.T)[None], np.zeros(norm2.shape), there, one)
    middle = mean(np.array([(unit.sum(axis=0) ** 2).sum()]), there @ one)
    return float(low[0]), float(middle[0]), float(high[0])
