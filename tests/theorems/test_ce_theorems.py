"""ReLU features, deep simplices, limits, bottlenecks, the bounds below them, and descent with shared features."""

import mpmath
import numpy as np
import pytest
from oracles.descents import lowest

import ncsolve
from ncsolve import UFM, CrossEntropy
from ncsolve.numeric.bounds import certificate
from ncsolve.numeric.descent import descend
from ncsolve.numeric.layout import grouped, samples
from ncsolve.problem.objective import objective_over
from ncsolve.theorems import theorems

# ReLU features


@pytest.mark.parametrize("smoothing", [0.0, 0.15])
@pytest.mark.parametrize("counts", [(9, 4), (12, 5, 5), (20, 10, 10, 5, 1), (6, 6, 6)], ids=str)
def test_relu_descent_with_unequal_decays_agrees_and_the_bound_closes(counts, smoothing):
    # at width K descent is often stuck
    ufm = UFM(counts, CrossEntropy(smoothing), 1, 3 * len(counts), 1e-2, 2.5e-3, features="relu")
    prediction = ncsolve.predict(ufm)
    assert prediction.theorem.name == "relu_cross_entropy"
    assert (prediction.class_means >= 0).all()
    value, found = lowest(ufm, np.random.default_rng(3), starts=4)
    assert value == pytest.approx(prediction.value, rel=1e-12)  # measured 3e-16
    np.testing.assert_allclose(
        found.end_to_end @ found.features, np.repeat(prediction.logits, counts, axis=1), atol=1e-4
    )
    assert 0 <= ncsolve.certify(prediction).relative_gap < 1e-12  # measured 3e-14


@pytest.mark.parametrize("smoothing", [0.0, 0.15])
def test_relu_lengths_satisfy_their_equation_at_fifty_digits(smoothing):
    ufm = UFM([200, 100, 50, 50], CrossEntropy(smoothing), 1, None, 3e-3, 1e-4, features="relu")
    prediction = ncsolve.predict(ufm)
    k, total = 4, 400
    with mpmath.workdps(50):
        c, d = mpmath.sqrt(mpmath.mpf(3e-3) * mpmath.mpf(1e-4)), mpmath.mpf(smoothing)
        value = mpmath.mpf(0)
        for j, n in enumerate((200, 100, 50, 50)):
            f = lambda m, n=n: (  # noqa: E731
                mpmath.mpf(n)
                / total
                * (mpmath.log(1 + 3 * mpmath.exp(-m)) + d * mpmath.mpf(3) / 4 * m)
                + c * mpmath.sqrt(n * mpmath.mpf(3) / 4) * m
            )
            m = mpmath.findroot(lambda m, f=f: mpmath.diff(f, m), 3.0)
            value += f(m)
            norm = mpmath.sqrt(mpmath.sqrt(3 * mpmath.mpf(3e-3) / (4 * mpmath.mpf(1e-4) * n)) * m)
            assert prediction.classes.feature_norm[j] == pytest.approx(float(norm), rel=1e-14)
            assert prediction.classes.margin[j] == pytest.approx(float(m), rel=1e-13)
    assert prediction.value == pytest.approx(float(value), rel=1e-14)
    assert k == prediction.ufm.classes


def test_relu_classes_vanish_at_their_critical_decay_and_layers_are_those_of_the_matrices():
    ufm = UFM([20, 10, 10, 5], "ce", features="relu")
    critical = ncsolve.thresholds(ufm).classes.critical_decay
    for k in range(4):
        for share, state in ((1 - 1e-9, "active"), (1 + 1e-9, "vanished")):
            prediction = ncsolve.predict(
                ufm.replace(weight_decay=critical[k] * share, feature_decay=critical[k] * share)
            )
            assert prediction.classes.state[k] == state
            assert (prediction.classes.feature_norm[k] > 0) == (share < 1)
    prediction = ncsolve.predict(ufm)
    scaled = prediction.class_means * np.sqrt(ufm.counts)
    for layer, matrix in zip(prediction.layers, (scaled, *prediction.weights), strict=True):
        np.testing.assert_allclose(
            layer.singular_values, np.linalg.svd(matrix, compute_uv=False), rtol=1e-12, atol=1e-14
        )
    a = prediction.logits * np.sqrt(ufm.counts)
    np.testing.assert_allclose(
        prediction.singular_values, np.linalg.svd(a, compute_uv=False), atol=1e-12
    )


def test_relu_with_a_bias_or_depth_says_which_hypothesis_fails_and_descent_only_answers():
    for fields, says in (({"bias": "free"}, "there is no bias"), ({"depth": 2}, "depth is 1")):
        ufm = UFM([6, 4, 2], "ce", weight_decay=5e-3, feature_decay=5e-3, features="relu", **fields)
        with pytest.raises(ncsolve.NoTheorem, match=says) as caught:
            ncsolve.predict(ufm)
        assert "descent_only" in str(caught.value)
        prediction = ncsolve.predict(ufm, "descent_only")
        assert prediction.claim is ncsolve.Claim.BEST_KNOWN
        assert ncsolve.objective(ufm, prediction.parameters()) == pytest.approx(
            prediction.value, rel=1e-12
        )
        assert (prediction.class_means >= 0).all()
        assert prediction.value < lowest(ufm, np.random.default_rng(0), starts=2)[0] * (1 + 1e-6)


# The deep simplex


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("classes", "depth"), [(3, 2), (4, 3), (10, 6), (50, 12), (5, 40)])
def test_the_deep_simplex_is_the_outer_root_at_fifty_digits(classes, depth, smoothing):
    ufm = UFM([100] * classes, CrossEntropy(smoothing), depth, None, 2e-4, 3e-4)
    prediction = ncsolve.predict(ufm, "deep_simplex")
    with mpmath.workdps(50):
        q = mpmath.mpf(2) / (depth + 1)
        c = (mpmath.mpf(2e-4) ** depth * mpmath.mpf(3e-4)) ** (1 / mpmath.mpf(depth + 1)) / q
        k, d = mpmath.mpf(classes), mpmath.mpf(smoothing)

        def f(a, k=k, d=d, c=c):
            loss = mpmath.log(1 + (k - 1) * mpmath.exp(-a)) + d * (1 - 1 / k) * a
            return loss + c * (k - 1) * (10 * a) ** q

        grid = [mpmath.mpf(x) / 50 for x in range(1, 1500)]
        a = mpmath.findroot(lambda a: mpmath.diff(f, a), min(grid, key=f))
        value = min(f(a), mpmath.log(k))
        assert prediction.value == pytest.approx(float(value), rel=2e-15)
        if value < mpmath.log(k):
            assert prediction.singular_values[0] == pytest.approx(float(10 * a), rel=4e-15)


def test_the_values_of_the_simplex_known_from_theory():
    fields = {"weight_decay": 5e-4, "feature_decay": 5e-4}
    for classes, depth, value in (
        (4, 3, 0.0276368),
        (4, 6, 0.0192919),
        (10, 3, 0.0829014),
        (10, 6, 0.0578744),
    ):
        found = ncsolve.predict(UFM([100] * classes, "ce", depth, **fields), "deep_simplex").value
        assert abs(found - value) < 5e-8


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("depth", [2, 3, 7])
def test_the_deep_simplex_beats_zero_up_to_its_critical_decay(depth, smoothing):
    ufm = UFM([30] * 5, CrossEntropy(smoothing), depth)
    critical = ncsolve.thresholds(ncsolve.predict(ufm, "deep_simplex")).classes.critical_decay[0]
    for share, alive in ((1 - 1e-6, True), (1 + 1e-6, False)):
        there = ncsolve.predict(
            ufm.replace(weight_decay=share * critical, feature_decay=share * critical),
            "deep_simplex",
        )
        assert bool(there.singular_values.any()) == alive
        assert there.value == pytest.approx(np.log(5), rel=1e-5)


def test_the_deep_simplex_asked_for_by_name_is_beaten_and_the_best_known_point_is_not():
    ufm = UFM([20] * 4, "ce", 3, weight_decay=2e-3, feature_decay=2e-3)
    method = ncsolve.Descent(starts=4)
    assert (
        ncsolve.verify(ncsolve.predict(ufm, "deep_simplex"), method, rng=0).verdict
        is ncsolve.Verdict.BEATEN
    )
    assert ncsolve.predict(ufm).theorem.name == "deep_cross_entropy"
    assert ncsolve.verify(ufm, method, rng=0).verdict is ncsolve.Verdict.AGREES
    assert [theorem.name for theorem in ncsolve.applicable(ufm)] == [
        "deep_simplex",
        "deep_cross_entropy",
    ]


def test_where_four_deep_balanced_classes_leave_the_simplex():
    found = [  # M = 2, n = 100: the square is lower from lambda n^(1/3) = .01176 on
        ncsolve.predict(
            UFM(
                [100] * 4,
                "ce",
                2,
                weight_decay=x / 100 ** (1 / 3),
                feature_decay=x / 100 ** (1 / 3),
            )
        )
        for x in (0.0112, 0.0123)
    ]
    assert [prediction.geometry for prediction in found] == ["simplex", "square"]
    assert found[0].value == pytest.approx(found[0].facts["simplex"], rel=1e-13)
    assert found[1].value < found[1].facts["simplex"] * (1 - 1e-6)


# Vanishing decay


def _margin_problem(ufm):
    import cvxpy as cp

    k = ufm.classes
    _, label, rows = ufm.loss.per_class(k)
    z = cp.Variable((k, k))
    margins = [
        label[j] * (rows[j] * z[j, j] - rows[i] * z[i, j]) >= 1
        for j in range(k)
        for i in range(k)
        if i != j
    ]
    problem = cp.Problem(cp.Minimize(cp.normNuc(z @ np.diag(np.sqrt(ufm.counts)))), margins)
    return problem.solve(solver="CLARABEL"), z.value


@pytest.mark.parametrize(
    "loss",
    [
        CrossEntropy(),
        CrossEntropy(offsets=[1.0, 0.0, -1.0, 2.0]),
        CrossEntropy(label_scale=[10.0, 5.0, 5.0, 1.0]),
        CrossEntropy(class_scale=[1.0, 2.0, 0.5, 1.5]),
        CrossEntropy(label_scale=[1.0, 2.0, 0.5, 1.5], class_scale=[1.0, 0.7, 0.5, 1.5]),
    ],
    ids=["SELI", "LA", "LDT", "CDT", "both"],
)
def test_the_limit_is_the_least_nuclear_norm_at_margin_one(loss):
    ufm = UFM([100, 25, 25, 1], loss)
    prediction = ncsolve.predict(ufm, limit="vanishing-decay")
    value, z = _margin_problem(ufm)
    assert prediction.value == pytest.approx(value, rel=1e-7)  # measured 2e-9, Clarabel's own
    np.testing.assert_allclose(prediction.logits, z, atol=1e-5)  # measured 2e-7
    for verb in (ncsolve.certify, ncsolve.verify):
        with pytest.raises(ncsolve.ProblemError, match="limit"):
            verb(prediction)


def test_minimizers_at_small_decays_come_near_the_limit():
    distances = []
    for decay in (1e-3, 1e-6, 1e-12):
        ufm = UFM([100, 10, 10], "ce", weight_decay=decay, feature_decay=decay)
        grams = [
            p.gram_weights
            for p in (ncsolve.predict(ufm), ncsolve.predict(ufm, limit="vanishing-decay"))
        ]
        distances.append(np.linalg.norm(np.subtract(*(g / np.linalg.norm(g) for g in grams))))
    assert distances[0] > 1.4 * distances[1] > 1.9 * distances[2]  # like 1/log(1/lambda)


def test_ldt_with_roots_of_counts_makes_the_classifiers_a_simplex():
    counts = np.array([100.0, 25, 25, 4])
    gram = ncsolve.predict(
        UFM(counts, CrossEntropy(label_scale=np.sqrt(counts))), limit="vanishing-decay"
    ).gram_weights
    np.testing.assert_allclose(gram / gram[0, 0], np.where(np.eye(4), 1.0, -1 / 3), atol=1e-12)


def test_an_unknown_limit_is_refused():
    with pytest.raises(ncsolve.ProblemError, match="'vanishing-decay' works"):
        ncsolve.predict(UFM([3, 2], "ce"), limit="large-decay")
    with pytest.raises(ncsolve.NoTheorem, match="label smoothing"):
        ncsolve.predict(UFM([3, 2], CrossEntropy(0.1)), limit="vanishing-decay")


# Bounds


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_bottleneck_lies_between_its_bound_and_descent(width):
    ufm = UFM([20, 20, 10, 5, 5], "ce", 1, width, 2e-3, 2e-3)
    prediction = ncsolve.predict(ufm)
    assert prediction.claim is ncsolve.Claim.BEST_KNOWN
    wide = ncsolve.predict(ufm.replace(width=5))
    found = ncsolve.certify(prediction)
    assert found.lower_bound == pytest.approx(wide.value, rel=1e-9)
    assert found.lower_bound < prediction.value
    assert lowest(ufm, np.random.default_rng(1), starts=8)[0] > prediction.value * (1 - 1e-10)


@pytest.mark.parametrize("classes", [3, 6])
@pytest.mark.parametrize("depth", [2, 4])
def test_the_deep_bound_is_the_scalar_one_of_the_simplex(classes, depth):
    ufm = UFM([100] * classes, "ce", depth)
    q = 2 / (depth + 1)
    t = np.geomspace(1e-3, 1e4, 2_000_001)
    scalar = np.log1p((classes - 1) * np.exp(-t / ((classes - 1) * 10))) + 5e-4 / q * t**q
    bound = ncsolve.certify(ncsolve.predict(ufm)).lower_bound
    assert scalar.min() * 0.99 < bound < scalar.min() * (1 + 1e-9)


@pytest.mark.parametrize("features", ["linear", "relu"])
@pytest.mark.parametrize("bias", ["none", "free", 0.02])
@pytest.mark.parametrize("depth", [1, 3])
def test_no_bound_lies_above_any_point_found(depth, bias, features):
    loss = CrossEntropy(
        0.05, offsets=[0.5, 0, 0, -0.5], label_scale=[1, 1, 0.7, 2], class_scale=[1, 2, 1, 1]
    )
    ufm = UFM([9, 5, 3, 3], loss, depth, None, 6e-3, 4e-3, bias, features)
    rng = np.random.default_rng(8)
    value = lowest(ufm, rng, starts=3)[0]
    for scale in (0.0, 0.3, 1.0, 3.0):
        shapes = [*(shape for shape in ufm.shapes), (ufm.width[0], 4)]
        *weights, means = (scale * rng.normal(size=shape) for shape in shapes)
        point = ncsolve.Parameters(
            tuple(weights),
            np.abs(means),
            np.zeros(4) if bias == "none" else scale * rng.normal(size=4),
        )
        found = certificate(ufm, point, [rng.normal(size=(4, 4)) for _ in range(5)])
        assert found.lower_bound <= value
        assert found.lower_bound > -1e-12


# Descent with shared features


@pytest.mark.parametrize("features", ["linear", "relu"])
def test_shared_features_descend_as_all_samples_do_from_the_same_start(features):
    ufm = UFM([6, 4, 2], "ce", 2, 4, 5e-3, 4e-3, "free", features)
    shared, every = grouped(ufm, 2), samples(ufm)
    rng = np.random.default_rng(0)
    h = np.abs(rng.normal(size=(4, 6)))
    weights = tuple(rng.normal(size=shape) for shape in ufm.shapes)
    ends = []
    for layout, matrix in (
        (shared, h * shared.columns.ones),
        (every, np.repeat(h, [3, 3, 2, 2, 1, 1], axis=1)),
    ):
        objective = objective_over(ufm, layout.columns)
        theta = objective.pack(ncsolve.Parameters(weights, matrix, np.zeros(3)))
        values = []
        for _ in range(40):  # plain gradient steps
            value, gradient = objective.value_and_gradient(theta)
            values.append(value)
            theta = theta - 0.1 * gradient
            if features == "relu":
                theta[objective.feature_slice] = np.maximum(theta[objective.feature_slice], 0)
        p = objective.unpack(theta)
        ends.append(
            (values, p.weights[0], layout.class_means(p.features), layout.within(p.features))
        )
    np.testing.assert_allclose(ends[0][0], ends[1][0], rtol=1e-13)
    for one, other in zip(ends[0][1:], ends[1][1:], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)


def test_many_samples_share_features_and_fractional_counts_are_no_obstacle():
    for counts in ([4e5, 2e5, 1e5], [4.5, 2.25, 1.5]):
        decay = 0.05 / sum(counts) ** 0.5 / 20
        ufm = UFM(counts, "ce", weight_decay=decay, feature_decay=decay)
        verification = ncsolve.verify(ufm, ncsolve.Descent(starts=1), rng=0)
        assert verification.verdict is ncsolve.Verdict.AGREES
        assert verification.metrics["within_class"] < 1e-8
        assert next(descend(ufm, ncsolve.Descent(starts=1), rng=0)).objective.feature_shape == (
            3,
            6,
        )
    with pytest.raises(ncsolve.ProblemError, match="replicas -1"):
        ncsolve.Descent(replicas=-1)


def test_every_cross_entropy_theorem_has_been_named_here():
    told = {
        t.name
        for t in theorems()
        if any(word in t.name for word in ("entropy", "simplex", "decay"))
    }
    assert told == {
        "balanced_cross_entropy", "imbalanced_cross_entropy", "relu_cross_entropy", "deep_simplex", "deep_cross_entropy",
        "bottleneck_cross_entropy", "vanishing_decay",
    }  # fmt: skip


# Frames with a formula, and what a reviewer broke


@pytest.mark.parametrize("features", ["linear", "relu"])
def test_the_table_without_matrices_is_that_of_the_matrices(features):
    ufm = UFM(
        [30.0] * 5 if features == "linear" else [30, 20, 10, 5, 0.02],
        "ce",
        1,
        None,
        4e-3,
        1e-3,
        features=features,
    )
    prediction = ncsolve.predict(ufm)
    table, z = prediction.classes, prediction.logits
    assert (table.state == "vanished").sum() == (features == "relu")
    assert ncsolve.objective(ufm, prediction.parameters()) == pytest.approx(
        prediction.value, rel=1e-14
    )
    np.testing.assert_allclose(table.own_logit, np.diag(z), rtol=1e-13, atol=1e-15)
    margins = [z[k, k] - np.delete(z[:, k], k).max() for k in range(5)]
    np.testing.assert_allclose(table.margin, margins, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(
        table.weight_norm, np.linalg.norm(prediction.weights[0], axis=1), rtol=1e-13
    )
    np.testing.assert_allclose(
        table.feature_norm, np.linalg.norm(prediction.class_means, axis=0), rtol=1e-13, atol=1e-15
    )


def test_a_hundred_thousand_classes_have_a_table_without_a_matrix():
    for features in ("linear", "relu"):
        ufm = UFM(np.full(100_000, 50.0), "ce", 1, None, 1e-9, 1e-9, features=features)
        assert (ncsolve.predict(ufm).classes.margin > 0).all()


BROKEN = [
    UFM([100, 100], "ce", 1, None, 1e-12, 1e-12),
    UFM([1e-3] * 2, "ce", 1, None, 1e-12, 1e-12),
    UFM([1e-3] * 2, "ce", 1, None, 1e-12, 1e-12, "free"),
    UFM([1000, 0.01], "ce", 1, None, 1e-12, 1e-12, "free"),
    UFM([1000, 0.01], "ce", 1, None, 1e-2, 1e-2, "free"),
    UFM([100, 1], "ce", 1, None, 1e-6, 1e-6, "free"),
    UFM([100, 1000, 100], CrossEntropy(offsets=[-29, -45, -14]), 1, None, 3.6e-5, 1e-7, "free"),
]


@pytest.mark.parametrize(
    "ufm", BROKEN, ids=lambda ufm: f"{ufm.counts} {ufm.bias} {ufm.feature_decay:g}"
)
def test_a_bound_below_a_tiny_value_lies_below_it_at_fifty_digits(ufm):
    prediction = ncsolve.predict(ufm)
    p, k = prediction.parameters(), ufm.classes
    offset, label, rows = ufm.loss.per_class(k)
    with mpmath.workdps(50):
        w, h = (mpmath.matrix(x.tolist()) for x in (p.weights[0], p.features))
        z, n = w * h, [mpmath.mpf(float(x)) for x in ufm.counts]
        value = mpmath.mpf(ufm.weight_decay[0]) / 2 * sum(x**2 for x in w)
        for j in range(k):
            u = [
                label[j] * rows[i] * (z[i, j] + mpmath.mpf(float(p.bias[i]))) + offset[i]
                for i in range(k)
            ]
            value += n[j] / sum(n) * (mpmath.log(sum(mpmath.exp(x) for x in u)) - u[j])
            value += (
                mpmath.mpf(ufm.feature_decay) / 2 * n[j] * sum(h[i, j] ** 2 for i in range(h.rows))
            )
        found = ncsolve.certify(prediction)
        assert mpmath.mpf(found.lower_bound) <= value
        assert (value - mpmath.mpf(found.lower_bound)) / value < 1e-10  # measured 1e-11
        assert abs(prediction.value / value - 1) < 1e-13


def test_an_answer_whose_gap_stays_open_is_not_called_certified(monkeypatch):
    monkeypatch.setattr("ncsolve.analytic.groups.OPEN", -1.0)
    prediction = ncsolve.predict(UFM([20, 10, 5], "ce"))
    assert prediction.claim is ncsolve.Claim.BEST_KNOWN
    assert "not certified" in prediction.warnings[0]


def test_aligned_classes_are_not_called_merged():
    prediction = ncsolve.predict(UFM([20, 10, 10, 5], "ce", 4, None, 1e-3, 1e-3, "free"))
    assert "merged" not in prediction.geometry
    assert set(prediction.classes.state) == {"active"}


def test_a_theorem_and_a_limit_that_do_not_belong_together_are_refused():
    with pytest.raises(ncsolve.NoTheorem, match="not about the limit 'vanishing-decay'"):
        ncsolve.predict(UFM([20, 20], "ce"), "balanced_cross_entropy", limit="vanishing-decay")


@pytest.mark.parametrize(
    "fields",
    [{"offsets": [1e308, -1e308]}, {"label_scale": [1e300, 1.0]}, {"class_scale": [1e-300, 1.0]}],
)
def test_parameters_beyond_what_doubles_can_carry_are_refused(fields):
    with pytest.raises(ncsolve.ProblemError, match=r"numbers from .* work"):
        CrossEntropy(**fields)
