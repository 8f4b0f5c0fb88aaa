"""Modes of squared loss against mpmath at 70 digits: singular values, roots, minima, ties in decimals."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles import objective as oracle
from support.balls import DIGITS, decimal, holds

import ncsolve
from ncsolve import Squared
from ncsolve.numeric import modes as module
from ncsolve.numeric.balls import Enclosure, ExactProblem, Undecided, exact, flint
from ncsolve.numeric.modes import Secular, Stand, modes
from ncsolve.proof import Claimed, certify_rigorously


def _targets(ufm):
    """All tau^2, descending, from the definition: eigenvalues of T T^T by mpmath's own eigensolver."""
    with mpmath.workdps(DIGITS):
        n = [decimal(x) for x in ufm.counts]
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
        depth, total = ufm.depth, mpmath.fsum(decimal(x) for x in ufm.counts)
        product = mpmath.fprod(decimal(x) for x in ufm.decays)
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
    # where modes live and die
    mean = rng.choice(n) ** (depth / (depth + 1)) / n.sum() * np.exp(rng.uniform(-3, 0.2))
    decays = [float(f"{x:.4g}") for x in decays * mean / np.exp(np.log(decays).mean())]
    return ncsolve.UFM(
        n,
        depth=depth,
        width=int(rng.integers(1, k + 1)) if rng.random() < 0.4 else None,
        weight_decay=decays[1:],
        feature_decay=decays[0],
        bias="none" if rng.random() < 0.4 else "free",
    )


def _enclosed(ufm):
    found, least = modes(ExactProblem(ufm))
    return found, Enclosure.of(least)


@pytest.mark.parametrize("seed", range(60))
def test_every_enclosure_of_a_random_problem_holds_what_mpmath_finds(seed):
    ufm = _draw(seed)
    found, minimum = _enclosed(ufm)
    value, sigmas, tau2 = _minimum(ufm)
    assert holds(minimum, value)
    listed = [mode for mode in found for _ in range(mode.copies)]
    kept = [mode for mode in found for _ in range(mode.kept)]
    assert len(listed) == len(tau2)
    assert len(kept) == len(sigmas) == min(len(tau2), ufm.rank_limit)
    assert all(holds(mode.tau2, x) for mode, x in zip(listed, tau2, strict=True))
    for mode, sigma in zip(kept, sigmas, strict=True):
        assert (mode.stand is Stand.ALIVE) == (sigma > 0)
        assert mode.sigma is None or holds(mode.sigma, sigma)
    ends = [e for mode in found for e in (mode.tau2, mode.p, mode.sigma) if e is not None]
    assert max(e.high / e.low - 1 for e in (*ends, minimum)) <= Fraction(1, 2**62)


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_given_targets_with_repeated_and_missing_singular_values_are_enclosed(depth, bias):
    codes = [[0.1, 0.0, 0.0, 0.3], [0.0, 0.1, 0.0, 0.3], [0.0, 0.0, 0.1, 0.3], [0.1, 0.1, 0.1, 0.9]]
    ufm = ncsolve.UFM([7, 7, 7, 2.5], Squared(codes), depth, None, 2e-3, 1e-3, bias)
    found, minimum = _enclosed(ufm)
    value, _, tau2 = _minimum(ufm)
    listed = [mode for mode in found for _ in range(mode.copies)]
    assert max(mode.copies for mode in found) == 2
    assert len(listed) == len(tau2)
    assert all(holds(mode.tau2, x) for mode, x in zip(listed, tau2, strict=True))
    assert holds(minimum, value)


@pytest.mark.parametrize("shape", [(2, 5), (5, 2), (3, 3)])
@pytest.mark.parametrize("bias", ["none", "free"])
def test_random_targets_are_enclosed(shape, bias):
    codes = np.random.default_rng(shape[0]).normal(size=shape).round(2)
    counts = [7.25, 3, 3, 40, 1.5][: shape[1]]
    ufm = ncsolve.UFM(counts, Squared(codes), 3, None, 2e-3, 1e-3, bias)
    found, minimum = _enclosed(ufm)
    value, _, tau2 = _minimum(ufm)
    assert all(holds(mode.tau2, x) for mode, x in zip(found, tau2, strict=True))
    assert holds(minimum, value)


TIES = {  # counts, decays (H, W_1, ...), which class lies exactly at its threshold in decimals
    1: ([20, 80], [0.05, 0.04]),
    2: ([20, 80], [0.1, 0.01, 0.025]),
    3: ([9, 91], [0.01, 0.02, 0.02, 0.01]),
}


@pytest.mark.parametrize("step", [-1, 0, 1])
@pytest.mark.parametrize("depth", TIES)
def test_a_threshold_is_decided_in_decimals_at_it_and_one_ulp_beside(depth, step):
    counts, decays = TIES[depth]
    lowest = float(counts[0]) if step == 0 else float(np.nextafter(counts[0], counts[0] + step))
    ufm = ncsolve.UFM(
        [lowest, counts[1]], depth=depth, weight_decay=decays[1:], feature_decay=decays[0]
    )
    found, minimum = _enclosed(ufm)
    n, total = Fraction(repr(lowest)), Fraction(repr(lowest)) + counts[1]
    product = np.prod([Fraction(repr(x)) for x in decays])
    difference = n**depth * (depth - 1) ** (depth - 1) - total ** (depth + 1) * product * depth ** (
        2 * depth
    )
    assert (difference > 0) - (difference < 0) == step
    expected = {1: Stand.ALIVE, -1: Stand.ZERO, 0: Stand.ZERO if depth == 1 else Stand.TIE}[step]
    assert found[-1].stand is expected
    value, _, _ = _minimum(ufm)
    assert holds(minimum, value)
    for state in ("active", "vanished"):  # at the tie both are right
        prediction = ncsolve.predict(ufm)
        proof = certify_rigorously(
            ufm, Claimed(prediction.parameters(), prediction.value, (state, "active"))
        )
        right = (step == 0 and depth > 1) or (state == "active") == (expected is Stand.ALIVE)
        assert proof.outcome is (ncsolve.Outcome.PROVED if right else ncsolve.Outcome.DISPROVED)


def test_inputs_are_the_decimals_that_were_typed_and_not_their_doubles():
    counts, decays = TIES[2]
    doubles = [Fraction(x) for x in decays]
    assert 10**6 * doubles[0] * doubles[1] * doubles[2] * 16 != 400  # in doubles there is no tie
    ufm = ncsolve.UFM(counts, depth=2, weight_decay=decays[1:], feature_decay=decays[0])
    assert _enclosed(ufm)[0][-1].stand is Stand.TIE
    assert ncsolve.certify(ncsolve.predict(ufm), rigorous=True).outcome is ncsolve.Outcome.PROVED


def test_singular_values_of_given_targets_that_no_double_tells_apart_are_two():
    code = [[1, 1e-17], [1e-17, 1]]  # (1 + e)^2 and (1 - e)^2
    found, _ = _enclosed(ncsolve.UFM([1, 1], Squared(code), 1, None, 0.01, 0.01))
    assert [mode.copies for mode in found] == [1, 1]
    assert found[0].tau2.low > found[1].tau2.high


def _root(counts, gap, sizes=None, precision=128):
    poles = [exact(n) for n in counts]
    return Enclosure.of(Secular(poles, sizes or [1] * len(poles)).root(gap, precision))


def test_roots_of_the_secular_equation_are_enclosed():
    for gap, (a, b) in enumerate([(2, 3), (3, 6)]):
        mu = _root([2, 3, 6], gap)
        assert a < mu.low < mu.high < b
        low, high = (sum(n / (n - end) for n in (2, 3, 6)) for end in (mu.low, mu.high))
        assert low <= 0 < high
    found, _ = modes(ExactProblem(ncsolve.UFM([3, 6], bias="free")))
    assert found[0].tau2 == Enclosure(Fraction(4), Fraction(4))  # 2 * 3 * 6 / (3 + 6), a rational
    dyadic = _root([2, 5, 8], 0, [7, 1, 1])  # -7 + 5 + 2 = 0 at 4, where no ball has a sign
    assert dyadic.low <= 4 <= dyadic.high
    assert dyadic.high - dyadic.low < Fraction(1, 2**60)


def test_a_root_that_newton_does_not_enclose_is_not_made_up(monkeypatch):
    monkeypatch.setattr(module, "newton", lambda *_: None)
    with pytest.raises(Undecided, match="between counts 2 and 3"):
        _root([2, 3, 6], 0)


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
    listed, _ = _enclosed(ufm)  # the secular root 8/5 lies exactly at the threshold
    assert [mode.stand for mode in listed] == [Stand.ALIVE, Stand.UNDECIDED, Stand.ZERO]
    assert listed[1].tau2.low < Fraction(8, 5) < listed[1].tau2.high
    found = ncsolve.certify(ncsolve.predict(ufm), rigorous=True)
    verdicts = {finding.about: finding.verdict.name for finding in found.findings}
    assert verdicts == {
        "point": "PROVED",
        "value": "PROVED",
        "singular values": "OPEN",
        "class states": "PROVED",
    }
    assert found.outcome is ncsolve.Outcome.NOT_DECIDED
    assert holds(found.minimum, _minimum(ufm)[0])


def test_more_bits_are_taken_until_a_mode_is_told_from_its_threshold():
    counts = [1, 1, 1, 1, 2, 4]  # the root 8/5 beats N^2 lambda_W lambda_H by a share of 2^-300
    problem = ExactProblem(ncsolve.UFM(counts, bias="free"))
    with flint().ctx.workprec(2000):
        near = flint().arb(8) / 5
        precise = {128: near + flint().arb(0, 1e-30), 1280: near * (1 + flint().arb(2) ** -300)}
    problem.__dict__["decays"] = [flint().fmpq(4, 25), flint().fmpq(1, 10)]
    with flint().ctx.workprec(128):
        stand, tau2, p = module.solved(problem, precise[128], lambda _: precise[1280])
    assert stand is Stand.ALIVE
    assert p < 1
    assert tau2 is precise[1280]


def test_counts_one_ulp_apart_have_a_root_between_them():
    b = float(np.nextafter(1000.0, 2000.0))
    secular = Secular([exact(n) for n in (1.0, 1000.0, b)], [1, 900, 1])
    with flint().ctx.workprec(512):
        root = secular.root(1, 128)
        assert exact(1000.0) < root < exact(b)


@pytest.mark.parametrize("depth", [2, 3, 20, 200])
def test_only_the_outer_root_is_enclosed(depth):
    arb = flint().arb
    with flint().ctx.workprec(128):
        top = arb(depth + 1) / (2 * depth)
        for share in (1e-9, 0.3, 0.9, 0.999):
            p = arb(share) * top
            level = (depth + 1) * p.log() + (depth - 1) * (1 - p).log()
            found = module.outer(depth, level, 128)
            assert found.overlaps(p)
            assert found < top
        with pytest.raises(Undecided):  # beyond the maximum of the left side there is none
            module.outer(depth, (depth + 1) * top.log() + (depth - 1) * (1 - top).log() + 1e-6, 128)
