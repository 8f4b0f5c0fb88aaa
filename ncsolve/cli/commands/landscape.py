"""How many directions go down, are flat and go up at a critical point: theory against the dense Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import options
from ..answer import CONTRADICTED, DONE, INCONCLUSIVE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable

    from ...questions.curvature import Family
    from ...questions.landscapes import Landscape
    from ...show.text import Line

COLUMNS = ("auto", "samples", "means")
MOST_MODES = 40


def add(parser: ArgumentParser) -> None:
    """A problem and a point in, the signs of its Hessian's eigenvalues out."""
    options.add_problem(parser)
    group = parser.add_argument_group("landscape")
    group.add_argument(
        "--at",
        metavar="POINT",
        help="minimizer (default), zero, modes=0,2 (these modes on, others zero), unstable (all at their unstable roots), "
        "unstable=1 (that mode there, others as in the minimizer), modes=0,2+unstable=1",
    )
    group.add_argument(
        "--columns",
        choices=COLUMNS,
        help="columns of H: samples (all N), means (K class means), auto (samples if few enough)",
    )
    group.add_argument(
        "--tol", metavar="X", help="share of the largest eigenvalue that counts as zero (1e-10)"
    )
    picture = options.add_picture(parser)
    picture.add_argument(
        "--picture", metavar="FILE", help="all eigenvalues in order (.png, .svg or .pdf)"
    )
    options.add_output(parser)


def check(args: Namespace) -> None:
    """Pictures of unknown kind are refused."""
    options.check_extra_picture(args)


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Predict the inertia, and measure it."""
    from ...files import check_writable
    from ...questions.landscape import critical_point
    from ...questions.landscapes import ZERO, Comparison, measure_inertia
    from ...show.text import grid, prediction_lines, text
    from ..steps import predicted

    if args.picture is not None:
        check_writable(args.picture, overwrite=args.force)
    size, dpi = options.picture(args) if args.picture is not None else (None, 150.0)
    tolerance = options.positive(args.tol, "tol", below=1.0)
    prediction = predicted(args, terminal)
    point = critical_point(prediction, args.at or "minimizer")
    found = measure_inertia(
        point, columns=args.columns or "auto", tolerance=ZERO if tolerance is None else tolerance
    )
    if args.picture is not None:
        from ...show.plots import hessian_spectrum, save

        save(hessian_spectrum(found), args.picture, size=size, dpi=dpi, overwrite=args.force)
    codes = {
        Comparison.AGREES: DONE,
        Comparison.CONTRADICTED: CONTRADICTED,
        Comparison.UNRESOLVED: INCONCLUSIVE,
    }

    def blocks(terminal: bool) -> Iterable[str]:
        yield text([prediction_lines(prediction)[0], *_lines(found)])
        if point.placed is not None:
            rows = point.placed.to_rows()
            shown = rows[:MOST_MODES]
            yield grid(
                ("mode", "tau^2", "at", "sigma"),
                [
                    (row["mode"], f"{row['tau2']:.6g}", row["place"], f"{row['sigma']:.6g}")
                    for row in shown
                ],
                right=(1, 3),
            )
            if len(rows) > len(shown):
                yield f"... {len(rows) - len(shown)} more (use --json for all)"
        if found.families is not None:
            yield grid(
                ("directions", "number", "negative", "smallest", "largest"),
                [_row(family) for family in found.families],
                right=(1, 2, 3, 4),
            )
        counts = [("predicted", found.predicted), ("measured", found.measured)]
        yield grid(
            ("inertia", "negative", "zero", "positive"),
            [(name, str(one.negative), str(one.zero), str(one.positive)) for name, one in counts],
            right=(1, 2, 3),
        )
        drawn = [("picture", args.picture)] if args.picture is not None else []
        yield text([*drawn, ("verdict", f"{found.comparison.name}: {found.comparison.value}")])

    return Answer(found.to_dict(), blocks, codes[found.comparison], point.warnings)


def _lines(found: Landscape) -> list[Line]:
    """Point, value, what was measured."""
    point, ufm = found.point, found.point.ufm
    every = found.columns == ufm.samples
    lines = [
        ("at", point.at),
        ("value", f"{point.value:.15g}"),
        ("gradient", f"norm {found.gradient_norm:.2g}"),
        (
            "hessian",
            f"{found.measured_eigenvalues.size} free numbers, "
            + (
                "all N features"
                if every
                else f"{found.columns} class means (within-class directions left out on both sides)"
            ),
        ),
        ("largest", f"eigenvalue {found.largest:.6g}"),
    ]
    if found.eigenvalue_error is not None:
        lines.append(
            (
                "spectrum",
                f"predicted and measured differ by at most {found.eigenvalue_error:.2g} of the largest",
            )
        )
    return lines + [("warning", warning) for warning in point.warnings]


def _row(family: Family) -> tuple[str, ...]:
    import numpy as np

    negative = (
        int((family.values < -1e-12 * np.abs(family.values).max()).sum()) * family.copies
    )  # rotations are zero to rounding
    return (
        family.directions,
        str(family.size),
        str(negative),
        f"{family.values.min():.6g}",
        f"{family.values.max():.6g}",
    )
