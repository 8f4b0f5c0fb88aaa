"""The rows of a time course, one per class and one per mode, and what a planner must be warned of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .placement import minimizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..problem.losses import Array
    from .course import TimeCourse
    from .target_modes import TargetModes

LEARNED, DIES, UNSTARTED, DIVERGES = "learned", "dies", "not started", "diverges"

MOST_BISECTED = 40  # basin boundaries that a table may cost, about half a second each


def warnings(course: TimeCourse) -> list[str]:
    """Modes that die although the minimizer has them, and the other way round; rates that diverge."""
    modes, said = course.modes, []
    wanted = np.zeros(course.lives.size, dtype=bool)
    wanted[minimizer(modes)] = True
    started = course.start.min(axis=1) > 0
    what = ("class", "classes") if modes.by_class else ("mode", "modes")
    below = np.flatnonzero(wanted & started & ~course.lives)
    above = np.flatnonzero(~wanted & course.lives)
    unstarted = np.flatnonzero(wanted & ~started)
    if below.size:
        names = _names(modes, below, what)
        said.append(
            f"{names} below the unstable root: descent from this start loses what the global minimizer has"
        )
    if above.size:
        said.append(
            f"{_names(modes, above, what)} above the unstable root and lives, although the global minimizer is lower without"
        )
    if unstarted.size:
        said.append(
            f"{_names(modes, unstarted, what)} at zero or with a negative product: nothing is predicted to grow there"
        )
    rate = course.largest_stable_rate
    if rate is not None and course.learning_rate >= rate:
        said.append(
            f"learning rate {course.learning_rate:g} is not below {rate:.6g} = 2 (1 + momentum)/(largest curvature): descent cannot settle"
        )
    if course.parameters is not None and course.ufm.depth > 1:
        said.append(
            "the start is not aligned: at depth 2 or more its projection on the modes is only a guide"
        )
    if course.escape is not None:
        said.append(
            f"the end is a saddle: rounding grows there, and after about {course.escape:.0f} more steps descent leaves the aligned path"
        )
    if not modes.room.all():
        said.append(
            f"the widths have room for {int(modes.room.sum())} of {modes.room.size} modes: the others are not started"
        )
    return said


def _names(modes: TargetModes, which: NDArray[np.intp], what: Sequence[str]) -> str:
    names = ", ".join(modes.names[i].removeprefix("mode ") for i in which[:8])
    more = f" and {which.size - 8} more" if which.size > 8 else ""
    return f"{what[which.size > 1]} {names}{more} {'starts' if which.size == 1 else 'start'}"


def _fate(course: TimeCourse, started: bool, lives: bool) -> str:
    """What descent does to a class or mode: what the flow does, unless the rate is so large that descent diverges."""
    if not started:
        return UNSTARTED
    return DIVERGES if course.descent.diverged is not None else LEARNED if lives else DIES


def _known(number: float) -> float | None:
    return None if not math.isfinite(number) else float(number)


def _boundary(course: TimeCourse) -> Array:
    """The basin boundary of each mode; unknown (NaN) where too many would have to be bisected."""
    distinct = np.unique(course.modes.tau2).size
    bisected = course.ufm.depth > 1 and min(course.ufm.decays) < max(course.ufm.decays)
    return (
        np.full(course.lives.size, math.nan)
        if bisected and distinct > MOST_BISECTED
        else course.boundary
    )


def class_rows(course: TimeCourse) -> list[dict[str, Any]]:
    """Fate, steps of flow and descent, and the geometry at the end, of each class."""
    modes, ufm = course.modes, course.ufm
    own = modes.own_logits(course.end) + modes.bias
    starts = modes.own_logits((course.start.min(axis=1) > 0).astype(float)) != 0
    rows, boundary = [], _boundary(course)
    for k in range(ufm.classes):
        fate = _fate(course, starts[k], course.class_lives[k])
        row = {
            "class": ufm.names[k],
            "count": float(ufm.counts[k]),
            "fate": fate,
            "flow_step": _known(course.class_step[k]),
            "descent_step": _known(course.descent.class_step[k]),
            "own_logit": float(own[k]),
        }
        if modes.by_class:
            layers = (
                modes.layers(course.end[k : k + 1])[0]
                if course.end[k] > 0
                else np.zeros(ufm.depth + 1)
            )
            row |= {
                "start": float(course.start[k].prod() ** (1.0 / (ufm.depth + 1))),
                "boundary": _known(boundary[k]),
                "feature_norm": float(layers[0] / math.sqrt(ufm.counts[k])),
                "weight_norm": float(layers[1:].prod()),
            }
        rows.append(row)
    return rows


def mode_rows(course: TimeCourse) -> list[dict[str, Any]]:
    """Start, boundary, fate, end, steps and noise rate of each mode."""
    modes = course.modes
    started, boundary = course.start.min(axis=1) > 0, _boundary(course)
    return [
        {
            "mode": modes.names[i],
            "tau2": float(modes.tau2[i]),
            "start": course.start[i].tolist(),
            "boundary": _known(boundary[i]),
            "fate": _fate(course, started[i], course.lives[i]),
            "sigma": float(course.end[i]),
            "flow_step": _known(course.mode_step[i]),
            "lateness": float(course.lateness[i]),
            "descent_step": _known(course.descent.mode_step[i]),
            "noise_rate": float(course.noise_rates[i]),
        }
        for i in range(modes.tau2.size)
    ]
