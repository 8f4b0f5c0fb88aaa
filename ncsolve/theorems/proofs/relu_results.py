"""Final expressions for ReLU features beside the predictions that they must equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from ...problem.losses import CrossEntropy
from ...problem.ufm import UFM
from ..predict import predict
from .draws import spread
from .softmax import loss
from .steps import Result
from .symbols import K, N, a, delta, lambda_H, lambda_W, n

if TYPE_CHECKING:
    from ...analytic.prediction import Prediction

margin = sp.log((K - 1) * (1 / sp.Symbol("x", positive=True) - 1))


def relu_results() -> tuple[Result, ...]:
    """One class of n samples among K, the others equal among themselves."""
    arguments = (K, n, N, lambda_W, lambda_H, delta)
    weight = sp.sqrt(lambda_W * lambda_H)

    def length(count: sp.Expr) -> sp.Expr:
        x = (N * weight * sp.sqrt(K / ((K - 1) * count)) + delta) * (K - 1) / K
        return margin.subs(sp.Symbol("x", positive=True), x)

    rest = (N - n) / (K - 1)
    share = 1 - 1 / K

    def cost(count: sp.Expr) -> sp.Expr:
        return (count / N * loss + weight * sp.sqrt(count * share) * a).subs(a, length(count))

    weights = (
        sp.sqrt(lambda_H / lambda_W)
        * sp.sqrt(share)
        * (sp.sqrt(n) * length(n) * share + (K - 1) * sp.sqrt(rest) * length(rest) / (K * (K - 1)))
    )
    return (
        Result(
            "own logit",
            length(n) * share,
            arguments,
            lambda *values: _predicted(*values).classes[0].own_logit,
            _draw,
        ),
        Result(
            "squared norm of a class mean",
            sp.sqrt((K - 1) * lambda_W / (K * lambda_H * n)) * length(n),
            arguments,
            lambda *values: _predicted(*values).classes[0].feature_norm ** 2,
            _draw,
        ),
        Result(
            "squared norm of a classifier row",
            weights,
            arguments,
            lambda *values: float(_predicted(*values).classes[0].weight_norm or 0.0) ** 2,
            _draw,
        ),
        Result(
            "objective",
            cost(n) + (K - 1) * cost(rest),
            arguments,
            lambda *values: _predicted(*values).value,
            _draw,
        ),
        Result(
            "count at which a class vanishes",
            N**2 * lambda_W * lambda_H / (1 - delta) ** 2 * K / (K - 1),
            arguments,
            lambda *values: float(_predicted(*values).classes.critical_count[0]),
            _draw,
        ),
    )


def _predicted(
    classes: float, n: float, samples: float, weight: float, feature: float, smoothing: float
) -> Prediction:
    counts = [n] + [(samples - n) / (classes - 1)] * (int(classes) - 1)
    return predict(
        UFM(counts, CrossEntropy(smoothing), 1, None, weight, feature, features="relu"),
        "relu_cross_entropy",
    )


def _draw(rng: np.random.Generator) -> tuple[float, ...]:
    classes, n, smoothing = (
        int(rng.integers(2, 12)),
        spread(rng, 5, 5e3),
        float(rng.uniform(0, 0.3)),
    )
    samples = n + (classes - 1) * n * spread(rng, 0.1, 10)
    least = min(n, (samples - n) / (classes - 1)) * (1 - 1 / classes)
    decay = float(rng.uniform(0.01, 0.9)) * (1 - smoothing) * least**0.5 / samples
    share = spread(rng, 0.1, 10)
    return float(classes), n, samples, decay * share, decay / share, smoothing
