"""The outcome of a training run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from .method import Training
    from .network import Network
    from .reading import Reading
    from .task import Task

ROUNDING = 1e-9  # relative excess below zero that double precision may produce
TARGETS = {  # the metrics that measure the distances of class means and of classifiers to each
    "predicted": ("nc2_gof_H", "nc2_gof_W"),
    "simplex": ("nc2_simplex_H", "nc2_etf_W"),
    "orthogonal": ("nc2_of_H", "nc2_of_W"),
}


class Ending(Enum):
    """Why a training run stopped."""

    EPOCHS = "all epochs are done"
    STEPS = "the step limit was reached; more steps may go lower"
    STALLED = "the line search finds no lower point in this precision"
    DIVERGED = "the loss grew without bound; a smaller learning rate works"
    INTERRUPTED = "interrupted; resume from the checkpoint if one was written"


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and what was measured on the way.

    Attributes
    ----------
    task, method : what was trained, and how
    network : torch module on the CPU, in evaluation mode
    records : one dict per measurement, the last one of the end; keys as in `ncsolve.measure`, and "epoch", "step", "objective",
        "excess" (relative to the predicted value), "accuracy", "learning_rate", "seconds"
    reading : features, weights and bias at the end
    ending : Ending
    seed : of the initial parameters and the batches
    """

    task: Task
    method: Training
    network: Network
    records: Sequence[dict[str, Any]]
    reading: Reading
    ending: Ending
    seed: int

    @property
    def metrics(self) -> dict[str, Any]:
        """The last record."""
        return self.records[-1]

    def targets(self) -> dict[str, tuple[float, float]]:
        """Distances (of class means, of classifiers) to the prediction and to the other targets, at equal norm, uncentered.

        Targets that are the predicted geometry themselves (the simplex of a balanced problem with a free bias) are left out, and so is
        the prediction where there is none.
        """
        last = self.metrics
        keys = {name: TARGETS[name] for name in self.task.targets if TARGETS[name][0] in last}
        return {
            name: (last[features], last.get(classifier, math.nan))
            for name, (features, classifier) in keys.items()
        }

    def reached(self, tolerance: float) -> bool:
        """Whether the distances to the predicted geometry are below the tolerance and below those to every other target."""
        targets = self.targets()
        if "predicted" not in targets:
            return False
        ours = targets.pop("predicted")
        return all(d < tolerance for d in ours) and all(
            d < other[i] for other in targets.values() for i, d in enumerate(ours)
        )

    @property
    def contradicts(self) -> bool:
        """Whether the network lies below a value that is claimed to be the model's global minimum."""
        prediction = self.task.prediction
        if prediction is None or prediction.claim.name not in ("GLOBAL", "CERTIFIED"):
            return False
        slack = ROUNDING if prediction.claim.name == "GLOBAL" else 1e-6
        return bool(self.metrics["excess"] < -slack)

    def save_features(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write what `ncsolve measure` reads to an .npz file, atomically: H_1 .. H_M, the inputs of W_1 .. W_M, y, classes, b.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is false.
        """
        classes = np.array(self.task.dataset.names)
        arrays: dict[str, Any] = {"y": classes[self.task.dataset.labels], "classes": classes}
        arrays |= {f"H_{j}": one for j, one in enumerate(self.reading.inputs, start=1)}
        arrays |= {f"W_{j}": one for j, one in enumerate(self.reading.weights, start=1)}
        if self.task.ufm.bias != "none":
            arrays["b"] = self.reading.bias
        with atomic_write(path, overwrite=overwrite) as stream:
            np.savez(stream, **arrays)

    def to_dict(self) -> dict[str, Any]:
        """The run as plain values: the prediction's document (without one, the problem), the method, the last record, all records."""
        prediction = self.task.prediction
        body = {"ufm": self.task.ufm.to_dict()} if prediction is None else prediction.to_dict()
        architecture = {"name": self.task.architecture.name} | vars(self.task.architecture)
        return body | {
            "architecture": architecture,
            "regularization": self.task.regularization,
            "training": vars(self.method)
            | {"learning_rate": self.method.rate, "schedule": self.method.decline},
            "ending": self.ending.name,
            "metrics": self.metrics,
            "targets": {name: list(distances) for name, distances in self.targets().items()},
            "records": list(self.records),
        }
