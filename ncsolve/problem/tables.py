"""Class counts written down: a list, a table ``class,count``, or JSON.

Every number is checked where it stands, so an error can name its item, its line or its class.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from typing import Any, TypeVar

from .border import class_name, delimiter, shown
from .errors import CountsError

Counts = list[float] | dict[str, float]
T = TypeVar("T", list[float], dict[str, float])

SEPARATOR = re.compile(r"\s*[,;]\s*|\s+")
_NUMBER = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
)  # float() would also read 1_000
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_MISSING = {
    "nan",
    "na",
    "n/a",
    "none",
    "null",
    "inf",
    "infinity",
}  # data, not the header of a column


def is_number(cell: str) -> bool:
    """Whether the cell is written as a number, though perhaps not as one that can be a count (-3, nan, 1e400)."""
    return bool(_NUMBER.fullmatch(cell) or _INFINITE.fullmatch(cell)) or cell.lower() == "nan"


def from_list(text: str, source: str) -> list[float]:
    """Counts separated by commas, semicolons or blanks."""
    cells = enumerate(SEPARATOR.split(text.strip()), start=1)
    return _several([_count(cell, f"{source}: item {i}") for i, cell in cells], source)


def from_table(text: str, source: str) -> Counts:
    """Rows ``class,count`` or one count a row, with or without a header; a single line of numbers is a list.

    The first row is a header if its count is a word; a first count such as "", "2oo" or "nan" is an error instead.
    """
    if not text.strip():
        raise CountsError(f"{source} holds no counts; write rows class,count")
    lines = text.strip().splitlines()
    if len(lines) == 1 and is_number(SEPARATOR.split(lines[0])[0]):
        return from_list(text, source)
    numbers: list[float] = []
    named: dict[str, float] = {}
    columns = 0
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter(lines[0]),
        strict=True,
        skipinitialspace=True,
    )
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            at = f"{source} line {reader.line_num}"
            header = not columns and _is_header(cells[-1])
            columns = columns or len(cells)
            if len(cells) != columns or columns > 2:
                raise CountsError(
                    f"{at}: cells in the row: {len(cells)}; every row should be class,count or every row one count"
                )
            if header:
                continue
            if columns == 1:
                numbers.append(_count(cells[0], at))
            else:
                name = class_name(cells[0], at)
                if name in named:
                    raise CountsError(
                        f"{at}: class {shown(name)} stands in the table twice; give each class one row"
                    )
                named[name] = _count(cells[1], f"{at}: the count of class {shown(name)}")
    except csv.Error as error:
        raise CountsError(
            f'{source} line {reader.line_num}: {error}; quote a name as "red, dark"'
        ) from None
    return _several(numbers, source) if columns == 1 else _several(named, source)


def from_json(text: str, source: str) -> Counts:
    """A JSON object name -> count, or a JSON list of counts."""
    try:
        # Numbers stay text until they are checked: 1e400, NaN and 5,000 digits are named as they are written.
        document = json.loads(
            text,
            parse_float=_Literal,
            parse_int=_Literal,
            parse_constant=_Literal,
            object_pairs_hook=_Pairs,
        )
    except json.JSONDecodeError as error:
        raise CountsError(
            f"{source} line {error.lineno}: not JSON ({error.msg}); {_JSON_FORM}"
        ) from None
    except RecursionError:
        raise CountsError(f"{source} is nested too deeply; {_JSON_FORM}") from None
    if isinstance(document, _Pairs):
        named: dict[str, float] = {}
        for key, value in document:
            name = class_name(key.strip(), source)
            if name in named:
                raise CountsError(
                    f"{source}: class {shown(name)} stands in the object twice; give each class one count"
                )
            named[name] = _json_count(value, f"{source}: the count of class {shown(name)}")
        return _several(named, source)
    if isinstance(document, list):
        return _several(
            [
                _json_count(value, f"{source}: item {i}")
                for i, value in enumerate(document, start=1)
            ],
            source,
        )
    raise CountsError(f"{source} is {_json_shown(document)} alone; {_JSON_FORM}")


_JSON_FORM = 'write {"cat": 200, "dog": 100} or [200, 100]'


class _Literal(str):
    """A JSON number as it is written."""


class _Pairs(list[tuple[str, Any]]):
    """A JSON object that still has its repeated keys."""


def _json_count(value: Any, at: str) -> float:
    if isinstance(value, _Literal):
        return _count(value, at)
    raise CountsError(f"{at} is {_json_shown(value)}, not a number; {_JSON_FORM}")


def _json_shown(value: Any) -> str:
    words = {None: "null", True: "true", False: "false"}
    if isinstance(value, list):
        return "an object" if isinstance(value, _Pairs) else "a list"
    return (
        words[value]
        if value in words
        else str(value)
        if isinstance(value, _Literal)
        else shown(value)
    )


def _is_header(cell: str) -> bool:
    return bool(re.match(r"#?\s*[^\W\d_]", cell)) and cell.lower() not in _MISSING


def _count(literal: str, at: str) -> float:
    value = float(literal) if is_number(literal) else math.nan
    if sys.float_info.min <= value < math.inf:
        return value
    if not literal:
        why = "missing"
    elif math.isnan(value):
        why = f"{shown(str(literal))}, not a number"
    elif _INFINITE.fullmatch(literal):
        why = f"{shown(str(literal))}, not finite"
    elif value > 0 and math.isinf(value):
        why = f"{shown(str(literal))}, more than a double holds"
    elif value > 0 or re.match(r"\+?[0.]*[1-9]", literal):
        why = f"{shown(str(literal))}, less than a double holds"
    else:
        why = f"{shown(str(literal))}, not positive"
    raise CountsError(f"{at} is {why}; counts are positive finite numbers such as 200 or 1e3")


def _several(counts: T, source: str) -> T:
    if len(counts) < 2:
        what = "no counts" if not counts else "one class, " + shown(next(iter(counts)))
        raise CountsError(
            f"{source} holds {what}; neural collapse needs at least 2 classes, such as 200,100"
        )
    return counts
