"""Exact answers: against 50 digits of an independent road, against predict, and decisions that doubles cannot make."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from oracles.exact import decimal, exact

import ncsolve


def _oracle(ufm, digits=60):
    """Singular values of A and the value: eigenvalues of the target by mpmath, each mode minimized over the stationary points of its
    objective, found as roots of a polynomial in the (M+1)-th root of sigma, and compared with zero by value."""
    with mpmath.workdps(digits):
        n = [mpmath.mpf(repr(count)) for count in ufm.counts.tolist()]
        samples, depth = mpmath.fsum(n), ufm.depth
        gram = mpmath.diag(n)
        if ufm.bias == "free":
            gram -= mpmath.matrix([[one * other / samples for other in n] for one in n])
        tau = [mpmath.sqrt(max(mu, mpmath.mpf(0))) for mu in mpmath.eigsy(gram, eigvals_only=True)]
        g = mpmath.root(mpmath.fprod(mpmath.mpf(repr(decay)) for decay in ufm.decays), depth + 1)
        c, q = g * (depth + 1) / 2, mpmath.mpf(2) / (depth + 1)

        def cost(sigma, t):
            return (sigma - t) ** 2 / (2 * samples) + (c * sigma**q if sigma else 0)

        modes = []
        for t in sorted(tau, reverse=True):
            candidates = [mpmath.mpf(0)]
            if t > mpmath.mpf(10) ** (-digits // 2):
                # (sigma - t)/N + g sigma^(q-1) = 0 with sigma = s^(M+1):  s^(2M) - t s^(M-1) + N g = 0
                coefficients = [mpmath.mpf(0)] * (2 * depth + 1)
                coefficients[0], coefficients[depth + 1] = mpmath.mpf(1), -t
                coefficients[2 * depth] += samples * g
                roots = mpmath.polyroots(coefficients, maxsteps=2000, extraprec=600)
                real = [
                    mpmath.re(root)
                    for root in roots
                    if abs(mpmath.im(root)) < mpmath.mpf(10) ** (-digits // 2)
                ]
                candidates += [root ** (depth + 1) for root in real if root > 0]
            modes.append((t, min(candidates, key=lambda sigma: cost(sigma, t))))
        kept = [
            sigma if i < ufm.rank_limit else mpmath.mpf(0) for i, (_, sigma) in enumerate(modes)
        ]
        value = mpmath.fsum(cost(sigma, t) for sigma, (t, _) in zip(kept, modes, strict=True))
        return kept, value


PROBLEMS = {
    f"M{depth}-{bias}-{name}": ncsolve.UFM(
        counts, depth=depth, bias=bias, weight_decay=decay, feature_decay=decay
    )
    for depth in (1, 2, 3)
    for bias in ("none", "free")
    for name, counts, decay in (
        ("three", [200, 100, 50, 50], 5e-4),
        ("two", [30, 7], 3e-3),
        ("tail", [1000, 100, 10, 2], 5e-4),
        ("fractions", [12.5, 0.7, 3.25], 1e-3),
    )
} | {
    "M2-width": ncsolve.UFM([50, 40, 30, 20], depth=2, width=2, bias="free"),
    "M4": ncsolve.UFM(
        [50, 40, 30],
        depth=4,
        bias="free",
        weight_decay=[1e-3, 2e-3, 3e-3, 4e-3],
        feature_decay=5e-3,
    ),
    "M3-unequal": ncsolve.UFM(
        [50, 40, 30], depth=3, weight_decay=[1e-3, 2e-3, 3e-3], feature_decay=5e-3
    ),
    "five": ncsolve.UFM([90, 70, 50, 30, 10], depth=2, bias="free"),
    "relu": ncsolve.UFM([90, 70], depth=2, features="relu"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_fifty_digits_agree_with_an_independent_road(name):
    ufm = PROBLEMS[name]
    answer = exact(ufm)
    expected, value = _oracle(ufm)
    with mpmath.workdps(60):
        found = [mpmath.mpf(str(sigma)) for sigma in answer.evaluated(52)]
        assert len(found) == ufm.classes
        for one, other in zip(found, expected, strict=True):
            assert abs(one - other) <= mpmath.mpf(10) ** -50 * max(expected)  # measured 1e-51
        assert (
            abs(mpmath.mpf(str(answer.evaluate(answer.value, 52))) - value)
            <= mpmath.mpf(10) ** -50 * value
        )


@pytest.mark.parametrize("name", PROBLEMS)
def test_doubles_agree_with_predict(name):
    ufm = PROBLEMS[name]
    answer, prediction = exact(ufm), ncsolve.predict(ufm)
    found = np.array([float(sigma) for sigma in answer.evaluated(30)])
    np.testing.assert_allclose(
        prediction.singular_values, found, rtol=1e-15, atol=1e-15 * found.max()
    )  # measured 7e-16
    # measured 4e-16
    assert prediction.value == pytest.approx(float(answer.evaluate(answer.value, 30)), rel=1e-15)
    np.testing.assert_allclose(prediction.bias, [float(b) for b in answer.bias], rtol=1e-15)
    assert [sigma == 0 for sigma in answer.singular_values] == (
        prediction.singular_values == 0
    ).tolist()
    assert answer.unique == prediction.unique


@pytest.mark.parametrize(
    "name", ["M2-none-three", "M2-free-two", "M3-none-fractions", "M3-free-three", "five"]
)
def test_the_numbers_satisfy_their_equations_exactly(name):
    """Not to some digits: the minimal polynomial of the stationarity equation's left side is that of its right side."""
    ufm = PROBLEMS[name]
    answer = exact(ufm)
    depth = ufm.depth
    samples = sum(map(decimal, ufm.counts))
    level = sp.Rational(samples ** (depth + 1) * decimal(ufm.feature_decay) ** (depth + 1))
    for mode in answer.modes:
        if not mode.alive or not mode.tau_squared.is_Rational:
            continue
        p = mode.shrinkage
        scale, root = p.as_coeff_Mul()
        x = root.poly.gen
        equation = sp.Poly(
            (scale * x) ** (depth + 1) * (1 - scale * x) ** (depth - 1) * mode.tau_squared**depth
            - level,
            x,
        )
        assert equation.rem(root.poly).is_zero
        assert 0 < p < sp.Rational(1, depth)


def test_one_layer_gives_radicals_and_exact_zeros():
    answer = exact(ncsolve.UFM([50, 18, 1], weight_decay=0.02, feature_decay=0.02))
    assert answer.singular_values == (
        5 * sp.sqrt(2) - sp.Rational(69, 50),
        3 * sp.sqrt(2) - sp.Rational(69, 50),
        0,
    )
    assert answer.singular_values[2] is sp.S.Zero
    assert answer.modes[2].kept == 0
    c, samples = sp.Rational(1, 50), 69
    expected = c * (sp.sqrt(50) + sp.sqrt(18)) - samples * c**2 + sp.Rational(1, 2 * samples)
    assert sp.expand(answer.value - expected) == 0


def test_the_free_bias_gives_nested_radicals_for_three_counts():
    answer = exact(PROBLEMS["M1-free-three"])
    assert answer.modes[0].tau_squared == sp.Rational(425, 4) + 25 * sp.sqrt(33) / 4
    assert [mode.copies for mode in answer.modes] == [1, 1, 1]
    assert answer.bias == (
        sp.Rational(1, 2),
        sp.Rational(1, 4),
        sp.Rational(1, 8),
        sp.Rational(1, 8),
    )
    assert answer.singular_values[3] == 0


def test_equal_counts_are_one_mode_with_copies():
    answer = exact(ncsolve.UFM([50] * 4, depth=3, bias="free"))
    assert [(mode.tau_squared, mode.copies, mode.kept) for mode in answer.modes] == [(50, 3, 3)]
    assert answer.unique


def test_a_decimal_tie_is_seen_where_doubles_see_none():
    """N = 25, M = 2: zero ties iff Pi = n^2 / (16 N^3) = 1/1600, here as 0.05 * 0.05 * 0.25, whose doubles are not that."""
    ufm = ncsolve.UFM([12.5, 12.5], depth=2, weight_decay=[0.05, 0.05], feature_decay=0.25)
    answer = exact(ufm)
    assert answer.modes[0].shrinkage == sp.Rational(1, 2)
    assert answer.modes[0].tied
    assert answer.ties == answer.modes
    assert not answer.unique
    assert answer.singular_values == (5 * sp.sqrt(2) / 4,) * 2
    assert answer.value == sp.Rational(1, 2)  # that of zero
    above = exact(ufm.replace(feature_decay=0.2500000000000001))
    assert above.singular_values == (0, 0)
    below = exact(ufm.replace(feature_decay=0.2499999999999999))
    assert below.unique
    assert below.modes[0].alive
    assert not below.modes[0].tied


def test_at_the_threshold_of_one_layer_zero_is_the_only_minimizer():
    """N c = 20 * 0.1 = 2 = sqrt(4), with a decay that is no double."""
    answer = exact(ncsolve.UFM([16, 4], weight_decay=0.1, feature_decay=0.1))
    assert answer.singular_values == (2, 0)
    assert answer.unique
    assert answer.ties == ()
    assert not answer.modes[1].tied


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("mode", [0, 1])
def test_an_irrational_mode_lives_just_below_its_threshold_and_dies_just_above(depth, mode):
    counts = [30, 20, 7]
    tau_squared = exact(ncsolve.UFM(counts, bias="free")).modes[mode].tau_squared
    assert not tau_squared.is_rational
    limit = (depth - 1) ** ((depth - 1) / (depth + 1)) / depth ** (2 * depth / (depth + 1))
    critical = float(tau_squared) ** (depth / (depth + 1)) * limit / sum(counts)
    for factor, lives in ((1 - 1e-13, True), (1 + 1e-13, False)):
        decay = critical * factor
        answer = exact(
            ncsolve.UFM(counts, depth=depth, bias="free", weight_decay=decay, feature_decay=decay)
        )
        assert answer.modes[mode].alive is lives
        assert not answer.modes[mode].tied
        assert (answer.singular_values[mode] != 0) is lives


def test_the_largest_stationary_root_is_not_returned_where_zero_is_lower():
    answer = exact(ncsolve.UFM([1000, 100, 10, 2], depth=3, weight_decay=5e-4, feature_decay=5e-4))
    assert [sigma == 0 for sigma in answer.singular_values] == [False, False, False, True]
    assert answer.modes[3].shrinkage == 1


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_rank_bound_keeps_the_largest_and_reports_what_it_splits(width, bias):
    answer = exact(ncsolve.UFM([50, 50, 50, 20], depth=2, width=width, bias=bias))
    assert sum(sigma != 0 for sigma in answer.singular_values) == width
    numbers = [float(sigma.n(30)) for sigma in answer.singular_values]
    assert numbers == sorted(numbers, reverse=True)
    assert [mode.tau_squared for mode in answer.splits] == (
        [50] if width < (3 if bias == "none" else 2) else []
    )
    assert answer.unique == (not answer.splits)


def test_sympy_evaluates_the_numbers_to_the_same_digits():
    for name in ("M2-free-three", "M3-free-two", "M3-none-three"):
        answer = exact(PROBLEMS[name])
        for sigma, digits in zip(answer.singular_values, answer.evaluated(40), strict=True):
            assert abs(sigma.n(40) - digits) <= sp.Float(10, 40) ** -38 * max(answer.evaluated(40))


def test_eight_distinct_counts_and_a_free_bias():
    ufm = ncsolve.UFM([200, 100, 60, 50, 30, 20, 10, 5], depth=2, bias="free")
    answer = exact(ufm)
    found = np.array([float(sigma) for sigma in answer.evaluated(30)])
    np.testing.assert_allclose(
        ncsolve.predict(ufm).singular_values, found, rtol=1e-15, atol=1e-15 * found.max()
    )
    assert (
        max(
            root.poly.degree()
            for sigma in answer.singular_values
            for root in sigma.atoms(sp.CRootOf)
        )
        == 28
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_random_problems_agree_with_predict_and_the_oracle(seed):
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(1, 5))
    counts = np.round(np.exp(rng.uniform(0, 6, int(rng.integers(2, 6)))), 2)
    if rng.random() < 0.5:
        counts = rng.choice(counts, int(rng.integers(2, 6)))
    n = float(rng.choice(counts))
    mean = n ** (depth / (depth + 1)) / counts.sum() / depth * float(rng.uniform(0.05, 1.5))
    decays = [float(f"{mean * rng.uniform(0.5, 2):.3g}") for _ in range(depth + 1)]
    ufm = ncsolve.UFM(
        counts,
        depth=depth,
        weight_decay=decays[1:],
        feature_decay=decays[0],
        bias=str(rng.choice(["none", "free"])),
        width=int(rng.integers(1, counts.size + 1)),
    )
    answer = exact(ufm)
    expected, _ = _oracle(ufm)
    with mpmath.workdps(60):
        found = [mpmath.mpf(str(sigma)) for sigma in answer.evaluated(40)]
        top = max(*expected, mpmath.mpf(10) ** -30)
        assert all(
            abs(one - other) <= mpmath.mpf(10) ** -38 * top
            for one, other in zip(found, expected, strict=True)
        )
    scale = max(float(top), 1e-30)
    np.testing.assert_allclose(
        ncsolve.predict(ufm).singular_values,
        list(map(float, found)),
        rtol=2e-15,
        atol=2e-15 * scale,
    )
