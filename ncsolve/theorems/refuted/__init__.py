"""Published claims that fail, one file each, with a counterexample that runs; the folder is the list of errata.

A file gives the published statement, a problem where it fails, the published point and a better one, and what holds instead.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from ...problem.objective import objective
from ...values import Value

if TYPE_CHECKING:
    import numpy as np

    from ...analytic.theorem import Hypothesis
    from ...problem.objective import Parameters
    from ...problem.ufm import UFM


@dataclass(frozen=True)
class Refutation:
    """A published claim that fails.

    A claim says of a point, `published(ufm)`, that it is a global minimizer (or that its value is the minimum). `better(ufm)` is an
    explicit point; where its raw objective is lower, the claim is refuted by evaluating two sums. Nothing else is used.

    Attributes
    ----------
    name : identifier, as in `ncsolve theorems show NAME`
    statement : what was published, in one sentence
    reference : paper and number
    hypotheses : those of the published statement
    fails : where and why, in one sentence
    instead : what is true, in one sentence
    holds : name of the theorem of the registry that says so
    counterexample : () -> UFM inside the hypotheses
    published, better : UFM -> Parameters, explicit matrices
    draw : Generator -> a random UFM inside the hypotheses where the claim fails
    """

    name: str
    statement: str
    reference: str
    hypotheses: tuple[Hypothesis, ...]
    fails: str
    instead: str
    holds: str
    counterexample: Callable[[], UFM]
    published: Callable[[UFM], Parameters] = field(repr=False)
    better: Callable[[UFM], Parameters] = field(repr=False)
    draw: Callable[[np.random.Generator], UFM] = field(repr=False)

    def evaluate(self, ufm: UFM | None = None) -> TwoPoints:
        """The raw objective of both points, by default at the counterexample.

        Examples
        --------
        >>> from ncsolve.theorems.refuted import refutations
        >>> all(refutation.evaluate().refutes for refutation in refutations())
        True
        """
        problem = self.counterexample() if ufm is None else ufm
        claimed, lower = self.published(problem), self.better(problem)
        return TwoPoints(problem, objective(problem, claimed), objective(problem, lower))

    def compare(
        self, trials: int, rng: int | np.random.Generator | None = None
    ) -> tuple[TwoPoints, ...]:
        """`evaluate` at the counterexample and at `trials` random problems; one generator is spawned for each."""
        from numpy.random import default_rng

        drawn = (self.evaluate(self.draw(child)) for child in default_rng(rng).spawn(trials))
        return (self.evaluate(), *drawn)


@dataclass(frozen=True, eq=False, repr=False)
class TwoPoints(Value):
    """Raw objectives of the published point and of the better one.

    Attributes
    ----------
    ufm : the problem
    published, better : the two values
    """

    entries = ("ufm", "published", "better", "excess")

    ufm: UFM
    published: float
    better: float

    @property
    def excess(self) -> float:
        """(published - better) / better: by how much the published point lies too high."""
        return (self.published - self.better) / self.better

    @property
    def refutes(self) -> bool:
        """Whether the better point is lower beyond any rounding (a relative 1e-9)."""
        return self.excess > 1e-9


@cache
def refutations() -> tuple[Refutation, ...]:
    """Every refuted claim, by name.

    Examples
    --------
    >>> from ncsolve.theorems.refuted import refutations
    >>> "deep_simplex_is_global" in [refutation.name for refutation in refutations()]
    True
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}").REFUTATION for name in names)
