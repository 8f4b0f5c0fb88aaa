"""Class means and classifier rows in three dimensions, for three or four classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...problem.errors import ProblemError
from .style import CYCLE, plain_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...metrics.compare import Comparison
    from ...problem.losses import Array


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
    axes: Any = _new() if ax is None else ax
    if not hasattr(axes, "get_zlim"):
        raise ProblemError("the axes are flat; give axes of projection '3d'")
    measured, predicted = comparison.aligned
    view = _view(predicted, size)
    whole = float((measured**2).sum() + (predicted**2).sum())
    measured, predicted = measured @ view, predicted @ view
    seen = float((measured**2).sum() + (predicted**2).sum()) / whole if whole else 1.0
    for k, row in enumerate(comparison.classes):
        color = CYCLE[k]
        for where, style in ((k, "-"), (size + k, ":")):
            axes.plot(*zip(np.zeros(3), predicted[where], strict=True), style, color=color, lw=2)
        axes.scatter(*measured[k], color=color, marker="o", s=36, label=plain_name(str(row.name)))
        axes.scatter(*measured[size + k], color=color, marker="x", s=48)
    for style, mark, label in (
        ("-", "", "class mean, predicted"),
        ("", "o", "class mean, measured"),
        (":", "", "classifier, predicted"),
        ("", "x", "classifier, measured"),
    ):
        axes.plot([], [], [], ls=style or "none", marker=mark, color="0.3", label=label)
    reach = float(np.abs(np.concatenate([measured, predicted])).max()) * 1.05 or 1.0
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach))
    axes.set_box_aspect((1, 1, 1))
    axes.tick_params(labelsize="x-small")
    axes.set_title(
        "" if seen > 0.9995 else f"{seen:.1%} of the squared norms is seen", fontsize="small"
    )
    if (
        ax is None
    ):  # beside the axes: constrained layout does not make room for a legend that belongs to axes in space
        axes.get_figure().legend(frameon=False, fontsize="small", loc="outside right center")
    else:
        axes.legend(frameon=False, fontsize="small", loc="upper left")
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


def _new() -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(7.2, 5.2), layout="constrained").add_subplot(projection="3d")
