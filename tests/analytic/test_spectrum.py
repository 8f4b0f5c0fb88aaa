"""Spectra of the target: eigenvalues against 60 digits, singular vectors against the explicit matrix."""

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles import objective as oracle

import ncsolve
from ncsolve.analytic.secular import secular_roots
from ncsolve.analytic.spectrum import LARGEST_MATRIX, AxisSpectrum, CenteredSpectrum, DenseSpectrum
from ncsolve.problem.errors import TooLarge

COUNTS = {
    "two": [4.0, 1.0],
    "seed": [200.0, 100, 50, 50],
    "equal": [7.0] * 5,
    "groups": [1000.0, 30, 3, 30, 3, 3, 2],
    "an ulp apart": [1.0, 1 + 2**-52, 1 + 2**-51, 5, 5 + 1e-12, 1e6],
    "fifteen decades": [1e15, 1e15 - 1, 3, 2, 1, 1],
    "extremes": [1e100, 1e-100, 1, 1e50, 1e-50],
    "log-uniform": np.exp(np.random.default_rng(0).uniform(0, 13, 40)).tolist(),
}


def _target(counts):
    """T = (I - n 1^T / N) D^(1/2), from the definition: column k is e_k minus the mean label, times sqrt(n_k)."""
    n = np.asarray(counts)
    target = -(n / n.sum())[:, None] * np.sqrt(n)
    for k in range(n.size):
        target[k, k] = np.delete(n, k).sum() / n.sum() * np.sqrt(n[k])  # 1 - n_k/N would cancel
    return target


@pytest.mark.parametrize("name", COUNTS)
def test_centered_spectrum_has_the_eigenvalues_of_the_secular_equation(name):
    spectrum = CenteredSpectrum(np.array(COUNTS[name]))
    found = sorted(np.repeat(spectrum.tau2, spectrum.copies).tolist())
    with mpmath.workdps(600 if name == "extremes" else 70):
        digits = mpmath.mp.dps
        expected = sorted(
            mu
            for mu, copies in oracle.secular_eigenvalues(COUNTS[name], digits)
            for _ in range(copies)
        )
    worst = max(float(abs(a / b - 1)) for a, b in zip(found, expected, strict=True))
    assert worst < 1e-15  # measured 3.5e-16
    assert len(found) == len(COUNTS[name]) - 1


@pytest.mark.parametrize("size", [65, 129, 700])
def test_roots_across_blocks_are_accurate_as_offsets_from_their_poles(size):
    rng = np.random.default_rng(size)
    poles = np.unique(np.exp(rng.uniform(0, 13, size)))
    sizes = rng.integers(1, 5, poles.size).astype(float)
    roots, weights = secular_roots(poles, sizes), poles * sizes
    with mpmath.workdps(50):
        exact = [mpf(x) for x in poles.tolist()]
        for i in (0, 1, 31, 62, 63, 64, poles.size // 2, poles.size - 2):
            if i >= poles.size - 1:
                continue
            origin, t = exact[roots.origin[i]], mpf(float(roots.offset[i]))
            near, far = t * (1 - mpf(4e-15)), t * (1 + mpf(4e-15))
            signs = [
                mpmath.sign(
                    mpmath.fsum(
                        w / (n - origin - x) for w, n in zip(weights.tolist(), exact, strict=True)
                    )
                )
                for x in sorted((near, far))
            ]
            assert signs == [-1, 1]
            assert exact[i] < origin + t < exact[i + 1]


def _spectra():
    for name, counts in COUNTS.items():
        if name != "extremes":
            yield f"free-{name}", CenteredSpectrum(np.array(counts)), _target(counts)
            yield f"none-{name}", AxisSpectrum(np.array(counts)), np.diag(np.sqrt(counts))
    for shape in ((4, 4), (2, 6), (7, 3)):
        matrix = np.random.default_rng(sum(shape)).normal(size=shape)
        yield f"dense-{shape}", DenseSpectrum(matrix), matrix


SPECTRA = {name: (spectrum, target) for name, spectrum, target in _spectra()}


@pytest.mark.parametrize("name", SPECTRA)
def test_a_spectrum_and_its_frame_rebuild_the_target(name):
    spectrum, target = SPECTRA[name]
    copies = np.ones(spectrum.tau2.size, dtype=int) if spectrum.copies is None else spectrum.copies
    modes = np.arange(spectrum.tau2.size)
    frame = spectrum.frame(modes, copies)
    tau = np.repeat(np.sqrt(spectrum.tau2), copies)
    u, v = frame.left(), frame.right()
    assert np.abs((u * tau) @ v.T - target).max() < 1e-14 * np.abs(target).max()  # measured 8e-16
    for matrix in (u, v):
        assert np.abs(matrix.T @ matrix - np.eye(tau.size)).max() < 1e-14  # measured 9e-16
    x = np.arange(1.0, tau.size + 1)
    assert frame.left_sums(x) == pytest.approx((u * u) @ x, rel=1e-14)
    assert frame.right_sums(x) == pytest.approx((v * v) @ x, rel=1e-14)


@pytest.mark.parametrize("name", SPECTRA)
def test_every_kept_pair_of_vectors_is_a_singular_pair_of_the_target(name):
    spectrum, target = SPECTRA[name]
    rng = np.random.default_rng(3)
    copies = np.ones(spectrum.tau2.size, dtype=int) if spectrum.copies is None else spectrum.copies
    kept = rng.integers(0, copies + 1)
    chosen = rng.permutation(np.flatnonzero(kept))
    frame = spectrum.frame(chosen, kept[chosen])
    tau = np.repeat(np.sqrt(spectrum.tau2[chosen]), kept[chosen])
    scale = np.sqrt(spectrum.tau2.max())
    assert np.abs(target @ frame.right() - frame.left() * tau).max(initial=0) < 1e-14 * scale
    assert np.abs(target.T @ frame.left() - frame.right() * tau).max(initial=0) < 1e-14 * scale


def test_small_singular_vectors_keep_their_digits_beside_huge_counts():
    spectrum = CenteredSpectrum(np.array(COUNTS["extremes"]))
    frame = spectrum.frame(np.arange(4), np.ones(4, dtype=int))
    with mpmath.workdps(600):
        n = [mpf(x) for x in COUNTS["extremes"]]
        for i, mu in enumerate(
            sorted(mu for mu, _ in oracle.secular_eigenvalues(COUNTS["extremes"], 600))
        ):
            for matrix, power in ((frame.left(), 1), (frame.right(), mpf(1) / 2)):
                vector = [x**power / (x - mu) for x in n]
                length = mpmath.sqrt(mpmath.fsum(x * x for x in vector))
                sign = mpmath.sign(vector[0]) * np.sign(matrix[0, i])
                for found, exact in zip(matrix[:, i].tolist(), vector, strict=True):
                    assert abs(found * int(sign) - exact / length) <= 1e-14 * abs(exact / length)


def test_exact_comparisons_decide_where_doubles_cannot():
    from fractions import Fraction

    # one root and the contrast of the two ones
    spectrum = CenteredSpectrum(np.array([3.0, 1.0, 1.0]))
    root = oracle.secular_eigenvalues([3.0, 1.0, 1.0], 60)[-1][0]
    assert spectrum.tau2 == pytest.approx([float(root), 1.0], rel=1e-15)
    for depth in (1, 2, 5):
        with mpmath.workdps(60):
            for shift, sign in ((-(mpf(10) ** -40), 1), (mpf(10) ** -40, -1)):
                power = (root * (1 + shift)) ** depth
                power = Fraction(int(mpmath.nint(power * mpf(2) ** 180)), 2**180)
                assert spectrum.exceeds(0, power, depth) == sign
        assert [spectrum.exceeds(1, Fraction(x), depth) for x in (0.5, 1, 2)] == [1, 0, -1]
        assert [
            AxisSpectrum(np.array([3.0, 1.0])).exceeds(0, Fraction(x), depth)
            for x in (2, 3**depth, 4**depth)
        ] == [1, 0, -1]
    # mu = 2 * 3 * 1 / 4
    assert CenteredSpectrum(np.array([3.0, 1.0])).exceeds(0, Fraction(3, 2), 1) == 0
    assert CenteredSpectrum(np.array([3.0, 1.0])).exceeds(0, Fraction(9), 1) == -1
    assert CenteredSpectrum(np.array([3.0, 1.0])).exceeds(0, Fraction(1, 9), 1) == 1
    assert DenseSpectrum(np.eye(2)).exceeds(0, Fraction(1), 1) is None


def test_a_matrix_beyond_memory_is_refused_and_the_vectors_are_not():
    classes = 60_000
    assert classes**2 > LARGEST_MATRIX
    prediction = ncsolve.predict(
        ncsolve.UFM(np.arange(1.0, classes + 1), weight_decay=1e-9, feature_decay=1e-9)
    )
    assert prediction.singular_values.shape == prediction.classes.own_logit.shape == (classes,)
    with pytest.raises(TooLarge, match="60000 x 60000 matrix"):
        prediction.weights  # noqa: B018
    with pytest.raises(TooLarge):
        prediction.logits  # noqa: B018


def test_rounding_level_singular_values_of_a_given_target_are_zero():
    codes = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 0.5])
    prediction = ncsolve.predict(
        ncsolve.UFM([5, 4, 3], ncsolve.Squared(codes), weight_decay=1e-3, feature_decay=1e-3)
    )
    assert np.count_nonzero(prediction.singular_values) == 1
