"""Derivations: every step is proved, and every fault in one is seen."""

import doctest
import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from ncsolve.theorems import theorems
from ncsolve.theorems.proofs.steps import (
    Derivation,
    Step,
    eq,
    escaped,
    evaluated,
    positive,
    times,
    vanishes,
)

ROOT = Path(__file__).parents[2]
NAMES = [theorem.name for theorem in theorems()]
THEOREM = pytest.mark.parametrize("name", NAMES)


@cache
def derivation(name):
    return next(theorem for theorem in theorems() if theorem.name == name).derive()


@THEOREM
def test_every_step_is_proved(name):
    steps = derivation(name).steps
    assert len(steps) >= 8
    assert [step.sentence for step, holds in derivation(name).check() if not holds] == []


@THEOREM
def test_no_step_says_that_something_is_itself(name):
    for step in derivation(name).steps:
        assert step.formula.lhs != step.formula.rhs
        assert not step.formula.lhs.has(sp.nan)


# Faults


def _distinct_steps():
    seen = {}
    for name in NAMES:
        for step in derivation(name).steps:
            seen.setdefault((step.sentence, str(step.formula)), (name, step))
    return list(seen.values())


def _flipped(side, rng):
    """One term of a scalar, or of one entry of a matrix, with its sign changed; None where it has no term but zero."""
    if isinstance(side, sp.MatrixBase):
        places = [(i, j) for i in range(side.rows) for j in range(side.cols) if side[i, j] != 0]
        if not places:
            return None
        i, j = places[rng.integers(len(places))]
        changed = sp.Matrix(side)
        changed[i, j] = _flipped(side[i, j], rng)
        return sp.ImmutableMatrix(changed)
    if side == 0:
        return None
    terms = list(sp.Add.make_args(side))
    at = rng.integers(len(terms))
    terms[at] = -terms[at]
    return sp.Add(*terms)


def _mutants(step, rng):
    """Copies with one fault in the formula."""
    left, right = step.formula.lhs, step.formula.rhs
    if step.formula.rel_op != "==":
        yield step.formula.func(right, left, evaluate=False)
        return
    extra = sp.Symbol("extra", positive=True)
    if isinstance(right, sp.MatrixBase):
        corner = sp.zeros(*right.shape)
        corner[0, 0] = extra
        yield eq(left, right + sp.ImmutableMatrix(corner))
    else:
        yield eq(left, right + extra)
    changed = _flipped(right, rng)
    if changed is not None:
        yield eq(left, changed)
        yield eq(left, right * sp.Rational(101, 100))


@THEOREM
def test_a_flipped_sign_a_percent_or_a_term_too_many_is_seen_in_every_step(name):
    rng = np.random.default_rng(3)
    for home, step in _distinct_steps():
        if home != name:
            continue
        for formula in _mutants(step, rng):
            wrong = replace(step, formula=formula)
            if any(_zero(difference, wrong) for difference in _term_only(step, wrong)):
                continue
            assert not wrong.holds(), (step.sentence, formula)


def _term_only(step, wrong):
    """What the fault changes: nothing, if the flipped term is zero under the definitions."""
    return [one - other for one, other in zip(step.differences, wrong.differences, strict=True)]


def _zero(difference, wrong):
    return wrong.formula.rel_op == "==" and vanishes(difference)


def test_a_wrong_definition_is_seen():
    seen = 0
    for name in (
        "squared_spectral",
        "balanced_cross_entropy",
        "balanced_regularized_bias",
        "relu_cross_entropy",
    ):
        for step in derivation(name).steps:
            for symbol, value in step.where.items():
                if (
                    value.is_number
                    or step.formula.rel_op != "=="
                    or not value.free_symbols - {sp.Symbol("k", positive=True)}
                ):
                    continue
                wrong = replace(
                    step, where=dict(step.where) | {symbol: value * sp.Rational(101, 100)}
                )
                seen += not wrong.holds()
                if step.formula.rhs == 0:  # a stationary point
                    assert not wrong.holds(), step.sentence
    assert seen > 20


def test_check_tells_the_broken_step_from_the_others():
    good = derivation("balanced_cross_entropy")
    at = 9
    broken = replace(
        good.steps[at], formula=eq(good.steps[at].formula.lhs, good.steps[at].formula.rhs + 1)
    )
    bad = replace(good, steps=(*good.steps[:at], broken, *good.steps[at + 1 :]))
    assert [holds for _, holds in bad.check()] == [i != at for i in range(len(good.steps))]
    assert bad.check()[at][0] is broken


def test_a_step_with_cases_must_hold_in_every_case():
    M, x = sp.symbols("M x", positive=True)
    step = Step("Only for M = 2.", eq(x**M, x**2), cases=({M: sp.Integer(2)},))
    assert step.holds()
    assert not replace(step, cases=({M: sp.Integer(2)}, {M: sp.Integer(3)})).holds()


# The procedure that decides

x, y, M, a, K = sp.symbols("x y M a K", positive=True)
r, s = sp.symbols("r s", real=True)
TRUE = {
    "power laws with a symbolic exponent": x ** (2 / (M + 1)) * x ** ((M - 1) / (M + 1)) - x,
    "the power of a product": (x * (1 + y)) ** (1 / M) - x ** (1 / M) * (1 + y) ** (1 / M),
    "a power of a power": (x ** (1 / M)) ** (2 * M) - x**2,
    "roots of numbers": sp.sqrt(2) * sp.sqrt(3) - sp.sqrt(6),
    "a rationalized root": 1 / sp.sqrt(1 + x) - sp.sqrt(1 + x) / (1 + x),
    "an exponential of a fraction": sp.exp(a * (1 - 1 / K)) * sp.exp(a / K) - sp.exp(a),
    "a logarithm of exponentials": sp.log(sp.exp(a) + sp.exp(-a)) - a - sp.log(1 + sp.exp(-2 * a)),
    "an exponential of a logarithm": sp.exp(2 * sp.log(x) + a) - x**2 * sp.exp(a),
    "a logarithm of a quotient": sp.log(x / (1 + y)) - sp.log(x) + sp.log(1 + y),
    "sum of angles": sp.sin(r + s) - sp.sin(r) * sp.cos(s) - sp.cos(r) * sp.sin(s),
    "triple angle, hyperbolic": sp.cosh(3 * r) - 4 * sp.cosh(r) ** 3 + 3 * sp.cosh(r),
    "fractional powers of exponentials in a logarithm": sp.log(sp.exp(x / 2) + sp.exp(x))
    - x / 2
    - sp.log(1 + sp.exp(x / 2)),
}
FALSE = {
    "the root of a square of either sign": sp.sqrt(r**2) - r,
    "the logarithm of a sum": sp.log(x + y) - sp.log(x) - sp.log(y),
    "the root of a sum": sp.sqrt(x + y) - sp.sqrt(x) - sp.sqrt(y),
    "the power of a sum": (x + y) ** M - x**M - y**M,
    "a small number": x - x * (1 + sp.Rational(1, 10**30)),
    "an exponent off by one": x ** (2 / (M + 1)) - x ** (2 / (M + 2)),
    "cosine and sine": sp.cos(r) - sp.sin(r),
}


@pytest.mark.parametrize("name", TRUE)
def test_an_identity_is_proved(name):
    assert vanishes(TRUE[name])
    assert not vanishes(TRUE[name] + sp.Rational(1, 10**30))


@pytest.mark.parametrize("name", FALSE)
def test_what_is_no_identity_is_not_proved(name):
    assert not vanishes(FALSE[name])


def _random_expression(rng, depth):
    if depth == 0:
        return [
            x,
            y,
            a,
            sp.Integer(int(rng.integers(1, 4))),
            sp.Rational(1, int(rng.integers(2, 5))),
        ][rng.integers(5)]
    one, other = _random_expression(rng, depth - 1), _random_expression(rng, depth - 1)
    return [
        lambda: one + other, lambda: one * other, lambda: one / other, lambda: one**2, lambda: sp.sqrt(one), lambda: sp.exp(-one / 3),
        lambda: sp.log(1 + one), lambda: (1 + one) ** (1 / M),
    ][rng.integers(8)]()  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_an_expression_equals_its_rewritten_forms_and_no_other(seed):
    rng = np.random.default_rng(seed)
    one, other = _random_expression(rng, 3), _random_expression(rng, 2)
    square = sp.expand((one + other) ** 2)
    assert vanishes(square - one**2 - 2 * one * other - other**2)
    assert vanishes(sp.together(one + other) - one - other)
    at = dict(
        zip(
            (x, y, a, M),
            (sp.Rational(7, 11), sp.Rational(13, 9), sp.Rational(5, 8), sp.Rational(17, 7)),
            strict=True,
        )
    )
    apart = abs((one - other).subs(at).evalf(30)) > 1e-20
    assert vanishes(one - other) is not bool(apart)


def test_signs_are_decided_and_never_guessed():
    n = sp.Symbol("n", nonnegative=True)
    assert positive(1 - 1 / (1 + x))
    assert positive(sp.exp(-x) / (1 + y))
    assert positive((r - s) ** 2, strictly=False)
    assert positive(n, strictly=False)
    assert positive(sp.Integer(0), strictly=False)
    assert not positive(n)
    assert not positive((r - s) ** 2)
    assert not positive(x - y)
    assert not positive(x - y, strictly=False)
    assert not positive(-x)
    assert not positive(sp.exp(x) - 1 - x)  # true, but not of a form that is decided
    assert not positive(sp.Integer(0))


def test_determinants_and_products_are_evaluated():
    square = sp.ImmutableMatrix([[x, y], [a, 1 / x]])
    assert vanishes(evaluated(sp.Determinant(square)) - 1 + a * y)
    assert evaluated(times(square, square)) == square**2


# Rendering


@THEOREM
def test_the_text_shows_every_sentence_symbol_and_result(name):
    found = derivation(name)
    text = " ".join(found.text().split())
    assert text.startswith(found.title)
    assert " ".join(found.objective.split()) in text
    for number, step in enumerate(found.steps, 1):
        assert f"{number}. {step.sentence}" in text
    for _, meaning in found.symbols:
        assert meaning in text
    assert all(result.name in text for result in found.results)
    used = set().union(*(step.formula.free_symbols for step in found.steps))
    assert {symbol.name for symbol in used} <= {symbol.name for symbol, _ in found.symbols}
    assert max(map(len, found.text().splitlines())) <= 120


@THEOREM
def test_the_latex_is_well_formed(name):
    latex = derivation(name).latex()
    bare = latex.replace(r"\\", "").replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    open_now = []
    for kind, environment in re.findall(r"\\(begin|end)\{(\w+\*?)\}", latex):
        if kind == "begin":
            open_now.append(environment)
        else:
            assert open_now.pop() == environment
    assert open_now == []
    assert latex.count(r"\left") - latex.count(r"\leftarrow") == latex.count(
        r"\right"
    ) - latex.count(r"\rightarrow")
    assert latex.isascii()
    words = re.sub(r"\\begin\{align\*\}.*?\\end\{align\*\}", "", latex, flags=re.S)
    words = re.sub(r"\$[^$]*\$", "", words)
    assert not re.search(r"(?<!\\)[_^&%#<>|~\"]", words)
    assert "\n\n" not in latex  # an empty line ends an align with an error


def test_words_are_escaped_for_tex():
    assert escaped(r"a_k^2 & 50 % of {x} \ <y> | ~z") == (
        r"a\_k\textasciicircum{}2 \& 50 \% of \{x\} \textbackslash{} \textless{}y\textgreater{} \textbar{} \textasciitilde{}z"
    )


def test_a_symbol_without_a_meaning_is_an_error():
    step = Step("Nothing.", eq(sp.Symbol("unheard_of"), 0))
    with pytest.raises(KeyError):
        _ = Derivation("A title", (step,), ()).symbols
    assert Derivation("A title", (step,), (), {"unheard_of": "a thing"}).symbols == (
        (sp.Symbol("unheard_of"), "a thing"),
    )


def test_what_the_documentation_shows_is_what_runs():
    page = ROOT / "docs" / "derivations.md"
    assert doctest.testfile(str(page), module_relative=False).failed == 0
    rows = dict(re.findall(r"^\| (\w+) \| (\d+ \| \d+) \|", page.read_text(), re.M))
    assert rows == {
        name: f"{len(derivation(name).steps)} | {len(derivation(name).results)}" for name in NAMES
    }


# Ground types

CHECK = """
from sympy.external.gmpy import GROUND_TYPES
from ncsolve.theorems import theorems
names = {names!r}
bad = [(t.name, s.sentence) for t in theorems() if t.name in names for s, holds in t.derive().check() if not holds]
assert GROUND_TYPES == {ground!r}, GROUND_TYPES
assert not bad, bad
"""


def _check_in(ground, names):
    code = CHECK.format(names=names, ground=ground)
    environment = os.environ | {"SYMPY_GROUND_TYPES": ground}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("ground", ["python", "flint"])
def test_the_simplest_derivations_hold_with_either_ground_type(ground):
    _check_in(ground, ["balanced_cross_entropy", "balanced_regularized_bias"])


@pytest.mark.slow
@pytest.mark.parametrize("ground", ["python", "flint"])
def test_all_derivations_hold_with_either_ground_type(ground):
    _check_in(ground, NAMES)
