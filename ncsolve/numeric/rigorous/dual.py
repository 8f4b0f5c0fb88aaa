r"""One layer: a lower bound by Fenchel duality from a dual point that is given exactly.

With A = (Zbar - b 1^T) D^(1/2), e = sqrt(n), c^2 = lambda_W lambda_H the objective of any matrices is at least F(A + b e^T) +
c ||A||_* + (lambda_b/2) |b|^2 (docs/theory/certificates.md; a bottleneck and features H >= 0 only remove points). For every Gamma with
||Gamma||_op <= c (for H >= 0: |Gamma h| <= c over unit h >= 0), and Gamma e = 0 where the bias is free,

    objective  >=  L := -F*(Gamma) - |Gamma e|^2/(2 lambda_b)                 (the last term only for a regularized bias).

Gamma = gamma D^(1/2) with gamma of exact rationals, invariant under permutations of exchangeable classes (blocks.py).

Cross-entropy: gamma_jk = s_k r_j (pi_jk - p_jk)/N for probabilities pi; p_jk = delta/K, 1 - delta more for the own class. pi is
stored for the other classes; the own class has what is left, so pi lies in the simplex exactly once every entry is nonnegative. Then

    F*(Gamma) = sum_k (n_k/N) [ sum_j pi_jk log pi_jk - sum_j (pi_jk - p_jk) iota_j ],

where only the entropies are irrational: each is enclosed in a cell of 128 bits. Squared loss, a rational:
F*(Gamma) = sum_k n_k [ gamma_k . y_k + (N/2) |gamma_k|^2 ].
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .balls import ball, bounds, flint
from .blocks import Block, Groups, groups_of
from .enclosure import Enclosure, ceil_to, cell, floor_to, is_cell, number_of, text_of
from .rejected import Rejected, Undecided

if TYPE_CHECKING:
    from .exact import ExactProblem

BITS = 64  # of the bound
ENTROPY_BITS = 128
PRECISION = (192, 384, 768)


@dataclass(frozen=True, eq=False)
class Dual:
    """A dual point of a problem with M = 1.

    Attributes
    ----------
    problem : ExactProblem
    groups : Groups
    entry : per pair of groups; probabilities pi_hg of a class of group h other than the own one, for squared loss gamma_hg
    own : gamma of the own class for squared loss to one-hot targets, else None
    """

    problem: ExactProblem
    groups: Groups
    entry: list[list[Fraction]]
    own: list[Fraction] | None = None

    @cached_property
    def missed(self) -> list[Fraction]:
        """The probabilities of all classes but the own one, per group of columns."""
        return [
            sum(
                (self.groups.others(h, g) * row[g] for h, row in enumerate(self.entry)), Fraction(0)
            )
            for g in self._columns
        ]

    @cached_property
    def gamma(self) -> Block:
        """Gamma D^(-1/2)."""
        if self.problem.squared:
            return Block(
                self.entry,
                self.own,
                self.groups.sizes if self.own is not None else [1] * len(self.entry),
                self.groups,
            )
        _, label, rows = self._per_group
        spread, samples = self.problem.smoothing / len(self.groups.member), self.problem.samples
        entry = [
            [
                s * r * (x - spread) / samples if self.groups.others(h, g) else Fraction(0)
                for g, (s, x) in enumerate(zip(label, row, strict=True))
            ]
            for h, (r, row) in enumerate(zip(rows, self.entry, strict=True))
        ]
        own = [label[g] * rows[g] * self._own_pull(g) / samples for g in self._columns]
        return Block(entry, own, self.groups.sizes, self.groups)

    def check(self, what: str = "dual point") -> None:
        """Raise Rejected unless every condition on Gamma is proved."""
        if not self.problem.squared and not all(x >= 0 for row in self.entry for x in row):
            raise Rejected(f"{what}: a probability is negative")
        if not self.problem.squared and not all(x <= 1 for x in self.missed):
            raise Rejected(f"{what}: probabilities of a class sum to more than 1")
        if self.problem.ufm.bias == "free" and any(self.gamma.total()):
            raise Rejected(f"{what}: a row is not orthogonal to sqrt(n), which a free bias needs")
        square = self.problem.weight_decay[0] * self.problem.feature_decay
        if not self.gamma.is_at_most(square, nonnegative=self.problem.ufm.features == "relu"):
            raise Rejected(f"{what}: its norm is not proved to be at most c")

    @cached_property
    def entropies(self) -> list[Enclosure]:
        """sum_j pi_j log pi_j per group of columns, in a cell each; none for squared loss."""
        return [] if self.problem.squared else [self._entropy(g, None) for g in self._columns]

    def check_entropies(self, stored: list[Enclosure]) -> None:
        """Raise Rejected unless each is the cell that holds it."""
        if len(stored) != (0 if self.problem.squared else self.groups.number):
            raise Rejected("entropies: one per group is needed")
        for g, enclosure in enumerate(stored):
            if self._entropy(g, enclosure) != enclosure:
                raise Rejected(
                    f"entropy {g}: it does not lie in the stored cell of {ENTROPY_BITS} bits"
                )

    def bound(self, entropies: list[Enclosure]) -> Enclosure:
        """L, its ends rounded outwards to 64 bits."""
        known = -self._bias_cost()
        if self.problem.squared:
            exact = known - self._squared_conjugate()
            return Enclosure(floor_to(exact, BITS), ceil_to(exact, BITS))
        low = high = known
        for g in self._columns:
            share = self._share(g)
            low += share * (self._offset_gain(g) - entropies[g].high)
            high += share * (self._offset_gain(g) - entropies[g].low)
        return Enclosure(floor_to(low, BITS), ceil_to(high, BITS))

    def to_list(self) -> list[list[str]]:
        """The entries as exact text."""
        return [[text_of(x) for x in row] for row in self.entry]

    @staticmethod
    def from_stored(problem: ExactProblem, entry: object, own: object) -> Dual:
        """Read the entries back."""
        groups = groups_of(problem)
        rows = groups.number if problem.one_hot else problem.ufm.outputs
        if (
            not isinstance(entry, list)
            or len(entry) != rows
            or not all(isinstance(x, list) and len(x) == groups.number for x in entry)
        ):
            raise Rejected(f"dual point: {rows} x {groups.number} entries are needed")
        found = [[number_of(x, "dual point") for x in row] for row in entry]
        mine = None
        if problem.squared and problem.one_hot:
            if not isinstance(own, list) or len(own) != groups.number:
                raise Rejected("dual point: an entry per own class is needed")
            mine = [number_of(x, "dual point") for x in own]
        elif own is not None:
            raise Rejected("dual point: own entries belong to squared loss to one-hot targets")
        if problem.one_hot and any(
            not groups.others(g, g) and found[g][g] for g in range(groups.number)
        ):
            raise Rejected("dual point: an entry stands for no class and is not zero")
        return Dual(problem, groups, found, mine)

    @property
    def _columns(self) -> range:
        return range(self.groups.number)

    @cached_property
    def _per_group(self) -> tuple[list[Fraction], ...]:
        return tuple([numbers[k] for k in self.groups.first] for numbers in self.problem.per_class)

    def _share(self, g: int) -> Fraction:
        return self.groups.sizes[g] * self.groups.counts[g] / self.problem.samples

    def _own_pull(self, g: int) -> Fraction:
        """Pi - p of the own class: minus the sum over all others."""
        spread, classes = self.problem.smoothing / len(self.groups.member), len(self.groups.member)
        return spread * (classes - 1) - self.missed[g]

    def _offset_gain(self, g: int) -> Fraction:
        """sum_j (pi_j - p_j) iota_j in a column of group g."""
        offset = self._per_group[0]
        if not any(offset):
            return Fraction(0)
        spread = self.problem.smoothing / len(self.groups.member)
        others = sum(
            (
                self.groups.others(h, g) * (row[g] - spread) * offset[h]
                for h, row in enumerate(self.entry)
            ),
            Fraction(0),
        )
        return others + self._own_pull(g) * offset[g]

    def _entropy(self, g: int, stored: Enclosure | None) -> Enclosure:
        """The cell of the entropy, or `stored` itself where it is proved to be that cell."""
        for precision in PRECISION:
            with flint().ctx.workprec(precision):
                total = _x_log_x(1 - self.missed[g])
                for h, row in enumerate(self.entry):
                    if self.groups.others(h, g) and row[g]:
                        total += self.groups.others(h, g) * _x_log_x(row[g])
                found = bounds(total)
            if found is None:
                break
            if stored is not None and is_cell(stored, *found, ENTROPY_BITS):
                return stored
            made = cell(*found, ENTROPY_BITS)
            if made is not None:
                return made
        raise Undecided("an entropy of the dual point")

    def _bias_cost(self) -> Fraction:
        decay = self.problem.bias_decay
        if decay is None:
            return Fraction(0)
        rows = self.gamma.rows
        return sum(
            (m * x * x for m, x in zip(rows, self.gamma.total(), strict=True)), Fraction(0)
        ) / (2 * decay)

    def _squared_conjugate(self) -> Fraction:
        total, half = Fraction(0), self.problem.samples / 2
        for g in self._columns:
            weight = self.groups.sizes[g] * self.groups.counts[g]
            if self.own is not None:
                squares = self.own[g] ** 2 + sum(
                    (self.groups.others(h, g) * row[g] ** 2 for h, row in enumerate(self.entry)),
                    Fraction(0),
                )
                total += weight * (self.own[g] + half * squares)
            else:
                y = self.problem.targets
                total += weight * sum(
                    (row[g] * (y[j][g] + half * row[g]) for j, row in enumerate(self.entry)),
                    Fraction(0),
                )
        return total


def _x_log_x(x: Fraction) -> Any:
    if x == 0:
        return flint().arb(0)
    if 2 * x > 1:  # log1p keeps the digits of 1 - x
        return ball(x) * ball(x - 1).log1p()
    return ball(x) * ball(x).log()
