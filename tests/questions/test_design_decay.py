"""The largest decay: neighboring doubles on both sides, against 50 digits, descent, dense grids, and careless questions."""

import math
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from oracles.descents import lowest
from support.draws import even

import ncsolve
from ncsolve.analytic.reduction import exact_sum
from ncsolve.analytic.theorem import ACTIVE
from ncsolve.questions import design
from ncsolve.questions.design import between, fates, last_double


def draw(rng):
    """A problem whose classes have thresholds: squared loss of any depth and bias, or cross-entropy at depth 1."""
    n = np.floor(np.exp(rng.uniform(0.0, 6.0, int(rng.integers(2, 9)))))
    if rng.random() < 0.6:
        n = rng.choice(n[: int(rng.integers(1, n.size + 1))], n.size)
    if rng.random() < 0.3:
        n = n * rng.uniform(0.5, 1.5)
    kind = int(rng.integers(5))
    if kind < 3:
        fields = {"depth": int(rng.integers(1, 6)), "bias": ["none", "free", "none"][kind]}
        if rng.random() < 0.3:
            fields["width"] = int(rng.integers(1, n.size + 1))
    elif kind == 3:
        fields = {"loss": "ce", "features": "relu"}
    else:
        n = np.repeat(n[: max(1, n.size // 2)], 2)
        fields = {
            "loss": ncsolve.CrossEntropy(smoothing=float(rng.choice([0.0, 0.1]))),
            "bias": "none",
        }
    depth = fields.get("depth", 1)
    decays = np.exp(rng.uniform(-8.0, -3.0, depth + 1))
    return ncsolve.UFM(
        n, **fields, weight_decay=decays[1:].tolist(), feature_decay=float(decays[0])
    )


def asked(rng, ufm):
    share = float(rng.choice([1.0, 1.0, 0.5, rng.uniform(0.05, 1.0)]))
    names = None
    if rng.random() < 0.3:
        some = int(rng.integers(1, ufm.classes + 1))
        names = list(rng.choice(list(ufm.names), some, replace=False))
    return {"share": share, "classes": names, "keep_ratios": bool(rng.random() < 0.5)}


@pytest.mark.parametrize("seed", range(60))
def test_predictions_at_neighboring_doubles_disagree_as_the_answer_says(seed):
    rng = np.random.default_rng(seed)
    ufm = draw(rng)
    question = asked(rng, ufm)
    try:
        found = ncsolve.largest_decay(ufm, **question)
    except ncsolve.NoAnswer:
        assert ufm.rank_limit < ufm.classes
        return
    wanted = [list(ufm.names).index(name) for name in question["classes"] or ufm.names]
    needed = max(1, math.ceil(question["share"] * len(wanted) - 1e-9))
    ratios = ufm.decays if question["keep_ratios"] else [1.0] * (ufm.depth + 1)
    assert found.exact or found.notes
    if found.exact:
        assert found.outside.at == np.nextafter(found.inside.at, math.inf)
    for side, holds in ((found.inside, True), (found.outside, False), (found.at_recommended, True)):
        at = ufm.replace(
            weight_decay=[side.at * r for r in ratios[1:]], feature_decay=side.at * ratios[0]
        )
        state = np.array([row.state for row in ncsolve.predict(at).classes])
        assert (state == side.states).all()
        assert (int((state[wanted] == ACTIVE).sum()) >= needed) is holds
    assert 0.009 < found.distance < 0.02
    assert found.verified


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 7])  # 0: cross-entropy with ReLU features
def test_the_boundary_agrees_with_fifty_digits(depth):
    counts = [977.0, 313.0, 41.0, 17.0, 17.0]
    relu = {"loss": "ce", "features": "relu"}
    ufm = ncsolve.UFM(counts, **({"depth": depth} if depth else relu))
    found = ncsolve.largest_decay(ufm)
    with mpmath.workdps(50):
        m, n, samples = mpmath.mpf(max(depth, 1)), mpmath.mpf(17), mpmath.mpf(sum(counts))
        kappa = 1 / m * (1 - 1 / m) ** ((m - 1) / (m + 1)) if depth > 1 else mpmath.mpf(1)
        strength = n if depth else n * 4 / 5
        exact = kappa * strength ** (m / (m + 1)) / samples
        assert mpmath.mpf(found.decay) <= exact < mpmath.mpf(found.outside.at)


def test_a_double_that_is_the_threshold_itself_is_outside_at_depth_one_and_inside_at_depth_two():
    zero = ncsolve.largest_decay(ncsolve.UFM([12, 4]))  # at sqrt(4)/16
    tied = ncsolve.largest_decay(ncsolve.UFM([32, 32], depth=2))  # at (32^2/16)^(1/3)/64
    assert (zero.decay, tied.decay) == (np.nextafter(2 / 16, 0), 1 / 16)


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_up_to_the_local_decay_a_dense_grid_has_a_minimum_beside_zero(depth):
    ufm = ncsolve.UFM([60, 20, 7], depth=depth)
    found = ncsolve.largest_decay(ufm)
    assert found.local_holds
    tau, samples, q = math.sqrt(7.0), 87.0, 2 / (depth + 1)
    sigma = np.linspace(1e-6, 1.0, 400_001) * tau
    for factor, exists in ((0.999, True), (1.001, False)):
        value = (sigma - tau) ** 2 / (2 * samples) + found.local * factor / q * sigma**q
        dips = (value[1:-1] < value[:-2]) & (value[1:-1] < value[2:])
        assert dips.any() == exists


def test_a_lone_class_of_squared_loss_with_a_bias_dies_with_the_last_root_and_not_with_a_contrast():
    ufm = ncsolve.UFM([100, 100, 10], bias="free")
    critical = ncsolve.thresholds(ufm).classes.critical_decay
    assert critical[2] < 0.4 * critical[0]  # 200/(100 - mu) + 10/(10 - mu) = 0: mu = 100/7
    assert critical[2] == pytest.approx(math.sqrt(100 / 7) / 210, rel=1e-14)
    for factor, state in ((0.999, "active"), (1.001, "vanished")):
        decay = float(critical[2]) * factor
        assert ncsolve.predict(ufm.replace(**even(decay))).classes.state[2] == state
    found = ncsolve.largest_decay(ufm)
    assert found.exact
    assert found.decay == pytest.approx(critical[2], rel=1e-15)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_bottleneck_with_a_bias_keeps_as_many_classes_as_the_states_say(depth):
    for counts in ([50, 50, 50, 20, 20], [90, 50, 50, 50, 20], [50, 50, 50, 50, 7]):
        for width in range(1, 6):
            ufm = ncsolve.UFM(counts, depth=depth, width=width, bias="free", **even(1e-6))
            living = int((ncsolve.predict(ufm).classes.state == ACTIVE).sum())
            assert int((~np.isnan(fates(ufm).critical_decay)).sum()) == living
            if living < 5:
                with pytest.raises(ncsolve.NoAnswer, match=f"width lets {living} of them live"):
                    ncsolve.largest_decay(ufm)
            if living:
                assert ncsolve.largest_decay(ufm, share=living / 5).verified


def test_descent_merges_the_classes_above_the_decay_and_not_below():
    ufm = ncsolve.UFM([12, 12, 4, 4], "ce")
    decay = ncsolve.largest_decay(ufm).decay
    for factor, merged in ((0.8, False), (1.2, True)):
        at = ufm.replace(**even(decay * factor))
        _, point = lowest(at, np.random.default_rng(0), starts=1)
        means = point.features.reshape(4, -1)[:, [24, 28]]  # a sample of each small class
        apart = np.linalg.norm(means[:, 0] - means[:, 1]) / np.linalg.norm(means)
        assert (apart < 1e-4) == merged


@pytest.mark.parametrize("bias", ["none", "free"])
def test_cross_entropy_with_counts_of_their_own_lives_until_everything_is_zero(bias):
    ufm = ncsolve.UFM([90, 40, 10], "ce", bias=bias)
    found = ncsolve.largest_decay(ufm)
    assert not found.exact
    assert found.verified
    n, eye = ufm.counts, np.eye(3)
    softmax = n / n.sum() if bias == "free" else np.full(3, 1 / 3)  # at A = 0 with the best bias
    norm = np.linalg.norm((eye - softmax[:, None]) * np.sqrt(n) / n.sum(), 2)
    assert found.decay == pytest.approx(norm, rel=2e-6)  # the inside lies 1e-6 below it


def test_a_lone_class_of_cross_entropy_outlived_by_a_group_is_bracketed():
    found = ncsolve.largest_decay(ncsolve.UFM([200, 200, 1], "ce"), classes=["2"])
    assert found.verified
    assert not found.exact
    assert found.decay < found.critical[0]
    assert found.outside.tally == {"active": 2, "vanished": 1}


def test_the_simplex_of_deep_cross_entropy_is_asked_for_by_name():
    ufm = ncsolve.UFM([50] * 4, "ce", depth=3)
    with pytest.raises(ncsolve.NoAnswer, match="depth 2 or more"):
        ncsolve.largest_decay(ufm)
    assert ncsolve.largest_decay(ufm, theorem="deep_simplex").verified


def test_faults_of_one_percent_are_seen_where_predictions_are_solved(monkeypatch):
    lone, pairs = ncsolve.UFM([200, 200, 1], "ce"), ncsolve.UFM([100, 100, 7, 7], "ce")
    honest, lost = design.theorem_for(pairs), design.means_lost
    monkeypatch.setattr(design, "means_lost", lambda *given: 1.01 * lost(*given))
    assert not ncsolve.largest_decay(lone).verified

    def states(ufm):
        g = 0.99 * ufm.feature_decay
        return honest.states(ufm.replace(**even(g)))

    assert ncsolve.largest_decay(pairs).verified
    monkeypatch.setattr(design, "theorem_for", lambda *given: replace(honest, states=states))
    assert not ncsolve.largest_decay(pairs).verified


def test_a_hundred_thousand_classes_are_answered_by_both_biases():
    n = np.floor(np.exp(np.random.default_rng(0).uniform(0, 12, 100_000))) + 1
    for bias in ("none", "free"):
        found = ncsolve.largest_decay(ncsolve.UFM(n, depth=2, bias=bias), share=0.9)
        assert (found.verified, found.exact) == (True, True)  # about 1 s and 3 s


def test_the_answer_is_plain_values_and_does_not_change():
    found = ncsolve.largest_decay(ncsolve.UFM({"cat": 40, "dog": 10, "owl": 10}), share=0.3)
    document = found.to_dict()
    assert document["question"] == "decay"
    assert document["lost"] == ["cat"]
    assert document["inside"]["states"] == ["active", "vanished", "vanished"]
    with pytest.raises(AttributeError):
        found.decay = 1.0


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"share": 0.0}, ncsolve.ProblemError, "share 0.0"),
        ({"share": 1.2}, ncsolve.ProblemError, "share 1.2"),
        ({"share": math.nan}, ncsolve.ProblemError, "share nan"),
        ({"margin": 1.0}, ncsolve.ProblemError, "margin 1.0"),
        ({"margin": -0.1}, ncsolve.ProblemError, "margin -0.1"),
        ({"classes": ["yak"]}, ncsolve.CountsError, "'yak'"),
        ({"classes": []}, ncsolve.CountsError, "no class"),
    ],
)
def test_careless_questions_get_one_line(fields, error, says):
    with pytest.raises(error, match=says) as caught:
        ncsolve.largest_decay(ncsolve.UFM([20, 10]), **fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("point", [1e-300, 3.7e-17, 0.1, 1.0, 2.0, 1e17, 1e300])
@pytest.mark.parametrize("guess", [1e-200, 1.0, 1e200])
def test_the_last_double_is_found_from_any_guess(point, guess):
    inside, outside = last_double(lambda x: x <= point, guess)
    assert inside == point
    assert outside == np.nextafter(point, math.inf)
    assert between(lambda x: x <= point, 1e-305, 1e305) == (inside, outside)


def test_a_statement_that_never_changes_has_no_last_double():
    with pytest.raises(ncsolve.NoAnswer, match="holds"):
        last_double(lambda x: True, 1.0)
    with pytest.raises(ncsolve.NoAnswer, match="fails"):
        last_double(lambda x: False, 1.0)


@pytest.mark.parametrize(
    "counts", [[3.0, 5.0], [0.1, 0.2, 0.3], [1e-100, 1e100], [2.5, 1e15 + 0.125], [1e100, 1.0]]
)
def test_the_sum_of_doubles_is_exact(counts):
    assert exact_sum(np.array(counts)) == sum((Fraction(n) for n in counts), Fraction(0))
