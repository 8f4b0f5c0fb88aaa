"""Practical networks: a backbone that must realize the features, M linear layers on top, and the model's own penalties.

The unconstrained feature model lets every feature move freely. A network computes its features, H = H(theta). With weight decay on the
linear layers and the penalty on the features themselves, its objective is that of the model at the point (H(theta), W, b): never below
the model's minimum, and equal to it exactly if the backbone can realize the predicted features. That is the claim which training
tests. The names stand in `__init__.pyi`, and are loaded when first used; most need torch (`pip install ncsolve[torch]`).
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

_STUB = Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")
_HOME = {name: home for home, name in re.findall(r"^from (\S+) import (\w+)", _STUB, re.M)}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ncsolve.networks' has no attribute {name!r}")
    from .fixed import missing_is_named

    with missing_is_named():
        value = getattr(import_module(_HOME[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
