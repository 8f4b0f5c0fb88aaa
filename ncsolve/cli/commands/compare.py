"""Features and a classifier in a file against the geometry that is predicted for their counts and decays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...show.plots import gallery
from .. import options
from ..answer import CONTRADICTED, DONE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable

    from ...metrics.compare import Comparison

OUT = (".json", ".npz")
KINDS = (*(name for name, kind in gallery.KINDS.items() if kind.of_matrices), "gram-weights")
TOLERANCE = 0.05


def add(parser: ArgumentParser) -> None:
    """A file and a problem in, distances to the prediction out."""
    options.add_snapshot(parser)
    options.add_problem(parser, counted=True)
    group = parser.add_argument_group("comparison")
    group.add_argument("--tol", metavar="X", help=f"distances up to X agree ({TOLERANCE})")
    group.add_argument(
        "--scale-free",
        action="store_true",
        help="hold only nc1_quotient, nc2_gof_H, nc2_gof_W and nc3_gof against --tol",
    )
    group.add_argument(
        "--subset",
        action="store_true",
        help="FILE holds a part of the samples: counts may differ from --counts",
    )
    group.add_argument(
        "--preset",
        metavar="NAME",
        help="conventions and names of a paper: papyan, zhu, dang, hong-ling, galanti",
    )
    picture = options.add_picture(parser)
    picture.add_argument(
        "--picture", metavar="FILE", help="also draw a picture: .png, .svg or .pdf"
    )
    picture.add_argument("--kind", choices=KINDS, help=" | ".join(KINDS) + " (norms)")
    options.add_output(
        parser,
        "also write the JSON document to FILE, or with suffix .npz what was measured as matrices as well",
    )


def check(args: Namespace) -> None:
    """Options that nothing would read are refused."""
    from pathlib import PurePath

    if args.picture is None:
        given = [f"--{name}" for name in ("kind", "size", "dpi") if getattr(args, name) is not None]
        if given:
            raise options.UsageError(f"{given[0]} needs --picture FILE")
    elif (suffix := PurePath(args.picture).suffix.lower()) not in options.PICTURES:
        raise options.UsageError(
            f"--picture {args.picture!r} has suffix {suffix!r}; {' or '.join(options.PICTURES)} works"
        )


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Measure, predict and compare."""
    from ...files import check_writable, write_arrays
    from ...metrics.compare import compare
    from ...metrics.presets import preset_named
    from ...show.metric_text import comparison_blocks
    from ..steps import measured, predicted

    tolerance = options.tolerance(args, TOLERANCE)
    if args.preset is not None:
        preset_named(args.preset)
    if args.picture is not None:
        options.picture(args)
        check_writable(args.picture, overwrite=args.force)
    found = measured(args, terminal)
    counts = {
        str(name): float(count) for name, count in zip(found.classes, found.counts, strict=True)
    }
    prediction = predicted(args, terminal, counts)
    scale_free = args.scale_free or bool(prediction.theorem.limit)  # a limit is known up to scale
    compared = compare(
        found, prediction, tolerance=tolerance, scale_free=scale_free, subset=args.subset
    )
    if args.picture is not None:
        _draw(args, compared)

    def blocks(_terminal: bool) -> Iterable[str]:
        return comparison_blocks(compared)

    body: dict[str, Any] = compared.to_dict()
    body |= {"prediction": prediction.to_dict(), "picture": args.picture}
    code = DONE if compared.agrees else CONTRADICTED

    def save(document: str) -> None:
        write_arrays(args.out, compared.matrices.named("found_"), document, overwrite=args.force)

    matrices = args.out is not None and args.out.lower().endswith(".npz")
    return Answer(body, blocks, code, prediction.warnings, save=save if matrices else None)


def _draw(args: Namespace, compared: Comparison) -> None:
    from ...show import plots
    from ...show.document import result_of

    name, _, which = (args.kind or "norms").partition("-")
    size, dpi = options.picture(args)
    drawn = gallery.drawn(name, result_of(compared), which=which or None)
    plots.save(drawn, args.picture, size=size, dpi=dpi, overwrite=args.force)
