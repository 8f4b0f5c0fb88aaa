r"""An axis of a phase map: which field of the problem moves, through which values.

decay       all decays are equal to the value            (positive)
mean-decay  the problem's own decays times one factor, so that their geometric mean g is the value      (positive)
bias-decay  lambda_b                                     (positive)
ratio       largest count over smallest, long-tail rule  (at least 1)
n           largest count, long-tail rule                (at least 1; whole for the floored rule)
K           number of classes, long-tail rule            (whole, at least 2)
depth       M                                            (whole, at least 1)
width       every layer's width                          (whole, at least 1)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...problem.border import shown
from ...problem.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...problem.losses import Array

#: Name of an axis -> (smallest value, largest value, whole numbers only, what it is).
KNOWN: dict[str, tuple[float, float, bool, str]] = {
    "decay": (1e-300, 1e100, False, "all decays"),
    "mean-decay": (1e-300, 1e100, False, "geometric mean of the decays"),
    "bias-decay": (1e-300, 1e100, False, "bias decay"),
    "ratio": (1.0, 1e100, False, "largest count / smallest"),
    "n": (1.0, 1e100, False, "largest count (samples)"),
    "K": (2, 10**7, True, "number of classes"),
    "depth": (1, 1000, True, "depth M"),
    "width": (1, 10**9, True, "width of every layer"),
}
COUNTS = ("ratio", "n", "K")  # axes that need the long-tail rule
POINTS = 100  # of a range that does not say
MOST_POINTS = 10**7
FORM = "the form is NAME=LOW:HIGH:POINTS with an optional ,log or ,lin (decay=1e-5:1e-2:500), or NAME=1,2,5"
DECADE, WIDE = (
    10.0,
    100.0,
)  # an axis of numbers, of whole numbers, is logarithmic from this ratio of its ends on


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of a map.

    Parameters
    ----------
    name : one of decay, mean-decay, bias-decay, ratio, n, K, depth, width
    values : sequence of two or more ascending numbers
    log : whether neighbors are compared by their ratio in a picture; by default where the ends are a factor 10 apart (100 for whole
        numbers, never for depth)

    Raises
    ------
    ProblemError
        The name is unknown, or the values are not ascending, not allowed, or not whole where they must be.

    Examples
    --------
    >>> Axis("depth", [1, 2, 4]).values
    array([1., 2., 4.])
    """

    name: str
    values: Array
    log: bool

    def __init__(self, name: str, values: Sequence[float] | Array, log: bool | None = None) -> None:
        name = _name(name)
        try:
            v = np.array(values, dtype=np.float64)
        except (TypeError, ValueError):
            raise ProblemError(
                f"axis {name}: {shown(values)} are not numbers; give two or more, ascending"
            ) from None
        if v.ndim != 1 or v.size < 2:
            raise ProblemError(
                f"axis {name} needs two or more values, not {shown(v.tolist())}; fix a single one in the problem"
            )
        for value in (v[0], v[-1], *v[~np.isfinite(v)][:1]):
            _allowed(name, float(value))
        if not (np.diff(v) > 0).all():
            raise ProblemError(
                f"axis {name}: the values do not ascend, or one is given twice; order them"
            )
        if KNOWN[name][2] and not (v == np.floor(v)).all():
            odd = v[v != np.floor(v)][0]
            raise ProblemError(
                f"axis {name} has whole numbers only, not {odd:g}; give whole ends and as many points as fit"
            )
        v.setflags(write=False)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "values", v)
        object.__setattr__(self, "log", _wide(name, v[0], v[-1]) if log is None else bool(log))

    @property
    def whole(self) -> bool:
        """Whether the axis has whole numbers only."""
        return KNOWN[self.name][2]

    @property
    def says(self) -> str:
        """What the axis is, in words."""
        return KNOWN[self.name][3]

    def __len__(self) -> int:
        return int(self.values.size)

    def between(self, shares: Array) -> Array:
        """The axis at shares 0 .. 1 of its length, in its own scale."""
        low, high = float(self.values[0]), float(self.values[-1])
        if self.log:
            found: Array = np.exp(math.log(low) + shares * (math.log(high) - math.log(low)))
        else:
            found = low + shares * (high - low)
        return np.where(shares <= 0.0, low, np.where(shares >= 1.0, high, found))

    def samples(self, least: int) -> Array:
        """Where a curve over this axis is evaluated: the values, and at least so many points in all if the axis is no set of integers."""
        if self.whole:
            return self.values
        return np.unique(np.concatenate([self.values, self.between(np.linspace(0.0, 1.0, least))]))

    def to_dict(self) -> dict[str, Any]:
        """Name, scale and values."""
        return {
            "name": self.name,
            "scale": "log" if self.log else "lin",
            "values": self.values.tolist(),
        }


def spaced(
    name: str, low: float, high: float, points: int | None = None, log: bool | None = None
) -> Axis:
    """An axis from `low` to `high` in equal steps, or in equal ratios if it is logarithmic.

    Parameters
    ----------
    name, log : as for Axis
    low, high : ends, low < high
    points : how many; by default 100, or every whole number. Whole numbers are rounded, and each kept once.

    Examples
    --------
    >>> spaced("decay", 1e-4, 1e-2, 3).values
    array([0.0001, 0.001 , 0.01  ])
    >>> spaced("K", 2, 6).values
    array([2., 3., 4., 5., 6.])
    """
    name = _name(name)
    for end in (low, high):
        _allowed(name, end)
    whole = KNOWN[name][2]
    if whole and not (low == math.floor(low) and high == math.floor(high)):
        odd = low if low != math.floor(low) else high
        raise ProblemError(
            f"axis {name} has whole numbers only, not {odd:g}; give whole ends such as {name}=2:64"
        )
    if not low < high:
        what = "is reversed" if low > high else "has no extent"
        raise ProblemError(
            f"axis {name}: the range {low:g}:{high:g} {what}; give LOW:HIGH with LOW < HIGH"
        )
    number = (int(high - low) + 1 if whole else POINTS) if points is None else points
    if not 2 <= number <= MOST_POINTS:
        raise ProblemError(
            f"axis {name}: {number} points are not between 2 and {MOST_POINTS}; 500 make a fine picture"
        )
    scale = _wide(name, low, high) if log is None else log
    values = np.geomspace(low, high, number) if scale else np.linspace(low, high, number)
    values[0], values[-1] = low, high
    return Axis(name, np.unique(np.rint(values)) if whole else values, scale)


def axis(text: str | Axis) -> Axis:
    """An axis from words: NAME=LOW:HIGH[:POINTS][,log|,lin] or NAME=V1,V2,...; an Axis is returned as it is.

    Examples
    --------
    >>> axis("ratio=1:1000:4").values
    array([   1.,   10.,  100., 1000.])
    >>> axis("depth=1,2,6").name
    'depth'
    """
    if isinstance(text, Axis):
        return text
    if not isinstance(text, str):
        raise ProblemError(f"axis {shown(text)} is no axis; {FORM}")
    name, equals, rest = (part.strip() for part in text.partition("="))
    if not equals or not rest:
        raise ProblemError(f"axis {shown(text)} has no range; {FORM}")
    name = _name(name)
    parts = [part.strip() for part in rest.split(",")]
    log = {"log": True, "lin": False}.get(parts[-1])
    parts = parts if log is None else parts[:-1]
    if len(parts) == 1 and ":" in parts[0]:
        ends = parts[0].split(":")
        if len(ends) > 3:
            raise ProblemError(f"axis {shown(text)} has {len(ends)} numbers between colons; {FORM}")
        points = _number(ends[2], text) if len(ends) == 3 else None
        if points is not None and not points.is_integer():
            raise ProblemError(
                f"axis {shown(text)}: {ends[2]} points are not a whole number; {FORM}"
            )
        return spaced(
            name,
            _number(ends[0], text),
            _number(ends[1], text),
            None if points is None else int(points),
            log,
        )
    return Axis(name, [_number(part, text) for part in parts], log)


def _name(name: str) -> str:
    folded = {known.casefold(): known for known in KNOWN}.get(
        str(name).strip().replace("_", "-").casefold()
    )
    if folded is None:
        raise ProblemError(f"axis {shown(name)} is unknown; one of {', '.join(KNOWN)} works")
    return folded


def _allowed(name: str, value: float) -> None:
    low, high, _, says = KNOWN[name]
    if not low <= value <= high:
        least = "positive numbers" if low < 1e-200 else f"numbers from {low:g}"
        raise ProblemError(f"axis {name} ({says}) cannot be {value:g}; {least} to {high:g} work")


def _number(text: str, whole: str) -> float:
    try:
        if "_" in text:
            raise ValueError
        number = float(text)
    except ValueError:
        raise ProblemError(f"axis {shown(whole)}: {shown(text)} is not a number; {FORM}") from None
    if not math.isfinite(number):
        raise ProblemError(f"axis {shown(whole)}: {text} is not finite; {FORM}")
    return number


def _wide(name: str, low: float, high: float) -> bool:
    return name != "depth" and float(high) / float(low) >= (WIDE if KNOWN[name][2] else DECADE)
