"""One file per published claim that fails, each with a counterexample that runs; the folder is the list of errata."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from ...analytic.refutation import Refutation


@cache
def refutations() -> tuple[Refutation, ...]:
    """Every refuted claim, by name.

    Examples
    --------
    >>> from ncsolve.theorems.refuted import refutations
    >>> "deep_simplex_is_global" in [refutation.name for refutation in refutations()]
    True
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}").REFUTATION for name in names)
