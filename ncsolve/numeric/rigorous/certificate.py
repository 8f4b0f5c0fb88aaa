"""A rigorous certificate: a claim, an outcome, and everything that is needed to check it again."""

from __future__ import annotations

import hashlib
import json
import math
import platform
import sys
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...problem.exact_decimals import exact_decimal
from ...version import __version__
from . import judgement
from .balls import flint
from .enclosure import Enclosure
from .evidence import Evidence, Modes
from .exact import ExactProblem
from .judgement import Claimed, Finding, Outcome
from .matrices import point_to_dict

if TYPE_CHECKING:
    from pathlib import Path

    from ...problem.objective import Parameters

SCHEMA = "ncsolve/rigorous/1"
PRECISION = 64


@dataclass(frozen=True, eq=False)
class RigorousCertificate:
    """What is proved of a point, in exact and ball arithmetic. Never made from floating-point bounds.

    Attributes
    ----------
    problem : ExactProblem
    claimed : Claimed, the point and the numbers that were judged
    objective : Enclosure of the point's objective
    evidence : what bounds every point from below: modes of the target, or a dual point
    better : a point and the enclosure of its objective, where a lower one was found; else None
    feasibility : how far the dual point had to be scaled back, max(0, ||Gamma|| / c - 1); 0 for modes
    rigorous : always True
    """

    problem: ExactProblem
    claimed: Claimed
    objective: Enclosure
    evidence: Evidence
    better: tuple[Parameters, Enclosure] | None = None
    feasibility: float = 0.0

    rigorous = True

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """A verdict on each part of the claim: point, value, singular values, class states."""
        claimed, minimum, tolerance = (
            self.claimed,
            self.minimum,
            exact_decimal(self.claimed.tolerance),
        )
        found = [
            judgement.about_point(self.objective, minimum, tolerance),
            judgement.about_value(claimed.value, minimum, tolerance),
        ]
        if claimed.singular_values is not None and isinstance(self.evidence, Modes):
            found.append(
                judgement.about_singular_values(
                    claimed.singular_values, self.evidence.modes, tolerance
                )
            )
        if claimed.states is not None:
            found.append(judgement.about_states(self.evidence.states(claimed.states, minimum)))
        return tuple(found)

    @property
    def outcome(self) -> Outcome:
        """PROVED, DISPROVED or NOT_DECIDED."""
        return judgement.outcome(self.findings)

    @cached_property
    def minimum(self) -> Enclosure:
        """The global minimum of the objective."""
        least = (
            self.objective
            if self.better is None or self.better[1].high > self.objective.high
            else self.better[1]
        )
        return self.evidence.minimum(least)

    @property
    def value(self) -> float:
        """An upper bound on the point's objective, the least double that is one."""
        return up(self.objective.high)

    @property
    def lower_bound(self) -> float:
        """No point lies lower; the largest double that is proved to be a bound."""
        return down(self.minimum.low)

    @property
    def gap(self) -> float:
        """An upper bound on how far the point's objective exceeds the global minimum."""
        return up(self.objective.high - self.minimum.low)

    @property
    def relative_gap(self) -> float:
        """The gap divided by |lower bound|; infinite where that is zero and the gap is not (null in JSON)."""
        share = judgement.relative(self.objective.high - self.minimum.low, self.minimum.low)
        return math.inf if share is None else up(share)

    @property
    def method(self) -> str:
        """How the bound is proved: "von Neumann" (modes of the target) or "Fenchel dual"."""
        return self.evidence.method

    @property
    def precision(self) -> int:
        """Bits of the endpoints; every enclosure is at most one unit of these wide on each side."""
        return PRECISION

    @property
    def enclosures(self) -> dict[str, Any]:
        """Every enclosure with its endpoints as exact text."""
        found = {"objective": self.objective.to_list(), "minimum": self.minimum.to_list()}
        if self.better is not None:
            found["better"] = self.better[1].to_list()
        return found | self.evidence.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """The certificate in short, as plain values: all but the matrices."""
        return {
            "rigorous": True,
            "outcome": self.outcome.name,
            "tolerance": self.claimed.tolerance,
            "value": _finite(self.value),
            "lower_bound": _finite(self.lower_bound),
            "gap": _finite(self.gap),
            "relative_gap": _finite(self.relative_gap),
            "feasibility": self.feasibility,
            "method": self.method,
            "precision": self.precision,
            "findings": [finding.to_dict() for finding in self.findings],
            "enclosures": self.enclosures,
        }

    def document(self) -> dict[str, Any]:
        """The whole certificate as `replay` reads it, with the digest of its content."""
        claimed = self.claimed
        found = {
            "schema": SCHEMA,
            "versions": {
                "ncsolve": __version__,
                "python": platform.python_version(),
                "python-flint": flint().__version__,
            },
            "problem": self.problem.to_dict(),
            "claim": {
                "value": claimed.value.hex(),
                "states": None if claimed.states is None else list(claimed.states),
                "singular_values": None
                if claimed.singular_values is None
                else [s.hex() for s in claimed.singular_values],
                "tolerance": repr(claimed.tolerance),
                "point": point_to_dict(claimed.point),
            },
            "outcome": self.outcome.name,
            "findings": [finding.to_dict() for finding in self.findings],
            "method": self.method,
            "precision": self.precision,
            "feasibility": self.feasibility,
            "enclosures": self.enclosures,
            "better": None if self.better is None else point_to_dict(self.better[0]),
        }
        return found | {"digest": digest(found)}

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the certificate to a JSON file, atomically.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is false.
        """
        from ...files import atomic_write

        with atomic_write(path, overwrite=overwrite) as stream:
            stream.write((json.dumps(self.document(), allow_nan=False, indent=1) + "\n").encode())


def digest(document: dict[str, Any]) -> str:
    """SHA-256 over the content without its digest, keys sorted, no blanks.

    Examples
    --------
    >>> digest({"a": 1, "digest": "x"}) == digest({"a": 1})
    True
    """
    content = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def up(x: Fraction) -> float:
    """The least double that is at least x, infinity above all of them."""
    try:
        found = float(x)
    except OverflowError:
        return math.inf if x > 0 else -sys.float_info.max
    return found if Fraction(found) >= x else math.nextafter(found, math.inf)


def down(x: Fraction) -> float:
    """The largest double that is at most x, minus infinity below all of them."""
    return -up(-x)


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None
