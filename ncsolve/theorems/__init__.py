"""One file per theorem; the folder is the registry."""

from __future__ import annotations

import copyreg
import importlib
from functools import cache

from ..analytic.theorem import Theorem
from ..problem.errors import NoTheorem


@cache
def theorems() -> tuple[Theorem, ...]:
    """Every theorem of the registry, strongest claim first, then by name.

    Examples
    --------
    >>> from ncsolve.theorems import theorems
    >>> "squared_spectral" in [theorem.name for theorem in theorems()]
    True
    """
    import pkgutil

    names = {module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg}
    names -= {"predict", "statements"}
    found = [importlib.import_module(f"{__name__}.{name}").THEOREM for name in sorted(names)]
    return tuple(sorted(found, key=lambda theorem: (theorem.claim.rank, theorem.name)))


def theorem(name: str) -> Theorem:
    """The theorem of that name.

    Raises
    ------
    NoTheorem
        There is none; the message lists the names, the closest first.
    """
    named = {one.name: one for one in theorems()}
    if name not in named:
        raise NoTheorem(f"theorem {name!r} is unknown; one of {', '.join(named)} works")
    return named[name]


copyreg.pickle(Theorem, lambda one: (theorem, (one.name,)))
