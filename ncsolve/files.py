"""Writing files so that nothing is half-written and nothing is lost silently."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast


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
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield cast(BinaryIO, stream)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        if overwrite:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # unlike a rename, fails if the file has appeared meanwhile
            os.unlink(temporary)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def refuse_overwrite(path: Path, overwrite: bool) -> None:
    """Raise FileExistsError if `path` exists and may not be replaced."""
    if path.exists() and not overwrite:
        raise FileExistsError(17, "the file exists; choose another name or allow overwriting", str(path))
