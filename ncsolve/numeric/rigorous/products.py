"""Products of matrices in balls, as sparse as they are.

A matrix is a list of rows, a row a mapping from columns to balls, and what is absent is exactly zero: an entry is left out only where
the double is zero. Predicted factors are axis-aligned or diagonal but for one or two, so most products only scale rows or columns;
FLINT's dense product, over the inner indices that occur, does the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .balls import flint

if TYPE_CHECKING:
    from ...problem.losses import Array

Rows = list[dict[int, Any]]


def rows_of(matrix: Array) -> Rows:
    """A matrix of doubles, exactly."""
    arb = flint().arb
    found: Rows = []
    for row in matrix:
        there = np.flatnonzero(row)
        found.append({k: arb(x) for k, x in zip(there.tolist(), row[there].tolist(), strict=True)})
    return found


def product(left: Rows, right: Rows, columns: int) -> Rows:
    """The product of two matrices; the right one has so many columns."""
    if is_thin(left):
        return [{k: x * y for j, x in row.items() for k, y in right[j].items()} for row in left]
    if is_thin(right):
        return [_scaled(row, right) for row in left]
    inner = sorted({j for row in left for j in row} & {j for j, row in enumerate(right) if row})
    outer = [i for i, row in enumerate(left) if row]
    if not inner:
        return [{} for _ in left]
    module = flint()
    zero = module.arb(0)
    a = module.arb_mat(len(outer), len(inner), [left[i].get(j, zero) for i in outer for j in inner])
    b = module.arb_mat(
        len(inner), columns, [right[j].get(k, zero) for j in inner for k in range(columns)]
    )
    entries = (a * b).entries()
    found: Rows = [{} for _ in left]
    for place, i in enumerate(outer):
        found[i] = dict(enumerate(entries[place * columns : (place + 1) * columns]))
    return found


def chain(factors: list[Array]) -> Rows:
    """The product of matrices of doubles; neighbors with at most one entry in each row are multiplied first."""
    merged: list[tuple[Rows, int]] = []
    for matrix in factors:
        rows, columns = rows_of(matrix), matrix.shape[1]
        if merged and is_thin(rows) and is_thin(merged[-1][0]):
            rows = product(merged.pop()[0], rows, columns)
        merged.append((rows, columns))
    found = merged[0][0]
    for rows, columns in merged[1:]:
        found = product(found, rows, columns)
    return found


def is_thin(rows: Rows) -> bool:
    """Whether no row has two entries."""
    return all(len(row) <= 1 for row in rows)


def square_sum(numbers: list[Any]) -> Any:
    """The sum of squares of balls or doubles."""
    module = flint()
    if not numbers:
        return module.arb(0)
    row = module.arb_mat(1, len(numbers), numbers)
    return (row * row.transpose())[0, 0]


def _scaled(row: dict[int, Any], right: Rows) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for j, x in row.items():
        for k, y in right[j].items():
            found[k] = found[k] + x * y if k in found else x * y
    return found
