r"""The two geometries that other work hard-codes, as K rows in d dimensions.

Simplex: unit rows with cosines -1/(K-1), which need d >= K - 1. Orthogonal frame: orthonormal rows, d >= K. Both are turned by a
random rotation of the d-dimensional space, so that no coordinate is special.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from ..problem.errors import ProblemError

if TYPE_CHECKING:
    from ..problem.losses import Array


def simplex_frame(
    classes: SupportsIndex, width: SupportsIndex, *, rng: int | np.random.Generator | None = None
) -> Array:
    r"""K unit rows with equal cosines -1/(K - 1): a simplex equiangular tight frame.

    Parameters
    ----------
    classes : int, K >= 2
    width : int, d >= K - 1
    rng : seed or Generator
        Of the rotation, which is uniform.

    Returns
    -------
    array (K, d)
        Its Gram matrix is (K I - J)/(K - 1). Multiply by the norm that the classifiers should have.

    Examples
    --------
    >>> frame = simplex_frame(4, 6, rng=0)
    >>> frame.shape, (frame @ frame.T).round(6).tolist()[0]
    ((4, 6), [1.0, -0.333333, -0.333333, -0.333333])
    """
    from scipy.linalg import helmert

    k, d = _sizes(classes, width, fewer=1)
    rows = helmert(k).T * np.sqrt(k / (k - 1.0))
    return np.asarray(rows @ _rotation(d, rng)[: k - 1], dtype=np.float64)


def orthogonal_frame(
    classes: SupportsIndex, width: SupportsIndex, *, rng: int | np.random.Generator | None = None
) -> Array:
    """K orthonormal rows in d >= K dimensions.

    Parameters
    ----------
    classes, width, rng : as in `simplex_frame`

    Returns
    -------
    array (K, d)

    Examples
    --------
    >>> frame = orthogonal_frame(3, 5, rng=0)
    >>> bool(abs(frame @ frame.T - np.eye(3)).max() < 1e-12)
    True
    """
    k, d = _sizes(classes, width)
    return np.asarray(_rotation(d, rng)[:k], dtype=np.float64)


def _rotation(size: int, rng: int | np.random.Generator | None) -> Array:
    from scipy.stats import ortho_group

    found: Array = np.atleast_2d(ortho_group.rvs(size, random_state=np.random.default_rng(rng)))
    return found


def _sizes(classes: SupportsIndex, width: SupportsIndex, *, fewer: int = 0) -> tuple[int, int]:
    """K and d as numbers, with d at least K less `fewer`."""
    try:
        k, d = operator.index(classes), operator.index(width)
    except TypeError:
        raise ProblemError(
            f"classes {classes!r} and width {width!r} should be whole numbers"
        ) from None
    if k < 2:
        raise ProblemError(f"classes {k} are fewer than 2; a frame of two or more rows works")
    if d < k - fewer:
        raise ProblemError(
            f"width {d} is too small for {k} classes: the frame needs {k - fewer} dimensions or more"
        )
    return k, d
