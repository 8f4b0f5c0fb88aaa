"""Pictures of a geometry beside its prediction: norms, Gram matrices, cosines, singular values, vectors in space.

What was found, by descent or in a user's network, stands in the order of the predicted classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...metrics.metrics import Measurement, matched
from ...problem.errors import DataError, ProblemError
from ...problem.objective import Parameters
from . import style
from .style import BLACK, BLUE, CYCLE, VERMILION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from ...analytic.prediction import Prediction
    from ...metrics.compare import Comparison
    from ...numeric.descent import Run
    from ...problem.losses import Array

    Found = Run | Parameters | Measurement

NAMED_TICKS = 12  # with more classes, ticks are numbers
ZERO = 1e-3  # share of the smallest predicted singular value below which a measured one is drawn as zero
MOST_MARKS = 12  # with more predicted cosines they are a second histogram


def _rows(found: Found, prediction: Prediction) -> dict[str, Array | None]:
    """Class means and rows of W_M ... W_1, each class (or output) a row; None where they were not measured."""
    if not isinstance(found, Measurement):
        point = found if isinstance(found, Parameters) else found.parameters
        return {"features": point.features.T, "weights": point.end_to_end}
    order = np.argsort(matched(prediction, found.classes, found.counts, subset=True))
    weight = None if found.weight is None else found.weight[order]
    return {"features": found.means[order], "weights": weight}


def norms_against_counts(
    prediction: Prediction, found: Found | None = None, ax: Axes | None = None
) -> Axes:
    """Norms of classifiers |w_k| and features |h_k| against the class counts n_k, on logarithmic axes.

    Parameters
    ----------
    prediction : Prediction
        Lines join the classes that are not zero; classes that are stand at the bottom of the axes.
    found : Run of descent, Parameters of one, or Measurement of features, optional
        Measured norms, drawn as points.
    ax : Axes, optional
    """
    axes = style.axes_or_new(ax, (6.4, 4.4))
    counts, classes = prediction.ufm.counts, prediction.classes
    measured = {} if found is None else _rows(found, prediction)
    order = np.argsort(counts, kind="stable")
    quantities = [("features", r"feature norm $\|h_k\|$", classes.feature_norm, VERMILION, "^")]
    if prediction.ufm.loss.one_hot:
        classifier = r"classifier norm $\|w_k\|$"
        quantities.insert(0, ("weights", classifier, classes.weight_norm, BLUE, "o"))
    positive = np.concatenate([norms[norms > 0] for _, _, norms, _, _ in quantities])
    floor = float(positive.min()) / 4.0 if positive.size else 0.1
    for side, label, norms, color, mark in quantities:
        there = order[norms[order] > 0]
        if there.size:
            look: dict[str, Any] = {"marker": mark if found is None else "", "lw": 1.5, "ms": 4}
            name = f"{label}, predicted"
            axes.plot(counts[there], norms[there], color=color, label=name, **look)
        if (rows := measured.get(side)) is not None:
            points = np.maximum(np.linalg.norm(rows, axis=1), floor)
            name = f"{label}, measured"
            axes.plot(counts, points, mark, color=color, mfc="none", ms=6, label=name)
    gone = classes.state == "vanished"
    if gone.any():
        bottom = np.full(gone.sum(), floor)
        axes.plot(counts[gone], bottom, "x", color=BLACK, ms=8, label="vanished (norm zero)")
    _critical_count(axes, prediction)
    axes.set(xscale="log", xlabel="class count $n_k$ (samples)")
    axes.set(yscale="log", ylabel="norm (dimensionless)")
    least, most = (positive.min(), positive.max()) if positive.size else (1.3 * floor, 1.0)
    axes.set_ylim((floor if gone.any() else float(least) / 1.3) / 1.3, float(most) * 1.6)
    if counts.min() == counts.max():
        axes.set_xlim(counts[0] / 2, counts[0] * 2)
    style.plain_ticks(axes)
    style.legend(axes)
    return axes


def _critical_count(axes: Axes, prediction: Prediction) -> None:
    """A vertical line where classes vanish, if one count decides for all and lies near the counts."""
    known = prediction.classes.critical_count[~np.isnan(prediction.classes.critical_count)]
    if not known.size or known.max() > known.min() * (1 + 1e-9):
        return
    critical, counts = float(known[0]), prediction.ufm.counts
    label = f"critical count {critical:.4g}"
    if counts.min() / 10 <= critical <= counts.max() * 10:
        axes.axvline(critical, color="0.4", lw=1, ls=":", label=label)
    else:
        side = "left" if critical < counts.min() else "right"
        axes.plot([], [], " ", label=f"{label}, far to the {side}")


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
    symbol = _letters(which, {"features": "h", "weights": "w"})
    symbol = rf"\langle {symbol}_k, {symbol}_l \rangle"
    predicted = prediction.gram_features if which == "features" else prediction.gram_weights
    if (rows := _rows(found, prediction)[which]) is None:
        drawn = "no classifier was measured, so its Gram matrix cannot be drawn"
        raise DataError(f"{drawn}; give weight")
    measured, side, names = rows @ rows.T, "output", list[str]()
    largest = float(np.abs(measured - predicted).max())
    if predicted.shape[0] == prediction.ufm.classes:
        order = np.argsort(-prediction.ufm.counts, kind="stable")
        corner = order[: _corner(prediction, order)]
        cut = f" (first {corner.size} of {order.size})" if corner.size < order.size else ""
        side = f"class, by falling count{cut}"
        names = [style.plain_name(prediction.ufm.names[k]) for k in corner]
        predicted, measured = (matrix[np.ix_(corner, corner)] for matrix in (predicted, measured))
    panels = style.row_of_axes(3, (12.0, 3.7)) if axes is None else np.array(list(axes), object)
    scale = max(float(np.abs(predicted).max()), float(np.abs(measured).max())) or 1.0
    titles = (f"predicted  ${symbol}$", f"measured  ${symbol}$", "measured $-$ predicted")
    limits = (scale, scale, largest or np.finfo(float).tiny)
    shown = zip((predicted, measured, measured - predicted), limits, titles, strict=True)
    for panel, (matrix, limit, title) in zip(panels, shown, strict=True):
        look = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
        image = panel.imshow(matrix, **look)
        panel.set_title(title, fontsize="medium")
        panel.set_xlabel(side)
        if 0 < len(names) <= NAMED_TICKS:
            turned = max(map(len, names)) > 3
            panel.set_xticks(range(len(names)), names, rotation=90 if turned else 0)
            panel.set_yticks(range(len(names)), names)
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


def _letters(which: str, letters: dict[str, str]) -> str:
    if which not in letters:
        raise ProblemError(f"which is {which!r}; 'features' or 'weights' works")
    return letters[which]


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
    symbol, m = _letters(which, {"features": r"\mu", "weights": "w"}), comparison.measurement
    measured = m.feature_cosines if which == "features" else m.weight_cosines
    if measured is None:
        raise DataError("no classifier was measured, so its cosines cannot be drawn; give weight")
    pairs = np.triu_indices(len(m.classes), 1)
    found, expected = measured[pairs], comparison.predicted_cosines(which)[pairs]
    found, expected = found[np.isfinite(found)], expected[np.isfinite(expected)]
    if not found.size:
        raise DataError("no two classes have directions, so no cosine can be drawn")
    axes = style.axes_or_new(ax, (6.4, 4.0))
    simplex = -1.0 / (len(m.classes) - 1)
    everything = np.concatenate([found, expected, [simplex]])
    margin = max(0.02, 0.05 * float(np.ptp(everything)))
    low, high = max(everything.min() - margin, -1.0), min(everything.max() + margin, 1.0)
    edges = list(np.linspace(low, high, 41))
    axes.hist(found, edges, color=BLUE, alpha=0.6, label=f"measured, {found.size} pairs")
    values = np.sort(expected)
    values = values[np.diff(values, prepend=-2.0) > 1e-6]  # those that differ
    look: dict[str, Any] = {"color": VERMILION, "lw": 1.5}
    if values.size <= MOST_MARKS:
        for i, value in enumerate(values):
            axes.axvline(value, label="_predicted" if i else "predicted", **look)
    else:
        axes.hist(expected, edges, histtype="step", label="predicted", **look)
    axes.axvline(simplex, color=BLACK, lw=1, ls=":", label=f"simplex, {simplex:.3g}")
    axes.set(xlabel=rf"$\cos({symbol}_k, {symbol}_l)$", ylabel="pairs of classes")
    axes.set_xlim(edges[0], edges[-1])
    axes.locator_params(axis="y", integer=True)
    style.legend(axes, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return axes


def spectrum_per_layer(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Singular values of H and of every W_j by rank, on a logarithmic axis: lines are predicted, points measured.

    Parameters
    ----------
    comparison : Comparison
        H stands for the class means times sqrt(n_k), what H is once every class has collapsed.
    ax : Axes, optional

    Notes
    -----
    Measured values below 1e-3 of the smallest positive predicted one stand as crosses at the bottom; predicted zeros are not on the axis.
    """
    axes, spectra = style.axes_or_new(ax, (6.4, 4.4)), comparison.spectra
    positive = np.concatenate([one.predicted[one.predicted > 0] for one in spectra])
    measured = np.concatenate([one.measured[one.measured > 0] for one in spectra])
    everything = positive if positive.size else measured
    least = float(everything.min()) if everything.size else 1.0
    # neither zero nor as large as a predicted one
    small = measured[(measured > ZERO * least) & (measured < least)]
    floor, nothing = float(min(small, default=least)) / 1.5, 0
    size = min(max(one.measured.size for one in spectra), len(comparison.classes))
    shown = max(size, *(int((one.predicted > 0).sum()) for one in spectra))
    for i, one in enumerate(spectra):
        look: dict[str, Any] = {"color": CYCLE[i % len(CYCLE)]}
        alive = np.flatnonzero(one.predicted > 0)
        name = r"$H$" if one.name == "H" else rf"$W_{{{one.name.removeprefix('W_')}}}$"
        # equal spectra lie on one another
        dashes = (3 * i, (6, 3 * (len(spectra) - 1))) if i else "-"
        label = f"{name}, predicted"
        axes.plot(alive + 1, one.predicted[alive], ls=dashes, lw=1.5, label=label, **look)
        points, mark = one.measured[:shown], "os^Dv<>"[i % 7]
        there = np.flatnonzero(points > ZERO * least)
        look |= {"mfc": "none", "ms": 6, "label": f"{name}, measured"}
        axes.plot(there + 1, points[there], mark, **look)
        nothing = max(nothing, points.size - there.size)
    if nothing:
        zeros = np.arange(shown - nothing, shown) + 1
        label = f"measured zero, below {ZERO:g} of the others"
        axes.plot(zeros, np.full(nothing, floor), "x", color=BLACK, ms=8, label=label)
    axes.set(yscale="log", ylabel="singular value (dimensionless)")
    axes.set_xlabel("number of the singular value")
    style.plain_ticks(axes, x=False)
    axes.locator_params(axis="x", integer=True)
    style.legend(axes, ncols=1 + len(spectra) // 4, handlelength=3.5)
    return axes


def vectors(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Predicted class means as lines, measured ones as dots, classifier rows as crosses; measured vectors are rotated to fit.

    Parameters
    ----------
    comparison : Comparison
        Of K = 3 or 4 classes. Class means and classifier rows are each scaled to Frobenius norm 1.
    ax : 3-D Axes, optional

    Raises
    ------
    ProblemError
        There are more classes, which three dimensions do not hold, or fewer, or the axes are flat.
    DataError
        There is no classifier.

    Notes
    -----
    Four vectors that span four dimensions are seen along the sum of their directions: an orthogonal frame looks like a
    tetrahedron. The title says which share of the squared norms is seen.
    """
    size = len(comparison.classes)
    if size not in (3, 4):
        raise ProblemError(f"{size} classes do not fit into three dimensions; 3 or 4 do")
    solid = {"projection": "3d"}
    axes: Any = style.row_of_axes(1, (7.2, 5.2), subplot_kw=solid)[0] if ax is None else ax
    if not hasattr(axes, "get_zlim"):
        raise ProblemError("the axes are flat; give axes of projection '3d'")
    measured, predicted = comparison.aligned
    view = _view(predicted, size)
    whole = float((measured**2).sum() + (predicted**2).sum())
    measured, predicted = measured @ view, predicted @ view
    seen = float((measured**2).sum() + (predicted**2).sum()) / whole if whole else 1.0
    for k, row in enumerate(comparison.classes):
        color, label = CYCLE[k], style.plain_name(str(row.name))
        for where, dash in ((k, "-"), (size + k, ":")):
            axes.plot(*zip(np.zeros(3), predicted[where], strict=True), dash, color=color, lw=2)
        axes.scatter(*measured[k], color=color, marker="o", s=36, label=label)
        axes.scatter(*measured[size + k], color=color, marker="x", s=48)
    for name, line, mark in (("class mean", "-", "o"), ("classifier", ":", "x")):
        axes.plot([], [], [], ls=line, color="0.3", label=f"{name}, predicted")
        axes.plot([], [], [], ls="none", marker=mark, color="0.3", label=f"{name}, measured")
    reach = float(np.abs(np.concatenate([measured, predicted])).max()) * 1.05 or 1.0
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach))
    axes.set_box_aspect((1, 1, 1))
    axes.tick_params(labelsize="x-small")
    title = "" if seen > 0.9995 else f"{seen:.1%} of the squared norms is seen"
    axes.set_title(title, fontsize="small")
    # beside the axes: constrained layout makes no room for a legend that belongs to axes in space
    place = "upper left" if ax is not None else "outside right center"
    style.legend(axes if ax is not None else axes.get_figure(), loc=place)
    if np.linalg.matrix_rank(predicted, tol=1e-6 * reach) < 3:  # flat: seen from above
        axes.view_init(elev=60, azim=-75)
    drawn: Axes = axes
    return drawn


def _view(predicted: Array, size: int) -> Array:
    """Orthonormal columns (r, 3) of the subspace that is drawn."""
    width = predicted.shape[1]
    if width < 3:
        return np.eye(width, 3)
    sigma = np.linalg.svd(predicted, compute_uv=False)
    along = predicted[:size]
    if width > 3 and size == 4 and sigma[3] > 1e-6 * sigma[0]:
        length = np.linalg.norm(along, axis=1, keepdims=True)
        direction = np.divide(along, length, out=np.zeros_like(along), where=length > 0).sum(axis=0)
        predicted = predicted - np.outer(predicted @ direction, direction) / (direction @ direction)
    found: Array = np.linalg.svd(predicted, full_matrices=False)[2][:3].T
    return found
