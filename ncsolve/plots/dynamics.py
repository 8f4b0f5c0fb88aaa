"""Modes against the step: lines predicted by flow, points measured in descent (or given by its exact recursion)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..analytic.course import TimeCourse
from .style import BLACK, CYCLE, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..losses import Array
    from ..tracking import Track

SHOWN = 7  # curves of a picture; of more modes, so many from the largest to the smallest
MARKS = "osD^vPX"
POINTS = 41  # measured points per curve
SPREAD = 30.0  # learning steps that differ by more, as a ratio, are shown on a logarithmic axis


def modes_against_step(found: TimeCourse | Track, ax: Axes | None = None, log_steps: bool | None = None) -> Axes:
    """Singular values sigma_i = s_0 s_1 ... s_M of the modes against the step of descent.

    Parameters
    ----------
    found : TimeCourse (points are those of the exact recursion) or Track (points are measured)
    ax : Axes, optional
        Drawn on; a new figure by default.
    log_steps : bool, optional
        Whether steps are on a logarithmic axis; by default where learning steps differ by more than a factor of 30.

    Notes
    -----
    Lines are gradient flow at t = learning_rate * steps / (1 - momentum). A vertical tick on a curve marks the step at which its mode is
    learned, a cross the step at which it is dead.
    """
    course = found if isinstance(found, TimeCourse) else found.course
    measured = None if isinstance(found, TimeCourse) else found.followed
    axes = axes_or_new(ax, (6.8, 4.4))
    step, sigma = course.recorded.astype(float), course.flow.sigma
    points = (course.descent.step.astype(float), course.descent.sigma) if measured is None else (measured.step, measured.sigma)
    finite = course.mode_step[np.isfinite(course.mode_step) & (course.mode_step >= 1.0)]
    if log_steps is None:
        log_steps = bool(finite.size) and float(finite.max() / finite.min()) > SPREAD
    order = np.argsort(-course.modes.tau2, kind="stable")
    chosen = order[np.unique(np.linspace(0, order.size - 1, min(SHOWN, order.size)).round().astype(int))]
    for turn, i in enumerate(chosen.tolist()):
        color = CYCLE[turn % len(CYCLE)]
        axes.plot(step, sigma[:, i], color=color, lw=1.5, label=_label(course, i))
        at = _apart(points[0], log_steps)
        axes.plot(points[0][at], points[1][at, i], MARKS[turn % len(MARKS)], color=color, mfc="none", ms=5)
        if np.isfinite(course.mode_step[i]) and course.mode_step[i] <= course.steps:
            axes.plot(course.mode_step[i], course.levels[i], "|" if course.lives[i] else "x", color=color, ms=12, mew=2)
    what = "exact descent" if measured is None else "measured"
    axes.plot([], [], "-", color=BLACK, lw=1.5, label="gradient flow")
    axes.plot([], [], "o", color=BLACK, mfc="none", ms=5, label=what)
    axes.set(xlabel="step", ylabel=r"singular value $\sigma_i$ (dimensionless)")
    if log_steps:
        axes.set_xscale("symlog", linthresh=1, subs=range(2, 10))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlim(0, course.steps)
    axes.set_ylim(bottom=min(0.0, float(points[1].min()) * 1.05))
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes


def _label(course: TimeCourse, i: int) -> str:
    name = course.modes.names[i]
    name = (name if len(name) <= 14 else name[:13] + "\N{HORIZONTAL ELLIPSIS}").replace("$", r"\$")
    what = f"class {name}, $n$ = " if course.modes.by_class else rf"{name}, $\tau^2$ = "
    return what + f"{course.modes.tau2[i]:.4g}"


def _apart(step: Array, logarithmic: bool) -> Array:
    """Indices of points that stand evenly apart on the axis."""
    if not logarithmic or step[-1] < 1:
        return np.unique(np.linspace(0, step.size - 1, POINTS).round().astype(int))
    wanted = np.geomspace(max(1.0, step[min(1, step.size - 1)]), step[-1], POINTS)
    return np.unique(np.concatenate([[0], np.searchsorted(step, wanted).clip(max=step.size - 1)]))
