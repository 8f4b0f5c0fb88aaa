"""Label temperatures: one threshold, a simplex by the stationarity of the raw objective, and what the aims do to each other."""

from itertools import groupby

import numpy as np
import pytest
from oracles.descents import lowest
from support.draws import even

import ncsolve
from ncsolve.problem.losses import class_columns
from ncsolve.problem.objective import Parameters, objective_over
from ncsolve.questions import reweigh as temperatures

COUNTS = {
    "step": [100, 100, 20, 20],
    "tail": [500, 107, 23, 5],
    "three": [60, 30, 11],
    "balanced": [50] * 5,
}


def problem(counts, decay, **fields):
    return ncsolve.UFM(counts, "ce", weight_decay=decay, feature_decay=2 * decay, **fields)


def scaled(ufm, scales):
    return ufm.replace(loss=ncsolve.CrossEntropy(label_scale=scales))


def from_simplex(gram):
    """The largest entry of the difference from (K/(K-1)) (I - J/K), after scaling to mean length one."""
    k = len(gram)
    return np.abs(gram / (np.trace(gram) / k) - (np.eye(k) - 1 / k) * k / (k - 1)).max()


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("decay", [2e-5, 1e-6, 1e-8])
def test_the_exact_simplex_is_stationary_in_the_raw_objective(name, decay):
    ufm = problem(COUNTS[name], decay)
    found = ncsolve.label_temperatures(ufm, "classifiers")
    assert found.scales @ ufm.counts == pytest.approx(ufm.samples, rel=1e-14)
    k, c = ufm.classes, np.sqrt(2.0) * decay
    # alpha from any one column: margin m with s = (N c/(K sqrt(n))) (e^m + K - 1), and m = s alpha/sqrt(n)
    y = found.scales * np.sqrt(ufm.counts) * k / (ufm.samples * c)
    alpha = np.log(y - k + 1) * np.sqrt(ufm.counts) / found.scales
    assert np.ptp(alpha) <= 1e-10 * alpha[0]  # measured: 1e-15 .. 3e-13
    shape = (np.eye(k) - 1 / k) * np.sqrt(alpha[0])
    weight = shape * 2.0**0.25
    means = shape * 2.0**-0.25 / np.sqrt(ufm.counts)
    objective = objective_over(
        scaled(ufm, found.scales),
        class_columns(ncsolve.CrossEntropy(label_scale=found.scales), ufm.counts),
    )
    point = objective.pack(Parameters((weight,), means * np.sqrt(ufm.counts), np.zeros(k)))
    gradient = objective.value_and_gradient(point)[1]
    assert np.linalg.norm(gradient) <= 1e-10 * decay * np.linalg.norm(point)
    wrong = found.scales * (1 + 0.01 * (np.arange(k) == 0))
    off = objective_over(
        scaled(ufm, wrong), class_columns(ncsolve.CrossEntropy(label_scale=wrong), ufm.counts)
    )
    assert np.linalg.norm(off.value_and_gradient(point)[1]) > 1e-5 * decay * np.linalg.norm(point)


@pytest.mark.parametrize("name", COUNTS)
def test_the_classifiers_are_a_simplex_at_the_given_decays_and_the_prediction_is_certified(name):
    ufm = problem(COUNTS[name], 2e-5)
    found = ncsolve.label_temperatures(ufm, "classifiers")
    prediction = ncsolve.predict(scaled(ufm, found.scales))
    assert found.verified
    assert from_simplex(prediction.gram_weights) < 1e-9  # measured: at most 7e-13
    assert found.deviation < 1e-9
    assert ncsolve.certify(prediction).relative_gap < 1e-10
    norms = np.linalg.norm(prediction.class_means, axis=0) * np.sqrt(ufm.counts)
    h = prediction.class_means / np.linalg.norm(prediction.class_means, axis=0)
    assert np.ptp(norms) < 1e-7 * norms[0]
    assert from_simplex(h.T @ h) < 1e-7
    if name != "balanced":
        assert found.deviation_before > 0.05


def test_near_collapse_the_other_branch_answers_and_between_the_branches_nothing_is_looked_for():
    n = np.array([60.0, 60.0, 50.0])
    top = 1 / np.sqrt(n).sum()  # from this c on the scale N does not lift the logits off zero
    answered = []
    for share in np.geomspace(0.02, 0.999, 40):
        ufm = ncsolve.UFM(n, "ce", **even(top * share))
        try:
            found = ncsolve.label_temperatures(ufm, "classifiers")
        except ncsolve.NoAnswer:
            answered.append(0)
            continue
        assert found.verified
        answered.append(1 if found.scales[0] > found.scales[2] else 2)
    assert [kind for kind, _ in groupby(answered)] == [1, 0, 2]
    with pytest.raises(ncsolve.NoAnswer, match="too large"):
        ncsolve.label_temperatures(ncsolve.UFM(n, "ce", **even(top * 1.001)), "classifiers")


def test_descent_ends_at_the_simplex():
    ufm = problem([12, 5, 3], 2e-3)
    found = ncsolve.label_temperatures(ufm, "classifiers")
    _, point = lowest(scaled(ufm, found.scales), np.random.default_rng(0), starts=1)
    weight = point.weights[0]
    assert from_simplex(weight @ weight.T) < 1e-5


@pytest.mark.parametrize("name", COUNTS)
def test_in_the_limit_roots_of_the_counts_make_a_simplex_and_the_exact_temperatures_tend_to_them(
    name,
):
    ufm = problem(COUNTS[name], 1e-3)
    found = ncsolve.label_temperatures(ufm, "limit")
    assert found.verified
    assert found.limit_deviation < 1e-13
    assert found.scales / np.sqrt(ufm.counts) == pytest.approx(
        found.scales[0] / np.sqrt(ufm.counts[0]), rel=1e-14
    )
    exact = [
        temperatures._simplex(problem(COUNTS[name], decay))
        for decay in (2e-5, 1e-8, 1e-16, 1e-32, 1e-64)
    ]
    distance = [np.abs(np.log(scales / found.scales)).max() for scales in exact]
    assert (np.diff(distance) < 0).all() if name != "balanced" else max(distance) < 1e-12


@pytest.mark.parametrize("bias", ["none", "free", 0.1])
@pytest.mark.parametrize(
    "loss",
    [
        {},
        {"smoothing": 0.1},
        {"class_scale": [1.0, 1.0, 1.5, 1.5]},
        {"offsets": [0.0, 0.0, 1.0, 1.0]},
    ],
)
def test_one_threshold_for_all_groups_in_every_kind_of_problem(bias, loss):
    ufm = ncsolve.UFM([100, 100, 20, 20], ncsolve.CrossEntropy(**loss), bias=bias)
    found = ncsolve.label_temperatures(ufm)
    assert found.verified
    assert np.ptp(found.critical) < 1e-15
    assert found.critical_before[0] > 1.4 * found.critical_before[2]
    common = found.critical[0]
    for factor, state in ((0.99, True), (1.01, False)):
        at = ufm.replace(
            loss=ncsolve.CrossEntropy(**loss, label_scale=found.scales), **even(common * factor)
        )
        assert (ncsolve.predict(at).classes.state == "active").all() == state


def test_the_aims_contradict_each_other():
    ufm = problem([100, 100, 20, 20], 1e-3)
    thresholds, limit = ncsolve.label_temperatures(ufm), ncsolve.label_temperatures(ufm, "limit")
    assert np.allclose(thresholds.scales * limit.scales, thresholds.scales[0] * limit.scales[0])
    assert limit.critical[2] < limit.critical_before[2] < thresholds.critical[2]
    assert limit.critical[2] / limit.critical[0] == pytest.approx(20 / 100)


def test_questions_without_an_answer_say_why():
    with pytest.raises(ncsolve.NoAnswer, match="none merges"):
        ncsolve.label_temperatures(problem([20, 10, 5], 1e-3))
    with pytest.raises(ncsolve.NoAnswer, match="opposite"):
        ncsolve.label_temperatures(problem([20, 10], 1e-3), "limit")
    with pytest.raises(ncsolve.NoAnswer, match="one branch"):
        ncsolve.label_temperatures(problem([100, 100, 20, 20, 5, 5], 1e-2), "classifiers")
    for ufm in (
        ncsolve.UFM([20, 10]),
        ncsolve.UFM([20, 10, 10], "ce", depth=2),
        ncsolve.UFM([20, 10, 10], "ce", features="relu"),
    ):
        with pytest.raises(ncsolve.NoTheorem, match="depth 1 with linear"):
            ncsolve.label_temperatures(ufm)
    with pytest.raises(ncsolve.NoTheorem, match="without bias"):
        ncsolve.label_temperatures(problem([20, 10, 10], 1e-3, bias="free"), "limit")
    with pytest.raises(ncsolve.NoTheorem, match="width"):
        ncsolve.label_temperatures(problem([20, 10, 10, 10], 1e-3, width=2))
    with pytest.raises(ncsolve.ProblemError, match="'simplex'"):
        ncsolve.label_temperatures(problem([20, 10, 10], 1e-3), "simplex")
