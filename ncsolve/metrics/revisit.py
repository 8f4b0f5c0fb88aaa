r"""What needs the final class means before it can look at a sample.

    P = sum over samples of (Q (h - mu_y)) (Q (h - mu_y))^T,     Q orthonormal rows that span all mu_k - mu_l,

is all of the within-class scatter that tr(Sigma_W Sigma_B^+) sees, in r = min(K, d) dimensions instead of d. A sample is a mismatch
when no class has both the largest logit and the nearest mean; merged classes share their means, so ties are agreements. The given floats
are exact numbers, whatever their kind: a tie is what the rounding of the computation in float64 leaves open, with an interval of 16
roundings around each nearness and each logit.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..problem.errors import DataError
from .labels import listed
from .rows import BLOCK
from .statistics import DOUBLE, ROUNDINGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.losses import Array, Indices
    from .rows import Rows
    from .statistics import Statistics


class Revisit:
    """Running sums of a second pass over one set of features.

    Parameters
    ----------
    statistics : of the first pass
    weight, bias : (K, d) and (K,), or None: then no mismatches are counted
    """

    def __init__(self, statistics: Statistics, weight: Array | None, bias: Array | None) -> None:
        self.statistics = statistics
        self.weight, self.bias = weight, bias
        self.place = {one: i for i, one in enumerate(statistics.classes)}
        size = statistics.basis.shape[0]
        self.within: Array = np.zeros((size, size))
        self.mismatches = 0
        self.samples = 0

    @property
    def mismatch(self) -> float | None:
        """Share of mismatches among the samples seen."""
        return None if self.weight is None or not self.samples else self.mismatches / self.samples

    def fresh(self) -> Revisit:
        """One that has seen nothing, with the same means and classifier."""
        new = object.__new__(Revisit)
        new.__dict__ |= self.__dict__ | {"mismatches": 0, "samples": 0}
        new.within = np.zeros_like(self.within)
        return new

    def merge(self, other: Revisit) -> None:
        """Add what another has seen."""
        if not np.array_equal(self.statistics.means, other.statistics.means):
            raise DataError(
                "the two second passes have different class means; merge the first passes before the second begins"
            )
        self.within += other.within
        self.mismatches += other.mismatches
        self.samples += other.samples

    def add(self, rows: Rows, codes: Indices, classes: Sequence[Hashable]) -> None:
        """Look at samples once more; blocks before one that is refused are kept, as in `Accumulator.add`."""
        if unknown := [one for one in classes if one not in self.place]:
            raise DataError(
                f"the second pass met classes that the first did not: {listed(unknown)}; pass over the same data"
            )
        k = np.array([self.place[one] for one in classes], dtype=np.intp)[codes]
        for place, block in rows.blocks():
            mine = k[place]
            moved = (
                (block - self.statistics.origin[mine]) - self.statistics.offset[mine]
            ) @ self.statistics.basis.T
            self.within += moved.T @ moved
            if self.weight is not None:
                step = max(1, BLOCK // len(self.place))  # a row of the block becomes K numbers
                self.mismatches += sum(
                    self._mismatches(block[i : i + step]) for i in range(0, len(block), step)
                )
        self.samples += k.size

    def _mismatches(self, block: Array) -> int:
        assert self.weight is not None
        means, x = self.statistics.moved, block - self.statistics.anchor
        size = np.einsum("ij,ij->i", means, means)
        nearness = x @ means.T - size / 2.0  # (||x||^2 - ||x - mu||^2) / 2
        length = np.sqrt(size)
        rounded = length + np.sqrt(
            self.statistics.variances
        )  # a mean has the rounding of its samples, too
        nearest = _largest(nearness, (np.linalg.norm(x, axis=1)[:, None] + length) * rounded)
        logits = block @ self.weight.T
        slack = np.outer(np.linalg.norm(block, axis=1), np.linalg.norm(self.weight, axis=1))
        if self.bias is not None:
            logits += self.bias
            slack += np.abs(self.bias)
        return int((~(nearest & _largest(logits, slack)).any(axis=1)).sum())


def _largest(values: Array, size: Array) -> NDArray[np.bool_]:
    """Where a value may be the largest of its row, if each may be off by 16 roundings of `size`."""
    slack = ROUNDINGS * DOUBLE * size
    found: NDArray[np.bool_] = values + slack >= (values - slack).max(axis=1)[:, None]
    return found
