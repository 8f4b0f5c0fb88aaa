"""A spec: a TOML file that stands for a numbered sequence of problems, none of which is built before it is asked for.

    [campaign]   action, seed, trials, and how to act
    [problem]    fields that all problems share; [[problem]], repeated, lists several
    [grid]       fields with a list of values each: every combination
    [draw]       fields with a distribution each (draws.py)

Problem number i = ((trial * cases + case) * points + point) with the last axis of the grid running fastest; axes are in the
order of FIELDS, however the file has them. Random values of problem i come from the seed alone: those of field number f from
SeedSequence(seed, spawn_key=(i, 1 + f)), the starts of descent from spawn_key (i, 0).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...problem.fields import FIELDS, built, flattened
from .draws import drawn

if TYPE_CHECKING:
    import numpy as np

    from ...problem.ufm import UFM

ACTIONS = ("predict", "certify", "verify")


@dataclass(frozen=True, eq=False)
class Spec:
    """A checked spec. Made by `read_spec`.

    Attributes
    ----------
    document : the spec as plain values, with everything that was left out filled in and counts read from their files

    Examples
    --------
    >>> from ncsolve.campaign import read_spec
    >>> spec = read_spec({"problem": {"counts": [20, 10]}, "grid": {"depth": [1, 2], "decay": [1e-3, 1e-2, 1e-1]}})
    >>> spec.problems, spec.varying(4)
    (6, {'depth': 2, 'decay': 0.01})
    """

    document: Mapping[str, Any]

    @property
    def actions(self) -> tuple[str, ...]:
        """What is done with every problem, of predict, certify, verify."""
        return tuple(self.document["campaign"]["action"])

    @property
    def seed(self) -> int:
        """The seed of all random numbers."""
        return int(self.document["campaign"]["seed"])

    @property
    def tolerance(self) -> float:
        """The relative difference within which values agree, and relative gap up to which a problem counts as certified."""
        return float(self.document["campaign"]["tolerance"])

    @property
    def starts(self) -> int:
        """Random starts of each descent."""
        return int(self.document["campaign"]["starts"])

    @property
    def theorem(self) -> str | None:
        """The theorem to use; the strongest that applies if None."""
        name = self.document["campaign"]["theorem"]
        return None if name is None else str(name)

    @cached_property
    def problems(self) -> int:
        """How many problems there are."""
        return int(self.document["campaign"]["trials"]) * len(self._cases) * self._points

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the spec: equal exactly where the problems and what is done with them are."""
        text = json.dumps(self.document, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def common(self) -> dict[str, Any]:
        """The fields that all problems share."""
        return dict(self._cases[0]) if len(self._cases) == 1 else {}

    def listed(self, index: int) -> dict[str, Any]:
        """The fields of problem `index` that not all problems share, without the drawn ones; never fails."""
        fields = self._fields(index)
        return flattened(
            fields if len(self._cases) > 1 else {name: fields[name] for name in self._grid}
        )

    def varying(self, index: int) -> dict[str, Any]:
        """The fields of problem `index` that not all problems share; with `common`, all of them."""
        return flattened(self.listed(index) | self._drawn(index))

    def problem(self, index: int) -> UFM:
        """Problem number `index`, built.

        Raises
        ------
        IndexError
            There is no such problem.
        NcsolveError
            The fields are no problem.
        """
        return built(self.common | self.varying(index))

    def descent_rng(self, index: int) -> np.random.Generator:
        """The generator of the random starts of problem `index`."""
        return _generator(self.seed, index, 0)

    @cached_property
    def _cases(self) -> list[dict[str, Any]]:
        return list(self.document["problem"])

    @cached_property
    def _grid(self) -> dict[str, list[Any]]:
        grid = self.document["grid"]
        return {name: grid[name] for name in FIELDS if name in grid}

    @cached_property
    def _points(self) -> int:
        return math.prod(len(values) for values in self._grid.values())

    def _fields(self, index: int) -> dict[str, Any]:
        """Fields from [problem] and [grid]."""
        if not 0 <= index < self.problems:
            raise IndexError(f"problem {index} is not one of 0 .. {self.problems - 1}")
        rest, point = divmod(index, self._points)
        fields = dict(self._cases[rest % len(self._cases)])
        for name, values in reversed(self._grid.items()):
            point, place = divmod(point, len(values))
            fields[name] = values[place]
        return fields

    def _drawn(self, index: int) -> dict[str, Any]:
        """Fields from [draw]; those that depend on how many layers or classes there are come last."""
        draws = self.document["draw"]
        names = [name for name in FIELDS if name in draws]
        found: dict[str, Any] = {}
        for name in sorted(names, key=lambda name: "each" in draws[name]):
            sizes = _Sizes({**self._fields(index), **found})
            found[name] = drawn(
                draws[name], _generator(self.seed, index, 1 + list(FIELDS).index(name)), sizes
            )
        return {name: found[name] for name in names}


class _Sizes(dict[str, int]):
    """The number of layers and of classes of a problem whose other fields are known, worked out when asked for."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def __missing__(self, each: str) -> int:
        shape = ("counts", "depth", *(name for name in FIELDS if name.startswith("long_tail.")))
        fields = flattened(self._fields)
        plain = built({name: fields[name] for name in shape if name in fields})
        return plain.depth if each == "layer" else plain.classes


def _generator(seed: int, *key: int) -> np.random.Generator:
    import numpy as np

    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
