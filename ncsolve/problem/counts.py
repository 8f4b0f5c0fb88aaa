"""What a user says about class sizes, turned into counts: a list, a shipped example, a file, standard input.

The names of this module are the whole border: `parse_counts`, `named`, `long_tail`, `parse_long_tail`, `read_labels`.
"""

from __future__ import annotations

import os
import sys
from typing import IO, Any

from .border import not_text, opened, shown
from .errors import CountsError
from .labels import read_labels as read_labels
from .longtail import long_tail as long_tail
from .longtail import parse_long_tail as parse_long_tail
from .tables import SEPARATOR, Counts, from_json, from_list, from_table, is_number

EXAMPLES = ("places-lt", "mnist")
LIMIT = 256 << 20  # bytes


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
    text = (files("ncsolve") / "data" / f"{example.replace('-', '_')}.csv").read_text(
        encoding="utf-8"
    )
    counts = from_table(text, example)
    assert isinstance(counts, dict)
    return counts


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
        return _contents(_standard_input(stdin), "standard input")
    if _example(text) in EXAMPLES:
        return named(text)
    cells = SEPARATOR.split(text)
    if all(is_number(cell) for cell in cells):
        return from_list(text, "counts")
    if os.path.exists(text):
        with opened(text, LIMIT) as file:
            data = file.read(LIMIT + 1)
        return _contents(data, shown(text), json=text.lower().endswith(".json"))
    if text[0] in "[{":
        return from_json(text, "counts")
    if _resembles_a_list(text, cells):
        return from_list(text, "counts")
    raise CountsError(
        f"counts: {shown(text)} is neither a list of numbers, nor a file that exists, nor a shipped example "
        f"({', '.join(EXAMPLES)}); {_advice(text)}"
    )


def _example(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def _resembles_a_list(text: str, cells: list[str]) -> bool:
    if text.lower().endswith((".csv", ".json", ".txt", ".npy")):
        return False
    return len(cells) > 1 and any(is_number(cell) or cell[:1].isdigit() for cell in cells)


def _standard_input(stdin: IO[Any] | None) -> bytes:
    stream: IO[Any] | None = sys.stdin if stdin is None else stdin
    if stream is None:
        raise CountsError(
            "counts: '-' asks for standard input, which is closed; give a list or a file"
        )
    data = getattr(stream, "buffer", stream).read(LIMIT + 1)
    return data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data or b""


def _contents(data: bytes, source: str, json: bool = False) -> Counts:
    if len(data) > LIMIT:
        raise CountsError(
            f"{source} is longer than {LIMIT >> 20} MiB; counts are read up to that size"
        )
    if b"\0" in data:
        raise not_text(source, f"a NUL byte at {data.index(0)}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_text(source, f"byte {error.start} is not UTF-8") from None
    return (
        from_json(text, source)
        if json or text.lstrip()[:1] in ("{", "[")
        else from_table(text, source)
    )


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
