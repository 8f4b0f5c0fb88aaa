"""Pictures of a prediction and of what descent found. Every function takes values and axes and returns the axes.

Object-oriented matplotlib throughout: no pyplot, no global state. Colours are those of Okabe and Ito (2008), which readers
with any colour vision tell apart; quantities are dimensionless, counts are numbers of samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from .analytic.prediction import Prediction
    from .losses import Array
    from .numeric.descent import Run
    from .verification import Verification

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DIVERGING = "RdBu_r"
ENDINGS = {
    "CONVERGED": "converged",
    "STEPS": "step limit reached",
    "STALLED": "no lower step in doubles",
    "DIVERGED": "diverged",
    "INTERRUPTED": "interrupted",
}
NAMED_TICKS = 12  # with more classes, ticks are numbers
LONGEST_TICK = 14


def norms_against_counts(prediction: Prediction, run: Run | None = None, ax: Axes | None = None) -> Axes:
    """Norms of classifiers |w_k| and features |h_k| against the class counts n_k, on logarithmic axes.

    Parameters
    ----------
    prediction : Prediction
        Lines join the classes that are not zero; classes that are stand at the bottom of the axes.
    run : Run, optional
        Measured norms, drawn as points.
    ax : Axes, optional
        Drawn on; a new figure by default.
    """
    axes = _axes(ax, (6.4, 4.4))
    counts = prediction.ufm.counts
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
            joined = mark if run is None else ""
            axes.plot(counts[there], norms[there], marker=joined, color=color, lw=1.5, ms=4, label=f"{label}, predicted")
        if run is not None:
            found = _measured_norms(run)[letter]
            axes.plot(counts, np.maximum(found, floor), mark, color=color, mfc="none", ms=6, label=f"{label}, measured")
    gone = prediction.classes.state == "vanished"
    if gone.any():
        axes.plot(counts[gone], np.full(gone.sum(), floor), "x", color=BLACK, ms=8, label="vanished (norm zero)")
    _critical_count(axes, prediction)
    axes.set(xscale="log", yscale="log", xlabel="class count $n_k$ (samples)", ylabel="norm (dimensionless)")
    lowest = floor if gone.any() or not positive.size else float(positive.min()) / 1.3
    axes.set_ylim(lowest / 1.3, (float(positive.max()) if positive.size else 1.0) * 1.6)
    if counts.min() == counts.max():
        axes.set_xlim(counts[0] / 2, counts[0] * 2)
    _plain_ticks(axes)
    axes.legend(frameon=False, fontsize="small")
    return axes


def gram_triptych(
    prediction: Prediction, run: Run, axes: Sequence[Axes] | None = None, which: str = "features"
) -> NDArray[np.object_]:
    """Gram matrices side by side: predicted, measured, and their difference; classes by falling count.

    Where most classes have vanished, the corner of the others and as many more is shown; the stated difference is over all.

    Parameters
    ----------
    prediction, run : what is compared
    axes : three Axes, optional
    which : "features" (inner products of class means) or "weights" (of rows of W_M ... W_1)

    Returns
    -------
    array of three Axes
        The first two share a colour scale centred at zero; the difference has its own.
    """
    if which not in ("features", "weights"):
        raise ValueError(f"which is {which!r}; 'features' or 'weights' works")
    symbol = r"\langle h_k, h_l \rangle" if which == "features" else r"\langle w_k, w_l \rangle"
    if which == "features":
        predicted, factor = prediction.gram_features, run.parameters.features
    else:
        predicted, factor = prediction.gram_weights, run.parameters.end_to_end.T
    measured = factor.T @ factor
    largest = float(np.abs(measured - predicted).max())
    side = "output"
    per_class = predicted.shape[0] == prediction.ufm.classes
    if per_class:
        order = np.argsort(-prediction.ufm.counts, kind="stable")
        corner = order[: _corner(prediction, order)]
        side = "class, by falling count" + (f" (first {corner.size} of {order.size})" if corner.size < order.size else "")
        predicted, measured = (matrix[np.ix_(corner, corner)] for matrix in (predicted, measured))
    panels = _row_of_axes(3, (12.0, 4.0)) if axes is None else np.array(list(axes), dtype=object)
    scale = max(float(np.abs(predicted).max()), float(np.abs(measured).max())) or 1.0
    difference = measured - predicted
    titles = (f"predicted  ${symbol}$", f"measured  ${symbol}$", "measured $-$ predicted")
    for panel, matrix, limit, title in zip(
        panels, (predicted, measured, difference), (scale, scale, largest or np.finfo(float).tiny), titles, strict=True
    ):
        image = panel.imshow(matrix, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
        panel.set_title(title, fontsize="medium")
        panel.set_xlabel(side)
        if per_class and corner.size <= NAMED_TICKS:
            _class_ticks(panel, [prediction.ufm.names[k] for k in corner])
        else:
            panel.locator_params(integer=True, nbins=6)
        bar = panel.get_figure().colorbar(image, ax=panel, fraction=0.046, pad=0.04)
        bar.formatter.set_powerlimits((-3, 4))
        bar.update_ticks()
    bar.set_label(f"difference, at most {largest:.1e}")
    return panels


def objective_against_step(
    found: Verification | tuple[Prediction, Sequence[Run]], ax: Axes | None = None, log_steps: bool = True
) -> Axes:
    """Objective minus predicted value against the step, one line per run, on a logarithmic axis.

    Parameters
    ----------
    found : Verification, or (Prediction, runs)
    ax : Axes, optional
    log_steps : bool
        Whether the steps are on a logarithmic axis, too (linear from 0 to 1).

    Notes
    -----
    The dashed line is what doubles resolve, eps times the predicted value; differences at or below it, negative ones included,
    are drawn on it.
    """
    prediction, runs = found if isinstance(found, tuple) else (found.prediction, found.runs)
    axes = _axes(ax, (6.4, 4.4))
    floor = float(np.finfo(float).eps) * abs(prediction.value)
    for i, run in enumerate(runs):
        above = run.trajectory.objective - prediction.value
        style = ("-", "--", ":", "-.")[i // len(CYCLE) % 4]
        label = f"run {i + 1}: {ENDINGS[run.ending.name]}"
        axes.plot(run.trajectory.step, np.maximum(above, floor), style, color=CYCLE[i % len(CYCLE)], lw=1.5, label=label)
    axes.axhline(floor, color="0.5", lw=1, ls=(0, (4, 3)), label="resolution of doubles")
    axes.set(yscale="log", xlabel="step", ylabel="objective $-$ predicted value")
    axes.set_xlim(left=0)
    if log_steps:
        axes.set_xscale("symlog", linthresh=1, subs=range(2, 10))
        axes.xaxis.set_major_formatter(lambda step, _: f"{step:g}")
    axes.legend(frameon=False, fontsize="small", ncols=1 + len(runs) // 12)
    return axes


def save(
    axes: Axes, path: str | Path, *, size: tuple[float, float] | None = None, dpi: float = 150.0, overwrite: bool = False
) -> None:
    """Write the figure of `axes` to a .png, .svg or .pdf file, atomically and without a date.

    Parameters
    ----------
    axes : Axes
    path : str or Path
    size : (width, height) in inches, optional
    dpi : dots per inch of a .png
    overwrite : bool

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is false.
    """
    from pathlib import Path

    from matplotlib import rc_context

    from .files import atomic_write

    figure = cast("Figure", axes.get_figure())
    if size is not None:
        figure.set_size_inches(*size)
    kind = Path(path).suffix.lower().lstrip(".")
    undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    with atomic_write(path, overwrite=overwrite) as stream, rc_context({"svg.hashsalt": "ncsolve"}):
        figure.savefig(stream, format=kind, dpi=dpi, metadata=undated)


def new_axes(size: tuple[float, float]) -> Axes:
    """Axes on a new figure of this width and height in inches."""
    return cast("Axes", _row_of_axes(1, size)[0])


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    return new_axes(size) if ax is None else ax


def _row_of_axes(number: int, size: tuple[float, float]) -> NDArray[np.object_]:
    from matplotlib.figure import Figure

    panels: NDArray[np.object_] = Figure(figsize=size, layout="constrained").subplots(1, number, squeeze=False)[0]
    return panels


def _measured_norms(run: Run) -> dict[str, Array]:
    return {
        "h": np.linalg.norm(run.parameters.features, axis=0),
        "w": np.linalg.norm(run.parameters.end_to_end, axis=1),
    }


def _corner(prediction: Prediction, order: NDArray[np.intp]) -> int:
    """How many classes, in this order, are worth showing."""
    living = np.flatnonzero(prediction.classes.state[order] != "vanished")
    wanted = 2 * (int(living[-1]) + 1) if living.size else order.size
    return wanted if 2 * wanted <= order.size and order.size > NAMED_TICKS else order.size


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


def _plain_ticks(axes: Axes) -> None:
    """Ticks as 0.1 and 1000; where an axis spans less than a power of ten or two, 2 and 5 have labels as well."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    plain = FuncFormatter(lambda value, _: f"{value:g}")
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 50 else (1.0,)))
        axis.set_minor_locator(LogLocator(subs=tuple(range(2, 10))))
        axis.set_major_formatter(plain)
        axis.set_minor_formatter(NullFormatter())


def _class_ticks(panel: Axes, names: Sequence[str]) -> None:
    short = [name if len(name) <= LONGEST_TICK else name[: LONGEST_TICK - 1] + "\N{HORIZONTAL ELLIPSIS}" for name in names]
    short = [name.replace("$", r"\$") for name in short]  # a name is not mathematics
    turned = max(map(len, short)) > 3
    panel.set_xticks(range(len(short)), short, rotation=90 if turned else 0)
    panel.set_yticks(range(len(short)), short)
