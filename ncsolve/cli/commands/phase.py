"""A map over two fields of the problem: classes kept, value, angles, with closed-form boundaries."""

from __future__ import annotations

from argparse import Namespace
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from .. import options
from ..answer import Answer, Terminal
from ..options import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable, Iterable, Iterator

    from ...problem.ufm import UFM
    from ...questions.axes import Axis, LongTail
    from ...questions.maps import PhaseMap
    from ...show.text import Line

OUT = (".json", ".csv", ".npz", *options.PICTURES)
AXIS = "NAME=LOW:HIGH:POINTS[,log|,lin] or NAME=V1,V2,...; NAME is decay, mean-decay, bias-decay, ratio, n, K, depth, width, smoothing, ..."
FEW = 20  # cells solved one by one that need no mention
SET_BY = {  # the options that an axis makes useless, and what works instead
    "decay": (
        ("weight_decay", "feature_decay"),
        "the axis sets all decays; mean-decay moves them by one factor",
    ),
    "bias-decay": (("bias",), "the axis sets it"),
    "depth": (("depth",), "the axis sets it"),
    "width": (("width",), "the axis sets it"),
}


def add(parser: ArgumentParser) -> None:
    """A problem and two axes in, a map out."""
    options.add_problem(parser)
    group = parser.add_argument_group("map")
    group.add_argument("--x", metavar="AXIS", required=True, help=AXIS)
    group.add_argument("--y", metavar="AXIS", required=True, help="the same, another field")
    group.add_argument(
        "--field",
        metavar="NAMES",
        help="active (default), vanished, merged, rank, value, cosine, ... or all; a picture has the first",
    )
    group.add_argument(
        "--rule",
        metavar="WORD",
        help="continuous (default where an axis moves counts) or floored (default else) long tail",
    )
    group.add_argument("--no-boundaries", action="store_true", help="a picture without the lines")
    group.add_argument(
        "--most-solved",
        metavar="N",
        help="how many cells may be solved iteratively, one by one (10000)",
    )
    options.add_picture(parser)
    options.add_output(
        parser, "also write the map to FILE: .csv, .npz, .json, or a picture .png, .svg, .pdf"
    )


def check(args: Namespace) -> None:
    """Options that nothing would heed are refused."""
    picture = args.out is not None and PurePath(args.out).suffix.lower() in options.PICTURES
    if not picture:
        for name in ("size", "dpi", "no_boundaries"):
            if getattr(args, name) not in (None, False):
                raise UsageError(
                    f"--{name.replace('_', '-')} is about a picture; give --out a name ending in .png, .svg or .pdf"
                )


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Fill the map, draw or save it."""
    from ...files import check_writable
    from ...questions.maps import MOST_SOLVED, chosen_fields, phase_map
    from ...show import text as report

    size, dpi = options.picture(args)
    if args.out is not None:
        check_writable(args.out, overwrite=args.force)
    most = options.whole(args.most_solved, "most-solved", 0)
    problem, x, y, tail = _family(args)
    fields = chosen_fields(args.field or "active")

    with _told(terminal) as progress:
        found = phase_map(
            problem,
            x,
            y,
            long_tail=tail,
            fields=fields,
            theorem=args.theorem,
            limit=args.limit or "",
            full_width=args.width is None,
            most_solved=MOST_SOLVED if most is None else most,
            progress=progress,
        )
    suffix = "" if args.out is None else PurePath(args.out).suffix.lower()
    whole = args.json or suffix == ".json"
    body = found.to_dict(arrays=whole) if whole or suffix == ".npz" else {}
    lines = [*map_lines(found), *([] if args.out is None else [("written", args.out)])]
    return Answer(body, lambda terminal: [report.text(lines)], save=_saver(found, args, size, dpi))


def _family(args: Namespace) -> tuple[UFM, Axis, Axis, LongTail | None]:
    """The problem, the axes and the rule behind the counts."""
    from ...problem.fields import TAIL
    from ...questions.axes import RULES, axis, parse_tail

    x, y = axis(args.x), axis(args.y)
    moved = {x.name: float(x.values[0]), y.name: float(y.values[0])}
    for name in moved:
        useless, instead = SET_BY.get(name, ((), ""))
        for option in useless:
            if getattr(args, option) is not None:
                raise UsageError(
                    f"--{option.replace('_', '-')} would be ignored beside the axis {name}: {instead}"
                )
    counts = {name: value for name, value in moved.items() if name in TAIL}
    if args.long_tail is None:
        if counts or args.rule is not None:
            what = f"axis {next(iter(counts))}" if counts else "--rule"
            given = "--labels" if args.labels is not None else "--counts"
            raise UsageError(
                f"{what} needs --long-tail K=..,n=..,ratio=..; {given} gives a fixed vector of counts"
            )
        return options.problem(args), x, y, None
    rule = args.rule or ("continuous" if counts else "floored")
    if rule not in RULES:
        raise UsageError(f"--rule {rule!r} is unknown; {' or '.join(RULES)} works")
    tau = args.logit_adjustment
    if counts and tau is not None and "," not in tau:
        raise UsageError(
            f"--logit-adjustment {tau} follows the counts, which axis {next(iter(counts))} moves; give K numbers"
        )
    tail = parse_tail(args.long_tail, counts, rule)
    fixed = ",".join(repr(float(n)) for n in tail.counts())
    return (
        options.problem(Namespace(**vars(args) | {"counts": fixed, "long_tail": None})),
        x,
        y,
        tail,
    )


@contextmanager
def _told(terminal: Terminal) -> Iterator[Callable[[int, int], None]]:
    """A bar for cells that are predicted one by one; where nobody watches, a line that there are some."""
    if terminal.bars:
        from ..progress import portions

        with portions("cells without a closed form") as move:
            yield move
        return

    def say(done: int, total: int) -> None:
        if done == 0 and total > FEW:
            terminal.note(
                f"{total} cells have no closed form (or lie at a threshold) and are predicted one by one"
            )

    yield say


def _saver(
    found: PhaseMap, args: Namespace, size: tuple[float, float] | None, dpi: float
) -> Callable[[str], None] | None:
    suffix = "" if args.out is None else PurePath(args.out).suffix.lower()
    if suffix == ".npz":
        return lambda document: found.save(
            args.out, "" if args.json else document, overwrite=args.force
        )
    if suffix == ".csv":
        return lambda _document: found.save(args.out, overwrite=args.force)
    if suffix in options.PICTURES:
        from ...show.plots import phase_diagram, save

        axes = phase_diagram(found, lines=not args.no_boundaries)
        return lambda _document: save(axes, args.out, size=size, dpi=dpi, overwrite=args.force)
    return None


def map_lines(found: PhaseMap) -> Iterable[Line]:
    """Problem, axes, theorems, the range of every field, boundaries, what no theorem covers."""
    import numpy as np

    from ...questions.maps import FIELDS, WHOLE

    yield "problem", ", ".join(_family_words(found))
    for side, axis in (("x", found.x), ("y", found.y)):
        scale = "logarithmic" if axis.log else "linear"
        yield (
            side,
            f"{axis.name} ({axis.says}), {axis.values[0]:g} to {axis.values[-1]:g}, {len(axis)} points, {scale}",
        )
    for (theorem, claim), cells in found.tally().items():
        yield "theorem", f"{theorem}, {claim}: {cells} cells"
    if found.solved:
        yield "one by one", f"{found.solved} cells were predicted by themselves"
    for reason, cells in found.uncovered.items():
        yield "uncovered", f"{cells} cells: {reason}"
    for name, field in found.fields.items():
        known = field[~np.isnan(field)]
        digits = ".0f" if name in WHOLE else ".6g"
        span = (
            f"{known.min():{digits}} to {known.max():{digits}}" if known.size else "nowhere defined"
        )
        yield name, f"{span}, {FIELDS[name]}"
    for boundary in found.boundaries:
        yield "boundary", f"{boundary.name}: {_span(found, boundary.x, boundary.y)}"


def _family_words(found: PhaseMap) -> Iterable[str]:
    """What stands still, and the rule behind the counts."""
    ufm, tail, moved = found.plane.ufm, found.plane.tail, {found.x.name, found.y.name}

    def layers(name: str, values: tuple[float, ...]) -> str:
        distinct = values[:1] if len(set(values)) == 1 else values
        return (
            f"{name} "
            + ", ".join(f"{value:.6g}" for value in distinct[:6])
            + (", ..." if len(distinct) > 6 else "")
        )

    if "K" not in moved:
        yield f"{ufm.classes} classes"
    if tail is None:
        yield f"N = {ufm.samples:.6g}"
    else:
        yield from (
            f"{name} = {value:g}"
            for name, value in (("n", tail.largest), ("ratio", tail.ratio))
            if name not in moved
        )
        profile = "n for the first half, then n / ratio" if tail.step else "n ratio^(-k/(K-1))"
        yield f"counts {profile} ({'rounded down to whole numbers' if tail.rule == 'floored' else 'continuous, not rounded'})"
    given = (
        "".join(f" with {name.replace('_', ' ')}" for name in ufm.loss.parameters())
        if ufm.loss.name == "ce"
        else ""
    )
    yield ("cross-entropy" if ufm.loss.name == "ce" else "squared loss") + given
    if "depth" not in moved:
        yield f"M = {ufm.depth}"
    if not found.plane.full_width and "width" not in moved:
        yield layers("width", ufm.width)
    if "decay" not in moved:
        ratios = " (times a factor)" if "mean-decay" in moved else ""
        yield layers("weight decay", ufm.weight_decay) + ratios
        yield f"feature decay {ufm.feature_decay:.6g}{ratios}"
    if "bias-decay" not in moved:
        yield {"none": "no bias", "free": "free bias"}.get(str(ufm.bias), f"bias decay {ufm.bias}")
    yield f"{ufm.features} features"


def _span(found: PhaseMap, x: Any, y: Any) -> str:
    """Where a curve runs inside the map: its points with the smallest and the largest y."""
    import numpy as np

    with np.errstate(invalid="ignore"):
        inside = (
            (x >= found.x.values[0])
            & (x <= found.x.values[-1])
            & (y >= found.y.values[0])
            & (y <= found.y.values[-1])
        )
    x, y = x[inside], y[inside]
    ends = dict.fromkeys((int(np.argmin(y)), int(np.argmax(y))))
    return " .. ".join(f"{found.x.name} {x[i]:.6g} at {found.y.name} {y[i]:.6g}" for i in ends)
