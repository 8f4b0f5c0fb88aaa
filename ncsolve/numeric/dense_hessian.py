"""All eigenvalues of the Hessian of the raw objective at a point, where the problem is small enough for a dense matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..problem.errors import TooLarge

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.objective import Objective

LARGEST = 3000  # free numbers; the decomposition takes about ten seconds there


def hessian_eigenvalues(objective: Objective, theta: Array) -> Array:
    """Ascending eigenvalues of the second derivative at theta, from its products with every axis.

    Raises
    ------
    TooLarge
        Beyond 3000 free numbers.

    Examples
    --------
    >>> import numpy as np, ncsolve
    >>> from ncsolve.problem.losses import sample_columns
    >>> from ncsolve.problem.objective import objective_over
    >>> ufm = ncsolve.UFM([1, 1], width=1, weight_decay=0.1, feature_decay=0.1)
    >>> objective = objective_over(ufm, sample_columns(ufm.loss, ufm.counts))
    >>> hessian_eigenvalues(objective, np.zeros(objective.size)).round(12).tolist()  # 0.1 -+ 1/N, twice
    [-0.4, -0.4, 0.6, 0.6]
    """
    if objective.size > LARGEST:
        raise TooLarge(
            f"all eigenvalues of a Hessian of {objective.size} free numbers are too many; up to {LARGEST} are computed: "
            "fewer samples or classes, or smaller widths, work"
        )
    product = objective.hessian_product(theta)
    matrix = np.empty((objective.size, objective.size))
    axis = np.zeros(objective.size)
    for i in range(objective.size):
        axis[i] = 1.0
        matrix[i] = product(axis)
        axis[i] = 0.0
    return np.asarray(np.linalg.eigvalsh(0.5 * (matrix + matrix.T)), dtype=np.float64)
