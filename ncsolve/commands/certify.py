"""A lower bound on the objective, and its gap to the prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import options
from ..answer import DONE, INCONCLUSIVE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..numeric.certify import Certificate


def add(parser: ArgumentParser) -> None:
    """A problem in, the strength of its prediction out."""
    options.add_problem(parser)
    options.add_tolerance(parser)
    options.add_output(parser)


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Certify the prediction."""
    from ..errors import ProblemError, TooLarge
    from ..report import certificate_lines
    from ..steps import answer_about, predicted
    from ..verification import certify

    tolerance = options.tolerance(args)
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
        why = f"the relative gap {certificate.relative_gap:.6g} is above the tolerance {tolerance:g}"
    certified = certificate is not None and certificate.relative_gap <= tolerance
    body = prediction.to_dict() | {"certificate": None if certificate is None else certificate.to_dict()}
    verdict = (
        f"certified: no point lies lower by more than {tolerance:g} of the value" if certified else f"not certified: {why}"
    )
    if not certified:
        terminal.note(f"not certified: {why}")
    lines = [*certificate_lines(certificate), ("verdict", verdict)]
    code = DONE if certified else INCONCLUSIVE
    return answer_about(prediction, body | {"tolerance": tolerance}, lines, rows=False, code=code)
