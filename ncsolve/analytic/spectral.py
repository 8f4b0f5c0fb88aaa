r"""Squared loss through the singular values of the target.

    min over A of rank <= R:   ||A - T||_F^2 / (2N) + c sum_i sigma_i(A)^q

||A - T||^2 >= sum (sigma_i - tau_i)^2 by von Neumann's trace inequality, with equality when A shares T's singular vectors,
so each mode is the scalar problem of scalar.py; a mode's gain over zero grows with tau, so the rank bound keeps the R
largest tau. This file turns a Spectrum into a Solution: it chooses the modes, says what ties, and what becomes of a class.

Arrays have the modes last: shape (m,) for one problem, (D, m) for D that differ in their decays (and in their counts where mode k
is class k). One problem is decided exactly at a threshold, of many it is said which ones are doubtful.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..values import Value
from . import scalar
from .angles import extremes, inverse_lengths, mean, present
from .reduction import exact_sum, reduce
from .theorem import ACTIVE, MERGED, VANISHED, ClassStates, Fates, Losses, Solution

if TYPE_CHECKING:
    from collections.abc import Callable, Set

    from numpy.typing import NDArray

    from ..problem.losses import Array, Indices
    from ..problem.ufm import UFM
    from .spectrum import CenteredSpectrum, Frame, Spectrum
    from .theorem import Cosines

WORDS = np.array([VANISHED, MERGED, ACTIVE])  # of a state as a number


@dataclass(frozen=True, eq=False, repr=False)
class Selection(Value):
    """Which modes live, and how many copies of each the rank bound keeps.

    Attributes
    ----------
    ufm : the problem; of several one of them, which has the depth and the widths of all
    spectrum : Spectrum
    samples : N
    tau2, kappa, alive : squared target singular values, levels, whether a non-zero minimum is the global one
    ties : modes that tie with zero exactly (M >= 2); the non-zero minimizer is the one kept
    undecided : modes whose tau is known only to rounding and lies within rounding of the threshold
    """

    ufm: UFM
    spectrum: Spectrum
    samples: Array | float
    tau2: Array
    kappa: Array
    alive: NDArray[np.bool_]
    ties: tuple[int, ...] = ()
    undecided: tuple[int, ...] = ()

    @cached_property
    def copies(self) -> Indices:
        """Copies of each mode."""
        told = self.spectrum.copies
        return np.ones(self.tau2.shape[-1], dtype=np.intp) if told is None else told

    @cached_property
    def room(self) -> Indices:
        """Copies of each mode, alive or not, for which the rank bound has room: the R largest, the same ones in all problems."""
        tau2 = self.tau2 if self.tau2.ndim == 1 else self.tau2[0]
        return roomy(tau2, self.copies, self.ufm.rank_limit)

    @cached_property
    def kept(self) -> Indices:
        """Copies of each mode that are kept: alive, with room."""
        return np.where(self.alive, self.room, 0)

    @cached_property
    def is_cut(self) -> bool:
        """Whether more modes want to live than the widths allow."""
        return bool((self.alive & (self.room < self.copies)).any())

    @cached_property
    def shrinkage(self) -> Array:
        """P of each kept mode, 1 for the others."""
        return scalar.shrinkage(self.kappa, self.kept > 0, self.ufm.depth)

    @cached_property
    def sigma(self) -> Array:
        """The singular values tau (1 - p) of A, in the order of tau2."""
        sigma: Array = np.sqrt(self.tau2) * (1.0 - self.shrinkage)
        return sigma

    @property
    def value(self) -> Array:
        """Objective: sum of tau^2/(2N) p (1 + M (1 - p)) over the kept copies and of tau^2/(2N) over all others."""
        share = scalar.energy(self.shrinkage, self.ufm.depth)
        if self.spectrum.copies is not None:
            share = share * self.kept + (self.copies - self.kept)
        total: Array = (share * self.tau2).sum(axis=-1) / (2.0 * self.samples)
        return total

    def states(self) -> NDArray[np.int8]:
        """Of every class 0 (vanished), 1 (merged) or 2 (active): j contrasts set j + 1 classes of equal count apart, and so the last
        of j + 2 if a root moves them all; without any root only those are not zero.
        """
        if self.spectrum.by_class:
            return 2 * (self.kept > 0).astype(np.int8)
        mode = self.spectrum.mode_of_class
        own, position, members = placed(mode)
        roots = np.delete(self.kept, np.unique(mode[own]), axis=-1)
        moved = np.asarray(roots.any(axis=-1))[..., None]
        state = np.repeat(np.where(moved, 2, 0).astype(np.int8), mode.size, axis=-1)
        contrasts = self.kept[..., mode[own]]
        apart = np.where(contrasts > 0, contrasts + 1, 0)
        lives = (position[own] < apart) | (moved & (members[own] == apart + 1))
        state[..., own] = np.where(lives, 2, np.where(moved, 1, 0))
        return state

    # One problem

    @cached_property
    def cut_ties(self) -> Indices:
        """Modes of equal tau that lie on both sides of the cut (empty where there is no tie)."""
        if not self.is_cut:
            return np.empty(0, dtype=np.intp)
        kept, tau2 = self.kept, self.tau2
        dropped = self.alive & (kept < self.copies)
        slack = 0.0 if self.spectrum.exceeds(0, Fraction(1), 1) is not None else scalar.ROUNDING
        lowest, highest = tau2[kept > 0].min(), tau2[dropped].max()
        if highest < lowest * (1.0 - slack):
            return np.empty(0, dtype=np.intp)
        return np.flatnonzero(
            self.alive & (tau2 <= lowest * (1 + slack)) & (tau2 >= highest * (1 - slack))
        )

    def sigma_and_frame(self) -> tuple[Array, Frame]:
        """Singular values of A, descending, one per kept copy, and their vectors."""
        chosen = np.flatnonzero(self.kept)
        chosen = chosen[np.argsort(-self.tau2[chosen], kind="stable")]
        kept = self.kept[chosen]
        return np.repeat(self.sigma[chosen], kept), self.spectrum.frame(chosen, kept)

    def class_states(self, state: NDArray[np.str_] | None = None) -> ClassStates:
        """What becomes of each class and when; the largest mode that is no class's decides for a class without one."""
        tau2, room, depth, classes = self.tau2, self.room, self.ufm.depth, self.ufm.classes
        mode: Any = slice(None)
        own: Any = np.True_
        position: Any = 0
        members: Any = 1
        moved = False
        if not self.spectrum.by_class:
            mode = self.spectrum.mode_of_class
            own, position, members = placed(mode)
            shared = tau2.copy()
            shared[mode[own]] = -1.0
            moved = bool(np.delete(room, np.unique(mode[own])).any())
            mode = np.where(own, mode, int(np.argmax(shared)))
        limit, exponent = scalar.threshold(depth), depth / (depth + 1.0)
        decays = reduce(self.ufm).mean_decay
        with np.errstate(over="ignore"):
            count = np.full(classes, np.power(self.samples * decays / limit, 1.0 / exponent))
        decay = limit * np.power(tau2[mode], exponent) / self.samples
        stable = self.alive[mode] | (self.kappa[mode] < scalar.fold(depth))
        full = room < self.copies
        if full.any():  # a mode must also be among the R largest; below, turning towards a larger one is downhill
            has = room[mode]
            last = moved & own & (position == has + 1) & (members == has + 2)
            fits = (has > 0) & (((position <= has) | ~own) | last)
            count = np.maximum(count, np.where(fits, tau2[full].max(), tau2[room > 0].min()))
            decay[~fits] = np.nan
            stable &= fits
        count[~own | np.isinf(count)] = np.nan
        state = WORDS[self.states()] if state is None else state
        factor = scalar.fold(depth) / limit
        return ClassStates(state, stable, count, decay, local_factor=factor)

    def warnings(self) -> tuple[str, ...]:
        """What a reader must know."""
        said = []
        ties, undecided = (
            [i for i in some if self.room[i]] for some in (self.ties, self.undecided)
        )
        if ties:
            said.append(
                f"{self._called(ties)} exactly at the threshold: the geometry without it is as low, "
                "so the minimizer is not unique"
            )
        if undecided:
            said.append(
                f"{self._called(undecided)} within rounding of the threshold: a last digit decides"
            )
        cut, limit = self.cut_ties, self.ufm.rank_limit
        if cut.size:
            kept, total = int(self.kept[cut].sum()), int(self.copies[cut].sum())
            said.append(
                f"rank at most {limit} keeps {kept} of {total} equal modes ({self._called(cut.tolist())}): "
                f"any {kept}-dimensional subspace of them is optimal, the first in order are shown"
            )
        elif self.is_cut:
            said.append(
                f"the smallest width allows rank {limit} where {int(self.copies[self.alive].sum())} modes would live: "
                "the smallest are lost"
            )
        if not self.alive.any():
            said.append("the decays are so large that the zero solution is the global minimizer")
        return tuple(said)

    @property
    def unique(self) -> bool:
        """Whether the chosen modes are the only choice."""
        ties = [i for i in (*self.ties, *self.undecided) if self.room[i]]
        return not (ties or self.cut_ties.size)

    def _called(self, indices: list[int]) -> str:
        ufm = self.ufm
        names = [
            f"class {ufm.names[i]!r} (count {ufm.counts[i]:g})"
            if self.spectrum.by_class
            else f"the mode with tau^2 = {self.tau2[i]:.12g}"
            for i in indices[:5]
        ]
        more = f" and {len(indices) - 5} more" if len(indices) > 5 else ""
        return ", ".join(names) + more + (" is" if len(indices) == 1 else " are")


def select(ufm: UFM, spectrum: Spectrum) -> Selection:
    """Solve the scalar problem of every mode of the target; one that floating point cannot place is compared exactly."""
    depth, tau2 = ufm.depth, spectrum.tau2
    kappa = scalar.level(tau2, ufm.samples, reduce(ufm).mean_decay, depth)
    alive, near = scalar.survives(kappa, depth)
    ties, undecided = [], []
    if near.any():
        power = scalar.critical_power(exact_sum(ufm.counts), ufm.decays)
        for i in np.flatnonzero(near).tolist():
            sign = spectrum.exceeds(i, power, depth)
            if sign is None:
                undecided.append(i)
                continue
            alive[i] = sign > 0 or (sign == 0 and depth > 1)
            if sign == 0 and depth > 1:
                ties.append(i)
    return Selection(ufm, spectrum, ufm.samples, tau2, kappa, alive, tuple(ties), tuple(undecided))


def solution(
    selection: Selection, bias: Array, states: Callable[[], ClassStates] | None = None
) -> Solution:
    """Package the Selection of one problem."""
    return Solution(
        value=float(selection.value),
        modes=selection.sigma_and_frame,
        bias=bias,
        states=states or selection.class_states,
        unique=selection.unique,
        warnings=selection.warnings(),
    )


def roomy(tau2: Array, copies: Indices, rank_limit: int) -> Indices:
    """How many copies of each mode are among the `rank_limit` largest."""
    if copies.sum() <= rank_limit:
        return copies
    order = np.argsort(-tau2, kind="stable")
    room = np.empty_like(copies)
    room[order] = np.clip(rank_limit - (np.cumsum(copies[order]) - copies[order]), 0, copies[order])
    return room


def placed(mode: Indices) -> tuple[NDArray[np.bool_], Indices, Indices]:
    """Whether each class has a mode of its own, its place among those with the same mode, and how many these are."""
    order = np.argsort(mode, kind="stable")
    ordered = mode[order]
    first = np.searchsorted(ordered, ordered)
    position, members = np.empty_like(mode), np.empty_like(mode)
    position[order] = np.arange(mode.size) - first
    members[order] = np.searchsorted(ordered, ordered, side="right") - first
    return mode >= 0, position, members


def losses(ufm: UFM, tau2: Array, *, by_class: bool = False) -> Losses:
    """Where modes (classes) die, and their local minima; `tau2` lists every copy."""
    living = np.sort(tau2[tau2 > 0])[::-1][: ufm.rank_limit]
    decay = death(ufm, living)
    more = scalar.fold(ufm.depth) / scalar.threshold(ufm.depth)
    folds = decay * more if ufm.depth > 1 else decay[:0]
    return Losses(classes=decay, folds=folds) if by_class else Losses(modes=decay, folds=folds)


def death(ufm: UFM, tau2: Array) -> Array:
    """The mean decay kappa* tau^(2M/(M+1)) / N at which modes die."""
    m = ufm.depth
    decay: Array = scalar.threshold(m) * np.power(tau2, m / (m + 1.0)) / ufm.samples
    return decay


# Many problems with one centered target


def centered_fates(
    ufm: UFM, spectrum: CenteredSpectrum, mean_decay: Array, wanted: Set[str]
) -> Fates:
    """What becomes of the classes at several decays, bias free."""
    samples, depth = float(spectrum.counts.sum(dtype=np.longdouble)), ufm.depth
    kappa = scalar.level(spectrum.tau2, samples, 1.0, depth) * mean_decay[:, None]
    alive, near = scalar.survives(kappa, depth)
    chosen = Selection(ufm, spectrum, samples, spectrum.tau2, kappa, alive)
    state, doubtful = chosen.states(), np.asarray(near.any(axis=1))
    angles = {}
    for name in {"features", "classifiers"} & wanted:
        angles[name] = centered_cosines(chosen, name, "extremes" in wanted)
        # a contrast that is kept in part sets members of a group apart
        doubtful |= (alive & (chosen.room < chosen.copies)).any(axis=1)
    return Fates(
        (state == 2).sum(axis=1),
        (state == 1).sum(axis=1),
        doubtful,
        chosen.kept.sum(axis=1),
        chosen.value if "value" in wanted else None,
        **angles,
    )


def centered_cosines(chosen: Selection, which: str, ends: bool) -> Cosines:
    """Cosines of class means ("features") or classifier rows, group by group: contrasts cancel in sums over a group."""
    spectrum, depth, nan = chosen.spectrum, chosen.ufm.depth, np.full(len(chosen.kappa), np.nan)
    counts, group, members = spectrum.groups  # type: ignore[attr-defined]
    sizes, roots = members.astype(np.float64), np.arange(counts.size - 1)
    frame = spectrum.frame(roots, np.ones_like(roots))
    first = np.unique(group, return_index=True)[1]
    features = which == "features"
    scale = 1.0 / counts if features else np.ones(counts.size)  # columns are sqrt(n_k) h_k
    scaled = (frame.right() if features else frame.left())[first] * np.sqrt(scale)[:, None]
    # squared singular values of the factor, up to a number
    strength = np.power(chosen.sigma, 2.0 * (1.0 if features else float(depth)) / (depth + 1.0))
    contrast = spectrum.mode_of_group  # type: ignore[attr-defined]
    root = strength[:, roots]
    shared = root @ scaled.T**2  # squared length of a group's mean vector
    own = np.where(contrast >= 0, strength[:, contrast], 0.0) * scale
    norm2 = shared + own * (1.0 - 1.0 / sizes)
    there = present(norm2)
    inverse = inverse_lengths(norm2, there)
    sum2 = ((inverse * sizes) @ scaled) ** 2 * root
    middle = mean(sum2.sum(axis=1), there @ sizes)
    if not ends:
        return nan, middle, nan
    within = (shared - own / sizes) * inverse**2

    def between(part: slice) -> Array:
        unit = inverse[part, :, None] * scaled * np.sqrt(root[part, None, :])
        return np.asarray(unit @ unit.transpose(0, 2, 1))

    low, high = extremes(between, within, there, sizes)
    return low, middle, high
