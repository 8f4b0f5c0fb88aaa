"""What the theorems about simplices share: the scalar problem of a UFM, and a Solution from one length a."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..problem.losses import CrossEntropy
from .reduction import reduce
from .simplex import Simplex
from .spectrum import ContrastFrame
from .theorem import ACTIVE, VANISHED, ClassStates, Solution

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.ufm import UFM


def simplex(ufm: UFM) -> Simplex:
    """The scalar problem of a balanced UFM."""
    reduction = reduce(ufm)
    smoothing = ufm.loss.smoothing if isinstance(ufm.loss, CrossEntropy) else 0.0
    return Simplex(ufm.classes, float(ufm.counts[0]), smoothing, reduction.c, reduction.q)


def simplex_solution(ufm: UFM, a: float) -> Solution:
    """Logits a (I - J/K), bias zero."""
    classes, scalar = ufm.classes, simplex(ufm)
    sigma = np.full(classes - 1 if a > 0 else 0, a * math.sqrt(scalar.count))
    critical = scalar.critical_c() * scalar.q  # c = g/q

    states = partial(
        ClassStates,
        np.full(classes, ACTIVE if a > 0 else VANISHED),
        np.full(classes, scalar.scale() > 0),
        np.full(classes, _critical_count(ufm, scalar)),
        np.full(classes, critical),
        local_factor=1.0 if ufm.depth == 1 else math.nan,
    )
    return Solution(
        value=scalar.value(a) if a > 0 else scalar.at_zero,
        modes=(sigma, ContrastFrame(classes, sigma.size)),
        bias=np.zeros(classes),
        states=states,
        warnings=() if a > 0 else (_zero_warning(ufm),),
        geometry="simplex" if a > 0 else "zero",
        witness=partial(simplex_witnesses, scalar, a) if ufm.depth > 1 else None,
    )


def _zero_warning(ufm: UFM) -> str:
    which = "the global minimizer" if ufm.depth == 1 else "lower than every simplex"
    return f"the decays are so large that the zero solution is {which}"


def _critical_count(ufm: UFM, scalar: Simplex) -> float:
    """Merging is decided by n c^2 at M = 1, N held fixed; deeper, no count of its own decides."""
    if ufm.depth > 1:
        return math.nan
    return float((ufm.samples * scalar.c / (1.0 - scalar.smoothing)) ** 2)


def simplex_witnesses(scalar: Simplex, a: float) -> tuple[Array, ...]:
    """Simplices of lengths around a: their gradients are dual points of the one-layer problem at many decays."""
    shape = np.eye(scalar.classes) - 1.0 / scalar.classes
    many = 100 if scalar.classes <= 64 else 20
    lengths = max(a, 1.0) * np.concatenate(
        [np.geomspace(0.02, 3.0, many), np.linspace(0.9, 1.6, many)]
    )
    return tuple(length * shape for length in lengths)
