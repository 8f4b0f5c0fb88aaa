"""Cross-entropy at M = 1 with any counts: golden values, other roads to the same optimum, thresholds from both sides."""

import math
import warnings

import mpmath
import numpy as np
import pytest

import ncsolve
from ncsolve import UFM, CrossEntropy
from ncsolve.analytic.convex import ConvexProblem, solve_convex
from ncsolve.analytic.groups import Groups
from ncsolve.analytic.reduction import reduce

SMALL = {"weight_decay": 1e-3, "feature_decay": 1e-3}
LOSSES = {
    "plain": CrossEntropy(),
    "smoothed": CrossEntropy(0.1),
    "LA": CrossEntropy(offsets=[0.9, 0.9, 0.0, -0.5, -0.5]),
    "LDT": CrossEntropy(label_scale=[1.0, 1.0, 0.8, 0.5, 0.5]),
    "CDT": CrossEntropy(class_scale=[1.0, 1.0, 0.8, 0.5, 0.5]),
}
BIASES = ["none", "free", 1e-2]


def test_the_golden_value_and_its_gap():
    prediction = ncsolve.predict(UFM([200] * 5 + [50] * 3 + [10] * 4, "ce", **SMALL))
    assert f"{prediction.value:.13f}" == "0.5367496876576"  # THEORY: .5367496876575(7)
    assert abs(prediction.value - 0.5367496876575) < 1e-12
    certificate = ncsolve.certify(prediction)
    assert certificate.relative_gap < 1e-12  # measured 3e-14, the allowance for rounding
    assert certificate.gap >= 0
    assert certificate.feasibility < 1e-12


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize(
    ("classes", "count", "decay"),
    [(2, 30.0, 1e-3), (5, 100.0, 1e-3), (7, 3.0, 4e-2), (4, 100.0, 2.4e-2)],
)
def test_equal_counts_through_the_engine_give_the_closed_simplex(
    classes, count, decay, smoothing, bias
):
    ufm = UFM([count] * classes, CrossEntropy(smoothing), 1, None, decay, decay, bias)
    closed, engine = (
        ncsolve.predict(ufm, name)
        for name in ("balanced_cross_entropy", "imbalanced_cross_entropy")
    )
    assert engine.value == pytest.approx(closed.value, rel=1e-13)  # measured 2e-16
    np.testing.assert_allclose(
        engine.singular_values, closed.singular_values, rtol=1e-12, atol=1e-13
    )  # measured 6e-16
    # measured 8e-17
    np.testing.assert_allclose(engine.gram_features, closed.gram_features, atol=1e-13)
    np.testing.assert_allclose(engine.bias, 0.0, atol=1e-12)  # measured 3e-15


@pytest.mark.parametrize(
    ("classes", "count", "smoothing"),
    [(3, 50, 0), (10, 500, 0), (10, 500, 0.1), (100, 5000, 0.01), (2, 1, 0)],
)
def test_the_closed_simplex_satisfies_its_equation_at_fifty_digits(classes, count, smoothing):
    ufm = UFM([count] * classes, CrossEntropy(smoothing), 1, None, 1e-4, 3e-5)
    with mpmath.workdps(50):
        c, n, d = (
            mpmath.sqrt(mpmath.mpf(1e-4) * mpmath.mpf(3e-5)),
            mpmath.mpf(count),
            mpmath.mpf(smoothing),
        )
        f = lambda a: (  # noqa: E731
            mpmath.log(1 + (classes - 1) * mpmath.exp(-a))
            + d * (1 - mpmath.mpf(1) / classes) * a
            + c * (classes - 1) * mpmath.sqrt(n) * a
        )
        a = mpmath.findroot(lambda a: mpmath.diff(f, a), 5.0)
        value, sigma = float(f(a)), float(a * mpmath.sqrt(n))
    prediction = ncsolve.predict(ufm)
    assert prediction.value == pytest.approx(value, rel=1e-14)
    assert prediction.singular_values[0] == pytest.approx(sigma, rel=1e-14)


def _full(ufm):
    """The same convex problem with every class its own group: K x K, no symmetry used."""
    n = ufm.counts
    alone = Groups(n, np.ones(n.size), np.arange(n.size), np.arange(n.size))
    columns = ufm.loss.grouped(n / n.sum(), alone.multiplicity, ufm.loss.per_class(n.size))
    problem = ConvexProblem(
        columns, alone, reduce(ufm).c, ufm.bias_decay, np.zeros(n.size, dtype=bool)
    )
    return solve_convex(problem, lambda over: None)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("counts", [(60, 60, 20, 6, 6), (30, 30, 30, 30, 30), (60, 41, 20, 11, 6)])
def test_groups_give_what_the_full_problem_gives(counts, name, bias):
    ufm = UFM(counts, LOSSES[name], 1, None, 4e-3, 2e-3, bias)
    prediction, full = ncsolve.predict(ufm, "imbalanced_cross_entropy"), _full(ufm)
    assert prediction.value == pytest.approx(full.value, rel=1e-13)  # measured 4e-16
    logits = (full.left * full.sigma) @ full.right.T / np.sqrt(ufm.counts)
    found = prediction.logits - prediction.bias[:, None]
    np.testing.assert_allclose(found, logits, atol=1e-8)  # measured 1e-11


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("name", [*LOSSES, "squared"])
def test_descent_over_all_features_agrees_and_the_dual_bound_closes(name, bias):
    loss = LOSSES.get(name, "mse")
    ufm = UFM([60, 60, 20, 6, 6], loss, 1, None, 4e-3, 2e-3, bias)
    if name == "squared" and isinstance(bias, str):
        return
    verification = ncsolve.verify(ufm, ncsolve.Descent(starts=1), rng=1)
    assert verification.prediction.claim is ncsolve.Claim.CERTIFIED
    assert verification.verdict is ncsolve.Verdict.AGREES
    assert abs(verification.excess) < 1e-12  # measured 4e-16
    assert 0 <= verification.certificate.relative_gap < 1e-10  # measured 1e-13; squared loss 2e-12
    assert verification.metrics["logits"] < 1e-8  # measured 2e-11


def _cvxpy(ufm, solver, **options):
    import cvxpy as cp

    k, n, total = ufm.classes, ufm.counts, ufm.samples
    offset, label, rows = ufm.loss.per_class(k)
    a, b = cp.Variable((k, k)), cp.Variable(k)
    fit = 0
    for j in range(k):
        u = label[j] * cp.multiply(rows, a[:, j] / np.sqrt(n[j]) + b) + offset
        target = (1 - ufm.loss.smoothing) * np.eye(k)[j] + ufm.loss.smoothing / k
        fit = fit + n[j] / total * (cp.log_sum_exp(u) - target @ u)
    penalty = reduce(ufm).c * cp.normNuc(a)
    constraints = []
    if ufm.bias == "none":
        constraints = [b == 0]
    elif ufm.bias_decay > 0:
        penalty = penalty + ufm.bias_decay / 2 * cp.sum_squares(b)
    problem = cp.Problem(cp.Minimize(fit + penalty), constraints)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return problem.solve(solver=solver, **options)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("name", ["plain", "smoothed", "LA"])
def test_cvxpy_finds_the_same_minimum(name, bias):
    ufm = UFM([60, 60, 20, 6, 6], LOSSES[name], 1, None, 4e-3, 2e-3, bias)
    value = ncsolve.predict(ufm).value
    # measured 5e-9, its own tolerance
    assert _cvxpy(ufm, "CLARABEL") == pytest.approx(value, rel=1e-7)
    assert _cvxpy(ufm, "SCS", eps=1e-7) == pytest.approx(value, rel=1e-6)  # measured 9e-10


# Thresholds, from both sides


def test_two_clusters_a_group_merges_exactly_at_its_count():
    decay, big = 2e-3, 400.0
    for share, separate in ((1.05, True), (0.95, False)):
        n_b = 5.0
        for _ in range(200):  # n_B = share * N^2 lambda^2 with N = 3 big + 4 n_B
            n_b = share * (3 * big + 4 * n_b) ** 2 * decay**2
        ufm = UFM([big] * 3 + [n_b] * 4, "ce", weight_decay=decay, feature_decay=decay)
        prediction = ncsolve.predict(ufm)
        means = prediction.class_means
        distance = np.linalg.norm(means[:, 3] - means[:, 4])
        assert (distance > 1e-3) if separate else (distance < 1e-14)
        assert prediction.singular_values[prediction.singular_values > 0].size == (
            6 if separate else 3
        )
        assert [row.state for row in prediction.classes][3:] == [
            ("active" if separate else "merged")
        ] * 4
        assert ncsolve.certify(prediction).relative_gap < 1e-12
        # without symmetry: the full K x K problem sees the same separation
        full = _full(ufm)
        right = full.right * full.sigma
        assert (np.linalg.norm(right[3] - right[4]) > 1e-2) == separate


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_class_is_merged_on_one_side_of_its_critical_decay_and_apart_on_the_other(name, bias):
    ufm = UFM([60, 60, 20, 6, 6], LOSSES[name], 1, None, 1e-3, 1e-3, bias)
    critical = ncsolve.thresholds(ufm).classes.critical_decay
    for k in (0, 3):
        for share, state in ((0.99, "active"), (1.01, ("merged", "vanished"))):
            decay = share * critical[k]
            there = ncsolve.predict(ufm.replace(weight_decay=decay, feature_decay=decay))
            assert there.classes.state[k] in state
            distance = np.linalg.norm(there.class_means[:, k] - there.class_means[:, k + 1])
            assert (distance == 0) == (share > 1)
            assert ncsolve.certify(there).relative_gap < 1e-10


@pytest.mark.parametrize("bias", ["none", "free", 0.05])
@pytest.mark.parametrize("name", LOSSES)
def test_everything_is_zero_from_complete_collapse_on_and_not_before(name, bias):
    ufm = UFM([60, 60, 20, 6, 6], LOSSES[name], 1, None, 1e-3, 1e-3, bias)
    collapse = ncsolve.thresholds(ufm).complete_collapse
    before, after = (
        ncsolve.predict(ufm.replace(weight_decay=x * collapse, feature_decay=x * collapse))
        for x in (0.99, 1.01)
    )
    assert before.singular_values[0] > 0
    assert not after.singular_values.any()
    for prediction in (before, after):
        certificate = ncsolve.certify(prediction)
        assert 0 <= certificate.relative_gap < 1e-11
        assert certificate.feasibility < 1e-9


def test_complete_collapse_of_plain_cross_entropy_is_a_singular_value():
    ufm = UFM([60, 60, 20, 6, 6], "ce")
    matrix = (np.eye(5) - 0.2) * np.sqrt(ufm.counts)
    assert ncsolve.thresholds(ufm).complete_collapse == pytest.approx(
        np.linalg.norm(matrix, 2) / ufm.samples, rel=1e-13
    )


def test_at_the_exact_threshold_classes_merge_and_one_ulp_of_count_keeps_them_apart():
    # N = 146; N c = sqrt(8) exactly where lambda_W lambda_H = 8/146^2
    counts = [57.0, 57.0, 8.0, 8.0, 8.0, 8.0]
    from fractions import Fraction

    lam = float(Fraction(8, 146 * 146))
    for weight_decay in (lam, math.nextafter(lam, 0.0), math.nextafter(lam, 1.0)):
        ufm = UFM(counts, "ce", weight_decay=weight_decay, feature_decay=1.0)
        merged = Fraction(8) <= Fraction(146) ** 2 * Fraction(weight_decay)
        assert (ncsolve.predict(ufm).classes.state[2] == "merged") == merged


# Invariance


def test_permuting_classes_permutes_the_answer():
    counts, order = np.array([60.0, 60, 20, 6, 6, 3]), np.array([3, 0, 5, 1, 4, 2])
    offsets = np.array([0.3, 0.3, 0.0, -0.2, 0.1, 0.0])
    one = ncsolve.predict(UFM(counts, CrossEntropy(offsets=offsets), bias="free", **SMALL))
    other = ncsolve.predict(
        UFM(counts[order], CrossEntropy(offsets=offsets[order]), bias="free", **SMALL)
    )
    assert other.value == pytest.approx(one.value, rel=1e-13)
    np.testing.assert_allclose(other.logits, one.logits[np.ix_(order, order)], atol=1e-6)
    assert (other.classes.state == one.classes.state[order]).all()
    np.testing.assert_allclose(other.classes.weight_norm, one.classes.weight_norm[order], rtol=1e-7)


def test_only_the_product_of_the_decays_enters_the_value():
    one, other = (
        ncsolve.predict(UFM([50, 20, 20], "ce", weight_decay=w, feature_decay=h))
        for w, h in ((1e-3, 1e-3), (1e-5, 0.1))
    )
    assert other.value == pytest.approx(one.value, rel=1e-13)


def test_a_free_bias_never_raises_the_value_and_a_heavy_one_is_none():
    values = [
        ncsolve.predict(UFM([50, 20, 5], "ce", bias=bias, **SMALL)).value
        for bias in ("free", 1e-3, 1.0, 1e9, "none")
    ]
    assert values == sorted(values)
    assert values[-2] == pytest.approx(values[-1], rel=1e-8)


def test_a_bound_that_is_tampered_with_is_seen():
    ufm = UFM([60, 60, 20, 6, 6], "ce", **SMALL)
    prediction = ncsolve.predict(ufm)
    p = prediction.parameters()
    from ncsolve.numeric.bounds import certificate

    moved = certificate(ufm, ncsolve.Parameters((1.01 * p.weights[0],), p.features, p.bias))
    assert moved.relative_gap > 1e-6
    assert moved.lower_bound <= prediction.value * (1 + 1e-14)


@pytest.mark.parametrize("decay", [1e-9, 1e-12])
def test_small_decays_with_logits_beyond_a_naive_exponential_are_solved(decay):
    ufm = UFM(
        [1e4, 3e3, 3e3, 10],
        CrossEntropy(label_scale=[1e-2] * 4),
        weight_decay=decay,
        feature_decay=decay,
    )
    prediction = ncsolve.predict(ufm)
    assert prediction.logits.max() > 750
    assert np.isfinite(prediction.logits).all()
    assert ncsolve.certify(prediction).relative_gap < 1e-8


def test_many_distinct_counts_start_from_a_coarser_problem():
    counts = np.round(np.geomspace(900, 9, 180), 3)
    prediction = ncsolve.predict(UFM(counts, "ce", weight_decay=2e-4, feature_decay=2e-4))
    assert ncsolve.certify(prediction).relative_gap < 1e-10  # measured 4e-13


@pytest.mark.parametrize("fields", [{"features": "relu"}, {"bias": "free"}, {}], ids=str)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_a_class_is_lost_on_one_side_of_its_critical_count_and_kept_on_the_other(smoothing, fields):
    loss, decay, total = CrossEntropy(smoothing), 6e-3, 200.0
    critical = ncsolve.predict(
        UFM([70, 70, 30, 30], loss, 1, None, decay, decay, **fields)
    ).classes.critical_count[3]
    for share, kept in ((1 - 1e-6, False), (1 + 1e-6, True)):
        small = share * critical
        ufm = UFM([total / 2 - small] * 2 + [small] * 2, loss, 1, None, decay, decay, **fields)
        assert (ncsolve.predict(ufm).classes.state[3] == "active") == kept
        assert ncsolve.predict(ufm).classes.critical_count[3] == pytest.approx(critical, rel=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_balanced_classes_collapse_at_their_critical_decay_and_count(smoothing):
    ufm = UFM([30] * 4, CrossEntropy(smoothing))
    table = ncsolve.predict(ufm).classes
    for share, kept in ((1 - 1e-9, True), (1 + 1e-9, False)):
        decay = share * table.critical_decay[0]
        there = ncsolve.predict(ufm.replace(weight_decay=decay, feature_decay=decay))
        assert (there.classes.state[0] == "active") == kept
        assert (there.classes.critical_count[0] < 30) == kept
        assert ncsolve.certify(there).relative_gap < 1e-12
