"""Descent by scipy from random starts on the raw objective over all N samples: an oracle that knows no formula."""

import numpy as np
from scipy.optimize import minimize

from ncsolve.problem.losses import sample_columns
from ncsolve.problem.objective import objective_over


def lowest(ufm, rng, starts=3, scale=1.0):
    """(value, parameters) of the lowest of several L-BFGS-B runs."""
    objective = objective_over(ufm, sample_columns(ufm.loss, ufm.counts))
    return lowest_of(objective, rng, starts, scale, nonnegative=ufm.features == "relu")


def lowest_of(objective, rng, starts=3, scale=1.0, nonnegative=False):
    """The same for any objective, its features free or >= 0."""
    bounds = np.full((objective.size, 2), [-np.inf, np.inf])
    if nonnegative:
        bounds[objective.feature_slice, 0] = 0.0
    runs = []
    options = {"maxiter": 20_000, "maxfun": 40_000, "maxcor": 30, "ftol": 0.0, "gtol": 1e-12}
    given = {"jac": True, "method": "L-BFGS-B", "bounds": bounds, "options": options}
    for _ in range(starts):
        start = np.maximum(rng.normal(0, scale, objective.size), bounds[:, 0])
        end = minimize(objective.value_and_gradient, start, **given)
        runs.append((end.fun, objective.unpack(end.x)))
    return min(runs, key=lambda run: run[0])
