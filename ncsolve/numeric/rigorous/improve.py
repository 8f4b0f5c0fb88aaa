"""A point below a given one, where descent in floating point finds one. It is only proposed: its objective is enclosed afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...problem.losses import class_columns
from ...problem.objective import Parameters, objective_over

if TYPE_CHECKING:
    from ...problem.ufm import UFM

STEPS = 500


def lower_point(ufm: UFM, point: Parameters) -> Parameters:
    """The end of at most 500 steps of L-BFGS-B on the raw objective over class means, started at the point.

    Stops where the objective no longer changes by a few ulps, or no gradient entry exceeds 1e-10 of the value. ReLU features stay
    nonnegative.
    """
    from scipy.optimize import Bounds, minimize

    raw = objective_over(ufm, class_columns(ufm.loss, ufm.counts))
    root = np.sqrt(ufm.counts)
    start = raw.pack(Parameters(point.weights, point.features * root, point.bias))
    low = np.full(start.size, -np.inf)
    if ufm.features == "relu":
        low[raw.feature_slice] = 0.0
    found = minimize(
        raw.value_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(low, np.inf),
        options={
            "maxiter": STEPS,
            "ftol": 1e-15,
            "gtol": 1e-10 * abs(raw.value(start)),
            "maxfun": 4 * STEPS,
        },
    )
    end = raw.unpack(found.x)
    return Parameters(end.weights, end.features / root, end.bias)
