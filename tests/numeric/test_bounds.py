"""Lower bounds against other roads: the 70-digit oracle, the convex problem without a theorem, and planted errors."""

import numpy as np
import pytest
from oracles import objective as oracle

import ncsolve
from ncsolve.numeric.bounds import certificate
from ncsolve.numeric.descent import descend
from ncsolve.problem import duality
from ncsolve.problem.objective import Parameters

CONVEX = {
    "none": ncsolve.UFM([9, 5, 2], width=4, weight_decay=3e-2, feature_decay=2e-2),
    "free": ncsolve.UFM([9, 5, 2], width=4, weight_decay=3e-2, feature_decay=2e-2, bias="free"),
    "regularized": ncsolve.UFM([9, 5, 2], width=4, weight_decay=3e-2, feature_decay=2e-2, bias=0.3),
    "targets-regularized": ncsolve.UFM(
        [9, 5, 2], ncsolve.Squared([[1, -2, 0.5], [0, 1, 3]]), 1, 3, 3e-2, 2e-2, 0.05
    ),
    "relu": ncsolve.UFM([9, 5, 2], width=4, weight_decay=3e-2, feature_decay=2e-2, features="relu"),
}
DEEP = {
    "M2": ncsolve.UFM([9, 5, 2], depth=2, width=4, weight_decay=2e-2, feature_decay=2e-2),
    "M3-free": ncsolve.UFM(
        [9, 5, 2], depth=3, width=4, weight_decay=2e-2, feature_decay=1e-2, bias="free"
    ),
    "M1-bottleneck": ncsolve.UFM([9, 5, 2], width=1, weight_decay=2e-2, feature_decay=2e-2),
    "M3-bottleneck-free": ncsolve.UFM(
        [9, 5, 2], depth=3, width=[4, 1, 4], weight_decay=2e-2, feature_decay=1e-2, bias="free"
    ),
}


def _draw(ufm, rng, scale):
    weights = tuple(rng.normal(scale=scale, size=shape) for shape in ufm.shapes)
    means = rng.normal(scale=scale, size=(ufm.width[0], ufm.classes))
    bias = (
        np.zeros(ufm.outputs) if ufm.bias == "none" else rng.normal(scale=scale, size=ufm.outputs)
    )
    return Parameters(weights, np.abs(means) if ufm.features == "relu" else means, bias)


@pytest.mark.parametrize("name", [*CONVEX, *DEEP])
def test_no_bound_from_any_point_exceeds_the_objective_of_any_other(name):
    ufm = (CONVEX | DEEP)[name]
    rng = np.random.default_rng(0)
    found = [certificate(ufm, _draw(ufm, rng, scale)) for scale in np.geomspace(1e-3, 3, 200)]
    ends = [run.value for run in descend(ufm, ncsolve.Descent(starts=3), rng=0)]
    bound = max(c.lower_bound for c in found)
    assert bound <= min(*ends, *(c.value for c in found))
    assert bound > 0


@pytest.mark.parametrize("name", CONVEX)
def test_where_descent_ends_on_a_convex_problem_the_gap_closes_theorem_or_not(name):
    ufm = CONVEX[name]
    for run in descend(ufm, rng=1):
        found = certificate(ufm, run.parameters)
        assert found.method == "dual"
        # measured 1e-10 and 7e-12
        assert 0 <= found.relative_gap < (1e-9 if name == "relu" else 1e-10)


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("width", [None, 3, 1])
@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_the_bound_meets_the_oracle_from_below(depth, width, bias):
    ufm = ncsolve.UFM(
        [30, 17, 17, 6, 1],
        depth=depth,
        width=width,
        bias=bias,
        weight_decay=4e-3,
        feature_decay=6e-3,
    )
    exact = oracle.solve(ufm.counts, ufm.decays, bias, ufm.rank_limit).value
    bound = ncsolve.certify(ncsolve.predict(ufm)).lower_bound
    assert bound <= exact
    assert bound == pytest.approx(float(exact), rel=1e-13)  # measured 4e-14


@pytest.mark.parametrize(
    "name", ["none", "free", "regularized", "M2", "M3-free", "M1-bottleneck", "M3-bottleneck-free"]
)
def test_a_bound_computed_with_one_percent_more_c_is_caught(name):
    ufm = (CONVEX | DEEP)[name]
    run = min(descend(ufm, rng=1), key=lambda run: run.value)
    assert certificate(ufm, run.parameters).lower_bound <= run.value
    more = 1.01 ** (ufm.depth + 1)  # c goes with the (M+1)-th root of the product of decays
    wrong = ufm.replace(weight_decay=(more * ufm.weight_decay[0], *ufm.weight_decay[1:]))
    # the same end-to-end map, balanced for the wrong decays
    scale = wrong.weight_decay[0] / ufm.weight_decay[0]
    for factor in (1.0, 1 / np.sqrt(scale)):
        weights = (factor * run.parameters.weights[0], *run.parameters.weights[1:])
        found = certificate(
            wrong, Parameters(weights, run.parameters.features, run.parameters.bias)
        )
        if found.lower_bound > run.value:
            return
    pytest.fail("the wrong bound was not above the value of any run")


@pytest.mark.parametrize("name", [*CONVEX, *DEEP])
def test_one_percent_off_the_minimum_the_gap_is_plain(name):
    ufm = (CONVEX | DEEP)[name]
    best = min(descend(ufm, rng=1), key=lambda run: run.value).parameters
    for j in range(ufm.depth):
        weights = tuple(w * (1.01 if i == j else 1.0) for i, w in enumerate(best.weights))
        assert certificate(ufm, Parameters(weights, best.features, best.bias)).relative_gap > 1e-6
    assert (
        certificate(ufm, Parameters(best.weights, 0.99 * best.features, best.bias)).relative_gap
        > 1e-6
    )


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_where_everything_vanishes_the_bound_is_the_value_at_zero(depth):
    ufm = ncsolve.UFM([9, 5, 2], depth=depth, weight_decay=0.7, feature_decay=0.7)
    found = ncsolve.certify(ncsolve.predict(ufm))
    assert found.value == pytest.approx(0.5, rel=1e-15)
    assert 0 <= found.relative_gap < 1e-13


@pytest.mark.parametrize("bias", ["none", "free"])
def test_targets_without_anything_to_learn_have_a_gap_of_zero(bias):
    for depth in (1, 2):
        ufm = ncsolve.UFM(
            [3, 2, 1],
            ncsolve.Squared(np.full((2, 3), 1.0 if bias == "free" else 0.0)),
            depth,
            bias=bias,
        )
        assert ncsolve.certify(ncsolve.predict(ufm)).gap < 1e-31
        verification = ncsolve.verify(ufm, rng=0)
        assert verification.verdict is ncsolve.Verdict.AGREES
        assert verification.excess == 0


def test_problems_without_a_bound_are_refused(monkeypatch):
    deep, narrow = (
        CONVEX["regularized"].replace(**change) for change in ({"depth": 2}, {"width": 1})
    )
    for ufm in (deep, narrow):
        with pytest.raises(ncsolve.ProblemError, match="depth 1 and full width work"):
            certificate(ufm, _draw(ufm, np.random.default_rng(0), 1.0))
    monkeypatch.setattr(duality, "LARGEST", 2)
    with pytest.raises(ncsolve.NcsolveError, match="up to 2 classes work"):
        certificate(CONVEX["none"], _draw(CONVEX["none"], np.random.default_rng(0), 1.0))
    assert ncsolve.verify(CONVEX["none"], ncsolve.Descent(starts=1), rng=0).certificate is None
