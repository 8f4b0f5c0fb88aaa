"""The lower bound of a bottleneck beside the certificate that must equal it."""

from __future__ import annotations

import numpy as np
import sympy as sp

from ...numeric.certify import certificate
from .draws import spread
from .frames import polygon_parameters
from .softmax import loss, one_layer_margin
from .steps import Result
from .symbols import K, a, c, delta, n


def bound_result() -> Result:
    """The bound for equal counts."""
    margin = one_layer_margin.subs(delta, 0)

    def numeric(classes: float, n: float, decay: float) -> float:
        length = np.log(1 / (decay * n**0.5) - classes + 1)
        simplex = length * (np.eye(int(classes)) - 1 / classes)
        return certificate(
            *polygon_parameters(int(classes), n, decay, 1.0), witness=(simplex,)
        ).lower_bound

    def draw(rng: np.random.Generator) -> tuple[float, ...]:
        classes, n = float(rng.integers(4, 10)), spread(rng, 5, 5e3)
        return classes, n, spread(rng, 0.1, 0.9) / (classes * n**0.5)

    objective = (loss.subs(delta, 0) + c * (K - 1) * sp.sqrt(n) * a).subs(a, margin)
    return Result(
        "lower bound for equal counts, width two, both decays c",
        objective,
        (K, n, c),
        numeric,
        draw,
    )
