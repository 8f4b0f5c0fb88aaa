"""One file per command; the folder is the list of commands.

A command file has a docstring whose first line is its help, `add(parser)`, which declares its options, and `run(args, terminal)`, which
returns an Answer. OUT names the suffixes that --out may have (`.json` unless it says otherwise), `check(args)` refuses options
that do not go together. Nothing heavy is imported before `run`: `ncsolve --help` reads every file of this folder.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType


@cache
def commands() -> dict[str, ModuleType]:
    """Every command by name, in alphabetical order.

    Examples
    --------
    >>> "predict" in commands()
    True
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}
