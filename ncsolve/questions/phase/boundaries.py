r"""Curves in a map across which something is lost, from the closed forms of critical.py.

With a decay on one axis the curve is explicit: decay = critical decay of the problem at each value of the other axis. Else it is the set
where the critical decay equals g: zeros of log(critical/g), found along the lines of a grid and each solved to rounding (Brent).
Nothing here looks at the fields of the map.

Between whole numbers nothing is defined: a curve over such an axis has a point at each of them; with two such axes there is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...analytic.reduction import geometric_mean
from ...problem.errors import NoTheorem
from ...theorems.predict import choose
from .axes import COUNTS
from .critical import FIRST, LAST, MERGE, MODE, NAMED, Criticals, Style, critical_decays
from .plane import DECAYS

if TYPE_CHECKING:
    from ...problem.losses import Array
    from ...problem.ufm import UFM
    from .axes import Axis
    from .plane import Plane

SMOOTH = 200  # points of an explicit curve over a continuous axis
GRID, LINES = (
    48,
    128,
)  # lines of the grid for implicit curves; whole numbers at which they are solved


@dataclass(frozen=True, eq=False)
class Boundary:
    """One curve.

    Attributes
    ----------
    name : what happens on it
    kind : "first loss", "class", "complete collapse", "merge", "mode", "fold" or "simplex"
    x, y : points in data coordinates; NaN between separate pieces and where there is no such loss
    """

    name: str
    kind: str
    x: Array
    y: Array

    def to_dict(self) -> dict[str, Any]:
        """Name, kind, x, y."""
        return {"name": self.name, "kind": self.kind, "x": self.x.tolist(), "y": self.y.tolist()}


def boundaries(plane: Plane, theorem: str | None = None, limit: str = "") -> tuple[Boundary, ...]:
    """Every boundary that enters the map; equal curves are one, under both names."""
    if limit:
        return ()
    family = _Family(plane, theorem)
    if {plane.x.name, plane.y.name} & set(DECAYS):
        curves = _explicit(family)
    elif _whole(plane, plane.x) and _whole(plane, plane.y):
        return ()
    elif _whole(plane, plane.x) or _whole(plane, plane.y):
        curves = _over_whole_numbers(family)
    else:
        curves = _contours(family)
    alike: list[list[Boundary]] = []
    for curve in curves:
        if _enters(plane, curve):
            same = next((group for group in alike if _equal(curve, group[0])), None)
            if same is None:
                alike.append([curve])
            else:
                same.append(curve)
    return tuple(_joined(group) for group in alike)


def _joined(group: list[Boundary]) -> Boundary:
    """One curve under all names; that modes are lost where classes merge goes without saying."""
    merges = any(curve.kind == MERGE for curve in group)
    named = [curve for curve in group if not (merges and curve.kind == MODE)]
    longest = max(group, key=lambda curve: int(np.isfinite(curve.x + curve.y).sum()))
    kind = next(
        (curve.kind for kind in (LAST, FIRST, MERGE) for curve in named if curve.kind == kind),
        named[0].kind,
    )
    return Boundary(", ".join(_words([curve.name for curve in named])), kind, longest.x, longest.y)


def _words(names: list[str]) -> list[str]:
    """'class a lost', 'class b lost' as 'classes a, b lost'; the same for modes."""
    for one, many in (("class ", "classes "), ("mode ", "modes ")):
        whose = [name for name in names if name.startswith(one) and name.endswith(" lost")]
        if len(whose) > 1:
            joined = many + ", ".join(name[len(one) : -len(" lost")] for name in whose) + " lost"
            names = [joined, *(name for name in names if name not in whose)]
    return names


class _Family:
    """Critical decays anywhere in the plane."""

    def __init__(self, plane: Plane, theorem: str | None) -> None:
        self.plane, self.asked = plane, theorem
        moved = {plane.x.name, plane.y.name}
        few = plane.ufm.classes <= NAMED and "K" not in moved
        self.style = Style(few, not moved & set(COUNTS), plane.tail is not None and plane.tail.step)
        self.theorems: dict[tuple[object, ...], str] = {}

    def at(self, x: float, y: float) -> tuple[UFM, Criticals]:
        """The problem at a point, and its critical decays."""
        ufm = self.plane.problem({self.plane.y.name: y, self.plane.x.name: x})
        key = (ufm.classes, ufm.depth, ufm.width, ufm.balanced)
        if key not in self.theorems:
            try:
                self.theorems[key] = choose(ufm, self.asked).name
            except NoTheorem:
                self.theorems[key] = ""
        return ufm, critical_decays(ufm, self.theorems[key], self.style)

    def levels(self, x: float, y: float) -> Criticals:
        """log(critical / g): positive where it lives."""
        ufm, found = self.at(x, y)
        g = geometric_mean(ufm.decays)
        return {key: math.log(critical / g) for key, critical in found.items()}


def _whole(plane: Plane, axis: Axis) -> bool:
    return axis.whole or (
        axis.name == "n" and plane.tail is not None and plane.tail.rule == "floored"
    )


def _explicit(family: _Family) -> list[Boundary]:
    plane = family.plane
    decay, other = (plane.x, plane.y) if plane.x.name in DECAYS else (plane.y, plane.x)
    values = other.values if _whole(plane, other) else other.samples(SMOOTH)
    some = float(decay.values[0])  # a critical decay does not depend on the decay
    rows = [
        family.at(some, float(v))[1] if decay is plane.x else family.at(float(v), some)[1]
        for v in values
    ]
    curves = []
    for key in dict.fromkeys(key for row in rows for key in row):
        critical = np.array([row.get(key, math.nan) for row in rows])
        ends = (critical, values) if decay is plane.x else (values, critical)
        curves.append(Boundary(key[1], key[0], *ends))
    return curves


def _over_whole_numbers(family: _Family) -> list[Boundary]:
    """For each whole number the zeros along the other axis; the first, second, ... of those that live on the same side form a piece."""
    plane = family.plane
    across = plane.x if _whole(plane, plane.x) else plane.y
    along = plane.y if across is plane.x else plane.x
    at = np.unique(np.linspace(0, len(across) - 1, min(LINES, len(across))).astype(int))
    nodes = along.between(np.linspace(0.0, 1.0, GRID))

    def levels(fixed: float, moving: float) -> Criticals:
        return family.levels(fixed, moving) if across is plane.x else family.levels(moving, fixed)

    zeros: dict[tuple[str, str], dict[tuple[bool, int], dict[float, float]]] = {}
    for fixed in across.values[at].tolist():
        rows = [levels(fixed, node) for node in nodes]
        for key in dict.fromkeys(key for row in rows for key in row):
            h = np.array([row.get(key, math.nan) for row in rows])
            for rising in (True, False):
                for j, i in enumerate(
                    np.flatnonzero((h[:-1] * h[1:] < 0) & ((h[1:] > 0) == rising))
                ):

                    def level(
                        moving: float, fixed: float = fixed, key: tuple[str, str] = key
                    ) -> float:
                        return levels(fixed, moving).get(key, math.nan)

                    pieces = zeros.setdefault(key, {}).setdefault((rising, j), {})
                    pieces[fixed] = _zero(level, nodes[i], nodes[i + 1], along.log)
    curves = []
    for (kind, name), found in zeros.items():
        fixed_, moving = [], []
        for piece in found.values():
            fixed_ += [*across.values[at].tolist(), math.nan]
            moving += [piece.get(v, math.nan) for v in [*across.values[at].tolist(), math.nan]]
        ends = (fixed_, moving) if across is plane.x else (moving, fixed_)
        curves.append(Boundary(name, kind, np.array(ends[0][:-1]), np.array(ends[1][:-1])))
    return curves


def _contours(family: _Family) -> list[Boundary]:
    """Zero lines of the level on a grid, every vertex moved along its grid line to where the level vanishes."""
    from contourpy import contour_generator

    plane = family.plane
    nodes_x, nodes_y = (axis.between(np.linspace(0.0, 1.0, GRID)) for axis in (plane.x, plane.y))
    table = [[family.levels(float(x), float(y)) for x in nodes_x] for y in nodes_y]
    curves = []
    for key in dict.fromkeys(key for row in table for cell in row for key in cell):
        h = np.array([[cell.get(key, math.nan) for cell in row] for row in table])
        if not (np.nanmin(h) < 0 < np.nanmax(h)):
            continue

        def level(x: float, y: float, key: tuple[str, str] = key) -> float:
            return family.levels(x, y).get(key, math.nan)

        xs: list[float] = []
        ys: list[float] = []
        for line in contour_generator(z=np.ma.masked_invalid(h)).lines(0.0):
            for u, v in np.asarray(line):
                i, j = round(u), round(v)
                if abs(u - i) <= abs(v - j):
                    low = min(int(v), GRID - 2)
                    x = float(nodes_x[i])
                    y = _zero(
                        lambda t, x=x: level(x, t), nodes_y[low], nodes_y[low + 1], plane.y.log
                    )
                else:
                    low = min(int(u), GRID - 2)
                    y = float(nodes_y[j])
                    x = _zero(
                        lambda t, y=y: level(t, y), nodes_x[low], nodes_x[low + 1], plane.x.log
                    )
                xs.append(x)
                ys.append(y)
            xs.append(math.nan)
            ys.append(math.nan)
        curves.append(Boundary(key[1], key[0], np.array(xs[:-1]), np.array(ys[:-1])))
    return curves


def _zero(function: Any, low: float, high: float, log: bool) -> float:
    """Where a function changes sign between two points, to rounding; an end where it vanishes."""
    from scipy.optimize import brentq

    low, high = float(low), float(high)
    at_low, at_high = function(low), function(high)
    if at_low == 0.0 or at_high == 0.0 or not at_low * at_high < 0:
        return low if abs(at_low) <= abs(at_high) else high
    if log:
        return math.exp(
            brentq(
                lambda t: function(math.exp(t)),
                math.log(low),
                math.log(high),
                xtol=1e-15,
                rtol=1e-15,
            )
        )
    return float(brentq(function, low, high, xtol=1e-15 * high, rtol=1e-15))


def _enters(plane: Plane, curve: Boundary) -> bool:
    """Whether there is something to draw inside the map: a single point is, over whole numbers only."""
    inside = np.ones(curve.x.size, dtype=bool)
    for values, axis in ((curve.x, plane.x), (curve.y, plane.y)):
        with np.errstate(invalid="ignore"):
            inside &= (values >= axis.values[0]) & (values <= axis.values[-1])
    points = int(np.isfinite(curve.x + curve.y).sum())
    return bool(inside.any()) and (points > 1 or _whole(plane, plane.x) or _whole(plane, plane.y))


def _equal(one: Boundary, other: Boundary) -> bool:
    """Whether two curves over the same values agree to rounding wherever both are defined, at half of the points of each or more."""
    if one.x.size != other.x.size:
        return False
    with np.errstate(invalid="ignore"):
        both = np.isfinite(one.x + one.y + other.x + other.y)
        alike = all(
            np.allclose(a[both], b[both], rtol=1e-12, atol=0.0)
            for a, b in ((one.x, other.x), (one.y, other.y))
        )
    most = max(int(np.isfinite(curve.x + curve.y).sum()) for curve in (one, other))
    return alike and 2 * int(both.sum()) > most
