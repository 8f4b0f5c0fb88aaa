"""A derivation as text and as LaTeX."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import sympy as sp

if TYPE_CHECKING:
    from .steps import Derivation, Step

WIDTH = 110
_SIGNS = {"==": "=", ">": ">", ">=": "≥", "<": "<", "<=": "≤"}
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
}


def text(derivation: Derivation) -> str:
    """Numbered sentences with formulas below them."""
    lines = [derivation.title, "", *textwrap.wrap(f"Objective: {derivation.objective}", WIDTH), ""]
    table = [
        (", ".join(map(sp.pretty, symbols)), meaning)
        for meaning, symbols in _by_meaning(derivation).items()
    ]
    width = min(20, max(len(symbols) for symbols, _ in table))
    lines += [f"  {symbols:{width}}  {meaning}" for symbols, meaning in table]
    for number, step in enumerate(derivation.steps, 1):
        lines += [
            "",
            *textwrap.wrap(
                f"{number}. {step.sentence}", WIDTH, subsequent_indent=" " * (len(str(number)) + 2)
            ),
            "",
        ]
        lines += _block(step.formula)
        conditions = _conditions(step)
        if conditions:
            lines += ["", "   where"]
        for condition in conditions:
            lines += ["", *_block(condition)]
    for result in derivation.results:
        lines += ["", f"Result: {result.name}", "", *_block(result.expression)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def latex(derivation: Derivation) -> str:
    """A section: symbols as an itemize, steps as an enumerate of displayed formulas, results as a second itemize."""
    lines = [
        rf"\section*{{{escaped(derivation.title)}}}",
        "Objective: " + escaped(derivation.objective),
        r"\begin{itemize}",
    ]
    for meaning, symbols in _by_meaning(derivation).items():
        lines += [rf"\item ${', '.join(map(sp.latex, symbols))}$: {escaped(meaning)}"]
    lines += [r"\end{itemize}", r"\begin{enumerate}"]
    for step in derivation.steps:
        lines += [rf"\item {escaped(step.sentence)}", r"\begin{align*}"]
        rows = [_aligned(step.formula)]
        rows += [rf"&\text{{where }} {sp.latex(condition)}" for condition in _conditions(step)]
        lines += [" \\\\\n".join(rows), r"\end{align*}"]
    lines += [r"\end{enumerate}"]
    if derivation.results:
        lines += [r"\begin{itemize}"]
        for result in derivation.results:
            lines += [
                rf"\item {escaped(result.name)}",
                r"\begin{align*}",
                f"& {sp.latex(result.expression)}",
                r"\end{align*}",
            ]
        lines += [r"\end{itemize}"]
    return "\n".join(lines) + "\n"


def escaped(words: str) -> str:
    r"""Plain text with every character that TeX would read otherwise written out.

    Examples
    --------
    >>> escaped("a_k > 50 % of {x}")
    'a\\_k \\textgreater{} 50 \\% of \\{x\\}'
    """
    return "".join(_ESCAPES.get(letter, letter) for letter in words)


def _by_meaning(derivation: Derivation) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for symbol, meaning in derivation.symbols:
        found.setdefault(meaning, []).append(symbol)
    return found


def _aligned(formula: Any) -> str:
    """An alignment mark before the relation."""
    signs = {"==": "=", ">": ">", ">=": r"\ge", "<": "<", "<=": r"\le"}
    return f"{sp.latex(formula.lhs)} &{signs[formula.rel_op]} {sp.latex(formula.rhs)}"


def _conditions(step: Step) -> list[Any]:
    """Definitions and, where a step is proved case by case, the cases."""
    found = [sp.Eq(old, new, evaluate=False) for old, new in step.where.items()]
    if len(step.cases) > 1 or step.cases[0]:
        symbols = list(dict.fromkeys(symbol for case in step.cases for symbol in case))
        for symbol in symbols:
            values = [case[symbol] for case in step.cases if symbol in case]
            found.append(sp.Contains(symbol, sp.FiniteSet(*values), evaluate=False))
    return found


def _block(formula: Any) -> list[str]:
    """A formula over several lines; sides of a relation below each other, and in one line, wrapped, where it is too wide."""
    drawn = sp.pretty(formula, use_unicode=True, wrap_line=False).split("\n")
    if max(map(len, drawn)) > WIDTH:
        if isinstance(formula, sp.core.relational.Relational):
            left, right = _block(formula.lhs), _block(formula.rhs)
            return [*left, f"{'':6}{_SIGNS[formula.rel_op]}", *right]
        drawn = textwrap.wrap(sp.sstr(formula), WIDTH, break_long_words=False)
    return [f"{'':6}{line}" for line in drawn]
