"""The binary version of CIFAR-10: records of 3,073 bytes, a label from 0 to 9 and the red, green and blue planes of 32 x 32 pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..problem.border import opened, shown
from ..problem.errors import DataError

SIDE, CHANNELS, CLASSES = 32, 3, 10
RECORD = 1 + CHANNELS * SIDE * SIDE
LIMIT = 1 << 30  # bytes of a file


def read(paths: Sequence[Path]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (N, 3, 32, 32) and labels (N,) of all files together.

    Raises
    ------
    DataError
        A size that is no multiple of the record, or a label above 9.
    """
    records = np.concatenate([_records(path) for path in paths])
    return records[:, 1:].reshape(-1, CHANNELS, SIDE, SIDE), records[:, 0].copy()


def _records(path: Path) -> NDArray[np.uint8]:
    name = shown(str(path))
    with opened(path, LIMIT) as file:
        body = np.frombuffer(file.read(), dtype=np.uint8)
    if body.size % RECORD:
        raise DataError(
            f"{name} has {body.size} bytes, no multiple of {RECORD} (1 label and 3 x 32 x 32 pixels); it is truncated, or not the "
            "binary version of CIFAR-10"
        )
    records = body.reshape(-1, RECORD)
    if records[:, 0].max() >= CLASSES:
        row = int(np.argmax(records[:, 0] >= CLASSES))
        raise DataError(
            f"{name}: record {row} has label {records[row, 0]}; CIFAR-10 has labels 0 to 9"
        )
    return records
