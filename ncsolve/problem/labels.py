"""One thing per sample or per class, from a file: labels, counted without holding the samples in memory, and a matrix of targets."""

from __future__ import annotations

import io
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import BinaryIO

from .border import class_name, decoded, not_text, opened, rows, shown, stored_array, suffix_of
from .errors import CountsError, ProblemError
from .losses import Array, Squared

LIMIT, LARGEST_MATRIX = 4 << 30, 1 << 30  # bytes
CHUNK = 1 << 22  # labels
COLUMNS = ("label", "labels", "class", "classes", "target", "targets", "y")
_WHOLE = re.compile(r"([+-]?[0-9]{1,300})(\.0*)?")
_NAN = {"nan", "NaN", "NAN"}


def read_labels(path: str | os.PathLike[str]) -> dict[str, int]:
    """Count the labels in a file.

    Parameters
    ----------
    path : path of a file whose suffix says what it holds
        .npy: one dimension of whole numbers, strings or booleans (floats if all are whole). .txt: one label a line.
        .csv: one column, or several of which the header calls one label, class, target or y. A first line that is one
        of these words, and no label further down, is a header in a single column too.

    Returns
    -------
    dict, label -> number of samples
        In numerical order if every label is a whole number, else in alphabetical order.

    Raises
    ------
    CountsError
        The file cannot be read, a label is missing or not a label, or there is only one class.
    """
    name = shown(os.fspath(path))
    suffix = suffix_of(path, (".npy", ".csv", ".txt"), "labels")
    if suffix == ".npy":
        counts = _tally(path, name)
    else:
        with opened(path, LIMIT) as file:
            labels = _text(file, name, suffix)
            first = next(labels, None)
            counts = Counter(labels)
            if first is not None and not _is_header(first, counts, name):
                counts[first] += 1
    for label in counts:
        class_name(label, name)
    if len(counts) < 2:
        what = "no labels" if not counts else f"one class, {shown(next(iter(counts)))}"
        raise CountsError(f"{name} holds {what}; neural collapse needs at least 2 classes")
    whole = {label: match for label in counts if (match := _WHOLE.fullmatch(label))}
    if len(whole) == len(counts):
        return dict(sorted(counts.items(), key=lambda item: (int(whole[item[0]][1]), item[0])))
    return dict(sorted(counts.items()))


def text_labels(path: str | os.PathLike[str]) -> list[str]:
    """The labels in a .csv or .txt file, one per sample, in order; read as `read_labels` reads them.

    Raises
    ------
    CountsError
        The file cannot be read, or a label is missing.
    """
    name = shown(os.fspath(path))
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    with opened(path, LIMIT) as file:
        labels = list(_text(file, name, suffix))
    return labels[1:] if labels and _is_header(labels[0], set(labels[1:]), name) else labels


def read_targets(path: str | os.PathLike[str], classes: int) -> Squared:
    """Squared loss with the targets in a file.

    Parameters
    ----------
    path : .npy (two dimensions, real numbers; no pickle is read) or .csv (rows of numbers, no header)
    classes : int
        K; the matrix has shape (outputs, K), column k the target of class k.

    Raises
    ------
    CountsError
        The file cannot be read, is not a matrix of finite numbers, or does not have K columns.
    """
    name = shown(os.fspath(path))
    advice = "column k holds the target of class k, one number per output"
    if suffix_of(path, (".npy", ".csv"), "targets") == ".npy":
        saved = "save the matrix with np.save: "
        matrix = stored_array(path, LARGEST_MATRIX, "biuf", "numbers", advice, saved)
    else:
        with opened(path, LARGEST_MATRIX) as file:
            text = decoded(file.read(), name)
        matrix = []
        lines = io.StringIO(text, newline="")
        for line, cells in rows(lines, name, f"write rows of numbers: {advice}"):
            if not any(cells):
                continue
            if matrix and len(cells) != len(matrix[0]):
                raise CountsError(
                    f"{name} line {line}: {len(cells)} numbers after rows of {len(matrix[0])}; {advice}"
                )
            matrix.append([_number(cell, f"{name} line {line}", advice) for cell in cells])
        if not matrix:
            raise CountsError(f"{name} holds no numbers; {advice}")
    try:
        loss = Squared(matrix)
        loss.outputs(classes)
    except ProblemError as error:
        raise CountsError(f"{name}: {error}") from None
    return loss


def _number(cell: str, at: str, advice: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise CountsError(f"{at}: {shown(cell)} is not a number; {advice}") from None


def _tally(path: str | os.PathLike[str], name: str) -> Counter[str]:
    import numpy as np

    advice = "save one whole number or string per sample with np.save"
    labels: Array = stored_array(path, LIMIT, "biufUS", "labels", advice)
    if labels.ndim != 1:
        raise CountsError(
            f"{name} is an array of shape {labels.shape}, not one label per sample; {advice}"
        )
    counts: Counter[str] = Counter()
    for start in range(0, labels.size, CHUNK):
        part = np.asarray(labels[start : start + CHUNK])
        if labels.dtype.kind == "f":
            wrong = np.flatnonzero(~np.isfinite(part) | (part != np.floor(part)))
            if wrong.size:
                i = int(wrong[0])
                raise CountsError(
                    f"{name}: label {start + i} (counting from 0) is {part[i]}, not a whole number; {advice}"
                )
        values, times = np.unique(part, return_counts=True)
        for value, number in zip(values.tolist(), times.tolist(), strict=True):
            label = _label(value, name)
            if not label.strip() or label in _NAN:
                i = start + int(np.flatnonzero(part == value)[0])
                raise CountsError(
                    f"{name}: label {i} (counting from 0) is {shown(label)}, which is missing; {advice}"
                )
            counts[label] += number
    return counts


def _label(value: object, name: str) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise not_text(f"{name}: label {shown(value)}", "not UTF-8") from None
    return str(value) if isinstance(value, str | bool) else str(int(value))  # type: ignore[call-overload]


def _text(file: BinaryIO, name: str, suffix: str) -> Iterator[str]:
    """The labels of a .txt or .csv file, in order; blank lines are allowed at the end only."""
    newline = "" if suffix == ".csv" else None  # the csv module finds the ends of its own lines
    gap = 0
    try:
        with io.TextIOWrapper(file, encoding="utf-8-sig", newline=newline) as lines:
            cells = enumerate(lines, start=1) if suffix == ".txt" else _column(lines, name)
            for line, cell in cells:
                label = cell.strip()
                if not label:
                    gap = gap or line
                    continue
                if "\0" in label:
                    raise not_text(name, f"a NUL byte in line {line}")
                if gap or label in _NAN:
                    raise CountsError(
                        f"{name} line {gap or line}: the label is missing; give every sample its class"
                    )
                yield label
    except UnicodeDecodeError:
        raise not_text(name, "not UTF-8") from None


def _column(lines: Iterable[str], name: str) -> Iterator[tuple[int, str]]:
    """Line number and label of each row of a .csv file, read from its one column or from the one that is called so."""
    table = rows(lines, name, 'quote a label as "red, dark"')
    _, header = next(table, (0, []))
    chosen = 0
    if len(header) > 1:
        known = [i for i, column in enumerate(header) if column.lower() in COLUMNS]
        if len(known) != 1:
            what = "several columns are called" if known else "no column is called"
            listed = ", ".join(shown(column, 40) for column in header[:8])
            more = ", ..." if len(header) > 8 else ""
            raise CountsError(
                f"{name}: {what} label, class, target or y among {listed}{more}; name exactly one so"
            )
        chosen = known[0]
    else:
        yield 1, "".join(header)
    for line, row in table:
        if row and len(row) != max(len(header), 1):
            raise CountsError(
                f"{name} line {line}: cells in the row: {len(row)}, in line 1: {len(header)}; mend it"
            )
        yield line, row[chosen] if row else ""


def _is_header(first: str, others: Collection[str], name: str) -> bool:
    """Whether the first line is the name of the column, and no label; decided once the others are known."""
    if first in others or not others:
        return False
    if first.lower() in COLUMNS:
        return True
    if not _WHOLE.fullmatch(first) and all(_WHOLE.fullmatch(label) for label in others):
        raise CountsError(
            f"{name}: the first line {shown(first)} stands above numbers; call the column label, or drop the line"
        )
    return False
