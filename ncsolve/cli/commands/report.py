"""A report on a problem as one HTML page: tables, pictures, the theorem and its hypotheses, the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import options
from ..answer import DONE, INCONCLUSIVE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add(parser: ArgumentParser) -> None:
    """A problem in, a page out."""
    options.add_problem(parser)
    parser.add_argument(
        "--html",
        metavar="FILE",
        required=True,
        help="the page: .html; it loads nothing from elsewhere",
    )
    parser.add_argument(
        "--verified",
        action="store_true",
        help="descend as well, and put runs and verdict on the page",
    )
    options.add_descent(parser)
    options.add_tolerance(parser)
    options.add_output(parser)


def check(args: Namespace) -> None:
    """Options that nothing would read are refused."""
    if not args.html.lower().endswith((".html", ".htm")):
        raise options.UsageError(
            f"--html {args.html!r} does not end in .html; name the page report.html"
        )
    given = options.given_to_descent(args)
    if given and not args.verified:
        raise options.UsageError(f"--{given[0].replace('_', '-')} needs a run; add --verified")
    options.check_descent(args)


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Predict, certify, descend if asked, and write the page."""
    from datetime import UTC, datetime

    from ...files import atomic_write, check_writable
    from ...show.html import html_report
    from ...verification import Verdict, certificate_if_known
    from ..steps import answer_about, predicted, verified

    check_writable(args.html, overwrite=args.force)
    found = verified(args, terminal) if args.verified else None
    prediction = predicted(args, terminal) if found is None else found[0].prediction
    certificate = certificate_if_known(prediction) if found is None else found[0].certificate
    page = html_report(
        prediction, certificate, found, datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    )
    with atomic_write(args.html, overwrite=args.force) as stream:
        stream.write(page.encode())
    code = DONE
    if found is not None:
        code = {Verdict.AGREES: DONE, Verdict.STUCK: INCONCLUSIVE}.get(found[0].verdict, 1)
    body = prediction.to_dict() if found is None else found[0].to_dict()
    seed = None if found is None else found[2]
    return answer_about(
        prediction,
        body | {"page": args.html},
        [("page", args.html)],
        rows=False,
        code=code,
        seed=seed,
    )
