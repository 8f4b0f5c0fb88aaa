"""Every metric against its definition written out entry by entry, in the limits that are known, and where a value is not defined."""

import json
import math

import numpy as np
import pytest
from oracles import metrics as oracle
from support.snapshots import long_tail_of_ten, near, passed

import ncsolve
from ncsolve.metrics.metrics import METRICS, hull_distance

measure = ncsolve.measure
KEYS = (
    "nc1_pinv nc1_quotient nc1_cdnv nc2_equinorm_H nc2_equinorm_W nc2_equiangle_H nc2_equiangle_W nc2_etf_H nc2_etf_W "
    "nc2_of_H nc2_of_W nc2_gof_H nc2_gof_W nc2_abs_H nc2_abs_W nc3_gof nc3_abs nc3_selfdual nc3_selfdual_sq nc3_etf "
    "nc3_cos nc4_ncc_mismatch nc_bias nc0 nc2_margin"
)
SHAPES = {"K<d": (4, 7), "K=d": (5, 5), "K>d": (6, 3), "two classes": (2, 4)}


def network(classes, dimension, rng):
    """Imbalanced features away from every symmetry, with one class of one sample, and a classifier."""
    rng = np.random.default_rng(rng)
    labels = np.repeat(np.arange(classes), np.arange(classes, 0, -1))
    labels = np.concatenate([labels, rng.integers(0, classes - 1, 20)])
    means = rng.normal(size=(classes, dimension)) + 1.0
    features = means[labels] + 0.4 * rng.normal(size=(labels.size, dimension))
    order = rng.permutation(labels.size)
    weight = means + 0.7 * rng.normal(size=means.shape)
    return features[order], labels[order], weight, rng.normal(size=classes)


def direct(features, labels, weight, bias, choice):
    """All metrics without a prediction, by the oracle."""
    center, between, ddof, centered_weights, centered_duality, centered_cosine = choice
    _, mu, n, mu_c, mu_s = oracle.parts(features, labels)
    size = len(mu)
    g = mu_c if center == "classes" else mu_s
    moved = [m - g for m in mu]
    w = [np.asarray(row) for row in weight]
    w_mean = sum(w) / size
    rows = [row - w_mean for row in w] if centered_weights else w
    share = [1 / size] * size if between == "classes" else [m / sum(n) for m in n]
    trace_b = sum(s * np.dot(m, m) for s, m in zip(share, moved, strict=True))
    dual = moved if centered_duality else mu
    a, b = np.array(w) / oracle.frobenius(w), np.array(dual) / oracle.frobenius(dual)
    product = np.array([[np.dot(x, m) for m in moved] for x in w])
    pairs = list(zip(w, mu, strict=True))
    if centered_cosine:
        pairs = [(x - w_mean, m) for x, m in zip(w, moved, strict=True)]
    cosine = [np.dot(x, m) / np.sqrt(np.dot(x, x) * np.dot(m, m)) for x, m in pairs]
    return {
        "nc1_pinv": oracle.pinv_trace(features, labels, center=center, weights=between) / size,
        "nc1_quotient": np.trace(oracle.sigma_w(features, labels)) / trace_b,
        "nc1_cdnv": oracle.cdnv(features, labels),
        "nc2_equinorm_H": oracle.equinorm(moved, ddof),
        "nc2_equinorm_W": oracle.equinorm(rows, ddof),
        "nc2_equiangle_H": oracle.equiangle(moved),
        "nc2_equiangle_W": oracle.equiangle(rows),
        "nc2_etf_H": oracle.frobenius(oracle.normalized_gram(moved) - oracle.etf(size)),
        "nc2_etf_W": oracle.frobenius(oracle.normalized_gram(rows) - oracle.etf(size)),
        "nc2_of_H": oracle.frobenius(oracle.normalized_gram(mu) - np.eye(size) / size**0.5),
        "nc2_of_W": oracle.frobenius(oracle.normalized_gram(w) - np.eye(size) / size**0.5),
        "nc3_selfdual": oracle.frobenius(a - b),
        "nc3_selfdual_sq": oracle.frobenius(a - b) ** 2,
        "nc3_etf": oracle.frobenius(product / oracle.frobenius(product) - oracle.etf(size)),
        "nc3_cos": sum(1 - c for c in cosine) / size,
        "nc4_ncc_mismatch": oracle.ncc_mismatch(features, labels, weight, bias),
        "nc_bias": oracle.frobenius([c + np.dot(x, mu_s) for x, c in zip(w, bias, strict=True)]),
        "nc0": oracle.frobenius(sum(w)),
    }


CHOICES = [
    ("classes", "classes", 0, False, True, False),
    ("samples", "classes", 1, True, False, True),
    ("samples", "samples", 0, False, True, True),
    ("classes", "samples", 1, True, True, False),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "choice", CHOICES, ids=lambda c: f"mu of {c[0]}, Sigma_B by {c[1]}, ddof {c[2]}"
)
def test_every_metric_is_its_definition(shape, choice):
    features, labels, weight, bias = network(*SHAPES[shape], rng=3)
    names = ("center", "between", "ddof", "center_weights", "center_duality", "center_cosine")
    said = dict(zip(names, choice, strict=True))
    found = measure(features, labels, weight, bias, convention=ncsolve.Convention(**said))
    expected = direct(features, labels.tolist(), weight, bias, choice)
    assert found.keys() | {"nc2_margin"} == expected.keys() | {"nc2_margin"}
    for key, value in expected.items():
        # measured: 2e-13 relative
        assert found[key] == pytest.approx(value, rel=2e-12, abs=1e-13), key
    undivided = ncsolve.Convention(**said, per_class=False)
    trace = measure(features, labels, convention=undivided)["nc1_pinv"]
    assert trace == pytest.approx(len(found.classes) * found["nc1_pinv"], rel=1e-14)


def test_the_keys_are_those_of_the_literature_and_none_is_called_nc4():
    assert " ".join(METRICS) == KEYS
    assert "nc4" not in METRICS
    features, labels, weight, bias = network(4, 6, 0)
    with pytest.raises(KeyError):
        measure(features, labels, weight, bias)["nc4"]


@pytest.mark.parametrize(("classes", "dimension"), [(4, 3), (7, 2), (5, 5), (9, 3), (6, 12)])
def test_the_margin_is_the_distance_to_the_hull_of_the_other_rows(classes, dimension):
    weight = np.random.default_rng(classes).normal(size=(classes, dimension))
    features, labels = np.repeat(weight, 2, axis=0), np.repeat(np.arange(classes), 2)
    expected = min(oracle.hull_distance(k, weight) for k in range(classes))
    found = measure(features, labels, weight)["nc2_margin"]
    assert found == pytest.approx(expected, abs=1e-12)  # measured: 2e-15


@pytest.mark.parametrize("classes", [3, 5, 12])
def test_the_margin_of_polygons_and_simplices_is_known(classes):
    turn = 2 * np.pi * np.arange(classes) / classes
    polygon = np.column_stack([np.cos(turn), np.sin(turn)])
    simplex = np.eye(classes) - 1 / classes
    labels = np.arange(classes)
    margin = 1 - math.cos(2 * math.pi / classes)  # a vertex over the chord of its neighbors
    if classes == 3:
        margin = 1.5
    found = measure(polygon, labels, polygon)["nc2_margin"]
    assert found == pytest.approx(margin, abs=1e-10)
    found = measure(simplex, labels, simplex)["nc2_margin"]
    assert found == pytest.approx((classes / (classes - 1)) ** 0.5, abs=1e-10)
    inside = np.vstack([polygon, [[0.1, 0.05]]])
    assert measure(inside, np.arange(classes + 1), inside)["nc2_margin"] < 1e-10


def test_a_hull_through_the_origin_has_distance_zero_and_scale_does_not_matter():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6, 3))
    points[-1] = -np.array([0.1, 0.2, 0.3, 0.2, 0.2]) @ points[:-1]
    for scale in (1e-9, 1.0, 1e9):
        assert hull_distance(scale * points) < 1e-12 * scale
        expected = scale * hull_distance(points[:3] + 5)
        assert hull_distance(scale * (points[:3] + 5)) == pytest.approx(expected, rel=1e-12)


# Limits that are known


def simplex(classes, dimension, rng=0):
    turn = np.linalg.qr(np.random.default_rng(rng).normal(size=(dimension, dimension)))[0][:classes]
    return (np.eye(classes) - 1 / classes) @ turn


def test_a_collapsed_simplex_has_every_distance_zero_but_the_frames():
    points = simplex(5, 8)
    labels = np.repeat(np.arange(5), [9, 4, 3, 2, 1])
    bias = np.zeros(5)
    found = measure(points[labels] + 0.3, labels, 2.0 * points, bias)
    assert found["nc3_cos"] > 0.1  # not centered, it sees the shift
    for key in set(found) - {"nc2_of_H", "nc2_of_W", "nc_bias", "nc2_margin", "nc3_cos"}:
        assert found[key] < 1e-14, key
    assert found["nc2_of_W"] == pytest.approx(math.sqrt(2 - 2 * 4 / math.sqrt(4 * 5)), rel=1e-12)
    assert found.rank == 4


def test_an_orthogonal_frame_is_zero_away_from_frames_and_not_from_simplices():
    rows = 3.0 * np.eye(6, 9)
    labels = np.repeat(np.arange(6), 2)
    found = measure(rows[labels], labels, rows)
    assert found["nc2_of_H"] < 1e-15
    assert found["nc2_of_W"] < 1e-15
    assert found["nc2_etf_H"] < 1e-15  # once centered it is a simplex
    assert found["nc2_etf_W"] == pytest.approx(math.sqrt(2 - 2 * 5 / math.sqrt(5 * 6)), rel=1e-12)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("bias", ["none", "free"])
def test_at_the_prediction_every_distance_to_it_is_zero_at_every_layer(depth, bias):
    ufm = ncsolve.UFM(
        [40, 20, 10, 5], depth=depth, bias=bias, weight_decay=1e-3, feature_decay=1e-3
    )
    prediction = ncsolve.predict(ufm)
    features, labels, weights = near(prediction, dimension=9)
    found = measure(passed(features, weights), labels, weights, prediction.bias, prediction)
    assert list(found.layers) == [f"H_{j + 1}" for j in range(depth)]
    for layer in (found, *found.layers.values()):
        for key in ("nc2_gof_H", "nc2_gof_W", "nc2_abs_H", "nc2_abs_W", "nc3_gof", "nc3_abs"):
            assert layer[key] < 2e-14, key  # measured: 3e-15
    assert found["nc2_etf_H"] > 0.05


def test_one_percent_of_scale_is_seen_by_the_absolute_distances_alone():
    prediction = long_tail_of_ten()
    features, labels, weights = near(prediction)
    found = measure(1.01 * features, labels, weights, prediction=prediction)
    assert found["nc2_abs_H"] == pytest.approx(1.01**2 - 1, rel=1e-10)
    assert found["nc3_abs"] == pytest.approx(0.01, rel=1e-10)
    assert found["nc2_gof_H"] < 1e-14
    assert found["nc3_gof"] < 1e-14


def test_one_percent_in_one_norm_is_seen():
    prediction = long_tail_of_ten()
    features, labels, weights = near(prediction)
    features[labels == 9] *= 1.01
    assert measure(features, labels, weights, prediction=prediction)["nc2_gof_H"] > 1e-3


def test_an_optimal_long_tail_is_near_its_prediction_and_far_from_every_balanced_target():
    """The figure of the README: targets made for balanced classes call a perfectly optimal network not collapsed."""
    prediction = long_tail_of_ten()
    assert set(prediction.classes.state) == {"active"}
    features, labels, weights = near(prediction, noise=0.01, dimension=64)
    found = measure(features, labels, weights, prediction=prediction)
    assert found["nc2_gof_H"] < 0.015
    assert found["nc2_gof_W"] < 0.015
    assert found["nc2_etf_H"] > 0.5
    assert found["nc2_of_H"] > 0.5
    assert found["nc2_etf_W"] > 0.6
    assert ncsolve.compare(found, prediction).agrees


# Numerics


def test_coincident_class_means_have_rank_k_minus_2_and_the_right_number():
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(5), 40)
    means = rng.normal(size=(5, 8))
    noise = rng.normal(size=(40, 8)) * 0.1
    noise = np.tile(noise - noise.mean(axis=0), (5, 1))
    means[4] = means[3]  # merged, with the same samples in another order
    features = means[labels] + noise
    features[160:] = features[160:][rng.permutation(40)]
    for kind, tight in ((np.float64, 1e-12), (np.float32, 1e-5)):
        found = measure(features.astype(kind), labels)
        assert found.rank == 3
        b = oracle.sigma_b(features, labels.tolist())
        vectors, values, _ = np.linalg.svd(b)
        span = vectors[:, :3]
        within = span.T @ oracle.sigma_w(features, labels.tolist()) @ span
        expected = np.trace(within @ np.diag(1 / values[:3])) / 5
        assert found["nc1_pinv"] == pytest.approx(expected, rel=tight)
        assert found["nc1_cdnv"] == math.inf
    coarse = oracle.sigma_b(features.astype(np.float32), labels.tolist()).astype(np.float32)
    naive = oracle.sigma_w(features, labels.tolist()) @ np.linalg.pinv(coarse, rcond=1e-15)
    assert abs(np.trace(naive)) / 5 > 100 * expected  # what must not be repeated


@pytest.mark.parametrize("center", ["classes", "samples"])
def test_float32_features_are_measured_as_the_doubles_they_are(center):
    features, labels, weight, bias = network(5, 9, 2)
    small = features.astype(np.float32)
    convention = ncsolve.Convention(center=center)
    one = measure(small, labels, weight, bias, convention=convention)
    other = measure(small.astype(np.float64), labels, weight, bias, convention=convention)
    assert dict(one) == dict(other)
    assert one.rank_cut > 1e8 * other.rank_cut


def test_a_nearly_collapsed_minority_keeps_its_digits():
    """One class with noise of 1e-9 beside classes with noise of 1, far from the origin."""
    from mpmath import mp, mpf

    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [30, 30, 6])
    scale = np.where(labels == 2, 1e-9, 1.0)
    features = rng.normal(size=(66, 4)) * scale[:, None] + 100.0 * np.eye(3, 4)[labels] + 1e3
    found = measure(features, labels)
    with mp.workdps(50):
        rows = [[mpf(x) for x in row] for row in features[60:].tolist()]
        mean = [sum(column) / 6 for column in zip(*rows, strict=True)]
        exact = float(sum((x - m) ** 2 for row in rows for x, m in zip(row, mean, strict=True)) / 6)
    assert found.variances[2] == pytest.approx(exact, rel=1e-9)  # measured: 2e-16
    assert found.variances[2] < 1e-16


def test_a_class_of_one_sample_has_no_variance_and_disturbs_nothing():
    features, labels, weight, bias = network(5, 6, 4)
    assert (labels == 4).sum() == 1
    found = measure(features, labels, weight, bias)
    assert found.variances[4] == 0.0
    assert np.isfinite(list(found.values())).all()


def test_one_sample_per_class_is_collapse():
    rng = np.random.default_rng(0)
    found = measure(rng.normal(size=(5, 3)), [10, 20, 30, 40, 55])
    assert found["nc1_pinv"] == found["nc1_quotient"] == found["nc1_cdnv"] == 0.0
    assert found.rank == 3


def test_a_class_at_zero_has_no_direction_and_the_reason_names_it():
    features, labels, weight, bias = network(4, 6, 1)
    weight[2] = 0.0
    names = np.array(["ant", "bee", "cat", "dog"])[labels]
    found = measure(features, names, weight, bias)
    assert "nc2_equiangle_W" not in found
    assert "'cat'" in found.absent["nc2_equiangle_W"]
    assert "nc2_etf_W" in found
    with pytest.raises(KeyError, match="'cat'"):
        found["nc3_cos"]


def test_total_collapse_says_that_the_means_coincide():
    features = np.tile([1.0, 2.0], (6, 1))
    found = measure(features, [0, 0, 1, 1, 2, 2], np.zeros((3, 2)))
    assert found.rank == 0
    assert found.absent["nc1_pinv"] == found.absent["nc1_quotient"] == "all class means coincide"
    assert found["nc1_cdnv"] == math.inf
    for key in ("nc2_etf_H", "nc2_etf_W", "nc2_equinorm_H", "nc3_etf", "nc3_selfdual"):
        assert key in found.absent
    json.dumps(found.to_dict(), allow_nan=True)


def test_scale_and_rotation_do_not_matter_to_what_is_scale_free():
    features, labels, weight, bias = network(5, 7, 6)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(7, 7)))[0]
    one = measure(features, labels, weight, bias)
    other = measure(1e5 * features @ turn, labels, 1e-5 * weight @ turn, bias)
    for key in set(one) - {"nc0", "nc2_margin"}:
        assert other[key] == pytest.approx(one[key], rel=1e-10), key


@pytest.mark.parametrize("power", [-429, -330, 330, 462])
@pytest.mark.parametrize("other", [-429, 0, 462])
def test_every_size_that_is_measured_is_measured_to_the_last_digit(power, other):
    """Powers of two from 1e-129 to 1e139 change nothing that has no unit, and what has one by themselves."""
    features, labels, weight, bias = network(4, 6, 1)
    ufm = ncsolve.UFM(np.bincount(labels), weight_decay=1e-3, feature_decay=1e-3)
    prediction = ncsolve.predict(ufm)
    one = measure(features, labels, weight, bias, prediction)
    scaled = np.ldexp(features, power), labels, np.ldexp(weight, other)
    bias = np.ldexp(bias, power + other) if -400 < power + other < 400 else np.zeros(4)
    found = measure(*scaled, bias, prediction)
    units = {"nc0": other, "nc2_margin": other, "nc_bias": power + other}
    for key in set(one) - {"nc2_abs_H", "nc2_abs_W", "nc3_abs"}:
        if key in ("nc_bias", "nc4_ncc_mismatch") and not bias.any():
            continue
        # the roots of small and large squares round differently; measured: 5e-16
        expected = pytest.approx(one[key], rel=1e-13, abs=1e-15)
        assert np.ldexp(found[key], -units.get(key, 0)) == expected, key
    assert all(math.isfinite(found[key]) for key in ("nc2_abs_H", "nc2_abs_W", "nc3_abs"))
    json.dumps(ncsolve.compare(found, prediction).to_dict(), allow_nan=False)


# Errors in published code that must not be repeated


def test_the_signed_mean_of_angles_is_blind_where_ours_sees():
    """Six unit vectors with sum zero, three opposite pairs: no simplex, yet the signed mean of cos + 1/(K - 1) is zero."""
    rows = np.vstack([np.eye(3), -np.eye(3)])
    cos = rows @ rows.T
    off = ~np.eye(6, dtype=bool)
    assert abs((cos[off] + 1 / 5).mean()) < 1e-15
    found = measure(rows, np.arange(6))["nc2_equiangle_H"]
    assert found == pytest.approx((24 * 0.2 + 6 * 0.8) / 30)


def test_the_spread_of_norms_does_not_depend_on_the_order_of_the_classes():
    features, labels, weight, _ = network(4, 6, 0)
    order = np.array([2, 0, 3, 1])
    one = measure(features, labels, weight)
    other = measure(features, np.argsort(order)[labels], weight[order])
    for key in one:
        assert other[key] == pytest.approx(one[key], rel=1e-12), key
    norms = np.log(np.linalg.norm(weight, axis=1))
    signed = np.diff(norms).mean()
    # differences of logarithms with their signs do
    assert np.diff(norms[order]).mean() != pytest.approx(signed)


def test_self_duality_is_not_read_off_the_angles():
    """W with the angles of the class means but other directions: equal cosine matrices, no self-duality."""
    points = simplex(4, 6)
    turned = points @ np.linalg.qr(np.random.default_rng(5).normal(size=(6, 6)))[0]
    found = measure(points, np.arange(4), turned)
    np.testing.assert_allclose(found.weight_cosines, found.feature_cosines, atol=1e-14)
    assert found["nc3_selfdual"] > 0.5
    assert found["nc3_cos"] > 0.1


def test_the_mismatch_uses_the_bias():
    """Nearest mean on a line: the bias moves the border between the means to where it belongs."""
    features = np.array([[0.0], [0.2], [2.0], [2.2]])
    weight, bias = np.array([[0.0], [1.0]]), np.array([1.1, 0.0])
    assert measure(features, [0, 0, 1, 1], weight, bias)["nc4_ncc_mismatch"] == 0.0
    # without it the second sample is taken for class 1
    assert measure(features, [0, 0, 1, 1], weight)["nc4_ncc_mismatch"] == 0.25


def test_the_sample_mean_is_not_the_mean_of_class_means():
    features, labels, weight, bias = network(5, 6, 8)
    found = measure(features, labels, weight, bias)
    right = np.linalg.norm(bias + weight @ features.mean(axis=0))
    wrong = np.linalg.norm(bias + weight @ found.class_means.mean(axis=1))
    assert found["nc_bias"] == pytest.approx(right, rel=1e-13)
    assert abs(wrong / right - 1) > 0.01


def test_the_share_of_mismatches_is_exact_where_many_samples_are_between_means():
    rng = np.random.default_rng(0)
    labels = np.arange(3000) % 5
    # unequal distances from their mean
    means = rng.normal(size=(5, 3)) * np.array([0.2, 1.0, 2.0, 3.0, 5.0])[:, None]
    features = means[labels] + 2.0 * rng.normal(size=(3000, 3))
    weight, bias = rng.normal(size=(5, 3)), rng.normal(size=5)
    for dtype in (np.float64, np.float32):
        given = features.astype(dtype)
        found = measure(given, labels, weight, bias, keys=["nc4_ncc_mismatch"])
        expected = oracle.ncc_mismatch(given.astype(float), labels.tolist(), weight, bias)
        assert found["nc4_ncc_mismatch"] == expected


def _floats(kind, values):
    """The values in a kind of floats: what is measured, and the doubles that it is."""
    if kind == "bfloat16":
        torch = pytest.importorskip("torch")
        rounded = torch.tensor(values).bfloat16()
        return rounded, rounded.double().numpy()
    rounded = values.astype(kind)
    return rounded, rounded.astype(float)


@pytest.mark.parametrize("offset", [0, 1, 30, 3000, -1e6])
@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float32", "float64"])
def test_mismatches_are_those_of_the_exact_numbers_that_are_given(kind, offset):
    if kind == "float16" and abs(offset) > 6e4:
        offset = 6e4
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), [30, 20, 8, 2])
    means = rng.normal(size=(4, 5))
    given, doubles = _floats(kind, means[labels] + 1.5 * rng.normal(size=(60, 5)) + offset)
    weight = means + 0.7 * rng.normal(size=means.shape)
    weight -= weight.mean(axis=1, keepdims=True)
    bias = rng.normal(size=4)
    expected = oracle.exact_mismatch(doubles, labels.tolist(), weight, bias)
    assert measure(given, labels, weight, bias)["nc4_ncc_mismatch"] == expected
    wrong = measure(given, labels, -weight, -bias)["nc4_ncc_mismatch"]
    assert wrong == oracle.exact_mismatch(doubles, labels.tolist(), -weight, -bias)


@pytest.mark.parametrize("offset", [0, 1 / 3, 1e3 + 0.1, 1e6 + 0.1, 1e12])
def test_a_sample_as_far_from_one_mean_as_from_the_other_agrees_with_both(offset):
    """Two classes that mirror each other, a third with samples on the mirror, all on a grid, moved; counts of 3 and 7 divide no grid."""
    rng = np.random.default_rng(3)
    part = rng.integers(-2, 3, size=(7, 3)) + np.array([3, 0, 0])
    between = rng.integers(-3, 4, size=(12, 3)) * [0, 1, 1]
    far = [[0, 90, 90], [1, 90, 97]]
    grid = np.concatenate([part, part * [-1, 1, 1], between, far]).astype(float)
    labels = np.repeat([0, 1, 2], [7, 7, 14])
    moved = grid + float(np.float32(offset))  # exact: a float32 has bits to spare for the grid
    weight, bias = np.tile([1.0, 2.0, -1.0], (3, 1)), np.array([0.0, 0.0, -9.0])
    for _ in range(2):
        exact = oracle.exact_mismatch(moved, labels.tolist(), weight, bias)
        assert measure(moved, labels, weight, bias)["nc4_ncc_mismatch"] == exact
        weight[0] += [0.0, 1.0, -1.0]  # now the classifier chooses one of the two
    assert exact < 0.5


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_means_that_differ_in_the_given_floats_have_a_quotient_and_a_variance(kind):
    """Coarse floats far from the origin: the class means are apart by less than the spacing of the floats times their norm."""
    rng = np.random.default_rng(1)
    labels = np.arange(60) % 3
    features = 0.5 * np.eye(3, 40)[labels] + 0.5 * rng.normal(size=(60, 40)) + 50
    given, doubles = _floats(kind, features)
    found, exact = measure(given, labels), measure(doubles, labels)
    expected = pytest.approx(oracle.cdnv(doubles, labels.tolist()), rel=1e-12)
    assert found["nc1_cdnv"] == exact["nc1_cdnv"] == expected
    assert found["nc1_quotient"] == exact["nc1_quotient"] < 1e3


@pytest.mark.parametrize(("offset", "noise"), [(0, 1e-9), (1e3, 1e-9), (1e6, 1e-6), (1e6, 1e-9)])
def test_an_offset_costs_no_digits_of_the_within_class_scatter(offset, noise):
    """Nearly collapsed features far from the origin, in one call and in batches, against extended precision."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 10)
    features = offset + np.eye(3, 4)[labels] + noise * rng.normal(size=(30, 4))
    exact = features.astype(np.longdouble) - np.longdouble(offset)
    means = np.stack([exact[labels == k].mean(axis=0) for k in range(3)])
    within = ((exact - means[labels]).T @ (exact - means[labels]) / 30).astype(float)
    apart = means - means.mean(axis=0)
    inverse = np.linalg.pinv((apart.T @ apart / 3).astype(float), rcond=1e-8)
    expected = np.trace(within @ inverse) / 3
    stream = ncsolve.StreamingMeasure()
    for i in rng.permutation(30):
        stream.update(features[i : i + 1], labels[i : i + 1])
    for found in (measure(features, labels), stream.compute()):
        assert found["nc1_pinv"] == pytest.approx(expected, rel=1e-14, abs=0)  # measured: 6e-16


def test_merged_classes_that_share_a_mean_are_no_mismatch():
    points = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    labels = np.repeat([0, 1, 2], 3)
    weight = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0 + 1e-9]])
    assert measure(points[labels], labels, weight)["nc4_ncc_mismatch"] == 0.0
