"""One pass in any order, merged across workers, saved and loaded, equals all at once."""

import io
import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.snapshots import long_tail_of_ten, near, passed

import ncsolve
from ncsolve import StreamingMeasure

PREDICTION = ncsolve.predict(
    ncsolve.UFM([60, 25, 10, 4, 1], depth=2, weight_decay=1e-4, feature_decay=1e-4)
)
H, Y, WEIGHTS = near(PREDICTION, noise=0.2, dimension=7, rng=5)
# the class of one sample first
MIXED = np.concatenate([[99], np.random.default_rng(1).permutation(99)])
H, Y = H[MIXED], Y[MIXED]
B = np.array([0.1, -0.3, 0.0, 0.2, 0.05])
LAYERS = passed(H, WEIGHTS)
WHOLE = ncsolve.measure(LAYERS, Y, WEIGHTS, B, PREDICTION)


def close(found, expected, rel=1e-12):
    assert found.keys() == expected.keys()
    for key in expected:
        assert found[key] == pytest.approx(expected[key], rel=rel, abs=1e-14), key


def fed(order, sizes, stream=None, layers=LAYERS):
    stream = stream or StreamingMeasure()
    start = 0
    for size in sizes:
        batch = order[start : start + size]
        stream.update({name: rows[batch] for name, rows in layers.items()}, Y[batch])
        start += size
    return stream


@settings(max_examples=40, deadline=None)
@given(
    order=st.permutations(range(100)), cuts=st.lists(st.integers(1, 99), max_size=12, unique=True)
)
@example(order=list(range(100)), cuts=list(range(1, 100)))
@example(order=list(range(99, -1, -1)), cuts=[])
def test_batches_in_any_order_give_what_one_pass_gives(order, cuts):
    sizes = np.diff([0, *sorted(cuts), 100])
    stream = fed(np.array(order), sizes)
    second = stream.second_pass(WEIGHTS, B)
    for start in range(0, 100, 17):
        second.update(
            {name: rows[start : start + 17] for name, rows in LAYERS.items()}, Y[start : start + 17]
        )
    found = stream.compute(WEIGHTS, B, PREDICTION, second_pass=second)
    close(found, WHOLE)  # measured: 3e-14
    for name, layer in WHOLE.layers.items():
        close(found.layers[name], layer)


@settings(max_examples=25, deadline=None)
@given(owners=st.lists(st.integers(0, 3), min_size=100, max_size=100))
def test_workers_merge_into_the_whole_whatever_they_saw(owners):
    owners = np.array(owners)
    workers = [fed(np.flatnonzero(owners == i), [100]) for i in range(4)]
    stream = StreamingMeasure()
    for worker in workers:
        before = worker.samples
        stream.merge(worker)
        assert worker.samples == before
    found = stream.compute(WEIGHTS, B, PREDICTION)
    assert found.absent["nc4_ncc_mismatch"] == "it needs a second pass with the classifier"
    close(found, {key: WHOLE[key] for key in WHOLE if key != "nc4_ncc_mismatch"})


def test_second_passes_merge_too():
    stream = fed(np.arange(100), [100])
    passes = [stream.second_pass(WEIGHTS, B) for _ in range(2)]
    for second, half in zip(passes, (slice(0, 40), slice(40, 100)), strict=True):
        second.update({name: rows[half] for name, rows in LAYERS.items()}, Y[half])
    passes[0].merge(passes[1])
    # the classifier is that of the pass
    close(stream.compute(prediction=PREDICTION, second_pass=passes[0]), WHOLE)
    other = fed(np.arange(50), [50]).second_pass(WEIGHTS, B)
    with pytest.raises(ncsolve.DataError, match="different class means"):
        passes[0].merge(other)


def test_the_pooled_matrix_gives_nc1_pinv_in_one_pass_and_its_absence_is_said():
    for scatter, present in (("auto", True), ("full", True), ("trace", False)):
        stream = fed(np.arange(100), [30, 70], StreamingMeasure(scatter=scatter))
        found = stream.compute(WEIGHTS)
        assert ("nc1_pinv" in found) == present
        if present:
            assert found["nc1_pinv"] == pytest.approx(WHOLE["nc1_pinv"], rel=1e-12)
        else:
            assert found.absent["nc1_pinv"] == "it needs the pooled scatter matrix or a second pass"


def test_beyond_2048_dimensions_no_square_matrix_is_kept(monkeypatch):
    rng = np.random.default_rng(0)
    stream = StreamingMeasure()
    stream.update(rng.normal(size=(6, 2049)), [0, 0, 0, 1, 1, 1])
    assert "nc1_pinv" in stream.compute().absent
    stream = StreamingMeasure()
    stream.update(rng.normal(size=(6, 2048)), [0, 0, 0, 1, 1, 1])
    assert "nc1_pinv" in stream.compute()


def test_a_state_is_arrays_that_npz_holds_without_pickle_and_goes_on_where_it_was():
    first = fed(np.arange(55), [20, 35])
    buffer = io.BytesIO()
    np.savez(buffer, **first.state_dict())
    buffer.seek(0)
    second = StreamingMeasure()
    with np.load(buffer, allow_pickle=False) as saved:
        second.load_state_dict(saved)
    assert dict(second.compute(WEIGHTS)) == dict(first.compute(WEIGHTS))
    for stream in (first, second):
        fed(np.arange(55, 100), [45], stream)
    assert dict(first.compute(WEIGHTS)) == dict(second.compute(WEIGHTS))


@pytest.mark.parametrize("names", [["b", "a", "c"], [7, -2, 300], [True, False, 2]], ids=str)
def test_a_state_keeps_its_labels(names):
    labels = np.array(names, dtype=object)[np.arange(9) % 3]
    stream = StreamingMeasure(classes=names)
    stream.update(np.random.default_rng(0).normal(size=(9, 2)), labels)
    again = StreamingMeasure()
    again.load_state_dict(stream.state_dict())
    assert again.compute().classes == tuple(names)
    assert [type(one) for one in again.compute().classes] == [type(one) for one in names]


def test_a_state_that_is_none_is_refused_and_changes_nothing():
    stream = fed(np.arange(100), [100])
    before = dict(stream.compute(WEIGHTS))
    state = stream.state_dict()
    document = json.loads(str(state["document"]))
    for wrong in (
        {},
        {"document": np.array("no json")},
        state | {"document": np.array(json.dumps(document | {"scatter": "half"}))},
        {key: value for key, value in state.items() if key != "0.counts"},
        state | {"0.origin": np.zeros((2, 7))},
        state | {"0.offset": state["0.offset"] * np.nan},
        state | {"0.scatter": np.array(["x"] * 5)},
    ):
        with pytest.raises(ncsolve.DataError, match="not the state of a StreamingMeasure"):
            stream.load_state_dict(wrong)
    assert dict(stream.compute(WEIGHTS)) == before
    odd = StreamingMeasure()
    odd.update(np.eye(2), [(1, 2), (3, 4)])
    with pytest.raises(ncsolve.DataError, match="of type tuple cannot be saved"):
        odd.state_dict()


def test_reset_forgets():
    stream = fed(np.arange(100), [100])
    stream.reset()
    assert stream.samples == 0
    with pytest.raises(ncsolve.DataError, match="no samples were seen"):
        stream.compute()
    close(
        fed(np.arange(100), [100], stream).compute(WEIGHTS),
        fed(np.arange(100), [100]).compute(WEIGHTS),
    )


def test_a_refused_batch_leaves_no_trace():
    stream = fed(np.arange(60), [60])
    before = dict(stream.compute(WEIGHTS))
    bad = {name: rows[60:].copy() for name, rows in LAYERS.items()}
    bad["H_2"][-1, -1] = np.nan
    second = stream.second_pass(WEIGHTS)
    for one in (stream, second):
        with pytest.raises(
            ncsolve.DataError, match=r"layer 'H_2': sample 39, coordinate 4 .* is nan"
        ):
            one.update(bad, Y[60:])
    assert dict(stream.compute(WEIGHTS)) == before
    assert second._layers["H_1"].samples == 0
    with pytest.raises(ncsolve.DataError, match="have 3 dimensions, earlier batches 7"):
        stream.update({"H_1": H[:, :3], "H_2": LAYERS["H_2"]}, Y)
    with pytest.raises(ncsolve.DataError, match="every batch needs the same layers"):
        stream.update(H, Y)


def test_a_class_given_and_never_seen_is_named_and_so_is_a_stranger():
    stream = StreamingMeasure(classes=["ant", "bee", "cat"])
    stream.update(np.eye(2), ["ant", "bee"])
    with pytest.raises(ncsolve.DataError, match="no sample of class 'cat'"):
        stream.compute()
    with pytest.raises(
        ncsolve.DataError, match="labels 'dog' are not among the classes 'ant', 'bee', 'cat'"
    ):
        stream.update(np.eye(2), ["ant", "dog"])
    with pytest.raises(ncsolve.DataError, match="'ant' stands twice"):
        StreamingMeasure(classes=["ant", "bee", "ant"])


def test_a_second_pass_over_other_samples_is_refused():
    stream = fed(np.arange(100), [100])
    second = stream.second_pass(WEIGHTS, B)
    second.update({name: rows[:99] for name, rows in LAYERS.items()}, Y[:99])
    with pytest.raises(ncsolve.DataError, match="saw 99 samples and the first 100"):
        stream.compute(second_pass=second)
    with pytest.raises(ncsolve.DataError, match="did not: 9"):
        second.update({name: rows[:1] for name, rows in LAYERS.items()}, [9])
    second.update({name: rows[99:] for name, rows in LAYERS.items()}, Y[99:])
    with pytest.raises(ncsolve.DataError, match="another classifier than the second pass"):
        stream.compute([2 * WEIGHTS[0], WEIGHTS[1]], second_pass=second)
    close(stream.compute(WEIGHTS, B, PREDICTION, second_pass=second), WHOLE)


def test_merging_unlike_streams_is_refused():
    stream = fed(np.arange(100), [100])
    with pytest.raises(ncsolve.ProblemError, match="scatter 'auto' here and 'trace' there"):
        stream.merge(StreamingMeasure(scatter="trace"))
    other = StreamingMeasure()
    other.update(H, Y)
    with pytest.raises(ncsolve.DataError, match="same layers"):
        stream.merge(other)
    narrow = StreamingMeasure()
    narrow.update({"H_1": H[:, :2], "H_2": LAYERS["H_2"]}, Y)
    with pytest.raises(ncsolve.DataError, match="'H_1' has 7 dimensions here, 2 there"):
        stream.merge(narrow)
    with pytest.raises(ncsolve.ProblemError, match="'half' is unknown"):
        StreamingMeasure(scatter="half")
    empty = StreamingMeasure()
    empty.update(np.zeros((0, 3)), [])
    stream.merge(empty)
    assert stream.samples == 100


def test_blocks_do_not_change_the_result(monkeypatch):
    prediction = long_tail_of_ten()
    features, labels, weights = near(prediction, noise=0.3, dimension=16)
    whole = ncsolve.measure(features, labels, weights, np.arange(10.0))
    monkeypatch.setattr("ncsolve.metrics.rows.BLOCK", 100)
    monkeypatch.setattr("ncsolve.metrics.statistics.BLOCK", 25)
    close(ncsolve.measure(features, labels, weights, np.arange(10.0)), whole)


def test_digits_survive_far_from_the_origin():
    """Samples 1e-7 around means of norm 1e6, merged from batches of one: the scatter has the digits of the data."""
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    # sums of these with the means are exact
    exact = rng.integers(-50, 50, size=(200, 3)) * 2.0**-23
    features = exact + np.array([[2.0**20, 0, 5], [0, -(2.0**20), 3]])[labels]
    stream = StreamingMeasure()
    for i in rng.permutation(200):
        stream.update(features[i : i + 1], labels[i : i + 1])
    found = stream.compute()
    for k in (0, 1):
        part = exact[labels == k]
        assert found.variances[k] == pytest.approx(
            ((part - part.mean(axis=0)) ** 2).sum() / 100, rel=1e-12
        )
