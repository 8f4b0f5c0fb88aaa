"""The file of results: JSON Lines, a header and then one row per problem, in the order in which they were finished.

Only whole lines count. A row is one write to the end of the file; a write that fails is taken back, and half a line that a kill or a
power cut has left at the end is cut off before the next one. So whatever happens, the file is a header and whole rows, each
problem at most once, and a campaign goes on from it. The lock is on the file itself and goes with the process that holds it;
no file is ever removed.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from ..files import refuse_overwrite
from ..problem.border import finite_json, opened, shown
from ..problem.errors import CampaignError
from ..version import __version__
from .spec import Spec

SCHEMA = "ncsolve/campaign/1"
LARGEST = 1 << 44  # bytes
VERDICTS = ("AGREES", "STUCK", "REFUTED", "BEATEN")
NUMBERS = ("value", "lower_bound", "relative_gap", "excess", "seconds")
DAMAGED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
Row = dict[str, Any]


@contextmanager
def journal(
    path: str | os.PathLike[str], spec: Spec, *, force: bool = False
) -> Iterator[tuple[Iterator[Row], Callable[[Row], None]]]:
    """The rows in a file of results so far, and what writes another; nobody else can open it so in the block.

    Parameters
    ----------
    path : path of the file; it need not exist
    spec : Spec
    force : bool
        Begin anew, whatever the file holds.

    Raises
    ------
    CampaignError
        The file belongs to another spec, is damaged, is no file of results, or another campaign is writing it.
    OSError
        It cannot be opened or written, or is no regular file.
    """
    name, given = shown(os.fspath(path)), os.fspath(path)
    refuse_overwrite(Path(path), overwrite=True)  # folders, pipes and devices
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    file = os.open(path, flags, 0o666)

    def write(entries: Mapping[str, Any]) -> None:
        line, before = _line(entries), os.fstat(file).st_size
        try:
            while line:  # a disk that is nearly full takes a part; the next write says why
                line = line[os.write(file, line) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(file, before)
            raise OSError(error.errno, error.strerror, given) from None

    def rows(end: int) -> Iterator[Row]:
        with open(path, "rb") as stream:
            stream.seek(end)
            for row, after in _rows(stream, end, spec.problems, name):
                end = after
                yield row
        os.ftruncate(file, end)

    try:
        _lock(file, name)
        if force:
            os.ftruncate(file, 0)
        about = {"digest": spec.digest, "seed": spec.seed, "problems": spec.problems}
        header = {"schema": SCHEMA, "ncsolve_version": __version__} | about
        header |= {"spec": spec.document}
        with open(path, "rb") as stream:
            first = stream.readline()
        if not first.endswith(b"\n") and _line(header).startswith(first):
            os.ftruncate(file, 0)  # new, or killed while its header was written
            write(header)
            first = _line(header)
        digest, _ = _header(first, name)
        if digest != spec.digest:
            raise CampaignError(
                f"{name} holds the results of another spec (digest {digest[:12]}, this one is "
                f"{spec.digest[:12]}); choose another --out, or add --force to begin anew"
            )
        yield rows(len(first)), write
        with suppress(OSError):  # every row is with the system already; this is for a power cut
            os.fsync(file)
    finally:
        os.close(file)


def read_results(path: str | os.PathLike[str]) -> tuple[Spec, Iterator[Row]]:
    """The spec and the rows of a file of results; the file is left as it is, half a line at its end is passed over.

    Raises
    ------
    CampaignError
        The file cannot be read, is none of results, or a line of it is damaged; the rows raise it when they get there.
    """
    name = shown(os.fspath(path))
    if os.path.exists(path) and Path(path).is_fifo():
        raise CampaignError(f"{name} is a pipe, which is read only once; give the path of a file")
    with opened(path, LARGEST, "the header of a campaign at least", CampaignError) as file:
        first = file.readline()
    digest, document = _header(first, name)
    spec = Spec(document)
    if spec.digest != digest:
        why = "the spec does not have the digest that is said; the header is damaged"
        raise CampaignError(f"{name}, line 1: {why}")

    def rows() -> Iterator[Row]:
        with open(path, "rb") as stream:
            stream.seek(len(first))
            for row, _ in _rows(stream, 0, spec.problems, name):
                yield row

    return spec, rows()


def _lock(file: int, name: str) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CampaignError(
            f"{name} is being written by another campaign; wait for it, or choose another --out"
        ) from None


def _line(entries: Mapping[str, Any]) -> bytes:
    return json.dumps(entries, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _header(line: bytes, name: str) -> tuple[str, dict[str, Any]]:
    """Digest and spec of the first line."""
    with suppress(*DAMAGED):
        header = finite_json(line)
        if header["schema"] == SCHEMA and header["spec"].keys() and line.endswith(b"\n"):
            return str(header["digest"]), header["spec"]
    why = f"its first line is no header {SCHEMA}"
    raise CampaignError(f"{name} is not a file of a campaign's results ({why})")


def _rows(stream: BinaryIO, end: int, problems: int, name: str) -> Iterator[tuple[Row, int]]:
    """Each whole row after the header, and where it ends; what is neither whole nor half is refused with its line."""
    seen: set[int] = set()
    for number, line in enumerate(stream, start=2):
        if not line.endswith(b"\n"):
            return
        index, row = None, Row()
        with suppress(*DAMAGED):
            row = finite_json(line, parse_int=_whole)
            index = row["index"] if _is_row(row) else None
        if index is None:
            why = f"{shown(line[:60])} is not a row"
        elif type(index) is not int or not 0 <= index < problems:
            why = f"{shown(index)} is not a problem of 0 .. {problems - 1}"
        elif index in seen:
            why = f"problem {index} is there a second time"
        else:
            seen.add(index)
            end += len(line)
            yield row, end
            continue
        cure = "remove the line to have its problem solved again, or begin anew with --force"
        raise CampaignError(f"{name}, line {number}: {why}; {cure}")


def _whole(text: str) -> int:
    """A whole number that a double can stand for."""
    if math.isinf(float(text)):
        raise ValueError
    return int(text)


def _is_row(row: Row) -> bool:
    """Whether all that a summary or a picture reads is of its kind."""
    error = row.get("error", {"type": "", "message": ""})
    words = (error["type"], error["message"], row.get("claim", ""))
    return (
        isinstance(row["problem"], dict)
        and all(isinstance(word, str) for word in words)
        and all(isinstance(row.get(name), float | int | None) for name in NUMBERS)
        and row.get("verdict", VERDICTS[0]) in VERDICTS
        and row.get("certified", True) in (True, False)
    )
