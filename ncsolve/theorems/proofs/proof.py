r"""Deciding identities and signs exactly.

Every expression here is built from symbols by + - * /, powers, exp, log, sin and cos. It is rewritten as a rational function of
independent quantities, where an identity is a polynomial whose coefficients are all zero:

    b^x, exp(x)    x = sum r_i u_i with rational r_i and u_i such as 1, 1/(M+1), a: a product of powers of b^(u_i); so
                   tau^(2/(M+1)) tau^((M-1)/(M+1)) and tau are the same power product. A root of a sum s is a quantity z with z^L = s.
    log(f)         f factored, powers and exponentials taken out: a sum of logarithms of irreducible factors
    sin, cos       of a sum expanded; sin^2 = 1 - cos^2

A sign is decided on the same form: every factor of numerator and denominator must be a sum of terms of one sign in quantities
that are positive. No number is ever compared with a tolerance, and nothing is decided by evaluation at points.
"""

from __future__ import annotations

import math
from typing import Any

import sympy as sp


def evaluated(expression: Any) -> Any:
    """Derivatives, limits and sums carried out; determinants in the polynomial ring of their entries."""
    if isinstance(expression, sp.MatrixExpr):
        expression = expression.doit()
    if isinstance(expression, sp.MatrixBase):
        return expression.applyfunc(evaluated)
    swaps = {}
    for determinant in expression.atoms(sp.Determinant):
        entries = determinant.arg.to_DM()
        swaps[determinant] = entries.domain.to_sympy(entries.det())
    return expression.xreplace(swaps).doit()


def vanishes(expression: Any) -> bool:
    """Whether an expression, or every entry of a matrix, is identically zero.

    Examples
    --------
    >>> import sympy as sp
    >>> M, s = sp.symbols("M s", positive=True)
    >>> vanishes(s ** (2 / (M + 1)) * s ** ((M - 1) / (M + 1)) - s), vanishes(sp.log(sp.exp(s) + 1) - s)
    (True, False)
    """
    if isinstance(expression, sp.MatrixBase):
        return all(vanishes(entry) for entry in expression)
    return bool(_Rational(expression).numerator == 0)


def positive(expression: Any, *, strictly: bool = True) -> bool:
    """Whether a scalar expression is seen to be > 0 (or >= 0) for all values of its symbols.

    Examples
    --------
    >>> import sympy as sp
    >>> t = sp.Symbol("t", positive=True)
    >>> positive(1 - 1 / (1 + t)), positive(1 - t)
    (True, False)
    """
    form = _Rational(expression)
    if form.numerator == 0:
        return not strictly
    sign = 1
    for part in (form.numerator, form.denominator):
        number, factors = _factored(part)
        sign *= _sign(number, strictly)
        for factor, power in factors:
            found = _sign(factor, strictly and part is form.numerator)
            if power % 2 == 0:
                found = abs(found) if strictly or part is form.denominator else 1
            sign *= found
    return sign > 0


def _sign(part: Any, strictly: bool) -> int:
    """1 or -1 if all terms have that sign; 0 if they do not tell."""
    signs = set()
    for term in sp.Add.make_args(sp.expand(part)):
        signs.add(
            1
            if term.is_positive
            else -1
            if term.is_negative
            else 2
            if term.is_nonnegative
            else -2
            if term.is_nonpositive
            else 0
        )
    for one in (1, -1):
        if signs <= {one, 2 * one} and (one in signs or not strictly):
            return one
    return 0


class _Rational:
    """An expression as numerator / denominator, polynomials in independent quantities."""

    def __init__(self, expression: Any) -> None:
        self._powers: dict[tuple[Any, Any], Any] = {}  # (b, u) -> symbol for b^u
        self._names: dict[Any, tuple[Any, Any]] = {}  # the inverse
        self._roots: dict[Any, Any] = {}  # composite b -> symbol for b under fractional powers
        self._logs: dict[Any, Any] = {}
        self._angles: dict[Any, tuple[Any, Any]] = {}
        self._others: dict[Any, Any] = {}
        told = sp.expand_trig(sp.sympify(expression).doit()).rewrite([sp.cosh, sp.sinh], sp.exp)
        found = self._written(told)
        relations = []
        swaps = _fractional(found)
        found = _powers_merged(found, swaps)
        for base, symbol in self._roots.items():
            stands = swaps.get(symbol, symbol)
            z, many = stands.as_base_exp()
            relations.append((z, many, _powers_merged(base, swaps)))
        for cosine, sine in self._angles.values():
            relations.append((sine, 2, 1 - cosine**2))
        top, bottom = sp.fraction(sp.together(found))
        self.numerator, self.denominator = _reduced(top, relations), _reduced(bottom, relations)

    def _written(self, e: Any) -> Any:
        if e.is_Symbol or e.is_Rational:
            return e
        if e.is_Add or e.is_Mul:
            return e.func(*map(self._written, e.args))
        if e == sp.E or isinstance(e, sp.exp):
            return self._power(sp.E, sp.Integer(1) if e == sp.E else e.args[0])
        if e.is_Pow:
            if e.exp.is_Integer:
                return self._written(e.base) ** e.exp
            return self._root(e.base, e.exp)
        if isinstance(e, sp.log):
            return self._log(e.args[0])
        if isinstance(e, (sp.cos, sp.sin)):
            pair = self._angles.setdefault(
                e.args[0], (sp.Dummy("cos", real=True), sp.Dummy("sin", real=True))
            )
            return pair[isinstance(e, sp.sin)]
        return self._others.setdefault(e, sp.Dummy("other", positive=e.is_positive, real=True))

    def _factors(self, e: Any) -> list[tuple[Any, Any]]:
        """(factor, power) of the rewritten expression; numbers as primes and a sign."""
        found: list[tuple[Any, Any]] = []
        written = self._written(e)
        swaps = _fractional(written)
        back = {
            z.as_base_exp()[0]: symbol ** (1 / z.as_base_exp()[1]) for symbol, z in swaps.items()
        }
        for part, sign in zip(
            sp.fraction(sp.together(_powers_merged(written, swaps))), (1, -1), strict=True
        ):
            number, factors = _factored(part)
            factors = [(factor.xreplace(back), power) for factor, power in factors]
            for factor, power in factors:
                base, inner = factor.as_base_exp()
                found.append((base, inner * power * sign))
            if number < 0:
                found.append((sp.Integer(-1), sp.Integer(1)))
            for prime, power in sp.factorrat(abs(number)).items():
                found.append((sp.Integer(prime), sp.Integer(power * sign)))
        return [(base, power) for base, power in found if base != 1]

    def _root(self, base: Any, x: Any) -> Any:
        """base^x for an x that is no integer."""
        result, unknown = sp.Integer(1), sp.Integer(1)
        for factor, power in self._factors(base):
            if factor.is_positive:
                result *= self._power(factor, power * x)
            else:
                unknown *= factor**power
        return result if unknown == 1 else result * self._power(unknown, x)

    def _power(self, base: Any, x: Any) -> Any:
        if base in self._names:
            base, unit = self._names[base]
            return self._power(base, unit * x)
        result = sp.Integer(1)
        for r, u in _terms(x):
            logs = [f for f in sp.Mul.make_args(u) if isinstance(f, sp.log)]
            if base == sp.E and len(logs) == 1:
                result *= self._root(logs[0].args[0], r * u / logs[0])
            elif (u == 1 and base.is_Symbol) or (u == 1 and r.is_Integer and base != sp.E):
                result *= base**r
            elif u == 1 and base != sp.E:
                whole = sp.floor(r)
                z = self._roots.setdefault(base, sp.Dummy("root", positive=base.is_positive))
                result *= base**whole * z ** (r - whole)
            else:
                if (base, u) not in self._powers:
                    z = sp.Dummy("power", positive=base.is_positive)
                    self._powers[base, u], self._names[z] = z, (base, u)
                result *= self._powers[base, u] ** r
        return result

    def _log(self, argument: Any) -> Any:
        total, negative = sp.Integer(0), False
        rest: list[tuple[Any, Any]] = []
        for factor, power in self._factors(argument):
            if factor == -1:
                negative = not negative
            elif factor in self._names:
                base, unit = self._names[factor]
                total += power * self._written(unit) * (1 if base == sp.E else self._log_of(base))
            else:
                rest.append((factor, power))
        for factor, power in rest:
            if negative and power % 2:
                factor, negative = -factor, False
            total += power * self._log_of(factor)
        return total + (sp.Dummy("log(-1)") if negative else 0)

    def _log_of(self, base: Any) -> Any:
        return self._logs.setdefault(sp.expand(base), sp.Dummy("log", real=True))


def _factored(polynomial: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """A rational number and (factor, power)."""
    number, found = sp.Integer(1), []
    for part in sp.Mul.make_args(sp.factor_terms(sp.expand(polynomial))):
        base, power = part.as_base_exp()
        if part.is_Number:
            number *= part
        elif base.is_Symbol:
            found.append((base, power))
        else:
            content, factors = sp.factor_list(part)
            number *= content
            found += factors
    return number, found


def _terms(x: Any) -> list[tuple[Any, Any]]:
    """A sum of r u equal to x, r rational and u from a canonical set (partial fractions)."""
    x = sp.cancel(sp.together(x))
    for symbol in sorted(sp.fraction(x)[1].free_symbols, key=str):
        if x.is_rational_function(symbol):
            x = sp.Add(*(sp.apart(part, symbol) for part in sp.Add.make_args(x)))
    return [term.as_coeff_Mul(rational=True) for term in sp.Add.make_args(sp.expand(x))]


def _fractional(e: Any) -> dict[Any, Any]:
    """z^L, with a new z, for each symbol that occurs under fractional powers with the common denominator L."""
    denominators: dict[Any, set[int]] = {}
    for power in e.atoms(sp.Pow):
        if power.base.is_Symbol and power.exp.is_Rational and not power.exp.is_Integer:
            denominators.setdefault(power.base, set()).add(int(power.exp.q))
    return {
        symbol: sp.Dummy(f"{symbol}_root", positive=symbol.is_positive) ** math.lcm(*found)
        for symbol, found in denominators.items()
    }


def _powers_merged(e: Any, swaps: dict[Any, Any]) -> Any:
    """Put z^L for a symbol that occurs under fractional powers."""
    if e.is_Symbol:
        return swaps.get(e, e)
    if e.is_Pow and e.base in swaps:
        z, many = swaps[e.base].as_base_exp()
        return z ** (many * e.exp)
    return e.func(*(_powers_merged(part, swaps) for part in e.args)) if e.args else e


def _reduced(polynomial: Any, relations: list[tuple[Any, Any, Any]]) -> Any:
    """Expanded, with z^L replaced by what it stands for."""
    found = sp.expand(polynomial)
    for z, many, stands in relations:
        if found.has(z):
            top, bottom = sp.fraction(sp.together(stands))
            rest = sp.Poly(found, z)
            degree = rest.degree() // many
            total = sp.Integer(0)
            for (power,), coefficient in rest.terms():
                times = power // many
                total += coefficient * z ** (power % many) * top**times * bottom ** (degree - times)
            found = sp.expand(total)
    return found
