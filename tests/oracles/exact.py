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

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sympy as sp


@dataclass(frozen=True, eq=False)
class ExactMode:
    """Equal singular values of the target and what becomes of them: `kept` of the `copies` are tau (1 - shrinkage) in A."""

    tau_squared: Any
    copies: int
    kept: int
    shrinkage: Any  # 1 where zero is the minimizer
    tied: bool = False  # the non-zero minimum is exactly as low as zero (M >= 2); it is kept then
    isolated: dict = field(
        default_factory=dict
    )  # root -> rationals between which its polynomial has no other

    @cached_property
    def singular_value(self):
        return sp.expand(sp.sqrt(self.tau_squared) * (1 - self.shrinkage))

    @property
    def alive(self):
        return bool(self.shrinkage != 1)


@dataclass(frozen=True, eq=False)
class Exact:
    """The exact minimizer of one problem: its modes, largest tau first."""

    ufm: Any
    modes: tuple[ExactMode, ...]

    @cached_property
    def singular_values(self):
        """Of A = (Zbar - b 1^T) D^(1/2), descending, K of them, exact zeros included."""
        found = [mode.singular_value for mode in self.modes for _ in range(mode.kept)]
        return tuple(found + [sp.Integer(0)] * (self.ufm.classes - len(found)))

    @cached_property
    def bias(self):
        counts = [decimal(n) for n in self.ufm.counts]
        return tuple(n / sum(counts) if self.ufm.bias == "free" else sp.Integer(0) for n in counts)

    @cached_property
    def value(self):
        """The sum of tau^2/(2N) p (1 + M (1 - p)) over the modes, p = 1 for those at zero."""
        total = sp.Integer(0)
        for mode in self.modes:
            share = sp.expand(mode.shrinkage * (1 + self.ufm.depth * (1 - mode.shrinkage)))
            total += mode.tau_squared * (mode.kept * share + mode.copies - mode.kept) / 2
        total /= sum(decimal(n) for n in self.ufm.counts)
        return sp.expand(total) if self.ufm.depth == 1 else total

    @property
    def ties(self):
        """Kept modes that are exactly at the threshold: the geometry without them is as low."""
        return tuple(mode for mode in self.modes if mode.tied and mode.kept)

    @property
    def splits(self):
        """Modes of which the bound on the rank keeps only some copies: any subspace of that dimension is as good."""
        return tuple(mode for mode in self.modes if mode.alive and 0 < mode.kept < mode.copies)

    @property
    def unique(self):
        return not (self.ties or self.splits)

    def evaluated(self, digits=50):
        return tuple(self.evaluate(sigma, digits) for sigma in self.singular_values)

    def evaluate(self, number, digits=50):
        """An expression in these numbers as a Float; every CRootOf is replaced by a rational that is proved close enough."""
        isolated = {root: bounds for mode in self.modes for root, bounds in mode.isolated.items()}
        swaps = {}
        for root in number.atoms(sp.CRootOf):
            if root in isolated:
                low, high = isolated[root]
                near = root.poly.refine_root(low, high, eps=low / 10 ** (digits + 10))
                swaps[root] = sum(near) / 2
            else:
                swaps[root] = root.eval_rational(n=digits + 10)
        return number.xreplace(swaps).evalf(digits)


def decimal(number):
    """The rational that Python writes for a double: 5e-4 is 1/2000."""
    return sp.Rational(repr(float(number)))


def exact(ufm):
    """The minimizer as algebraic numbers; no tolerance decides anything."""
    counts = Counter(decimal(n) for n in ufm.counts)
    level = sum(decimal(n) for n in ufm.counts) ** (ufm.depth + 1) * sp.prod(
        [decimal(decay) for decay in ufm.decays]
    )
    if ufm.bias == "none":
        targets = [(_Rational(n), counts[n]) for n in sorted(counts, reverse=True)]
    else:
        targets = _centered_targets(counts)
    room, modes = ufm.rank_limit, []
    for target, copies in targets:
        shrinkage, *further = target.shrinkage(level, ufm.depth)
        kept = min(room, copies) if shrinkage != 1 else 0
        room -= kept
        modes.append(ExactMode(target.number, copies, kept, shrinkage, *further))
    return Exact(ufm, tuple(modes))


@dataclass(frozen=True, eq=False)
class _Rational:
    """Tau^2 = a rational number."""

    number: Any

    def shrinkage(self, level, depth):
        """(p, whether it ties with zero, isolated roots), the last two where they say something."""
        power, critical = self.number**depth, _critical(level, depth)
        if power < critical:
            return (sp.Integer(1),)
        if power == critical:
            return sp.Rational(1, depth), depth > 1
        if depth == 1:
            return (sp.sqrt(level / self.number),)
        x = sp.Symbol("x")
        polynomial = sp.Poly(x ** (depth + 1) * (1 - x) ** (depth - 1) - level / power, x)
        return (next(root for root in polynomial.real_roots() if root > 0),)


@dataclass(frozen=True, eq=False)
class _Irrational:
    """Tau^2 = the only root mu of an irreducible polynomial between two rationals; `number` is the same as a sympy number."""

    polynomial: Any
    low: Any
    high: Any
    number: Any

    def shrinkage(self, level, depth):
        """(p, whether it ties with zero, isolated roots), the last two where they say something."""
        critical = _critical(level, depth)
        width = self.low / 10**20
        while True:
            low, high = self.polynomial.refine_root(self.low, self.high, eps=width)
            if high**depth < critical:
                return (sp.Integer(1),)
            if low**depth > critical:
                break
            width /= 10**10
        if depth == 1:
            return (sp.sqrt(level) / sp.sqrt(self.number),)
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

    def _resolvent(self, level, depth):
        """Integer polynomial with the root p."""
        x, y = self.polynomial.gen, sp.Symbol("y")
        powers = sp.Poly(sp.resultant(self.polynomial.as_expr(), y - x**depth, x), y)
        shape = sp.Poly(x ** (depth + 1) * (1 - x) ** (depth - 1), x)
        total = sp.Poly(0, x)
        for (k,), coefficient in powers.terms():
            total += coefficient * level**k * shape ** (powers.degree() - k)
        return total.clear_denoms(convert=True)[1].primitive()[1].sqf_part()


def _critical(level, depth):
    """tau^(2M) at the tie with zero; 0^0 = 1."""
    return level * depth ** (2 * depth) / (depth - 1) ** (depth - 1)


def _between(low, high, level, depth):
    """Rationals that p is proved to lie between when low < mu < high; (1, 0) if these bounds are too coarse.

    Below its maximum at (M+1)/(2M) the left side of the equation rises, so p lies above every number at which it is too small even
    for the larger mu, and below every number at which it is too large even for the smaller one. Both are found by bisection among
    multiples of a power of 1/2.
    """
    unit = 2 ** (64 + int(low / (high - low)).bit_length())
    fold = int(sp.Rational(depth + 1, 2 * depth) * unit)

    def left(k):
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


def _centered_targets(counts):
    """Repeated counts and, between neighboring ones, roots of the secular polynomial, descending."""
    x = sp.Symbol("x")
    poles = sorted(counts)
    polynomial = sp.Poly(0, x)
    for n in poles:
        polynomial += sp.Poly(counts[n] * n, x) * sp.prod(
            [sp.Poly(other - x, x) for other in poles if other != n]
        )
    factors = [factor for factor, _ in polynomial.factor_list()[1]]
    found = []
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
