"""The decision table of docs/howto/which_theorem.md says what `predict` chooses, for every kind of problem."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

import ncsolve
from ncsolve.analytic.predict import choose

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "which_theorem.md"
K = 4
TARGETS = np.arange(2.0 * K).reshape(2, K) % 3.0
LOSSES = {
    "squared": ["mse"],
    "squared, given targets": [ncsolve.Squared(TARGETS)],
    "cross-entropy": ["ce", ncsolve.CrossEntropy(smoothing=0.1)],
    "cross-entropy with scales": [
        ncsolve.CrossEntropy(label_scale=[1.0, 1.2, 1.1, 1.0]),
        ncsolve.CrossEntropy(class_scale=[1.0, 1.2, 1.1, 1.0]),
        ncsolve.CrossEntropy(offsets=[0.0, 0.1, 0.2, 0.0]),
    ],
}
DEPTHS = {"1": [1], ">= 2": [2, 5]}
COUNTS = {"equal": [[6, 6, 6, 6]], "unequal": [[9, 6, 6, 3]]}
BIASES = {"none": ["none"], "free": ["free"], "regularized": [1e-3, 2.0]}
FEATURES = {"linear": ["linear"], "relu": ["relu"]}
KINDS = list(product(LOSSES, DEPTHS, COUNTS, BIASES, FEATURES, ("wide", "narrow")))


def table():
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def fits(cell, word):
    if cell == "any" or cell == word:
        return True
    return word in {"cross-entropy", "cross-entropy with scales", "none", "free"} and word in cell.split(", ")


def said(kind):
    return next((row[6].strip("`"), row[7]) for row in table() if all(map(fits, row[:6], kind)))


def widths(kind):
    _, _, _, bias, features, width = kind
    least = K if (bias == "regularized" and kind[0] == "squared") or features == "relu" else K - 1
    return [least, K + 3] if width == "wide" else [1, K - 2]


@pytest.mark.parametrize("kind", KINDS, ids=", ".join)
def test_the_table_names_the_theorem_that_predict_chooses(kind):
    loss, depth, counts, bias, features, _ = kind
    name, claim = said(kind)
    for values in product(LOSSES[loss], DEPTHS[depth], COUNTS[counts], BIASES[bias], widths(kind)):
        one, m, n, b, width = values
        ufm = ncsolve.UFM(n, one, m, width, bias=b, features=features)
        if name == "none":
            with pytest.raises(ncsolve.NoTheorem):
                choose(ufm)
        else:
            chosen = choose(ufm)
            assert (chosen.name, chosen.claim.name) == (name, claim)


def test_every_line_of_the_table_is_needed():
    used = {said(kind) for kind in KINDS}
    assert used == {(row[6].strip("`"), row[7]) for row in table()}
