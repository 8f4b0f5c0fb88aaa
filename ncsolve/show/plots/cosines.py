"""Cosines between pairs of classes: measured as a histogram, predicted as marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...problem.errors import DataError, ProblemError
from .style import BLACK, BLUE, VERMILION, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...metrics.compare import Comparison

MOST_MARKS = 12  # with more predicted values they are a second histogram


def cosine_histogram(
    comparison: Comparison, ax: Axes | None = None, *, which: str = "features"
) -> Axes:
    """Histogram of cos(mu_k, mu_l) over the pairs k < l, not centered, with the predicted values marked.

    Parameters
    ----------
    comparison : Comparison
    ax : Axes, optional
    which : "features" or "weights"

    Raises
    ------
    DataError
        There are no classifiers, or no pair has a direction.
    """
    if which not in ("features", "weights"):
        raise ProblemError(f"which is {which!r}; 'features' or 'weights' works")
    m = comparison.measurement
    measured = m.feature_cosines if which == "features" else m.weight_cosines
    if measured is None:
        raise DataError("no classifier was measured, so its cosines cannot be drawn; give weight")
    predicted = comparison.predicted_cosines(which)
    pairs = np.triu_indices(len(m.classes), 1)
    found, expected = measured[pairs], predicted[pairs]
    found, expected = found[np.isfinite(found)], expected[np.isfinite(expected)]
    if not found.size:
        raise DataError("no two classes have directions, so no cosine can be drawn")
    axes = axes_or_new(ax, (6.4, 4.0))
    simplex = -1.0 / (len(m.classes) - 1)
    everything = np.concatenate([found, expected, [simplex]])
    margin = max(0.02, 0.05 * float(np.ptp(everything)))
    edges = np.linspace(
        max(everything.min() - margin, -1.0), min(everything.max() + margin, 1.0), 41
    )
    axes.hist(found, list(edges), color=BLUE, alpha=0.6, label=f"measured, {found.size} pairs")
    values = _distinct(expected)
    if values.size <= MOST_MARKS:
        for i, value in enumerate(values):
            label = "predicted" if i == 0 else "_predicted"
            axes.axvline(value, color=VERMILION, lw=1.5, label=label)
    else:
        axes.hist(
            expected, list(edges), color=VERMILION, histtype="step", lw=1.5, label="predicted"
        )
    axes.axvline(simplex, color=BLACK, lw=1, ls=":", label=f"simplex, {simplex:.3g}")
    symbol = r"\mu" if which == "features" else "w"
    axes.set(
        xlabel=rf"$\cos({symbol}_k, {symbol}_l)$",
        ylabel="pairs of classes",
        xlim=(edges[0], edges[-1]),
    )
    axes.locator_params(axis="y", integer=True)
    axes.legend(
        frameon=False, fontsize="small", ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0)
    )
    return axes


def _distinct(values: np.ndarray) -> np.ndarray:
    """Values more than 1e-6 apart."""
    ordered = np.sort(values)
    return ordered[np.diff(ordered, prepend=-2.0) > 1e-6]
