"""A picture of a file of results: every problem a point, its depth a color, its verdict a mark."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...problem.errors import CampaignError
from ...questions.journal import read_results
from .style import BLACK, BLUE, CYCLE, GREEN, ORANGE, PURPLE, SKY, VERMILION, new_axes, plain_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = {"AGREES": "o", "STUCK": "^", "REFUTED": "X", "BEATEN": "v"}
MARKS |= {"certified": "o", "not certified": "^", "": "o"}
LABELS = {
    "excess": "|relative excess| of descent over the prediction",
    "relative_gap": "relative gap of the certificate",
    "value": "objective at the prediction",
}
EPS = float(np.finfo(float).eps)
ORDER = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
SEVERAL = 1.5  # decays that differ by such a factor make the horizontal axis


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
    drawn = {"verify": "excess", "certify": "relative_gap", "predict": "value"}
    quantity = drawn[spec.actions[-1]]
    points: dict[tuple[int, str], list[tuple[float, float, float]]] = defaultdict(list)
    errors = nothing = 0
    for row in rows:
        if "error" in row:
            errors += 1
        elif (value := row.get(quantity)) is None:
            nothing += 1
        else:
            certified = {True: "certified", False: "not certified", None: ""}
            mark = row.get("verdict", certified[row.get("certified")])
            try:
                depth, decay = _depth_and_decay(spec.common | row["problem"])
            except (ArithmeticError, TypeError, ValueError):
                why = f"{os.fspath(out)!r}: problem {row['index']} has no depth and decays to draw"
                raise CampaignError(f"{why}; run it again") from None
            y = value if quantity == "value" else max(abs(value), EPS)
            points[depth, mark].append((row["index"], decay, y))
    axes = new_axes((7.2, 4.6)) if ax is None else ax
    every = [point for each in points.values() for point in each]
    decays = [decay for _, decay, _ in every]
    against_decay = bool(every) and max(decays) > SEVERAL * min(decays)
    depths = sorted({depth for depth, _ in points})
    few = len(depths) <= len(CYCLE)
    colors = dict(zip(depths, ORDER, strict=False)) if few else _shades(depths, axes)
    for depth, mark in sorted(points):
        numbers, means, heights = zip(*points[depth, mark], strict=True)
        bad, color = mark in ("REFUTED", "BEATEN"), colors[depth]
        style: dict[str, Any] = (
            {"ms": 8.0, "mec": BLACK, "zorder": 3, "alpha": 1.0}
            if bad
            else {"ms": 4.5, "mec": color, "zorder": 2, "alpha": 0.7}
        )
        style["label"] = f"M = {depth}" + (f", {mark}" if mark else "") if few else mark
        x = means if against_decay else numbers
        axes.plot(x, heights, MARKS[mark], color=color, mew=0.8, **style)
    if quantity != "value":
        axes.axhline(EPS, color="0.5", lw=1, ls=(0, (4, 3)), label="resolution of doubles")
        tolerance = spec.tolerance
        axes.axhline(tolerance, color="0.2", lw=1, ls=":", label=f"tolerance {tolerance:g}")
    if any(height > 0 for *_, height in every):
        axes.set_yscale("log")
    if against_decay:
        axes.set_xscale("log")
        plain_ticks(axes, y=False)
    across = "decay (geometric mean over all layers)" if against_decay else "problem"
    axes.set(xlabel=across, ylabel=LABELS[quantity])
    left_out = f", {nothing} without a value" if nothing else ""
    failed = f"{errors} error{'' if errors == 1 else 's'}"
    title = f"{' and '.join(spec.actions)}: {len(every)} problems, {failed}{left_out}"
    axes.set_title(title, fontsize="medium")
    said = {str(line.get_label()): line for line in axes.get_lines()}
    handles = {label: line for label, line in said.items() if not label.startswith("_")}
    if handles:
        beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
        place = beside if few else {"loc": "best"}
        axes.legend(handles.values(), handles, edgecolor="none", fontsize="small", **place)
    return axes


def _depth_and_decay(fields: dict[str, Any]) -> tuple[int, float]:
    """Depth, and the geometric mean of the decays of all layers."""
    depth, both = int(fields.get("depth", 1)), fields.get("decay", 5e-4)
    weights = fields.get("weight_decay", both)
    each = weights if isinstance(weights, list) else [weights] * depth
    logs = [math.log(decay) for decay in (*each, fields.get("feature_decay", both))]
    return depth, math.exp(math.fsum(logs) / (depth + 1))


def _shades(depths: list[int], axes: Axes) -> dict[int, Any]:
    """Shades of cividis, which readers with any color vision tell apart, and the bar that names them."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale, shades = Normalize(depths[0], depths[-1]), colormaps["cividis"]
    figure = cast("Figure", axes.get_figure())
    figure.colorbar(ScalarMappable(scale, shades), ax=axes, label="depth M")
    return {depth: shades(scale(depth)) for depth in depths}
