"""What the extra `torch` brings, and the one line that says so when it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..problem.errors import MissingPackage

_BROUGHT = {"torch": "torch", "sklearn": "scikit-learn"}


@contextmanager
def missing_is_named() -> Iterator[None]:
    """Turn the ImportError of an optional package into a MissingPackage."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _BROUGHT:
            raise
        name = _BROUGHT[package]
        raise MissingPackage(
            f"{name} is not installed; networks need it: pip install 'ncsolve[torch]'"
        ) from None
