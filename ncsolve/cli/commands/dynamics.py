"""When each class is learned, or dies, under gradient descent on squared loss: predicted, and measured if asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import options
from ..answer import CONTRADICTED, DONE, INCONCLUSIVE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable

    from ...questions.course import TimeCourse
    from ...questions.tracking import Track
    from ...show.text import Line

OUT = (".json", ".csv")
STARTS = ("aligned", "gaussian")
MOST_ROWS, SHOWN_ROWS = 40, 12


def add(parser: ArgumentParser) -> None:
    """A problem and a planned descent in, its time course out."""
    options.add_problem(parser)
    group = parser.add_argument_group("descent")
    group.add_argument(
        "--learning-rate", metavar="X", help="of the objective over all N features (0.1)"
    )
    group.add_argument("--momentum", metavar="X", help="of heavy-ball descent (0)")
    group.add_argument(
        "--start-scale",
        metavar="LIST",
        help="singular value of H, W_1, ..., W_M along every mode at the start: one number, or one per mode (0.1); "
        "gaussian: standard deviation of every entry",
    )
    group.add_argument(
        "--start",
        choices=STARTS,
        help="aligned with the modes (default), or gaussian, seen through its projection",
    )
    group.add_argument(
        "--steps",
        metavar="N",
        help="length of the time course (1.5 times what the last class needs)",
    )
    group.add_argument(
        "--share", metavar="X", help="a class is learned at this share of its final value (0.5)"
    )
    group.add_argument(
        "--measured", action="store_true", help="also descend on the raw objective, and compare"
    )
    group.add_argument(
        "--rng",
        metavar="INT",
        help="seed of a gaussian start and of the hidden bases of an aligned one (0)",
    )
    picture = options.add_picture(parser)
    picture.add_argument(
        "--picture", metavar="FILE", help="modes against the step (.png, .svg or .pdf)"
    )
    options.add_output(
        parser,
        "also write the JSON document to FILE, or with suffix .csv the time course of every mode",
    )


def check(args: Namespace) -> None:
    """Options that would be ignored, and pictures of unknown kind, are refused."""
    options.check_extra_picture(args)
    if args.rng is not None and not args.measured and args.start != "gaussian":
        raise options.UsageError("--rng has an effect with --measured or --start gaussian only")


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Predict the time course, and follow real descent if asked."""
    from ...files import check_writable
    from ...questions.dynamics import time_course
    from ...questions.tracking import gaussian_start, track
    from ...show.text import prediction_lines, text
    from ..steps import predicted

    if args.picture is not None:
        check_writable(args.picture, overwrite=args.force)
    size, dpi = options.picture(args) if args.picture is not None else (None, 150.0)
    given: dict[str, Any] = {
        "learning_rate": options.positive(args.learning_rate, "learning-rate"),
        "momentum": options.positive(args.momentum, "momentum", below=1.0, zero=True),
        "steps": options.whole(args.steps, "steps", 1),
        "share": options.positive(args.share, "share", below=1.0),
    }
    scales, seed = _scales(args.start_scale), options.whole(args.rng, "rng", 0) or 0
    prediction = predicted(args, terminal)
    ufm = prediction.ufm
    start: Any = scales if len(scales) > 1 else scales[0]
    if args.start == "gaussian":
        if len(scales) > 1:
            raise options.UsageError("--start gaussian takes one --start-scale")
        start = gaussian_start(ufm, scales[0], rng=seed)
    course = time_course(
        ufm, start=start, **{name: value for name, value in given.items() if value is not None}
    )
    found = track(course, rng=seed) if args.measured else None
    body = course.to_dict() if found is None else found.to_dict()
    if args.picture is not None:
        from ...show.plots import modes_against_step, save

        save(
            modes_against_step(found or course),
            args.picture,
            size=size,
            dpi=dpi,
            overwrite=args.force,
        )

    def blocks(terminal: bool) -> Iterable[str]:
        yield text([prediction_lines(prediction)[0], *_lines(course, body)])
        if body["classes"]:
            yield _class_table(body["classes"], measured=found is not None)
        if not course.modes.by_class:
            yield _mode_table(body["modes"], measured=found is not None)
        last = [*_measured_lines(found)] + (
            [("picture", args.picture)] if args.picture is not None else []
        )
        if last:
            yield text(last)

    code = DONE
    if found is not None and found.aligned and not found.agrees:
        code = CONTRADICTED if found.agrees is False else INCONCLUSIVE
    as_csv = (
        (lambda _document: _write_csv(args, course, found))
        if args.out is not None and args.out.lower().endswith(".csv")
        else None
    )
    uses_seed = args.measured or args.start == "gaussian"
    return Answer(body, blocks, code, tuple(course.warnings), seed if uses_seed else None, as_csv)


def _scales(words: str | None) -> list[float]:
    """One number or several between commas; 0.1 by default."""
    if words is None:
        return [0.1]
    found = []
    for word in words.split(","):
        number = options.positive(word.strip(), "start-scale")
        assert number is not None
        found.append(number)
    return found


def _lines(course: TimeCourse, body: dict[str, Any]) -> list[Line]:
    rate = course.largest_stable_rate
    low, high = course.start[course.modes.room].min(), course.start[course.modes.room].max()
    scale = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
    aligned = course.parameters is None
    lines = [
        (
            "descent",
            f"learning rate {course.learning_rate:g}, momentum {course.momentum:g}: time {course.time_per_step:.6g} per step",
        ),
        (
            "start",
            f"{'aligned' if aligned else 'gaussian, projected on the modes'}, singular values {scale}",
        ),
        (
            "learned",
            f"at {course.share:g} of the final own logit; a class that dies, when it has lost {course.share:g} of its start",
        ),
        (
            "steps",
            f"{course.steps}"
            + (
                "" if body["diverged"] is None else f"; descent diverges at step {body['diverged']}"
            ),
        ),
    ]
    if course.ufm.bias == "free":
        lines.append(("bias", "free, at its optimum from the start, where it stays"))
    if rate is not None:
        lines.append(("stability", f"learning rates below {rate:.6g} settle at the end"))
    return lines + [("warning", warning) for warning in course.warnings]


def _measured_lines(found: Track | None) -> list[Line]:
    if found is None:
        return []
    verdict = {
        True: "AGREES: descent on the raw objective does what the recursion says",
        False: "CONTRADICTED: descent on the raw objective left the recursion",
        None: "APPROXIMATE: the start is not aligned, so nothing is claimed to be exact"
        if not found.aligned
        else "UNSTABLE: descent left the recursion where rounding grows, near a saddle or at a rate at which it cannot settle",
    }[found.agrees]
    return [
        (
            "measured",
            f"differs from the recursion by {found.descent_error:.2g}, from the flow by {found.flow_error:.2g} of the largest sigma",
        ),
        (
            "outside",
            f"{found.followed.outside[-1]:.2g} of the end-to-end matrix is not along the modes at the end",
        ),
        ("verdict", verdict),
    ]


def _class_table(rows: list[dict[str, Any]], *, measured: bool) -> str:
    from ...show.text import grid

    by_class = "start" in rows[0]
    head = ["class", "count", "fate", "flow step", "descent step"] + (
        ["measured step"] if measured else []
    )
    head += ["own logit"] + (["start", "boundary"] if by_class else [])
    keys = {
        "flow step": "flow_step",
        "descent step": "descent_step",
        "measured step": "measured_step",
        "own logit": "own_logit",
    }
    order = sorted(range(len(rows)), key=lambda k: -rows[k]["count"])
    cut = len(rows) > MOST_ROWS
    chosen = [*order[:SHOWN_ROWS], *order[-SHOWN_ROWS:]] if cut else list(range(len(rows)))
    cells = [[_cell(rows[k][keys.get(name, name)]) for name in head] for k in chosen]
    table = grid(
        head, cells, right=[i for i, name in enumerate(head) if name not in ("class", "fate")]
    )
    if not cut:
        return table
    lines = table.splitlines()
    lines.insert(1 + SHOWN_ROWS, f"... {len(rows) - 2 * SHOWN_ROWS} more (use --json for all)")
    return "\n".join(lines)


def _mode_table(rows: list[dict[str, Any]], *, measured: bool) -> str:
    from ...show.text import grid

    head = (
        ["mode", "tau^2", "fate", "flow step", "descent step"]
        + (["measured step"] if measured else [])
        + ["sigma", "boundary"]
    )
    keys = {
        "tau^2": "tau2",
        "flow step": "flow_step",
        "descent step": "descent_step",
        "measured step": "measured_step",
    }
    cells = [[_cell(row[keys.get(name, name)]) for name in head] for row in rows[:MOST_ROWS]]
    table = grid(
        head, cells, right=[i for i, name in enumerate(head) if name not in ("mode", "fate")]
    )
    return table + (
        f"\n... {len(rows) - MOST_ROWS} more (use --json for all)" if len(rows) > MOST_ROWS else ""
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)


def _write_csv(args: Namespace, course: TimeCourse, found: Track | None) -> None:
    """A line per recorded step and mode: step, mode, tau^2, sigma by flow, by the recursion, measured."""
    import csv
    import io

    from ...files import atomic_write

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        ["step", "mode", "tau2", "flow", "descent"] + (["measured"] if found is not None else [])
    )
    flow, descent = course.flow.sigma, course.descent.sigma
    for t, step in enumerate(course.recorded.tolist()):
        for i, name in enumerate(course.modes.names):
            row: list[Any] = [
                step,
                name,
                repr(float(course.modes.tau2[i])),
                repr(float(flow[t, i])),
            ]
            row.append(repr(float(descent[t, i])) if t < len(descent) else "")
            if found is not None:
                row.append(
                    repr(float(found.followed.sigma[t, i])) if t < len(found.followed.sigma) else ""
                )
            writer.writerow(row)
    with atomic_write(args.out, overwrite=args.force) as target:
        target.write(stream.getvalue().encode())
