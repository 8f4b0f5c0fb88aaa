"""Balls: interval Newton proves a root or none, ends are rounded outwards, numbers are the decimals that were typed."""

from fractions import Fraction

import pytest

from ncsolve.numeric.balls import Enclosure, ExactProblem, Undecided, exact, flint, newton, settled
from ncsolve.problem.ufm import UFM

POLYNOMIALS = {  # value, slope, start, low, high, whether the root between low and high is proved
    "a root": (lambda x: (x * x - 2, 2 * x), 1.5, 1, 2, True),
    "a root far from the start": (lambda x: (x * x - 2, 2 * x), 1.999, 0, 2, True),
    "a root beyond the end": (lambda x: (x - 1.5, 1 + 0 * x), 0.5, 0, 1, False),
    "a double root": (lambda x: (x * x, 2 * x), 0.3, -1, 1, False),
    "no root": (lambda x: (x * x + 1, 2 * x), 0.3, -1, 1, False),
    "a pole": (lambda x: (1 / x, -1 / (x * x)), 0.3, -1, 1, False),
}


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_newton_encloses_a_root_between_two_numbers_or_none(name):
    f, start, low, high, there = POLYNOMIALS[name]
    arb = flint().arb
    with flint().ctx.workprec(128):
        found = newton(f, arb(start), arb(low), arb(high), 80)
        assert (found is not None) is there
        if there:
            assert found.overlaps(arb(2).sqrt())
            assert found.rel_accuracy_bits() >= 80


def test_the_ends_of_an_enclosure_are_rounded_outwards_to_64_bits():
    for precision in (64, 128, 512):
        with flint().ctx.workprec(precision):
            found = Enclosure.of(flint().arb(1) / 3)
        assert found.low < Fraction(1, 3) < found.high
        assert found.high - found.low <= Fraction(1, 2**63)
    third = exact(0.3)
    assert Enclosure.of(third) == Enclosure(Fraction(3, 10), Fraction(3, 10))
    assert Enclosure.of(flint().arb(-1) / 4) == Enclosure(Fraction(-1, 4), Fraction(-1, 4))


def test_an_enclosure_is_written_exactly():
    for x, text in (
        (Fraction(0), "0"),
        (Fraction(-5, 16), "-5*2^-4"),
        (Fraction(8, 5), "8/5"),
        (Fraction(3 * 2**70), str(3 * 2**70)),
        (Fraction(3 * 2**2000), "3*2^2000"),
    ):
        assert Enclosure(x, x).to_list() == [text, text]


def test_what_no_precision_settles_is_said():
    arb = flint().arb
    with pytest.raises(Undecided, match="a sum"):
        settled(lambda _: arb(1, 1e-10), "a sum")
    with pytest.raises(Undecided, match="a sum"):
        settled(lambda _: arb("nan"), "a sum")
    assert settled(lambda precision: arb(1, 2.0**-precision), "a sum").contains(1)
    assert settled(lambda _: arb(0), "a sum") == 0


def test_numbers_are_the_decimals_that_were_typed():
    problem = ExactProblem(UFM([0.1, 20], weight_decay=5e-4, bias=0.3))
    assert problem.counts[0] == flint().fmpq(1, 10)
    assert problem.decays[1] == flint().fmpq(1, 2000)
    assert problem.bias_decay == flint().fmpq(3, 10)
    assert problem.samples == flint().fmpq(201, 10)
