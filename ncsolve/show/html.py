"""A report on one problem as a single HTML page: numbers, pictures, the theorem with its hypotheses, the verdict. Nothing is loaded."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..version import __version__
from . import text as report
from .plots.gallery import KINDS, drawn

if TYPE_CHECKING:
    from ..analytic.prediction import Prediction
    from ..numeric.bounds import Certificate
    from ..numeric.descent import Descent
    from ..verification import Verification
    from .document import Result
    from .text import Line

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto; }
th, td { padding: .15rem .8rem .15rem 0; text-align: left; vertical-align: top; }
td.n, th.n { text-align: right; white-space: nowrap; } tr.vanished { color: #8a1a6b; } tr.merged { color: #8a5a00; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; } dt { font-weight: 600; } dd { margin: 0; }
figure { margin: 1rem 0; } img { max-width: 100%; }
.verdict { font-size: 1.1rem; padding: .6rem .8rem; border-left: .4rem solid #0072b2; background: #f2f6f9; }
.holds { color: #00684b; } .fails { color: #b33a00; } pre { white-space: pre-wrap; }
footer { margin-top: 3rem; color: #555; font-size: .85rem; }
"""
MOST_ROWS = 2000
PICTURES = ("norms", "scalar")
OF_RUNS = ("objective", "curves", "gram", "spectrum", "cosines", "vectors")


def html_report(
    prediction: Prediction,
    certificate: Certificate | None,
    verified: tuple[Verification, Descent, int] | None,
    when: str,
) -> str:
    """The page.

    Parameters
    ----------
    prediction : Prediction
    certificate : its certificate, None where none is known
    verified : (Verification, method, seed) of `verify`, or None where no descent was asked for
    when : date and time, for the last line

    Examples
    --------
    >>> import ncsolve
    >>> prediction = ncsolve.predict(ncsolve.UFM(counts=[30, 20], weight_decay=1e-3, feature_decay=1e-3))
    >>> page = html_report(prediction, ncsolve.certify(prediction), None, "today")
    >>> page.startswith("<!DOCTYPE html>"), "squared_spectral" in page
    (True, True)
    """
    from ..questions.thresholds import thresholds
    from .document import result_of

    theorem = prediction.theorem
    parts = [
        f"<h1>{_text(_title(prediction))}</h1>",
        f'<p class="verdict">{_text(_verdict(prediction, verified))}</p>',
        _definitions(report.prediction_lines(prediction)),
        "<h2>Classes</h2>",
        _classes(prediction),
        *(
            []
            if theorem.limit
            else [
                "<h2>Thresholds</h2>",
                _definitions(report.thresholds_lines(thresholds(prediction))),
            ]
        ),
        "<h2>Theorem</h2>",
        f"<p>{_text(theorem.statement)}</p><p>{_text(theorem.reference)}</p>",
        _hypotheses(prediction),
        *_statement(prediction),
        "<h2>Lower bound</h2>",
        _definitions(report.certificate_lines(certificate)),
        "<h2>Pictures</h2>",
        *_figures(result_of(prediction), PICTURES),
    ]
    if verified is not None:
        found, method, seed = verified
        parts += ["<h2>Descent</h2>", _definitions(report.verification_lines(found, method, seed))]
        parts += _figures(result_of(found), OF_RUNS)
    parts.append(f"<footer>Made by ncsolve {__version__}, {_text(when)}.</footer>")
    head = f'<meta charset="utf-8"><title>{_text(_title(prediction))}</title><style>{STYLE}</style>'
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _title(prediction: Prediction) -> str:
    ufm = prediction.ufm
    return f"Neural collapse of {ufm.classes} classes, {ufm.samples:g} samples, depth {ufm.depth}"


def _verdict(prediction: Prediction, verified: tuple[Verification, Descent, int] | None) -> str:
    claim = f"{prediction.claim.name}: {prediction.claim.value}."
    if verified is None:
        return claim
    verdict = verified[0].verdict
    return f"{claim} Descent {verdict.name}: {verdict.value}."


def _definitions(lines: Iterable[Line]) -> str:
    return (
        "<dl>"
        + "".join(f"<dt>{_text(key)}</dt><dd>{_text(said)}</dd>" for key, said in lines)
        + "</dl>"
    )


def _classes(prediction: Prediction) -> str:
    rows = [report.cells(row) for row in prediction.classes[:MOST_ROWS]]
    hidden = len(prediction.classes) - len(rows)
    table = _table(
        report.COLUMNS, rows, right=(1, *range(3, len(report.COLUMNS))), kind=lambda i: rows[i][2]
    )
    return table + (f"<p>{hidden} more classes are not shown.</p>" if hidden else "")


def _hypotheses(prediction: Prediction) -> str:
    said = {True: '<td class="holds">holds</td>', False: '<td class="fails">does not hold</td>'}
    rows = "".join(
        f"<tr><td>{_text(words)}</td>{said[holds]}</tr>"
        for words, holds in prediction.theorem_checks
    )
    return (
        f"<table><tr><th>hypothesis</th><th></th></tr>{rows}</table>"
        if rows
        else "<p>No hypotheses.</p>"
    )


def _statement(prediction: Prediction) -> list[str]:
    from ..theorems.statements import sections

    return [
        f"<h3>{_text(heading)}</h3>{_prose(words)}"
        for heading, words in sections(prediction.theorem)[1]
    ]


def _prose(words: str) -> str:
    """Paragraphs; indented ones are formulas and keep their lines."""
    made = []
    for paragraph in words.split("\n\n"):
        tag = "pre" if paragraph.startswith("    ") else "p"
        made.append(
            f"<{tag}>{_text(paragraph if tag == 'pre' else ' '.join(paragraph.split()))}</{tag}>"
        )
    return "".join(made)


def _figures(result: Result, kinds: Sequence[str]) -> list[str]:
    """One figure per kind that the result has; a kind that does not apply is left out."""
    from ..problem.errors import NcsolveError

    made = []
    for name in kinds:
        try:
            axes = drawn(name, result)
        except NcsolveError:
            continue
        shows = _text(KINDS[name].shows)
        picture = base64.b64encode(_svg(axes)).decode()
        made.append(
            f'<figure><img alt="{shows}" src="data:image/svg+xml;base64,{picture}"><figcaption>{shows}</figcaption></figure>'
        )
    return made


def _svg(axes: Any) -> bytes:
    from matplotlib import rc_context

    stream = io.BytesIO()
    with rc_context({"svg.hashsalt": "ncsolve"}):
        axes.get_figure().savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def _table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Iterable[int],
    kind: Callable[[int], str],
) -> str:
    numeric = set(right)

    def line(cells: Sequence[str], tag: str, name: str = "") -> str:
        mark = f' class="{_text(name)}"' if name else ""
        made = (
            f"<{tag}{' class=n' if i in numeric else ''}>{_text(cell)}</{tag}>"
            for i, cell in enumerate(cells)
        )
        return f"<tr{mark}>{''.join(made)}</tr>"

    return (
        "<table>"
        + line(head, "th")
        + "".join(line(row, "td", kind(i)) for i, row in enumerate(rows))
        + "</table>"
    )


def _text(words: str) -> str:
    return html.escape(words)
