r"""Closed forms over many cells at once, one function per theorem.

A function takes a Slice, some of its cells and the names of the fields that are wanted, and gives one array per field and a mask of
cells that it leaves to `predict`: those within rounding of a threshold, which exact arithmetic decides, and those where a tie at a bottleneck
leaves a choice. Nothing here has a formula of its own: levels, thresholds and roots are those of scalar.py, the others are
written beside the theorem that proves them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...losses import CrossEntropy
from .. import scalar
from ..spectrum import CentredSpectrum
from .angles import summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...losses import Array
    from ...problem import UFM
    from .plane import Indices, Slice

    Found = tuple[dict[str, Array], NDArray[np.bool_]]
    Solver = Callable[[Slice, Indices, frozenset[str]], Found]

FEATURES = ("cosine_min", "cosine", "cosine_max")
CLASSIFIERS = ("classifier_cosine_min", "classifier_cosine", "classifier_cosine_max")
BLOCK = 1 << 19  # numbers (cells x classes) at a time
NEAR = 1e-9  # of a threshold whose exact comparison is `reduction.exceeding`


def blocks(cells: Indices, order: Indices, per_cell: int) -> Iterator[Indices]:
    """Positions in `cells`, cells with equal `order` beside each other, in parts of about BLOCK / per_cell."""
    sorted_ = np.argsort(order, kind="stable")
    step = max(1, BLOCK // per_cell)
    for start in range(0, cells.size, step):
        yield sorted_[start : start + step]


def squared_without_bias(part: Slice, cells: Indices, fields: frozenset[str]) -> Found:
    """Class k is mode k with tau^2 = n_k; the R largest have room (spectral.py)."""
    ufm = part.example
    classes, depth, room = ufm.classes, ufm.depth, ufm.rank_limit
    limit, fold = scalar.threshold(depth), scalar.ROUNDING
    active, value = np.empty(cells.size), np.empty(cells.size)
    doubtful = np.zeros(cells.size, dtype=bool)
    for block, counts, samples, of in _rows(part, cells):
        level = scalar.level(counts, 1.0, 1.0, depth)  # tau^(-2M/(M+1))
        pull = samples[of] * part.mean_decay[cells[block]]
        kappa = level[of] * pull[:, None]
        alive = kappa <= limit if depth > 1 else kappa < limit
        doubtful[block] = (np.abs(kappa - limit) <= fold * limit).any(axis=1)
        alive[:, room:] = False
        active[block] = alive.sum(axis=1)
        if "value" in fields:
            share = np.ones_like(kappa)
            p = _roots(kappa[alive], depth)
            share[alive] = p * (1.0 + depth * (1.0 - p))
            value[block] = np.einsum("ck,ck->c", share, counts[of]) / (2.0 * samples[of])
    straight = np.where(active >= 2, 0.0, np.nan)
    found = {"active": active, "vanished": classes - active, "merged": np.zeros(cells.size), "rank": active, "value": value}
    return found | dict.fromkeys((*FEATURES, *CLASSIFIERS), straight), doubtful


def squared_with_free_bias(part: Slice, cells: Indices, fields: frozenset[str]) -> Found:
    """Modes are secular roots and the contrasts within groups of equal counts (spectrum.py)."""
    found = {name: np.full(cells.size, np.nan) for name in (*_STATES, "rank", "value", *FEATURES, *CLASSIFIERS)}
    doubtful = np.zeros(cells.size, dtype=bool)
    numbers, member = np.unique(part.by_counts[cells], return_inverse=True)
    for i in range(numbers.size):
        same = np.flatnonzero(member.reshape(-1) == i)
        counts = part.counts(cells[same[:1]])[0]
        modes = _CentredModes(CentredSpectrum(counts), part.example.depth, part.example.rank_limit)
        for positions in blocks(same, np.zeros(same.size), max(modes.tau2.size, modes.angle_cost if _angles(fields) else 0)):
            chosen = same[positions]
            some, unsure = modes.fields(part.mean_decay[cells[chosen]], fields)
            doubtful[chosen] = unsure
            for name, numbers_ in some.items():
                found[name][chosen] = numbers_
    return found, doubtful


class _CentredModes:
    """The centred target of one count vector: tau^2, copies and vectors, to be solved at many decays."""

    def __init__(self, spectrum: CentredSpectrum, depth: int, rank_limit: int) -> None:
        self.counts, self.depth = spectrum.counts, depth
        self.tau2, self.copies = spectrum.tau2, spectrum.copies
        self.groups, self.first, self.sizes = np.unique(self.counts, return_index=True, return_counts=True)
        self.contrast = spectrum.contrast_mode()[self.first]  # of each group; -1 where there is none
        self.is_root = np.ones(self.tau2.size, dtype=bool)
        self.is_root[self.contrast[self.contrast >= 0]] = False
        self.spectrum = spectrum
        order = np.argsort(-self.tau2, kind="stable")
        before = np.cumsum(self.copies[order]) - self.copies[order]
        self.room = np.empty_like(self.copies)
        self.room[order] = np.clip(rank_limit - before, 0, self.copies[order])
        self.samples = float(self.counts.sum(dtype=np.longdouble))

    @property
    def angle_cost(self) -> int:
        """Entries of a Gram matrix."""
        return int(self.groups.size) ** 2

    def fields(self, mean_decay: Array, fields: frozenset[str]) -> Found:
        """Fields of one count vector at several decays."""
        depth, limit = self.depth, scalar.threshold(self.depth)
        with np.errstate(over="ignore", divide="ignore"):
            kappa = scalar.level(self.tau2, self.samples, 1.0, depth) * mean_decay[:, None]
        alive = kappa <= limit if depth > 1 else kappa < limit
        doubtful = (np.abs(kappa - limit) <= 2.0 * scalar.ROUNDING * limit).any(axis=1)
        kept = np.where(alive, self.room, 0)
        cut = (alive & (self.room < self.copies)).any(axis=1)
        found = self._states(kept) | {"rank": kept.sum(axis=1).astype(np.float64)}
        p = np.ones_like(kappa)
        if "value" in fields or _angles(fields):
            p[alive] = _roots(kappa[alive], depth)
        if "value" in fields:
            share = p * (1.0 + depth * (1.0 - p)) * kept + (self.copies - kept)
            found["value"] = share @ (self.tau2 / self.samples) / 2.0
        if _angles(fields):
            doubtful |= cut  # a contrast that is kept in part sets members of a group apart
            sigma = np.where(kept > 0, np.sqrt(self.tau2) * (1.0 - p), 0.0)
            found |= self._angles(sigma, fields)
        return found, doubtful

    def _states(self, kept: Indices) -> dict[str, Array]:
        """As `spectral.centred_state`: a root moves every class, j contrasts set j + 1 members of their group apart."""
        moved = (kept[:, self.is_root] > 0).any(axis=1)
        active, merged = np.zeros(len(kept)), np.zeros(len(kept))
        active += np.where(moved, (self.contrast < 0) @ self.sizes, 0)
        for g in np.flatnonzero(self.contrast >= 0):
            contrasts = kept[:, self.contrast[g]]
            apart = np.where(contrasts > 0, contrasts + 1, 0)
            left = self.sizes[g] - apart
            active += apart + np.where(moved & (left == 1), 1, 0)
            merged += np.where(moved & (left > 1), left, 0)
        return {"active": active, "merged": merged, "vanished": self.counts.size - active - merged}

    def _angles(self, sigma: Array, fields: frozenset[str]) -> dict[str, Array]:
        roots = np.flatnonzero(self.is_root)
        frame = self.spectrum.frame(roots, np.ones(roots.size, dtype=np.intp))
        found: dict[str, Array] = {}
        for names, side, exponent in ((FEATURES, frame.right, 1.0), (CLASSIFIERS, frame.left, float(self.depth))):
            if not fields & set(names):
                continue
            vectors = side()[self.first]
            strength = np.power(sigma, 2.0 * exponent / (self.depth + 1.0))  # squared singular values, up to a factor
            scale = 1.0 / self.groups if names is FEATURES else np.ones(self.groups.size)  # columns sqrt(n_k) h_k
            rows = vectors * np.sqrt(scale)[:, None]
            gram = (rows * strength[:, None, roots]) @ rows.T
            own = np.where(self.contrast >= 0, strength[:, self.contrast], 0.0) * scale
            mean = gram[:, np.arange(self.groups.size), np.arange(self.groups.size)]
            norm2 = mean + own * (1.0 - 1.0 / self.sizes)
            found |= zip(names, summary(norm2, gram, mean - own / self.sizes, self.sizes), strict=True)
        return found


def relu_cross_entropy(part: Slice, cells: Indices, fields: frozenset[str]) -> Found:
    """Classes on axes of their own, with explicit margins (theorems/relu_cross_entropy.py)."""
    classes, delta = part.example.classes, smoothing(part.example)
    share = (classes - 1.0) / classes
    active, value = np.empty(cells.size), np.empty(cells.size)
    angles = {name: np.full(cells.size, np.nan) for name in CLASSIFIERS}
    doubtful = np.zeros(cells.size, dtype=bool)
    for block, counts, samples, of in _rows(part, cells, classes if _angles(fields) else 1):
        n, c = counts[of], part.mean_decay[cells[block], None]
        ratio = np.sqrt(n * share) * (1.0 - delta) / (samples[of, None] * c)
        alive = ratio > 1.0
        doubtful[block] = (np.abs(ratio - 1.0) < NEAR).any(axis=1)
        x = (samples[of, None] * c / np.sqrt(share * n) + delta) * share
        margin = np.where(alive, np.log1p(np.maximum(classes * (share - x) / x, 2.0**-53)), 0.0)
        sigma = np.sqrt(n * share) * margin
        losses = np.where(alive, np.log1p((classes - 1) * np.exp(-margin)) + delta * share * margin, np.log(classes))
        active[block] = alive.sum(axis=1)
        value[block] = np.einsum("ck,ck->c", n, losses) / samples[of] + c[:, 0] * sigma.sum(axis=1)
        if fields & set(CLASSIFIERS):
            one = np.ones(classes)
            t = sigma  # squared singular values of W, up to a factor: q = 1
            total = t.sum(axis=1, keepdims=True) / classes
            norm2 = (t * (1.0 - 2.0 / classes) + total / classes) / share
            between = -(t[:, :, None] + t[:, None, :] - total[:, :, None]) / (classes * share)
            for name, numbers in zip(CLASSIFIERS, summary(norm2, between, np.zeros_like(t), one), strict=True):
                angles[name][block] = numbers
    straight = np.where(active >= 2, 0.0, np.nan)
    found = {"active": active, "vanished": classes - active, "merged": np.zeros(cells.size), "value": value}
    return found | {"rank": np.minimum(active, classes - 1)} | dict.fromkeys(FEATURES, straight) | angles, doubtful


def balanced_cross_entropy(part: Slice, cells: Indices, fields: frozenset[str]) -> Found:
    """The simplex at M = 1 (theorems/balanced_cross_entropy.py)."""
    classes, delta = part.example.classes, smoothing(part.example)
    n, c = _largest(part, cells), part.mean_decay[cells]
    ratio = np.sqrt(n) * (1.0 - delta) / (classes * n * c)
    alive = ratio > 1.0
    x = classes * c * np.sqrt(n) + delta
    a = np.where(alive, np.maximum(np.log1p(np.maximum(classes * (1.0 - x) / x, 0.0)), 2.0**-53), 0.0)
    loss = np.log1p((classes - 1) * np.exp(-a)) + delta * (1.0 - 1.0 / classes) * a
    value = np.where(alive, loss + c * (classes - 1) * a * np.sqrt(n), np.log(classes))
    found = _all_or_none(classes, alive) | {"rank": np.where(alive, classes - 1.0, 0.0), "value": value}
    angle = np.where(alive, -1.0 / (classes - 1), np.nan)
    return found | dict.fromkeys((*FEATURES, *CLASSIFIERS), angle), np.abs(ratio - 1.0) < NEAR


def balanced_regularized_bias(part: Slice, cells: Indices, fields: frozenset[str]) -> Found:
    """From the simplex to the orthogonal frame (theorems/balanced_regularized_bias.py)."""
    classes, decay = part.example.classes, part.bias_decay[cells]
    n, c = _largest(part, cells), part.mean_decay[cells]
    samples, tau = classes * n, np.sqrt(n)
    with np.errstate(over="ignore"):
        pull = samples * c / tau
        pull_mean = pull * (1.0 + 1.0 / decay)
    contrast, mean = np.where(pull < 1.0, tau - tau * pull, 0.0), np.where(pull_mean < 1.0, tau - tau * pull_mean, 0.0)
    residual = np.minimum(tau, samples * c)
    value = (classes - 1) * (residual**2 / (2 * samples) + c * contrast)
    with np.errstate(over="ignore"):
        bias = c * tau / decay
        moved = (samples * c) ** 2 / (2 * samples) + c * mean + decay * classes * bias**2 / 2
    value = value + np.where(mean > 0, moved, decay / (2 * classes * (1.0 + decay)))
    with np.errstate(invalid="ignore"):
        angle = (mean - contrast) / (mean + (classes - 1) * contrast)
    angle = np.where(contrast > 0, angle, np.nan)
    found = _all_or_none(classes, contrast > 0)
    found |= {"rank": (classes - 1.0) * (contrast > 0) + (mean > 0), "value": value}
    doubtful = (np.abs(pull - 1.0) < NEAR) | (np.abs(pull_mean - 1.0) < NEAR)
    return found | dict.fromkeys((*FEATURES, *CLASSIFIERS), angle), doubtful


def _rows(part: Slice, cells: Indices, per_class: int = 1) -> Iterator[tuple[Indices, Array, Array, Indices]]:
    """Blocks of cells: positions, distinct count vectors (descending), their N, and which of them each cell has."""
    for block in blocks(cells, part.by_counts[cells], part.example.classes * per_class):
        _, first, of = np.unique(part.by_counts[cells[block]], return_index=True, return_inverse=True)
        counts = -np.sort(-part.counts(cells[block[first]]), axis=1)
        yield block, counts, counts.sum(axis=1, dtype=np.longdouble).astype(np.float64), of.reshape(-1)


def _roots(kappa: Array, depth: int) -> Array:
    p = np.empty_like(kappa)
    limit = scalar.threshold(depth) * (1.0 + scalar.ROUNDING) if depth > 1 else 1.0 - 2.0**-53
    for start in range(0, kappa.size, scalar.BLOCK):
        block = slice(start, start + scalar.BLOCK)
        p[block] = scalar.outer_root(np.minimum(kappa[block], limit), depth)
    return p


def _largest(part: Slice, cells: Indices) -> Array:
    return part.counts(cells)[:, 0]


def _all_or_none(classes: int, alive: NDArray[np.bool_]) -> dict[str, Array]:
    active = np.where(alive, float(classes), 0.0)
    return {"active": active, "vanished": classes - active, "merged": np.zeros(active.size)}


def smoothing(ufm: UFM) -> float:
    """Delta of label smoothing."""
    return ufm.loss.smoothing if isinstance(ufm.loss, CrossEntropy) else 0.0


def _angles(fields: frozenset[str]) -> bool:
    return bool(fields & {*FEATURES, *CLASSIFIERS})


_STATES = ("active", "vanished", "merged")
