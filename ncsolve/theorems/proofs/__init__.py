"""Symbolic proofs beside the theorems: one document for each, named as the theorem in capitals, and the steps that they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .steps import Derivation


def proof(document: str) -> Callable[[], Derivation]:
    """A function that reads a document of this folder, by name, or the one given; sympy is imported only when it is called."""

    def derive() -> Derivation:
        from .steps import derivation, vocabulary

        return derivation(vocabulary().get(document.upper(), document))

    return derive
