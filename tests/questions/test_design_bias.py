"""The bias decay for an angle, and the smallest width: against predictions, limits and refusals."""

import math

import numpy as np
import pytest
from oracles.descents import lowest
from support.draws import even

import ncsolve
from ncsolve.analytic.theorem import ACTIVE


def cosines(h):
    unit = h / np.linalg.norm(h, axis=0)
    return (unit.T @ unit)[np.triu_indices(h.shape[1], 1)]


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("seed", range(6))
def test_the_predicted_class_means_have_the_cosine(classes, seed):
    rng = np.random.default_rng(seed)
    n = float(rng.integers(2, 200))
    g = math.sqrt(n) / (n * classes) * rng.uniform(0.01, 0.9)
    spread = float(np.exp(rng.uniform(-1, 1)))
    ufm = ncsolve.UFM([n] * classes, weight_decay=g * spread, feature_decay=g / spread)
    cosine = -rng.uniform(0.001, 1.0) / (classes - 1)
    found = ncsolve.bias_decay_for_cosine(ufm, cosine)
    assert found.verified
    at = ncsolve.predict(ufm.replace(bias=found.bias_decay))
    assert cosines(at.class_means) == pytest.approx(cosine, abs=1e-12)  # measured: 2e-15
    assert found.inside.number < cosine < found.outside.number
    off = ncsolve.predict(ufm.replace(bias=1.01 * found.bias_decay))
    assert abs(cosines(off.class_means)[0] - cosine) > 1e-6


def test_descent_reaches_the_angle():
    ufm = ncsolve.UFM([8] * 3, **even(0.02))
    found = ncsolve.bias_decay_for_cosine(ufm, -0.3)
    _, point = lowest(ufm.replace(bias=found.bias_decay), np.random.default_rng(0), starts=1)
    means = point.features.reshape(3, 3, 8).mean(axis=2)
    assert cosines(means) == pytest.approx(-0.3, abs=1e-5)


def test_the_simplex_ends_at_its_bias_decay_and_the_orthogonal_frame_is_out_of_reach():
    ufm = ncsolve.UFM([50] * 5, **even(1e-3))
    found = ncsolve.bias_decay_for_cosine(ufm, -0.25)
    assert found.bias_decay == pytest.approx(found.simplex_up_to, rel=1e-15)
    assert found.simplex_up_to == pytest.approx(0.25 / (math.sqrt(50) - 0.25), rel=1e-14)
    assert found.verified
    assert "every smaller" in found.notes[0]
    assert ncsolve.bias_decay_for_cosine(ufm, -1e-9).bias_decay > 1e6
    for cosine in (0.0, 0.5, -0.2501, -1.0):
        with pytest.raises(ncsolve.NoAnswer, match=r"from -0\.25 to below 0 works"):
            ncsolve.bias_decay_for_cosine(ufm, cosine)
    for cosine in (math.nan, 1.5, -2.0, True, "x"):
        with pytest.raises(ncsolve.ProblemError):
            ncsolve.bias_decay_for_cosine(ufm, cosine)


def test_a_hundred_thousand_classes_need_no_matrix():
    ufm = ncsolve.UFM(np.full(100_000, 50.0), **even(1e-7))
    assert ncsolve.bias_decay_for_cosine(ufm, -5e-6).verified


def test_problems_without_an_angle_are_refused():
    with pytest.raises(ncsolve.NoAnswer, match="everything is zero"):
        ncsolve.bias_decay_for_cosine(ncsolve.UFM([4] * 3, **even(0.5)), -0.1)
    for fields in ({"depth": 2}, {"loss": "ce"}, {"features": "relu"}, {"counts": [4, 5, 6]}):
        with pytest.raises(ncsolve.NoTheorem):
            ncsolve.bias_decay_for_cosine(ncsolve.UFM([4] * 3).replace(**fields), -0.1)


@pytest.mark.parametrize("seed", range(12))
def test_the_width_is_the_first_at_which_the_value_is_that_of_full_width(seed):
    rng = np.random.default_rng(seed)
    n = np.floor(np.exp(rng.uniform(1, 5, int(rng.integers(3, 7)))))
    depth = int(rng.integers(1, 4))
    probe = ncsolve.UFM(n, depth=depth, bias=["none", "free"][seed % 2])
    decay = ncsolve.largest_decay(probe).decay * float(np.exp(rng.uniform(-0.5, 0.5)))
    ufm = probe.replace(**even(decay))
    values = [ncsolve.predict(ufm.replace(width=width)).value for width in range(1, n.size + 1)]
    first = next(i for i, value in enumerate(values, start=1) if value <= values[-1] * (1 + 1e-12))
    if first == 1:
        with pytest.raises(ncsolve.NoAnswer):
            ncsolve.smallest_width(ufm)
        return
    found = ncsolve.smallest_width(ufm)
    assert (found.width, found.verified) == (first, True)
    if probe.bias == "none":
        assert found.width == int((ncsolve.predict(ufm).classes.state == ACTIVE).sum())


def test_the_width_of_merged_cross_entropy_is_below_k_minus_one():
    found = ncsolve.smallest_width(ncsolve.UFM([50, 50, 5, 5, 5], "ce", **even(2e-2)))
    assert found.width == 2
    assert found.verified
    assert ncsolve.smallest_width(ncsolve.UFM([30] * 4, "ce", **even(1e-3))).width == 3


def test_widths_that_nothing_is_known_about_are_refused():
    for ufm, says in (
        (ncsolve.UFM([30] * 4, "ce", depth=2), "upper bound only"),
        (ncsolve.UFM([30] * 4, **even(1.0)), "everything is zero"),
        (ncsolve.UFM([300, 1], **even(0.05)), "rank 1"),
        (ncsolve.UFM([30] * 13, "ce"), "rank 12"),
        (ncsolve.UFM([30, 20, 10], "ce", features="relu", **even(1e-3)), "no theorem says"),
    ):
        with pytest.raises(ncsolve.NoAnswer, match=says):
            ncsolve.smallest_width(ufm)
