r"""Curves in a map across which something is lost, from what the theorems say of it (`Theorem.losses`).

With a decay on one axis the curve is explicit: decay = critical decay of the problem at each value of the other axis. Else it is the set
where the critical decay equals g: zeros of log(critical/g), found along the lines of a grid and each solved to rounding (Brent).
Nothing here looks at the fields of the map.

Between whole numbers nothing is defined: a curve over such an axis has a point at each of them; with two such axes there is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..analytic.reduction import geometric_mean
from ..analytic.theorem import Theorem
from ..problem.errors import NoTheorem
from ..problem.fields import TAIL
from ..theorems.predict import choose
from ..values import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..problem.losses import Array
    from ..problem.ufm import UFM
    from .axes import Plane

SMOOTH = 200  # points of an explicit curve over a continuous axis
GRID, LINES = (
    48,
    128,
)  # lines of the grid for implicit curves; whole numbers at which they are solved
NAMED = 8  # classes, groups: up to so many are told apart
CLASS, FIRST, LAST, MERGE, MODE, FOLD = (
    "class",
    "first loss",
    "complete collapse",
    "merge",
    "mode",
    "fold",
)
SHARES = (
    (1.0, "first"),
    (0.75, "fewer than 3/4"),
    (0.5, "fewer than half"),
    (0.25, "fewer than 1/4"),
    (0.0, "all"),
)
EXPLICIT = (
    "decay",
    "mean-decay",
)  # axes whose value is g, up to a factor that no critical decay sees

#: (kind, name) -> critical geometric mean of the decays.
Criticals = dict[tuple[str, str], float]


@dataclass(frozen=True, eq=False, repr=False)
class Boundary(Value):
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


def boundaries(plane: Plane, theorem: str | None = None, limit: str = "") -> tuple[Boundary, ...]:
    """Every boundary that enters the map; equal curves are one, under both names."""
    family, whole = _Family(plane, theorem), [plane.whole(axis) for axis in (plane.x, plane.y)]
    if limit:
        return ()
    if {plane.x.name, plane.y.name} & set(EXPLICIT):
        curves = _explicit(family)
    elif all(whole):
        return ()
    else:
        curves = _over_whole_numbers(family) if any(whole) else _contours(family)
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
    kinds = [kind for kind in (LAST, FIRST, MERGE) if kind in (curve.kind for curve in named)]
    names = [curve.name for curve in named]
    for one, many in (("class ", "classes "), ("mode ", "modes ")):  # 'classes a, b lost'
        whose = [name for name in names if name.startswith(one) and name.endswith(" lost")]
        if len(whose) > 1:
            joined = ", ".join(name[len(one) : -len(" lost")] for name in whose)
            names = [f"{many}{joined} lost", *(name for name in names if name not in whose)]
    return Boundary(", ".join(names), [*kinds, named[0].kind][0], longest.x, longest.y)


class _Family:
    """Critical decays anywhere in the plane, and their names: classes and groups one by one while they are few and stay what they are."""

    def __init__(self, plane: Plane, theorem: str | None) -> None:
        self.plane, self.asked = plane, theorem
        names = {plane.x.name, plane.y.name}
        self.by_class = plane.ufm.classes <= NAMED and "K" not in names
        self.by_count = not names & set(TAIL)
        self.step = plane.tail is not None and plane.tail.step
        self.theorems: dict[tuple[object, ...], Theorem | None] = {}

    def at(self, x: float, y: float) -> tuple[UFM, Criticals]:
        """The problem at a point, and its critical decays."""
        ufm = self.plane.problem({self.plane.y.name: y, self.plane.x.name: x})
        key = (ufm.classes, ufm.depth, ufm.width, ufm.balanced, *ufm.loss.parameters())
        if key not in self.theorems:
            try:
                self.theorems[key] = choose(ufm, self.asked)
            except NoTheorem:
                self.theorems[key] = None
        theorem = self.theorems[key]
        return ufm, {} if theorem is None else self.criticals(ufm, theorem)

    def levels(self, x: float, y: float) -> Criticals:
        """log(critical / g): positive where it lives."""
        ufm, criticals = self.at(x, y)
        g = geometric_mean(ufm.decays)
        return {key: math.log(critical / g) for key, critical in criticals.items()}

    def criticals(self, ufm: UFM, theorem: Theorem) -> Criticals:
        """What `theorem` says is lost, by name."""
        lost = theorem.losses(ufm)
        named: Criticals = {}
        if lost.classes.size and self.by_class:
            order = np.argsort(-ufm.counts, kind="stable")[: lost.classes.size]
            for j, k in enumerate(order):
                kind = {0: LAST, ufm.classes - 1: FIRST}.get(j, CLASS)
                named[kind, f"class {ufm.names[k]} lost"] = float(lost.classes[j])
        elif lost.classes.size:
            named |= _shares(lost.classes, CLASS, "classes", {1.0: FIRST, 0.0: LAST})
        named |= self._merges(ufm.counts, *lost.contrasts)
        if not math.isnan(lost.means):
            named[MERGE, "merged classes vanish"] = lost.means
        if lost.modes.size and self.by_class:
            named |= {(MODE, f"mode {j + 1} lost"): float(d) for j, d in enumerate(lost.modes) if j}
            named[LAST, "all modes lost"] = float(lost.modes[0])
        elif lost.modes.size:
            named |= _shares(lost.modes, MODE, "modes", {0.0: LAST})
        if lost.folds.size:
            named[FOLD, "first local minimum lost"] = float(lost.folds[-1])
            named[FOLD, "no local minimum but zero"] = float(lost.folds[0])
        if not math.isnan(lost.everything):
            named[LAST, "all lost"] = lost.everything
        return named | lost.named

    def _merges(self, all_counts: Array, counts: Array, decays: Array) -> Criticals:
        if not counts.size:
            return {}
        if self.by_count and counts.size <= NAMED:
            pairs = zip(counts, decays, strict=True)
            return {(MERGE, f"classes of {n:g} merge"): float(d) for n, d in pairs}
        if self.step and np.unique(all_counts).size == 2 == counts.size:
            ends = ("smaller classes merge", decays[0]), ("larger classes merge", decays[-1])
        else:
            ends = ("first classes merge", decays.min()), ("all equal classes merged", decays.max())
        return {(MERGE, name): float(decay) for name, decay in ends}


def _shares(decays: Array, kind: str, what: str, kinds: dict[float, str]) -> Criticals:
    """Decays, falling, at which the first, a quarter, ..., all of them are lost."""
    named: Criticals = {}
    for share, says in SHARES:
        rank = max(1, math.ceil(share * decays.size)) - 1
        label = {1.0: f"first {kind} lost", 0.0: f"all {what} lost"}.get(
            share, f"{says} of the {what} left"
        )
        named[kinds.get(share, kind), label] = float(decays[rank])
    return named


def _explicit(family: _Family) -> list[Boundary]:
    plane = family.plane
    across = plane.x.name in EXPLICIT
    decay, other = (plane.x, plane.y) if across else (plane.y, plane.x)
    values = other.values if plane.whole(other) else other.samples(SMOOTH)
    some = float(decay.values[0])  # a critical decay does not depend on the decay
    rows = [family.at(*((some, v) if across else (v, some)))[1] for v in values.tolist()]
    curves = []
    for key in dict.fromkeys(key for row in rows for key in row):
        critical = np.array([row.get(key, math.nan) for row in rows])
        ends = (critical, values) if across else (values, critical)
        curves.append(Boundary(key[1], key[0], *ends))
    return curves


def _over_whole_numbers(family: _Family) -> list[Boundary]:
    """For each whole number the zeros along the other axis; the first, second, ... of those that live on the same side form a piece."""
    plane = family.plane
    over_x = plane.whole(plane.x)
    across, along = (plane.x, plane.y) if over_x else (plane.y, plane.x)
    at = np.unique(np.linspace(0, len(across) - 1, min(LINES, len(across))).astype(int))
    nodes = along.between(np.linspace(0.0, 1.0, GRID))
    fixed_values = across.values[at].tolist()

    def level(key: tuple[str, str], fixed: float) -> Callable[[float], float]:
        return lambda moving: levels(fixed, moving).get(key, math.nan)

    def levels(fixed: float, moving: float) -> Criticals:
        return family.levels(fixed, moving) if over_x else family.levels(moving, fixed)

    zeros: dict[tuple[str, str], dict[tuple[bool, int], dict[float, float]]] = {}
    for fixed in fixed_values:
        rows = [levels(fixed, node) for node in nodes]
        for key in dict.fromkeys(key for row in rows for key in row):
            h = np.array([row.get(key, math.nan) for row in rows])
            for rising in (True, False):
                changes = np.flatnonzero((h[:-1] * h[1:] < 0) & ((h[1:] > 0) == rising))
                for j, i in enumerate(changes):
                    piece = zeros.setdefault(key, {}).setdefault((rising, j), {})
                    piece[fixed] = _zero(level(key, fixed), nodes[i], nodes[i + 1], along.log)
    curves = []
    for (kind, name), pieces in zeros.items():
        fixed_ = np.array([*fixed_values, math.nan] * len(pieces))[:-1]
        moving = [
            piece.get(v, math.nan) for piece in pieces.values() for v in [*fixed_values, None]
        ]
        ends = fixed_, np.array(moving[:-1], dtype=np.float64)
        curves.append(Boundary(name, kind, *(ends if over_x else ends[::-1])))
    return curves


def _contours(family: _Family) -> list[Boundary]:
    """Zero lines of the level on a grid, every vertex moved along its grid line to where the level vanishes."""
    from contourpy import contour_generator

    axes = family.plane.x, family.plane.y
    nodes = [axis.between(np.linspace(0.0, 1.0, GRID)) for axis in axes]
    table = [[family.levels(float(x), float(y)) for x in nodes[0]] for y in nodes[1]]
    curves = []
    for key in dict.fromkeys(key for row in table for cell in row for key in cell):
        h = np.array([[cell.get(key, math.nan) for cell in row] for row in table])
        if not (np.nanmin(h) < 0 < np.nanmax(h)):
            continue

        def on_line(vertex: Array, key: tuple[str, str] = key) -> list[float]:
            off = np.abs(vertex - np.rint(vertex))
            moving = 1 if off[0] <= off[1] else 0  # the vertex lies on a line of the other axis
            low, grid = min(int(vertex[moving]), GRID - 2), nodes[moving]
            point = [float(nodes[i][round(vertex[i])]) for i in (0, 1)]

            def level(t: float) -> float:
                x, y = (point[0], t) if moving else (t, point[1])
                return family.levels(x, y).get(key, math.nan)

            point[moving] = _zero(level, grid[low], grid[low + 1], axes[moving].log)
            return point

        points: list[list[float]] = []
        for line in contour_generator(z=np.ma.masked_invalid(h)).lines(0.0):
            points += [*map(on_line, np.asarray(line)), [math.nan, math.nan]]
        x, y = np.array(points[:-1]).reshape(-1, 2).T
        curves.append(Boundary(key[1], key[0], x, y))
    return curves


def _zero(function: Callable[[float], float], low: float, high: float, log: bool) -> float:
    """Where a function changes sign between two points, to rounding; an end where it vanishes."""
    from scipy.optimize import brentq

    low, high = float(low), float(high)
    at_low, at_high = function(low), function(high)
    if at_low == 0.0 or at_high == 0.0 or not at_low * at_high < 0:
        return low if abs(at_low) <= abs(at_high) else high
    if not log:
        return float(brentq(function, low, high, xtol=1e-15 * high, rtol=1e-15))
    ends = math.log(low), math.log(high)
    return math.exp(brentq(lambda t: function(math.exp(t)), *ends, xtol=1e-15, rtol=1e-15))


def _enters(plane: Plane, curve: Boundary) -> bool:
    """Whether there is something to draw inside the map: a single point is, over whole numbers only."""
    inside = np.ones(curve.x.size, dtype=bool)
    for values, axis in ((curve.x, plane.x), (curve.y, plane.y)):
        with np.errstate(invalid="ignore"):
            inside &= (values >= axis.values[0]) & (values <= axis.values[-1])
    points = int(np.isfinite(curve.x + curve.y).sum())
    return bool(inside.any()) and (points > 1 or plane.whole(plane.x) or plane.whole(plane.y))


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
