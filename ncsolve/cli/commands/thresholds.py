"""The counts and decays at which classes vanish or merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import options
from ..answer import Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add(parser: ArgumentParser) -> None:
    """A problem in, its thresholds out."""
    options.add_problem(parser)
    options.add_output(parser)


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Thresholds of the prediction."""
    from ...questions.thresholds import thresholds
    from ...show.text import thresholds_lines
    from ..steps import answer_about, predicted

    found = thresholds(predicted(args, terminal))
    return answer_about(found.prediction, found.to_dict(), thresholds_lines(found))
