"""What a UFM accepts, what it refuses (one line: the value, what is wrong, what would work), and how it changes."""

import json
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import ncsolve
from ncsolve.problem.errors import CountsError, NcsolveError, ProblemError

NAN, INF = math.nan, math.inf


def _refusal(kind, *arguments, **fields):
    with pytest.raises(kind) as caught:
        ncsolve.UFM(*arguments, **fields)
    message = str(caught.value)
    assert message.isprintable(), f"more than one printable line: {message!r}"
    assert len(message) < 400
    return message


BAD_COUNTS = {
    "empty": ([], "[] are empty"),
    "zero": ([3, 0, 2], "class 1 is 0: zero (leave out"),
    "negative": ([3, -2], "class 1 is -2: not positive"),
    "nan": ([NAN, 2], "class 0 is nan: not a number"),
    "inf": ([3, INF], "class 1 is inf: infinite"),
    "minus inf": ([3, -INF], "class 1 is -inf: not positive"),
    "1e400": ([3, float("1e400")], "class 1 is inf: infinite"),
    "1e400 as an integer": ([3, 10**400], "are not numbers"),
    "more digits than Python writes": ([3, 10**5000], "are not numbers"),
    "too large": ([3, 1e101], "class 1 is 1e+101: outside 1e-100 .. 1e+100"),
    "too small": ([3, 1e-320], "class 1 is 9.99989e-321: outside 1e-100 .. 1e+100"),
    "words": (["three", "two"], "['three', 'two'] are not numbers"),
    "digits in quotes": (["3", "2"], "['3', '2'] are not numbers"),
    "one string": ("200,100", "'200,100' are not numbers"),
    "bytes": (b"200", "b'200' are not numbers"),
    "None": (None, "None are an array of shape ()"),
    "a None inside": ([3, None], "class 1 is nan: not a number"),
    "booleans": ([True, True], "[True, True] are not numbers"),
    "complex": ([3, 2j], "are not numbers"),
    "a set": ({3, 2}, "are not numbers"),
    "ragged": ([[1, 2], [3]], "[[1, 2], [3]] are not numbers"),
    "a matrix": ([[3, 2], [1, 1]], "an array of shape (2, 2)"),
    "one number": (7, "an array of shape ()"),
    "one class": ([7], "[7] have a single class"),
    "one class, mapped": ({"cat": 7}, "[7] have a single class"),
    "a bad named class": ({"cat": 7, "dog": NAN}, "class 'dog' is nan"),
    "a long list": ([1.0] * 500 + [-1], "class 500 is -1"),
}


@pytest.mark.parametrize("name", BAD_COUNTS)
def test_bad_counts_are_refused_with_the_class_and_its_value(name):
    counts, said = BAD_COUNTS[name]
    message = _refusal(CountsError, counts)
    assert said in message
    assert "positive finite numbers, one per class, for at least 2 classes" in message


BAD_FIELDS = {
    "weight decay zero": (
        {"weight_decay": 0},
        "weight_decay is 0: without decay the infimum is not attained",
    ),
    "feature decay zero": ({"feature_decay": 0.0}, "feature_decay is 0: without decay"),
    "decay negative": (
        {"weight_decay": -1e-3},
        "weight_decay is -0.001: not a positive finite number",
    ),
    "decay nan": ({"feature_decay": NAN}, "feature_decay is nan: not a positive finite number"),
    "decay inf": ({"feature_decay": INF}, "feature_decay is inf: not a positive"),
    "decay subnormal": ({"weight_decay": 1e-310}, "weight_decay is 1e-310: too small for a double"),
    "decay a word": ({"weight_decay": "small"}, "weight_decay 'small' is not a number"),
    "decay None": ({"feature_decay": None}, "feature_decay None is not a number"),
    "decay a huge integer": (
        {"weight_decay": 10**5000},
        "weight_decay of type int is not a number",
    ),
    "a bad decay of one layer": ({"depth": 2, "weight_decay": [1e-3, NAN]}, "weight_decay is nan"),
    "too few decays": (
        {"depth": 3, "weight_decay": [1e-3, 1e-3]},
        "weight_decay has 2 entries for depth 3",
    ),
    "decays in a matrix": (
        {"weight_decay": np.ones((1, 2))},
        "weight_decay [1.0, 1.0] is not a number",
    ),
    "depth zero": ({"depth": 0}, "depth 0 is not between 1 and 1000"),
    "depth negative": ({"depth": -2}, "depth -2 is not between 1 and 1000"),
    "depth without end": ({"depth": 10**9}, "depth 1000000000 is not between 1 and 1000"),
    "weight_decay True": ({"weight_decay": True}, "weight_decay True is not a number"),
    "depth 1.5": ({"depth": 1.5}, "depth 1.5 is not a whole number"),
    "depth 2.0": ({"depth": 2.0}, "depth 2.0 is not a whole number"),
    "depth nan": ({"depth": NAN}, "depth nan is not a whole number"),
    "depth a word": ({"depth": "two"}, "depth 'two' is not a whole number"),
    "depth True": ({"depth": True}, "depth True is not a whole number"),
    "width zero": ({"width": 0}, "width 0 is less than 1"),
    "a width of zero in one layer": ({"depth": 2, "width": [3, 0]}, "width 0 is less than 1"),
    "width 2.5": ({"width": 2.5}, "width 2.5 is not made of whole numbers"),
    "too many widths": ({"depth": 2, "width": [3, 3, 3]}, "width has 3 entries for depth 2"),
    "no widths": ({"depth": 2, "width": []}, "width has 0 entries for depth 2"),
    "width a word": ({"width": "wide"}, "width 'wide' is not made of whole numbers"),
    "loss unknown": ({"loss": "hinge"}, "loss 'hinge' is unknown; one of 'mse'"),
    "loss empty": ({"loss": ""}, "loss '' is unknown"),
    "loss a number": ({"loss": 2}, "loss 2 is not a Loss"),
    "bias unknown": (
        {"bias": "some"},
        "bias 'some' is unknown; 'none', 'free' or a positive decay works",
    ),
    "bias zero": ({"bias": 0.0}, "bias is 0"),
    "bias negative": ({"bias": -1}, "bias is -1: not a positive finite number"),
    "bias nan": ({"bias": NAN}, "bias is nan"),
    "bias True": ({"bias": True}, "bias True says too little"),
    "features unknown": (
        {"features": "gelu"},
        "features 'gelu' is unknown; one of 'linear', 'relu' works",
    ),
}


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_a_bad_field_is_refused_with_its_name_and_value(name):
    fields, said = BAD_FIELDS[name]
    message = _refusal(ProblemError, [3, 2], **fields)
    assert said in message
    assert any(word in message for word in ("give", "works", "needs at least"))


BAD_TARGETS = {
    "a vector": ([1.0, 2.0], "targets have shape (2,); give (outputs, K)"),
    "empty": (np.zeros((0, 2)), "targets have shape (0, 2)"),
    "words": ([["a", "b"]], "targets are not a matrix of numbers"),
    "ragged": ([[1, 2], [3]], "targets are not a matrix of numbers"),
    "nan": ([[1.0, NAN]], "target [0, 1] is nan; targets must be finite"),
    "inf": ([[1.0], [INF]], "target [1, 0] is inf"),
}


@pytest.mark.parametrize("name", BAD_TARGETS)
def test_bad_targets_are_refused(name):
    codes, said = BAD_TARGETS[name]
    with pytest.raises(ProblemError) as caught:
        ncsolve.Squared(codes)
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


def test_targets_for_another_number_of_classes_are_refused():
    assert "targets have 3 columns for 2 classes" in _refusal(
        ProblemError, [3, 2], loss=ncsolve.Squared(np.eye(3))
    )


def test_names_that_do_not_fit_are_refused():
    assert "names ['a', 'b', 'c'] do not fit 2 counts" in _refusal(
        CountsError, [3, 2], names=["a", "b", "c"]
    )


def test_every_refusal_is_a_value_error_of_the_library():
    for kind in (CountsError, ProblemError, ncsolve.NoTheorem):
        assert issubclass(kind, NcsolveError)
        assert issubclass(kind, ValueError)


# What is accepted


def test_numbers_come_in_many_types():
    ufm = ncsolve.UFM(
        np.array([3, 2], dtype=np.int32),
        depth=np.int64(2),
        width=np.array([4, 5]),
        weight_decay=np.array(0.1),
    )
    assert ufm.counts.dtype == np.float64
    assert (ufm.depth, ufm.width, ufm.weight_decay) == (2, (4, 5), (0.1, 0.1))
    assert ncsolve.UFM((3, 2), width=np.array(4)).width == (4,)
    assert ncsolve.UFM([np.float32(3), 2]).counts.tolist() == [3, 2]


def test_names_come_from_a_mapping_or_count_from_zero():
    assert ncsolve.UFM({"cat": 3, 7: 2}).names == ("cat", "7")
    numbered = ncsolve.UFM([3, 2, 4]).names
    assert (numbered[1], numbered[1:], list(numbered)) == ("1", ["1", "2"], ["0", "1", "2"])


def test_a_problem_is_frozen_and_does_not_share_its_counts():
    counts = np.array([3.0, 2.0])
    ufm = ncsolve.UFM(counts)
    counts[0] = 99
    assert ufm.counts[0] == 3
    with pytest.raises(ValueError, match="read-only"):
        ufm.counts[0] = 1
    with pytest.raises(AttributeError):
        ufm.depth = 2


def test_equal_problems_are_equal_and_hash_alike():
    a, b = (ncsolve.UFM(n, depth=2, weight_decay=[1e-3, 2e-3]) for n in ([3, 2], (3.0, 2.0)))
    assert a == b
    assert hash(a) == hash(b)
    assert a != ncsolve.UFM([3, 2], depth=2, weight_decay=[2e-3, 1e-3])
    assert a != ncsolve.UFM({"x": 3, "y": 2}, depth=2, weight_decay=[1e-3, 2e-3])
    assert a != "a UFM"


def test_replace_changes_what_is_named_and_keeps_the_rest():
    ufm = ncsolve.UFM({"a": 3, "b": 2}, depth=2, weight_decay=0.1, feature_decay=0.2, bias="free")
    assert ufm.replace(depth=4).weight_decay == (0.1,) * 4
    assert ufm.replace(bias=0.5).names == ("a", "b")
    other = ufm.replace(counts=[1, 2, 3])
    assert (list(other.names), other.width, other.bias) == (["0", "1", "2"], (3, 3), "free")
    with pytest.raises(ProblemError):
        ncsolve.UFM([3, 2], depth=2, weight_decay=[0.1, 0.2]).replace(depth=3)


def test_the_document_of_a_problem_rebuilds_it():
    ufm = ncsolve.UFM(
        {"a": 3, "b": 2},
        depth=2,
        width=[4, 5],
        weight_decay=[0.1, 0.3],
        feature_decay=0.2,
        bias=0.5,
    )
    document = json.loads(json.dumps(ufm.to_dict(), allow_nan=False))
    assert ncsolve.UFM(**document) == ufm


@pytest.mark.parametrize(("width", "rank"), [(None, 3), (2, 2), (9, 3), ([9, 1], 1)])
def test_the_rank_limit_is_the_smallest_of_classes_outputs_and_widths(width, rank):
    assert ncsolve.UFM([5, 4, 3], depth=2, width=width).rank_limit == rank
    assert ncsolve.UFM([5, 4, 3], ncsolve.Squared(np.ones((2, 3))), 2, 9).rank_limit == 2


# Any valid problem

DECAYS = st.floats(-300, 3).map(lambda x: 10.0**x)


@st.composite
def valid_problems(draw):
    pool = draw(
        st.lists(
            st.one_of(st.integers(1, 10**15).map(float), st.floats(1e-9, 1e15)),
            min_size=1,
            max_size=4,
        )
    )
    counts = draw(st.lists(st.sampled_from(pool), min_size=2, max_size=9))
    depth = draw(st.integers(1, 60))
    base = draw(DECAYS)
    decays = draw(
        st.lists(
            st.floats(-2, 2).map(lambda x: max(base * 10.0**x, 1e-300)),
            min_size=depth + 1,
            max_size=depth + 1,
        )
    )
    width = draw(
        st.one_of(
            st.none(),
            st.integers(1, 12),
            st.lists(st.integers(1, 12), min_size=depth, max_size=depth),
        )
    )
    features = draw(st.sampled_from(["linear", "relu"]))
    biases = ["none", "free"] if features == "linear" else ["none"]
    regularized = features == "linear" and depth == 1 and len(set(counts)) == 1 and width is None
    bias = draw(
        st.one_of(st.sampled_from(biases), DECAYS) if regularized else st.sampled_from(biases)
    )
    return ncsolve.UFM(counts, "mse", depth, width, decays[1:], decays[0], bias, features)


@settings(max_examples=300, deadline=None)
@given(valid_problems())
@example(ncsolve.UFM([4.0, 4.0], depth=2, weight_decay=0.125, feature_decay=0.125))
@example(
    ncsolve.UFM(
        [4.0, 4.0], depth=2, weight_decay=0.125, feature_decay=float(np.nextafter(0.125, 1))
    )
)
@example(ncsolve.UFM([1e-90, 1e-90], weight_decay=1.0, feature_decay=1.0))
@example(ncsolve.UFM([100, 100, 1], weight_decay=0.04, feature_decay=0.04, bias="free"))
@example(ncsolve.UFM([1e15, 1.0], depth=60, weight_decay=1e-300, feature_decay=1e-300, bias="free"))
def test_a_valid_problem_never_gives_nan(ufm):
    prediction = ncsolve.predict(ufm)
    document = json.dumps(prediction.to_dict(), allow_nan=False)
    assert json.loads(document)["theorem"]["claim"] == "GLOBAL"
    assert 0 <= prediction.value <= 0.5 * (1 + 1e-12)
    assert (np.diff(prediction.singular_values) <= 0).all()
    for matrix in (*prediction.weights, prediction.class_means, prediction.logits, prediction.bias):
        assert np.isfinite(matrix).all()
    if prediction.value > 1e-12:  # below, rounding of the residual of order one hides the value
        assert ncsolve.objective(ufm, prediction.parameters()) == pytest.approx(
            prediction.value, rel=1e-12, abs=1e-26
        )
    tables = prediction.classes
    assert len(tables) == ufm.classes
    assert set(tables.state.tolist()) <= {"active", "vanished", "merged"}
    assert ((tables.feature_norm > 0) == (tables.state != "vanished")).all()
