r"""A derivation: a statement rebuilt symbolically, as steps that can each be checked.

A step is a sentence and a relation between sympy expressions. An equation holds if its difference is identically zero, an
inequality if the sign of its difference is decided, both by exact algebra (derivations/proof.py) after the definitions that are in
force have been inserted. What is shown is what is proved. A result is a final expression beside the number of the library that it
must equal.

    derivation = theorem.derive()
    derivation.check()      (step, holds) for each step
    derivation.text()       to read, derivation.latex() to typeset
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sympy import Symbol


@dataclass(frozen=True, eq=False)
class Step:
    """One step.

    Attributes
    ----------
    sentence : what is done and why, plain text
    formula : sympy Eq, Gt, Ge, Lt or Le, unevaluated; both sides may be matrices in an Eq
    where : definitions in force, inserted one after the other before the proof
    cases : values of symbols for which the step is proved one by one, where it is not proved for all at once
    """

    sentence: str
    formula: Any
    where: Mapping[Any, Any] = field(default_factory=dict)
    cases: tuple[Mapping[Any, Any], ...] = ({},)

    @property
    def differences(self) -> Iterator[Any]:
        """Greater side minus smaller side (left minus right of an equation), definitions inserted, one per case."""
        from .proof import evaluated

        low, high = self.formula.rhs, self.formula.lhs
        if self.formula.rel_op in ("<", "<="):
            low, high = high, low
        for case in self.cases:
            sides = []
            for side in (high, low):
                for old, new in case.items():
                    side = side.subs(old, new)
                side = evaluated(side)
                for old, new in self.where.items():
                    side = side.subs(old, new.subs(case))
                sides.append(evaluated(side))
            yield sides[0] - sides[1]

    def holds(self) -> bool:
        """Whether exact algebra proves the formula in every case."""
        from .proof import positive, vanishes

        if self.formula.rel_op == "==":
            return all(vanishes(difference) for difference in self.differences)
        return all(
            positive(one, strictly=self.formula.rel_op in (">", "<")) for one in self.differences
        )


@dataclass(frozen=True, eq=False)
class Result:
    """A final expression and the number that it must equal.

    Attributes
    ----------
    name : what it is
    expression : sympy expression in `arguments`
    arguments : symbols, in the order in which `draw` gives and `numeric` takes their values
    numeric : plain numbers -> the same quantity from the library's own prediction or objective
    draw : Generator -> random values of the arguments inside the theorem's hypotheses
    """

    name: str
    expression: Any
    arguments: tuple[Symbol, ...]
    numeric: Callable[..., float]
    draw: Callable[[np.random.Generator], tuple[float, ...]]

    @cached_property
    def function(self) -> Callable[..., float]:
        """The expression as a function of plain numbers."""
        import sympy

        found: Callable[..., float] = sympy.lambdify(
            self.arguments, self.expression, modules=["scipy", "numpy"]
        )
        return found

    def deviation(self, rng: np.random.Generator | int, trials: int = 50) -> float:
        """The largest relative difference between expression and library over random arguments."""
        rng = np.random.default_rng(rng)
        worst = 0.0
        for _ in range(trials):
            values = self.draw(rng)
            expected, found = float(self.function(*values)), float(self.numeric(*values))
            worst = max(worst, abs(found - expected) / max(abs(expected), np.finfo(float).tiny))
        return worst


@dataclass(frozen=True, eq=False)
class Derivation:
    """The steps from the objective to the closed form.

    Attributes
    ----------
    title : what is derived
    steps : tuple of Step
    results : tuple of Result
    words : meanings of symbols that are the derivation's own, by name
    objective : where it starts

    Examples
    --------
    >>> from ncsolve.theorems import theorems
    >>> theorem = next(t for t in theorems() if t.name == "balanced_regularized_bias")
    >>> derivation = theorem.derive()
    >>> all(holds for _, holds in derivation.check())
    True
    """

    title: str
    steps: tuple[Step, ...]
    results: tuple[Result, ...]
    words: Mapping[str, str] = field(default_factory=dict)
    objective: str = (
        "L = (1/N) sum_i loss(W_M ... W_1 h_i + b, y_i) + sum_j (lambda_j/2) ||W_j||^2 + (lambda_H/2) ||H||^2 + "
        "(lambda_b/2) ||b||^2"
    )

    @cached_property
    def symbols(self) -> tuple[tuple[Any, str], ...]:
        """(symbol, meaning) of every symbol in use, in the order of first use."""
        from .symbols import described

        return described(self.steps, self.results, self.words)

    def check(self) -> list[tuple[Step, bool]]:
        """Each step with whether it is proved."""
        return [(step, step.holds()) for step in self.steps]

    def text(self) -> str:
        """Plain text with formulas over several lines, in Unicode."""
        from .rendering import text

        return text(self)

    def latex(self) -> str:
        """A LaTeX fragment: a section for the body of any document that loads amsmath."""
        from .rendering import latex

        return latex(self)
