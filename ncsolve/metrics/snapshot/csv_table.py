"""Features and labels from a table: a header that calls one column label, class, target or y; all others are coordinates."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...problem.border import delimiter, shown
from ...problem.errors import DataError
from ...problem.labels import COLUMNS

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


def table(path: str, name: str) -> Mapping[str, Any]:
    """H, shape (N, d), and y, N labels: whole numbers where all are, else text."""
    labels: list[str] = []
    numbers: list[list[float]] = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            mark = delimiter(first)
            header = next(csv.reader([first], delimiter=mark), [])
            chosen = [i for i, column in enumerate(header) if column.strip().lower() in COLUMNS]
            if len(chosen) != 1 or len(header) < 2:
                raise DataError(
                    f"{name}: line 1 must be a header that calls one column label (or class, target, y), and the others are coordinates"
                )
            reader = csv.reader(stream, delimiter=mark, strict=True)
            for row in reader:
                if not any(cell.strip() for cell in row):
                    continue
                at = f"{name} line {reader.line_num + 1}"
                if len(row) != len(header):
                    raise DataError(
                        f"{at}: {len(row)} cells, the header has {len(header)}; mend it"
                    )
                labels.append(row.pop(chosen[0]).strip())
                try:
                    numbers.append([float(cell) for cell in row])
                except ValueError:
                    wrong = next(cell for cell in row if not _is_number(cell))
                    raise DataError(f"{at}: {shown(wrong)} is not a number") from None
    except UnicodeDecodeError:
        raise DataError(f"{name} is not UTF-8 text; save it as UTF-8 text") from None
    except csv.Error as error:
        raise DataError(f"{name}: {error}; mend it") from None
    if not labels:
        raise DataError(f"{name} has a header and no samples")
    whole = all(_WHOLE.fullmatch(label) for label in labels)
    return {
        "H": np.array(numbers),
        "y": np.array([int(label) for label in labels]) if whole else np.array(labels),
    }


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
