"""The verb: a UFM to a Prediction, by the strongest theorem that covers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from ..analytic.prediction import Prediction
from ..analytic.theorem import Theorem, Watch
from ..problem.errors import NoTheorem, ProblemError
from ..values import Value
from . import theorem as named
from . import theorems

if TYPE_CHECKING:
    from ..problem.ufm import UFM


@dataclass(frozen=True, eq=False, repr=False)
class Applicability(Value, Sequence[Theorem]):
    """The theorems that cover a problem, strongest claim first; `lacking` says what each of the others misses."""

    covering: tuple[Theorem, ...]
    lacking: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.covering)

    @overload
    def __getitem__(self, index: int) -> Theorem: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Theorem, ...]: ...
    def __getitem__(self, index: int | slice) -> Theorem | tuple[Theorem, ...]:
        return self.covering[index]

    def __str__(self) -> str:
        lines = [f"{theorem.name}: applies ({theorem.claim.name})" for theorem in self.covering]
        return "\n".join(
            lines
            + [f"{name}: needs that {'; '.join(texts)}" for name, texts in self.lacking.items()]
        )


def applicable(ufm: UFM, limit: str = "") -> Applicability:
    """Theorems whose hypotheses hold for `ufm`, without solving anything.

    Parameters
    ----------
    ufm : UFM
    limit : "" for the problem as it stands, "vanishing-decay" for what its minimizers tend to as all decays go to zero

    Returns
    -------
    Applicability
        A sequence of Theorem, strongest claim first; its `lacking` maps every other theorem to the hypotheses that fail.

    Examples
    --------
    >>> import ncsolve
    >>> found = ncsolve.applicable(ncsolve.UFM(counts=[20, 10]))
    >>> [theorem.name for theorem in found], found.lacking["balanced_regularized_bias"]
    (['squared_spectral'], ('the bias is regularized', 'all counts are equal'))
    """
    asked = [theorem for theorem in theorems() if theorem.limit == limit and not theorem.on_request]
    if not asked:
        known = ", ".join(sorted({repr(theorem.limit) for theorem in theorems() if theorem.limit}))
        raise ProblemError(f"limit {limit!r} is unknown; {known} works, or none")
    covering = tuple(theorem for theorem in asked if not theorem.lacks(ufm))
    return Applicability(covering, {t.name: t.lacks(ufm) for t in asked if t not in covering})


def predict(
    ufm: UFM,
    theorem: str | Theorem | None = None,
    *,
    limit: str = "",
    progress: Watch | None = None,
) -> Prediction:
    """The exact predicted geometry of `ufm`.

    Parameters
    ----------
    ufm : UFM
    theorem : str or Theorem, optional
        Ask for one theorem instead of the strongest that applies (for deep cross-entropy: the one whose point lies lowest).
    limit : str
        "vanishing-decay" asks what the minimizers tend to, up to scale, as all decays go to zero.
    progress : callable, optional
        Called as progress(stage, objective) by theorems that iterate.

    Returns
    -------
    Prediction
        Values now, matrices on demand. GLOBAL claims are closed forms; CERTIFIED ones are solved to a duality gap that `certify`
        reports, BEST_KNOWN ones searched for.

    Raises
    ------
    NoTheorem
        If no theorem (or not the one asked for) covers the problem; the message lists what the nearest ones lack
        (`applicable` lists it for all).

    Examples
    --------
    >>> import ncsolve
    >>> prediction = ncsolve.predict(ncsolve.UFM(counts=[200, 100, 50, 50], weight_decay=5e-4, feature_decay=5e-4))
    >>> prediction.claim.name, [round(float(row.weight_norm**2), 6) for row in prediction.classes]
    ('GLOBAL', [13.942136, 9.8, 6.871068, 6.871068])
    """
    chosen = choose(ufm, theorem, limit)
    return Prediction(ufm, chosen, chosen.solution(ufm, progress))


def candidates(ufm: UFM, theorem: str | None = None, limit: str = "") -> tuple[Theorem, ...]:
    """The theorems of which `choose` may take one for some decays of `ufm`, with the same arguments."""
    asked = (
        one
        for one in theorems()
        if (one.name == theorem if theorem else one.limit == limit and not one.on_request)
    )
    return tuple(
        one for one in asked if all(cond.by_decay or cond.holds(ufm) for cond in one.hypotheses)
    )


def choose(ufm: UFM, theorem: str | Theorem | None = None, limit: str = "") -> Theorem:
    """The theorem that `predict` uses, with the same arguments and the same refusals, without solving anything."""
    if theorem is None:
        found = applicable(ufm, limit)
        if not found:
            fewest = min(map(len, found.lacking.values()))
            near = {name: texts for name, texts in found.lacking.items() if len(texts) == fewest}
            lacking = "; ".join(
                f"{name} needs that {', '.join(texts)}" for name, texts in near.items()
            )
            instead = "" if limit else "; theorem 'descent_only' gives what descent finds"
            raise NoTheorem(f"no theorem covers this problem: {lacking}{instead}")
        return next((one for one in found if one.preferred), found[0])
    if isinstance(theorem, str):
        theorem = named(theorem)
    if limit and theorem.limit != limit:
        raise NoTheorem(
            f"theorem {theorem.name!r} is not about the limit {limit!r}; leave out one of the two"
        )
    lacks = theorem.lacks(ufm)
    if lacks:
        raise NoTheorem(
            f"theorem {theorem.name!r} does not cover this problem: it needs that {', '.join(lacks)}"
        )
    return theorem
