"""The file of results: JSON Lines, a header and then one row per problem, in the order in which they were finished.

Only whole lines count. A row is one write to the end of the file; a write that fails is taken back, and half a line that a kill or a
power cut has left at the end is cut off before the next one. So whatever happens, the file is a header and whole rows, each
problem at most once, and a campaign goes on from it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from ...problem.border import finite_json, opened, shown
from ...problem.errors import CampaignError, CountsError
from ...version import __version__
from .spec import Spec
from .stopping import Stopped

SCHEMA = "ncsolve/campaign/1"
LARGEST = 1 << 44  # bytes


class Journal:
    """A file of results, open to be gone on with; nobody else can open it so until it is closed.

    Parameters
    ----------
    path : path of the file; it need not exist
    spec : Spec
    force : bool
        Begin anew, whatever the file holds.

    Attributes
    ----------
    path, version : where it is, and which ncsolve began it

    Raises
    ------
    CampaignError
        The file belongs to another spec, is damaged, is no file of results, or another campaign is writing it.
    OSError
        It cannot be opened or written.
    """

    def __init__(self, path: str | os.PathLike[str], spec: Spec, *, force: bool = False) -> None:
        self.path, self._spec = Path(path), spec
        self._name = shown(os.fspath(path))
        self._file = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666
        )
        try:
            self._lock()
            if force:
                os.ftruncate(self._file, 0)
            self._begin()
        except BaseException:
            if os.fstat(self._file).st_size == 0:  # made a moment ago
                self.path.unlink(missing_ok=True)
            os.close(self._file)
            raise

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows so far; half a line at the end is cut off."""
        with open(self.path, "rb") as stream:
            end = len(stream.readline())
            for row, after in _rows(stream, end, self._spec.problems, self._name):
                end = after
                yield row
        os.ftruncate(self._file, end)

    def append(self, row: dict[str, Any]) -> None:
        """Write a row at the end, whole or not at all.

        Raises
        ------
        Stopped
            The disk is full, or the file can no longer be written; it is as it was.
        """
        try:
            self._write(_line(row))
        except OSError as error:
            why = f"{self._name} cannot be written ({error.strerror}); its rows are whole: make room and run it again"
            raise Stopped(why) from None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # every row is with the system already; this is for a power cut
            os.fsync(self._file)
        os.close(self._file)

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
        header = _line(header_of(self._spec))
        with open(self.path, "rb") as stream:
            first = stream.readline()
        if not first.endswith(b"\n") and header.startswith(
            first
        ):  # new, or killed while its header was written
            os.ftruncate(self._file, 0)
            self._write(header)
            self.version = __version__
            return
        found = _header(first, self._name)
        if found["digest"] != self._spec.digest:
            raise CampaignError(
                f"{self._name} holds the results of another spec (digest {found['digest'][:12]}, this one is "
                f"{self._spec.digest[:12]}); choose another --out, or add --force to begin anew"
            )
        self.version = str(found["ncsolve_version"])

    def _write(self, line: bytes) -> None:
        before = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line)
            while written < len(
                line
            ):  # a disk that is nearly full takes a part; the next write says why
                written += os.write(self._file, line[written:])
        except BaseException as error:
            with suppress(OSError):
                os.ftruncate(self._file, before)
            if isinstance(error, OSError):
                raise type(error)(error.errno, error.strerror, os.fspath(self.path)) from None
            raise


def header_of(spec: Spec) -> dict[str, Any]:
    """The first line of a file of results."""
    return {
        "schema": SCHEMA,
        "ncsolve_version": __version__,
        "digest": spec.digest,
        "seed": spec.seed,
        "problems": spec.problems,
        "spec": spec.document,
    }


def read_results(path: str | os.PathLike[str]) -> tuple[Spec, Iterator[dict[str, Any]]]:
    """The spec and the rows of a file of results; the file is left as it is, half a line at its end is passed over.

    Raises
    ------
    CampaignError
        The file cannot be read, is none of results, or a line of it is damaged; the rows raise it when they get there.
    """
    name = shown(os.fspath(path))

    def rows(stream: BinaryIO, begin: int) -> Iterator[dict[str, Any]]:
        with stream:
            stream.seek(begin)
            for row, _ in _rows(stream, begin, spec.problems, name):
                yield row

    try:
        with opened(path, LARGEST, "the header of a campaign at least") as file:
            first = file.readline()
    except CountsError as error:
        raise CampaignError(str(error)) from None
    found = _header(first, name)
    spec = Spec(found["spec"])
    if spec.digest != found["digest"]:
        raise CampaignError(
            f"{name}, line 1: the spec does not have the digest that is said; the header is damaged"
        )
    return spec, rows(open(path, "rb"), len(first))


def _line(entries: dict[str, Any]) -> bytes:
    return json.dumps(entries, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _header(line: bytes, name: str) -> dict[str, Any]:
    try:
        found = finite_json(line)
        if (
            not line.endswith(b"\n")
            or found["schema"] != SCHEMA
            or not isinstance(found["spec"], dict)
        ):
            raise ValueError
        return {
            "digest": str(found["digest"]),
            "spec": found["spec"],
            "ncsolve_version": found["ncsolve_version"],
        }
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CampaignError(
            f"{name} is not a file of a campaign's results (its first line is no header {SCHEMA})"
        ) from None


def _rows(
    stream: BinaryIO, end: int, problems: int, name: str
) -> Iterator[tuple[dict[str, Any], int]]:
    """Each whole row after the header, and where it ends; what is neither whole nor half is refused with its line."""
    seen = bytearray()
    for number, line in enumerate(stream, start=2):
        if not line.endswith(b"\n"):
            return
        try:
            row = finite_json(line)
            index = row["index"]
            if not isinstance(row["problem"], dict) or not isinstance(
                row.get("error", row.get("value", 0.0)), dict | float | None
            ):
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _damaged(name, number, f"{shown(line[:60])} is not a row") from None
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < problems:
            raise _damaged(name, number, f"{shown(index)} is not a problem of 0 .. {problems - 1}")
        if not mark(seen, index):
            raise _damaged(name, number, f"problem {index} is there a second time")
        end += len(line)
        yield row, end


def _damaged(name: str, number: int, why: str) -> CampaignError:
    return CampaignError(
        f"{name}, line {number}: {why}; remove the line to have its problem solved again, or begin anew with --force"
    )


def mark(seen: bytearray, index: int) -> bool:
    """Enter a number into a set of bits; whether it is new."""
    byte, bit = divmod(index, 8)
    if byte >= len(seen):
        seen.extend(bytes(byte + 1 - len(seen)))
    if seen[byte] >> bit & 1:
        return False
    seen[byte] |= 1 << bit
    return True
