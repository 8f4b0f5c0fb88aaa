"""What a command is, what it gives back, and the steps from words to an answer that several commands share.

A command is a function (args, terminal) -> Answer under `@command(...)`, which says what its options are. Commands compute; only
`main` prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from . import options

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..analytic.prediction import Prediction
    from ..metrics.metrics import Measurement
    from ..numeric.descent import Descent
    from ..problem.ufm import UFM
    from ..show.text import Line
    from ..verification import Verification

CLOSED = 1e-8  # --tol where nothing is said


class Exit(IntEnum):
    """The exit codes; the last two are those by which shells report SIGINT and SIGPIPE."""

    DONE = 0
    CONTRADICTED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    BAD_DATA = 4
    INTERRUPTED = 130
    UNREAD = 141


@dataclass(frozen=True)
class Terminal:
    """The terminal's side of a command.

    Attributes
    ----------
    note : says a line on standard error at once, unless --quiet
    bars : whether somebody is watching, so that progress is worth drawing
    """

    note: Callable[[str], None]
    bars: bool

    def watched(
        self, bar: str, *settings: Any
    ) -> AbstractContextManager[Callable[..., None] | None]:
        """The bar of this name of progress.py, and the callback that moves it; None where nobody is watching."""
        if not self.bars:
            return nullcontext()
        from . import progress

        shown: AbstractContextManager[Callable[..., None]] = getattr(progress, bar)(*settings)
        return shown

    def seed(self, given: int | None) -> int:
        """The seed that was given, or a fresh one of 32 bits, said aloud."""
        if given is not None:
            return given
        drawn = new_seed()
        self.say_seed(drawn)
        return drawn

    def say_seed(self, seed: int) -> None:
        """Say which seed was drawn."""
        self.note(f"the seed is {seed}; repeat these runs with --rng {seed}")


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer of a command.

    Attributes
    ----------
    body : the JSON document's entries, without schema, version and provenance
    blocks : paragraphs of the text answer; called with whether standard output is a terminal, so that rows may be colored
    code : exit code
    warnings : sentences for standard error where the reader does not see the text answer
    seed : seed of the random numbers, for the provenance
    save : suffix of --out -> what writes it, called as (path, JSON document, overwrite=); else the document alone is written
    kind : the word after ncsolve/ in the document's schema; by default the command's name
    """

    body: dict[str, Any]
    blocks: Callable[[bool], Iterable[str]]
    code: int = Exit.DONE
    warnings: tuple[str, ...] = ()
    seed: int | None = None
    save: Mapping[str, Callable[..., object]] = field(default_factory=dict)
    kind: str = ""


@dataclass(frozen=True)
class Command:
    """A command: how it runs, what its options are, which suffixes --out may have, and whether it may go on with that file."""

    run: Callable[[Namespace, Terminal], Answer]
    options: tuple[str | Callable[[ArgumentParser], object], ...]
    out: tuple[str, ...]
    resumes: bool


def command(
    *declared: str | Callable[[ArgumentParser], object],
    out: tuple[str, ...] = (".json",),
    resumes: bool = False,
) -> Callable[[Callable[[Namespace, Terminal], Answer]], Command]:
    """Make a function a command; its options are texts for `options.declare`, or functions of the parser."""
    return lambda run: Command(run, declared, out, resumes)


def predicted(
    args: Namespace,
    terminal: Terminal,
    counts: Any = None,
    accept: Callable[[UFM], None] | None = None,
) -> Prediction:
    """The prediction; `accept` may refuse the problem before it is solved, by raising."""
    ufm = options.problem(args, counts)
    if accept is not None:
        accept(ufm)
    from ..theorems.predict import predict

    with terminal.watched("stages") as watch:
        return predict(ufm, args.theorem, limit=args.limit or "", progress=watch)


def verified(args: Namespace, terminal: Terminal) -> tuple[Verification, Descent, int]:
    """The verification, how it descended, and the seed."""
    method = options.method(args)
    prediction = predicted(args, terminal)
    seed = terminal.seed(args.rng)
    from ..verification import verify

    chosen: dict[str, Any] = {"hessian": getattr(args, "hessian", False)}
    with terminal.watched("bars", prediction.ufm, method) as watch:
        verification = verify(
            prediction, method, rng=seed, tolerance=args.tol or CLOSED, progress=watch, **chosen
        )
    if verification.interrupted:
        terminal.note("interrupted; the partial result is kept")
    for note in verification.notes:
        terminal.note(note)
    return verification, method, seed


def measured(args: Namespace, terminal: Terminal) -> Measurement:
    """What FILE holds, measured by the conventions of --preset."""
    from ..metrics.files import KINDS, read_snapshot
    from ..metrics.measure import measure
    from ..metrics.presets import preset_named

    if args.preset is not None:
        preset_named(args.preset)  # before anything is read
    keys = {what: getattr(args, f"{what}_key") for what in KINDS}
    files = {"labels": args.labels, "classifier": args.classifier}
    found, notes = read_snapshot(args.file, **files, keys=keys)
    measurement = measure(**found, preset=args.preset)
    for note in notes:
        terminal.note(note)
    return measurement


def new_seed() -> int:
    """A seed of 32 bits."""
    import secrets

    return secrets.randbits(32)


def answer_about(
    prediction: Prediction,
    body: dict[str, Any],
    lines: Sequence[Line],
    *,
    rows: bool = True,
    **others: Any,
) -> Answer:
    """An answer that begins with the prediction: its lines, the table of classes if `rows`, then `lines`."""
    from ..show import text as report

    def blocks(terminal: bool) -> Iterable[str]:
        about, classes = report.blocks(prediction, terminal=terminal)
        yield from (about, classes) if rows else (about,)
        if lines:
            yield report.text(lines)

    return Answer(body, blocks, warnings=prediction.warnings, **others)
