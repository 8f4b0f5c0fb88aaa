"""The inputs of linear layers, caught by hooks that are removed however the block ends, and what is measured of a network by them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ..metrics.measure import measure
from ..metrics.metrics import norm, simplex
from ..metrics.rows import SMALLEST
from ..problem.errors import DataError
from ..problem.objective import Parameters, objective
from ..values import Value

if TYPE_CHECKING:
    from ..problem.losses import Array
    from .models import Network
    from .task import Task

CHUNK = 1024  # samples per forward pass
LAYER_KEYS = ("nc1_quotient", "nc2_gof_H", "nc2_gof_W", "nc2_abs_H", "nc2_abs_W")
KEYS = (
    *LAYER_KEYS,
    *("nc2_etf_H", "nc2_etf_W", "nc2_of_H", "nc2_of_W"),
    *("nc3_gof", "nc3_selfdual", "nc4_ncc_mismatch"),
)


def linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """Every torch.nn.Linear of a model by its name, in the order of registration.

    Examples
    --------
    >>> list(linear_layers(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))))
    ['0', '2']
    """
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}


@contextmanager
def captured(layers: Mapping[str, nn.Module]) -> Iterator[dict[str, list[torch.Tensor]]]:
    """Collect what enters each layer, one tensor per call, while the block runs.

    The hooks are removed when the block ends, by an exception too.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    >>> with captured(linear_layers(model)) as inputs:
    ...     _ = model(torch.zeros(5, 4))
    >>> [tuple(tensor.shape) for tensor in inputs["1"]]
    [(5, 3)]
    """
    inputs: dict[str, list[torch.Tensor]] = {name: [] for name in layers}

    def keep(name: str) -> Any:
        return lambda _module, given: inputs[name].append(given[0].detach())

    with ExitStack() as hooks:
        for name, layer in layers.items():
            hooks.callback(layer.register_forward_pre_hook(keep(name)).remove)
        yield inputs


def capture(
    model: nn.Module,
    samples: torch.Tensor,
    layers: Mapping[str, nn.Module] | None = None,
    *,
    chunk: int = CHUNK,
) -> dict[str, Array]:
    """Features at the input of every linear layer, for all samples, in float64.

    Parameters
    ----------
    model : torch.nn.Module
        Run in evaluation mode, without gradients; the mode that it was in is restored.
    samples : tensor (N, ...)
        On any device; pieces are moved to the device and dtype of the model.
    layers : mapping name -> module, optional
        By default `linear_layers(model)`.
    chunk : int
        Samples per forward pass.

    Returns
    -------
    dict, layer -> array (N, d)

    Raises
    ------
    DataError
        A layer was not called exactly once per pass, or its input is not one vector per sample.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 2))
    >>> {name: rows.shape for name, rows in capture(model, torch.zeros(5, 4)).items()}
    {'0': (5, 4), '1': (5, 3)}
    """
    chosen = linear_layers(model) if layers is None else dict(layers)
    like = next(model.parameters())
    modes = {module: module.training for module in model.modules()}
    kept: dict[str, list[Array]] = {name: [] for name in chosen}
    model.eval()
    try:
        for piece in samples.split(chunk):
            with captured(chosen) as inputs, torch.no_grad():
                model(piece.to(like))
            for name, tensors in inputs.items():
                shape, why = tuple(tensors[0].shape) if tensors else (), ""
                if len(tensors) != 1:
                    twice = f"was called {len(tensors)} times in one pass"
                    why = f"layer {name!r} {twice}; name layers that are called once"
                elif shape[:1] != piece.shape[:1] or len(shape) != 2:
                    other = f"has shape {shape}, not one vector per sample; name another"
                    why = f"the input of layer {name!r} {other}"
                if why:
                    raise DataError(why)
                kept[name].append(tensors[0].cpu().double().numpy())
    finally:
        for module, mode in modes.items():
            module.training = mode
    return {name: np.concatenate(rows) for name, rows in kept.items()}


@dataclass(frozen=True, eq=False, repr=False)
class Reading(Value):
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
        if task.regularization == "all":
            value -= task.ufm.feature_decay / 2 * float(np.sum(features**2))
        return value

    def metrics(self, task: Task) -> dict[str, Any]:
        """Objective, excess over the prediction, accuracy, and the metrics of KEYS; of deeper layers those of LAYER_KEYS.

        A metric that is not defined (the Gram matrix of a zero matrix has no direction) is left out.
        "nc2_simplex_H" is the distance of the uncentered Gram matrix of class means to the simplex's, to be held against nc2_gof_H and
        nc2_of_H, which are not centered either (nc2_etf_H centers, and an orthogonal frame is a simplex once centered).
        """
        labels, prediction = task.dataset.labels, task.prediction
        row: dict[str, Any] = {"objective": self.objective(task)}
        if prediction is not None:
            row["excess"] = (row["objective"] - prediction.value) / abs(prediction.value)
        if not task.ufm.loss.one_hot:
            return row
        product = Parameters(self.weights, self.inputs[0].T, self.bias).end_to_end
        logits = self.inputs[0] @ product.T + self.bias
        row["accuracy"] = float(np.mean(logits.argmax(axis=1) == labels))
        # zeros where they are so small that squares underflow, as on the way to a minimum at zero
        inputs = [x if np.abs(x).max() >= SMALLEST else np.zeros_like(x) for x in self.inputs]
        layers = {f"W_{j + 1}": one for j, one in enumerate(inputs)}
        sizes = [float(np.abs(one).max()) for one in self.weights]
        lost = not min(*sizes, math.prod(sizes)) >= SMALLEST
        weights = [np.zeros_like(one) if lost else one for one in self.weights]
        names = np.array(task.dataset.names)
        found = measure(
            layers, names[labels], weights, self.bias, prediction, classes=names.tolist(), keys=KEYS
        )
        row |= {key: found[key] for key in KEYS if key in found}
        gram = found.gram_features / (norm(found.gram_features) or 1.0)
        row["nc2_simplex_H"] = float(np.linalg.norm(gram - simplex(len(gram))))
        row["layers"] = [
            {"input_of": name} | {key: layer[key] for key in LAYER_KEYS if key in layer}
            for name, layer in found.layers.items()
        ]
        return row


def reading(network: Network, samples: torch.Tensor) -> Reading:
    """Capture what enters every linear layer of the head, in evaluation mode, and copy the head's parameters."""
    caught = capture(network, samples, network.layers())
    named = {
        name: parameter.detach().cpu().double().numpy().copy()
        for name, parameter in network.head.named_parameters()
    }
    weights = tuple(one for name, one in named.items() if name.endswith("weight"))
    bias = named.get(f"{len(weights) - 1}.bias", np.zeros(len(weights[-1])))
    return Reading(tuple(caught.values()), weights, bias)
