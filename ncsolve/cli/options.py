"""Options that several commands share, and what their words mean as a problem, a method, a picture.

Importing this file loads argparse and nothing heavier; numbers are judged where the library judges them.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ..problem.border import shown
from ..problem.errors import DataError, NcsolveError, ProblemError
from ..problem.fields import FIELDS

if TYPE_CHECKING:
    from ..numeric.descent import Descent
    from ..problem.ufm import UFM

PICTURES = (".png", ".svg", ".pdf")
LARGEST_DPI, MOST_PIXELS = 2400, 30_000
TAKEN = "choose another name, or add --force to replace it"


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
    """The Descent that the options of DESCENT describe; gradient and sgd go their own way to the end, unaided."""
    from ..numeric.descent import Descent
    from ..numeric.optimizers import LBFGS, GradientDescent, Momentum

    name = args.method or "lbfgs"
    for option in ("learning_rate", "momentum"):
        if getattr(args, option) is not None and name != "sgd":
            raise UsageError(f"{flag(option)} belongs to --method sgd, not to {name}")
    chosen: Any = {"lbfgs": LBFGS, "gradient": GradientDescent, "sgd": Momentum}[name]
    fields = {
        "steps": whole(args, "steps", 1),
        "learning_rate": positive(args, "learning_rate"),
        "momentum": positive(args, "momentum", below=1.0, zero=True),
    }
    settings = said({"starts": whole(args, "starts", 1), "scale": positive(args, "scale")})
    every: dict[str, Any] = {"rotate": False, "replicas": 0} if args.no_rotate else {}
    unaided: dict[str, Any] = {} if name == "lbfgs" else {"polish": None, "switch": False}
    return Descent(chosen(**said(fields)), **every, **settings, **unaided)


def said(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were given."""
    return {name: value for name, value in settings.items() if value is not None}


def tolerance(args: argparse.Namespace, usual: float = 1e-8) -> float:
    """--tol."""
    return positive(args, "tol") or usual


def flag(name: str) -> str:
    """The option whose value has this name."""
    return "--" + name.replace("_", "-")


def given(args: argparse.Namespace, names: Iterable[str]) -> list[str]:
    """Those of the options that were given."""
    return [flag(name) for name in names if getattr(args, name) not in (None, False)]


def names(text: str) -> list[str]:
    """Names of the values of the options that a text for `declare` has."""
    return [name.replace("-", "_") for name in re.findall(r"^  --([\w-]+)", text, re.MULTILINE)]


def whole(args: argparse.Namespace, name: str, least: int) -> int | None:
    """A whole number of at least `least`, or None if the option was not given."""
    text = getattr(args, name)
    try:
        number = None if text is None else int(text)
        if number is not None and number < least:
            raise ValueError
    except ValueError:
        wanted = f"a whole number of {least} or more"
        raise UsageError(f"{flag(name)} {shown(text)} is not {wanted}") from None
    return number


def positive(
    args: argparse.Namespace, name: str, *, below: float = math.inf, zero: bool = False
) -> float | None:
    """A positive number less than `below` (or zero, if that is allowed); None if the option was not given."""
    text = getattr(args, name)
    return None if text is None else _positive(text, name, below, zero)


def positives(args: argparse.Namespace, name: str) -> list[float] | None:
    """One positive number, or several between commas; None if the option was not given."""
    text = getattr(args, name)
    return None if text is None else [_positive(word.strip(), name) for word in text.split(",")]


def _positive(text: str, name: str, below: float = math.inf, zero: bool = False) -> float:
    number = _plain(text)
    if not (0 < number < below or (zero and number == 0)):
        wanted = "a number from 0" if zero else "a positive number"
        end = "" if math.isinf(below) else f" below {below:g}"
        raise UsageError(f"{flag(name)} {shown(text)} is not {wanted}{end}")
    return number


def number(args: argparse.Namespace, name: str, usual: float) -> float:
    """Any number that Python reads as one."""
    text = getattr(args, name)
    try:
        return usual if text is None else float(text)
    except ValueError:
        raise UsageError(f"{flag(name)} {shown(text)} is not a number") from None


def picture(args: argparse.Namespace) -> dict[str, Any]:
    """Settings of `plots.save`: size in inches (None for the picture's own), dots per inch, whether to overwrite."""
    dpi = positive(args, "dpi", below=LARGEST_DPI) or 150.0
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
    path = getattr(args, name)
    if path is None and (needless := given(args, (*others, "size", "dpi"))):
        raise UsageError(f"{needless[0]} needs {flag(name)} FILE")
    if path is not None and (suffix := PurePath(path).suffix.lower()) not in PICTURES:
        works = " or ".join(PICTURES)
        raise UsageError(f"{flag(name)} {shown(path)} has suffix {suffix!r}; {works} works")
    if path is not None and path == args.out:
        raise UsageError(f"{flag(name)} and --out both name {shown(path)}; give two names")
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
  --rng INT  seed; without one a fresh seed is drawn and reported
  --starts N  independent random starts (2)
  --method {lbfgs,gradient,sgd}  lbfgs (default; with a Newton polish), gradient (automatic step),
      sgd (momentum)
  --learning-rate X  sgd only (0.1)
  --momentum X  sgd only (0.9)
  --steps N  limit on steps (sgd: takes exactly so many)
  --scale X  Gaussian start with this standard deviation (default: scaled isometries)
  --no-rotate  move all N features one by one, not their exact rotation or shared ones
"""
TOLERANCE = "--tol X  relative difference that counts as none (1e-8)"
#: For `picture`.
PICTURE = """
picture
  --size WxH  width x height in inches
  --dpi X  dots per inch (150)
"""


def output(says: str = "also write the JSON document to FILE", *, required: bool = False) -> str:
    """Where the answer goes."""
    return f"""
output
  --json  print one JSON document instead of text
  --out FILE{"!" if required else ""}  {says}
  --force  let --out replace a file that exists
  --quiet  no progress, notes or warnings on standard error
"""


def declare(parser: argparse.ArgumentParser, text: str) -> None:
    r"""Add the options of a text that reads as their help does.

    An option has two blanks before its help, which may go on in deeper lines: `--name` is a flag, `--name X` has a value,
    `--name X!` must be given, `--name X...` may be given again, `--name {a,b}` is one of these words, FILE is a file's place and
    [FILE] one that may stay empty. A line without help begins a group, which the indented options below it belong to.

    Examples
    --------
    >>> parser = argparse.ArgumentParser()
    >>> declare(parser, "sizes\n  --width D  of a layer\n--deep  add layers")
    >>> parser.parse_args(["--width", "3"])
    Namespace(width='3', deep=False)
    """
    group: Any = parser
    for entry in re.split(r"\n+(?!   )", text.strip("\n")):
        target = group if entry.startswith(" ") else parser
        signature, _, says = re.sub(r"\n +", " ", entry).strip().partition("  ")
        name, _, shape = signature.partition(" ")
        settings: dict[str, Any] = {"help": says.strip()}
        value = shape.rstrip("!.")
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
            target.add_argument(name, metavar=value, required=shape.endswith("!"), **settings)
