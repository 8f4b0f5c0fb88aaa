r"""Is it a minimum? The Hessian of the raw objective at a point, through products with vectors.

Rotating a hidden layer (W_j -> W_j Q^T, X_{j-1} -> Q X_{j-1}) leaves the objective as it is, so at every critical point the
Hessian has zero modes along these orbits. A hidden layer of width d whose activations have rank r contributes
dim O(d) - dim O(d - r) = r (2d - r - 1)/2 of them. The check projects exactly these directions out; what is left must be
positive at an isolated minimum (up to rotation), and has a negative eigenvalue at a strict saddle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..problem.errors import TooLarge
from ..problem.objective import Parameters
from ..values import Value

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.objective import Objective

DENSE = 600  # variables up to which all eigenvalues are computed
LARGEST = 2**28  # entries of the matrix of rotation directions
LARGEST_DENSE = 3000  # free numbers; the decomposition takes about ten seconds there
RANK = 1e-7  # activations weaker than this share of the strongest are zero


@dataclass(frozen=True, eq=False, repr=False)
class HessianCheck(Value):
    """What the second derivative says of a point.

    Attributes
    ----------
    smallest : smallest eigenvalue across the orbit of rotations
    largest : largest eigenvalue in modulus
    expected_zero_modes : sum over hidden layers of r (2d - r - 1)/2
    rotation_residual : largest |Hessian x direction| over the rotation directions, relative to `largest`; 0 in theory
    tolerance : eigenvalues within tolerance * largest of zero count as zero
    zero_modes, negative_modes : counts over all eigenvalues, where the problem is small enough to compute all; else None
    """

    smallest: float
    largest: float
    expected_zero_modes: int
    rotation_residual: float
    tolerance: float
    zero_modes: int | None
    negative_modes: int | None

    entries = (
        "smallest",
        "largest",
        "expected_zero_modes",
        "rotation_residual",
        "tolerance",
        "zero_modes",
        "negative_modes",
        "is_minimum",
    )

    @property
    def is_minimum(self) -> bool:
        """Positive definite across the orbit: an isolated minimum up to rotation."""
        return self.smallest > self.tolerance * self.largest

    @property
    def is_strict_saddle(self) -> bool:
        """Some direction goes down at second order."""
        return self.smallest < -self.tolerance * self.largest


def hessian_check(objective: Objective, theta: Array, *, tolerance: float = 1e-8) -> HessianCheck:
    """Smallest Hessian eigenvalue across the orbit of layer rotations at a critical point.

    Parameters
    ----------
    objective : Objective
    theta : array (size,), a critical point
    tolerance : float, relative to the largest eigenvalue

    Notes
    -----
    Up to 600 variables all eigenvalues are computed. Beyond, ARPACK (`eigsh`, which="SA", tolerance 1e-10) finds the smallest
    one of P H P + s Q Q^T, where Q spans the rotation directions, P = I - Q Q^T and s is the largest eigenvalue.

    Examples
    --------
    >>> import ncsolve
    >>> from ncsolve.numeric.descent import descend
    >>> run = next(descend(ncsolve.UFM(counts=[6, 3], weight_decay=1e-2, feature_decay=1e-2), rng=0))
    >>> check = hessian_check(run.objective, run.theta)
    >>> check.is_minimum, check.zero_modes == check.expected_zero_modes
    (True, True)
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    product = objective.hessian_product(theta)
    orbit, expected = _rotations(objective, theta)
    size = objective.size
    if size <= DENSE:
        matrix = _dense(objective, theta)
        spectrum = np.linalg.eigvalsh(matrix)
        largest = float(np.abs(spectrum).max())
        across = np.linalg.eigvalsh(_deflated(matrix, orbit, largest))
        return HessianCheck(
            float(across[0]),
            largest,
            expected,
            _residual(product, orbit, largest),
            tolerance,
            int(np.sum(np.abs(spectrum) <= tolerance * largest)),
            int(np.sum(spectrum < -tolerance * largest)),
        )
    rng = np.random.default_rng(0)  # a fixed start vector: the answer is a property of the point
    start = rng.normal(size=size)
    whole = LinearOperator((size, size), matvec=product, dtype=np.float64)
    largest = float(
        np.abs(eigsh(whole, k=1, which="LM", v0=start, return_eigenvectors=False, tol=1e-3))[0]
    )

    def deflated(v: Array) -> Array:
        inside = orbit.T @ v
        rest = v - orbit @ inside
        image = product(rest)
        result: Array = image - orbit @ (orbit.T @ image) + largest * (orbit @ inside)
        return result

    across = LinearOperator((size, size), matvec=deflated, dtype=np.float64)
    smallest = float(
        eigsh(
            across,
            k=1,
            which="SA",
            v0=start,
            return_eigenvectors=False,
            tol=1e-10,
            ncv=60,
            maxiter=5000,
        )[0]
    )
    return HessianCheck(
        smallest, largest, expected, _residual(product, orbit, largest), tolerance, None, None
    )


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
    if objective.size > LARGEST_DENSE:
        raise TooLarge(
            f"all eigenvalues of a Hessian of {objective.size} free numbers are too many; up to {LARGEST_DENSE} are computed: "
            "fewer samples or classes, or smaller widths, work"
        )
    return np.asarray(np.linalg.eigvalsh(_dense(objective, theta)), dtype=np.float64)


def _dense(objective: Objective, theta: Array) -> Array:
    """The second derivative as a matrix, from its products with every axis."""
    product = objective.hessian_product(theta)
    matrix = np.array([product(axis) for axis in np.eye(objective.size)])
    symmetric: Array = 0.5 * (matrix + matrix.T)
    return symmetric


def _deflated(matrix: Array, orbit: Array, shift: float) -> Array:
    projector = np.eye(matrix.shape[0]) - orbit @ orbit.T
    result: Array = projector @ matrix @ projector + shift * (orbit @ orbit.T)
    return result


def _residual(product: object, orbit: Array, largest: float) -> float:
    if orbit.shape[1] == 0:
        return 0.0
    chosen = np.linspace(0, orbit.shape[1] - 1, min(orbit.shape[1], 20)).astype(int)
    return max(float(np.linalg.norm(product(orbit[:, i]))) for i in chosen) / largest  # type: ignore[operator]


def _rotations(objective: Objective, theta: Array) -> tuple[Array, int]:
    """Orthonormal basis of the directions that rotate hidden layers, and their expected number."""
    p = objective.unpack(theta)
    factors = [p.features, *p.weights]
    expected, columns = 0, []
    layers = []
    for j in range(len(p.weights)):
        basis, strength, _ = np.linalg.svd(factors[j])
        rank = int(np.sum(strength > RANK * strength[0])) if strength[0] > 0 else 0
        expected += rank * (2 * factors[j].shape[0] - rank - 1) // 2
        layers.append((basis, rank))
    if expected * objective.size > LARGEST:
        raise TooLarge(
            f"the Hessian check needs {expected} rotation directions of {objective.size} entries; "
            "narrower layers or fewer classes work"
        )
    for j, (basis, rank) in enumerate(layers):
        for a in range(rank):
            for b in range(a + 1, basis.shape[0]):
                skew = np.outer(basis[:, a], basis[:, b]) - np.outer(basis[:, b], basis[:, a])
                direction = [np.zeros_like(factor) for factor in factors]
                direction[j] = skew @ factors[j]
                direction[j + 1] = -factors[j + 1] @ skew
                columns.append(
                    objective.pack(
                        Parameters(tuple(direction[1:]), direction[0], np.zeros_like(p.bias))
                    )
                )
    if not columns:
        return np.zeros((objective.size, 0)), expected
    return np.linalg.qr(np.array(columns).T)[0], expected
