"""Inertia and eigenvalues at critical points: closed forms against dense Hessians, finite differences and limiting cases."""

import itertools

import numpy as np
import pytest

import ncsolve
from ncsolve.problem.losses import sample_columns
from ncsolve.problem.objective import Parameters, objective_over
from ncsolve.questions.curvature import Family, eigenvalues
from ncsolve.questions.landscape import (
    Agreement,
    CriticalPoint,
    Inertia,
    aligned_inertia,
    critical_point,
    measure_inertia,
)
from ncsolve.questions.modes import placement, target_modes


def drawn(seed):
    """A small random squared-loss problem and a random placement of its modes."""
    rng = np.random.default_rng(seed)
    classes, depth = int(rng.integers(2, 5)), int(rng.integers(1, 5))
    counts = rng.integers(1, 6, classes).astype(float)
    if rng.random() < 0.4:
        counts[:] = rng.choice([2.0, 4.0], classes)
    codes = rng.normal(size=(int(rng.integers(1, 5)), classes))
    ufm = ncsolve.UFM(
        counts,
        "mse" if rng.random() < 0.7 else ncsolve.Squared(codes),
        depth,
        rng.integers(1, 6, depth).tolist(),
        np.exp(rng.uniform(-6, -1.5, depth)).tolist(),
        float(np.exp(rng.uniform(-6, -1.5))),
        "none" if rng.random() < 0.5 else "free",
    )
    modes = target_modes(ufm)
    kind = rng.integers(0, 3, modes.tau.size)
    outer = np.flatnonzero((kind == 1) & (modes.outer > 0)).tolist()
    inner = np.flatnonzero((kind == 2) & (modes.inner > 0)).tolist()
    while len(outer) + len(inner) > ufm.rank_limit:
        (outer or inner).pop()
    return CriticalPoint("as given", placement(modes, outer, inner))


@pytest.mark.parametrize("seed", range(120))
def test_inertia_and_spectrum_of_random_placements_are_those_of_the_dense_hessian(seed):
    point = drawn(seed)
    found = measure_inertia(point, columns="samples")
    assert found.measured == found.predicted
    assert found.predicted.size == found.measured_eigenvalues.size
    assert found.eigenvalue_error < 1e-13  # measured 4e-15 in 400 draws
    assert found.gradient_norm < 1e-14
    assert found.comparison is Agreement.AGREES
    assert ncsolve.objective(point.ufm, point.parameters()) == pytest.approx(point.value, rel=1e-13)
    means = measure_inertia(point, columns="means")
    assert (means.measured, means.comparison) == (means.predicted, Agreement.AGREES)


def test_the_dense_hessian_is_that_of_finite_differences():
    ufm = ncsolve.UFM(
        [3, 2], depth=2, width=[3, 2], bias="free", weight_decay=[0.02, 0.05], feature_decay=0.03
    )
    point = critical_point(ufm)
    objective = objective_over(ufm, sample_columns(ufm.loss, ufm.counts))
    p = point.parameters()
    theta = objective.pack(Parameters(p.weights, np.repeat(p.features, [3, 2], axis=1), p.bias))
    step = 1e-6
    slopes = [
        (
            objective.value_and_gradient(theta + step * axis)[1]
            - objective.value_and_gradient(theta - step * axis)[1]
        )
        / (2 * step)
        for axis in np.eye(theta.size)
    ]
    spectrum = np.linalg.eigvalsh(np.array(slopes))
    assert np.abs(spectrum - eigenvalues(point.families())).max() < 1e-9  # measured 2e-11


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_zero_is_a_saddle_at_depth_1_and_a_strict_local_minimum_beyond(depth, bias):
    decay = 5e-3 if depth == 1 else 1e-4
    ufm = ncsolve.UFM([6, 4, 2], "mse", depth, 4, decay, 2 * decay, bias)
    found = measure_inertia(ufm, "zero")
    assert found.measured == found.predicted
    assert found.eigenvalue_error < 1e-14
    assert (found.measured.negative == 0) == (depth > 1)
    if depth == 1:
        mean = np.outer([6, 4, 2], np.ones(3)) / 12 if bias == "free" else 0.0
        gradient = (mean - np.eye(3)) * np.sqrt([6, 4, 2]) / 12
        gamma = np.linalg.svd(gradient, compute_uv=False)
        assert found.measured.negative == 4 * np.sum(gamma > np.sqrt(2) * decay)
        lowest = 1.5 * decay - np.hypot(0.5 * decay, gamma[0])
        assert found.measured_eigenvalues[0] == pytest.approx(lowest, rel=1e-12)


@pytest.mark.parametrize("subset", list(itertools.product([0, 1], repeat=3)), ids=str)
def test_missing_modes_of_one_layer_go_down_once_per_idle_unit_and_once_per_weaker_active_mode(
    subset,
):
    ufm = ncsolve.UFM([12, 8, 3], width=5, weight_decay=3e-2, feature_decay=3e-2)
    on = [k for k in range(3) if subset[k]]
    found = measure_inertia(ufm, f"modes={','.join(map(str, on))}" if on else "zero")
    alive = np.sqrt([12, 8, 3]) > 23 * 3e-2
    assert alive.all()
    wrong = sum(1 for a in on for c in range(3) if c not in on and c < a)
    assert found.measured.negative == (5 - len(on)) * (3 - len(on)) + wrong
    assert found.measured == found.predicted
    assert found.measured.zero == len(on) * (2 * 5 - len(on) - 1) // 2


def test_a_missing_mode_below_the_threshold_of_one_layer_does_not_go_down_and_one_at_it_is_flat():
    for decay, sign in (
        (0.124, "negative"),
        (0.125, "zero"),
        (0.126, "positive"),
    ):  # 4 = N^2 lambda^2 at 0.125
        ufm = ncsolve.UFM([12, 4], width=3, weight_decay=decay, feature_decay=decay)
        found = measure_inertia(ufm, "modes=0")
        assert found.measured == found.predicted
        extra = {"negative": (2, 2), "zero": (0, 4), "positive": (0, 2)}[sign]
        assert (found.measured.negative, found.measured.zero) == extra


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_equal_modes_at_different_roots_are_flat_and_both_at_the_unstable_root_go_down_three_times(
    depth,
):
    ufm = ncsolve.UFM([9, 9], depth=depth, weight_decay=5e-3, feature_decay=5e-3)
    mixed, both = (measure_inertia(ufm, at) for at in ("modes=0+unstable=1", "unstable"))
    assert (mixed.measured.negative, mixed.measured.zero) == (1, depth + 1)
    assert (both.measured.negative, both.measured.zero) == (3, depth)
    assert mixed.measured == mixed.predicted
    assert both.measured == both.predicted


def test_counts_agree_with_the_signs_of_the_predicted_eigenvalues():
    for seed in range(60):
        point = drawn(1000 + seed)
        spectrum = eigenvalues(point.families())
        negative, zero = aligned_inertia(point.placed)
        small = 1e-11 * spectrum[-1]
        assert (np.sum(spectrum < -small), np.sum(np.abs(spectrum) <= small)) == (negative, zero)


def test_a_wrong_count_or_spectrum_is_not_agreed_with(monkeypatch):
    point = critical_point(ncsolve.UFM([6, 4, 2], depth=2, weight_decay=2e-2, feature_decay=2e-2))
    right, spectrum = point.inertia(), point.families()
    for shift in (1, 0), (0, 1):
        wrong = Inertia(right.negative + shift[0], right.zero + shift[1], right.positive - 1)
        monkeypatch.setattr(CriticalPoint, "inertia", lambda self, columns=None, wrong=wrong: wrong)
        assert measure_inertia(point, columns="samples").comparison is Agreement.UNRESOLVED
    monkeypatch.undo()
    off = [Family(one.directions, 1.01 * one.values, one.copies) for one in spectrum]
    monkeypatch.setattr(CriticalPoint, "families", lambda self, columns=None: off)
    assert measure_inertia(point, columns="samples").comparison is Agreement.CONTRADICTED


def test_many_classes_are_counted_without_a_matrix():
    ufm = ncsolve.UFM(np.arange(1, 3001), width=4000, weight_decay=1e-8, feature_decay=1e-8)
    # the smallest 50 classes on
    point = critical_point(ufm, "modes=" + ",".join(map(str, range(50))))
    r, missing = 50, 2950
    # every missing class is larger, and above its threshold
    assert point.inertia().negative == missing * (4000 - r) + missing * r
    with pytest.raises(ncsolve.NcsolveError, match="free numbers"):
        measure_inertia(point)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("modes=7", "'7' does not exist"),
        ("modes=0,0", "named twice"),
        ("modes=0+unstable=0", "named twice"),
        ("modes=0+modes=1", "not understood"),
        ("saddle", "not understood"),
        ("modes=x", "'x' does not exist"),
        ("modes=0,1,2", "allows 2"),
        ("modes=3", "no non-zero stationary point"),
        ("unstable=3", "no unstable root"),
    ],
)
def test_a_point_that_is_not_there_is_refused_in_one_line(at, said):
    ufm = ncsolve.UFM([30, 20, 10, 1], depth=2, width=2, weight_decay=2e-2, feature_decay=2e-2)
    with pytest.raises(ncsolve.ProblemError, match=said):
        critical_point(ufm, at)


def test_points_without_a_closed_form_are_refused():
    for fields in ({"loss": "ce"}, {"features": "relu"}, {"bias": 0.1}):
        with pytest.raises(ncsolve.NoTheorem, match="closed form only if"):
            critical_point(ncsolve.UFM([3, 2], **fields))
    with pytest.raises(ncsolve.NoTheorem, match="has no modes"):
        critical_point(ncsolve.predict(ncsolve.UFM([3, 2], "ce"), limit="vanishing-decay"))
