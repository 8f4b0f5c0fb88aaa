r"""The whole Hessian spectrum at a stationary point whose modes are aligned, by blocks.

Write the second derivative of the raw objective in the singular bases of the layers, D_j(a, b) for a change of F_j (F_0 = H, F_j = W_j)
in row a and column b. All F_j are diagonal there, so it couples D_j(a, b) with D_k(a, b) and D_k(b, a) only. With r active modes,
sigma_a = tau_a (1 - p_a) and lambda_j s_{j,a}^2 = (tau_a - sigma_a) sigma_a / N for all j, the blocks are, with l_j = sqrt(lambda_j):

    a mode a and itself            2 diag(lambda) + (1/p_a - 2) l l^T                          one negative iff p_a > (M+1)/(2M)
    two active modes a, b          2(M+1) numbers (`_pair`): M zeros, M + 1 positive, and      sign of (tau_a - tau_b)/(sigma_a - sigma_b)
    mode a, an idle unit, layer j  0 and lambda_j + lambda_{j-1}
    mode a, a missing mode c       (1/p_a) [[lambda_M, y], [y, lambda_0]],                     one negative iff tau_c > tau_a
                                       y = -sqrt(lambda_0 lambda_M) tau_c / tau_a
    mode a, an empty row           lambda_M / p_a
    mode a, an empty column        lambda_0 / p_a
    missing c, idle unit, M = 1    [[lambda_1, -tau_c/N], [-tau_c/N, lambda_0]]                one negative iff tau_c > N c
    a free bias                    1 for each row without a mode; with mode a
                                       [[lambda_0/p_a, S_a/sqrt N], [S_a/sqrt N, 1]],  S_a^2 = N lambda_0 (1/p_a - 1)
    everything else                lambda_j

A missing mode has tau > 0 and sigma = 0; idle units are the d_j - r hidden directions that no mode uses; empty rows and columns are the
directions of the outputs and of the P columns of H that no mode of the target uses, within-class directions among them.
Derived in docs/landscape.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..analytic.spectrum import checked_size
from ..problem.errors import TooLarge
from ..values import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..problem.losses import Array
    from .modes import TargetModes

LARGEST = 2**24  # entries of all blocks of pairs


@dataclass(frozen=True, eq=False, repr=False)
class Family(Value):
    """Eigenvalues of one kind of direction, each occurring `copies` times.

    Attributes
    ----------
    directions : what they are, in words
    values : array
    copies : int
    """

    directions: str
    values: Array
    copies: int

    @property
    def size(self) -> int:
        """Number of eigenvalues."""
        return int(self.values.size) * self.copies

    entries = ("directions", "copies", "values")


def families(modes: TargetModes, share: Array, shrinkage: Array, columns: float) -> list[Family]:
    """Eigenvalues at an aligned stationary point.

    Parameters
    ----------
    modes : TargetModes
    share, shrinkage : arrays (m,), sigma/tau and p = 1 - sigma/tau, each with all its digits; 0 and 1 where a mode is zero
    columns : number of columns of H, N or K
    """
    return [family for family in _families(modes, share, shrinkage, int(columns)) if family.size]


def eigenvalues(found: list[Family]) -> Array:
    """All eigenvalues of all families, ascending."""
    total = sum(family.size for family in found)
    checked_size(total, 1, "the list of eigenvalues")
    return np.sort(np.concatenate([np.repeat(family.values, family.copies) for family in found]))


def _families(modes: TargetModes, x: Array, p: Array, columns: int) -> Iterator[Family]:
    ufm, samples = modes.ufm, modes.ufm.samples
    decay, depth = np.array(ufm.decays), ufm.depth
    active, missing = np.flatnonzero(x > 0), np.flatnonzero(x <= 0)
    r, tau, inverse = active.size, modes.tau, 1.0 / p[active]
    rows_left, columns_left = ufm.outputs - r - missing.size, columns - r - missing.size
    idle = [width - r for width in ufm.width]
    free = ufm.bias == "free"

    yield Family("a mode and itself", _own(decay, inverse), 1)
    yield Family("two active modes", _pairs(np.array(ufm.decays), (x / p)[active]), 1)
    for j in range(1, depth + 1):
        turn = np.repeat([0.0, decay[j] + decay[j - 1]], r)
        yield Family(f"active modes and idle units of layer {j}", turn, idle[j - 1])
    yield Family(
        "active modes and missing modes", _missing(decay, inverse, tau[active], tau[missing]), 1
    )
    yield Family("active modes and empty rows", decay[-1] * inverse, rows_left)
    yield Family("active modes and empty columns", decay[0] * inverse, columns_left - free)
    if free:
        yield Family("active modes, the mean and the bias", _bias(decay[0], inverse), 1)
        yield Family("the bias alone", np.ones(1), ufm.outputs - r)
    if depth == 1:
        yield Family(
            "missing modes and idle units",
            two_by_two(decay[1], decay[0], tau[missing] / samples),
            idle[0],
        )
        yield Family("empty rows and idle units", decay[1:], rows_left * idle[0])
        yield Family("empty columns and idle units", decay[:1], columns_left * idle[0])
        return
    yield Family("rows without a mode and idle units", decay[-1:], (ufm.outputs - r) * idle[-1])
    for j in range(1, depth):
        yield Family(
            f"idle units of layers {j} and {j + 1}", decay[j : j + 1], idle[j] * idle[j - 1]
        )
    yield Family("columns without a mode and idle units", decay[:1], (columns - r) * idle[0])


def _own(decay: Array, inverse: Array) -> Array:
    """Eigenvalues of 2 diag(lambda) + (1/p - 2) l l^T for each active mode."""
    blocks = 2.0 * np.diag(decay) + (inverse - 2.0)[:, None, None] * np.sqrt(np.outer(decay, decay))
    return np.asarray(np.linalg.eigvalsh(blocks).ravel(), dtype=np.float64)


def _pairs(decay: Array, weight: Array) -> Array:
    """Eigenvalues of the blocks of all pairs of active modes, of which `weight` is w = sigma/(tau - sigma)."""
    a, b = np.triu_indices(weight.size, 1)
    side = 2 * decay.size
    if a.size * side * side > LARGEST:
        raise TooLarge(
            f"{weight.size} active modes have {a.size} pairs, too many for a list of eigenvalues; the counts are known"
        )
    ratio = np.exp((np.log(weight[b]) - np.log(weight[a])) / (side - 2.0))  # t^(2M) = w_b / w_a
    return np.asarray(np.linalg.eigvalsh(_pair(decay, weight[a], ratio)).ravel(), dtype=np.float64)


def _pair(decay: Array, weight: Array, ratio: Array) -> Array:
    r"""The block of D_j(a, b) and D_j(b, a), j = 0..M, shape (pairs, 2(M+1), 2(M+1)).

    With t = s_{j,b}/s_{j,a} (the same for every j) and w = sigma_a/(tau_a - sigma_a) it is, between sqrt(lambda_j) and sqrt(lambda_k),

        (a,b),(a,b):  delta_jk + w t^(j+k)      (b,a),(b,a):  delta_jk + w t^(2M-j-k)      (a,b),(b,a):  -t^(j-k-sign(j-k)), 0 for j = k.
    """
    size = decay.size
    j, k = np.indices((size, size))
    t = ratio[:, None, None]
    w = weight[:, None, None]
    cross = np.where(j == k, 0.0, -(t ** (j - k - np.sign(j - k))))
    block = np.empty((ratio.size, 2 * size, 2 * size))
    block[:, :size, :size] = np.eye(size) + w * t ** (j + k)
    block[:, size:, size:] = np.eye(size) + w * t ** (2 * (size - 1) - j - k)
    block[:, :size, size:] = cross
    block[:, size:, :size] = np.swapaxes(cross, 1, 2)
    root = np.sqrt(np.concatenate([decay, decay]))
    return block * np.outer(root, root)


def _missing(decay: Array, inverse: Array, tau: Array, others: Array) -> Array:
    """Both eigenvalues for each active mode (1/p, tau) and each missing one."""
    pull = math.sqrt(decay[0] * decay[-1]) * others / tau[:, None]
    return (
        inverse[:, None, None]
        * two_by_two(decay[-1], decay[0], pull.ravel()).reshape(2, *pull.shape).swapaxes(0, 1)
    ).ravel()


def _bias(decay: float, inverse: Array) -> Array:
    """Both eigenvalues of [[lambda_0/p, S/sqrt N], [S/sqrt N, 1]] for each active mode."""
    return two_by_two(decay * inverse, 1.0, np.sqrt(decay * (inverse - 1.0)))


def two_by_two(one: Array | float, other: Array | float, pull: Array) -> Array:
    """Eigenvalues of [[one, pull], [pull, other]], first the smaller ones; the smaller is det / larger, which keeps its digits."""
    middle, half = (one + other) / 2.0, (one - other) / 2.0
    larger = middle + np.hypot(half, pull)
    return np.concatenate([(one * other - pull * pull) / larger, larger])
