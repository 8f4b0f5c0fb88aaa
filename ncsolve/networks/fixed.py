"""Fixed classifiers: a predicted geometry put into torch.nn.Linear layers, and the two geometries that other work hard-codes.

Simplex: unit rows with cosines -1/(K-1), which need d >= K - 1. Orthogonal frame: orthonormal rows, d >= K. Both are turned by a
random rotation of the d-dimensional space, so that no coordinate is special.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from ..problem.errors import MissingPackage, ProblemError

if TYPE_CHECKING:
    from torch import nn

    from ..analytic.prediction import Prediction
    from ..problem.losses import Array

BROUGHT = {"torch": "torch", "sklearn": "scikit-learn"}  # by the extra `torch`


@contextmanager
def missing_is_named() -> Iterator[None]:
    """Turn the ImportError of an optional package into a MissingPackage."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in BROUGHT:
            raise
        why = "is not installed; networks need it: pip install 'ncsolve[torch]'"
        raise MissingPackage(f"{BROUGHT[package]} {why}") from None


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
    several = isinstance(linear, Iterable) and not isinstance(linear, torch.nn.Linear)
    layers: list[nn.Module] = list(linear) if several else [linear]
    weights = prediction.weights
    if isinstance(linear, torch.nn.Linear):
        weights = (prediction.parameters().end_to_end,)
    if why := next(_misfits(prediction, layers, weights), None):
        raise ProblemError(why)
    last = layers[-1]
    with torch.no_grad():
        for layer, weight in zip(layers, weights, strict=True):
            layer.weight.copy_(torch.from_numpy(weight.copy()))
        if last.bias is not None:
            last.bias.copy_(torch.from_numpy(prediction.bias.copy()))
    if freeze:
        for layer in layers:
            layer.requires_grad_(False)


def _misfits(
    prediction: Prediction, layers: Sequence[nn.Module], weights: Sequence[Array]
) -> Iterator[str]:
    from torch.nn import Linear

    depth = len(weights)
    for layer in layers:
        if not isinstance(layer, Linear):
            yield f"{type(layer).__name__} is not a torch.nn.Linear; give one, or the {depth} of the head"
        elif not layer.weight.is_floating_point():
            yield f"a layer has dtype {layer.weight.dtype}; floating point works"
    if len(layers) != depth:
        yield f"{len(layers)} linear layers were given for depth {depth}; give {depth}, or one layer for the product"
    for j, layer in enumerate(layers, start=1):
        rows, columns = weights[j - 1].shape
        if (layer.out_features, layer.in_features) != (rows, columns):
            sizes = f"{layer.in_features} -> {layer.out_features}, the predicted matrix {columns} -> {rows}"
            yield f"layer {j} is {sizes}; predict with UFM(width=...) of the network"
        if j < depth and layer.bias is not None:
            yield f"layer {j} has a bias; hidden linear layers of the model have none: use bias=False"
    if layers[-1].bias is None and prediction.bias.any():
        yield "the prediction has a bias and the last layer none; use a layer with bias=True"


def simplex_frame(
    classes: SupportsIndex, width: SupportsIndex, *, rng: int | np.random.Generator | None = None
) -> Array:
    r"""K unit rows with equal cosines -1/(K - 1): a simplex equiangular tight frame.

    Parameters
    ----------
    classes : int, K >= 2
    width : int, d >= K - 1
    rng : seed or Generator
        Of the rotation, which is uniform.

    Returns
    -------
    array (K, d)
        Its Gram matrix is (K I - J)/(K - 1). Multiply by the norm that the classifiers should have.

    Examples
    --------
    >>> frame = simplex_frame(4, 6, rng=0)
    >>> frame.shape, (frame @ frame.T).round(6).tolist()[0]
    ((4, 6), [1.0, -0.333333, -0.333333, -0.333333])
    """
    from scipy.linalg import helmert

    k, d = _sizes(classes, width, fewer=1)
    rows = helmert(k).T * np.sqrt(k / (k - 1.0))
    return np.asarray(rows @ _rotation(d, rng)[: k - 1])


def orthogonal_frame(
    classes: SupportsIndex, width: SupportsIndex, *, rng: int | np.random.Generator | None = None
) -> Array:
    """K orthonormal rows in d >= K dimensions.

    Parameters
    ----------
    classes, width, rng : as in `simplex_frame`

    Returns
    -------
    array (K, d)

    Examples
    --------
    >>> frame = orthogonal_frame(3, 5, rng=0)
    >>> bool(abs(frame @ frame.T - np.eye(3)).max() < 1e-12)
    True
    """
    k, d = _sizes(classes, width)
    return _rotation(d, rng)[:k]


def _rotation(size: int, rng: int | np.random.Generator | None) -> Array:
    from scipy.stats import ortho_group

    drawn = ortho_group.rvs(size, random_state=np.random.default_rng(rng))
    return np.atleast_2d(np.asarray(drawn, dtype=np.float64))


def _sizes(classes: SupportsIndex, width: SupportsIndex, *, fewer: int = 0) -> tuple[int, int]:
    """K and d as numbers, with d at least K less `fewer`."""
    try:
        k, d = operator.index(classes), operator.index(width)
    except TypeError:
        why = f"classes {classes!r} and width {width!r} should be whole numbers"
        raise ProblemError(why) from None
    if k < 2:
        raise ProblemError(f"classes {k} are fewer than 2; a frame of two or more rows works")
    if d < k - fewer:
        needs = f"the frame needs {k - fewer} dimensions or more"
        raise ProblemError(f"width {d} is too small for {k} classes: {needs}")
    return k, d
