"""What users hand over: labels of every kind, lists, layers, and one line for every mistake."""

import numpy as np
import pytest
from support.snapshots import near, passed

import ncsolve
from ncsolve.metrics.rows import coded, ordered

H = np.random.default_rng(0).normal(size=(12, 3))
Y = np.arange(12) % 4
W = np.random.default_rng(1).normal(size=(4, 3))
measure = ncsolve.measure
PLAIN = measure(H, Y, W, np.zeros(4))


@pytest.mark.parametrize(
    "names",
    [
        [0, 1, 2, 3],
        [3, 10, 200, 4000],
        [-5, 0, 7, 8],
        ["a", "b", "c", "d"],
        [b"a", b"b", b"c", b"d"],
        [False, 2, 3, 4],
        [("x", 1), ("x", 2), ("y", 0), ("z", 9)],
        [1, 2, "one", "two"],
        [10**30, 10**31, 10**32, 10**33],
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["list", "array", "object array", "tuple"])
def test_labels_may_be_any_hashable_values(names, kind):
    mixed = isinstance(names[-1], tuple) or len({type(name) for name in names}) > 1
    # numpy would make other values of these
    kind = "object array" if kind == "array" and mixed else kind
    line = [names[y] for y in Y]
    if kind == "object array":
        array = np.empty(12, dtype=object)
        array[:] = line
        line = array
    elif kind == "array":
        line = np.array(line)
    elif kind == "tuple":
        line = tuple(line)
    found = measure(H, line, W, np.zeros(4))
    assert dict(found) == dict(PLAIN)
    expected = tuple(name.decode() if isinstance(name, bytes) else name for name in names)
    assert found.classes == expected


@pytest.mark.parametrize(
    "labels", [Y.astype(float), Y.astype(np.uint8), Y[:, None], [np.int64(y) for y in Y]], ids=repr
)
def test_whole_floats_columns_and_numpy_scalars_are_labels(labels):
    found = measure(H, labels, W)
    assert found.classes == (0, 1, 2, 3)
    assert all(type(one) is int for one in found.classes)


def test_classes_that_cannot_be_compared_have_a_fixed_order():
    assert ordered([(1, 2), "b", 3, None.__class__, "a"]) == [3, "a", "b", (1, 2), None.__class__]
    one, two = coded(["b", 1, "a", 1]), coded([1, "a", 1, "b"])
    assert one[1] == two[1] == [1, "a", "b"]


def test_the_order_of_the_classes_is_that_of_the_rows():
    names = np.array(["low", "mid", "high", "top"])
    given = measure(H, names[Y], W, np.zeros(4), classes=["low", "mid", "high", "top"])
    assert given.classes == ("low", "mid", "high", "top")
    assert dict(given) == dict(PLAIN)
    assert measure(H, names[Y], W).classes == ("high", "low", "mid", "top")


def test_lists_and_integers_are_features():
    grid = (H * 10).astype(int)
    expected = dict(measure(grid.astype(float), Y, W))
    assert dict(measure(grid.tolist(), Y.tolist(), W.tolist())) == expected
    assert dict(measure(grid, Y, W)) == expected
    fortran = np.asfortranarray(grid.astype(float))[::1]
    assert dict(measure(fortran, Y, W)) == expected


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
def test_any_floats_are_measured_in_doubles(kind):
    low = H.astype(np.float16)
    found = measure(low.astype(kind), Y, W)
    expected = measure(low.astype(float), Y, W)["nc1_pinv"]
    assert found["nc1_pinv"] == pytest.approx(expected, rel=1e-13)
    assert found.class_means.dtype == np.float64


def test_a_mask_that_hides_nothing_and_features_of_zeros_are_no_mistake():
    masked = map(np.ma.array, (H, Y, W, np.zeros(4)))
    assert dict(measure(*masked)) == dict(PLAIN)
    zero = measure(np.zeros((12, 3)), Y, np.zeros((4, 3)))
    assert zero["nc0"] == 0.0
    assert zero.absent["nc1_quotient"] == "all class means coincide"


def test_the_given_arrays_are_not_changed():
    copies = H.copy(), Y.copy(), W.copy()
    H.setflags(write=False)
    measure(H, Y, W)
    for now, before in zip((H, Y, W), copies, strict=True):
        np.testing.assert_array_equal(now, before)


def test_a_measurement_is_a_mapping_with_reasons():
    found = measure(H, Y)
    assert len(found) == len(list(found)) == len(dict(found))
    assert found.get("nc0") is None
    with pytest.raises(KeyError, match="nc0 is absent: it needs a classifier"):
        found["nc0"]
    with pytest.raises(AttributeError):
        found.metrics = {}
    only = measure(H, Y, W, keys=["nc0", "nc1_cdnv"])
    assert list(only) == ["nc0", "nc1_cdnv"]
    assert list(measure(H, Y, keys="nc1_cdnv")) == ["nc1_cdnv"]
    keys = ["nc0", "nc4_ncc_mismatch"]
    assert list(measure(H, Y, W, keys=iter(keys))) == keys
    document = found.to_dict()
    assert document["metrics"] == dict(found)
    assert [row["count"] for row in document["classes"]] == [3, 3, 3, 3]


def test_layers_are_measured_one_by_one():
    prediction = ncsolve.predict(
        ncsolve.UFM([9, 6, 3], depth=3, weight_decay=1e-3, feature_decay=1e-3)
    )
    features, labels, weights = near(prediction, noise=0.1, dimension=5)
    layers = passed(features, weights)
    found = measure(layers, labels, weights)
    for j, (name, rows) in enumerate(layers.items()):
        rest = np.linalg.multi_dot([np.eye(3), *reversed(weights[j:])])
        alone = measure(rows, labels, rest)
        for key in alone:
            assert found.layers[name][key] == pytest.approx(alone[key], rel=1e-11, abs=1e-13), key
    without = measure(layers, labels)
    assert "nc1_pinv" in without.layers["H_3"]


MISTAKES = [
    (lambda: measure(H.T, Y), "shape (3, 12) and labels have shape (12,): they look transposed"),
    (lambda: measure(H, Y[:5]), "shape (12, 3) and labels have shape (5,)"),
    (
        lambda: measure(np.where(H[7, 2] == H, np.nan, H), Y),
        "sample 7, coordinate 2 (counting from 0) is nan",
    ),
    (lambda: measure(np.where(H[7, 2] == H, -np.inf, H), Y), "sample 7, coordinate 2"),
    (lambda: measure(H * 1e200, Y), "squares overflow"),
    (
        lambda: measure(H * 1e-170, Y),
        "of the features is 2.32503e-170, and squares of small parts of it underflow",
    ),
    (lambda: measure(H, Y, W * 1e-200), "weight is 1.30316e-200, and squares"),
    (lambda: measure(H, Y, W * 1e200), "e+199; entries up to 1e+140 are measured"),
    (lambda: measure(H, Y, [1e99 * W, 1e99 * np.eye(4)]), "1e+99, whose product is out of range"),
    (lambda: measure(np.ma.masked_less(H, -1), Y), "features have a mask that hides 4 entries"),
    (lambda: measure(H, np.ma.masked_equal(Y, 3)), "labels have a mask that hides 3 entries"),
    (lambda: measure(H, Y, np.ma.masked_less(W, 0)), "weight has a mask"),
    (lambda: measure(H, Y, W, np.ma.masked_equal([0, 1, 2, 3], 1)), "bias has a mask"),
    (lambda: measure(H[:, 0], Y), "features[:, None]"),
    (lambda: measure(H[:, :, None], Y), "(12, 3, 1), not (samples, dimensions); flatten"),
    (lambda: measure(np.zeros((0, 3)), []), "no samples were seen"),
    (lambda: measure(np.zeros((3, 0)), [1, 2, 3]), "(3, 0)"),
    (lambda: measure([["a", "b"]], [1]), "<U1, not real numbers"),
    (lambda: measure(H * 1j, Y), "complex128"),
    (lambda: measure([[1.0, 2.0], [3.0]], [0, 1]), "rows of different lengths"),
    (lambda: measure(H, ["a"] * 12), "one class, 'a'"),
    (lambda: measure(H, np.eye(4)[Y]), "argmax"),
    (lambda: measure(H, Y + 0.5), "label 0 (counting from 0) is 0.5, not a whole number"),
    (lambda: measure(H, [None, *Y[1:]]), "label 0 (counting from 0) is None, which is missing"),
    (
        lambda: measure(H, np.where(Y == 2, np.nan, Y)),
        "label 2 (counting from 0) is nan, which is missing",
    ),
    (lambda: measure(H, [[1]] * 12), "[1], which cannot name a class"),
    (lambda: measure(H, "catdogcatdog"), "not a sequence"),
    (lambda: measure(H, Y, W.T), "weight has shape (3, 4)"),
    (lambda: measure(H, Y, W[:, :2]), "(4, 3)"),
    (lambda: measure(H, Y, W[0]), "weight has shape (3,)"),
    (lambda: measure(H, np.where(Y == 2, 3, Y), W), "no sample of class 2"),
    (lambda: measure(H, Y, W[:3]), "3 rows, but the labels have 4 classes (0, 1, 2, 3)"),
    (lambda: measure(H, Y, W * np.nan), "weight holds nan"),
    (lambda: measure(H, Y, W, np.zeros(5)), "(5,); it needs one entry for each of 4 classes"),
    (lambda: measure(H, Y, bias=np.zeros(4)), "without a classifier"),
    (lambda: measure(H, Y, [np.zeros((5, 3)), np.zeros((4, 6))]), "weight W_1 has shape (5, 3)"),
    (lambda: measure({"a": H, "b": H}, Y, W), "2 layers of features and 1 matrices"),
    (lambda: measure({}, Y), "empty mapping"),
    (lambda: measure(H, Y, keys=["nc1_pin"]), "did you mean 'nc1_pinv'"),
    (lambda: measure(H, Y, keys=["nc4"]), "'nc4' is unknown"),
    (lambda: ncsolve.Convention(center="mean"), "'classes' or 'samples' works"),
    (lambda: ncsolve.Convention(ddof=2), "ddof 2"),
    (lambda: ncsolve.Convention(rank_cut=-1), "rank_cut -1"),
]


@pytest.mark.parametrize(("call", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_a_mistake_is_one_line_with_the_value_and_what_works(call, said):
    with pytest.raises(ncsolve.NcsolveError) as caught:
        call()
    message = str(caught.value)
    assert said in message
    assert message.isprintable()
    assert len(message) < 500


# Matching with a prediction


def measured_with(counts, labels, **choices):
    prediction = ncsolve.predict(ncsolve.UFM(counts, weight_decay=1e-3, feature_decay=1e-3))
    features = np.random.default_rng(0).normal(size=(len(labels), 4))
    return measure(features, labels, prediction=prediction, **choices)


def test_classes_are_matched_by_name_whatever_their_order():
    counts = {"owl": 8, "cat": 3, "dog": 5}
    prediction = ncsolve.predict(ncsolve.UFM(counts, weight_decay=1e-3, feature_decay=1e-3))
    labels = np.repeat(list(counts), list(counts.values()))
    features = np.repeat(prediction.class_means.T, [8, 3, 5], axis=0)
    order = [1, 2, 0]  # cat, dog, owl
    found = measure(features, labels, prediction.weights[0][order], prediction=prediction)
    assert found["nc2_abs_H"] < 1e-14
    assert found["nc2_abs_W"] < 1e-14
    assert found["nc3_abs"] < 1e-14
    # rows in another order
    wrong = measure(features, labels, prediction.weights[0], prediction=prediction)
    assert wrong["nc2_gof_W"] > 0.1


def test_numbered_predictions_take_sorted_labels_in_order():
    assert "nc2_gof_H" in measured_with([3, 2, 1], [10, 10, 10, 20, 20, 30])
    assert "nc2_gof_H" in measured_with([3, 2, 1], ["a", "a", "a", "b", "b", "c"])
    assert "nc2_gof_H" in measured_with({"1": 3, "5": 2}, [1, 1, 1, 5, 5])


@pytest.mark.parametrize(
    ("counts", "labels", "said"),
    [
        ([3, 2], [0, 0, 1, 1], "class 0: 2 samples, 3 predicted"),
        ([2, 2, 1], [0, 0, 1, 1], "classes without samples: '2'"),
        ({"a": 2, "b": 2}, list("aacc"), "samples: 'b'; labels that are no predicted class: 'c'"),
        ({"a": 2, "b": 2}, ["a", "a", "b", "b", "c"], "labels that are no predicted class: 'c'"),
    ],
)
def test_what_contradicts_the_prediction_is_named(counts, labels, said):
    with pytest.raises(ncsolve.DataError) as caught:
        measured_with(counts, labels)
    assert said in str(caught.value)


def test_a_subset_may_have_other_counts_but_not_other_classes():
    assert "nc2_gof_H" in measured_with([30, 20], [0, 0, 1, 1], subset=True)
    with pytest.raises(ncsolve.DataError):
        measured_with([30, 20, 10], [0, 0, 1, 1], subset=True)


def test_targets_that_are_not_one_hot_are_not_compared():
    loss = ncsolve.Squared([[1, -1, 0.5], [0, 2, 1]])
    ufm = ncsolve.UFM([5, 3, 2], loss, weight_decay=1e-2, feature_decay=1e-2)
    labels, prediction = np.repeat([0, 1, 2], [5, 3, 2]), ncsolve.predict(ufm)
    with pytest.raises(ncsolve.ProblemError, match="not one-hot"):
        measure(np.eye(10), labels, prediction=prediction)
