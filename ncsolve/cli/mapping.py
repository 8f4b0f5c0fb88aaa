"""Commands that look around one problem: a map over two fields, the course of descent, the landscape at a critical point."""

from __future__ import annotations

from argparse import Namespace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from . import options
from .answer import Answer, Exit, Terminal, command, predicted
from .options import UsageError, given

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from ..problem.ufm import UFM
    from ..questions.axes import Axis, LongTail
    from ..questions.curvature import Family
    from ..questions.dynamics import TimeCourse
    from ..questions.landscape import Landscape
    from ..questions.maps import PhaseMap
    from ..show.text import Line

FEW = 20  # cells solved one by one that need no mention
MOST_ROWS, SHOWN_ROWS = 40, 12
SET_BY = {  # the options that an axis makes useless, and what works instead
    "decay": (
        ("weight_decay", "feature_decay"),
        "the axis sets all decays; mean-decay moves them by one factor",
    ),
    "bias-decay": (("bias",), "the axis sets it"),
} | {
    name: ((name.replace("-", "_"),), "the axis sets it")
    for name in ("depth", "width", "smoothing", "logit-adjustment", "weight-decay", "feature-decay")
}


@command(
    options.add_problem,
    """
map
  --x AXIS!  NAME=LOW:HIGH:POINTS[,log|,lin] or NAME=V1,V2,...; NAME is decay, mean-decay,
      bias-decay, ratio, n, K, depth, width, smoothing, ...
  --y AXIS!  the same, another field
  --field NAMES  active (default), vanished, merged, rank, value, cosine, ... or all; a picture has
      the first
  --rule WORD  continuous (default where an axis moves counts) or floored (default else) long tail
  --no-boundaries  a picture without the lines
  --most-solved N[0..]  how many cells may be solved iteratively, one by one (10000)
""",
    options.PICTURE,
    options.output(
        says="also write the map to FILE: .csv, .npz, .json, or a picture .png, .svg, .pdf"
    ),
    out=(".json", ".csv", ".npz", *options.PICTURES),
)
def phase(args: Namespace, terminal: Terminal) -> Answer:
    """Fill the map, draw or save it."""
    from ..questions.maps import MOST_SOLVED, chosen_fields, phase_map
    from ..show import plots, text

    suffix = "" if args.out is None else PurePath(args.out).suffix.lower()
    needless = given(args, ("size", "dpi", "no_boundaries"))
    if needless and suffix not in options.PICTURES:
        instead = "give --out a name ending in .png, .svg or .pdf"
        raise UsageError(f"{needless[0]} is about a picture; {instead}")
    settings = options.picture(args)
    problem, x, y, tail = _family(args)

    def say(done: int, total: int) -> None:
        if done == 0 and total > FEW:
            how = "have no closed form (or lie at a threshold) and are predicted one by one"
            terminal.note(f"{total} cells {how}")

    with terminal.watched("portions", "cells without a closed form") as progress:
        found = phase_map(
            problem,
            x,
            y,
            long_tail=tail,
            fields=chosen_fields(args.field or "active"),
            theorem=args.theorem,
            limit=args.limit or "",
            full_width=args.width is None,
            most_solved=MOST_SOLVED if args.most_solved is None else args.most_solved,
            progress=progress or say,
        )

    if suffix in options.PICTURES:
        axes = plots.phase_diagram(found, lines=not args.no_boundaries)

    def save(path: str, document: str, *, overwrite: bool) -> None:
        if suffix in options.PICTURES:
            plots.save(axes, path, **settings)
        else:
            found.save(path, "" if args.json else document, overwrite=overwrite)

    whole = args.json or suffix == ".json"
    body = found.to_dict(arrays=whole) if whole or suffix == ".npz" else {}
    lines = [*_map_lines(found), *([] if args.out is None else [("written", args.out)])]
    others = dict.fromkeys((".csv", ".npz", *options.PICTURES), save)
    return Answer(body, lambda _: [text.text(lines)], save=others)


def _family(args: Namespace) -> tuple[UFM, Axis, Axis, LongTail | None]:
    """The problem, the axes and the rule behind the counts."""
    from ..problem.fields import TAIL
    from ..questions.axes import RULES, axis, parse_tail

    x, y = axis(args.x), axis(args.y)
    moved = {one.name: float(one.values[0]) for one in (x, y)}
    for name in moved:
        useless, instead = SET_BY.get(name, ((), ""))
        if ignored := given(args, useless):
            raise UsageError(f"{ignored[0]} would be ignored beside the axis {name}: {instead}")
    counts = {name: value for name, value in moved.items() if name in TAIL}
    if args.long_tail is None:
        if counts or args.rule is not None:
            what = f"axis {next(iter(counts))}" if counts else "--rule"
            has = f"{'--counts' if args.labels is None else '--labels'} gives a fixed vector of counts"
            raise UsageError(f"{what} needs --long-tail K=..,n=..,ratio=..; {has}")
        return options.problem(args), x, y, None
    rule = args.rule or ("continuous" if counts else "floored")
    if rule not in RULES:
        raise UsageError(f"--rule {rule!r} is unknown; {' or '.join(RULES)} works")
    tau = args.logit_adjustment
    if counts and tau is not None and "," not in tau:
        why = f"follows the counts, which axis {next(iter(counts))} moves; give K numbers"
        raise UsageError(f"--logit-adjustment {tau} {why}")
    tail = parse_tail(args.long_tail, counts, rule)
    fixed = ",".join(repr(float(n)) for n in tail.counts())
    problem = options.problem(Namespace(**vars(args) | {"counts": fixed, "long_tail": None}))
    return problem, x, y, tail


def _map_lines(found: PhaseMap) -> Iterable[Line]:
    """Problem, axes, theorems, the range of every field, boundaries, what no theorem covers."""
    import numpy as np

    from ..questions.maps import FIELDS, WHOLE

    yield "problem", _family_words(found)
    for side, axis in (("x", found.x), ("y", found.y)):
        span = f"{axis.values[0]:g} to {axis.values[-1]:g}, {len(axis)} points"
        scale = "logarithmic" if axis.log else "linear"
        yield side, f"{axis.name} ({axis.says}), {span}, {scale}"
    for (theorem, claim), cells in found.tally().items():
        yield "theorem", f"{theorem}, {claim}: {cells} cells"
    if found.solved:
        yield "one by one", f"{found.solved} cells were predicted by themselves"
    for reason, cells in found.uncovered.items():
        yield "uncovered", f"{cells} cells: {reason}"
    for name, field in found.fields.items():
        known, digits = field[~np.isnan(field)], ".0f" if name in WHOLE else ".6g"
        span = f"{known.min():{digits}} to {known.max():{digits}}" if known.size else ""
        yield name, f"{span or 'nowhere defined'}, {FIELDS[name]}"
    for boundary in found.boundaries:
        yield "boundary", f"{boundary.name}: {_span(found, boundary.x, boundary.y)}"


def _family_words(found: PhaseMap) -> str:
    """What stands still, and the rule behind the counts."""
    ufm, tail, moved = found.plane.ufm, found.plane.tail, {found.x.name, found.y.name}
    said, gone = ufm.parts(), moved - {"n"}
    said["n"] = f"N = {ufm.samples:.6g}"
    if tail is not None:
        sizes = {"n": tail.largest, "ratio": tail.ratio}
        fixed = [f"{name} = {size:g}" for name, size in sizes.items() if name not in moved]
        profile = "n for the first half, then n / ratio" if tail.step else "n ratio^(-k/(K-1))"
        floored = "rounded down to whole numbers"
        rule = floored if tail.rule == "floored" else "continuous, not rounded"
        said["n"] = ", ".join([*fixed, f"counts {profile} ({rule})"])
    names = ufm.loss.parameters() if ufm.loss.name == "ce" else ()
    said["loss"] = ufm.loss.words + "".join(f" with {name.replace('_', ' ')}" for name in names)
    gone |= {"width"} if found.plane.full_width else set()
    gone |= {"weight-decay", "feature-decay"} if "decay" in moved else set()
    for decay in ("weight-decay", "feature-decay") if "mean-decay" in moved else ():
        said[decay] += " (times a factor)"
    return ", ".join(words for about, words in said.items() if about not in gone)


def _span(found: PhaseMap, x: np.ndarray, y: np.ndarray) -> str:
    """Where a curve runs inside the map: its points with the smallest and the largest y."""
    import numpy as np

    with np.errstate(invalid="ignore"):
        inside = (x >= found.x.values[0]) & (x <= found.x.values[-1])
        inside &= (y >= found.y.values[0]) & (y <= found.y.values[-1])
    x, y = x[inside], y[inside]
    ends = dict.fromkeys((int(np.argmin(y)), int(np.argmax(y))))
    return " .. ".join(f"{found.x.name} {x[i]:.6g} at {found.y.name} {y[i]:.6g}" for i in ends)


@command(
    options.add_problem,
    """
descent
  --learning-rate X(0,inf)  of the objective over all N features (0.1)
  --momentum X[0,1)  of heavy-ball descent (0)
  --start-scale LIST(0,inf)  singular value of H, W_1, ..., W_M along every mode at the aligned start:
      one number, or one per mode (0.1)
  --steps N[1..]  length of the time course (1.5 times what the last class needs)
  --share X(0,1)  a class is learned at this share of its final value (0.5)
""",
    options.PICTURE + "  --picture FILE  modes against the step (.png, .svg or .pdf)",
    options.output(", or with suffix .csv the time course of every mode"),
    out=(".json", ".csv"),
)
def dynamics(args: Namespace, terminal: Terminal) -> Answer:
    """Predict the time course."""
    from ..questions.dynamics import time_course
    from ..show import plots
    from ..show.text import prediction_lines, text

    drawing = options.check_picture(args, "picture")
    planned = options.said(args, "learning_rate", "momentum", "steps", "share")
    scales = args.start_scale or [0.1]
    prediction = predicted(args, terminal)
    start: Any = scales if len(scales) > 1 else scales[0]
    course = time_course(prediction.ufm, start=start, **planned)
    body = course.to_dict()
    if args.picture is not None:
        plots.save(plots.modes_against_step(course), args.picture, **drawing)

    def blocks(_terminal: bool) -> Iterable[str]:
        yield text([prediction_lines(prediction)[0], *_course_lines(course, body)])
        if body["classes"]:
            yield _course_table(body["classes"], "class")
        if not course.modes.by_class:
            yield _course_table(body["modes"], "mode")
        if args.picture is not None:
            yield text([("picture", args.picture)])

    csv = {".csv": lambda *_, **__: _write_course(args, course)}
    return Answer(body, blocks, warnings=course.warnings, save=csv)


def _course_lines(course: TimeCourse, body: dict[str, Any]) -> list[Line]:
    room = course.start[course.modes.room]
    low, high, share = room.min(), room.max(), f"{course.share:g}"
    scale = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
    end = "" if body["diverged"] is None else f"; descent diverges at step {body['diverged']}"
    rates = f"learning rate {course.learning_rate:g}, momentum {course.momentum:g}"
    dies = f"a class that dies, when it has lost {share} of its start"
    lines = [
        ("descent", f"{rates}: time {course.time_per_step:.6g} per step"),
        ("start", f"aligned, singular values {scale}"),
        ("learned", f"at {share} of the final own logit; {dies}"),
        ("steps", f"{course.steps}{end}"),
    ]
    if course.ufm.bias == "free":
        lines.append(("bias", "free, at its optimum from the start, where it stays"))
    if (rate := course.largest_stable_rate) is not None:
        lines.append(("stability", f"learning rates below {rate:.6g} settle at the end"))
    return lines + [("warning", warning) for warning in course.warnings]


def _course_table(rows: list[dict[str, Any]], kind: str) -> str:
    """One row per class, of more than 40 the largest and the smallest; or per mode, of more than 40 the first."""
    from ..show.text import grid

    by_class = kind == "class"
    steps = ["flow step", "descent step"]
    ends = ["own logit", *(["start", "boundary"] if "start" in rows[0] else [])]
    head = [kind, "count" if by_class else "tau^2", "fate", *steps]
    head += ends if by_class else ["sigma", "boundary"]
    order = list(range(len(rows)))
    if len(rows) > MOST_ROWS and by_class:
        falling = sorted(order, key=lambda k: -rows[k]["count"])
        order = [*falling[:SHOWN_ROWS], *falling[-SHOWN_ROWS:]]
    keys = [name.replace("tau^2", "tau2").replace(" ", "_") for name in head]
    cells = [[_cell(rows[k][key]) for key in keys] for k in order[:MOST_ROWS]]
    right = [i for i, name in enumerate(head) if name not in (kind, "fate")]
    lines = grid(head, cells, right=right).splitlines()
    if len(cells) < len(rows):
        more = f"... {len(rows) - len(cells)} more (use --json for all)"
        lines.insert(1 + (SHOWN_ROWS if by_class else MOST_ROWS), more)
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)


def _write_course(args: Namespace, course: TimeCourse) -> None:
    """A line per recorded step and mode: step, mode, tau^2, sigma by flow and by the recursion."""
    import csv
    import io

    from ..files import atomic_write

    columns = {"flow": course.flow.sigma, "descent": course.descent.sigma}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["step", "mode", "tau2", *columns])
    for t, step in enumerate(course.recorded.tolist()):
        for i, name in enumerate(course.modes.names):
            sigma = [float(one[t, i]) if t < len(one) else "" for one in columns.values()]
            writer.writerow([step, name, float(course.modes.tau2[i]), *sigma])
    with atomic_write(args.out, overwrite=args.force) as target:
        target.write(stream.getvalue().encode())


@command(
    options.add_problem,
    """
landscape
  --at POINT  minimizer (default), zero, modes=0,2 (these modes on, others zero), unstable (all at
      their unstable roots), unstable=1 (that mode there, others as in the minimizer),
      modes=0,2+unstable=1
  --columns {auto,samples,means}  columns of H: samples (all N), means (K class means), auto (samples
      if few enough)
  --tol X(0,1)  share of the largest eigenvalue that counts as zero (1e-10)
""",
    options.PICTURE + "  --picture FILE  all eigenvalues in order (.png, .svg or .pdf)",
    options.output(),
)
def landscape(args: Namespace, terminal: Terminal) -> Answer:
    """Predict the inertia of the Hessian, and measure it."""
    from ..questions.landscape import FLAT, Agreement, critical_point, measure_inertia
    from ..show import plots
    from ..show.text import grid, prediction_lines, text

    drawing = options.check_picture(args, "picture")
    prediction = predicted(args, terminal)
    point = critical_point(prediction, args.at or "minimizer")
    found = measure_inertia(point, columns=args.columns or "auto", tolerance=args.tol or FLAT)
    if args.picture is not None:
        plots.save(plots.hessian_spectrum(found), args.picture, **drawing)

    def blocks(_terminal: bool) -> Iterable[str]:
        yield text([prediction_lines(prediction)[0], *_landscape_lines(found)])
        rows, names = point.placed.to_rows(), ("mode", "tau2", "place", "sigma")
        cells = [[_cell(row[name]) for name in names] for row in rows[:MOST_ROWS]]
        yield grid(("mode", "tau^2", "at", "sigma"), cells, right=(1, 3))
        if len(rows) > MOST_ROWS:
            yield f"... {len(rows) - MOST_ROWS} more (use --json for all)"
        head = ("directions", "number", "negative", "smallest", "largest")
        yield grid(head, list(map(_family_row, found.families)), right=(1, 2, 3, 4))
        signs = ("negative", "zero", "positive")
        counts = {"predicted": found.predicted, "measured": found.measured}
        cells = [[of, *(str(getattr(one, sign)) for sign in signs)] for of, one in counts.items()]
        yield grid(("inertia", *signs), cells, right=(1, 2, 3))
        drawn = [] if args.picture is None else [("picture", args.picture)]
        yield text([*drawn, ("verdict", f"{found.comparison.name}: {found.comparison.value}")])

    codes = {Agreement.CONTRADICTED: Exit.CONTRADICTED, Agreement.UNRESOLVED: Exit.INCONCLUSIVE}
    code = codes.get(found.comparison, Exit.DONE)
    return Answer(found.to_dict(), blocks, code, point.warnings)


def _landscape_lines(found: Landscape) -> list[Line]:
    """Point, value, what was measured."""
    point = found.point
    columns = f"{found.columns} class means (within-class directions left out on both sides)"
    columns = "all N features" if found.columns == point.ufm.samples else columns
    lines = [
        ("at", point.at),
        ("value", f"{point.value:.15g}"),
        ("gradient", f"norm {found.gradient_norm:.2g}"),
        ("hessian", f"{found.measured_eigenvalues.size} free numbers, {columns}"),
        ("largest", f"eigenvalue {found.largest:.6g}"),
    ]
    most = f"{found.eigenvalue_error:.2g} of the largest"
    lines.append(("spectrum", f"predicted and measured differ by at most {most}"))
    return lines + [("warning", warning) for warning in point.warnings]


def _family_row(family: Family) -> tuple[str, ...]:
    values = family.values
    negative = (values < -1e-12 * abs(values).max()).sum()  # rotations are zero to rounding
    counts = (str(family.size), str(int(negative) * family.copies))
    return (family.directions, *counts, f"{values.min():.6g}", f"{values.max():.6g}")
