"""The Hessian spectrum at a critical point: predicted eigenvalues by kind of direction, measured ones in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLACK, CYCLE, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..landscapes import Landscape

MARKS = "osD^vPX*<>"


def hessian_spectrum(found: Landscape, ax: Axes | None = None) -> Axes:
    """Eigenvalues of the Hessian in ascending order.

    Parameters
    ----------
    found : Landscape
    ax : Axes, optional
        Drawn on; a new figure by default.

    Notes
    -----
    A step line shows all measured eigenvalues; marks show the predicted ones at their rank, one kind of direction each (where they are
    known in closed form). The vertical axis is logarithmic on both sides of zero and linear below the smallest non-zero eigenvalue.
    """
    axes = axes_or_new(ax, (7.6, 4.4))
    measured = found.measured_eigenvalues
    rank = np.arange(1, measured.size + 1)
    axes.plot(rank, measured, drawstyle="steps-mid", color=BLACK, lw=1, label="measured, all")
    if found.families is not None:
        values = np.concatenate([np.repeat(family.values, family.copies) for family in found.families])
        kind = np.repeat(np.arange(len(found.families)), [family.size for family in found.families])
        order = np.argsort(values, kind="stable")
        for i, family in enumerate(found.families):
            at = np.flatnonzero(kind[order] == i)
            look: dict[str, Any] = {"color": CYCLE[i % (len(CYCLE) - 1)], "marker": MARKS[i % len(MARKS)]}
            label = f"{family.directions} ({family.size})"
            axes.plot(rank[at], values[order][at], mfc="none", ls="none", ms=5, label=label, **look)
    size = np.abs(measured)
    away = size[size > max(found.tolerance * found.largest, 10.0 * found.gradient_norm)]
    axes.set_yscale("symlog", linthresh=10.0 ** np.floor(np.log10(away.min())) if away.size else 1.0)
    axes.axhline(0.0, color="0.6", lw=0.8, ls=":")
    counts = found.measured
    axes.set(xlabel="rank of the eigenvalue", ylabel="eigenvalue of the Hessian")
    axes.set_title(
        f"{found.point.at}: {counts.negative} negative, {counts.zero} zero, {counts.positive} positive", fontsize="medium"
    )
    axes.legend(frameon=False, fontsize="x-small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes
