"""Descent from random starts ends where the theorems say: depth x balance x width x bias, and what lies beside that grid."""

import numpy as np
import pytest
from support.structures import STRUCTURES

import ncsolve
from ncsolve.numeric.descent import descend

COUNTS = {"balanced": [12] * 4, "imbalanced": [30, 20, 12, 8], "tail": [100, 40, 16, 2]}
WIDTH = {"default": None, "wide": 16, "bottleneck": 2}
# the class of 2 vanishes in "tail", every other class lives
DECAY = {1: 1.1e-2, 2: 8e-3, 3: 8e-3, 6: 8e-3}


def _grid():
    for depth, decay in DECAY.items():
        for balance, counts in COUNTS.items():
            for width, d in WIDTH.items():
                for bias in ("none", "free"):
                    ufm = ncsolve.UFM(
                        counts,
                        depth=depth,
                        width=d,
                        bias=bias,
                        weight_decay=decay,
                        feature_decay=decay,
                    )
                    yield pytest.param(ufm, id=f"M{depth}-{balance}-width_{width}-bias_{bias}")


def _agrees(ufm, method=None, excess=1e-14, distance=1e-8):
    """The Verification, after its checks: the best run is at the predicted value and, where that is unique, geometry."""
    verification = ncsolve.verify(ufm, method, rng=0)
    assert verification.verdict is ncsolve.Verdict.AGREES
    assert abs(verification.excess) <= excess
    assert all(
        run.value >= verification.prediction.value * (1 - 1e-14) for run in verification.runs
    )
    metrics = verification.metrics
    assert metrics["within_class"] <= distance
    if verification.prediction.unique:
        assert max(metrics.values()) <= distance
    return verification


@pytest.mark.parametrize("ufm", list(_grid()))
def test_descent_ends_at_the_predicted_value_and_geometry(ufm):
    _agrees(ufm)  # measured: excess 5e-16, distances 1e-10 (a mode close to its threshold)


def test_the_tail_class_of_the_grid_vanishes_and_the_others_live():
    for depth, decay in DECAY.items():
        for balance, counts in COUNTS.items():
            ufm = ncsolve.UFM(counts, depth=depth, weight_decay=decay, feature_decay=decay)
            living = [
                counts[k]
                for k, row in enumerate(ncsolve.predict(ufm).classes)
                if row.state == "active"
            ]
            assert living == [n for n in counts if n > 2], balance
            free = np.count_nonzero(ncsolve.predict(ufm.replace(bias="free")).singular_values)
            assert free == (2 if balance == "tail" else 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTURES)
def test_descent_agrees_on_every_structure_the_tests_share(name):
    _agrees(STRUCTURES[name])  # measured: excess 6e-16, distances 3e-10


BESIDE = {
    "unequal-decays-M1": ncsolve.UFM([30, 20, 12, 8], weight_decay=2e-2, feature_decay=3e-4),
    "unequal-decays-M3": ncsolve.UFM(
        [30, 20, 12, 8], depth=3, weight_decay=[2e-3, 3e-2, 5e-3], feature_decay=1e-3
    ),
    "unequal-widths-M3": ncsolve.UFM(
        [30, 20, 12, 8], depth=3, width=[9, 3, 5], weight_decay=5e-3, feature_decay=5e-3
    ),
    "relu-M1": ncsolve.UFM([8, 5, 3], features="relu", weight_decay=1e-2, feature_decay=1e-2),
    "relu-M2-wide": ncsolve.UFM(
        [8, 5, 3], depth=2, width=6, features="relu", weight_decay=1e-2, feature_decay=1e-2
    ),
    "regularized-bias-etf": ncsolve.UFM([12] * 4, bias=1e-2, weight_decay=5e-3, feature_decay=5e-3),
    "regularized-bias-frame": ncsolve.UFM(
        [12] * 4, bias=5.0, weight_decay=5e-3, feature_decay=5e-3
    ),
    "targets-M1": ncsolve.UFM(
        [8, 5, 3], ncsolve.Squared([[1, -2, 0], [0.5, 1, 3]]), weight_decay=2e-2, feature_decay=2e-2
    ),
    "targets-M3-free": ncsolve.UFM(
        [8, 5, 3], ncsolve.Squared(2 * np.eye(3) - 1), 3, bias="free", weight_decay=1e-2
    ),
    "regression-M2": ncsolve.UFM(
        [1] * 9, ncsolve.Squared(np.random.default_rng(1).normal(size=(3, 9))), 2, bias="free"
    ),
    "fractional-counts": ncsolve.UFM(
        [7.5, 3.25, 1.125], depth=2, weight_decay=2e-2, feature_decay=1e-2
    ),
    "fractional-counts-free": ncsolve.UFM(
        [0.5, 0.25, 0.2], depth=2, bias="free", weight_decay=2e-2, feature_decay=1e-2
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_descent_agrees_beside_the_grid(name):
    _agrees(BESIDE[name])  # measured: excess 2e-16, distances 3e-11


SMALL = {
    "M1": ncsolve.UFM([6, 4, 2], weight_decay=5e-2, feature_decay=5e-2),
    "M1-free": ncsolve.UFM([6, 4, 2], bias="free", weight_decay=5e-2, feature_decay=5e-2),
    "M2": ncsolve.UFM([6, 4, 2], depth=2, weight_decay=3e-2, feature_decay=3e-2),
    "M3-free": ncsolve.UFM([6, 4, 2], depth=3, bias="free", weight_decay=3e-2, feature_decay=3e-2),
}


@pytest.mark.parametrize(
    "optimizer",
    [
        ncsolve.GradientDescent(),
        ncsolve.Momentum(steps=4000),
        ncsolve.Momentum(steps=4000, learning_rate=1.0, momentum=0.0),
    ],
    ids=["gradient-descent", "momentum", "fixed-step"],
)
@pytest.mark.parametrize("name", SMALL)
def test_first_order_descent_alone_ends_at_the_predicted_value(name, optimizer):
    method = ncsolve.Descent(optimizer=optimizer, polish=None)
    # measured: 1e-13 and 8e-7, with momentum 4e-16 and 2e-15
    _agrees(SMALL[name], method, excess=1e-12, distance=1e-5)


@pytest.mark.parametrize("seed", range(40))
def test_no_run_on_a_random_problem_goes_below_a_global_value(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 40, int(rng.integers(2, 7)))
    depth = int(rng.integers(1, 5))
    decays = np.exp(rng.uniform(np.log(1e-4), np.log(1e-1), depth + 1))
    width = int(rng.integers(1, 9))
    bias = str(rng.choice(["none", "free"]))
    ufm = ncsolve.UFM(
        counts,
        depth=depth,
        width=width,
        bias=bias,
        weight_decay=decays[1:].tolist(),
        feature_decay=float(decays[0]),
    )
    prediction = ncsolve.predict(ufm)
    assert prediction.claim is ncsolve.Claim.GLOBAL
    values = [run.value for run in descend(ufm, ncsolve.Descent(starts=3), rng=seed)]
    assert min(values) >= prediction.value * (1 - 1e-14)
    assert min(values) <= prediction.value * (1 + 1e-12)
    # so a value 1% too high would be refuted
    assert not min(values) >= 1.01 * prediction.value * (1 - 1e-14)
