"""Ball arithmetic (FLINT's arb through python-flint): a real number as midpoint and radius, every operation enclosing the truth.

Two things are done with balls: signs of sums too long for exact rational arithmetic, and logarithms and exponentials. Everything
else in this package is exact.
"""

from __future__ import annotations

from fractions import Fraction
from types import ModuleType
from typing import Any

from ...problem.errors import MissingPackage


def flint() -> ModuleType:
    """The module flint, or one line that says how to get it."""
    try:
        import flint as module
    except ImportError:
        raise MissingPackage(
            "rigorous certificates need python-flint, which is not installed; pip install 'ncsolve[rigorous]' adds it"
        ) from None
    found: ModuleType = module
    return found


def ball(number: Fraction | int) -> Any:
    """The ball of a rational, at the working precision."""
    module = flint()
    if isinstance(number, int):
        return module.arb(number)
    if number.denominator == 1:
        return module.arb(number.numerator)
    return module.arb(module.fmpq(number.numerator, number.denominator))


def bounds(x: Any) -> tuple[Fraction, Fraction] | None:
    """The endpoints of a ball, exactly; None if it is not finite."""
    if not x.is_finite():
        return None
    middle, radius = (_dyadic(*part.man_exp()) for part in (x.mid(), x.rad()))
    return middle - radius, middle + radius


def sign(x: Any) -> int | None:
    """The sign that every number of the ball has, or None."""
    if x > 0:
        return 1
    if x < 0:
        return -1
    return 0 if x.is_exact() and x.is_zero() else None


def _dyadic(mantissa: Any, exponent: Any) -> Fraction:
    m, e = int(mantissa), int(exponent)
    return Fraction(m << e) if e >= 0 else Fraction(m, 1 << -e)
