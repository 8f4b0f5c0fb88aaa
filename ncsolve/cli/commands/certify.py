"""A lower bound on the objective, and its gap to the prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import options
from ..answer import CONTRADICTED, DONE, INCONCLUSIVE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ...numeric.certify import Certificate


def add(parser: ArgumentParser) -> None:
    """A problem in, the strength of its prediction out."""
    options.add_problem(parser)
    options.add_tolerance(parser)
    parser.add_argument(
        "--rigorous",
        action="store_true",
        help="prove it in exact and ball arithmetic (extra rigorous); --out writes what ncsolve replay checks",
    )
    options.add_output(parser)


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Certify the prediction."""
    from ...problem.errors import ProblemError, TooLarge
    from ...show.text import certificate_lines
    from ...verification import certify
    from ..steps import answer_about, predicted

    tolerance = options.tolerance(args)
    if args.rigorous:
        return _rigorously(args, terminal, tolerance)
    prediction = predicted(args, terminal)
    if prediction.theorem.limit:
        certify(prediction)  # refuses, with the reason
    prediction.parameters()
    certificate: Certificate | None = None
    try:
        certificate = certify(prediction)
    except (ProblemError, TooLarge) as error:  # the problem is sound, but no bound is known
        why = str(error)
    else:
        why = (
            f"the relative gap {certificate.relative_gap:.6g} is above the tolerance {tolerance:g}"
        )
    certified = certificate is not None and certificate.relative_gap <= tolerance
    body = prediction.to_dict() | {
        "certificate": None if certificate is None else certificate.to_dict()
    }
    verdict = (
        f"certified: no point lies lower by more than {tolerance:g} of the value"
        if certified
        else f"not certified: {why}"
    )
    if not certified:
        terminal.note(f"not certified: {why}")
    lines = [*certificate_lines(certificate), ("verdict", verdict)]
    code = DONE if certified else INCONCLUSIVE
    return answer_about(prediction, body | {"tolerance": tolerance}, lines, rows=False, code=code)


def _rigorously(args: Namespace, terminal: Terminal, tolerance: float) -> Answer:
    """Prove or disprove the prediction; the file of --out is the certificate itself."""
    import time

    from ...numeric.rigorous.balls import flint
    from ...numeric.rigorous.certify import refuse
    from ...numeric.rigorous.judgement import Outcome
    from ...show.text import rigorous_lines
    from ...verification import certify
    from ..steps import answer_about, predicted

    flint()
    prediction = predicted(args, terminal, accept=refuse)
    start = time.perf_counter()
    certificate = certify(prediction, rigorous=True, tolerance=tolerance)
    lines = [*rigorous_lines(certificate), ("time", f"{time.perf_counter() - start:.2f} s")]
    body = prediction.to_dict() | {"certificate": certificate.to_dict(), "tolerance": tolerance}
    codes = {
        Outcome.PROVED: DONE,
        Outcome.DISPROVED: CONTRADICTED,
        Outcome.NOT_DECIDED: INCONCLUSIVE,
    }
    save = (
        None
        if args.out is None
        else (lambda _document: certificate.save(args.out, overwrite=args.force))
    )
    return answer_about(
        prediction, body, lines, rows=False, code=codes[certificate.outcome], save=save
    )
