"""Commands whose answer is a file: a picture, a page, the results of many problems."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import options
from .answer import Answer, Exit, Terminal, answer_about, command, predicted, verified
from .options import UsageError, given, refuse

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Iterator

    from ..questions.campaign import Summary

CHOICES = """
  --measured  norms: descend, and show the measured norms too
  --which {features,weights}  gram and cosines: of which vectors (features)
  --field NAME  phase: the field in colors (the first one of the map)
"""
RUN = [*options.names(options.DESCENT), "tol"]


def _add_kind(parser: ArgumentParser) -> None:
    from ..show.gallery import KINDS

    parser.add_argument("kind", choices=KINDS, metavar="kind", help=" | ".join(KINDS))


@command(
    _add_kind,
    """
[FILE]  a result: .json, .npz or .jsonl as --out (train: --log) wrote it; without one a
      problem is needed
""",
    lambda parser: options.add_problem(parser, required=False),
    options.DESCENT,
    options.TOLERANCE,
    options.output(says="the picture: .png, .svg or .pdf", file="FILE!"),
    options.PICTURE + CHOICES,
    out=options.PICTURES,
)
def plot(args: Namespace, terminal: Terminal) -> Answer:
    """Draw a result file or a problem, and save the picture."""
    from ..show import plots
    from ..show.document import read_result, result_of
    from ..show.gallery import KINDS, drawn
    from ..show.text import text, verification_lines

    kind, settings = KINDS[args.kind], options.picture(args)
    _check_plot(args)
    lines, others = [("picture", args.out)], {}
    if args.file is not None:
        result = read_result(args.file)
    elif kind.descends or args.measured:
        found, method, seed = verified(args, terminal)
        result, lines = result_of(found), [*verification_lines(found, method, seed), *lines]
        others = {"seed": seed, "code": Exit.INCONCLUSIVE if found.interrupted else Exit.DONE}
    else:
        assert kind.made is not None  # `_check_plot` has seen to it
        result = kind.made(predicted(args, terminal))
    choices = {name: getattr(args, name) for name in options.names(CHOICES)}
    axes = drawn(args.kind, result, **choices)
    save = dict.fromkeys(options.PICTURES, lambda *_, **__: plots.save(axes, args.out, **settings))
    about = ("schema", "ncsolve_version", "provenance")
    body = {name: value for name, value in result.document.items() if name not in about}
    body["kind"] = args.kind
    if args.file is None or result.predicts:
        return answer_about(result.prediction, body, lines, rows=False, save=save, **others)
    lines = [("from", f"{args.file}, a result of ncsolve {result.kind}"), *lines]
    return Answer(body, lambda _: [text(lines)], save=save)


def _check_plot(args: Namespace) -> None:
    """Options that the chosen picture would ignore are refused."""
    from ..show.gallery import KINDS

    kind = KINDS[args.kind]
    for name in options.names(CHOICES):
        if given(args, [name]) and name not in kind.options:
            whose = " and ".join(one for one, other in KINDS.items() if name in other.options)
            raise UsageError(f"--{name} belongs to plot {whose}, not to plot {args.kind}")
    if args.file is not None:
        own = ["command", "argv", "kind", "file", "out", "json", "force", "quiet", "size", "dpi"]
        own += options.names(CHOICES)
        for needless in given(args, (name for name in vars(args) if name not in own)):
            has = f"FILE {args.file!r} has one already"
            raise UsageError(f"{needless} belongs to a problem, and {has}")
        return
    needs = f"plot {args.kind} needs a result FILE"
    refuse(kind.made is None and not kind.descends, f"{needs}; {kind.file} writes one")
    problem = "or a problem: one of --counts --labels --long-tail"
    stated = given(args, ("counts", "labels", "long_tail"))
    refuse(not stated, f"{needs} ({kind.file} writes one), {problem}")
    run = given(args, RUN)
    if run and not (kind.descends or args.measured):
        none = f", and plot {args.kind} shows none"
        how = "; add --measured" if "measured" in kind.options else none
        raise UsageError(f"{run[0]} needs a run{how}")


@command(
    options.add_problem,
    """
--html FILE!  the page: .html; it loads nothing from elsewhere
--verified  descend as well, and put runs and verdict on the page
""",
    options.DESCENT,
    options.TOLERANCE,
    options.output(),
)
def report(args: Namespace, terminal: Terminal) -> Answer:
    """Predict, certify, descend if asked, and write the page."""
    from datetime import UTC, datetime

    from ..files import atomic_write, check_writable
    from ..show.html import html_report
    from ..verification import Verdict, certificate_if_known

    if not args.html.lower().endswith((".html", ".htm")):
        raise UsageError(f"--html {args.html!r} does not end in .html; name the page report.html")
    if not args.verified and (needless := given(args, RUN)):
        raise UsageError(f"{needless[0]} needs a run; add --verified")
    check_writable(args.html, overwrite=args.force)
    codes = {Verdict.AGREES: Exit.DONE, Verdict.STUCK: Exit.INCONCLUSIVE}
    run = verified(args, terminal) if args.verified else None
    verification, _, seed = run or (None, None, None)
    if verification is not None:
        prediction, certificate = verification.prediction, verification.certificate
    else:
        prediction = predicted(args, terminal)
        certificate = certificate_if_known(prediction)
    code = Exit.DONE if verification is None else codes.get(verification.verdict, Exit.CONTRADICTED)
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = html_report(prediction, certificate, run, when)
    with atomic_write(args.html, overwrite=args.force) as stream:
        stream.write(page.encode())
    body = (verification or prediction).to_dict() | {"page": args.html}
    lines = [("page", args.html)]
    return answer_about(prediction, body, lines, rows=False, code=code, seed=seed)


@command(
    """
[SPEC.toml]  actions, and problems as grids and random draws
--summarize RESULTS.jsonl  solve nothing: summarize this file of results, finished or not
who computes
  --workers N[1..]  processes of this machine (all cores)
  --dask ADDRESS  the workers of a Dask cluster: address of its scheduler
""",
    options.output(
        says="the file of results (SPEC.jsonl beside the spec); one of the same spec is gone on with"
    ),
    options.PICTURE + "  --plot FILE  also draw all results: .png, .svg or .pdf",
    out=(".jsonl",),
    resumes=True,
)
def campaign(args: Namespace, terminal: Terminal) -> Answer:
    """Solve the problems of a spec or go on with them, and summarize the results."""
    from ..questions.campaign import summarize
    from ..show import plots
    from ..show.text import blocks

    _check_campaign(args)
    finished = args.summarize is not None
    how = "add --force" if finished else "draw with --summarize and --force"
    taken = f"choose another name, or {how} to replace it"
    drawing = options.check_picture(args, "plot", taken=taken)
    summary = summarize(args.summarize) if finished else _run(args, terminal)
    path, picture = args.summarize if finished else args.out, args.plot
    if picture is not None and summary.stopped and not finished:
        picture = None
        terminal.note(
            "no picture of a campaign that has not ended; --summarize draws what there is"
        )
    if picture is not None:
        plots.save(plots.results_picture(path), picture, **drawing)

    def told(watched: bool) -> Iterable[str]:
        return blocks(summary, terminal=watched, path=path, picture=picture)

    body = summary.to_dict() | {"results": str(path)}
    written = {".jsonl": lambda *_, **__: None}  # row by row, already
    seed, kind = summary.spec.seed, "campaign-summary"
    return Answer(body, told, summary.code, seed=seed, save=written, kind=kind)


def _check_campaign(args: Namespace) -> None:
    """A spec or a file to summarize, with the options of each."""
    if (args.spec is None) == (args.summarize is None):
        wrong = f"--summarize needs no spec ({args.spec!r})"
        wrong = "a spec or --summarize is needed" if args.spec is None else wrong
        write = "ncsolve campaign SPEC.toml, or ncsolve campaign --summarize RESULTS.jsonl"
        raise UsageError(f"{wrong}; write {write}")
    for run in given(args, ("workers", "dask", "out")) if args.summarize is not None else []:
        raise UsageError(f"{run} belongs to a run; --summarize solves nothing")
    decides = "--workers counts processes of this machine; with --dask the cluster decides"
    refuse(args.workers is not None and args.dask is not None, decides)
    wrong = f"--dask {args.dask!r} is not an address such as tcp://10.0.0.1:8786"
    refuse(args.dask is not None and ":" not in args.dask, wrong)


def _run(args: Namespace, terminal: Terminal) -> Summary:
    from ..questions import campaign

    spec = campaign.read_spec(args.spec)
    args.out = args.out or str(Path(args.spec).with_suffix(".jsonl"))
    cluster = None if args.dask is None else partial(campaign.Cluster, args.dask)
    settings: dict[str, Any] = {"workers": args.workers, "executor": cluster, "force": args.force}
    with _termination_interrupts(), terminal.watched("counted", spec.problems) as progress:
        summary = campaign.run(spec, args.out, **settings, progress=progress, note=terminal.note)
    if summary.stopped:
        kept = f"{summary.finished} of {spec.problems} problems are kept in {args.out!r}"
        terminal.note(f"{summary.stopped}; {kept}")
    return summary


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """SIGTERM, which a batch system sends before it kills, is taken as Ctrl-C in the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
