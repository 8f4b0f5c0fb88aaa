"""A picture of a file of results: every problem a point, its depth a color, its verdict a mark."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from ...show.plots.style import (
    BLACK,
    BLUE,
    CYCLE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    new_axes,
    plain_ticks,
)
from .journal import read_results
from .spec import Spec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = {
    "AGREES": "o",
    "STUCK": "^",
    "REFUTED": "X",
    "BEATEN": "v",
    "certified": "o",
    "not certified": "^",
    "": "o",
}
LABELS = {
    "excess": "|relative excess| of descent over the prediction",
    "relative_gap": "relative gap of the certificate",
    "value": "objective at the prediction",
}
EPS = float(np.finfo(float).eps)
ORDER = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
SEVERAL = 1.5  # decays that differ by such a factor make the horizontal axis


class Point(NamedTuple):
    """What is drawn of a row."""

    number: int
    decay: float
    depth: int
    mark: str
    height: float


def results_picture(out: str | os.PathLike[str], ax: Axes | None = None) -> Axes:
    """Draw the results of a campaign, finished or not.

    The vertical axis is |excess| (verify), else the relative gap (certify), else the objective; values below the resolution of
    doubles stand at it. The horizontal axis is the geometric mean of all decays if it varies, else the problem's number.

    Parameters
    ----------
    out : path of the file of results
    ax : Axes, optional
        Drawn on; a new figure by default.

    Raises
    ------
    CampaignError
        As `ncsolve.campaign.results`.
    """
    spec, rows = read_results(out)
    quantity = (
        "excess"
        if "verify" in spec.actions
        else "relative_gap"
        if "certify" in spec.actions
        else "value"
    )
    points, errors, nothing = _points(spec, rows, quantity)
    axes = new_axes((7.2, 4.6)) if ax is None else ax
    decays = np.array([point.decay for point in points])
    against_decay = decays.size > 0 and bool(decays.max() > SEVERAL * decays.min())
    depths = sorted({point.depth for point in points})
    few = len(depths) <= len(CYCLE)
    colors = dict(zip(depths, ORDER, strict=False)) if few else _shades(depths, axes)
    for depth in depths:
        for mark in sorted({point.mark for point in points if point.depth == depth}):
            chosen = [point for point in points if (point.depth, point.mark) == (depth, mark)]
            x = [point.decay if against_decay else point.number for point in chosen]
            bad = mark in ("REFUTED", "BEATEN")
            style: dict[str, Any] = {
                "ms": 8.0 if bad else 4.5,
                "mec": BLACK if bad else colors[depth],
                "mew": 0.8,
                "zorder": 3 if bad else 2,
            }
            label = f"M = {depth}" + (f", {mark}" if mark else "") if few else mark
            height = [point.height for point in chosen]
            axes.plot(
                x,
                height,
                MARKS[mark],
                color=colors[depth],
                alpha=1.0 if bad else 0.7,
                label=label,
                **style,
            )
    if quantity != "value":
        axes.axhline(EPS, color="0.5", lw=1, ls=(0, (4, 3)), label="resolution of doubles")
        tolerance = spec.tolerance
        axes.axhline(tolerance, color="0.2", lw=1, ls=":", label=f"tolerance {tolerance:g}")
    if any(point.height > 0 for point in points):
        axes.set_yscale("log")
    if against_decay:
        axes.set_xscale("log")
        plain_ticks(axes, y=False)
    axes.set(
        xlabel="decay (geometric mean over all layers)" if against_decay else "problem",
        ylabel=LABELS[quantity],
    )
    left_out = f", {nothing} without a value" if nothing else ""
    title = f"{' and '.join(spec.actions)}: {len(points)} problems, {errors} error{'' if errors == 1 else 's'}{left_out}"
    axes.set_title(title, fontsize="medium")
    handles = {
        label: line
        for line in axes.get_lines()
        if not (label := str(line.get_label())).startswith("_")
    }
    if handles:
        place: dict[str, Any] = (
            {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if few else {"loc": "best"}
        )
        axes.legend(
            list(handles.values()), list(handles), edgecolor="none", fontsize="small", **place
        )
    return axes


def _points(
    spec: Spec, rows: Iterable[Mapping[str, Any]], quantity: str
) -> tuple[list[Point], int, int]:
    """The points, the number of error rows, and that of rows without the quantity."""
    points: list[Point] = []
    errors = nothing = 0
    for row in rows:
        if "error" in row:
            errors += 1
        elif row.get(quantity) is None:
            nothing += 1
        else:
            fields = spec.common | row["problem"]
            height = (
                float(row[quantity]) if quantity == "value" else max(abs(float(row[quantity])), EPS)
            )
            certified = {True: "certified", False: "not certified", None: ""}[row.get("certified")]
            mark = str(row.get("verdict", certified))
            depth = int(fields.get("depth", 1))
            points.append(Point(int(row["index"]), _mean_decay(fields, depth), depth, mark, height))
    return points, errors, nothing


def _mean_decay(fields: Mapping[str, Any], depth: int) -> float:
    both = fields.get("decay", 5e-4)
    weights = fields.get("weight_decay", both)
    each = weights if isinstance(weights, list) else [weights] * depth
    return math.exp(
        math.fsum(math.log(decay) for decay in (*each, fields.get("feature_decay", both)))
        / (depth + 1)
    )


def _shades(depths: list[int], axes: Axes) -> dict[int, Any]:
    """Shades of cividis, which readers with any color vision tell apart, and the bar that names them."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale, shades = Normalize(depths[0], depths[-1]), colormaps["cividis"]
    cast("Figure", axes.get_figure()).colorbar(
        ScalarMappable(scale, shades), ax=axes, label="depth M"
    )
    return {depth: shades(scale(depth)) for depth in depths}
