"""What a command answers, for people: lines that begin with what they are about, and tables. Nothing here prints.

An answer is told, by its type, as paragraphs: lists of lines and `Grid`s. `blocks` prints each, `text_of` all as one text. Numbers have
six digits, values fifteen; a dash stands where there is none.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..analytic.prediction import ClassRow, ClassTable, Prediction
    from ..metrics.compare import Comparison
    from ..metrics.metrics import Measurement
    from ..numeric.balls import Enclosure
    from ..numeric.bounds import Certificate
    from ..numeric.descent import Descent
    from ..numeric.hessian import HessianCheck
    from ..proof import RigorousCertificate
    from ..questions.campaign import Group, Summary
    from ..questions.design import Design, LargestDecay, Side
    from ..questions.recount import Oversampling, SmallestCount
    from ..questions.reweigh import LabelTemperatures
    from ..questions.thresholds import Thresholds
    from ..verification import Verification

#: A line of text: what it is about, and what is said.
Line = tuple[str, str]

MOST_ROWS, SHOWN_ROWS = 40, 12  # a longer table shows so many rows from each end
LONGEST_NAME = 32
STATES = ("active", "vanished", "merged")
STYLES = {"vanished": "bold magenta", "merged": "yellow"}
NUMBERS = ("|w_k|", "|h_k|", "own logit", "margin", "critical count", "critical decay")
COLUMNS = ("class", "count", "state", *NUMBERS)
AS_DECIMALS = "the decimals that are shown; doubles differ from them in the last bit, which decides within an ulp of a threshold"


def text_of(value: Any, *, terminal: bool = False, **context: Any) -> str:
    """The text of a public value, as the command line prints it.

    Parameters
    ----------
    value : Prediction, Thresholds, Verification, Certificate, Measurement, Comparison, an answer of design or a Summary; what has
        no text of its own is shown by its repr
    terminal : whether rows may be colored
    context : what else the command knows (method and seed of a Verification; path and picture of a Summary)

    Examples
    --------
    >>> import ncsolve
    >>> print(text_of(ncsolve.predict(ncsolve.UFM([30, 20]))).splitlines()[3])
    value    0.00496218076502562
    """
    return "\n\n".join(blocks(value, terminal=terminal, **context))


def blocks(value: Any, *, terminal: bool = False, **context: Any) -> Iterator[str]:
    """The paragraphs of `text_of`."""
    known = [TOLD[kind.__name__] for kind in type(value).__mro__ if kind.__name__ in TOLD]
    if not known:
        yield repr(value)
        return
    for told in known[0](value, **context):
        yield told.text(terminal) if isinstance(told, Grid) else text(told)


# Lines, tables, cells.


def text(lines: Iterable[Line]) -> str:
    """Lines with their first words in a column."""
    lines = list(lines)
    width = max(len(key) for key, _ in lines)
    return "\n".join(f"{key:{width}}  {said}" for key, said in lines)


class Grid(NamedTuple):
    """Rows of cells below their heads, columns aligned: words to the left, to the right those listed or, by default, those with a number.

    Attributes
    ----------
    head, rows : the cells
    right : which columns; by default a long first cell is cut
    style : how rich shows a row on a terminal
    note : a line about rows that are left out, and after how many rows it stands
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Collection[int] | None = None
    style: Callable[[Sequence[str]], str] | None = None
    note: tuple[str, int] = ("", 0)

    def text(self, terminal: bool = False) -> str:
        """Its lines as one text."""
        head, rows, right = self.head, self.rows, self.right
        if right is None:
            rows = [(_cut(row[0]), *row[1:]) for row in rows]
            right = {i for i in range(1, len(head)) if any(row[i][:1].isdigit() for row in rows)}
        widths = [max(map(_width, column)) for column in zip(head, *rows, strict=True)]
        lines = []
        for row in (head, *rows):
            blanks = [" " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
            padded = (b + row[i] if i in right else row[i] + b for i, b in enumerate(blanks))
            lines.append("  ".join(padded).rstrip())
        if terminal and self.style is not None:
            styles = ("bold", *map(self.style, rows))
            lines = [_styled(*both) for both in zip(lines, styles, strict=True)]
        note, after = self.note
        if note:
            lines.insert(1 + after, note)
        return "\n".join(lines)


#: A paragraph of an answer.
Told = list[Line] | Grid


def grid(head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """The text of a Grid."""
    return Grid(head, rows, right).text()


def _table(
    head: Sequence[str],
    size: int,
    row: Callable[[int], Sequence[str]],
    counts: Any = None,
    **look: Any,
) -> Grid:
    """A Grid of `row(0)`, `row(1)`, ...; of more than 40 only the first and the last, in order of `counts` if they are given."""
    chosen: Sequence[int] = range(size)
    note = ""
    if size > MOST_ROWS:
        order = chosen if counts is None else (-counts).argsort(kind="stable").tolist()
        chosen = [*order[:SHOWN_ROWS], *order[-SHOWN_ROWS:]]
        note = f"... {size - len(chosen)} more (use --json for all)"
    return Grid(head, [row(k) for k in chosen], **look, note=(note, SHOWN_ROWS))


def cell(number: float | None) -> str:
    """Six digits; a dash where there is no number."""
    return "-" if number is None or math.isnan(number) else f"{number:.6g}"


def number(value: float | None) -> str:
    """Two digits, enough for a difference; a dash where there is none."""
    return "-" if value is None else f"{value:.1e}"


def _named(one: Enum) -> str:
    return f"{one.name}: {one.value}"


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _tally(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers.items())


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 3] + "..."


def _width(cell: str) -> int:
    """Columns of a terminal: wide characters take two, combining ones none."""
    if cell.isascii():
        return len(cell)
    drawn = [c for c in cell if not unicodedata.combining(c)]
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in drawn)


def _styled(line: str, style: str) -> str:
    """The line as rich would show it on a terminal; NO_COLOR is honored."""
    import io

    from rich.console import Console
    from rich.text import Text

    stream = io.StringIO()
    Console(file=stream, force_terminal=True, width=10**6).print(Text(line, style), end="")
    return stream.getvalue()


# A prediction and its checks.


def _prediction(prediction: Prediction) -> Iterator[Told]:
    yield prediction_lines(prediction)
    yield class_table(prediction.classes)


def prediction_lines(prediction: Prediction) -> list[Line]:
    """Problem, theorem, claim, value, what becomes of the classes, uniqueness, warnings."""
    theorem, classes = prediction.theorem, prediction.classes
    claimed = prediction.claim.name not in ("CRITICAL", "BEST_KNOWN")
    unique = "yes, up to rotation"
    if not prediction.unique:
        unique = "no: other geometries have the same value"
    states = {state: int((classes.state == state).sum()) for state in STATES}
    said = _tally({state: times for state, times in states.items() if times})
    if stays := int(((classes.state != "active") & classes.locally_stable).sum()):
        said += f" ({stays} of them may stay non-zero in a local minimum)"
    digits = {"rank": ".0f"}
    facts = {name: f"{fact:{digits.get(name, '.15g')}}" for name, fact in prediction.facts.items()}
    return [
        ("problem", prediction.ufm.words()),
        ("theorem", f"{theorem.name}, {theorem.reference}"),
        ("claim", _named(prediction.claim)),
        ("value", f"{prediction.value:.15g}"),
        *([("geometry", prediction.geometry)] if prediction.geometry else []),
        *((name.replace("_", " "), fact) for name, fact in facts.items()),
        ("classes", said),
        ("unique", unique if claimed else "not claimed"),
        *(("warning", warning) for warning in prediction.warnings),
    ]


def class_table(classes: ClassTable) -> Grid:
    """One row per class; of more than 40 only the largest and the smallest, in order of their counts."""
    look = {"right": {1, *range(3, len(COLUMNS))}, "style": lambda row: STYLES.get(row[2], "")}
    return _table(COLUMNS, len(classes), lambda k: cells(classes[k]), classes.count, **look)


def cells(row: ClassRow) -> tuple[str, ...]:
    """One class as the cells of COLUMNS."""
    whole = row.count == math.floor(row.count) and row.count < 1e15
    count = f"{row.count:.0f}" if whole else cell(row.count)
    norms, critical = (row.weight_norm, row.feature_norm), (row.critical_count, row.critical_decay)
    return (
        _cut(row.name),
        count,
        row.state,
        *map(cell, (*norms, row.own_logit, row.margin, *critical)),
    )


def thresholds_lines(found: Thresholds) -> list[Line]:
    """The decays at which the first and the last class is lost."""
    mean = "the geometric mean of all decays (compare it with the critical decays)"
    lines = [
        ("decay", f"{found.mean_decay:.6g}, {mean}"),
        ("first loss", f"at decay {cell(found.first_loss)}"),
        ("all lost", f"at decay {cell(found.complete_collapse)}"),
    ]
    if (most := found.local_factor) > 1:
        lives = "a non-zero local minimum lives on up to"
        lines.append(("local", f"{lives} {most:.6g} times a critical decay"))
    return lines


def verification_lines(
    found: Verification, method: Descent | None = None, seed: int | None = None
) -> list[Line]:
    """The method, the runs, the certificate, the distances of the best run, the verdict."""
    lines, value = [], found.prediction.value
    if method is not None:
        how = f"{type(method.optimizer).__name__}, {_plural(method.starts, 'start')}, --rng {seed}"
        lines.append(("descent", how))
    for i, run in enumerate(found.runs, start=1):
        excess = f"relative excess {(run.value - value) / abs(value):.6g}"
        how = f"{_plural(run.steps, 'step')}, {_named(run.ending)}"
        lines.append((f"run {i}", f"value {run.value:.15g}, {excess}, {how}"))
    share = {"within_class": "within-class share"}
    metrics = found.metrics.items()
    distances = ", ".join(f"{share.get(name, name)} {distance:.6g}" for name, distance in metrics)
    lines += [*certificate_lines(found.certificate), ("distances", f"of the best run: {distances}")]
    if found.hessian is not None:
        lines.append(("hessian", _hessian(found.hessian)))
    if found.interrupted:
        lines.append(("interrupted", "the runs were cut short; what they reached is kept above"))
    return [*lines, ("verdict", _named(found.verdict))]


def _hessian(check: HessianCheck) -> str:
    kinds = {True: "an isolated minimum up to rotation", False: "not an isolated minimum"}
    kind = "a strict saddle" if check.is_strict_saddle else kinds[check.is_minimum]
    modes = f"{check.expected_zero_modes} zero modes expected from rotations"
    found = "" if check.zero_modes is None else f", {check.zero_modes} found"
    size = f"smallest eigenvalue {check.smallest:.6g}, largest {check.largest:.6g}"
    return f"{kind}: {size}, {modes}{found}"


def certificate_lines(certificate: Certificate | None) -> list[Line]:
    """The lower bound and its gap."""
    if certificate is None:
        return [("certificate", "none is known for this problem")]
    bound, gap = f"{certificate.lower_bound:.15g}", f"{certificate.relative_gap:.6g}"
    how = f"{certificate.method}; floating point, not a proof"
    return [("certificate", f"lower bound {bound}, relative gap {gap} ({how})")]


def rigorous_lines(certificate: RigorousCertificate) -> list[Line]:
    """What is proved: the enclosures, how, each part of the claim, the outcome."""
    findings, outcome = certificate.findings, certificate.outcome
    outside = ", ".join(one.about for one in findings if one.verdict.name == "OUTSIDE")
    left_out = f" (not covered: {outside})" if outside else ""
    gap = f"relative gap {certificate.relative_gap:.6g}"
    proof = f"{certificate.method}, endpoints of {certificate.precision} bits, {gap}"
    tolerance = f"{certificate.claimed.tolerance!r}, relative to the lower end of the minimum"
    return [
        ("objective", _between(certificate.objective)),
        ("minimum", _between(certificate.minimum)),
        ("proof", proof),
        ("tolerance", tolerance),
        *((one.about, f"{one.verdict.value}: {one.says}") for one in findings),
        ("outcome", _named(outcome) + left_out),
        *([("read as", AS_DECIMALS)] if outcome.name == "DISPROVED" else []),
    ]


def _between(enclosure: Enclosure) -> str:
    """Both ends to 21 digits, rounded outwards."""
    from decimal import ROUND_CEILING, ROUND_FLOOR, Context

    ends = ((enclosure.low, ROUND_FLOOR), (enclosure.high, ROUND_CEILING))
    low, high = (Context(21, way).divide(end.numerator, end.denominator) for end, way in ends)
    return f"from {low} to {high}"


# What was measured.


def _measurement(found: Measurement) -> Iterator[Told]:
    """What was measured, the metrics, the paper's own names, the classes, the layers."""
    yield from _measured(found)
    yield Grid(("metric", "value"), [(key, cell(value)) for key, value in found.metrics.items()])
    if found.absent:
        reasons: dict[str, list[str]] = {}
        for key, reason in found.absent.items():
            reasons.setdefault(reason, []).append(key)
        yield [("absent", f"{', '.join(keys)}: {why}") for why, keys in reasons.items()]

    def row(k: int) -> tuple[str, ...]:
        weight = None if found.weight_norm is None else found.weight_norm[k]
        count, name = f"{found.counts[k]:g}", _printable(found.classes[k])
        return (name, count, *map(cell, (weight, found.feature_norm[k], found.variances[k])))

    yield _table(("class", "count", "|w_k|", "|h_k|", "variance"), len(found.classes), row)
    yield from _layers(found.layers)


def _comparison(found: Comparison) -> Iterator[Told]:
    """The prediction, the distances to it and to the targets of balanced theory, the classes, the layers, the verdict."""
    from ..metrics.compare import OTHERS

    m = found.measurement
    yield prediction_lines(found.prediction)
    yield from _measured(m)
    decisive = dict.fromkeys(found.decisive, "held against --tol")
    rows = [(key, cell(value), decisive.get(key, "")) for key, value in found.distances.items()]
    rows += [("procrustes_H", cell(found.procrustes), "")]
    rows += [(key, cell(m[key]), "") for key in OTHERS if key in m]
    yield Grid(("distance", "value", ""), rows)
    biased = any(row.bias or row.predicted_bias for row in found.classes)
    head = ["class", "count", "state", "|w_k|", "predicted", "|h_k|", "predicted"]
    head += [*(["b", "predicted"] if biased else []), "angle", "cos error"]

    def row(k: int) -> tuple[str, ...]:
        one = found.classes[k]
        weight = (one.weight_norm, one.predicted_weight_norm)
        feature = (one.feature_norm, one.predicted_feature_norm)
        biases = (one.bias, one.predicted_bias) if biased else ()
        numbers = map(cell, (*weight, *feature, *biases, one.angle, one.cosine_error))
        return (_printable(one.name), f"{one.count:g}", one.state, *numbers)

    yield _table(head, len(found.classes), row)
    head = ["factor", "largest sigma", "predicted", "scale-free distance", "relative distance"]
    spectra = [
        (one.name, *map(cell, (one.measured[0], one.predicted[0], one.gof, one.relative)))
        for one in found.spectra
    ]
    yield Grid(head, spectra)
    yield from _layers(m.layers)
    key, value = found.largest
    name, where = ("agrees", "within") if found.agrees else ("differs", "beyond")
    largest = f"the largest distance, {key} = {value:.6g}"
    said = f"{largest}, is {where} the tolerance {found.tolerance:g}"
    untested = f"; not tested: {', '.join(found.untested)}" if found.untested else ""
    yield [("verdict", f"{name}: {said}{untested}")]


def _measured(m: Measurement) -> Iterator[Told]:
    """What was measured, and its metrics under the names of the preset's paper."""
    means = {"classes": "mu_C, the mean of class means", "samples": "mu_S, the mean of all samples"}
    size = f"{m.samples} samples in {len(m.classes)} classes, dimension {m.class_means.shape[0]}"
    cut = f"singular values above {m.rank_cut:.3g}"
    lines = [("measured", size), ("rank", f"{m.rank} of the centered class means ({cut})")]
    lines.append(("center", means[m.convention.center]))
    yield [*lines, *([("preset", m.preset)] if m.preset else [])]
    if m.published:
        rows = [(name, cell(value)) for name, value in m.published.items()]
        yield Grid(("published", "value"), rows)


def _layers(layers: Mapping[str, Measurement]) -> Iterator[Told]:
    keys = [
        "nc1_quotient",
        "nc1_cdnv",
        "nc2_etf_H",
        "nc2_of_H",
        "nc2_gof_H",
        "nc2_gof_W",
        "nc3_gof",
    ]
    known = [key for key in keys if any(key in layer for layer in layers.values())]
    rows = []
    for name, layer in layers.items():
        rows.append((name, str(layer.rank), *(cell(layer.get(key)) for key in known)))
    if rows:
        yield Grid(("layer", "rank", *known), rows)


def _printable(label: object) -> str:
    """The label on one line."""
    name = str(label)
    return name if name.isprintable() else repr(name)


# The answers of design.

NEAR_ROWS = 8  # of the classes on each side of a boundary
MOST_NAMES = 6
#: Columns of the classes in an answer of design, and the attributes that hold them.
BY_CLASS = {
    "weight": "weights",
    "label scale": "scales",
    "factor": "factors",
    "samples": "counts",
    "whole factor": "whole_factors",
    "critical before": "critical_before",
    "critical decay": "critical",
    "own logit": "own_logit",
    "|w_k|": "weight_norm",
    "|h_k|": "feature_norm",
}


def _design(found: Design) -> Iterator[Told]:
    """The problem, the answer, what is predicted on both sides, the classes."""
    own: list[Line]
    tables: list[Grid] = []
    if found.question in ANSWERS:
        own, *tables = ANSWERS[found.question](found)
    else:
        words = DESIGNS[found.question].items()
        own = [(name, said.format(found)) for name, said in words]
        own += _sides(found, *SIDES[found.question])
    asked = found.question == "decay" and not getattr(found, "keep_ratios", False)
    says = "the predictions on both sides say so"
    if not found.verified:
        says = "NO: the predictions on both sides do not say so"
    notes = [("note", note) for note in found.notes]
    problem = ("problem", found.ufm.words(decays=not asked))
    yield [problem, *own, *notes, ("verified", says)]
    yield from tables
    held = {name: getattr(found, column, None) for name, column in BY_CLASS.items()}
    columns: dict[str, Any] = {name: held[name] for name in held if held[name] is not None}
    if "whole factor" in columns:
        columns["whole samples"] = columns["whole factor"] * found.ufm.counts

    def row(k: int) -> tuple[str, ...]:
        return (*_class(found, k), *(cell(float(column[k])) for column in columns.values()))

    if columns and not tables:
        yield _table(("class", "count", *columns), found.ufm.classes, row, found.ufm.counts)


def _largest_decay(found: LargestDecay) -> Iterator[Any]:
    import numpy as np

    what = "a factor on the given decays" if found.keep_ratios else "all decays equal"
    who = "classes" if found.wanted.size == found.ufm.classes else "named classes"
    alive = f"{found.needed} of {found.wanted.size} {who} live"
    how = "exact: the next double is too large" if found.exact else "to rounding"
    mean = f", geometric mean of the decays {found.mean_decay:.12g}" if found.keep_ratios else ""
    lines = [
        ("question", f"the largest decay ({what}) at which {alive}"),
        ("answer", f"{found.decay!r} ({how}){mean}"),
        ("recommended", f"{found.recommended:g}, {100.0 * found.distance:.2g} % below it"),
    ]
    if found.local is not None:
        agree = "predictions 1e-9 beside it agree"
        agree = agree if found.local_holds else "predictions beside it DISAGREE"
        many = "so many are at least locally stable"
        lines.append(("local", f"up to {found.local:.12g} {many}: {agree}"))
    lines += [*_sides(found), ("at recommended", _side(found.at_recommended))]
    yield [*lines, ("lost outside", _names(found, found.lost))]
    critical = np.nan_to_num(found.critical, nan=-1.0)
    order = found.wanted[np.argsort(-critical[found.wanted], kind="stable")].tolist()
    near = order[max(0, found.needed - NEAR_ROWS) : found.needed + NEAR_ROWS]
    states = (found.inside.states, found.outside.states)
    rows = [
        (*_class(found, k), cell(found.critical[k]), *(str(state[k]) for state in states))
        for k in near
    ]
    farther = f"({len(order) - len(near)} classes farther from the boundary are not shown"
    note = f"{farther}; use --json for all)" if len(near) < len(order) else ""
    head = ("class", "count", "critical decay", "inside", "outside")
    yield Grid(head, rows, note=(note, len(near)))


def _smallest_count(found: SmallestCount) -> Iterator[Any]:
    lives = "lives" if found.classes.size == 1 else "live"
    whole, top = "no whole number", "no largest one below 1e100"
    if found.integer is not None:
        whole = f"{found.integer:.0f} samples (N = {found.samples:g})"
    if found.largest is not None:
        top = f"up to {found.largest:.9g}, beyond which N has grown too far"
    who = f"{_names(found, found.classes)} {lives}, N growing with it"
    sides = {"at the answer": found.at_integer, "one less": found.below_integer}
    yield [
        ("question", f"the smallest count at which {who}"),
        ("answer", whole),
        ("real", f"{found.count!r}, {top}"),
        *((name, _side(side)) for name, side in sides.items() if side is not None),
        *_sides(found),
    ]


def _label_temperatures(found: LabelTemperatures) -> Iterator[Any]:
    aims = {
        "thresholds": "equal merge thresholds",
        "limit": "classifiers that tend to a simplex ETF as decays vanish",
        "classifiers": "classifiers that are a simplex ETF at the given decays",
    }
    before = f"without temperatures {cell(found.deviation_before)}"
    factor = "factor on the smallest class's temperature"
    limit = f"{cell(found.limit_deviation)} from a simplex ETF as decays vanish"
    yield [
        ("question", f"label temperatures s_k with {aims[found.aim]}; sum of s_k n_k = N"),
        ("answer", "--label-scale is in the table"),
        ("from simplex", f"classifiers at the given decays: {cell(found.deviation)}, {before}"),
        ("in the limit", limit),
        *_sides(found, "all decays" if found.aim == "thresholds" else factor),
    ]


def _oversampling(found: Oversampling) -> Iterator[Any]:
    whole, total = found.whole_factors, "fixed" if found.fixed_total else "growing"
    lines = [("question", f"the smallest oversampling at which every class lives, N {total}")]
    if whole is not None:
        raised, most = int((whole > 1).sum()), f"{float(whole.max()):.0f}"
        answer = f"{raised} classes by whole factors up to {most}; N = {found.whole_samples:g}"
        lines.append(("answer", answer))
    raised, most = int((found.factors > 1.0).sum()), f"{float(found.factors.max()):.6g}"
    lines.append(("real", f"{raised} classes by factors up to {most}; N = {found.samples:g}"))
    if found.at_whole is not None:
        lines.append(("whole", _states(found.at_whole)))
    if found.below_whole is not None:
        lines.append(("one less", f"for the smallest class: {_states(found.below_whole)}"))
    where = "factor on the needed counts" if found.fixed_total else "factor on N"
    yield [*lines, *_sides(found, where)]


def _sides(found: Design, parameter: str = "", number: str = "") -> list[Line]:
    both = {"inside": found.inside, "outside": found.outside}
    return [(name, _side(side, parameter, number)) for name, side in both.items()]


def _side(side: Side, parameter: str = "", number: str = "") -> str:
    where = f"{parameter} {side.at:.15g}" if parameter else f"{side.at!r}"
    measured = f"{number} {side.number:.15g}, " if number else ""
    if parameter.startswith("factor on the smallest"):
        measured = f"its length is {side.number:.12g} times the others', "
    return f"{where}: {measured}{_states(side)}"


def _states(side: Side) -> str:
    return _tally({state: side.tally[state] for state in STATES if state in side.tally})


def _names(found: Design, which: Any) -> str:
    names = [f"{found.ufm.names[k]!r} ({found.ufm.counts[k]:g})" for k in list(which)[:MOST_NAMES]]
    more = f" and {len(which) - MOST_NAMES} more" if len(which) > MOST_NAMES else ""
    return ", ".join(names) + more if names else "none"


def _class(found: Design, k: int) -> tuple[str, str]:
    return found.ufm.names[k], f"{found.ufm.counts[k]:g}"


ANSWERS: dict[str, Callable[[Any], Iterator[Any]]] = {
    "decay": _largest_decay,
    "count": _smallest_count,
    "ldt": _label_temperatures,
    "oversample": _oversampling,
}
#: Answers of few words, to be formatted.
DESIGNS = {
    "class-weights": {
        "question": "class weights in the loss with equal critical decays; sum of omega_k n_k = N",
        "answer": "relative spread {0.spread:.2g}; the weights are in the table",
    },
    "bias-decay": {
        "question": "the bias decay at which class means have cosine {0.cosine:.9g}, {0.angle:.6g} degrees",
        "answer": "{0.bias_decay!r}, where the predicted cosine is {0.reached:.15g}",
        "simplex": "up to {0.simplex_up_to:.12g} the class means are a simplex ETF",
    },
    "width": {
        "question": "the smallest width of every layer that keeps the geometry of full width",
        "answer": "{0.width} (full width {0.full}, value {0.value:.15g})",
    },
}
#: What their two sides move, and what is compared there.
SIDES = {"class-weights": ("all decays",), "bias-decay": ("bias decay", "cosine")}
SIDES |= {"width": ("width", "value")}


# The summary of a campaign.

MOST_FAILURES = 5


def _summary(summary: Summary, path: Any = "", picture: str | None = None) -> Iterator[Told]:
    """What was done, how far it came, what is worst, what to look at; a row per group of loss, depth and bias."""
    drawn = [("picture", picture)] if picture is not None else []
    yield [*_summary_lines(summary, path), *drawn]
    if not summary.groups:
        return
    shown, left = summary.groups[:MOST_ROWS], len(summary.groups) - MOST_ROWS
    rows = [_group(group, summary.spec.actions) for group in shown]
    bad = {
        tuple(row.values())
        for row, group in zip(rows, shown, strict=True)
        if group.verdicts["REFUTED"] or group.verdicts["BEATEN"]
    }
    note = f"... {left} more groups (use --json for all)" if left > 0 else ""
    yield Grid(
        list(rows[0]),
        [tuple(row.values()) for row in rows],
        right={1, *range(3, len(rows[0]))},
        style=lambda row: "bold red" if tuple(row) in bad else "",
        note=(note, len(rows)),
    )


def _summary_lines(summary: Summary, path: Any) -> Iterator[Line]:
    spec, total, failures = summary.spec, summary.total, summary.failures
    verdicts = {verdict: number for verdict, number in total.verdicts.items() if number}
    yield "campaign", f"{' and '.join(spec.actions)}, seed {spec.seed}, spec {spec.digest[:12]}"
    yield "results", str(path)
    far = ", all finished" if summary.complete else " finished"
    said = f"{spec.problems}" if summary.complete else f"{summary.finished} of {spec.problems}"
    errors = f"; {total.errors} {'is an error' if total.errors == 1 else 'are errors'}"
    odd = f", {summary.unexpected} of them unexpected" if summary.unexpected else ""
    yield "problems", said + far + (errors + odd if total.errors else "")
    if summary.stopped:
        yield "stopped", f"{summary.stopped}; the same command goes on"
    if summary.claims:
        yield "claims", _tally(dict(sorted(summary.claims.items())))
    if "verify" in spec.actions:
        yield "verdicts", _tally(verdicts) or "none"
    if "certify" in spec.actions:
        yield "certified", f"{total.certified} within {spec.tolerance:g}, {total.uncertified} not"
    for name, worst in (("worst excess", total.excess), ("worst gap", total.gap)):
        if worst is not None:
            yield name, f"{worst.value:.6g} (problem {worst.index})"
    if summary.contradicted:
        number = verdicts.get("REFUTED", 0) + verdicts.get("BEATEN", 0)
        first, more = ", ".join(map(str, summary.contradicted)), " ..." if number > 10 else ""
        yield "contradicted", f"problem{'s' if number > 1 else ''} {first}{more}"
    for failure in failures[:MOST_FAILURES]:
        many = f"{failure.number} problems, the first is {failure.first}"
        where = f"problem {failure.first}" if failure.number == 1 else many
        yield "error", f"{failure.message} ({where})"
    if len(failures) > MOST_FAILURES:
        yield "errors", f"{len(failures) - MOST_FAILURES} more messages in the file"


def _group(group: Group, actions: Sequence[str]) -> dict[str, str]:
    """The cells of a row by their heads."""
    verify, certify = "verify" in actions, "certify" in actions

    def worst(one: Any) -> str:
        return "-" if one is None else f"{one.value:.2g}"

    row = {"loss": group.loss, "depth": group.depth, "bias": group.bias}
    row |= {"problems": str(group.finished), "errors": str(group.errors)}
    if verify:
        row |= {name.lower(): str(number) for name, number in group.verdicts.items()}
    if certify:
        row |= {"certified": str(group.certified), "not": str(group.uncertified)}
    row |= {"worst excess": worst(group.excess)} if verify else {}
    row |= {"worst gap": worst(group.gap)} if verify or certify else {}
    return row | {"median s": "-" if group.seconds is None else f"{group.seconds:.3g}"}


def _checked(found: Any, lines: Callable[..., list[Line]], **context: Any) -> Iterator[Told]:
    """A prediction, and lines on what was found of it."""
    yield from _prediction(found.prediction)
    yield lines(found, **context)


#: What is said of a value, by the name of its type or of one that it derives from.
TOLD: dict[str, Callable[..., Iterable[Told]]] = {
    "Prediction": _prediction,
    "Thresholds": partial(_checked, lines=thresholds_lines),
    "Verification": partial(_checked, lines=verification_lines),
    "Certificate": lambda found: [certificate_lines(found)],
    "RigorousCertificate": lambda found: [rigorous_lines(found)],
    "Measurement": _measurement,
    "Comparison": _comparison,
    "Design": _design,
    "Summary": _summary,
}
