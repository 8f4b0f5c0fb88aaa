"""What is claimed of a point, what a certificate says of the claim, and how one follows from the other.

Everything here is a comparison of rationals; replay makes the same ones. The tolerance is a share of the lower bound of the minimum and
of nothing else: where no more than 0 bounds the minimum from below, only an objective of exactly 0 is within it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING

from ...problem.errors import ProblemError

if TYPE_CHECKING:
    from ...problem.objective import Parameters
    from .enclosure import Enclosure
    from .spectral import Mode

LARGEST = Fraction(10) ** 308


class Outcome(Enum):
    """What is proved; the value is the sentence for the reader."""

    PROVED = "no point lies below the returned one by more than the tolerance, and all that is covered of the claim is right"
    DISPROVED = "a claimed number or state is wrong, or a point lies below the returned one by more than the tolerance"
    NOT_DECIDED = "the enclosures hold, but they neither prove nor disprove the claim"


class Verdict(Enum):
    """What is proved of one part of a claim."""

    PROVED = "right"
    DISPROVED = "wrong"
    OPEN = "not decided"
    OUTSIDE = "not covered"


@dataclass(frozen=True)
class Finding:
    """One part of the claim, the verdict on it, and the numbers behind it."""

    about: str
    verdict: Verdict
    says: str

    def to_dict(self) -> dict[str, str]:
        """The finding as plain values."""
        return {"about": self.about, "verdict": self.verdict.name, "says": self.says}


@dataclass(frozen=True, eq=False)
class Claimed:
    """What somebody says of a problem.

    Attributes
    ----------
    point : Parameters, the returned matrices with one feature per class
    value : the objective that is said to be the global minimum
    states : "active", "vanished" or "merged" for each class, or None
    singular_values : of A, descending, min(K, outputs) of them, or None
    tolerance : relative to the lower bound of the minimum, for singular values to tau; between 0 and 1
    """

    point: Parameters
    value: float
    states: tuple[str, ...] | None = None
    singular_values: tuple[float, ...] | None = None
    tolerance: float = 1e-8

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 1:
            raise ProblemError(
                f"tolerance {self.tolerance!r} is not a number between 0 and 1 such as 1e-8"
            )
        for number in (self.value, *(self.singular_values or ())):
            if not math.isfinite(number):
                raise ProblemError(
                    f"{number} is claimed, which is not a finite number; nothing can be proved of it"
                )


def outcome(findings: Sequence[Finding]) -> Outcome:
    """DISPROVED if a part is wrong, PROVED if none is wrong or open."""
    verdicts = {finding.verdict for finding in findings}
    if Verdict.DISPROVED in verdicts:
        return Outcome.DISPROVED
    return Outcome.NOT_DECIDED if Verdict.OPEN in verdicts else Outcome.PROVED


def about_point(objective: Enclosure, minimum: Enclosure, tolerance: Fraction) -> Finding:
    """Whether the returned point's objective is within the tolerance of the minimum."""
    if objective.high <= minimum.low + tolerance * abs(minimum.low):
        most = _by(objective.high - minimum.low, minimum.low, "at most")
        return Finding(
            "point", Verdict.PROVED, f"its objective exceeds the global minimum by {most}"
        )
    if objective.low > minimum.high + tolerance * abs(minimum.high):
        least = _by(objective.low - minimum.high, minimum.high, "at least")
        return Finding(
            "point", Verdict.DISPROVED, f"its objective exceeds the global minimum by {least}"
        )
    most = _by(objective.high - minimum.low, minimum.low, "up to")
    return Finding("point", Verdict.OPEN, f"its objective may exceed the global minimum by {most}")


def about_value(value: float, minimum: Enclosure, tolerance: Fraction) -> Finding:
    """Whether the claimed value is the global minimum up to the tolerance."""
    v = Fraction(value)
    below, above = tolerance * abs(minimum.low), tolerance * abs(minimum.high)
    if not minimum.low - below <= v <= minimum.high + above:
        off = _by(
            max(minimum.low - v, v - minimum.high),
            minimum.low if v < minimum.low else minimum.high,
            "at least",
        )
        return Finding("value", Verdict.DISPROVED, f"it differs from the global minimum by {off}")
    off = _by(max(abs(v - minimum.low), abs(v - minimum.high)), minimum.low, "at most")
    verdict = Verdict.PROVED if minimum.high - below <= v <= minimum.low + below else Verdict.OPEN
    return Finding("value", verdict, f"it differs from the global minimum by {off}")


def about_singular_values(
    claimed: Sequence[float], modes: Sequence[Mode], tolerance: Fraction
) -> Finding:
    """Whether every claimed singular value of A is that of a minimizer, up to the tolerance times tau, also where that one is zero.

    Beyond the target's singular values it is times the smallest of them.
    """
    from .scalar import Stand

    zero = (Fraction(0), Fraction(0))
    allowed: list[
        tuple[list[tuple[Fraction, Fraction]], Fraction, bool]
    ] = []  # (one of these, tau, decided)
    tau = Fraction(0)
    for mode in modes:
        tau = root_below(mode.tau2.low)
        kept = 0
        if (sigma := mode.sigma) is not None:
            here, alive, kept = (sigma.low, sigma.high), mode.stand is Stand.ALIVE, mode.kept
            allowed += [
                ([here] if alive else [here, zero], tau, mode.stand is not Stand.UNDECIDED)
            ] * kept
        allowed += [([zero], tau, True)] * (mode.copies - kept)
    numbers = [Fraction(s) for s in claimed] + [Fraction(0)] * max(0, len(allowed) - len(claimed))
    worst, undecided = Fraction(0), False
    for i, s in enumerate(numbers):
        choices, scale, decided = allowed[i] if i < len(allowed) else ([zero], tau, True)
        off = min(max(low - s, s - high, Fraction(0)) for low, high in choices)
        if off > tolerance * scale:
            return Finding(
                "singular values",
                Verdict.DISPROVED,
                f"number {i + 1} is off by at least {shown(off)}",
            )
        worst = max(worst, min(max(abs(s - low), abs(s - high)) for low, high in choices))
        undecided = undecided or not decided
    verdict = Verdict.OPEN if undecided else Verdict.PROVED
    return Finding("singular values", verdict, f"each is off by at most {shown(worst)}")


def about_states(judged: Sequence[tuple[Verdict, str]]) -> Finding:
    """The verdicts on the claimed class states, as one finding: right only if every state is."""
    number = {verdict: sum(1 for found, _ in judged if found is verdict) for verdict in Verdict}
    said = ", ".join(f"{times} {verdict.value}" for verdict, times in number.items() if times)
    for verdict in (Verdict.DISPROVED, Verdict.OPEN, Verdict.OUTSIDE):
        if number[verdict]:
            why = next(why for found, why in judged if found is verdict)
            return Finding("class states", verdict, f"{said} ({why})")
    return Finding("class states", Verdict.PROVED, said)


def relative(difference: Fraction, x: Fraction) -> Fraction | None:
    """The difference divided by |x|; None where x is zero and the difference is not: it is no share of that."""
    if not x:
        return None if difference else Fraction(0)
    return difference / abs(x)


def _by(difference: Fraction, x: Fraction, bound: str) -> str:
    share = relative(difference, x)
    return (
        f"{bound} {shown(difference)}, no share of a bound of 0"
        if share is None
        else f"a share of {bound} {shown(share)}"
    )


def shown(x: Fraction) -> str:
    """Three digits, for people."""
    return f"{float(x):.3g}" if x < LARGEST else "more than 1e+308"


def root_below(x: Fraction) -> Fraction:
    """A lower bound on the square root, within 2^-60 of it."""
    from math import isqrt

    shift = 2 * (64 + max(0, x.denominator.bit_length() - x.numerator.bit_length()))
    return Fraction(isqrt((x.numerator << shift) // x.denominator), 1 << (shift // 2))
