"""Checkpoints: everything that the rest of a run depends on, written atomically and read without unpickling code."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..files import atomic_write
from ..problem.border import shown
from ..problem.errors import DataError

FORMAT = "ncsolve/train-checkpoint/1"


def save(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write tensors, numbers and texts; a kill leaves the old file or the new one, never a part."""
    with atomic_write(path, overwrite=True) as stream:
        torch.save({"format": FORMAT, **state}, stream)


def refuse_foreign(path: str | Path) -> None:
    """Raise a DataError if the file exists and `save` has not written it: such a file is never replaced."""
    if not Path(path).exists():
        return
    try:
        _read(path)
    except DataError:
        raise DataError(
            f"{shown(str(path))} exists and is no checkpoint of 'train', so it is kept; choose another name"
        ) from None


def load(path: str | Path, fingerprint: str) -> dict[str, Any]:
    """Read a checkpoint that was written by a run with this fingerprint.

    Raises
    ------
    DataError
        It is missing, not a checkpoint, or of another run; the message names the first setting that differs.
    """
    state = _read(path)
    if state["fingerprint"] != fingerprint:
        where = _first_difference(json.loads(state["fingerprint"]), json.loads(fingerprint))
        raise DataError(
            f"checkpoint {shown(str(path))} is of another run: {where}; repeat its settings, or start a new checkpoint"
        )
    return state


def seed(path: str | Path) -> int:
    """The seed of the run that wrote a checkpoint.

    Raises
    ------
    DataError
        It is missing or not a checkpoint.
    """
    return int(json.loads(_read(path)["fingerprint"])["rng"])


def _read(path: str | Path) -> dict[str, Any]:
    name = shown(str(path))
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError(f"checkpoint {name} does not exist; start without resuming") from None
    except OSError as error:
        raise DataError(f"checkpoint {name} cannot be read ({error.strerror or error})") from None
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        KeyError,
        ValueError,
        zipfile.BadZipFile,
        UnicodeDecodeError,
    ):
        raise DataError(
            f"{name} is no checkpoint of tensors and plain values; give one that 'train' has written"
        ) from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise DataError(
            f"{name} is no checkpoint of this version ({FORMAT}); give one that 'train' has written"
        )
    return state


def _first_difference(theirs: Any, ours: Any, at: str = "") -> str:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            if theirs.get(key) != ours.get(key):
                return _first_difference(
                    theirs.get(key), ours.get(key), f"{at}.{key}" if at else key
                )
    return f"{at} was {shown(theirs, 60)}, now {shown(ours, 60)}"
