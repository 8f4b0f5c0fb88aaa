"""Enclosures against mpmath at 70 digits."""

import mpmath
from mpmath import mpf

DIGITS = 70
SLACK = mpf(10) ** -60


def decimal(number):
    """The number that Python prints for a double."""
    with mpmath.workdps(DIGITS):
        return mpf(repr(float(number)))


def holds(enclosure, x):
    """Whether a number found by mpmath lies in an enclosure."""
    with mpmath.workdps(DIGITS):
        low, high = (mpf(e.numerator) / e.denominator for e in (enclosure.low, enclosure.high))
        slack = SLACK * (abs(x) or 1)
        return low <= x + slack and x <= high + slack
