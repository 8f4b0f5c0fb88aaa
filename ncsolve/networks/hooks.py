"""The inputs of linear layers, caught by hooks that are removed however the block ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ..problem.errors import DataError

if TYPE_CHECKING:
    from ..problem.losses import Array

CHUNK = 1024  # samples per forward pass


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
    handles = []

    def keep(name: str) -> Any:
        return lambda _module, given: inputs[name].append(given[0].detach())

    try:
        for name, layer in layers.items():
            handles.append(layer.register_forward_pre_hook(keep(name)))
        yield inputs
    finally:
        for handle in handles:
            handle.remove()


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
                if len(tensors) != 1:
                    raise DataError(
                        f"layer {name!r} was called {len(tensors)} times in one pass; name layers that are called once"
                    )
                if tensors[0].shape[:1] != piece.shape[:1] or tensors[0].ndim != 2:
                    shape = tuple(tensors[0].shape)
                    raise DataError(
                        f"the input of layer {name!r} has shape {shape}, not one vector per sample; name another"
                    )
                kept[name].append(tensors[0].cpu().double().numpy())
    finally:
        for module, mode in modes.items():
            module.training = mode
    return {name: np.concatenate(rows) for name, rows in kept.items()}
