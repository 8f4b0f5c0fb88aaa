"""Axes of phase maps and the counts behind them: what words mean, and what is refused."""

import numpy as np
import pytest

import ncsolve
from ncsolve.problem.counts import long_tail
from ncsolve.problem.fields import AXES
from ncsolve.questions.axes import Axis, LongTail, axis, parse_tail, spaced, tail_counts


def test_a_range_has_its_ends_exactly_and_equal_ratios_or_steps():
    log = axis("decay=1e-5:1e-2:7")
    assert (log.values[0], log.values[-1], log.log) == (1e-5, 1e-2, True)
    np.testing.assert_allclose(np.diff(np.log(log.values)), np.log(10) / 2, rtol=1e-14)
    linear = axis("decay=1e-5:1e-2:7,lin")
    assert not linear.log
    np.testing.assert_allclose(np.diff(linear.values), (1e-2 - 1e-5) / 6, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "log"),
    [
        ("ratio=1:9:3", False),
        ("ratio=1:10:3", True),
        ("ratio=1:9:3,log", True),
        ("depth=1:200", False),
        ("K=2:100", False),
        ("K=2:200", True),
        ("bias_decay=1e-3:1", True),
        ("n=1,5,7", False),
    ],
)
def test_an_axis_is_logarithmic_where_it_spans_orders_of_magnitude_or_where_asked(text, log):
    assert axis(text).log is log


def test_whole_axes_have_every_number_or_rounded_ones_each_once():
    assert axis("depth=1:5").values.tolist() == [1, 2, 3, 4, 5]
    assert axis("K=2:1000:5,log").values.tolist() == [2, 9, 45, 211, 1000]
    assert axis("width=1:4:50").values.tolist() == [1, 2, 3, 4]


def test_names_are_read_whatever_their_case_and_hyphens():
    assert axis("BIAS_decay=1:2").name == "bias-decay"
    assert axis("k=2:4").name == "K"
    assert axis(Axis("n", [1, 2])).name == "n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dekay=1:2", "unknown"),
        ("decay", "no range"),
        ("decay=2:1", "reversed"),
        ("decay=1:1", "no extent"),
        ("decay=0:1", "cannot be 0"),
        ("decay=-1:1", "cannot be -1"),
        ("decay=nan:1", "not finite"),
        ("decay=1:inf", "not finite"),
        ("decay=1:2:1", "1 points"),
        ("decay=1:2:2.5", "not a whole number"),
        ("decay=1:2:1e12", "points are not between"),
        ("decay=1:2:3:4", "4 numbers"),
        ("decay=1_0:20", "not a number"),
        ("decay=3,2", "do not ascend"),
        ("decay=2,2", "do not ascend"),
        ("decay=2", "two or more"),
        ("decay=1,nan,3", "nan is not finite"),
        ("ratio=.5:2", "cannot be 0.5"),
        ("width=1.5:9", "whole numbers only, not 1.5"),
        ("width=1,2.5", "whole numbers only, not 2.5"),
        ("depth=1:1001", "cannot be 1001"),
        ("K=1:5", "cannot be 1"),
        ("smoothing=0:1", "cannot be 1; numbers from 0 to below 1 work"),
        ("smoothing=0:.5:3,log", "begins at 0 and cannot be logarithmic"),
    ],
)
def test_a_bad_axis_gets_one_line_that_says_what_is_wrong(text, says):
    with pytest.raises(ncsolve.ProblemError, match=says) as caught:
        axis(text)
    assert "\n" not in str(caught.value)


def test_numbers_that_an_axis_cannot_have_are_refused_wherever_they_stand():
    with pytest.raises(ncsolve.ProblemError, match="cannot be nan"):
        Axis("decay", [1.0, np.nan, 3.0])
    with pytest.raises(ncsolve.ProblemError, match="not numbers"):
        Axis("decay", ["a", "b"])
    with pytest.raises(ncsolve.ProblemError, match="two or more"):
        Axis("decay", [[1.0, 2.0]])


def test_an_axis_keeps_its_own_copy_of_the_values():
    values = np.array([1.0, 2.0])
    kept = Axis("decay", values)
    values[0] = 7.0
    assert kept.values[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        kept.values[0] = 3.0


@pytest.mark.parametrize("name", list(AXES))
def test_between_stays_inside_the_axis(name):
    low, high = (0.25, 0.75) if name == "smoothing" else (3.0, 7.0)
    for log in (True, False):
        one = spaced(name, low, high, 4, log)
        assert one.between(np.array([0.0, 1.0])).tolist() == [low, high]


# Counts


def test_continuous_counts_are_the_formula_entry_by_entry():
    found = LongTail(7, 300, 20).counts()
    np.testing.assert_allclose(found, [300 * 20 ** (-k / 6) for k in range(7)], rtol=1e-15)
    assert (found[0], found[-1]) == (300.0, 15.0)
    assert LongTail(5, 300, 20, step=True).counts().tolist() == [300, 300, 300, 15, 15]


@pytest.mark.parametrize("step", [False, True], ids=["geometric", "two-levels"])
def test_floored_counts_are_those_of_the_command_line_even_where_a_power_is_whole(step):
    rng = np.random.default_rng(0)
    for _ in range(300):
        classes, n = int(rng.integers(2, 40)), int(rng.integers(1, 1000))
        ratio = float(rng.choice([rng.uniform(1, n), int(rng.integers(1, n + 1)), 1.0, n]))
        many = tail_counts(
            LongTail(classes, n, ratio, step, "floored"),
            np.full(2, float(n)),
            np.array([1.0, ratio]),
        )
        assert many[1].tolist() == long_tail(classes, n, ratio, step)
        assert many[0].tolist() == [n] * classes
    for exact in (
        (7, 10**6, 10**6),
        (6, 243, 243),
        (7, 729, 729),
    ):  # a power of doubles gives 8.999999... for 9
        assert LongTail(*exact, rule="floored").counts().tolist() == long_tail(*exact)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"classes": 1}, "K=1"),
        ({"classes": 2.5}, "K=2.5"),
        ({"largest": 0}, "n=0"),
        ({"largest": float("nan")}, "n=nan"),
        ({"ratio": 0.5}, "ratio=0.5"),
        ({"rule": "flored"}, "flored"),
        ({"rule": "floored", "ratio": 501}, "0 of n=500"),
        ({"rule": "floored", "largest": 500.5}, "whole number n"),
    ],
)
def test_a_bad_long_tail_is_refused(fields, says):
    with pytest.raises(ncsolve.CountsError, match=says):
        LongTail(**({"classes": 10, "largest": 500, "ratio": 100} | fields))


def test_what_an_axis_gives_may_be_left_out_of_the_words():
    assert parse_tail("K=10, n=500", {"ratio": 3.0}, "continuous") == LongTail(10, 500, 3)
    assert parse_tail("K=10,n=500,ratio=7,step", {"ratio": 3.0}, "continuous") == LongTail(
        10, 500, 3, True
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("K=10", "n and ratio missing"),
        ("K=10,n=5.5,ratio=2", "not a whole number"),
        ("K=10,n=5,n=6,ratio=2", "given twice"),
        ("K=10,n=x,ratio=2", "not a number"),
        ("K=10,n=5,ratio=2,stop", "cannot be read"),
        ("K=inf,n=5,ratio=2", "not a whole number"),
    ],
)
def test_bad_words_for_a_long_tail_are_refused(text, says):
    with pytest.raises(ncsolve.CountsError, match=says):
        parse_tail(text, {}, "continuous")
