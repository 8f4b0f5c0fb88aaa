"""The list of metrics: each is a function of the evidence, entered under its key where it is defined."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

from ..problem.errors import ProblemError
from .evidence import Evidence, Undefined

FILES = ("variability", "frames", "predicted_geometry", "duality", "decision")
NEEDS = {
    "weight": "a classifier (weight)",
    "bias": "a bias",
    "prediction": "a prediction",
    "within": "the pooled scatter matrix or a second pass",
    "mismatch": "a second pass with the classifier",
}


@dataclass(frozen=True)
class Metric:
    """One key: its function and what it needs besides features and labels."""

    key: str
    function: Callable[[Evidence], float]
    needs: tuple[str, ...]


_METRICS: dict[str, Metric] = {}


def metric(
    key: str, *needs: str
) -> Callable[[Callable[[Evidence], float]], Callable[[Evidence], float]]:
    """Enter a function under its key."""

    def enter(function: Callable[[Evidence], float]) -> Callable[[Evidence], float]:
        _METRICS[key] = Metric(key, function, needs)
        return function

    return enter


def metrics() -> dict[str, Metric]:
    """Every metric by its key, in the order of the files.

    Examples
    --------
    >>> list(metrics())[:3]
    ['nc1_pinv', 'nc1_quotient', 'nc1_cdnv']
    """
    homes = [import_module(f".{file}", __package__).__name__ for file in FILES]
    return dict(sorted(_METRICS.items(), key=lambda item: homes.index(item[1].function.__module__)))


def chosen(keys: Iterable[str] | None) -> dict[str, Metric]:
    """The metrics of these keys; all by default."""
    known = metrics()
    if keys is None:
        return known
    asked = [keys] if isinstance(keys, str) else list(keys)
    for key in asked:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(known)} works"
            raise ProblemError(f"metric {key!r} is unknown; {hint}")
    return {key: known[key] for key in asked}


def evaluated(
    evidence: Evidence, keys: Iterable[str] | None = None
) -> tuple[dict[str, float], dict[str, str]]:
    """Values by key, and for each key without one the reason."""
    have = {
        "weight": evidence.weight is not None,
        "bias": evidence.bias is not None,
        "prediction": evidence.predicted is not None,
        "within": evidence.statistics.within is not None,
        "mismatch": evidence.statistics.mismatch is not None,
    }
    values, absent = {}, {}
    for key, one in chosen(keys).items():
        lacking = [NEEDS[need] for need in one.needs if not have[need]]
        if lacking:
            absent[key] = f"it needs {' and '.join(lacking)}"
            continue
        try:
            values[key] = float(one.function(evidence))
        except Undefined as reason:
            absent[key] = str(reason)
    return values, absent
