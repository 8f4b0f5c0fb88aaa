"""The log of a run as JSON lines: a header, then one line per measurement, each flushed as soon as it is known."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from ..files import atomic_write, refuse_overwrite
from ..version import __version__


class Journal:
    """An open log.

    Parameters
    ----------
    path : where; None keeps no log
    header : what the first line says
    records : measurements of an earlier part of the run, written again
    overwrite : whether an existing file is replaced
    """

    def __init__(
        self,
        path: str | Path | None,
        header: dict[str, Any],
        records: Iterable[dict[str, Any]],
        *,
        overwrite: bool,
    ) -> None:
        self._stream: BinaryIO | None = None
        if path is None:
            return
        refuse_overwrite(Path(path), overwrite)
        with atomic_write(path, overwrite=overwrite) as stream:
            stream.write(
                _line({"schema": "ncsolve/train-log/1", "ncsolve_version": __version__} | header)
            )
            for record in records:
                stream.write(_line(record))
        self._stream = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by `close`

    def add(self, record: dict[str, Any]) -> None:
        """One more line."""
        if self._stream is not None:
            self._stream.write(_line(record))

    def close(self) -> None:
        """No more lines."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(_finite(record), allow_nan=False).encode() + b"\n"


def _finite(value: Any) -> Any:
    """NaN and infinities as null, at any depth."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
