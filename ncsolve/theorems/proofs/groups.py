r"""Groups of classes of equal count: how an invariant matrix splits, and the spectrum of (I - J/K) D^(1/2) for two groups.

Group 1 has m_1 classes of count n_1, group 2 has m_2 of count n_2, K = m_1 + m_2. Between the groups there is one contrast w,
with entries sqrt(m_2/(m_1 K)) on group 1 and -sqrt(m_1/(m_2 K)) on group 2.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from .centered import centering
from .steps import Step
from .symbols import eq, matrix, times

n_1, n_2, m_1, m_2 = sp.symbols("n_1 n_2 m_1 m_2", positive=True)
mu = sp.Symbol("mu", positive=True)
between = (m_1 * n_2 + m_2 * n_1) / (m_1 + m_2)  # mu of the contrast between the groups
SIZES = ((2, 1), (2, 2), (3, 2))


def masses(first: int, second: int) -> Any:
    """D."""
    return matrix(sp.diag(*[n_1] * first, *[n_2] * second))


def contrast(first: int, second: int) -> Any:
    """The unit vector w."""
    total = first + second
    entries = [sp.sqrt(sp.Rational(second, first * total))] * first + [
        -sp.sqrt(sp.Rational(first, second * total))
    ] * second
    return matrix(entries)


def within(first: int, second: int, left: Any, right: Any) -> Any:
    """The centered blocks of both groups, times one number each."""
    return matrix(sp.diag(left * centering(first), right * centering(second)))


def of(sizes: tuple[int, int]) -> dict[Any, Any]:
    """Values of m_1 and m_2."""
    return {m_1: sp.Integer(sizes[0]), m_2: sp.Integer(sizes[1])}


def spectrum_steps() -> tuple[Step, ...]:
    """Eigenvalues of (I - J/K) D (I - J/K)."""
    return tuple(
        Step(
            f"Two groups of {first} and {second} classes: the squared singular values of (I - J/K) D^(1/2) are n_1 "
            f"({first - 1} times), n_2 ({second - 1} times), (m_1 n_2 + m_2 n_1)/K and 0. The characteristic polynomial:",
            eq(
                sp.Determinant(
                    mu * matrix(sp.eye(first + second))
                    - centering(first + second) * masses(first, second) * centering(first + second)
                ),
                mu
                * (mu - n_1) ** (first - 1)
                * (mu - n_2) ** (second - 1)
                * (mu - between.subs(of((first, second)))),
            ),
        )
        for first, second in SIZES
    )


def split_steps(first: int = 3, second: int = 2) -> tuple[Step, ...]:
    """An invariant A acts on contrasts within a group as a number, and on group means as a 2 x 2 matrix B."""
    mean = sp.Matrix(2, 2, sp.symbols("C_11 C_12 C_21 C_22", real=True))
    a = sp.symbols("a_1 a_2", real=True)
    sizes, counts = (first, second), (n_1, n_2)
    member = [0] * first + [1] * second
    spread = within(first, second, a[0], a[1])
    logits = (
        matrix(sp.Matrix(first + second, first + second, lambda i, j: mean[member[i], member[j]]))
        + spread
    )
    scaled = logits * masses(first, second).applyfunc(sp.sqrt)
    unit = [matrix([sp.Integer(m == g) / sp.sqrt(sizes[g]) for m in member]) for g in (0, 1)]
    reduced = sp.Matrix(
        2, 2, lambda h, g: sp.sqrt(sizes[h]) * mean[h, g] * sp.sqrt(sizes[g] * counts[g])
    )
    return (
        Step(
            "Logits that no permutation within a group changes: C_hg between groups h and g, and a_g (1 - 1/m_g) more for "
            f"the own class, a_g/m_g less for the rest of its group (here m = {first}, {second}). A = Zbar D^(1/2) maps a "
            "contrast within group 1 to sqrt(n_1) a_1 times itself,",
            eq(
                times(scaled, [1, -1] + [0] * (first + second - 2)),
                sp.sqrt(n_1) * a[0] * matrix([1, -1] + [0] * (first + second - 2)),
            ),
        ),
        Step(
            "one within group 2 likewise,",
            eq(
                times(scaled, [0] * first + [1, -1] + [0] * (second - 2)),
                sp.sqrt(n_2) * a[1] * matrix([0] * first + [1, -1] + [0] * (second - 2)),
            ),
        ),
        *(
            Step(
                f"and the normalized mean of group {g + 1} to a combination of both, with the entries B_hg = sqrt(m_h) "
                "C_hg sqrt(m_g n_g).",
                eq(times(scaled, unit[g]), unit[0] * reduced[0, g] + unit[1] * reduced[1, g]),
            )
            for g in (0, 1)
        ),
        Step(
            "These spaces are orthogonal, so the nuclear norm of A is that of B plus sum (m_g - 1) sqrt(n_g) |a_g|. The "
            "squared Frobenius norm splits the same way:",
            eq(
                sum(entry**2 for entry in scaled),
                sum(entry**2 for entry in reduced)
                + (first - 1) * n_1 * a[0] ** 2
                + (second - 1) * n_2 * a[1] ** 2,
            ),
        ),
    )
