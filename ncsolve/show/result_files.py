"""Result files, read: the JSON document of a command, the .npz file with its matrices, or its JSON lines."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..problem.border import shown
from ..problem.errors import DataError
from .document import Result

SCHEMA = re.compile(r"ncsolve/([a-z-]+)/1")
LIMIT = 1 << 30  # bytes of a text


def read_result(path: str | os.PathLike[str]) -> Result:
    """Read a result file.

    Parameters
    ----------
    path : .json, as --json or --out writes it; .npz, as --out writes it for predict, verify, compare and phase; .jsonl, the results of a
        campaign or the log of a training

    Raises
    ------
    DataError
        The file cannot be read, or no command of ncsolve wrote it.

    Examples
    --------
    >>> import tempfile, pathlib, ncsolve
    >>> from ncsolve.cli import main
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "answer.json"
    >>> code = main(["predict", "--counts", "30,20", "--out", str(file), "--json"])  # doctest: +ELLIPSIS
    {...
    >>> read_result(file).prediction.value == ncsolve.predict(ncsolve.UFM([30, 20])).value
    True
    """
    text = os.fspath(path)
    suffix = os.path.splitext(text)[1].lower()
    if suffix not in READERS:
        raise DataError(
            f"{shown(text)} is none of {', '.join(READERS)}; give a result that a command wrote with --out"
        )
    return READERS[suffix](text)


def _json(path: str) -> Result:
    return _documented(path, _text(path), {})


def _npz(path: str) -> Result:
    from ..metrics.files import arrays_in

    arrays = arrays_in(path)
    if "document" not in arrays:
        raise DataError(
            f"{shown(path)} holds no document; give an .npz file that a command of ncsolve wrote with --out (of a network, compare)"
        )
    return _documented(path, str(arrays["document"]), arrays)


def _jsonl(path: str) -> Result:
    """The header is the document; a training log's measurements are its "records". Half a line at the end is one still being written."""
    header = _first_line(path)
    found = _documented(path, header, {})
    if found.kind != "train-log":
        return found
    lines = _text(path).splitlines(keepends=True)
    records = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError
        except ValueError:
            if number == len(lines) and not line.endswith("\n"):
                break
            raise DataError(
                f"{shown(path)}, line {number}: {shown(line[:60])} is no measurement; remove the line"
            ) from None
        records.append(record)
    return Result(path, found.kind, dict(found.document) | {"records": records}, {})


def _documented(path: str, content: str, arrays: Mapping[str, Any]) -> Result:
    try:
        document = json.loads(content)
        match = SCHEMA.fullmatch(document["schema"])
    except (ValueError, KeyError, TypeError, RecursionError):
        match = None
    if match is None:
        raise DataError(
            f"{shown(path)} is no result of ncsolve (it has no schema); give a file that a command wrote with --out"
        )
    return Result(path, match[1], document, arrays)


def _text(path: str) -> str:
    with _open(path) as stream:
        data = stream.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise DataError(
            f"{shown(path)} has more than {LIMIT >> 20} MiB; results are read up to that size"
        )
    return _decoded(path, data)


def _first_line(path: str) -> str:
    with _open(path) as stream:
        return _decoded(path, stream.readline(LIMIT))


def _decoded(path: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{shown(path)} is not text; give a file that a command wrote") from None


def _open(path: str) -> Any:
    try:
        return open(path, "rb")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(
            f"{shown(path)} cannot be read ({why}); give a result that a command wrote"
        ) from None


READERS: dict[str, Callable[[str], Result]] = {
    ".json": _json,
    ".npz": _npz,
    ".jsonl": _jsonl,
}
