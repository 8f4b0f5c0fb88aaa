"""A picture: norms against counts, Gram matrices, or the objective against steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import options
from ..answer import DONE, INCONCLUSIVE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

OUT = options.PICTURES
KINDS = ("norms", "gram", "objective")


def add(parser: ArgumentParser) -> None:
    """A problem in, a picture of its prediction and of descent out."""
    parser.add_argument("kind", choices=KINDS, metavar="kind", help=" | ".join(KINDS))
    options.add_problem(parser)
    options.add_descent(parser)
    options.add_tolerance(parser)
    options.add_output(parser, "the picture: .png, .svg or .pdf", required=True)
    picture = options.add_picture(parser)
    picture.add_argument("--measured", action="store_true", help="norms: descend, and show the measured norms too")
    picture.add_argument("--which", choices=("features", "weights"), help="gram: whose Gram matrix (features)")


def check(args: Namespace) -> None:
    """Options that the chosen picture would ignore are refused."""
    if args.kind != "norms" and args.measured:
        raise options.UsageError(f"--measured belongs to plot norms; plot {args.kind} always shows a run")
    if args.kind != "gram" and args.which is not None:
        raise options.UsageError(f"--which belongs to plot gram, not to plot {args.kind}")
    given = options.given_to_descent(args)
    if not _descends(args) and given:
        raise options.UsageError(f"--{given[0].replace('_', '-')} needs a run; add --measured to plot norms")
    options.check_descent(args)


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Draw, and save the picture."""
    from .. import plots
    from ..report import verification_lines
    from ..steps import answer_about, predicted, verified

    size, dpi = options.picture(args)
    if not _descends(args):
        prediction = predicted(args, terminal)
        plots.save(plots.norms_against_counts(prediction), args.out, size=size, dpi=dpi, overwrite=args.force)
        body = prediction.to_dict() | {"kind": args.kind}
        return answer_about(prediction, body, [("picture", args.out)], rows=False, saved=True)
    found, method, seed = verified(args, terminal)
    if args.kind == "gram":
        axes = plots.gram_triptych(found.prediction, found.best, which=args.which or "features")[0]
    elif args.kind == "objective":
        axes = plots.objective_against_step(found)
    else:
        axes = plots.norms_against_counts(found.prediction, found.best)
    plots.save(axes, args.out, size=size, dpi=dpi, overwrite=args.force)
    lines = [*verification_lines(found, method, seed), ("picture", args.out)]
    body, code = found.to_dict() | {"kind": args.kind}, INCONCLUSIVE if found.interrupted else DONE
    return answer_about(found.prediction, body, lines, seed=seed, rows=False, saved=True, code=code)


def _descends(args: Namespace) -> bool:
    """Whether the picture shows a run."""
    return bool(args.kind != "norms" or args.measured)
