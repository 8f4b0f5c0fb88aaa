"""Class counts from labels: one label per sample, counted without holding the samples in memory."""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import BinaryIO

from .border import class_name, delimiter, not_text, opened, shown
from .errors import CountsError

LIMIT = 4 << 30  # bytes
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
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in (".npy", ".csv", ".txt"):
        raise CountsError(
            f"{name} has suffix {shown(suffix)}; labels are read from .npy, .csv or .txt"
        )
    with opened(path, LIMIT) as file:
        if suffix == ".npy":
            counts = _array(file, path, name)
        else:
            newline = (
                "" if suffix == ".csv" else None
            )  # the csv module finds the ends of its own lines
            with io.TextIOWrapper(file, encoding="utf-8-sig", newline=newline) as lines:
                counts = _tally(_text(lines, name, suffix), name)
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
    with (
        opened(path, LIMIT) as file,
        io.TextIOWrapper(
            file, encoding="utf-8-sig", newline="" if suffix == ".csv" else None
        ) as lines,
    ):
        line = list(_text(lines, name, suffix))
    return line[1:] if line and _is_header(line[0], set(line[1:]), name) else line


def _array(file: BinaryIO, path: str | os.PathLike[str], name: str) -> Counter[str]:
    import numpy as np

    advice = "save one whole number or string per sample with np.save"
    if file.read(6) != b"\x93NUMPY":
        raise CountsError(f"{name} does not begin like a .npy file; {advice}")
    try:
        labels = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header may raise nearly anything
        raise CountsError(
            f"{name} cannot be read as an array ({' '.join(str(error).split())[:100]}); {advice}"
        ) from None
    kind = labels.dtype.kind
    if kind not in "biufUS":
        raise CountsError(f"{name} holds values of type {labels.dtype}, not labels; {advice}")
    if labels.ndim != 1:
        raise CountsError(
            f"{name} is an array of shape {labels.shape}, not one label per sample; {advice}"
        )
    counts: Counter[str] = Counter()
    for start in range(0, labels.size, CHUNK):
        part = np.asarray(labels[start : start + CHUNK])
        if (
            kind == "f"
            and (wrong := np.flatnonzero(~np.isfinite(part) | (part != np.floor(part)))).size
        ):
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


def _text(lines: Iterable[str], name: str, suffix: str) -> Iterator[str]:
    """The labels of a .txt or .csv file, in order; blank lines are allowed at the end only."""
    gap = 0
    try:
        for line, cell in enumerate(lines, start=1) if suffix == ".txt" else _column(lines, name):
            label = cell.strip()
            if not label:
                gap = gap or line
                continue
            if gap or label in _NAN or "\0" in label:
                if "\0" in label:
                    raise not_text(name, f"a NUL byte in line {line}")
                raise CountsError(
                    f"{name} line {gap or line}: the label is missing; give every sample its class"
                )
            yield label
    except UnicodeDecodeError:
        raise not_text(name, "not UTF-8") from None


def _column(lines: Iterable[str], name: str) -> Iterator[tuple[int, str]]:
    """Line number and label of each row of a .csv file, read from its one column or from the one that is called so."""
    lines = iter(lines)
    first = next(lines, "")
    reader = csv.reader(
        chain([first], lines), delimiter=delimiter(first), strict=True, skipinitialspace=True
    )
    try:
        header = next(reader, [])
        chosen = 0
        if len(header) > 1:
            known = [i for i, column in enumerate(header) if column.strip().lower() in COLUMNS]
            if len(known) != 1:
                what = "several columns are called" if known else "no column is called"
                raise CountsError(
                    f"{name}: {what} label, class, target or y among {_listed(header)}; name exactly one so"
                )
            chosen = known[0]
        else:
            yield 1, "".join(header)
        for row in reader:
            if row and len(row) != max(len(header), 1):
                raise CountsError(
                    f"{name} line {reader.line_num}: cells in the row: {len(row)}, in line 1: {len(header)}; mend it"
                )
            yield reader.line_num, row[chosen] if row else ""
    except csv.Error as error:
        raise CountsError(
            f'{name} line {reader.line_num}: {error}; quote a label as "red, dark"'
        ) from None


def _listed(columns: list[str]) -> str:
    return ", ".join(shown(column.strip(), 40) for column in columns[:8]) + (
        ", ..." if len(columns) > 8 else ""
    )


def _tally(labels: Iterator[str], name: str) -> Counter[str]:
    """Count, and decide what the first line is once the others are known."""
    first = next(labels, None)
    if first is None:
        return Counter()
    counts = Counter(labels)
    if not _is_header(first, counts, name):
        counts[first] += 1
    return counts


def _is_header(first: str, others: Collection[str], name: str) -> bool:
    """Whether the first line is the name of the column, and no label."""
    if first in others or not others:
        return False
    if first.lower() in COLUMNS:
        return True
    if not _WHOLE.fullmatch(first) and all(_WHOLE.fullmatch(label) for label in others):
        raise CountsError(
            f"{name}: the first line {shown(first)} stands above numbers; call the column label, or drop the line"
        )
    return False
