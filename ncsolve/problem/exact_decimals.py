"""A number as it was written: the rational whose decimal string is Python's shortest one for the double.

A decay typed as 5e-4 is stored as the double nearest to 1/2000. Where a last digit decides (a class exactly at its threshold), the
number that was meant is 1/2000, and the double remembers it: `repr` writes the shortest decimal that reads back as the same
double.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction


def exact_decimal(number: float) -> Fraction:
    """The rational whose decimal string is ``repr(number)``.

    Parameters
    ----------
    number : finite float (or anything float() takes, such as a NumPy scalar)

    Raises
    ------
    ValueError
        If the number is not finite.

    Examples
    --------
    >>> exact_decimal(5e-4), exact_decimal(200.0)
    (Fraction(1, 2000), Fraction(200, 1))
    >>> from fractions import Fraction
    >>> Fraction(5e-4) == Fraction(1, 2000)  # the double itself is another number
    False
    """
    return Fraction(repr(float(number)))


def exact_decimals(numbers: Iterable[float]) -> list[Fraction]:
    """`exact_decimal` of each number.

    Examples
    --------
    >>> exact_decimals([0.1, 2])
    [Fraction(1, 10), Fraction(2, 1)]
    """
    return [exact_decimal(number) for number in numbers]
