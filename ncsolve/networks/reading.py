"""One measurement of a network during training: the canonical objective and the distances to the predicted and to other geometries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..metrics.measure import measure
from ..metrics.metrics import norm, simplex
from ..metrics.rows import SMALLEST
from ..problem.objective import Parameters, objective
from .hooks import capture

if TYPE_CHECKING:
    import torch

    from ..problem.losses import Array
    from .network import Network
    from .task import Task

KEYS = (
    "nc1_quotient",
    "nc2_gof_H",
    "nc2_gof_W",
    "nc2_abs_H",
    "nc2_abs_W",
    "nc2_etf_H",
    "nc2_etf_W",
    "nc2_of_H",
    "nc2_of_W",
    "nc3_gof",
    "nc3_selfdual",
    "nc4_ncc_mismatch",
)
LAYER_KEYS = ("nc1_quotient", "nc2_gof_H", "nc2_gof_W", "nc2_abs_H", "nc2_abs_W")


@dataclass(frozen=True, eq=False)
class Reading:
    """What the network computes now.

    Attributes
    ----------
    inputs : what enters W_1, ..., W_M: arrays (N, d_j), the features first
    weights : (W_1, ..., W_M)
    bias : (outputs,), zeros without one
    """

    inputs: tuple[Array, ...]
    weights: tuple[Array, ...]
    bias: Array

    def objective(self, task: Task) -> float:
        """The canonical objective at (H, W, b); without a feature penalty, less that term."""
        features = self.inputs[0]
        value = objective(task.ufm, Parameters(self.weights, features.T, self.bias))
        return (
            value
            if task.regularization != "all"
            else value - task.ufm.feature_decay / 2 * float(np.sum(features**2))
        )

    def metrics(self, task: Task) -> dict[str, Any]:
        """Objective, excess over the prediction, accuracy, and the metrics of KEYS; of deeper layers those of LAYER_KEYS.

        A metric that is not defined (the Gram matrix of a zero matrix has no direction) is left out.
        "nc2_simplex_H" is the distance of the uncentered Gram matrix of class means to the simplex's, to be held against nc2_gof_H and
        nc2_of_H, which are not centered either (nc2_etf_H centers, and an orthogonal frame is a simplex once centered).
        """
        labels = task.dataset.labels
        value = self.objective(task)
        row: dict[str, Any] = {"objective": value}
        prediction = task.prediction
        if prediction is not None:
            row["excess"] = (value - prediction.value) / abs(prediction.value)
        product = Parameters(self.weights, self.inputs[0].T, self.bias).end_to_end
        logits = self.inputs[0] @ product.T + self.bias
        one_hot = task.ufm.loss.one_hot
        if one_hot:
            row["accuracy"] = float(np.mean(logits.argmax(axis=1) == labels))
            inputs, weights = self._seen()
            names = {f"W_{j + 1}": one for j, one in enumerate(inputs)}
            classes = task.dataset.names
            named = np.array(classes)[labels]
            found = measure(
                names, named, weights, self.bias, prediction, classes=classes, keys=KEYS
            )
            row |= {key: found[key] for key in KEYS if key in found}
            gram = found.gram_features / (norm(found.gram_features) or 1.0)
            row["nc2_simplex_H"] = float(np.linalg.norm(gram - simplex(len(gram))))
            row["layers"] = [
                {"input_of": name} | {key: layer[key] for key in LAYER_KEYS if key in layer}
                for name, layer in found.layers.items()
            ]
        return row

    def _seen(self) -> tuple[list[Array], list[Array]]:
        """Inputs and weights to be measured: zeros where they are so small that squares underflow, as on the way to a minimum at zero."""
        inputs = [
            one if float(np.abs(one).max()) >= SMALLEST else np.zeros_like(one)
            for one in self.inputs
        ]
        sizes = [float(np.abs(one).max()) for one in self.weights]
        if min(*sizes, math.prod(sizes)) >= SMALLEST:
            return inputs, list(self.weights)
        return inputs, [np.zeros_like(one) for one in self.weights]


def reading(network: Network, samples: torch.Tensor) -> Reading:
    """Capture what enters every linear layer of the head, in evaluation mode, and copy the head's parameters."""
    caught = capture(network, samples, network.layers())
    weights = tuple(layer.weight.detach().cpu().double().numpy().copy() for layer in network.head)
    last = network.head[-1].bias
    bias = (
        np.zeros(len(weights[-1])) if last is None else last.detach().cpu().double().numpy().copy()
    )
    return Reading(tuple(caught.values()), weights, bias)
