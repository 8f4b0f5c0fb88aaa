r"""At which counts and decays do classes vanish or merge?

A mode with target singular value tau dies when g exceeds kappa* tau^(2M/(M+1)) / N (scalar.py), g the geometric mean of all decays.
Between that and kappa_max/kappa* times it, a non-zero local minimum still exists: descent may stay there although zero is lower.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytic.prediction import Prediction
from ..analytic.reduction import reduce
from ..theorems.predict import predict

if TYPE_CHECKING:
    from ..analytic.classes import ClassTable
    from ..problem.losses import Array
    from ..problem.ufm import UFM


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Thresholds of one problem.

    Attributes
    ----------
    prediction : Prediction
    mean_decay : g, the geometric mean of the M + 1 decays; the only way decays enter
    local_factor : kappa_max / kappa*, by how much decays may exceed a class's critical decay before its local minimum is gone, too;
        NaN where that is not known (cross-entropy at depth 2 or more)
    """

    prediction: Prediction
    mean_decay: float
    local_factor: float

    @property
    def classes(self) -> ClassTable:
        """The per-class table, with `critical_count` and `critical_decay`."""
        return self.prediction.classes

    @cached_property
    def _known(self) -> Array:
        decay = self.classes.critical_decay
        return decay[~np.isnan(decay)]

    @cached_property
    def first_loss(self) -> float | None:
        """The smallest critical decay: up to it every class that can be kept is active."""
        return float(self._known.min()) if self._known.size else None

    @cached_property
    def complete_collapse(self) -> float | None:
        """The largest critical decay: from it on, the zero solution is the global minimizer."""
        told = self.prediction.solution.states().complete_collapse
        if told is not None:
            return None if np.isnan(told) else told
        return float(self._known.max()) if self._known.size else None

    def to_dict(self) -> dict[str, Any]:
        """The thresholds as plain values."""
        document = self.prediction.to_dict()
        return {key: document[key] for key in ("ufm", "theorem", "classes", "warnings")} | {
            "mean_decay": self.mean_decay,
            "local_factor": self.local_factor,
            "first_loss": self.first_loss,
            "complete_collapse": self.complete_collapse,
        }


def thresholds(problem: UFM | Prediction) -> Thresholds:
    """Critical counts and decays of every class.

    Parameters
    ----------
    problem : UFM (predicted first) or Prediction

    Returns
    -------
    Thresholds
        `.classes.critical_count`: the count at or below which the class vanishes (or merges), N held fixed;
        `.classes.critical_decay`: the geometric mean of the decays at which it does.

    Examples
    --------
    >>> import ncsolve
    >>> found = ncsolve.thresholds(ncsolve.UFM(counts=[1000, 100, 10, 2], depth=3, weight_decay=5e-4, feature_decay=5e-4))
    >>> [row.state for row in found.classes], round(found.first_loss, 7)
    (['active', 'active', 'active', 'vanished'], 0.0004116)
    """
    prediction = problem if isinstance(problem, Prediction) else predict(problem)
    factor = prediction.solution.states().local_factor
    return Thresholds(prediction, reduce(prediction.ufm).mean_decay, factor)
