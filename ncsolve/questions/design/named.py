"""What the questions check at their border: class names, shares, margins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...problem.border import shown
from ...problem.errors import CountsError, ProblemError

if TYPE_CHECKING:
    from ...problem.losses import Indices
    from ...problem.ufm import UFM


def class_indices(ufm: UFM, names: Sequence[str]) -> Indices:
    """Positions of the named classes, ascending.

    Raises
    ------
    CountsError
        No class has that name; the message gives the closest ones.
    """
    if isinstance(names, str):
        names = [names]
    place = {name: k for k, name in enumerate(ufm.names)}
    for name in names:
        if str(name) not in place:
            from difflib import get_close_matches

            near = get_close_matches(str(name), list(place), n=3) or list(ufm.names[:3])
            raise CountsError(
                f"class {shown(name)} does not exist; {' and '.join(map(repr, near))} do"
            )
    if not len(names):
        raise CountsError("no class is named; give one name or more, or none to ask about all")
    return np.array(sorted({place[str(name)] for name in names}), dtype=np.intp)


def positive_below_one(name: str, value: float, *, one: bool = False) -> None:
    """Refuse numbers outside (0, 1), or (0, 1] if `one`."""
    inside = (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and 0 < value <= 1
    )
    if not inside or (value == 1 and not one):
        raise ProblemError(
            f"{name} {value!r} is not a number above 0 and {'at most' if one else 'below'} 1"
        )
