"""Final expressions for unequal counts, one layer, beside the predictions that they must equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from ...problem.losses import CrossEntropy
from ...problem.ufm import UFM
from ...questions.thresholds import thresholds
from ..predict import predict
from .draws import spread
from .groups import between, m_1, m_2, n_1, n_2
from .steps import Result
from .symbols import N, c, delta, lambda_b, lambda_H, lambda_W

if TYPE_CHECKING:
    from ...analytic.prediction import Prediction

two_class_logit = sp.log(sp.sqrt(2) / (c * sp.sqrt(N)) - 1) / 2
lost_share = (1 + 2 * lambda_b) / (1 + lambda_b) ** 2
_sum = n_1 + n_2 - lost_share * (n_1**2 + n_2**2) / (n_1 + n_2)
two_class_square = (_sum + sp.sqrt(_sum**2 - 4 * n_1 * n_2 * lambda_b**2 / (1 + lambda_b) ** 2)) / 2


def cross_entropy_results() -> tuple[Result, ...]:
    """Two classes; merging; complete collapse of two groups."""
    arguments = (n_1, n_2, lambda_W, lambda_H)
    weight = sp.sqrt(lambda_W * lambda_H)
    total = n_1 + n_2
    logit = two_class_logit.subs(c, weight).subs(N, total)
    sigma = logit * sp.sqrt(2 * total)
    return (
        Result(
            "own logit of either of two classes",
            logit,
            arguments,
            lambda *values: _two(*values).classes[0].own_logit,
            _draw_two,
        ),
        Result(
            "objective of two classes",
            sp.log(1 + sp.exp(-2 * logit)) + weight * sigma,
            arguments,
            lambda *values: _two(*values).value,
            _draw_two,
        ),
        Result(
            "squared norm of a class mean of two classes",
            sp.sqrt(lambda_W / lambda_H) * sigma / total,
            arguments,
            lambda *values: _two(*values).classes[1].feature_norm ** 2,
            _draw_two,
        ),
        Result(
            "count at which a group merges",
            N**2 * lambda_W * lambda_H / (1 - delta) ** 2,
            (N, lambda_W, lambda_H, delta),
            _merging,
            lambda rng: (
                spread(rng, 20, 500),
                spread(rng, 1e-4, 1e-2),
                spread(rng, 1e-4, 1e-2),
                float(rng.uniform(0, 0.3)),
            ),
        ),
        Result(
            "decay of complete collapse, a class of n_1 against m_2 of n_2 < n_1",
            sp.sqrt(between.subs(m_1, 1)) / (1 * n_1 + m_2 * n_2),
            (m_2, n_1, n_2),
            lambda many, one, two: float(
                thresholds(
                    UFM([one] + [two] * int(many), "ce", 1, None, 1e-2, 1e-2)
                ).complete_collapse
                or 0.0
            ),
            lambda rng: (
                float(rng.integers(1, 6)),
                (large := spread(rng, 20, 500)),
                large * float(rng.uniform(0.1, 0.9)),
            ),
        ),
    )


def squared_results() -> tuple[Result, ...]:
    """Contrasts; collapse."""
    decay = sp.Symbol("lambda", positive=True)
    arguments = (n_1, n_2, decay, lambda_b)
    total = 3 * n_1 + n_2
    pair = n_1 + n_2
    return (
        Result(
            "own logit minus that of another class of the same count (three of n_1, one of n_2)",
            1 - total * decay / sp.sqrt(n_1),
            arguments,
            _contrast,
            _draw_groups,
        ),
        Result(
            "count at which a group merges",
            total**2 * decay**2,
            arguments,
            lambda *values: float(_grouped(*values).classes.critical_count[0]),
            _draw_groups,
        ),
        Result(
            "decay of complete collapse of two classes",
            sp.sqrt(two_class_square) / pair,
            (n_1, n_2, lambda_b),
            lambda one, two, bias: float(
                thresholds(UFM([one, two], "mse", 1, None, 1e-2, 1e-2, bias)).complete_collapse
                or 0.0
            ),
            lambda rng: (spread(rng, 5, 500), spread(rng, 5, 500), spread(rng, 1e-3, 10)),
        ),
        Result(
            "objective where everything is zero",
            sp.Rational(1, 2) - (n_1**2 + n_2**2) / (2 * pair**2 * (1 + lambda_b)),
            (n_1, n_2, lambda_b),
            lambda one, two, bias: (
                predict(
                    UFM(
                        [one, two],
                        "mse",
                        1,
                        None,
                        1.1 / (one + two) ** 0.5,
                        1.1 / (one + two) ** 0.5,
                        bias,
                    ),
                    "imbalanced_regularized_bias",
                ).value
            ),
            lambda rng: (spread(rng, 5, 500), spread(rng, 5, 500), spread(rng, 1e-3, 10)),
        ),
    )


def _two(one: float, two: float, weight: float, feature: float) -> Prediction:
    return predict(UFM([one, two], "ce", 1, None, weight, feature), "imbalanced_cross_entropy")


def _draw_two(rng: np.random.Generator) -> tuple[float, ...]:
    one, two = spread(rng, 5, 5e3), spread(rng, 5, 5e3)
    decay = spread(rng, 1e-3, 0.9) / (2 * (one + two)) ** 0.5
    share = spread(rng, 0.1, 10)
    return one, two, decay * share, decay / share


def _merging(samples: float, weight: float, feature: float, smoothing: float) -> float:
    counts = [0.3 * samples] * 2 + [0.4 * samples]
    found = thresholds(UFM(counts, CrossEntropy(smoothing), 1, None, weight, feature))
    return float(found.classes.critical_count[0])


def _grouped(one: float, two: float, decay: float, bias: float) -> Prediction:
    return predict(
        UFM([one] * 3 + [two], "mse", 1, None, decay, decay, bias), "imbalanced_regularized_bias"
    )


def _contrast(*values: float) -> float:
    logits = _grouped(*values).logits
    return float(logits[0, 0] - logits[1, 0])


def _draw_groups(rng: np.random.Generator) -> tuple[float, ...]:
    one, two = spread(rng, 5, 500), spread(rng, 5, 500)
    return (
        one,
        two,
        float(rng.uniform(0.02, 0.9)) * one**0.5 / (3 * one + two),
        spread(rng, 1e-3, 10),
    )
