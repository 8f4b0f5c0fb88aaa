"""Given targets: one-hot codes are the spectral theorem again, everything else is held against descent."""

import numpy as np
import pytest
from oracles.descents import lowest

import ncsolve


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("counts", [[40, 20, 10, 3], [15, 15, 15], [60, 8, 8, 8, 1]], ids=str)
@pytest.mark.parametrize("width", [None, 2])
def test_one_hot_codes_give_the_spectral_theorem(counts, depth, bias, width):
    fields = {
        "depth": depth,
        "bias": bias,
        "width": width,
        "weight_decay": 3e-3,
        "feature_decay": 2e-3,
    }
    labels = ncsolve.predict(ncsolve.UFM(counts, **fields))
    codes = ncsolve.predict(ncsolve.UFM(counts, ncsolve.Squared(np.eye(len(counts))), **fields))
    assert (labels.theorem.name, codes.theorem.name) == ("squared_spectral", "squared_targets")
    assert codes.value == pytest.approx(labels.value, rel=1e-13)
    assert codes.singular_values == pytest.approx(labels.singular_values, rel=1e-13)
    assert codes.bias == pytest.approx(labels.bias, rel=1e-13, abs=1e-15)
    if labels.unique:
        assert codes.unique
        assert codes.gram_features == pytest.approx(labels.gram_features, rel=1e-11, abs=1e-13)
        assert codes.gram_weights == pytest.approx(labels.gram_weights, rel=1e-11, abs=1e-13)
        assert codes.logits == pytest.approx(labels.logits, rel=1e-11, abs=1e-13)
        assert codes.classes.own_logit == pytest.approx(labels.classes.own_logit, rel=1e-11)
        assert codes.classes.margin == pytest.approx(labels.classes.margin, rel=1e-11, abs=1e-13)
        assert codes.classes.state.tolist() == labels.classes.state.tolist()


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("width", [2, 4])
def test_descent_on_a_regression_finds_the_predicted_fit(width, bias):
    rng = np.random.default_rng(11)
    y = rng.normal(size=(3, 12)) + np.array([[1.0], [-2.0], [0.5]])
    ufm = ncsolve.UFM(np.ones(12), ncsolve.Squared(y), 1, width, 2e-2, 1e-2, bias)
    prediction = ncsolve.predict(ufm)
    value, found = lowest(ufm, rng)
    assert value == pytest.approx(prediction.value, rel=1e-12)
    assert found.features.T @ found.features == pytest.approx(prediction.gram_features, abs=1e-5)
    fit = found.weights[0] @ found.features + found.bias[:, None]
    assert fit == pytest.approx(prediction.logits, abs=1e-6)
    if bias == "free":
        assert found.bias == pytest.approx(y.mean(axis=1), abs=1e-5)


def test_a_regression_in_the_partial_regime_is_cut_in_the_eigenbasis():
    """Two of three singular values survive; W W^T is then singular along one eigenvector, not along a coordinate."""
    rng = np.random.default_rng(5)
    y = (
        np.linalg.qr(rng.normal(size=(3, 3)))[0]
        @ np.diag([5.0, 3.0, 0.5])
        @ np.linalg.qr(rng.normal(size=(9, 3)))[0].T
    )
    ufm = ncsolve.UFM(np.ones(9), ncsolve.Squared(y), 1, 3, 0.1, 0.1)
    prediction = ncsolve.predict(ufm)
    assert np.count_nonzero(prediction.singular_values) == 2
    assert lowest(ufm, rng)[0] == pytest.approx(prediction.value, rel=1e-11)
    assert np.linalg.eigvalsh(prediction.gram_weights)[0] == pytest.approx(0, abs=1e-13)
    assert np.linalg.norm(prediction.gram_weights, axis=0).min() > 0.1


def test_classes_that_share_a_target_merge():
    ufm = ncsolve.UFM(
        [9, 5, 4], ncsolve.Squared([[1, 1, -1], [2, 2, 0]]), weight_decay=1e-3, feature_decay=1e-3
    )
    assert ncsolve.predict(ufm).classes.state.tolist() == ["merged", "merged", "active"]


def test_classes_with_different_targets_merge_where_a_mode_is_lost():
    def states(decay):
        ufm = ncsolve.UFM(
            [50] * 8, ncsolve.Squared(2 * np.eye(8) - 1), weight_decay=decay, feature_decay=decay
        )
        return set(ncsolve.predict(ufm).classes.state.tolist())

    assert [states(decay) for decay in (0.01, 0.04, 0.12)] == [{"active"}, {"merged"}, {"vanished"}]


def test_a_soft_label_moves_the_geometry_continuously():
    def gram(epsilon):
        codes = (1 - epsilon) * np.eye(3) + epsilon / 3
        ufm = ncsolve.UFM([30, 20, 10], ncsolve.Squared(codes), 2, None, 1e-3, 1e-3)
        return ncsolve.predict(ufm).gram_features

    assert gram(1e-7) == pytest.approx(gram(0.0), abs=1e-5)
    assert not np.allclose(gram(0.1), gram(0.0), atol=1e-3)


def test_codes_are_copied_and_frozen():
    codes = np.eye(2)
    loss = ncsolve.Squared(codes)
    codes[0, 0] = 7
    assert loss.codes[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        loss.codes[0, 0] = 7
