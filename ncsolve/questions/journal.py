"""The file of results: JSON Lines, a header and then one row per problem, in the order in which they were finished.

Only whole lines count. A row is one write to the end of the file; a write that fails is taken back, and half a line that a kill or a
power cut has left at the end is cut off before the next one. So whatever happens, the file is a header and whole rows, each
problem at most once, and a campaign goes on from it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from ..files import refuse_overwrite
from ..problem.border import finite_json, opened, shown
from ..problem.errors import CampaignError, CountsError
from ..version import __version__
from .spec import Spec
from .workers import Stopped

SCHEMA = "ncsolve/campaign/1"
LARGEST = 1 << 44  # bytes
VERDICTS = ("AGREES", "STUCK", "REFUTED", "BEATEN")
NUMBERS = ("value", "lower_bound", "relative_gap", "excess", "seconds")
DAMAGED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class ResultsFile:
    """A file of results, open to be gone on with; nobody else can open it so until it is closed.

    The lock is on the file itself and goes with the process that holds it. A file is removed only
    by the holder of its lock, who has made it and could not write a header.

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

    def __init__(self, path: str | os.PathLike[str], spec: Spec, *, force: bool = False) -> None:
        self._given, self._spec, self._name = os.fspath(path), spec, shown(os.fspath(path))
        refuse_overwrite(Path(path), overwrite=True)  # folders, pipes and devices
        self._path = os.path.realpath(path)
        made = self._open()
        try:
            if force:
                os.ftruncate(self._file, 0)
            self._begin()
        except BaseException:
            if made and os.fstat(self._file).st_size == 0:
                os.unlink(self._path)
            os.close(self._file)
            raise

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows so far; half a line at the end is cut off."""
        with open(self._path, "rb") as stream:
            end = len(stream.readline())
            for row, after in _rows(stream, end, self._spec.problems, self._name):
                end = after
                yield row
        os.ftruncate(self._file, end)

    def append(self, row: Mapping[str, Any]) -> None:
        """Write a row at the end, whole or not at all.

        Raises
        ------
        Stopped
            The disk is full, or the file can no longer be written; it is as it was.
        """
        try:
            self._write(row)
        except OSError as error:
            why = f"{self._name} cannot be written ({error.strerror}); its rows are whole: make room and run it again"
            raise Stopped(why) from None

    def __enter__(self) -> ResultsFile:
        return self

    def __exit__(self, *failure: object) -> None:
        with suppress(OSError):  # every row is with the system already; this is for a power cut
            os.fsync(self._file)
        os.close(self._file)

    def _open(self) -> bool:
        """Open and lock the file that has the name; whether it was made for that."""
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
        while True:
            try:
                self._file, made = os.open(self._path, flags | os.O_CREAT | os.O_EXCL, 0o666), True
            except FileExistsError:
                try:
                    self._file, made = os.open(self._path, flags), False
                except FileNotFoundError:  # removed meanwhile
                    continue
            try:
                self._lock()
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(self._file), os.stat(self._path)):
                        return made
            except BaseException:
                os.close(self._file)
                raise
            os.close(self._file)  # its maker has removed it: the name stands for another file

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CampaignError(
                f"{self._name} is being written by another campaign; wait for it, or choose another --out"
            ) from None

    def _begin(self) -> None:
        """Write the header, or check the one that is there."""
        spec = self._spec
        numbers = {"digest": spec.digest, "seed": spec.seed, "problems": spec.problems}
        header = {"schema": SCHEMA, "ncsolve_version": __version__} | numbers
        header |= {"spec": spec.document}
        with open(self._path, "rb") as stream:
            first = stream.readline()
        if not first.endswith(b"\n") and _line(header).startswith(first):
            os.ftruncate(self._file, 0)  # new, or killed while its header was written
            self._write(header)
            return
        digest, _ = _header(first, self._name)
        if digest != spec.digest:
            raise CampaignError(
                f"{self._name} holds the results of another spec (digest {digest[:12]}, this one is "
                f"{spec.digest[:12]}); choose another --out, or add --force to begin anew"
            )

    def _write(self, entries: Mapping[str, Any]) -> None:
        line, before = _line(entries), os.fstat(self._file).st_size
        try:
            while line:  # a disk that is nearly full takes a part; the next write says why
                line = line[os.write(self._file, line) :]
        except BaseException as error:
            with suppress(OSError):
                os.ftruncate(self._file, before)
            if isinstance(error, OSError):
                raise type(error)(error.errno, error.strerror, self._given) from None
            raise


def read_results(path: str | os.PathLike[str]) -> tuple[Spec, Iterator[dict[str, Any]]]:
    """The spec and the rows of a file of results; the file is left as it is, half a line at its end is passed over.

    Raises
    ------
    CampaignError
        The file cannot be read, is none of results, or a line of it is damaged; the rows raise it when they get there.
    """
    name = shown(os.fspath(path))
    try:
        if os.path.exists(path) and Path(path).is_fifo():
            raise CountsError(f"{name} is a pipe, which is read only once; give the path of a file")
        with opened(path, LARGEST, "the header of a campaign at least") as file:
            first = file.readline()
    except CountsError as error:
        raise CampaignError(str(error)) from None
    digest, document = _header(first, name)
    spec = Spec(document)
    if spec.digest != digest:
        raise CampaignError(
            f"{name}, line 1: the spec does not have the digest that is said; the header is damaged"
        )

    def rows() -> Iterator[dict[str, Any]]:
        with open(path, "rb") as stream:
            stream.seek(len(first))
            for row, _ in _rows(stream, len(first), spec.problems, name):
                yield row

    return spec, rows()


def _line(entries: Mapping[str, Any]) -> bytes:
    return json.dumps(entries, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _header(line: bytes, name: str) -> tuple[str, dict[str, Any]]:
    """Digest and spec of the first line."""
    try:
        header = finite_json(line)
        if header["schema"] == SCHEMA and header["spec"].keys() and line.endswith(b"\n"):
            return str(header["digest"]), header["spec"]
    except DAMAGED:
        pass
    raise CampaignError(
        f"{name} is not a file of a campaign's results (its first line is no header {SCHEMA})"
    )


def _rows(
    stream: BinaryIO, end: int, problems: int, name: str
) -> Iterator[tuple[dict[str, Any], int]]:
    """Each whole row after the header, and where it ends; what is neither whole nor half is refused with its line."""
    seen: set[int] = set()
    for number, line in enumerate(stream, start=2):
        if not line.endswith(b"\n"):
            return
        try:
            row = finite_json(line)
            index = row["index"]
            whole = _is_row(row)
        except DAMAGED:
            whole = False
        if not whole:
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
        raise CampaignError(
            f"{name}, line {number}: {why}; remove the line to have its problem solved again, or begin anew with --force"
        )


def _is_row(row: Mapping[str, Any]) -> bool:
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
