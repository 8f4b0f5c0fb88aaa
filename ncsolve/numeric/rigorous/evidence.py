r"""What proves a lower bound on every point of a problem, by either road.

Squared loss with bias none or free: the modes of the target, which enclose the minimum itself from both sides (spectral.py). One layer with
cross-entropy or a regularized bias: a dual point (dual.py), which encloses it from below; any point does from above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from . import spectral
from .dual import Dual
from .enclosure import Enclosure, text_of
from .judgement import Verdict
from .rejected import Rejected
from .states import convex_states
from .subspaces import spectral_states

if TYPE_CHECKING:
    from .exact import ExactProblem


@dataclass(frozen=True, eq=False)
class Modes:
    """The modes of the target, each enclosed and compared with zero."""

    problem: ExactProblem
    modes: list[spectral.Mode]

    method = "von Neumann"

    def check(self) -> None:
        """Prove every inequality again."""
        spectral.check(self.problem, self.modes)

    def minimum(self, objective: Enclosure) -> Enclosure:
        """The global minimum, given the objective of some point."""
        found = spectral.minimum(self.problem, self.modes)
        return (
            found if self.problem.spectral else Enclosure(found.low, max(objective.high, found.low))
        )

    def states(self, claimed: Sequence[str], minimum: Enclosure) -> list[tuple[Verdict, str]]:
        """A verdict on the claimed state of every class."""
        return spectral_states(self.problem, self.modes, claimed)

    def to_dict(self) -> dict[str, Any]:
        """The modes as plain values."""
        return {"modes": [mode.to_dict() for mode in self.modes]}


@dataclass(frozen=True, eq=False)
class DualPoint:
    """A dual point with its entropies and the bound that they give."""

    problem: ExactProblem
    dual: Dual
    entropies: list[Enclosure]
    bound: Enclosure

    method = "Fenchel dual"

    def check(self) -> None:
        """Prove every inequality again."""
        self.dual.check()
        self.dual.check_entropies(self.entropies)
        if self.dual.bound(self.entropies) != self.bound:
            raise Rejected("bound: the entropies do not sum to the stored enclosure")

    def minimum(self, objective: Enclosure) -> Enclosure:
        """The global minimum, given the objective of some point."""
        if objective.high < self.bound.low:
            raise Rejected("bound: the objective of a point lies below it")
        return Enclosure(self.bound.low, objective.high)

    def states(self, claimed: Sequence[str], minimum: Enclosure) -> list[tuple[Verdict, str]]:
        """A verdict on the claimed state of every class."""
        return convex_states(
            self.problem, self.dual, max(minimum.high - minimum.low, Fraction(0)), claimed
        )

    def to_dict(self) -> dict[str, Any]:
        """The dual point as plain values."""
        return {
            "dual": self.dual.to_list(),
            "own": None if self.dual.own is None else [text_of(x) for x in self.dual.own],
            "entropies": [entropy.to_list() for entropy in self.entropies],
            "bound": self.bound.to_list(),
        }


Evidence = Modes | DualPoint


def evidence_from_dict(problem: ExactProblem, method: object, stored: object) -> Evidence:
    """Read the evidence of a certificate back; nothing of it is proved yet."""
    if not isinstance(stored, dict):
        raise Rejected("evidence: an object is needed")
    if method != expected_method(problem):
        raise Rejected(f"method: {expected_method(problem)!r} is the method for this problem")
    if method == Modes.method:
        if stored.keys() != {"modes"} or not isinstance(stored["modes"], list):
            raise Rejected("evidence: a list of modes is needed")
        return Modes(
            problem,
            [spectral.Mode.from_dict(mode, f"mode {i}") for i, mode in enumerate(stored["modes"])],
        )
    if stored.keys() != {"dual", "own", "entropies", "bound"} or not isinstance(
        stored["entropies"], list
    ):
        raise Rejected("evidence: a dual point, its entropies and a bound are needed")
    dual = Dual.from_stored(problem, stored["dual"], stored["own"])
    entropies = [
        Enclosure.from_list(pair, f"entropy {g}") for g, pair in enumerate(stored["entropies"])
    ]
    return DualPoint(problem, dual, entropies, Enclosure.from_list(stored["bound"], "bound"))


def has_singular_values(problem: ExactProblem) -> bool:
    """Whether claimed singular values of A are judged: where the modes make the minimum itself."""
    return problem.spectral and expected_method(problem) == Modes.method


def expected_method(problem: ExactProblem) -> str:
    """Squared loss without a decay of the bias goes by modes, everything else by duality."""
    return (
        Modes.method if problem.squared and isinstance(problem.ufm.bias, str) else DualPoint.method
    )
