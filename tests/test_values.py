"""Answers are frozen, read-only, equal by value, and survive pickle and copy."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass
from enum import Enum
from typing import Any

import numpy as np
import pytest

import ncsolve
from ncsolve.values import Value


class Word(Enum):
    YES = "it is"


@dataclass(frozen=True, eq=False, repr=False)
class Sample(Value):
    array: np.ndarray
    number: float
    word: Word
    rows: tuple[Any, ...]
    table: dict[str, Any]


def sample(**changes):
    given = {
        "array": np.array([1.0, np.nan]),
        "number": 0.5,
        "word": Word.YES,
        "rows": (np.arange(2), "a"),
        "table": {"b": np.ones((1, 2))},
    }
    return Sample(**(given | changes))


def test_values_are_equal_by_what_they_hold():
    assert sample() == sample()
    assert hash(sample()) == hash(sample())
    assert sample() != sample(number=0.25)
    assert sample() != sample(array=np.array([1.0, 2.0]))
    assert sample() != sample(rows=(np.arange(3), "a"))
    assert sample() != sample(table={"b": np.zeros((1, 2))})
    assert sample(number=float("nan")) == sample(number=float("nan"))


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]
)
def test_a_copy_is_equal_and_still_read_only(again):
    one = again(sample())
    assert one == sample()
    for array in (one.array, one.rows[0], one.table["b"]):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 3


def test_fields_cannot_be_set():
    with pytest.raises(FrozenInstanceError):
        sample().number = 2.0


def test_the_document_is_plain_and_the_repr_short():
    assert sample(array=np.ones(1)).to_dict() == {
        "array": [1.0],
        "number": 0.5,
        "word": "YES",
        "rows": [[0, 1], "a"],
        "table": {"b": [[1.0, 1.0]]},
    }
    long = sample(array=np.zeros((500, 500)), rows=tuple(range(1000)), table={"b": "c" * 500})
    assert len(repr(long).splitlines()) <= 10
    assert len(repr(long)) < 1000


UFM = ncsolve.UFM([20, 10, 5], depth=2, weight_decay=5e-3, feature_decay=5e-3)
FEATURES, LABELS = np.arange(24.0).reshape(6, 4) ** 0.5, [0, 0, 0, 1, 1, 2]
ANSWERS = {
    "problem": lambda: UFM,
    "prediction": lambda: ncsolve.predict(UFM),
    "verification": lambda: ncsolve.verify(UFM, rng=0, hessian=True),
    "certificate": lambda: ncsolve.certify(ncsolve.predict(UFM)),
    "proof": lambda: ncsolve.certify(ncsolve.predict(UFM), rigorous=True),
    "thresholds": lambda: ncsolve.thresholds(ncsolve.predict(UFM)),
    "design": lambda: ncsolve.largest_decay(UFM),
    "course": lambda: ncsolve.time_course(UFM),
    "landscape": lambda: ncsolve.measure_inertia(ncsolve.predict(UFM)),
    "map": lambda: ncsolve.phase_map(
        UFM, ncsolve.Axis("decay", [1e-3, 1e-2]), ncsolve.Axis("depth", [1, 2])
    ),
    "measurement": lambda: ncsolve.measure(FEATURES, LABELS),
    "conversion": lambda: ncsolve.convert(ncsolve.DecayConvention(), weight_decay=5e-4),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_the_same_again_pickled_copied_and_said_in_ten_lines(name):
    one, again = ANSWERS[name](), ANSWERS[name]()
    if name != "proof":  # which says how long it took
        assert one == again
        assert hash(one) == hash(again)
    assert one == pickle.loads(pickle.dumps(one)) == copy.deepcopy(one)
    assert len(repr(one).splitlines()) <= 10
    assert max(map(len, repr(one).splitlines())) <= 400
