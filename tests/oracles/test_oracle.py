"""The 70-digit oracle against dense grids, explicit matrices and brute force; and its power to reject."""

from itertools import combinations
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles import objective as oracle
from support import draws

import ncsolve


@pytest.mark.parametrize("depth", [1, 2, 3, 6, 20])
def test_no_point_of_a_dense_grid_lies_below_the_best_sigma(depth):
    rng = np.random.default_rng(depth)
    alive = 0
    for _ in range(60):
        tau, samples = rng.uniform(0.5, 30), rng.uniform(1, 2000)
        c = tau ** (2 - 2 / (depth + 1)) / samples * np.exp(rng.uniform(-6, 0.5))
        sigma, value = oracle.best_sigma(mpf(tau), mpf(samples), mpf(c), depth)
        grid = np.linspace(0, 1.1 * tau, 200_001)
        values = (grid - tau) ** 2 / (2 * samples) + c * grid ** (2 / (depth + 1))
        assert float(value) <= values.min() * (1 + 1e-12)
        assert values.min() <= float(value) * (1 + 1e-7)
        alive += sigma > 0
        if abs(values.min() / values[0] - 1) > 1e-6:
            assert abs(grid[values.argmin()] - float(sigma)) < 2e-5 * tau
    assert 10 < alive < 60


@pytest.mark.parametrize(
    "counts",
    [
        [3.0, 1.0],
        [5.0, 5.0, 5.0],
        [200, 100, 50, 50],
        [1.5, 1e6, 2, 2, 7.25],
        [1, 1 + 2**-40, 3, 1e6, 1e6],
    ],
    ids=str,
)
def test_secular_eigenvalues_are_those_of_the_explicit_matrix(counts):
    with mpmath.workdps(60):
        n = [mpf(float(x)) for x in counts]
        matrix = mpmath.diag(n) - mpmath.matrix([[x * y / mpmath.fsum(n) for x in n] for y in n])
        expected = sorted(mpmath.eigsy(matrix, eigvals_only=True))
        found = sorted(
            mu for mu, copies in oracle.secular_eigenvalues(counts) for _ in range(copies)
        )
        assert abs(expected[0]) < mpf(10) ** -48
        assert all(
            abs(a / b - 1) < mpf(10) ** -45 for a, b in zip(found, expected[1:], strict=True)
        )


@pytest.mark.parametrize("bias", ["none", "free"])
def test_a_bottleneck_keeps_the_best_of_all_choices_of_modes(bias):
    counts, decays = [30, 17, 17, 6, 2], (3e-3, 5e-3, 4e-3)
    for rank in (1, 2, 3, 4, 5):
        answer = oracle.solve(counts, decays, bias, rank)
        modes = [mode for mode in answer.modes for _ in range(mode.copies)]
        chosen = (
            set(kept) for size in range(rank + 1) for kept in combinations(range(len(modes)), size)
        )
        best = min(
            sum(
                _at(mode, decays, counts) if i in kept else mode.at_zero
                for i, mode in enumerate(modes)
            )
            for kept in chosen
        )
        assert abs(answer.value / best - 1) < 1e-15


def _at(mode, decays, counts):
    c = 1.5 * float(np.prod(decays)) ** (1 / 3)
    return (mode.sigma - mode.tau) ** 2 / (2 * sum(counts)) + c * mode.sigma ** (mpf(2) / 3)


@pytest.mark.parametrize("factor", [1.01, 0.99, 1 + 1e-13])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_a_perturbed_prediction_is_rejected(factor, depth):
    ufm = ncsolve.UFM([200, 100, 50, 50], depth=depth)
    true, answer = ncsolve.predict(ufm), oracle.solve(ufm.counts, ufm.decays)
    assert max(oracle.errors(true, answer)) < 1e-14
    values = true.singular_values.copy()
    values[1] *= factor
    wrong = SimpleNamespace(ufm=ufm, singular_values=values, value=true.value * factor)
    assert min(oracle.errors(wrong, answer)) > 5e-14
    values[3] = 0.0
    assert oracle.errors(wrong, answer) == (1.0, 1.0)


def test_the_random_problems_cover_what_they_promise():
    rng = np.random.default_rng(8)
    drawn = [draws.squared_problem(rng) for _ in range(400)]
    assert {ufm.depth for ufm in drawn} == set(range(1, 21))
    assert {ufm.bias for ufm in drawn} == {"none", "free"}
    assert min(ufm.classes for ufm in drawn) == 2
    assert max(ufm.classes for ufm in drawn) == 40
    assert 1 <= min(ufm.counts.min() for ufm in drawn) < 2
    assert max(ufm.counts.max() for ufm in drawn) > 9e5
    assert 1e-9 <= min(min(ufm.decays) for ufm in drawn) < 1e-8
    assert 0.5 < max(max(ufm.decays) for ufm in drawn) <= 1
    assert 0.3 < np.mean([ufm.whole for ufm in drawn]) < 0.9
    assert np.mean([np.unique(ufm.counts).size <= 4 for ufm in drawn]) > 0.4
    assert np.mean([ufm.rank_limit < ufm.classes for ufm in drawn]) > 0.2
