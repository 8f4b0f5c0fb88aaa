r"""Matrices that no permutation of exchangeable classes moves, and their operator norm.

Classes with the same count and the same parameters of the loss form a group; G groups of m_g classes with count n_g. A matrix that
permutations within groups leave as it is has one entry per pair of groups, gamma_hg (h a class of group h other than the column's own),
and one for the own class, own_g. With Gamma = gamma D^(1/2) its singular values are those of the G x G matrix of group means

    B_hg = sqrt(m_h) beta_hg sqrt(m_g n_g),     beta_hg = gamma_hg (h != g),     beta_gg = gamma_gg + (own_g - gamma_gg)/m_g,

and |own_g - gamma_gg| sqrt(n_g), m_g - 1 times. A matrix without own entries (given targets) is its own matrix of means.

||Gamma||_op <= c is proved without eigenvalues: floating point proposes a matrix L, and balls show that S = I - B B^T/c^2 is
L L^T plus a diagonally dominant matrix with a nonnegative diagonal, hence positive semidefinite. For features h >= 0 only
max |Gamma h| over unit h >= 0 counts, which is at most the square root of the largest eigenvalue of Q = Gamma^T Gamma with its
negative off-diagonal entries set to zero: the same proof with S = I - Q/c^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .balls import ball, flint

if TYPE_CHECKING:
    from .exact import ExactProblem

PRECISION = 128


@dataclass(frozen=True)
class Groups:
    """Exchangeable classes.

    Attributes
    ----------
    member : group of each class
    first : a class of each group
    sizes : m_g
    counts : n_g
    """

    member: list[int]
    first: list[int]
    sizes: list[int]
    counts: list[Fraction]

    @property
    def number(self) -> int:
        """G."""
        return len(self.sizes)

    @cached_property
    def members(self) -> list[list[int]]:
        """The classes of each group."""
        found: list[list[int]] = [[] for _ in self.sizes]
        for k, g in enumerate(self.member):
            found[g].append(k)
        return found

    def others(self, h: int, g: int) -> int:
        """Classes of group h other than the own class of a column of group g."""
        return self.sizes[h] - (h == g)


@dataclass(frozen=True)
class Block:
    """An invariant matrix gamma (before the columns are scaled by sqrt(n)).

    Attributes
    ----------
    entry : gamma_hg, rows h
    own : own_g, or None where no row belongs to a class
    rows : m_h of the rows
    groups : Groups of the columns
    """

    entry: list[list[Fraction]]
    own: list[Fraction] | None
    rows: list[int]
    groups: Groups

    def mean(self, h: int, g: int) -> Fraction:
        """beta_hg."""
        entry = self.entry[h][g]
        return (
            entry
            if self.own is None or h != g
            else entry + (self.own[g] - entry) / self.groups.sizes[g]
        )

    def total(self) -> list[Fraction]:
        """Gamma e of a class of each group of rows: the sum over all classes k of n_k times the entry in column k."""
        weights = [n * m for n, m in zip(self.groups.counts, self.groups.sizes, strict=True)]
        return [
            sum((self.mean(h, g) * w for g, w in enumerate(weights)), Fraction(0))
            for h in range(len(self.entry))
        ]

    def is_at_most(self, square: Fraction, *, nonnegative: bool = False) -> bool:
        """Whether ||Gamma||^2 <= square is proved, over unit h, or for `nonnegative` over unit h >= 0."""
        if self._is_at_most(square):
            return True
        return nonnegative and self._gram_is_at_most(square)

    def norm(self) -> float:
        """||Gamma||_op in floating point, proving nothing."""
        sizes, counts = (
            np.sqrt(np.array(self.groups.sizes, dtype=float)),
            np.sqrt(np.array([float(n) for n in self.groups.counts])),
        )
        means = np.array(
            [
                [float(self.mean(h, g)) for g in range(self.groups.number)]
                for h in range(len(self.entry))
            ]
        )
        found = float(
            np.linalg.norm(
                np.sqrt(np.array(self.rows, dtype=float))[:, None] * means * (sizes * counts), 2
            )
        )
        return max([found, *(abs(float(d)) * float(counts[g]) for g, d in self._contrasts())])

    def nonnegative_norm(self) -> float:
        """The bound on |Gamma h| over unit h >= 0 in floating point, proving nothing."""
        with flint().ctx.workprec(PRECISION):
            means, contrasts = self._kept_gram(Fraction(1))
            top = float(np.linalg.eigvalsh(_floats(means))[-1])
            return float(np.sqrt(max([top, *(float(x.mid()) for x in contrasts), 0.0])))

    def _contrasts(self) -> list[tuple[int, Fraction]]:
        if self.own is None:
            return []
        return [
            (g, self.own[g] - self.entry[g][g]) for g, m in enumerate(self.groups.sizes) if m > 1
        ]

    def _is_at_most(self, square: Fraction) -> bool:
        if any(d * d * self.groups.counts[g] > square for g, d in self._contrasts()):
            return False
        with flint().ctx.workprec(PRECISION):
            right = [
                (ball(m * n / square)).sqrt()
                for n, m in zip(self.groups.counts, self.groups.sizes, strict=True)
            ]
            left = [ball(m).sqrt() for m in self.rows]
            b = flint().arb_mat(
                [
                    [left[h] * ball(self.mean(h, g)) * right[g] for g in range(self.groups.number)]
                    for h in range(len(left))
                ]
            )
            if len(left) > self.groups.number:
                b = b.transpose()
            gram = b * b.transpose()
            return is_semidefinite(_identity(gram.nrows()) - gram)

    def _gram_is_at_most(self, square: Fraction) -> bool:
        with flint().ctx.workprec(PRECISION):
            means, contrasts = self._kept_gram(square)
            return all(x <= 1 for x in contrasts) and is_semidefinite(
                _identity(self.groups.number) - means
            )

    def _kept_gram(self, square: Fraction) -> tuple[Any, list[Any]]:
        """Q/square on group means, G x G, and on the contrasts within each group of two or more."""
        groups, number, arb, module = self.groups, self.groups.number, flint().arb, flint()
        e = module.arb_mat([[ball(x) for x in row] for row in self.entry])
        weighted = module.arb_mat(
            [[m * ball(x) for x in row] for m, row in zip(self.rows, self.entry, strict=True)]
        )
        plain = (e.transpose() * weighted).tolist()
        same = [plain[g][g] for g in range(number)]
        if self.own is not None:
            apart = [ball(self.own[g] - self.entry[g][g]) for g in range(number)]
            for g in range(number):
                same[g] = same[g] + ball(self.own[g] ** 2 - self.entry[g][g] ** 2)
                for f in range(
                    number
                ):  # in column g one row of group g is its own class, in column f one of group f
                    plain[g][f] = plain[g][f] + apart[g] * e[g, f] + apart[f] * e[f, g]
        root = [ball(n / square).sqrt() for n in groups.counts]
        sizes = [arb(m).sqrt() for m in groups.sizes]
        contrasts = []
        for g in range(number):
            for f in range(number):
                plain[g][f] = (root[g] * plain[g][f] * root[f]).max(arb(0))
            mine, m = same[g] * root[g] * root[g], groups.sizes[g]
            if m > 1:
                contrasts.append(mine - plain[g][g])
            plain[g][g] = (mine + (m - 1) * plain[g][g]) / m
        return module.arb_mat(
            [[sizes[g] * x * sizes[f] for f, x in enumerate(row)] for g, row in enumerate(plain)]
        ), contrasts


def groups_of(problem: ExactProblem) -> Groups:
    """Groups of classes that one-hot targets do not tell apart; given targets tell all apart."""
    keys: dict[Any, int] = {}
    member: list[int] = []
    first: list[int] = []
    for k, key in enumerate(zip(problem.counts, *problem.per_class, strict=True)):
        group = keys.setdefault(key if problem.one_hot else k, len(first))
        if group == len(first):
            first.append(k)
        member.append(group)
    sizes = [0] * len(first)
    for g in member:
        sizes[g] += 1
    return Groups(member, first, sizes, [problem.counts[k] for k in first])


def is_semidefinite(s: Any) -> bool:
    """Whether a symmetric matrix of balls is proved positive semidefinite.

    S = L L^T + E for the doubles L that an eigendecomposition in floating point proposes, less half of the least eigenvalue; E is
    enclosed in balls, and nonnegative by Gershgorin if each diagonal entry is at least the sum of its row's other entries.
    """
    size = s.nrows()
    middle = _floats(s)
    if not np.isfinite(middle).all():
        return False
    values, vectors = np.linalg.eigh((middle + middle.T) / 2)
    if not values[0] > 0:
        return False
    factor = vectors * np.sqrt(values - values[0] / 2)
    proposed = flint().arb_mat(size, size, factor.ravel().tolist())
    rest = (s - proposed * proposed.transpose()).entries()
    for i in range(size):
        row = rest[i * size : (i + 1) * size]
        others = sum([abs(x) for j, x in enumerate(row) if j != i])
        if not row[i] - others >= 0:
            return False
    return True


def _floats(matrix: Any) -> np.ndarray:
    """The midpoints."""
    return np.array([float(x.mid()) for x in matrix.entries()]).reshape(
        matrix.nrows(), matrix.ncols()
    )


def _identity(size: int) -> Any:
    return flint().arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])


def means_over_groups(matrix: np.ndarray, groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    """Averages of a K x K matrix over pairs of different classes of two groups, and over own classes."""
    member = np.array(groups.member)
    sizes = np.array(groups.sizes, dtype=float)
    indicator = np.zeros((member.size, groups.number))
    indicator[np.arange(member.size), member] = 1.0
    diagonal = indicator.T @ matrix.diagonal() / sizes
    sums = indicator.T @ (matrix - np.diag(matrix.diagonal())) @ indicator
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    return np.divide(sums, pairs, out=np.zeros_like(sums), where=pairs > 0), diagonal
