"""A report on one problem as a single HTML page: numbers, pictures, the theorem with its hypotheses, the verdict. Nothing is loaded."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..version import __version__
from . import text as report
from .gallery import KINDS, drawn

if TYPE_CHECKING:
    from ..analytic.prediction import Prediction
    from ..numeric.bounds import Certificate
    from ..numeric.descent import Descent
    from ..verification import Verification
    from .document import CommandResult

PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title><style>
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
</style></head>
<body>
{% macro lines(pairs) %}<dl>{% for key, said in pairs %}<dt>{{ key }}</dt><dd>{{ said }}</dd>{% endfor %}</dl>{% endmacro -%}
{% macro figures(pictures) %}{% for shows, picture in pictures -%}
<figure><img alt="{{ shows }}" src="data:image/svg+xml;base64,{{ picture }}"><figcaption>{{ shows }}</figcaption></figure>
{% endfor %}{% endmacro -%}
<h1>{{ title }}</h1>
<p class="verdict">{{ verdict }}</p>
{{ lines(about) }}
<h2>Classes</h2>
<table><tr>{% for name in columns %}<th{{ mark(loop.index0) }}>{{ name }}</th>{% endfor %}</tr>
{%- for cells in classes %}<tr class="{{ cells[2] }}">
{%- for cell in cells %}<td{{ mark(loop.index0) }}>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>
{%- if hidden %}<p>{{ hidden }} more classes are not shown.</p>{% endif %}
{% if losses %}<h2>Thresholds</h2>
{{ lines(losses) }}
{% endif %}<h2>Theorem</h2>
<p>{{ theorem.statement }}</p><p>{{ theorem.reference }}</p>
{% if checks %}<table><tr><th>hypothesis</th><th></th></tr>
{%- for words, holds in checks %}<tr><td>{{ words }}</td>
{%- if holds %}<td class="holds">holds</td>{% else %}<td class="fails">does not hold</td>{% endif %}</tr>{% endfor %}</table>
{%- else %}<p>No hypotheses.</p>{% endif %}
{% for heading, paragraphs in sections %}<h3>{{ heading }}</h3>
{%- for words in paragraphs %}
{%- if words.startswith("    ") %}<pre>{{ words }}</pre>{% else %}<p>{{ " ".join(words.split()) }}</p>{% endif %}
{%- endfor %}
{% endfor %}<h2>Lower bound</h2>
{{ lines(bound) }}
<h2>Pictures</h2>
{{ figures(pictures) -}}
{% if runs %}<h2>Descent</h2>
{{ lines(runs) }}
{{ figures(of_runs) -}}
{% endif %}<footer>Made by ncsolve {{ version }}, {{ when }}.</footer>
</body></html>
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
    from jinja2 import Environment
    from markupsafe import Markup

    from ..questions.thresholds import thresholds
    from ..theorems.statements import sections
    from .document import result_of

    ufm, theorem, claim = prediction.ufm, prediction.theorem, prediction.claim
    size = f"{ufm.classes} classes, {ufm.samples:g} samples, depth {ufm.depth}"
    verdict, runs, of_runs = f"{claim.name}: {claim.value}.", [], list[tuple[str, str]]()
    if verified is not None:
        found = verified[0]
        verdict += f" Descent {found.verdict.name}: {found.verdict.value}."
        runs = list(report.verification_lines(*verified))
        of_runs = list(_pictures(result_of(found), OF_RUNS))
    losses = [] if theorem.limit else report.thresholds_lines(thresholds(prediction))
    page = Environment(autoescape=True, keep_trailing_newline=True).from_string(PAGE)
    return page.render(
        title=f"Neural collapse of {size}",
        verdict=verdict,
        about=report.prediction_lines(prediction),
        columns=report.COLUMNS,
        mark=lambda i: Markup("" if i in (0, 2) else " class=n"),
        classes=[report.cells(row) for row in prediction.classes[:MOST_ROWS]],
        hidden=max(len(prediction.classes) - MOST_ROWS, 0),
        losses=losses,
        theorem=theorem,
        checks=prediction.theorem_checks,
        sections=[(heading, words.split("\n\n")) for heading, words in sections(theorem)[1]],
        bound=report.certificate_lines(certificate),
        pictures=_pictures(result_of(prediction), PICTURES),
        runs=runs,
        of_runs=of_runs,
        version=__version__,
        when=when,
    )


def _pictures(result: CommandResult, kinds: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What is shown, and the picture in base 64, for each kind that the result has; a kind that does not apply is left out."""
    from ..problem.errors import NcsolveError
    from .plots.style import draw

    for name in kinds:
        stream = io.BytesIO()
        try:
            axes = drawn(name, result)
        except NcsolveError:
            continue
        draw(axes, stream, "svg")
        yield KINDS[name].shows, base64.b64encode(stream.getvalue()).decode()
