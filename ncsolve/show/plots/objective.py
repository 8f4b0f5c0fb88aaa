"""The objective of descent against the step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .style import CYCLE, axes_or_new, step_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from ...analytic.prediction import Prediction
    from ...numeric.descent import Run
    from ...verification import Verification
    from ..document import History

ENDINGS = {
    "CONVERGED": "converged",
    "STEPS": "step limit reached",
    "STALLED": "no lower step in doubles",
    "DIVERGED": "diverged",
    "INTERRUPTED": "interrupted",
}


def objective_against_step(
    found: Verification | tuple[Prediction, Sequence[Run | History]],
    ax: Axes | None = None,
    log_steps: bool = True,
) -> Axes:
    """Objective minus predicted value against the step, one line per run, on a logarithmic axis.

    Parameters
    ----------
    found : Verification, or (Prediction, runs)
    ax : Axes, optional
    log_steps : bool
        Whether the steps are on a logarithmic axis, too (linear from 0 to 1).

    Notes
    -----
    The dashed line is what doubles resolve, eps times the predicted value; differences at or below it, negative ones included,
    are drawn on it.
    """
    prediction, runs = found if isinstance(found, tuple) else (found.prediction, found.runs)
    axes = axes_or_new(ax, (6.4, 4.4))
    floor = float(np.finfo(float).eps) * abs(prediction.value)
    for i, run in enumerate(runs):
        above = run.trajectory.objective - prediction.value
        style = ("-", "--", ":", "-.")[i // len(CYCLE) % 4]
        label = f"run {i + 1}: {ENDINGS[run.ending.name]}"
        axes.plot(
            run.trajectory.step,
            np.maximum(above, floor),
            style,
            color=CYCLE[i % len(CYCLE)],
            lw=1.5,
            label=label,
        )
    axes.axhline(floor, color="0.5", lw=1, ls=(0, (4, 3)), label="resolution of doubles")
    axes.set(yscale="log", xlabel="step", ylabel="objective $-$ predicted value")
    axes.set_xlim(left=0)
    if log_steps:
        step_axis(axes)
    axes.legend(frameon=False, fontsize="small", ncols=1 + len(runs) // 12)
    return axes
