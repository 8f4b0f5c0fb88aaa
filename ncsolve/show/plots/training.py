"""A run as a picture: distances of features and of classifiers to several targets, and how collapsed they are, against the epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...problem.errors import ProblemError
from .curves import metric_curves
from .style import GREEN, VERMILION, row_of_axes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

PANELS = {
    "class means, at equal norm": {
        "nc2_gof_H": "to the prediction",
        "nc2_simplex_H": "to the simplex",
        "nc2_of_H": "to the orthogonal frame",
    },
    "classifier, at equal norm": {
        "nc2_gof_W": "to the prediction",
        "nc2_etf_W": "to the simplex",
        "nc2_of_W": "to the orthogonal frame",
    },
    "scale, collapse, objective": {
        "nc2_abs_H": "class means to the prediction, with scale",
        "nc2_abs_W": "classifier to the prediction, with scale",
        "nc1_quotient": r"NC1, tr $\Sigma_W$ / tr $\Sigma_B$",
        "excess": "objective above the prediction, relative",
    },
}


COLORS = {"nc2_simplex_H": VERMILION, "nc2_etf_W": VERMILION, "nc2_of_H": GREEN, "nc2_of_W": GREEN}
NAMES = {
    "simplex": ("simplex", ("nc2_simplex_H", "nc2_etf_W")),
    "orthogonal": ("orthogonal frame", ("nc2_of_H", "nc2_of_W")),
}


def training_curves(
    records: Sequence[Mapping[str, Any]],
    targets: Collection[str] = (),
    axes: Sequence[Axes] | None = None,
    *,
    precision: str = "double",
) -> NDArray[Any] | Sequence[Axes]:
    """Three panels on a logarithmic scale: see PANELS.

    Parameters
    ----------
    records : of a training, as `Trained.records` and the log of `ncsolve train` have them
    targets : names of the geometries that differ, as in `Trained.targets`: of "simplex" and "orthogonal", one that is missing is the
        prediction itself; empty where nothing is predicted
    axes : three Axes, optional
    precision : "double" or "single", that of the training; its resolution is marked, or named in the legend where it is far below

    Returns
    -------
    the three Axes

    Raises
    ------
    ProblemError
        There are no records.
    """
    if not records:
        raise ProblemError(
            "nothing was measured on the way, so there are no curves; train with --log-every 1"
        )
    panels = row_of_axes(3, (13.0, 5.0)) if axes is None else axes
    for panel, (title, known) in zip(panels, PANELS.items(), strict=True):
        said = {
            key: words
            for key, words in _said(targets, known).items()
            if any(key in one for one in records)
        }
        if said:
            _draw(
                panel,
                records,
                said,
                float(np.finfo(np.float32 if precision == "single" else np.float64).eps),
            )
        panel.set_title(title, fontsize="medium")
    return panels


def _said(targets: Collection[str], known: dict[str, str]) -> dict[str, str]:
    """The lines of a panel and their labels; where the prediction is the simplex or the orthogonal frame, its line is drawn once."""
    named = [name for name in NAMES if targets and name not in targets]
    same = {key for name in named for key in NAMES[name][1]}
    here = f"to the prediction, here the {NAMES[named[0]][0]}" if named else "to the prediction"
    return {
        key: here if words == "to the prediction" else words
        for key, words in known.items()
        if key not in same
    }


def _draw(
    panel: Axes, records: Sequence[Mapping[str, Any]], said: dict[str, str], floor: float
) -> None:
    renamed = [
        {words: record[key] for key, words in said.items() if key in record} for record in records
    ]
    metric_curves(
        [record["epoch"] for record in records], renamed, list(said.values()), ax=panel, floor=floor
    )
    places = {words: key for key, words in said.items()}
    for line in panel.get_lines():
        if (color := COLORS.get(places.get(str(line.get_label()), ""))) is not None:
            line.set_color(color)
    panel.locator_params(axis="x", integer=True)
    panel.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.14))
    least = min((value for one in renamed[1:] for value in one.values() if value > 0), default=0.0)
    if (
        least > 1e6 * floor
    ):  # an isometry at the start is an orthogonal frame to rounding: no reason to show ten more decades
        panel.set_ylim(bottom=least / 2)
