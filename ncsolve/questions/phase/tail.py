r"""Long-tailed counts for many ratios and sizes at once.

    continuous   n_k = n ratio^(-k/(K-1)),           k = 0, ..., K - 1        (fractional counts: n_k < 1 is allowed)
    floored      n_k = floor of it, as in problem/counts.py                   (ratio <= n, or the last class is empty)

The step profile has n for the first ceil(K/2) classes and n/ratio for the others. The floored rule is decided in 60 digits where a
double lies within 1e-9 of a whole number, and by the double elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...problem.border import shown
from ...problem.counts import LARGEST_COUNT, long_tail
from ...problem.errors import CountsError

if TYPE_CHECKING:
    from ...problem.losses import Array

RULES = ("continuous", "floored")
NEAR = 1e-9
FORM = (
    "the form is K=100,n=500,ratio=100 with an optional ,step; what an axis gives may be left out"
)


@dataclass(frozen=True)
class LongTail:
    """Counts that fall from n to n / ratio.

    Parameters
    ----------
    classes : int, K >= 2
    largest : float, n >= 1
    ratio : float >= 1
    step : bool
        Two levels instead of a geometric fall.
    rule : "continuous" or "floored"
        Whether counts are n ratio^(-k/(K-1)) as they stand, or rounded down to whole numbers.

    Examples
    --------
    >>> LongTail(3, 100, 4.0).counts()
    array([100.,  50.,  25.])
    >>> LongTail(3, 100, 10, rule="floored").counts()
    array([100.,  31.,  10.])
    """

    classes: int
    largest: float
    ratio: float
    step: bool = False
    rule: str = "continuous"

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise CountsError(
                f"long tail: rule {shown(self.rule)} is unknown; {' or '.join(RULES)} works"
            )
        if (
            isinstance(self.classes, bool)
            or self.classes != int(self.classes)
            or not 2 <= self.classes <= 10**7
        ):
            raise CountsError(f"long tail: K={self.classes} is not a whole number from 2 to 10^7")
        if not 1 <= self.largest <= 1e100:
            raise CountsError(f"long tail: n={self.largest} is not a number of samples, 1 or more")
        if not 1 <= self.ratio <= 1e100:
            raise CountsError(
                f"long tail: ratio={self.ratio} is not a number of 1 or more; it is the largest count / the smallest"
            )
        if self.rule == "floored":
            if self.largest != int(self.largest) or self.largest > LARGEST_COUNT:
                raise CountsError(
                    f"long tail: the floored rule needs a whole number n up to 2^53, not {self.largest:g}"
                )
            if self.ratio > self.largest:
                raise CountsError(
                    f"long tail: ratio={self.ratio:g} leaves the last class with 0 of n={self.largest:g} samples; "
                    "use a smaller ratio, or the continuous rule"
                )

    def counts(self) -> Array:
        """n_1 >= ... >= n_K, shape (K,)."""
        found: Array = tail_counts(self, np.array([self.largest]), np.array([self.ratio]))[0]
        return found

    def replace(self, **changes: float) -> LongTail:
        """Another K, n or ratio."""
        names = {"K": "classes", "n": "largest", "ratio": "ratio"}
        fields = {
            names[name]: int(value) if name == "K" else float(value)
            for name, value in changes.items()
        }
        return replace(self, **fields)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"n = {self.largest:g}, ratio {self.ratio:g}" + (", two levels" if self.step else "")


def tail_counts(tail: LongTail, largest: Array, ratio: Array) -> Array:
    """Counts of P pairs (n, ratio) under the rule of `tail`, shape (P, K); the pairs are allowed (LongTail refuses the others)."""
    classes = int(tail.classes)
    if tail.step:
        share = np.concatenate([np.zeros(classes - classes // 2), np.ones(classes // 2)])
    else:
        share = np.arange(classes) / (classes - 1.0)
    counts: Array = largest[:, None] * np.power(ratio[:, None], -share)
    counts[:, -1] = largest / ratio
    if tail.step:
        counts[:, share == 1.0] = (largest / ratio)[:, None]
    if tail.rule == "continuous":
        return counts
    whole = np.floor(counts)
    doubtful = (np.abs(counts - np.rint(counts)) <= NEAR * counts)[:, 1:].any(axis=1)
    for i in np.flatnonzero(doubtful):
        whole[i] = long_tail(classes, int(largest[i]), float(ratio[i]), tail.step)
    return whole


def parse_tail(text: str, given: dict[str, float], rule: str) -> LongTail:
    """A LongTail from K=..,n=..,ratio=..[,step], where the axes give what is left out.

    Examples
    --------
    >>> parse_tail("K=10,n=500", {"ratio": 1.0}, "floored").ratio
    1.0
    """
    found: dict[str, float] = {}
    step = False
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key == "step" and not equals and not step:
            step = True
            continue
        if key not in ("K", "n", "ratio") or not equals:
            raise CountsError(
                f"long tail {shown(text)}: {shown(part.strip())} cannot be read; {FORM}"
            )
        if key in found:
            raise CountsError(f"long tail {shown(text)}: {key} is given twice; {FORM}")
        try:
            found[key] = float(value) if "_" not in value else float("nan")
        except ValueError:
            raise CountsError(
                f"long tail {shown(text)}: {key}={shown(value)} is not a number; {FORM}"
            ) from None
        if key != "ratio" and not found[key].is_integer():
            raise CountsError(
                f"long tail {shown(text)}: {key}={shown(value)} is not a whole number; {FORM}"
            )
    found |= given
    if missing := [key for key in ("K", "n", "ratio") if key not in found]:
        raise CountsError(f"long tail {shown(text)}: {' and '.join(missing)} missing; {FORM}")
    return LongTail(int(found["K"]), found["n"], found["ratio"], step, rule)
