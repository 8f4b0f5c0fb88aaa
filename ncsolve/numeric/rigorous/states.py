r"""Class states that are proved: which classes are active, merged or vanished at a global minimizer.

A class is vanished if its feature is zero, merged if it is not and another class has the same, else active. Squared loss with bias
none or free: subspaces.py.

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

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

from .balls import ball, flint
from .blocks import Block, groups_of
from .judgement import Verdict

if TYPE_CHECKING:
    from .dual import Dual
    from .exact import ExactProblem

ACTIVE, VANISHED, MERGED = STATES = ("active", "vanished", "merged")
PRECISION = 128
STRICTLY = 1 - Fraction(1, 2**40)
Softmax = Callable[[int], list[tuple[Any, Any]]]
Judged = tuple[Verdict, str]
GIVEN_TARGETS = (Verdict.OUTSIDE, "targets are given as a matrix, where no rule decides the states")
RELU = (Verdict.OUTSIDE, "no rule decides the states with these ReLU features")
BOTTLENECK = (Verdict.OUTSIDE, "no rule decides the states behind a bottleneck")


def tally(states: Sequence[str]) -> str:
    """How many are active, vanished, merged, in words."""
    number = {state: states.count(state) for state in STATES if state in states}
    return (
        next(iter(number))
        if len(states) == 1
        else ", ".join(f"{times} {state}" for state, times in number.items())
    )


def convex_states(
    problem: ExactProblem, dual: Dual, gap: Fraction, claimed: Sequence[str]
) -> list[Judged]:
    """A verdict on the claimed state of every class at M = 1, from a dual point whose gap to the point is at most `gap`."""
    if not problem.one_hot:
        return [GIVEN_TARGETS] * len(claimed)
    if problem.ufm.features == "relu":
        return _relu_states(problem, claimed)
    blind = (
        0 if problem.squared else 1
    )  # cross-entropy does not see multiples of 1/r, which costs A one rank
    if problem.ufm.rank_limit < problem.ufm.classes - blind:
        return [BOTTLENECK] * len(claimed)
    if _all_vanish(problem):
        return [judged_as(state, {VANISHED}) for state in claimed]
    groups = dual.groups
    square = problem.samples**2 * problem.weight_decay[0] * problem.feature_decay
    label, rows = problem.per_class[1:]
    softmax = _enclosed_softmax(dual, gap)
    possible: list[set[str]] = []
    for g, k in enumerate(groups.first):
        rho = (1 - problem.smoothing) * label[k] * rows[k]
        if groups.sizes[g] > 1 and groups.counts[g] * rho**2 > square:
            possible.append({ACTIVE})
        else:
            states = {MERGED if groups.sizes[g] > 1 else ACTIVE}
            possible.append(
                states if _does_not_vanish(dual, g, gap, softmax) else states | {VANISHED}
            )
    judged = [judged_as(state, possible[groups.member[k]]) for k, state in enumerate(claimed)]
    for g, classes in enumerate(
        groups.members
    ):  # the minimizer is unique, so a permutation of a group does not move it
        said = [claimed[k] for k in classes]
        if len(set(said)) > 1:
            why = f"{len(classes)} classes of {float(groups.counts[g]):g} samples that nothing tells apart cannot be {tally(said)}"
            for k in classes:
                judged[k] = (Verdict.DISPROVED, why)
    return judged


def judged_as(state: str, possible: set[str]) -> Judged:
    """The verdict on a state where these are possible."""
    either = " or ".join(sorted(possible))
    if state not in possible:
        return Verdict.DISPROVED, f"a class said to be {state} is {either}"
    return (
        (Verdict.PROVED, "")
        if len(possible) == 1
        else (Verdict.OUTSIDE, f"no rule tells whether a class is {either}")
    )


def _relu_states(problem: ExactProblem, claimed: Sequence[str]) -> list[Judged]:
    if (
        problem.squared
        or problem.ufm.bias != "none"
        or any(map(any, ((x - y for x in numbers) for numbers, y in _plain(problem))))
    ):
        return [RELU] * len(claimed)
    k = problem.ufm.classes
    limit = k * problem.samples**2 * problem.weight_decay[0] * problem.feature_decay
    alive = [n * (1 - problem.smoothing) ** 2 * (k - 1) > limit for n in problem.counts]
    if problem.ufm.rank_limit < sum(alive):
        return [BOTTLENECK] * len(claimed)
    return [
        judged_as(state, {ACTIVE if lives else VANISHED})
        for state, lives in zip(claimed, alive, strict=True)
    ]


def _plain(problem: ExactProblem) -> list[tuple[list[Fraction], Fraction]]:
    """The parameters of the loss with what they are in plain cross-entropy; equal offsets are none."""
    offset, label, rows = problem.per_class
    return [(offset, offset[0]), (label, Fraction(1)), (rows, Fraction(1))]


def _all_vanish(problem: ExactProblem) -> bool:
    """Whether the gradient at A = 0 with its best bias has a norm that is proved to be below c (where it is rational)."""
    groups = groups_of(problem)
    offset, label, rows = ([numbers[k] for k in groups.first] for numbers in problem.per_class)
    number, classes, samples = groups.number, len(groups.member), problem.samples
    if problem.squared:
        decay = problem.bias_decay
        if decay is None:
            return False
        b = [n / samples / (1 + decay) for n in groups.counts]
        entry = [[x / samples for _ in range(number)] for x in b]
        own = [(x - 1) / samples for x in b]
    else:
        spread = problem.smoothing / classes
        if problem.ufm.bias == "none" and not any(x - offset[0] for x in offset):
            share = [Fraction(1, classes)] * number
        elif problem.ufm.bias == "free" and all(
            s == label[0] for s in label
        ):  # softmax reaches the mean target
            share = [spread + (1 - problem.smoothing) * n / samples for n in groups.counts]
        else:
            return False
        entry = [
            [s * r * (x - spread) / samples for s in label]
            for r, x in zip(rows, share, strict=True)
        ]
        own = [
            s * r * (x - spread - 1 + problem.smoothing) / samples
            for s, r, x in zip(label, rows, share, strict=True)
        ]
    square = problem.weight_decay[0] * problem.feature_decay * STRICTLY
    return Block(entry, own, groups.sizes, groups).is_at_most(square)


def _enclosed_softmax(dual: Dual, gap: Fraction) -> Softmax:
    """Per column: enclosures of the softmax at every minimizer, for one other class of each group, and for the own class."""

    @cache
    def softmax(column: int) -> list[tuple[Any, Any]]:
        radius = ball(gap * dual.problem.samples / dual.groups.counts[column]).sqrt()
        own = _around(1 - dual.missed[column], radius)
        return [(_around(row[column], radius), own) for row in dual.entry]

    return softmax


def _does_not_vanish(dual: Dual, g: int, gap: Fraction, softmax: Softmax) -> bool:
    """Whether a class of group g is proved not to vanish at any minimizer."""
    problem = dual.problem
    if problem.squared:
        return _squared_moves(dual, g, gap)
    with flint().ctx.workprec(PRECISION):
        if problem.ufm.bias != "free" and _is_far_from_bias(dual, g, gap):
            return True
        return any(_turns(dual, g, f, softmax) for f in range(dual.groups.number) if f != g)


def _squared_moves(dual: Dual, g: int, gap: Fraction) -> bool:
    """|y_k + N gamma_k + Gamma e/lambda_b|^2 > 2 (r_1^2 + r_2^2) >= (r_1 + r_2)^2 for the two radii."""
    problem, groups = dual.problem, dual.groups
    if problem.bias_decay is None or dual.own is None:
        return False
    samples, total = problem.samples, dual.gamma.total()
    pulls = [x / problem.bias_decay for x in total]
    distance = (1 + samples * dual.own[g] + pulls[g]) ** 2 + sum(
        (
            groups.others(h, g) * (samples * row[g] + pulls[h]) ** 2
            for h, row in enumerate(dual.entry)
        ),
        Fraction(0),
    )
    return distance > 2 * gap * (2 * samples / groups.counts[g] + 2 / problem.bias_decay)


def _is_far_from_bias(dual: Dual, g: int, gap: Fraction) -> bool:
    """Whether pi_k is further from the softmax of a vanished class than the gap allows."""
    problem, groups = dual.problem, dual.groups
    offset, label, rows = (
        [ball(numbers[k]) for k in groups.first] for numbers in problem.per_class
    )
    u = offset
    if problem.bias_decay is not None:
        radius = (2 * ball(gap / problem.bias_decay)).sqrt().upper()
        around = flint().arb(0, radius)
        bias = [around - ball(x / problem.bias_decay) for x in dual.gamma.total()]
        u = [x + label[g] * r * b for x, r, b in zip(offset, rows, bias, strict=True)]
    normal = sum([m * x.exp() for m, x in zip(groups.sizes, u, strict=True)]).log()
    entropy = dual.entropies[g]
    agreement = ball(1 - dual.missed[g]) * u[g]
    for h, row in enumerate(dual.entry):
        agreement += groups.others(h, g) * ball(row[g]) * u[h]
    divergence = ball(entropy.low) + normal - agreement
    return bool(ball(groups.counts[g] / problem.samples) * divergence > ball(gap))


def _turns(dual: Dual, g: int, f: int, softmax: Softmax) -> bool:
    """Whether (z*_j - z*_k) . Gamma*_k is not zero for a class k of group g and one, j, of group f."""
    problem, groups = dual.problem, dual.groups
    offset, label, _ = ([ball(numbers[k]) for k in groups.first] for numbers in problem.per_class)
    spread = problem.smoothing / len(groups.member)
    mine, theirs = softmax(g), softmax(f)
    total = flint().arb(0)
    for h in range(groups.number):
        kinds = []  # (how many classes, softmax in column k, in column j, the target in column k)
        if h == g:
            kinds.append((1, mine[h][1], theirs[h][0], spread + 1 - problem.smoothing))
        if h == f:
            kinds.append((1, mine[h][0], theirs[h][1], spread))
        kinds.append((groups.sizes[h] - len(kinds), mine[h][0], theirs[h][0], spread))
        for many, s, t, target in kinds:
            if not many:
                continue
            if s is None or t is None:
                return False
            total += (
                many
                * (s - ball(target))
                * ((t.log() - offset[h]) / label[f] - (s.log() - offset[h]) / label[g])
            )
    return bool(total > 0 or total < 0)


def _around(probability: Fraction, radius: Any) -> Any | None:
    """The ball of s with |sqrt(s) - sqrt(pi)| <= radius; None if it reaches zero."""
    root = ball(probability).sqrt() + flint().arb(0, radius.upper())
    return root * root if root > 0 else None
