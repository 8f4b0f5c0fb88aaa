"""Final expressions of squared loss beside the predictions that they must equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...problem.ufm import UFM
from ...questions.thresholds import thresholds
from ..predict import predict
from .draws import spread
from .scalar import shrinkage_2, shrinkage_3
from .steps import Result
from .symbols import M, N, e, g, kappa, lambda_H, lambda_W, n, p, q, sigma

if TYPE_CHECKING:
    from ...analytic.prediction import Prediction

ratio = sp.Symbol("r", positive=True)  # lambda_H = g r^M, every lambda_j = g/r


def squared_results() -> tuple[Result, ...]:
    """At M = 1 from counts and decays, at M = 2 and 3 by the closed roots, at any M with the shrinkage given."""
    one_layer = (n, N, lambda_W, lambda_H)
    given_p = {g: p * (1 - p) ** e * n ** (M / (M + 1)) / N, sigma: sp.sqrt(n) * (1 - p)}

    def at(expression: Any) -> Any:
        return expression.subs(sigma, given_p[sigma]).subs(g, given_p[g])

    end = lambda_H * (sigma**q) ** M / g
    any_depth = (n, N, M, p, ratio)
    product = g ** (M + 1)
    first, second = sp.symbols("n_1 n_2", positive=True)
    return (
        Result(
            "squared norm of a classifier row, M = 1, bias none",
            sp.sqrt(n * lambda_H / lambda_W) - N * lambda_H,
            one_layer,
            lambda *values: float(_one_layer(*values).classes[0].weight_norm or 0.0) ** 2,
            _draw_one_layer,
        ),
        Result(
            "own logit, M = 1, bias none",
            1 - N * sp.sqrt(lambda_W * lambda_H / n),
            one_layer,
            lambda *values: _one_layer(*values).classes[0].own_logit,
            _draw_one_layer,
        ),
        _closed(2, shrinkage_2()),
        _closed(3, shrinkage_3()),
        Result(
            "squared norm of a classifier row, any M, bias none, at the decays that give the shrinkage p",
            at(end).subs(lambda_H, at(g) * ratio**M),
            any_depth,
            lambda *values: float(_shrunk(*values).classes[0].weight_norm or 0.0) ** 2,
            _draw_shrunk,
        ),
        Result(
            "norm of a class mean, any M, bias none, at the decays that give the shrinkage p",
            sp.sqrt(at(sigma**q) / ratio**M / n),
            any_depth,
            lambda *values: _shrunk(*values).classes[0].feature_norm,
            _draw_shrunk,
        ),
        Result(
            "objective of equal counts, any M, bias none, at the decays that give the shrinkage p",
            p * (1 + M * (1 - p)) / 2,
            (n, M, p),
            lambda n, M, p: predict(_ufm([n] * 3, M, *_decays(n, 3 * n, M, p, 1.0))).value,
            lambda rng: (spread(rng, 5, 5e3), *_draw_shrunk(rng)[2:4]),
        ),
        Result(
            "count at which a class vanishes, any M, bias none",
            (N ** (M + 1) * product * M ** (2 * M) / (M - 1) ** (M - 1)) ** (1 / M),
            (N, M, g),
            lambda N, M, g: float(
                thresholds(_ufm([0.4 * N, 0.6 * N], M, g, g)).classes.critical_count[0]
            ),
            lambda rng: (spread(rng, 10, 1e4), float(rng.integers(1, 8)), spread(rng, 1e-6, 1e-3)),
        ),
        Result(
            "singular value of A for two classes, M = 1, bias free",
            sp.sqrt(2 * first * second / (first + second)) - (first + second) * g,
            (first, second, g),
            lambda a, b, g: predict(_ufm([a, b], 1, g, g, bias="free")).singular_values[0],
            _draw_two,
        ),
    )


def _closed(depth: int, root: Any) -> Result:
    """The closed root at one depth."""
    return Result(
        f"singular value of A from the closed root, M = {depth}, bias none",
        sp.sqrt(n) * (1 - root.subs(kappa, (N * g * n ** (-M / (M + 1))).subs(M, depth))),
        (n, N, g),
        lambda n, samples, decay: _deep(n, samples, depth, decay, decay).singular_values[0],
        lambda rng: _draw_closed(rng, depth),
    )


def _ufm(counts: list[float], depth: float, weight: float, feature: float, **further: Any) -> UFM:
    return UFM(counts, "mse", int(depth), None, weight, feature, **further)


def _one_layer(n: float, samples: float, weight: float, feature: float) -> Prediction:
    return predict(_ufm([n, samples - n], 1, weight, feature))


def _draw_one_layer(rng: np.random.Generator) -> tuple[float, ...]:
    n = spread(rng, 5, 5e3)
    samples = n * (1 + spread(rng, 0.1, 5))
    decay = rng.uniform(0.01, 0.9) * n**0.5 / samples
    share = spread(rng, 0.1, 10)
    return n, samples, float(decay * share), float(decay / share)


def _deep(n: float, samples: float, depth: int, weight: float, feature: float) -> Prediction:
    return predict(
        _ufm(
            [n, min(samples - n, 0.9 * n), max(samples - 1.9 * n, 0.05 * n)], depth, weight, feature
        )
    )


def _draw_closed(rng: np.random.Generator, depth: int) -> tuple[float, ...]:
    n = spread(rng, 5, 5e3)
    samples = 2.5 * n
    shrunk = rng.uniform(0.1, 0.95) / depth
    return n, samples, _decays(n, samples, depth, float(shrunk), 1.0)[0]


def _shrunk(n: float, samples: float, depth: float, shrunk: float, ratio: float) -> Prediction:
    return predict(_ufm([n, samples - n], depth, *_decays(n, samples, depth, shrunk, ratio)))


def _decays(
    n: float, samples: float, depth: float, shrunk: float, ratio: float
) -> tuple[float, float]:
    mean = (
        shrunk * (1 - shrunk) ** ((depth - 1) / (depth + 1)) * n ** (depth / (depth + 1)) / samples
    )
    return mean / ratio, mean * ratio**depth


def _draw_shrunk(rng: np.random.Generator) -> tuple[float, ...]:
    depth = int(rng.integers(1, 8))
    n = spread(rng, 5, 5e3)
    shrunk = rng.uniform(0.02, 0.9) / depth
    return n, n * (1 + spread(rng, 0.1, 5)), float(depth), float(shrunk), spread(rng, 0.5, 2)


def _draw_two(rng: np.random.Generator) -> tuple[float, ...]:
    first, second = spread(rng, 5, 5e3), spread(rng, 5, 5e3)
    strength = (2 * first * second / (first + second)) ** 0.5
    return first, second, float(rng.uniform(0.01, 0.9) * strength / (first + second))
