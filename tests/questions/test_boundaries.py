"""Boundaries of phase maps: on both sides of every point, `predict` says different things."""

import math

import numpy as np
import pytest

import ncsolve
from ncsolve import LongTail, phase_map
from ncsolve.questions.boundaries import Boundary, boundaries

TAIL = LongTail(6, 300, 30)
MANY = LongTail(40, 300, 30)
STEP = LongTail(8, 200, 20, step=True)
DEEP = {"weight_decay": 3e-3, "feature_decay": 3e-3}


def says(ufm):
    """What becomes of the classes, the rank, and how many modes have a non-zero local minimum."""
    prediction = ncsolve.predict(ufm)
    state = prediction.classes.state
    states = [int((state == word).sum()) for word in ("active", "vanished", "merged")]
    return (*states, prediction.solution.sigma_and_frame[0].size, local_minima(ufm))


def local_minima(ufm):
    """How many of the R largest modes have one: (s - tau)^2/(2N) + c s^q is stationary where s^(1-q) (tau - s) = N c q."""
    if ufm.loss.name != "mse" or not isinstance(ufm.bias, str):
        return 0
    codes = ufm.loss.targets(ufm.classes)
    if ufm.bias == "free":
        codes = codes - (codes @ ufm.counts / ufm.samples)[:, None]
    tau = np.linalg.svd(codes * np.sqrt(ufm.counts), compute_uv=False)[: ufm.rank_limit]
    m = ufm.depth
    q, g = 2 / (m + 1), math.exp(np.log(ufm.decays).mean())
    s = tau * (1 - q) / (2 - q)  # where the left side is largest
    return int((s ** (1 - q) * (tau - s) > ufm.samples * g).sum())  # c q = g


def sides(found, boundary, i, width):
    """What is said on both sides of a point, along the first axis on which it differs."""
    point = {found.x.name: float(boundary.x[i]), found.y.name: float(boundary.y[i])}
    for axis in (found.x, found.y):
        if axis.whole or (axis.name == "n" and found.plane.tail.rule == "floored"):
            continue
        low, high = (
            says(found.plane.problem(point | {axis.name: point[axis.name] * (1 + s * width)}))
            for s in (-1, 1)
        )
        if low != high:
            break
    return low, high


def inner(found, boundary, number=4):
    """Some points of a boundary inside the map."""
    inside = [
        i
        for i, (x, y) in enumerate(zip(boundary.x, boundary.y, strict=True))
        if found.x.values[0] * 1.01 < x < found.x.values[-1] / 1.01
        and found.y.values[0] <= y <= found.y.values[-1]
        if not (found.y.name == "ratio" and y * (1 - 1e-6) <= 1.0)
    ]
    return (
        [inside[j] for j in np.unique(np.linspace(0, len(inside) - 1, number).astype(int))]
        if inside
        else []
    )


# map, and for every kind of boundary in it how many curves there are
MAPS = {
    "classes": (
        ({"depth": 3}, TAIL, "decay=1e-4:.1:20", "ratio=1:100:12"),
        {"first loss": 1, "class": 4, "complete collapse": 1, "fold": 2},
    ),
    "classes-transposed": (
        ({}, TAIL, "ratio=1:100:12", "decay=1e-4:.1:20"),
        {"first loss": 1, "class": 4, "complete collapse": 1},
    ),
    "shares": (
        ({"depth": 2}, MANY, "decay=1e-5:.1:20", "ratio=1:100:12"),
        {"first loss": 1, "class": 3, "complete collapse": 1, "fold": 2},
    ),
    "depths": (
        ({}, TAIL, "mean-decay=1e-4:.1:20", "depth=1:5"),
        {"first loss": 1, "class": 4, "complete collapse": 1, "fold": 2},
    ),
    "widths": (
        ({"depth": 2}, TAIL, "decay=1e-4:.1:20", "width=2:7"),
        {"first loss": 1, "class": 4, "complete collapse": 1, "fold": 2},
    ),
    "floored": (
        ({}, LongTail(5, 40, 8, rule="floored"), "decay=1e-3:.3:20", "ratio=1:40:25"),
        {"first loss": 1, "class": 3, "complete collapse": 1},
    ),
    "implicit": (
        ({"depth": 2} | DEEP, TAIL, "ratio=1:100:12", "n=10:3000:12"),
        {"first loss": 1, "class": 2, "fold": 1},
    ),
    "implicit-depths": (
        (DEEP, TAIL, "ratio=1:100:12", "depth=1:4"),
        {"first loss": 1, "class": 1, "fold": 1},
    ),
    "implicit-K": (
        ({"depth": 2} | DEEP, TAIL, "K=2:12", "n=10:3000:12"),
        {"first loss": 1, "class": 2, "fold": 1},
    ),
    "modes": (
        ({"depth": 2, "bias": "free"}, TAIL, "decay=1e-4:.1:20", "ratio=1.5:100:8"),
        {"mode": 4, "complete collapse": 1, "fold": 2},
    ),
    "merging": (
        ({"bias": "free"}, None, "decay=1e-4:.3:20", "depth=1:3"),
        {"merge": 2, "mode": 1, "complete collapse": 1, "fold": 2},
    ),
    "merging-step": (
        ({"depth": 2, "bias": "free"}, STEP, "decay=1e-4:.1:20", "ratio=1:100:9"),
        {"merge": 2, "complete collapse": 1, "fold": 2},
    ),
    "targets": (
        (
            {"loss": ncsolve.Squared([[1, 2, 0, -1, 1, 0], [0, 1, 3, 1, 1, 0]])},
            None,
            "decay=1e-4:3:9",
            "depth=1:3",
        ),
        {"mode": 1, "complete collapse": 1, "fold": 2},
    ),
    "relu": (
        ({"loss": "ce", "features": "relu"}, TAIL, "decay=1e-4:.1:20", "ratio=1:100:9"),
        {"first loss": 1, "class": 4, "complete collapse": 1},
    ),
    "relu-smoothed": (
        (
            {"loss": ncsolve.CrossEntropy(smoothing=0.2), "features": "relu"},
            TAIL,
            "decay=1e-4:.1:20",
            "n=10:300:9",
        ),
        {"first loss": 1, "class": 4, "complete collapse": 1},
    ),
    "regularized": (
        ({}, LongTail(5, 80, 1), "decay=1e-4:.1:9", "bias-decay=1e-3:10:9"),
        {"simplex": 1, "complete collapse": 1},
    ),
    "ce-balanced": (
        (
            {"loss": ncsolve.CrossEntropy(smoothing=0.2)},
            LongTail(5, 80, 1),
            "decay=1e-4:.1:9",
            "n=10:100:9",
        ),
        {"complete collapse": 1},
    ),
}


def mapped(problem, tail, x, y, fields="active"):
    counts = [200, 200, 50, 50, 50, 10] if tail is None else tail.counts()
    return phase_map(ncsolve.UFM(counts, **problem), x, y, long_tail=tail, fields=fields)


@pytest.mark.parametrize("name", list(MAPS))
def test_every_point_of_a_boundary_has_something_else_on_either_side(name):
    problem, kinds = MAPS[name]
    found = mapped(*problem)
    assert {
        kind: sum(b.kind == kind for b in found.boundaries)
        for kind in {b.kind for b in found.boundaries}
    } == kinds
    checked = 0
    for boundary in found.boundaries:
        for i in inner(found, boundary):
            low, high = sides(found, boundary, i, 1e-9)
            assert low != high, (boundary.name, boundary.x[i], boundary.y[i], low)
            checked += 1
    assert checked >= 2 * len(found.boundaries)


@pytest.mark.parametrize(
    "name",
    ["classes", "classes-transposed", "depths", "floored", "implicit", "implicit-depths", "relu"],
)
def test_every_class_that_is_lost_somewhere_in_the_map_has_its_curve(name):
    problem, _ = MAPS[name]
    found = mapped(*problem)
    active = found.fields["active"]
    assert (
        sum(boundary.kind != "fold" for boundary in found.boundaries) == active.max() - active.min()
    )


@pytest.mark.parametrize("name", ["classes", "modes", "merging", "relu", "regularized"])
def test_a_curve_that_is_one_percent_off_would_be_noticed(name):
    problem, _ = MAPS[name]
    found = mapped(*problem)
    for boundary in found.boundaries:
        off = Boundary(boundary.name, boundary.kind, boundary.x * 1.01, boundary.y)
        noticed = [
            low == high for low, high in (sides(found, off, i, 1e-9) for i in inner(found, off))
        ]
        assert any(noticed)


@pytest.mark.parametrize(
    ("name", "kind", "change"),
    [
        ("classes", "first loss", (-1, 1, 0)),
        ("classes", "class", (-1, 1, 0)),
        ("relu", "class", (-1, 1, 0)),
        ("merging-step", "complete collapse", (-4, 4, 0)),
    ],
)
def test_crossing_a_class_boundary_towards_larger_decays_loses_exactly_its_classes(
    name, kind, change
):
    problem, _ = MAPS[name]
    found = mapped(*problem)
    for boundary in (b for b in found.boundaries if b.kind == kind):
        for i in inner(found, boundary):
            low, high = sides(found, boundary, i, 1e-9)
            assert tuple(np.subtract(high, low)[:3]) == change


def test_with_a_free_bias_classes_merge_then_vanish_where_the_curves_say():
    found = phase_map(
        ncsolve.UFM([200, 200, 50, 50, 50, 10], bias="free"),
        "decay=1e-4:.3:20",
        "depth=1:2",
        fields="active",
    )
    names = {b.name: float(b.x[0]) for b in found.boundaries}  # M = 1
    changes = {
        "classes of 50 merge": ((6, 0, 0), (3, 0, 3)),
        "merged classes vanish": ((3, 0, 3), (2, 4, 0)),
        "classes of 200 merge, all modes lost": ((2, 4, 0), (0, 6, 0)),
    }
    for name, change in changes.items():
        ends = tuple(
            says(found.plane.problem({"decay": names[name] * s, "depth": 1}))[:3]
            for s in (1 - 1e-9, 1 + 1e-9)
        )
        assert ends == change, name


def test_the_field_of_a_fine_map_changes_between_the_cells_that_a_curve_passes():
    found = phase_map(
        ncsolve.UFM(TAIL.counts(), depth=2),
        "decay=1e-4:.1:300",
        "ratio=1.1:100:20",
        long_tail=TAIL,
        fields="active",
    )
    active = found.fields["active"]
    curves = [b for b in found.boundaries if b.kind != "fold"]
    for row, ratio in enumerate(found.y.values):
        crossings = np.sort([b.x[np.flatnonzero(b.y == ratio)[0]] for b in curves])
        expected = len(curves) - np.searchsorted(crossings, found.x.values, side="left")
        assert active[row].tolist() == expected.tolist()


def test_curves_are_the_formulas_of_the_theory():
    found = phase_map(
        ncsolve.UFM(TAIL.counts(), depth=3),
        "decay=1e-5:1:5",
        "ratio=1:100:5",
        long_tail=TAIL,
        fields="active",
    )
    last = next(b for b in found.boundaries if b.kind == "complete collapse")
    for lam, ratio in zip(last.x, last.y, strict=True):
        n = [300 * ratio ** (-k / 5) for k in range(6)]
        # n^M (M-1)^(M-1) = N^(M+1) lambda^(M+1) M^(2M)
        assert math.isclose(300**3 * 4, (sum(n) * lam) ** 4 * 3**6, rel_tol=1e-13)
    balanced = phase_map(
        ncsolve.UFM([80] * 5, bias=1.0),
        "decay=1e-4:1e-1:5",
        "bias-decay=1e-3:10:5",
        fields="cosine",
    )
    simplex = next(b for b in balanced.boundaries if b.kind == "simplex")
    pull = 400 * simplex.x / math.sqrt(80)  # lambda_b = N c / (sqrt n - N c)
    np.testing.assert_allclose(simplex.y, pull / (1 - pull), rtol=1e-12)


def test_the_fold_is_a_constant_factor_from_the_loss():
    found = phase_map(
        ncsolve.UFM(TAIL.counts(), depth=2),
        "decay=1e-5:1:5",
        "ratio=1:100:5",
        long_tail=TAIL,
        fields="active",
    )
    by_kind = {b.kind: b for b in found.boundaries}
    fold = next(b for b in found.boundaries if b.name == "no local minimum but zero")
    # M = 2 in h of the theory: threshold .5, h_max = 3 sqrt(3) / 8; beta grows like g^(3/2)
    np.testing.assert_allclose(
        fold.x / by_kind["complete collapse"].x, (3 * math.sqrt(3) / 4) ** (2 / 3), rtol=1e-13
    )


def test_cross_entropy_merges_vanishes_and_collapses_where_its_curves_say():
    found = phase_map(
        ncsolve.UFM([200, 200, 50, 50, 10, 10], "ce"),
        "decay=1e-3:.1:40",
        "width=6,7",
        fields="merged,vanished,active",
    )
    names = {b.name: float(b.x[0]) for b in found.boundaries}
    assert set(names) == {
        "classes of 10 merge",
        "classes of 50 merge",
        "classes of 200 merge, all lost",
        "merged classes vanish",
    }
    expected = {
        "classes of 10 merge": (4, 0, 2),
        "classes of 50 merge": (2, 0, 4),
        "merged classes vanish": (2, 4, 0),
    }
    before = (6, 0, 0)
    for name, after in (*expected.items(), ("classes of 200 merge, all lost", (0, 6, 0))):
        width = 1e-5 if "vanish" in name else 1e-9  # the engine drops means below a share of 1e-9
        low, high = (
            says(found.plane.problem({"decay": names[name] * (1 + s * width)}))[:3] for s in (-1, 1)
        )
        assert (low, high) == (before, after), name
        before = after


def test_long_tails_of_cross_entropy_collapse_on_a_curve_and_nowhere_else():
    found = phase_map(
        ncsolve.UFM(TAIL.counts(), "ce"),
        "decay=1e-4:.1:60",
        "ratio=1:100:9",
        long_tail=TAIL,
        fields="active",
    )
    (curve,) = found.boundaries
    for row, ratio in enumerate(found.y.values):
        collapse = curve.x[np.flatnonzero(curve.y == ratio)[0]]
        assert (
            found.fields["active"][row].tolist()
            == np.where(found.x.values < collapse, 6, 0).tolist()
        )


def test_the_deep_simplex_dies_on_its_curve():
    found = phase_map(
        ncsolve.UFM([50] * 4, "ce"),
        "decay=1e-3:1:5",
        "depth=2:4",
        theorem="deep_simplex",
        fields="active",
    )
    (curve,) = found.boundaries
    for decay, depth in zip(curve.x, curve.y, strict=True):
        states = [
            ncsolve.predict(
                found.plane.problem({"decay": decay * factor, "depth": depth}), "deep_simplex"
            ).classes.state[0]
            for factor in (1 - 1e-9, 1 + 1e-9)
        ]
        assert states == ["active", "vanished"]


def test_two_axes_of_whole_numbers_have_no_curve_and_a_limit_has_none():
    assert (
        phase_map(ncsolve.UFM(TAIL.counts()), "depth=1:4", "width=1:6", long_tail=TAIL).boundaries
        == ()
    )
    seli = phase_map(
        ncsolve.UFM(TAIL.counts(), "ce"),
        "ratio=1:9:2",
        "K=3:4",
        long_tail=TAIL,
        limit="vanishing-decay",
    )
    assert seli.boundaries == ()
    assert seli.fields["cosine_min"][0, 0] == pytest.approx(-0.5, abs=1e-14)


def test_curves_outside_the_map_are_left_out_and_equal_ones_are_one():
    found = phase_map(ncsolve.UFM([50, 50, 50]), "decay=1e-4:1e-1:5", "width=3:5", fields="active")
    assert [b.name for b in found.boundaries] == ["classes 0, 1, 2 lost"]
    assert (
        phase_map(
            ncsolve.UFM([50, 50, 50]), "decay=1e-9:1e-8:5", "width=3:5", fields="active"
        ).boundaries
        == ()
    )


def test_curves_are_smooth_whatever_the_grid_of_the_map():
    found = phase_map(
        ncsolve.UFM(TAIL.counts()),
        "decay=1e-4:.1:3",
        "ratio=1:100:3",
        long_tail=TAIL,
        fields="active",
    )
    for curve in boundaries(found.plane):
        assert curve.x.size >= 200
        assert set(found.y.values) <= set(curve.y)
