"""Every theorem of the folder: its cases, its hypotheses, its claim against descent."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from oracles.descents import lowest
from support.structures import STRUCTURES

import ncsolve
from ncsolve.analytic.theorem import Claim
from ncsolve.problem.losses import class_columns
from ncsolve.problem.objective import objective_over
from ncsolve.theorems import theorems

PACKAGE = Path(ncsolve.__file__).parent
CASES = [
    pytest.param(t, case, id=f"{t.name}: {case.reference}") for t in theorems() for case in t.cases
]
THEOREMS = pytest.mark.parametrize("theorem", theorems(), ids=lambda theorem: theorem.name)


@pytest.mark.parametrize(("theorem", "case"), CASES)
def test_every_case_lies_inside_its_theorem(theorem, case):
    ufm = case.example()
    assert theorem.lacks(ufm) == ()
    assert (theorem in ncsolve.applicable(ufm, theorem.limit)) == (not theorem.on_request)
    prediction = ncsolve.predict(ufm, theorem=theorem.name)
    assert (prediction.theorem, prediction.claim) == (theorem, theorem.claim)
    assert all(holds for _, holds in prediction.theorem_checks)
    if not theorem.limit:
        assert ncsolve.objective(ufm, prediction.parameters()) == pytest.approx(
            prediction.value, rel=1e-13
        )
    assert prediction.singular_values.any()


PROVED = [
    p
    for p in CASES
    if p.values[0].claim in (Claim.GLOBAL, Claim.CERTIFIED) and not p.values[0].limit
]
WEAKER = [p for p in CASES if p.values[0].claim in (Claim.CRITICAL, Claim.BEST_KNOWN)]


@pytest.mark.parametrize(("theorem", "case"), WEAKER)
def test_the_slope_vanishes_at_a_weaker_claim_and_a_best_known_value_is_not_beaten_at_once(
    theorem, case
):
    ufm = case.example()
    prediction = ncsolve.predict(ufm, theorem)
    if ufm.features == "linear":
        columns = class_columns(ufm.loss, ufm.counts)
        raw, p = objective_over(ufm, columns), prediction.parameters()
        theta = raw.pack(ncsolve.Parameters(p.weights, p.features * columns.ones, p.bias))
        assert np.abs(raw.value_and_gradient(theta)[1]).max() < 1e-9  # measured 2e-12
    if theorem.claim is Claim.BEST_KNOWN:
        assert lowest(ufm, np.random.default_rng(7), starts=3)[0] > prediction.value * (1 - 1e-10)
    assert ncsolve.certify(prediction).gap >= 0


@pytest.mark.parametrize(("theorem", "case"), PROVED)
def test_descent_never_beats_a_global_claim_and_reaches_it_with_one_layer(theorem, case):
    ufm = case.example()
    value, _ = lowest(ufm, np.random.default_rng(7), starts=3)
    predicted = ncsolve.predict(ufm, theorem).value
    assert value > predicted * (1 - 1e-13)  # measured -2e-16 .. 2e-15 over all cases
    assert value < 1.009 * predicted  # so a prediction 1% too high would have been beaten
    if ufm.depth == 1:
        assert value == pytest.approx(predicted, rel=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_descent_with_features_held_nonnegative_finds_the_prediction_for_relu(depth):
    ufm = STRUCTURES[f"M{depth}-relu"]
    value, found = lowest(ufm, np.random.default_rng(7))
    assert (found.features >= 0).all()
    assert value == pytest.approx(ncsolve.predict(ufm).value, rel=1e-12)  # measured 9e-16


def test_the_folder_is_the_registry():
    files = {path.stem for path in (PACKAGE / "theorems").glob("*.py")} - {
        "__init__",
        "predict",
        "statements",
    }
    assert {theorem.name for theorem in theorems()} == files
    assert [t.claim.rank for t in theorems()] == sorted(t.claim.rank for t in theorems())


@THEOREMS
def test_a_theorem_file_states_problem_statement_proof_and_source(theorem):
    text = (PACKAGE / "theorems" / f"{theorem.name}.py").read_text()
    docstring = ast.get_docstring(ast.parse(text))
    words = (
        ("Statement.",) if theorem.on_request else ("Problem.", "Statement.", "Proof.", "Source.")
    )
    places = [docstring.find(word) for word in words]
    assert places == sorted(places)
    assert places[0] > 0
    if theorem.on_request:
        return
    assert re.search(r"arXiv:\d{4}\.\d{5}", theorem.reference)
    assert theorem.statement.endswith(".")
    assert theorem.cases
    assert theorem.hypotheses


OUTSIDE = {
    "regularized bias, unequal counts, bottleneck": (ncsolve.UFM([3, 2, 2], width=2, bias=0.1), {
        "squared_spectral": ("the bias is none or free",),
        "imbalanced_regularized_bias": ("the width is at least K",),
        "squared_targets": ("the targets are given as a matrix", "the bias is none or free"),
    }),
    "regularized bias, deep": (ncsolve.UFM([3, 3], depth=2, bias=0.1), {
        "squared_spectral": ("the bias is none or free",),
        "balanced_regularized_bias": ("depth is 1",),
        "squared_targets": ("the targets are given as a matrix", "the bias is none or free"),
    }),
    "ReLU and a free bias": (ncsolve.UFM([3, 2], bias="free", features="relu"), {
        "squared_spectral": ("features are linear, or ReLU without a bias",),
        "balanced_regularized_bias": ("the bias is regularized", "all counts are equal", "features are linear"),
        "squared_targets": ("the targets are given as a matrix", "features are linear"),
    }),
    "given targets and ReLU": (ncsolve.UFM([3, 2], ncsolve.Squared(np.eye(2)), features="relu"), {
        "squared_spectral": ("the targets are one-hot",),
        "balanced_regularized_bias": (
            "the targets are one-hot", "the bias is regularized", "all counts are equal", "features are linear",
        ),
        "squared_targets": ("features are linear",),
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_where_nothing_applies_every_theorem_says_what_it_lacks(name):
    ufm, lacking = OUTSIDE[name]
    found = ncsolve.applicable(ufm)
    assert len(found) == 0
    assert lacking.items() <= found.lacking.items()
    assert found.lacking.keys() == {t.name for t in theorems() if not t.limit and not t.on_request}
    with pytest.raises(ncsolve.NoTheorem) as caught:
        ncsolve.predict(ufm)
    fewest = min(map(len, found.lacking.values()))
    for theorem, texts in found.lacking.items():
        assert (f"{theorem} needs that {', '.join(texts)}" in str(caught.value)) == (
            len(texts) == fewest
        )
        assert f"{theorem}: needs that {'; '.join(texts)}" in str(found)
    assert str(caught.value).isprintable()


def test_where_a_theorem_applies_the_others_still_say_what_they_lack():
    found = ncsolve.applicable(ncsolve.UFM([3, 2]))
    assert [theorem.name for theorem in found] == ["squared_spectral"]
    asked = {theorem.name for theorem in theorems() if not theorem.limit and not theorem.on_request}
    assert found[0].name == found[:1][0].name == "squared_spectral"
    assert set(found.lacking) == asked - {"squared_spectral"}
    assert "squared_spectral: applies (GLOBAL)" in str(found)


def test_a_theorem_asked_for_by_name_must_exist_and_apply():
    ufm = ncsolve.UFM([3, 2])
    with pytest.raises(
        ncsolve.NoTheorem, match=r"theorem 'spectral' is unknown; one of .*squared_spectral"
    ):
        ncsolve.predict(ufm, "spectral")
    with pytest.raises(
        ncsolve.NoTheorem,
        match="'squared_targets' does not cover this problem: it needs that the targets",
    ):
        ncsolve.predict(ufm, "squared_targets")
    with pytest.raises(ncsolve.NoTheorem):
        ncsolve.predict(
            ufm, theorems()[0] if theorems()[0].name != "squared_spectral" else theorems()[-1]
        )


def _loaded(statement):
    code = f"import sys; {statement}; print(*sorted(m for m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    ["import ncsolve", "import ncsolve; ncsolve.predict(ncsolve.UFM([3, 2], depth=3)).classes"],
)
def test_neither_importing_nor_predicting_loads_a_heavy_package(statement):
    heavy = {"sympy", "matplotlib", "rich", "joblib", "torch", "mpmath", "hypothesis"}
    assert not heavy & {name.split(".")[0] for name in _loaded(statement)}


def test_naming_the_first_three_functions_loads_nothing_that_only_an_answer_needs():
    names = _loaded("from ncsolve import UFM, Prediction, predict, thresholds")
    later = {
        "ncsolve.analytic.factors",
        "ncsolve.analytic.spectrum",
        "ncsolve.problem.objective",
        "json",
        "pkgutil",
        "scipy",
    }
    assert not later & names
