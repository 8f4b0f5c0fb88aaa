"""What a command answers: lines and a per-class table for people, one JSON document for programs. Nothing here prints."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..version import __version__

if TYPE_CHECKING:
    from ..analytic.prediction import ClassRow, ClassTable, Prediction
    from ..numeric.balls import Enclosure
    from ..numeric.bounds import Certificate
    from ..numeric.descent import Descent
    from ..numeric.hessian import HessianCheck
    from ..problem.ufm import UFM
    from ..proof import RigorousCertificate
    from ..questions.thresholds import Thresholds
    from ..verification import Verification

#: A line of text: what it is about, and what is said.
Line = tuple[str, str]

MOST_ROWS, SHOWN_ROWS = 40, 12  # a longer table shows so many rows from each end
LONGEST_NAME = 32
COLUMNS = (
    "class",
    "count",
    "state",
    "|w_k|",
    "|h_k|",
    "own logit",
    "margin",
    "critical count",
    "critical decay",
)
AS_DECIMALS = "the decimals that are shown; doubles differ from them in the last bit, which decides within an ulp of a threshold"
STYLES = {"vanished": "bold magenta", "merged": "yellow"}


def prediction_lines(prediction: Prediction) -> list[Line]:
    """Problem, theorem, claim, value, what becomes of the classes, uniqueness, warnings."""
    theorem = prediction.theorem
    return [
        ("problem", problem_words(prediction.ufm)),
        ("theorem", f"{theorem.name}, {theorem.reference}"),
        ("claim", f"{prediction.claim.name}: {prediction.claim.value}"),
        ("value", f"{prediction.value:.15g}"),
        *((("geometry", prediction.geometry),) if prediction.geometry else ()),
        *(
            (name.replace("_", " "), f"{fact:.15g}" if name != "rank" else f"{fact:.0f}")
            for name, fact in prediction.facts.items()
        ),
        ("classes", _states(prediction.classes)),
        ("unique", _unique(prediction)),
        *(("warning", warning) for warning in prediction.warnings),
    ]


def prediction_text(prediction: Prediction, terminal: bool = False) -> str:
    """What `ncsolve predict` prints of a prediction: its lines, then the table of classes."""
    return f"{text(prediction_lines(prediction))}\n\n{table(prediction.classes, terminal)}"


def thresholds_lines(found: Thresholds) -> list[Line]:
    """The decays at which the first and the last class is lost."""
    lines = [
        (
            "decay",
            f"{found.mean_decay:.6g}, the geometric mean of all decays (compare it with the critical decays)",
        ),
        ("first loss", f"at decay {_cell(found.first_loss)}"),
        ("all lost", f"at decay {_cell(found.complete_collapse)}"),
    ]
    if found.local_factor > 1:
        lines.append(
            (
                "local",
                f"a non-zero local minimum lives on up to {found.local_factor:.6g} times a critical decay",
            )
        )
    return lines


def verification_lines(found: Verification, method: Descent, seed: int) -> list[Line]:
    """The runs, the certificate, the distances of the best run, the verdict."""
    predicted = found.prediction.value
    lines = [
        (
            "descent",
            f"{type(method.optimizer).__name__}, {_plural(method.starts, 'start')}, --rng {seed}",
        )
    ]
    for i, run in enumerate(found.runs, start=1):
        excess = (run.value - predicted) / abs(predicted)
        lines.append(
            (
                f"run {i}",
                f"value {run.value:.15g}, relative excess {excess:.6g}, {_plural(run.steps, 'step')}, "
                f"{run.ending.name}: {run.ending.value}",
            )
        )
    names = {"within_class": "within-class share"}
    distances = ", ".join(
        f"{names.get(name, name)} {distance:.6g}" for name, distance in found.metrics.items()
    )
    lines += [*certificate_lines(found.certificate), ("distances", f"of the best run: {distances}")]
    if found.hessian is not None:
        lines.append(("hessian", _hessian(found.hessian)))
    if found.interrupted:
        lines.append(("interrupted", "the runs were cut short; what they reached is kept above"))
    return [*lines, ("verdict", f"{found.verdict.name}: {found.verdict.value}")]


def certificate_lines(certificate: Certificate | None) -> list[Line]:
    """The lower bound and its gap."""
    if certificate is None:
        return [("certificate", "none is known for this problem")]
    bound = (
        f"lower bound {certificate.lower_bound:.15g}, relative gap {certificate.relative_gap:.6g}"
    )
    return [("certificate", f"{bound} ({certificate.method}; floating point, not a proof)")]


def rigorous_lines(certificate: RigorousCertificate) -> list[Line]:
    """What is proved: the enclosures, how, each part of the claim, the outcome."""
    minimum, objective = certificate.minimum, certificate.objective
    outside = ", ".join(
        finding.about for finding in certificate.findings if finding.verdict.name == "OUTSIDE"
    )
    left_out = f" (not covered: {outside})" if outside else ""
    said = [("read as", AS_DECIMALS)] if certificate.outcome.name == "DISPROVED" else []
    return [
        ("objective", _between(objective)),
        ("minimum", _between(minimum)),
        (
            "proof",
            f"{certificate.method}, endpoints of {certificate.precision} bits, relative gap {certificate.relative_gap:.6g}",
        ),
        (
            "tolerance",
            f"{certificate.claimed.tolerance!r}, relative to the lower end of the minimum",
        ),
        *(
            (finding.about, f"{finding.verdict.value}: {finding.says}")
            for finding in certificate.findings
        ),
        ("outcome", f"{certificate.outcome.name}: {certificate.outcome.value}{left_out}"),
        *said,
    ]


def _between(enclosure: Enclosure) -> str:
    """Both ends to 21 digits, rounded outwards."""
    from decimal import ROUND_CEILING, ROUND_FLOOR, Context

    low, high = (
        Context(21, rounding).divide(end.numerator, end.denominator)
        for end, rounding in ((enclosure.low, ROUND_FLOOR), (enclosure.high, ROUND_CEILING))
    )
    return f"from {low} to {high}"


def text(lines: Sequence[Line]) -> str:
    """Lines with their first words in a column."""
    width = max(len(key) for key, _ in lines)
    return "\n".join(f"{key:{width}}  {said}" for key, said in lines)


def grid(head: Sequence[str], rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> str:
    """Rows of cells below their heads, columns aligned: to the right those listed in `right`."""
    widths = [max(map(_width, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        _aligned(line, widths, set(range(len(head))) - set(right)) for line in (head, *rows)
    )


def number(value: float | None) -> str:
    """Two digits, enough for a difference; a dash where there is none."""
    return "-" if value is None else f"{value:.1e}"


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A grid with words to the left and numbers to the right; a long first cell is cut."""
    cut = [[_cut(cell) if i == 0 else cell for i, cell in enumerate(row)] for row in rows]
    numeric = [i for i in range(1, len(header)) if any(row[i][:1].isdigit() for row in cut)]
    return grid(header, cut, numeric)


def table(classes: ClassTable, terminal: bool = False) -> str:
    """One row per class; of more than 40 classes only the largest and the smallest, in order of their counts."""
    size = len(classes)
    if size <= MOST_ROWS:
        head, tail = list(range(size)), []
    else:
        order = (-classes.count).argsort(kind="stable").tolist()
        head, tail = order[:SHOWN_ROWS], order[-SHOWN_ROWS:]
    rows = [cells(classes[k]) for k in (*head, *tail)]
    widths = [max(map(_width, column)) for column in zip(COLUMNS, *rows, strict=True)]
    lines = [
        _aligned(line, widths, (0, 2)) for line in (COLUMNS, *rows)
    ]  # names and states to the left
    if terminal:
        lines = [
            styled(line, "bold" if i == 0 else STYLES.get(rows[i - 1][2], ""))
            for i, line in enumerate(lines)
        ]
    if tail:
        lines.insert(1 + len(head), f"... {size - len(head) - len(tail)} more (use --json for all)")
    return "\n".join(lines)


def document(command: str, body: dict[str, Any], provenance: dict[str, Any]) -> str:
    """One JSON document: top-level entries on lines of their own, rows of a table too; numbers that are not finite are null."""
    entries = (
        {"schema": f"ncsolve/{command}/1", "ncsolve_version": __version__}
        | body
        | {"provenance": provenance}
    )
    return (
        "{\n"
        + ",\n".join(f"  {json.dumps(key)}: {_entry(value)}" for key, value in entries.items())
        + "\n}\n"
    )


def _entry(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"    {_json(row)}" for row in value) + "\n  ]"
    return _json(value)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    """The value with null for every number that JSON cannot hold."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def problem_words(ufm: UFM, *, decays: bool = True) -> str:
    """The problem on one line; without its decays where they are what is asked for."""
    return ufm.words(decays=decays)


def _unique(prediction: Prediction) -> str:
    if prediction.claim.name in ("CRITICAL", "BEST_KNOWN"):
        return "not claimed"
    return (
        "yes, up to rotation" if prediction.unique else "no: other geometries have the same value"
    )


def _states(classes: ClassTable) -> str:
    number = {
        state: int((classes.state == state).sum()) for state in ("active", "vanished", "merged")
    }
    said = ", ".join(f"{times} {state}" for state, times in number.items() if times)
    stays = int(((classes.state != "active") & classes.locally_stable).sum())
    return said + (f" ({stays} of them may stay non-zero in a local minimum)" if stays else "")


def _hessian(check: HessianCheck) -> str:
    kind = "an isolated minimum up to rotation" if check.is_minimum else "not an isolated minimum"
    kind = "a strict saddle" if check.is_strict_saddle else kind
    zero = "" if check.zero_modes is None else f", {check.zero_modes} found"
    return (
        f"{kind}: smallest eigenvalue {check.smallest:.6g}, largest {check.largest:.6g}, "
        f"{check.expected_zero_modes} zero modes expected from rotations{zero}"
    )


def cells(row: ClassRow) -> tuple[str, ...]:
    """One class as the cells of COLUMNS."""
    numbers = (
        row.weight_norm,
        row.feature_norm,
        row.own_logit,
        row.margin,
        row.critical_count,
        row.critical_decay,
    )
    return (_cut(row.name), _count(row.count), row.state, *map(_cell, numbers))


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 3] + "..."


def _cell(number: float | None) -> str:
    return "-" if number is None else f"{number:.6g}"


def _count(number: float) -> str:
    return f"{number:.0f}" if number == math.floor(number) and number < 1e15 else f"{number:.6g}"


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _aligned(cells: Sequence[str], widths: Sequence[int], left: Collection[int]) -> str:
    padded = []
    for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        blanks = " " * (width - _width(cell))
        padded.append(cell + blanks if i in left else blanks + cell)
    return "  ".join(padded).rstrip()


def _width(cell: str) -> int:
    """Columns of a terminal: wide characters take two, combining ones none."""
    if cell.isascii():
        return len(cell)
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in cell
    )


def styled(line: str, style: str) -> str:
    """The line as rich would show it on a terminal; NO_COLOR is honored."""
    import io

    from rich.console import Console
    from rich.text import Text

    stream = io.StringIO()
    Console(file=stream, force_terminal=True, width=10**6).print(Text(line, style), end="")
    return stream.getvalue()
