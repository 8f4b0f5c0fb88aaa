"""Labels, one per sample, from a file of their own: .npy, .csv (one column, or one called label) or .txt (one a line)."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np

from ...problem.border import shown
from ...problem.errors import CountsError, DataError
from ...problem.labels import text_labels
from .formats import arrays_in

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


def labels_in(path: str | os.PathLike[str]) -> Any:
    """The labels in order; whole numbers where all are, else text."""
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix == ".npy":
        return np.asarray(arrays_in(path)["H"])
    if suffix not in (".csv", ".txt"):
        raise DataError(
            f"{shown(os.fspath(path))} has suffix {shown(suffix)}; labels are read from .npy, .csv or .txt"
        )
    try:
        found = text_labels(path)
    except CountsError as error:
        raise DataError(str(error)) from None
    whole = all(_WHOLE.fullmatch(label) for label in found)
    return np.array([int(label) for label in found]) if whole else np.array(found)
