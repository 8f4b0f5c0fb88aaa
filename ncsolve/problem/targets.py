"""A matrix of targets from a file: column k is the target of class k."""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING

from .border import delimiter, not_text, opened, shown
from .errors import CountsError, ProblemError

if TYPE_CHECKING:
    from .losses import Array, Squared

LIMIT = 1 << 30  # bytes
ADVICE = "column k holds the target of class k, one number per output"


def read_targets(path: str | os.PathLike[str], classes: int) -> Squared:
    """Squared loss with the targets in a file.

    Parameters
    ----------
    path : .npy (two dimensions, real numbers; no pickle is read) or .csv (rows of numbers, no header)
    classes : int
        K; the matrix has shape (outputs, K).

    Raises
    ------
    CountsError
        The file cannot be read, is not a matrix of finite numbers, or does not have K columns.
    """
    from .losses import Squared

    name = shown(os.fspath(path))
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in (".npy", ".csv"):
        raise CountsError(f"{name} has suffix {shown(suffix)}; targets are read from .npy or .csv")
    matrix = _array(path, name) if suffix == ".npy" else _table(path, name)
    try:
        loss = Squared(matrix)
        loss.outputs(classes)
    except ProblemError as error:
        raise CountsError(f"{name}: {error}") from None
    return loss


def _array(path: str | os.PathLike[str], name: str) -> Array:
    import numpy as np

    with opened(path, LIMIT) as file:
        if (
            file.read(6) != b"\x93NUMPY"
        ):  # np.load would also open archives and, if it were allowed to, pickles
            raise CountsError(
                f"{name} does not begin like a .npy file; save the matrix with np.save: {ADVICE}"
            )
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header may raise nearly anything
        raise CountsError(
            f"{name} cannot be read as an array ({' '.join(str(error).split())[:100]}); {ADVICE}"
        ) from None
    if stored.dtype.kind not in "biuf":
        raise CountsError(f"{name} holds values of type {stored.dtype}, not numbers; {ADVICE}")
    return np.array(stored, dtype=np.float64)


def _table(path: str | os.PathLike[str], name: str) -> list[list[float]]:
    with opened(path, LIMIT) as file:
        try:
            text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise not_text(name, f"byte {error.start} is not UTF-8") from None
    if "\0" in text:
        raise not_text(name, "a NUL byte")
    rows: list[list[float]] = []
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter(text.partition("\n")[0]), strict=True
    )
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if rows and len(cells) != len(rows[0]):
                raise CountsError(
                    f"{name} line {reader.line_num}: {len(cells)} numbers after rows of {len(rows[0])}; {ADVICE}"
                )
            rows.append([_number(cell, f"{name} line {reader.line_num}") for cell in cells])
    except csv.Error as error:
        raise CountsError(
            f"{name} line {reader.line_num}: {error}; write rows of numbers: {ADVICE}"
        ) from None
    if not rows:
        raise CountsError(f"{name} holds no numbers; {ADVICE}")
    return rows


def _number(cell: str, at: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise CountsError(f"{at}: {shown(cell.strip())} is not a number; {ADVICE}") from None
