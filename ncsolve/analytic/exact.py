r"""Exact answers: squared loss, one-hot targets, bias none or free, inputs taken as the decimals they were written as.

With rational counts and decays everything is algebraic. Bias none: tau^2 = n. Bias free: tau^2 is a repeated count or a root of the
secular polynomial sum_g m_g n_g prod_{h != g} (n_h - mu), one in each gap between distinct counts. With C = N^(M+1) Pi the shrinkage
p of a mode is the smaller root in (0, 1) of

    p^(M+1) (1 - p)^(M-1) tau^(2M) = C,     sigma = tau (1 - p),     non-zero iff tau^(2M) >= C M^(2M) / (M-1)^(M-1)  (M = 1: >).

Rational tau^2: a polynomial in p. Irrational tau^2 = mu with minimal polynomial m of degree d: chi(y), the resultant of m(x) and
y - x^M, is the minimal polynomial of mu^M, and p is a root of chi(C / (p^(M+1) (1-p)^(M-1))), cleared of denominators, of degree
2 M d. Which root: p decreases with mu, so rational bounds on mu, inserted into the equation, prove rational bounds on p, and they
are narrowed until the polynomial has exactly one root between them. The conjugates of mu are other roots of the secular polynomial,
all positive, so mu^M is never rational and never at the threshold: narrowing the bounds decides on which side it lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..problem.errors import NoTheorem, ProblemError
from ..problem.exact_decimals import exact_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from ..problem.ufm import UFM

    _Shrinkage = tuple[Any, bool, Mapping[Any, tuple[Any, Any]]]

LARGEST_DEGREE = 96  # of a polynomial whose roots are isolated


@dataclass(frozen=True, eq=False)
class ExactMode:
    """Equal singular values of the target and what becomes of them.

    Attributes
    ----------
    tau_squared : sympy number, squared singular value of the target
    copies : how often the target has it
    kept : how many of them are non-zero in A
    shrinkage : sympy number p, sigma = tau (1 - p); 1 where zero is the minimizer
    tied : whether the non-zero minimum is exactly as low as zero (M >= 2); it is kept then
    isolated : for roots in these numbers, rationals between which their polynomial has no other
    """

    tau_squared: Any
    copies: int
    kept: int
    shrinkage: Any
    tied: bool
    isolated: Mapping[Any, tuple[Any, Any]]

    @cached_property
    def singular_value(self) -> Any:
        """Sigma of the kept copies."""
        import sympy as sp

        return sp.expand(sp.sqrt(self.tau_squared) * (1 - self.shrinkage))

    @property
    def alive(self) -> bool:
        """Whether a non-zero sigma is a global minimizer of the mode."""
        return bool(self.shrinkage != 1)

    @property
    def split(self) -> bool:
        """Whether the bound on the rank keeps some of the equal copies and drops others."""
        return self.alive and 0 < self.kept < self.copies


@dataclass(frozen=True, eq=False)
class Exact:
    """The exact minimizer of one problem. Built by `exact`.

    Attributes
    ----------
    ufm : UFM
    modes : tuple of ExactMode, largest tau first
    """

    ufm: UFM
    modes: tuple[ExactMode, ...]

    @cached_property
    def singular_values(self) -> tuple[Any, ...]:
        """Singular values of A = (Zbar - b 1^T) D^(1/2) as sympy numbers, descending, K of them, exact zeros included."""
        import sympy as sp

        found = [mode.singular_value for mode in self.modes for _ in range(mode.kept)]
        return tuple(found + [sp.Integer(0)] * (self.ufm.classes - len(found)))

    @cached_property
    def bias(self) -> tuple[Any, ...]:
        """b: zero, or n/N."""
        import sympy as sp

        if self.ufm.bias == "none":
            return (sp.Integer(0),) * self.ufm.classes
        counts = [sp.Rational(*_ratio(n)) for n in self.ufm.counts.tolist()]
        return tuple(n / sum(counts) for n in counts)

    @cached_property
    def value(self) -> Any:
        """The objective at the minimizer: the sum of tau^2/(2N) p (1 + M (1 - p)) over the modes, p = 1 for those at zero."""
        import sympy as sp

        samples = sum(sp.Rational(*_ratio(n)) for n in self.ufm.counts.tolist())
        total = sp.Integer(0)
        for mode in self.modes:
            share = mode.shrinkage * (1 + self.ufm.depth * (1 - mode.shrinkage))
            total += (
                mode.tau_squared
                / (2 * samples)
                * (mode.kept * sp.expand(share) + mode.copies - mode.kept)
            )
        return sp.expand(total) if self.ufm.depth == 1 else total

    @property
    def ties(self) -> tuple[ExactMode, ...]:
        """Kept modes that are exactly at the threshold: the geometry without them is as low."""
        return tuple(mode for mode in self.modes if mode.tied and mode.kept)

    @property
    def splits(self) -> tuple[ExactMode, ...]:
        """Modes of which the bound on the rank keeps only some copies: any subspace of that dimension is as good."""
        return tuple(mode for mode in self.modes if mode.split)

    @property
    def unique(self) -> bool:
        """Whether the minimizer's Grams are the only ones."""
        return not (self.ties or self.splits)

    def evaluated(self, digits: int = 50) -> tuple[Any, ...]:
        """`singular_values` as sympy Floats of that many digits."""
        return tuple(self.evaluate(sigma, digits) for sigma in self.singular_values)

    def evaluate(self, number: Any, digits: int = 50) -> Any:
        """An expression in these numbers as a Float; every CRootOf is replaced by a rational that is proved close enough."""
        import sympy as sp

        isolated = {root: bounds for mode in self.modes for root, bounds in mode.isolated.items()}
        swaps = {}
        for root in number.atoms(sp.CRootOf):
            if root in isolated:
                low, high = isolated[root]
                swaps[root] = (
                    sum(root.poly.refine_root(low, high, eps=low / 10 ** (digits + 10))) / 2
                )
            else:
                swaps[root] = root.eval_rational(n=digits + 10)
        return number.xreplace(swaps).evalf(digits)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain values: numbers as sympy writes them, and as decimals of 50 digits."""
        return {
            "ufm": self.ufm.to_dict(),
            "singular_values": [str(sigma) for sigma in self.singular_values],
            "decimals": [str(sigma) for sigma in self.evaluated()],
            "value": str(self.value),
            "value_decimal": str(self.evaluate(self.value)),
            "bias": [str(b) for b in self.bias],
            "ties": [str(mode.tau_squared) for mode in self.ties],
            "splits": [str(mode.tau_squared) for mode in self.splits],
        }


def exact(ufm: UFM) -> Exact:
    """The exact minimizer as algebraic numbers.

    Parameters
    ----------
    ufm : UFM
        Squared loss, one-hot targets, bias none or free (what `squared_spectral` covers), any depth M and widths. Counts and
        decays mean the decimals that Python writes for them: 5e-4 is 1/2000.

    Returns
    -------
    Exact
        `.singular_values`: sympy numbers, radicals where a polynomial of degree two or less decides, CRootOf otherwise; exact
        zeros where zero wins.

    Raises
    ------
    NoTheorem
        Outside these hypotheses.
    ProblemError
        If a polynomial of degree above 96 would be needed: it is 2 M (G - 1) for a free bias and G distinct counts, 2 M without.

    Notes
    -----
    No tolerance decides anything. `predict` takes doubles as they are, so at an exact tie of the decimals the two may differ.

    Examples
    --------
    >>> import ncsolve
    >>> answer = ncsolve.exact(ncsolve.UFM(counts=[50, 18, 1], weight_decay=0.02, feature_decay=0.02))
    >>> answer.singular_values
    (-69/50 + 5*sqrt(2), -69/50 + 3*sqrt(2), 0)
    >>> ncsolve.exact(ncsolve.UFM(counts=[8, 8], depth=2, weight_decay=0.0625, feature_decay=0.0625)).modes[0].shrinkage
    CRootOf(64*x**4 - 64*x**3 + 1, 0)
    """
    import sympy as sp

    from ..theorems.squared_spectral import THEOREM

    lacks = THEOREM.lacks(ufm)
    if lacks:
        raise NoTheorem(
            f"there is no exact answer for this problem: it needs that {', '.join(lacks)}"
        )
    counts: dict[Any, int] = {}
    for n in ufm.counts.tolist():
        count = sp.Rational(*_ratio(n))
        counts[count] = counts.get(count, 0) + 1
    samples = sum((n * many for n, many in counts.items()), sp.Integer(0))
    product = sp.Integer(1)
    for decay in ufm.decays:
        product *= sp.Rational(*_ratio(decay))
    level = samples ** (ufm.depth + 1) * product
    gaps = len(counts) - 1 if ufm.bias == "free" else 0
    degree = 2 * ufm.depth * max(1, gaps) if ufm.depth > 1 else gaps
    if degree > LARGEST_DEGREE:
        raise ProblemError(
            f"depth {ufm.depth} with {len(counts)} distinct counts needs a polynomial of degree {degree} for exact "
            f"answers; up to {LARGEST_DEGREE} works"
        )
    targets = _rational_targets(counts) if ufm.bias == "none" else _centered_targets(counts)
    room, modes = ufm.rank_limit, []
    for target, copies in targets:
        shrinkage, tied, bounds = target.shrinkage(level, ufm.depth)
        kept = min(room, copies) if shrinkage != 1 else 0
        room -= kept
        modes.append(ExactMode(target.number, copies, kept, shrinkage, tied, bounds))
    return Exact(ufm, tuple(modes))


@dataclass(frozen=True, eq=False)
class _Rational:
    """Tau^2 = a rational number."""

    number: Any

    def shrinkage(self, level: Any, depth: int) -> _Shrinkage:
        """(p, whether it ties with zero, isolated roots)."""
        import sympy as sp

        power, critical = self.number**depth, _critical(level, depth)
        if power < critical:
            return sp.Integer(1), False, {}
        if power == critical:
            return sp.Rational(1, depth), depth > 1, {}
        if depth == 1:
            return sp.sqrt(level / self.number), False, {}
        x = sp.Symbol("x")
        polynomial = sp.Poly(x ** (depth + 1) * (1 - x) ** (depth - 1) - level / power, x)
        return next(root for root in polynomial.real_roots() if root > 0), False, {}


@dataclass(frozen=True, eq=False)
class _Irrational:
    """Tau^2 = the only root mu of an irreducible polynomial between two rationals; `number` is the same as a sympy number."""

    polynomial: Any
    low: Any
    high: Any
    number: Any

    def shrinkage(self, level: Any, depth: int) -> _Shrinkage:
        """(p, whether it ties with zero, isolated roots)."""
        import sympy as sp

        critical = _critical(level, depth)
        width = self.low / 10**20
        while True:
            low, high = self.polynomial.refine_root(self.low, self.high, eps=width)
            if high**depth < critical:
                return sp.Integer(1), False, {}
            if low**depth > critical:
                break
            width /= 10**10
        if depth == 1:
            return sp.sqrt(level) / sp.sqrt(self.number), False, {}
        polynomial = self._resolvent(level, depth)
        while True:
            mu_low, mu_high = self.polynomial.refine_root(self.low, self.high, eps=width)
            low, high = _between(mu_low, mu_high, level, depth)
            if low < high and polynomial.count_roots(low, high) == 1:
                found = sp.CRootOf(polynomial, polynomial.count_roots(None, low), radicals=True)
                scale, root = found.as_coeff_Mul()
                return (
                    found,
                    False,
                    {root: (low / scale, high / scale)} if isinstance(root, sp.CRootOf) else {},
                )
            width /= 10**10

    def _resolvent(self, level: Any, depth: int) -> Any:
        """Integer polynomial with the root p."""
        import sympy as sp

        x, y = self.polynomial.gen, sp.Symbol("y")
        powers = sp.Poly(sp.resultant(self.polynomial.as_expr(), y - x**depth, x), y)
        shape = sp.Poly(x ** (depth + 1) * (1 - x) ** (depth - 1), x)
        total = sp.Poly(0, x)
        for (k,), coefficient in powers.terms():
            total += coefficient * level**k * shape ** (powers.degree() - k)
        return total.clear_denoms(convert=True)[1].primitive()[1].sqf_part()


def _critical(level: Any, depth: int) -> Any:
    """tau^(2M) at the tie with zero; 0^0 = 1."""
    return level * depth ** (2 * depth) / (depth - 1) ** (depth - 1)


def _between(low: Any, high: Any, level: Any, depth: int) -> tuple[Any, Any]:
    """Rationals that p is proved to lie between when low < mu < high; (1, 0) if these bounds are too coarse.

    Below its maximum at (M+1)/(2M) the left side of the equation rises, so p lies above every number at which it is too small even
    for the larger mu, and below every number at which it is too large even for the smaller one. Both are found by bisection among
    multiples of a power of 1/2.
    """
    import sympy as sp

    unit = 2 ** (64 + int(low / (high - low)).bit_length())
    fold = int(sp.Rational(depth + 1, 2 * depth) * unit)

    def left(k: int) -> Any:
        p = sp.Rational(k, unit)
        return p ** (depth + 1) * (1 - p) ** (depth - 1)

    below, above = 0, fold
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if left(middle) * high**depth < level else (below, middle)
    first, above = below, fold
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if left(middle) * low**depth > level else (middle, above)
    if above == fold:
        return sp.Integer(1), sp.Integer(0)
    return sp.Rational(first, unit), sp.Rational(above, unit)


def _rational_targets(counts: dict[Any, int]) -> list[tuple[_Rational, int]]:
    """(tau^2 = n, copies), descending."""
    return [(_Rational(n), counts[n]) for n in sorted(counts, reverse=True)]


def _centered_targets(counts: dict[Any, int]) -> list[tuple[_Rational | _Irrational, int]]:
    """Repeated counts and, between neighboring ones, roots of the secular polynomial, descending."""
    import sympy as sp

    x = sp.Symbol("x")
    poles = sorted(counts)
    polynomial = sp.Poly(0, x)
    for n in poles:
        polynomial += sp.Poly(counts[n] * n, x) * sp.prod(
            [sp.Poly(other - x, x) for other in poles if other != n]
        )
    factors = [factor for factor, _ in polynomial.factor_list()[1]]
    found: list[tuple[_Rational | _Irrational, int]] = []
    for low, high in zip(poles, [*poles[1:], None], strict=True):
        if counts[low] > 1:
            found.append((_Rational(low), counts[low] - 1))
        if high is not None:
            factor = next(one for one in factors if one.count_roots(low, high))
            number = sp.CRootOf(factor, factor.count_roots(None, low), radicals=True)
            rational = number.is_Rational
            found.append(
                (_Rational(number) if rational else _Irrational(factor, low, high, number), 1)
            )
    return found[::-1]


def _ratio(number: float) -> tuple[int, int]:
    found: Fraction = exact_decimal(number)
    return found.numerator, found.denominator
