"""The summary of a campaign in words: lines, and a table with a row per group of loss, depth and bias."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ...show.text import Line, styled, text
from .summary import VERDICTS

if TYPE_CHECKING:
    from .summary import Group, Summary, Worst

MOST_ROWS, MOST_FAILURES = 40, 5


def summary_blocks(
    summary: Summary,
    path: str | os.PathLike[str],
    plot: str | None = None,
    *,
    watched: bool = False,
) -> Iterable[str]:
    """The paragraphs of the answer."""
    yield text(summary_lines(summary, path, plot))
    if summary.groups:
        yield summary_table(summary, watched=watched)


def summary_lines(
    summary: Summary, path: str | os.PathLike[str], plot: str | None = None
) -> list[Line]:
    """What was done, how far it came, what is worst, what to look at."""
    spec, total = summary.spec, summary.total
    done = (
        f"{summary.finished} of {spec.problems} finished"
        if not summary.complete
        else f"{spec.problems}, all finished"
    )
    lines = [
        ("campaign", f"{' and '.join(spec.actions)}, seed {spec.seed}, spec {spec.digest[:12]}"),
        ("results", os.fspath(path)),
        ("problems", done + (f"; {_errors(summary)}" if total.errors else "")),
    ]
    if summary.stopped:
        lines.append(("stopped", f"{summary.stopped}; the same command goes on"))
    if summary.claims:
        lines.append(
            (
                "claims",
                ", ".join(f"{number} {claim}" for claim, number in sorted(summary.claims.items())),
            )
        )
    if "verify" in spec.actions:
        verdicts = ", ".join(
            f"{number} {verdict}" for verdict, number in total.verdicts.items() if number
        )
        lines.append(("verdicts", verdicts or "none"))
    if "certify" in spec.actions:
        said = f"{total.certified} within {spec.tolerance:g}, {total.uncertified} not"
        lines.append(("certified", said))
    if total.excess is not None:
        lines.append(("worst excess", _worst(total.excess)))
    if total.gap is not None:
        lines.append(("worst gap", _worst(total.gap)))
    if summary.contradicted:
        number = sum(total.verdicts[verdict] for verdict in ("REFUTED", "BEATEN"))
        shown = ", ".join(map(str, summary.contradicted))
        lines.append(
            (
                "contradicted",
                f"problem{'s' if number > 1 else ''} {shown}{' ...' if number > 10 else ''}",
            )
        )
    for failure in summary.failures[:MOST_FAILURES]:
        where = (
            f"problem {failure.first}"
            if failure.number == 1
            else f"{failure.number} problems, the first is {failure.first}"
        )
        lines.append(("error", f"{failure.message} ({where})"))
    if len(summary.failures) > MOST_FAILURES:
        lines.append(
            ("errors", f"{len(summary.failures) - MOST_FAILURES} more messages in the file")
        )
    if plot is not None:
        lines.append(("picture", plot))
    return lines


def summary_table(summary: Summary, *, watched: bool = False) -> str:
    """A row per group, with the columns that the actions fill."""
    verify, certify = "verify" in summary.spec.actions, "certify" in summary.spec.actions
    header = ["loss", "depth", "bias", "problems", "errors"]
    header += [verdict.lower() for verdict in VERDICTS] if verify else []
    header += ["certified", "not"] if certify else []
    header += ["worst excess"] if verify else []
    header += ["worst gap"] if verify or certify else []
    rows = [_row(group, verify, certify) for group in summary.groups[:MOST_ROWS]]
    header.append("median s")
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [_aligned(cells, widths) for cells in (header, *rows)]
    if watched:
        bad = [group.verdicts["REFUTED"] or group.verdicts["BEATEN"] for group in summary.groups]
        lines = [
            styled(lines[0], "bold"),
            *(styled(line, "bold red") if bad[i] else line for i, line in enumerate(lines[1:])),
        ]
    if len(summary.groups) > MOST_ROWS:
        lines.append(f"... {len(summary.groups) - MOST_ROWS} more groups (use --json for all)")
    return "\n".join(lines)


def _row(group: Group, verify: bool, certify: bool) -> list[str]:
    cells = [group.loss, group.depth, group.bias, str(group.finished), str(group.errors)]
    cells += [str(group.verdicts[verdict]) for verdict in VERDICTS] if verify else []
    cells += [str(group.certified), str(group.uncertified)] if certify else []
    cells += [_value(group.excess)] if verify else []
    cells += [_value(group.gap)] if verify or certify else []
    return [*cells, "-" if group.seconds is None else f"{group.seconds:.3g}"]


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Words to the left, numbers to the right."""
    padded = [
        cell.ljust(w) if i in (0, 2) else cell.rjust(w)
        for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()


def _value(worst: Worst | None) -> str:
    return "-" if worst is None else f"{worst.value:.2g}"


def _worst(worst: Worst) -> str:
    return f"{worst.value:.6g} (problem {worst.index})"


def _errors(summary: Summary) -> str:
    number = summary.total.errors
    said = f"{number} {'is an error' if number == 1 else 'are errors'}"
    return said + (f", {summary.unexpected} of them unexpected" if summary.unexpected else "")
