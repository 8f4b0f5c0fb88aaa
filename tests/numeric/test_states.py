"""Class states: subspaces of equal modes against an enumeration, states that a minimizer has and states that none has."""

from itertools import combinations, product

import numpy as np
import pytest
from support.proofs import PROBLEMS, claim, judged, verdicts

import ncsolve
from ncsolve import Outcome
from ncsolve.numeric.balls import PRECISION, ExactProblem, flint
from ncsolve.numeric.dual import Dual, Exchangeable
from ncsolve.numeric.states import Judgement, convex_states, possible
from ncsolve.proof import Claimed, certify_rigorously

A, V, M = "active", "vanished", "merged"


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_wrong_class_state_is_disproved_wherever_the_right_one_is_proved(name):
    prediction = ncsolve.predict(PROBLEMS[name])
    states = prediction.classes.state.tolist()
    for k in range(len(states)):
        for wrong in {"active", "vanished", "merged"} - {states[k]}:
            changed = (*states[:k], wrong, *states[k + 1 :])
            found = certify_rigorously(prediction.ufm, claim(prediction, states=changed))
            assert verdicts(found)["class states"] is (
                Judgement.OUTSIDE if name == "targets" else Judgement.DISPROVED
            )


@pytest.mark.parametrize("bias", ["none", "free"])
def test_where_the_rank_cuts_through_equal_modes_any_choice_of_members_stands(bias):
    ufm = ncsolve.UFM([200, 100, 50, 50, 50], depth=2, width=3, bias=bias)
    prediction = ncsolve.predict(ufm)
    assert not prediction.unique
    assert ncsolve.certify(prediction, rigorous=True).outcome is Outcome.PROVED
    # a rotation of the cut modes moves all
    turned = certify_rigorously(ufm, claim(prediction, states=("active",) * 5))
    assert verdicts(turned)["class states"] is not Judgement.DISPROVED
    wrong = certify_rigorously(
        ufm,
        claim(prediction, states=("active", "vanished", *prediction.classes.state[2:].tolist())),
    )
    assert verdicts(wrong)["class states"] is Judgement.DISPROVED


def _states_of(vectors):
    """How many columns are not zero and single, zero, not zero and shared."""
    columns = [tuple(column) for column in np.round(vectors.T, 9) + 0.0]
    zero = sum(not any(column) for column in columns)
    merged = sum(any(column) and columns.count(column) > 1 for column in columns)
    return len(columns) - zero - merged, zero, merged


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("free", "moved"), [(False, False), (True, False), (True, True)], ids=["none", "dead", "alive"]
)
def test_the_states_of_equal_modes_are_those_of_a_subspace_and_no_others(size, free, moved):
    grid = [
        v for v in product(range(-3, 4), repeat=size) if v > (0,) * size and not (free and sum(v))
    ]
    small = grid if free else [v for v in grid if max(map(abs, v)) == 1]
    rng = np.random.default_rng(size)
    for rank in range(size + 1 - free):
        chosen = [*combinations(grid if rank == 1 else small, rank)]
        chosen = [
            chosen[i] for i in rng.choice(len(chosen), min(len(chosen), 10_000), replace=False)
        ]
        found = set()
        for basis in chosen:
            rows = np.array(basis, dtype=float).reshape(rank, size)
            if rank and abs(np.linalg.det(rows @ rows.T)) < 1e-9:
                continue
            projection = (
                rows.T @ np.linalg.solve(rows @ rows.T, rows) if rank else np.zeros((size, size))
            )
            found.add(_states_of(np.vstack([projection, np.full(size, 5.0 if moved else 0.0)])))
        for active in range(size + 1):
            for vanished in range(size + 1 - active):
                merged = size - active - vanished
                states = ["active"] * active + ["vanished"] * vanished + ["merged"] * merged
                assert possible(states, {rank}, free, moved) == (
                    (active, vanished, merged) in found
                ), (rank, states)


CUT = ncsolve.UFM([100, 100, 100], width=1, weight_decay=5e-4, feature_decay=5e-4)
TIED = ncsolve.UFM([20, 80], depth=2, weight_decay=[0.01, 0.025], feature_decay=0.1)


@pytest.mark.parametrize(
    ("ufm", "right", "wrong"),
    [
        (CUT, ["AVV", "AAV", "AAA", "MMV", "MMA", "MMM"], ["VVV", "MVV", "AMV", "MVA"]),
        (
            ncsolve.UFM([100, 100, 100], width=2),
            ["AAV", "AAA", "MMA"],
            ["AVV", "MMV", "MMM", "VVV"],
        ),
        (
            ncsolve.UFM([100] * 3, width=1, bias="free"),
            ["AAV", "AAA", "MMA"],
            ["AVV", "MMV", "MMM", "VVV", "MAA"],
        ),
        (TIED, ["AA", "VA"], ["MA", "AM", "AV", "VM", "VV", "MM"]),
        (
            ncsolve.UFM([9, 9, 9, 2], "ce", weight_decay=0.01, feature_decay=0.01),
            ["AAAA"],
            ["AAVA", "AAMA", "MMMA", "AAAM"],
        ),
    ],
    ids=["cut to 1", "cut to 2", "cut contrasts", "tie", "cross-entropy"],
)
def test_states_that_no_minimizer_has_are_disproved_and_those_of_one_are_not(ufm, right, wrong):
    word = {letter: state for state in (A, V, M) for letter in state[0].upper()}
    for states in right:
        assert judged(ufm, map(word.get, states)) == (Outcome.PROVED, Judgement.PROVED), states
    for states in wrong:
        assert judged(ufm, map(word.get, states)) == (Outcome.DISPROVED, Judgement.DISPROVED), (
            states
        )


def test_a_minimizer_behind_a_bottleneck_can_merge_all_classes_without_a_bias():
    prediction = ncsolve.predict(CUT)
    best, even = prediction.parameters(), np.full(3, 3**-0.5)
    size = [np.linalg.norm(matrix) for matrix in (best.weights[0], best.features)]
    point = ncsolve.Parameters((size[0] * even[:, None],), size[1] * even[None, :], np.zeros(3))
    assert (point.features == point.features[0, 0]).all()
    found = certify_rigorously(CUT, Claimed(point, prediction.value, (M,) * 3))
    assert found.outcome is Outcome.PROVED


def test_a_tied_root_moves_all_groups_or_none():
    ufm = ncsolve.UFM(
        [20, 80], depth=2, bias="free", weight_decay=[0.01, 0.128], feature_decay=0.05
    )  # 32^2 = 100^3 Pi 2^4
    found = certify_rigorously(ufm, claim(ncsolve.predict(ufm)))
    assert [mode.stand.name for mode in found.modes] == ["TIE"]
    assert judged(ufm, (A, A))[0] is judged(ufm, (V, V))[0] is Outcome.PROVED
    for states in ((A, V), (V, A)):
        assert judged(ufm, states) == (Outcome.DISPROVED, Judgement.DISPROVED)


@pytest.mark.parametrize(
    "name", [name for name in PROBLEMS if PROBLEMS[name].loss.name == "ce" and "relu" not in name]
)
def test_classes_that_nothing_tells_apart_have_one_state(name):
    ufm = PROBLEMS[name]
    for twins in {
        tuple(classes) for classes in Exchangeable(ExactProblem(ufm)).members if len(classes) > 1
    }:
        for state in (A, V, M):
            states = ncsolve.predict(ufm).classes.state.tolist()
            states[twins[0]] = state
            expected = Judgement.PROVED if state == states[twins[1]] else Judgement.DISPROVED
            assert judged(ufm, states)[1] is expected


def test_classes_that_nothing_tells_apart_have_one_state_where_no_rule_tells_which():
    prediction = ncsolve.predict(PROBLEMS["ce-merging"])
    problem = ExactProblem(prediction.ufm)
    with flint().ctx.workprec(PRECISION[0]):
        dual, wide = Dual.at(problem, prediction.parameters()), flint().arb(1)  # excludes nothing
        for last, verdict in (
            ("MMM", Judgement.OUTSIDE),
            ("VVV", Judgement.OUTSIDE),
            ("MMV", Judgement.DISPROVED),
            ("VVM", Judgement.DISPROVED),
        ):
            states = (A, A, A, *(M if letter == "M" else V for letter in last))
            found = convex_states(problem, dual, wide, states)[3:]
            assert {verdict for verdict, _ in found} == {verdict}


def test_what_a_wide_gap_leaves_open_is_not_said_of_a_class():
    for name in ("ce-plain-bias_none", "ce-all-bias_free", "ce-all-bias_0.05", "squared-bias_0.05"):
        prediction = ncsolve.predict(PROBLEMS[name])
        problem = ExactProblem(prediction.ufm)
        with flint().ctx.workprec(PRECISION[0]):
            dual = Dual.at(problem, prediction.parameters())
            for gap, expected in ((1e-12, Judgement.PROVED), (1.0, Judgement.OUTSIDE)):
                found = convex_states(problem, dual, flint().arb(gap), (A,) * 4)
                assert found[0][0] is expected
