r"""Class states that are proved: which classes are active, merged or vanished at a global minimizer.

A class is vanished if its feature is zero, merged if it is not and another class has the same, else active.

Squared loss, bias none or free. A group of m classes of equal counts has equal modes: m without a bias, m - 1, its contrasts, with a
free one, of which the problem keeps so many that A is sigma P on them for the projection P to a subspace of dimension a. Every subspace
is as good where the rank cuts through equal modes; at an exact tie every dimension from 0 to a is. Class k has the feature P e_k, and
with a free bias a multiple of (1, ..., 1) on the group more, not zero iff a secular root lives, whose vector has no zero entry and none
that classes of different counts share. If v classes vanish, s are active and j are merged, in at most floor(j/2) sets of equals, then
the subspace consists of vectors that are constant on each of at most s + floor(j/2) sets (with sum zero for contrasts) and zero on the
v classes, and a generic subspace of these has no other equals. So for a >= 1

    (v, s, j) is possible  iff  j != 1,  a <= s + floor(j/2) - [bias free],  and v = 0 where a root lives;

for a = 0 all vanish, or where a root lives all merge (a single class is active).

One layer, convex, linear features. A group of two or more classes has contrasts iff n_g rho_g^2 > N^2 lambda_W lambda_H, where
rho_g = (1 - delta) s_g r_g (docs/theory/cross_entropy.md): active, otherwise merged or vanished. A class that vanishes has the logits
b. The terms that Fenchel duality drops cannot exceed the gap between the objective U of the point and the bound L, so at every minimizer

    cross-entropy   (n_k/N) KL(pi_k || softmax(u*_k)) <= U - L,        squared   n_k/(2N) |z*_k - y_k - N gamma_k|^2 <= U - L,
    regularized bias         (lambda_b/2) |b* + Gamma e/lambda_b|^2 <= U - L,

and where logits b contradict that, the class does not vanish. Nor does it where a product is not zero that vanishing makes zero:
W*^T Gamma*_k = 0 at a vanished class, that is (z*_j - z*_k) . Gamma*_k = 0 for every j; both factors are enclosed through
|sqrt(softmax) - sqrt(pi)|^2 <= KL, and constants in the logits drop out.
The minimizer is unique (as far as the loss sees it), so exchangeable classes have one state.
All classes vanish if the gradient at A = 0 has a norm below c. ReLU features (plain, no bias): class k vanishes iff
n_k (1 - delta)^2 (K-1) <= K N^2 lambda_W lambda_H.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import cache
from typing import Any

from .balls import Enclosure, ExactProblem, flint, total
from .dual import Dual, Exchangeable, Invariant, is_at_most
from .modes import Stand, TargetMode

ACTIVE, VANISHED, MERGED = STATES = ("active", "vanished", "merged")


class Judgement(Enum):
    """What is proved of one part of a claim."""

    PROVED = "right"
    DISPROVED = "wrong"
    OPEN = "not decided"
    OUTSIDE = "not covered"


Judged = tuple[Judgement, str]
GIVEN_TARGETS = (
    Judgement.OUTSIDE, "targets are given as a matrix, where no rule decides the states",
)  # fmt: skip
RELU = (Judgement.OUTSIDE, "no rule decides the states with these ReLU features")
BOTTLENECK = (Judgement.OUTSIDE, "no rule decides the states behind a bottleneck")
AT_THRESHOLD = (Judgement.OPEN, "a mode lies at its threshold to the largest precision")


def tally(states: Sequence[str]) -> str:
    """How many are active, vanished, merged, in words."""
    if len(states) == 1:
        return states[0]
    return ", ".join(f"{states.count(state)} {state}" for state in STATES if state in states)


def judged_as(state: str, possible: set[str]) -> Judged:
    """The verdict on a state where these are possible."""
    either = " or ".join(sorted(possible))
    if state not in possible:
        return Judgement.DISPROVED, f"a class said to be {state} is {either}"
    if len(possible) == 1:
        return Judgement.PROVED, ""
    return Judgement.OUTSIDE, f"no rule tells whether a class is {either}"


def spectral_states(
    problem: ExactProblem, modes: Sequence[TargetMode], claimed: Sequence[str]
) -> list[Judged]:
    """A verdict on the claimed state of every class, squared loss with bias none or free."""
    if not any(mode.kept and mode.stand is not Stand.ZERO for mode in modes):
        return [judged_as(state, {VANISHED}) for state in claimed]
    if not problem.one_hot or not problem.spectral:
        return [RELU if problem.one_hot else GIVEN_TARGETS] * len(claimed)
    groups = Exchangeable(problem)
    counts = [Enclosure.of(n).low for n in groups.counts]
    own = {mode.tau2.low: mode for mode in modes if mode.tau2.low == mode.tau2.high}
    moved = {False}
    if problem.free:  # secular roots lie strictly between the counts
        known = {id(own[n]) for n in {*counts} & own.keys()}
        roots = [mode.stand for mode in modes if mode.kept and id(mode) not in known]
        moved = {True, False} if Stand.TIE in roots else {False}
        if Stand.ALIVE in roots:
            moved = {True}
        elif Stand.UNDECIDED in roots:
            return [AT_THRESHOLD] * len(claimed)
    said = [[claimed[k] for k in classes] for classes in groups.members]
    ranks = [_ranks(own.get(n)) for n in counts]
    fits = max(  # it moves all groups or none
        (
            [possible(*group, problem.free, root) for group in zip(said, ranks, strict=True)]
            for root in moved
        ),
        key=sum,
    )
    judged = [(Judgement.PROVED, "")] * len(claimed)
    for g, classes in enumerate(groups.members):
        which = "a class" if len(classes) == 1 else f"{len(classes)} classes"
        why = f"{which} of {float(counts[g]):g} samples cannot be {tally(said[g])}"
        for k in classes if not fits[g] else ():
            judged[k] = (Judgement.DISPROVED, why)
    return judged


def _ranks(mode: TargetMode | None) -> set[int]:
    """The ranks that A can have on the modes of a group."""
    if mode is None or mode.stand is Stand.ZERO:
        return {0}
    return {mode.kept} if mode.stand is Stand.ALIVE else set(range(mode.kept + 1))


def possible(states: Sequence[str], ranks: set[int], free: bool, moved: bool) -> bool:
    """Whether a subspace of one of these dimensions gives the classes of a group these states."""
    size, (active, vanished, merged) = len(states), (states.count(state) for state in STATES)
    if merged == 1 or (moved and vanished):
        return False
    alike = (0, size) if size > 1 else (1, 0)
    if 0 in ranks and (active, merged) == (alike if moved else (0, 0)):
        return True
    return any(0 < rank <= active + merged // 2 - free for rank in ranks)


def convex_states(
    problem: ExactProblem, dual: Dual, gap: Any, claimed: Sequence[str]
) -> list[Judged]:
    """A verdict on the claimed state of every class at M = 1, from a dual point whose gap to the point is at most `gap`."""
    if not problem.one_hot:
        return [GIVEN_TARGETS] * len(claimed)
    if problem.relu:
        return _relu_states(problem, claimed)
    blind = 0 if problem.squared else 1  # multiples of 1/r, unseen, cost A one rank
    if problem.ufm.rank_limit < problem.ufm.classes - blind:
        return [BOTTLENECK] * len(claimed)
    if _all_vanish(problem):
        return [judged_as(state, {VANISHED}) for state in claimed]
    groups, near = dual.groups, _Near(dual, gap)
    square = problem.samples**2 * problem.decays[0] * problem.decays[1]
    _, label, rows = map(groups.of, problem.per_class)
    judged: list[Judged] = [(Judgement.PROVED, "")] * len(claimed)
    for g, classes in enumerate(groups.members):
        said, many = [claimed[k] for k in classes], len(classes) > 1
        rho = (1 - problem.smoothing) * label[g] * rows[g]
        if many and groups.counts[g] * rho**2 > square:
            states = {ACTIVE}
        else:
            states = {MERGED if many else ACTIVE}
            states |= set() if near.does_not_vanish(g) else {VANISHED}
        count = float(Enclosure.of(groups.counts[g]).low)
        why = f"{len(classes)} classes of {count:g} samples that nothing tells apart cannot be {tally(said)}"
        for k in classes:  # the minimizer is unique, so a permutation of a group does not move it
            apart = len(set(said)) > 1
            judged[k] = (Judgement.DISPROVED, why) if apart else judged_as(claimed[k], states)
    return judged


def _relu_states(problem: ExactProblem, claimed: Sequence[str]) -> list[Judged]:
    offset, label, rows = problem.per_class
    plain = all(x == 1 for x in (*label, *rows)) and len(set(offset)) == 1
    if problem.squared or problem.ufm.bias != "none" or not plain:
        return [RELU] * len(claimed)
    k = problem.ufm.classes
    limit = k * problem.samples**2 * problem.decays[0] * problem.decays[1]
    alive = [n * (1 - problem.smoothing) ** 2 * (k - 1) > limit for n in problem.counts]
    if problem.ufm.rank_limit < sum(alive):
        return [BOTTLENECK] * len(claimed)
    return [
        judged_as(state, {ACTIVE if lives else VANISHED})
        for state, lives in zip(claimed, alive, strict=True)
    ]


def _all_vanish(problem: ExactProblem) -> bool:
    """Whether the gradient at A = 0 with its best bias has a norm that is proved to be below c (where it is rational)."""
    groups = Exchangeable(problem)
    offset, label, rows = map(groups.of, problem.per_class)
    counts, classes, samples = groups.counts, groups.classes, problem.samples
    spread, kept = problem.smoothing / classes, 1 - problem.smoothing
    if problem.squared and problem.bias_decay is not None:
        share = [n / samples / (1 + problem.bias_decay) for n in counts]
    elif not problem.squared and problem.ufm.bias == "none" and len(set(offset)) == 1:
        share = [1 / flint().fmpq(classes)] * len(counts)
    elif not problem.squared and problem.free and len(set(label)) == 1:
        share = [spread + kept * n / samples for n in counts]  # softmax reaches the mean target
    else:
        return False
    arb = flint().arb
    entry = [
        [arb(s * r * (x - spread) / samples) for s in label]
        for r, x in zip(rows, share, strict=True)
    ]
    own = [
        arb(s * r * (x - spread - kept) / samples)
        for s, r, x in zip(label, rows, share, strict=True)
    ]
    square = problem.decays[0] * problem.decays[1] * (1 - flint().fmpq(1, 2**40))
    return is_at_most(Invariant(groups, entry, own).gram(square), 1)


class _Near:
    """What the gap between a point and a dual bound says of every minimizer."""

    def __init__(self, dual: Dual, gap: Any) -> None:
        self.dual, self.problem, self.groups = dual, dual.problem, dual.groups
        self.gap = flint().arb(gap.upper()).max(0)
        self.softmax = cache(self._softmax)

    def does_not_vanish(self, g: int) -> bool:
        """Whether a class of group g is proved not to vanish at any minimizer."""
        if self.problem.squared:
            return self._moves(g)
        if not self.problem.free and self._is_far_from_bias(g):
            return True
        return any(self._turns(g, f) for f in range(len(self.groups.sizes)) if f != g)

    def _softmax(self, column: int) -> list[tuple[Any, Any]]:
        """Enclosures of the softmax at every minimizer, for one other class of each group, and for the own class."""
        radius = (self.gap * self.problem.samples / self.groups.counts[column]).sqrt()
        own = _around((self.dual.own or [])[column], radius)
        return [(_around(row[column], radius), own) for row in self.dual.entry]

    def _moves(self, g: int) -> bool:
        """|y_k + N gamma_k + Gamma e/lambda_b|^2 > 2 (r_1^2 + r_2^2) >= (r_1 + r_2)^2 for the two radii."""
        decay, samples, own = self.problem.bias_decay, self.problem.samples, self.dual.own
        if decay is None or own is None:
            return False
        pulls = [x / decay for x in self.dual.gamma.along_counts]
        distance = (1 + samples * own[g] + pulls[g]) ** 2 + total(
            self.groups.others(h, g) * (samples * row[g] + pulls[h]) ** 2
            for h, row in enumerate(self.dual.entry)
        )
        return bool(distance > 2 * self.gap * (2 * samples / self.groups.counts[g] + 2 / decay))

    def _is_far_from_bias(self, g: int) -> bool:
        """Whether pi_k is further from the softmax of a vanished class than the gap allows."""
        decay, sizes = self.problem.bias_decay, self.groups.sizes
        u, label, rows = map(self.groups.of, self.problem.per_class)
        if decay is not None:
            around = flint().arb(0, (2 * self.gap / decay).sqrt().upper())
            bias = [around - x / decay for x in self.dual.gamma.along_counts]
            u = [x + label[g] * r * b for x, r, b in zip(u, rows, bias, strict=True)]
        u = [flint().arb(x) for x in u]
        normal = total(m * x.exp() for m, x in zip(sizes, u, strict=True)).log()
        agreement = (self.dual.own or [])[g] * u[g] + total(
            self.groups.others(h, g) * row[g] * u[h] for h, row in enumerate(self.dual.entry)
        )
        divergence = self.dual.entropies[g] + normal - agreement
        return bool(self.groups.counts[g] / self.problem.samples * divergence > self.gap)

    def _turns(self, g: int, f: int) -> bool:
        """Whether (z*_j - z*_k) . Gamma*_k is not zero for a class k of group g and one, j, of group f."""
        offset, label, _ = map(self.groups.of, self.problem.per_class)
        spread = self.problem.smoothing / self.groups.classes
        mine, theirs = self.softmax(g), self.softmax(f)
        terms = []
        for h, size in enumerate(self.groups.sizes):
            kinds = []  # (how many classes, softmax in column k, in column j, the target in column k)
            if h == g:
                kinds.append((1, mine[h][1], theirs[h][0], spread + 1 - self.problem.smoothing))
            if h == f:
                kinds.append((1, mine[h][0], theirs[h][1], spread))
            kinds.append((size - len(kinds), mine[h][0], theirs[h][0], spread))
            for many, s, t, target in kinds:
                if many and (s is None or t is None):
                    return False
                if many:
                    logits = (t.log() - offset[h]) / label[f] - (s.log() - offset[h]) / label[g]
                    terms.append(many * (s - target) * logits)
        return not total(terms).contains(0)


def _around(probability: Any, radius: Any) -> Any | None:
    """The ball of s with |sqrt(s) - sqrt(pi)| <= radius; None if it reaches zero."""
    root = probability.sqrt() + flint().arb(0, radius.upper())
    return root * root if root > 0 else None
