"""The picture of a phase map: one field in colors, closed-form boundaries as lines.

Numbers of classes have one color each, other fields a continuous scale; both grow in lightness throughout (cividis), so that the
picture is readable in gray and with any color vision. Lines are black with a white rim, or white with a black one for ends of local
minima, and differ by their dashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...problem.errors import ProblemError
from ...questions.maps import FIELDS, WHOLE
from .style import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

    from ...problem.losses import Array
    from ...questions.axes import Axis
    from ...questions.boundaries import Boundary
    from ...questions.maps import PhaseMap

COLORS = "cividis"
NOTHING = "0.8"  # cells without a number
DASHES = (
    "-",
    (0, (6, 2)),
    (0, (3, 1.5)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (1, 1)),
    (0, (6, 1.5, 1, 1.5, 1, 1.5)),
    (0, (2, 3)),
    (0, (10, 3)),
)
THICK = {"complete collapse": 2.0, "first loss": 1.6}
LONGEST = 64  # letters of a boundary's name in the legend
LABELS = {
    "decay": r"all decays $\lambda$",
    "mean-decay": r"geometric mean of the decays $g$",
    "bias-decay": r"bias decay $\lambda_b$",
    "ratio": r"imbalance $n_1 / n_K$",
    "n": r"largest count $n_1$ (samples)",
    "K": r"classes $K$",
    "depth": r"depth $M$",
    "width": r"width $d$",
    "weight-decay": r"weight decay $\lambda_W$",
    "feature-decay": r"feature decay $\lambda_H$",
    "smoothing": r"label smoothing $\delta$",
    "logit-adjustment": r"logit adjustment $\tau$",
}


def phase_diagram(
    found: PhaseMap, field: str | None = None, ax: Axes | None = None, *, lines: bool = True
) -> Axes:
    """One field of a map over its two axes.

    Parameters
    ----------
    found : PhaseMap
    field : name of one of its fields; the first by default
    ax : Axes, optional
        Drawn on; a new figure by default.
    lines : bool
        Whether boundaries are drawn.

    Returns
    -------
    Axes
        Cells without a number (no theorem, no pair of vectors) are gray.
    """
    name = next(iter(found.fields)) if field is None else field
    if name not in found.fields:
        raise ProblemError(
            f"field {name!r} is not in the map; one of {', '.join(found.fields)} works"
        )
    axes = axes_or_new(ax, (7.2, 5.6))
    numbers = found.fields[name]
    known = numbers[np.isfinite(numbers)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    whole = name in WHOLE
    colors, norm = _colors(low, high, whole)
    mesh = axes.pcolormesh(
        edges(found.x),
        edges(found.y),
        np.ma.masked_invalid(numbers),
        cmap=colors,
        norm=norm,
        rasterized=True,
        shading="flat",
    )
    for side, axis in (("x", found.x), ("y", found.y)):
        axes.set(
            **{
                f"{side}label": LABELS.get(axis.name, axis.says),
                f"{side}scale": "log" if axis.log else "linear",
            }
        )
        _ticks(axes, side, axis)
    figure = cast("Figure", axes.get_figure())
    bar = figure.colorbar(mesh, ax=axes, pad=0.02)
    bar.set_label(FIELDS[name])
    if whole:
        bar.set_ticks(_whole_ticks(int(low), int(high)).tolist())
        bar.ax.minorticks_off()
    axes.set_title(_title(found), fontsize="small")
    if lines:
        for i, boundary in enumerate(found.boundaries):
            _draw(axes, found, boundary, i)
    if not np.isfinite(numbers).all():
        axes.set_facecolor(NOTHING)
        axes.plot([], [], "s", color=NOTHING, mec="0.4", label=_why_nothing(found, name))
    axes.set(xlim=edges(found.x)[[0, -1]], ylim=edges(found.y)[[0, -1]])
    if axes.get_legend_handles_labels()[0]:
        look: dict[str, Any] = {
            "ncols": 2,
            "frameon": False,
            "fontsize": "small",
            "handlelength": 4,
            "columnspacing": 1.5,
        }
        if ax is None:
            figure.legend(loc="outside lower center", **look)
        else:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), borderaxespad=0, **look)
    return axes


def edges(axis: Axis) -> Array:
    """Borders of the cells of an axis: halfway between neighbors, in ratio if it is logarithmic; one more than it has values."""
    v = np.log(axis.values) if axis.log else axis.values
    middle = 0.5 * (v[1:] + v[:-1])
    found: Array = np.concatenate([[2.0 * v[0] - middle[0]], middle, [2.0 * v[-1] - middle[-1]]])
    return np.exp(found) if axis.log else found


def _colors(low: float, high: float, whole: bool) -> tuple[Colormap, Normalize]:
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm, Normalize

    if whole:
        number = int(high - low) + 1
        return colormaps[COLORS].resampled(max(number, 2)), BoundaryNorm(
            np.arange(low - 0.5, high + 1.0), max(number, 2)
        )
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return colormaps[COLORS], Normalize(low, high)


def _whole_ticks(low: int, high: int) -> Array:
    """At most 11 whole numbers, round ones and both ends."""
    step = next(s * 10**p for p in range(12) for s in (1, 2, 5) if (high - low) <= 10 * s * 10**p)
    inner = [
        tick
        for tick in range(-(-low // step) * step, high + 1, step)
        if min(tick - low, high - tick) > step / 3
    ]
    return np.array([low, *inner, high] if high > low else [low], dtype=np.float64)


def _draw(axes: Axes, found: PhaseMap, boundary: Boundary, index: int) -> None:
    from matplotlib import patheffects

    width = THICK.get(boundary.kind, 1.1)
    core, around = ("white", "black") if boundary.kind == "fold" else ("black", "white")
    rim = [patheffects.Stroke(linewidth=width + 1.8, foreground=around), patheffects.Normal()]
    name = (
        boundary.name
        if len(boundary.name) <= LONGEST
        else boundary.name[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
    )
    name = name.replace("$", r"\$")  # a class name is not mathematics
    x, y = stairs(found, boundary)
    axes.plot(
        x, y, color=core, lw=width, ls=DASHES[index % len(DASHES)], path_effects=rim, label=name
    )


def stairs(found: PhaseMap, boundary: Boundary) -> tuple[Array, Array]:
    """The points of a boundary; over an axis of whole numbers each is drawn across its cell."""
    for axis, over, values in (
        (found.x, boundary.x, boundary.y),
        (found.y, boundary.y, boundary.x),
    ):
        if not axis.whole:
            continue
        borders = edges(axis)
        at = np.clip(np.searchsorted(axis.values, np.nan_to_num(over)), 0, len(axis) - 1)
        ends = np.stack([borders[at], borders[at + 1]], axis=1)
        ends[np.isnan(over)] = np.nan
        twice = np.repeat(values, 2)
        return (ends.ravel(), twice) if axis is found.x else (twice, ends.ravel())
    return boundary.x, boundary.y


def _ticks(axes: Axes, side: str, axis: Axis) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    one = axes.xaxis if side == "x" else axes.yaxis
    if axis.whole and len(axis) <= 16:
        one.set_major_locator(FixedLocator(axis.values.tolist()))
        one.set_minor_locator(FixedLocator([]))
        one.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    elif axis.log and "decay" not in axis.name:
        one.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        one.set_minor_formatter(NullFormatter())


def _title(found: PhaseMap) -> str:
    ufm, moved = found.plane.ufm, {found.x.name, found.y.name}
    loss = "squared loss" if ufm.loss.name == "mse" else "cross-entropy"
    bias = {"none": "no bias", "free": "free bias"}.get(
        str(ufm.bias), rf"bias decay {ufm.bias:g}" if not isinstance(ufm.bias, str) else ""
    )
    said = [loss if ufm.features == "linear" else f"{loss}, ReLU features"]
    said += [] if "K" in moved else [f"$K = {ufm.classes}$"]
    tail = found.plane.tail
    if tail is not None:
        said += [] if "n" in moved else [f"$n_1 = {tail.largest:g}$"]
        said += [] if "ratio" in moved else [f"$n_1/n_K = {tail.ratio:g}$"]
        said += ["two levels of counts"] if tail.step else []
    said += [] if "depth" in moved else [f"$M = {ufm.depth}$"]
    said += [] if "bias-decay" in moved else [bias]
    return ", ".join(said)


def _why_nothing(found: PhaseMap, field: str) -> str:
    if (found.theorem < 0).any():
        return "no theorem"
    return "fewer than two non-zero vectors" if "cosine" in field else "no number"
