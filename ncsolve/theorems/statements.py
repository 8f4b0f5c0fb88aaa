"""Theorems and refuted claims in their files' own words, cut into sections."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..analytic.theorem import Hypothesis, Theorem
from ..problem.errors import NoTheorem
from . import theorems
from .refuted import Refutation, refutations

HEADINGS = (
    *("Problem", "Statement", "What is returned", "Edge cases", "Proof", "Published"),
    *("Counterexample", "Why", "The reading", "Instead", "Source"),
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
    """Title and (heading, text) of the file that states it, read from the file: python -OO keeps no docstrings.

    Examples
    --------
    >>> title, parts = sections(entry("squared_spectral"))
    >>> title, [heading for heading, _ in parts]
    ('Squared loss, one-hot labels: one theorem for every depth, width, imbalance and bias (none or free).', \
['Problem', 'Statement', 'Edge cases', 'Proof', 'Source'])
    """
    folder = Path(__file__).parent / ("refuted" if isinstance(one, Refutation) else "")
    file = ast.parse((folder / f"{one.name}.py").read_text(encoding="utf-8"))
    words = ast.get_docstring(file, clean=False) or ""
    title, _, rest = words.strip().partition("\n")
    parts = _HEADING.split(rest.strip())[1:]
    return title, [
        (heading, text.strip("\n")) for heading, text in zip(parts[::2], parts[1::2], strict=True)
    ]


def rows() -> list[dict[str, str]]:
    """One row per theorem, strongest claim first, then one per refuted claim: name, statement, reference, claim and scope."""
    return [_head(one) | scope(one.hypotheses) for one in entries()]


def document(one: Theorem | Refutation) -> dict[str, Any]:
    """Everything that is stated, as plain values."""
    title, parts = sections(one)
    body: dict[str, Any] = {"title": title} | _head(one) | scope(one.hypotheses)
    body |= {"hypotheses": [h.text for h in one.hypotheses], "sections": dict(parts)}
    if isinstance(one, Refutation):
        body |= {"fails": one.fails, "instead": one.instead, "holds": one.holds}
        return body | {"counterexample": one.evaluate().to_dict()}
    return body | {"cases": [case.reference for case in one.cases], "limit": one.limit or None}


def lines(one: Theorem | Refutation) -> list[tuple[str, str]]:
    """The head of `ncsolve theorems show`: claim, scope, hypotheses, cases or counterexample."""
    hypotheses = [("hypothesis", h.text) for h in one.hypotheses]
    said = [*scope(one.hypotheses).items(), *hypotheses]
    if isinstance(one, Refutation):
        pair = one.evaluate()
        strength = f"REFUTED: {one.fails} {one.instead}"
        claimed = f"{pair.published:.15g} at the point that is claimed to be a global minimizer"
        lower = f"lower by {pair.excess:.3g} of it"
        said += [
            ("problem", command(pair.ufm.to_dict())),
            ("published", claimed),
            ("better", f"{pair.better:.15g} at an explicit other point, {lower}"),
            ("holds", f"{one.holds} (ncsolve theorems show {one.holds})"),
        ]
    else:
        strength = f"{one.claim.name}: {one.claim.value}"
        said += [("case", case.reference) for case in one.cases]
    return [("name", one.name), ("claim", strength), *said, ("reference", one.reference)]


def command(problem: dict[str, Any]) -> str:
    """The problem in the words of the command line, where it has such words."""

    def each(values: list[Any]) -> str:
        distinct = values[:1] if len(set(values)) == 1 else values
        return ",".join(f"{value:g}" for value in distinct)

    counts = ",".join(f"{n:g}" for n in problem["counts"])
    words = [f"--counts {counts}", *(["--loss ce"] if problem["loss"] == "ce" else [])]
    words += [f"--depth {problem['depth']}", f"--width {each(problem['width'])}"]
    words += [f"--weight-decay {each(problem['weight_decay'])}"]
    words += [f"--feature-decay {problem['feature_decay']:g}"]
    words += [f"--bias {problem['bias']}"] if problem["bias"] != "none" else []
    words += ["--features relu"] if problem["features"] == "relu" else []
    words += [f"targets {problem['targets']}"] if "targets" in problem else []
    return " ".join(words)


def _head(one: Theorem | Refutation) -> dict[str, str]:
    about = {name: str(getattr(one, name)) for name in ("name", "statement", "reference")}
    return about | {"claim": claim(one)}
