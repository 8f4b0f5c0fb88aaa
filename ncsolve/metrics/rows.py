"""Features as rows, whatever holds them: blocks of float64, checked as they pass.

One row per sample, shape (N, d). Arrays, torch tensors on any device and nested lists are read block by block, so that float32
features are never copied as a whole. The unit roundoff of what the user gave is remembered: a difference between class means
below it is no information.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.border import refuse_mask, shown
from ..problem.errors import DataError
from .statistics import DOUBLE

if TYPE_CHECKING:
    from ..problem.losses import Array

BLOCK = 1 << 20  # numbers per block: 8 MiB
SMALLEST, LARGEST = (
    1e-130,
    1e140,
)  # squares of larger numbers, summed, leave the doubles, and those of noise in smaller ones


@dataclass(frozen=True, eq=False)
class Rows:
    """An (N, d) array or tensor; `eps` is the spacing of its floats at 1."""

    source: Any
    shape: tuple[int, int]
    eps: float
    name: str

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Slices of the rows with new float64 arrays of them.

        Raises
        ------
        DataError
            A number is not finite, or its square would not be.
        """
        step = max(1, BLOCK // self.shape[1])
        for start in range(0, self.shape[0], step):
            place = slice(start, min(start + step, self.shape[0]))
            block = np.array(_numpy(self.source[place]), dtype=np.float64)
            low, high = float(block.min()), float(block.max())
            if not (low >= -LARGEST and high <= LARGEST):
                i, j = (int(index[0]) for index in np.nonzero(~(np.abs(block) <= LARGEST)))
                found = block[i, j]
                why = (
                    f"beyond {LARGEST:g}, where squares overflow"
                    if math.isfinite(found)
                    else "not a finite number"
                )
                raise DataError(
                    f"{self.name}: sample {start + i}, coordinate {j} (counting from 0) is {found:g}, {why}; "
                    "leave out or mend such samples"
                )
            yield place, block


def rows(features: Any, name: str = "features") -> Rows:
    """Check the shape and the kind of features.

    Examples
    --------
    >>> rows([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).shape
    (3, 2)
    """
    if hasattr(features, "detach"):
        source = features.detach()
        other = (
            "b" if str(source.dtype) == "torch.bool" else "c" if source.dtype.is_complex else "i"
        )
        kind = "f" if source.dtype.is_floating_point else other
        eps = _tensor_eps(source) if kind == "f" else DOUBLE
    else:
        try:
            source = features if isinstance(features, np.ndarray) else np.asarray(features)
        except ValueError:
            raise DataError(
                f"{name} {shown(features)} have rows of different lengths; give an (N, d) array"
            ) from None
        refuse_mask(source, name, "have")
        kind = source.dtype.kind
        eps = float(np.finfo(source.dtype).eps) if kind == "f" else DOUBLE
    shape = tuple(int(size) for size in source.shape)
    if kind not in "fiu":
        raise DataError(
            f"{name} hold values of type {source.dtype}, not real numbers; give an (N, d) array of floats"
        )
    if len(shape) != 2:
        hint = (
            "give one column as features[:, None]"
            if len(shape) == 1
            else "flatten each sample to one row"
        )
        raise DataError(f"{name} have shape {shape}, not (samples, dimensions); {hint}")
    if 0 in shape:
        raise DataError(
            f"{name} have shape {shape}, so there is nothing to measure; give at least one sample of each class"
        )
    return Rows(source, (shape[0], shape[1]), max(eps, DOUBLE), name)


def matrix(values: Any, name: str) -> Array:
    """A float64 copy of a small array or tensor, finite throughout.

    Examples
    --------
    >>> matrix([[1, 2]], "weight").dtype
    dtype('float64')
    """
    refuse_mask(values, name)
    try:
        found = np.array(_numpy(values), dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name} {shown(values)} is not an array of real numbers") from None
    if not (np.abs(found) <= LARGEST).all():
        wrong = found[~(np.abs(found) <= LARGEST)][0]
        why = (
            f"entries up to {LARGEST:g} are measured"
            if math.isfinite(wrong)
            else "every entry must be a finite number"
        )
        raise DataError(f"{name} holds {wrong:g}; {why}")
    return found


def check_size(largest: float, name: str) -> None:
    """Refuse what is neither zero nor large enough for the squares of its small parts, given its largest entry."""
    if 0.0 < largest < SMALLEST:
        raise DataError(
            f"the largest entry of {name} is {largest:g}, and squares of small parts of it underflow; multiply by a constant: from "
            f"{SMALLEST:g} to {LARGEST:g} is measured"
        )


def _numpy(values: Any) -> Any:
    """What numpy can read: tensors leave their device, and bfloat16 becomes float32."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        return (
            values.float()
            if values.dtype.is_floating_point and values.element_size() < 4
            else values
        ).numpy()
    return values


def _tensor_eps(tensor: Any) -> float:
    import torch

    return float(torch.finfo(tensor.dtype).eps)
