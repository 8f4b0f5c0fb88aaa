r"""What needs the final class means before it can look at a sample.

    P = sum over samples of (Q (h - mu_y)) (Q (h - mu_y))^T,     Q orthonormal rows that span all mu_k - mu_l,

is all of the within-class scatter that tr(Sigma_W Sigma_B^+) sees, in r = min(K, d) dimensions instead of d. A sample is a mismatch
when no class has both the largest logit and the nearest mean; ties up to rounding are agreements, since merged classes share
their means.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .labels import listed
from .rows import BLOCK

if TYPE_CHECKING:
    from ..losses import Array, Indices
    from .rows import Rows
    from .statistics import Statistics

TIES = 16.0  # roundings of a distance or a logit that make no difference


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
            raise DataError("the two second passes have different class means; merge the first passes before the second begins")
        self.within += other.within
        self.mismatches += other.mismatches
        self.samples += other.samples

    def add(self, rows: Rows, codes: Indices, classes: Sequence[Hashable]) -> None:
        """Look at samples once more; blocks before one that is refused are kept, as in `Accumulator.add`."""
        if unknown := [one for one in classes if one not in self.place]:
            raise DataError(f"the second pass met classes that the first did not: {listed(unknown)}; pass over the same data")
        k = np.array([self.place[one] for one in classes], dtype=np.intp)[codes]
        for place, block in rows.blocks():
            moved = (block - self.statistics.means[k[place]]) @ self.statistics.basis.T
            self.within += moved.T @ moved
            if self.weight is not None:
                step = max(1, BLOCK // len(self.place))  # a row of the block becomes K numbers
                self.mismatches += sum(self._mismatches(block[i : i + step], rows.eps) for i in range(0, len(block), step))
        self.samples += k.size

    def _mismatches(self, block: Array, eps: float) -> int:
        assert self.weight is not None
        center = self.statistics.mean_of_means
        means, x = self.statistics.means - center, block - center
        size = np.einsum("ij,ij->i", means, means)
        nearness = x @ means.T - size / 2.0  # (||x||^2 - ||x - mu||^2) / 2
        length = np.linalg.norm(block, axis=1)
        slack = TIES * eps * (length + np.linalg.norm(center)) * (length + np.sqrt(size.max()))
        nearest = nearness >= (nearness.max(axis=1) - slack)[:, None]
        logits = block @ self.weight.T
        if self.bias is not None:
            logits += self.bias
        slack = TIES * eps * length * np.linalg.norm(self.weight, axis=1).max()
        chosen = logits >= (logits.max(axis=1) - slack)[:, None]
        return int((~(nearest & chosen).any(axis=1)).sum())
