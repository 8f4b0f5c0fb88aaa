"""Oversampling factors: the smallest whole ones by trying all, the real ones against a slow fixed point, and what N does."""

from itertools import product

import numpy as np
import pytest
from support.draws import even

import ncsolve
from ncsolve.analytic.theorem import ACTIVE


def all_active(ufm, factors):
    at = ufm.replace(counts=ufm.counts * factors, names=ufm.names, width=ufm.width)
    return bool((ncsolve.predict(at).solution.states().state == ACTIVE).all())


def draw(rng):
    n = np.floor(np.exp(rng.uniform(0.0, 6.0, int(rng.integers(2, 6)))))
    kind = int(rng.integers(4))
    if kind:
        n = np.repeat(n[: max(2, n.size // 2)], 2)
    fields = [
        {"depth": int(rng.integers(1, 4))},
        {"loss": "ce"},
        {"depth": 2, "bias": "free"},
        {"loss": "ce", "bias": "free"},
    ][kind]
    probe = ncsolve.UFM(n, **fields)
    decay = ncsolve.largest_decay(probe).decay * float(np.exp(rng.uniform(0.02, 1.0)))
    return probe.replace(**even(decay))


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_every_class_lives_with_a_little_more_and_not_with_a_little_less(seed, fixed):
    ufm = draw(np.random.default_rng(seed))
    try:
        found = ncsolve.oversampling(ufm, fixed_total=fixed)
    except ncsolve.NoAnswer:
        factors = (
            ufm.counts.max() / ufm.counts if not fixed else ufm.samples / ufm.classes / ufm.counts
        )
        assert not all_active(ufm, factors)
        return
    assert found.verified
    if fixed:
        assert found.counts.sum() == pytest.approx(ufm.samples, rel=1e-14)
        kept = found.factors < 1
        assert np.ptp(found.factors[kept]) < 1e-14 if kept.any() else True
    else:
        assert (found.factors >= 1).all()
        if found.whole_factors is not None:
            assert all_active(ufm, found.whole_factors)
            assert (found.whole_factors >= found.factors * (1 - 1e-12)).all()


@pytest.mark.parametrize(
    "ufm",
    [
        ncsolve.UFM([60, 7, 2], **even(0.04)),
        ncsolve.UFM([60, 7, 2], depth=2, **even(0.02)),
        ncsolve.UFM([60, 9, 3], "ce", features="relu", **even(0.034)),
        ncsolve.UFM([40, 40, 3, 3], "ce", **even(0.03)),
    ],
    ids=["one-layer", "two-layers", "relu", "merging"],
)
def test_the_whole_factors_are_the_smallest_of_all_that_help(ufm):
    found = ncsolve.oversampling(ufm)
    most = int(found.whole_factors.max()) + 2
    pairs = ufm.classes == 4  # classes of one count keep one count
    helpful = []
    for pick in product(range(1, most + 1), repeat=2):
        factors = np.array([1, 1, *pick[1:], *pick[1:]] if pairs else [1, *pick], dtype=float)
        if all_active(ufm, factors):
            helpful.append(factors)
    assert helpful
    assert (np.min(helpful, axis=0) == found.whole_factors).all()  # one by one, all at once
    assert any((found.whole_factors == factors).all() for factors in helpful)


def test_the_real_factors_are_the_least_fixed_point():
    ufm = ncsolve.UFM([1000, 100, 10, 2], depth=3, **even(5e-3))
    n, m = ufm.counts, 3
    samples = n.sum()
    for _ in range(10_000):
        power = (samples * 5e-3) ** (m + 1) * m ** (2 * m) / (m - 1) ** (m - 1)
        needed = power ** (1 / m)
        samples = np.maximum(n, needed).sum()
    found = ncsolve.oversampling(ufm)
    assert found.samples == pytest.approx(samples, rel=1e-13)
    assert found.counts == pytest.approx(np.maximum(n, needed), rel=1e-12)


def test_classes_that_no_other_can_merge_with_are_left_alone():
    found = ncsolve.oversampling(
        ncsolve.UFM([500, 500, 7, 7, 3], bias="free", depth=2, **even(2e-3))
    )
    assert found.factors[4] == found.whole_factors[4] == 1
    assert any("merge with none" in note for note in found.notes)


def test_questions_without_an_answer_say_why():
    hard = ncsolve.UFM([1000, 100, 10, 2], **even(1e-2))
    with pytest.raises(ncsolve.NoAnswer, match="N grows as fast"):
        ncsolve.oversampling(hard)
    assert ncsolve.oversampling(hard, fixed_total=True).verified
    with pytest.raises(ncsolve.NoAnswer, match="samples are needed"):
        ncsolve.oversampling(hard.replace(**even(0.1)), fixed_total=True)
    with pytest.raises(ncsolve.NoAnswer, match="no class is lost"):
        ncsolve.oversampling(ncsolve.UFM([20, 10]))
    with pytest.raises(ncsolve.NoAnswer, match="so none merges"):
        ncsolve.oversampling(ncsolve.UFM([20, 10], "ce"))
    with pytest.raises(ncsolve.NoAnswer, match="whatever the counts"):
        ncsolve.oversampling(ncsolve.UFM([20, 10, 5], width=2))
