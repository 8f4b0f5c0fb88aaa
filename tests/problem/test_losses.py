"""Cross-entropy columns against the definition, term by term at 40 digits."""

import mpmath
import numpy as np
import pytest

import ncsolve
from ncsolve.problem.errors import ProblemError
from ncsolve.problem.losses import CrossEntropy, class_columns, sample_columns

K = 4
COUNTS = np.array([7.0, 3.0, 2.0, 2.0])
LOSSES = {
    "plain": CrossEntropy(),
    "smoothed": CrossEntropy(smoothing=0.2),
    "logit adjustment": CrossEntropy(offsets=[0.3, -0.2, 1.0, 0.0]),
    "LDT": CrossEntropy(label_scale=[0.5, 1.0, 2.0, 1.3]),
    "CDT": CrossEntropy(class_scale=[0.5, 1.0, 2.0, 1.3]),
    "all": CrossEntropy(0.1, [0.3, -0.2, 1.0, 0.0], [0.5, 1.0, 2.0, 1.3], [2.0, 0.7, 1.1, 1.0]),
}


def by_definition(loss, z, label):
    """One sample, in mpmath."""
    offset, label_scale, class_scale = loss.per_class(K)
    u = [
        mpmath.mpf(label_scale[label]) * mpmath.mpf(class_scale[j]) * mpmath.mpf(z[j])
        + mpmath.mpf(offset[j])
        for j in range(K)
    ]
    delta = mpmath.mpf(loss.smoothing)
    target = [(1 - delta) * (j == label) + delta / K for j in range(K)]
    return mpmath.log(sum(mpmath.exp(x) for x in u)) - sum(
        t * x for t, x in zip(target, u, strict=True)
    )


@pytest.mark.parametrize("scale", [0.1, 3.0, 40.0, 2000.0])
@pytest.mark.parametrize("name", LOSSES)
def test_the_value_is_the_mean_of_the_definition_over_samples(name, scale):
    loss, rng = LOSSES[name], np.random.default_rng(3)
    z = scale * rng.normal(size=(K, K)) + (scale * 2) * np.eye(K)
    with mpmath.workdps(40):
        total = sum(int(n) * by_definition(loss, z[:, k], k) for k, n in enumerate(COUNTS)) / int(
            COUNTS.sum()
        )
    by_class = class_columns(loss, COUNTS).value(z * np.sqrt(COUNTS))
    by_sample = sample_columns(loss, COUNTS).value(np.repeat(z, COUNTS.astype(int), axis=1))
    assert abs(by_class / float(total) - 1) < 1e-13  # measured 2e-15
    assert abs(by_sample / float(total) - 1) < 1e-13


def test_a_tiny_loss_keeps_its_digits():
    z = 60.0 * np.eye(K)
    with mpmath.workdps(60):
        exact = mpmath.log(1 + 3 * mpmath.exp(-60))
    assert (
        abs(class_columns(CrossEntropy(), COUNTS).value(z * np.sqrt(COUNTS)) / float(exact) - 1)
        < 1e-14
    )


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_and_hessian_product_are_slopes(name):
    columns, rng = class_columns(LOSSES[name], COUNTS), np.random.default_rng(5)
    z, v = rng.normal(size=(2, K, K))
    step = 1e-5
    slope = (columns.value(z + step * v) - columns.value(z - step * v)) / (2 * step)
    assert abs(np.vdot(columns.gradient(z), v) - slope) < 1e-9  # measured 2e-11
    bend = (columns.gradient(z + step * v) - columns.gradient(z - step * v)) / (2 * step)
    np.testing.assert_allclose(columns.hessian_product(z)(v), bend, atol=1e-9)
    value, gradient = columns.value_and_gradient(z)
    assert value == columns.value(z)
    np.testing.assert_array_equal(gradient, columns.gradient(z))


def test_the_gradient_of_a_far_separated_column_keeps_its_digits():
    z = 60.0 * np.eye(K)
    gradient = class_columns(CrossEntropy(), np.ones(K)).gradient(z)
    missed = 3 * np.exp(-60.0) / K
    np.testing.assert_allclose(np.diag(gradient), -missed, rtol=1e-13)


@pytest.mark.parametrize("name", LOSSES)
def test_fenchel_holds_everywhere_and_is_tight_at_the_gradient(name):
    columns, rng = class_columns(LOSSES[name], COUNTS), np.random.default_rng(6)
    z = rng.normal(size=(K, K))
    value, dual = columns.value_and_gradient(z)
    assert abs(value + columns.conjugate(dual) - np.vdot(dual, z)) < 1e-14  # measured 4e-16
    for _ in range(50):
        other = z + rng.normal(size=(K, K))
        for t in (0.3, 1.0):
            assert (
                columns.value(other)
                >= t * np.vdot(dual, other) - columns.conjugate(t * dual) - 1e-14
            )


def test_the_conjugate_is_infinite_outside_the_simplex():
    columns = class_columns(CrossEntropy(), COUNTS)
    dual = columns.gradient(np.random.default_rng(7).normal(size=(K, K)))
    assert columns.conjugate(-dual) == np.inf
    assert columns.conjugate(dual + 1e-3) == np.inf


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"smoothing": 1.0}, "smoothing 1.0"),
        ({"smoothing": -0.1}, "smoothing -0.1"),
        ({"smoothing": float("nan")}, "smoothing nan"),
        ({"smoothing": "much"}, "'much'"),
        ({"label_scale": [1.0, -1.0]}, r"label_scale\[1\] is -1"),
        ({"class_scale": [0.0, 1.0]}, r"class_scale\[0\] is 0"),
        ({"offsets": [np.inf, 1.0]}, r"offsets\[0\] is inf"),
        ({"offsets": [[1.0]]}, "shape"),
        ({"offsets": ["a"]}, "not numbers"),
    ],
)
def test_wrong_parameters_are_named(fields, says):
    with pytest.raises(ProblemError, match=says):
        CrossEntropy(**fields)


def test_parameters_of_the_wrong_length_are_refused_by_the_problem():
    import ncsolve

    with pytest.raises(ProblemError, match="label_scale has 2 entries for 3 classes"):
        ncsolve.UFM([3, 2, 1], CrossEntropy(label_scale=[1.0, 2.0]))


@pytest.mark.parametrize("name", LOSSES)
def test_a_dual_point_made_free_of_a_mean_is_feasible_and_near(name):
    columns, rng = class_columns(LOSSES[name], COUNTS), np.random.default_rng(8)
    for scale in (0.3, 2.0):
        dual = columns.gradient(scale * rng.normal(size=(K, K)))
        moved = columns.without_mean(dual)
        assert np.abs(moved @ columns.ones).max() < 1e-15  # measured 2e-16; before, 0.3
        assert np.isfinite(columns.conjugate(moved))
        again = columns.without_mean(moved)
        np.testing.assert_allclose(again, moved, atol=1e-15)
        if scale < 1:  # far from balance the point is pulled back, too
            assert np.linalg.norm(moved - dual) < 4 * np.linalg.norm(dual @ columns.ones)


@pytest.mark.parametrize("scale", [None, [1.0, 1.3, 0.7, 2.0]])
def test_no_softmax_sees_a_multiple_of_the_unseen_direction(scale):
    ufm = ncsolve.UFM(
        [5, 3, 2, 2], ncsolve.CrossEntropy(smoothing=0.1, class_scale=scale), bias="free"
    )
    rng = np.random.default_rng(0)
    point = ncsolve.Parameters(
        (rng.normal(size=(4, 4)),), rng.normal(size=(4, 4)), rng.normal(size=4)
    )
    moved = ncsolve.Parameters(point.weights, point.features, point.bias + 0.7 * ufm.loss.unseen(4))
    assert ncsolve.objective(ufm, moved) == pytest.approx(ncsolve.objective(ufm, point), rel=1e-15)
    other = ncsolve.Parameters(
        point.weights, point.features, point.bias + 0.7 * 1.01 ** np.arange(4) * ufm.loss.unseen(4)
    )
    assert abs(ncsolve.objective(ufm, other) - ncsolve.objective(ufm, point)) > 1e-4
