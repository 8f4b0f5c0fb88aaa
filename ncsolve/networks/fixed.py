"""Fixed classifiers: a predicted geometry put into torch.nn.Linear layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..problem.errors import ProblemError
from .extra import missing_is_named

if TYPE_CHECKING:
    from torch import nn

    from ..analytic.prediction import Prediction
    from ..problem.losses import Array


def to_torch(
    prediction: Prediction, linear: nn.Linear | Iterable[nn.Module], *, freeze: bool = True
) -> None:
    r"""Put predicted weights and bias into linear layers, in place.

    Parameters
    ----------
    prediction : Prediction
    linear : torch.nn.Linear, or M of them (a list or torch.nn.Sequential)
        M layers receive W_1, ..., W_M; a single layer receives the product W_M ... W_1, shape (K, d_1). Their dtype and device are
        kept. A bias of the last layer receives b, zeros if the problem has none; hidden layers must have no bias.
    freeze : bool
        Whether the parameters stop requiring gradients, which fixes the classifier.

    Raises
    ------
    MissingPackage
        torch is not installed.
    ProblemError
        Widths do not fit, a bias has no place, or what was given is not linear; nothing is changed then.

    Notes
    -----
    The matrices are those of `prediction.weights`: any rotation of the features would be as good, and a backbone learns the one
    it is given.

    Examples
    --------
    >>> import ncsolve, torch
    >>> prediction = ncsolve.predict(ncsolve.UFM([300, 100, 30], width=16))
    >>> layer = torch.nn.Linear(16, 3, bias=False)
    >>> to_torch(prediction, layer)
    >>> layer.weight.requires_grad, round(float(layer.weight[0].norm() ** 2), 4) == round(float(prediction.gram_weights[0, 0]), 4)
    (False, True)
    """
    with missing_is_named():
        import torch
    if isinstance(linear, torch.nn.Linear):
        layers: Sequence[nn.Module] = [linear]
        weights: tuple[Array, ...] = (prediction.parameters().end_to_end,)
    elif isinstance(linear, Iterable):
        layers, weights = list(linear), prediction.weights
    else:
        layers, weights = [linear], prediction.weights
    _check(prediction, layers, weights)
    last = layers[-1]
    with torch.no_grad():
        for layer, weight in zip(layers, weights, strict=True):
            layer.weight.copy_(torch.from_numpy(weight.copy()))
        if last.bias is not None:
            last.bias.copy_(torch.from_numpy(prediction.bias.copy()))
    if freeze:
        for layer in layers:
            layer.requires_grad_(False)


def _check(prediction: Prediction, layers: Sequence[nn.Module], weights: Sequence[Array]) -> None:
    from torch.nn import Linear

    for layer in layers:
        if not isinstance(layer, Linear):
            raise ProblemError(
                f"{type(layer).__name__} is not a torch.nn.Linear; give one, or the {len(weights)} of the head"
            )
        if not layer.weight.is_floating_point():
            raise ProblemError(f"a layer has dtype {layer.weight.dtype}; floating point works")
    if len(layers) != len(weights):
        raise ProblemError(
            f"{len(layers)} linear layers were given for depth {len(weights)}; give {len(weights)}, or one layer for the product"
        )
    for j, (layer, weight) in enumerate(zip(layers, weights, strict=True), start=1):
        found = (layer.out_features, layer.in_features)
        if found != weight.shape:
            raise ProblemError(
                f"layer {j} is {found[1]} -> {found[0]}, the predicted matrix {weight.shape[1]} -> {weight.shape[0]}; "
                "predict with UFM(width=...) of the network"
            )
        if j < len(layers) and layer.bias is not None:
            raise ProblemError(
                f"layer {j} has a bias; hidden linear layers of the model have none: use bias=False"
            )
    if layers[-1].bias is None and prediction.bias.any():
        raise ProblemError(
            "the prediction has a bias and the last layer none; use a layer with bias=True"
        )
