"""Class weights: the weighted minimizer against descent and against unweighted problems, and equal thresholds."""

from types import SimpleNamespace

import numpy as np
import pytest
from oracles.descents import lowest_of
from support.draws import even

import ncsolve
from ncsolve.analytic import scalar
from ncsolve.problem.objective import Objective
from ncsolve.questions.reweigh import weighted_cross_entropy, weighted_squared

SQUARED = {
    f"M{depth}-{kind}": (depth, counts, width)
    for depth in (1, 2, 3)
    for kind, counts, width in (
        ("tail", [60, 12, 3], 3),
        ("bottleneck", [40, 20, 9, 4], 2),
        ("balanced", [15] * 3, 3),
    )
}


def lowest(n, omega, decays, width, rng, data, starts=6):
    """Descent on (1/N) sum_k omega_k n_k loss(z_k) + decays, over the factors and the scaled means sqrt(n_k) h_k."""
    columns = SimpleNamespace(ones=np.ones(n.size), value_and_gradient=lambda a: data(a, n, omega))
    shapes = ((width, width),) * (len(decays) - 2) + ((n.size, width),)
    objective = Objective(columns, shapes, tuple(decays[1:]), decays[0], np.inf)
    return lowest_of(objective, rng, starts)


def squared(a, n, omega):
    residual = a - np.diag(np.sqrt(n))
    return float((omega * residual**2).sum()) / (2 * n.sum()), omega * residual / n.sum()


def cross_entropy(a, n, omega):
    z = a / np.sqrt(n)
    top = z.max(axis=0)
    p = np.exp(z - top)
    losses = top + np.log(p.sum(axis=0)) - np.diag(z)
    share = omega * n / n.sum()
    return float(share @ losses), (p / p.sum(axis=0) - np.eye(len(n))) * share / np.sqrt(n)


@pytest.mark.parametrize("name", SQUARED)
@pytest.mark.parametrize("seed", range(3))
def test_descent_on_the_weighted_objective_ends_at_the_predicted_value(name, seed):
    depth, counts, width = SQUARED[name]
    rng, n = np.random.default_rng(seed), np.array(counts, dtype=float)
    omega = np.exp(rng.uniform(-1.2, 1.2, n.size)) if seed else n ** (-depth / (depth + 1))
    omega *= n.sum() / (omega @ n)
    g = (
        scalar.threshold(depth)
        * np.median(omega * n ** (depth / (depth + 1)))
        / n.sum()
        * rng.uniform(0.15, 0.5)
    )
    decays = g * np.exp(rng.uniform(-0.5, 0.5, depth + 1))
    ufm = ncsolve.UFM(
        n,
        depth=depth,
        width=width,
        weight_decay=decays[1:].tolist(),
        feature_decay=float(decays[0]),
    )
    predicted = weighted_squared(ufm, omega)
    value, end = lowest(n, omega, decays, width, rng, squared, starts=10)
    assert value == pytest.approx(predicted.value, rel=1e-10)  # measured: 4e-15
    assert weighted_squared(
        ufm, omega * (1 + 0.01 * (np.arange(n.size) == 0))
    ).value != pytest.approx(value, rel=1e-6)
    if name.endswith("tail"):
        near = {"rel": 1e-4, "abs": 1e-5}
        means = np.linalg.norm(end.features, axis=0) / np.sqrt(n)
        assert np.linalg.norm(end.end_to_end, axis=1) == pytest.approx(
            predicted.weight_norm, **near
        )
        assert means == pytest.approx(predicted.feature_norm, **near)


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
@pytest.mark.parametrize("seed", range(5))
def test_each_column_is_that_of_the_unweighted_problem_with_all_decays_divided_by_its_weight(
    depth, seed
):
    rng = np.random.default_rng(seed)
    n = np.floor(np.exp(rng.uniform(0, 5, 6)))
    omega = np.exp(rng.uniform(-1, 1, 6))
    g = scalar.threshold(depth) * float(np.median(n ** (depth / (depth + 1)))) / n.sum()
    decays = g * np.exp(rng.uniform(-0.5, 0.5, depth + 1))
    ufm = ncsolve.UFM(
        n, depth=depth, weight_decay=decays[1:].tolist(), feature_decay=float(decays[0])
    )
    found = weighted_squared(ufm, omega)
    value = 0.0
    for k, weight in enumerate(omega):
        alone = ufm.replace(
            weight_decay=(decays[1:] / weight).tolist(), feature_decay=float(decays[0] / weight)
        )
        row = ncsolve.predict(alone).classes[k]
        assert found.states[k] == row.state
        assert found.own_logit[k] == pytest.approx(row.own_logit, rel=1e-13)
        p = 1 - row.own_logit
        value += weight * n[k] / (2 * n.sum()) * p * (1 + depth * (1 - p))
    assert found.value == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
@pytest.mark.parametrize("seed", range(5))
def test_weights_for_thresholds_make_all_critical_decays_and_own_logits_equal_and_none_are_better(
    depth, seed
):
    rng = np.random.default_rng(seed)
    n = np.floor(np.exp(rng.uniform(0, 6, int(rng.integers(2, 8)))))
    ufm = ncsolve.UFM(n, depth=depth, **even(1e-4))
    found = ncsolve.class_weights(ufm)
    assert found.verified
    assert found.weights @ n == pytest.approx(n.sum(), rel=1e-14)
    assert np.ptp(found.own_logit) < 1e-14
    common = scalar.threshold(depth) / (n ** (1 / (depth + 1))).sum()
    assert found.critical == pytest.approx(common, rel=1e-13)
    for factor, living in (
        (0.999, n.size),
        (1.001, 0),
    ):  # by predictions of unweighted problems, class by class
        states = [
            ncsolve.predict(ufm.replace(**even(common * factor / w))).classes.state[k]
            for k, w in enumerate(found.weights)
        ]
        assert states.count("active") == living
    for _ in range(20):
        other = found.weights * np.exp(rng.normal(size=n.size) * 0.1)
        other *= n.sum() / (other @ n)
        assert (found.critical_before * other).min() <= common * (1 + 1e-13)


def test_the_exponent_of_one_layer_does_not_equalize_three():
    n = np.array([500.0, 20.0, 3.0])
    omega = n**-0.5
    critical = ncsolve.thresholds(ncsolve.UFM(n, depth=3)).classes.critical_decay * omega
    assert critical.max() / critical.min() > 1.5


@pytest.mark.parametrize("bias", ["none", "free"])
def test_cross_entropy_weights_give_every_group_one_threshold(bias):
    ufm = ncsolve.UFM([60, 60, 12, 12, 3, 3], "ce", bias=bias)
    found = ncsolve.class_weights(ufm)
    assert found.verified
    assert np.ptp(found.critical) < 1e-15
    assert np.ptp(found.critical_before) > 1e-3


def test_descent_on_weighted_cross_entropy_keeps_or_merges_the_groups_together():
    ufm = ncsolve.UFM([30, 30, 5, 5], "ce")
    found = ncsolve.class_weights(ufm)
    common = float(found.critical[0])
    for factor, merged in ((0.7, False), (1.3, True)):
        c = common * factor
        value, end = lowest(
            ufm.counts, found.weights, [c, c], 4, np.random.default_rng(0), cross_entropy, starts=2
        )
        means = end.features / np.sqrt(ufm.counts)
        for pair in ([0, 1], [2, 3]):
            assert (np.linalg.norm(means[:, pair[0]] - means[:, pair[1]]) < 1e-3) == merged
        states, gap = weighted_cross_entropy(ufm, found.weights, c)
        assert (set(states) == {"active"}) == (not merged)
        assert gap < 1e-10
        assert value > 0


def test_a_wrong_merge_rule_would_leave_a_duality_gap(monkeypatch):
    from ncsolve.questions import reweigh as weighted

    ufm = ncsolve.UFM([60, 60, 12, 12], "ce")
    weights = np.ones(4)
    c = float(np.sqrt(12) / 144 * 1.3)  # the small group merges
    assert weighted.weighted_cross_entropy(ufm, weights, c)[1] < 1e-10
    honest = weighted._problem
    lying = lambda *given: weighted.replace(honest(*given), alive=np.array([False, False]))  # noqa: E731
    monkeypatch.setattr(weighted, "_problem", lying)
    assert weighted.weighted_cross_entropy(ufm, weights, c)[1] > 1e-6


def test_problems_that_weights_are_not_solved_for_are_refused():
    for ufm in (
        ncsolve.UFM([20, 10], bias="free"),
        ncsolve.UFM([20, 10, 5], ncsolve.Squared([[1.0, 0, 1]])),
        ncsolve.UFM([20, 10, 10], "ce", features="relu"),
    ):
        with pytest.raises(ncsolve.NoTheorem):
            ncsolve.class_weights(ufm)
    with pytest.raises(ncsolve.NoAnswer, match="none merges"):
        ncsolve.class_weights(ncsolve.UFM([20, 10], "ce"))
    with pytest.raises(ncsolve.NoAnswer, match="width"):
        ncsolve.class_weights(ncsolve.UFM([20, 10, 5], width=2))
