r"""Class states with squared loss, bias none or free: which a subspace of equal modes can give.

A group of m classes of equal counts has equal modes: m without a bias, m - 1, its contrasts, with a free one, of which the problem
keeps so many that A is sigma P on them for the projection P to a subspace of dimension a. Every subspace is as good where the rank
cuts through equal modes; at an exact tie every dimension from 0 to a is. Class k has the feature P e_k, and with a free bias a
multiple of (1, ..., 1) on the group more, not zero iff a secular root lives, whose vector has no zero entry and none that classes
of different counts share. If v classes vanish, s are active and j are merged, in at most floor(j/2) sets of equals, then the
subspace consists of vectors that are constant on each of at most s + floor(j/2) sets (with sum zero for contrasts) and zero on the
v classes, and a generic subspace of these has no other equals. So for a >= 1

    (v, s, j) is possible  iff  j != 1,  a <= s + floor(j/2) - [bias free],  and v = 0 where a root lives;

for a = 0 all vanish, or where a root lives all merge (a single class is active).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .blocks import groups_of
from .judgement import Verdict
from .scalar import Stand
from .states import GIVEN_TARGETS, RELU, STATES, VANISHED, Judged, judged_as, tally

if TYPE_CHECKING:
    from .exact import ExactProblem
    from .spectral import Mode


def spectral_states(
    problem: ExactProblem, modes: Sequence[Mode], claimed: Sequence[str]
) -> list[Judged]:
    """A verdict on the claimed state of every class, squared loss with bias none or free."""
    if not any(mode.kept and mode.stand is not Stand.ZERO for mode in modes):
        return [judged_as(state, {VANISHED}) for state in claimed]
    if not problem.one_hot or not problem.spectral:
        return [RELU if problem.one_hot else GIVEN_TARGETS] * len(claimed)
    groups = groups_of(problem)
    own = {
        mode.tau2.low: mode for mode in modes if mode.tau2.exact
    }  # secular roots lie strictly between the counts
    free = problem.ufm.bias == "free"
    moved = {False}
    if free:
        counts = set(groups.counts)
        roots = [mode for mode in modes if mode.kept and mode.tau2.low not in counts]
        alive = any(mode.stand is Stand.ALIVE for mode in roots)
        moved = (
            {True}
            if alive
            else {True, False}
            if any(mode.stand is Stand.TIE for mode in roots)
            else {False}
        )
        if not alive and any(mode.stand is Stand.UNDECIDED for mode in roots):
            return [(Verdict.OPEN, "a mode lies at its threshold to the largest precision")] * len(
                claimed
            )
    found = [
        [
            _possible([claimed[k] for k in classes], _ranks(own.get(groups.counts[g])), free, root)
            for g, classes in enumerate(groups.members)
        ]
        for root in moved  # it moves all groups or none
    ]
    right = max(found, key=sum)
    judged = [(Verdict.PROVED, "")] * len(claimed)
    for g, classes in enumerate(groups.members):
        if not right[g]:
            states = [claimed[k] for k in classes]
            which = "a class" if len(classes) == 1 else f"{len(classes)} classes"
            why = f"{which} of {float(groups.counts[g]):g} samples cannot be {tally(states)}"
            for k in classes:
                judged[k] = (Verdict.DISPROVED, why)
    return judged


def _ranks(mode: Mode | None) -> set[int]:
    """The ranks that A can have on the modes of a group."""
    if mode is None or mode.stand is Stand.ZERO:
        return {0}
    return {mode.kept} if mode.stand is Stand.ALIVE else set(range(mode.kept + 1))


def _possible(states: Sequence[str], ranks: set[int], free: bool, moved: bool) -> bool:
    """Whether a subspace of one of these dimensions gives the classes of a group these states."""
    size, (active, vanished, merged) = len(states), (states.count(state) for state in STATES)
    if merged == 1 or (moved and vanished):
        return False
    if 0 in ranks and (active, merged) == (
        (0, 0) if not moved else (0, size) if size > 1 else (1, 0)
    ):
        return True
    return any(0 < rank <= active + merged // 2 - free for rank in ranks)
