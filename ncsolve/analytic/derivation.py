"""A derivation: a statement rebuilt symbolically, as steps that can each be checked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Derivation:
    """The steps from the objective to the closed form."""
