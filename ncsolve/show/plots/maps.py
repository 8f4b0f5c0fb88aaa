"""Pictures around a problem: the map over two of its fields, the landscape of a mode, the Hessian spectrum at a critical point.

On a map numbers of classes have one color each, other fields a continuous scale. Lines are black with a white rim, or white with a
black one for ends of local minima, and differ by their dashes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...analytic import scalar
from ...problem.errors import ProblemError
from ...questions.maps import FIELDS, WHOLE
from . import style
from .style import BLACK, CYCLE, MARKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

    from ...problem.losses import Array
    from ...questions.axes import Axis
    from ...questions.boundaries import Boundary
    from ...questions.landscape import Landscape
    from ...questions.maps import PhaseMap

NOTHING = "0.8"  # cells without a number
DOTTED = ((6, 1.5, 1, 1.5), (1, 1), (6, 1.5, 1, 1.5, 1, 1.5), (2, 3), (10, 3))
DASHES: tuple[Any, ...] = ("-", *((0, dash) for dash in ((6, 2), (3, 1.5), *DOTTED)))
THICK = {"complete collapse": 2.0, "first loss": 1.6}
LONGEST = 64  # letters of a boundary's name in the legend
MOST_CURVES = 6  # of modes
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
    lines : bool
        Whether boundaries are drawn.

    Returns
    -------
    Axes
        Cells without a number (no theorem, no pair of vectors) are gray.
    """
    name = next(iter(found.fields)) if field is None else field
    if name not in found.fields:
        works = f"one of {', '.join(found.fields)} works"
        raise ProblemError(f"field {name!r} is not in the map; {works}")
    axes = style.axes_or_new(ax, (7.2, 5.6))
    numbers, x, y = found.fields[name], edges(found.x), edges(found.y)
    known, whole = numbers[np.isfinite(numbers)], name in WHOLE
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    colors, norm = _colors(low, high, whole)
    look: dict[str, Any] = {"cmap": colors, "norm": norm, "rasterized": True, "shading": "flat"}
    mesh = axes.pcolormesh(x, y, np.ma.masked_invalid(numbers), **look)
    for side, axis in (("x", found.x), ("y", found.y)):
        axes.set(**{f"{side}label": LABELS.get(axis.name, axis.says)})
        axes.set(**{f"{side}scale": "log" if axis.log else "linear"})
        _ticks(axes, side, axis)
    figure = cast("Figure", axes.get_figure())
    bar = figure.colorbar(mesh, ax=axes, pad=0.02)
    bar.set_label(FIELDS[name])
    if whole:
        bar.set_ticks(_whole_ticks(int(low), int(high)).tolist())
        bar.ax.minorticks_off()
    axes.set_title(_title(found), fontsize="small")
    for i, boundary in enumerate(found.boundaries if lines else ()):
        _draw(axes, found, boundary, DASHES[i % len(DASHES)])
    if not np.isfinite(numbers).all():
        why = "fewer than two non-zero vectors" if "cosine" in name else "no number"
        why = "no theorem" if (found.theorem < 0).any() else why
        axes.set_facecolor(NOTHING)
        axes.plot([], [], "s", color=NOTHING, mec="0.4", label=why)
    axes.set(xlim=x[[0, -1]], ylim=y[[0, -1]])
    if axes.get_legend_handles_labels()[0]:
        look = {"ncols": 2, "handlelength": 4, "columnspacing": 1.5, "loc": "outside lower center"}
        if ax is not None:
            look |= {"loc": "upper center", "bbox_to_anchor": (0.5, -0.13), "borderaxespad": 0}
        style.legend(figure if ax is None else axes, **look)
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
        number = max(int(high - low) + 1, 2)
        between = np.arange(low - 0.5, high + 1.0)
        return colormaps[style.SCALE].resampled(number), BoundaryNorm(between, number)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return colormaps[style.SCALE], Normalize(low, high)


def _whole_ticks(low: int, high: int) -> Array:
    """At most 11 whole numbers, round ones and both ends."""
    step = next(s * 10**p for p in range(12) for s in (1, 2, 5) if (high - low) <= 10 * s * 10**p)
    rounds = range(-(-low // step) * step, high + 1, step)
    inner = [tick for tick in rounds if min(tick - low, high - tick) > step / 3]
    return np.array([low, *inner, high] if high > low else [low], dtype=np.float64)


def _draw(axes: Axes, found: PhaseMap, boundary: Boundary, dashes: Any) -> None:
    from matplotlib import patheffects

    width = THICK.get(boundary.kind, 1.1)
    core, around = ("white", "black") if boundary.kind == "fold" else ("black", "white")
    rim = [patheffects.Stroke(linewidth=width + 1.8, foreground=around), patheffects.Normal()]
    look: dict[str, Any] = {"color": core, "lw": width, "ls": dashes, "path_effects": rim}
    axes.plot(*stairs(found, boundary), label=style.plain_name(boundary.name, LONGEST), **look)


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
    from matplotlib.ticker import FixedLocator, NullFormatter

    one = axes.xaxis if side == "x" else axes.yaxis
    if axis.whole and len(axis) <= 16:
        one.set_major_locator(FixedLocator(axis.values.tolist()))
        one.set_minor_locator(FixedLocator([]))
        one.set_major_formatter(lambda value, _: f"{value:.0f}")
    elif axis.log and "decay" not in axis.name:
        one.set_major_formatter(lambda value, _: f"{value:g}")
        one.set_minor_formatter(NullFormatter())


def _title(found: PhaseMap) -> str:
    """What stands still."""
    ufm, tail = found.plane.ufm, found.plane.tail
    loss = "squared loss" if ufm.loss.name == "mse" else "cross-entropy"
    bias = {"none": "no bias", "free": "free bias"}.get(str(ufm.bias), "")
    if not isinstance(ufm.bias, str):
        bias = f"bias decay {ufm.bias:g}"
    said = {"": loss if ufm.features == "linear" else f"{loss}, ReLU features"}
    said["K"] = f"$K = {ufm.classes}$"
    if tail is not None:
        said |= {"n": f"$n_1 = {tail.largest:g}$", "ratio": f"$n_1/n_K = {tail.ratio:g}$"}
        said |= {"step": "two levels of counts"} if tail.step else {}
    said |= {"depth": f"$M = {ufm.depth}$", "bias-decay": bias}
    moved = (found.x.name, found.y.name)
    return ", ".join(words for name, words in said.items() if name not in moved)


def scalar_landscape(
    depth: int, kappa: Sequence[float], names: Sequence[str] = (), ax: Axes | None = None
) -> Axes:
    r"""Objective of one mode against its singular value, both as shares: f(r) = (1 - r)^2 + (M+1) kappa r^(2/(M+1)), r = sigma/tau.

    Parameters
    ----------
    depth : M
    kappa : levels N g tau^(-2M/(M+1)) of the modes, one curve each; of more than six, the first, the last and four between
    names : of the modes, as many; mathematics between dollar signs is drawn as such
    ax : Axes, optional

    Notes
    -----
    f(0) = 1 is the value of zero. Dots mark the minimizers; the dashed curve is the level kappa* at which the minimizer jumps from
    r = 1 - 1/M to zero, between the two open circles (for M = 1 it moves to zero without a jump).

    Examples
    --------
    >>> axes = scalar_landscape(3, [0.1, 0.3], ["cat", "yak"])
    >>> axes.get_xlabel()
    'singular value $\\sigma/\\tau$'
    """
    axes = style.axes_or_new(ax, (7.2, 4.4))
    r, critical = np.linspace(0.0, 1.15, 800) ** 2 / 1.15, scalar.threshold(depth)

    def value(level: float, share: Array) -> Array:
        found: Array = (1.0 - share) ** 2 + (depth + 1) * level * share ** (2.0 / (depth + 1))
        return found

    point: dict[str, Any] = {"ms": 6, "clip_on": False, "zorder": 3}
    tops = [1.5]
    for i, k in enumerate(style.evenly(len(kappa), MOST_CURVES).tolist()):
        level, color = float(kappa[k]), CYCLE[i % len(CYCLE)]
        name = names[k] if len(names) else f"mode {k}"
        label = rf"{name}, $\kappa/\kappa^*$ = {level / critical:.3g}"
        axes.plot(r, value(level, r), color=color, lw=1.5, label=label)
        at = np.array([level])
        best = 1.0 - scalar.outer_root(at, depth) if level < critical else np.zeros(1)
        axes.plot(best, value(level, best), "o", color=color, **point)
        tops.append(float(value(level, np.array([1.0]))[0]))
    jump = 1.0 - 1.0 / depth
    says = f",\njump from {jump:.3g} to 0" if depth > 1 else ""
    label = rf"threshold, $\kappa = \kappa^*${says}"
    axes.plot(r, value(critical, r), color=BLACK, lw=1, ls=(0, (4, 3)), label=label)
    if depth > 1:
        axes.plot([0.0, jump], [1.0, 1.0], "o", color=BLACK, mfc="white", **point)
        arrow: dict[str, Any] = {"arrowstyle": "->", "connectionstyle": "arc3,rad=-0.25"}
        arrow |= {"color": BLACK, "shrinkA": 6, "shrinkB": 6}
        axes.annotate("", xy=(0.0, 1.0), xytext=(jump, 1.0), arrowprops=arrow)
    axes.axhline(1.0, color="0.6", lw=0.8, label="value of zero")
    axes.set(xlabel=r"singular value $\sigma/\tau$", xlim=(0.0, 1.15))
    axes.set(ylabel=r"objective of the mode / $(\tau^2/2N)$", ylim=(0.0, min(max(tops) * 1.1, 3.0)))
    style.legend(axes, **style.BESIDE)
    return axes


def hessian_spectrum(found: Landscape | Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """Eigenvalues of the Hessian at a critical point, in ascending order.

    Parameters
    ----------
    found : Landscape, or its document
    ax : Axes, optional

    Notes
    -----
    A step line shows all measured eigenvalues; marks show the predicted ones at their rank, one kind of direction each (where they are
    known in closed form). The vertical axis is logarithmic on both sides of zero and linear below the smallest non-zero eigenvalue.
    """
    document = found if isinstance(found, Mapping) else found.to_dict()
    measured = np.array(document["measured_eigenvalues"], dtype=np.float64)
    size = np.abs(measured)
    zero = float(document["tolerance"]) * float(size.max())
    away = size[size > max(zero, 10.0 * float(document["gradient_norm"]))]
    families = [
        (one["directions"], np.repeat(np.array(one["values"], float), int(one["copies"])))
        for one in document["families"] or ()
    ]
    counts = document["measured"]
    signs = ", ".join(f"{counts[sign]} {sign}" for sign in ("negative", "zero", "positive"))
    axes = style.axes_or_new(ax, (7.6, 4.4))
    rank = np.arange(1, measured.size + 1)
    axes.plot(rank, measured, drawstyle="steps-mid", color=BLACK, lw=1, label="measured, all")
    values = np.concatenate([np.zeros(0), *(family for _, family in families)])
    order = np.argsort(values, kind="stable")
    kind = np.repeat(np.arange(len(families)), [family.size for _, family in families])[order]
    for i, (directions, family) in enumerate(families):
        at = np.flatnonzero(kind == i)
        look: dict[str, Any] = {"color": CYCLE[i % (len(CYCLE) - 1)], "mfc": "none", "ms": 5}
        look |= {"marker": MARKS[i % len(MARKS)], "label": f"{directions} ({family.size})"}
        axes.plot(rank[at], values[order][at], ls="none", **look)
    linear = 10.0 ** np.floor(np.log10(away.min())) if away.size else 1.0
    axes.set_yscale("symlog", linthresh=linear)
    axes.axhline(0.0, color="0.6", lw=0.8, ls=":")
    axes.set(xlabel="rank of the eigenvalue", ylabel="eigenvalue of the Hessian")
    axes.set_title(f"{document['at']}: {signs}", fontsize="medium")
    style.legend(axes, fontsize="x-small", **style.BESIDE)
    return axes
