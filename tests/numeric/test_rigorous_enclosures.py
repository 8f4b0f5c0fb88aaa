"""Enclosures against mpmath at 70 digits: roots, singular values, minima, objectives, ties in decimals."""

import ast
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles import objective as oracle

import ncsolve
from ncsolve import Squared
from ncsolve.numeric.rigorous import Claimed, certify_rigorously, point, spectral
from ncsolve.numeric.rigorous.balanced import _off_diagonal
from ncsolve.numeric.rigorous.balls import flint
from ncsolve.numeric.rigorous.blocks import Block, Groups, is_semidefinite
from ncsolve.numeric.rigorous.dual import Dual
from ncsolve.numeric.rigorous.enclosure import (
    Enclosure,
    ceil_to,
    cell,
    floor_to,
    is_cell,
    number_of,
    text_of,
)
from ncsolve.numeric.rigorous.exact import ExactProblem
from ncsolve.numeric.rigorous.propose import dual_point
from ncsolve.numeric.rigorous.rejected import Rejected
from ncsolve.numeric.rigorous.scalar import Scalar, Stand
from ncsolve.numeric.rigorous.secular import Secular
from ncsolve.problem.exact_decimals import exact_decimal, exact_decimals

DIGITS = 70
SLACK = mpf(10) ** -60


def _decimal(number):
    with mpmath.workdps(DIGITS):
        return mpf(repr(float(number)))


def _mpf(fraction):
    with mpmath.workdps(DIGITS):
        return mpf(fraction.numerator) / fraction.denominator


def _holds(enclosure, x):
    with mpmath.workdps(DIGITS):
        size = abs(x) or mpf(1)
        return _mpf(enclosure.low) <= x + SLACK * size and x <= _mpf(enclosure.high) + SLACK * size


def _targets(ufm):
    """All tau^2, descending, from the definition: eigenvalues of T T^T by mpmath's own eigensolver."""
    with mpmath.workdps(DIGITS):
        n = [_decimal(x) for x in ufm.counts]
        total = mpmath.fsum(n)
        y = mpmath.matrix(ufm.loss.targets(ufm.classes).tolist()).apply(
            lambda x: mpf(repr(float(x)))
        )
        if ufm.bias == "free":
            mean = [
                mpmath.fsum(y[j, k] * n[k] for k in range(len(n))) / total for j in range(y.rows)
            ]
            y = mpmath.matrix(y.rows, y.cols).apply(lambda x: x) + mpmath.matrix(
                [[y[j, k] - mean[j] for k in range(y.cols)] for j in range(y.rows)]
            )
        gram = mpmath.matrix(y.rows, y.rows)
        for i in range(y.rows):
            for j in range(y.rows):
                gram[i, j] = mpmath.fsum(n[k] * y[i, k] * y[j, k] for k in range(y.cols))
        values = sorted(mpmath.eigsy(gram, eigvals_only=True), reverse=True)
        return [x for x in values if x > mpf(10) ** -50 * values[0]]


def _minimum(ufm):
    """(minimum, sigma of every kept mode, tau^2 of every mode), by comparing values at stationary points of sigma itself."""
    with mpmath.workdps(DIGITS):
        depth, total = ufm.depth, mpmath.fsum(_decimal(x) for x in ufm.counts)
        product = mpmath.fprod(_decimal(x) for x in ufm.decays)
        c = mpf(depth + 1) / 2 * mpmath.root(product, depth + 1)
        tau2 = _targets(ufm)
        value, sigmas = mpf(0), []
        for i, square in enumerate(tau2):
            sigma, best = oracle.best_sigma(mpmath.sqrt(square), total, c, depth, DIGITS)
            if i >= ufm.rank_limit:
                best = square / (2 * total)
            else:
                sigmas.append(sigma)
            value += best
        return value, sigmas, tau2


def _draw(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 7))
    n = np.round(np.exp(rng.uniform(0, 7, k)), int(rng.integers(0, 4))) + 1.0
    if rng.random() < 0.4:
        n = rng.choice(n[:2], k)
    depth = int(rng.integers(1, 21))
    decays = np.exp(rng.uniform(np.log(1e-6), 0, depth + 1))
    mean = (
        rng.choice(n) ** (depth / (depth + 1)) / n.sum() * np.exp(rng.uniform(-3, 0.2))
    )  # where modes live and die
    decays = [float(f"{x:.4g}") for x in decays * mean / np.exp(np.log(decays).mean())]
    return ncsolve.UFM(
        n,
        depth=depth,
        width=int(rng.integers(1, k + 1)) if rng.random() < 0.4 else None,
        weight_decay=decays[1:],
        feature_decay=decays[0],
        bias="none" if rng.random() < 0.4 else "free",
    )


@pytest.mark.parametrize("seed", range(60))
def test_every_enclosure_of_a_random_problem_holds_what_mpmath_finds(seed):
    ufm = _draw(seed)
    problem = ExactProblem(ufm)
    modes = spectral.modes(problem)
    spectral.check(problem, modes)
    value, sigmas, tau2 = _minimum(ufm)
    assert _holds(spectral.minimum(problem, modes), value)
    listed = [mode for mode in modes for _ in range(mode.copies)]
    kept = [mode for mode in modes for _ in range(mode.kept)]
    assert len(listed) == len(tau2)
    assert all(_holds(mode.tau2, x) for mode, x in zip(listed, tau2, strict=True))
    for mode, sigma in zip(kept, sigmas, strict=True):
        assert (mode.stand is Stand.ALIVE) == (sigma > 0)
        assert mode.sigma is None or _holds(mode.sigma, sigma)
    relative = [
        e.high / e.low - 1 for mode in modes for e in (mode.tau2, mode.shrinkage) if e is not None
    ]
    assert max(relative) <= Fraction(1, 2**63)


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_given_targets_with_repeated_and_missing_singular_values_are_enclosed(depth, bias):
    codes = [[0.1, 0.0, 0.0, 0.3], [0.0, 0.1, 0.0, 0.3], [0.0, 0.0, 0.1, 0.3], [0.1, 0.1, 0.1, 0.9]]
    ufm = ncsolve.UFM([7, 7, 7, 2.5], ncsolve.Squared(codes), depth, None, 2e-3, 1e-3, bias)
    problem = ExactProblem(ufm)
    modes = spectral.modes(problem)
    spectral.check(problem, modes)
    value, _, tau2 = _minimum(ufm)
    listed = [mode for mode in modes for _ in range(mode.copies)]
    assert max(mode.copies for mode in modes) == 2
    assert len(listed) == len(tau2)
    assert all(_holds(mode.tau2, x) for mode, x in zip(listed, tau2, strict=True))
    assert _holds(spectral.minimum(problem, modes), value)


TIES = {  # counts, decays (H, W_1, ...), which class lies exactly at its threshold in decimals
    1: ([20, 80], [0.05, 0.04]),
    2: ([20, 80], [0.1, 0.01, 0.025]),
    3: ([9, 91], [0.01, 0.02, 0.02, 0.01]),
}


@pytest.mark.parametrize("step", [-1, 0, 1])
@pytest.mark.parametrize("depth", TIES)
def test_a_threshold_is_decided_in_decimals_at_it_and_one_ulp_beside(depth, step):
    counts, decays = TIES[depth]
    lowest = counts[0] if step == 0 else float(np.nextafter(counts[0], counts[0] + step))
    ufm = ncsolve.UFM(
        [lowest, counts[1]], depth=depth, weight_decay=decays[1:], feature_decay=decays[0]
    )
    mode = spectral.modes(ExactProblem(ufm))[-1]
    n, total = exact_decimal(lowest), exact_decimal(lowest) + counts[1]
    product = np.prod([exact_decimal(x) for x in decays])
    difference = n**depth * (depth - 1) ** (depth - 1) - total ** (depth + 1) * product * depth ** (
        2 * depth
    )
    assert (difference > 0) - (difference < 0) == step
    expected = {1: Stand.ALIVE, -1: Stand.ZERO, 0: Stand.ZERO if depth == 1 else Stand.TIE}[step]
    assert mode.stand is expected
    value, _, _ = _minimum(ufm)
    assert _holds(spectral.minimum(ExactProblem(ufm), spectral.modes(ExactProblem(ufm))), value)
    for state in ("active", "vanished"):  # at the tie both are right
        prediction = ncsolve.predict(ufm)
        found = certify_rigorously(
            ufm, Claimed(prediction.parameters(), prediction.value, (state, "active"))
        )
        right = (step == 0 and depth > 1) or (state == "active") == (expected is Stand.ALIVE)
        assert found.outcome is (ncsolve.Outcome.PROVED if right else ncsolve.Outcome.DISPROVED)


def test_inputs_are_the_decimals_that_were_typed_and_not_their_doubles():
    counts, decays = TIES[2]
    doubles = [Fraction(x) for x in decays]
    assert 10**6 * doubles[0] * doubles[1] * doubles[2] * 16 != 400  # in doubles there is no tie
    ufm = ncsolve.UFM(counts, depth=2, weight_decay=decays[1:], feature_decay=decays[0])
    assert spectral.modes(ExactProblem(ufm))[-1].stand is Stand.TIE
    assert ncsolve.certify(ncsolve.predict(ufm), rigorous=True).outcome is ncsolve.Outcome.PROVED


def test_a_root_of_the_secular_equation_that_is_a_short_number_is_enclosed():
    secular = Secular([Fraction(2), Fraction(3), Fraction(6)], [1, 1, 1])
    roots = secular.roots()
    for mu, (a, b) in zip(roots, [(2, 3), (3, 6)], strict=True):
        assert a < mu.low < mu.high < b
        assert (
            sum(n / (n - mu.low) for n in secular.poles)
            <= 0
            < sum(n / (n - mu.high) for n in secular.poles)
        )
    exact = Secular([Fraction(3), Fraction(6)], [1, 1]).roots()[0]  # 2 * 3 * 6 / (3 + 6)
    assert exact == Enclosure(Fraction(4), Fraction(4))
    dyadic = Secular(
        [Fraction(2), Fraction(5), Fraction(8)], [7, 1, 1]
    )  # -7 + 5 + 2 = 0 at 4: a grid point, where no ball decides
    assert dyadic.sign(Fraction(4), 80) == 0
    assert dyadic.root(0).low == 4 < dyadic.root(0).high


@pytest.mark.parametrize(("depth", "decays"), [(1, [0.16, 0.1]), (2, [0.1, 0.04, 0.04])])
def test_a_tie_at_a_root_that_is_known_by_its_enclosure_alone_is_not_decided_but_its_value_is(
    depth, decays
):
    ufm = ncsolve.UFM(
        [1, 1, 1, 1, 2, 4],
        depth=depth,
        bias="free",
        weight_decay=decays[1:],
        feature_decay=decays[0],
    )
    problem = ExactProblem(
        ufm
    )  # the secular root 8/5 lies exactly at the threshold, and 8/5 ends no grid cell
    modes = spectral.modes(problem)
    assert [mode.stand for mode in modes] == [Stand.ALIVE, Stand.UNDECIDED, Stand.ZERO]
    assert (modes[1].tau2.high - modes[1].tau2.low) < Fraction(1, 2**600)
    found = ncsolve.certify(ncsolve.predict(ufm), rigorous=True)
    verdicts = {finding.about: finding.verdict.name for finding in found.findings}
    assert verdicts == {
        "point": "PROVED",
        "value": "PROVED",
        "singular values": "OPEN",
        "class states": "PROVED",
    }
    assert found.outcome is ncsolve.Outcome.NOT_DECIDED
    assert _holds(found.minimum, _minimum(ufm)[0])


def test_counts_one_ulp_apart_have_a_root_between_them():
    a = exact_decimal(1000.0)
    b = exact_decimal(float(np.nextafter(1000.0, 2000.0)))
    secular = Secular([Fraction(1), a, b], [1, 900, 1])
    root = secular.root(1)
    assert a < root.low < root.high < b
    secular.check(1, root, "mode 0")


@pytest.mark.parametrize(
    ("depth", "bias", "loss"),
    [
        (1, "none", "mse"),
        (3, "free", "mse"),
        (1, 0.05, "mse"),
        (1, "none", "ce"),
        (1, "free", "smooth"),
        (1, 0.05, "scaled"),
    ],
)
def test_the_objective_of_random_matrices_is_enclosed(depth, bias, loss):
    losses = {
        "smooth": ncsolve.CrossEntropy(0.15),
        "scaled": ncsolve.CrossEntropy(0.1, [0.3, -1, 0.2], [1, 2, 0.7], [1, 0.5, 3]),
    }
    ufm = ncsolve.UFM([7, 3, 1.25], losses.get(loss, loss), depth, 4, 0.013, 0.027, bias)
    rng = np.random.default_rng(1)
    weights = tuple(rng.normal(size=shape) * (rng.random(shape) < 0.7) for shape in ufm.shapes)
    b = np.zeros(3) if bias == "none" else rng.normal(size=3)
    matrices = ncsolve.Parameters(weights, rng.normal(size=(4, 3)), b)
    problem = ExactProblem(ufm)
    found = point.objective(problem, matrices)
    point.check(problem, matrices, found, "objective")
    with mpmath.workdps(DIGITS):
        exact = lambda m: mpmath.matrix(m.tolist())  # noqa: E731
        z = exact(matrices.features)
        for weight in weights:
            z = exact(weight) * z
        n, total = [_decimal(x) for x in ufm.counts], mpmath.fsum(_decimal(x) for x in ufm.counts)
        value = mpf(0)
        parameters = (
            [[_decimal(x) for x in row] for row in ufm.loss.per_class(3)]
            if loss not in ("mse",)
            else None
        )
        delta = _decimal(getattr(ufm.loss, "smoothing", 0.0))
        for k in range(3):
            logits = [z[j, k] + mpf(float(b[j])) for j in range(3)]
            if parameters is None:
                value += (
                    n[k]
                    / total
                    * mpmath.fsum((x - (j == k)) ** 2 for j, x in enumerate(logits))
                    / 2
                )
                continue
            offset, label, rows = parameters
            u = [label[k] * rows[j] * x + offset[j] for j, x in enumerate(logits)]
            target = [delta / 3 + (1 - delta) * (j == k) for j in range(3)]
            log_sum = mpmath.log(mpmath.fsum(mpmath.exp(x) for x in u))
            value += (
                n[k]
                / total
                * (log_sum - mpmath.fsum(p * x for p, x in zip(target, u, strict=True)))
            )
        for decay, weight in zip(ufm.weight_decay, weights, strict=True):
            value += _decimal(decay) / 2 * mpmath.fsum(mpf(x) ** 2 for x in weight.ravel().tolist())
        for k in range(3):
            value += (
                _decimal(ufm.feature_decay)
                / 2
                * n[k]
                * mpmath.fsum(mpf(x) ** 2 for x in matrices.features[:, k].tolist())
            )
        if not isinstance(bias, str):
            value += _decimal(bias) / 2 * mpmath.fsum(mpf(x) ** 2 for x in b.tolist())
    assert _holds(found, value)
    assert found.high / found.low - 1 <= Fraction(1, 2**63)


def test_a_dual_point_bounds_from_below_whatever_point_it_was_made_from():
    for bias in ("none", "free", 0.05):
        for loss in ("ce", ncsolve.CrossEntropy(0.1, [0.3, -1, 0.2], [1, 2, 0.7], [1, 0.5, 3])):
            ufm = ncsolve.UFM([7, 3, 1.25], loss, 1, None, 0.03, 0.02, bias)
            problem, best = ExactProblem(ufm), ncsolve.predict(ufm).value
            rng = np.random.default_rng(2)
            for scale in (0.01, 0.3, 3.0, 30.0):
                b = np.zeros(3) if bias == "none" else rng.normal(size=3)
                matrices = ncsolve.Parameters(
                    (rng.normal(size=(3, 3)) * scale,), rng.normal(size=(3, 3)), b
                )
                dual, _ = dual_point(problem, matrices)
                assert dual.bound(dual.entropies).high <= Fraction(best) * (1 + Fraction(1, 10**9))


def test_entropies_are_enclosed():
    ufm = ncsolve.UFM([7, 3, 1.25], "ce", 1, None, 0.03, 0.02)
    dual, _ = dual_point(ExactProblem(ufm), ncsolve.predict(ufm).parameters())
    for g, entropy in enumerate(dual.entropies):
        with mpmath.workdps(DIGITS):
            others = [_mpf(row[g]) for h, row in enumerate(dual.entry) if h != g]
            pi = [*others, 1 - mpmath.fsum(others)]
            assert _holds(entropy, mpmath.fsum(p * mpmath.log(p) for p in pi))


def test_the_norm_of_an_invariant_matrix_is_that_of_the_whole_matrix():
    ufm = ncsolve.UFM([9, 9, 9, 4, 4, 1], "ce", 1, None, 1e-2, 1e-2)
    dual, _ = dual_point(ExactProblem(ufm), ncsolve.predict(ufm).parameters())
    gamma, member = dual.gamma, dual.groups.member
    whole = np.array(
        [
            [
                float(gamma.own[member[k]] if j == k else gamma.entry[member[j]][member[k]])
                * ufm.counts[k] ** 0.5
                for k in range(6)
            ]
            for j in range(6)
        ]
    )
    assert gamma.norm() == pytest.approx(np.linalg.norm(whole, 2), rel=1e-13)
    gram = whole.T @ whole
    kept = np.where(np.eye(6, dtype=bool), gram, np.maximum(gram, 0))
    assert gamma.nonnegative_norm() == pytest.approx(
        np.sqrt(np.linalg.eigvalsh(kept)[-1]), rel=1e-13
    )
    square = exact_decimal(float(np.linalg.norm(whole, 2) ** 2))
    tight = Fraction(1, 10**11)
    assert gamma.is_at_most(square * (1 + tight))
    assert not gamma.is_at_most(square * (1 - tight))
    total = whole @ np.sqrt(ufm.counts)
    assert [float(x) for x in gamma.total()] == pytest.approx(
        [total[k] for k in dual.groups.first], rel=1e-12, abs=1e-15
    )


def test_a_matrix_that_is_not_semidefinite_is_never_proved_to_be():
    module = flint()
    rng = np.random.default_rng(0)
    for low, expected in ((1e-9, True), (-1e-9, False), (-1e-13, False)):
        q = np.linalg.qr(rng.normal(size=(6, 6)))[0]
        matrix = (q * np.array([low, 0.1, 0.5, 1, 1, 2])) @ q.T
        matrix = (matrix + matrix.T) / 2
        assert is_semidefinite(module.arb_mat(6, 6, matrix.ravel().tolist())) is expected


def test_one_cell_is_left_for_every_number():
    third = Fraction(1, 3)
    made = cell(third - Fraction(1, 2**90), third + Fraction(1, 2**90), 64)
    assert made.high - made.low == Fraction(1, 2**65)
    assert is_cell(made, third, third, 64)
    width = made.high - made.low
    for moved in (
        Enclosure(made.low + width / 2, made.high),
        Enclosure(made.low, made.high - width / 2),
        Enclosure(made.low - width, made.high),
        Enclosure(made.low, made.high + width),
        Enclosure(made.low + width, made.high + width),
        Enclosure(made.low - width / 4, made.high - width / 4),
        Enclosure(made.low + width / 4, made.high + width / 4),
    ):
        assert not is_cell(moved, third, third, 64)
    around = cell(Fraction(1, 2) - Fraction(1, 2**90), Fraction(1, 2) + Fraction(1, 2**90), 64)
    assert around.low < Fraction(1, 2) < around.high
    assert is_cell(around, Fraction(1, 2) - Fraction(1, 2**90), Fraction(1, 2), 64)
    assert cell(Fraction(-1), Fraction(1), 64) is None
    assert cell(Fraction(1), Fraction(2), 64) is None
    assert cell(-third, -third, 8) == Enclosure(-ceil_to(third, 8), -floor_to(third, 8))


def test_exact_numbers_are_read_as_they_were_written():
    for number in (
        Fraction(0),
        Fraction(-5, 16),
        Fraction(8, 5),
        Fraction(3 * 2**70),
        Fraction(1, 3),
    ):
        assert number_of(text_of(number), "it") == number
    for bad in ("", "1.5", "1e5", "1/0", "2^3", "1*2^9999999", "nan", 5, None, "1 ", "0x10", "--1"):
        with pytest.raises(Rejected):
            number_of(bad, "it")


@pytest.mark.parametrize("depth", [1, 2, 3, 20, 200])
def test_the_outer_root_is_the_only_one_on_its_branch(depth):
    scalar = Scalar(depth, Fraction(1), Fraction(1))
    grid = [Fraction(i, 64) * Fraction(depth + 1, 2 * depth) for i in range(65)]
    left = [p ** (depth + 1) * (1 - p) ** (depth - 1) for p in grid]
    assert all(a < b for a, b in pairwise(left))
    p = Enclosure(Fraction(1, 2**70), Fraction(depth + 1, 2 * depth) + Fraction(1, 2**60))
    assert not scalar.encloses(
        p, Enclosure(Fraction(10**9), Fraction(10**9))
    )  # beyond the branch nothing is proved


def test_the_rigorous_referee_imports_neither_the_theory_nor_the_floating_point_referee():
    for file in (Path(ncsolve.__file__).parent / "rigorous").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import | ast.ImportFrom)
                else []
            )
            assert not any(
                word in name for name in names for word in ("analytic", "numeric", "verification")
            ), file


def test_a_dual_point_that_is_not_feasible_is_rejected():
    ufm = ncsolve.UFM([7, 3, 1.25], "ce", 1, None, 0.03, 0.02, "free")
    problem = ExactProblem(ufm)
    dual, _ = dual_point(problem, ncsolve.predict(ufm).parameters())
    dual.check()
    for change, message in (
        (Fraction(1, 10**20), "orthogonal"),
        (Fraction(1), "more than 1"),
        (Fraction(-1), "negative"),
    ):
        entry = [list(row) for row in dual.entry]
        entry[0][1] += change
        with pytest.raises(Rejected, match=message):
            Dual(problem, dual.groups, entry).check()
    less = ExactProblem(ufm.replace(weight_decay=0.0299))
    with pytest.raises(Rejected, match="norm"):
        Dual(less, dual.groups, dual.entry).check()


@pytest.mark.parametrize("depth", [1, 3])
def test_the_objective_without_the_dense_product_is_the_one_with_it(depth):
    counts = np.round(np.geomspace(900, 20, 70), 2)
    ufm = ncsolve.UFM(
        counts, depth=depth, width=75, bias="free", weight_decay=1e-4, feature_decay=1e-4
    )
    problem, best = ExactProblem(ufm), ncsolve.predict(ufm).parameters()
    rng = np.random.default_rng(0)
    for spread in (
        0.0,
        1e-12,
        1e-3,
    ):  # further off its Gram matrices are no longer diagonal, and the bound grows
        noise = [
            spread * rng.normal(size=best.weights[-1].shape),
            spread * rng.normal(size=best.features.shape),
        ]
        matrices = ncsolve.Parameters(
            (*best.weights[:-1], best.weights[-1] + noise[0]),
            best.features + noise[1],
            best.bias + spread,
        )
        near, dense = (
            point.objective_bounds(problem, matrices, precision) for precision in (128, 256)
        )
        assert near[0] <= dense[0] <= dense[1] <= near[1]
        assert near[1] - near[0] > dense[1] - dense[0]
        relative = (near[1] - near[0]) / near[0]
        assert relative < 1e-20 if spread < 1e-6 else relative > 1e-12
        found = point.objective(problem, matrices)
        assert found.low <= dense[0] <= dense[1] <= found.high
        point.check(problem, matrices, found, "objective")


def _moved(cell, steps):
    width = cell.high - cell.low
    return Enclosure(cell.low + steps * width, cell.high + steps * width)


def _wider(cell, times):
    return Enclosure(cell.low, cell.low + times * (cell.high - cell.low))


FORGED = {
    "none": ncsolve.UFM([50, 20, 3], depth=3, weight_decay=2e-3, feature_decay=2e-3),
    "free": ncsolve.UFM(
        [50, 20, 20, 3], depth=2, width=2, bias="free", weight_decay=2e-3, feature_decay=2e-3
    ),
    "targets": ncsolve.UFM([9, 5, 3], Squared([[1, -1, 0.3], [0, 2, 1]]), 2, 1, 4e-3, 9e-4),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_modes_are_rejected_by_the_check_alone(name):
    problem = ExactProblem(FORGED[name])
    modes = spectral.modes(problem)
    spectral.check(problem, modes)
    forged = [[*modes[:-1]], modes[1:], [*modes, modes[-1]], [modes[1], modes[0], *modes[2:]], []]
    forged.append([*modes, replace(modes[-1], kept=0)])
    forged.append(
        [replace(modes[1], kept=modes[0].kept), replace(modes[0], kept=0), *modes[2:]]
    )  # the rank keeps the smaller one
    for i, mode in enumerate(modes):
        changes = [
            {"kept": 1 - mode.kept} if mode.copies == 1 else {"kept": mode.copies - mode.kept},
            {"copies": mode.copies + 1},
        ]
        if mode.copies > 1 and mode.kept * 2 == mode.copies:
            changes = changes[1:]
        if mode.shrinkage is not None:
            p = mode.shrinkage
            around = [
                _moved(p, 1),
                _moved(p, -1),
                _wider(p, 2),
                _wider(p, 2**30),
                _wider(p, Fraction(1, 2)),
                _moved(p, Fraction(1, 2)),
            ]
            changes += [{"shrinkage": q} for q in around] + [
                {"stand": Stand.UNDECIDED},
                {"stand": Stand.TIE},
            ]
            changes += [
                {"stand": Stand.ZERO},
                {"stand": Stand.ZERO, "shrinkage": None},
                {"shrinkage": None},
            ]
        if not mode.tau2.exact:
            t = mode.tau2
            around = [
                _moved(t, 1),
                _moved(t, -1),
                _wider(t, 2),
                _wider(t, 2**30),
                _wider(t, Fraction(1, 2)),
                _moved(t, Fraction(1, 2)),
            ]
            changes += [{"tau2": s} for s in (*around, Enclosure(t.low, t.low))]
        else:
            changes.append({"tau2": Enclosure(mode.tau2.low + 1, mode.tau2.high + 1)})
        forged += [[*modes[:i], replace(mode, **change), *modes[i + 1 :]] for change in changes]
    for found in forged:
        with pytest.raises(Rejected):
            spectral.check(problem, found)


def test_forged_dual_points_are_rejected_by_the_check_alone():
    for bias in ("none", "free", 0.05):
        ufm = ncsolve.UFM([50, 20, 20, 7], ncsolve.CrossEntropy(0.1), 1, None, 2e-3, 1e-3, bias)
        problem = ExactProblem(ufm)
        dual, _ = dual_point(problem, ncsolve.predict(ufm).parameters())
        dual.check()
        larger = Fraction(1) + Fraction(1, 10**9)  # away from the targets: the norm exceeds c
        spread = problem.smoothing / 4
        entry = [
            [
                spread + larger * (x - spread) if dual.groups.others(h, g) else x
                for g, x in enumerate(row)
            ]
            for h, row in enumerate(dual.entry)
        ]
        with pytest.raises(Rejected, match="norm"):
            replace(dual, entry=entry).check()
        for g in range(3):
            entry = [list(row) for row in dual.entry]
            entry[1][g] = Fraction(-1, 10**9)
            with pytest.raises(Rejected, match="negative"):
                replace(dual, entry=entry).check()
            entry[1][g] = Fraction(2)
            with pytest.raises(Rejected, match="more than 1"):
                replace(dual, entry=entry).check()
        wrong = [_moved(e, 1) for e in dual.entropies]
        for g in range(3):
            with pytest.raises(Rejected, match=f"entropy {g}"):
                dual.check_entropies([*dual.entropies[:g], wrong[g], *dual.entropies[g + 1 :]])


def test_a_norm_above_c_on_contrasts_alone_is_rejected():
    groups = Groups([0, 0, 1], [0, 2], [2, 1], [Fraction(4), Fraction(1)])
    block = Block(
        [[Fraction(-1, 8), Fraction(0)], [Fraction(0), Fraction(0)]],
        [Fraction(1, 8), Fraction(0)],
        [2, 1],
        groups,
    )
    assert block.norm() == pytest.approx(
        0.5, rel=1e-15
    )  # group means are zero; |1/8 + 1/8| sqrt(4)
    assert block.is_at_most(Fraction(1, 4) * (1 + Fraction(1, 10**9)))
    assert not block.is_at_most(Fraction(1, 4) * (1 - Fraction(1, 10**9)))


def test_a_matrix_with_a_negative_eigenvalue_far_below_the_others_is_not_semidefinite():
    module = flint()
    for value in (-1.0, -1e-3, -1e300):
        assert not is_semidefinite(module.arb_mat(2, 2, [1.0, 0.0, 0.0, value]))
    assert not is_semidefinite(
        module.arb_mat(2, 2, [module.arb(1, 2), 0, 0, 1])
    )  # a ball that reaches below zero


def test_the_nonnegative_norm_is_at_least_every_value_on_the_cone():
    rng = np.random.default_rng(3)
    groups = Groups(
        [0, 0, 1, 2, 2, 2], [0, 2, 3], [2, 1, 3], [Fraction(5), Fraction(3), Fraction(1)]
    )
    for _ in range(20):
        exact = [[Fraction(x) for x in row] for row in rng.normal(size=(3, 3)).tolist()]
        block = Block(exact, [Fraction(x) for x in rng.normal(size=3).tolist()], [2, 1, 3], groups)
        m = groups.member
        root = [float(groups.counts[g]) ** 0.5 for g in m]
        whole = np.array(
            [
                [
                    float(block.own[m[k]] if j == k else block.entry[m[j]][m[k]]) * root[k]
                    for k in range(6)
                ]
                for j in range(6)
            ]
        )
        gram = whole.T @ whole
        kept = np.where(np.eye(6, dtype=bool), gram, np.maximum(gram, 0))
        top = float(np.linalg.eigvalsh(kept)[-1])
        assert block.nonnegative_norm() ** 2 == pytest.approx(top, rel=1e-12)
        h = np.abs(rng.normal(size=(6, 200)))
        assert (
            np.linalg.norm(whole @ (h / np.linalg.norm(h, axis=0)), axis=0) ** 2
        ).max() <= top * (1 + 1e-12)
        square = Fraction(float(np.linalg.norm(whole, 2) ** 2))
        assert block._is_at_most(square * (1 + Fraction(1, 10**9)))
        assert not block._is_at_most(square * (1 - Fraction(1, 10**9)))
        assert block._gram_is_at_most(Fraction(top) * (1 + Fraction(1, 10**9)))
        assert not block._gram_is_at_most(Fraction(top) * (1 - Fraction(1, 10**9)))


@pytest.mark.parametrize(
    ("w", "x", "n", "d"),
    [
        (0, 0, 0, 0),
        (80, 76, 0, -162),  # an outer product of the scales would underflow
        (-170, 200, 0, 0),  # a Gram matrix would
        (-310, 300, 10, 20),  # entries are subnormal
        (150, -320, 0, 170),
        (300, 0, -300, -100),
    ],
)
@pytest.mark.parametrize("mixed", [False, True], ids=["alike", "mixed"])
def test_off_diagonal_products_bound_what_fractions_find(w, x, n, d, mixed):
    rng = np.random.default_rng(0)
    left, right, scales = (
        rng.normal(size=(9, 5)),
        rng.normal(size=(5, 9)),
        np.abs(rng.normal(size=5)),
    )
    left, right, scales = left * 10.0**w, right * 10.0**x, scales * 10.0**d
    if mixed:
        left[:, 1], right[2], scales[3] = left[:, 1] * 1e-5, right[2] * 1e-5, 5e-324
    counts = rng.uniform(1, 9, 9).round(3) * 10.0**n
    grams = [
        [
            [
                sum(Fraction(a) * Fraction(b) * m for a, b, m in zip(x, y, weight, strict=True))
                for y in rows
            ]
            for x in rows
        ]
        for rows, weight in ((left.T, [1] * 9), (right, exact_decimals(counts.tolist())))
    ]
    exact = sum(
        abs(grams[0][i][j] * grams[1][i][j]) * Fraction(scales[i]) * Fraction(scales[j])
        for i in range(5)
        for j in range(5)
        if i != j
    )
    found = Fraction(_off_diagonal(left, right, counts, scales))
    assert exact <= found <= exact * (1 + Fraction(1, 10**5)) + Fraction(2e-290)


def test_factors_whose_scales_underflow_are_enclosed():
    size, decay = 64, 1e-300
    ufm = ncsolve.UFM([1.0] * size, depth=3, width=size, weight_decay=decay, feature_decay=decay)
    layer, large = np.eye(size) * 1.5e-162**0.5, np.full((size, size), 1.4e76)
    spread = ncsolve.Parameters((layer, layer, large), large, np.zeros(size))
    problem = ExactProblem(ufm)
    low, high = point.objective_bounds(problem, spread, 256)  # by the dense product
    found = point.objective(problem, spread)
    assert found.low <= low <= high <= found.high
