"""An answer and what is predicted on both sides of it.

A boundary is worth what a prediction beside it says: `inside` is a point where what was asked for is predicted to hold, `outside`
one where it is predicted to fail. Both are predicted afresh, by the theorem that covers the problem there; the answer is verified
when the two disagree in that way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...problem.ufm import UFM


@dataclass(frozen=True, eq=False)
class Side:
    """What is predicted at one point beside an answer.

    Attributes
    ----------
    at : the point, in the units of the answer
    holds : whether what was asked for holds there
    number : what was compared: a share of classes, a cosine, a ratio of lengths, a value
    states : "active", "vanished" or "merged" for each class, shape (K,)
    """

    at: float
    holds: bool
    number: float
    states: NDArray[np.str_]

    @property
    def tally(self) -> dict[str, int]:
        """How many classes are in which state."""
        names, times = np.unique(self.states, return_counts=True)
        return dict(zip(names.tolist(), times.tolist(), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """The side as plain values."""
        return {
            "at": self.at,
            "holds": self.holds,
            "number": self.number,
            "states": self.states.tolist(),
        }


@dataclass(frozen=True, eq=False)
class Design:
    """What every answer has.

    Attributes
    ----------
    ufm : the problem it was asked about
    inside, outside : Side, where what was asked for holds and where it fails
    notes : sentences that must be read with the numbers
    """

    question: ClassVar[str] = ""

    ufm: UFM
    inside: Side
    outside: Side
    notes: tuple[str, ...]

    @property
    def verified(self) -> bool:
        """Whether the predictions on both sides say what the answer says."""
        return self.inside.holds and not self.outside.holds

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain values."""
        sides = {"inside": self.inside.to_dict(), "outside": self.outside.to_dict()}
        return (
            {"question": self.question, "ufm": self.ufm.to_dict()}
            | self._answer()
            | sides
            | self._ending()
        )

    def _answer(self) -> dict[str, Any]:
        """What was found."""
        raise NotImplementedError

    def _ending(self) -> dict[str, Any]:
        return {"verified": self.verified, "notes": list(self.notes)}
