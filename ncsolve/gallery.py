"""The pictures of `ncsolve plot`: for each kind what it shows, what it needs, and how it is drawn from a result.

Nothing heavy is imported before a picture is drawn: the command line reads the names and the needs of all kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .results import Result


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Attributes
    ----------
    shows : one line
    descends : whether a problem must be descended on where no result is given
    draw : (result, options of the picture) -> Axes
    """

    shows: str
    descends: bool
    draw: Callable[[Result, dict[str, Any]], Axes]


def _norms(result: Result, chosen: dict[str, Any]) -> Axes:
    from .plots import norms_against_counts

    measured = chosen["measured"] or "found_class_means" in result.arrays
    return norms_against_counts(result.prediction, result.comparison.measurement if measured else None)


def _gram(result: Result, chosen: dict[str, Any]) -> Axes:
    from .plots import gram_triptych

    panels = gram_triptych(result.prediction, result.comparison.measurement, which=chosen["which"] or "features")
    first: Axes = panels[0]
    return first


def _objective(result: Result, chosen: dict[str, Any]) -> Axes:
    from .plots import objective_against_step

    return objective_against_step((result.prediction, result.histories))


def _curves(result: Result, chosen: dict[str, Any]) -> Axes:
    """Of the lowest run."""
    from .plots import metric_curves

    best = min((history.trajectory for history in result.histories), key=lambda one: one.objective[-1])
    columns = {
        "nc1_quotient": best.nc1,
        "nc2_gof_H": best.nc2_features,
        "nc2_gof_W": best.nc2_weights,
        "nc3_gof": best.nc3,
    }
    records = [{key: float(column[i]) for key, column in columns.items()} for i in range(best.step.size)]
    axes = metric_curves(best.step.tolist(), records, list(columns), xlabel="step")
    axes.set_xscale("symlog", linthresh=1, subs=range(2, 10))
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:g}")
    axes.set_xlim(left=0)
    return axes


def _spectrum(result: Result, chosen: dict[str, Any]) -> Axes:
    from .plots import spectrum_per_layer

    return spectrum_per_layer(result.comparison)


def _cosines(result: Result, chosen: dict[str, Any]) -> Axes:
    from .plots import cosine_histogram

    return cosine_histogram(result.comparison, which=chosen["which"] or "features")


def _vectors(result: Result, chosen: dict[str, Any]) -> Axes:
    from .plots import vectors

    return vectors(result.comparison)


def _scalar(result: Result, chosen: dict[str, Any]) -> Axes:
    """Modes by falling tau; where they are classes, with their names."""
    import numpy as np

    from .analytic.reduction import reduce
    from .analytic.scalar import level
    from .errors import ProblemError
    from .losses import Squared
    from .plots import scalar_landscape

    ufm = result.prediction.ufm
    if not isinstance(ufm.loss, Squared):
        raise ProblemError(
            "the scalar landscape belongs to squared loss; plot norms, gram or objective works for cross-entropy"
        )
    codes = ufm.loss.targets(ufm.classes)
    if ufm.bias == "free":
        codes = codes - (codes @ (ufm.counts / ufm.samples))[:, None]
    elif ufm.bias != "none":
        raise ProblemError("with a regularized bias modes do not decouple; bias none or free works")
    by_class = ufm.loss.one_hot and ufm.bias == "none"
    tau2 = ufm.counts if by_class else np.linalg.svd(codes * np.sqrt(ufm.counts), compute_uv=False) ** 2
    order = np.argsort(-tau2, kind="stable")
    order = order[tau2[order] > 1e-12 * tau2.max()]
    names = [ufm.names[k] for k in order] if by_class else [rf"$\tau^2$ = {tau2[k]:.4g}" for k in order]
    return scalar_landscape(ufm.depth, level(tau2[order], ufm.samples, reduce(ufm).mean_decay, ufm.depth).tolist(), names)


KINDS: dict[str, Kind] = {
    "norms": Kind("norms of classifiers and features against the counts", False, _norms),
    "gram": Kind("Gram matrices: predicted, measured, difference", True, _gram),
    "objective": Kind("objective minus prediction against the step", True, _objective),
    "curves": Kind("neural-collapse metrics against the step", True, _curves),
    "spectrum": Kind("singular values per layer, predicted and measured", True, _spectrum),
    "cosines": Kind("cosines between pairs of classes", True, _cosines),
    "vectors": Kind("class means and classifier rows in space (three or four classes)", True, _vectors),
    "scalar": Kind("objective of single modes against their singular value (squared loss)", False, _scalar),
}
