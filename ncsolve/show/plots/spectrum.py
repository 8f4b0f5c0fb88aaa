"""Singular values of H and of every W_j, measured on predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .style import BLACK, CYCLE, axes_or_new, plain_ticks

MARKS = "os^Dv<>"
ZERO = 1e-3  # share of the smallest predicted singular value below which a measured one is drawn as zero

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...metrics.compare import Comparison


def spectrum_per_layer(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Singular values by rank, on a logarithmic axis: lines are predicted, points measured.

    Parameters
    ----------
    comparison : Comparison
        H stands for the class means times sqrt(n_k), what H is once every class has collapsed.
    ax : Axes, optional

    Notes
    -----
    Measured values below 1e-3 of the smallest positive predicted one stand as crosses at the bottom; predicted zeros are not on the axis.
    """
    axes = axes_or_new(ax, (6.4, 4.4))
    positive = np.concatenate([one.predicted[one.predicted > 0] for one in comparison.spectra])
    measured = np.concatenate([one.measured[one.measured > 0] for one in comparison.spectra])
    everything = positive if positive.size else measured
    least = float(everything.min()) if everything.size else 1.0
    small = measured[
        (measured > ZERO * least) & (measured < least)
    ]  # neither zero nor as large as a predicted one
    floor, nothing = float(min(small, default=least)) / 1.5, 0
    shown = max(int((one.predicted > 0).sum()) for one in comparison.spectra)
    shown = max(
        shown, min(max(one.measured.size for one in comparison.spectra), len(comparison.classes))
    )
    for i, one in enumerate(comparison.spectra):
        color = CYCLE[i % len(CYCLE)]
        alive = np.flatnonzero(one.predicted > 0)
        name = r"$H$" if one.name == "H" else rf"$W_{{{one.name.removeprefix('W_')}}}$"
        dashes = (
            "-" if i == 0 else (3 * i, (6, 3 * (len(comparison.spectra) - 1)))
        )  # equal spectra lie on one another
        axes.plot(
            alive + 1,
            one.predicted[alive],
            ls=dashes,
            color=color,
            lw=1.5,
            label=f"{name}, predicted",
        )
        points = one.measured[:shown]
        there = np.flatnonzero(points > ZERO * least)
        mark = MARKS[i % len(MARKS)]
        axes.plot(
            there + 1, points[there], mark, color=color, mfc="none", ms=6, label=f"{name}, measured"
        )
        nothing = max(nothing, points.size - there.size)
    if nothing:
        zeros = np.arange(shown - nothing, shown) + 1
        axes.plot(
            zeros,
            np.full(nothing, floor),
            "x",
            color=BLACK,
            ms=8,
            label=f"measured zero, below {ZERO:g} of the others",
        )
    axes.set(
        yscale="log", xlabel="number of the singular value", ylabel="singular value (dimensionless)"
    )
    plain_ticks(axes, x=False)
    axes.locator_params(axis="x", integer=True)
    axes.legend(
        frameon=False, fontsize="small", ncols=1 + len(comparison.spectra) // 4, handlelength=3.5
    )
    return axes
