r"""At which counts and decays do classes vanish or merge?

A mode with target singular value tau dies when g exceeds kappa* tau^(2M/(M+1)) / N (scalar.py), g the geometric mean of all decays.
Between that and kappa_max/kappa* times it, a non-zero local minimum still exists: descent may stay there although zero is lower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytic.prediction import Prediction
from ..analytic.reduction import reduce
from ..theorems.predict import predict
from ..values import Value

if TYPE_CHECKING:
    from ..analytic.prediction import ClassTable
    from ..problem.ufm import UFM


@dataclass(frozen=True, eq=False, repr=False)
class Thresholds(Value):
    """Thresholds of one problem.

    Attributes
    ----------
    prediction : Prediction
    mean_decay : g, the geometric mean of the M + 1 decays; the only way decays enter
    local_factor : kappa_max / kappa*, by how much decays may exceed a class's critical decay before its local minimum is gone, too;
        NaN where that is not known (cross-entropy at depth 2 or more)
    first_loss : the smallest critical decay, up to which every class that can be kept is active; None where none is known
    complete_collapse : the decay from which on the zero solution is the global minimizer; None where it is not known
    """

    prediction: Prediction
    mean_decay: float
    local_factor: float
    first_loss: float | None
    complete_collapse: float | None
    entries = ("mean_decay", "local_factor", "first_loss", "complete_collapse")

    @property
    def classes(self) -> ClassTable:
        """The per-class table, with `critical_count` and `critical_decay`."""
        return self.prediction.classes

    def to_dict(self) -> dict[str, Any]:
        """The thresholds as plain values, after the problem, the theorem, the classes and the warnings of the prediction."""
        document = self.prediction.to_dict()
        kept = {key: document[key] for key in ("ufm", "theorem", "classes", "warnings")}
        return kept | super().to_dict()


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
    states = prediction.solution.states()
    known = states.critical_decay[~np.isnan(states.critical_decay)]
    first, last = (float(known.min()), float(known.max())) if known.size else (None, None)
    if states.complete_collapse is not None:
        last = None if np.isnan(states.complete_collapse) else states.complete_collapse
    return Thresholds(
        prediction, reduce(prediction.ufm).mean_decay, states.local_factor, first, last
    )
