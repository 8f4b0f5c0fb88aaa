"""Steps that several commands share: from the words to a prediction, to a verification, and to an answer about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from . import options
from .answer import DONE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import Namespace

    from ..analytic.prediction import Prediction
    from ..metrics.metrics import Measurement
    from ..numeric.descent import Descent
    from ..problem.ufm import UFM
    from ..show.text import Line
    from ..verification import Verification


def predicted(
    args: Namespace,
    terminal: Terminal,
    counts: Any = None,
    accept: Callable[[UFM], None] | None = None,
) -> Prediction:
    """The prediction; whether --out can be written is settled before anything is computed.

    `accept` may refuse the problem before it is solved, by raising.
    """
    from ..files import check_writable

    if args.out is not None:
        check_writable(args.out, overwrite=args.force)
    ufm = options.problem(args, counts)
    if accept is not None:
        accept(ufm)
    from ..theorems.predict import predict
    from .progress import stages

    with stages() if terminal.bars else nullcontext() as watch:
        return predict(ufm, args.theorem, limit=args.limit or "", progress=watch)


def verified(args: Namespace, terminal: Terminal) -> tuple[Verification, Descent, int]:
    """The verification, how it descended, and the seed."""
    seed = options.whole(args.rng, "rng", 0)
    method, tolerance = options.method(args), options.tolerance(args)
    prediction = predicted(args, terminal)
    if seed is None:
        seed = fresh_seed(terminal)
    from ..verification import verify
    from .progress import bars

    with bars(prediction.ufm, method) if terminal.bars else nullcontext() as progress:
        hessian = getattr(args, "hessian", False)
        found = verify(
            prediction, method, rng=seed, tolerance=tolerance, hessian=hessian, progress=progress
        )
    if found.interrupted:
        terminal.note("interrupted; the partial result is kept")
    for note in found.notes:
        terminal.note(note)
    return found, method, seed


def measured(args: Namespace, terminal: Terminal) -> Measurement:
    """What FILE holds, measured; whether --out can be written is settled first."""
    from ..files import check_writable
    from ..metrics.files import KINDS, read_snapshot
    from ..metrics.measure import measure

    if args.out is not None:
        check_writable(args.out, overwrite=args.force)
    keys = {what: getattr(args, f"{what}_key") for what in KINDS}
    found, notes = read_snapshot(
        args.file, labels=args.labels, classifier=args.classifier, keys=keys
    )
    measurement = measure(**found, preset=args.preset)
    for note in notes:
        terminal.note(note)
    return measurement


def new_seed() -> int:
    """A seed of 32 bits."""
    import secrets

    return secrets.randbits(32)


def fresh_seed(terminal: Terminal) -> int:
    """A seed of 32 bits, said aloud."""
    seed = new_seed()
    say_seed(terminal, seed)
    return seed


def say_seed(terminal: Terminal, seed: int) -> None:
    """Say which seed was drawn."""
    terminal.note(f"the seed is {seed}; repeat these runs with --rng {seed}")


def answer_about(
    prediction: Prediction,
    body: dict[str, Any],
    lines: list[Line],
    *,
    rows: bool = True,
    code: int = DONE,
    seed: int | None = None,
    save: Callable[[str], None] | None = None,
    saved: bool = False,
) -> Answer:
    """An answer that begins with the prediction: its lines, the table of classes if `rows`, then `lines`."""
    from ..show import text as report

    def blocks(terminal: bool) -> Iterable[str]:
        yield report.text(report.prediction_lines(prediction))
        if rows:
            yield report.table(prediction.classes, terminal)
        if lines:
            yield report.text(lines)

    return Answer(body, blocks, code, prediction.warnings, seed, save, saved)
