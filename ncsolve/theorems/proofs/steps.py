r"""A derivation: a statement rebuilt symbolically, as steps that can each be checked.

A step is a sentence and a relation between sympy expressions. An equation holds if `simplify` brings its difference to zero, an
inequality if every factor of its difference has a sign, after the definitions that are in force have been inserted. What is shown is
what is proved: no number is compared with a tolerance, and a point where the difference is not zero only spares the search for a proof.

The derivations are documents that read as they are printed, one for each theorem:

    Title
    let u = (K - 1)/(exp(a) + K - 1)         a name of sympy expressions, several with commas; symbols are declared likewise
    * BALANCE                                the steps of another document
    A sentence, over one or several lines.
        left = right                         the relation: =, >, >=, < or <=
        where a = log(u); LARGER             definitions in force, inserted one after the other before the proof
        for M = 2, 3                         values for which the step is proved one by one, where not for all at once
    each size in (2, 3)                      everything up to `end` once for each value; {size + 1} is inserted in words and formulas
    word h: the meaning of a symbol          where it is the document's own
    Result: a final expression               that must equal a number of the library (tests/theorems/ holds which)
        its expression

A formula is written as in sympy, with the letters of LETTERS and the names of this folder's files; whole numbers are exact.
"""

from __future__ import annotations

import importlib
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import sympy as sp
from sympy.parsing.sympy_parser import auto_number, parse_expr

WIDTH = 110
OBJECTIVE = (
    "L = (1/N) sum_i loss(W_M ... W_1 h_i + b, y_i) + sum_j (lambda_j/2) ||W_j||^2 + (lambda_H/2) ||H||^2 + "
    "(lambda_b/2) ||b||^2"
)
LETTERS = {
    name: sp.Symbol(name, positive=True)
    for name in "M N K n g c sigma tau kappa p x y t a lambda_W lambda_H lambda_b delta k m".split()  # noqa: SIM905
}  # k, m: K - 1 and M - 1 where a sign needs K > 1 or M > 1
MEANING = {  # of a name, or of its stem before an index, with the "_"
    "M": "depth, the number of weight matrices",
    "N": "number of samples",
    "K": "number of classes",
    "n": "number of samples of a class",
    "g": "geometric mean of the M + 1 decays",
    "c": "g (M + 1)/2, the weight of the penalty on singular values",
    "Pi": "product of the M + 1 decays",
    "sigma": "a singular value of A (logits without the bias, column k times sqrt(n_k))",
    "tau": "the matching singular value of the target T",
    "kappa": "N g tau^(-2M/(M + 1)), the level",
    "p": "shrinkage, sigma = tau (1 - p); 0 < p < 1 is written 1/(1 + y)",
    "x": "the variable of Dang et al. (2023), x^M = (1 - p)/p",
    "S": "singular value of W_M ... W_1",
    "L": "the objective",
    "h": "singular value of the features",
    "a": "margin: own logit minus any other",
    "s": "an auxiliary number",
    "w": "an auxiliary number",
    "z": "a logit",
    "mu": "a squared singular value",
    "theta": "an angle",
    "phi": "a real number",
    "alpha": "angle between left singular vectors of two matrices",
    "beta": "angle between right singular vectors of two matrices",
    "lambda_W": "decay of the weights",
    "lambda_H": "decay of the features",
    "lambda_b": "decay of the bias",
    "lambda": "both decays",
    "delta": "label smoothing",
    "r": "ratio of decays: lambda_H = g r^M, lambda_j = g/r",
    "m": "M - 1",
    "k": "K - 1",
    **dict.fromkeys("ytl", "a positive number"),
    "g_own": "gradient's entry for the own class",
    "g_partner": "gradient's entry for the partner",
    "g_other": "gradient's entry for any other class",
    "lambda_": "decays of W_1, W_2, ...",
    "h_": "features of the samples of a class, or entries of one feature",
    "u_": "(lambda_j s_j^2)^(1/(M + 1)) for the M + 1 factors",
    "S_": "singular values of the M + 1 factors",
    "n_": "numbers of samples of classes, or of the classes of two groups",
    "m_": "numbers of classes in two groups",
    "z_": "logits",
    "b_": "biases",
    "y_": "targets",
    "p_": "probabilities",
    "w_": "positive weights",
    "v_": "a direction",
    "A_": "entries of A",
    "C_": "mean logit of one group at the mean of another",
    "a_": "own logit above the rest of the group",
    "r_": "temperatures of the classes' logits (CDT)",
    "s_": "temperatures of the labels (LDT)",
    "sigma_": "singular values of A, descending",
    "tau_": "singular values of T, descending",
    "gamma_": "singular values of the gradient, descending",
    "W1_": "entries of W_1",
    "W2_": "entries of W_2",
    **{f"{letter}_": f"entries of {letter}" for letter in "WHY"},
    "G_": "entries of dF/dZ",
    **dict.fromkeys(("D_", "E_"), "entries of a derivative of L"),
}


def eq(left: Any, right: Any) -> Any:
    """An equation that sympy leaves as it stands."""
    return sp.Eq(left, right, evaluate=False)


def matrix(rows: Any) -> Any:
    """An immutable matrix."""
    return sp.ImmutableMatrix(rows)


def times(*factors: Any) -> Any:
    """A product of matrices that is shown as such."""
    return sp.MatMul(*map(sp.ImmutableMatrix, factors), evaluate=False)


def total(terms: Iterable[Any]) -> Any:
    """A sum that is shown as such."""
    return sp.Add(*terms, evaluate=False)


@dataclass(frozen=True, eq=False)
class Step:
    """One step.

    Attributes
    ----------
    sentence : what is done and why, plain text
    formula : sympy Eq, Gt, Ge, Lt or Le, unevaluated; both sides may be matrices in an Eq
    where : definitions in force, inserted one after the other before the proof
    cases : values of symbols for which the step is proved one by one, where it is not proved for all at once
    """

    sentence: str
    formula: Any
    where: Mapping[Any, Any] = field(default_factory=dict)
    cases: tuple[Mapping[Any, Any], ...] = ({},)

    @property
    def differences(self) -> Iterator[Any]:
        """Greater side minus smaller side (left minus right of an equation), definitions inserted, one per case."""
        sides = (self.formula.lhs, self.formula.rhs)
        for case in self.cases:
            high, low = (self._told(side, case) for side in sides)
            yield low - high if self.formula.rel_op in ("<", "<=") else high - low

    def _told(self, side: Any, case: Mapping[Any, Any]) -> Any:
        side = evaluated(side.subs(case))
        for old, new in self.where.items():
            side = side.subs(old, new.subs(case))
        return evaluated(side)

    def holds(self) -> bool:
        """Whether exact algebra proves the formula in every case."""
        if self.formula.rel_op == "==":
            return all(map(vanishes, self.differences))
        strictly = self.formula.rel_op in (">", "<")
        return all(positive(one, strictly=strictly) for one in self.differences)


def evaluated(expression: Any) -> Any:
    """Derivatives, limits and sums carried out; determinants in the polynomial ring of their entries."""
    if isinstance(expression, sp.MatrixExpr):
        expression = expression.doit()
    if isinstance(expression, sp.MatrixBase):
        return expression.applyfunc(evaluated)
    swaps = {}
    for determinant in expression.atoms(sp.Determinant):
        entries = determinant.arg.to_DM()
        swaps[determinant] = entries.domain.to_sympy(entries.det())
    return expression.xreplace(swaps).doit()


def vanishes(expression: Any) -> bool:
    """Whether an expression, or every entry of a matrix, is identically zero.

    `simplify` says so at once, after powers of products have been split, or in the exponent (for logarithms of sums).

    Examples
    --------
    >>> import sympy as sp
    >>> M, s = sp.symbols("M s", positive=True)
    >>> vanishes(s ** (2 / (M + 1)) * s ** ((M - 1) / (M + 1)) - s), vanishes(sp.log(sp.exp(s) + 1) - s)
    (True, False)
    """
    if isinstance(expression, sp.MatrixBase):
        return all(map(vanishes, expression))
    if expression == 0:
        return True
    if abs(_at_a_point(expression)) > 1e-20:
        return False
    split = sp.expand_power_base(expression, deep=True)
    return bool(
        sp.expand(expression) == 0
        or sp.simplify(expression) == 0
        or sp.simplify(sp.powsimp(split)) == 0
        or sp.simplify(sp.expand(sp.powsimp(sp.expand_power_exp(split), deep=True))) == 0
        or sp.simplify(sp.exp(sp.expand(expression))) == 1
    )


def positive(expression: Any, *, strictly: bool = True) -> bool:
    """Whether a scalar expression is seen to be > 0 (or >= 0) for all values of its symbols.

    Examples
    --------
    >>> import sympy as sp
    >>> t = sp.Symbol("t", positive=True)
    >>> positive(1 - 1 / (1 + t)), positive(1 - t)
    (True, False)
    """
    if _at_a_point(expression).real < (1e-20 if strictly else -1e-20):
        return False
    factors = sp.factor(sp.simplify(expression))
    return bool(factors.is_positive if strictly else factors.is_nonnegative)


def _at_a_point(expression: Any) -> complex:
    """The value where the symbols are certain rationals: what is not zero there needs no search for a proof."""
    symbols = enumerate(_sorted(expression), 3)
    point = {symbol: sp.Rational(sp.prime(i), sp.prime(i + 2)) for i, symbol in symbols}
    return complex(expression.subs(point).evalf(30))


@dataclass(frozen=True, eq=False)
class Result:
    """A final expression that must equal a number of the library."""

    name: str
    expression: Any


@dataclass(frozen=True, eq=False)
class Derivation:
    """The steps from the objective to the closed form.

    Attributes
    ----------
    title : what is derived
    steps : tuple of Step
    results : tuple of Result
    words : meanings of symbols that are the derivation's own, by name or by name without index
    objective : where it starts

    Examples
    --------
    >>> from ncsolve.theorems import theorem
    >>> derivation = theorem("balanced_cross_entropy").derive()
    >>> all(holds for _, holds in derivation.check())
    True
    """

    title: str
    steps: tuple[Step, ...]
    results: tuple[Result, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    objective: str = OBJECTIVE

    @cached_property
    def symbols(self) -> tuple[tuple[Any, str], ...]:
        """(symbol, meaning) of every symbol in use, in the order of first use; KeyError where one has none."""
        shown = [part for step in self.steps for part in (step.formula, *step.where.values())]
        shown += [result.expression for result in self.results]
        names = [(symbol.name, symbol) for part in shown for symbol in _sorted(part)]
        first = dict(reversed(names))
        return tuple((first[name], self._meaning(name)) for name in dict(names))

    def _meaning(self, name: str) -> str:
        stem, bar, _ = name.partition("_")
        own = self.words.get(name) or (bar and self.words.get(stem))
        return own or MEANING.get(name) or MEANING[f"{stem}_"]

    @property
    def _by_meaning(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for symbol, meaning in self.symbols:
            found.setdefault(meaning, []).append(symbol)
        return found

    def check(self) -> list[tuple[Step, bool]]:
        """Each step with whether it is proved."""
        return [(step, step.holds()) for step in self.steps]

    def text(self) -> str:
        """Plain text: numbered sentences with formulas over several lines below them, in Unicode."""
        lines = [self.title, "", *textwrap.wrap(f"Objective: {self.objective}", WIDTH), ""]
        table = {meaning: ", ".join(map(sp.pretty, s)) for meaning, s in self._by_meaning.items()}
        width = min(20, max(map(len, table.values())))
        lines += [f"  {symbols:{width}}  {meaning}" for meaning, symbols in table.items()]
        for number, step in enumerate(self.steps, 1):
            indent = " " * (len(str(number)) + 2)
            words = textwrap.wrap(f"{number}. {step.sentence}", WIDTH, subsequent_indent=indent)
            lines += ["", *words, "", *_block(step.formula)]
            conditions = _conditions(step)
            lines += ["", "   where"] * bool(conditions)
            for condition in conditions:
                lines += ["", *_block(condition)]
        for result in self.results:
            lines += ["", f"Result: {result.name}", "", *_block(result.expression)]
        return "\n".join(line.rstrip() for line in lines) + "\n"

    def latex(self) -> str:
        """A LaTeX fragment: a section for the body of any document that loads amsmath."""
        lines = [rf"\section*{{{escaped(self.title)}}}", "Objective: " + escaped(self.objective)]
        lines += [r"\begin{itemize}"]
        for meaning, symbols in self._by_meaning.items():
            lines += [rf"\item ${', '.join(map(sp.latex, symbols))}$: {escaped(meaning)}"]
        lines += [r"\end{itemize}", r"\begin{enumerate}"]
        for step in self.steps:
            rel = step.formula.rel_op
            sign = {"==": "=", ">=": r"\ge", "<=": r"\le"}.get(rel, rel)
            rows = [f"{sp.latex(step.formula.lhs)} &{sign} {sp.latex(step.formula.rhs)}"]
            rows += [rf"&\text{{where }} {sp.latex(one)}" for one in _conditions(step)]
            lines += _displayed(step.sentence, " \\\\\n".join(rows))
        lines += [r"\end{enumerate}"]
        if self.results:
            lines += [r"\begin{itemize}"]
            for result in self.results:
                lines += _displayed(result.name, f"& {sp.latex(result.expression)}")
            lines += [r"\end{itemize}"]
        return "\n".join(lines) + "\n"


def escaped(words: str) -> str:
    r"""Plain text with every character that TeX would read otherwise written out.

    Examples
    --------
    >>> escaped("a_k > 50 % of {x}")
    'a\\_k \\textgreater{} 50 \\% of \\{x\\}'
    """
    named = {"\\": "backslash", "~": "asciitilde", "^": "asciicircum", "<": "less", ">": "greater"}
    signs: dict[str, Any] = {
        letter: rf"\text{name}{{}}" for letter, name in (named | {"|": "bar"}).items()
    }
    signs |= {letter: "\\" + letter for letter in "&%$#_{}"} | {'"': "''"}
    return words.translate(str.maketrans(signs))


def _displayed(words: str, formulas: str) -> list[str]:
    return [rf"\item {escaped(words)}", r"\begin{align*}", formulas, r"\end{align*}"]


def _sorted(expression: Any) -> list[Any]:
    return sorted(expression.free_symbols, key=str)


def _conditions(step: Step) -> list[Any]:
    """Definitions and, where a step is proved case by case, the cases."""
    found = [eq(old, new) for old, new in step.where.items()]
    for symbol in dict.fromkeys(symbol for case in step.cases for symbol in case):
        values = sp.FiniteSet(*(case[symbol] for case in step.cases if symbol in case))
        found.append(sp.Contains(symbol, values, evaluate=False))
    return found


def _block(formula: Any) -> list[str]:
    """A formula over several lines; sides of a relation below each other, and in one line, wrapped, where it is too wide."""
    drawn = sp.pretty(formula, use_unicode=True, wrap_line=False).split("\n")
    if max(map(len, drawn)) > WIDTH:
        if isinstance(formula, sp.core.relational.Relational):
            sign = {"==": "=", ">=": "≥", "<=": "≤"}.get(formula.rel_op, formula.rel_op)
            return [*_block(formula.lhs), f"{'':6}{sign}", *_block(formula.rhs)]
        drawn = textwrap.wrap(sp.sstr(formula), WIDTH, break_long_words=False)
    return [f"{'':6}{line}" for line in drawn]


# Reading a document


@cache
def vocabulary() -> dict[str, Any]:
    """Every name that a formula may use: sympy, the letters, and the names of this folder's files."""
    found = {**vars(sp), **LETTERS, "matrix": matrix, "times": times, "total": total}
    found |= {"q": 2 / (found["M"] + 1), "e": (found["M"] - 1) / (found["M"] + 1)}
    for file in ("reduction", "squared", "cross_entropy", "deep"):
        module = vars(importlib.import_module(f"{__package__}.{file}"))
        found |= {name: one for name, one in module.items() if not name.startswith("_")}
    return found


def derivation(document: str) -> Derivation:
    """Read the document of a theorem."""
    title, _, rest = document.strip().partition("\n")
    words: dict[str, str] = {}
    parts = tuple(_read(_paragraphs(rest), vocabulary().copy(), words))
    steps = tuple(part for part in parts if isinstance(part, Step))
    results = tuple(part for part in parts if isinstance(part, Result))
    return Derivation(title, steps, results, words)


def _paragraphs(document: str) -> list[tuple[str, list[str]]]:
    """(words, indented lines), with the lines that are indented further joined to the one above."""
    found: list[tuple[str, list[str]]] = []
    for line in document.strip("\n").split("\n"):
        starts = re.match(r"let |\* |each |end$|word |Result: ", line)
        if line.startswith("        ") or (line.startswith("    ") and found[-1][0][:4] == "let "):
            words, body = found[-1]
            if body:
                body[-1] += " " + line.strip()
            else:
                found[-1] = (f"{words} {line.strip()}", body)
        elif line.startswith("    "):
            found[-1][1].append(line.strip())
        elif (
            starts
            or not found
            or found[-1][1]
            or re.match(r"let |\* |each |end$|word ", found[-1][0])
        ):
            found.append((line, []))
        else:
            found[-1] = (f"{found[-1][0]} {line}", [])
    return found


def _read(
    paragraphs: list[tuple[str, list[str]]], names: dict[str, Any], words: dict[str, str]
) -> Iterator[Step | Result]:
    rest = iter(paragraphs)
    for head, body in rest:
        kind, _, told = head.partition(" ")
        if kind == "let":
            names |= _assigned(told, names)
        elif kind == "*":
            document, _, given = told.partition(" with ")
            inner = vocabulary() | _assigned(given, names)
            yield from _read(_paragraphs(inner[document]), inner, words)
        elif kind == "each":
            target, values = told.split(" in ", 1)
            block, open_now = [], 1
            while open_now:
                block.append(next(rest))
                open_now += block[-1][0].startswith("each ") - (block[-1][0] == "end")
            for value in _value(values, names):
                yield from _read(block[:-1], names | _bound(target, value), words)
        elif kind == "word":
            name, words[name] = told.split(": ", 1)
        elif kind == "Result:":
            yield Result(_inserted(told, names), _value(body[0], names))
        else:
            yield _step(_inserted(head, names), body, names)


def _step(sentence: str, body: list[str], names: dict[str, Any]) -> Step:
    relations = {"=": sp.Eq, ">": sp.Gt, ">=": sp.Ge, "<": sp.Lt, "<=": sp.Le}
    left, sign, right = re.split(r" ([=<>]=?) ", body[0])
    sides = (_value(side, names) for side in (left, right))
    where: dict[Any, Any] = {}
    cases: tuple[Mapping[Any, Any], ...] = ({},)
    for line in body[1:]:
        kind, told = line.split(" ", 1)
        for item in told.split("; "):
            name, is_one, value = item.partition(" = ")
            found = _value(value or name, names)
            if kind == "for":
                cases = tuple({names[name]: one} for one in sp.sympify(found))
            else:
                where |= {_value(name, names): sp.sympify(found)} if is_one else found
    return Step(sentence, relations[sign](*sides, evaluate=False), where, cases)


def _assigned(told: str, names: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in told.split("; ") if told else ():
        target, value = item.split(" = ", 1)
        found |= _bound(target, _value(value, names | found))
    return found


def _bound(target: str, value: Any) -> dict[str, Any]:
    targets = target.split(", ")
    return dict(zip(targets, value if len(targets) > 1 else [value], strict=True))


def _inserted(words: str, names: dict[str, Any]) -> str:
    return re.sub(r"\{([^{}:,]+)\}", lambda found: str(_value(found[1], names)), words)


def _value(formula: str, names: dict[str, Any]) -> Any:
    return parse_expr(_inserted(formula, names), {}, (auto_number,), names)
