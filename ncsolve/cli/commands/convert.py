"""Decays from another convention to the canonical one, or back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ...problem.border import shown
from .. import options
from ..answer import Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ...problem.conventions import Converted
    from ...show.text import Line

_DECAYS = ("weight_decay", "feature_decay", "bias")
_UNITS = {"classes": "--classes", "samples": "--samples", "batch": "--batch"}


def add(parser: ArgumentParser) -> None:
    """Their decays and how their code is written in, canonical decays out."""
    decays = parser.add_argument_group("decays (in their convention, or canonical with --back)")
    decays.add_argument("--weight-decay", metavar="X", help="one number, or M between commas")
    decays.add_argument("--feature-decay", metavar="X", help="decay of the features")
    decays.add_argument("--bias", metavar="WORD", help="none, free, or a decay")
    decays.add_argument(
        "--back", action="store_true", help="from the canonical convention to theirs"
    )
    group = parser.add_argument_group("their convention")
    group.add_argument(
        "--loss",
        metavar="NAME",
        help="mse ((1/2)|z - y|^2, default) | ce | squared-error | mse-loss (torch MSELoss()) | half-mse-loss",
    )
    group.add_argument(
        "--reduction", metavar="WORD", help="mean (default) or sum over the samples of a step"
    )
    group.add_argument(
        "--penalty", metavar="WORD", help="half ((lambda/2)|.|^2, default) or full (lambda |.|^2)"
    )
    group.add_argument(
        "--feature-penalty",
        metavar="WORD",
        help="all (default) | batch (summed) | mean | optimizer (H a parameter)",
    )
    group.add_argument(
        "--optimizer",
        metavar="NAME",
        help="whose weight_decay it is: none (default) | sgd | adam | adamw",
    )
    size = parser.add_argument_group("sizes, where the convention needs them")
    size.add_argument("--classes", metavar="K", help="number of outputs")
    size.add_argument("--samples", metavar="N", help="number of training samples")
    size.add_argument("--batch", metavar="B", help="samples per step (default: all)")
    size.add_argument("--counts", metavar="TEXT", help="class counts, from which K and N are taken")
    options.add_output(parser)


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Convert."""
    from ...problem.conventions import DecayConvention, convert
    from ...problem.fields import numbers

    words = ("loss", "reduction", "penalty", "feature_penalty", "optimizer")
    given: dict[str, Any] = {
        name: getattr(args, name).lower().replace("-", "_") for name in words if getattr(args, name)
    }
    convention = DecayConvention(**given, **_sizes(args))
    decays = {
        name: numbers(text, name) for name in _DECAYS if (text := getattr(args, name)) is not None
    }
    found = convert(convention, **decays, back=args.back)
    from ...show.text import text

    return Answer(found.to_dict(), lambda _: [text(_lines(found, decays))])


def _sizes(args: Namespace) -> dict[str, Any]:
    """K, N and B; from the counts where they are given."""
    sizes: dict[str, Any] = {}
    if args.counts is not None:
        if args.classes is not None or args.samples is not None:
            raise options.UsageError(
                "--counts says K and N already; leave out --classes and --samples"
            )
        from ...problem.counts import parse_counts

        counts = parse_counts(args.counts)
        sizes = {
            "classes": len(counts),
            "samples": math.fsum(counts.values() if isinstance(counts, dict) else counts),
        }
    for name, option in _UNITS.items():
        text = getattr(args, name)
        if text is not None:
            try:
                sizes[name] = int(text) if name == "classes" else float(text)
            except ValueError:
                raise options.UsageError(f"{option} {shown(text)} is not a number") from None
    return sizes


def _lines(found: Converted, given: dict[str, Any]) -> list[Line]:
    """Each decay with its chain of factors, then the options that other commands take."""
    lines: list[Line] = []
    for name in found:
        said = name.replace("_", " ")
        lines.append((said, f"{_written(given[name])} -> {_written(found[name])}"))
        lines += [
            ("", f"x {step.factor:.15g}: {step.why}") for step in found.steps if step.decay == name
        ]
    flags = " ".join(f"--{name.replace('_', '-')} {_written(found[name])}" for name in found)
    return [*lines, ("theirs" if found.back else "canonical", flags)]


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_written, value))
    return value if isinstance(value, str) else f"{float(value):.15g}"
