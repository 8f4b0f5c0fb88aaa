"""Predictions are values: pickled, copied, compared, shown."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest

import ncsolve
from ncsolve.cli import main
from ncsolve.theorems import theorem, theorems

COUNTS = [20, 10, 5]
PROBLEMS = {
    "none": ncsolve.UFM(COUNTS, depth=3),
    "free": ncsolve.UFM([20, 20, 5], bias="free", width=2),
    "targets": ncsolve.UFM(COUNTS, ncsolve.Squared([[1, 0, -1], [0, 1, 1]])),
    "regularized": ncsolve.UFM([5, 5], bias=0.1),
    "convex": ncsolve.UFM([20, 20, 5], "ce", bias="free"),
    "simplex": ncsolve.UFM([20] * 4, "ce"),
    "relu": ncsolve.UFM(COUNTS, "ce", features="relu"),
    "searched": ncsolve.UFM([20, 10], "ce", depth=2),
    "descended": ncsolve.UFM([4, 2], bias="free", features="relu"),
}


@pytest.fixture(scope="module")
def predictions():
    asked = {"descended": "descent_only"}
    return {name: ncsolve.predict(ufm, asked.get(name)) for name, ufm in PROBLEMS.items()}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_prediction_is_pickled_copied_and_equal_by_value(predictions, name):
    prediction = predictions[name]
    document = prediction.to_dict()
    for again in (pickle.loads(pickle.dumps(prediction)), copy.deepcopy(prediction)):
        assert again == prediction
        assert hash(again) == hash(prediction)
        np.testing.assert_equal(again.to_dict(), document)
        np.testing.assert_array_equal(again.class_means, prediction.class_means)
        witness = prediction.solution.witness
        assert witness is None or len(again.solution.witness()) == len(witness())
    other = prediction.ufm.replace(feature_decay=2 * prediction.ufm.feature_decay)
    assert prediction != (ncsolve.predict(other) if name != "descended" else document)


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_prediction_is_frozen_and_its_repr_short(predictions, name):
    prediction = predictions[name]
    with pytest.raises(AttributeError):
        prediction.value = 0.0
    for array in ("singular_values", "bias", "logits", "class_means", "gram_features"):
        assert not getattr(prediction, array).flags.writeable, array
    assert not prediction.classes.feature_norm.flags.writeable
    for shown in (prediction, prediction.classes, prediction.layers[0], prediction.theorem):
        assert len(repr(shown).splitlines()) <= 10
        assert max(map(len, repr(shown).splitlines())) <= 100


def test_printing_a_prediction_shows_what_the_command_line_prints(capsys):
    main(["predict", "--counts", "20,10,5", "--depth", "3"])
    assert capsys.readouterr().out == f"{ncsolve.predict(PROBLEMS['none'])}\n"


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_processes_predict(start):
    problems = [PROBLEMS[name] for name in ("none", "free", "simplex")]
    with multiprocessing.get_context(start).Pool(1) as pool:
        assert pool.map(ncsolve.predict, problems) == list(map(ncsolve.predict, problems))


def test_a_theorem_is_pickled_by_its_name():
    for one in theorems():
        assert pickle.loads(pickle.dumps(one)) is copy.copy(one) is one
        assert len(pickle.dumps(one)) < 100
    assert theorem("deep_simplex") in theorems()


@pytest.mark.parametrize("bias", ["none", "free"])
def test_no_matrix_is_built_that_nobody_asked_for(bias):
    counts = np.repeat(np.arange(1.0, 101.0), 1000)
    prediction = ncsolve.predict(
        ncsolve.UFM(counts, bias=bias, weight_decay=1e-9, feature_decay=1e-9)
    )
    kept = pickle.dumps(prediction)
    assert len(kept) < 30e6
    assert pickle.loads(kept) == prediction
    assert prediction.solution.states().state[-1] == "active"
