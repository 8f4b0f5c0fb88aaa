"""The referee itself: lower bounds below every point, Hessians that tell minima from saddles, verdicts that can go either way."""

import dataclasses

import numpy as np
import pytest

import ncsolve
from ncsolve.analytic.prediction import Prediction
from ncsolve.analytic.theorem import Claim
from ncsolve.numeric import bounds as certificates
from ncsolve.numeric.descent import descend
from ncsolve.numeric.hessian import hessian_check
from ncsolve.numeric.layout import rotated
from ncsolve.problem.objective import Parameters, objective_over

PROBLEMS = {
    f"M{depth}-{name}-width_{width}-bias_{bias}": ncsolve.UFM(
        counts, depth=depth, width=width, bias=bias, weight_decay=4e-3, feature_decay=2e-3
    )
    for depth in (1, 2, 3, 6)
    for name, counts in {
        "balanced": [20] * 4,
        "imbalanced": [60, 30, 12, 7],
        "tail": [300, 40, 6, 1],
    }.items()
    for width in (None, 9, 2)
    for bias in ("none", "free")
}
PROBLEMS["regularized"] = ncsolve.UFM([20] * 4, bias=0.3, weight_decay=4e-3, feature_decay=2e-3)
PROBLEMS["targets"] = ncsolve.UFM(
    [5, 3, 2], ncsolve.Squared([[1, -1, 0.5], [0, 2, 1]]), 2, 5, 1e-2, 1e-2, "free"
)
PROBLEMS["relu"] = ncsolve.UFM(
    [20, 10, 5], depth=2, features="relu", weight_decay=4e-3, feature_decay=2e-3
)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_lower_bound_meets_the_prediction_and_lies_below_every_other_point(name):
    ufm = PROBLEMS[name]
    prediction = ncsolve.predict(ufm)
    certificate = ncsolve.certify(prediction)
    assert 0 <= certificate.relative_gap <= 1e-12  # measured: at most 1.2e-13
    assert not certificate.rigorous
    rng = np.random.default_rng(1)
    best = prediction.parameters()
    for spread in np.geomspace(1e-6, 1.0, 30):
        weights = tuple(w + spread * rng.normal(size=w.shape) for w in best.weights)
        bias = best.bias + spread * rng.normal(size=best.bias.shape) * (ufm.bias != "none")
        moved = Parameters(
            weights, best.features + spread * rng.normal(size=best.features.shape), bias
        )
        found = certificates.certificate(ufm, moved)
        assert found.lower_bound <= prediction.value
        assert found.lower_bound <= found.value


@pytest.mark.parametrize(
    "name",
    ["M1-imbalanced-width_None-bias_none", "M3-imbalanced-width_None-bias_none", "regularized"],
)
def test_a_prediction_that_is_one_percent_off_is_not_certified(name):
    ufm = PROBLEMS[name]
    best = ncsolve.predict(ufm).parameters()
    off = Parameters((best.weights[0] * 1.01, *best.weights[1:]), best.features, best.bias)
    assert certificates.certificate(ufm, off).relative_gap > 1e-6


def test_a_bound_with_too_much_decay_would_be_caught():
    ufm = PROBLEMS["M3-imbalanced-width_None-bias_none"]
    wrong = ufm.replace(weight_decay=tuple(1.01 * decay for decay in ufm.weight_decay))
    prediction = ncsolve.predict(ufm)
    assert certificates.certificate(wrong, prediction.parameters()).lower_bound > prediction.value


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_the_branch_and_bound_finds_the_minimum_of_a_dense_grid(depth):
    q = 2 / (depth + 1)
    gamma = np.geomspace(1e-6, 3.0, 40)
    r = np.linspace(0.0, 1.0, 400_001)
    grid = np.array([((1 - r) ** 2 + g * r**q).min() for g in gamma])
    bound = certificates._scalar_bound(gamma, q)
    assert np.all(bound <= grid * (1 + 1e-15))
    assert np.all(bound >= grid * (1 - 1e-9) - 1e-11)  # the grid's own spacing


def _check(ufm, parameters):
    layout = rotated(ufm)
    objective = objective_over(ufm, layout.columns)
    features = np.zeros(objective.feature_shape)
    features[:, : ufm.classes] = parameters.features * np.sqrt(ufm.counts)
    return hessian_check(
        objective, objective.pack(Parameters(parameters.weights, features, parameters.bias))
    )


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("width", [None, 6])
@pytest.mark.parametrize("bias", ["none", "free"])
def test_a_predicted_minimizer_is_a_minimum_with_the_zero_modes_of_its_rotations(
    depth, width, bias
):
    ufm = ncsolve.UFM(
        [30, 20, 8], depth=depth, width=width, bias=bias, weight_decay=4e-3, feature_decay=4e-3
    )
    check = _check(ufm, ncsolve.predict(ufm).parameters())
    assert check.is_minimum
    assert not check.is_strict_saddle
    assert check.zero_modes == check.expected_zero_modes > 0
    assert check.negative_modes == 0
    assert check.rotation_residual < 1e-12


def test_zero_is_a_strict_saddle_of_one_layer_with_the_negative_modes_that_theory_counts():
    ufm = ncsolve.UFM([30, 20, 8, 1], width=5, weight_decay=2e-2, feature_decay=2e-2)
    zero = Parameters((np.zeros((4, 5)),), np.zeros((5, 4)), np.zeros(4))
    check = _check(ufm, zero)
    # eigenvalues lambda +- tau/N, each d_1 times
    live = int(np.sum(np.sqrt(ufm.counts) / ufm.samples > 2e-2))
    assert 0 < live < 4
    assert check.is_strict_saddle
    assert check.negative_modes == 5 * live


def test_zero_is_a_minimum_of_a_deep_problem():
    ufm = ncsolve.UFM([30, 20, 8], depth=2, weight_decay=1e-3, feature_decay=1e-3)
    zero = Parameters((np.zeros((3, 3)), np.zeros((3, 3))), np.zeros((3, 3)), np.zeros(3))
    check = _check(ufm, zero)
    assert check.is_minimum
    assert check.smallest == pytest.approx(1e-3, rel=1e-9)


def test_a_critical_point_without_a_live_class_is_a_strict_saddle():
    ufm = ncsolve.UFM([30, 20, 8], weight_decay=4e-3, feature_decay=4e-3)
    best = ncsolve.predict(ufm).parameters()
    weight, features = best.weights[0].copy(), best.features.copy()
    weight[1], features[:, 1] = 0.0, 0.0
    assert _check(ufm, Parameters((weight,), features, best.bias)).is_strict_saddle


def test_the_sparse_eigenvalue_agrees_with_the_dense_one(monkeypatch):
    from ncsolve.numeric import hessian

    ufm = ncsolve.UFM([30, 20, 8], depth=2, width=5, weight_decay=4e-3, feature_decay=4e-3)
    dense = _check(ufm, ncsolve.predict(ufm).parameters())
    monkeypatch.setattr(hessian, "DENSE", 0)
    sparse = _check(ufm, ncsolve.predict(ufm).parameters())
    assert sparse.zero_modes is None
    assert sparse.smallest == pytest.approx(dense.smallest, rel=1e-8)


def _claiming(prediction, factor, claim):
    """The same prediction with its value multiplied: a planted error."""
    theorem = dataclasses.replace(prediction.theorem, claim=claim)
    return Prediction(
        prediction.ufm,
        theorem,
        dataclasses.replace(prediction.solution, value=factor * prediction.value),
    )


UFM = ncsolve.UFM([30, 20, 8], depth=2, weight_decay=4e-3, feature_decay=4e-3)


@pytest.mark.parametrize(
    ("factor", "claim", "verdict"),
    [
        (1.0, Claim.GLOBAL, "AGREES"),
        (1.01, Claim.GLOBAL, "REFUTED"),
        (1.01, Claim.CERTIFIED, "REFUTED"),
        (1.01, Claim.CRITICAL, "BEATEN"),
        (1.01, Claim.BEST_KNOWN, "BEATEN"),
        (0.99, Claim.GLOBAL, "STUCK"),
    ],
)
def test_the_verdict_follows_the_value_and_the_claim(factor, claim, verdict):
    planted = _claiming(ncsolve.predict(UFM), factor, claim)
    assert ncsolve.verify(planted, ncsolve.Descent(starts=1), rng=0).verdict.name == verdict


def test_runs_that_stop_early_are_stuck_and_refute_nothing():
    method = ncsolve.Descent(ncsolve.LBFGS(steps=3), polish=None, starts=1, switch=False)
    verification = ncsolve.verify(UFM, method, rng=0)
    assert verification.verdict.name == "STUCK"
    assert verification.runs[0].ending.name == "STEPS"


def test_switching_directions_leaves_the_published_local_minimum():
    ufm = ncsolve.UFM([1000, 100, 10, 2], depth=3, weight_decay=5e-4, feature_decay=5e-4)
    # the class of 2 lives at these decays
    alive = ncsolve.predict(ufm.replace(weight_decay=3.5e-4, feature_decay=3.5e-4))
    assert alive.classes[3].state == "active"
    start = Parameters(alive.weights, alive.features(), alive.bias)

    def end(switch):
        return next(descend(ufm, ncsolve.Descent(starts=1, switch=switch), rng=0, start=start))

    prediction = ncsolve.predict(ufm)
    stuck, found = end(False), end(True)
    assert stuck.value > prediction.value * (1 + 1e-4)
    assert np.linalg.norm(stuck.parameters.features[:, 3]) > 0.1
    assert found.value == pytest.approx(prediction.value, rel=1e-12)
    assert np.linalg.norm(found.parameters.features[:, 3]) < 1e-8


@pytest.mark.parametrize("optimizer", [ncsolve.GradientDescent(), ncsolve.Momentum(steps=20_000)])
def test_plain_and_momentum_descent_reach_the_prediction(optimizer):
    ufm = ncsolve.UFM([8, 4], weight_decay=3e-2, feature_decay=3e-2)
    verification = ncsolve.verify(
        ufm, ncsolve.Descent(optimizer, polish=None, starts=1, scale=0.3), rng=0
    )
    assert abs(verification.excess) <= 1e-12  # measured: 1e-13


def test_a_rate_that_is_too_large_ends_as_diverged():
    method = ncsolve.Descent(ncsolve.Momentum(learning_rate=1e4), polish=None, starts=1)
    assert next(descend(UFM, method, rng=0)).ending.name == "DIVERGED"


def test_an_interrupt_keeps_the_run_and_starts_no_other():
    def interrupt(_start, step, _value, _norm):
        if step >= 5:
            raise KeyboardInterrupt

    runs = list(descend(UFM, ncsolve.Descent(starts=3), rng=0, progress=interrupt))
    assert [run.ending.name for run in runs] == ["INTERRUPTED"]
    assert np.isfinite(runs[0].value)
    assert runs[0].steps >= 5
    assert runs[0].trajectory.step[-1] == runs[0].steps


def test_a_start_does_not_depend_on_how_many_there_are():
    one = list(descend(UFM, ncsolve.Descent(starts=1), rng=7))
    three = list(descend(UFM, ncsolve.Descent(starts=3), rng=7))
    assert one[0].value == three[0].value
    assert np.array_equal(one[0].theta, three[0].theta)


def test_the_objective_never_rises_under_plain_gradient_descent():
    seen = []

    def watch(_start, _step, value, _norm):
        seen.append(value)

    next(
        descend(
            UFM,
            ncsolve.Descent(ncsolve.GradientDescent(steps=300), polish=None, switch=False),
            rng=0,
            progress=watch,
        )
    )
    assert np.all(np.diff(seen) <= 0)


def test_relu_features_stay_nonnegative_and_reach_the_prediction():
    ufm = PROBLEMS["relu"]
    verification = ncsolve.verify(ufm, rng=0)
    assert abs(verification.excess) <= 1e-12
    run = verification.best
    assert run.objective.unpack(run.theta).features.min() >= 0
    free = ufm.replace(bias="free")
    with pytest.raises(ncsolve.NoTheorem, match="ReLU without a bias"):
        ncsolve.predict(free)
    assert next(descend(free, ncsolve.Descent(starts=1), rng=0)).value < run.value
