"""Final expressions of the simplex theorems beside the predictions that they must equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from ...problem.losses import CrossEntropy
from ...problem.ufm import UFM
from ..predict import predict
from .draws import spread
from .softmax import loss, one_layer_margin, pull
from .steps import Result
from .symbols import K, M, a, c, delta, lambda_H, lambda_W, n, q

if TYPE_CHECKING:
    from ...analytic.prediction import Prediction


def one_layer_results() -> tuple[Result, ...]:
    """M = 1, from counts, decays and smoothing."""
    arguments = (K, n, lambda_W, lambda_H, delta)
    weight = sp.sqrt(lambda_W * lambda_H)
    margin = one_layer_margin.subs(c, weight)
    length = sp.sqrt(n) * margin * (1 - 1 / K)
    return (
        Result(
            "singular values of A",
            sp.sqrt(n) * margin,
            arguments,
            lambda *values: _one_layer(*values).singular_values[0],
            _draw_one_layer,
        ),
        Result(
            "squared norm of a classifier row",
            sp.sqrt(lambda_H / lambda_W) * length,
            arguments,
            lambda *values: float(_one_layer(*values).classes[0].weight_norm or 0.0) ** 2,
            _draw_one_layer,
        ),
        Result(
            "squared norm of a class mean",
            sp.sqrt(lambda_W / lambda_H) * length / n,
            arguments,
            lambda *values: _one_layer(*values).classes[0].feature_norm ** 2,
            _draw_one_layer,
        ),
        Result(
            "objective",
            (loss + weight * (K - 1) * sp.sqrt(n) * a).subs(a, margin),
            arguments,
            lambda *values: _one_layer(*values).value,
            _draw_one_layer,
        ),
    )


def deep_results() -> tuple[Result, ...]:
    """M >= 2, at the decay for which the margin a is stationary."""
    arguments = (K, n, M, delta, a)
    weight = pull / (q * (K - 1) * n ** (q / 2) * a ** (q - 1))
    return (
        Result(
            "singular values of A, at the decay that makes the margin a stationary",
            a * sp.sqrt(n),
            arguments,
            lambda *values: _deep(*values).singular_values[0],
            _draw_deep,
        ),
        Result(
            "objective, at the decay that makes the margin a stationary",
            (loss + weight * (K - 1) * (a * sp.sqrt(n)) ** q),
            arguments,
            lambda *values: _deep(*values).value,
            _draw_deep,
        ),
        Result(
            "norm of a class mean, at the decay that makes the margin a stationary (all decays equal)",
            sp.sqrt((a * sp.sqrt(n)) ** q * (1 - 1 / K) / n),
            arguments,
            lambda *values: _deep(*values).classes[0].feature_norm,
            _draw_deep,
        ),
    )


def _one_layer(
    classes: float, n: float, weight: float, feature: float, smoothing: float
) -> Prediction:
    return predict(
        UFM([n] * int(classes), CrossEntropy(smoothing), 1, None, weight, feature),
        "balanced_cross_entropy",
    )


def _draw_one_layer(rng: np.random.Generator) -> tuple[float, ...]:
    classes, n, smoothing = (
        int(rng.integers(2, 20)),
        spread(rng, 5, 5e3),
        float(rng.uniform(0, 0.3)),
    )
    decay = spread(rng, 1e-3, 0.9) * (1 - smoothing) / (classes * n**0.5)
    share = spread(rng, 0.1, 10)
    return float(classes), n, decay * share, decay / share, smoothing


def _deep(classes: float, n: float, depth: float, smoothing: float, margin: float) -> Prediction:
    decay = _decay(classes, n, depth, smoothing, margin)
    return predict(
        UFM([n] * int(classes), CrossEntropy(smoothing), int(depth), None, decay, decay),
        "deep_simplex",
    )


def _decay(classes: float, n: float, depth: float, smoothing: float, margin: float) -> float:
    """The geometric mean of the decays at which the margin is stationary."""
    power = 2 / (depth + 1)
    slope = (classes - 1) / (np.exp(margin) + classes - 1) - smoothing * (1 - 1 / classes)
    return float(slope / ((classes - 1) * n ** (power / 2) * margin ** (power - 1)))


def _draw_deep(rng: np.random.Generator) -> tuple[float, ...]:
    """Margins at which the simplex lies below zero: then it is the outer stationary point."""
    while True:
        classes, n, depth = int(rng.integers(2, 9)), spread(rng, 5, 5e3), int(rng.integers(2, 6))
        smoothing, margin = float(rng.choice([0.0, rng.uniform(0, 0.1)])), float(rng.uniform(2, 9))
        slope = (classes - 1) / (np.exp(margin) + classes - 1) - smoothing * (1 - 1 / classes)
        gain = (
            np.log(classes)
            - np.log1p((classes - 1) * np.exp(-margin))
            - smoothing * (1 - 1 / classes) * margin
        )
        if 0 < slope * margin * (depth + 1) / 2 < 0.99 * gain:
            return float(classes), n, float(depth), smoothing, margin
