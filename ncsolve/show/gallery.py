"""The pictures of `ncsolve plot`: for each kind what it shows, what it is drawn from, and how.

Nothing heavy is imported before a picture is drawn: the command line reads the names and the needs of all kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..analytic.prediction import Prediction
    from .document import Result


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Attributes
    ----------
    shows : one line
    draw : (ncsolve.show.plots, result, options of the picture) -> Axes
    file : a command that writes a file it is drawn from
    reads : the command whose results alone it is drawn from; empty where the result itself says what it lacks
    made : prediction -> the result that is drawn where a problem is given instead of a file; None where no problem is enough
    descends : whether a problem is descended on instead
    of_matrices : whether it shows matrices, of a run or of a network
    options : names of the options that this picture has
    """

    shows: str
    draw: Callable[[Any, Result, dict[str, Any]], Axes]
    file: str
    reads: str = ""
    made: Callable[[Prediction], Result] | None = None
    descends: bool = False
    of_matrices: bool = False
    options: tuple[str, ...] = ()


def drawn(name: str, result: Result, **options: Any) -> Axes:
    """The picture of this kind.

    Parameters
    ----------
    name : one of KINDS
    result : Result
    options : which ("features" or "weights"), measured (bool), field (of a phase map)

    Raises
    ------
    DataError
        The result is of another kind, or lacks what the picture shows; the message says which command writes it.

    Examples
    --------
    >>> import ncsolve
    >>> from ncsolve.show.document import result_of
    >>> prediction = ncsolve.predict(ncsolve.UFM([30, 20], weight_decay=1e-3, feature_decay=1e-3))
    >>> drawn("norms", result_of(prediction)).get_xlabel()
    'class count $n_k$ (samples)'
    """
    from ..problem.border import shown
    from ..problem.errors import DataError
    from . import plots

    kind = KINDS[name]
    if kind.reads and result.kind != kind.reads:
        other = f"is a result of ncsolve {result.kind}, which plot {name} does not draw"
        raise DataError(f"{shown(result.path)} {other}; give what {kind.file} writes")
    chosen: dict[str, Any] = {"which": None, "measured": False, "field": None} | options
    with result.whole() if kind.reads else nullcontext():  # what is drawn from the document itself
        return kind.draw(plots, result, chosen)


def _norms(plots: Any, result: Result, chosen: dict[str, Any]) -> Axes:
    shown = chosen["measured"] or result.holds_matrices
    axes: Axes = plots.norms_against_counts(result.prediction, result.measured if shown else None)
    return axes


def _gram(plots: Any, result: Result, chosen: dict[str, Any]) -> Axes:
    which, measured = chosen["which"] or "features", result.measured
    axes: Axes = plots.gram_triptych(result.prediction, measured, which=which)[0]
    return axes


def _cosines(plots: Any, result: Result, chosen: dict[str, Any]) -> Axes:
    which = chosen["which"] or "features"
    axes: Axes = plots.cosine_histogram(result.comparison, which=which)
    return axes


def _curves(plots: Any, result: Result, chosen: dict[str, Any]) -> Axes:
    """Of a training, or of the lowest run of descent."""
    from .plots.style import step_axis

    if result.kind in ("train", "train-log"):
        with result.whole():
            targets = tuple(result.document.get("targets", ()))
            precision = str(result.document["training"]["precision"])
        axes: Axes = plots.training_curves(result.records, targets, precision=precision)[0]
        return axes
    runs = [history.trajectory for history in result.histories]
    best = min(runs, key=lambda one: one.objective[-1])
    columns = {"nc1_quotient": best.nc1, "nc2_gof_H": best.nc2_features}
    columns |= {"nc2_gof_W": best.nc2_weights, "nc3_gof": best.nc3}
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    axes = plots.metric_curves(best.step.tolist(), records, list(columns), xlabel="step")
    step_axis(axes)
    return axes


def _scalar(plots: Any, result: Result, chosen: dict[str, Any]) -> Axes:
    """Modes by falling tau; where they are classes, with their names."""
    import numpy as np

    from ..problem.errors import ProblemError
    from ..questions.modes import target_modes
    from .plots.style import plain_name

    ufm = result.prediction.ufm
    if ufm.loss.name != "mse":
        works = "plot norms, gram or objective works for cross-entropy"
        raise ProblemError(f"the scalar landscape belongs to squared loss; {works}")
    if not isinstance(ufm.bias, str):
        works = "bias none or free works"
        raise ProblemError(f"with a regularized bias modes do not decouple; {works}")
    modes = target_modes(ufm.replace(features="linear"))
    order = np.argsort(-modes.tau2, kind="stable")
    order = order[modes.tau2[order] > 1e-12 * modes.tau2.max()]
    names = [rf"$\tau^2$ = {tau2:.4g}" for tau2 in modes.tau2[order]]
    if modes.by_class:
        names = [plain_name(ufm.names[k]) for k in order]
    axes: Axes = plots.scalar_landscape(ufm.depth, modes.kappa[order].tolist(), names)
    return axes


def _phase(plots: Any, result: Result, chosen: dict[str, Any]) -> Axes:
    from ..questions.maps import PhaseMap

    read = PhaseMap.from_dict(result.document, result.arrays)
    axes: Axes = plots.phase_diagram(read, chosen["field"])
    return axes


def _predicted(prediction: Prediction) -> Result:
    from .document import result_of

    return result_of(prediction)


def _course(prediction: Prediction) -> Result:
    """With the rate, start and length that `ncsolve dynamics` has by default."""
    from ..questions.dynamics import time_course
    from .document import Result

    return Result("this problem", "dynamics", time_course(prediction.ufm).to_dict(), {}, prediction)


def _landscape(prediction: Prediction) -> Result:
    """At the predicted minimizer."""
    from ..questions.landscape import measure_inertia
    from .document import Result

    document = measure_inertia(prediction).to_dict()
    return Result("this problem", "landscape", document, {}, prediction)


PREDICTION = "ncsolve predict ... --out FILE.json"
RUNS = "ncsolve verify ... --out FILE.json"
MATRICES = "ncsolve verify ... --out FILE.npz"
OF_RUN: dict[str, Any] = {"file": MATRICES, "descends": True, "of_matrices": True}
KINDS: dict[str, Kind] = {
    "norms": Kind(
        "norms of classifiers and features against the counts",
        _norms,
        PREDICTION,
        made=_predicted,
        of_matrices=True,
        options=("measured",),
    ),
    "gram": Kind(
        "Gram matrices: predicted, measured, difference", _gram, **OF_RUN, options=("which",)
    ),
    "spectrum": Kind(
        "singular values per layer, predicted and measured",
        lambda plots, result, _: plots.spectrum_per_layer(result.comparison),
        **OF_RUN,
    ),
    "cosines": Kind("cosines between pairs of classes", _cosines, **OF_RUN, options=("which",)),
    "vectors": Kind(
        "class means and classifier rows in space (three or four classes)",
        lambda plots, result, _: plots.vectors(result.comparison),
        **OF_RUN,
    ),
    "objective": Kind(
        "objective minus prediction against the step",
        lambda plots, result, _: plots.objective_against_step(
            (result.prediction, result.histories)
        ),
        RUNS,
        descends=True,
    ),
    "curves": Kind(
        "neural-collapse metrics against the step, or the epoch of a training",
        _curves,
        RUNS,
        descends=True,
    ),
    "scalar": Kind(
        "objective of single modes against their singular value (squared loss)",
        _scalar,
        PREDICTION,
        made=_predicted,
    ),
    "phase": Kind(
        "classes alive, or another field, over two fields of the problem, with analytic boundaries",
        _phase,
        "ncsolve phase ... --out FILE.npz",
        reads="phase",
        options=("field",),
    ),
    "dynamics": Kind(
        "modes against the step of descent, predicted and measured (squared loss)",
        lambda plots, result, _: plots.modes_against_step(result.document),
        "ncsolve dynamics ... --out FILE.json",
        reads="dynamics",
        made=_course,
    ),
    "hessian": Kind(
        "eigenvalues of the Hessian at a critical point, predicted and measured",
        lambda plots, result, _: plots.hessian_spectrum(result.document),
        "ncsolve landscape ... --out FILE.json",
        reads="landscape",
        made=_landscape,
    ),
    "campaign": Kind(
        "every problem of a campaign, with its verdict",
        lambda plots, result, _: plots.results_picture(result.path),
        "ncsolve campaign SPEC.toml --out FILE.jsonl",
        reads="campaign",
    ),
}
