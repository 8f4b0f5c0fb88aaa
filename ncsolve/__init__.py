"""ncsolve: the closed-form theory solver for neural collapse.

Counts, loss, depth, widths, decays and bias in; the exact geometry of features and classifiers out,
with the strength of the claim, and its check by gradient descent and by certificate. The public
names stand in `__init__.pyi`, each with its home, and are loaded when first used.
"""

import re
from pathlib import Path
from typing import Any

_STUB = Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")
_HOME = {name: home for home, name in re.findall(r"^from \.(\S+) import (\w+)", _STUB, re.M)}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ncsolve' has no attribute {name!r}")
    value = getattr(__import__(f"ncsolve.{_HOME[name]}", fromlist=[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
