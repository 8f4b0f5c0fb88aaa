r"""Where each mode of a squared-loss problem is: at zero, at its outer minimum, or at its unstable root.

Any such choice with at most R modes away from zero, and balanced aligned factors, is a critical point of the raw objective.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytic.spectral import select
from ..problem.border import shown
from ..problem.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ..problem.losses import Array
    from .target_modes import TargetModes

ZERO, OUTER, INNER = "zero", "outer", "unstable"
FORMS = "minimizer, zero, modes=0,2, unstable, unstable=1 or modes=0,2+unstable=1"


@dataclass(frozen=True, eq=False)
class Placed:
    """The place of every mode.

    Attributes
    ----------
    modes : TargetModes
    place : array (m,) of "zero", "outer" or "unstable"
    """

    modes: TargetModes
    place: NDArray[np.str_]

    @cached_property
    def shrinkage(self) -> Array:
        """P = 1 - sigma/tau, shape (m,)."""
        p: Array = np.where(self.place == OUTER, self.modes.outer_shrinkage, 1.0)
        inner = self.place == INNER
        p[inner] = 1.0 - self.modes.inner_share[inner]
        return p

    @cached_property
    def share(self) -> Array:
        """Sigma/tau, shape (m,)."""
        x: Array = np.where(self.place == OUTER, 1.0 - self.modes.outer_shrinkage, 0.0)
        inner = self.place == INNER
        x[inner] = self.modes.inner_share[inner]
        return x

    @property
    def sigma(self) -> Array:
        """Singular values of A, shape (m,)."""
        sigma: Array = self.modes.tau * self.share
        return sigma

    def to_rows(self) -> list[dict[str, Any]]:
        """One row per mode, as plain values."""
        columns = (
            self.modes.names,
            self.modes.tau2.tolist(),
            self.place.tolist(),
            self.sigma.tolist(),
        )
        return [
            dict(zip(("mode", "tau2", "place", "sigma"), row, strict=True))
            for row in zip(*columns, strict=True)
        ]

    @property
    def value(self) -> float:
        """The objective: the sum of tau^2/(2N) p (1 + M (1 - p))."""
        ufm = self.modes.ufm
        return math.fsum(
            self.modes.tau2 / (2.0 * ufm.samples) * self.shrinkage * (1.0 + ufm.depth * self.share)
        )


def placed(modes: TargetModes, at: str) -> Placed:
    """The placement that `at` names: see `critical_point`.

    Raises
    ------
    ProblemError
        If the words are not understood, a mode does not exist or lacks the root, or the widths have no room.
    """
    if at == "zero":
        return placement(modes)
    if at == "minimizer":
        return placement(modes, minimizer(modes))
    if at == "unstable":
        rooted = np.flatnonzero((modes.inner_share > 0) & modes.room)
        if not rooted.size:
            raise ProblemError(f"no mode has an unstable root{_why(modes)}")
        return placement(modes, (), rooted)
    chosen: dict[str, list[int]] = {}
    for part in at.split("+"):
        found = re.fullmatch(r"\s*(modes|unstable)\s*=(.*)", part, re.DOTALL)
        if found is None or found[1] in chosen:
            raise ProblemError(f"at {shown(at)} is not understood; {FORMS} works")
        chosen[found[1]] = _numbers(modes, found[2])
    inner = chosen.get("unstable", [])
    outer = chosen["modes"] if "modes" in chosen else np.setdiff1d(minimizer(modes), inner)
    return placement(modes, outer, inner)


def placement(modes: TargetModes, outer: Iterable[int] = (), inner: Iterable[int] = ()) -> Placed:
    """The modes `outer` at their outer minimum, `inner` at their unstable root, all others at zero."""
    place = np.full(modes.tau2.size, ZERO, dtype="U8")
    for name, numbers, share in (
        (OUTER, outer, 1.0 - modes.outer_shrinkage),
        (INNER, inner, modes.inner_share),
    ):
        for i in numbers:
            if share[i] <= 0:
                what = "unstable root" if name == INNER else "non-zero stationary point"
                raise ProblemError(f"{_called(modes, i)} has no {what}{_why(modes)}")
            if place[i] != ZERO:
                raise ProblemError(f"{_called(modes, i)} is named twice; a mode is at one place")
            place[i] = name
    active = int((place != ZERO).sum())
    if active > modes.ufm.rank_limit:
        raise ProblemError(
            f"{active} modes are switched on; the smallest width allows {modes.ufm.rank_limit}"
        )
    return Placed(modes, place)


def minimizer(modes: TargetModes) -> NDArray[np.intp]:
    """Modes that are active at the global minimizer."""
    kept = select(modes.ufm, modes.spectrum).kept
    first = np.concatenate([[True], modes.index[1:] != modes.index[:-1]])
    start = np.maximum.accumulate(np.where(first, np.arange(first.size), 0))
    copy = np.arange(first.size) - start  # the how-manieth copy of its entry
    found: NDArray[np.intp] = np.flatnonzero(copy < kept[modes.index])
    return found


def _numbers(modes: TargetModes, text: str) -> list[int]:
    """Modes by class name or number, between commas."""
    names = {name: i for i, name in enumerate(modes.names)} if modes.by_class else {}
    found = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        number = names.get(word, int(word) if re.fullmatch(r"\d{1,9}", word) else -1)
        if not 0 <= number < modes.tau2.size:
            kind = "class name or a number" if modes.by_class else "number"
            raise ProblemError(
                f"mode {shown(word)} does not exist; give a {kind} from 0 to {modes.tau2.size - 1}"
            )
        found.append(number)
    return found


def _called(modes: TargetModes, i: int) -> str:
    return f"class {modes.names[i]!r}" if modes.by_class else modes.names[i]


def _why(modes: TargetModes) -> str:
    return (
        ": at depth 1 there are none"
        if modes.ufm.depth == 1
        else ": its decays are too large (thresholds says how large)"
    )
