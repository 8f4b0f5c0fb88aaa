"""The command line: words in, an answer on standard output, an exit code.

Exit codes: 0 done or agrees; 1 contradicted; 2 usage; 3 inconclusive or interrupted; 4 bad input data; 130 interrupted before
there was anything to keep; 141 nobody reads the answer. A mistake of the user gets one line on standard error.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NoReturn

from ..problem.errors import CampaignError, CountsError, DataError, NcsolveError, NoAnswer, TooLarge
from ..version import __version__
from .answer import BAD_DATA, INCONCLUSIVE, INTERRUPTED, UNREAD, USAGE, Answer, Terminal
from .commands import commands
from .options import UsageError

if TYPE_CHECKING:
    from argparse import Namespace

_NEGATIVE = re.compile(r"-([0-9.]|inf|nan)", re.IGNORECASE)


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
        if hasattr(
            stream, "reconfigure"
        ):  # a class name may hold what the terminal's encoding does not
            stream.reconfigure(errors="backslashreplace")
    try:
        args = parse(argv)
        args.argv = argv
        answer: Answer = commands()[args.command].run(args, _terminal(args))
        _deliver(args, answer)
        if sys.stdout is not None:
            sys.stdout.flush()
        return answer.code
    except SystemExit as end:  # --help, --version
        return int(end.code or 0)
    except KeyboardInterrupt:
        return _failed("interrupted", INTERRUPTED)
    except BrokenPipeError:
        _give_up_stdout()
        return UNREAD
    except (CountsError, DataError, CampaignError) as error:
        return _failed(error, BAD_DATA)
    except (NoAnswer, TooLarge) as error:
        return _failed(error, INCONCLUSIVE)
    except NcsolveError as error:
        return _failed(error, USAGE)
    except MemoryError as error:
        return _failed(
            f"not enough memory ({error}); fewer classes, samples or smaller widths work",
            INCONCLUSIVE,
        )
    except FileExistsError as error:
        return _failed(
            f"{error.filename!r} exists; choose another name, or add --force to replace it",
            BAD_DATA,
        )
    except OSError as error:
        if error.filename is None:
            _give_up_stdout()
            return _failed(f"standard output cannot be written ({error.strerror})", BAD_DATA)
        return _failed(
            f"{error.filename!r} cannot be written ({error.strerror}); choose another place",
            BAD_DATA,
        )


class _Parser(argparse.ArgumentParser):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line, made from the files of `commands`."""
    whole = _Parser(
        prog="ncsolve",
        description="Class counts in, the exact predicted geometry of neural collapse out, with its strength and its check.",
        epilog="Exit codes: 0 done or agrees, 1 contradicted, 2 usage, 3 inconclusive or interrupted, 4 bad input data.",
    )
    whole.add_argument("--version", action="version", version=f"ncsolve {__version__}")
    each = whole.add_subparsers(dest="command", metavar="command", parser_class=_Parser)
    for name, command in commands().items():
        says = (command.__doc__ or "").partition("\n")[0]
        command.add(
            each.add_parser(name, help=says[0].lower() + says[1:].rstrip("."), description=says)
        )
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
    args = parser().parse_args(joined)
    if args.command is None:
        raise UsageError(f"a command is needed: one of {', '.join(commands())}; see ncsolve --help")
    command = commands()[args.command]
    if hasattr(command, "check"):
        command.check(args)
    allowed = getattr(command, "OUT", (".json",))
    if args.out is not None and (suffix := PurePath(args.out).suffix.lower()) not in allowed:
        raise UsageError(
            f"--out {args.out!r} has suffix {suffix!r}; {args.command} writes {' or '.join(allowed)}"
        )
    return args


def _terminal(args: Namespace) -> Terminal:
    watched = sys.stderr is not None and sys.stderr.isatty()
    return Terminal(lambda message: _note(args, message), watched and not args.quiet)


def _deliver(args: Namespace, answer: Answer) -> None:
    """Write --out, then standard output; warnings go to standard error where the reader does not see standard output."""
    from ..files import atomic_write
    from ..show import text as report

    terminal = sys.stdout is not None and sys.stdout.isatty()
    if args.json or not terminal:
        for warning in answer.warnings:
            _note(args, f"warning: {warning}")
    kind, provenance = answer.kind or args.command, _provenance(args, answer.seed)
    document = report.document(kind, answer.body, provenance) if args.json or args.out else ""
    try:
        if answer.save is not None:
            answer.save(document)
        elif args.out is not None and not answer.saved:
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
    print(f"ncsolve: error: {_one_line(message)}", file=sys.stderr)
    return code


def _one_line(message: object) -> str:
    return " ".join(str(message).split())
