"""Enclosures [low, high] with exact rational endpoints, on a grid that leaves one choice.

A number x > 0 enclosed to B bits lies in one cell [m, m + 1] 2^e of the grid on which m has exactly B bits: relative width at most
2^(1-B). A stored endpoint that is moved, inwards or outwards, no longer forms a cell, or forms one that x does not lie in. Where a
ball holds a grid point, two neighboring cells are taken, with the ball around their common end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from .rejected import Rejected

_NUMBER = re.compile(r"(-?[0-9]{1,4000})(?:/([0-9]{1,4000})|\*2\^(-?[0-9]{1,6}))?")
LARGEST_EXPONENT = 100_000


@dataclass(frozen=True)
class Enclosure:
    """A real number between two exact ones.

    Attributes
    ----------
    low, high : Fraction, low <= high
    """

    low: Fraction
    high: Fraction

    @property
    def exact(self) -> bool:
        """Whether both endpoints are the number itself."""
        return self.low == self.high

    @property
    def middle(self) -> Fraction:
        """The midpoint."""
        return (self.low + self.high) / 2

    def to_list(self) -> list[str]:
        """Both endpoints as text: m*2^e, or p/q where the denominator is no power of two."""
        return [text_of(self.low), text_of(self.high)]

    @staticmethod
    def from_list(stored: object, what: str) -> Enclosure:
        """Read `to_list` back."""
        if not isinstance(stored, list) or len(stored) != 2:
            raise Rejected(f"{what}: two endpoints are needed")
        low, high = (number_of(text, what) for text in stored)
        if low > high:
            raise Rejected(f"{what}: the endpoints are in the wrong order")
        return Enclosure(low, high)


def text_of(number: Fraction) -> str:
    """The number as m*2^e with m odd, m or p/q in lowest terms; a whole number as m*2^e only beyond all doubles.

    Examples
    --------
    >>> from fractions import Fraction
    >>> text_of(Fraction(3, 8)), text_of(Fraction(200)), text_of(Fraction(8, 5)), text_of(Fraction(3 * 2**2000))
    ('3*2^-3', '200', '8/5', '3*2^2000')
    """
    n, d = number.numerator, number.denominator
    if d == 1:
        e = (n & -n).bit_length() - 1 if n.bit_length() > 1024 else 0
        return f"{n >> e}*2^{e}" if e else str(n)
    if d & (d - 1) == 0:
        return f"{n}*2^-{d.bit_length() - 1}"
    return f"{n}/{d}"


def number_of(text: object, what: str) -> Fraction:
    """Read `text_of` back, and no other way of writing the number.

    Examples
    --------
    >>> number_of("3*2^-3", "an endpoint")
    Fraction(3, 8)
    """
    match = _NUMBER.fullmatch(text) if isinstance(text, str) else None
    if match is None or (match[2] is not None and int(match[2]) == 0):
        raise Rejected(f"{what}: {str(text)[:40]!r} is not an exact number")
    e = int(match[3] or 0)
    if abs(e) > LARGEST_EXPONENT:
        raise Rejected(f"{what}: the exponent {e} is out of range")
    found = Fraction(int(match[1]), int(match[2] or 1)) * Fraction(2) ** e
    if text_of(found) != text:
        raise Rejected(f"{what}: {str(text)[:40]!r} is not in its shortest form")
    return found


def unit(x: Fraction, bits: int) -> Fraction:
    """The power of two u for which floor(x / u) has `bits` bits; x > 0."""
    e = x.numerator.bit_length() - x.denominator.bit_length() - bits
    u = Fraction(2) ** e
    while (size := (x // u).bit_length()) != bits:
        u *= Fraction(2) ** (1 if size > bits else -1)
    return u


def floor_to(x: Fraction, bits: int) -> Fraction:
    """The largest number of `bits` bits that is at most x.

    Examples
    --------
    >>> from fractions import Fraction
    >>> floor_to(Fraction(1, 3), 4), ceil_to(Fraction(1, 3), 4)
    (Fraction(5, 16), Fraction(11, 32))
    """
    if x == 0:
        return x
    if x < 0:
        return -ceil_to(-x, bits)
    u = unit(x, bits)
    return (x // u) * u


def ceil_to(x: Fraction, bits: int) -> Fraction:
    """The least number of `bits` bits that is at least x."""
    if x == 0:
        return x
    if x < 0:
        return -floor_to(-x, bits)
    u = unit(x, bits)
    return -(-x // u) * u


def cells_near(x: Fraction, bits: int) -> list[Enclosure]:
    """The cell that holds x > 0 and its two neighbors."""
    u = unit(x, bits)
    starts = [(x // u + step) * u for step in (0, -1, 1)]
    return [Enclosure(low, low + unit(low, bits)) for low in starts if low > 0]


def wider(x: Enclosure, bits: int) -> Enclosure:
    """The cell of so many bits in which a cell of more bits begins, and so lies."""
    u = unit(x.low, bits)
    low = (x.low // u) * u
    return Enclosure(low, low + u)


def cell(low: Fraction, high: Fraction, bits: int) -> Enclosure | None:
    """The cell around a number known to lie in [low, high], two cells around a grid point, None if [low, high] is too wide."""
    if high < 0:
        found = cell(-high, -low, bits)
        return None if found is None else Enclosure(-found.high, -found.low)
    if low <= 0:
        return Enclosure(low, high) if low == high else None
    u = unit(low, bits)
    floor = (low // u) * u
    for many in (1, 2):
        if high <= floor + many * u:
            return Enclosure(floor, floor + many * u)
    return None


def is_cell(stored: Enclosure, low: Fraction, high: Fraction, bits: int) -> bool:
    """Whether `stored` is a cell of `bits` bits (or two with their common end in [low, high]) that contains [low, high]."""
    if stored.high < 0:
        return is_cell(Enclosure(-stored.high, -stored.low), -high, -low, bits)
    if stored.low <= 0:
        return stored.low == stored.high == low == high
    if not stored.low <= low <= high <= stored.high:
        return False
    u = unit(stored.low, bits)
    if stored.low % u:
        return False
    width = stored.high - stored.low
    return width == u or (width == 2 * u and low <= stored.middle <= high)
