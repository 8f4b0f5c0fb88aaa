"""A network beside its prediction: distances, classes, spectra, rotations, and a verdict that can go either way."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.snapshots import long_tail_of_ten, near, passed

import ncsolve
from ncsolve.metrics.compare import aligned


def compared(prediction, noise, layers=False, **choices):
    features, labels, weights = near(prediction, noise=noise, dimension=24)
    inputs = passed(features, weights) if layers else features
    found = ncsolve.measure(inputs, labels, weights, prediction.bias)
    return ncsolve.compare(found, prediction, **choices)


@pytest.mark.parametrize(("loss", "depth"), [("mse", 1), ("mse", 3), ("ce", 1)])
@pytest.mark.parametrize("bias", ["none", "free"])
def test_a_network_at_the_prediction_agrees_in_every_number(depth, bias, loss):
    decays = {"weight_decay": 1e-3, "feature_decay": 1e-3}
    prediction = ncsolve.predict(ncsolve.UFM([40, 20, 10, 5], loss, depth, bias=bias, **decays))
    found = compared(prediction, 0.0, layers=True)
    assert found.agrees
    assert found.largest[1] < 2e-14
    assert found.procrustes < 1e-13
    table = prediction.classes
    for k, row in enumerate(found.classes):
        # a certified prediction has two roads to a norm
        assert row.feature_norm == pytest.approx(table.feature_norm[k], rel=1e-9)
        assert row.weight_norm == pytest.approx(table.weight_norm[k], rel=1e-9)
        assert row.angle < 1e-6
        assert row.cosine_error < 1e-9
    assert [one.name for one in found.spectra] == [layer.name for layer in prediction.layers]
    for one in found.spectra:
        assert one.gof < 1e-9
        assert one.relative < 1e-9


def test_distances_grow_with_the_noise_and_the_verdict_turns():
    prediction = long_tail_of_ten(depth=3)
    small, large = compared(prediction, 0.01), compared(prediction, 0.05)
    assert small.agrees
    assert not large.agrees
    assert small.distances["bias"] == 0.0
    for key in small.distances.keys() - {"bias"}:
        low, high = (10, 40) if key == "nc1_quotient" else (2, 12)
        assert low < large.distances[key] / small.distances[key] < high, key
    assert not compared(prediction, 0.01, tolerance=1e-3).agrees


def test_scale_is_judged_unless_it_shall_not_be():
    prediction = long_tail_of_ten()
    features, labels, weights = near(prediction)
    found = ncsolve.measure(2.0 * features, labels, [0.5 * weights[0]])
    assert not ncsolve.compare(found, prediction).agrees
    assert ncsolve.compare(found, prediction).largest == ("nc2_abs_H", pytest.approx(3.0))
    assert ncsolve.compare(found, prediction, scale_free=True).agrees


def test_a_wrong_layer_is_named():
    prediction = long_tail_of_ten(depth=3)
    features, labels, weights = near(prediction)
    layers = passed(features, weights)
    layers["H_3"] = layers["H_3"] * np.where(labels == 0, 1.5, 1.0)[:, None]
    found = ncsolve.compare(ncsolve.measure(layers, labels, weights), prediction)
    assert not found.agrees
    assert found.largest[0].endswith("/H_3")
    assert found.distances["nc2_gof_H"] < 1e-13


def test_a_spectrum_that_is_wrong_in_one_factor_is_seen_there_alone():
    prediction = long_tail_of_ten(depth=2)
    features, labels, weights = near(prediction)
    measured = ncsolve.measure(features, labels, [1.1 * weights[0], weights[1] / 1.1])
    found = ncsolve.compare(measured, prediction)
    assert [round(one.relative, 6) for one in found.spectra] == [0.0, 0.1, round(1 - 1 / 1.1, 6)]
    assert all(one.gof < 1e-13 for one in found.spectra)
    assert not found.agrees  # the end-to-end matrix is right, and no decays lead to these factors
    assert found.largest == ("spectrum_W_1", pytest.approx(0.1, rel=1e-12))
    assert found.distances["spectrum_W_2"] == found.spectra[2].relative
    assert ncsolve.compare(found.measurement, prediction, scale_free=True).agrees
    measured = ncsolve.measure(features, labels, weights[1] @ weights[0])
    product = ncsolve.compare(measured, prediction)
    assert product.agrees
    assert product.untested == ("the matrices one by one",)
    assert found.untested == ()


def test_without_a_classifier_the_features_decide():
    prediction = long_tail_of_ten()
    features, labels, _ = near(prediction, noise=0.01)
    found = ncsolve.compare(ncsolve.measure(features, labels), prediction)
    assert set(found.distances) == {"nc1_quotient", "nc2_gof_H", "nc2_abs_H"}
    assert found.untested == ("the classifier", "the bias")
    assert found.bias_distance is None
    assert found.agrees
    assert found.classes[0].weight_norm is None
    assert [one.name for one in found.spectra] == ["H"]
    with pytest.raises(ncsolve.DataError, match="give weight"):
        _ = found.aligned


def test_factors_that_share_the_scale_wrongly_do_not_agree():
    prediction = long_tail_of_ten(depth=2)
    features, labels, weights = near(prediction)
    measured = ncsolve.measure(features, labels, [10 * weights[0], weights[1] / 10])
    found = ncsolve.compare(measured, prediction)
    assert found.largest == ("spectrum_W_1", pytest.approx(9.0))
    assert found.distances["spectrum_W_2"] == pytest.approx(0.9)
    assert found.distances["nc3_abs"] < 1e-13
    assert not found.agrees


def test_features_that_have_not_collapsed_do_not_agree_whatever_their_means():
    prediction = long_tail_of_ten()
    features, labels, weights = near(prediction, dimension=12)
    noise = 3.0 * np.random.default_rng(0).normal(size=features.shape)
    for k in range(10):
        noise[labels == k] -= noise[labels == k].mean(axis=0)
    for scale_free in (False, True):
        measured = ncsolve.measure(features + noise, labels, weights)
        found = ncsolve.compare(measured, prediction, scale_free=scale_free)
        assert found.distances["nc2_gof_H"] < 1e-12
        assert found.largest[0] == "nc1_quotient"
        assert found.largest[1] == found.measurement["nc1_quotient"] > 10
        assert not found.agrees


def biased(bias, loss="mse", shift=0.0, **fields):
    """A network at the prediction for cat, dog and owl in another order than that of the labels, its bias off by `shift`."""
    counts = {"owl": 40, "cat": 20, "dog": 5}
    ufm = ncsolve.UFM(counts, loss, bias=bias, weight_decay=2e-3, feature_decay=2e-3, **fields)
    prediction = ncsolve.predict(ufm)
    features, labels, weights = near(prediction)
    names, order = np.array(list(counts))[labels], [1, 2, 0]
    b = None if shift is None else (prediction.bias + np.asarray(shift))[order]
    return ncsolve.compare(ncsolve.measure(features, names, weights[0][order], b), prediction)


@pytest.mark.parametrize(
    ("bias", "loss"),
    [("free", "mse"), ("none", "mse"), (0.02, "ce"), ("free", "ce"), ("none", "ce")],
)
def test_a_bias_is_held_against_the_predicted_one(bias, loss):
    # orthogonal to ones, which plain cross-entropy does not see
    off = np.array([0.03, -0.01, -0.02])
    found = biased(bias, loss, off)
    prediction = found.prediction
    unseen = prediction.bias.mean() if (bias, loss) == ("free", "ce") else 0.0
    logits = prediction.weights[0] @ prediction.class_means
    scale = max(np.sqrt(((prediction.bias - unseen) ** 2).sum()), np.sqrt((logits**2).sum() / 3))
    assert found.distances["bias"] == pytest.approx(np.sqrt(0.0014) / scale, rel=1e-9)
    assert biased(bias, loss).distances["bias"] < 1e-15
    assert biased(bias, loss).agrees
    away = np.array([100.0, -50.0, 30.0])
    far = biased(bias, loss, away)
    assert far.largest[0] == "bias"
    assert far.largest[1] > 10
    assert not far.agrees
    assert [row.bias for row in far.classes] == pytest.approx((prediction.bias + away)[[1, 2, 0]])
    assert [row.predicted_bias for row in far.classes] == prediction.bias[[1, 2, 0]].tolist()


def test_a_bias_that_a_file_lacks_is_zero():
    assert not biased("free", shift=None).agrees
    assert biased("free", shift=None).largest[0] == "bias"
    assert biased("none", shift=None).agrees
    assert biased("none", shift=None).distances["bias"] == 0.0


def test_a_free_bias_of_cross_entropy_is_known_up_to_what_no_softmax_sees():
    scales = np.array([1.0, 2.0, 0.5])
    loss = ncsolve.CrossEntropy(class_scale=scales)
    assert biased("free", loss, 7.0 / scales).distances["bias"] < 1e-13
    assert biased("free", loss, 7.0 * np.ones(3)).distances["bias"] > 0.1
    assert biased("free", "ce", 7.0 * np.ones(3)).distances["bias"] < 1e-13
    assert biased("none", "ce", 7.0 * np.ones(3)).distances["bias"] > 0.1
    assert biased("free", "mse", 7.0 * np.ones(3)).distances["bias"] > 0.1


def test_vanished_classes_have_states_and_no_angle():
    ufm = ncsolve.UFM([300, 40, 2], weight_decay=9e-3, feature_decay=9e-3)
    prediction = ncsolve.predict(ufm)
    assert prediction.classes.state[2] == "vanished"
    found = compared(prediction, 0.0)
    assert found.agrees
    assert [row.state for row in found.classes] == ["active", "active", "vanished"]
    assert found.classes[2].angle is None
    json.dumps(found.to_dict(), allow_nan=False)


def test_nothing_predicted_but_zero_cannot_be_compared():
    prediction = ncsolve.predict(ncsolve.UFM([5, 5], weight_decay=9.0, feature_decay=9.0))
    found = ncsolve.measure(np.random.default_rng(0).normal(size=(10, 2)), np.repeat([0, 1], 5))
    with pytest.raises(ncsolve.DataError, match="no distance to this prediction has a value"):
        ncsolve.compare(found, prediction)


@pytest.mark.parametrize("tolerance", [0, -1, math.nan, math.inf, "0.1"])
def test_a_tolerance_is_a_positive_number(tolerance):
    prediction = long_tail_of_ten()
    features, labels, _ = near(prediction)
    with pytest.raises(ncsolve.ProblemError, match="tolerance"):
        ncsolve.compare(ncsolve.measure(features, labels), prediction, tolerance=tolerance)


def test_the_order_of_names_does_not_matter_to_a_comparison():
    counts = {"owl": 30, "cat": 10, "dog": 20}
    ufm = ncsolve.UFM(counts, bias="free", weight_decay=1e-3, feature_decay=1e-3)
    prediction = ncsolve.predict(ufm)
    labels = np.repeat(list(counts), list(counts.values()))
    features = np.repeat(prediction.class_means.T, list(counts.values()), axis=0)
    order = [1, 2, 0]
    weight, bias = prediction.weights[0][order], prediction.bias[order]
    found = ncsolve.compare(ncsolve.measure(features, labels, weight, bias), prediction)
    named = [("cat", 10), ("dog", 20), ("owl", 30)]
    assert [(row.name, row.count) for row in found.classes] == named
    assert found.agrees
    assert all(row.angle < 1e-6 for row in found.classes)
    still = found.aligned[1]
    assert np.linalg.norm(found.aligned[0] - still) < 1e-13


# Rotations


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 8), st.integers(1, 8), st.integers(0, 10**6))
def test_alignment_keeps_inner_products_and_finds_the_best_map(rows, wide, narrow, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(rows, wide)), rng.normal(size=(rows, narrow))
    turned, still = aligned(a, b)
    np.testing.assert_allclose(turned @ turned.T, a @ a.T, atol=1e-12)
    np.testing.assert_allclose(still @ still.T, b @ b.T, atol=1e-12)
    best = np.linalg.norm(turned - still)
    nuclear = np.linalg.svd(np.pad(a, ((0, 0), (0, 8))).T @ b, compute_uv=False).sum()
    # Schonemann's value
    assert best**2 == pytest.approx((a**2).sum() + (b**2).sum() - 2 * nuclear, abs=1e-10)
    for _ in range(20):
        other = turned @ np.linalg.qr(rng.normal(size=(turned.shape[1],) * 2))[0]
        assert np.linalg.norm(other - still) >= best - 1e-12


def test_a_rotation_is_undone_and_a_stretch_is_not():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(5, 9))
    turned, still = aligned(a @ np.linalg.qr(rng.normal(size=(9, 9)))[0], a)
    np.testing.assert_allclose(turned, still, atol=1e-13)
    turned, still = aligned(a * np.array([1.01, 1, 1, 1, 1])[:, None], a)
    assert np.linalg.norm(turned - still) > 1e-3 * np.linalg.norm(a)


def test_the_document_is_plain_json():
    prediction = long_tail_of_ten(depth=2)
    document = compared(prediction, 0.01, layers=True).to_dict()
    again = json.loads(json.dumps(document, allow_nan=False))
    assert again["agrees"] is True
    assert {row["name"] for row in again["layers"]} == {"H_1", "H_2"}
    assert len(again["classes"]) == 10
    assert again["distances"]["nc2_gof_H"] == again["metrics"]["nc2_gof_H"]
    assert again["decisive"][-3:] == ["bias", "spectrum_W_1", "spectrum_W_2"]
    assert again["untested"] == []
