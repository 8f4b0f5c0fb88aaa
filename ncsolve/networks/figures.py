"""A run as a picture: distances of features and of classifiers to several targets, and how collapsed they are, against the epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..plots.curves import metric_curves
from ..plots.style import row_of_axes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from .trained import Trained

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


NAMES = {"simplex": "here the simplex", "orthogonal": "here the orthogonal frame"}


def training_curves(trained: Trained, axes: Sequence[Axes] | None = None) -> NDArray[Any] | Sequence[Axes]:
    """Three panels on a logarithmic scale: see PANELS.

    Parameters
    ----------
    trained : Trained
    axes : three Axes, optional

    Returns
    -------
    the three Axes
    """
    panels = row_of_axes(3, (13.0, 4.0)) if axes is None else axes
    epochs = [record["epoch"] for record in trained.records]
    names = {"simplex": ("nc2_simplex_H", "nc2_etf_W"), "orthogonal": ("nc2_of_H", "nc2_of_W")}
    predicted = [name for name in names if trained.targets() and name not in trained.targets()]
    same = {key for name in predicted for key in names[name]}  # the prediction has a name: its line is drawn once
    for panel, (title, known) in zip(panels, PANELS.items(), strict=True):
        said = {key: words for key, words in known.items() if key not in same}
        if len(said) < len(known):
            said |= {key: f"{words}, {NAMES[predicted[0]]}" for key, words in said.items() if words == "to the prediction"}
        drawn = {key: words for key, words in said.items() if any(record.get(key) is not None for record in trained.records)}
        renamed = [{words: record[key] for key, words in drawn.items() if key in record} for record in trained.records]
        if drawn:
            metric_curves(epochs, renamed, list(drawn.values()), ax=panel)
            handles = [line for line in panel.get_lines() if line.get_label() in set(drawn.values())]
            panel.legend(
                handles=handles, frameon=False, fontsize="small", loc="upper right" if "excess" in drawn else "lower left"
            )
            started = [one[words] for one in renamed[1:] for words in drawn.values() if one.get(words, 0.0) > 0]
            if started:  # an isometry at the start is an orthogonal frame to rounding: no reason to show seven more decades
                panel.set_ylim(bottom=min(started) / 2)
        panel.set_title(title, fontsize="medium")
    return panels
