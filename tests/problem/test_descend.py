"""L-BFGS against textbook functions, SciPy and its own acceptance rule."""

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from ncsolve.problem import descend as module
from ncsolve.problem.descend import lbfgs


def _quadratic(condition, size=30):
    rng = np.random.default_rng(4)
    q = np.linalg.qr(rng.normal(size=(size, size)))[0]
    matrix = (q * np.geomspace(1, condition, size)) @ q.T
    shift = rng.normal(size=size)
    return (lambda x: (0.5 * (x - shift) @ matrix @ (x - shift), matrix @ (x - shift))), shift


@pytest.mark.parametrize("memory", [1, 5, 20])
@pytest.mark.parametrize("condition", [1.0, 1e2, 1e4])
def test_the_minimum_of_a_quadratic_is_found(condition, memory):
    function, shift = _quadratic(condition)
    *_, (found, value, _) = lbfgs(function, np.zeros(shift.size), memory)
    np.testing.assert_allclose(found, shift, atol=1e-7)  # measured 2e-8 at condition 1e4
    assert value < 1e-13


def test_a_curved_valley_takes_no_more_steps_than_scipy_needs_and_a_quarter():
    start = np.tile([-1.2, 1.0], 5)
    path = []
    for point in lbfgs(lambda x: (rosen(x), rosen_der(x)), start, 10):
        path.append(point)
        if point[1] < 1e-20:
            break
    theirs = minimize(
        rosen,
        start,
        jac=rosen_der,
        method="L-BFGS-B",
        options={"ftol": 0, "gtol": 1e-10, "maxcor": 10},
    ).nit
    np.testing.assert_allclose(path[-1][0], 1.0, atol=1e-9)
    assert len(path) <= 1.25 * theirs  # measured 54 against 56


def test_every_step_falls_and_keeps_the_curvature_condition():
    start = np.tile([-1.2, 1.0], 5)
    before, slope_at = rosen(start), rosen_der(start)
    x = start
    for new, value, gradient in lbfgs(lambda x: (rosen(x), rosen_der(x)), start, 10):
        if value < 1e-25:
            break
        move = new - x
        assert value <= before + module.DECREASE * move @ slope_at
        assert gradient @ move >= module.CURVATURE * (slope_at @ move)
        x, before, slope_at = new, value, gradient


def test_points_where_the_function_overflows_are_stepped_back_from():
    def barrier(x):
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(np.sum(x - np.log(x))), 1 - 1 / x

    *_, (found, _, _) = lbfgs(barrier, np.array([1e-3, 50.0, 2.0]), 5)
    np.testing.assert_allclose(found, 1.0, atol=1e-7)


def test_a_stationary_start_yields_nothing():
    assert list(lbfgs(lambda x: (float(x @ x), 2 * x), np.zeros(3), 5)) == []


def test_a_function_that_only_rises_or_is_not_finite_ends_the_run():
    assert (
        list(
            lbfgs(
                lambda x: (float(np.abs(x).sum()) if not x.any() else np.nan, np.ones(3)),
                np.zeros(3),
                5,
            )
        )
        == []
    )


def test_noise_at_rounding_level_does_not_run_for_ever():
    rng = np.random.default_rng(0)
    noisy = lambda x: (1.0 + float(x @ x) + 1e-16 * rng.normal(), 2 * x + 1e-9 * rng.normal(size=4))  # noqa: E731
    steps = sum(1 for _ in lbfgs(noisy, np.ones(4), 5))
    assert steps < 1000  # measured 106
