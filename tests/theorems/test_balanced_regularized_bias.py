"""The regularized bias of balanced classes against descent, its regimes, and its two limits."""

import numpy as np
import pytest
from oracles.descents import lowest

import ncsolve

K, N_EACH, DECAYS = 4, 6, {"weight_decay": 2e-2, "feature_decay": 3e-2}
PULL = K * N_EACH * np.sqrt(6e-4)  # N c
EDGE = PULL / (np.sqrt(N_EACH) - PULL)  # the lambda_b at which the mean mode is born

REGIMES = {
    "simplex": 0.3 * EDGE,
    "at the edge": EDGE,
    "between": 3 * EDGE,
    "nearly orthogonal": 300 * EDGE,
}


@pytest.mark.parametrize("regime", REGIMES)
def test_descent_finds_the_predicted_geometry(regime):
    ufm = ncsolve.UFM([N_EACH] * K, bias=REGIMES[regime], width=K + 1, **DECAYS)
    prediction = ncsolve.predict(ufm)
    value, found = lowest(ufm, np.random.default_rng(3), starts=2)
    assert value == pytest.approx(prediction.value, rel=1e-12)
    assert found.bias == pytest.approx(prediction.bias, abs=1e-6)
    means = found.features[:, ::N_EACH]
    assert means.T @ means == pytest.approx(prediction.gram_features, abs=1e-5)
    assert found.weights[0] @ found.weights[0].T == pytest.approx(prediction.gram_weights, abs=1e-5)


def test_the_three_regimes_have_the_published_angles():
    tau = np.sqrt(N_EACH)
    for decay in REGIMES.values():
        prediction = ncsolve.predict(ncsolve.UFM([N_EACH] * K, bias=decay, **DECAYS))
        sigma, mean = tau - PULL, max(tau - PULL * (1 + 1 / decay), 0)
        gram = prediction.gram_features
        assert gram[0, 1] / gram[0, 0] == pytest.approx(
            (mean - sigma) / (mean + (K - 1) * sigma), rel=1e-12, abs=1e-14
        )
        bias = 1 / (K * (1 + decay)) if decay <= EDGE else PULL / (K * N_EACH) * tau / decay
        assert prediction.bias == pytest.approx(np.full(K, bias), rel=1e-12)
    assert gram[0, 1] / gram[0, 0] == pytest.approx(0, abs=0.01)


def test_all_zero_and_contrasts_dead_is_the_zero_solution_with_a_bias():
    ufm = ncsolve.UFM([N_EACH] * K, bias=0.4, weight_decay=0.5, feature_decay=0.5)
    prediction = ncsolve.predict(ufm)
    assert not prediction.singular_values.any()
    assert prediction.bias == pytest.approx(np.full(K, 1 / (K * 1.4)), rel=1e-15)
    assert lowest(ufm, np.random.default_rng(0), starts=1)[0] == pytest.approx(
        prediction.value, rel=1e-12
    )


@pytest.mark.parametrize(("decay", "limit"), [(1e-14, "free"), (1e14, "none")])
def test_the_limits_of_the_bias_decay_are_the_free_and_the_missing_bias(decay, limit):
    near = ncsolve.predict(ncsolve.UFM([N_EACH] * K, bias=decay, **DECAYS))
    at = ncsolve.predict(ncsolve.UFM([N_EACH] * K, bias=limit, **DECAYS))
    assert near.theorem.name != at.theorem.name
    assert near.value == pytest.approx(at.value, rel=1e-12)
    assert near.singular_values == pytest.approx(at.singular_values, abs=1e-12)
    assert near.gram_features == pytest.approx(at.gram_features, abs=1e-12)
    assert near.logits == pytest.approx(at.logits, abs=1e-12)
    assert near.bias == pytest.approx(at.bias, abs=1e-12)


def test_the_value_is_continuous_and_rises_with_the_bias_decay():
    values = [
        ncsolve.predict(ncsolve.UFM([N_EACH] * K, bias=d, **DECAYS)).value
        for d in EDGE * np.geomspace(0.9, 1.1, 401)
    ]
    steps = np.diff(values)
    assert (steps > 0).all()
    assert steps.max() < 1.2 * steps.min()


def test_critical_count_and_decay_are_where_the_contrasts_vanish():
    ufm = ncsolve.UFM([N_EACH] * K, bias=0.1, **DECAYS)
    row = ncsolve.predict(ufm).classes[0]
    assert row.critical_count == pytest.approx(PULL**2, rel=1e-14)
    for factor, alive in ((1 - 1e-9, True), (1 + 1e-9, False)):
        decay = row.critical_decay * factor
        assert (
            ncsolve.predict(
                ufm.replace(weight_decay=decay, feature_decay=decay)
            ).singular_values.any()
            == alive
        )


def test_a_width_below_the_rank_of_the_solution_is_not_covered():
    simplex, orthogonal = (
        ncsolve.UFM([N_EACH] * K, bias=d, width=K - 1, **DECAYS) for d in (0.3 * EDGE, 3 * EDGE)
    )
    assert ncsolve.predict(simplex).theorem.name == "balanced_regularized_bias"
    with pytest.raises(ncsolve.NoTheorem, match="the width is at least the rank of the solution"):
        ncsolve.predict(orthogonal)
