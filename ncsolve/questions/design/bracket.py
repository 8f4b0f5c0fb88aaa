"""The last double at which a statement holds.

Positive doubles in order are the integers of their bit patterns in order, so a bracket is halved on integers: two neighbors are
reached after at most 63 halvings, whatever the range, and there is no tolerance to choose.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from ...problem.errors import NoAnswer


def last_double(holds: Callable[[float], bool], guess: float) -> tuple[float, float]:
    """(x, next double) such that `holds(x)` and not `holds(next)`, for a statement that holds up to a point beside `guess`.

    The bracket starts at the guess and grows by 1, 2, 4, ... doubles until the statement changes; then it is halved until its
    ends are neighbors. If the statement is not monotone the pair is still such a pair.

    Raises
    ------
    NoAnswer
        The statement is the same from the guess to the end of the normal doubles.

    Examples
    --------
    >>> last_double(lambda x: x * x <= 2.0, 1.0)[0] ** 2 <= 2.0
    True
    """
    middle, step = _bits(guess), 1
    forward = holds(guess)
    near = far = middle
    while holds(_double(far)) is forward:
        near, far = far, min(max(far + (step if forward else -step), FIRST), LAST)
        step *= 2
        if near == far:
            raise NoAnswer(
                f"what was asked for {'holds' if forward else 'fails'} from {guess:g} to the end of what doubles carry"
            )
    return between(holds, _double(min(near, far)), _double(max(near, far)))


def between(holds: Callable[[float], bool], low: float, high: float) -> tuple[float, float]:
    """The neighbors between `low`, where the statement holds, and `high`, where it does not."""
    a, b = _bits(low), _bits(high)
    while b - a > 1:
        middle = (a + b) // 2
        a, b = (middle, b) if holds(_double(middle)) else (a, middle)
    return _double(a), _double(b)


def _bits(x: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", x))[0])


def _double(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<q", bits))[0])


FIRST, LAST = _bits(2.0**-1022), _bits(2.0**1023)
