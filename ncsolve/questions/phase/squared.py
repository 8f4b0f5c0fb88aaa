r"""Squared loss over many cells: the scalar rule without and with a free bias, and the balanced case with a regularized one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...analytic import scalar
from ...analytic.spectrum import CenteredSpectrum
from .angles import extremes, inverse_lengths, mean, present
from .cells import (
    CLASSIFIERS,
    ENDS,
    FEATURES,
    NEAR,
    STATES,
    all_or_none,
    blocks,
    largest,
    rows,
    wants_angles,
)

if TYPE_CHECKING:
    from ...problem.losses import Array
    from .cells import Found
    from .plane import Indices, Slice


def squared_without_bias(part: Slice, cells: Indices, fields: frozenset[str]) -> Found:
    """Class k is mode k with tau^2 = n_k; the R largest have room (spectral.py)."""
    ufm = part.example
    classes, depth, room = ufm.classes, ufm.depth, ufm.rank_limit
    limit, fold = scalar.threshold(depth), scalar.ROUNDING
    active, value = np.empty(cells.size), np.empty(cells.size)
    doubtful = np.zeros(cells.size, dtype=bool)
    for block, counts, samples, of in rows(part, cells):
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
    found = {
        "active": active,
        "vanished": classes - active,
        "merged": np.zeros(cells.size),
        "rank": active,
        "value": value,
    }
    return found | dict.fromkeys((*FEATURES, *CLASSIFIERS), straight), doubtful


def squared_with_free_bias(part: Slice, cells: Indices, fields: frozenset[str]) -> Found:
    """Modes are secular roots and the contrasts within groups of equal counts (spectrum.py)."""
    found = {
        name: np.full(cells.size, np.nan)
        for name in (*STATES, "rank", "value", *FEATURES, *CLASSIFIERS)
    }
    doubtful = np.zeros(cells.size, dtype=bool)
    numbers, member = np.unique(part.by_counts[cells], return_inverse=True)
    for i in range(numbers.size):
        same = np.flatnonzero(member.reshape(-1) == i)
        counts = part.counts(cells[same[:1]])[0]
        modes = _CentredModes(CenteredSpectrum(counts), part.example.depth, part.example.rank_limit)
        for positions in blocks(
            same, np.zeros_like(same), modes.groups.size ** (2 if fields & ENDS else 1)
        ):
            chosen = same[positions]
            some, unsure = modes.fields(part.mean_decay[cells[chosen]], fields)
            doubtful[chosen] = unsure
            for name, numbers_ in some.items():
                found[name][chosen] = numbers_
    return found, doubtful


class _CentredModes:
    """The centered target of one count vector: tau^2, copies and vectors, to be solved at many decays."""

    def __init__(self, spectrum: CenteredSpectrum, depth: int, rank_limit: int) -> None:
        self.counts, self.depth = spectrum.counts, depth
        self.tau2, self.copies = spectrum.tau2, spectrum.copies
        self.groups, self.first, sizes = np.unique(
            self.counts, return_index=True, return_counts=True
        )
        self.sizes = sizes.astype(np.float64)
        self.contrast = spectrum.contrast_mode()[
            self.first
        ]  # of each group; -1 where there is none
        self.is_root = np.ones(self.tau2.size, dtype=bool)
        self.is_root[self.contrast[self.contrast >= 0]] = False
        self.spectrum = spectrum
        order = np.argsort(-self.tau2, kind="stable")
        before = np.cumsum(self.copies[order]) - self.copies[order]
        self.room = np.empty_like(self.copies)
        self.room[order] = np.clip(rank_limit - before, 0, self.copies[order])
        self.samples = float(self.counts.sum(dtype=np.longdouble))

    def fields(self, mean_decay: Array, fields: frozenset[str]) -> Found:
        """Fields of one count vector at several decays."""
        depth, limit = self.depth, scalar.threshold(self.depth)
        with np.errstate(over="ignore", divide="ignore"):
            kappa = scalar.level(self.tau2, self.samples, 1.0, depth) * mean_decay[:, None]
        alive = kappa <= limit if depth > 1 else kappa < limit
        doubtful = np.any(np.abs(kappa - limit) <= 2.0 * scalar.ROUNDING * limit, axis=1)
        kept = np.where(alive, self.room, 0)
        cut = (alive & (self.room < self.copies)).any(axis=1)
        found: dict[str, Array] = self._states(kept) | {"rank": kept.sum(axis=1).astype(np.float64)}
        p = np.ones_like(kappa)
        if "value" in fields or wants_angles(fields):
            p[alive] = _roots(kappa[alive], depth)
        if "value" in fields:
            share = p * (1.0 + depth * (1.0 - p)) * kept + (self.copies - kept)
            found["value"] = share @ (self.tau2 / self.samples) / 2.0
        if wants_angles(fields):
            doubtful |= cut  # a contrast that is kept in part sets members of a group apart
            sigma = np.where(kept > 0, np.sqrt(self.tau2) * (1.0 - p), 0.0)
            found |= self._angles(sigma, fields)
        return found, doubtful

    def _states(self, kept: Indices) -> dict[str, Array]:
        """As `spectral.centered_state`: a root moves every class, j contrasts set j + 1 members of their group apart."""
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
        for names, side, exponent in (
            (FEATURES, frame.right, 1.0),
            (CLASSIFIERS, frame.left, float(self.depth)),
        ):
            if not fields & set(names):
                continue
            vectors = side()[self.first]
            strength = np.power(
                sigma, 2.0 * exponent / (self.depth + 1.0)
            )  # squared singular values, up to a factor
            scale = (
                1.0 / self.groups if names is FEATURES else np.ones(self.groups.size)
            )  # columns sqrt(n_k) h_k
            scaled = vectors * np.sqrt(scale)[:, None]
            shared = strength[:, roots] @ scaled.T**2  # squared length of a group's mean vector
            own = np.where(self.contrast >= 0, strength[:, self.contrast], 0.0) * scale
            norm2 = shared + own * (1.0 - 1.0 / self.sizes)
            there = present(norm2)
            inverse = inverse_lengths(norm2, there)
            sum2 = ((inverse * self.sizes) @ scaled) ** 2 * strength[
                :, roots
            ]  # contrasts cancel in the sum
            found[names[1]] = mean(sum2.sum(axis=1), there @ self.sizes)
            if fields & {names[0], names[2]}:
                unit = inverse[:, :, None] * scaled * np.sqrt(strength[:, None, roots])
                within = (shared - own / self.sizes) * inverse**2
                found[names[0]], found[names[2]] = extremes(
                    unit @ unit.transpose(0, 2, 1), within, there, self.sizes
                )
        return found


def balanced_regularized_bias(part: Slice, cells: Indices, fields: frozenset[str]) -> Found:
    """From the simplex to the orthogonal frame (theorems/balanced_regularized_bias.py)."""
    classes, decay = part.example.classes, part.bias_decay[cells]
    n, c = largest(part, cells), part.mean_decay[cells]
    samples, tau = classes * n, np.sqrt(n)
    with np.errstate(over="ignore"):
        pull = samples * c / tau
        pull_mean = pull * (1.0 + 1.0 / decay)
    contrast, middle = (
        np.where(pull < 1.0, tau - tau * pull, 0.0),
        np.where(pull_mean < 1.0, tau - tau * pull_mean, 0.0),
    )
    residual = np.minimum(tau, samples * c)
    value = (classes - 1) * (residual**2 / (2 * samples) + c * contrast)
    with np.errstate(over="ignore"):
        bias = c * tau / decay
        moved = (samples * c) ** 2 / (2 * samples) + c * middle + decay * classes * bias**2 / 2
    value = value + np.where(middle > 0, moved, decay / (2 * classes * (1.0 + decay)))
    with np.errstate(invalid="ignore"):
        angle = (middle - contrast) / (middle + (classes - 1) * contrast)
    angle = np.where(contrast > 0, angle, np.nan)
    found = all_or_none(classes, contrast > 0)
    rank = np.where(contrast > 0, classes - 1.0, 0.0) + np.where(middle > 0, 1.0, 0.0)
    found |= {"rank": rank, "value": value}
    doubtful = (np.abs(pull - 1.0) < NEAR) | (np.abs(pull_mean - 1.0) < NEAR)
    return found | dict.fromkeys((*FEATURES, *CLASSIFIERS), angle), doubtful


def _roots(kappa: Array, depth: int) -> Array:
    p = np.empty_like(kappa)
    limit = scalar.threshold(depth) * (1.0 + scalar.ROUNDING) if depth > 1 else 1.0 - 2.0**-53
    for start in range(0, kappa.size, scalar.BLOCK):
        block = slice(start, start + scalar.BLOCK)
        p[block] = scalar.outer_root(np.minimum(kappa[block], limit), depth)
    return p
