"""Gradient flow of modes: closed forms, integrals, basins, against mpmath, against each other and against the definition."""

import math

import mpmath
import numpy as np
import pytest
from oracles.dynamics import aligned_bases, aligned_parameters
from scipy.integrate import solve_ivp

import ncsolve
from ncsolve.analytic.scalar import fold, inner_share, outer_shrinkage, threshold
from ncsolve.problem.losses import sample_columns
from ncsolve.problem.objective import Parameters, objective_over
from ncsolve.questions.flow import Flow, Mode, boundary
from ncsolve.questions.modes import target_modes

COUNT, SAMPLES = 30.0, 58.0


def mode(decays):
    ufm = ncsolve.UFM(
        [COUNT, SAMPLES - COUNT],
        depth=len(decays) - 1,
        weight_decay=list(decays[1:]),
        feature_decay=decays[0],
    )
    modes = target_modes(ufm)
    return Mode(
        float(modes.tau[0]), SAMPLES, tuple(decays), float(modes.outer[0]), float(modes.inner[0])
    )


@pytest.mark.parametrize("depth", [1, 2, 3, 6, 30])
def test_both_roots_solve_the_stationary_equation_and_meet_at_the_fold(depth):
    e = (depth - 1) / (depth + 1)
    kappa = np.array([1e-6, 1e-2, 0.5, 0.99, 1.01]) * threshold(depth)
    p, x = outer_shrinkage(kappa, depth), inner_share(kappa, depth)
    there = kappa <= (fold(depth) if depth > 1 else 1)
    assert np.all((p < 1) == there)
    assert np.abs(p[there] * (1 - p[there]) ** e / kappa[there] - 1).max() < 2e-14  # measured 4e-15
    if depth == 1:
        assert not x.any()
        return
    assert np.abs((1 - x[there]) * x[there] ** e / kappa[there] - 1).max() < 1e-14
    assert np.all(x[there] < 1 - p[there])
    top = np.array([fold(depth)])
    assert inner_share(top, depth) == pytest.approx((depth - 1) / (2 * depth), rel=1e-7)
    assert 1 - outer_shrinkage(top, depth) == pytest.approx((depth - 1) / (2 * depth), rel=1e-7)


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
@pytest.mark.parametrize("kind", ["near", "far", "from above", "dying"])
def test_learning_times_are_those_of_40_digits(depth, kind):
    decay = 3e-3
    one = mode([decay] * (depth + 1))
    edge = one.inner ** (1 / (depth + 1))
    if depth == 1 and kind == "dying":
        one = mode([0.1] * 2)
    scale = {
        "near": edge * (1 + 1e-6) + (1e-7 if depth == 1 else 0),
        "far": 0.9,
        "from above": 3.0,
        "dying": 0.9 * edge or 0.5,
    }[kind]
    flow = Flow(one, np.full(depth + 1, scale))
    assert flow.lives == (kind != "dying")
    level = {"near": 0.5, "far": 0.9, "from above": 1.02}.get(
        kind, 0
    ) * flow.end or 0.3 * scale ** (depth + 1)
    found = flow.time_to(level)
    with mpmath.workdps(40):
        tau, rate = mpmath.mpf(one.tau), mpmath.mpf(one.decays[0])

        def inverse(v):
            return 1 / (
                (tau - mpmath.exp((depth + 1) * v)) * mpmath.exp((depth - 1) * v) / SAMPLES - rate
            )

        low, high = mpmath.log(mpmath.mpf(scale)), mpmath.log(mpmath.mpf(level)) / (depth + 1)
        exact = mpmath.quad(
            inverse, [low, *(low + (high - low) * mpmath.mpf(2) ** -k for k in range(40, -1, -1))]
        )
    # measured 1e-14, and 1e-11 at a start 1e-6 above the boundary
    assert found == pytest.approx(float(exact), rel=1e-10)
    # from 1e-6 above the boundary the path amplifies its start, and so every rounding, by 1e6
    assert flow.sigma(np.array([0.0, found]))[-1] == pytest.approx(
        level, rel=1e-3 if kind == "near" else 1e-7
    )


def test_one_layer_with_equal_decays_is_logistic_and_has_its_half_time():
    one = mode([3e-3, 3e-3])
    s, a0 = one.tau - SAMPLES * 3e-3, 0.01
    flow = Flow(one, np.full(2, math.sqrt(a0)))
    times = np.array([0.0, 20.0, 60.0, 200.0])
    assert flow.sigma(times) == pytest.approx(
        s / (1 + (s / a0 - 1) * np.exp(-2 * s * times / SAMPLES)), rel=1e-13
    )
    assert flow.time_to(s / 2) == pytest.approx(SAMPLES / (2 * s) * math.log(s / a0 - 1), rel=1e-13)


@pytest.mark.parametrize("decay", [0.05, np.sqrt(COUNT) / SAMPLES, 0.3])
def test_one_layer_below_at_and_above_its_threshold_follows_its_own_equation(decay):
    one = mode([decay, decay])
    flow = Flow(one, np.full(2, 0.7))
    times = np.linspace(0, 300, 7)

    def slope(_, s):
        return [
            (one.tau - s[0] * s[1]) * s[1] / SAMPLES - decay * s[0],
            (one.tau - s[0] * s[1]) * s[0] / SAMPLES - decay * s[1],
        ]

    oracle = solve_ivp(
        slope, (0, 300), [0.7, 0.7], method="DOP853", t_eval=times, rtol=1e-12, atol=1e-14
    ).y.prod(axis=0)
    assert flow.sigma(times) == pytest.approx(oracle, rel=1e-8)
    middle = flow.time_to(float(oracle[2]))
    assert middle == pytest.approx(times[2], rel=1e-8)


@pytest.mark.parametrize(
    "decays", [[2e-3, 8e-3], [1e-3, 3e-3, 9e-3], [9e-3, 1e-3, 1e-3, 4e-3]], ids=str
)
@pytest.mark.parametrize("scale", [0.3, 1.2])
def test_unequal_decays_follow_the_equations_of_the_layers(decays, scale):
    one = mode(decays)
    flow = Flow(one, scale * np.linspace(1, 1.5, len(decays)))
    times = np.linspace(0, 400, 9)

    def slope(_, s):
        product = s.prod()
        return (one.tau - product) * product / s / SAMPLES - np.array(decays) * s

    oracle = solve_ivp(
        slope, (0, 400), flow.start, method="DOP853", t_eval=times, rtol=1e-12, atol=1e-14
    ).y.T
    assert flow.at(times) == pytest.approx(oracle, rel=1e-10)  # measured 9e-12
    # measured 6e-11
    assert flow.time_to(float(oracle[3].prod())) == pytest.approx(times[3], rel=1e-9)
    ends = flow.at(np.array([0.0, 60 / min(decays)]))[-1]
    assert ends == pytest.approx(one.layers(one.outer), rel=1e-6)


def test_layers_with_equal_decays_forget_their_difference_and_others_drift_apart():
    equal = Flow(mode([3e-3] * 3), np.array([0.5, 0.7, 0.9]))
    times = np.array([0.0, 100.0])
    squares = equal.at(times) ** 2
    assert squares[1, 2] - squares[1, 0] == pytest.approx(
        (0.81 - 0.25) * math.exp(-2 * 3e-3 * 100), rel=1e-9
    )
    decays = np.array([1e-3, 3e-3, 9e-3])
    even = Flow(mode(decays.tolist()), np.full(3, 0.5))
    late = even.at(np.array([0.0, 40.0]))[-1]
    assert np.ptp(late) > 0.01
    balanced = np.sqrt(1e-3 / decays)
    drift = Flow(mode(decays.tolist()), balanced).at(np.array([0.0, 40.0]))[-1]
    assert np.ptp(decays * drift**2) > 1e-4  # the balanced manifold is not invariant


@pytest.mark.parametrize(
    "decays", [[3e-3] * 3, [3e-3] * 5, [1e-3, 3e-3, 9e-3], [5e-3, 1e-3, 4e-3, 1e-3]], ids=str
)
def test_starts_just_below_the_boundary_die_and_just_above_live(decays):
    one = mode(decays)
    edge = boundary(one)
    if len(set(decays)) == 1:
        assert edge == pytest.approx(one.inner ** (1 / len(decays)), rel=1e-14)
    for factor, lives in ((1 - 1e-6, False), (1 + 1e-6, True), (1.5, True)):
        flow = Flow(one, np.full(len(decays), factor * edge))
        assert flow.lives == lives
        late = flow.sigma(np.array([0.0, 40 / min(decays)]))[-1]
        assert (late > one.outer / 2) == lives
        assert (late < one.inner) != lives


def test_one_layer_has_no_boundary_and_a_mode_beyond_the_fold_no_basin():
    assert boundary(mode([3e-3, 1e-3])) == 0.0
    assert boundary(mode([0.2] * 3)) == math.inf
    assert not Flow(mode([0.2] * 3), np.full(3, 2.0)).lives


def test_a_level_that_is_never_reached_takes_for_ever_and_one_that_is_passed_takes_none():
    flow = Flow(mode([3e-3] * 3), np.full(3, 0.5))
    assert flow.time_to(2 * flow.end) == math.inf
    assert flow.time_to(0.01) == 0.0
    # a dying mode is below every higher level
    assert Flow(mode([3e-3] * 3), np.full(3, 0.01)).time_to(1.0) == 0.0


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("decays", [[2e-3] * 3, [1e-3, 3e-3, 9e-3]], ids=["equal", "unequal"])
def test_one_step_of_the_recursion_is_one_step_on_all_features(bias, decays):
    ufm = ncsolve.UFM(
        [5, 3, 2],
        depth=2,
        width=[4, 5],
        bias=bias,
        weight_decay=decays[1:],
        feature_decay=decays[0],
    )
    modes, rng = target_modes(ufm), np.random.default_rng(0)
    start = rng.uniform(0.3, 1.2, (modes.tau.size, 3))
    bases = aligned_bases(modes, rng)
    objective = objective_over(ufm, sample_columns(ufm.loss, ufm.counts))
    p = aligned_parameters(modes, start, bases)
    theta = objective.pack(Parameters(p.weights, np.repeat(p.features, [5, 3, 2], axis=1), p.bias))
    course = ncsolve.time_course(ufm, start=start, learning_rate=0.3, momentum=0.8, steps=30)
    velocity = 0.0
    for step in range(1, 26):
        velocity = 0.8 * velocity + objective.value_and_gradient(theta)[1]
        theta = theta - 0.3 * velocity
        expected = aligned_parameters(modes, course.descent.layers[step], bases)
        found = objective.unpack(theta)
        assert (
            np.abs(found.features - np.repeat(expected.features, [5, 3, 2], axis=1)).max() < 1e-14
        )
        assert all(
            np.abs(a - b).max() < 1e-14
            for a, b in zip(found.weights, expected.weights, strict=True)
        )
        assert np.abs(found.bias - expected.bias).max() < 1e-15


def test_a_bias_off_its_optimum_breaks_the_alignment():
    ufm = ncsolve.UFM([5, 3, 2], width=4, bias="free", weight_decay=3e-3, feature_decay=3e-3)
    modes, rng = target_modes(ufm), np.random.default_rng(0)
    bases = aligned_bases(modes, rng)
    p = aligned_parameters(modes, np.full((2, 2), 0.5), bases)
    objective = objective_over(ufm, sample_columns(ufm.loss, ufm.counts))
    theta = objective.pack(
        Parameters(
            p.weights, np.repeat(p.features, [5, 3, 2], axis=1), p.bias + np.array([0.1, 0, 0])
        )
    )
    theta = theta - 0.3 * objective.value_and_gradient(theta)[1]
    # features had mean zero
    assert np.abs(objective.unpack(theta).features.sum(axis=1)).max() > 1e-3


@pytest.mark.parametrize("depth", [1, 2])
def test_within_class_noise_decays_at_the_rate_of_its_direction_whichever_class_it_belongs_to(
    depth,
):
    ufm = ncsolve.UFM([8, 5, 3], depth=depth, width=5, weight_decay=4e-3, feature_decay=6e-3)
    prediction = ncsolve.predict(ufm)
    course = ncsolve.time_course(ufm, learning_rate=0.05, start=0.5)
    objective = objective_over(ufm, sample_columns(ufm.loss, ufm.counts))
    product = prediction.parameters().end_to_end
    _, strength, right = np.linalg.svd(product)
    first = [0, 8, 13]
    for k in range(3):
        for i, direction in enumerate(right):
            features, noise = prediction.features(), 1e-7 * direction
            features[:, first[k]] += noise
            features[:, first[k] + 1] -= noise  # the class mean stays
            theta = objective.pack(Parameters(prediction.weights, features, prediction.bias))
            after = objective.unpack(theta - 0.05 * objective.value_and_gradient(theta)[1]).features
            left = (after[:, first[k]] - after[:, first[k] + 1]) @ direction / 2e-7
            rate = 6e-3 + (strength[i] ** 2 / 16 if i < 3 else 0.0)
            assert 1 - left == pytest.approx(0.05 * rate, rel=1e-6)
            if i < 3:
                assert course.noise_rates[i] == pytest.approx(0.05 * rate, rel=1e-10)
