r"""Squared loss through the singular values of the target.

    min over A of rank <= R:   ||A - T||_F^2 / (2N) + c sum_i sigma_i(A)^q

||A - T||^2 >= sum (sigma_i - tau_i)^2 by von Neumann's trace inequality, with equality when A shares T's singular vectors,
so each mode is the scalar problem of scalar.py; a mode's gain over zero grows with tau, so the rank bound keeps the R
largest tau. This file turns a Spectrum into a Solution: it chooses the modes, says what ties, and what becomes of a class.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from . import scalar
from .reduction import exact_sum, reduce
from .theorem import ACTIVE, MERGED, VANISHED, ClassStates, Solution

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..problem.losses import Array
    from ..problem.ufm import UFM
    from .spectrum import Frame, Indices, Spectrum


@dataclass(frozen=True, eq=False)
class Selection:
    """The solved modes of one problem and how many copies of each the rank bound keeps."""

    ufm: UFM
    spectrum: Spectrum
    modes: scalar.Modes

    @cached_property
    def copies(self) -> Indices:
        """Copies of each mode."""
        found = self.spectrum.copies
        return np.ones(self.modes.tau2.size, dtype=np.intp) if found is None else found

    @cached_property
    def is_cut(self) -> bool:
        """Whether more modes want to live than the widths allow."""
        alive = self.modes.alive
        wanted = (
            np.count_nonzero(alive)
            if self.spectrum.copies is None
            else int(self.copies[alive].sum())
        )
        return bool(wanted > self.ufm.rank_limit)

    @cached_property
    def room(self) -> Indices:
        """Copies of each mode, alive or not, for which the rank bound has room: the R largest."""
        if self.copies.sum() <= self.ufm.rank_limit:
            return self.copies
        order = np.argsort(-self.modes.tau2, kind="stable")
        left = self.ufm.rank_limit - np.concatenate([[0], np.cumsum(self.copies[order])[:-1]])
        room = np.empty_like(self.copies)
        room[order] = np.clip(left, 0, self.copies[order])
        return room

    @cached_property
    def kept(self) -> Indices:
        """Copies of each mode that are kept: alive, with room."""
        return np.where(self.modes.alive, self.room, 0)

    @cached_property
    def ties(self) -> list[int]:
        """Modes with room that tie with zero exactly."""
        return [i for i in self.modes.ties if self.room[i]]

    @cached_property
    def undecided(self) -> list[int]:
        """Modes with room that rounding does not place on one side of the threshold."""
        return [i for i in self.modes.undecided if self.room[i]]

    @cached_property
    def cut_ties(self) -> Indices:
        """Modes of equal tau that lie on both sides of the cut (empty where there is no tie)."""
        if not self.is_cut:
            return np.empty(0, dtype=np.intp)
        kept, tau2 = self.kept, self.modes.tau2
        dropped = self.modes.alive & (kept < self.copies)
        slack = 0.0 if self.spectrum.exceeds(0, Fraction(1), 1) is not None else scalar.ROUNDING
        lowest, highest = tau2[kept > 0].min(), tau2[dropped].max()
        if highest < lowest * (1.0 - slack):
            return np.empty(0, dtype=np.intp)
        return np.flatnonzero(
            self.modes.alive & (tau2 <= lowest * (1 + slack)) & (tau2 >= highest * (1 - slack))
        )

    @property
    def value(self) -> float:
        """Objective: kept modes at their minima, all others at zero."""
        if self.is_cut or self.spectrum.copies is not None:
            return self.modes.total(self.copies, self.kept if self.is_cut else None)
        return self.modes.total()

    def sigma_and_frame(self) -> tuple[Array, Frame]:
        """Singular values of A, descending, one per kept copy, and their vectors."""
        chosen = np.flatnonzero(self.kept)
        chosen = chosen[np.argsort(-self.modes.tau2[chosen], kind="stable")]
        return np.repeat(self.modes.sigma[chosen], self.kept[chosen]), self.spectrum.frame(
            chosen, self.kept[chosen]
        )

    def states(
        self, mode_of_class: Indices, state: Callable[[Selection], np.ndarray]
    ) -> ClassStates:
        """Class states when class k's own mode is `mode_of_class[k]` (-1: it has none, the largest mode that is no class's decides)."""
        modes, tau2, room = self.modes, self.modes.tau2, self.room
        own = mode_of_class >= 0
        shared = tau2.copy()
        shared[mode_of_class[own]] = -1.0
        mode = np.where(own, mode_of_class, int(np.argmax(shared)))
        depth, samples = modes.depth, modes.samples
        limit, exponent = scalar.threshold(depth), depth / (depth + 1.0)
        with np.errstate(over="ignore"):
            count = np.full(mode.size, np.power(samples * modes.mean_decay / limit, 1.0 / exponent))
        decay = limit * np.power(tau2[mode], exponent) / samples
        stable = modes.alive[mode] | (modes.kappa[mode] < scalar.fold(depth))
        full = room < self.copies
        if full.any():  # a mode must also be among the R largest; below, turning towards a larger one is downhill
            fits = _set_apart(mode, own, room)
            count = np.maximum(count, np.where(fits, tau2[full].max(), tau2[room > 0].min()))
            decay[~fits] = np.nan
            stable &= fits
        count[~own | np.isinf(count)] = np.nan
        return ClassStates(state(self), stable, count, decay)

    def warnings(self, name: Callable[[int], str]) -> tuple[str, ...]:
        """What a reader must know; `name` says which class or mode an index stands for."""
        said = []
        if self.ties:
            said.append(
                f"{_list(name, self.ties)} exactly at the threshold: the geometry without it is as low, "
                "so the minimizer is not unique"
            )
        if self.undecided:
            said.append(
                f"{_list(name, self.undecided)} within rounding of the threshold: a last digit decides"
            )
        ties = self.cut_ties
        if ties.size:
            kept = int(self.kept[ties].sum())
            total = int(self.copies[ties].sum())
            said.append(
                f"rank at most {self.ufm.rank_limit} keeps {kept} of {total} equal modes ({_list(name, ties.tolist())}): "
                f"any {kept}-dimensional subspace of them is optimal, the first in order are shown"
            )
        elif self.is_cut:
            wanted = int(self.copies[self.modes.alive].sum())
            said.append(
                f"the smallest width allows rank {self.ufm.rank_limit} where {wanted} modes would live: the smallest are lost"
            )
        if not self.modes.alive.any():
            said.append("the decays are so large that the zero solution is the global minimizer")
        return tuple(said)

    @property
    def unique(self) -> bool:
        """Whether the chosen modes are the only choice."""
        return not (self.ties or self.undecided or self.cut_ties.size)


def select(ufm: UFM, spectrum: Spectrum) -> Selection:
    """Solve the scalar problem of every mode of the target and apply the rank bound."""
    reduction = reduce(ufm)

    modes = scalar.solve(
        spectrum.tau2,
        samples=reduction.samples,
        mean_decay=reduction.mean_decay,
        decays=ufm.decays,
        exact_samples=lambda: exact_sum(ufm.counts),
        exceeds=spectrum.exceeds,
    )
    return Selection(ufm, spectrum, modes)


def solution(
    selection: Selection,
    *,
    mode_of_class: Callable[[], Indices],
    state: Callable[[Selection], np.ndarray],
    name: Callable[[int], str],
    bias: Callable[[], Array],
) -> Solution:
    """Package a Selection."""
    return Solution(
        value=selection.value,
        modes=selection.sigma_and_frame,
        bias=bias,
        states=lambda: selection.states(mode_of_class(), state),
        unique=selection.unique,
        warnings=selection.warnings(name),
    )


def axis_state(selection: Selection) -> np.ndarray:
    """Mode k is class k: a class without its mode has zero feature and zero classifier."""
    return np.where(selection.kept > 0, ACTIVE, VANISHED)


def centered_state(selection: Selection, mode_of_class: Indices) -> np.ndarray:
    """A root moves every class, equal counts alike; without any, only classes that a contrast moves are not zero."""
    contrasts = np.unique(mode_of_class[mode_of_class >= 0])
    moved = bool(np.delete(selection.kept, contrasts).any())
    state = np.full(mode_of_class.size, ACTIVE if moved else VANISHED)
    for mode in contrasts:
        members = np.flatnonzero(mode_of_class == mode)
        apart = (
            int(selection.kept[mode]) + 1 if selection.kept[mode] else 0
        )  # contrasts 1..j separate j + 1 members
        state[members[:apart]] = ACTIVE
        if moved and members.size > apart + 1:
            state[members[apart:]] = MERGED
    return state


def _set_apart(mode: Indices, own: np.ndarray, room: Indices) -> np.ndarray:
    """Whether each class is apart from all others while its mode lives.

    Of the m classes of a group j kept contrasts set the first j + 1 apart, and so the last of j + 2, if a root moves them all: one that
    has room is larger than contrasts that have not all, and outlives them.
    """
    order = np.argsort(mode, kind="stable")
    ordered = mode[order]
    position = np.empty(mode.size, dtype=np.intp)
    position[order] = np.arange(mode.size) - np.searchsorted(ordered, ordered)
    position[~own] = 0
    members = np.bincount(mode[own], minlength=room.size)
    moved = bool(np.delete(room, np.unique(mode[own])).any())
    last = moved & own & (position == room[mode] + 1) & (members[mode] == room[mode] + 2)
    apart: np.ndarray = (room[mode] > 0) & ((position <= room[mode]) | last)
    return apart


def _list(name: Callable[[int], str], indices: list[int]) -> str:
    names = [name(i) for i in indices[:5]]
    more = f" and {len(indices) - 5} more" if len(indices) > 5 else ""
    return ", ".join(names) + more + (" is" if len(indices) == 1 else " are")
