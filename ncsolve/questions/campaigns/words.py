"""Words that a spec may use; any other is refused with the nearest one that works."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...problem.border import shown
from ...problem.errors import CampaignError


def check_words(given: Iterable[str], known: Sequence[str], where: str) -> None:
    """Refuse the first word that is not known.

    Raises
    ------
    CampaignError
        The word, where it stands, and the nearest known one.

    Examples
    --------
    >>> check_words(["dept"], ["depth", "width"], "spec.toml [grid]")
    Traceback (most recent call last):
    ...
    ncsolve.problem.errors.CampaignError: spec.toml [grid]: unknown key 'dept'; the nearest one that works is 'depth'
    """
    for word in given:
        if word not in known:
            raise CampaignError(
                f"{where}: unknown key {shown(word)}; the nearest one that works is {nearest(word, known)!r}"
            )


def nearest(word: str, known: Sequence[str]) -> str:
    """The known word most like this one; a dotted name is also compared by its last part."""
    from difflib import SequenceMatcher

    def likeness(name: str) -> float:
        ends = {name, name.rpartition(".")[2]}
        return max(SequenceMatcher(None, word.lower()[:100], end.lower()).ratio() for end in ends)

    return max(known, key=likeness)
