"""Limiting cases: vanishing decay, balanced frames, and numbers that are legal but extreme."""

import json

import numpy as np
import pytest
from oracles import objective as oracle

import ncsolve


def _cosines(gram):
    norms = np.sqrt(gram.diagonal())
    return gram / np.outer(norms, norms)


@pytest.mark.parametrize("depth", [1, 2, 3, 6, 20])
@pytest.mark.parametrize("bias", ["none", "free"])
def test_without_decay_in_the_limit_the_labels_are_interpolated(bias, depth):
    errors = []
    for decay in (1e-8, 1e-12, 1e-16):
        ufm = ncsolve.UFM(
            [50, 20, 20, 7], depth=depth, bias=bias, weight_decay=decay, feature_decay=decay
        )
        prediction = ncsolve.predict(ufm)
        errors.append(np.abs(prediction.logits - np.eye(4)).max())
        assert prediction.classes.margin == pytest.approx(np.ones(4), abs=2 * errors[-1] + 1e-14)
    assert errors[0] < 1e-3
    assert errors[1] == pytest.approx(1e-4 * errors[0], rel=1e-3)
    assert errors[2] < 1e-11


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("depth", [1, 3, 6])
def test_balanced_classes_form_an_orthogonal_frame_or_with_a_free_bias_a_simplex(depth, classes):
    for bias, cosine in (("none", 0.0), ("free", -1 / (classes - 1))):
        prediction = ncsolve.predict(
            ncsolve.UFM([30] * classes, depth=depth, bias=bias, width=classes + 2)
        )
        expected = np.full((classes, classes), cosine) + (1 - cosine) * np.eye(classes)
        for gram in (prediction.gram_features, prediction.gram_weights):
            assert _cosines(gram) == pytest.approx(expected, abs=1e-14)
            assert np.ptp(gram.diagonal()) < 1e-14 * gram.max()
        # self-duality: rows of W along class means
        aligned = prediction.parameters().end_to_end @ prediction.class_means
        assert aligned == pytest.approx(aligned[0, 0] * expected, abs=1e-14)
    assert prediction.bias == pytest.approx(np.full(classes, 1 / classes), rel=1e-15)


def test_a_free_bias_is_the_vector_of_class_frequencies():
    prediction = ncsolve.predict(ncsolve.UFM([50, 30, 20], bias="free", depth=2))
    assert prediction.bias == pytest.approx([0.5, 0.3, 0.2], rel=1e-15)


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("decay", [1e-300, 1e-30, 1e-5, 1e3, 1e300], ids="{:g}".format)
@pytest.mark.parametrize("depth", [1, 2, 60])
@pytest.mark.parametrize(
    "counts",
    [[1e15, 1e15, 3.0], [1e15, 1e15 - 1, 1.0], [1e100, 1.0, 1e-100], [0.25, 1e-9, 1e-9]],
    ids=["huge", "huge neighbors", "widest", "tiny"],
)
def test_extreme_numbers_are_right_and_never_nan(counts, depth, decay, bias):
    ufm = ncsolve.UFM(counts, depth=depth, weight_decay=decay, feature_decay=decay, bias=bias)
    prediction = ncsolve.predict(ufm)
    answer = oracle.solve(ufm.counts, ufm.decays, bias, digits=600 if counts[0] == 1e100 else 120)
    if answer.value > 1e-300:
        # measured 8.5e-15, for powers of 1e100
        assert max(oracle.errors(prediction, answer)) < 2e-14
    else:
        assert prediction.value == pytest.approx(0.0, abs=1e-299)
    json.dumps(prediction.to_dict(), allow_nan=False)


def test_a_mean_decay_below_what_doubles_carry_is_refused():
    ufm = ncsolve.UFM([3, 2], weight_decay=1e-303, feature_decay=1e-303)
    with pytest.raises(
        ncsolve.ProblemError,
        match=r"the geometric mean of the decays is 1e-303.* keep it above 1e-300",
    ):
        ncsolve.predict(ufm)


def test_decays_whose_product_underflows_are_no_trouble():
    decays = [1e-250, 1e250, 1e-200, 1e190]
    a = ncsolve.predict(
        ncsolve.UFM([3, 2], depth=3, weight_decay=decays[1:], feature_decay=decays[0])
    )
    mean = 10.0 ** (-10 / 4)
    b = ncsolve.predict(ncsolve.UFM([3, 2], depth=3, weight_decay=mean, feature_decay=mean))
    assert a.singular_values == pytest.approx(b.singular_values, rel=1e-13)
    assert a.value == pytest.approx(b.value, rel=1e-13)


def test_a_thousand_layers_are_no_trouble():
    ufm = ncsolve.UFM([30, 5], depth=1000, weight_decay=1e-4, feature_decay=1e-4)
    answer = oracle.solve(ufm.counts, ufm.decays)
    assert answer.modes[0].alive
    assert max(oracle.errors(ncsolve.predict(ufm), answer)) < 1e-14
