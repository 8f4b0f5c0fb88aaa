"""Options that several commands share, and what their words mean as a problem, a method, a picture.

Importing this file loads argparse and nothing heavier; numbers are judged where the library judges them.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ..problem.border import shown
from ..problem.errors import DataError, NcsolveError, ProblemError
from ..problem.fields import FIELDS

if TYPE_CHECKING:
    from ..numeric.descent import Descent
    from ..problem.ufm import UFM

PICTURES = (".png", ".svg", ".pdf")
MOST_PIXELS = 30_000
TAKEN = "choose another name, or add --force to replace it"


class UsageError(NcsolveError, ValueError):
    """The command line cannot be understood."""


def problem(args: argparse.Namespace, counts: Any = None) -> UFM:
    """The UFM that the problem options describe; `counts` are used where the options give none."""
    from ..problem.counts import parse_counts, parse_long_tail, read_labels
    from ..problem.fields import built

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
        from ..problem.labels import read_targets

        given["targets"] = read_targets(args.targets, len(counts)).codes
    return built(given)


def method(args: argparse.Namespace) -> Descent:
    """The Descent that the options of DESCENT describe; gradient and sgd go their own way to the end, unaided."""
    from ..numeric.descent import Descent
    from ..numeric.optimizers import LBFGS, GradientDescent, Momentum

    name = args.method or "lbfgs"
    for option in given(args, ("learning_rate", "momentum")):
        refuse(name != "sgd", f"{option} belongs to --method sgd, not to {name}")
    chosen: Any = {"lbfgs": LBFGS, "gradient": GradientDescent, "sgd": Momentum}[name]
    every: dict[str, Any] = {"rotate": False, "replicas": 0} if args.no_rotate else {}
    unaided: dict[str, Any] = {} if name == "lbfgs" else {"polish": None, "switch": False}
    optimizer = chosen(**said(args, "steps", "learning_rate", "momentum"))
    return Descent(optimizer, **every, **unaided, **said(args, "starts", "scale"))


def said(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Those of the options that were given, by name."""
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def refuse(wrong: object, line: str) -> None:
    """Raise a UsageError of this line where something is wrong."""
    if wrong:
        raise UsageError(line)


def flag(name: str) -> str:
    """The option whose value has this name."""
    return "--" + name.replace("_", "-")


def given(args: argparse.Namespace, names: Iterable[str]) -> list[str]:
    """Those of the options that were given."""
    return [flag(name) for name in names if getattr(args, name) not in (None, False)]


def names(text: str) -> list[str]:
    """Names of the values of the options that a text for `declare` has."""
    return [name.replace("-", "_") for name in re.findall(r"^  --([\w-]+)", text, re.MULTILINE)]


def picture(args: argparse.Namespace) -> dict[str, Any]:
    """Settings of `plots.save`: size in inches (None for the picture's own), dots per inch, whether to overwrite."""
    dpi = args.dpi or 150.0
    size = None
    if args.size is not None:
        size = tuple(_plain(side) for side in args.size.lower().split("x"))
        if len(size) != 2 or not all(side >= 0.5 and side * dpi <= MOST_PIXELS for side in size):
            form = "of the form 8x5, width x height in inches from 0.5 to"
            raise UsageError(f"--size {shown(args.size)} is not {form} {MOST_PIXELS / dpi:g}")
    return {"size": size, "dpi": dpi, "overwrite": args.force}


def check_picture(
    args: argparse.Namespace, name: str, *others: str, taken: str = TAKEN
) -> dict[str, Any]:
    """Settings of a picture beside --out; refused is one that cannot be written, and its options where there is none."""
    path, option = getattr(args, name), flag(name)
    if path is None:
        for needless in given(args, (*others, "size", "dpi")):
            raise UsageError(f"{needless} needs {option} FILE")
        return picture(args)
    suffix, works = PurePath(path).suffix.lower(), " or ".join(PICTURES)
    wrong = f"{option} {shown(path)} has suffix {suffix!r}"
    refuse(suffix not in PICTURES, f"{wrong}; {works} works")
    refuse(path == args.out, f"{option} and --out both name {shown(path)}; give two names")
    check_place(args, name, taken)
    return picture(args)


def check_place(
    args: argparse.Namespace, name: str, taken: str = TAKEN, *, overwrite: bool = False
) -> None:
    """Settle before anything is computed whether the file that an option names can be written."""
    from ..files import check_writable

    path = getattr(args, name)
    if path is None:
        return
    try:
        check_writable(path, overwrite=args.force or overwrite)
    except FileExistsError:
        raise DataError(f"{flag(name)} {path!r} exists; {taken}") from None
    except OSError as error:
        why = f"cannot be written ({error.strerror}); choose another place"
        raise DataError(f"{flag(name)} {path!r} {why}") from None


def _plain(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


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
        if name == "long_tail" and not counted:
            counts.add_argument(
                "--labels", metavar="FILE", help="one label per sample (.npy, .csv, .txt), counted"
            )
        counts.add_argument(field.option, metavar=field.metavar, help=field.help)
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


#: A file of features, labels and a classifier.
SNAPSHOT = """
FILE  .npz (H, y, W, b; or H_1 .., W_1 ..; or of predict --out), .npy, .csv, .safetensors, .pt
what is in the file
  --labels FILE  one label per sample (.npy, .csv, .txt); default: those in FILE
  --classifier FILE  a file for weight and bias, such as a checkpoint; default: FILE
  --features-key KEY  name of the features, or of several layers between commas
  --labels-key KEY  name of the labels
  --weight-key KEY  name of the classifier, or of W_1, ..., W_M between commas
  --bias-key KEY  name of the bias
"""
PRESET = "  --preset NAME  conventions and names of a paper: papyan, zhu, dang, hong-ling, galanti"
#: How to descend, for `method`.
DESCENT = """
descent
  --rng INT[0..]  seed; without one a fresh seed is drawn and reported
  --starts N[1..]  independent random starts (2)
  --method {lbfgs,gradient,sgd}  lbfgs (default; with a Newton polish), gradient (automatic step),
      sgd (momentum)
  --learning-rate X(0,inf)  sgd only (0.1)
  --momentum X[0,1)  sgd only (0.9)
  --steps N[1..]  limit on steps (sgd: takes exactly so many)
  --scale X(0,inf)  Gaussian start with this standard deviation (default: scaled isometries)
  --no-rotate  move all N features one by one, not their exact rotation or shared ones
"""
TOLERANCE = "--tol X(0,inf)  relative difference that counts as none (1e-8)"
#: For `picture`.
PICTURE = """
picture
  --size WxH  width x height in inches
  --dpi X(0,2400)  dots per inch (150)
"""


def output(
    more: str = "", says: str = "also write the JSON document to FILE", file: str = "FILE"
) -> str:
    """Where the answer goes, and what more --out may write."""
    return f"""
output
  --json  print one JSON document instead of text
  --out {file}  {says}{more}
  --force  let --out replace a file that exists
  --quiet  no progress, notes or warnings on standard error
"""


def declare(parser: argparse.ArgumentParser, text: str) -> None:
    r"""Add the options of a text that reads as their help does.

    An option has two blanks before its help, which may go on in deeper lines: `--name` is a flag, `--name X` has a value,
    `--name X!` must be given, `--name X...` may be given again, `--name {a,b}` is one of these words, FILE is a file's place and
    [FILE] one that may stay empty. What follows X in brackets are its bounds: (0,1) of a number, [1..] of a whole one.
    A line without help begins a group, which the indented options below it belong to.

    Examples
    --------
    >>> parser = argparse.ArgumentParser()
    >>> declare(parser, "sizes\n  --width N[1..]  of a layer\n--deep  add layers")
    >>> read_numbers(parser, parser.parse_args(["--width", "3"]))
    Namespace(width=3, deep=False)
    """
    group: Any = parser
    for entry in re.split(r"\n+(?!   )", text.strip("\n")):
        target = group if entry.startswith(" ") else parser
        signature, _, says = re.sub(r"\n +", " ", entry).strip().partition("  ")
        name, _, shape = signature.partition(" ")
        settings: dict[str, Any] = {"help": says.strip()}
        value, bounds = re.fullmatch(r"(.*?)([\[(].*[\])])?[!.]*", shape).groups()  # type: ignore[union-attr]
        if not says:
            group = parser.add_argument_group(entry)
        elif not name.startswith("-"):
            word = name.strip("[]")
            number = "?" if word != name else None
            target.add_argument(word.lower().split(".")[0], metavar=word, nargs=number, **settings)
        elif not shape:
            target.add_argument(name, action="store_true", **settings)
        elif shape.endswith("..."):
            target.add_argument(name, metavar=value, action="append", **settings)
        elif value.startswith("{"):
            target.add_argument(name, choices=value[1:-1].split(","), **settings)
        else:
            settings |= {"metavar": value, "required": shape.endswith("!")}
            option: Any = target.add_argument(name, **settings)
            option.bounds = bounds


def read_numbers(parser: argparse.ArgumentParser, args: argparse.Namespace) -> argparse.Namespace:
    """The arguments, with numbers for the texts of options that have bounds: one, or those of a LIST."""
    for action in parser._actions:
        text, bounds = getattr(args, action.dest, None), getattr(action, "bounds", None)
        if text is not None and bounds is not None:
            words = text.split(",") if action.metavar == "LIST" else [text]
            values = [_number(word.strip(), action.option_strings[0], bounds) for word in words]
            setattr(args, action.dest, values if action.metavar == "LIST" else values[0])
    return args


def _number(text: str, option: str, bounds: str) -> int | float:
    """The number, if it lies between the bounds; where there are none, any that Python reads."""
    whole, zero = ".." in bounds, bounds.startswith("[")
    low, high = (float(end or "inf") for end in re.split(r",|\.\.", bounds[1:-1]))
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        number = math.nan
    if low < number < high or (zero and number == low) or (math.isinf(low) and number == number):
        return number
    wanted = f"a whole number of {low:g} or more" if whole else "a positive number"
    wanted = "a number from 0" if zero and not whole else wanted
    wanted = "a number" if math.isinf(low) else wanted
    end = "" if math.isinf(high) else f" below {high:g}"
    raise UsageError(f"{option} {shown(text)} is not {wanted}{end}")
