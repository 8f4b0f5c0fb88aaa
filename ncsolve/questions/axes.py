r"""The plane of a phase map: two axes, each a field of the problem that moves, and the rule behind the counts.

An axis is any field that is one number (problem/fields.py), `bias-decay` for lambda_b, or `mean-decay`, the problem's own decays times
one factor so that their geometric mean g is the value. Three more move the counts, by a long-tail rule:

    continuous   n_k = n ratio^(-k/(K-1)),           k = 0, ..., K - 1        (fractional counts: n_k < 1 is allowed)
    floored      n_k = floor of it, as in problem/counts.py                   (ratio <= n, or the last class is empty)

The step profile has n for the first ceil(K/2) classes and n/ratio for the others. The floored rule is decided in 60 digits where a
double lies within 1e-9 of a whole number, and by the double elsewhere.

Most fields change the shape of the problem or its loss: each of their values is a slice of the plane. Within a slice only numbers
move that a theorem sees for many problems at once: counts (through n and ratio), the mean decay g, the bias decay.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytic.reduction import geometric_mean
from ..problem.border import shown
from ..problem.counts import LARGEST_COUNT, long_tail
from ..problem.errors import CountsError, ProblemError
from ..problem.fields import AXES, TAIL, moved
from ..problem.ufm import UFM
from ..values import Value

if TYPE_CHECKING:
    from ..problem.losses import Array, Indices

DECAYS = ("decay", "mean-decay", "weight-decay", "feature-decay")  # of which only g enters
SOFT = ("n", "ratio", "bias-decay", *DECAYS)  # axes along which a slice runs
POINTS = 100  # of a range that does not say
MOST_POINTS = 10**7
FORM = "the form is NAME=LOW:HIGH:POINTS with an optional ,log or ,lin (decay=1e-5:1e-2:500), or NAME=1,2,5"
DECADE, WIDE = (
    10.0,
    100.0,
)  # an axis of numbers, of whole numbers, is logarithmic from this ratio of its ends on
RULES = ("continuous", "floored")
NEAR = 1e-9
TAIL_FORM = (
    "the form is K=100,n=500,ratio=100 with an optional ,step; what an axis gives may be left out"
)


@dataclass(frozen=True)
class LongTail:
    """Counts that fall from n to n / ratio.

    Parameters
    ----------
    classes : int, K >= 2
    largest : float, n >= 1
    ratio : float >= 1
    step : bool
        Two levels instead of a geometric fall.
    rule : "continuous" or "floored"
        Whether counts are n ratio^(-k/(K-1)) as they stand, or rounded down to whole numbers.

    Examples
    --------
    >>> LongTail(3, 100, 4.0).counts()
    array([100.,  50.,  25.])
    >>> LongTail(3, 100, 10, rule="floored").counts()
    array([100.,  31.,  10.])
    """

    classes: int
    largest: float
    ratio: float
    step: bool = False
    rule: str = "continuous"

    def __post_init__(self) -> None:
        classes, n, ratio = self.classes, self.largest, self.ratio
        floored = self.rule == "floored"
        wrong = None
        if self.rule not in RULES:
            wrong = f"rule {shown(self.rule)} is unknown; {' or '.join(RULES)} works"
        elif isinstance(classes, bool) or classes != int(classes) or not 2 <= classes <= 10**7:
            wrong = f"K={classes} is not a whole number from 2 to 10^7"
        elif not 1 <= n <= 1e100:
            wrong = f"n={n} is not a number of samples, 1 or more"
        elif not 1 <= ratio <= 1e100:
            wrong = f"ratio={ratio} is not a number of 1 or more; it is the largest count / the smallest"
        elif floored and (n != int(n) or n > LARGEST_COUNT):
            wrong = f"the floored rule needs a whole number n up to 2^53, not {n:g}"
        elif floored and ratio > n:
            wrong = (
                f"ratio={ratio:g} leaves the last class with 0 of n={n:g} samples; "
                "use a smaller ratio, or the continuous rule"
            )
        if wrong:
            raise CountsError(f"long tail: {wrong}")

    def counts(self) -> Array:
        """n_1 >= ... >= n_K, shape (K,)."""
        counts: Array = tail_counts(self, np.array([self.largest]), np.array([self.ratio]))[0]
        return counts

    def replace(self, **changes: float) -> LongTail:
        """Another K, n or ratio."""
        names = {"K": "classes", "n": "largest", "ratio": "ratio"}
        new: dict[str, Any] = {
            names[name]: int(value) if name == "K" else float(value)
            for name, value in changes.items()
        }
        return dataclasses.replace(self, **new)

    def __str__(self) -> str:
        return f"n = {self.largest:g}, ratio {self.ratio:g}" + (", two levels" if self.step else "")


def tail_counts(tail: LongTail, largest: Array, ratio: Array) -> Array:
    """Counts of P pairs (n, ratio) under the rule of `tail`, shape (P, K); the pairs are allowed (LongTail refuses the others)."""
    classes = int(tail.classes)
    share = np.arange(classes) / (classes - 1.0)
    if tail.step:
        share = (np.arange(classes) >= classes - classes // 2).astype(np.float64)
    counts: Array = largest[:, None] * np.power(ratio[:, None], -share)
    counts[:, share == 1.0] = (largest / ratio)[:, None]
    if tail.rule == "continuous":
        return counts
    whole = np.floor(counts)
    doubtful = (np.abs(counts - np.rint(counts)) <= NEAR * counts)[:, 1:].any(axis=1)
    for i in np.flatnonzero(doubtful):
        whole[i] = long_tail(classes, int(largest[i]), float(ratio[i]), tail.step)
    return whole


def parse_tail(text: str, given: dict[str, float], rule: str) -> LongTail:
    """A LongTail from K=..,n=..,ratio=..[,step], where the axes give what is left out.

    Examples
    --------
    >>> parse_tail("K=10,n=500", {"ratio": 1.0}, "floored").ratio
    1.0
    """

    def refused(what: str) -> CountsError:
        return CountsError(f"long tail {shown(text)}: {what}; {TAIL_FORM}")

    numbers: dict[str, float] = {}
    step = False
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key == "step" and not equals and not step:
            step = True
            continue
        if key not in ("K", "n", "ratio") or not equals:
            raise refused(f"{shown(part.strip())} cannot be read")
        if key in numbers:
            raise refused(f"{key} is given twice")
        try:
            numbers[key] = float(value) if "_" not in value else float("nan")
        except ValueError:
            raise refused(f"{key}={shown(value)} is not a number") from None
        if key != "ratio" and not numbers[key].is_integer():
            raise refused(f"{key}={shown(value)} is not a whole number")
    numbers |= given
    if missing := [key for key in ("K", "n", "ratio") if key not in numbers]:
        raise refused(f"{' and '.join(missing)} missing")
    return LongTail(int(numbers["K"]), numbers["n"], numbers["ratio"], step, rule)


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Axis(Value):
    """One axis of a map.

    Parameters
    ----------
    name : a field of the problem that is one number (decay, mean-decay, bias-decay, depth, width, smoothing, ...), ratio, n or K
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
        if AXES[name].whole and not (v == np.floor(v)).all():
            raise ProblemError(
                f"axis {name} has whole numbers only, not {v[v != np.floor(v)][0]:g}; "
                "give whole ends and as many points as fit"
            )
        wide = _wide(name, v[0], v[-1], log)
        for field, value in (("name", name), ("values", v), ("log", wide)):
            object.__setattr__(self, field, value)
        self.__post_init__()

    @property
    def whole(self) -> bool:
        """Whether the axis has whole numbers only."""
        return AXES[self.name].whole

    @property
    def says(self) -> str:
        """What the axis is, in words."""
        return AXES[self.name].says

    def __len__(self) -> int:
        return int(self.values.size)

    def between(self, shares: Array) -> Array:
        """The axis at shares 0 .. 1 of its length, in its own scale."""
        low, high = float(self.values[0]), float(self.values[-1])
        if self.log:
            points: Array = np.exp(math.log(low) + shares * (math.log(high) - math.log(low)))
        else:
            points = low + shares * (high - low)
        return np.where(shares <= 0.0, low, np.where(shares >= 1.0, high, points))

    def samples(self, least: int) -> Array:
        """Where a curve over this axis is evaluated: the values, and at least so many points in all if the axis is no set of integers."""
        if self.whole:
            return self.values
        return np.unique(np.concatenate([self.values, self.between(np.linspace(0.0, 1.0, least))]))

    def to_dict(self) -> dict[str, Any]:
        """Name, scale and values."""
        scale = "log" if self.log else "lin"
        return {"name": self.name, "scale": scale, "values": self.values.tolist()}


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
    whole = AXES[name].whole
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
    scale = _wide(name, low, high, log)
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

    def number(word: str) -> float:
        try:
            value = float(word if "_" not in word else "")
        except ValueError:
            raise ProblemError(
                f"axis {shown(text)}: {shown(word)} is not a number; {FORM}"
            ) from None
        if not math.isfinite(value):
            raise ProblemError(f"axis {shown(text)}: {word} is not finite; {FORM}")
        return value

    parts = [part.strip() for part in rest.split(",")]
    log = {"log": True, "lin": False}.get(parts[-1])
    parts = parts if log is None else parts[:-1]
    if len(parts) != 1 or ":" not in parts[0]:
        return Axis(name, [number(part) for part in parts], log)
    ends = parts[0].split(":")
    if len(ends) > 3:
        raise ProblemError(f"axis {shown(text)} has {len(ends)} numbers between colons; {FORM}")
    points = number(ends[2]) if len(ends) == 3 else None
    if points is not None and not points.is_integer():
        raise ProblemError(f"axis {shown(text)}: {ends[2]} points are not a whole number; {FORM}")
    low, high = number(ends[0]), number(ends[1])
    return spaced(name, low, high, None if points is None else int(points), log)


def _name(name: str) -> str:
    word = str(name).strip().replace("_", "-").casefold()
    folded = {known.casefold(): known for known in AXES}.get(word)
    if folded is None:
        raise ProblemError(f"axis {shown(name)} is unknown; one of {', '.join(AXES)} works")
    return folded


def _allowed(name: str, value: float) -> None:
    may = AXES[name]
    if not may.low <= value <= may.high or (may.below and value == may.high):
        least = "positive numbers" if 0 < may.low < 1e-200 else f"numbers from {may.low:g}"
        end = "below " if may.below else ""
        raise ProblemError(
            f"axis {name} ({may.says}) cannot be {value:g}; {least} to {end}{may.high:g} work"
        )


def _wide(name: str, low: float, high: float, log: bool | None) -> bool:
    """Whether the axis is logarithmic: as asked for, else by the ratio of its ends."""
    if log and low <= 0:
        raise ProblemError(f"axis {name} begins at {low:g} and cannot be logarithmic; use ,lin")
    if log is not None:
        return bool(log)
    ratio = WIDE if AXES[name].whole else DECADE
    return name != "depth" and low > 0 and float(high) / float(low) >= ratio


@dataclass(frozen=True, eq=False, repr=False)
class Plane(Value):
    """A family of problems over two axes.

    Attributes
    ----------
    ufm : the problem whose fields the axes move
    x, y : axes
    tail : the long-tail rule behind the counts; None where they are fixed
    full_width : whether widths follow the number of classes, large enough for the full geometry; else they stay as they are
    """

    ufm: UFM
    x: Axis
    y: Axis
    tail: LongTail | None
    full_width: bool

    def __post_init__(self) -> None:
        names, tail = {self.x.name, self.y.name}, self.tail
        if len(names) == 1:
            raise ProblemError(f"both axes are {self.x.name}; a map needs two different ones")
        if names <= set(DECAYS) and names != {"weight-decay", "feature-decay"}:
            raise ProblemError(
                f"{' and '.join(name for name in DECAYS if name in names)} both set the decays; "
                "a map needs two different quantities"
            )
        counts = [name for name in (self.x.name, self.y.name) if name in TAIL]
        if tail is None and counts:
            raise ProblemError(
                f"axis {counts[0]} needs counts by the long-tail rule (--long-tail K=..,n=..,ratio=.., or long_tail=LongTail(...)), "
                "not a fixed vector"
            )
        if "depth" in names:
            layers = [("weight decay", self.ufm.weight_decay)]
            if not self.full_width:
                layers.insert(0, ("width", self.ufm.width))
            for what, values in layers:
                if len(set(values)) > 1:
                    raise ProblemError(
                        f"axis depth needs one {what} for all layers, not {', '.join(f'{v:g}' for v in values)}"
                    )
        for axis in (self.x, self.y):
            if axis.name in TAIL and tail is not None:  # the ends are judged where the rule judges
                for value in (axis.values[0], axis.values[-1]):
                    tail.replace(**{axis.name: float(value)})
            odd = axis.values[axis.values != np.floor(axis.values)]
            if axis.name == "n" and self.whole(axis) and odd.size:
                raise ProblemError(
                    f"axis n has whole numbers only under the floored rule, not {odd[0]:g}; list whole ones (n=10,50,100) "
                    "or use the continuous rule"
                )
        if set(counts) == {"n", "ratio"} and tail is not None:
            n, ratio = (self.x, self.y) if self.x.name == "n" else (self.y, self.x)
            tail.replace(n=float(n.values[0]), ratio=float(ratio.values[-1]))
        super().__post_init__()

    @property
    def shape(self) -> tuple[int, int]:
        """(points on y, points on x): fields have this shape."""
        return len(self.y), len(self.x)

    def whole(self, axis: Axis) -> bool:
        """Whether nothing is defined between the whole numbers of an axis."""
        floored = self.tail is not None and self.tail.rule == "floored"
        return axis.whole or (axis.name == "n" and floored)

    def values(self, row: int, column: int) -> dict[str, float]:
        """Axis name -> value in one cell."""
        return {self.y.name: float(self.y.values[row]), self.x.name: float(self.x.values[column])}

    def at(self, row: int, column: int) -> UFM:
        """The problem of one cell."""
        return self.problem(self.values(row, column))

    def problem(self, values: dict[str, float]) -> UFM:
        """The problem where the named axes have these values."""
        base = self.ufm
        changes: dict[str, Any] = {}
        counts = {name: value for name, value in values.items() if name in TAIL}
        if counts and self.tail is not None:
            changes["counts"] = new = self.tail.replace(**counts).counts()
            changes["names"] = base.names if new.size == base.classes else None
        if self.full_width:
            changes["width"] = None
        elif counts:
            changes["width"] = base.width[0] if len(set(base.width)) == 1 else base.width
        others = {name: value for name, value in values.items() if name not in TAIL}
        return moved(base, others, **changes)

    def slices(self) -> Iterator[Slice]:
        """The plane in parts along which only numbers move that theorems see for many problems at once."""
        hard = [axis.name not in SOFT for axis in (self.y, self.x)]
        if "logit-adjustment" in (self.x.name, self.y.name):  # offsets follow the counts
            hard = [True, True]
        rows, columns = np.arange(len(self.y)), np.arange(len(self.x))
        for chosen_rows in rows[:, None] if hard[0] else [rows]:
            for chosen_columns in columns[:, None] if hard[1] else [columns]:
                yield Slice(self, chosen_rows, chosen_columns)


@dataclass(frozen=True, eq=False)
class Slice:
    """Cells that differ in counts, mean decay and bias decay only: `rows` x `columns` of the plane, as flat arrays in that order."""

    plane: Plane
    rows: Indices
    columns: Indices

    @cached_property
    def example(self) -> UFM:
        """The problem of the first cell, whose shape and loss are those of all."""
        return self.cell(0)

    @property
    def size(self) -> int:
        """Number of cells."""
        return int(self.rows.size * self.columns.size)

    def where(self, cells: Any) -> tuple[Any, Any]:
        """(row, column) of cells in the plane."""
        row, column = np.divmod(cells, self.columns.size)
        return self.rows[row], self.columns[column]

    def cell(self, cell: int) -> UFM:
        """The problem of a cell."""
        return self.plane.at(*self.where(cell))

    def along(self, names: Sequence[str]) -> Indices:
        """For each cell a number that is the same exactly where the axes with these names have the same values."""
        row, column = (
            np.arange(places.size) * (axis.name in names)
            for places, axis in ((self.rows, self.plane.y), (self.columns, self.plane.x))
        )
        index: Indices = (row[:, None] * self.columns.size + column).ravel()
        return index

    def counts(self, cells: Indices) -> Array:
        """Class counts of some cells, falling, shape (cells, K)."""
        plane, example = self.plane, self.example
        names = plane.x.name, plane.y.name
        if plane.tail is None or not set(names) & set(TAIL):
            counts = np.broadcast_to(example.counts, (cells.size, example.classes))
        else:
            row, column = self.where(cells)
            moving = {plane.y.name: plane.y.values[row], plane.x.name: plane.x.values[column]}
            tail = plane.tail.replace(K=example.classes)
            n, ratio = (
                moving.get(name, np.full(cells.size, float(fixed)))
                for name, fixed in (("n", tail.largest), ("ratio", tail.ratio))
            )
            counts = tail_counts(tail, n, ratio)
        return -np.sort(-counts, axis=1)

    @cached_property
    def mean_decay(self) -> Array:
        """G of every cell."""
        return self._per_value(DECAYS, lambda ufm: geometric_mean(ufm.decays))

    @cached_property
    def bias_decay(self) -> Array:
        """lambda_b of every cell."""
        return self._per_value(("bias-decay",), lambda ufm: ufm.bias_decay)

    def _per_value(self, names: tuple[str, ...], number: Any) -> Array:
        _, first, member = np.unique(self.along(names), return_index=True, return_inverse=True)
        values = (self.plane.values(*self.where(cell)) for cell in first)
        problems = (
            self.plane.problem({name: one[name] for name in one if name in (*names, "depth")})
            for one in values
        )
        return np.array([number(problem) for problem in problems])[member.reshape(-1)]
