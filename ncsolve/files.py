"""Writing files so that nothing is half-written and nothing is lost silently."""

from __future__ import annotations

import errno
import json
import math
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from .version import __version__


@contextmanager
def atomic_write(path: str | Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """A binary stream that becomes `path` when the block ends, and leaves no trace if the block fails.

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` is false; before anything is computed, and again at the end.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "answer.txt"
    >>> with atomic_write(target) as stream:
    ...     _ = stream.write(b"42")
    >>> target.read_bytes()
    b'42'
    """
    path = Path(path)
    refuse_overwrite(path, overwrite)
    handle, temporary = _beside(path)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield cast(BinaryIO, stream)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        refuse_overwrite(path, overwrite)
        if overwrite:
            os.replace(temporary, path)
        else:
            _rename_unless_it_exists(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def document_of(
    kind: str, body: Mapping[str, Any], provenance: Mapping[str, Any] | None = None
) -> str:
    """The JSON text that says which command's result `body` is; `ncsolve plot` reads it.

    Top-level entries stand on lines of their own, rows of a table too; numbers that are not finite are null.

    Examples
    --------
    >>> print(document_of("predict", {"value": 0.5}))  # doctest: +ELLIPSIS
    {
      "schema": "ncsolve/predict/1",
      "ncsolve_version": "...",
      "value": 0.5
    }
    <BLANKLINE>
    """
    entries = {"schema": f"ncsolve/{kind}/1", "ncsolve_version": __version__} | dict(body)
    entries |= {} if provenance is None else {"provenance": provenance}
    lines = (f"  {json.dumps(key)}: {_entry(value)}" for key, value in entries.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _entry(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"    {_json(row)}" for row in value) + "\n  ]"
    return _json(value)


def json_line(value: Any) -> bytes:
    """One line of JSON Lines; numbers that are not finite are null."""
    return _json(value).encode() + b"\n"


def _json(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    """The value with null for every number that JSON cannot hold."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_arrays(
    path: str | Path,
    arrays: Mapping[str, Any],
    text: str,
    *,
    compressed: bool = False,
    overwrite: bool = False,
) -> None:
    """Write arrays, and a JSON `text` as one more, `document`, to an .npz file, atomically; as `atomic_write` for errors."""
    import numpy as np

    named = dict(arrays) | {"document": np.array(text)}
    with atomic_write(path, overwrite=overwrite) as stream:
        (np.savez_compressed if compressed else np.savez)(stream, **named)


def check_writable(path: str | Path, *, overwrite: bool = False) -> None:
    """Raise the OSError that `atomic_write` would raise, before anything is computed. Leaves no trace.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> check_writable(pathlib.Path(tempfile.mkdtemp()) / "answer.txt")
    """
    path = Path(path)
    refuse_overwrite(path, overwrite)
    handle, temporary = _beside(path)
    os.close(handle)
    os.unlink(temporary)


def refuse_overwrite(path: Path, overwrite: bool) -> None:
    """Raise the OSError if `path` exists and may not be replaced; a folder, a pipe or a device never may.

    Raises
    ------
    FileExistsError, IsADirectoryError, OSError
    """
    if not path.exists():
        return
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder; name a file in it", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device and stays as it is", str(path))
    if not overwrite:
        why = "the file exists; choose another name or allow overwriting"
        raise FileExistsError(errno.EEXIST, why, str(path))


def _beside(path: Path) -> tuple[int, str]:
    """A new temporary file in the folder of `path`; an OSError names the path, not the temporary file."""
    try:
        return tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None


def _rename_unless_it_exists(temporary: str, path: Path) -> None:
    """Give the finished file its name; unlike a rename, a link fails if the name has appeared meanwhile."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except (
        OSError
    ):  # a file system without links: the name is taken first, then the file replaces it
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        os.replace(temporary, path)
    else:
        os.unlink(temporary)
