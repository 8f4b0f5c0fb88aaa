"""Singular values of H and of every W_j, measured on predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .style import CYCLE, axes_or_new, plain_ticks

MARKS = "os^Dv<>"

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..metrics.comparison import Comparison


def spectrum_per_layer(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Singular values by rank, on a logarithmic axis: lines are predicted, points measured.

    Parameters
    ----------
    comparison : Comparison
        H stands for the class means times sqrt(n_k), what H is once every class has collapsed.
    ax : Axes, optional

    Notes
    -----
    Values below 1e-3 of the smallest positive predicted one are drawn at the bottom: predicted zeros are not on the axis.
    """
    axes = axes_or_new(ax, (6.4, 4.4))
    positive = np.concatenate([one.predicted[one.predicted > 0] for one in comparison.spectra])
    measured = np.concatenate([one.measured[one.measured > 0] for one in comparison.spectra])
    everything = positive if positive.size else measured
    floor = float(everything.min()) * 1e-3 if everything.size else 1e-3
    shown = max(int((one.predicted > 0).sum()) for one in comparison.spectra)
    shown = max(shown, min(max(one.measured.size for one in comparison.spectra), len(comparison.classes)))
    for i, one in enumerate(comparison.spectra):
        color = CYCLE[i % len(CYCLE)]
        alive = np.flatnonzero(one.predicted > 0)
        name = r"$H$" if one.name == "H" else rf"$W_{{{one.name.removeprefix('W_')}}}$"
        dashes = "-" if i == 0 else (3 * i, (6, 3 * (len(comparison.spectra) - 1)))  # equal spectra lie on one another
        axes.plot(alive + 1, one.predicted[alive], ls=dashes, color=color, lw=1.5, label=f"{name}, predicted")
        points = np.maximum(one.measured[:shown], floor)
        axes.plot(
            np.arange(points.size) + 1, points, MARKS[i % len(MARKS)], color=color, mfc="none", ms=6, label=f"{name}, measured"
        )
    axes.set(yscale="log", xlabel="number of the singular value", ylabel="singular value (dimensionless)")
    plain_ticks(axes, x=False)
    axes.locator_params(axis="x", integer=True)
    axes.legend(frameon=False, fontsize="small", ncols=1 + len(comparison.spectra) // 4, handlelength=3.5)
    return axes
