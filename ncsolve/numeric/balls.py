r"""Ball arithmetic, and the problem's numbers as they were written.

A ball (FLINT's arb through python-flint) is a real number as midpoint and radius; every operation encloses the truth. A rigorous proof
is the problem's own formulas evaluated in balls at a witness, with the inequalities that a ball decides. What is exact stays a rational.

Inputs are the decimals that Python prints for their doubles: 5e-4 is 1/2000. So a class that is meant to lie at its threshold does.

N = sum n_k,    Pi = lambda_H lambda_1 ... lambda_M,    p_jk = delta/K + (1 - delta) [j = k],    c^2 = lambda_W lambda_H at M = 1
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..problem.errors import MissingPackage

if TYPE_CHECKING:
    from ..problem.ufm import UFM

BITS = 64  # of the ends of an enclosure
PRECISION = (
    128,
    256,
    512,
    1280,
)  # working precisions, each tried where the one before leaves something open


class Undecided(Exception):
    """A comparison that the largest precision does not settle."""


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


@dataclass(frozen=True)
class Enclosure:
    """A real number between two exact ones, low <= high.

    Examples
    --------
    >>> from fractions import Fraction
    >>> Enclosure(Fraction(3, 8), Fraction(200)).to_list()
    ['3*2^-3', '200']
    """

    low: Fraction
    high: Fraction

    @staticmethod
    def of(x: Any) -> Enclosure:
        """A rational itself, the ends of a ball rounded outwards to 64 bits."""
        if hasattr(x, "q"):
            return Enclosure(*[Fraction(int(x.p), int(x.q))] * 2)
        with flint().ctx.workprec(BITS):
            return Enclosure(*(dyadic(end) for end in (x.lower(), x.upper())))

    def to_list(self) -> list[str]:
        """Both ends as text: m*2^e with m odd, or m; as p/q where the denominator is no power of two."""
        return [_text(self.low), _text(self.high)]


def _text(x: Fraction) -> str:
    n, d = x.numerator, x.denominator
    if d & (d - 1):
        return f"{n}/{d}"
    e = (n & -n).bit_length() - 1 if n.bit_length() > 1024 else 0
    power = e - (d.bit_length() - 1)
    return f"{n >> e}*2^{power}" if power else str(n)


def dyadic(x: Any) -> Fraction:
    """The midpoint of a finite ball, exactly."""
    m, e = (int(part) for part in x.mid().man_exp())
    return Fraction(m << e) if e >= 0 else Fraction(m, 1 << -e)


def settled(ball: Callable[[int], Any], what: str) -> Any:
    """`ball` of the first working precision that gives 64 bits and two more."""
    for precision in PRECISION:
        with flint().ctx.workprec(precision):
            found = ball(precision)
        if found.is_finite() and (found.is_exact() or found.rel_accuracy_bits() > BITS + 2):
            return found
    raise Undecided(what)


def exact(number: float) -> Any:
    """The rational whose decimal string is ``repr(number)``.

    Examples
    --------
    >>> print(exact(5e-4), exact(200.0))
    1/2000 200
    """
    found = Fraction(repr(float(number)))
    return flint().fmpq(found.numerator, found.denominator)


@dataclass(frozen=True, eq=False)
class ExactProblem:
    """A UFM whose numbers are the rationals that they were written as."""

    ufm: UFM

    @cached_property
    def counts(self) -> list[Any]:
        """n_k."""
        return [exact(n) for n in self.ufm.counts.tolist()]

    @cached_property
    def samples(self) -> Any:
        """N."""
        return sum(self.counts)

    @cached_property
    def decays(self) -> list[Any]:
        """lambda_H, lambda_1, ..., lambda_M."""
        return [exact(decay) for decay in self.ufm.decays]

    @cached_property
    def bias_decay(self) -> Any | None:
        """lambda_b of a regularized bias; None for the biases "none" and "free"."""
        return None if isinstance(self.ufm.bias, str) else exact(self.ufm.bias)

    @property
    def squared(self) -> bool:
        """Whether the loss is squared loss."""
        return self.ufm.loss.name == "mse"

    @property
    def one_hot(self) -> bool:
        """Whether output k belongs to class k."""
        return bool(self.ufm.loss.one_hot)

    @property
    def free(self) -> bool:
        """Whether the bias has no decay."""
        return self.ufm.bias == "free"

    @property
    def relu(self) -> bool:
        """Whether features are nonnegative."""
        return self.ufm.features == "relu"

    @property
    def by_modes(self) -> bool:
        """Whether the modes of the target bound the objective: squared loss without a decay of the bias."""
        return self.squared and self.bias_decay is None

    @property
    def spectral(self) -> bool:
        """Whether the modes make the minimum itself, not only a lower bound of it.

        ReLU features remove points; without a bias the axis-aligned minimizer for one-hot targets is not among them.
        """
        return self.by_modes and (not self.relu or (self.one_hot and not self.free))

    @cached_property
    def targets(self) -> list[list[Any]]:
        """Rows of Y."""
        return [[exact(y) for y in row] for row in self.ufm.loss.targets(self.ufm.classes).tolist()]

    @cached_property
    def smoothing(self) -> Any:
        """The smoothing delta of cross-entropy."""
        return exact(getattr(self.ufm.loss, "smoothing", 0.0))

    @cached_property
    def per_class(self) -> tuple[list[Any], ...]:
        """(iota, s, r) of every class; zeros and ones for squared loss."""
        k = self.ufm.classes
        if self.squared:
            return [exact(0)] * k, [exact(1)] * k, [exact(1)] * k
        return tuple([exact(x) for x in row] for row in self.ufm.loss.per_class(k).tolist())


def total(terms: Iterable[Any]) -> Any:
    """The ball of a sum."""
    return sum(terms, flint().arb(0))


def newton(
    f: Callable[[Any], tuple[Any, Any]], x: Any, low: Any, high: Any, accuracy: int
) -> Any | None:
    r"""The ball of so many bits of the root between two numbers, for f(x) = (value, slope); None where none is proved.

    Interval Newton: where m - f(m)/f'(X) lies inside a ball X around m that lies between the two numbers, and f'(X) holds no zero,
    X has one root, and it lies there.
    """
    arb = flint().arb
    for _ in range(40):
        value, slope = f(x)
        step = value / slope
        if not step.is_finite():
            return None
        around = x + arb(0, 3 * step.abs_upper() + abs(x).mid() / (1 << accuracy + 8))
        if around > low and around < high:
            slopes = f(around)[1]
            near = x - value / slopes
            proved = not slopes.contains(0) and around.contains_interior(near)
            if proved and near.rel_accuracy_bits() >= accuracy:
                return near
        moved = (x - step).mid()
        x = moved if moved > low and moved < high else ((x + (low if step > 0 else high)) / 2).mid()
    return None
