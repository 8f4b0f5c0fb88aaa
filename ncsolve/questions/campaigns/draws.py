r"""Random values of a field.

    uniform = [a, b]        U(a, b)
    loguniform = [a, b]     exp U(log a, log b), a > 0
    integers = [a, b]       each of a, ..., b with the same probability
    logintegers = [a, b]    floor exp U(log a, log(b + 1)): each whole number n with probability proportional to log(1 + 1/n), a >= 1
    choice = [x, y, ...]    each with the same probability

with each = "layer" or "class" for an independent value per layer (width, weight_decay) or per class. Counts are drawn as
{K, count, repeats}: K classes; every `repeats` of them share a count, drawn as logintegers; in falling order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...problem.border import shown
from ...problem.errors import CampaignError
from ...problem.fields import PER_CLASS, PER_LAYER
from .words import check_words

if TYPE_CHECKING:
    import numpy as np

RANGES = ("uniform", "loguniform", "integers", "logintegers")
KINDS = (*RANGES, "choice")
FORM = "write e.g. { loguniform = [1e-5, 1e-1] }"
COUNTS = ("K", "count", "repeats")


def check_draw(draw: Any, name: str, where: str) -> None:
    """Refuse what is not a distribution for this field.

    Raises
    ------
    CampaignError
    """
    if not isinstance(draw, Mapping):
        raise CampaignError(f"{where}: {shown(draw)} is not a table; {FORM}")
    if name == "counts" and "choice" not in draw:
        _check_counts(draw, where)
        return
    check_words(draw, (*KINDS, "each"), where)
    kinds = [kind for kind in KINDS if kind in draw]
    if len(kinds) != 1:
        said = (
            f"{' and '.join(kinds)} are two distributions" if kinds else "no distribution is named"
        )
        raise CampaignError(f"{where}: {said}; name one of {', '.join(KINDS)}")
    each = draw.get("each")
    if each is not None and not (
        (each == "layer" and name in PER_LAYER) or (each == "class" and name in PER_CLASS)
    ):
        ways = {**dict.fromkeys(PER_LAYER, "'layer'"), **dict.fromkeys(PER_CLASS, "'class'")}.get(
            name
        )
        raise CampaignError(
            f"{where}: each = {shown(each)} is not for {name}; {f'{ways} works' if ways else 'leave it out'}"
        )
    if kinds == ["choice"]:
        if not isinstance(draw["choice"], list) or not draw["choice"]:
            raise CampaignError(
                f"{where}: choice {shown(draw['choice'])} is not a list with at least one value"
            )
        return
    kind = kinds[0]
    _check_range(draw[kind], f"{where}.{kind}", whole="integers" in kind, positive="log" in kind)


def drawn(draw: Mapping[str, Any], rng: np.random.Generator, sizes: Mapping[str, int]) -> Any:
    """A value: a plain number, whatever `choice` lists, or a list of `sizes[each]` of them.

    Examples
    --------
    >>> import numpy as np
    >>> drawn({"K": 5, "count": [1, 1000], "repeats": 2}, np.random.default_rng(0), {})
    [81, 81, 6, 6, 1]
    >>> drawn({"integers": [3, 3], "each": "layer"}, np.random.default_rng(0), {"layer": 2})
    [3, 3]
    """
    if "K" in draw:
        return _drawn_counts(draw, rng)
    if "each" in draw:
        return [_one(draw, rng) for _ in range(sizes[draw["each"]])]
    return _one(draw, rng)


def _one(draw: Mapping[str, Any], rng: np.random.Generator) -> Any:
    kind = next(kind for kind in KINDS if kind in draw)
    if kind == "choice":
        return draw["choice"][int(rng.integers(len(draw["choice"])))]
    low, high = draw[kind]
    if kind == "uniform":
        return min(low + (high - low) * float(rng.random()), high)
    if kind == "integers":
        return int(rng.integers(low, high, endpoint=True))
    if kind == "loguniform":
        return min(
            max(
                math.exp(math.log(low) + (math.log(high) - math.log(low)) * float(rng.random())),
                low,
            ),
            high,
        )
    return _log_integer(low, high, rng)


def _log_integer(low: int, high: int, rng: np.random.Generator) -> int:
    number = math.floor(
        math.exp(math.log(low) + (math.log(high + 1) - math.log(low)) * float(rng.random()))
    )
    return min(max(number, low), high)


def _drawn_counts(draw: Mapping[str, Any], rng: np.random.Generator) -> list[int]:
    classes = int(rng.integers(*_ends(draw["K"]), endpoint=True))
    repeats = int(rng.integers(*_ends(draw.get("repeats", 1)), endpoint=True))
    low, high = draw["count"]
    distinct = [_log_integer(low, high, rng) for _ in range(-(-classes // repeats))]
    return sorted((count for count in distinct for _ in range(repeats)), reverse=True)[:classes]


def _ends(value: Any) -> tuple[int, int]:
    """A range, of which one number is the shortest."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _check_counts(draw: Mapping[str, Any], where: str) -> None:
    check_words(draw, COUNTS, where)
    for key in ("K", "count"):
        if key not in draw:
            raise CampaignError(
                f"{where}: {key} is missing; write e.g. {{ K = [2, 12], count = [1, 1000], repeats = [1, 3] }}"
            )
    for key in COUNTS:
        if key in draw:
            single = (
                key != "count" and isinstance(draw[key], int) and not isinstance(draw[key], bool)
            )
            _check_range(
                [draw[key]] * 2 if single else draw[key],
                f"{where}.{key}",
                whole=True,
                positive=True,
            )


def _check_range(ends: Any, where: str, *, whole: bool, positive: bool) -> None:
    kind = "whole numbers" if whole else "numbers"
    form = f"write [low, high], two {'positive ' if positive else ''}{kind} in order"
    numbers = int if whole else int | float
    if (
        not isinstance(ends, list)
        or len(ends) != 2
        or not all(isinstance(x, numbers) and not isinstance(x, bool) for x in ends)
    ):
        raise CampaignError(f"{where} {shown(ends)} is not a range; {form}")
    low, high = ends
    if low > high or (positive and low <= 0) or max(abs(low), abs(high)) > 2**63 - 2:
        raise CampaignError(f"{where} {shown(ends)} is not a range; {form}")
