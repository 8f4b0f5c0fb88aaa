"""What is proved, what is disproved, and what is left open: right predictions, planted errors, and float certificates beside them."""

import dataclasses
import json
import subprocess
import sys
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest

import ncsolve
from ncsolve import CrossEntropy, Outcome, Squared
from ncsolve.numeric.rigorous import Claimed, certify_rigorously
from ncsolve.numeric.rigorous.audit import replay_document
from ncsolve.numeric.rigorous.blocks import groups_of
from ncsolve.numeric.rigorous.certificate import digest, down, up
from ncsolve.numeric.rigorous.enclosure import Enclosure
from ncsolve.numeric.rigorous.evidence import DualPoint
from ncsolve.numeric.rigorous.exact import ExactProblem
from ncsolve.numeric.rigorous.judgement import Verdict, about_states
from ncsolve.numeric.rigorous.subspaces import _possible
from ncsolve.show.text import rigorous_lines

BIASES = ("none", "free", 0.05)
LOSSES = {
    "plain": CrossEntropy(),
    "smoothing": CrossEntropy(0.1),
    "offsets": CrossEntropy(0, [1, 2, 0, 0]),
    "label scale": CrossEntropy(0, None, [1, 2, 3, 3]),
    "class scale": CrossEntropy(0, None, None, [1, 0.5, 1, 1]),
    "all": CrossEntropy(0.1, [1, 2, 0, 0], [1, 2, 3, 3], [1, 0.5, 1, 1]),
}
COUNTS = [200, 100, 50, 50]
PROBLEMS = {
    f"ce-{loss}-bias_{bias}": ncsolve.UFM(COUNTS, LOSSES[loss], bias=bias)
    for loss in LOSSES
    for bias in BIASES
}
PROBLEMS |= {
    f"M{m}-bias_{bias}-width_{width}": ncsolve.UFM(
        COUNTS, depth=m, bias=bias, width=width, weight_decay=2e-3, feature_decay=1e-3
    )
    for m in (1, 2, 3, 6, 20)
    for bias in ("none", "free")
    for width in (None, 9, 2)
}
PROBLEMS |= {f"squared-bias_{bias}": ncsolve.UFM(COUNTS, bias=bias) for bias in (1e-4, 0.05, 2.0)}
PROBLEMS |= {
    "relu": ncsolve.UFM(COUNTS, depth=3, features="relu"),
    "ce-relu": ncsolve.UFM(
        [200, 100, 50, 1], "ce", features="relu", weight_decay=3e-3, feature_decay=3e-3
    ),
    "ce-relu-smoothing": ncsolve.UFM(COUNTS, CrossEntropy(0.1), features="relu"),
    "ce-merging": ncsolve.UFM([100, 50, 50, 9, 9, 9], "ce", weight_decay=0.02, feature_decay=0.015),
    "ce-merging-free": ncsolve.UFM(
        [100, 50, 50, 9, 9, 9], "ce", bias="free", weight_decay=0.02, feature_decay=0.015
    ),
    "ce-balanced": ncsolve.UFM([100] * 4, "ce", width=3),
    "ce-nothing": ncsolve.UFM([30, 20], "ce", weight_decay=3, feature_decay=3),
    "ce-nothing-free": ncsolve.UFM([30, 20], "ce", bias="free", weight_decay=3, feature_decay=3),
    "squared-nothing": ncsolve.UFM([30, 20], bias=1.0, weight_decay=3, feature_decay=3),
    "targets": ncsolve.UFM([9, 5, 3], Squared([[1, -1, 0.3], [0, 2, 1]]), 2, 4, 4e-3, 9e-4, "free"),
    "seed": ncsolve.UFM([1000, 100, 10, 2], depth=3, weight_decay=5e-4, feature_decay=5e-4),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_right_prediction_is_proved(name):
    ufm = PROBLEMS[name]
    found = ncsolve.certify(ncsolve.predict(ufm), rigorous=True)
    assert found.outcome is Outcome.PROVED
    assert found.relative_gap < (
        1e-17 if found.method == "von Neumann" else 2e-11
    )  # measured 2e-19 and 1.4e-11
    assert found.lower_bound <= found.value
    assert found.gap >= 0
    verdicts = {finding.verdict for finding in found.findings}
    assert verdicts <= {Verdict.PROVED, Verdict.OUTSIDE}
    if name != "targets":
        assert verdicts == {Verdict.PROVED}


@pytest.mark.parametrize(
    "name",
    ["M3-bias_free-width_None", "ce-plain-bias_none", "ce-all-bias_free", "squared-bias_0.05"],
)
def test_a_float_certificate_lies_beside_the_proof_and_has_no_outcome(name):
    prediction = ncsolve.predict(PROBLEMS[name])
    evidence, proof = ncsolve.certify(prediction), ncsolve.certify(prediction, rigorous=True)
    assert type(evidence) is ncsolve.Certificate
    assert type(proof) is ncsolve.RigorousCertificate
    assert not isinstance(proof, ncsolve.Certificate)
    assert (evidence.rigorous, proof.rigorous) == (False, True)
    assert not hasattr(evidence, "outcome")
    assert "outcome" not in evidence.to_dict()
    assert evidence.value == pytest.approx(proof.value, rel=1e-14)
    assert evidence.lower_bound == pytest.approx(proof.lower_bound, rel=1e-11)
    assert json.loads(json.dumps(proof.to_dict(), allow_nan=False))["rigorous"] is True


def _claim(prediction, **changes):
    claimed = Claimed(
        prediction.parameters(),
        prediction.value,
        tuple(prediction.classes.state.tolist()),
        tuple(prediction.singular_values.tolist()),
    )
    return dataclasses.replace(claimed, **changes)


def _verdicts(found):
    return {finding.about: finding.verdict for finding in found.findings}


SQUARED = [
    "M1-bias_none-width_None",
    "M3-bias_free-width_2",
    "M20-bias_free-width_None",
    "relu",
    "seed",
]


@pytest.mark.parametrize("off", [-1e-6, 1e-6])
@pytest.mark.parametrize(
    "name", [*SQUARED, "ce-plain-bias_none", "ce-all-bias_free", "ce-relu", "squared-bias_0.05"]
)
def test_a_claimed_value_a_millionth_off_is_disproved(name, off):
    prediction = ncsolve.predict(PROBLEMS[name])
    found = certify_rigorously(
        prediction.ufm, _claim(prediction, value=prediction.value * (1 + off))
    )
    assert found.outcome is Outcome.DISPROVED
    assert _verdicts(found)["value"] is Verdict.DISPROVED
    assert _verdicts(found)["point"] is Verdict.PROVED


@pytest.mark.parametrize("name", SQUARED)
def test_singular_values_a_millionth_off_are_disproved(name):
    prediction = ncsolve.predict(PROBLEMS[name])
    values = np.array(prediction.singular_values)
    for i in np.flatnonzero(values):
        changed = values.copy()
        changed[i] *= 1 + 1e-6
        found = certify_rigorously(
            prediction.ufm, _claim(prediction, singular_values=tuple(changed.tolist()))
        )
        assert _verdicts(found)["singular values"] is Verdict.DISPROVED
        assert found.outcome is Outcome.DISPROVED
    found = certify_rigorously(prediction.ufm, _claim(prediction, singular_values=()))
    assert _verdicts(found)["singular values"] is Verdict.DISPROVED


@pytest.mark.parametrize(
    "ufm",
    [
        ncsolve.UFM([50, 10], weight_decay=0.06, feature_decay=0.06),  # the second mode is zero,
        ncsolve.UFM([50, 40], width=1),  # is cut off,
        ncsolve.UFM([50, 10], bias="free"),  # or is none of the target's
    ],
    ids=["zero", "cut", "bias"],
)
def test_singular_values_that_are_zero_have_the_tolerance_of_all_others(ufm):
    prediction = ncsolve.predict(ufm)
    first, last = prediction.singular_values
    assert last == 0
    for off, verdict in (
        (1e-300, Verdict.PROVED),
        (1e-12, Verdict.PROVED),
        (1e-6, Verdict.DISPROVED),
    ):
        found = certify_rigorously(
            ufm, _claim(prediction, singular_values=(first * (1 + 1e-10), off))
        )
        assert _verdicts(found)["singular values"] is verdict


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_wrong_class_state_is_disproved_wherever_the_right_one_is_proved(name):
    prediction = ncsolve.predict(PROBLEMS[name])
    states = prediction.classes.state.tolist()
    for k in range(len(states)):
        for wrong in {"active", "vanished", "merged"} - {states[k]}:
            changed = (*states[:k], wrong, *states[k + 1 :])
            found = certify_rigorously(prediction.ufm, _claim(prediction, states=changed))
            assert _verdicts(found)["class states"] is (
                Verdict.OUTSIDE if name == "targets" else Verdict.DISPROVED
            )


def _fields(prediction, shrinkage):
    """Matrices of a problem without a bias whose class k is shrunk by p_k (1: it vanishes), balanced."""
    ufm = prediction.ufm
    sigma = np.sqrt(ufm.counts) * (1 - np.array(shrinkage))
    mean = np.exp(np.log(ufm.decays).mean())
    layers = [
        np.diag(np.sqrt(mean * sigma ** (2 / (ufm.depth + 1)) / decay)) for decay in ufm.decays
    ]
    return ncsolve.Parameters(
        tuple(layers[1:]), layers[0] / np.sqrt(ufm.counts), np.zeros(ufm.classes)
    )


def test_the_largest_root_rule_of_the_published_code_is_disproved():
    ufm = PROBLEMS["seed"]
    prediction = ncsolve.predict(ufm)
    total, m = ufm.samples, ufm.depth
    shrinkage = []
    for n in ufm.counts:  # the outer stationary point, whether or not zero is lower
        kappa = total * 5e-4 * n ** (-m / (m + 1))
        p = kappa
        for _ in range(2000):
            p = kappa / (1 - p) ** ((m - 1) / (m + 1))
        shrinkage.append(p)
    alive = _fields(prediction, shrinkage)
    value = ncsolve.objective(ufm, alive)
    assert value > prediction.value * (1 + 1e-6)
    found = certify_rigorously(ufm, Claimed(alive, value, ("active",) * 4))
    assert found.outcome is Outcome.DISPROVED
    assert _verdicts(found) == {
        about: Verdict.DISPROVED for about in ("point", "value", "class states")
    }
    right = certify_rigorously(
        ufm, Claimed(_fields(prediction, [*shrinkage[:3], 1.0]), prediction.value)
    )
    assert right.outcome is Outcome.PROVED
    lost = _fields(prediction, [shrinkage[0], shrinkage[1], 1.0, 1.0])  # a class wrongly vanished
    states = ("active", "active", "vanished", "vanished")
    assert set(
        _verdicts(
            certify_rigorously(ufm, Claimed(lost, ncsolve.objective(ufm, lost), states))
        ).values()
    ) == {Verdict.DISPROVED}


@pytest.mark.parametrize("name", [name for name in PROBLEMS if "nothing" not in name])
@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_matrices_one_percent_off_are_disproved_by_a_point_that_is_shown(name, factor):
    prediction = ncsolve.predict(PROBLEMS[name])
    best = prediction.parameters()
    off = ncsolve.Parameters(
        (best.weights[0] * factor, *best.weights[1:]), best.features, best.bias
    )
    value = ncsolve.objective(prediction.ufm, off)
    found = certify_rigorously(prediction.ufm, Claimed(off, value))
    assert found.outcome is Outcome.DISPROVED
    assert _verdicts(found)["point"] is Verdict.DISPROVED
    if found.method == "Fenchel dual":
        assert ncsolve.objective(prediction.ufm, found.better[0]) < value
        assert found.better[1].high < found.objective.low
    assert found.lower_bound <= prediction.value * (1 + 1e-15)


def test_a_point_that_is_no_point_of_the_problem_is_refused():
    prediction = ncsolve.predict(PROBLEMS["ce-relu"])
    best = prediction.parameters()
    with pytest.raises(ncsolve.ProblemError, match="negative"):
        certify_rigorously(
            prediction.ufm,
            Claimed(ncsolve.Parameters(best.weights, best.features - 1e-9, best.bias), 1.0),
        )
    with pytest.raises(ncsolve.ProblemError, match="no bias"):
        certify_rigorously(
            prediction.ufm,
            Claimed(ncsolve.Parameters(best.weights, best.features, best.bias + 1e-30), 1.0),
        )
    with pytest.raises(ncsolve.ProblemError, match="shapes"):
        certify_rigorously(
            prediction.ufm,
            Claimed(ncsolve.Parameters(best.weights, best.features[:, :2], best.bias), 1.0),
        )
    with pytest.raises(ncsolve.ProblemError, match="finite"):
        certify_rigorously(
            prediction.ufm,
            Claimed(ncsolve.Parameters(best.weights, best.features + np.inf, best.bias), 1.0),
        )
    with pytest.raises(ncsolve.ProblemError, match="tolerance"):
        ncsolve.certify(prediction, rigorous=True, tolerance=0.0)


def test_problems_without_a_rigorous_bound_are_refused_with_the_reason():
    for ufm, why in (
        (ncsolve.UFM([4, 4, 4], "ce", 2), "not convex"),
        (ncsolve.UFM([4, 3, 2], bias=0.1, depth=2), "regularized bias at depth 2"),
        (ncsolve.UFM(np.arange(1, 3000), depth=2), "up to 2048"),
    ):
        theorem = "descent_only" if ufm.bias == 0.1 else None
        with pytest.raises(ncsolve.NcsolveError, match=why):
            certify_rigorously(
                ufm, Claimed(ncsolve.Parameters((), np.zeros((1, 1)), np.zeros(1)), 1.0)
            )
        if ufm.classes < 100:
            with pytest.raises(ncsolve.NcsolveError, match=why):
                ncsolve.certify(ncsolve.predict(ufm, theorem), rigorous=True)


def test_a_bottleneck_of_cross_entropy_is_bounded_from_below_and_not_decided():
    prediction = ncsolve.predict(ncsolve.UFM([30, 20, 10, 5], "ce", width=2))
    found = ncsolve.certify(prediction, rigorous=True)
    assert found.outcome is Outcome.NOT_DECIDED
    assert found.lower_bound < prediction.value
    assert _verdicts(found)["class states"] is Verdict.OUTSIDE
    narrow = ncsolve.predict(ncsolve.UFM([30, 20, 20, 5], width=3, bias=0.05), "descent_only")
    found = ncsolve.certify(narrow, rigorous=True)
    assert found.outcome is not Outcome.DISPROVED
    assert _verdicts(found)["class states"] is Verdict.OUTSIDE


@pytest.mark.parametrize("bias", ["none", "free"])
def test_where_the_rank_cuts_through_equal_modes_any_choice_of_members_stands(bias):
    ufm = ncsolve.UFM([200, 100, 50, 50, 50], depth=2, width=3, bias=bias)
    prediction = ncsolve.predict(ufm)
    assert not prediction.unique
    assert ncsolve.certify(prediction, rigorous=True).outcome is Outcome.PROVED
    turned = certify_rigorously(
        ufm, _claim(prediction, states=("active",) * 5)
    )  # a rotation of the cut modes moves all
    assert _verdicts(turned)["class states"] is not Verdict.DISPROVED
    wrong = certify_rigorously(
        ufm,
        _claim(prediction, states=("active", "vanished", *prediction.classes.state[2:].tolist())),
    )
    assert _verdicts(wrong)["class states"] is Verdict.DISPROVED


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
                assert _possible(states, {rank}, free, moved) == (
                    (active, vanished, merged) in found
                ), (rank, states)


def _judged(ufm, states):
    found = certify_rigorously(ufm, _claim(ncsolve.predict(ufm), states=tuple(states)))
    assert replay_document(json.loads(json.dumps(found.document()))).accepted
    return found.outcome, _verdicts(found)["class states"]


CUT = ncsolve.UFM([100, 100, 100], width=1, weight_decay=5e-4, feature_decay=5e-4)
TIED = ncsolve.UFM([20, 80], depth=2, weight_decay=[0.01, 0.025], feature_decay=0.1)
A, V, M = "active", "vanished", "merged"


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
        assert _judged(ufm, map(word.get, states)) == (Outcome.PROVED, Verdict.PROVED), states
    for states in wrong:
        assert _judged(ufm, map(word.get, states)) == (Outcome.DISPROVED, Verdict.DISPROVED), states


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
    assert [
        mode.stand.name
        for mode in certify_rigorously(ufm, _claim(ncsolve.predict(ufm))).evidence.modes
    ] == ["TIE"]
    assert _judged(ufm, (A, A))[0] is _judged(ufm, (V, V))[0] is Outcome.PROVED
    for states in ((A, V), (V, A)):
        assert _judged(ufm, states) == (Outcome.DISPROVED, Verdict.DISPROVED)


@pytest.mark.parametrize(
    "name", [name for name in PROBLEMS if PROBLEMS[name].loss.name == "ce" and "relu" not in name]
)
def test_classes_that_nothing_tells_apart_have_one_state(name):
    ufm = PROBLEMS[name]
    for twins in {
        tuple(classes) for classes in groups_of(ExactProblem(ufm)).members if len(classes) > 1
    }:
        for state in (A, V, M):
            states = ncsolve.predict(ufm).classes.state.tolist()
            states[twins[0]] = state
            expected = Verdict.PROVED if state == states[twins[1]] else Verdict.DISPROVED
            assert _judged(ufm, states)[1] is expected


def test_classes_that_nothing_tells_apart_have_one_state_where_no_rule_tells_which():
    found = ncsolve.certify(ncsolve.predict(PROBLEMS["ce-merging"]), rigorous=True)
    wide = Enclosure(Fraction(0), Fraction(1))  # a gap that excludes nothing
    for last, verdict in (
        ("MMM", Verdict.OUTSIDE),
        ("VVV", Verdict.OUTSIDE),
        ("MMV", Verdict.DISPROVED),
        ("VVM", Verdict.DISPROVED),
    ):
        states = (A, A, A, *(M if letter == "M" else V for letter in last))
        assert {verdict for verdict, _ in found.evidence.states(states, wide)[3:]} == {verdict}


def test_what_is_not_covered_is_said_and_not_in_the_headline():
    found = ncsolve.certify(ncsolve.predict(PROBLEMS["targets"]), rigorous=True)
    assert found.outcome is Outcome.PROVED
    assert "state" not in found.outcome.value
    said = dict(rigorous_lines(found))
    assert (
        said["class states"]
        == "not covered: 3 not covered (targets are given as a matrix, where no rule decides the states)"
    )
    assert said["outcome"] == f"PROVED: {found.outcome.value} (not covered: class states)"
    mixed = about_states([(Verdict.PROVED, ""), (Verdict.OUTSIDE, "why")])
    assert (mixed.verdict, mixed.says) == (Verdict.OUTSIDE, "1 right, 1 not covered (why)")


def test_relu_features_with_a_free_bias_are_bounded_from_below_only():
    ufm = ncsolve.UFM(
        [9, 5, 3], bias="free", features="relu", weight_decay=5e-3, feature_decay=5e-3
    )
    prediction = ncsolve.predict(ufm, "descent_only")
    found = ncsolve.certify(prediction, rigorous=True)
    assert found.outcome is Outcome.NOT_DECIDED
    assert found.lower_bound < prediction.value * 0.999
    assert "singular values" not in _verdicts(found)


LONG = ncsolve.UFM([10, 10], "ce", weight_decay=1e-13, feature_decay=1e-13)
TINY = ncsolve.UFM([30, 10], bias=1e-9, weight_decay=1e-9, feature_decay=1e-9)


def _stretched(ufm, factor):
    best = ncsolve.predict(ufm).parameters()
    point = ncsolve.Parameters(
        tuple(w * factor for w in best.weights), best.features * factor, best.bias
    )
    return point, ncsolve.objective(ufm, point)


def _with_dual_zero(found, value):
    """The same certificate with zero, which is feasible and bounds nothing, as its dual point."""
    dual, zero = found.evidence.dual, Enclosure(Fraction(0), Fraction(0))
    own = None if dual.own is None else [Fraction(0)] * len(dual.own)
    dual = dataclasses.replace(
        dual, entry=[[Fraction(0)] * len(row) for row in dual.entry], own=own
    )
    evidence = DualPoint(found.problem, dual, [zero] * len(found.evidence.entropies), zero)
    return dataclasses.replace(
        found,
        evidence=evidence,
        better=None,
        claimed=dataclasses.replace(found.claimed, value=value),
    )


def test_a_tolerance_is_no_absolute_number_where_the_minimum_is_tiny():
    point, value = _stretched(
        LONG, 30**0.5
    )  # the softmax of its logits underflows, so its own gradient bounds nothing
    assert 28 < value / ncsolve.predict(LONG).value < 30
    assert value < 1e-9
    found = certify_rigorously(LONG, Claimed(point, value, ("active",) * 2))
    assert found.outcome is Outcome.DISPROVED
    assert _verdicts(found)["point"] is _verdicts(found)["value"] is Verdict.DISPROVED


@pytest.mark.parametrize(
    ("ufm", "factor"), [(LONG, 30**0.5), (TINY, 1.00001)], ids=["ce", "squared"]
)
def test_a_lower_bound_of_zero_proves_nothing_of_an_objective_above_it(ufm, factor):
    point, value = _stretched(ufm, factor)
    assert value < 1e-8
    forged = _with_dual_zero(certify_rigorously(ufm, Claimed(point, value)), value)
    assert forged.lower_bound == 0
    assert forged.outcome is Outcome.NOT_DECIDED
    assert set(_verdicts(forged).values()) == {Verdict.OPEN}
    assert "no share of a bound of 0" in forged.findings[0].says
    assert forged.relative_gap == np.inf
    assert json.loads(json.dumps(forged.to_dict(), allow_nan=False))["relative_gap"] is None
    document = json.loads(json.dumps(forged.document(), allow_nan=False))
    assert replay_document(document).accepted
    document["outcome"] = "PROVED"
    assert "NOT_DECIDED follows" in replay_document(document | {"digest": digest(document)}).failed


def test_an_objective_of_zero_is_its_own_bound():
    ufm = ncsolve.UFM([3, 2], Squared([[0, 0], [0, 0]]))
    zero = ncsolve.Parameters((np.zeros((2, 2)),), np.zeros((2, 2)), np.zeros(2))
    found = certify_rigorously(ufm, Claimed(zero, 0.0))
    assert found.outcome is Outcome.PROVED
    assert found.relative_gap == 0
    assert certify_rigorously(ufm, Claimed(zero, 5e-324)).outcome is Outcome.DISPROVED
    off = ncsolve.Parameters((np.full((2, 2), 1e-160),), np.zeros((2, 2)), np.zeros(2))
    assert _verdicts(certify_rigorously(ufm, Claimed(off, 0.0)))["point"] is Verdict.DISPROVED


def test_numbers_beyond_all_doubles_are_judged_and_shown():
    ufm = ncsolve.UFM([3, 2])
    huge = ncsolve.Parameters((np.full((2, 2), 1e200),), np.full((2, 2), 1e200), np.zeros(2))
    found = certify_rigorously(ufm, Claimed(huge, 1.0))
    assert found.outcome is Outcome.DISPROVED
    assert "more than 1e+308" in found.findings[0].says
    assert found.value == np.inf
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["value"] is None
    with pytest.raises(ncsolve.ProblemError, match="logits overflow"):
        certify_rigorously(ufm.replace(bias=0.1), Claimed(huge, 1.0))


def test_doubles_are_rounded_outwards():
    for x in (Fraction(1, 3), Fraction(-1, 3), Fraction(1, 2), Fraction(0), Fraction(1, 10**400)):
        assert Fraction(down(x)) <= x <= Fraction(up(x))
        assert up(x) == down(x) or np.nextafter(down(x), np.inf) == up(x)
    largest = sys.float_info.max
    assert (up(Fraction(10) ** 400), down(Fraction(10) ** 400)) == (np.inf, largest)
    assert (up(-(Fraction(10) ** 400)), down(-(Fraction(10) ** 400))) == (-largest, -np.inf)


def test_without_python_flint_one_line_says_how_to_get_it():
    code = (
        "import sys; sys.modules['flint'] = None\n"
        "from ncsolve.cli import main\n"
        "print(main(['certify', '--counts', '5,3', '--rigorous']), main(['replay', 'nowhere.json']), main(['certify', '--counts', '5,3']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "2 2 0"
    lines = [line for line in done.stderr.splitlines() if line.startswith("ncsolve: error")]
    assert len(lines) == 2
    assert all("pip install 'ncsolve[rigorous]'" in line for line in lines)


def test_importing_ncsolve_loads_no_flint():
    code = (
        "import sys, ncsolve; ncsolve.predict, ncsolve.certify; assert 'flint' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
