"""From a problem and what is claimed of it to a rigorous certificate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...problem.errors import ProblemError, TooLarge
from ...problem.exact_decimals import exact_decimal
from . import spectral
from .balls import flint
from .certificate import RigorousCertificate
from .enclosure import Enclosure
from .evidence import DualPoint, Evidence, Modes, expected_method, has_singular_values
from .exact import ExactProblem
from .improve import lower_point
from .judgement import Claimed, Verdict, about_point
from .matrices import infeasible
from .point import objective
from .propose import dual_point
from .rejected import Undecided

if TYPE_CHECKING:
    from ...problem.objective import Parameters
    from ...problem.ufm import UFM

LARGEST = 2048  # classes


def certify_rigorously(ufm: UFM, claimed: Claimed) -> RigorousCertificate:
    """Prove or disprove that a point is a global minimizer up to a tolerance, and what else is claimed of it.

    Parameters
    ----------
    ufm : UFM
        Counts, decays and parameters of the loss are taken as the decimals that they print as.
    claimed : Claimed
        Matrices, value, class states, singular values, tolerance. How they were found plays no part.

    Raises
    ------
    MissingPackage
        Without python-flint.
    ProblemError
        Where no rigorous bound is offered: cross-entropy at depth >= 2, a regularized bias at depth >= 2, a point that is not
        feasible, a comparison that no precision settles.
    TooLarge
        Beyond 2048 classes.

    Notes
    -----
    Squared loss with bias none or free: the modes of the target enclose the global minimum from both sides, at any depth and width. One
    layer with cross-entropy or a regularized bias: Fenchel duality from the point's own gradient bounds it from below.

    Examples
    --------
    >>> import ncsolve
    >>> from ncsolve.numeric.rigorous import Claimed, certify_rigorously
    >>> ufm = ncsolve.UFM(counts=[20, 10, 5], depth=2, weight_decay=5e-3, feature_decay=5e-3)
    >>> prediction = ncsolve.predict(ufm)
    >>> certify_rigorously(ufm, Claimed(prediction.parameters(), prediction.value)).outcome.name
    'PROVED'
    """
    flint()
    refuse(ufm)
    if (why := infeasible(ufm, claimed.point)) is not None:
        raise ProblemError(f"the matrices are no point of the problem: {why}")
    problem = ExactProblem(ufm)
    if not has_singular_values(problem):
        claimed = replace(claimed, singular_values=None)
    try:
        reached = objective(problem, claimed.point)
        evidence, feasibility = _evidence(problem, claimed.point)
        better = None
        if isinstance(evidence, DualPoint) and not _is_enough(evidence, reached, claimed):
            better = _better(problem, claimed.point, reached)
            if better is not None:  # a better point gives a better dual point as well
                evidence = max(
                    evidence,
                    _evidence(problem, better[0])[0],
                    key=lambda found: found.minimum(reached).low,
                )
    except Undecided as error:
        raise ProblemError(
            f"no rigorous certificate: {error} cannot be enclosed at the largest precision"
        ) from None
    return RigorousCertificate(problem, claimed, reached, evidence, better, feasibility)


def refuse(ufm: UFM) -> None:
    """Raise where no rigorous bound is offered, before anything is computed."""
    if ufm.depth > 1 and ufm.loss.name != "mse":
        raise ProblemError(
            f"no rigorous bound is offered for cross-entropy at depth {ufm.depth}: the reduced problem is not convex; depth 1 works"
        )
    if ufm.depth > 1 and not isinstance(ufm.bias, str):
        raise ProblemError(
            f"no rigorous bound is offered for a regularized bias at depth {ufm.depth}; depth 1, or bias none or free, works"
        )
    if max(ufm.classes, ufm.outputs) > LARGEST:
        raise TooLarge(
            f"a rigorous certificate for {ufm.classes} classes takes too long; up to {LARGEST} classes work"
        )


def _evidence(problem: ExactProblem, point: Parameters) -> tuple[Evidence, float]:
    if expected_method(problem) == Modes.method:
        return Modes(problem, spectral.modes(problem)), 0.0
    dual, feasibility = dual_point(problem, point)
    return DualPoint(problem, dual, dual.entropies, dual.bound(dual.entropies)), feasibility


def _is_enough(evidence: DualPoint, reached: Enclosure, claimed: Claimed) -> bool:
    finding = about_point(reached, evidence.minimum(reached), exact_decimal(claimed.tolerance))
    return finding.verdict is Verdict.PROVED


def _better(
    problem: ExactProblem, point: Parameters, reached: Enclosure
) -> tuple[Parameters, Enclosure] | None:
    """A point that lies provably lower, if descent finds one."""
    lower = lower_point(problem.ufm, point)
    if infeasible(problem.ufm, lower) is not None:
        return None
    found = objective(problem, lower)
    return (lower, found) if found.high < reached.low else None
