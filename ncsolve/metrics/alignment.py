r"""Two sets of vectors in one picture: the rotation that brings one closest to the other.

Vectors are known up to an orthogonal map. With rows A (m x d) measured and B (m x p) predicted, padded to one width, the map R with the
least ||A R - B||_F comes from the SVD of A^T B (Schonemann 1966). Both are first written in coordinates of their own row spaces, at
most m wide, so that the cost is O(m^2 (m + d)) and no d x d matrix appears.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..problem.losses import Array


def aligned(measured: Array, predicted: Array) -> tuple[Array, Array]:
    """The rows of both in common coordinates, `measured` rotated (reflections allowed) onto `predicted`.

    Parameters
    ----------
    measured : (m, d)
    predicted : (m, p)

    Returns
    -------
    two arrays of shape (m, r), r = the wider of the two reduced widths
        Inner products of rows are those given.

    Examples
    --------
    >>> import numpy as np
    >>> turned, still = aligned(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 2.0]]))
    >>> bool(np.allclose(turned, still))
    True
    """
    from scipy.linalg import orthogonal_procrustes

    a, b = _coordinates(measured), _coordinates(predicted)
    width = max(a.shape[1], b.shape[1])
    a, b = (np.pad(one, ((0, 0), (0, width - one.shape[1]))) for one in (a, b))
    rotation, _ = orthogonal_procrustes(a, b)
    return a @ rotation, b


def _coordinates(rows: Array) -> Array:
    """Rows with the same inner products, at most as wide as there are rows; principal directions first."""
    left, sigma, _ = np.linalg.svd(rows, full_matrices=False)
    found: Array = left * sigma
    return found
