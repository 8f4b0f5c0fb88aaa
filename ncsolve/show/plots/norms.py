"""Norms of classifiers and features against the class counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .found import found_norms
from .style import BLACK, BLUE, VERMILION, axes_or_new, plain_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...analytic.prediction import Prediction
    from .found import Found


def norms_against_counts(
    prediction: Prediction, found: Found | None = None, ax: Axes | None = None
) -> Axes:
    """Norms of classifiers |w_k| and features |h_k| against the class counts n_k, on logarithmic axes.

    Parameters
    ----------
    prediction : Prediction
        Lines join the classes that are not zero; classes that are stand at the bottom of the axes.
    found : Run of descent, Parameters of one, or Measurement of features, optional
        Measured norms, drawn as points.
    ax : Axes, optional
        Drawn on; a new figure by default.
    """
    axes = axes_or_new(ax, (6.4, 4.4))
    counts = prediction.ufm.counts
    measured = {"h": None, "w": None} if found is None else found_norms(found, prediction)
    order = np.argsort(counts, kind="stable")
    quantities = [("h", "feature norm", prediction.classes.feature_norm, VERMILION, "^")]
    if prediction.ufm.loss.one_hot:
        quantities.insert(0, ("w", "classifier norm", prediction.classes.weight_norm, BLUE, "o"))
    positive = np.concatenate([norms[norms > 0] for _, _, norms, _, _ in quantities])
    floor = float(positive.min()) / 4.0 if positive.size else 0.1
    for letter, name, norms, color, mark in quantities:
        there = order[norms[order] > 0]
        label = rf"{name} $\|{letter}_k\|$"
        if there.size:
            joined = mark if found is None else ""
            axes.plot(
                counts[there],
                norms[there],
                marker=joined,
                color=color,
                lw=1.5,
                ms=4,
                label=f"{label}, predicted",
            )
        if (points := measured[letter]) is not None:
            axes.plot(
                counts,
                np.maximum(points, floor),
                mark,
                color=color,
                mfc="none",
                ms=6,
                label=f"{label}, measured",
            )
    gone = prediction.classes.state == "vanished"
    if gone.any():
        axes.plot(
            counts[gone],
            np.full(gone.sum(), floor),
            "x",
            color=BLACK,
            ms=8,
            label="vanished (norm zero)",
        )
    _critical_count(axes, prediction)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="class count $n_k$ (samples)",
        ylabel="norm (dimensionless)",
    )
    lowest = floor if gone.any() or not positive.size else float(positive.min()) / 1.3
    axes.set_ylim(lowest / 1.3, (float(positive.max()) if positive.size else 1.0) * 1.6)
    if counts.min() == counts.max():
        axes.set_xlim(counts[0] / 2, counts[0] * 2)
    plain_ticks(axes)
    axes.legend(frameon=False, fontsize="small")
    return axes


def _critical_count(axes: Axes, prediction: Prediction) -> None:
    """A vertical line where classes vanish, if one count decides for all and lies near the counts."""
    known = prediction.classes.critical_count[~np.isnan(prediction.classes.critical_count)]
    if not known.size or known.max() > known.min() * (1 + 1e-9):
        return
    critical, counts = float(known[0]), prediction.ufm.counts
    if counts.min() / 10 <= critical <= counts.max() * 10:
        axes.axvline(critical, color="0.4", lw=1, ls=":", label=f"critical count {critical:.4g}")
    else:
        side = "left" if critical < counts.min() else "right"
        axes.plot([], [], " ", label=f"critical count {critical:.4g}, far to the {side}")
