"""Refuted claims: each counterexample lies inside the published hypotheses, runs, and is judged by the raw objective alone."""

import ast
import re
import runpy
from pathlib import Path

import mpmath
import numpy as np
import pytest

import ncsolve
from ncsolve.problem.losses import sample_columns
from ncsolve.problem.objective import objective_over
from ncsolve.theorems import theorem
from ncsolve.theorems.refuted import (
    largest_root_is_the_minimizer,
    refutations,
    regression_cuts_columns,
)

PACKAGE = Path(ncsolve.__file__).parent
REFUTED = pytest.mark.parametrize("one", refutations(), ids=lambda one: one.name)


def by_definition(ufm, parameters):
    """The objective entry by entry, sample by sample."""
    total, label = 0.0, np.repeat(np.arange(ufm.classes), ufm.counts.astype(int))
    for k in label:
        z = parameters.end_to_end @ parameters.features[:, k] + parameters.bias
        if ufm.loss.name == "ce":
            total += (np.log(np.sum(np.exp(z))) - z[k]) / ufm.samples
        else:
            total += 0.5 * np.sum((z - ufm.loss.targets(ufm.classes)[:, k]) ** 2) / ufm.samples
        total += ufm.feature_decay / 2 * np.sum(parameters.features[:, k] ** 2)
    for decay, weight in zip(ufm.weight_decay, parameters.weights, strict=True):
        total += decay / 2 * np.sum(weight**2)
    return total


@REFUTED
def test_the_counterexample_lies_inside_the_hypotheses_and_refutes(one):
    ufm = one.counterexample()
    assert all(h.holds(ufm) for h in one.hypotheses)
    found = one.evaluate()
    assert found.refutes
    assert found.published == pytest.approx(by_definition(ufm, one.published(ufm)), rel=1e-13)
    assert found.better == pytest.approx(by_definition(ufm, one.better(ufm)), rel=1e-13)


@REFUTED
def test_random_problems_refute_it_as_well(one):
    found = one.compare(60, rng=0)
    assert len(found) == 61
    assert all(comparison.refutes for comparison in found)
    assert all(h.holds(c.ufm) for h in one.hypotheses for c in found)


@REFUTED
def test_what_holds_instead_covers_the_problem_and_is_not_higher(one):
    ufm = one.counterexample()
    assert theorem(one.holds).lacks(ufm) == ()
    assert ncsolve.predict(ufm).value <= one.evaluate().better * (1 + 1e-12)


@REFUTED
def test_the_numbers_in_the_file_are_those_that_come_out(one):
    text = ast.get_docstring(
        ast.parse((PACKAGE / "theorems" / "refuted" / f"{one.name}.py").read_text())
    )
    found = one.evaluate()
    quoted = [float(x) for x in re.findall(r"\d*\.\d{4,}", text)]
    for value in (found.published, found.better):
        assert any(abs(q / value - 1) < 5e-5 for q in quoted), (value, quoted)
    for word in ("Published.", "Counterexample.", "Instead.", "Source."):
        assert word in text


def test_a_comparison_that_is_not_lower_does_not_refute():
    one = refutations()[0]
    ufm = one.counterexample()
    same = type(one.evaluate())(ufm, 0.3, 0.3)
    assert not same.refutes
    balanced = ncsolve.UFM([100] * 4, "ce", depth=1)
    assert not one.evaluate(balanced).refutes  # with one layer the simplex is global


def test_the_square_beats_every_simplex_length_and_not_only_the_one_published():
    c, q, n = 5e-4 * 2, 0.5, 100.0
    with mpmath.workdps(30):
        simplex = min(
            mpmath.log(1 + 3 * mpmath.e ** (-a)) + c * 3 * (a * mpmath.sqrt(n)) ** q
            for a in np.linspace(0.01, 40, 4000)
        )
    assert refutations()[0].evaluate().better < float(simplex)
    assert refutations()[0].evaluate().published == pytest.approx(float(simplex), rel=1e-6)


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_the_largest_root_solves_the_published_equation_and_is_the_largest(depth):
    beta = 0.4
    x = largest_root_is_the_minimizer.largest_root(beta, depth)
    assert depth * x ** (depth - 1) / (1 + x**depth) ** 2 == pytest.approx(beta, rel=1e-12)
    beyond = np.linspace(x * (1 + 1e-9), 50, 10_000)
    assert np.all(depth * beyond ** (depth - 1) / (1 + beyond**depth) ** 2 < beta)


def test_the_largest_root_fails_where_there_is_none_as_the_published_code_does():
    with pytest.raises(ValueError, match="zero-size"):
        largest_root_is_the_minimizer.largest_root(1.0, 3)  # above .839947


def test_the_columns_that_are_kept_have_half_the_gram_that_the_minimizer_has():
    one = next(r for r in refutations() if r.name == "regression_cuts_columns")
    ufm = one.counterexample()
    claimed, best = (point(ufm).weights[0] for point in (one.published, one.better))
    assert np.allclose(claimed @ claimed.T, best @ best.T / 2, rtol=1e-14)
    assert np.allclose(best @ best.T, ncsolve.predict(ufm).gram_weights, rtol=1e-14)


def test_the_features_of_both_points_are_the_best_for_their_weights():
    one = next(r for r in refutations() if r.name == "regression_cuts_columns")
    ufm = one.counterexample()
    for point in (one.published(ufm), one.better(ufm)):
        raw = objective_over(ufm, sample_columns(ufm.loss, ufm.counts))
        gradient = raw.unpack(raw.value_and_gradient(raw.pack(point))[1])
        assert np.abs(gradient.features).max() < 1e-15
        assert np.abs(gradient.bias).max() < 1e-15


def test_both_cuts_agree_where_the_covariance_is_diagonal():
    codes = np.array([[3.0, -3.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
    ufm = ncsolve.UFM([1.0] * 4, ncsolve.Squared(codes), 1, 2, 0.5, 0.5, "free")
    found = next(r for r in refutations() if r.name == "regression_cuts_columns").evaluate(ufm)
    assert abs(found.excess) < 1e-14
    assert regression_cuts_columns.better(ufm).weights[0][1].any() == False  # noqa: E712 the second eigenvalue is below c


def test_the_errata_page_is_up_to_date():
    page = Path(__file__).parents[2] / "docs" / "errata.md"
    made = runpy.run_path(str(page.with_suffix(".py")))["errata"]()
    assert page.read_text(encoding="utf-8") == made


def test_the_folder_is_the_list():
    files = {path.stem for path in (PACKAGE / "theorems" / "refuted").glob("*.py")} - {"__init__"}
    assert {one.name for one in refutations()} == files
    assert not files & {path.stem for path in (PACKAGE / "theorems").glob("*.py")} - {"__init__"}
