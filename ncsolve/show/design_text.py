"""The answers of design in words: lines, and a table of the classes. Nothing here prints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .text import Line, columns, problem_words, text

if TYPE_CHECKING:
    from ..questions.design import BiasDecay, Design, LargestDecay, Side, SmallestWidth
    from ..questions.recount import Oversampling, SmallestCount
    from ..questions.reweigh import ClassWeights, LabelTemperatures

MOST_ROWS, SHOWN_ROWS = 40, 12  # a longer table shows so many rows from each end
NEAR_ROWS = 8  # of the classes on each side of a boundary
MOST_NAMES = 6


def design_blocks(found: Design) -> Iterator[str]:
    """The problem, the answer, what is predicted on both sides, the classes."""
    lines, table = WORDS[found.question](found)
    asked = found.question == "decay" and not getattr(found, "keep_ratios", False)
    notes: list[Line] = [("note", note) for note in found.notes]
    says = (
        "the predictions on both sides say so"
        if found.verified
        else "NO: the predictions on both sides do not say so"
    )
    yield text(
        [
            ("problem", problem_words(found.ufm, decays=not asked)),
            *lines,
            *notes,
            ("verified", says),
        ]
    )
    if table:
        yield table


def _decay(found: LargestDecay) -> tuple[list[Line], str]:
    what = "a factor on the given decays" if found.keep_ratios else "all decays equal"
    who = "classes" if found.wanted.size == found.ufm.classes else "named classes"
    how = "exact: the next double is too large" if found.exact else "to rounding"
    mean = f", geometric mean of the decays {found.mean_decay:.12g}" if found.keep_ratios else ""
    lines = [
        (
            "question",
            f"the largest decay ({what}) at which {found.needed} of {found.wanted.size} {who} live",
        ),
        ("answer", f"{found.decay!r} ({how}){mean}"),
        ("recommended", f"{found.recommended:g}, {100.0 * found.distance:.2g} % below it"),
    ]
    if found.local is not None:
        lines.append(
            (
                "local",
                f"up to {found.local:.12g} so many are at least locally stable: {_agrees(found.local_holds)}",
            )
        )
    lines += [
        ("inside", _side(found.inside)),
        ("outside", _side(found.outside)),
        ("at recommended", _side(found.at_recommended)),
        ("lost outside", _names(found, found.lost)),
    ]
    order = found.wanted[
        np.argsort(-np.nan_to_num(found.critical[found.wanted], nan=-1.0), kind="stable")
    ]
    shown = order[max(0, found.needed - NEAR_ROWS) : found.needed + NEAR_ROWS]
    n = found.ufm.counts
    rows = [
        (
            found.ufm.names[k],
            f"{n[k]:g}",
            _cell(found.critical[k]),
            str(found.inside.states[k]),
            str(found.outside.states[k]),
        )
        for k in shown.tolist()
    ]
    table = columns(("class", "count", "critical decay", "inside", "outside"), rows)
    if shown.size < order.size:
        table += f"\n({order.size - shown.size} classes farther from the boundary are not shown; use --json for all)"
    return lines, table


def _count(found: SmallestCount) -> tuple[list[Line], str]:
    who = _names(found, found.classes)
    top = (
        "no largest one below 1e100"
        if found.largest is None
        else f"up to {found.largest:.9g}, beyond which N has grown too far"
    )
    whole = (
        "no whole number"
        if found.integer is None
        else f"{found.integer:.0f} samples (N = {found.samples:g})"
    )
    lines = [
        (
            "question",
            f"the smallest count at which {who} {'lives' if found.classes.size == 1 else 'live'}, N growing with it",
        ),
        ("answer", whole),
        ("real", f"{found.count!r}, {top}"),
    ]
    if found.at_integer is not None:
        lines.append(("at the answer", _side(found.at_integer)))
    if found.below_integer is not None:
        lines.append(("one less", _side(found.below_integer)))
    return [*lines, ("inside", _side(found.inside)), ("outside", _side(found.outside))], ""


def _weights(found: ClassWeights) -> tuple[list[Line], str]:
    lines = [
        (
            "question",
            "class weights in the loss with equal critical decays; sum of omega_k n_k = N",
        ),
        ("answer", f"relative spread {found.spread:.2g}; the weights are in the table"),
        ("inside", _side(found.inside, "all decays")),
        ("outside", _side(found.outside, "all decays")),
    ]
    more = {"own logit": found.own_logit, "|w_k|": found.weight_norm, "|h_k|": found.feature_norm}
    given = {name: column for name, column in more.items() if column is not None}
    return lines, _table(
        found,
        {
            "weight": found.weights,
            "critical before": found.critical_before,
            "critical decay": found.critical,
        }
        | given,
    )


def _temperatures(found: LabelTemperatures) -> tuple[list[Line], str]:
    what = {
        "thresholds": "equal merge thresholds",
        "limit": "classifiers that tend to a simplex ETF as decays vanish",
        "classifiers": "classifiers that are a simplex ETF at the given decays",
    }[found.aim]
    parameter = (
        "all decays" if found.aim == "thresholds" else "factor on the smallest class's temperature"
    )
    lines = [
        ("question", f"label temperatures s_k with {what}; sum of s_k n_k = N"),
        ("answer", "--label-scale is in the table"),
        (
            "from simplex",
            f"classifiers at the given decays: {_cell(found.deviation)}, without temperatures {_cell(found.deviation_before)}",
        ),
        ("in the limit", f"{_cell(found.limit_deviation)} from a simplex ETF as decays vanish"),
        ("inside", _side(found.inside, parameter)),
        ("outside", _side(found.outside, parameter)),
    ]
    return lines, _table(
        found,
        {
            "label scale": found.scales,
            "critical before": found.critical_before,
            "critical decay": found.critical,
        },
    )


def _bias(found: BiasDecay) -> tuple[list[Line], str]:
    return [
        (
            "question",
            f"the bias decay at which class means have cosine {found.cosine:.9g}, {found.angle:.6g} degrees",
        ),
        ("answer", f"{found.bias_decay!r}, where the predicted cosine is {found.reached:.15g}"),
        ("simplex", f"up to {found.simplex_up_to:.12g} the class means are a simplex ETF"),
        ("inside", _side(found.inside, "bias decay", "cosine")),
        ("outside", _side(found.outside, "bias decay", "cosine")),
    ], ""


def _oversampling(found: Oversampling) -> tuple[list[Line], str]:
    where = "the needed counts" if found.fixed_total else "N"
    whole = found.whole_factors
    lines = [
        (
            "question",
            f"the smallest oversampling at which every class lives, N {'fixed' if found.fixed_total else 'growing'}",
        )
    ]
    if whole is not None:
        raised, most = int((whole > 1).sum()), float(whole.max())
        lines.append(
            (
                "answer",
                f"{raised} classes by whole factors up to {most:.0f}; N = {found.whole_samples:g}",
            )
        )
    raised, most = int((found.factors > 1.0).sum()), float(found.factors.max())
    lines.append(("real", f"{raised} classes by factors up to {most:.6g}; N = {found.samples:g}"))
    if found.at_whole is not None:
        lines.append(("whole", _tally(found.at_whole)))
    if found.below_whole is not None:
        lines.append(("one less", f"for the smallest class: {_tally(found.below_whole)}"))
    lines += [
        ("inside", _side(found.inside, f"factor on {where}")),
        ("outside", _side(found.outside, f"factor on {where}")),
    ]
    named: dict[str, Any] = {"factor": found.factors, "samples": found.counts}
    return lines, _table(
        found,
        named
        if whole is None
        else named | {"whole factor": whole, "whole samples": whole * found.ufm.counts},
    )


def _width(found: SmallestWidth) -> tuple[list[Line], str]:
    return [
        ("question", "the smallest width of every layer that keeps the geometry of full width"),
        ("answer", f"{found.width} (full width {found.full}, value {found.value:.15g})"),
        ("inside", _side(found.inside, "width", "value")),
        ("outside", _side(found.outside, "width", "value")),
    ], ""


WORDS: dict[str, Any] = {
    "decay": _decay,
    "count": _count,
    "class-weights": _weights,
    "ldt": _temperatures,
    "bias-decay": _bias,
    "oversample": _oversampling,
    "width": _width,
}


def _side(side: Side, parameter: str = "", number: str = "") -> str:
    where = f"{parameter} {side.at:.15g}" if parameter else f"{side.at!r}"
    measured = f"{number} {side.number:.15g}, " if number else ""
    if parameter.startswith("factor on the smallest"):
        measured = f"its length is {side.number:.12g} times the others', "
    return f"{where}: {measured}{_tally(side)}"


def _tally(side: Side) -> str:
    tally = side.tally
    return ", ".join(
        f"{tally[state]} {state}" for state in ("active", "vanished", "merged") if state in tally
    )


def _agrees(holds: bool | None) -> str:
    return "predictions 1e-9 beside it agree" if holds else "predictions beside it DISAGREE"


def _names(found: Design, which: Sequence[int] | np.ndarray) -> str:
    names = [f"{found.ufm.names[k]!r} ({found.ufm.counts[k]:g})" for k in list(which)[:MOST_NAMES]]
    more = f" and {len(which) - MOST_NAMES} more" if len(which) > MOST_NAMES else ""
    return (", ".join(names) + more) if names else "none"


def _table(found: Design, named: dict[str, Any]) -> str:
    """One row per class, of many only the largest and the smallest, in order of their counts."""
    n = found.ufm.counts
    size = n.size
    chosen = list(range(size))
    if size > MOST_ROWS:
        order = (-n).argsort(kind="stable").tolist()
        chosen = order[:SHOWN_ROWS] + order[-SHOWN_ROWS:]
    rows = [
        (found.ufm.names[k], f"{n[k]:g}", *(_cell(float(column[k])) for column in named.values()))
        for k in chosen
    ]
    table = columns(("class", "count", *named), rows)
    if size > MOST_ROWS:
        lines = table.splitlines()
        lines.insert(1 + SHOWN_ROWS, f"... {size - 2 * SHOWN_ROWS} more (use --json for all)")
        table = "\n".join(lines)
    return table


def _cell(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.6g}"
