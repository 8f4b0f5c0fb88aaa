"""Dual points of one layer: bounds from below, entropies, norms, and what is not feasible."""

from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from support.balls import DIGITS

import ncsolve
from ncsolve.numeric.balls import PRECISION, Enclosure, ExactProblem, flint
from ncsolve.numeric.dual import Dual, Exchangeable, Invariant, is_at_most, is_semidefinite, norm

LOSSES = ("ce", ncsolve.CrossEntropy(0.1, [0.3, -1, 0.2], [1, 2, 0.7], [1, 0.5, 3]), "mse")


@pytest.fixture(autouse=True)
def precision():
    with flint().ctx.workprec(PRECISION[0]):
        yield


def _dual(ufm):
    return Dual.at(ExactProblem(ufm), ncsolve.predict(ufm).parameters())


@pytest.mark.parametrize("bias", ["none", "free", 0.05])
@pytest.mark.parametrize("loss", LOSSES, ids=["plain", "all", "squared"])
def test_a_dual_point_bounds_from_below_whatever_point_it_was_made_from(bias, loss):
    ufm = ncsolve.UFM([7, 3, 1.25], loss, 1, None, 0.03, 0.02, bias)
    if loss == "mse" and bias != 0.05:
        return  # modes bound these
    best, rng = ncsolve.predict(ufm).value, np.random.default_rng(2)
    for scale in (0.01, 0.3, 3.0, 30.0):
        b = np.zeros(3) if bias == "none" else rng.normal(size=3)
        weight, features = rng.normal(size=(3, 3)) * scale, rng.normal(size=(3, 3))
        dual = Dual.at(ExactProblem(ufm), ncsolve.Parameters((weight,), features, b))
        for t in (dual.scale(), 0.1 * dual.scale(), 0.0):
            assert dual.is_feasible(t)
            assert Enclosure.of(dual.times(t).bound()).high <= Fraction(best) * (
                1 + Fraction(1, 10**9)
            )


@pytest.mark.parametrize("t", [1.0, 0.75, 0.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_entropies_are_enclosed(t, smoothing):
    ufm = ncsolve.UFM([7, 3, 1.25], ncsolve.CrossEntropy(smoothing), 1, None, 0.03, 0.02)
    dual, best = _dual(ufm).times(t), ncsolve.predict(ufm)
    with mpmath.workdps(DIGITS):
        point = best.parameters()
        z = mpmath.matrix(point.weights[0].tolist()) * mpmath.matrix(point.features.tolist())
        target = [
            [
                mpmath.mpf(str(smoothing)) / 3 + (1 - mpmath.mpf(str(smoothing))) * (j == k)
                for k in range(3)
            ]
            for j in range(3)
        ]
        for k, entropy in enumerate(dual.entropies):
            odds = [mpmath.exp(z[j, k]) for j in range(3)]
            pi = [
                target[j][k] + t * (x / mpmath.fsum(odds) - target[j][k])
                for j, x in enumerate(odds)
            ]
            exact = mpmath.fsum(p * mpmath.log(p) for p in pi if p)
            assert abs(mpmath.mpf(entropy.str(50, radius=False)) - exact) < mpmath.mpf(10) ** -34


def _whole(block, counts):
    """The whole matrix of an invariant one, columns scaled."""
    of = {k: g for g, classes in enumerate(block.groups.members) for k in classes}
    rows = [
        [
            float((block.own[of[k]] if j == k else block.entry[of[j]][of[k]]).mid())
            for k in range(len(of))
        ]
        for j in range(len(of))
    ]
    return np.array(rows) * np.sqrt(counts)


def test_the_norm_of_an_invariant_matrix_is_that_of_the_whole_matrix():
    ufm = ncsolve.UFM([9, 9, 9, 4, 4, 1], "ce", 1, None, 1e-2, 1e-2)
    gamma = _dual(ufm).gamma
    whole = _whole(gamma, ufm.counts)
    gram = whole.T @ whole
    kept = np.where(np.eye(6, dtype=bool), gram, np.maximum(gram, 0))
    for q, matrix in ((gamma.gram(1), gram), (gamma.gram(1, kept=True), kept)):
        top = np.linalg.eigvalsh(matrix)[-1]
        assert norm(q) ** 2 == pytest.approx(top, rel=1e-12)
        assert is_at_most(q, top * (1 + 1e-11))
        assert not is_at_most(q, top * (1 - 1e-11))
    total = whole @ np.sqrt(ufm.counts)
    firsts = [classes[0] for classes in gamma.groups.members]
    assert [float(x.mid()) for x in gamma.along_counts] == pytest.approx(
        [total[k] for k in firsts], rel=1e-12, abs=1e-15
    )


def _groups(counts):
    return Exchangeable(ExactProblem(ncsolve.UFM(counts)))


def _balls(rows):
    return [[flint().arb(x) for x in row] for row in rows]


def test_a_norm_above_c_on_contrasts_alone_is_rejected():
    block = Invariant(_groups([4, 4, 1]), _balls([[-0.125, 0], [0, 0]]), *_balls([[0.125, 0]]))
    gram = block.gram(1)
    assert norm(gram) == pytest.approx(0.5, rel=1e-15)  # means are zero; |1/8 + 1/8| sqrt(4)
    assert is_at_most(gram, 0.25 * (1 + 1e-9))
    assert not is_at_most(gram, 0.25 * (1 - 1e-9))


def test_the_nonnegative_norm_is_at_least_every_value_on_the_cone():
    rng, counts = np.random.default_rng(3), [5, 5, 3, 1, 1, 1]
    groups = _groups(counts)
    for _ in range(20):
        block = Invariant(groups, _balls(rng.normal(size=(3, 3))), *_balls(rng.normal(size=(1, 3))))
        whole = _whole(block, counts)
        gram = whole.T @ whole
        kept = np.where(np.eye(6, dtype=bool), gram, np.maximum(gram, 0))
        top, kept_gram = float(np.linalg.eigvalsh(kept)[-1]), block.gram(1, kept=True)
        assert norm(kept_gram) ** 2 == pytest.approx(top, rel=1e-12)
        h = np.abs(rng.normal(size=(6, 200)))
        assert (
            np.linalg.norm(whole @ (h / np.linalg.norm(h, axis=0)), axis=0) ** 2
        ).max() <= top * (1 + 1e-12)
        for q, square in ((block.gram(1), np.linalg.norm(whole, 2) ** 2), (kept_gram, top)):
            assert is_at_most(q, float(square) * (1 + 1e-9))
            assert not is_at_most(q, float(square) * (1 - 1e-9))


def test_a_matrix_that_is_not_semidefinite_is_never_proved_to_be():
    mat, rng = flint().arb_mat, np.random.default_rng(0)
    for low, expected in ((1e-9, True), (-1e-9, False), (-1e-13, False)):
        q = np.linalg.qr(rng.normal(size=(6, 6)))[0]
        matrix = (q * np.array([low, 0.1, 0.5, 1, 1, 2])) @ q.T
        matrix = (matrix + matrix.T) / 2
        assert is_semidefinite(mat(6, 6, matrix.ravel().tolist())) is expected
    for value in (-1.0, -1e-3, -1e300):
        assert not is_semidefinite(mat(2, 2, [1.0, 0.0, 0.0, value]))
    assert not is_semidefinite(mat(2, 2, [flint().arb(1, 2), 0, 0, 1]))  # it reaches below zero


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("counts", [[50, 20, 20, 7], [7, 3, 1.25]])
def test_with_a_free_bias_every_row_is_orthogonal_to_the_roots_of_the_counts(counts, smoothing):
    scale = [1, 2, 2, 0.7][: len(counts)]
    loss = ncsolve.CrossEntropy(smoothing, None, scale, None)
    ufm = ncsolve.UFM(counts, loss, 1, None, 0.03, 0.02, "free")
    rng = np.random.default_rng(0)
    best = ncsolve.predict(ufm).parameters()
    off = replace(best, features=best.features + 0.1 * rng.normal(size=best.features.shape))
    for point in (best, off):
        dual = Dual.at(ExactProblem(ufm), point)
        for t in (1.0, 0.5):
            scaled = dual.times(t)
            assert all(abs(x) < 1e-30 for x in scaled.gamma.along_counts)
            sums = zip(scaled.own, scaled.missed, strict=True)
            assert all(abs(own + missed - 1) < 1e-30 for own, missed in sums)


def test_a_dual_point_that_is_not_feasible_is_never_said_to_be():
    ufm = ncsolve.UFM([7, 3, 1.25], "ce", 1, None, 0.03, 0.02, "free")
    dual = _dual(ufm)
    t = dual.scale()
    assert dual.is_feasible(t)
    assert not dual.is_feasible(-t)
    assert not dual.is_feasible(1 + 1e-9)
    less = ExactProblem(ufm.replace(weight_decay=0.0299))
    assert not replace(dual, problem=less).is_feasible(t)
    negative = replace(dual, own=[dual.own[0] - 1, *dual.own[1:]])
    assert not negative.is_feasible(t)


def test_where_balancing_takes_all_that_a_class_has_the_dual_point_is_drawn_back():
    ufm = ncsolve.UFM([30, 2, 2, 1], "ce", 1, None, 0.3, 0.2, "free")
    weight = np.array([[9.0] * 4, *np.zeros((3, 4))])  # every class takes itself for the first
    dual = Dual.at(ExactProblem(ufm), ncsolve.Parameters((weight,), np.eye(4), np.zeros(4)))
    t = dual.scale()
    assert 0 < t <= 1
    assert dual.is_feasible(t)
    assert dual.times(t).bound() < ncsolve.predict(ufm).value


@pytest.mark.parametrize(
    "codes", [[[1, -1, 0.3], [0, 2, 1]], np.eye(3).tolist(), np.ones((5, 3)).tolist()]
)
def test_given_targets_with_a_regularized_bias_are_bounded_from_below(codes):
    ufm = ncsolve.UFM([9, 5, 3], ncsolve.Squared(codes), 1, 5, 4e-3, 9e-4, 0.05)
    best, rng = ncsolve.predict(ufm, "descent_only"), np.random.default_rng(0)
    for spread in (0.0, 0.3):
        point = best.parameters()
        noise = spread * rng.normal(size=point.features.shape)
        dual = Dual.at(ExactProblem(ufm), replace(point, features=point.features + noise))
        t = dual.scale()
        assert dual.times(t).bound() < best.value * (1 + 1e-14)
        half = dual.times(0.5)
        pairs = zip(np.ravel(half.entry), np.ravel(dual.entry), strict=True)
        assert all(abs(x - y / 2) < 1e-30 for x, y in pairs)
        assert spread or dual.times(t).bound() > best.value * (1 - 1e-6)
