"""Gram matrices: predicted, measured, and their difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...problem.errors import DataError
from .found import found_rows
from .style import DIVERGING, NAMED_TICKS, class_ticks, row_of_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from ...analytic.prediction import Prediction
    from .found import Found


def gram_triptych(
    prediction: Prediction,
    found: Found,
    axes: Sequence[Axes] | None = None,
    which: str = "features",
) -> NDArray[np.object_]:
    """Gram matrices side by side: predicted, measured, and their difference; classes by falling count.

    Where most classes have vanished, the corner of the others and as many more is shown; the stated difference is over all.

    Parameters
    ----------
    prediction : Prediction
    found : Run of descent, Parameters of one, or Measurement of features
    axes : three Axes, optional
    which : "features" (inner products of class means) or "weights" (of rows of W_M ... W_1)

    Returns
    -------
    array of three Axes
        The first two share a color scale centered at zero; the difference has its own.
    """
    if which not in ("features", "weights"):
        raise ValueError(f"which is {which!r}; 'features' or 'weights' works")
    symbol = r"\langle h_k, h_l \rangle" if which == "features" else r"\langle w_k, w_l \rangle"
    predicted = prediction.gram_features if which == "features" else prediction.gram_weights
    rows = found_rows(found, prediction)[which]
    if rows is None:
        raise DataError(
            "no classifier was measured, so its Gram matrix cannot be drawn; give weight"
        )
    measured = rows @ rows.T
    largest = float(np.abs(measured - predicted).max())
    side = "output"
    per_class = predicted.shape[0] == prediction.ufm.classes
    if per_class:
        order = np.argsort(-prediction.ufm.counts, kind="stable")
        corner = order[: _corner(prediction, order)]
        side = "class, by falling count" + (
            f" (first {corner.size} of {order.size})" if corner.size < order.size else ""
        )
        predicted, measured = (matrix[np.ix_(corner, corner)] for matrix in (predicted, measured))
    panels = row_of_axes(3, (12.0, 3.7)) if axes is None else np.array(list(axes), dtype=object)
    scale = max(float(np.abs(predicted).max()), float(np.abs(measured).max())) or 1.0
    difference = measured - predicted
    titles = (f"predicted  ${symbol}$", f"measured  ${symbol}$", "measured $-$ predicted")
    for panel, matrix, limit, title in zip(
        panels,
        (predicted, measured, difference),
        (scale, scale, largest or np.finfo(float).tiny),
        titles,
        strict=True,
    ):
        image = panel.imshow(
            matrix, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest"
        )
        panel.set_title(title, fontsize="medium")
        panel.set_xlabel(side)
        if per_class and corner.size <= NAMED_TICKS:
            class_ticks(panel, [prediction.ufm.names[k] for k in corner])
        else:
            panel.locator_params(integer=True, nbins=6)
        bar = panel.get_figure().colorbar(image, ax=panel, fraction=0.046, pad=0.04)
        bar.formatter.set_powerlimits((-3, 4))
        bar.update_ticks()
    bar.set_label(f"difference, at most {largest:.1e}")
    return panels


def _corner(prediction: Prediction, order: NDArray[np.intp]) -> int:
    """How many classes, in this order, are worth showing."""
    living = np.flatnonzero(prediction.classes.state[order] != "vanished")
    wanted = 2 * (int(living[-1]) + 1) if living.size else order.size
    return wanted if 2 * wanted <= order.size and order.size > NAMED_TICKS else order.size
