"""The command line: words in, an answer on standard output, an exit code.

`FILES` says in which file each command lies; only the one that is asked for is imported and builds its parser.

Exit codes: 0 done or agrees; 1 contradicted; 2 usage; 3 inconclusive or interrupted; 4 bad input data; 130 interrupted before
there was anything to keep; 141 nobody reads the answer. A mistake of the user gets one line on standard error.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from importlib import import_module
from itertools import takewhile
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NoReturn

from ..problem.errors import CampaignError, CountsError, DataError, NcsolveError, NoAnswer, TooLarge
from ..version import __version__
from . import options
from .answer import Answer, Command, Exit, Terminal
from .options import UsageError

if TYPE_CHECKING:
    from argparse import Namespace

#: File of this folder -> its commands, and what the help says of each.
FILES = {
    "predicting": {
        "predict": "The predicted geometry: value, strength of the claim, one row per class.",
        "verify": "Check the prediction by descent from random starts and by a lower bound.",
        "certify": "A lower bound on the objective, and its gap to the prediction.",
        "replay": "Prove a rigorous certificate again, from the file that holds it.",
        "thresholds": "The counts and decays at which classes vanish or merge.",
    },
    "asking": {
        "design": "The inverse question: the decay, count, weights, temperatures, bias decay, oversampling or width "
        "that gives what is wanted.",
        "theorems": "The theorems: list them, show one in full, attack it on random problems, derive it.",
    },
    "mapping": {
        "phase": "A map over two fields of the problem: classes kept, value, angles, with closed-form boundaries.",
        "dynamics": "When each class is learned, or dies, under gradient descent on squared loss.",
        "landscape": "How many directions go down, are flat and go up at a critical point: theory against the dense Hessian.",
    },
    "measuring": {
        "measure": "Neural-collapse metrics of features and a classifier in a file.",
        "compare": "Features and a classifier in a file against the geometry that is predicted for their counts and decays.",
        "convert": "Decays from another convention to the canonical one, or back.",
        "train": "Train a network with the model's own penalties and compare it with the prediction on the way.",
    },
    "writing": {
        "plot": "A picture, from a result file or from a problem.",
        "report": "A report on a problem as one HTML page: tables, pictures, the theorem and its hypotheses, the verdict.",
        "campaign": "Many problems from a spec: solved on all cores, one row each in a file that can be gone on with, and summarized.",
    },
}
COMMANDS = dict(sorted((name, says) for each in FILES.values() for name, says in each.items()))
_NEGATIVE = re.compile(r"-([0-9.]|inf|nan)", re.IGNORECASE)


def command(name: str) -> Command:
    """The command of this name."""
    home = next(file for file, commands in FILES.items() if name in commands)
    found: Command = getattr(import_module(f".{home}", __name__), name)
    return found


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    Examples
    --------
    >>> from ncsolve.cli import main
    >>> main(["predict", "--counts", "30,20", "--depth", "0"])
    2
    """
    argv = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # the terminal's encoding may lack a class's name
            stream.reconfigure(errors="backslashreplace")
    try:
        args = parse(argv)
        args.argv = argv
        asked = command(args.command)
        _check_out(args, asked)
        answer = asked.run(args, _terminal(args))
        _deliver(args, answer)
        if sys.stdout is not None:
            sys.stdout.flush()
        return int(answer.code)
    except SystemExit as end:  # --help, --version
        return int(end.code or 0)
    except KeyboardInterrupt:
        return _failed("interrupted", Exit.INTERRUPTED)
    except BrokenPipeError:
        _give_up_stdout()
        return int(Exit.UNREAD)
    except (CountsError, DataError, CampaignError) as error:
        return _failed(error, Exit.BAD_DATA)
    except (NoAnswer, TooLarge) as error:
        return _failed(error, Exit.INCONCLUSIVE)
    except NcsolveError as error:
        return _failed(error, Exit.USAGE)
    except MemoryError as error:
        works = "fewer classes, samples or smaller widths work"
        return _failed(f"not enough memory ({error}); {works}", Exit.INCONCLUSIVE)
    except FileExistsError as error:
        how = "choose another name, or add --force to replace it"
        return _failed(f"{error.filename!r} exists; {how}", Exit.BAD_DATA)
    except OSError as error:
        if error.filename is not None:
            why = f"cannot be written ({error.strerror}); choose another place"
            return _failed(f"{error.filename!r} {why}", Exit.BAD_DATA)
        _give_up_stdout()
        return _failed(f"standard output cannot be written ({error.strerror})", Exit.BAD_DATA)
    finally:
        # Ctrl-C while a module makes its dataclasses (which exec strings) leaves a mark by which `python -m` ends
        # by the signal, although the interrupt was handled; any other string that is run takes the mark away.
        exec("")


class _Parser(argparse.ArgumentParser):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def parser(name: str = "") -> argparse.ArgumentParser:
    """The parser of a command; without a name that of the whole line, which knows what the commands are called."""
    if name:
        one = _Parser(prog=f"ncsolve {name}", description=COMMANDS[name])
        for declared in command(name).options:
            options.declare(one, declared) if isinstance(declared, str) else declared(one)
        return one
    whole = _Parser(
        prog="ncsolve",
        description="Class counts in, the exact predicted geometry of neural collapse out, with its strength and its check.",
        epilog="Exit codes: 0 done or agrees, 1 contradicted, 2 usage, 3 inconclusive or interrupted, 4 bad input data.",
    )
    whole.add_argument("--version", action="version", version=f"ncsolve {__version__}")
    each = whole.add_subparsers(dest="command", metavar="command", parser_class=_Parser)
    for name, says in COMMANDS.items():
        each.add_parser(name, help=says[0].lower() + says[1:].rstrip("."))
    return whole


def parse(argv: list[str]) -> Namespace:
    """The arguments as a namespace; options that were not given are None or False.

    Raises
    ------
    UsageError
        One line.
    SystemExit
        After --help and --version, as argparse does.
    """
    joined: list[str] = []
    for word in argv:  # "--counts -5,3" would look like an option called -5,3
        if _NEGATIVE.match(word) and joined and re.fullmatch(r"--[a-z][a-z-]*", joined[-1]):
            joined[-1] += "=" + word
        else:
            joined.append(word)
    if not joined or joined[0] not in COMMANDS:
        before = list(takewhile(lambda word: word not in COMMANDS, joined))
        parser().parse_args(before)  # help, version, or what is wrong
        works = f"one of {', '.join(COMMANDS)}"
        raise UsageError(f"a command is needed: {works}; see ncsolve --help")
    name = joined[0]
    asked = parser(name)
    args, unknown = asked.parse_known_args(joined[1:])
    if unknown:
        parser().error(f"unrecognized arguments: {' '.join(unknown)}")
    args.command = name
    return options.read_numbers(asked, args)


def _terminal(args: Namespace) -> Terminal:
    watched = sys.stderr is not None and sys.stderr.isatty()
    return Terminal(lambda message: _note(args, message), watched and not args.quiet)


def _suffix(args: Namespace) -> str:
    return PurePath(args.out).suffix.lower()


def _check_out(args: Namespace, asked: Command) -> None:
    """Settle before anything is computed whether --out can be written."""
    if args.out is None:
        return
    if _suffix(args) not in asked.out:
        wrong = f"--out {args.out!r} has suffix {_suffix(args)!r}"
        raise UsageError(f"{wrong}; {args.command} writes {' or '.join(asked.out)}")
    if not asked.resumes:
        from ..files import check_writable

        check_writable(args.out, overwrite=args.force)


def _deliver(args: Namespace, answer: Answer) -> None:
    """Write --out, then standard output; warnings go to standard error where the reader does not see standard output."""
    from ..files import atomic_write, document_of

    terminal = sys.stdout is not None and sys.stdout.isatty()
    if args.json or not terminal:
        for warning in answer.warnings:
            _note(args, f"warning: {warning}")
    kind, provenance = answer.kind or args.command, _provenance(args, answer.seed)
    document = document_of(kind, answer.body, provenance) if args.json or args.out else ""
    try:
        if args.out is not None and (save := answer.save.get(_suffix(args))) is not None:
            save(args.out, document, overwrite=args.force)
        elif args.out is not None:
            with atomic_write(args.out, overwrite=args.force) as stream:
                stream.write(document.encode())
    finally:
        print(document, end="") if args.json else print("\n\n".join(answer.blocks(terminal)))


def _provenance(args: Namespace, seed: int | None) -> dict[str, Any]:
    """What is needed to repeat the command; the home directory is written ~, and no machine or user is named."""
    import platform
    from datetime import UTC, datetime

    import numpy
    import scipy

    home = os.path.expanduser("~").rstrip(os.sep) + os.sep
    arguments = [word.replace(home, "~" + os.sep) if len(home) > 1 else word for word in args.argv]
    return {
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "arguments": arguments,
        "rng": seed,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _note(args: Namespace, message: str) -> None:
    if not args.quiet:
        print(f"ncsolve: {message}", file=sys.stderr)


def _give_up_stdout() -> None:
    """Point standard output at nothing, or Python complains once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(message: object, code: int) -> int:
    """Say on one line what is wrong, the middle of overlong words left out."""
    line = " ".join(str(message).split())
    line = re.sub(r"(\S{80})\S{40,}(\S{80})", r"\1...\2", line)
    print(f"ncsolve: error: {line}", file=sys.stderr)
    return int(code)
