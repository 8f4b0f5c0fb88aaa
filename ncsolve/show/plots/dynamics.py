"""Modes against the step: lines predicted by flow, points measured in descent (or given by its exact recursion)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLACK, CYCLE, axes_or_new, step_axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from ...problem.losses import Array
    from ...questions.dynamics import TimeCourse

SHOWN = 7  # curves of a picture; of more modes, so many from the largest to the smallest
MARKS = "osD^vPX"
POINTS = 41  # measured points per curve
SPREAD = 30.0  # learning steps that differ by more, as a ratio, are shown on a logarithmic axis


@dataclass(frozen=True, eq=False)
class ModeCurves:
    """What is drawn of a time course, read from its document.

    Attributes
    ----------
    step, flow : arrays (T,), (m, T), sigma of every mode by gradient flow
    point_step, points : arrays (S,), (m, S), measured, or of the exact recursion
    measured : which of the two
    labels, tau2 : of the modes
    passes : (step, level, whether it lives) of each mode, where it is learned or dead; the step is infinite where it never is
    steps : length of the time course
    """

    step: Array
    flow: Array
    point_step: Array
    points: Array
    measured: bool
    labels: Sequence[str]
    tau2: Array
    passes: Sequence[tuple[float, float, bool]]
    steps: int


def mode_curves(document: Mapping[str, Any]) -> ModeCurves:
    """From the document of a TimeCourse; one of 0.1.0 may hold what was measured.

    Raises
    ------
    KeyError, TypeError, ValueError
        Something is missing.
    """
    course, modes = document["course"], document["modes"]
    by_class = bool(document["classes"]) and "start" in document["classes"][0]
    measured = "measured" in course
    points = np.array(course["measured" if measured else "descent"], dtype=np.float64)
    step = np.array(course["step"], dtype=np.float64)
    point_step = (
        np.array(course["measured_step"], dtype=np.float64) if measured else step[: points.shape[1]]
    )
    flow, tau2 = (
        np.array(course["flow"], dtype=np.float64),
        np.array([row["tau2"] for row in modes], dtype=np.float64),
    )
    if flow.shape != (len(modes), step.size) or points.shape != (len(modes), point_step.size):
        raise ValueError(f"{len(modes)} modes, but curves of shape {flow.shape} and {points.shape}")
    labels = [_label(str(row["mode"]), float(row["tau2"]), by_class) for row in modes]
    passes = [_pass(row, float(document["share"])) for row in modes]
    return ModeCurves(
        step, flow, point_step, points, measured, labels, tau2, passes, int(document["steps"])
    )


def _pass(row: Mapping[str, Any], share: float) -> tuple[float, float, bool]:
    """Where the flow has won a mode's share of the end, or lost it of the start."""
    lives = row["sigma"] > 0
    level = share * float(row["sigma"]) if lives else (1.0 - share) * math.prod(row["start"])
    return math.inf if row["flow_step"] is None else float(row["flow_step"]), level, lives


def _label(name: str, tau2: float, by_class: bool) -> str:
    name = (name if len(name) <= 14 else name[:13] + "\N{HORIZONTAL ELLIPSIS}").replace("$", r"\$")
    return (f"class {name}, $n$ = " if by_class else rf"{name}, $\tau^2$ = ") + f"{tau2:.4g}"


def modes_against_step(
    found: ModeCurves | TimeCourse, ax: Axes | None = None, log_steps: bool | None = None
) -> Axes:
    """Singular values sigma_i = s_0 s_1 ... s_M of the modes against the step of descent.

    Parameters
    ----------
    found : TimeCourse (points are those of the exact recursion), or the ModeCurves of one's document
    ax : Axes, optional
        Drawn on; a new figure by default.
    log_steps : bool, optional
        Whether steps are on a logarithmic axis; by default where learning steps differ by more than a factor of 30.

    Notes
    -----
    Lines are gradient flow at t = learning_rate * steps / (1 - momentum). A vertical tick on a curve marks the step at which its mode is
    learned, a cross the step at which it is dead.
    """
    curves = found if isinstance(found, ModeCurves) else mode_curves(found.to_dict())
    axes = axes_or_new(ax, (6.8, 4.4))
    finite = np.array([step for step, _, _ in curves.passes if 1.0 <= step < math.inf])
    if log_steps is None:
        log_steps = bool(finite.size) and float(finite.max() / finite.min()) > SPREAD
    order = np.argsort(-curves.tau2, kind="stable")
    chosen = order[
        np.unique(np.linspace(0, order.size - 1, min(SHOWN, order.size)).round().astype(int))
    ]
    at, marked = _apart(curves.point_step, log_steps), set[bool]()
    for turn, i in enumerate(chosen.tolist()):
        color = CYCLE[turn % len(CYCLE)]
        axes.plot(curves.step, curves.flow[i], color=color, lw=1.5, label=curves.labels[i])
        axes.plot(
            curves.point_step[at],
            curves.points[i, at],
            MARKS[turn % len(MARKS)],
            color=color,
            mfc="none",
            ms=5,
        )
        step, level, lives = curves.passes[i]
        if step <= curves.steps:
            word = ("_" if lives in marked else "") + ("learned" if lives else "dead")
            marked.add(lives)
            axes.plot(
                step,
                level,
                "|" if lives else "x",
                color=BLACK,
                ms=11,
                mew=1.5,
                zorder=3,
                clip_on=False,
                label=word,
            )
    axes.plot([], [], "-", color=BLACK, lw=1.5, label="gradient flow")
    axes.plot(
        [],
        [],
        "o",
        color=BLACK,
        mfc="none",
        ms=5,
        label="measured" if curves.measured else "exact descent",
    )
    axes.set(xlabel="step", ylabel=r"singular value $\sigma_i$ (dimensionless)")
    if log_steps:
        step_axis(axes)
    axes.set_xlim(0, curves.steps)
    axes.set_ylim(bottom=min(0.0, float(curves.points.min()) * 1.05))
    handles, labels = axes.get_legend_handles_labels()
    last = sorted(range(len(labels)), key=lambda i: labels[i] in ("learned", "dead"))
    place: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    axes.legend(
        [handles[i] for i in last],
        [labels[i] for i in last],
        frameon=False,
        fontsize="small",
        **place,
    )
    return axes


def _apart(step: Array, logarithmic: bool) -> Array:
    """Indices of points that stand evenly apart on the axis."""
    if not logarithmic or step[-1] < 1:
        return np.unique(np.linspace(0, step.size - 1, POINTS).round().astype(int))
    wanted = np.geomspace(max(1.0, step[min(1, step.size - 1)]), step[-1], POINTS)
    return np.unique(np.concatenate([[0], np.searchsorted(step, wanted).clip(max=step.size - 1)]))
