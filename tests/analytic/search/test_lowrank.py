"""Best known minimizers of deep cross-entropy against the definition, scalar problems, raw descents and known values."""

import math
from itertools import islice

import numpy as np
import pytest

import ncsolve
from ncsolve.analytic.reduction import reduce
from ncsolve.analytic.search.fixed_rank import FixedRank
from ncsolve.analytic.search.frames import (
    frames,
    geometry,
    orthogonal,
    paley,
    polygon,
    simplex,
    triangular,
)
from ncsolve.analytic.search.lowrank import best_known
from ncsolve.problem.descend import lbfgs
from ncsolve.problem.losses import class_columns
from ncsolve.problem.objective import objective_over

LONG_TAIL = (50.0, 50.0, 20.0, 20.0, 5.0)


def problem(counts, depth, decay=5e-4, bias="none", width=None):
    return ncsolve.UFM(
        counts,
        loss="ce",
        depth=depth,
        weight_decay=decay,
        feature_decay=decay,
        bias=bias,
        width=width or len(counts),
    )


def solve(ufm, **options):
    reduction = reduce(ufm)
    columns = class_columns(ufm.loss, ufm.counts)
    limits = {"rank_limit": reduction.rank_limit, "bias_decay": ufm.bias_decay}
    return best_known(
        columns, classes=ufm.classes, c=reduction.c, q=reduction.q, **limits, **options
    )


def by_definition(ufm, a, bias):
    """f from the logits of every class and the singular values of A, rank read off by NumPy."""
    logits = a / np.sqrt(ufm.counts) + bias[:, None]
    losses = np.log(np.exp(logits).sum(axis=0)) - np.diag(logits)
    sigma = np.linalg.svd(a, compute_uv=False)
    sigma = sigma[sigma > 1e-12 * max(sigma[0], 1e-300)]
    reduction = reduce(ufm)
    decay = 0.0 if math.isinf(ufm.bias_decay) else 0.5 * ufm.bias_decay * bias @ bias
    return float(
        losses @ ufm.counts / ufm.samples + reduction.c * np.sum(sigma**reduction.q) + decay
    )


def simplex_value(classes, ufm):
    """The scalar problem of the simplex, on a grid that closes in on its best point."""
    reduction, n = reduce(ufm), float(ufm.counts[0])
    low, high = 0.0, 80.0
    for _ in range(10):
        a = np.linspace(low, high, 4001)
        f = (
            np.log1p((classes - 1) * np.exp(-a))
            + reduction.c * (classes - 1) * (a * np.sqrt(n)) ** reduction.q
        )
        best = int(np.argmin(f))
        low, high = a[max(best - 2, 0)], a[min(best + 2, a.size - 1)]
    return float(f[best])


KNOWN = {
    "K=4 M=3": (4, 3, 0.02548199713471, 2),
    "K=4 M=6": (4, 6, 0.0155758575456, 2),
    "K=10 M=3": (
        10,
        3,
        0.06324096900477,
        3,
    ),  # the known value has four equal modes; three do better
    "K=10 M=6": (10, 6, 0.03118497053641, 3),
}


@pytest.mark.parametrize("name", KNOWN)
def test_balanced_values_reach_the_best_known(name):
    classes, depth, value, rank = KNOWN[name]
    found = solve(problem([100] * classes, depth))
    # measured: 6e-15 above (K = 4, M = 3), the others below
    assert found.value < value * (1 + 1e-11)
    assert found.sigma.size == rank


def test_ten_classes_at_depth_three_have_a_network_below_the_frame_of_the_petersen_graph():
    ufm = problem([100] * 10, 3)
    found = solve(ufm)
    # every factor of a minimal factorization, equal decays: sigma^(q/2)
    layer = np.sqrt(found.sigma**0.5)
    features = np.repeat(layer[:, None] * found.right.T / 10.0, 100, axis=1)
    weights = (np.diag(layer), np.diag(layer), found.left * layer)
    narrow = problem([100] * 10, 3, width=3)
    raw = ncsolve.objective(narrow, ncsolve.Parameters(weights, features, np.zeros(10)))
    assert abs(raw / found.value - 1) < 1e-13  # measured 2.2e-16
    assert raw < 0.0624351 < 0.06324096900477


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_three_classes_are_a_simplex(depth):
    ufm = problem([100] * 3, depth)
    found = solve(ufm)
    assert abs(found.value / simplex_value(3, ufm) - 1) < 1e-13  # measured 5e-16
    assert found.geometry == "simplex"
    assert found.sigma[0] == pytest.approx(found.sigma[1], rel=1e-7)  # measured 2.2e-16


@pytest.mark.parametrize("bias", ["none", "free", 0.01])
@pytest.mark.parametrize(
    ("counts", "depth"), [([100] * 5, 2), (LONG_TAIL, 3)], ids=["balanced", "long tail"]
)
def test_the_value_is_that_of_the_definition_and_no_move_of_the_factors_lowers_it(
    counts, depth, bias
):
    ufm = problem(counts, depth, 1e-3, bias)
    found = solve(ufm)
    for frame in (found.left, found.right):
        # measured 1.4e-15
        np.testing.assert_allclose(frame.T @ frame, np.eye(found.sigma.size), atol=1e-12)
    assert (np.diff(found.sigma) <= 0).all()
    assert found.table[0][1:] == (found.sigma.size, found.value)
    assert (
        abs(
            by_definition(ufm, (found.left * found.sigma) @ found.right.T, found.bias) / found.value
            - 1
        )
        < 1e-12
    )  # measured 3.3e-15

    rng, step = np.random.default_rng(7), 1e-4
    free = 0.0 if bias == "none" else 1.0

    def slope(scale):
        left, right = (
            found.left * np.sqrt(scale * found.sigma),
            found.right * np.sqrt(scale * found.sigma),
        )
        dl, dr, db = (
            rng.normal(size=left.shape),
            rng.normal(size=right.shape),
            free * rng.normal(size=len(counts)),
        )
        near = [
            by_definition(ufm, (left + s * dl) @ (right + s * dr).T, found.bias + s * db)
            for s in (step, -step)
        ]
        return (near[0] - near[1]) / (2 * step)

    # measured 4.2e-10, from the third derivative and the step
    assert max(abs(slope(1.0)) for _ in range(20)) < 1e-9
    assert max(abs(slope(1.01)) for _ in range(20)) > 1e-5  # 1% away: measured 3e-4


@pytest.mark.parametrize("bias", ["none", "free"])
def test_thirty_raw_descents_do_not_beat_a_long_tail(bias):
    ufm = problem(LONG_TAIL, 2, 1e-3, bias)
    found = solve(ufm)
    raw, rng, values = (
        objective_over(ufm, class_columns(ufm.loss, ufm.counts)),
        np.random.default_rng(1),
        [],
    )
    for start in range(30):
        theta = rng.normal(size=raw.size) * (0.3, 1.0, 2.0)[start % 3]
        with np.errstate(over="ignore", invalid="ignore"):
            last = list(islice(lbfgs(raw.value_and_gradient, theta, 20), 4000))[-1]
        values.append(last[1])
    assert min(values) > found.value * (1 - 1e-12)  # measured 4e-16 above
    assert min(values) < found.value * (1 + 1e-6)  # 2 of 30 get there without a bias, 8 with one
    assert max(values) > found.value * 1.001  # the worst is 3% above


def test_the_order_of_the_classes_does_not_matter():
    values = [
        solve(problem(np.array(LONG_TAIL)[order], 2, 1e-3)).value
        for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1])
    ]
    assert abs(values[1] / values[0] - 1) < 1e-12  # measured 0


def test_the_same_question_gets_the_same_answer():
    one, other = (solve(problem(LONG_TAIL, 3)) for _ in range(2))
    assert one.table == other.table
    assert (one.left == other.left).all()


@pytest.mark.parametrize("classes", [4, 7])
def test_at_depth_one_and_full_rank_it_is_the_closed_form_and_below_full_rank_above_it(classes):
    ufm = problem([100] * classes, 1)
    c = reduce(ufm).c
    a = math.log(1 / (c * 10.0) - classes + 1)
    exact = math.log1p((classes - 1) * math.exp(-a)) + c * (classes - 1) * a * 10.0
    found = solve(ufm)
    assert abs(found.value / exact - 1) < 1e-13  # measured 3e-16
    assert found.geometry == "simplex"
    values = [solve(problem([100] * classes, 1, width=width)).value for width in range(1, classes)]
    assert values[-1] == pytest.approx(exact, rel=1e-12)  # measured 3e-16
    assert (
        np.diff(values) < -0.01 * exact
    ).all()  # the smallest step, from width 5 to 6 at K = 7, is 4.8%


def test_zero_wins_where_decay_is_heavy():
    ufm = problem([100] * 5, 3, 0.2)
    found = solve(ufm)
    assert found.value == pytest.approx(math.log(5), rel=1e-14)  # measured 2.2e-16
    assert (found.sigma.size, found.geometry, found.table[0][0]) == (0, "zero", "zero")


def test_zero_with_a_free_bias_is_the_entropy_of_the_counts():
    found = solve(problem(LONG_TAIL, 2, 0.5, "free"))
    share = np.array(LONG_TAIL) / sum(LONG_TAIL)
    assert found.sigma.size == 0
    assert found.value == pytest.approx(-(share @ np.log(share)), rel=1e-13)  # measured 0


def test_progress_rises_to_its_total():
    said = []
    solve(problem([100] * 4, 2), progress=lambda done, total: said.append((done, total)))
    done, total = zip(*said, strict=True)
    assert len(set(total)) == 1
    assert list(done) == sorted(set(done))
    assert done[-1] == total[-1]


@pytest.mark.parametrize(("depth", "width"), [(2, 5), (3, 5), (2, 3)])
def test_squared_loss_without_bias_is_solved_mode_by_mode(depth, width):
    ufm = ncsolve.UFM(LONG_TAIL, depth=depth, width=width, weight_decay=5e-4, feature_decay=5e-4)
    reduction, gains = reduce(ufm), []
    for tau in np.sqrt(LONG_TAIL):
        low, high = 0.0, tau
        for _ in range(10):
            s = np.linspace(low, high, 4001)
            f = (s - tau) ** 2 / (2 * ufm.samples) + reduction.c * s**reduction.q
            best = int(np.argmin(f))
            low, high = s[max(best - 2, 0)], s[min(best + 2, s.size - 1)]
        gains.append(tau**2 / (2 * ufm.samples) - f[best])
    exact = 0.5 - sum(sorted(gains)[-width:])
    assert abs(solve(ufm).value / exact - 1) < 1e-12  # measured 2.2e-16


@pytest.mark.slow
def test_a_hundred_classes_stay_usable():
    ufm = problem([100] * 100, 6)
    found = solve(ufm)  # 9 s on one core
    assert found.value < 0.1001  # measured .09996; the simplex has .636
    assert (
        abs(
            by_definition(ufm, (found.left * found.sigma) @ found.right.T, found.bias) / found.value
            - 1
        )
        < 1e-12
    )


@pytest.mark.parametrize("q", [1.0, 2 / 3, 2 / 7])
@pytest.mark.parametrize("bias_decay", [math.inf, 0.0, 0.3])
def test_factors_have_the_slopes_of_finite_differences_and_bound_the_quasi_norm(q, bias_decay):
    columns, rng = (
        class_columns(ncsolve.CrossEntropy(), np.array(LONG_TAIL)),
        np.random.default_rng(3),
    )
    fixed = FixedRank(columns, 5, 0.01, q, bias_decay)
    bias = rng.normal(size=5) if bias_decay < math.inf else np.zeros(0)
    theta = np.concatenate([2 * rng.normal(size=30), bias])
    v, step = rng.normal(size=theta.size), 1e-5
    value, gradient = fixed.value_and_gradient(theta)
    (up, up_gradient), (down, down_gradient) = (
        fixed.value_and_gradient(theta + s * v) for s in (step, -step)
    )
    assert abs((up - down) / (2 * step) - gradient @ v) < 1e-9  # measured 7.4e-11
    np.testing.assert_allclose(
        fixed.hessian_product(theta)(v), (up_gradient - down_gradient) / (2 * step), atol=1e-9
    )  # 4.8e-11
    parts = fixed.decompose(theta)
    assert fixed.reduced(*parts) < value - 1e-3  # unbalanced: 2e-3 to .23 below
    assert fixed.value_and_gradient(fixed.pack(*parts))[0] == pytest.approx(
        fixed.reduced(*parts), rel=1e-13
    )  # measured 0


ICOSAHEDRON = np.array(
    [
        np.roll([0, s, t * (1 + math.sqrt(5)) / 2], i) / math.sqrt((5 + math.sqrt(5)) / 2)
        for i in range(3)
        for s in (1, -1)
        for t in (1, -1)
    ]
).T
NAMES = {
    "simplex": simplex(7),
    "square": polygon(4),
    "orthoplex": np.concatenate([np.eye(3), -np.eye(3)], axis=1),
    "2 orthogonal simplices of sizes 4, 3": orthogonal([simplex(3), simplex(4)]),
    "regular pentagon": polygon(5),
    "regular 11-gon": polygon(11),
    "orthogonal sum of: regular pentagon (5 classes); simplex (2 classes)": orthogonal(
        [polygon(5), simplex(2)]
    ),
    "icosahedron": ICOSAHEDRON,
    "rank-3 configuration with 2 distinct angles": np.concatenate([np.ones((1, 4)), polygon(4)]),
    "simplex, merged classes in groups of sizes 2, 2, 1": simplex(3)[:, [0, 0, 1, 1, 2]],
    "simplex, 2 classes at zero": np.pad(simplex(4), ((0, 0), (1, 1))),
    "3 orthogonal directions": np.eye(3),
    "zero": np.zeros((2, 3)),
}


@pytest.mark.parametrize("name", NAMES)
def test_known_arrangements_are_named_whatever_the_rotation_order_and_lengths(name):
    rng = np.random.default_rng(11)
    x = NAMES[name] * rng.uniform(0.5, 2.0, NAMES[name].shape[1])
    rotation, _ = np.linalg.qr(rng.normal(size=(len(x), len(x))))
    moved = (rotation @ x)[:, rng.permutation(x.shape[1])]
    # one direction, lengths that differ
    assert geometry(moved.T @ moved) == name.replace("merged", "aligned")
    even = moved / np.maximum(np.linalg.norm(moved, axis=0), 1e-300)
    assert geometry(even.T @ even) == name
    if name != "zero":
        moved = moved + 0.01 * rng.normal(size=moved.shape)
        assert geometry(moved.T @ moved) != name


@pytest.mark.parametrize(
    ("adjacency", "parameters"),
    [(triangular(5), (10, 3, 0, 1)), (triangular(6), (15, 6, 1, 3)), (paley(13), (13, 6, 2, 3))],
    ids=["T(5)", "T(6)", "Paley 13"],
)
def test_eigenspaces_of_strongly_regular_graphs_are_named(adjacency, parameters):
    values, vectors = np.linalg.eigh(adjacency)
    smallest = vectors[:, np.abs(values - values[0]) < 1e-9]
    assert geometry(smallest @ smallest.T) == f"strongly regular graph frame {parameters}"


@pytest.mark.parametrize("classes", [2, 3, 6, 10, 13, 15, 16])
def test_frames_are_unit_vectors_of_full_rank_and_those_of_one_angle_are_simplices(classes):
    for name, x in frames(classes):
        assert x.shape[1] == classes
        np.testing.assert_allclose((x**2).sum(axis=0), 1.0, atol=1e-12, err_msg=name)
        assert np.linalg.matrix_rank(x, tol=1e-8) == x.shape[0], name
    named = dict(frames(classes))
    gram = named["simplex"].T @ named["simplex"]
    np.testing.assert_allclose(
        gram, np.eye(classes) * classes / (classes - 1) - 1 / (classes - 1), atol=1e-12
    )
