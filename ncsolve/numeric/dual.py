r"""One layer: a lower bound by Fenchel duality, from the gradient at the matrices that are to be certified.

With A = (Zbar - b 1^T) D^(1/2), e = sqrt(n), c^2 = lambda_W lambda_H the objective of any matrices is at least F(A + b e^T) +
c ||A||_* + (lambda_b/2) |b|^2 (docs/theory/certificates.md; a bottleneck and features H >= 0 only remove points). For every Gamma with
||Gamma||_op <= c (for H >= 0: |Gamma h| <= c over unit h >= 0), and Gamma e = 0 where the bias is free,

    objective  >=  L := -F*(Gamma) - |Gamma e|^2/(2 lambda_b)                 (the last term only for a regularized bias).

Gamma = gamma D^(1/2), invariant under permutations of exchangeable classes (below). At a minimizer the gradient of the data term is an
optimal Gamma; here it is taken at the logits of the matrices, averaged over exchangeable classes, and multiplied by the largest double
t in [0, 1] for which the norm is proved. Every entry is a real number that the matrices and t define, enclosed in a ball.

Cross-entropy: gamma_jk = s_k r_j (pi_jk - p_jk)/N for a softmax pi, and t gamma belongs to p + t (pi - p), which lies in the simplex,

    F*(Gamma) = sum_k (n_k/N) [ sum_j pi_jk log pi_jk - sum_j (pi_jk - p_jk) iota_j ].

Free bias: with the flow phi_jk = n_k s_k pi_jk from class k to class j, the rows of Gamma are orthogonal to sqrt(n) when what flows
into each class less what flows out is what the targets give. The excess of each group is sent to, or fetched from, the largest
group: flow is only added, and the balance holds by algebra; that no class sends more than all it has is checked.

Squared loss: gamma_k = (z_k - y_k)/N and F*(Gamma) = sum_k n_k [ gamma_k . y_k + (N/2) |gamma_k|^2 ].

The norm. Classes with the same count and the same parameters of the loss form a group; G groups of m_g classes with count n_g. A matrix
that permutations within groups leave as it is has one entry per pair of groups, gamma_hg (h a class of group h other than the column's
own), and one for the own class, own_g. So has Q = Gamma^T Gamma; its eigenvalues are those of the G x G matrix of group means
sqrt(m_g m_f) Q_gf, with (Q_kk + (m_g - 1) Q_gg)/m_g on the diagonal, and the contrasts Q_kk - Q_gg, m_g - 1 times.
||Gamma||_op <= c is proved without eigenvalues: floating point proposes a matrix L, and balls show that S = I - Q/c^2 is L L^T plus a
diagonally dominant matrix with a nonnegative diagonal, hence positive semidefinite. For features h >= 0 it is enough that this holds
for Q with its negative off-diagonal entries set to zero, from which max |Gamma h| over unit h >= 0 never gains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from operator import mul
from typing import TYPE_CHECKING, Any

import numpy as np

from .balls import ExactProblem, Undecided, flint, total
from .point import differences, logits

if TYPE_CHECKING:
    from ..problem.objective import Parameters

Balls = list[list[Any]]
Gram = tuple[Any, list[Any]]  # on group means, and on the contrasts within groups
MARGIN = 4 * 2.0**-53  # per group at first; an eigendecomposition of G groups errs by a few G ulps
TRIES = 12
OVERFLOW = 2**1023


class Exchangeable:
    """Groups of classes that one-hot targets do not tell apart; given targets tell all apart.

    Attributes
    ----------
    members : the classes of each group
    classes : K
    sizes, counts : m_g, n_g
    """

    def __init__(self, problem: ExactProblem) -> None:
        groups: dict[Any, list[int]] = {}
        for k, key in enumerate(zip(problem.counts, *problem.per_class, strict=True)):
            groups.setdefault(key if problem.one_hot else k, []).append(k)
        self.members = list(groups.values())
        self.classes = len(problem.counts)
        self.sizes = [len(classes) for classes in self.members]
        self.counts = [problem.counts[classes[0]] for classes in self.members]

    def of(self, numbers: list[Any]) -> list[Any]:
        """One number per class to one per group."""
        return [numbers[classes[0]] for classes in self.members]

    def others(self, h: int, g: int) -> int:
        """Classes of group h other than the own class of a column of group g."""
        return self.sizes[h] - (h == g)


@dataclass(frozen=True, eq=False)
class Invariant:
    """A matrix gamma that no permutation of exchangeable classes moves, before its columns are scaled by sqrt(n).

    Attributes
    ----------
    groups : Exchangeable, of the columns
    entry : gamma_hg, rows h
    own : own_g, or None where no row belongs to a class
    """

    groups: Exchangeable
    entry: Balls
    own: list[Any] | None

    @property
    def rows(self) -> list[int]:
        """How many rows each row stands for."""
        return [1] * len(self.entry) if self.own is None else self.groups.sizes

    @cached_property
    def along_counts(self) -> list[Any]:
        """Gamma e: per row, the sum over all classes k of n_k times the entry in column k."""
        counts, sizes = self.groups.counts, self.groups.sizes
        weights = [m * n for m, n in zip(sizes, counts, strict=True)]
        sums = [total(map(mul, weights, row)) for row in self.entry]
        for h, own in enumerate(self.own or ()):
            sums[h] += counts[h] * (own - self.entry[h][h])
        return sums

    def gram(self, square: Any, *, kept: bool = False) -> Gram:
        """Q/square on group means and contrasts; for `kept` with its negative off-diagonal entries set to zero."""
        arb, mat, sizes = flint().arb, flint().arb_mat, self.groups.sizes
        number, e = len(sizes), self.entry
        weighted = [[m * x for x in row] for m, row in zip(self.rows, e, strict=True)]
        q = (mat(e).transpose() * mat(weighted)).tolist()
        same = [q[g][g] for g in range(number)]
        if self.own is not None:
            apart = [own - e[g][g] for g, own in enumerate(self.own)]
            for g, own in enumerate(self.own):
                same[g] = same[g] + own**2 - e[g][g] ** 2
                for f in range(number):  # in column g one row of group g is its own class
                    q[g][f] = q[g][f] + apart[g] * e[g][f] + apart[f] * e[f][g]
        root, many = (
            [arb(n / square).sqrt() for n in self.groups.counts],
            [arb(m).sqrt() for m in sizes],
        )
        contrasts = []
        for g, m in enumerate(sizes):
            for f in range(number):
                q[g][f] = root[g] * (q[g][f].max(0) if kept else q[g][f]) * root[f]
            mine = same[g] * root[g] ** 2
            if m > 1:
                contrasts.append(mine - q[g][g])
            q[g][g] = (mine + (m - 1) * q[g][g]) / m
        means = [[many[g] * x * many[f] for f, x in enumerate(row)] for g, row in enumerate(q)]
        return mat(means), contrasts


def norm(gram: Gram) -> float:
    """The square root of the largest eigenvalue in floating point, proving nothing."""
    top = np.linalg.eigvalsh(_floats(gram[0]))[-1]
    return math.sqrt(max(top, *(float(x.mid()) for x in gram[1]), 0.0))


def is_at_most(gram: Gram, square: Any) -> bool:
    """Whether it is proved that no eigenvalue exceeds the square."""
    means, contrasts = gram
    size = means.nrows()
    identity = flint().arb_mat(size, size, [i == j for i in range(size) for j in range(size)])
    return all(x <= square for x in contrasts) and is_semidefinite(
        identity - means * (1 / flint().arb(square))
    )


def is_semidefinite(s: Any) -> bool:
    """Whether a symmetric matrix of balls is proved positive semidefinite.

    S = L L^T + E for the doubles L that an eigendecomposition in floating point proposes, less half of the least eigenvalue; E is
    enclosed in balls, and nonnegative by Gershgorin if each diagonal entry is at least the sum of its row's other entries.
    """
    size, middle = s.nrows(), _floats(s)
    if not np.isfinite(middle).all():
        return False
    values, vectors = np.linalg.eigh((middle + middle.T) / 2)
    if not values[0] > 0:
        return False
    factor = vectors * np.sqrt(values - values[0] / 2)
    proposed = flint().arb_mat(size, size, factor.ravel().tolist())
    for i, row in enumerate((s - proposed * proposed.transpose()).tolist()):
        if not row[i] - total(abs(x) for j, x in enumerate(row) if j != i) >= 0:
            return False
    return True


def _floats(s: Any) -> Any:
    return np.array([float(x.mid()) for x in s.entries()]).reshape(s.nrows(), s.ncols())


@dataclass(frozen=True, eq=False)
class Dual:
    """Gamma of a problem with M = 1.

    Attributes
    ----------
    problem : ExactProblem
    groups : Exchangeable
    entry : per pair of groups the probability pi_hg of a class of group h other than the own one; for squared loss gamma_hg
    own : the same of the own class; None for given targets
    """

    problem: ExactProblem
    groups: Exchangeable
    entry: Balls
    own: list[Any] | None = None

    @staticmethod
    def at(problem: ExactProblem, point: Parameters) -> Dual:
        """The gradient at the matrices."""
        groups, columns = Exchangeable(problem), _gradient(problem, point)
        if not problem.one_hot:
            return Dual(problem, groups, [list(row) for row in zip(*columns, strict=True)])
        own = [total(columns[k][k] for k in ks) / len(ks) for ks in groups.members]
        entry = [
            [
                total(columns[k][j] for k in ks for j in js if j != k)
                / (len(ks) * groups.others(h, g) or 1)
                for g, ks in enumerate(groups.members)
            ]
            for h, js in enumerate(groups.members)
        ]
        found = Dual(problem, groups, entry, own)
        return found._balanced() if problem.free and not problem.squared else found

    def _balanced(self) -> Dual:
        """Flow added until every row is orthogonal to sqrt(n)."""
        groups, sizes = self.groups, self.groups.sizes
        entry, own = [list(row) for row in self.entry], list(self.own or [])
        label = groups.of(self.problem.per_class[1])
        sent = list(map(mul, groups.counts, label))  # a class of group g sends sent_g pi
        hub = max(range(len(sizes)), key=lambda g: sizes[g] * groups.counts[g])
        everything = sum(map(mul, sizes, sent))
        for g in {*range(len(sizes))} - {hub}:
            flows = (
                sent[h] * self.entry[g][h] - sent[g] * self.entry[h][g] for h in range(len(sizes))
            )
            excess = total(map(mul, sizes, flows))
            excess -= self._spread * (everything - groups.classes * sent[g])
            # what a class of g has too much of goes to the classes of the hub, and the other way round
            for to, start, flow in ((hub, g, excess.max(0)), (g, hub, (-excess).max(0))):
                entry[to][start] += flow / (sizes[hub] * sent[start])
                own[start] -= sizes[to] * flow / (sizes[hub] * sent[start])
        return replace(self, entry=entry, own=own)

    def times(self, t: float) -> Dual:
        """T Gamma: probabilities move towards the targets."""
        there = 0 if self.problem.squared else 1 - flint().arb(t)
        end, mine = there * self._spread, there * (self._spread + 1 - self.problem.smoothing)
        own = None if self.own is None else [mine + t * x for x in self.own]
        return replace(self, entry=[[end + t * x for x in row] for row in self.entry], own=own)

    @cached_property
    def norm(self) -> float:
        """||Gamma||/c, in floating point."""
        return min(map(norm, self._grams))

    def scale(self, given: float | None = None) -> float:
        """The given t, or the largest of floating point, for which t Gamma is proved to be feasible."""
        most, margin = 1.0, MARGIN * len(self.groups.sizes)
        least = min((float(x.mid()) for x in self.own or ()), default=1.0)
        if not self.problem.squared and least < 1e-12 and self.problem.free:
            mine = float(flint().arb(1 + self._spread - self.problem.smoothing))
            most = mine / (mine - least) * (1.0 - 1e-12)
        for _ in range(TRIES if given is None else 1):
            fits = min(most, (1.0 - margin) / self.norm) if self.norm > 0 else most
            t = fits if given is None else given
            if self.is_feasible(t):
                return t
            margin *= 4.0
        raise Undecided("the norm of a dual point")

    def is_feasible(self, t: float) -> bool:
        """Whether every condition on t Gamma is proved."""
        within = self.problem.squared or all(x >= 0 for x in self.times(t).own or ())
        if not (0 <= t <= 1 and within):
            return False
        return t == 0 or any(is_at_most(gram, 1 / flint().arb(t) ** 2) for gram in self._grams)

    @cached_property
    def _grams(self) -> list[Gram]:
        square = self.problem.decays[0] * self.problem.decays[1]
        kinds = (False, True) if self.problem.relu else (False,)
        return [self.gamma.gram(square, kept=kept) for kept in kinds]

    @property
    def _spread(self) -> Any:
        return self.problem.smoothing / self.groups.classes

    @cached_property
    def missed(self) -> list[Any]:
        """The probabilities of all classes but the own one, per group of columns."""
        return [
            total(self.groups.others(h, g) * row[g] for h, row in enumerate(self.entry))
            for g in range(len(self.groups.sizes))
        ]

    @cached_property
    def _own_pull(self) -> list[Any]:
        """Pi - p of the own class: minus the sum over all others."""
        return [self._spread * (self.groups.classes - 1) - missed for missed in self.missed]

    @cached_property
    def gamma(self) -> Invariant:
        """Gamma D^(-1/2)."""
        if self.problem.squared:
            return Invariant(self.groups, self.entry, self.own)
        _, label, scale = map(self.groups.of, self.problem.per_class)
        unit = [[r * s / self.problem.samples for s in label] for r in scale]
        entry = [
            [unit[h][g] * (x - self._spread) for g, x in enumerate(row)]
            for h, row in enumerate(self.entry)
        ]
        own = [unit[g][g] * x for g, x in enumerate(self._own_pull)]
        return Invariant(self.groups, entry, own)

    @cached_property
    def entropies(self) -> list[Any]:
        """sum_j pi_j log pi_j per group of columns."""
        found = []
        for g, (own, missed) in enumerate(zip(self.own or (), self.missed, strict=True)):
            near = own > 0.5  # log1p keeps the digits of 1 - x
            mine = own * (-missed).log1p() if near else _x_log_x(own)
            others = [
                self.groups.others(h, g) * _x_log_x(row[g]) for h, row in enumerate(self.entry)
            ]
            found.append(mine + total(others))
        return found

    def bound(self) -> Any:
        """L."""
        known = flint().arb(0)
        if (decay := self.problem.bias_decay) is not None:
            pairs = zip(self.gamma.rows, self.gamma.along_counts, strict=True)
            known -= total(m * x * x for m, x in pairs) / (2 * decay)
        if self.problem.squared:
            return known - self._squared_conjugate()
        weights = map(mul, self.groups.sizes, self.groups.counts)
        gains = zip(weights, self._offset_gains, self.entropies, strict=True)
        gained = total(weight * (gain - entropy) for weight, gain, entropy in gains)
        return known + gained / self.problem.samples

    @property
    def _offset_gains(self) -> list[Any]:
        """sum_j (pi_j - p_j) iota_j per group of columns."""
        offset = self.groups.of(self.problem.per_class[0])
        return [
            own * offset[g]
            + total(
                self.groups.others(h, g) * (row[g] - self._spread) * offset[h]
                for h, row in enumerate(self.entry)
            )
            for g, own in enumerate(self._own_pull)
        ]

    def _squared_conjugate(self) -> Any:
        terms, half = [], self.problem.samples / 2
        for g, (m, n) in enumerate(zip(self.groups.sizes, self.groups.counts, strict=True)):
            column = [row[g] for row in self.entry]
            if self.own is not None:
                squares = total(self.groups.others(h, g) * x**2 for h, x in enumerate(column))
                terms.append(m * n * (self.own[g] + half * (squares + self.own[g] ** 2)))
            else:
                pairs = zip(column, self.problem.targets, strict=True)
                terms.append(n * total(x * (y[g] + half * x) for x, y in pairs))
        return total(terms)


def _gradient(problem: ExactProblem, point: Parameters) -> Balls:
    """Per class the gradient of squared loss over n_k, or the softmax."""
    if not problem.squared:
        return [_softmax(apart) for apart in differences(problem, point)]
    rows, classes = logits(point), range(len(problem.counts))
    columns = []
    for k in classes:
        y = [j == k for j in classes] if problem.one_hot else [row[k] for row in problem.targets]
        off = zip(rows, point.bias.tolist(), y, strict=True)
        columns.append(
            [(row.get(k, 0) + flint().arb(b) - t) / problem.samples for row, b, t in off]
        )
        if not all(abs(x) < OVERFLOW for x in columns[-1]):
            raise Undecided("the gradient at the matrices, whose logits overflow,")
    return columns


def _softmax(apart: list[Any]) -> list[Any]:
    odds = [x.exp() for x in apart]
    everything = total(odds)
    if not everything.is_finite():
        raise Undecided("the gradient at the matrices, whose logits overflow,")
    return [x / everything for x in odds]


def _x_log_x(x: Any) -> Any:
    """For a number x >= 0, also where its ball reaches below zero; the function falls up to 1/e."""
    if x > 0:
        return x * x.log()
    if x.is_zero():
        return x
    end, arb = x.upper(), flint().arb
    return (end * end.log()).union(arb(0)) if end < 0.25 else arb("nan")
