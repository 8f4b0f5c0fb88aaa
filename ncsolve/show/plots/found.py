"""What was found, by descent or in a user's network, in the order of the predicted classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...metrics.metrics import Measurement, matched
from ...problem.objective import Parameters

if TYPE_CHECKING:
    from ...analytic.prediction import Prediction
    from ...numeric.descent import Run
    from ...problem.losses import Array

    Found = Run | Parameters | Measurement


def found_rows(found: Found, prediction: Prediction) -> dict[str, Array | None]:
    """Class means and rows of W_M ... W_1, each class (or output) a row; None where they were not measured."""
    if not isinstance(found, Measurement):
        point = found if isinstance(found, Parameters) else found.parameters
        return {"features": point.features.T, "weights": point.end_to_end}
    place = matched(prediction, found.classes, found.counts, subset=True)
    order = np.argsort(place)
    return {
        "features": found.means[order],
        "weights": None if found.weight is None else found.weight[order],
    }


def found_norms(found: Found, prediction: Prediction) -> dict[str, Array | None]:
    """Norms of the rows, "h" and "w"."""
    rows = found_rows(found, prediction)
    norms = {letter: rows[name] for letter, name in (("h", "features"), ("w", "weights"))}
    return {
        letter: None if one is None else np.linalg.norm(one, axis=1)
        for letter, one in norms.items()
    }
