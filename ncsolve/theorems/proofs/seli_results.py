"""The SELI geometry of two groups beside the prediction that it must equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from ...problem.losses import CrossEntropy
from ...problem.ufm import UFM
from ..predict import predict
from .draws import spread
from .groups import between, m_1, m_2, n_1, n_2
from .steps import Result

if TYPE_CHECKING:
    from ...analytic.prediction import Prediction


def seli_results() -> tuple[Result, ...]:
    """Nuclear norm and Gram entries, equal decays."""
    arguments = (m_1, m_2, n_1, n_2)
    total, root = m_1 + m_2, sp.sqrt(between)
    share = m_2 / (m_1 * total)  # w_1^2

    def result(name: str, expression: sp.Expr, read: str, at: tuple[int, int]) -> Result:
        def numeric(*values: float) -> float:
            gram = getattr(_predicted(*values), read)
            return float(gram[0, int(values[0]) if at[1] else 0])

        return Result(name, expression, arguments, numeric, _draw)

    ldt = sp.Symbol("K", positive=True)
    return (
        Result(
            "nuclear norm",
            (m_1 - 1) * sp.sqrt(n_1) + (m_2 - 1) * sp.sqrt(n_2) + root,
            arguments,
            lambda *values: _predicted(*values).value,
            _draw,
        ),
        result(
            "squared norm of a classifier row",
            sp.sqrt(n_1) * (1 - 1 / m_1) + root * share,
            "gram_weights",
            (0, 0),
        ),
        result(
            "product of classifier rows of different groups", -root / total, "gram_weights", (0, 1)
        ),
        result(
            "squared norm of a class mean",
            (1 - 1 / m_1) / sp.sqrt(n_1) + share / root,
            "gram_features",
            (0, 0),
        ),
        result(
            "product of class means of different groups",
            -1 / (total * root),
            "gram_features",
            (0, 1),
        ),
        Result(
            "cosine between classifier rows, LDT with s_k = sqrt(n_k)",
            -1 / (ldt - 1),
            (ldt,),
            _ldt_cosine,
            _draw_classes,
        ),
    )


def _predicted(first: float, second: float, one: float, two: float) -> Prediction:
    return predict(UFM([one] * int(first) + [two] * int(second), "ce"), limit="vanishing-decay")


def _draw(rng: np.random.Generator) -> tuple[float, ...]:
    return (
        float(rng.integers(1, 7)),
        float(rng.integers(1, 7)),
        spread(rng, 5, 5e3),
        spread(rng, 5, 5e3),
    )


def _ldt_cosine(classes: float) -> float:
    counts = 10.0 * np.arange(1, int(classes) + 1) ** 2
    gram = predict(
        UFM(counts, CrossEntropy(label_scale=np.sqrt(counts))), limit="vanishing-decay"
    ).gram_weights
    return float(gram[0, -1] / np.sqrt(gram[0, 0] * gram[-1, -1]))


def _draw_classes(rng: np.random.Generator) -> tuple[float, ...]:
    return (float(rng.integers(2, 30)),)
