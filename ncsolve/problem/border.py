"""What the readers at the border share: values shown on one line, files opened only if they can be read, rows, arrays, numbers."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, BinaryIO

from .errors import CountsError, DataError, NcsolveError

UNSIZED = 256 << 20  # bytes


def shown(value: object, width: int = 100) -> str:
    """The value as Python writes it, on one line, its middle cut when it is longer than `width`."""
    if isinstance(value, str) and len(value) > 2 * width:
        value = value[:width] + value[-width:]
    text = repr(value)
    half = (width - 3) // 2
    return text if len(text) <= width else f"{text[:half]}...{text[-half:]}"


@contextmanager
def opened(
    path: str | os.PathLike[str],
    limit: int,
    holds: str = "at least 2 classes",
    kind: type[NcsolveError] = CountsError,
) -> Iterator[BinaryIO]:
    """Open a file of at most `limit` bytes; everything that can be wrong with it before reading is said here, as a `kind`.

    Pipes and devices have no size and perhaps no end: they are read at once, to 256 MiB at most.
    """
    name = shown(os.fspath(path))
    if "\0" in os.fspath(path):
        raise kind(f"{name} is not a path (it holds a NUL); give the path of a file")
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            size, regular = status.st_size, stat.S_ISREG(status.st_mode)
            if size > limit:
                most = f"files of at most {limit >> 20} MiB are read"
                raise kind(f"{name} has {size} bytes; {most}")
            if regular and size == 0:
                raise kind(f"{name} is empty; it should hold {holds}")
            if regular:
                yield file
                return
            limit = min(limit, UNSIZED)
            data = file.read(limit + 1)
            if len(data) > limit:
                raise kind(
                    f"{name} has more than {limit} bytes and is no regular file; at most {limit >> 20} MiB of such are read"
                )
            yield io.BytesIO(data)
    except FileNotFoundError:
        raise kind(f"{name} does not exist; give the path of a file that does") from None
    except IsADirectoryError:
        raise kind(f"{name} is a directory; give the path of a file in it") from None
    except OSError as error:
        why = error.strerror or error
        raise kind(f"{name} cannot be read ({why}); give a readable file") from None


def finite_json(text: str | bytes, **options: Any) -> Any:
    """`json.loads`, in which every number is finite.

    Raises
    ------
    ValueError
        The text is no JSON: NaN, Infinity and numbers beyond all doubles are none either.

    Examples
    --------
    >>> finite_json("[1e999]")
    Traceback (most recent call last):
    ValueError: 1e999 is no finite number
    """
    return json.loads(text, parse_constant=_finite, parse_float=_finite, **options)


def _finite(text: str) -> float:
    if math.isfinite(found := float(text)):
        return found
    raise ValueError(f"{text[:40]} is no finite number")


def refuse_mask(values: object, name: str, verb: str = "has") -> None:
    """Refuse a numpy array whose mask hides entries; the numbers under it would be read as if it were not there."""
    mask = getattr(values, "mask", None)
    if mask is not None and hasattr(values, "filled") and (hidden := int(mask.sum())):
        raise DataError(
            f"{name} {verb} a mask that hides {hidden} entries; leave them out, or give .filled(value)"
        )


def decoded(data: bytes, source: str) -> str:
    """The text in a file of UTF-8, with or without a mark at its start, that holds no NUL."""
    if b"\0" in data:
        raise not_text(source, f"a NUL byte at {data.index(0)}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_text(source, f"byte {error.start} is not UTF-8") from None


def rows(lines: Iterable[str], source: str, advice: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every row of a .csv file, blank rows too."""
    lines = iter(lines)
    first = next(lines, "")
    reader = csv.reader(
        chain([first], lines), delimiter=delimiter(first), strict=True, skipinitialspace=True
    )
    try:
        for row in reader:
            yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise CountsError(f"{source} line {reader.line_num}: {error}; {advice}") from None


def stored_array(
    path: str | os.PathLike[str], limit: int, kinds: str, what: str, advice: str, saved: str = ""
) -> Any:
    """The array in a .npy file, mapped into memory, of one of these kinds of dtype; no archive is opened, and no pickle."""
    import numpy as np

    name = shown(os.fspath(path))
    with opened(path, limit) as file:
        if file.read(6) != b"\x93NUMPY":
            raise CountsError(f"{name} does not begin like a .npy file; {saved}{advice}")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header may raise nearly anything
        why = " ".join(str(error).split())[:100]
        raise CountsError(f"{name} cannot be read as an array ({why}); {advice}") from None
    if array.dtype.kind not in kinds:
        raise CountsError(f"{name} holds values of type {array.dtype}, not {what}; {advice}")
    return array


def suffix_of(path: str | os.PathLike[str], known: tuple[str, ...], what: str) -> str:
    """The suffix of a file, one of those from which `what` is read."""
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in known:
        read = f"{', '.join(known[:-1])} or {known[-1]}"
        raise CountsError(
            f"{shown(os.fspath(path))} has suffix {shown(suffix)}; {what} are read from {read}"
        )
    return suffix


def not_text(source: str, why: str) -> CountsError:
    """The error for bytes that are not UTF-8 text."""
    return CountsError(f"{source} is not text ({why}); save it as UTF-8 text")


def class_name(name: str, at: str) -> str:
    """The name, if it fits on one line of a table and can be printed."""
    if not name:
        raise CountsError(
            f"{at}: the class has no name; give every class a name, or give counts alone"
        )
    unprintable = ("Cc", "Cs", "Zl", "Zp")
    if not name.isprintable() and any(unicodedata.category(one) in unprintable for one in name):
        raise CountsError(
            f"{at}: class name {shown(name)} holds a character that cannot be printed; rename the class"
        )
    return name


def delimiter(line: str) -> str:
    """What separates the cells of a table, read off its first line: a comma, else a semicolon, else a tab."""
    return next((mark for mark in ",;\t" if mark in line), ",")
