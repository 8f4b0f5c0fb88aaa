"""Check a rigorous certificate again, without solving anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import options
from ..answer import CONTRADICTED, DONE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add(parser: ArgumentParser) -> None:
    """A certificate in, accepted or rejected out."""
    parser.add_argument("file", metavar="FILE", help="what certify --rigorous --out FILE wrote")
    options.add_output(parser)


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Replay the certificate."""
    from ...files import check_writable
    from ...numeric.rigorous import replay
    from ...show.text import text

    if args.out is not None:
        check_writable(args.out, overwrite=args.force)
    found = replay(args.file)
    body = {
        "file": args.file,
        "accepted": found.accepted,
        "passed": list(found.passed),
        "failed": found.failed,
        "certificate": None if found.certificate is None else found.certificate.to_dict(),
    }
    lines = [("passed", check) for check in found.passed]
    if found.certificate is None:
        lines.append(("verdict", f"rejected: {found.failed}"))
        return Answer(body, lambda _: [text(lines)], CONTRADICTED)
    from ...show.text import rigorous_lines

    lines = [
        *rigorous_lines(found.certificate),
        *lines,
        ("verdict", "accepted: every check passed"),
    ]
    return Answer(body, lambda _: [text(lines)], DONE)
