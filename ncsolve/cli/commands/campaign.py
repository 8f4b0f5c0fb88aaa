"""Many problems from a spec: solved on all cores, one row each in a file that can be gone on with, and summarized."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from .. import options
from ..answer import Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Iterator

    from ...questions.campaign import Summary

OUT = (".jsonl",)


def add(parser: ArgumentParser) -> None:
    """A spec in, a file of results and their summary out."""
    parser.add_argument(
        "spec",
        nargs="?",
        metavar="SPEC.toml",
        help="actions, and problems as grids and random draws",
    )
    parser.add_argument(
        "--summarize",
        metavar="RESULTS.jsonl",
        help="solve nothing: summarize this file of results, finished or not",
    )
    group = parser.add_argument_group("who computes")
    group.add_argument("--workers", metavar="N", help="processes of this machine (all cores)")
    group.add_argument(
        "--dask", metavar="ADDRESS", help="the workers of a Dask cluster: address of its scheduler"
    )
    options.add_output(
        parser,
        "the file of results (SPEC.jsonl beside the spec); one of the same spec is gone on with",
    )
    picture = options.add_picture(parser)
    picture.add_argument("--plot", metavar="FILE", help="also draw all results: .png, .svg or .pdf")


def check(args: Namespace) -> None:
    """A spec or a file to summarize, with the options of each."""
    if (args.spec is None) == (args.summarize is None):
        wrong = (
            "a spec or --summarize is needed"
            if args.spec is None
            else f"--summarize needs no spec ({args.spec!r})"
        )
        raise options.UsageError(
            f"{wrong}; write ncsolve campaign SPEC.toml, or ncsolve campaign --summarize RESULTS.jsonl"
        )
    if args.summarize is not None:
        for name in ("workers", "dask", "out"):
            if getattr(args, name) is not None:
                raise options.UsageError(f"--{name} belongs to a run; --summarize solves nothing")
    if args.workers is not None and args.dask is not None:
        raise options.UsageError(
            "--workers counts processes of this machine; with --dask the cluster decides"
        )
    if args.dask is not None and ":" not in args.dask:
        raise options.UsageError(
            f"--dask {args.dask!r} is not an address such as tcp://10.0.0.1:8786"
        )
    if args.plot is None and (args.size is not None or args.dpi is not None):
        raise options.UsageError(
            f"--{'size' if args.size is not None else 'dpi'} belongs to --plot"
        )
    if (
        args.plot is not None
        and (suffix := PurePath(args.plot).suffix.lower()) not in options.PICTURES
    ):
        raise options.UsageError(
            f"--plot {args.plot!r} has suffix {suffix!r}; {', '.join(options.PICTURES)} work"
        )


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Run or read, summarize, draw."""
    from ...questions.campaign import summarize
    from ...show.campaign_text import summary_blocks

    options.picture(args)
    _check_plot(args)
    summary = summarize(args.summarize) if args.summarize is not None else _run(args, terminal)
    path = args.summarize or args.out
    drawn = args.plot is not None and (args.summarize is not None or not summary.stopped)
    if drawn:
        _draw(args, path)
    elif args.plot is not None:
        terminal.note(
            "no picture of a campaign that has not ended; --summarize draws what there is"
        )

    def blocks(watched: bool) -> Iterable[str]:
        return summary_blocks(summary, path, args.plot if drawn else None, watched=watched)

    body = summary.to_dict() | {"results": str(path)}
    return Answer(
        body, blocks, summary.code, seed=summary.spec.seed, saved=True, kind="campaign-summary"
    )


def _check_plot(args: Namespace) -> None:
    """Whether the picture can be written is settled before anything is computed."""
    from ...files import check_writable
    from ...problem.errors import CampaignError

    if args.plot is None:
        return
    try:
        check_writable(args.plot, overwrite=args.force)
    except FileExistsError:
        how = (
            "add --force to replace it"
            if args.summarize is not None
            else "draw with --summarize and --force to replace it"
        )
        raise CampaignError(f"--plot {args.plot!r} exists; choose another name, or {how}") from None
    except OSError as error:
        raise CampaignError(
            f"--plot {args.plot!r} cannot be written ({error.strerror}); choose another place"
        ) from None


def _draw(args: Namespace, path: str) -> None:
    from ...show import plots
    from ...show.plots.campaign import results_picture

    size, dpi = options.picture(args)
    plots.save(results_picture(path), args.plot, size=size, dpi=dpi, overwrite=args.force)


def _run(args: Namespace, terminal: Terminal) -> Summary:
    from ...questions import campaign
    from ..progress import counted

    spec = campaign.read_spec(args.spec)
    workers = options.whole(args.workers, "workers", 1)
    args.out = args.out or str(Path(args.spec).with_suffix(".jsonl"))
    with (
        _termination_interrupts(),
        counted(spec.problems) if terminal.bars else nullcontext() as progress,
    ):
        summary = campaign.run(
            spec,
            args.out,
            workers=workers,
            executor=None if args.dask is None else partial(campaign.Cluster, args.dask),
            force=args.force,
            progress=progress,
            note=terminal.note,
        )
    if summary.stopped:
        terminal.note(
            f"{summary.stopped}; {summary.finished} of {spec.problems} problems are kept in {args.out!r}"
        )
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
