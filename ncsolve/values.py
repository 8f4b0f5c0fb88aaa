"""Answers are values: frozen, their arrays read-only, equal by what they hold, copied and pickled, and written in one way.

A public result derives from `Value` and is a `dataclass(frozen=True, eq=False, repr=False)`. Its JSON entries are its fields, or the
attributes that `entries` names; an entry that needs more than its plain form is a property of that name, or an override of `to_dict`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from functools import cache
from typing import Any, ClassVar

import numpy as np

LINES, WIDTH = 10, 96  # a repr is at most so long and so wide


class Value:
    """The base of public results; see the module's docstring.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False, repr=False)
    ... class Gap(Value):
    ...     low: np.ndarray
    ...     high: float
    >>> gap = Gap(np.zeros(2), 1.0)
    >>> gap == Gap(np.zeros(2), 1.0), gap.low.flags.writeable, gap.to_dict()
    (True, False, {'low': [0.0, 0.0], 'high': 1.0})
    >>> gap
    Gap(low=<2 float64>, high=1.0)
    """

    #: Names of the attributes that `to_dict` writes, in order; the fields where it is empty.
    entries: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name in self._names():
            frozen(getattr(self, name))

    def to_dict(self) -> dict[str, Any]:
        """The value as plain Python objects: numbers, words, lists and dicts, as its JSON document has them."""
        return {name: plain(getattr(self, name)) for name in self.entries or self._names()}

    def __getstate__(self) -> dict[str, Any]:
        held = {field.name: self.__dict__[field.name] for field in fields(self)}  # type: ignore[arg-type]
        return held  # and nothing that was computed from them

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        Value.__post_init__(self)  # arrays come out of a pickle or a copy writable

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(same(getattr(self, name), getattr(other, name)) for name in self._names())

    def __hash__(self) -> int:
        return hash((type(self).__name__, *map(_hashable, self._held())))

    def __repr__(self) -> str:
        said = [f"{name}={_short(getattr(self, name))}" for name in self._names()]
        line = f"{type(self).__name__}({', '.join(said)})"
        if len(line) <= WIDTH:
            return line
        if len(said) > LINES - 2:
            said = [*said[: LINES - 3], f"... {len(said) - LINES + 3} more"]
        return "\n".join([f"{type(self).__name__}(", *(f"  {entry}," for entry in said), ")"])

    @classmethod
    @cache
    def _names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))  # type: ignore[arg-type]

    def _held(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._names())


def plain(value: Any) -> Any:
    """A value as JSON has it: lists, dicts, numbers and words; an enumeration by its name."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value


def same(one: Any, other: Any) -> bool:
    """Whether two values hold the same; arrays entry by entry, NaN equal to NaN."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        exact = one.dtype.kind not in "fc" or other.dtype.kind not in "fc"
        return bool(np.array_equal(one, other, equal_nan=not exact))
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return False
    if isinstance(one, Value):  # some are mappings, too
        return bool(one == other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and type(one) is type(other):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one is not None and one != one and other != other)


def frozen(value: Any) -> Any:
    """The value, with every array in it, in tuples and in mappings read-only."""
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    elif isinstance(value, list | tuple):
        for entry in value:
            frozen(entry)
    elif isinstance(value, Mapping):
        for entry in value.values():
            frozen(entry)
    return value


def _hashable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    if isinstance(value, Mapping):
        return tuple((key, _hashable(entry)) for key, entry in value.items())
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else value


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<{' x '.join(map(str, value.shape))} {value.dtype}>"
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Value):
        return f"<{type(value).__name__}>"
    if isinstance(value, list | tuple | Mapping) and len(value) > 4:
        return f"<{len(value)} entries>"
    text = " ".join(repr(value).split())
    return text if len(text) <= WIDTH - 20 else text[: WIDTH - 23] + "..."
