r"""What a user says about class sizes, turned into counts: a list, a shipped example, a table, JSON, a long tail, labels.

Every number is checked where it stands, so an error can name its item, its line or its class. Long-tailed counts are those of the
CIFAR-LT benchmarks:

    n_k = floor(n ratio^(-k / (K - 1))),   k = 0, ..., K - 1

falls from n to floor(n / ratio). The step profile has n for the first half of the classes and the end value after it.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import sys
from typing import IO, Any, TypeVar

from .border import class_name, decoded, opened, rows, shown
from .errors import CountsError
from .labels import read_labels as read_labels

EXAMPLES = ("places-lt", "mnist")
LIMIT = 256 << 20  # bytes
MOST_CLASSES = 10**7
LARGEST_COUNT = 2**53  # doubles hold every whole number up to here
FORM = "the form is K=10,n=500,ratio=100 with an optional ,step"

Counts = list[float] | dict[str, float]
T = TypeVar("T", list[float], dict[str, float])

_SEPARATOR = re.compile(r"\s*[,;]\s*|\s+")
# float() would also read 1_000
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
# data, not the header of a column
_MISSING = {"nan", "na", "n/a", "none", "null", "inf", "infinity"}
_JSON_FORM = 'write {"cat": 200, "dog": 100} or [200, 100]'


def named(name: str) -> dict[str, float]:
    """The class counts of a shipped example.

    Parameters
    ----------
    name : str
        "places-lt" (training split of Places-LT, 365 classes) or "mnist" (training set, 10 digits); case does not
        matter and "_" is read as "-".

    Returns
    -------
    dict, class name -> count

    Raises
    ------
    CountsError
        There is no such example.

    Examples
    --------
    >>> named("mnist")["0"], len(named("Places_LT"))
    (5923.0, 365)
    """
    from importlib.resources import files

    example = _example(name)
    if example not in EXAMPLES:
        raise CountsError(
            f"{shown(name)} is not a shipped example; the examples are {', '.join(EXAMPLES)}"
        )
    file = files("ncsolve") / "data" / f"{example.replace('-', '_')}.csv"
    return dict(_from_table(file.read_text(encoding="utf-8"), example))  # type: ignore[arg-type]


def parse_counts(text: str, stdin: IO[Any] | None = None) -> Counts:
    """Class counts from a user's words.

    Parameters
    ----------
    text : str
        In the order in which they are tried: "-" (standard input); a shipped example; numbers separated by commas,
        semicolons or blanks; the path of a file; a JSON object or list. A file or standard input holds JSON (suffix
        .json, or the first character is { or [) or else rows ``class,count``, rows of one count, or a list.
    stdin : file, text or binary, optional
        What "-" reads; default `sys.stdin`.

    Returns
    -------
    list of K floats, or dict class name -> count if the classes have names

    Raises
    ------
    CountsError
        The words are none of these, or a count is not a positive finite number, or there are fewer than 2 classes.

    Examples
    --------
    >>> parse_counts("200, 100, 50, 1e3")
    [200.0, 100.0, 50.0, 1000.0]
    >>> parse_counts('{"cat": 200, "dog": 100}')
    {'cat': 200.0, 'dog': 100.0}
    """
    text = text.strip()
    if not text:
        raise CountsError("counts: '' is empty; write e.g. 200,100,50,50")
    if text == "-":
        stream: IO[Any] | None = sys.stdin if stdin is None else stdin
        if stream is None:
            raise CountsError(
                "counts: '-' asks for standard input, which is closed; give a list or a file"
            )
        data = getattr(stream, "buffer", stream).read(LIMIT + 1)
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data or b""
        return _contents(raw, "standard input")
    if _example(text) in EXAMPLES:
        return named(text)
    cells = _SEPARATOR.split(text)
    if all(_is_number(cell) for cell in cells):
        return _from_list(text, "counts")
    if os.path.exists(text):
        with opened(text, LIMIT) as file:
            data = file.read(LIMIT + 1)
        return _contents(data, shown(text), json=text.lower().endswith(".json"))
    if text[0] in "[{":
        return _from_json(text, "counts")
    a_file = text.lower().endswith((".csv", ".json", ".txt", ".npy"))
    numeric = any(_is_number(cell) or cell[:1].isdigit() for cell in cells)
    if len(cells) > 1 and numeric and not a_file:
        return _from_list(text, "counts")
    raise CountsError(
        f"counts: {shown(text)} is neither a list of numbers, nor a file that exists, nor a shipped example "
        f"({', '.join(EXAMPLES)}); {_advice(text)}"
    )


def _example(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def _advice(text: str) -> str:
    """The example or the file whose name is closest, if any is close."""
    from difflib import get_close_matches

    folder, base = os.path.split(text[:1000])
    try:
        files = os.listdir(folder or ".")[:10_000]
    except (OSError, ValueError):
        files = []
    near = [os.path.join(folder, file) for file in get_close_matches(base, files, n=1)]
    near += get_close_matches(_example(text[:100]), EXAMPLES, n=1)
    return f"did you mean {shown(near[0])}?" if near else "write e.g. 200,100,50,50"


def _contents(data: bytes, source: str, json: bool = False) -> Counts:
    if len(data) > LIMIT:
        raise CountsError(
            f"{source} is longer than {LIMIT >> 20} MiB; counts are read up to that size"
        )
    text = decoded(data, source)
    read = _from_json if json or text.lstrip()[:1] in ("{", "[") else _from_table
    return read(text, source)


def _from_list(text: str, source: str) -> list[float]:
    """Counts separated by commas, semicolons or blanks."""
    cells = enumerate(_SEPARATOR.split(text.strip()), start=1)
    return _several([_count(cell, f"{source}: item {i}") for i, cell in cells], source)


def _from_table(text: str, source: str) -> Counts:
    """Rows ``class,count`` or one count a row, with or without a header; a single line of numbers is a list.

    The first row is a header if its count is a word; a first count such as "", "2oo" or "nan" is an error instead.
    """
    if not text.strip():
        raise CountsError(f"{source} holds no counts; write rows class,count")
    lines = text.strip().splitlines()
    if len(lines) == 1 and _is_number(_SEPARATOR.split(lines[0])[0]):
        return _from_list(text, source)
    numbers: list[float] = []
    by_name: dict[str, float] = {}
    columns = 0
    blank = len(text) - len(text.lstrip())
    above = text[:blank].count("\n")
    table = rows(io.StringIO(text[blank:], newline=""), source, 'quote a name as "red, dark"')
    for line, cells in table:
        if not any(cells):
            continue
        at = f"{source} line {line + above}"
        last = cells[-1]
        words = re.match(r"#?\s*[^\W\d_]", last) and last.lower() not in _MISSING
        header, columns = not columns and bool(words), columns or len(cells)
        if len(cells) != columns or columns > 2:
            raise CountsError(
                f"{at}: cells in the row: {len(cells)}; every row should be class,count or every row one count"
            )
        if header:
            continue
        if columns == 1:
            numbers.append(_count(cells[0], at))
        else:
            name = _new_name(cells[0], by_name, at, "table twice; give each class one row")
            by_name[name] = _count(cells[1], f"{at}: the count of class {shown(name)}")
    return _several(numbers, source) if columns == 1 else _several(by_name, source)


def _new_name(name: str, others: dict[str, float], at: str, where: str) -> str:
    if class_name(name, at) in others:
        raise CountsError(f"{at}: class {shown(name)} stands in the {where}")
    return name


class _Literal(str):
    """A JSON number as it is written: 1e400, NaN and 5,000 digits are named so."""


class _Pairs(list[tuple[str, Any]]):
    """A JSON object that still has its repeated keys."""


def _from_json(text: str, source: str) -> Counts:
    """A JSON object name -> count, or a JSON list of counts."""
    literal: Any = {"parse_float": _Literal, "parse_int": _Literal, "parse_constant": _Literal}
    try:
        document = json.loads(text, object_pairs_hook=_Pairs, **literal)
    except json.JSONDecodeError as error:
        raise CountsError(
            f"{source} line {error.lineno}: not JSON ({error.msg}); {_JSON_FORM}"
        ) from None
    except RecursionError:
        raise CountsError(f"{source} is nested too deeply; {_JSON_FORM}") from None
    if isinstance(document, _Pairs):
        by_name: dict[str, float] = {}
        for key, value in document:
            where = "object twice; give each class one count"
            name = _new_name(key.strip(), by_name, source, where)
            by_name[name] = _json_count(value, f"{source}: the count of class {shown(name)}")
        return _several(by_name, source)
    if isinstance(document, list):
        items = enumerate(document, start=1)
        return _several([_json_count(value, f"{source}: item {i}") for i, value in items], source)
    raise CountsError(f"{source} is {_json_shown(document)} alone; {_JSON_FORM}")


def _json_count(value: Any, at: str) -> float:
    if isinstance(value, _Literal):
        return _count(value, at)
    raise CountsError(f"{at} is {_json_shown(value)}, not a number; {_JSON_FORM}")


def _json_shown(value: Any) -> str:
    if isinstance(value, list):
        return "an object" if isinstance(value, _Pairs) else "a list"
    words = {None: "null", True: "true", False: "false"}
    said = str(value) if isinstance(value, _Literal) else shown(value)
    return words.get(value, said)


def _is_number(cell: str) -> bool:
    """Whether the cell is written as a number, though perhaps not as one that can be a count (-3, nan, 1e400)."""
    return bool(_NUMBER.fullmatch(cell) or _INFINITE.fullmatch(cell)) or cell.lower() == "nan"


def _count(literal: str, at: str) -> float:
    value = float(literal) if _is_number(literal) else math.nan
    if sys.float_info.min <= value < math.inf:
        return value
    if math.isnan(value):
        why = "not a number"
    elif _INFINITE.fullmatch(literal):
        why = "not finite"
    elif value == math.inf:
        why = "more than a double holds"
    elif value > 0 or re.match(r"\+?[0.]*[1-9]", literal):
        why = "less than a double holds"
    else:
        why = "not positive"
    said = f"{shown(str(literal))}, {why}" if literal else "missing"
    raise CountsError(f"{at} is {said}; counts are positive finite numbers such as 200 or 1e3")


def _several(counts: T, source: str) -> T:
    if len(counts) < 2:
        what = "no counts" if not counts else "one class, " + shown(next(iter(counts)))
        raise CountsError(
            f"{source} holds {what}; neural collapse needs at least 2 classes, such as 200,100"
        )
    return counts


def long_tail(classes: int, largest: int, ratio: float, step: bool = False) -> list[int]:
    """Class counts that fall by `ratio` from the first class to the last.

    The rule is evaluated with 60 digits: 500 / 100 is 5, where rounded powers would give floor(4.999...) = 4.

    Parameters
    ----------
    classes : int, K >= 2
    largest : int, n >= 1
        Count of the first class.
    ratio : float >= 1
        Largest count over smallest, read as the decimal it prints as (2.2 is 22/10).
    step : bool
        Two levels instead of a geometric fall: the first ceil(K/2) classes have n, the others floor(n / ratio).

    Returns
    -------
    list of K ints, none below 1

    Raises
    ------
    CountsError
        A parameter is out of range, or a class would be left without samples.

    Examples
    --------
    >>> long_tail(10, 500, 100)
    [500, 299, 179, 107, 64, 38, 23, 13, 8, 5]
    >>> long_tail(4, 500, 100, step=True)
    [500, 500, 5, 5]
    """
    from decimal import Decimal, localcontext

    _whole("K", classes, 2, MOST_CLASSES)
    _whole("n", largest, 1, LARGEST_COUNT)
    if isinstance(ratio, bool) or not 1 <= ratio <= 1e300:  # the second is true of nan
        raise CountsError(
            f"long tail: ratio={ratio} is not a number from 1 to n; it is the largest count / the smallest"
        )
    with localcontext(prec=60):
        n, rho = Decimal(int(largest)), Decimal(str(ratio))
        # absorbs the rounding of 60 digits where the value is an exact integer
        to_integer = Decimal("1e-30")
        last = int(n / rho)
        if last < 1:
            raise CountsError(
                f"long tail: ratio={ratio} leaves class {classes} of {classes} with 0 of n={largest} samples; "
                f"use a ratio of at most {largest}"
            )
        if step:
            return [int(largest)] * (classes - classes // 2) + [last] * (classes // 2)
        fall = rho ** (Decimal(-1) / (int(classes) - 1))
        counts = [int(n)]
        exact = n
        for _ in range(classes - 2):
            exact *= fall
            counts.append(int(exact + to_integer))
        return [*counts, last]


def parse_long_tail(text: str) -> list[int]:
    """Counts from ``K=10,n=500,ratio=100``, with ``,step`` for two levels; the order is free.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of K ints

    Raises
    ------
    CountsError
        A key is unknown, missing or repeated, or a value is not a number.

    Examples
    --------
    >>> parse_long_tail("ratio=10, n=100, K=3")
    [100, 31, 10]
    """

    def wrong(why: str) -> CountsError:
        return CountsError(f"long tail {shown(text)}: {why}; {FORM}")

    given: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key not in ("K", "n", "ratio", "step"):
            raise wrong(f"{shown(key)} is not a key")
        if key in given:
            raise wrong(f"{key} is given twice")
        if (key == "step") == bool(equals):
            raise wrong(f"{key} {'takes no' if equals else 'needs a'} value")
        given[key] = value
    if missing := [key for key in ("K", "n", "ratio") if key not in given]:
        raise wrong(f"{' and '.join(missing)} missing")
    number: dict[str, float] = {}
    for key in ("K", "n", "ratio"):
        try:
            # float would read 1_000
            number[key] = float(given[key].replace("_", "?"))
        except ValueError:
            raise wrong(f"{key}={shown(given[key])} is not a number") from None
        if key != "ratio" and not number[key].is_integer():
            raise wrong(f"{key}={given[key]} is not a whole number")
    return long_tail(int(number["K"]), int(number["n"]), number["ratio"], step="step" in given)


def _whole(key: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or not low <= value <= high:
        raise CountsError(
            f"long tail: {key}={shown(value)} is not a whole number from {low} to {high}; {FORM}"
        )
