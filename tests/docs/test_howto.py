"""The decision table of docs/howto/which_theorem.md says what `predict` chooses, for every kind of problem; the theorem that
docs/howto/add_theorem.md adds needs no edit of any other file.
"""

import os
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import ncsolve
from ncsolve.theorems.predict import choose

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "howto" / "which_theorem.md"
ADDED = re.compile(r"`(ncsolve/[\w/]+\.py)`:\n+```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
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
    lines = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")
    ]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def fits(cell, word):
    if cell == "any" or cell == word:
        return True
    return word in {
        "cross-entropy",
        "cross-entropy with scales",
        "none",
        "free",
    } and word in cell.split(", ")


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


@pytest.fixture
def checkout_with_one_more_theorem(tmp_path):
    for folder in ("ncsolve", "tests", "docs"):
        shutil.copytree(
            ROOT / folder,
            tmp_path / folder,
            ignore=shutil.ignore_patterns("__pycache__", "generated", "_build"),
        )
    for file in ("pyproject.toml", "conftest.py", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / file, tmp_path)
    name, text = ADDED.search(
        (ROOT / "docs" / "howto" / "add_theorem.md").read_text(encoding="utf-8")
    ).groups()
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(folder, *words):
    environment = os.environ | {"PYTHONPATH": str(folder), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_a_theorem_is_added_by_one_file(checkout_with_one_more_theorem):
    here = checkout_with_one_more_theorem
    run(
        here,
        "-c",
        "import sys, pathlib; sys.path.insert(0, 'docs'); import pages; pages.write(pathlib.Path('made'))",
    )
    page = (here / "made" / "theorems" / "cross_entropy_pair.md").read_text(encoding="utf-8")
    assert "opposite pair" in page
    assert "cross_entropy_pair" in (here / "made" / "theorems.md").read_text(encoding="utf-8")
    assert "cross_entropy_pair" in run(here, "-m", "ncsolve", "theorems")
    for tool in (("ruff", "check"), ("ruff", "format", "--check"), ("mypy", "--strict")):
        run(here, "-m", *tool, "ncsolve/theorems/cross_entropy_pair.py")
    names = ("theorems/test_registry", "theorems/test_derivations", "questions/test_attacks")
    files = [f"tests/{name}.py" for name in (*names, "cli/test_theorems")]
    printed = run(
        here, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files, "-k", "pair or folder"
    )
    assert int(re.search(r"(\d+) passed", printed)[1]) >= 10
