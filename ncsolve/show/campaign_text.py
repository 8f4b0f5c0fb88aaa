"""The summary of a campaign in words: lines, and a table with a row per group of loss, depth and bias."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .text import Line, grid, styled, text

if TYPE_CHECKING:
    from ..questions.campaign import Group, Summary, Worst

MOST_ROWS, MOST_FAILURES = 40, 5


def summary_blocks(
    summary: Summary,
    path: str | os.PathLike[str],
    plot: str | None = None,
    *,
    watched: bool = False,
) -> Iterator[str]:
    """The paragraphs of the answer."""
    lines = [*summary_lines(summary, path), *([("picture", plot)] if plot is not None else [])]
    yield text(lines)
    if summary.groups:
        yield summary_table(summary, watched=watched)


def summary_lines(summary: Summary, path: str | os.PathLike[str]) -> Iterator[Line]:
    """What was done, how far it came, what is worst, what to look at."""
    spec, total, failures = summary.spec, summary.total, summary.failures
    verdicts = {verdict: number for verdict, number in total.verdicts.items() if number}
    yield "campaign", f"{' and '.join(spec.actions)}, seed {spec.seed}, spec {spec.digest[:12]}"
    yield "results", os.fspath(path)
    far = ", all finished" if summary.complete else " finished"
    said = f"{spec.problems}" if summary.complete else f"{summary.finished} of {spec.problems}"
    errors = f"; {total.errors} {'is an error' if total.errors == 1 else 'are errors'}"
    odd = f", {summary.unexpected} of them unexpected" if summary.unexpected else ""
    yield "problems", said + far + (errors + odd if total.errors else "")
    if summary.stopped:
        yield "stopped", f"{summary.stopped}; the same command goes on"
    if summary.claims:
        yield "claims", _counts(dict(sorted(summary.claims.items())))
    if "verify" in spec.actions:
        yield "verdicts", _counts(verdicts) or "none"
    if "certify" in spec.actions:
        yield "certified", f"{total.certified} within {spec.tolerance:g}, {total.uncertified} not"
    for name, worst in (("worst excess", total.excess), ("worst gap", total.gap)):
        if worst is not None:
            yield name, f"{worst.value:.6g} (problem {worst.index})"
    if summary.contradicted:
        number = verdicts.get("REFUTED", 0) + verdicts.get("BEATEN", 0)
        shown, more = ", ".join(map(str, summary.contradicted)), " ..." if number > 10 else ""
        yield "contradicted", f"problem{'s' if number > 1 else ''} {shown}{more}"
    for failure in failures[:MOST_FAILURES]:
        many = f"{failure.number} problems, the first is {failure.first}"
        where = f"problem {failure.first}" if failure.number == 1 else many
        yield "error", f"{failure.message} ({where})"
    if len(failures) > MOST_FAILURES:
        yield "errors", f"{len(failures) - MOST_FAILURES} more messages in the file"


def summary_table(summary: Summary, *, watched: bool = False) -> str:
    """A row per group; on a terminal, groups with a contradicted prediction are red."""
    shown = summary.groups[:MOST_ROWS]
    rows = [_cells(group, summary.spec.actions) for group in shown]
    right = set(range(len(rows[0]))) - {0, 2}
    lines = grid(list(rows[0]), [list(row.values()) for row in rows], right).splitlines()
    if watched:
        bad = [group.verdicts["REFUTED"] or group.verdicts["BEATEN"] for group in shown]
        styles = ["bold", *("bold red" if contradicted else "" for contradicted in bad)]
        lines = [
            styled(line, style) if style else line
            for line, style in zip(lines, styles, strict=True)
        ]
    if len(summary.groups) > MOST_ROWS:
        lines.append(f"... {len(summary.groups) - MOST_ROWS} more groups (use --json for all)")
    return "\n".join(lines)


def _cells(group: Group, actions: tuple[str, ...]) -> dict[str, str]:
    """The cells of a row by their heads."""
    verify, certify = "verify" in actions, "certify" in actions
    cells = {"loss": group.loss, "depth": group.depth, "bias": group.bias}
    cells |= {"problems": str(group.finished), "errors": str(group.errors)}
    if verify:
        cells |= {name.lower(): str(number) for name, number in group.verdicts.items()}
    if certify:
        cells |= {"certified": str(group.certified), "not": str(group.uncertified)}
    if verify:
        cells["worst excess"] = _two_digits(group.excess)
    if verify or certify:
        cells["worst gap"] = _two_digits(group.gap)
    return cells | {"median s": "-" if group.seconds is None else f"{group.seconds:.3g}"}


def _two_digits(worst: Worst | None) -> str:
    return "-" if worst is None else f"{worst.value:.2g}"


def _counts(numbers: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers.items())
