"""The theory pages end in code that exists: every file, function and quoted line. Their own numbers are recomputed."""

import ast
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import ncsolve
from ncsolve.analytic import scalar
from ncsolve.analytic.simplex import simplex
from ncsolve.problem.losses import sample_columns
from ncsolve.problem.objective import objective_over

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "theory").glob("*.md"))
QUOTE = re.compile(r"^((?:[^\n]+\n)+)\n```py\n(.*?)^```", re.MULTILINE | re.DOTALL)
MENTION = re.compile(r"`((?:ncsolve|tests|docs)/[\w/.]+)`")
NAME = re.compile(r"`([A-Za-z_][\w.]*)`")
EVERY = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def sources(path):
    """Source of every function and method of a file, by name and by Class.name."""
    text = path.read_text(encoding="utf-8")
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{one.name}": one
                for one in node.body
                if isinstance(one, ast.FunctionDef)
            }
        elif isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, node)
    return {name: ast.get_source_segment(text, node) for name, node in found.items()}


def unknown_lines(paragraph, code, root=ROOT):
    """Quoted lines, or parts of lines, that stand in none of the functions that the paragraph names in the files that it names."""
    functions = {}
    for name in MENTION.findall(paragraph):
        functions |= sources(root / name) if name.endswith(".py") else {}
    named = [name for name in NAME.findall(paragraph) if name in functions]
    lines = [line for name in named for line in functions[name].splitlines()]
    return [
        part
        for part in code.splitlines()
        if part and not any(part.strip() in line for line in lines)
    ]


@EVERY
def test_every_quoted_line_stands_in_the_function_that_is_named(page):
    quotes = QUOTE.findall(page.read_text(encoding="utf-8"))
    assert quotes or page.stem == "literature"
    for paragraph, code in quotes:
        assert "In code, " in paragraph or paragraph.startswith(("`", "and `")), paragraph
        assert not unknown_lines(paragraph, code), f"{paragraph}{code}"


@EVERY
def test_every_file_that_is_named_exists(page):
    for name in MENTION.findall(page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name


def test_a_line_that_is_no_longer_there_is_seen():
    paragraph = "In code, `ncsolve/analytic/scalar.py`, `threshold`:\n"
    line = "return float((1.0 - 1.0 / depth) ** _e(depth) / depth)\n"
    assert unknown_lines(paragraph, line) == []
    assert unknown_lines(paragraph, line.replace("1.0 / depth", "1.01 / depth"))
    assert unknown_lines(paragraph.replace("threshold", "fold"), line)


@pytest.mark.parametrize(("depth", "said"), [(1, 1.0), (2, 1.191), (3, 1.414), (6, 2.133)])
def test_the_reach_of_local_minima_is_what_the_page_says(depth, said):
    reach = depth / 2 ** (2 * depth / (depth + 1)) * (1 + 1 / depth)
    assert reach == pytest.approx(scalar.fold(depth) / scalar.threshold(depth), rel=1e-14)
    assert reach == pytest.approx(said, abs=5e-4)


def split(classes):
    return [2] * (classes // 2) if classes % 2 == 0 else [2] * ((classes - 3) // 2) + [3]


def cost(blocks, q):
    return sum((m - 1) ** (1 - q) * m**q for m in blocks)


def test_the_table_of_depths_at_which_no_simplex_is_global():
    def holds(classes, depth):
        return cost(split(classes), 2 / (depth + 1)) < classes - 1

    assert [holds(4, depth) for depth in (2, 3, 4, 9)] == [False, True, True, True]
    assert [holds(5, depth) for depth in (2, 3, 4, 9)] == [False, True, True, True]
    assert all(holds(classes, depth) for classes in range(6, 60) for depth in range(2, 12))


@pytest.mark.parametrize(("classes", "depth"), [(4, 3), (5, 3), (6, 2), (7, 2), (7, 5)])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.95])
def test_a_split_lies_below_the_simplex_at_any_decay_by_the_raw_objective(classes, depth, share):
    """Raw objective of balanced factors of both, against the page's sums."""
    n, q = 30.0, 2 / (depth + 1)
    decay = share * simplex(ncsolve.UFM([n] * classes, "ce", depth)).critical_c() * q
    ufm = ncsolve.UFM([n] * classes, "ce", depth, weight_decay=decay, feature_decay=decay)
    prediction = ncsolve.predict(ufm, "deep_simplex")
    margin = prediction.singular_values[0] / np.sqrt(n)
    logits = np.zeros((classes, classes))
    start = 0
    for m in split(classes):
        logits[start : start + m, start : start + m] = margin * m / (m - 1) * (np.eye(m) - 1 / m)
        start += m
    rank = sum(m - 1 for m in split(classes))
    left, sigma, right = np.linalg.svd(logits * np.sqrt(n))
    left, sigma, right = left[:, :rank], sigma[:rank], right[:rank]
    assert (sigma**q).sum() == pytest.approx(
        (margin * np.sqrt(n)) ** q * cost(split(classes), q), rel=1e-12
    )
    spread = np.sqrt(sigma**q)  # all decays are g
    width = ufm.width[0]
    inner, last, means = (
        np.zeros((width, width)),
        np.zeros((classes, width)),
        np.zeros((width, classes)),
    )
    inner[:rank, :rank], last[:, :rank], means[:rank] = (
        np.diag(spread),
        left * spread,
        spread[:, None] * right / np.sqrt(n),
    )
    value = ncsolve.objective(
        ufm, ncsolve.Parameters((*[inner] * (depth - 1), last), means, np.zeros(classes))
    )
    loss = np.log1p((np.exp(logits - np.diag(logits)).sum(axis=0)) - 1).mean()
    assert value == pytest.approx(loss + (depth + 1) / 2 * decay * (sigma**q).sum(), rel=1e-12)
    assert value < prediction.value


def test_collapse_within_classes_saves_at_least_the_scatter():
    rng = np.random.default_rng(3)
    for loss, features in itertools.product(("mse", "ce"), ("linear", "relu")):
        ufm = ncsolve.UFM([4, 3, 2], loss, 2, 5, 1e-2, 3e-2, "free", features)
        weights = tuple(rng.normal(size=shape) for shape in ufm.shapes)
        h = rng.normal(size=(5, 9))
        h = np.abs(h) if features == "relu" else h
        means = np.stack([h[:, :4].mean(1), h[:, 4:7].mean(1), h[:, 7:].mean(1)], axis=1)
        bias = rng.normal(size=3)
        raw = objective_over(ufm, sample_columns(ufm.loss, ufm.counts))
        whole = raw.value_and_gradient(raw.pack(ncsolve.Parameters(weights, h, bias)))[0]
        spread = np.repeat(means, [4, 3, 2], axis=1)
        collapsed = ncsolve.objective(ufm, ncsolve.Parameters(weights, means, bias))
        assert whole - collapsed >= 0.5 * 3e-2 * ((h - spread) ** 2).sum() * (1 - 1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_polar_factor_of_the_vanishing_limit_has_negative_entries_off_the_diagonal(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(3, 9))
    r, e = np.exp(rng.normal(size=(2, size)))
    u = (1 / r) / np.linalg.norm(1 / r)
    left, _, right = np.linalg.svd((np.eye(size) - np.outer(u, u)) * e)
    polar = left[:, : size - 1] @ right[: size - 1]
    assert polar[~np.eye(size, dtype=bool)].max() < 0
    b = e**2 + 0.7
    p = np.eye(size) - np.outer(u, u)
    inverse = np.diag(1 / b) - np.outer(u / b, u / b) / (u**2 / b).sum()
    assert np.allclose(
        np.linalg.pinv(p @ np.diag(b) @ p), inverse, rtol=0, atol=1e-12 * np.abs(inverse).max()
    )
