r"""The singular values of a given target matrix, proved by counting signs.

With the target's columns y_k (less their weighted mean where the bias is free) and D = diag(n_k), tau^2 are the eigenvalues of
Y D Y^T, a rational matrix. Its characteristic polynomial chi is computed exactly. All its roots are real and not negative, and for a
polynomial with real roots only Descartes' rule is an equality: the number of roots below a, with multiplicity, is the number of sign
changes of the coefficients of chi(a - x). So [low, high) holds as many eigenvalues as the two counts differ by, repeated ones included.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ...problem.errors import ProblemError
from .balls import bounds, flint
from .enclosure import Enclosure, cells_near, unit
from .rejected import Undecided

if TYPE_CHECKING:
    from .exact import ExactProblem

BITS = (80, 160, 320, 640)
LARGEST = 64  # rows or columns, whichever are fewer: the coefficients of chi grow with their square


class Gram:
    """chi of a problem's target, and counts of its roots."""

    def __init__(self, problem: ExactProblem) -> None:
        module = flint()
        rows, columns = len(problem.targets), len(problem.counts)
        if min(rows, columns) > LARGEST:
            raise ProblemError(
                f"a rigorous certificate for {rows} x {columns} targets needs an exact characteristic polynomial; "
                f"up to {LARGEST} rows or columns work"
            )
        y = problem.targets
        if problem.ufm.bias == "free":
            mean = [
                sum((n * x for n, x in zip(problem.counts, row, strict=True)), Fraction(0))
                / problem.samples
                for row in y
            ]
            y = [[x - m for x in row] for row, m in zip(y, mean, strict=True)]
        exact = module.fmpq_mat(
            [[module.fmpq(x.numerator, x.denominator) for x in row] for row in y]
        )
        weighted = module.fmpq_mat(
            [[_fmpq(x * n) for x, n in zip(row, problem.counts, strict=True)] for row in y]
        )  # Y^T Y D has the same non-zero eigenvalues as Y D Y^T
        gram = weighted * exact.transpose() if rows <= columns else exact.transpose() * weighted
        chi = gram.charpoly()
        coefficients = chi.coeffs()
        self.nullity = next(i for i, a in enumerate(coefficients) if a != 0)
        self.chi = module.fmpq_poly(coefficients[self.nullity :])
        self.rank = int(self.chi.degree())
        self.total = -coefficients[-2] if len(coefficients) > 1 else module.fmpq(0)

    @property
    def trace(self) -> Fraction:
        """||T||^2, the sum of all tau^2."""
        return Fraction(int(self.total.p), int(self.total.q))

    def below(self, a: Fraction) -> int:
        """How many non-zero eigenvalues, with multiplicity, are less than a."""
        module = flint()
        shifted = self.chi(module.fmpq_poly([_fmpq(a), module.fmpq(-1)])).coeffs()
        signs = [1 if x > 0 else -1 for x in shifted if x != 0]
        return sum(one != other for one, other in pairwise(signs))

    def copies(self, tau2: Enclosure) -> int:
        """How many eigenvalues lie in [low, high)."""
        return self.below(tau2.high) - self.below(tau2.low)

    def eigenvalues(self, bits: int = BITS[0]) -> list[tuple[Enclosure, int]]:
        """(cell, copies), descending; together all that are not zero."""
        module = flint()
        if self.rank == 0:
            return []
        integer = self.chi.numer() if callable(self.chi.numer) else self.chi.numer
        with module.ctx.workprec(bits + 64):
            found = [bounds(root.real) for root, _ in integer.complex_roots()]
        cells: dict[Fraction, tuple[Enclosure, int]] = {}
        for root in found:
            if root is None or root[0] <= 0:
                raise Undecided("an eigenvalue of the targets' Gram matrix")
            for found_cell in cells_near(root[0], bits):
                if found_cell.low not in cells and (copies := self.copies(found_cell)):
                    cells[found_cell.low] = (found_cell, copies)
        if sum(copies for _, copies in cells.values()) != self.rank:
            raise Undecided("an eigenvalue of the targets' Gram matrix")
        return [cells[low] for low in sorted(cells, reverse=True)]


def bits_of(tau2: Enclosure) -> int:
    """The number of bits of which the enclosure is one cell; 0 if it is none of an allowed size."""
    if tau2.low <= 0:
        return 0
    width = tau2.high - tau2.low
    return next(
        (bits for bits in BITS if width == unit(tau2.low, bits) and tau2.low % width == 0), 0
    )


def _fmpq(x: Fraction) -> Any:
    return flint().fmpq(x.numerator, x.denominator)
