"""Pictures of runs: descent, its modes and its metrics against the step, a training against the epoch, a campaign's problems."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...problem.errors import CampaignError, ProblemError
from . import style
from .style import BLACK, BLUE, CYCLE, GREEN, ORANGE, PURPLE, RESOLUTION, SKY, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from ...analytic.prediction import Prediction
    from ...numeric.descent import Run
    from ...problem.losses import Array
    from ...questions.dynamics import TimeCourse
    from ...verification import Verification
    from ..document import History

EPS = float(np.finfo(float).eps)
ENDINGS = {
    "CONVERGED": "converged",
    "STEPS": "step limit reached",
    "STALLED": "no lower step in doubles",
    "DIVERGED": "diverged",
    "INTERRUPTED": "interrupted",
}


def objective_against_step(
    found: Verification | tuple[Prediction, Sequence[Run | History]],
    ax: Axes | None = None,
    log_steps: bool = True,
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
    axes = style.axes_or_new(ax, (6.4, 4.4))
    floor = EPS * abs(prediction.value)
    for i, run in enumerate(runs):
        above = np.maximum(run.trajectory.objective - prediction.value, floor)
        label = f"run {i + 1}: {ENDINGS[run.ending.name]}"
        axes.plot(run.trajectory.step, above, _dash(i), **_line(i), label=label)
    axes.axhline(floor, label="resolution of doubles", **RESOLUTION)
    axes.set(yscale="log", xlabel="step", ylabel="objective $-$ predicted value")
    axes.set_xlim(left=0)
    if log_steps:
        style.step_axis(axes)
    style.legend(axes, ncols=1 + len(runs) // 12)
    return axes


def _line(i: int) -> dict[str, Any]:
    return {"color": CYCLE[i % len(CYCLE)], "lw": 1.5}


def _dash(i: int) -> str:
    return style.DASHES[i // len(CYCLE) % len(style.DASHES)]


# Metrics against the epoch or the step.

TARGETS = ("nc2_gof_H", "nc2_gof_W", "nc2_etf_H", "nc2_of_H")
SIDES = {"H": "features", "W": "classifier"}
GOALS = {"etf": "the simplex", "of": "the orthogonal frame", "gof": "the prediction"}
SAID = {
    "nc1_pinv": r"NC1, tr $\Sigma_W \Sigma_B^+/K$",
    "nc1_quotient": r"NC1, tr $\Sigma_W$ / tr $\Sigma_B$",
    "nc1_cdnv": "NC1, CDNV",
    "nc3_gof": "logits to the prediction",
    "nc3_abs": "logits to the prediction, with scale",
}
for _letter, _side in SIDES.items():
    SAID |= {f"nc2_{goal}_{_letter}": f"{_side} to {name}" for goal, name in GOALS.items()}
    SAID[f"nc2_abs_{_letter}"] = f"{_side} to the prediction, with scale"


def metric_curves(
    epochs: Sequence[float],
    records: Sequence[Mapping[str, float]],
    keys: Sequence[str] = TARGETS,
    ax: Axes | None = None,
    *,
    floor: float | None = None,
    xlabel: str = "epoch",
) -> Axes:
    """Metrics against the epoch, one line per key.

    Parameters
    ----------
    epochs : one number per record
    records : sequence of Measurement, or of any mapping key -> value
        A key that a record lacks leaves a gap; values that are not positive are drawn on the floor.
    keys : which metrics, on one axis
    ax : Axes, optional
    floor : float, optional
        Where a dashed line marks what the floats resolve; 0 for none. Default: the spacing of the floats that the features came
        in, if the records are Measurements, else that of float64.
    xlabel : str

    Raises
    ------
    ProblemError
        Epochs and records differ in number, or no record has any of the keys.

    Examples
    --------
    >>> axes = metric_curves([0, 1, 2], [{"nc2_gof_H": 1.0}, {"nc2_gof_H": 0.1}, {"nc2_gof_H": 0.01}])
    >>> axes.get_yscale()
    'log'
    """
    steps = [float(epoch) for epoch in epochs]
    if len(steps) != len(records):
        many = f"{len(steps)} epochs and {len(records)} records"
        raise ProblemError(f"{many}; give one epoch per record")
    drawn = [key for key in keys if any(key in record for record in records)]
    if not drawn:
        choose = "choose keys that were measured"
        raise ProblemError(f"no record has any of {', '.join(keys)}; {choose}")
    axes = style.axes_or_new(ax, (6.4, 4.4))
    if floor is None:
        floor = max((one.eps for one in records if hasattr(one, "eps")), default=EPS)
    look: dict[str, Any] = {"marker": "o" if len(steps) <= 30 else "", "ms": 4}
    for i, key in enumerate(drawn):
        values = [record.get(key, np.nan) for record in records]
        heights = [floor if value <= floor else value for value in values]  # NaN stays a gap
        axes.plot(steps, heights, _dash(i), **look, **_line(i), label=SAID.get(key, key))
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    resolution = f"resolution of the floats, {floor:.1e}"
    if floor > low * 1e-6:
        axes.axhline(floor, label=resolution, **RESOLUTION)
        axes.set_ylim(min(low, floor / 2), high)
    elif floor:  # far below: named, not drawn, or it would flatten the curves
        axes.plot([], [], label=f"{resolution}, far below", **RESOLUTION)
    axes.set(xlabel=xlabel, ylabel="distance (dimensionless)")
    style.legend(axes)
    return axes


TO = ("to the prediction", "to the simplex", "to the orthogonal frame")
#: The panels of a training: titles, keys and labels.
PANELS = {
    "class means, at equal norm": dict(
        zip(("nc2_gof_H", "nc2_simplex_H", "nc2_of_H"), TO, strict=True)
    ),
    "classifier, at equal norm": dict(zip(("nc2_gof_W", "nc2_etf_W", "nc2_of_W"), TO, strict=True)),
    "scale, collapse, objective": {
        "nc2_abs_H": "class means to the prediction, with scale",
        "nc2_abs_W": "classifier to the prediction, with scale",
        "nc1_quotient": SAID["nc1_quotient"],
        "excess": "objective above the prediction, relative",
    },
}
#: Targets of balanced theory: the word of `Trained.targets`, the words of a label, the color.
OTHER_TARGETS = {
    "simplex": ("simplex", ("nc2_simplex_H", "nc2_etf_W"), VERMILION),
    "orthogonal": ("orthogonal frame", ("nc2_of_H", "nc2_of_W"), GREEN),
}


def training_curves(
    records: Sequence[Mapping[str, Any]],
    targets: Collection[str] = (),
    axes: Sequence[Axes] | None = None,
    *,
    precision: str = "double",
) -> NDArray[Any] | Sequence[Axes]:
    """Three panels on a logarithmic scale: see PANELS.

    Parameters
    ----------
    records : of a training, as `Trained.records` and the log of `ncsolve train` have them
    targets : names of the geometries that differ, as in `Trained.targets`: of "simplex" and "orthogonal", one that is missing is the
        prediction itself and its line is drawn once; empty where nothing is predicted
    axes : three Axes, optional
    precision : "double" or "single", that of the training; its resolution is marked, or named in the legend where it is far below

    Returns
    -------
    the three Axes

    Raises
    ------
    ProblemError
        There are no records.
    """
    if not records:
        nothing = "nothing was measured on the way, so there are no curves"
        raise ProblemError(f"{nothing}; train with --log-every 1")
    floor = float(np.finfo(np.float32 if precision == "single" else np.float64).eps)
    same = [other for name, other in OTHER_TARGETS.items() if targets and name not in targets]
    here = f"{TO[0]}, here the {same[0][0]}" if same else TO[0]
    once = {key for _, keys, _ in same for key in keys}
    colors = {key: color for _, keys, color in OTHER_TARGETS.values() for key in keys}
    panels = style.row_of_axes(3, (13.0, 5.0)) if axes is None else axes
    for panel, (title, known) in zip(panels, PANELS.items(), strict=True):
        panel.set_title(title, fontsize="medium")
        said = {
            key: here if words == TO[0] else words
            for key, words in known.items()
            if key not in once and any(key in one for one in records)
        }
        if not said:
            continue
        renamed = [{said[key]: one[key] for key in said if key in one} for one in records]
        epochs = [record["epoch"] for record in records]
        metric_curves(epochs, renamed, list(said.values()), ax=panel, floor=floor)
        for key, line in zip(said, panel.get_lines(), strict=False):
            if key in colors:
                line.set_color(colors[key])
        panel.locator_params(axis="x", integer=True)
        style.legend(panel, loc="upper center", bbox_to_anchor=(0.5, -0.14))
        positive = [value for one in renamed[1:] for value in one.values() if value > 0]
        least = min(positive, default=0.0)
        # an isometry at the start is an orthogonal frame to rounding: no reason to show ten more decades
        if least > 1e6 * floor:
            panel.set_ylim(bottom=least / 2)
    return panels


# Modes against the step.

SHOWN = 7  # curves of a picture; of more modes, so many from the largest to the smallest
POINTS = 41  # measured points per curve
SPREAD = 30.0  # learning steps that differ by more, as a ratio, are shown on a logarithmic axis


def modes_against_step(
    found: TimeCourse | Mapping[str, Any], ax: Axes | None = None, log_steps: bool | None = None
) -> Axes:
    """Singular values sigma_i = s_0 s_1 ... s_M of the modes against the step of descent.

    Parameters
    ----------
    found : TimeCourse (points are those of the exact recursion), or its document; one of 0.1.0 may hold what was measured
    ax : Axes, optional
    log_steps : bool, optional
        Whether steps are on a logarithmic axis; by default where learning steps differ by more than a factor of 30.

    Notes
    -----
    Lines are gradient flow at t = learning_rate * steps / (1 - momentum). A vertical tick on a curve marks the step at which its mode is
    learned, a cross the step at which it is dead.
    """
    document = found if isinstance(found, Mapping) else found.to_dict()
    course, modes, share = document["course"], document["modes"], float(document["share"])
    steps, measured = int(document["steps"]), "measured" in course
    columns = {name: np.array(column, float) for name, column in course.items()}
    step, flow = columns["step"], columns["flow"]
    points = columns["measured" if measured else "descent"]
    at = columns["measured_step"] if measured else step[: points.shape[1]]
    if flow.shape != (len(modes), step.size) or points.shape != (len(modes), at.size):
        shapes = f"curves of shape {flow.shape} and {points.shape}"
        raise ValueError(f"{len(modes)} modes, but {shapes}")
    by_class = bool(document["classes"]) and "start" in document["classes"][0]
    named = "class {}, $n$ = {:.4g}" if by_class else r"{}, $\tau^2$ = {:.4g}"
    labels = [named.format(style.plain_name(str(row["mode"])), row["tau2"]) for row in modes]
    passes = [_pass(row, share) for row in modes]
    axes = style.axes_or_new(ax, (6.8, 4.4))
    finite = np.array([when for when, _, _ in passes if 1.0 <= when < math.inf])
    if log_steps is None:
        log_steps = bool(finite.size) and float(finite.max() / finite.min()) > SPREAD
    order = np.argsort([-float(row["tau2"]) for row in modes], kind="stable")
    apart, marked = _apart(at, log_steps), set[bool]()
    for turn, i in enumerate(order[style.evenly(order.size, SHOWN)].tolist()):
        look: dict[str, Any] = {"color": CYCLE[turn % len(CYCLE)]}
        axes.plot(step, flow[i], lw=1.5, label=labels[i], **look)
        mark = "osD^vPX"[turn % 7]
        axes.plot(at[apart], points[i, apart], mark, mfc="none", ms=5, **look)
        when, level, lives = passes[i]
        if when <= steps:
            word = ("_" if lives in marked else "") + ("learned" if lives else "dead")
            marked.add(lives)
            look = {"color": BLACK, "ms": 11, "mew": 1.5, "zorder": 3, "clip_on": False}
            axes.plot(when, level, "|" if lives else "x", label=word, **look)
    axes.plot([], [], "-", color=BLACK, lw=1.5, label="gradient flow")
    label = "measured" if measured else "exact descent"
    axes.plot([], [], "o", color=BLACK, mfc="none", ms=5, label=label)
    axes.set(xlabel="step", ylabel=r"singular value $\sigma_i$ (dimensionless)")
    if log_steps:
        style.step_axis(axes)
    axes.set_xlim(0, steps)
    axes.set_ylim(bottom=min(0.0, float(points.min()) * 1.05))
    entries = list(zip(*axes.get_legend_handles_labels(), strict=True))
    entries.sort(key=lambda entry: entry[1] in ("learned", "dead"))
    style.legend(axes, *zip(*entries, strict=True), **style.BESIDE)
    return axes


def _pass(row: Mapping[str, Any], share: float) -> tuple[float, float, bool]:
    """Step and level at which the flow has won a mode's share of the end, or lost it of the start; whether the mode lives."""
    lives = row["sigma"] > 0
    level = share * float(row["sigma"]) if lives else (1.0 - share) * math.prod(row["start"])
    return math.inf if row["flow_step"] is None else float(row["flow_step"]), level, lives


def _apart(step: Array, logarithmic: bool) -> NDArray[np.intp]:
    """Indices of points that stand evenly apart on the axis."""
    if not logarithmic or step[-1] < 1:
        return style.evenly(step.size, POINTS)
    wanted = np.geomspace(max(1.0, step[min(1, step.size - 1)]), step[-1], POINTS)
    return np.unique(np.concatenate([[0], np.searchsorted(step, wanted).clip(max=step.size - 1)]))


# A campaign.

VERDICTS = {"AGREES": "o", "STUCK": "^", "REFUTED": "X", "BEATEN": "v"}
VERDICTS |= {"certified": "o", "not certified": "^", "": "o"}
QUANTITIES = {
    "verify": ("excess", "|relative excess| of descent over the prediction"),
    "certify": ("relative_gap", "relative gap of the certificate"),
    "predict": ("value", "objective at the prediction"),
}
DEPTHS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
SEVERAL = 1.5  # decays that differ by such a factor make the horizontal axis


def results_picture(out: str | os.PathLike[str], ax: Axes | None = None) -> Axes:
    """The results of a campaign, finished or not: every problem a point, its depth a color, its verdict a mark.

    The vertical axis is |excess| (verify), else the relative gap (certify), else the objective; values below the resolution of
    doubles stand at it. The horizontal axis is the geometric mean of all decays if it varies, else the problem's number.

    Parameters
    ----------
    out : path of the file of results
    ax : Axes, optional

    Raises
    ------
    CampaignError
        As `ncsolve.campaign.results`.
    """
    from ...questions.journal import read_results

    spec, rows = read_results(out)
    quantity, ylabel = QUANTITIES[spec.actions[-1]]
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
            height = value if quantity == "value" else max(abs(value), EPS)
            points[depth, mark].append((row["index"], decay, height))
    axes = style.axes_or_new(ax, (7.2, 4.6))
    every = [point for each in points.values() for point in each]
    decays = [decay for _, decay, _ in every]
    against_decay = bool(every) and max(decays) > SEVERAL * min(decays)
    depths = sorted({depth for depth, _ in points})
    few = len(depths) <= len(CYCLE)
    colors = dict(zip(depths, DEPTHS, strict=False)) if few else _shades(depths, axes)
    for depth, mark in sorted(points):
        index, mean, heights = zip(*points[depth, mark], strict=True)
        look: dict[str, Any] = {"ms": 4.5, "mec": colors[depth], "zorder": 2, "alpha": 0.7}
        if mark in ("REFUTED", "BEATEN"):
            look = {"ms": 8.0, "mec": BLACK, "zorder": 3, "alpha": 1.0}
        look["label"] = f"M = {depth}" + (f", {mark}" if mark else "") if few else mark
        across = mean if against_decay else index
        axes.plot(across, heights, VERDICTS[mark], color=colors[depth], mew=0.8, **look)
    if quantity != "value":
        axes.axhline(EPS, label="resolution of doubles", **RESOLUTION)
        label = f"tolerance {spec.tolerance:g}"
        axes.axhline(spec.tolerance, color="0.2", lw=1, ls=":", label=label)
    if any(height > 0 for *_, height in every):
        axes.set_yscale("log")
    if against_decay:
        axes.set_xscale("log")
        style.plain_ticks(axes, y=False)
    decay_label = "decay (geometric mean over all layers)"
    axes.set(xlabel=decay_label if against_decay else "problem", ylabel=ylabel)
    left_out = f", {nothing} without a value" if nothing else ""
    failed = f"{errors} error{'' if errors == 1 else 's'}"
    title = f"{' and '.join(spec.actions)}: {len(every)} problems, {failed}{left_out}"
    axes.set_title(title, fontsize="medium")
    lines = {str(line.get_label()): line for line in axes.get_lines()}
    handles = {label: line for label, line in lines.items() if not label.startswith("_")}
    if handles:
        beside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
        look = {"frameon": True, "edgecolor": "none"} | (beside if few else {"loc": "best"})
        style.legend(axes, list(handles.values()), list(handles), **look)
    return axes


def _depth_and_decay(fields: dict[str, Any]) -> tuple[int, float]:
    """Depth, and the geometric mean of the decays of all layers."""
    depth, both = int(fields.get("depth", 1)), fields.get("decay", 5e-4)
    weights = fields.get("weight_decay", both)
    each = weights if isinstance(weights, list) else [weights] * depth
    logs = [math.log(decay) for decay in (*each, fields.get("feature_decay", both))]
    return depth, math.exp(math.fsum(logs) / (depth + 1))


def _shades(depths: list[int], axes: Axes) -> dict[int, Any]:
    """Shades by depth, and the bar that names them."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale, shades = Normalize(depths[0], depths[-1]), colormaps[style.SCALE]
    figure = cast("Figure", axes.get_figure())
    figure.colorbar(ScalarMappable(scale, shades), ax=axes, label="depth M")
    return {depth: shades(scale(depth)) for depth in depths}
