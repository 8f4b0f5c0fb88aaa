"""What a command gives back, and what it may use on the way. Commands compute; only cli.py prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

DONE, CONTRADICTED, USAGE, INCONCLUSIVE, BAD_DATA = 0, 1, 2, 3, 4
INTERRUPTED, UNREAD = 130, 141  # as shells report SIGINT and SIGPIPE


@dataclass(frozen=True)
class Terminal:
    """The terminal's side of a command.

    Attributes
    ----------
    note : says a line on standard error at once, unless --quiet
    bars : whether somebody is watching, so that progress is worth drawing
    """

    note: Callable[[str], None]
    bars: bool


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer of a command.

    Attributes
    ----------
    body : the JSON document's entries, without schema, version and provenance
    blocks : paragraphs of the text answer; called with whether standard output is a terminal, so that rows may be colored
    code : exit code
    warnings : sentences for standard error where the reader does not see the text answer
    seed : seed of the random numbers, for the provenance
    save : called with the JSON document to write --out; by default the document alone is written there
    saved : whether the command has written --out itself
    kind : the word after ncsolve/ in the document's schema; by default the command's name
    """

    body: dict[str, Any]
    blocks: Callable[[bool], Iterable[str]]
    code: int = DONE
    warnings: tuple[str, ...] = ()
    seed: int | None = None
    save: Callable[[str], None] | None = None
    saved: bool = False
    kind: str = ""
