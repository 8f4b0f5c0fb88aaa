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
    from .document import CommandResult


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Attributes
    ----------
    shows : one line
    draw : (ncsolve.show.plots, result, *its options) -> Axes
    file : a command that writes a file it is drawn from
    reads : the command whose results alone it is drawn from; empty where the result itself says what it lacks
    made : prediction -> the result that is drawn where a problem is given instead of a file; None where no problem is enough
    descends : whether a problem is descended on instead
    of_matrices : whether it shows matrices, of a run or of a network
    options : names of the options that this picture has
    """

    shows: str
    draw: Callable[..., Any]
    file: str
    reads: str = ""
    made: Callable[[Prediction], CommandResult] | None = None
    descends: bool = False
    of_matrices: bool = False
    options: tuple[str, ...] = ()


#: The kinds by name, in the order of `_kind` below.
KINDS: dict[str, Kind] = {}


def drawn(name: str, result: CommandResult, **options: Any) -> Axes:
    """The picture of this kind.

    Parameters
    ----------
    name : one of KINDS
    result : CommandResult
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
    chosen = [options.get(option) for option in kind.options]
    with result.whole() if kind.reads else nullcontext():  # what is drawn from the document itself
        axes: Axes = kind.draw(plots, result, *chosen)
        return axes


PREDICTION: dict[str, Any] = {"file": "ncsolve predict ... --out FILE.json"}
RUNS: dict[str, Any] = {"file": "ncsolve verify ... --out FILE.json", "descends": True}
MATRICES = RUNS | {"file": "ncsolve verify ... --out FILE.npz", "of_matrices": True}


def _kind(name: str, shows: str, **needs: Any) -> Callable[[Callable[..., Any]], None]:
    """Make a function the way in which a kind is drawn."""
    return lambda draw: KINDS.update({name: Kind(shows, draw, **needs)})


def _predicted(prediction: Prediction) -> CommandResult:
    from .document import result_of

    return result_of(prediction)


def _course(prediction: Prediction) -> CommandResult:
    """With the rate, start and length that `ncsolve dynamics` has by default."""
    from ..questions.dynamics import time_course
    from .document import CommandResult

    return CommandResult(
        "this problem", "dynamics", time_course(prediction.ufm).to_dict(), {}, prediction
    )


def _landscape(prediction: Prediction) -> CommandResult:
    """At the predicted minimizer."""
    from ..questions.landscape import measure_inertia
    from .document import CommandResult

    document = measure_inertia(prediction).to_dict()
    return CommandResult("this problem", "landscape", document, {}, prediction)


@_kind(
    "norms",
    "norms of classifiers and features against the counts",
    **PREDICTION,
    made=_predicted,
    of_matrices=True,
    options=("measured",),
)
def _norms(plots: Any, result: CommandResult, measured: bool | None) -> Any:
    found = result.measured if measured or result.holds_matrices else None
    return plots.norms_against_counts(result.prediction, found)


WHICH = MATRICES | {"options": ("which",)}


@_kind("gram", "Gram matrices: predicted, measured, difference", **WHICH)
def _gram(plots: Any, result: CommandResult, which: str | None) -> Any:
    measured = result.measured
    return plots.gram_triptych(result.prediction, measured, which=which or "features")[0]


@_kind("spectrum", "singular values per layer, predicted and measured", **MATRICES)
def _spectrum(plots: Any, result: CommandResult) -> Any:
    return plots.spectrum_per_layer(result.comparison)


@_kind("cosines", "cosines between pairs of classes", **WHICH)
def _cosines(plots: Any, result: CommandResult, which: str | None) -> Any:
    return plots.cosine_histogram(result.comparison, which=which or "features")


IN_SPACE = "class means and classifier rows in space (three or four classes)"


@_kind("vectors", IN_SPACE, **MATRICES)
def _vectors(plots: Any, result: CommandResult) -> Any:
    return plots.vectors(result.comparison)


@_kind("objective", "objective minus prediction against the step", **RUNS)
def _objective(plots: Any, result: CommandResult) -> Any:
    runs = result.histories
    return plots.objective_against_step((result.prediction, runs))


@_kind("curves", "neural-collapse metrics against the step, or the epoch of a training", **RUNS)
def _curves(plots: Any, result: CommandResult) -> Any:
    """Of a training, or of the lowest run of descent."""
    from .plots.style import step_axis

    if result.kind in ("train", "train-log"):
        with result.whole():
            targets = tuple(result.document.get("targets", ()))
            precision = str(result.document["training"]["precision"])
            return plots.training_curves(result.records, targets, precision=precision)[0]
    runs = [history.trajectory for history in result.histories]
    best = min(runs, key=lambda one: one.objective[-1])
    columns = {"nc1_quotient": best.nc1, "nc2_gof_H": best.nc2_features}
    columns |= {"nc2_gof_W": best.nc2_weights, "nc3_gof": best.nc3}
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    axes = plots.metric_curves(best.step.tolist(), records, list(columns), xlabel="step")
    step_axis(axes)
    return axes


@_kind(
    "scalar",
    "objective of single modes against their singular value (squared loss)",
    **PREDICTION,
    made=_predicted,
)
def _scalar(plots: Any, result: CommandResult) -> Any:
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
    return plots.scalar_landscape(ufm.depth, modes.kappa[order].tolist(), names)


@_kind(
    "phase",
    "classes alive, or another field, over two fields of the problem, with analytic boundaries",
    file="ncsolve phase ... --out FILE.npz",
    reads="phase",
    options=("field",),
)
def _phase(plots: Any, result: CommandResult, field: str | None) -> Any:
    from ..questions.maps import PhaseMap

    return plots.phase_diagram(PhaseMap.from_dict(result.document, result.arrays), field)


@_kind(
    "dynamics",
    "modes against the step of descent, predicted and measured (squared loss)",
    file="ncsolve dynamics ... --out FILE.json",
    reads="dynamics",
    made=_course,
)
def _dynamics(plots: Any, result: CommandResult) -> Any:
    return plots.modes_against_step(result.document)


@_kind(
    "hessian",
    "eigenvalues of the Hessian at a critical point, predicted and measured",
    file="ncsolve landscape ... --out FILE.json",
    reads="landscape",
    made=_landscape,
)
def _hessian(plots: Any, result: CommandResult) -> Any:
    return plots.hessian_spectrum(result.document)


CAMPAIGN = {"file": "ncsolve campaign SPEC.toml --out FILE.jsonl", "reads": "campaign"}


@_kind("campaign", "every problem of a campaign, with its verdict", **CAMPAIGN)
def _campaign(plots: Any, result: CommandResult) -> Any:
    return plots.results_picture(result.path)
