"""Final expressions for given targets beside the predictions that they must equal."""

from __future__ import annotations

import numpy as np
import sympy as sp

from ...problem.losses import Squared
from ...problem.ufm import UFM
from ..predict import predict
from .draws import spread
from .steps import Result
from .symbols import M, c, p


def target_results() -> tuple[Result, ...]:
    """Two outputs and two classes without a bias; one output and three classes with one."""
    y = sp.symbols("y_11 y_12 y_21 y_22", real=True)
    one, two, three = sp.symbols("n_1 n_2 n_3", positive=True)
    square = one * (y[0] ** 2 + y[2] ** 2) + two * (y[1] ** 2 + y[3] ** 2)
    determinant = sp.sqrt(one * two) * sp.Abs(y[0] * y[3] - y[1] * y[2])
    plus, minus = sp.sqrt(square + 2 * determinant), sp.sqrt(square - 2 * determinant)
    codes = sp.symbols("y_1:4", real=True)
    counts = (one, two, three)
    total = sum(counts)
    mean = sum(n * code for n, code in zip(counts, codes, strict=True)) / total
    length = sp.sqrt(sum(n * (code - mean) ** 2 for n, code in zip(counts, codes, strict=True)))
    return (
        Result(
            "largest singular value of A, 2 x 2 targets, M = 1, bias none, both decays c",
            (plus + minus) / 2 - (one + two) * c,
            (*y, one, two, c),
            lambda *values: _square(*values, which=0),
            lambda rng: _draw_square(rng, 0),
        ),
        Result(
            "smallest singular value of A, 2 x 2 targets, M = 1, bias none, both decays c",
            (plus - minus) / 2 - (one + two) * c,
            (*y, one, two, c),
            lambda *values: _square(*values, which=1),
            lambda rng: _draw_square(rng, 1),
        ),
        Result(
            "singular value of A, one output, three classes, any M, bias free, at the decay that gives the shrinkage p",
            length * (1 - p),
            (*codes, *counts, M, p),
            lambda *values: predict(_line(*values)).singular_values[0],
            _draw_line,
        ),
        Result(
            "bias of the same",
            mean,
            (*codes, *counts, M, p),
            lambda *values: predict(_line(*values)).bias[0],
            _draw_line,
        ),
    )


def _square(*values: float, which: int) -> float:
    a, b, c_, d, one, two, decay = values
    return float(
        predict(UFM([one, two], Squared([[a, b], [c_, d]]), 1, None, decay, decay)).singular_values[
            which
        ]
    )


def _draw_square(rng: np.random.Generator, which: int) -> tuple[float, ...]:
    codes = rng.normal(size=(2, 2)) + np.diag([2.0, 2.0])
    one, two = spread(rng, 5, 500), spread(rng, 5, 500)
    tau = np.linalg.svd(codes * np.sqrt([one, two]), compute_uv=False)[which]
    return *map(float, codes.ravel()), one, two, float(rng.uniform(0.02, 0.9) * tau / (one + two))


def _line(*values: float) -> UFM:
    codes, counts, depth, shrunk = np.array(values[:3]), np.array(values[3:6]), values[6], values[7]
    mean = codes @ counts / counts.sum()
    tau = float(np.sqrt(counts @ (codes - mean) ** 2))
    decay = (
        shrunk
        * (1 - shrunk) ** ((depth - 1) / (depth + 1))
        * tau ** (2 * depth / (depth + 1))
        / counts.sum()
    )
    return UFM(counts, Squared(codes[None, :]), int(depth), None, decay, decay, "free")


def _draw_line(rng: np.random.Generator) -> tuple[float, ...]:
    depth = int(rng.integers(1, 7))
    counts = (spread(rng, 5, 500) for _ in range(3))
    return (
        *map(float, rng.normal([2.0, 4.0, 9.0])),
        *counts,
        float(depth),
        float(rng.uniform(0.02, 0.9) / depth),
    )
