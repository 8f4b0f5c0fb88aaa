"""Long-tailed counts, against exact integer arithmetic and the published CIFAR-LT counts."""

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.refusals import refusal

from ncsolve.problem.counts import long_tail, parse_long_tail


def test_the_cifar_long_tail_of_ratio_100_is_the_published_one():
    # CIFAR-10-LT, 12,406 images
    assert long_tail(10, 5000, 100) == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert sum(long_tail(10, 5000, 100)) == 12_406


@pytest.mark.parametrize(
    ("largest", "ratio", "last"),
    [
        (500, 100, 5),
        (5000, 10, 500),
        (11, 2.2, 5),
        (6, 1.2, 5),
        (49, 49, 1),
        (3, 0.3e1, 1),
        (2**53, 2**53, 1),
    ],
)
@pytest.mark.parametrize("classes", [2, 3, 10, 50, 100, 365, 1000])
def test_the_last_class_has_exactly_the_smallest_count(classes, largest, ratio, last):
    counts = long_tail(classes, largest, ratio)
    assert counts[-1] == last
    assert counts[0] == largest
    assert len(counts) == classes


@given(classes=st.integers(2, 40), largest=st.integers(1, 10**15), ratio=st.integers(1, 10**6))
@example(classes=3, largest=500, ratio=100)
@example(classes=7, largest=10**6, ratio=10**6)
@example(classes=31, largest=2**30, ratio=2**30)
def test_every_count_is_the_floor_in_exact_integer_arithmetic(classes, largest, ratio):
    if ratio > largest:
        assert f"ratio={ratio}" in refusal(long_tail, classes, largest, ratio)
        return
    steps = classes - 1
    for k, count in enumerate(long_tail(classes, largest, ratio)):
        # count <= n ratio^(-k/steps) < count + 1, raised to the power `steps`
        value = Fraction(largest**steps, ratio**k)
        assert count**steps <= value < (count + 1) ** steps


def test_the_step_profile_gives_the_larger_half_the_largest_count():
    assert long_tail(5, 500, 100, step=True) == [500, 500, 500, 5, 5]
    assert long_tail(4, 100, 3, step=True) == [100, 100, 33, 33]


def test_ratio_1_is_balanced():
    assert long_tail(4, 7, 1) == [7, 7, 7, 7]


@pytest.mark.parametrize(
    ("arguments", "named_value"),
    [
        ((1, 500, 100), "K=1"),
        ((0, 500, 100), "K=0"),
        ((2.5, 500, 100), "K=2.5"),
        ((True, 500, 100), "K=True"),
        ((10**8, 500, 100), "K=100000000"),
        ((10, 0, 100), "n=0"),
        ((10, 2**53 + 1, 100), "n=9007199254740993"),
        ((10, 500, 0.01), "ratio=0.01"),
        ((10, 500, -1), "ratio=-1"),
        ((10, 500, math.nan), "ratio=nan"),
        ((10, 500, math.inf), "ratio=inf"),
        ((10, 500, True), "ratio=True"),
        ((10, 500, 501), "class 10 of 10"),
        ((10, 500, 500.5), "at most 500"),
    ],
)
@pytest.mark.parametrize("step", [False, True])
def test_a_bad_long_tail_is_named(arguments, named_value, step):
    assert named_value in refusal(long_tail, *arguments, step)


@pytest.mark.parametrize(
    "text", ["K=10,n=500,ratio=100", "ratio=100, n=500 ,K=10", "n=5e2,ratio=1e2,K=10"]
)
def test_a_long_tail_is_parsed_in_any_order(text):
    assert parse_long_tail(text) == [500, 299, 179, 107, 64, 38, 23, 13, 8, 5]


def test_a_step_is_parsed_anywhere():
    assert (
        parse_long_tail("step,K=4,n=500,ratio=100")
        == parse_long_tail("K=4,n=500,ratio=100,step")
        == [500, 500, 5, 5]
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is not a key"),
        ("K=10,n=500", "ratio missing"),
        ("K=10", "n and ratio missing"),
        ("K=10,n=500,ratio=100,", "'' is not a key"),
        ("K=10,n=500,rato=100", "'rato' is not a key"),
        ("K=10,n=500,ratio=100,K=3", "K is given twice"),
        ("K=10,n=500,ratio=100,step,step", "step is given twice"),
        ("K=10,n=500,ratio=100,step=1", "step takes no value"),
        ("K,n=500,ratio=100", "K needs a value"),
        ("K=ten,n=500,ratio=100", "K='ten' is not a number"),
        ("K=,n=500,ratio=100", "K='' is not a number"),
        ("K=10,n=1_000,ratio=100", "n='1_000' is not a number"),
        ("K=10.5,n=500,ratio=100", "K=10.5 is not a whole number"),
        ("K=10,n=nan,ratio=100", "n=nan is not a whole number"),
        ("K=10,n=1e400,ratio=100", "n=1e400 is not a whole number"),
    ],
)
def test_a_misspelt_long_tail_is_named_and_the_form_shown(text, complaint):
    message = refusal(parse_long_tail, text)
    assert complaint in message
    assert "K=10,n=500,ratio=100" in message
