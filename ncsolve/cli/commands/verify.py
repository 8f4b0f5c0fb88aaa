"""Check the prediction by descent from random starts and by a lower bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import options
from ..answer import CONTRADICTED, DONE, INCONCLUSIVE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


OUT = (".json", ".npz")


def add(parser: ArgumentParser) -> None:
    """A problem in, a verdict on its prediction out."""
    options.add_problem(parser)
    options.add_descent(parser)
    options.add_tolerance(parser)
    options.add_output(
        parser,
        "also write the JSON document to FILE, or with suffix .npz the matrices of the best run as well",
    )
    parser.add_argument(
        "--hessian", action="store_true", help="check that the best run ends at a minimum"
    )


def check(args: Namespace) -> None:
    """Options that the chosen method would ignore are refused."""
    options.check_descent(args)


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Descend and compare."""
    from ...show.text import verification_lines
    from ...verification import Verdict
    from ..steps import answer_about, verified

    found, method, seed = verified(args, terminal)
    code = INCONCLUSIVE if found.interrupted or found.verdict is Verdict.STUCK else DONE
    code = CONTRADICTED if found.verdict in (Verdict.REFUTED, Verdict.BEATEN) else code
    lines = verification_lines(found, method, seed)

    def save(document: str) -> None:
        found.save(args.out, document, overwrite=args.force)

    matrices = args.out is not None and args.out.lower().endswith(".npz")
    return answer_about(
        found.prediction,
        found.to_dict(),
        lines,
        seed=seed,
        code=code,
        save=save if matrices else None,
    )
