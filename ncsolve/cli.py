"""The command line: words in, an answer on standard output, an exit code.

Exit codes: 0 done or agrees; 1 contradicted; 2 usage; 3 inconclusive or interrupted; 4 bad input data; 130 interrupted before
there was anything to keep; 141 nobody reads the answer. A mistake of the user gets one line on standard error.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from . import options
from .errors import CountsError, NcsolveError, TooLarge

if TYPE_CHECKING:
    from argparse import Namespace

    from .analytic.prediction import Prediction
    from .numeric.certify import Certificate
    from .numeric.descent import Descent
    from .verification import Verification

DONE, CONTRADICTED, USAGE, INCONCLUSIVE, BAD_DATA = 0, 1, 2, 3, 4
INTERRUPTED, UNREAD = 130, 141  # as shells report SIGINT and SIGPIPE


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
        if hasattr(stream, "reconfigure"):  # a class name may hold what the terminal's encoding does not
            stream.reconfigure(errors="backslashreplace")
    try:
        args = options.parse(argv)
        args.argv = argv
        code = COMMANDS[args.command](args)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except SystemExit as end:  # --help, --version
        return int(end.code or 0)
    except KeyboardInterrupt:
        return _failed("interrupted", INTERRUPTED)
    except BrokenPipeError:
        _give_up_stdout()
        return UNREAD
    except CountsError as error:
        return _failed(error, BAD_DATA)
    except TooLarge as error:
        return _failed(error, INCONCLUSIVE)
    except NcsolveError as error:
        return _failed(error, USAGE)
    except MemoryError as error:
        return _failed(f"not enough memory ({error}); fewer classes, samples or smaller widths work", INCONCLUSIVE)
    except FileExistsError:
        return _failed(f"--out {args.out!r} exists; choose another name, or add --force to replace it", BAD_DATA)
    except OSError as error:
        if error.filename is None:
            _give_up_stdout()
            return _failed(f"standard output cannot be written ({error.strerror})", BAD_DATA)
        return _failed(f"--out {error.filename!r} cannot be written ({error.strerror}); choose another place", BAD_DATA)


def _predict(args: Namespace) -> int:
    from .analytic.theorem import Claim
    from .report import certificate_lines
    from .verification import certificate_if_known

    prediction = _predicted(args)
    body, lines = prediction.to_dict() | {"certificate": None}, []
    zero = not prediction.theorem.limit and not prediction.solution.sigma_and_frame[0].size
    if prediction.claim is Claim.CERTIFIED or zero:  # numbers, not a closed form: their strength is part of the answer
        certificate = certificate_if_known(prediction)
        lines = certificate_lines(certificate)
        body["certificate"] = None if certificate is None else certificate.to_dict()
    _answer(args, prediction, body, lines)
    return DONE


def _thresholds(args: Namespace) -> int:
    from .analytic.thresholds import thresholds
    from .report import thresholds_lines

    found = thresholds(_predicted(args))
    _answer(args, found.prediction, found.to_dict(), thresholds_lines(found))
    return DONE


def _certify(args: Namespace) -> int:
    from .errors import ProblemError
    from .report import certificate_lines
    from .verification import certify

    tolerance = options.tolerance(args)
    prediction = _predicted(args)
    if prediction.theorem.limit:
        certify(prediction)  # refuses, with the reason
    prediction.parameters()
    certificate: Certificate | None = None
    try:
        certificate = certify(prediction)
    except (ProblemError, TooLarge) as error:  # the problem is sound, but no bound is known
        why = str(error)
    else:
        why = f"the relative gap {certificate.relative_gap:.6g} is above the tolerance {tolerance:g}"
    certified = certificate is not None and certificate.relative_gap <= tolerance
    body = prediction.to_dict() | {"certificate": None if certificate is None else certificate.to_dict()}
    verdict = (
        f"certified: no point lies lower by more than {tolerance:g} of the value" if certified else f"not certified: {why}"
    )
    _answer(args, prediction, body | {"tolerance": tolerance}, [*certificate_lines(certificate), ("verdict", verdict)])
    if not certified:
        _note(args, f"not certified: {why}")
    return DONE if certified else INCONCLUSIVE


def _verify(args: Namespace) -> int:
    from .report import verification_lines
    from .verification import Verdict

    found, method, seed = _verified(args)
    _answer(args, found.prediction, found.to_dict(), verification_lines(found, method, seed), seed=seed)
    if found.verdict in (Verdict.REFUTED, Verdict.BEATEN):
        return CONTRADICTED
    return INCONCLUSIVE if found.interrupted or found.verdict is Verdict.STUCK else DONE


def _plot(args: Namespace) -> int:
    from . import plots
    from .report import verification_lines

    size, dpi = options.picture(args)
    if not options.runs_descent(args):
        prediction = _predicted(args)
        plots.save(plots.norms_against_counts(prediction), args.out, size=size, dpi=dpi, overwrite=args.force)
        _answer(args, prediction, prediction.to_dict() | {"kind": args.kind}, [("picture", args.out)], rows=False)
        return DONE
    found, method, seed = _verified(args)
    if args.kind == "gram":
        axes = plots.gram_triptych(found.prediction, found.best, which=args.which or "features")[0]
    elif args.kind == "objective":
        axes = plots.objective_against_step(found)
    else:
        axes = plots.norms_against_counts(found.prediction, found.best)
    plots.save(axes, args.out, size=size, dpi=dpi, overwrite=args.force)
    lines = [*verification_lines(found, method, seed), ("picture", args.out)]
    _answer(args, found.prediction, found.to_dict() | {"kind": args.kind}, lines, seed=seed, rows=False)
    return INCONCLUSIVE if found.interrupted else DONE


COMMANDS = {"predict": _predict, "verify": _verify, "certify": _certify, "thresholds": _thresholds, "plot": _plot}


def _predicted(args: Namespace) -> Prediction:
    """The prediction; whether --out can be written is settled before anything is computed."""
    from .files import check_writable

    if args.out is not None:
        check_writable(args.out, overwrite=args.force)
    ufm = options.problem(args)
    from .analytic.predict import predict
    from .progress import stages

    with stages() if _shows_progress(args) else nullcontext() as watch:
        return predict(ufm, args.theorem, limit=args.limit or "", progress=watch)


def _shows_progress(args: Namespace) -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and not args.quiet


def _verified(args: Namespace) -> tuple[Verification, Descent, int]:
    """The verification, how it descended, and the seed."""
    seed = options.whole(args.rng, "rng", 0)
    method, tolerance = options.method(args), options.tolerance(args)
    prediction = _predicted(args)
    if seed is None:
        import secrets

        seed = secrets.randbits(32)
        _note(args, f"the seed is {seed}; repeat these runs with --rng {seed}")
    from .progress import bars
    from .verification import verify

    with bars(prediction.ufm, method) if _shows_progress(args) else nullcontext() as progress:
        hessian = getattr(args, "hessian", False)
        found = verify(prediction, method, rng=seed, tolerance=tolerance, hessian=hessian, progress=progress)
    if found.interrupted:
        _note(args, "interrupted; the partial result is kept")
    for note in found.notes:
        _note(args, note)
    return found, method, seed


def _answer(
    args: Namespace,
    prediction: Prediction,
    body: dict[str, Any],
    lines: list[tuple[str, str]],
    *,
    seed: int | None = None,
    rows: bool = True,
) -> None:
    """Write --out, then standard output; warnings go to standard error where the reader does not see standard output."""
    from . import report
    from .files import atomic_write

    terminal = sys.stdout is not None and sys.stdout.isatty()
    if args.json or not terminal:
        for warning in prediction.warnings:
            _note(args, f"warning: {warning}")
    document = report.document(args.command, body, _provenance(args, seed)) if args.json or args.out else ""
    try:
        if args.out is not None and args.out.lower().endswith(".npz"):
            prediction.save(args.out, overwrite=args.force)
        elif args.out is not None and args.command != "plot":
            with atomic_write(args.out, overwrite=args.force) as stream:
                stream.write(document.encode())
    finally:
        if args.json:
            print(document, end="")
        else:
            parts = [report.text(report.prediction_lines(prediction))]
            parts += [report.table(prediction.classes, terminal)] if rows and args.command != "certify" else []
            parts += [report.text(lines)] if lines else []
            print("\n\n".join(parts))


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
