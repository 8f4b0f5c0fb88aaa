"""Matrices of doubles as text, bit for bit: base64 of their zlib-compressed little-endian bytes. Nothing is ever unpickled."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ...problem.objective import Parameters
from .rejected import Rejected

if TYPE_CHECKING:
    from ...problem.losses import Array
    from ...problem.ufm import UFM

LARGEST = 2**27  # entries


def to_text(matrix: Array) -> dict[str, Any]:
    """Shape and bytes.

    Examples
    --------
    >>> import numpy as np
    >>> stored = to_text(np.array([[1.0, -0.5]]))
    >>> from_text(stored, (1, 2), "a matrix")
    array([[ 1. , -0.5]])
    """
    raw = np.ascontiguousarray(matrix, dtype="<f8")
    return {
        "shape": list(raw.shape),
        "float64": base64.b64encode(zlib.compress(raw.tobytes(), 1)).decode("ascii"),
    }


def from_text(stored: object, shape: tuple[int, ...], what: str) -> Array:
    """Read `to_text` back, for a matrix that must have the given shape."""
    size = 8 * math.prod(shape)
    if not isinstance(stored, dict) or stored.get("shape") != list(shape) or size > 8 * LARGEST:
        raise Rejected(f"{what}: a matrix of shape {shape} is needed")
    try:
        unpacked = zlib.decompressobj()
        raw = unpacked.decompress(base64.b64decode(stored["float64"], validate=True), size + 1)
    except (KeyError, TypeError, ValueError, binascii.Error, zlib.error):
        raise Rejected(f"{what}: its bytes cannot be read") from None
    if len(raw) != size:
        raise Rejected(f"{what}: its bytes do not make a matrix of shape {shape}")
    matrix = np.frombuffer(raw, dtype="<f8").astype(np.float64).reshape(shape)
    if not np.isfinite(matrix).all():
        raise Rejected(f"{what}: an entry is not a finite number")
    return matrix


def point_to_dict(point: Parameters) -> dict[str, Any]:
    """(W_1, ..., W_M), class means and bias."""
    return {
        "weights": [to_text(weight) for weight in point.weights],
        "class_means": to_text(point.features),
        "bias": to_text(point.bias),
    }


def point_from_dict(stored: object, ufm: UFM, what: str) -> Parameters:
    """Read `point_to_dict` back, for the shapes of a problem."""
    if not isinstance(stored, dict) or stored.keys() != {"weights", "class_means", "bias"}:
        raise Rejected(f"{what}: weights, class_means and bias are needed")
    if not isinstance(stored["weights"], list) or len(stored["weights"]) != ufm.depth:
        raise Rejected(f"{what}: {ufm.depth} weight matrices are needed")
    weights = tuple(
        from_text(weight, shape, f"{what}, W_{j + 1}")
        for j, (weight, shape) in enumerate(zip(stored["weights"], ufm.shapes, strict=True))
    )
    means = from_text(stored["class_means"], (ufm.width[0], ufm.classes), f"{what}, class means")
    point = Parameters(weights, means, from_text(stored["bias"], (ufm.outputs,), f"{what}, bias"))
    if (why := infeasible(ufm, point)) is not None:
        raise Rejected(f"{what}: {why}")
    return point


def infeasible(ufm: UFM, point: Parameters) -> str | None:
    """Why the matrices are no point of the problem; None if they are."""
    found = [weight.shape for weight in point.weights]
    if (
        found != list(ufm.shapes)
        or point.features.shape != (ufm.width[0], ufm.classes)
        or point.bias.shape != (ufm.outputs,)
    ):
        return "its matrices do not have the problem's shapes"
    if not all(
        np.isfinite(matrix).all() for matrix in (*point.weights, point.features, point.bias)
    ):
        return "an entry is not a finite number"
    if ufm.bias == "none" and np.any(point.bias != 0):
        return "the problem has no bias, and this one is not zero"
    if ufm.features == "relu" and point.features.size and point.features.min() < 0:
        return "a feature is negative, and the problem's are not"
    return None
