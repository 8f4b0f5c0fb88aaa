"""The last digits of a run, and the discrete steps between runs."""

import numpy as np
import pytest

import ncsolve
from ncsolve.numeric.descent import descend
from ncsolve.numeric.layout import rotated, samples
from ncsolve.numeric.switch import switch, switch_off, switch_on
from ncsolve.problem.descend import projected
from ncsolve.problem.objective import Parameters, objective_over


def _small(rng):
    depth = int(rng.integers(1, 4))
    return ncsolve.UFM(
        rng.integers(1, 30, int(rng.integers(2, 6))),
        depth=depth,
        width=int(rng.integers(2, 8)),
        weight_decay=np.exp(rng.uniform(np.log(1e-3), np.log(3e-2), depth)).tolist(),
        feature_decay=float(np.exp(rng.uniform(np.log(1e-3), np.log(3e-2)))),
        bias=str(rng.choice(["none", "free"])),
    )


@pytest.mark.parametrize("seed", range(40))
def test_newton_reaches_the_last_digits(seed):
    ufm = _small(np.random.default_rng(seed))
    rough = ncsolve.Descent(
        optimizer=ncsolve.LBFGS(tolerance=1e-8), polish=None, switch=False, starts=1
    )
    polished = ncsolve.Descent(optimizer=ncsolve.LBFGS(tolerance=1e-8), switch=False, starts=1)
    (before,), (after,) = (list(descend(ufm, method, rng=seed)) for method in (rough, polished))
    assert after.value <= before.value * (1 + 1e-15)
    assert after.gradient_norm <= 1e-12  # measured 7e-15
    assert after.gradient_norm < 1e-3 * before.gradient_norm


def test_newton_leaves_active_bounds_where_they_are():
    ufm = ncsolve.UFM([6, 4, 2], width=5, features="relu", weight_decay=2e-2, feature_decay=2e-2)
    objective = objective_over(ufm, samples(ufm).columns)
    where = objective.feature_slice
    (run,) = descend(
        ufm, ncsolve.Descent(optimizer=ncsolve.LBFGS(tolerance=1e-6), polish=None, starts=1), rng=0
    )
    outcome = ncsolve.Newton().minimize(objective, run.theta, lambda *step: None, where)
    assert outcome.theta[where].min() == 0.0
    assert (outcome.theta[where][run.theta[where] == 0] == 0).all()
    assert np.sum(run.theta[where] == 0) > 10
    value, gradient = objective.value_and_gradient(outcome.theta)
    assert np.linalg.norm(projected(gradient, outcome.theta, where)) < 1e-9
    assert value <= run.value


def _objective(ufm):
    return objective_over(ufm, rotated(ufm).columns)


def test_a_switch_goes_lower_or_does_nothing():
    rng = np.random.default_rng(0)
    moved = 0
    for _ in range(150):
        ufm = _small(rng)
        objective = _objective(ufm)
        theta = rng.normal(scale=rng.uniform(0.05, 1.5), size=objective.size)
        for move in (switch, switch_on, switch_off):
            kept = theta.copy()
            trial = move(objective, theta)
            assert (theta == kept).all()
            if trial is not None:
                moved += 1
                assert objective.value(trial) < objective.value(theta)
    assert moved > 100


def _predicted(ufm, without=()):
    """(objective, theta) of the predicted matrices, without some directions of the end-to-end map."""
    prediction = ncsolve.predict(ufm)
    objective = _objective(ufm)
    features = np.zeros(objective.feature_shape)
    features[:, : ufm.classes] = prediction.class_means * np.sqrt(ufm.counts)
    product = prediction.parameters().end_to_end @ features
    left = np.linalg.svd(product)[0][:, list(without)]
    last = prediction.weights[-1] - left @ (left.T @ prediction.weights[-1])
    right = np.linalg.svd(product)[2][list(without)]
    weights = (*prediction.weights[:-1], last)
    if ufm.depth > 1:
        inner = np.linalg.qr(prediction.weights[-1].T @ left)[0]
        weights = (*weights[:-2], weights[-2] - inner @ (inner.T @ weights[-2]), last)
    return objective, objective.pack(
        Parameters(weights, features - features @ right.T @ right, prediction.bias)
    )


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("depth", [2, 3, 6])
def test_no_switch_goes_below_a_prediction(depth, bias):
    ufm = ncsolve.UFM(
        [40, 20, 10, 5, 1], depth=depth, width=8, bias=bias, weight_decay=3e-3, feature_decay=3e-3
    )
    assert switch(*_predicted(ufm)) is None


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("dropped", [0, 1, 2])
def test_a_direction_that_was_left_out_is_switched_on(dropped, bias):
    ufm = ncsolve.UFM(
        [40, 20, 10, 5], depth=2, width=8, bias=bias, weight_decay=3e-3, feature_decay=3e-3
    )
    objective, theta = _predicted(ufm, [dropped])
    assert objective.value(theta) > 1.01 * ncsolve.predict(ufm).value
    trial = switch_on(objective, theta)
    assert trial is not None
    assert objective.value(trial) < objective.value(theta)


@pytest.mark.parametrize(
    "scale", [None, 0.3, 0.5], ids=["isometries", "gaussian-.3", "gaussian-.5"]
)
def test_every_start_ends_at_the_prediction_with_switches_and_only_some_without(scale):
    ufm = ncsolve.UFM([1000, 100, 10, 2], depth=3, weight_decay=5e-4, feature_decay=5e-4)
    prediction = ncsolve.predict(ufm)
    assert list(prediction.classes.state) == ["active"] * 3 + ["vanished"]
    plain, switched = (
        list(descend(ufm, ncsolve.Descent(switch=s, scale=scale, starts=10), rng=1))
        for s in (False, True)
    )
    # the class of 2 lives, or a larger one died
    above = [run for run in plain if run.value > prediction.value * (1 + 1e-3)]
    assert 1 <= len(above) <= 9  # found: 1, 6, 1
    if scale is None:
        assert all(np.linalg.norm(run.parameters.features[:, 3]) > 0.5 for run in above)
    for run in switched:
        assert run.value == pytest.approx(prediction.value, rel=1e-14)  # measured 2e-16
        assert np.linalg.norm(run.parameters.features[:, 3]) < 1e-9
