"""Neural-collapse metrics of features and a classifier in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import options
from ..answer import Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable


def add(parser: ArgumentParser) -> None:
    """A file in, its metrics out."""
    options.add_snapshot(parser)
    group = parser.add_argument_group("metrics")
    group.add_argument(
        "--preset",
        metavar="NAME",
        help="conventions and names of a paper: papyan, zhu, dang, hong-ling, galanti",
    )
    options.add_output(parser)


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Measure."""
    from ...metrics.presets import preset_named
    from ...show.metric_text import measurement_blocks
    from ..steps import measured

    if args.preset is not None:
        preset_named(args.preset)  # before anything is read
    found = measured(args, terminal)

    def blocks(_terminal: bool) -> Iterable[str]:
        return measurement_blocks(found)

    return Answer(found.to_dict(), blocks)
