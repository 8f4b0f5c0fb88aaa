"""The pictures of `ncsolve plot`: for each kind what it shows, what it is drawn from, and how.

Nothing heavy is imported before a picture is drawn: the command line reads the names and the needs of all kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...analytic.prediction import Prediction
    from ..document import Result


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Attributes
    ----------
    shows : one line
    draw : (result, options of the picture) -> Axes
    file : a command that writes a file it is drawn from
    reads : the commands whose results it is drawn from; empty where the result itself says what it lacks
    made : prediction -> the result that is drawn where a problem is given instead of a file; None where no problem is enough
    descends : whether a problem is descended on instead
    of_matrices : whether it shows matrices, of a run or of a network
    options : names of the options that this picture has
    """

    shows: str
    draw: Callable[[Result, dict[str, Any]], Axes]
    file: str
    reads: tuple[str, ...] = ()
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
    from ...problem.border import shown
    from ...problem.errors import DataError

    kind = KINDS[name]
    if kind.reads and result.kind not in kind.reads:
        found = f"{shown(result.path)} is a result of ncsolve {result.kind}, which plot {name} does not draw"
        raise DataError(f"{found}; give what {kind.file} writes")
    chosen: dict[str, Any] = {"which": None, "measured": False, "field": None} | options
    return kind.draw(result, chosen)


def _predicted(prediction: Prediction) -> Result:
    from ..document import result_of

    return result_of(prediction)


def _norms(result: Result, chosen: dict[str, Any]) -> Axes:
    from . import norms_against_counts

    measured = result.measured if chosen["measured"] or result.holds_matrices else None
    return norms_against_counts(result.prediction, measured)


def _gram(result: Result, chosen: dict[str, Any]) -> Axes:
    from . import gram_triptych

    measured = result.measured
    first: Axes = gram_triptych(result.prediction, measured, which=chosen["which"] or "features")[0]
    return first


def _spectrum(result: Result, chosen: dict[str, Any]) -> Axes:
    from . import spectrum_per_layer

    return spectrum_per_layer(result.comparison)


def _cosines(result: Result, chosen: dict[str, Any]) -> Axes:
    from . import cosine_histogram

    return cosine_histogram(result.comparison, which=chosen["which"] or "features")


def _vectors(result: Result, chosen: dict[str, Any]) -> Axes:
    from . import vectors

    return vectors(result.comparison)


def _objective(result: Result, chosen: dict[str, Any]) -> Axes:
    from . import objective_against_step

    histories = result.histories
    return objective_against_step((result.prediction, histories))


def _curves(result: Result, chosen: dict[str, Any]) -> Axes:
    """Of a training, or of the lowest run of descent."""
    from . import metric_curves, training_curves
    from .style import step_axis

    if result.kind in ("train", "train-log"):
        with result.whole():
            targets, precision = (
                tuple(result.document.get("targets", ())),
                str(result.document["training"]["precision"]),
            )
        first: Axes = training_curves(result.records, targets, precision=precision)[0]
        return first
    best = min(
        (history.trajectory for history in result.histories), key=lambda one: one.objective[-1]
    )
    columns = {
        "nc1_quotient": best.nc1,
        "nc2_gof_H": best.nc2_features,
        "nc2_gof_W": best.nc2_weights,
        "nc3_gof": best.nc3,
    }
    records = [
        {key: float(column[i]) for key, column in columns.items()} for i in range(best.step.size)
    ]
    axes = metric_curves(best.step.tolist(), records, list(columns), xlabel="step")
    step_axis(axes)
    return axes


def _scalar(result: Result, chosen: dict[str, Any]) -> Axes:
    """Modes by falling tau; where they are classes, with their names."""
    import numpy as np

    from ...analytic.reduction import reduce
    from ...analytic.scalar import level
    from ...problem.errors import ProblemError
    from ...problem.losses import Squared
    from . import scalar_landscape
    from .style import plain_name

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
    tau2 = (
        ufm.counts
        if by_class
        else np.linalg.svd(codes * np.sqrt(ufm.counts), compute_uv=False) ** 2
    )
    order = np.argsort(-tau2, kind="stable")
    order = order[tau2[order] > 1e-12 * tau2.max()]
    names = (
        [plain_name(ufm.names[k]) for k in order]
        if by_class
        else [rf"$\tau^2$ = {tau2[k]:.4g}" for k in order]
    )
    return scalar_landscape(
        ufm.depth,
        level(tau2[order], ufm.samples, reduce(ufm).mean_decay, ufm.depth).tolist(),
        names,
    )


def _phase(result: Result, chosen: dict[str, Any]) -> Axes:
    from ...questions.maps import PhaseMap
    from . import phase_diagram

    with result.whole():
        found = PhaseMap.from_dict(result.document, result.arrays)
    return phase_diagram(found, chosen["field"])


def _dynamics(result: Result, chosen: dict[str, Any]) -> Axes:
    from . import modes_against_step
    from .dynamics import mode_curves

    with result.whole():
        curves = mode_curves(result.document)
    return modes_against_step(curves)


def _course(prediction: Prediction) -> Result:
    """With the rate, start and length that `ncsolve dynamics` has by default."""
    from ...questions.dynamics import time_course
    from ..document import Result

    return Result("this problem", "dynamics", time_course(prediction.ufm).to_dict(), {}, prediction)


def _hessian(result: Result, chosen: dict[str, Any]) -> Axes:
    from . import hessian_spectrum
    from .hessian import eigenvalues_of

    with result.whole():
        found = eigenvalues_of(result.document)
    return hessian_spectrum(found)


def _landscape(prediction: Prediction) -> Result:
    """At the predicted minimizer."""
    from ...questions.landscapes import measure_inertia
    from ..document import Result

    return Result(
        "this problem", "landscape", measure_inertia(prediction).to_dict(), {}, prediction
    )


def _campaign(result: Result, chosen: dict[str, Any]) -> Axes:
    from .campaign import results_picture

    return results_picture(result.path)


PREDICTION = "ncsolve predict ... --out FILE.json"
RUNS = "ncsolve verify ... --out FILE.json"
MATRICES = "ncsolve verify ... --out FILE.npz"
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
        "Gram matrices: predicted, measured, difference",
        _gram,
        MATRICES,
        descends=True,
        of_matrices=True,
        options=("which",),
    ),
    "spectrum": Kind(
        "singular values per layer, predicted and measured",
        _spectrum,
        MATRICES,
        descends=True,
        of_matrices=True,
    ),
    "cosines": Kind(
        "cosines between pairs of classes",
        _cosines,
        MATRICES,
        descends=True,
        of_matrices=True,
        options=("which",),
    ),
    "vectors": Kind(
        "class means and classifier rows in space (three or four classes)",
        _vectors,
        MATRICES,
        descends=True,
        of_matrices=True,
    ),
    "objective": Kind(
        "objective minus prediction against the step", _objective, RUNS, descends=True
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
        reads=("phase",),
        options=("field",),
    ),
    "dynamics": Kind(
        "modes against the step of descent, predicted and measured (squared loss)",
        _dynamics,
        "ncsolve dynamics ... --out FILE.json",
        reads=("dynamics",),
        made=_course,
    ),
    "hessian": Kind(
        "eigenvalues of the Hessian at a critical point, predicted and measured",
        _hessian,
        "ncsolve landscape ... --out FILE.json",
        reads=("landscape",),
        made=_landscape,
    ),
    "campaign": Kind(
        "every problem of a campaign, with its verdict",
        _campaign,
        "ncsolve campaign SPEC.toml --out FILE.jsonl",
        reads=("campaign",),
    ),
}
