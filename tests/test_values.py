"""Answers are frozen, read-only, equal by value, and survive pickle and copy."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass
from enum import Enum
from typing import Any

import numpy as np
import pytest

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
