"""Arrays by name from each kind of file; what may go wrong with a file is said here, in one line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ...problem.border import shown
from ...problem.errors import DataError

PICKLES = (".pkl", ".pickle", ".joblib", ".p")


def arrays_in(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    """The arrays or tensors of a file by name.

    Raises
    ------
    DataError
        The suffix is unknown, or the file cannot be read.
    """
    text = os.fspath(path)
    name = shown(text)
    suffix = os.path.splitext(text)[1].lower()
    if suffix in PICKLES:
        raise DataError(
            f"{name} is a pickle, which can run any program when it is read; save arrays with np.savez or safetensors"
        )
    if suffix not in READERS:
        raise DataError(f"{name} has suffix {shown(suffix)}; one of {', '.join(READERS)} is read")
    if "\0" in text or not os.path.exists(text):
        raise DataError(f"{name} does not exist; give the path of a file that does")
    if os.path.isdir(text):
        raise DataError(f"{name} is a directory; give the path of a file in it")
    if os.path.isfile(text) and os.path.getsize(text) == 0:
        raise DataError(f"{name} is empty")
    try:
        return READERS[suffix](text, name)
    except OSError as error:
        raise DataError(f"{name} cannot be read ({error.strerror or error})") from None


def _npz(path: str, name: str) -> Mapping[str, Any]:
    try:
        with open(path, "rb") as stream:
            if stream.read(2) != b"PK":
                raise ValueError("it does not begin like an archive of arrays")
            stream.seek(0)
            return _Archive(path, name, tuple(np.load(stream, allow_pickle=False).files))
    except OSError:
        raise
    except Exception as error:  # a damaged archive may raise nearly anything
        raise DataError(
            f"{name} cannot be read as .npz ({_short(error)}); save arrays with np.savez"
        ) from None


class _Archive(Mapping[str, Any]):
    """The arrays of an .npz file, each read once, when it is asked for."""

    def __init__(self, path: str, name: str, keys: tuple[str, ...]) -> None:
        self._path, self._name, self._keys = path, name, keys
        self._arrays: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        if key not in self._arrays:
            try:
                with open(self._path, "rb") as stream:
                    self._arrays[key] = np.load(stream, allow_pickle=False)[key]
            except Exception as error:
                raise _unreadable(f"{self._name}, array {shown(key)},", error) from None
        return self._arrays[key]

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _npy(path: str, name: str) -> Mapping[str, Any]:
    try:
        with open(path, "rb") as stream:
            if stream.read(6) != b"\x93NUMPY":
                raise ValueError("it does not begin like a .npy file")
        return {"H": np.load(path, mmap_mode="r", allow_pickle=False)}
    except OSError:
        raise
    except Exception as error:
        raise _unreadable(name, error) from None


def _csv(path: str, name: str) -> Mapping[str, Any]:
    from .csv_table import table

    return table(path, name)


def _safetensors(path: str, name: str) -> Mapping[str, Any]:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError:
        raise DataError(
            f"{name} needs the package safetensors, which is not installed; pip install safetensors"
        ) from None
    try:
        found: Mapping[str, Any] = load_file(path)
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        why = (
            "bfloat16, which numpy lacks; save float32"
            if "bfloat" in str(error).lower()
            else _short(error)
        )
        raise DataError(f"{name} cannot be read as safetensors ({why})") from None
    return found


def _torch(path: str, name: str) -> Mapping[str, Any]:
    try:
        import torch
    except ImportError:
        raise DataError(
            f"{name} needs the package torch, which is not installed; save arrays with np.savez or safetensors"
        ) from None
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a pickle of anything but tensors, a damaged archive, ...
        if "weights_only" in str(error) or "Unsupported" in str(error):
            why = "it is a pickle of more than tensors, which could run any program; save model.state_dict()"
        else:
            why = _short(error)
        raise DataError(f"{name} cannot be read as a checkpoint of tensors: {why}") from None
    tensors = dict(_flat(found, ""))
    if not tensors:
        raise DataError(f"{name} holds no tensors; save model.state_dict(), or a dict of tensors")
    return tensors


def _flat(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    """Tensors of nested dictionaries, their keys joined by dots."""
    if hasattr(value, "detach"):
        yield at or "H", value
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _flat(entry, f"{at}.{key}" if at else str(key))


def _unreadable(name: str, error: Exception) -> DataError:
    if "pickle" in str(error).lower():
        return DataError(
            f"{name} is a pickle of Python objects, which could run any program; save arrays of numbers or strings"
        )
    return DataError(f"{name} cannot be read as an array ({_short(error)})")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


READERS: dict[str, Callable[[str, str], Mapping[str, Any]]] = {
    ".npz": _npz,
    ".npy": _npy,
    ".csv": _csv,
    ".safetensors": _safetensors,
    ".pt": _torch,
    ".pth": _torch,
    ".ckpt": _torch,
}
