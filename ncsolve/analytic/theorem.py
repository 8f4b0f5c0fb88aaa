"""What a theorem file provides: statement, hypotheses, construction, and how strong the claim is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.losses import Array
    from ..problem.objective import Parameters
    from ..problem.ufm import UFM
    from ..theorems.proofs.steps import Derivation
    from .spectrum import Frame


class Claim(Enum):
    """How strong a prediction is, strongest first."""

    GLOBAL = "a global minimizer, proved"
    CERTIFIED = "a global minimizer up to the certified gap"
    CRITICAL = "a critical point; a lower one may exist"
    BEST_KNOWN = "the lowest point found: an upper bound"

    @property
    def rank(self) -> int:
        """0 for the strongest claim."""
        return list(Claim).index(self)


#: Called now and then by iterative theorems as watch(stage, objective).
Watch = Callable[[str, float], None]

ACTIVE, VANISHED, MERGED = "active", "vanished", "merged"


@dataclass(frozen=True, eq=False)
class ClassStates:
    """What becomes of each class, as arrays of length K.

    Attributes
    ----------
    state : "active", "vanished" (zero feature and classifier) or "merged" (non-zero, shared with another class)
    locally_stable : whether a non-zero local minimum exists for the class, global or not
    critical_count : the count at or below which the class vanishes or merges, N held fixed; NaN where no count of its own
        decides
    critical_decay : the geometric mean of all decays at which it does; NaN where no decay keeps it
    complete_collapse : the geometric mean of all decays from which on everything is zero; None where it is the largest of the
        critical decays, NaN where it is not known
    """

    state: NDArray[np.str_]
    locally_stable: NDArray[np.bool_]
    critical_count: Array
    critical_decay: Array
    complete_collapse: float | None = None


@dataclass(frozen=True, eq=False)
class Solution:
    """What a theorem says: the value now, everything else when asked.

    Attributes
    ----------
    value : objective at the predicted point
    modes : callable giving (sigma descending, Frame): A = U diag(sigma) V^T
    bias : callable giving b
    states : callable giving ClassStates
    unique : whether every global minimizer has the same Grams, bias and layer spectra (equality up to rotation)
    warnings : sentences
    geometry : the name of the geometry, where it has one
    facts : further numbers worth reading beside the value, by name
    claim : how strong this answer is, where it is not the theorem's claim
    matrices : callable giving the Parameters where they are not the balanced factors of A
    witness : callable giving logit matrices (outputs, K) whose gradients are good dual points for a lower bound
    """

    value: float
    modes: Callable[[], tuple[Array, Frame]]
    bias: Callable[[], Array]
    states: Callable[[], ClassStates]
    unique: bool = True
    warnings: tuple[str, ...] = ()
    geometry: str = ""
    facts: Mapping[str, float] = field(default_factory=dict)
    witness: Callable[[], tuple[Array, ...]] | None = None
    claim: Claim | None = None
    matrices: Callable[[], Parameters] | None = None

    @cached_property
    def sigma_and_frame(self) -> tuple[Array, Frame]:
        """(sigma, Frame), computed once."""
        return self.modes()


@dataclass(frozen=True)
class Hypothesis:
    """One condition of a theorem: the sentence, the test, and what it restricts.

    `restricts` pairs columns of the table of theorems (loss, depth, imbalance, bias, features) with a word.
    """

    text: str
    holds: Callable[[UFM], bool]
    restricts: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Case:
    """A published statement that the theorem contains, with a problem inside it."""

    reference: str
    example: Callable[[], UFM]


@dataclass(frozen=True)
class Theorem:
    """A theorem of the registry.

    Attributes
    ----------
    name : identifier, used by `predict(ufm, theorem=name)` and `--theorem`
    statement : one sentence
    reference : paper and number
    claim : Claim
    hypotheses : tuple of Hypothesis
    solve : UFM inside the hypotheses -> Solution
    cases : published special cases
    draw : Generator -> a random UFM inside the hypotheses, near a threshold every other time
    derive : () -> Derivation, the statement derived symbolically, step by step
    limit : the name of the limit that the theorem is about, as in `predict(ufm, limit=...)`; "" for the problem as it stands
    preferred : what `predict` chooses where it applies, although other claims are stronger (its point lies lower)
    on_request : applies only when asked for by name
    iterative : `solve` takes a second argument, a callback of (stage, objective), and may take a while
    """

    name: str
    statement: str
    reference: str
    claim: Claim
    hypotheses: tuple[Hypothesis, ...]
    solve: Callable[..., Solution] = field(repr=False)
    cases: tuple[Case, ...] = ()
    draw: Callable[[np.random.Generator], UFM] | None = field(default=None, repr=False)
    derive: Callable[[], Derivation] | None = field(default=None, repr=False)
    limit: str = ""
    iterative: bool = False
    preferred: bool = False
    on_request: bool = False

    def solution(self, ufm: UFM, watch: Watch | None = None) -> Solution:
        """Solve a problem inside the hypotheses."""
        return self.solve(ufm, watch) if self.iterative else self.solve(ufm)

    def check(self, ufm: UFM) -> tuple[tuple[str, bool], ...]:
        """Each hypothesis with whether it holds."""
        return tuple(
            (hypothesis.text, bool(hypothesis.holds(ufm))) for hypothesis in self.hypotheses
        )

    def lacks(self, ufm: UFM) -> tuple[str, ...]:
        """The hypotheses that fail."""
        return tuple(text for text, holds in self.check(ufm) if not holds)
