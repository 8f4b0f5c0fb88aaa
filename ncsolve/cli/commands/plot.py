"""A picture, from a result file or from a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...show.plots.gallery import KINDS
from .. import options
from ..answer import DONE, INCONCLUSIVE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ...show.document import Result

OUT = options.PICTURES
CHOICES = ("measured", "which", "field")
OWN = ("command", "kind", "file", "out", "size", "dpi", *CHOICES, "json", "force", "quiet")


def add(parser: ArgumentParser) -> None:
    """A result or a problem in, a picture of it out."""
    parser.add_argument("kind", choices=KINDS, metavar="kind", help=" | ".join(KINDS))
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="a result: .json, .npz or .jsonl as --out (train: --log) wrote it; without one a problem is needed",
    )
    options.add_problem(parser, required=False)
    options.add_descent(parser)
    options.add_tolerance(parser)
    options.add_output(parser, "the picture: .png, .svg or .pdf", required=True)
    picture = options.add_picture(parser)
    picture.add_argument(
        "--measured", action="store_true", help="norms: descend, and show the measured norms too"
    )
    picture.add_argument(
        "--which",
        choices=("features", "weights"),
        help="gram and cosines: of which vectors (features)",
    )
    picture.add_argument(
        "--field", metavar="NAME", help="phase: the field in colors (the first one of the map)"
    )


def check(args: Namespace) -> None:
    """Options that the chosen picture would ignore are refused."""
    kind = KINDS[args.kind]
    for name in CHOICES:
        if getattr(args, name) not in (None, False) and name not in kind.options:
            whose = " and ".join(one for one, other in KINDS.items() if name in other.options)
            raise options.UsageError(f"--{name} belongs to plot {whose}, not to plot {args.kind}")
    problem = (args.counts, args.labels, args.long_tail) != (None, None, None)
    if args.file is not None:
        given = [
            name
            for name, value in vars(args).items()
            if name not in OWN and value not in (None, False)
        ]
        if given:
            raise options.UsageError(
                f"--{given[0].replace('_', '-')} belongs to a problem, and FILE {args.file!r} has one already"
            )
        return
    if kind.made is None and not kind.descends:
        raise options.UsageError(f"plot {args.kind} needs a result FILE; {kind.file} writes one")
    if not problem:
        raise options.UsageError(
            f"plot {args.kind} needs a result FILE ({kind.file} writes one), or a problem: one of --counts --labels --long-tail"
        )
    given = options.given_to_descent(args)
    if not _descends(args) and given:
        how = (
            "; add --measured"
            if "measured" in kind.options
            else f", and plot {args.kind} shows none"
        )
        raise options.UsageError(f"--{given[0].replace('_', '-')} needs a run{how}")
    options.check_descent(args)


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Draw, and save the picture."""
    from ...show.document import result_of
    from ...show.result_files import read_result
    from ...show.text import verification_lines
    from ..steps import answer_about, predicted, verified

    options.picture(args)
    picture = [("picture", args.out)]
    if args.file is not None:
        from ...files import check_writable

        check_writable(args.out, overwrite=args.force)
        result = read_result(args.file)
        _draw(args, result)
        body = {
            name: value
            for name, value in result.document.items()
            if name not in ("schema", "ncsolve_version", "provenance")
        }
        if not result.predicts:
            return _about_file(args, result, body | {"kind": args.kind})
        return answer_about(
            result.prediction, body | {"kind": args.kind}, picture, rows=False, saved=True
        )
    if _descends(args):
        found, method, seed = verified(args, terminal)
        _draw(args, result_of(found))
        lines = [*verification_lines(found, method, seed), *picture]
        body, code = (
            found.to_dict() | {"kind": args.kind},
            INCONCLUSIVE if found.interrupted else DONE,
        )
        return answer_about(
            found.prediction, body, lines, seed=seed, rows=False, saved=True, code=code
        )
    prediction, made = predicted(args, terminal), KINDS[args.kind].made
    assert made is not None  # `check` has seen to it
    result = made(prediction)
    _draw(args, result)
    return answer_about(
        prediction, dict(result.document) | {"kind": args.kind}, picture, rows=False, saved=True
    )


def _draw(args: Namespace, result: Result) -> None:
    from ...show.plots import save
    from ...show.plots.gallery import drawn

    size, dpi = options.picture(args)
    axes = drawn(args.kind, result, **{name: getattr(args, name) for name in CHOICES})
    save(axes, args.out, size=size, dpi=dpi, overwrite=args.force)


def _about_file(args: Namespace, result: Result, body: dict[str, Any]) -> Answer:
    """Of results that are not about one prediction."""
    from ...show.text import text

    lines = [("from", f"{args.file}, a result of ncsolve {result.kind}"), ("picture", args.out)]
    return Answer(body, lambda _terminal: [text(lines)], saved=True)


def _descends(args: Namespace) -> bool:
    """Whether the picture shows a run."""
    return bool(KINDS[args.kind].descends or args.measured)
