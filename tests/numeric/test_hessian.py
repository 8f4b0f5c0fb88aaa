"""Second derivatives at points whose spectrum is known from theory: zero, unstable roots, thresholds, ties, continua."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import brentq

import ncsolve
from ncsolve.numeric.hessian import hessian_check
from ncsolve.numeric.layout import rotated
from ncsolve.problem.objective import Parameters, objective_over


def _point(ufm, parameters):
    """(objective, theta) of matrices and class means, in the rotated layout."""
    layout = rotated(ufm)
    objective = objective_over(ufm, layout.columns)
    features = np.zeros(objective.feature_shape)
    features[:, : ufm.classes] = parameters.features * np.sqrt(ufm.counts)
    return objective, objective.pack(Parameters(parameters.weights, features, parameters.bias))


def _zero(ufm):
    bias = ufm.counts / ufm.samples if ufm.bias == "free" else np.zeros(ufm.outputs)
    weights = tuple(np.zeros(shape) for shape in ufm.shapes)
    return _point(ufm, Parameters(weights, np.zeros((ufm.width[0], ufm.classes)), bias))


def _spectrum(objective, theta):
    times = objective.hessian_product(theta)
    return np.linalg.eigvalsh(np.array([times(axis) for axis in np.eye(objective.size)]))


def _on_axes(ufm, sigma):
    """Balanced factors with singular value sigma_k for class k: s_j^2 = Pi^(1/(M+1)) sigma^q / lambda_j, no rotation."""
    decays, depth = ufm.decays, ufm.depth
    share = np.prod(decays) ** (1 / (depth + 1)) * sigma ** (2 / (depth + 1))
    factors = [np.diag(np.sqrt(share / decay)) for decay in decays]
    return _point(
        ufm, Parameters(tuple(factors[1:]), factors[0] / np.sqrt(ufm.counts), np.zeros(ufm.outputs))
    )


def _roots(tau, samples, decays):
    """The inner and the outer stationary point of (sigma - tau)^2/(2N) + c sigma^q, by bisection of its slope."""
    depth = len(decays) - 1
    q, pull = 2 / (depth + 1), samples * np.prod(decays) ** (1 / (depth + 1))  # pull = N c q

    def slope(sigma):
        return sigma - tau + pull * sigma ** (q - 1)

    fold = ((1 - q) * pull) ** (1 / (2 - q))
    return tuple(
        brentq(slope, *ends, xtol=1e-300, rtol=1e-15)
        for ends in ((1e-12 * fold, fold), (fold, tau))
    )


@pytest.mark.parametrize("decays", [(2e-2, 2e-2), (8e-2, 5e-3)], ids=["equal", "unequal"])
@pytest.mark.parametrize("width", [1, 3, 5])
@pytest.mark.parametrize("bias", ["none", "free"])
def test_the_whole_spectrum_at_zero_of_one_layer_is_that_of_theory(bias, width, decays):
    ufm = ncsolve.UFM(
        [12, 8, 3, 1], width=width, bias=bias, weight_decay=decays[0], feature_decay=decays[1]
    )
    target = np.diag(np.sqrt(ufm.counts))
    if bias == "free":
        target -= np.outer(ufm.counts, np.sqrt(ufm.counts)) / ufm.samples
    tau = np.linalg.svd(target, compute_uv=False)
    middle, half = sum(decays) / 2, (decays[0] - decays[1]) / 2
    reach = np.sqrt(half**2 + (tau / ufm.samples) ** 2)
    within = min(width, 24 - 4)
    expected = np.concatenate(
        [
            np.repeat([middle - reach, middle + reach], width),
            [decays[1]] * (width * within),
            [1.0] * (4 * (bias == "free")),
        ]
    )
    objective, theta = _zero(ufm)
    assert np.abs(_spectrum(objective, theta) - np.sort(expected)).max() < 1e-15  # measured 3e-16
    check = hessian_check(objective, theta)
    assert check.negative_modes == width * np.sum(tau > ufm.samples * np.sqrt(np.prod(decays))) > 0
    assert check.is_strict_saddle
    assert check.smallest == pytest.approx(expected.min(), rel=1e-13)
    assert check.expected_zero_modes == check.zero_modes == 0


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_every_eigenvalue_at_zero_of_a_deep_problem_is_a_decay(depth):
    decays = np.geomspace(1e-3, 8e-3, depth + 1)
    ufm = ncsolve.UFM(
        [30, 20, 8], depth=depth, weight_decay=decays[1:].tolist(), feature_decay=float(decays[0])
    )
    objective, theta = _zero(ufm)
    assert np.allclose(np.unique(_spectrum(objective, theta).round(12)), decays, rtol=1e-9)
    assert hessian_check(objective, theta).is_minimum


@pytest.mark.parametrize(
    "pattern", list(product(("zero", "inner", "outer"), repeat=3)), ids="-".join
)
@pytest.mark.parametrize("depth", [2, 3, 6])
def test_ways_down_are_unstable_roots_and_pairs_of_modes_in_the_wrong_order(depth, pattern):
    ufm = ncsolve.UFM([30, 20, 8], depth=depth, weight_decay=3e-3, feature_decay=3e-3)
    roots = [
        dict(zip(("inner", "outer"), _roots(np.sqrt(n), ufm.samples, ufm.decays), strict=True))
        for n in ufm.counts
    ]
    sigma = np.array([found.get(name, 0.0) for found, name in zip(roots, pattern, strict=True)])
    objective, theta = _on_axes(ufm, sigma)
    assert np.linalg.norm(objective.value_and_gradient(theta)[1]) < 1e-14  # measured 9e-16
    # counts descend, so should sigma
    swaps = sum(sigma[i] < sigma[j] for i in range(3) for j in range(i + 1, 3))
    check = hessian_check(objective, theta)
    assert check.negative_modes == pattern.count("inner") + swaps
    assert check.zero_modes == check.expected_zero_modes
    assert check.is_strict_saddle == (check.negative_modes > 0)
    assert check.is_minimum == (check.negative_modes == 0)
    prediction = ncsolve.predict(ufm)
    if pattern == ("outer",) * 3:
        assert objective.value(theta) == pytest.approx(prediction.value, rel=1e-14)
    else:
        assert objective.value(theta) > 1.0001 * prediction.value


def test_at_the_exact_threshold_of_one_layer_neither_minimum_nor_saddle_is_claimed():
    ufm = ncsolve.UFM([12, 4], weight_decay=0.125, feature_decay=0.125)  # 4 = N^2 lambda_W lambda_H
    check = hessian_check(*_point(ufm, ncsolve.predict(ufm).parameters()))
    assert not check.is_minimum
    assert not check.is_strict_saddle
    assert check.zero_modes > check.expected_zero_modes
    for decay, vanished in ((0.1249, False), (0.1251, True)):
        near = ufm.replace(weight_decay=decay, feature_decay=decay)
        prediction = ncsolve.predict(near)
        assert (prediction.classes.state[1] == "vanished") == vanished
        assert hessian_check(*_point(near, prediction.parameters())).is_minimum


def test_where_the_two_roots_merge_neither_minimum_nor_saddle_is_claimed():
    tau, samples = np.sqrt(20), 50
    # M = 3: the roots of sigma - tau + N decay / sqrt(sigma) merge at tau/3
    decay = 2 * tau / 3 * np.sqrt(tau / 3) / samples
    ufm = ncsolve.UFM([30, 20], depth=3, weight_decay=decay, feature_decay=decay)
    outer = _roots(np.sqrt(30), samples, ufm.decays)[1]
    check = hessian_check(*_on_axes(ufm, np.array([outer, tau / 3])), tolerance=1e-7)
    assert not check.is_minimum
    assert not check.is_strict_saddle
    assert check.zero_modes == check.expected_zero_modes + 1


def test_both_sides_of_a_tie_between_zero_and_a_live_class_are_minima():
    ufm = ncsolve.UFM([9, 8], depth=2, weight_decay=0.1, feature_decay=0.1)
    critical = float(ncsolve.predict(ufm).classes.critical_decay[1])
    ufm = ufm.replace(weight_decay=critical, feature_decay=critical)
    first, second = (_roots(np.sqrt(n), 17, ufm.decays)[1] for n in (9, 8))
    values = []
    for sigma in ([first, 0.0], [first, second]):
        objective, theta = _on_axes(ufm, np.array(sigma))
        assert hessian_check(objective, theta).is_minimum
        values.append(objective.value(theta))
    assert np.ptp(values) < 1e-15  # measured 0


@pytest.mark.parametrize("depth", [1, 3])
def test_a_bottleneck_through_equal_counts_has_the_zero_modes_of_its_continuum(depth):
    ufm = ncsolve.UFM([12] * 4, depth=depth, width=2, weight_decay=4e-3, feature_decay=4e-3)
    check = hessian_check(*_point(ufm, ncsolve.predict(ufm).parameters()))
    assert not check.is_minimum
    assert not check.is_strict_saddle
    # planes in the tied space of dimension 4
    assert check.zero_modes == check.expected_zero_modes + 2 * (4 - 2)


@pytest.mark.parametrize("width", [14, [14, 15, 13]], ids=str)
@pytest.mark.parametrize("bias", ["none", "free"])
def test_the_sparse_path_finds_the_first_eigenvalue_after_the_rotations(width, bias):
    ufm = ncsolve.UFM(
        [30, 20, 12, 8], depth=3, width=width, bias=bias, weight_decay=4e-3, feature_decay=6e-3
    )
    objective, theta = _point(ufm, ncsolve.predict(ufm).parameters())
    assert objective.size > 600
    check = hessian_check(objective, theta)
    assert check.zero_modes is None
    assert check.negative_modes is None
    spectrum = _spectrum(objective, theta)
    assert np.abs(spectrum[: check.expected_zero_modes]).max() < 1e-14 * spectrum[-1]
    assert check.smallest == pytest.approx(spectrum[check.expected_zero_modes], rel=1e-9)
    assert check.is_minimum


def test_a_point_off_a_minimum_shows_in_the_rotations():
    ufm = ncsolve.UFM([30, 20, 8], depth=2, weight_decay=4e-3, feature_decay=4e-3)
    objective, theta = _point(ufm, ncsolve.predict(ufm).parameters())
    assert hessian_check(objective, theta).rotation_residual < 1e-14  # measured 2e-16
    assert hessian_check(objective, 1.01 * theta).rotation_residual > 1e-5
