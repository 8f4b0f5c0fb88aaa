"""The smallest count of a minority: both crossings, whole numbers one by one, the quadratic of one layer, careless questions."""

import math

import numpy as np
import pytest
from support.draws import even

import ncsolve
from ncsolve.analytic.theorem import ACTIVE


def draw(rng):
    """A majority, and a minority of one class or (where classes merge) two."""
    n = np.floor(np.exp(rng.uniform(1.0, 6.0, int(rng.integers(1, 5)))))
    kind = int(rng.integers(5))
    fields = [
        {"depth": int(rng.integers(1, 5))},
        {"depth": int(rng.integers(1, 4)), "bias": "free"},
        {"loss": "ce"},
        {"loss": "ce", "features": "relu"},
        {"bias": 0.1},
    ][kind]
    minority = 1 if kind in (0, 3) and rng.random() < 0.5 else 2
    counts = [*n.tolist(), *[1.0] * minority]
    decay = float(np.exp(rng.uniform(-8.0, -2.0)) / math.sqrt(n.sum()))
    return ncsolve.UFM(counts, **fields, **even(decay)), list(range(n.size, len(counts)))


def active(ufm, minority, x):
    counts = ufm.counts.copy()
    counts[minority] = x
    at = ufm.replace(counts=counts, names=ufm.names, width=ufm.width)
    return bool((ncsolve.predict(at).classes.state[minority] == ACTIVE).all())


@pytest.mark.parametrize("seed", range(40))
def test_the_count_separates_predictions_at_neighboring_doubles(seed):
    ufm, minority = draw(np.random.default_rng(seed))
    names = [ufm.names[k] for k in minority]
    try:
        found = ncsolve.smallest_count(ufm, names)
    except ncsolve.NoAnswer:
        assert not any(active(ufm, minority, x) for x in np.geomspace(0.1, 1e7, 40))
        return
    assert found.verified
    assert found.inside.at == np.nextafter(found.outside.at, math.inf) == found.count
    assert active(ufm, minority, found.count)
    assert not active(ufm, minority, found.outside.at)
    if found.largest is not None and found.largest < 1e90:
        assert active(ufm, minority, found.largest * (1 - 1e-9))
        assert not active(ufm, minority, found.largest * (1 + 1e-9))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_whole_number_is_the_first_that_lives_when_all_are_tried(depth):
    for decay in (1e-3, 5e-3, 1e-2):
        ufm = ncsolve.UFM([120, 30, 1], depth=depth, **even(decay))
        found = ncsolve.smallest_count(ufm)
        first = next(x for x in range(1, 400) if active(ufm, [2], float(x)))
        assert found.integer == first
        assert found.samples == 150 + first


def test_at_one_layer_the_count_is_the_root_of_the_quadratic():
    for others, minority, decay in (([300, 50], 1, 2e-3), ([300, 50], 3, 2e-3), ([10], 2, 0.05)):
        ufm = ncsolve.UFM([*others, *[1] * minority], **even(decay))
        names = [str(len(others) + j) for j in range(minority)]
        found = ncsolve.smallest_count(ufm, names)
        rest, c = float(sum(others)), decay
        low = 2 * rest * c / (1 + math.sqrt(1 - 4 * minority * rest * c * c))
        high = (1 + math.sqrt(1 - 4 * minority * rest * c * c)) / (2 * minority * c)
        assert found.count == pytest.approx(low**2, rel=1e-14)  # measured: 3e-16
        assert found.largest == pytest.approx(high**2, rel=1e-14)


def test_the_living_counts_are_one_interval():
    ufm = ncsolve.UFM([40, 1], depth=2, **even(0.02))
    found = ncsolve.smallest_count(ufm)
    grid = np.geomspace(1e-3, 1e7, 300)
    living = np.array([active(ufm, [1], x) for x in grid])
    assert (living == ((grid >= found.count) & (grid <= found.largest))).all()
    assert living.any()
    assert not living[-1]


def test_a_largest_count_beyond_what_doubles_carry_is_none():
    found = ncsolve.smallest_count(ncsolve.UFM([1e51, 5], **even(7e-51)))
    assert (found.largest, found.verified) == (None, True)


def test_an_interval_without_a_whole_number_is_said():
    # counts near 2.5: 4 rest c^2 just below 1 makes both roots meet at 1/(4 c^2)
    rest, root = 0.5, math.sqrt(2.5)
    c = 1 / (2 * root) * (1 - 1e-4)
    ufm = ncsolve.UFM([rest * 5, 1], **even(c))
    found = ncsolve.smallest_count(ufm, ["1"])
    assert 2 < found.count < found.largest < 3
    assert found.integer is None
    assert "no whole number" in found.notes[0]
    assert found.verified


def test_a_bottleneck_asks_for_a_count_among_the_largest():
    found = ncsolve.smallest_count(ncsolve.UFM([50, 40, 5, 3], width=2), ["3"])
    assert found.integer == 41
    assert found.outside.at == 40
    assert found.inside.states.tolist() == ["active", "vanished", "vanished", "active"]


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_a_bottleneck_with_a_bias_leaves_room_for_contrasts(width):
    ufm = ncsolve.UFM([64, 2, 82, 300, 25, 2], depth=2, bias="free", width=width, **even(1e-4))
    found = ncsolve.smallest_count(ufm)
    assert found.verified
    grid = np.array([*np.geomspace(1, 400, 60), 24.5, 25.5, 63.5, 64.5, 81.5, 82.5, 299.5, 300.5])
    assert [active(ufm, [1, 5], x) for x in grid] == (grid >= found.count).tolist()


def test_questions_without_an_answer_say_why():
    ufm = ncsolve.UFM([500, 500, 5], **even(0.1))
    with pytest.raises(ncsolve.NoAnswer, match="no count keeps class '2'"):
        ncsolve.smallest_count(ufm)
    with pytest.raises(ncsolve.NoAnswer, match="merges with none"):
        ncsolve.smallest_count(ncsolve.UFM([50, 50, 5], "ce"))
    with pytest.raises(ncsolve.NoAnswer, match="width lets 1"):
        ncsolve.smallest_count(ncsolve.UFM([50, 5, 5], width=1))
    with pytest.raises(ncsolve.NoAnswer, match="depth 2 or more"):
        ncsolve.smallest_count(ncsolve.UFM([50, 5, 5], "ce", depth=2))
    with pytest.raises(ncsolve.CountsError, match="'9'"):
        ncsolve.smallest_count(ncsolve.UFM([50, 5, 5]), ["9"])
    with pytest.raises(ncsolve.NoTheorem, match="number of active classes"):
        ncsolve.smallest_count(ncsolve.UFM([9, 9, 9], "ce", width=2, features="relu"))
