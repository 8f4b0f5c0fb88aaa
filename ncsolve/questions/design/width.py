r"""The smallest width that keeps the full geometry.

The factors W_M ... W_1 H can make A iff every width is at least rank A, so the answer is the number of non-zero singular values of the
minimizer that has all the room it wants. One unit less shuts a mode out: for squared loss the smallest mode that lives is lost, which
costs its gain over zero; for the convex problems the minimizer of least rank is out of reach, so the minimum rises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ...analytic.theorem import Claim
from ...problem.errors import NoAnswer, NoTheorem
from ...problem.losses import CrossEntropy
from ...theorems.predict import predict
from .side import Design, Side

if TYPE_CHECKING:
    from ...problem.ufm import UFM

SAME, ROUNDING = (
    1e-9,
    1e-14,
)  # relative differences that count as none: of values that are searched for, of closed forms
SEARCHED = 12  # classes up to which a bottleneck of cross-entropy is searched for


@dataclass(frozen=True, eq=False)
class SmallestWidth(Design):
    """The answer of `smallest_width`.

    Attributes
    ----------
    width : the smallest width of every layer
    full : the width that is always enough
    value : the objective at full width; `number` of the sides is theirs
    """

    question: ClassVar[str] = "width"

    width: int
    full: int
    value: float

    def _answer(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("width", "full", "value")}


def smallest_width(ufm: UFM) -> SmallestWidth:
    """The smallest width (of the features and of every hidden layer) at which the geometry is that of full width.

    Parameters
    ----------
    ufm : UFM
        Its own widths do not matter.

    Returns
    -------
    SmallestWidth
        The sides are predictions at that width and at one less: the value is that of full width, or higher.

    Raises
    ------
    NoAnswer
        Everything is zero, the geometry has rank one, or it is known as an upper bound only (cross-entropy at depth 2 or more); or
        its rank is known, but not what a smaller width costs (a search among more than 12 classes, or no theorem).

    Examples
    --------
    >>> import ncsolve
    >>> found = ncsolve.smallest_width(ncsolve.UFM(counts=[1000, 100, 10, 2], depth=3, weight_decay=5e-4, feature_decay=5e-4))
    >>> found.width, found.full, found.verified
    (3, 4, True)
    """
    full = min(ufm.classes, ufm.outputs)
    wide = predict(ufm.replace(width=full))
    if wide.claim not in (Claim.GLOBAL, Claim.CERTIFIED):
        raise NoAnswer(
            "the geometry at full width is known as an upper bound only, so its rank says nothing; depth 1 works"
        )
    rank = int(wide.solution.sigma_and_frame[0].size)
    if rank == 0:
        raise NoAnswer(
            "everything is zero at these decays: no width is needed; smaller decays keep classes"
        )
    if rank == 1:
        raise NoAnswer("the geometry has rank 1: width 1 keeps it, and there is nothing below")
    known = f"the geometry has rank {rank}, so width {rank} keeps it"
    searched = isinstance(ufm.loss, CrossEntropy) and ufm.features == "linear"
    if searched and ufm.classes > SEARCHED:
        raise NoAnswer(
            f"{known}; what a smaller one costs would have to be searched for, which is done up to {SEARCHED} classes"
        )

    def side(width: int) -> Side:
        try:
            found = predict(ufm.replace(width=width))
        except NoTheorem:
            raise NoAnswer(f"{known}; no theorem says what a smaller one costs here") from None
        slack = (
            0.0
            if found.claim is Claim.GLOBAL and wide.claim is Claim.GLOBAL
            else SAME * abs(wide.value)
        )
        same = found.value <= wide.value * (1.0 + ROUNDING) + slack
        return Side(float(width), same, found.value, found.solution.states().state)

    return SmallestWidth(
        ufm=ufm,
        inside=side(rank),
        outside=side(rank - 1),
        notes=("below width K - 1 the values of the sides are searched for: upper bounds",)
        if searched
        else (),
        width=rank,
        full=full,
        value=wide.value,
    )
