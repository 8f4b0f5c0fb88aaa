r"""Plain cross-entropy, one layer, unequal counts: what becomes of each class, without solving for the geometry.

The contrast of a group of two or more lives iff sqrt(n_g) (1 - delta) > N c, whatever the group means do (convex.py). What is left is
whether the means B are zero. If they are not, every class moves: single classes are active, groups without a contrast are merged.

Without contrasts B = 0 iff c is at least nu = ||dF/dB|| at zero. With some, and no bias, put B = 0: columns decouple, and the contrast a
of a group of m solves

    (1 - e^(-a)) / S = 1 - delta - N c / sqrt(n),        S = 1 + (m-1) e^(-a) + (K-m) e^(-a (1 - 1/m)).

The residual of its column is that of zero times f = (K/Z - delta)/(1 - delta), Z = S e^(a (1 - 1/m)), so B = 0 is optimal iff

    (1 - delta)/N || (u u^T - I) diag(sqrt(n_g) f_g) ||_op <= c,      u_g = sqrt(m_g / K).

With a bias, which moves together with the contrasts, such problems are left to the convex engine.

Convex problems of any loss lose contrasts at sqrt(n) rho / N, and everything at the dual norm of the gradient at zero (groups.py).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .groups import groups, reduced_problem
from .theorem import Fates, Losses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.losses import Array
    from ..problem.ufm import UFM

NEAR = 1e-9  # of a threshold whose exact comparison is `reduction.exceeding`
STEPS = 0.95 ** np.arange(64)  # in which the decay is lowered until B is not zero
FINER = 2.0**-0.25  # the same, by the engine
HALVINGS = 60  # of a bracket: to the last bit
EDGE = 1e-6  # of where B appears: the engine drops singular values that small
BLOCK = 1 << 19  # entries of matrices at a time


def convex_losses(ufm: UFM) -> Losses:
    """The decays at which groups merge, and at which everything is lost."""
    over = groups(ufm)
    several = over.sizes > 1
    pull = (np.sqrt(over.counts) * ufm.loss.own_slope(ufm.classes)[over.first] / over.samples)[
        several
    ]
    if over.number == 1:
        return Losses(everything=float(pull[0]))
    everything = max([reduced_problem(ufm, over).norm_at_zero(), *pull.tolist()])
    return Losses(contrasts=(over.counts[several], pull), everything=everything)


def means_lost(ufm: UFM, doubted: float) -> float:
    """The largest decay below which B is not zero, for any loss and bias, by the engine; infinity if that is above `doubted`.

    Scanned downwards from where all is lost in steps of 2^(1/4) until B != 0, then halved 50 times or until the ends are neighbors.
    """
    over = groups(ufm)

    def moved(c: float) -> bool:
        return reduced_problem(ufm, over, c).norm_without_means() > c

    if math.isfinite(doubted) and moved(doubted):
        return math.inf
    high = convex_losses(ufm).everything
    low = high * FINER
    while not moved(low):
        high, low = low, low * FINER
    for _ in range(50):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        low, high = (middle, high) if moved(middle) else (low, middle)
    return low


class GroupMeans:
    """The groups of one plain cross-entropy problem with M = 1, to be judged at many decays."""

    def __init__(self, ufm: UFM) -> None:
        self.bias = ufm.bias
        self.counts, sizes = np.unique(ufm.counts, return_counts=True)
        self.sizes = sizes.astype(np.float64)
        self.samples, self.classes, self.smoothing = ufm.samples, ufm.classes, ufm.loss.smoothing
        u = np.sqrt(self.sizes / self.classes)
        self.residual = (np.outer(u, u) - np.eye(u.size)) * (
            np.sqrt(self.counts) * (1.0 - self.smoothing) / self.samples
        )
        if ufm.bias == "none":
            self.norm_at_zero = float(np.linalg.norm(self.residual, 2))
        else:
            self.norm_at_zero = reduced_problem(ufm, groups(ufm)).norm_at_zero()

    def fates(self, c: Array) -> Fates:
        """Numbers of classes at several decays, M = 1: c = g."""
        several = self.sizes > 1
        ratio = np.sqrt(self.counts) * (1.0 - self.smoothing) / (self.samples * c[:, None])
        alive = several & (ratio > 1.0)
        doubtful = (several & (np.abs(ratio - 1.0) < NEAR)).any(axis=1) | (
            np.abs(self.norm_at_zero / c - 1.0) < EDGE
        )
        some, matters = (
            alive.any(axis=1),
            ~alive.all(axis=1),
        )  # where every class has its contrast, B does not matter
        moved = self.norm_at_zero > c
        open_ = some & matters & ~doubtful & (moved | (self.bias != "none"))
        if self.bias == "none":
            norm = self.norms(c[open_], alive[open_])
            moved[open_] = norm > c[open_]
            doubtful[open_] |= np.abs(norm / c[open_] - 1.0) < EDGE
        else:
            doubtful |= open_
        active = alive @ self.sizes + np.where(moved, (~several) @ self.sizes, 0.0)
        merged = np.where(moved, (several & ~alive) @ self.sizes, 0.0)
        return Fates(active, merged, doubtful)

    def norms(self, c: Array, alive: NDArray[np.bool_]) -> Array:
        """||dF/dB|| at B = 0 and the contrasts that are best there."""
        if not c.size:
            return np.zeros(0)
        cell, group = np.nonzero(alive)
        m, k = self.sizes[group], self.classes
        wanted = self.smoothing + self.samples * c[cell] / np.sqrt(
            self.counts[group]
        )  # 1 minus the right-hand side

        def terms(a: Array) -> tuple[Array, Array]:
            spread = (k - m) * np.exp(-a * (1.0 - 1.0 / m))
            near = np.exp(-a)
            return m * near + spread, 1.0 + (m - 1.0) * near + spread

        a, step = (
            np.zeros_like(wanted),
            2.0 * np.log(2.0 * k / wanted),
        )  # 1 - (1 - e^-a)/S <= 2 K e^(-a/2): the root lies before
        for _ in range(HALVINGS):
            step *= 0.5
            rest, total = terms(a + step)
            a = np.where(rest > wanted * total, a + step, a)
        share = np.exp(-a * (1.0 - 1.0 / m)) / terms(a)[1]  # 1/Z
        factor = np.ones(alive.shape)
        factor[cell, group] = (k * share - self.smoothing) / (1.0 - self.smoothing)
        rows = max(1, BLOCK // self.counts.size**2)
        parts = (factor[i : i + rows, None, :] for i in range(0, len(factor), rows))
        return np.concatenate(
            [np.linalg.norm(self.residual * part, 2, axis=(1, 2)) for part in parts]
        )

    def vanishing(self) -> float:
        """The largest decay below which B is not zero, no bias: where norms(c) = c, or the norm at zero if no contrast lives there."""
        from scipy.optimize import brentq

        def excess(c: Array) -> Array:
            alive = (self.sizes > 1) & (
                np.sqrt(self.counts) * (1.0 - self.smoothing) > self.samples * c[:, None]
            )
            return self.norms(c, alive) / c - 1.0

        high = self.norm_at_zero
        if excess(np.array([high]))[0] >= -EDGE * EDGE:
            return high
        while True:
            levels = np.float64(high) * STEPS
            positive = np.flatnonzero(excess(levels) >= 0.0)
            if positive.size:
                break
            high = float(levels[-1])
        low, high = float(levels[positive[0]]), float(levels[positive[0] - 1])
        return float(
            brentq(lambda c: float(excess(np.array([c]))[0]), low, high, xtol=1e-300, rtol=1e-14)
        )
