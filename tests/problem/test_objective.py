"""The raw objective against its definition, entry by entry, and its derivatives against differences."""

import math

import numpy as np
import pytest

import ncsolve
from ncsolve.problem.losses import class_columns, sample_columns
from ncsolve.problem.objective import objective_over

CODES = [[1.0, 2.0, 0.0], [0.5, -1.0, 3.0]]

PROBLEMS = {
    "M1-none": ncsolve.UFM([3, 2, 1], width=4, weight_decay=0.3, feature_decay=0.2),
    "M1-free": ncsolve.UFM([3, 2, 1], width=2, weight_decay=0.3, feature_decay=0.2, bias="free"),
    "M1-regularized": ncsolve.UFM([2, 2], width=3, weight_decay=0.3, feature_decay=0.2, bias=0.7),
    "M3-free": ncsolve.UFM(
        [2, 1, 2],
        depth=3,
        width=[3, 2, 4],
        weight_decay=[0.1, 0.2, 0.4],
        feature_decay=0.3,
        bias="free",
    ),
    "M2-targets": ncsolve.UFM([2, 1, 2], ncsolve.Squared(CODES), 2, [3, 2], [0.1, 0.2], 0.3, 0.05),
}


def _draw(ufm, columns, seed=0):
    rng = np.random.default_rng(seed)
    bias = np.zeros(ufm.outputs) if ufm.bias == "none" else rng.normal(size=ufm.outputs)
    weights = tuple(rng.normal(size=shape) for shape in ufm.shapes)
    return ncsolve.Parameters(weights, rng.normal(size=(ufm.width[0], columns)), bias)


def _definition(ufm, weights, features, bias):
    """(1/N) sum_i (1/2)||W_M ... W_1 h_i + b - y_i||^2 + decays, one number at a time; features has N columns."""
    codes = np.eye(ufm.classes) if ufm.loss.codes is None else ufm.loss.codes
    labels = [k for k, n in enumerate(ufm.counts) for _ in range(int(n))]
    total = 0.0
    for i, label in enumerate(labels):
        x = [features[r, i] for r in range(features.shape[0])]
        for weight in weights:
            x = [sum(weight[r, c] * x[c] for c in range(len(x))) for r in range(weight.shape[0])]
        for r in range(len(x)):
            total += 0.5 * (x[r] + bias[r] - codes[r, label]) ** 2 / len(labels)
    matrices = zip((*ufm.weight_decay, ufm.feature_decay), (*weights, features), strict=True)
    for decay, matrix in matrices:
        for row in matrix:
            for entry in row:
                total += 0.5 * decay * entry * entry
    if not isinstance(ufm.bias, str):
        total += sum(0.5 * ufm.bias * entry * entry for entry in bias)
    return total


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_objective_is_its_definition_entry_by_entry(name):
    ufm = PROBLEMS[name]
    p = _draw(ufm, int(ufm.samples))
    value = _definition(ufm, p.weights, p.features, p.bias)
    assert ncsolve.objective(ufm, p) == pytest.approx(value, rel=1e-14)  # measured 4e-16
    assert ncsolve.objective(ufm, p) != pytest.approx(1.01 * value, rel=1e-14)


@pytest.mark.parametrize("name", PROBLEMS)
def test_class_means_stand_for_all_samples_of_their_class(name):
    ufm = PROBLEMS[name]
    p = _draw(ufm, ufm.classes)
    repeated = np.repeat(p.features, ufm.counts.astype(int), axis=1)
    value = _definition(ufm, p.weights, repeated, p.bias)
    assert ncsolve.objective(ufm, p) == pytest.approx(value, rel=1e-14)


def test_fractional_counts_weigh_classes_like_whole_ones():
    whole, halved = (
        ncsolve.UFM(n, weight_decay=0.3, feature_decay=d)
        for n, d in (([6, 3], 0.2), ([3, 1.5], 0.4))
    )
    p = _draw(whole, 2)
    assert ncsolve.objective(whole, p) == pytest.approx(ncsolve.objective(halved, p), rel=1e-14)
    with pytest.raises(ncsolve.ProblemError, match="class means"):
        ncsolve.objective(halved, _draw(whole, 9))


@pytest.mark.parametrize("layout", ["samples", "classes"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_gradient_is_the_slope_of_the_objective(name, layout):
    ufm = PROBLEMS[name]
    raw = objective_over(
        ufm, (sample_columns if layout == "samples" else class_columns)(ufm.loss, ufm.counts)
    )
    theta = np.random.default_rng(1).normal(size=raw.size)
    value, gradient = raw.value_and_gradient(theta)
    assert value == pytest.approx(raw.value(theta), rel=1e-15)
    h = 1e-5
    slopes = np.array(
        [(raw.value(theta + h * e) - raw.value(theta - h * e)) / (2 * h) for e in np.eye(raw.size)]
    )
    error = np.abs(gradient - slopes).max() / np.abs(gradient).max()
    assert error < 1e-8  # measured 4e-10
    assert np.abs(1.01 * gradient - slopes).max() > 1e-3 * np.abs(gradient).max()


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_hessian_product_is_the_slope_of_the_gradient(name):
    ufm = PROBLEMS[name]
    raw = objective_over(ufm, sample_columns(ufm.loss, ufm.counts))
    rng = np.random.default_rng(2)
    theta, v, w = rng.normal(size=(3, raw.size))
    product = raw.hessian_product(theta)
    h = 1e-5
    slope = (
        raw.value_and_gradient(theta + h * v)[1] - raw.value_and_gradient(theta - h * v)[1]
    ) / (2 * h)
    assert np.abs(product(v) - slope).max() < 1e-8 * np.abs(slope).max()  # measured 2e-10
    assert np.abs(1.01 * product(v) - slope).max() > 1e-3 * np.abs(slope).max()
    assert w @ product(v) == pytest.approx(v @ product(w), rel=1e-12)


@pytest.mark.parametrize("name", PROBLEMS)
def test_packing_keeps_every_matrix(name):
    ufm = PROBLEMS[name]
    raw = objective_over(ufm, class_columns(ufm.loss, ufm.counts))
    p = _draw(ufm, ufm.classes)
    back = raw.unpack(raw.pack(p))
    assert all((a == b).all() for a, b in zip(p.weights, back.weights, strict=True))
    assert (back.features == p.features).all()
    assert (back.bias == p.bias).all()
    assert (raw.pack(p)[raw.feature_slice] == p.features.ravel()).all()
    assert raw.size == raw.pack(p).size


def test_matrices_of_the_wrong_shape_are_refused():
    ufm = PROBLEMS["M1-none"]
    p = _draw(ufm, 3)
    with pytest.raises(ncsolve.ProblemError, match=r"5 columns; give N = 6 \(samples\) or K = 3"):
        ncsolve.objective(ufm, ncsolve.Parameters(p.weights, np.zeros((4, 5)), p.bias))
    with pytest.raises(ncsolve.ProblemError, match=r"shape \(3, 5\); the problem needs \(3, 4\)"):
        ncsolve.objective(ufm, ncsolve.Parameters((np.zeros((3, 5)),), p.features, p.bias))


def test_the_bias_decay_runs_from_free_to_none():
    decays = [PROBLEMS[name].bias_decay for name in ("M1-free", "M1-regularized", "M1-none")]
    assert decays == [0.0, 0.7, math.inf]
