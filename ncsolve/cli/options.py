"""Options that several commands share, and what their words mean as a problem, a method, a picture.

Importing this file loads argparse and nothing heavier; numbers are judged where the library judges them.
"""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from ..problem.border import shown
from ..problem.errors import NcsolveError, ProblemError
from ..problem.fields import FIELDS

if TYPE_CHECKING:
    from ..numeric.descent import Descent
    from ..problem.ufm import UFM

METHODS = ("lbfgs", "gradient", "sgd")
PICTURES = (".png", ".svg", ".pdf")
LARGEST_DPI, MOST_PIXELS = 2400, 30_000
_DESCENT = (
    "rng",
    "starts",
    "method",
    "learning_rate",
    "momentum",
    "steps",
    "scale",
    "no_rotate",
    "tol",
)


class UsageError(NcsolveError, ValueError):
    """The command line cannot be understood."""


def problem(args: argparse.Namespace, counts: Any = None) -> UFM:
    """The UFM that the problem options describe; `counts` are used where the options give none."""
    from ..problem.counts import parse_counts, parse_long_tail, read_labels
    from ..problem.fields import built
    from ..problem.labels import read_targets

    if args.counts is not None:
        counts = parse_counts(args.counts)
    elif args.long_tail is not None:
        counts = parse_long_tail(args.long_tail)
    elif counts is None:
        counts = read_labels(args.labels)
    given: dict[str, Any] = {"counts": counts}
    for field in FIELDS.values():
        text = getattr(args, field.name, None)
        if text is None or field.name in ("counts", "long_tail"):
            continue
        if field.loss == "ce" and args.loss != "ce":
            raise UsageError(
                f"{field.option} belongs to --loss ce, not to --loss {args.loss or 'mse'}"
            )
        if field.loss and not field.per and "," in text and field.name != "targets":
            raise UsageError(f"{field.option} {shown(text)} is not one number")
        given[field.name] = field.read(text)
    if args.targets is not None:
        if args.loss not in (None, "mse"):
            raise ProblemError(f"loss {args.loss!r} takes no --targets; 'mse' does")
        given["targets"] = read_targets(args.targets, len(counts)).codes
    return built(given)


def method(args: argparse.Namespace) -> Descent:
    """The Descent that the options of verify describe; gradient and sgd go their own way to the end, unaided."""
    from ..numeric.descent import Descent
    from ..numeric.optimizers import LBFGS, GradientDescent, Momentum

    chosen: Any = {"lbfgs": LBFGS, "gradient": GradientDescent, "sgd": Momentum}[
        args.method or "lbfgs"
    ]
    fields: dict[str, Any] = {
        "steps": whole(args.steps, "steps", 1),
        "learning_rate": positive(args.learning_rate, "learning-rate"),
    }
    fields["momentum"] = positive(args.momentum, "momentum", below=1.0, zero=True)
    optimizer = chosen(**{name: value for name, value in fields.items() if value is not None})
    settings: dict[str, Any] = {
        "starts": whole(args.starts, "starts", 1),
        "scale": positive(args.scale, "scale"),
    }
    unaided: dict[str, Any] = {} if chosen is LBFGS else {"polish": None, "switch": False}
    given = {name: value for name, value in settings.items() if value is not None}
    every: dict[str, Any] = {"rotate": False, "replicas": 0} if args.no_rotate else {}
    return Descent(optimizer, **every, **given, **unaided)


def tolerance(args: argparse.Namespace, usual: float = 1e-8) -> float:
    """--tol."""
    found = positive(args.tol, "tol")
    return usual if found is None else found


def whole(text: str | None, name: str, least: int) -> int | None:
    """A whole number of at least `least`, or None if the option was not given."""
    if text is None:
        return None
    try:
        number = int(text)
        if number < least:
            raise ValueError
    except ValueError:
        raise UsageError(
            f"--{name} {shown(text)} is not a whole number of {least} or more"
        ) from None
    return number


def picture(args: argparse.Namespace) -> tuple[tuple[float, float] | None, float]:
    """(width, height) of a picture in inches, or None for its own, and dots per inch."""
    dpi = positive(args.dpi, "dpi", below=LARGEST_DPI) or 150.0
    if args.size is None:
        return None, dpi
    sides = [_plain(side) for side in args.size.lower().split("x")]
    if len(sides) != 2 or not all(side >= 0.5 and side * dpi <= MOST_PIXELS for side in sides):
        most = MOST_PIXELS / dpi
        raise UsageError(
            f"--size {shown(args.size)} is not of the form 8x5, width x height in inches from 0.5 to {most:g}"
        )
    return (sides[0], sides[1]), dpi


def check_extra_picture(args: argparse.Namespace) -> None:
    """Refuse a --picture beside --out that no picture can be written to, and its options where there is none."""
    from pathlib import PurePath

    if args.picture is None and (args.size is not None or args.dpi is not None):
        raise UsageError("--size and --dpi belong to --picture FILE")
    if args.picture is not None and PurePath(args.picture).suffix.lower() not in PICTURES:
        raise UsageError(
            f"--picture {shown(args.picture)} has none of the suffixes {', '.join(PICTURES)}"
        )
    if args.picture is not None and args.picture == args.out:
        raise UsageError(f"--picture and --out both name {shown(args.out)}; give two names")


def given_to_descent(args: argparse.Namespace) -> list[str]:
    """Names of the options of `add_descent` and `add_tolerance` that were given."""
    return [name for name in _DESCENT if getattr(args, name) not in (None, False)]


def check_descent(args: argparse.Namespace) -> None:
    """Refuse options that the chosen method would ignore."""
    given = given_to_descent(args)
    for name in ("learning_rate", "momentum"):
        if name in given and args.method != "sgd":
            raise UsageError(
                f"--{name.replace('_', '-')} belongs to --method sgd, not to {args.method or 'lbfgs'}"
            )


def _plain(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return math.nan


def positive(
    text: str | None, name: str, *, below: float = math.inf, zero: bool = False
) -> float | None:
    """A positive number less than `below` (or zero, if that is allowed); None if the option was not given."""
    if text is None:
        return None
    number = _plain(text)
    if not (0 < number < below or (zero and number == 0)):
        what = "a number from 0" if zero else "a positive number"
        raise UsageError(
            f"--{name} {shown(text)} is not {what}{'' if math.isinf(below) else f' below {below:g}'}"
        )
    return number


def add_problem(
    parser: argparse.ArgumentParser, *, counted: bool = False, required: bool = True
) -> None:
    """Counts, loss, depth, widths, decays, bias, features, theorem; where samples are counted, the counts may be left out."""
    says = (
        "class counts (default: those of the labels)" if counted else "class counts (exactly one)"
    )
    counts = parser.add_argument_group(says).add_mutually_exclusive_group(
        required=required and not counted
    )
    for name in ("counts", "long_tail"):
        field = FIELDS[name]
        counts.add_argument(field.option, metavar=field.metavar, help=field.help)
    if not counted:
        counts.add_argument(
            "--labels", metavar="FILE", help="one label per sample (.npy, .csv, .txt), counted"
        )
    group = parser.add_argument_group("problem")
    for field in sorted(
        FIELDS.values(), key=lambda field: not (field.loss or field.name == "loss")
    ):
        if field.help and field.name not in ("counts", "long_tail"):
            group.add_argument(field.option, metavar=field.metavar, help=field.help)
    group.add_argument(
        "--theorem",
        metavar="NAME",
        help="use this theorem; descent_only gives the lowest end of a few descents for any problem",
    )
    group.add_argument(
        "--limit",
        metavar="WORD",
        help="vanishing-decay: what minimizers tend to as all decays go to zero",
    )


def add_snapshot(parser: argparse.ArgumentParser) -> None:
    """A file of features, labels and a classifier."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help=".npz (H, y, W, b; or H_1 .., W_1 ..; or of predict --out), .npy, .csv, .safetensors, .pt",
    )
    group = parser.add_argument_group("what is in the file")
    group.add_argument(
        "--labels",
        metavar="FILE",
        help="one label per sample (.npy, .csv, .txt); default: those in FILE",
    )
    group.add_argument(
        "--classifier",
        metavar="FILE",
        help="a file for weight and bias, such as a checkpoint; default: FILE",
    )
    group.add_argument(
        "--features-key",
        metavar="KEY",
        help="name of the features, or of several layers between commas",
    )
    group.add_argument("--labels-key", metavar="KEY", help="name of the labels")
    group.add_argument(
        "--weight-key",
        metavar="KEY",
        help="name of the classifier, or of W_1, ..., W_M between commas",
    )
    group.add_argument("--bias-key", metavar="KEY", help="name of the bias")


def add_descent(parser: argparse.ArgumentParser) -> None:
    """How to descend."""
    group = parser.add_argument_group("descent")
    group.add_argument(
        "--rng", metavar="INT", help="seed; without one a fresh seed is drawn and reported"
    )
    group.add_argument("--starts", metavar="N", help="independent random starts (2)")
    group.add_argument(
        "--method",
        choices=METHODS,
        help="lbfgs (default; with a Newton polish), gradient (automatic step), sgd (momentum)",
    )
    group.add_argument("--learning-rate", metavar="X", help="sgd only (0.1)")
    group.add_argument("--momentum", metavar="X", help="sgd only (0.9)")
    group.add_argument("--steps", metavar="N", help="limit on steps (sgd: takes exactly so many)")
    group.add_argument(
        "--scale",
        metavar="X",
        help="Gaussian start with this standard deviation (default: scaled isometries)",
    )
    group.add_argument(
        "--no-rotate",
        action="store_true",
        help="move all N features one by one, not their exact rotation or shared ones",
    )


def add_tolerance(parser: argparse.ArgumentParser) -> None:
    """--tol."""
    parser.add_argument("--tol", metavar="X", help="relative difference that counts as none (1e-8)")


def add_picture(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Size and resolution of a picture."""
    group = parser.add_argument_group("picture")
    group.add_argument("--size", metavar="WxH", help="width x height in inches")
    group.add_argument("--dpi", metavar="X", help="dots per inch (150)")
    return group


def add_output(
    parser: argparse.ArgumentParser,
    out: str = "also write the JSON document to FILE",
    *,
    required: bool = False,
) -> None:
    """Where the answer goes."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--json", action="store_true", help="print one JSON document instead of text"
    )
    group.add_argument("--out", metavar="FILE", required=required, help=out)
    group.add_argument("--force", action="store_true", help="let --out replace a file that exists")
    group.add_argument(
        "--quiet", action="store_true", help="no progress, notes or warnings on standard error"
    )
