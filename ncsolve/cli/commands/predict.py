"""The predicted geometry: value, strength of the claim, one row per class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import options
from ..answer import Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

OUT = (".json", ".npz")


def add(parser: ArgumentParser) -> None:
    """A problem in, its prediction out."""
    options.add_problem(parser)
    options.add_output(
        parser, "also write the JSON document to FILE, or with suffix .npz the matrices"
    )


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Predict."""
    from ...analytic.theorem import Claim
    from ...show.text import certificate_lines
    from ...verification import certificate_if_known
    from ..steps import answer_about, predicted

    prediction = predicted(args, terminal)
    body, lines = prediction.to_dict() | {"certificate": None}, []
    zero = not prediction.theorem.limit and not prediction.solution.sigma_and_frame[0].size
    if (
        prediction.claim is Claim.CERTIFIED or zero
    ):  # numbers, not a closed form: their strength is part of the answer
        certificate = certificate_if_known(prediction)
        lines = certificate_lines(certificate)
        body["certificate"] = None if certificate is None else certificate.to_dict()
    matrices = args.out is not None and args.out.lower().endswith(".npz")

    def save(document: str) -> None:
        prediction.save(args.out, document, overwrite=args.force)

    return answer_about(prediction, body, lines, save=save if matrices else None)
