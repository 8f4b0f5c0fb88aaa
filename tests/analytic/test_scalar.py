"""The scalar problem: golden values, published constants and closed forms, and 70 digits."""

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles import objective as oracle
from support import draws

import ncsolve
from ncsolve.analytic import scalar

LARGEST = 1e-14  # what the project promises; measured on 10,000 problems: singular values 7.8e-16, value 1.4e-15

# counts (200, 100, 50, 50), all decays 5e-4, no bias: ||w_k||^2 and ||h_k||^2 for n = 200, 100, 50 (THEORY.md section 2)
GOLDEN = {
    1: (["13.942136", "9.800000", "6.871068"], [".069711", ".098000", ".137421"]),
    3: (["52.882676", "31.322298", "18.502206"], [".018768", ".031522", ".052898"]),
    6: (["93.480337", "51.451414", "28.249295"], [".010652", ".019286", ".034903"]),
}


@pytest.mark.parametrize("depth", GOLDEN)
def test_golden_values_of_the_direct_experiment_to_all_printed_digits(depth):
    prediction = ncsolve.predict(
        ncsolve.UFM([200, 100, 50, 50], depth=depth, weight_decay=5e-4, feature_decay=5e-4)
    )
    rows = prediction.classes[:3]
    assert [f"{row.weight_norm**2:.6f}" for row in rows] == GOLDEN[depth][0]
    assert [f"{row.feature_norm**2:.6f}".removeprefix("0") for row in rows] == GOLDEN[depth][1]
    assert prediction.classes[2].to_dict() | {"name": "3"} == prediction.classes[3].to_dict()


# beta = B / tau^2 = M kappa^((M+1)/M): its threshold and the largest beta with a non-zero stationary point
PUBLISHED = {
    2: (".500000", ".649519"),
    3: (".529134", ".839947"),
    4: (".569877", "1.065206"),
    6: (".637270", "1.542451"),
    9: (".705512", "2.278008"),
}


@pytest.mark.parametrize("depth", PUBLISHED)
def test_threshold_and_fold_are_the_published_constants(depth):
    betas = [
        depth * kappa ** ((depth + 1) / depth)
        for kappa in (scalar.threshold(depth), scalar.fold(depth))
    ]
    assert tuple(f"{beta:.6f}".removeprefix("0") for beta in betas) == PUBLISHED[depth]


@pytest.mark.parametrize("depth", [2, 3, 4, 6, 9, 20])
def test_threshold_and_fold_are_read_off_a_dense_grid_of_the_objective_in_x(depth):
    """g(x) = 1/(1 + x^M) + beta x has a minimum below g(0) = 1 iff beta <= max_x x^(M-1)/(1 + x^M)."""
    x = np.linspace(1e-6, 6, 2_000_001)
    wins = (x ** (depth - 1) / (1 + x**depth)).max()
    exists = (depth * x ** (depth - 1) / (1 + x**depth) ** 2).max()
    assert scalar.threshold(depth) == pytest.approx(
        (wins / depth) ** (depth / (depth + 1)), rel=1e-10
    )
    assert scalar.fold(depth) == pytest.approx((exists / depth) ** (depth / (depth + 1)), rel=1e-10)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 7, 20, 60, 1000])
def test_the_outer_root_is_the_outer_stationary_point_in_70_digits(depth):
    kappas = scalar.threshold(depth) * np.concatenate(
        [np.linspace(0.02, 1, 25), 10.0 ** -np.arange(2.0, 30, 3)]
    )
    kappas = kappas[kappas < 1]
    roots = scalar.outer_root(kappas, depth)
    for kappa, p in zip(kappas.tolist(), roots.tolist(), strict=True):
        c = mpf(kappa) * (depth + 1) / 2  # tau = N = 1
        sigma = _outer(c, depth)
        assert abs(p / (1 - sigma) - 1) < 2e-15  # measured 8e-16, relative to the small p


def _outer(c, depth):
    """The outer root of sigma + g sigma^(q-1) = 1 by Newton from sigma = 1, where the left side is convex."""
    with mpmath.workdps(70):
        g, sigma = 2 * c / (depth + 1), mpf(1)
        power = mpf(1 - depth) / (1 + depth)
        for _ in range(200):
            step = (sigma + g * sigma**power - 1) / (1 + power * g * sigma ** (power - 1))
            sigma -= step
            if abs(step) < mpf(10) ** -66:
                return sigma
    raise ArithmeticError


def test_depth_2_is_the_published_closed_form_for_the_power_two_thirds():
    """Cao, Sun and Xu (2013): the minimizer of (x - t)^2 + l |x|^(2/3)."""
    rng = np.random.default_rng(1)
    for t, l in zip(rng.uniform(1, 30, 50), np.exp(rng.uniform(-4, 2, 50)), strict=True):
        x = 0.0
        if t > 2 / 3 * (3 * l**3) ** 0.25:
            a = (
                2
                / np.sqrt(3)
                * l**0.25
                * np.sqrt(np.cosh(np.arccosh(27 * t * t / 16 * l**-1.5) / 3))
            )
            x = ((a + np.sqrt(2 * t / a - a * a)) / 2) ** 3
        assert _one_mode(t, l, 2) == pytest.approx(x, rel=1e-12, abs=0)


def test_depth_3_is_the_published_closed_form_for_the_power_one_half():
    """Xu et al. (2012): the minimizer of (x - t)^2 + l |x|^(1/2)."""
    rng = np.random.default_rng(2)
    for t, l in zip(rng.uniform(1, 30, 50), np.exp(rng.uniform(-4, 4, 50)), strict=True):
        x = 0.0
        if t > 54 ** (1 / 3) / 4 * l ** (2 / 3):
            x = 2 / 3 * t * (1 + np.cos(2 / 3 * np.pi - 2 / 3 * np.arccos(l / 8 * (t / 3) ** -1.5)))
        assert _one_mode(t, l, 3) == pytest.approx(x, rel=1e-12, abs=0)


def _one_mode(t, l, depth):
    """The same problem as a class of count t^2: with N = 2 t^2, c = l / (2N)."""
    decay = l / (2 * 2 * t * t) * 2 / (depth + 1)
    ufm = ncsolve.UFM([t * t, t * t], depth=depth, weight_decay=decay, feature_decay=decay)
    return ncsolve.predict(ufm).singular_values[0]


def test_an_outer_stationary_point_that_loses_to_zero_is_not_returned():
    """The published root rule takes the largest stationary point; for the class of 2 it exists, and zero is lower."""
    ufm = ncsolve.UFM([1000, 100, 10, 2], depth=3, weight_decay=5e-4, feature_decay=5e-4)
    prediction = ncsolve.predict(ufm)
    assert [row.state for row in prediction.classes] == ["active", "active", "active", "vanished"]
    assert prediction.classes[3].locally_stable

    samples, c, tau = 1112.0, 2 * 5e-4, np.sqrt(2.0)
    grid = np.linspace(0, 1.5, 1_500_001)[1:]
    # of (sigma - tau)^2 / (2N) + c sqrt(sigma)
    slope = (grid - tau) / samples + c / 2 / np.sqrt(grid)
    largest = grid[1:][(slope[:-1] < 0) & (slope[1:] >= 0)]
    assert largest.size == 1
    x = float(largest[0])
    assert (x - tau) ** 2 / (2 * samples) + c * np.sqrt(x) > 1.02 * tau**2 / (2 * samples)

    # and in the whole objective, by explicit matrices
    sigma = [*prediction.singular_values[:3], x]
    layer = np.diag(np.sqrt(np.sqrt(sigma)))  # equal decays: every factor carries sigma^(1/4)
    means = layer / np.sqrt(ufm.counts)
    rule = ncsolve.objective(ufm, ncsolve.Parameters((layer,) * 3, means, np.zeros(4)))
    assert rule > prediction.value * (1 + 1e-4)


def _against_the_oracle(seed, problems, record_property):
    rng = np.random.default_rng(seed)
    worst, living, dead = np.zeros(2), 0, 0
    for _ in range(problems):
        ufm = draws.squared_problem(rng)
        answer = oracle.solve(ufm.counts, ufm.decays, ufm.bias, ufm.rank_limit)
        found = oracle.errors(ncsolve.predict(ufm), answer)
        assert max(found) <= LARGEST, f"{ufm.to_dict()}: errors {found}"
        worst = np.maximum(worst, found)
        living += len(answer.pairs)
        dead += ufm.classes - len(answer.pairs)
    record_property("largest relative error of a singular value", float(worst[0]))
    record_property("largest relative error of the value", float(worst[1]))
    print(
        f"\n{problems} problems, {living} modes alive, {dead} at zero: singular values {worst[0]:.2g}, value {worst[1]:.2g}"
    )
    assert min(living, dead) > problems


def test_random_problems_agree_with_70_digits(record_property):
    _against_the_oracle(20, 500, record_property)


@pytest.mark.slow
def test_ten_thousand_random_problems_agree_with_70_digits(record_property):
    _against_the_oracle(1, 10_000, record_property)
