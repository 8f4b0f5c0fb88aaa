"""A picture, from a result file or from a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import options
from ..answer import DONE, INCONCLUSIVE, Answer, Terminal
from ..gallery import KINDS

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..results import Result

OUT = options.PICTURES
PAIRED = ("gram", "cosines")
OWN = ("command", "kind", "file", "out", "size", "dpi", "which", "measured", "json", "force", "quiet")


def add(parser: ArgumentParser) -> None:
    """A result or a problem in, a picture of its prediction and of descent out."""
    parser.add_argument("kind", choices=KINDS, metavar="kind", help=" | ".join(KINDS))
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="a result: .json or .npz written by --out; without one a problem is needed"
    )
    options.add_problem(parser, required=False)
    options.add_descent(parser)
    options.add_tolerance(parser)
    options.add_output(parser, "the picture: .png, .svg or .pdf", required=True)
    picture = options.add_picture(parser)
    picture.add_argument("--measured", action="store_true", help="norms: descend, and show the measured norms too")
    picture.add_argument("--which", choices=("features", "weights"), help="gram and cosines: of which vectors (features)")


def check(args: Namespace) -> None:
    """Options that the chosen picture would ignore are refused."""
    if args.kind != "norms" and args.measured:
        shows = "always shows a run" if KINDS[args.kind].descends else "shows no run"
        raise options.UsageError(f"--measured belongs to plot norms; plot {args.kind} {shows}")
    if args.kind not in PAIRED and args.which is not None:
        raise options.UsageError(f"--which belongs to plot {' and '.join(PAIRED)}, not to plot {args.kind}")
    counts = (args.counts, args.labels, args.long_tail)
    if args.file is None and counts == (None, None, None):
        raise options.UsageError(f"plot {args.kind} needs a result FILE, or a problem: one of --counts --labels --long-tail")
    if args.file is not None:
        given = [name for name, value in vars(args).items() if name not in OWN and value not in (None, False)]
        if given:
            raise options.UsageError(
                f"--{given[0].replace('_', '-')} belongs to a problem, and FILE {args.file!r} has one already"
            )
        return
    given = options.given_to_descent(args)
    if not _descends(args) and given:
        raise options.UsageError(f"--{given[0].replace('_', '-')} needs a run; add --measured to plot norms")
    options.check_descent(args)


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Draw, and save the picture."""
    from .. import plots
    from ..report import verification_lines
    from ..results import read_result, result_of
    from ..steps import answer_about, predicted, verified

    size, dpi = options.picture(args)
    chosen: dict[str, Any] = {"which": args.which, "measured": args.measured}

    def drawn(result: Result) -> None:
        plots.save(KINDS[args.kind].draw(result, chosen), args.out, size=size, dpi=dpi, overwrite=args.force)

    picture = [("picture", args.out)]
    if args.file is not None:
        from ..files import check_writable

        check_writable(args.out, overwrite=args.force)
        result = read_result(args.file)
        drawn(result)
        body = dict(result.document) | {"kind": args.kind}
        body = {name: value for name, value in body.items() if name not in ("schema", "ncsolve_version", "provenance")}
        return answer_about(result.prediction, body, picture, rows=False, saved=True)
    if not _descends(args):
        prediction = predicted(args, terminal)
        body = prediction.to_dict()
        drawn(result_of(prediction))
        return answer_about(prediction, body | {"kind": args.kind}, picture, rows=False, saved=True)
    found, method, seed = verified(args, terminal)
    drawn(result_of(found))
    lines = [*verification_lines(found, method, seed), *picture]
    body, code = found.to_dict() | {"kind": args.kind}, INCONCLUSIVE if found.interrupted else DONE
    return answer_about(found.prediction, body, lines, seed=seed, rows=False, saved=True, code=code)


def _descends(args: Namespace) -> bool:
    """Whether the picture shows a run."""
    return bool(KINDS[args.kind].descends or args.measured)
