"""Theorems and refuted claims as text: their files' own words, cut into sections, and the page of errata."""

from __future__ import annotations

import importlib
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from .. import theorems as registry
from ..analytic.refutation import Refutation
from ..problem.errors import NoTheorem
from ..theorems import refuted, theorems
from ..theorems.refuted import refutations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..analytic.theorem import Hypothesis, Theorem
    from ..show.text import Line

HEADINGS = (
    "Problem",
    "Statement",
    "What is returned",
    "Edge cases",
    "Proof",
    "Published",
    "Counterexample",
    "Why",
    "The reading",
    "Instead",
    "Source",
)
COLUMNS = ("loss", "depth", "imbalance", "bias", "features")
_HEADING = re.compile(rf"^({'|'.join(HEADINGS)})\. ", re.MULTILINE)


def entries() -> list[Theorem | Refutation]:
    """Every theorem, strongest claim first, then every refuted claim."""
    return [*theorems(), *refutations()]


def entry(name: str) -> Theorem | Refutation:
    """The theorem or refuted claim of that name.

    Raises
    ------
    NoTheorem
        There is none; the message gives the closest name, or all.
    """
    named = {one.name: one for one in entries()}
    if name in named:
        return named[name]
    near = get_close_matches(name, named, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(named)} works"
    raise NoTheorem(f"no theorem is called {name!r}; {advice}")


def claim(one: Theorem | Refutation) -> str:
    """GLOBAL, CERTIFIED, CRITICAL, BEST_KNOWN or REFUTED."""
    return "REFUTED" if isinstance(one, Refutation) else one.claim.name


def scope(hypotheses: Sequence[Hypothesis]) -> dict[str, str]:
    """What the hypotheses say of loss, depth, imbalance, bias and features; "any" where they say nothing."""
    said = {
        column: [h.restricts[column] for h in hypotheses if column in h.restricts]
        for column in COLUMNS
    }
    return {column: ", ".join(words) or "any" for column, words in said.items()}


def sections(one: Theorem | Refutation) -> tuple[str, list[tuple[str, str]]]:
    """Title and (heading, text) of the file that states it.

    Examples
    --------
    >>> title, parts = sections(entry("squared_spectral"))
    >>> title, [heading for heading, _ in parts]
    ('Squared loss, one-hot labels: one theorem for every depth, width, imbalance and bias (none or free).', \
['Problem', 'Statement', 'Edge cases', 'Proof', 'Source'])
    """
    home = refuted if isinstance(one, Refutation) else registry
    words = importlib.import_module(f"{home.__name__}.{one.name}").__doc__ or ""
    title, _, rest = words.strip().partition("\n")
    parts = _HEADING.split(rest.strip())[1:]
    return title, [
        (heading, text.strip("\n")) for heading, text in zip(parts[::2], parts[1::2], strict=True)
    ]


def rows() -> list[dict[str, str]]:
    """One row per theorem, strongest claim first, then one per refuted claim: name, statement, reference, claim and scope."""
    return [
        {
            "name": one.name,
            "statement": one.statement,
            "reference": one.reference,
            "claim": claim(one),
        }
        | scope(one.hypotheses)
        for one in entries()
    ]


def document(one: Theorem | Refutation) -> dict[str, Any]:
    """Everything that is stated, as plain values."""
    title, parts = sections(one)
    body: dict[str, Any] = {"name": one.name, "title": title, "claim": claim(one)}
    body |= {"statement": one.statement, "reference": one.reference} | scope(one.hypotheses)
    body |= {"hypotheses": [h.text for h in one.hypotheses], "sections": dict(parts)}
    if isinstance(one, Refutation):
        body |= {"fails": one.fails, "instead": one.instead, "holds": one.holds}
        return body | {"counterexample": one.evaluate().to_dict()}
    return body | {"cases": [case.reference for case in one.cases], "limit": one.limit or None}


def lines(one: Theorem | Refutation) -> list[Line]:
    """The head of `ncsolve theorems show`: claim, scope, hypotheses, cases or counterexample."""
    said: list[Line] = [("name", one.name), ("claim", _claim_in_words(one))]
    said += [(column, words) for column, words in scope(one.hypotheses).items()]
    said += [("hypothesis", h.text) for h in one.hypotheses]
    if isinstance(one, Refutation):
        found = one.evaluate()
        said += [
            ("problem", command(found.ufm.to_dict())),
            (
                "published",
                f"{found.published:.15g} at the point that is claimed to be a global minimizer",
            ),
            (
                "better",
                f"{found.better:.15g} at an explicit other point, lower by {found.excess:.3g} of it",
            ),
            ("holds", f"{one.holds} (ncsolve theorems show {one.holds})"),
        ]
    else:
        said += [("case", case.reference) for case in one.cases]
    return [*said, ("reference", one.reference)]


def command(problem: dict[str, Any]) -> str:
    """The problem in the words of the command line, where it has such words."""
    counts = ",".join(f"{n:g}" for n in problem["counts"])
    words = [f"--counts {counts}", *(["--loss ce"] if problem["loss"] == "ce" else [])]
    words += [f"--depth {problem['depth']}", f"--width {_each(problem['width'])}"]
    words += [
        f"--weight-decay {_each(problem['weight_decay'])}",
        f"--feature-decay {problem['feature_decay']:g}",
    ]
    words += [f"--bias {problem['bias']}"] if problem["bias"] != "none" else []
    words += ["--features relu"] if problem["features"] == "relu" else []
    words += [f"targets {problem['targets']}"] if "targets" in problem else []
    return " ".join(words)


def errata() -> str:
    """The page of errata in Markdown, made from the files of refuted claims."""
    parts = [
        "# Errata",
        "Published claims that do not hold as they stand. Each has a problem, two explicit points and their raw objectives: the point that "
        "the claim calls a global minimizer, and one that lies lower. `ncsolve theorems check NAME` evaluates both again, on this problem "
        "and on random ones. The papers' other results are not concerned; most of them are theorems of this package. This page is made "
        "by `python docs/errata.py` from `ncsolve/theorems/refuted/`.",
    ]
    for one in refutations():
        title, words = sections(one)
        found = one.evaluate()
        parts += [f"## {title.rstrip('.')}", f"`{one.name}`, {one.reference}."]
        parts += [f"**{heading}.** {_paragraph(text)}" for heading, text in words]
        parts.append(
            "| point | objective |\n|---|---|\n"
            f"| claimed to be a global minimizer | {found.published:.12g} |\n| explicit other point | {found.better:.12g} |"
        )
        parts.append(
            f"What holds: `ncsolve theorems show {one.holds}`. Problem: `{command(found.ufm.to_dict())}`."
        )
    return "\n\n".join(parts) + "\n"


def _claim_in_words(one: Theorem | Refutation) -> str:
    if isinstance(one, Refutation):
        return f"REFUTED: {one.fails} {one.instead}"
    return f"{one.claim.name}: {one.claim.value}"


def _each(values: list[Any]) -> str:
    distinct = values[:1] if len(set(values)) == 1 else values
    return ",".join(f"{value:g}" for value in distinct)


def _paragraph(text: str) -> str:
    """Markdown: stars and underscores of formulas are not emphasis."""
    return re.sub(r"([*_|])", r"\\\1", " ".join(text.split()))
