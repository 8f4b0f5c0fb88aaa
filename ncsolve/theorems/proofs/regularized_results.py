"""Final expressions with a regularized bias beside the predictions that they must equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from ...problem.ufm import UFM
from ..predict import predict
from .draws import spread
from .steps import Result
from .symbols import K, lambda_b, lambda_H, lambda_W, n

if TYPE_CHECKING:
    from ...analytic.prediction import Prediction


def balanced_results() -> tuple[Result, ...]:
    """Both regimes."""
    arguments = (K, n, lambda_W, lambda_H, lambda_b)
    level = K * n * sp.sqrt(lambda_W * lambda_H)
    contrast = sp.sqrt(n) - level
    mean = sp.sqrt(n) - level * (1 + 1 / lambda_b)
    ratio = sp.sqrt(lambda_H / lambda_W)
    return (
        Result(
            "cosine between class means above the border",
            (mean - contrast) / (mean + (K - 1) * contrast),
            arguments,
            lambda *values: _cosine(_predicted(*values)),
            _draw_above,
        ),
        Result(
            "cosine between class means below the border",
            -1 / (K - 1),
            arguments,
            lambda *values: _cosine(_predicted(*values)),
            _draw_below,
        ),
        Result(
            "bias above the border",
            sp.sqrt(lambda_W * lambda_H * n) / lambda_b,
            arguments,
            lambda *values: _predicted(*values).bias[0],
            _draw_above,
        ),
        Result(
            "bias below the border",
            1 / (K * (1 + lambda_b)),
            arguments,
            lambda *values: _predicted(*values).bias[0],
            _draw_below,
        ),
        Result(
            "largest singular value of A",
            contrast,
            arguments,
            lambda *values: _predicted(*values).singular_values[0],
            _draw_below,
        ),
        Result(
            "smallest singular value of A above the border",
            mean,
            arguments,
            lambda *values: _predicted(*values).singular_values[-1],
            _draw_above,
        ),
        Result(
            "squared norm of a classifier row above the border",
            ratio * ((K - 1) * contrast + mean) / K,
            arguments,
            lambda *values: float(_predicted(*values).classes[0].weight_norm or 0.0) ** 2,
            _draw_above,
        ),
    )


def _predicted(classes: float, n: float, weight: float, feature: float, bias: float) -> Prediction:
    return predict(
        UFM([n] * int(classes), "mse", 1, None, weight, feature, bias), "balanced_regularized_bias"
    )


def _cosine(prediction: Prediction) -> float:
    gram = prediction.gram_features
    return float(gram[0, 1] / gram[0, 0])


def _draw(rng: np.random.Generator) -> tuple[float, float, float, float, float]:
    """Arguments but lambda_b, and its border."""
    classes, n = int(rng.integers(2, 12)), spread(rng, 5, 5e3)
    level = float(rng.uniform(0.02, 0.8)) * n**0.5
    share = spread(rng, 0.1, 10)
    decay = level / (classes * n)
    return float(classes), n, decay * share, decay / share, level / (n**0.5 - level)


def _draw_above(rng: np.random.Generator) -> tuple[float, ...]:
    *rest, border = _draw(rng)
    return *rest, border * spread(rng, 1.2, 20)


def _draw_below(rng: np.random.Generator) -> tuple[float, ...]:
    *rest, border = _draw(rng)
    return *rest, border * spread(rng, 0.05, 0.9)
