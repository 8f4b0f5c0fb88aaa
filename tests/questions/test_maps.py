"""Phase maps: every cell is what `predict` says of its problem."""

import numpy as np
import pytest

import ncsolve
from ncsolve import LongTail, phase_map
from ncsolve.analytic.angles import cosines
from ncsolve.analytic.merging import GroupMeans
from ncsolve.questions.axes import Axis, spaced
from ncsolve.questions.maps import FIELDS, STATES, WHOLE, cell_fields
from ncsolve.theorems import predict as prediction_module

TAIL = LongTail(9, 300, 30)
STEP = LongTail(8, 200, 20, step=True)
FLOORED = LongTail(9, 300, 30, rule="floored")


def alike(found, row, column):
    """Assert that a cell is what `predict` says, theorem, claim and all; the largest error of a field that is no count."""
    try:
        prediction = ncsolve.predict(found.at(row, column))
    except ncsolve.NoTheorem:
        assert found.theorem[row, column] == found.claim[row, column] == -1
        assert all(np.isnan(field[row, column]) for field in found.fields.values())
        return 0.0
    assert found.theorems[found.theorem[row, column]] == prediction.theorem.name
    assert found.claim[row, column] == prediction.claim.rank
    worst = 0.0
    for name, wanted in cell_fields(prediction, frozenset(found.fields)).items():
        got = found.fields[name][row, column]
        if name in WHOLE or np.isnan(wanted):
            assert got == wanted or (np.isnan(got) and np.isnan(wanted)), (
                name,
                got,
                wanted,
                found.plane.values(row, column),
            )
        else:
            worst = max(worst, abs(got - wanted) / (abs(wanted) if name == "value" else 1.0))
    return worst


def sampled(found, number=12, seed=0):
    rng = np.random.default_rng(seed)
    rows, columns = found.plane.shape
    return max(
        alike(found, int(rng.integers(rows)), int(rng.integers(columns))) for _ in range(number)
    )


MAPS = {
    "none-decay-ratio": ({"depth": 3}, TAIL, "decay=1e-4:1e-1:15", "ratio=1:100:9"),
    "none-one-layer": ({}, TAIL, "ratio=1:100:9", "decay=1e-4:1e-1:15"),
    "none-mean-decay-depth": (
        {"weight_decay": 3e-3, "feature_decay": 1e-3},
        TAIL,
        "mean-decay=1e-4:1e-1:15",
        "depth=1:6",
    ),
    "none-mean-decay-layers": (
        {"depth": 2, "weight_decay": [1e-3, 5e-3]},
        None,
        "mean-decay=1e-4:.3:15",
        "width=1:4",
    ),
    "none-n-ratio": (
        {"depth": 2, "weight_decay": 4e-3, "feature_decay": 1e-3},
        TAIL,
        "n=1:3000:12",
        "ratio=1:100:9",
    ),
    "none-K-width": (
        {"depth": 2, "weight_decay": 3e-3, "feature_decay": 3e-3},
        TAIL,
        "K=2:14",
        "width=1:9",
    ),
    "none-floored": ({"depth": 2}, FLOORED, "decay=1e-4:1e-1:15", "ratio=1:300:9"),
    "none-bottleneck": ({"depth": 2, "width": 4}, TAIL, "decay=1e-4:1e-1:15", "n=10:3000:9"),
    "relu": ({"depth": 2, "features": "relu"}, TAIL, "decay=1e-4:1e-1:15", "K=3:6"),
    "free-decay-ratio": ({"depth": 2, "bias": "free"}, TAIL, "decay=1e-4:1e-1:15", "ratio=1:100:5"),
    "free-groups": ({"bias": "free"}, None, "decay=1e-4:.3:25", "depth=1:4"),
    "free-step": ({"depth": 2, "bias": "free"}, STEP, "decay=1e-4:1e-1:25", "ratio=1:100:7"),
    "free-floored": ({"bias": "free"}, FLOORED, "decay=1e-4:1e-1:15", "n=30,40,80,1000"),
    "free-bottleneck": ({"depth": 2, "bias": "free"}, None, "decay=1e-4:.3:15", "width=1:6"),
    "free-K": ({"depth": 3, "bias": "free"}, TAIL, "decay=1e-4:1e-1:9", "K=2:9"),
    "regularized": ({}, LongTail(6, 80, 1), "decay=1e-4:.1:15", "bias-decay=1e-4:100:13"),
    "regularized-edge": ({}, LongTail(6, 80, 1), "decay=.0092:.0094:21", "bias-decay=.99:1.01:5"),
    "regularized-narrow": (
        {"width": 5},
        LongTail(6, 80, 1),
        "decay=1e-4:.1:8",
        "bias-decay=1e-4:100:5",
    ),
    "ce-balanced": (
        {"loss": ncsolve.CrossEntropy(smoothing=0.1)},
        LongTail(6, 80, 1),
        "decay=1e-4:.1:15",
        "n=1:1000:9",
    ),
    "ce-relu": ({"loss": "ce", "features": "relu"}, TAIL, "decay=1e-4:1e-1:15", "ratio=1:100:9"),
    "ce-relu-smoothed": (
        {"loss": ncsolve.CrossEntropy(smoothing=0.2), "features": "relu"},
        TAIL,
        "decay=1e-4:1e-1:9",
        "K=2:9",
    ),
    "ce-relu-narrow": (
        {"loss": "ce", "features": "relu", "width": 5},
        TAIL,
        "decay=1e-3:1e-1:9",
        "ratio=1:100:4",
    ),
    "ce-balanced-smoothing": (
        {"loss": "ce"},
        LongTail(6, 80, 1),
        "decay=1e-4:.1:9",
        "smoothing=0:.5:5",
    ),
    "weight-and-feature-decay": (
        {"depth": 2},
        TAIL,
        "weight-decay=1e-4:.1:7",
        "feature-decay=1e-4:.1:6",
    ),
    "targets": (
        {"loss": ncsolve.Squared([[1, 2, 0, -1, 1, 0], [0, 1, 3, 1, 1, 0]]), "bias": "free"},
        None,
        "decay=1e-4:1:9",
        "depth=1:3",
    ),
}


def mapped(problem, tail, x, y, **options):
    counts = [200, 200, 50, 50, 50, 10] if tail is None else tail.counts()
    if tail is None and "weight_decay" in problem:
        counts = [40, 20, 20, 10]
    return phase_map(ncsolve.UFM(counts, **problem), x, y, long_tail=tail, **options)


@pytest.mark.parametrize("name", list(MAPS))
def test_cells_of_closed_forms_are_what_predict_says(name):
    found = mapped(*MAPS[name])
    assert set(found.fields) == set(FIELDS)
    assert sampled(found, 25) < 2e-15  # measured 6e-16 over 2,000 random cells
    states = [found.fields[state] for state in STATES]
    known = found.theorem >= 0
    classes = np.array(
        [[found.at(i, j).classes for j in range(len(found.x))] for i in range(len(found.y))]
    )
    np.testing.assert_array_equal(sum(states)[known], classes[known])


@pytest.mark.parametrize(
    "name", [name for name in MAPS if "narrow" not in name and name != "targets"]
)
def test_without_angles_closed_forms_leave_nothing_but_thresholds_to_be_solved_one_by_one(name):
    found = mapped(*MAPS[name], fields=("active", "merged", "vanished", "value"))
    rows, columns = found.plane.shape
    few = [(row, column) for row in range(rows) for column in range(columns)][
        :: max(1, rows * columns // 90)
    ]
    assert max(alike(found, *cell) for cell in few) < 2e-15
    assert found.solved <= (0 if "K" not in name else 2)


def test_a_whole_line_of_cells_at_the_threshold_is_decided_exactly():
    # M = 1, counts 4, N = 8: n = 4 <= N^2 lambda^2 from lambda = 1/4 on
    found = phase_map(ncsolve.UFM([4, 4]), "decay=0.125,0.25,0.5", "width=2,3")
    assert found.fields["active"].tolist() == [[2, 0, 0]] * 2
    assert found.solved == 2
    beside = phase_map(
        ncsolve.UFM([4, 4]), Axis("decay", [np.nextafter(0.25, 0), 0.25]), "width=2,3"
    )
    assert beside.fields["active"].tolist() == [[2, 0]] * 2
    # M = 2, counts 2, N = 4: a tie at n^2 = 4 = N^3 Pi 16, Pi = 2^(-8)
    tie = ncsolve.UFM([2, 2], depth=2, weight_decay=[0.25, 0.25], feature_decay=2.0**-4)
    assert any("exactly at the threshold" in warning for warning in ncsolve.predict(tie).warnings)
    factors = np.array([0.5, 1.0, 2.0]) * 2.0 ** (-8 / 3)
    decided = phase_map(tie, Axis("mean-decay", factors), "width=2,3", fields="active,value")
    assert decided.fields["active"][:, [0, 2]].tolist() == [[2, 0]] * 2
    assert max(alike(decided, row, column) for row in range(2) for column in range(3)) == 0.0


ANGLES = {
    "groups": ncsolve.UFM([200, 200, 50, 50, 50, 10], bias="free"),
    "some-zero": ncsolve.UFM(
        [200, 200, 200, 5, 5], bias="free", weight_decay=0.02, feature_decay=0.02
    ),
    "one-left": ncsolve.UFM([200, 5, 2], weight_decay=0.02, feature_decay=0.02),
    "relu": ncsolve.UFM(
        [200, 50, 5, 2], "ce", features="relu", weight_decay=0.01, feature_decay=0.01
    ),
    "merged": ncsolve.UFM([200, 200, 50, 50, 10, 10], "ce", weight_decay=0.01, feature_decay=0.01),
    "targets": ncsolve.UFM(
        [5, 4, 3], ncsolve.Squared([[1, 0, -1], [0, 1, 1]]), weight_decay=1e-3, feature_decay=1e-3
    ),
}


@pytest.mark.parametrize("name", list(ANGLES))
def test_angles_are_their_definition_pair_by_pair(name):
    prediction = ncsolve.predict(ANGLES[name])
    for which, gram in (
        ("features", prediction.gram_features),
        ("classifiers", prediction.gram_weights),
    ):
        length = np.sqrt(np.diag(gram))
        there = np.flatnonzero(length > 1e-9 * length.max())
        pairs = [gram[k, l] / (length[k] * length[l]) for k in there for l in there if k < l]
        found = cosines(prediction, which)
        if not pairs or (which == "classifiers" and name == "targets"):
            assert np.isnan(found).all()
        else:
            np.testing.assert_allclose(
                found, [min(pairs), np.mean(pairs), max(pairs)], rtol=0, atol=1e-13
            )


AXES = {
    "decay": lambda rng, g, tail: spaced("decay", g * 1e-2, g * 3, int(rng.integers(2, 6))),
    "mean-decay": lambda rng, g, tail: spaced(
        "mean-decay", g * 1e-2, g * 3, int(rng.integers(2, 6))
    ),
    "ratio": lambda rng, g, tail: spaced("ratio", 1.0, 15.0, int(rng.integers(2, 6))),
    "n": lambda rng, g, tail: Axis("n", np.unique(rng.integers(16, 600, 5)).astype(float)),
    "K": lambda rng, g, tail: spaced("K", 2, 12, int(rng.integers(2, 6))),
    "depth": lambda rng, g, tail: spaced("depth", 1, 5),
    "width": lambda rng, g, tail: spaced("width", 1, tail.classes + 2),
}


@pytest.mark.parametrize("seed", range(40))
def test_random_cells_of_random_maps_are_what_predict_says(seed):
    rng = np.random.default_rng(seed)
    rule = str(rng.choice(["continuous", "floored"]))
    tail = LongTail(
        int(rng.integers(2, 12)),
        int(rng.integers(20, 400)),
        float(rng.uniform(1, 15)),
        bool(rng.random() < 0.3),
        rule,
    )
    relu = bool(rng.random() < 0.2)
    depth = int(rng.integers(1, 5))
    n = tail.counts()
    g = float(np.median(n)) ** (depth / (depth + 1.0)) / n.sum()
    width = int(rng.integers(1, tail.classes + 2)) if rng.random() < 0.3 else None
    bias = "none" if relu or rng.random() < 0.5 else "free"
    decays = {
        "weight_decay": g * 10 ** rng.uniform(-2, 0),
        "feature_decay": g * 10 ** rng.uniform(-2, 0),
    }
    ufm = ncsolve.UFM(
        n, depth=depth, width=width, bias=bias, features="relu" if relu else "linear", **decays
    )
    x, y = (
        AXES[name](rng, g, tail) for name in rng.choice(list(AXES)[seed % 2 :], 2, replace=False)
    )
    if {x.name, y.name} == {"decay", "mean-decay"}:
        y = spaced("depth", 1, 4)
    found = phase_map(ufm, x, y, long_tail=tail, full_width=width is None)
    assert sampled(found, 8, seed) < 2e-15


# Cross-entropy with unequal counts


CE = {
    "step": ({}, STEP, "decay=2e-4:1e-1:40", "ratio=1:40:6"),
    "groups-smoothed": (
        {"loss": ncsolve.CrossEntropy(smoothing=0.15)},
        None,
        "decay=2e-4:1e-1:40",
        "width=6,7",
    ),
    "floored": ({}, LongTail(9, 12, 12, rule="floored"), "decay=1e-3:2e-1:40", "ratio=1:12:5"),
    "free": ({"bias": "free"}, LongTail(4, 60, 6, step=True), "decay=2e-3:1e-1:12", "ratio=2:10:3"),
    "regularized": ({}, LongTail(4, 60, 6, step=True), "decay=2e-3:1e-1:8", "bias-decay=1e-3:1:3"),
    "distinct": ({}, LongTail(4, 60, 6), "decay=2e-3:1e-1:12", "ratio=2:10:3"),
    "smoothing": ({}, STEP, "decay=2e-4:1e-1:9", "smoothing=0:.3:4"),
    "adjusted": ({}, LongTail(4, 60, 6), "logit-adjustment=-1,0,1", "ratio=2:10:3"),
}


@pytest.mark.parametrize("name", list(CE))
def test_class_states_of_cross_entropy_are_those_of_the_convex_engine_without_solving(name):
    fields, tail, x, y = CE[name]
    found = mapped({"loss": "ce"} | fields, tail, x, y, fields=STATES)
    assert sampled(found, 15, seed=3) == 0.0
    if name not in ("free", "regularized", "adjusted"):
        assert found.solved == 0


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_means_vanish_while_contrasts_live_where_the_engine_says_so(smoothing):
    ufm = ncsolve.UFM([200, 200, 50, 50, 10, 10], ncsolve.CrossEntropy(smoothing=smoothing))
    edge = GroupMeans(ufm).vanishing()
    below, above = (
        ncsolve.predict(
            ufm.replace(weight_decay=edge * factor, feature_decay=edge * factor)
        ).classes.state.tolist()
        for factor in (1 - 1e-5, 1 + 1e-5)  # the engine drops means of a share of 1e-9
    )
    assert below == ["active"] * 2 + ["merged"] * 4
    assert above == ["active"] * 2 + ["vanished"] * 4
    assert edge < GroupMeans(ufm).norm_at_zero  # the contrasts have taken some of the pull


def test_values_of_cross_entropy_are_solved_one_by_one_and_told():
    told = []
    ufm = ncsolve.UFM([30, 20, 5], "ce")
    found = phase_map(
        ufm,
        "decay=1e-3:1e-1:2",
        "width=2,3",
        fields="value,active",
        progress=lambda *done: told.append(done),
    )
    assert told == [(i, 4) for i in range(4)]
    assert found.solved == 4
    assert found.tally() == {("imbalanced_cross_entropy", "CERTIFIED"): 4}
    assert sampled(found, 3) < 1e-13


@pytest.mark.slow
def test_deep_cross_entropy_is_searched_cell_by_cell():
    found = phase_map(ncsolve.UFM([30, 20, 5], "ce"), "decay=1e-3:1e-1:2", "depth=1,2")
    assert found.tally() == {
        ("imbalanced_cross_entropy", "CERTIFIED"): 2,
        ("deep_cross_entropy", "BEST_KNOWN"): 2,
    }
    assert sampled(found, 4) < 1e-13


def test_too_many_cells_to_solve_are_refused_before_any_is_solved():
    ufm = ncsolve.UFM([30, 20, 5], "ce")
    with pytest.raises(ncsolve.problem.errors.TooLarge, match=r"1200 cells .* more than 1000"):
        phase_map(ufm, "decay=1e-3:1e-1:400", "width=3:5", fields="value", most_solved=1000)
    assert (
        phase_map(ufm, "decay=1e-3:1e-1:400", "width=3:5", fields="merged", most_solved=0).solved
        == 0
    )


# Coverage, shapes, refusals


def test_cells_without_a_theorem_are_nan_with_the_reason_and_their_number():
    found = phase_map(ncsolve.UFM([5, 5, 5], bias=0.1), "decay=1e-3:1:5", "depth=1:3")
    assert np.isnan(found.fields["active"][1:]).all()
    assert not np.isnan(found.fields["active"][0]).any()
    ((reason, cells),) = found.uncovered.items()
    assert cells == 10
    assert "the bias is none or free" in reason
    assert found.tally() == {("balanced_regularized_bias", "GLOBAL"): 5}
    with pytest.raises(
        ncsolve.NoTheorem, match=r"no cell of the map has a theorem: .*bias is none or free"
    ):
        phase_map(ncsolve.UFM([5, 4, 3], depth=2), "decay=1e-3:1:5", "bias-decay=1e-3:1:4")


def test_a_theorem_may_be_asked_for():
    found = phase_map(
        ncsolve.UFM([50] * 4, "ce"),
        "decay=1e-4:1e-1:5",
        "depth=1:3",
        theorem="deep_simplex",
        fields="active,cosine",
    )
    assert found.tally() == {("deep_simplex", "CRITICAL"): 10}
    assert found.fields["active"][1].tolist() == [4, 4, 4, 4, 0]
    np.testing.assert_allclose(found.fields["cosine"][1, :4], -1 / 3, rtol=1e-14)


def test_the_choice_of_theorem_is_that_of_predict():
    for ufm in (ncsolve.UFM([3, 2]), ncsolve.UFM([3, 3], "ce", 2), ncsolve.UFM([3, 3], bias=1.0)):
        assert prediction_module.choose(ufm) is ncsolve.predict(ufm).theorem


def test_widths_follow_the_classes_unless_they_are_given():
    full = phase_map(
        ncsolve.UFM(TAIL.counts()), "decay=1e-5:1e-4:2", "K=2:20", long_tail=TAIL, fields="active"
    )
    assert full.fields["active"][:, 0].tolist() == list(range(2, 21))
    narrow = phase_map(
        ncsolve.UFM(TAIL.counts(), width=3),
        "decay=1e-5:1e-4:2",
        "K=2:20",
        long_tail=TAIL,
        fields="active",
    )
    assert narrow.fields["active"][:, 0].tolist() == [2] + [3] * 18
    asked = phase_map(
        ncsolve.UFM(TAIL.counts()),
        "decay=1e-5:1e-4:2",
        "K=2:20",
        long_tail=TAIL,
        fields="active",
        full_width=False,
    )
    assert asked.fields["active"][-1, 0] == 9


def test_the_problem_of_a_cell_has_the_names_of_the_axes_in_it():
    ufm = ncsolve.UFM({"a": 30, "b": 20}, depth=2, weight_decay=[1e-3, 4e-3], feature_decay=2e-3)
    cell = phase_map(ufm, "mean-decay=1e-2:1e-1:2", "width=2,5", fields="active").at(1, 0)
    assert cell.names == ("a", "b")
    assert cell.width == (5, 5)
    np.testing.assert_allclose(
        [*cell.weight_decay, cell.feature_decay], [5e-3, 2e-2, 1e-2], rtol=1e-15
    )
    tail = LongTail(4, 100, 10)
    moved = phase_map(
        ncsolve.UFM(tail.counts()), "n=10:100:2", "ratio=1:10:2", long_tail=tail, fields="active"
    ).at(1, 0)
    np.testing.assert_allclose(moved.counts, LongTail(4, 10, 10).counts(), rtol=1e-15)


def test_a_map_and_its_arrays_are_frozen():
    found = phase_map(ncsolve.UFM([3, 2]), "decay=1e-3:1:4", "depth=1:2", fields="active")
    with pytest.raises(ValueError, match="read-only"):
        found.fields["active"][0, 0] = 7
    with pytest.raises(AttributeError):
        found.solved = 3


@pytest.mark.parametrize(
    ("x", "y", "options", "error", "says"),
    [
        ("decay=1e-3:1", "decay=1e-3:1", {}, ncsolve.ProblemError, "both axes are decay"),
        ("decay=1e-3:1", "mean-decay=1e-3:1", {}, ncsolve.ProblemError, "both set the decays"),
        ("decay=1e-3:1", "ratio=1:10", {}, ncsolve.ProblemError, "long-tail rule"),
        (
            "decay=1e-3:1",
            "depth=1:3",
            {"fields": "activ"},
            ncsolve.ProblemError,
            "field 'activ' is unknown",
        ),
        ("decay=1e-3:1", "depth=1:3", {"fields": ()}, ncsolve.ProblemError, "no field"),
        ("decay=1e-3:1", 3, {}, ncsolve.ProblemError, "no axis"),
        ("decay=1e-3:1:1000000", "mean-decay=1:2", {}, ncsolve.ProblemError, "both set"),
        (
            "decay=1e-3:1:1000000",
            "bias-decay=1e-3:1:1000000",
            {"fields": "active"},
            ncsolve.problem.errors.TooLarge,
            r"3.73e\+04 GiB",
        ),
    ],
)
def test_maps_that_cannot_be_are_refused(x, y, options, error, says):
    with pytest.raises(error, match=says):
        phase_map(ncsolve.UFM([3, 2]), x, y, **options)


def test_a_depth_axis_needs_layers_that_are_alike():
    with pytest.raises(ncsolve.ProblemError, match="one weight decay for all layers"):
        phase_map(
            ncsolve.UFM([3, 2], depth=2, weight_decay=[1, 2]), "mean-decay=1e-3:1", "depth=1:3"
        )
    with pytest.raises(ncsolve.ProblemError, match="one width for all layers"):
        phase_map(ncsolve.UFM([3, 2], depth=2, width=[1, 2]), "decay=1e-3:1", "depth=1:3")


def test_the_floored_rule_is_refused_where_it_leaves_a_class_empty():
    for x, y in (("n=10,20", "ratio=1:20:3"), ("ratio=1:301:3", "decay=1e-3:1:3")):
        with pytest.raises(ncsolve.CountsError, match="with 0 of"):
            phase_map(ncsolve.UFM(FLOORED.counts()), x, y, long_tail=FLOORED)
    with pytest.raises(
        ncsolve.ProblemError, match="axis n has whole numbers only under the floored rule"
    ):
        phase_map(
            ncsolve.UFM(FLOORED.counts()), "n=30:100:4,log", "decay=1e-3:1:3", long_tail=FLOORED
        )


@pytest.mark.slow
def test_a_map_of_a_quarter_of_a_million_cells_and_a_hundred_classes_takes_little_memory():
    import tracemalloc

    tail = LongTail(100, 500, 100)
    tracemalloc.start()
    found = phase_map(
        ncsolve.UFM(tail.counts(), depth=3),
        "decay=1e-5:1e-2:500",
        "ratio=1:1000:500",
        long_tail=tail,
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6  # measured 83 MB
    assert sampled(found, 20) < 2e-15
