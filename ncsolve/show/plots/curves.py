"""Metrics against the epoch: several targets on one logarithmic axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...problem.errors import ProblemError
from .style import CYCLE, axes_or_new

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

TARGETS = ("nc2_gof_H", "nc2_gof_W", "nc2_etf_H", "nc2_of_H")
SAID = {
    "nc1_pinv": r"NC1, tr $\Sigma_W \Sigma_B^+/K$",
    "nc1_quotient": r"NC1, tr $\Sigma_W$ / tr $\Sigma_B$",
    "nc1_cdnv": "NC1, CDNV",
    "nc2_gof_H": "features to the prediction",
    "nc2_gof_W": "classifier to the prediction",
    "nc2_etf_H": "features to the simplex",
    "nc2_etf_W": "classifier to the simplex",
    "nc2_of_H": "features to the orthogonal frame",
    "nc2_of_W": "classifier to the orthogonal frame",
    "nc2_abs_H": "features to the prediction, with scale",
    "nc2_abs_W": "classifier to the prediction, with scale",
    "nc3_gof": "logits to the prediction",
    "nc3_abs": "logits to the prediction, with scale",
}
STYLES = ("-", "--", ":", "-.")


def metric_curves(
    epochs: Sequence[float],
    records: Sequence[Mapping[str, float]],
    keys: Sequence[str] = TARGETS,
    ax: Axes | None = None,
    *,
    floor: float | None = None,
    xlabel: str = "epoch",
) -> Axes:
    """Metrics against the epoch, one line per key.

    Parameters
    ----------
    epochs : one number per record
    records : sequence of Measurement, or of any mapping key -> value
        A key that a record lacks leaves a gap; values that are not positive are drawn on the floor.
    keys : which metrics, on one axis
    ax : Axes, optional
    floor : float, optional
        Where a dashed line marks what the floats resolve; 0 for none. Default: the spacing of the floats that the features came
        in, if the records are Measurements, else that of float64.
    xlabel : str

    Raises
    ------
    ProblemError
        Epochs and records differ in number, or no record has any of the keys.

    Examples
    --------
    >>> axes = metric_curves([0, 1, 2], [{"nc2_gof_H": 1.0}, {"nc2_gof_H": 0.1}, {"nc2_gof_H": 0.01}])
    >>> axes.get_yscale()
    'log'
    """
    steps = [float(epoch) for epoch in epochs]
    if len(steps) != len(records):
        raise ProblemError(
            f"{len(steps)} epochs and {len(records)} records; give one epoch per record"
        )
    drawn = [key for key in keys if any(key in record for record in records)]
    if not drawn:
        raise ProblemError(
            f"no record has any of {', '.join(keys)}; choose keys that were measured"
        )
    axes = axes_or_new(ax, (6.4, 4.4))
    floor = _floor(records) if floor is None else floor
    for i, key in enumerate(drawn):
        values = [record.get(key, np.nan) for record in records]
        heights = [
            value if not value <= floor else floor for value in values
        ]  # not: NaN stays a gap
        style, mark = STYLES[i // len(CYCLE) % len(STYLES)], "o" if len(steps) <= 30 else ""
        axes.plot(
            steps,
            heights,
            style,
            marker=mark,
            ms=4,
            color=CYCLE[i % len(CYCLE)],
            lw=1.5,
            label=SAID.get(key, key),
        )
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    if floor == 0.0:
        pass
    elif floor > low * 1e-6:
        axes.axhline(
            floor, color="0.5", lw=1, ls=(0, (4, 3)), label=f"resolution of the floats, {floor:.1e}"
        )
        axes.set_ylim(min(low, floor / 2), high)
    else:  # far below: named, not drawn, or it would flatten the curves
        axes.plot(
            [],
            [],
            color="0.5",
            lw=1,
            ls=(0, (4, 3)),
            label=f"resolution of the floats, {floor:.1e}, far below",
        )
    axes.set(xlabel=xlabel, ylabel="distance (dimensionless)")
    axes.legend(frameon=False, fontsize="small")
    return axes


def _floor(records: Sequence[Mapping[str, float]]) -> float:
    spacings = [record.eps for record in records if hasattr(record, "eps")]
    return max(spacings, default=float(np.finfo(np.float64).eps))
