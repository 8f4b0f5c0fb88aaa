r"""What a theorem file provides: statement, hypotheses, construction, and how strong the claim is.

A theorem speaks of one problem (`solve`), of where things are lost (`losses`), and of many problems at once (`many`):

    many(problems, wanted) -> Fates | None        D problems that differ in counts and decays only, all inside the hypotheses

`problems` is a `Problems` (counts (V, K) of the distinct count vectors, which of them each of the D problems has, g and lambda_b
of shape (D,)); `wanted` is a set of "states", "rank", "value", "features", "classifiers" (mean cosines) and "extremes" (their ends).
The answer has a leading axis D and a mask `doubtful`: problems within rounding of a threshold, which `solve` decides one by
one in exact arithmetic. None: what is wanted is not known without solving each. A theorem without `many` is solved one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..values import Value, frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..problem.losses import Array, Indices
    from ..problem.objective import Parameters
    from ..problem.ufm import UFM
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


#: (smallest, mean, largest)
Cosines = tuple["Array", "Array", "Array"]
#: Called now and then by iterative theorems as watch(stage, objective).
Watch = Callable[[str, float], None]

ACTIVE, VANISHED, MERGED = "active", "vanished", "merged"


@dataclass(frozen=True, eq=False)
class Problems:
    """Problems with the same depth, widths, loss, features and kind of bias.

    Attributes
    ----------
    example : the first of them
    counts : (V, K) distinct count vectors, falling
    of : (D,) which of them each problem has, ascending
    mean_decay, bias_decay : (D,) g and lambda_b
    """

    example: UFM
    counts: Array
    of: Indices
    mean_decay: Array
    bias_decay: Array

    @cached_property
    def samples(self) -> Array:
        """N of each problem, shape (D,)."""
        total: Array = self.counts.sum(axis=1, dtype=np.longdouble).astype(np.float64)[self.of]
        return total


@dataclass(frozen=True, eq=False)
class Fates:
    """What becomes of D problems, arrays of shape (D,); None where it was not asked for.

    Attributes
    ----------
    active, merged : numbers of classes; all others are vanished
    doubtful : whether exact arithmetic must decide
    rank : of the logits without the bias
    value : objective at the predicted point
    features, classifiers : (smallest, mean, largest) cosine over pairs that are not zero (angles.py)
    """

    active: Array
    merged: Array
    doubtful: NDArray[np.bool_]
    rank: Array | None = None
    value: Array | None = None
    features: Cosines | None = None
    classifiers: Cosines | None = None

    @classmethod
    def joined(cls, parts: Sequence[Fates]) -> Fates:
        """The problems of all parts, one after the other."""
        told: dict[str, Any] = {}
        for name in (one.name for one in fields(cls)):
            columns = [getattr(part, name) for part in parts]
            told[name] = None if columns[0] is None else np.concatenate(columns, axis=-1)
        return cls(**told)


def _none() -> Array:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class Losses:
    """Critical geometric means of the decays: where something is lost, whatever the decays are.

    Attributes
    ----------
    classes : at which the classes vanish, falling: entry j belongs to the j-th largest; empty where mode k is not class k
    contrasts : (counts, decays) at which classes of equal count merge, counts ascending
    means : at which classes that are merged vanish before everything does; NaN where they do not
    modes : at which modes die, falling
    folds : at which the local minima of modes end, falling
    everything : at which all is lost, where that is neither a class nor a mode; NaN else
    named : further ones, by (kind, name)
    """

    classes: Array = field(default_factory=_none)
    contrasts: tuple[Array, Array] = field(default_factory=lambda: (_none(), _none()))
    means: float = math.nan
    modes: Array = field(default_factory=_none)
    folds: Array = field(default_factory=_none)
    everything: float = math.nan
    named: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class ClassStates(Value):
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
    local_factor : by how much decays may exceed a class's critical decay before its local minimum is gone, too; NaN where that
        is not known
    """

    state: NDArray[np.str_]
    locally_stable: NDArray[np.bool_]
    critical_count: Array
    critical_decay: Array
    complete_collapse: float | None = None
    local_factor: float = 1.0


@dataclass(frozen=True, eq=False)
class Solution:
    """What a theorem says: the value now, everything else when asked.

    Attributes
    ----------
    value : objective at the predicted point
    modes : (sigma descending, Frame), A = U diag(sigma) V^T, or called for them
    bias : b
    states : called when asked for: ClassStates
    unique : whether every global minimizer has the same Grams, bias and layer spectra (equality up to rotation)
    warnings : sentences
    geometry : the name of the geometry, where it has one
    facts : further numbers worth reading beside the value, by name
    claim : how strong this answer is, where it is not the theorem's claim
    matrices : the Parameters where they are not the balanced factors of A
    witness : called when asked for: logit matrices (outputs, K) whose gradients are good dual points for a lower bound

    What is called is a method, or a functools.partial of a function with a name, over data: so a Solution can be pickled.
    """

    value: float
    modes: tuple[Array, Frame] | Callable[[], tuple[Array, Frame]]
    bias: Array
    states: Callable[[], ClassStates]
    unique: bool = True
    warnings: tuple[str, ...] = ()
    geometry: str = ""
    facts: Mapping[str, float] = field(default_factory=dict)
    witness: Callable[[], tuple[Array, ...]] | None = None
    claim: Claim | None = None
    matrices: Parameters | None = None

    @cached_property
    def sigma_and_frame(self) -> tuple[Array, Frame]:
        """(sigma, Frame), computed once."""
        modes = self.modes() if callable(self.modes) else self.modes
        return frozen(modes)  # type: ignore[no-any-return]

    def __getstate__(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True)
class Hypothesis:
    """One condition of a theorem: the sentence, the test, and what it restricts.

    `restricts` pairs columns of the table of theorems (loss, depth, imbalance, bias, features) with a word. `by_decay` says that
    with widths below K it may hold at some decays and fail at others; all others see of counts only whether all are equal.
    """

    text: str
    holds: Callable[[UFM], bool]
    restricts: Mapping[str, str] = field(default_factory=dict, hash=False)
    by_decay: bool = False


@dataclass(frozen=True)
class Case:
    """A published statement that the theorem contains, with a problem inside it."""

    reference: str
    example: Callable[[], UFM]


@dataclass(frozen=True, repr=False)
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
    states : UFM -> ClassStates without solving, where `solve` iterates: exact as long as the group means are not zero, which
        they are taken for; None where `solve` is a closed form
    many : (Problems, what is wanted) -> Fates, or None where that is not known without solving
    losses : UFM inside the hypotheses -> Losses
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
    solve: Callable[..., Solution]
    many: Callable[[Problems, Set[str]], Fates | None] = lambda problems, wanted: None
    losses: Callable[[UFM], Losses] = lambda ufm: Losses()
    states: Callable[[UFM], ClassStates] | None = None
    cases: tuple[Case, ...] = ()
    draw: Callable[[np.random.Generator], UFM] | None = None
    derive: Callable[[], Any] | None = None
    limit: str = ""
    iterative: bool = False
    preferred: bool = False
    on_request: bool = False

    def solution(self, ufm: UFM, watch: Watch | None = None) -> Solution:
        """Solve a problem inside the hypotheses."""
        return self.solve(ufm, watch) if self.iterative else self.solve(ufm)

    def __repr__(self) -> str:
        return f"Theorem({self.name!r}, {self.claim.name})"

    def check(self, ufm: UFM) -> tuple[tuple[str, bool], ...]:
        """Each hypothesis with whether it holds."""
        return tuple(
            (hypothesis.text, bool(hypothesis.holds(ufm))) for hypothesis in self.hypotheses
        )

    def lacks(self, ufm: UFM) -> tuple[str, ...]:
        """The hypotheses that fail."""
        return tuple(text for text, holds in self.check(ufm) if not holds)
