r"""What one or two passes over the features leave: counts, class means, scatter, and the within-class scatter along the means.

First pass, in any order, mergeable. Per class: count n, mean mu and scatter s = sum ||h - mu||^2. Two parts of a class merge by (Chan,
Golub & LeVeque 1983)

    delta = mu_b - mu_a,   mu = mu_a + delta n_b / n,   s = s_a + s_b + ||delta||^2 n_a n_b / n,   n = n_a + n_b,

and the pooled matrix S = sum (h - mu_y)(h - mu_y)^T by the same rule with delta delta^T. A class mean is kept as an origin, the first
sample of the class, and an offset from it: differences of class means, and of samples from their class mean, are taken of origins first,
so that an offset common to all features costs them no digits.

Second pass, once the means are known:

    P = sum over samples of (Q (h - mu_y)) (Q (h - mu_y))^T,     Q orthonormal rows that span all mu_k - mu_l,

is all of the within-class scatter that tr(Sigma_W Sigma_B^+) sees, in r = min(K, d) dimensions instead of d. A sample is a mismatch
when no class has both the largest logit and the nearest mean; merged classes share their means, so ties are agreements. The given floats
are exact numbers, whatever their kind: a tie is what the rounding of the computation in float64 leaves open, with an interval of 16
roundings around each nearness and each logit.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..problem.errors import DataError
from ..values import same
from .metrics import ROUNDINGS, Measurement
from .rows import BLOCK, DOUBLE, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.losses import Array, Indices
    from .rows import Rows


class Sums:
    """Running statistics of one set of features of dimension d; `full` keeps the pooled d x d scatter matrix."""

    def __init__(self, dimension: int, *, full: bool) -> None:
        self.place: dict[Hashable, int] = {}
        self.counts: Array = np.zeros(0)
        self.origin: Array = np.zeros((0, dimension))
        self.offset: Array = np.zeros((0, dimension))
        self.scatter: Array = np.zeros(0)
        self.within: Array | None = np.zeros((dimension, dimension)) if full else None
        self.eps = self.largest = 0.0

    @property
    def dimension(self) -> int:
        """The dimension d of the features."""
        return int(self.origin.shape[1])

    def add(self, rows: Rows, codes: Indices, classes: Sequence[Hashable]) -> None:
        """Add samples; `codes` point into `classes`. O(N d), or O(N d^2) with the pooled matrix.

        Blocks before one that is refused are kept: add to new sums, then merge.
        """
        self.eps = max(self.eps, rows.eps)
        for place, x in rows.blocks():
            order = np.argsort(codes[place], kind="stable")
            sorted_codes = codes[place][order]
            present, starts, sizes = np.unique(sorted_codes, return_index=True, return_counts=True)
            x = x[order]
            self.largest = max(self.largest, float(np.abs(x).max()))
            k = self.places([classes[i] for i in present], x[starts])
            x -= np.repeat(self.origin[k], sizes, axis=0)
            n = sizes.astype(np.float64)
            mean = np.add.reduceat(x, starts, axis=0) / n[:, None]
            x -= np.repeat(mean, sizes, axis=0)
            # the rounding of the first sum; its square is below rounding
            mean += np.add.reduceat(x, starts, axis=0) / n[:, None]
            self._join(k, n, mean, np.add.reduceat(np.einsum("ij,ij->i", x, x), starts))
            if self.within is not None:
                self.within += x.T @ x

    def merge(self, other: Sums) -> None:
        """Add what others of the same dimension have seen."""
        if (self.within is None) != (other.within is None):
            why = "one part keeps the pooled scatter matrix and the other does not"
            raise DataError(f"{why}; give both the same scatter=")
        k = self.places(list(other.place), other.origin)
        self._join(k, other.counts, (other.origin - self.origin[k]) + other.offset, other.scatter)
        if self.within is not None and other.within is not None:
            self.within += other.within
        self.eps = max(self.eps, other.eps)
        self.largest = max(self.largest, other.largest)

    def measured(self, classes: Sequence[Hashable]) -> Measurement:
        """The statistics of these classes, in this order; each must have been seen."""
        if absent := [one for one in classes if one not in self.place]:
            none = f"no sample of {'class' if len(absent) == 1 else 'classes'} {listed(absent)}"
            raise DataError(f"{none}; give samples of every class")
        if len(classes) < 2:
            why = "neural collapse needs at least 2 classes"
            raise DataError(f"the labels hold one class, {listed(classes)}; {why}")
        k = [self.place[one] for one in classes]
        n, origin, offset, scatter = self.counts[k], self.origin[k], self.offset[k], self.scatter[k]
        found = Measurement(tuple(classes), n, origin, offset, scatter, self.eps)
        if self.within is None:
            return found
        basis = spanned(found)
        return replace(found, basis=basis, within=basis @ self.within @ basis.T)

    def _join(self, k: Indices, n: Array, mean: Array, scatter: Array) -> None:
        """Chan's rule for the classes at `k`; means are relative to the origins."""
        before = self.counts[k]
        total = before + n
        delta = mean - self.offset[k]
        self.offset[k] += delta * (n / total)[:, None]
        share = before * n / total
        self.scatter[k] += scatter + share * np.einsum("ij,ij->i", delta, delta)
        self.counts[k] = total
        if self.within is not None:
            self.within += (delta * share[:, None]).T @ delta

    def places(self, classes: Sequence[Hashable], first: Array) -> Indices:
        """Where the classes stand; new ones are given an origin."""
        new = [i for i, one in enumerate(classes) if one not in self.place]
        if new:
            self.place |= {classes[i]: len(self.place) + j for j, i in enumerate(new)}
            self.origin = np.concatenate([self.origin, first[new]])
            for name in ("counts", "offset", "scatter"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros((len(new), *old.shape[1:]))]))
        return np.array([self.place[one] for one in classes], dtype=np.intp)


class Revisited:
    """Running sums of the second pass over one set of features; `first` is the first pass, with the classifier for mismatches."""

    def __init__(self, first: Measurement, basis: Array | None = None) -> None:
        self.first, self.basis = first, spanned(first) if basis is None else basis
        self.place = {one: i for i, one in enumerate(first.classes)}
        self.within: Array = np.zeros((len(self.basis), len(self.basis)))
        self.mismatches = self.samples = 0

    def merge(self, other: Revisited) -> None:
        """Add what another has seen."""
        if not np.array_equal(self.first.means, other.first.means):
            why = "merge the first passes before the second begins"
            raise DataError(f"the two second passes have different class means; {why}")
        self.within += other.within
        self.mismatches += other.mismatches
        self.samples += other.samples

    def completed(self, now: Measurement) -> Measurement:
        """What the first pass has now, with what this one gathered; the classifier is that of either, and they must agree."""
        seen, given = self.first.factors, now.factors
        if seen and given and not same((seen, self.first.bias), (given, now.bias)):
            why = "compute was given another classifier than the second pass"
            raise DataError(f"{why}; give the same, or none")
        if self.samples != now.counts.sum() or not np.array_equal(self.first.means, now.means):
            why = f"the second pass saw {self.samples} samples and the first {now.samples}"
            raise DataError(f"{why}; run it over the same samples")
        found = now if given else replace(now, factors=seen, bias=self.first.bias)
        mismatch = self.mismatches / self.samples if seen else None
        return replace(found, basis=self.basis, within=self.within.copy(), mismatch=mismatch)

    def add(self, rows: Rows, codes: Indices, classes: Sequence[Hashable]) -> None:
        """Look at samples once more; blocks before one that is refused are kept, as in `Sums.add`."""
        if unknown := [one for one in classes if one not in self.place]:
            why = f"the second pass met classes that the first did not: {listed(unknown)}"
            raise DataError(f"{why}; pass over the same data")
        m, k = self.first, np.array([self.place[one] for one in classes], dtype=np.intp)[codes]
        step = max(1, BLOCK // len(self.place))  # a row of a block becomes K logits
        for place, block in rows.blocks():
            mine = k[place]
            moved = ((block - m.origin[mine]) - m.offset[mine]) @ self.basis.T
            self.within += moved.T @ moved
            for i in range(0, len(block) if m.factors else 0, step):
                self.mismatches += self._mismatched(block[i : i + step])
        self.samples += k.size

    def _mismatched(self, block: Array) -> int:
        m, x = self.first, block - self.first.means.mean(axis=0)
        size = np.einsum("ij,ij->i", m.moved, m.moved)
        nearness = x @ m.moved.T - size / 2.0  # (||x||^2 - ||x - mu||^2) / 2
        length = np.sqrt(size)
        rounded = length + np.sqrt(m.variances)  # a mean is rounded as its samples
        nearest = _largest(nearness, (np.linalg.norm(x, axis=1)[:, None] + length) * rounded)
        logits = block @ m.weight.T
        slack = np.outer(np.linalg.norm(block, axis=1), np.linalg.norm(m.weight, axis=1))
        if m.bias is not None:
            logits += m.bias
            slack += np.abs(m.bias)
        return int((~(nearest & _largest(logits, slack)).any(axis=1)).sum())


def spanned(m: Measurement) -> Array:
    """Q: orthonormal rows that span all differences of class means, shape (min(K, d), d)."""
    return np.asarray(np.linalg.svd(m.differences, full_matrices=False)[2])


def _largest(values: Array, size: Array) -> NDArray[np.bool_]:
    """Where a value may be the largest of its row, if each may be off by 16 roundings of `size`."""
    slack = ROUNDINGS * DOUBLE * size
    return np.asarray(values + slack >= (values - slack).max(axis=1)[:, None])
