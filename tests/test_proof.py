"""What is proved, what is disproved, what is left open; a replay proves it again, and accepts no file after an entry of it has changed."""

import base64
import copy
import dataclasses
import json
import os
import pickle
import subprocess
import sys
import threading
import zlib
from fractions import Fraction

import numpy as np
import pytest
from support.proofs import PROBLEMS, as_read, claim, verdicts

import ncsolve
from ncsolve import CrossEntropy, Outcome, Squared, proof
from ncsolve.cli import main
from ncsolve.numeric.balls import Enclosure
from ncsolve.numeric.modes import Stand, TargetMode
from ncsolve.numeric.states import Judgement
from ncsolve.proof import (
    Claimed,
    about_singular_values,
    about_states,
    certify_rigorously,
    digest,
    packed,
    replay_document,
    unpacked,
    up,
)
from ncsolve.show.text import rigorous_lines


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_right_prediction_is_proved(name):
    ufm = PROBLEMS[name]
    found = ncsolve.certify(ncsolve.predict(ufm), rigorous=True)
    assert found.outcome is Outcome.PROVED
    # measured 1.1e-19 and 1.4e-11
    assert found.relative_gap < (2e-19 if found.method == "von Neumann" else 2e-11)
    assert found.lower_bound <= found.value
    assert found.gap >= 0
    verdicts = {finding.verdict for finding in found.findings}
    assert verdicts <= {Judgement.PROVED, Judgement.OUTSIDE}
    if name != "targets":
        assert verdicts == {Judgement.PROVED}


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
        prediction.ufm, claim(prediction, value=prediction.value * (1 + off))
    )
    assert found.outcome is Outcome.DISPROVED
    assert verdicts(found)["value"] is Judgement.DISPROVED
    assert verdicts(found)["point"] is Judgement.PROVED


@pytest.mark.parametrize("name", SQUARED)
def test_singular_values_a_millionth_off_are_disproved(name):
    prediction = ncsolve.predict(PROBLEMS[name])
    values = np.array(prediction.singular_values)
    for i in np.flatnonzero(values):
        changed = values.copy()
        changed[i] *= 1 + 1e-6
        found = certify_rigorously(
            prediction.ufm, claim(prediction, singular_values=tuple(changed.tolist()))
        )
        assert verdicts(found)["singular values"] is Judgement.DISPROVED
        assert found.outcome is Outcome.DISPROVED
    found = certify_rigorously(prediction.ufm, claim(prediction, singular_values=()))
    assert verdicts(found)["singular values"] is Judgement.DISPROVED


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
        (1e-300, Judgement.PROVED),
        (1e-12, Judgement.PROVED),
        (1e-6, Judgement.DISPROVED),
    ):
        found = certify_rigorously(
            ufm, claim(prediction, singular_values=(first * (1 + 1e-10), off))
        )
        assert verdicts(found)["singular values"] is verdict


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
    assert verdicts(found) == {
        about: Judgement.DISPROVED for about in ("point", "value", "class states")
    }
    right = certify_rigorously(
        ufm, Claimed(_fields(prediction, [*shrinkage[:3], 1.0]), prediction.value)
    )
    assert right.outcome is Outcome.PROVED
    lost = _fields(prediction, [shrinkage[0], shrinkage[1], 1.0, 1.0])  # a class wrongly vanished
    states = ("active", "active", "vanished", "vanished")
    assert set(
        verdicts(
            certify_rigorously(ufm, Claimed(lost, ncsolve.objective(ufm, lost), states))
        ).values()
    ) == {Judgement.DISPROVED}


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
    assert verdicts(found)["point"] is Judgement.DISPROVED
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
    assert verdicts(found)["class states"] is Judgement.OUTSIDE
    narrow = ncsolve.predict(ncsolve.UFM([30, 20, 20, 5], width=3, bias=0.05), "descent_only")
    found = ncsolve.certify(narrow, rigorous=True)
    assert found.outcome is not Outcome.DISPROVED
    assert verdicts(found)["class states"] is Judgement.OUTSIDE


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
    mixed = about_states([(Judgement.PROVED, ""), (Judgement.OUTSIDE, "why")])
    assert (mixed.verdict, mixed.says) == (Judgement.OUTSIDE, "1 right, 1 not covered (why)")


def test_relu_features_with_a_free_bias_are_bounded_from_below_only():
    ufm = ncsolve.UFM(
        [9, 5, 3], bias="free", features="relu", weight_decay=5e-3, feature_decay=5e-3
    )
    prediction = ncsolve.predict(ufm, "descent_only")
    found = ncsolve.certify(prediction, rigorous=True)
    assert found.outcome is Outcome.NOT_DECIDED
    assert found.lower_bound < prediction.value * 0.999
    assert "singular values" not in verdicts(found)


LONG = ncsolve.UFM([10, 10], "ce", weight_decay=1e-13, feature_decay=1e-13)
TINY = ncsolve.UFM([30, 10], bias=1e-9, weight_decay=1e-9, feature_decay=1e-9)


def _stretched(ufm, factor):
    best = ncsolve.predict(ufm).parameters()
    point = ncsolve.Parameters(
        tuple(w * factor for w in best.weights), best.features * factor, best.bias
    )
    return point, ncsolve.objective(ufm, point)


def _forged(found, **changes):
    """The document of a certificate with changes, and the digest that belongs to it."""
    changed = as_read(found) | changes
    return changed | {"digest": digest(changed)}


def test_a_tolerance_is_no_absolute_number_where_the_minimum_is_tiny():
    # the softmax of its logits underflows, so its own gradient bounds nothing
    point, value = _stretched(LONG, 30**0.5)
    assert 28 < value / ncsolve.predict(LONG).value < 30
    assert value < 1e-9
    found = certify_rigorously(LONG, Claimed(point, value, ("active",) * 2))
    assert found.outcome is Outcome.DISPROVED
    assert verdicts(found)["point"] is verdicts(found)["value"] is Judgement.DISPROVED


@pytest.mark.parametrize(
    ("ufm", "factor"), [(LONG, 30**0.5), (TINY, 1.00001)], ids=["ce", "squared"]
)
def test_a_lower_bound_of_zero_proves_nothing_of_an_objective_above_it(ufm, factor):
    point, value = _stretched(ufm, factor)
    assert value < 1e-8
    found = certify_rigorously(ufm, Claimed(point, value))
    ends = {name: found.enclosures[name] for name in ("objective", "minimum")}
    with_zero = {"scales": [0.0], "better": None, "outcome": "NOT_DECIDED", "enclosures": ends}
    assert "minimum" in replay_document(_forged(found, **with_zero)).failed
    low = proof._proved(ufm, Claimed(point, value), (None, [0.0]))
    assert low.lower_bound == 0
    assert low.outcome is Outcome.NOT_DECIDED
    assert set(verdicts(low).values()) == {Judgement.OPEN}
    assert "no share of a bound of 0" in low.findings[0].says
    assert low.relative_gap == np.inf
    assert json.loads(json.dumps(low.to_dict(), allow_nan=False))["relative_gap"] is None
    assert replay_document(as_read(low)).accepted
    forged = replay_document(_forged(low, outcome="PROVED"))
    assert "NOT_DECIDED follows" in forged.failed


def test_an_objective_of_zero_is_its_own_bound():
    ufm = ncsolve.UFM([3, 2], Squared([[0, 0], [0, 0]]))
    zero = ncsolve.Parameters((np.zeros((2, 2)),), np.zeros((2, 2)), np.zeros(2))
    found = certify_rigorously(ufm, Claimed(zero, 0.0))
    assert found.outcome is Outcome.PROVED
    assert found.relative_gap == 0
    assert certify_rigorously(ufm, Claimed(zero, 5e-324)).outcome is Outcome.DISPROVED
    off = ncsolve.Parameters((np.full((2, 2), 1e-160),), np.zeros((2, 2)), np.zeros(2))
    assert verdicts(certify_rigorously(ufm, Claimed(off, 0.0)))["point"] is Judgement.DISPROVED


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
    def down(x):
        return -up(-x)

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


TIED = ncsolve.UFM([20, 80], depth=2, weight_decay=[0.01, 0.025], feature_decay=0.1)
UNDECIDED = ncsolve.UFM(
    [1, 1, 1, 1, 2, 4], depth=2, bias="free", weight_decay=0.04, feature_decay=0.1
)
STORED = {
    "none": ncsolve.UFM([50, 20, 3], depth=3, weight_decay=2e-3, feature_decay=2e-3),
    "none-bottleneck": ncsolve.UFM([50, 20, 20], width=2, weight_decay=2e-3, feature_decay=2e-3),
    "free": ncsolve.UFM(
        [50, 20, 20, 3], depth=2, bias="free", weight_decay=2e-3, feature_decay=2e-3
    ),
    "free-rational": ncsolve.UFM([50, 20], bias="free", weight_decay=2e-3, feature_decay=2e-3),
    "tie": TIED,
    "undecided": UNDECIDED,
    "targets": ncsolve.UFM([9, 5, 3], Squared([[1, -1, 0.3], [0, 2, 1]]), 2, 4, 4e-3, 9e-4, "free"),
    "regularized": ncsolve.UFM([50, 20, 20], bias=0.03, weight_decay=2e-3, feature_decay=2e-3),
    "ce": ncsolve.UFM([50, 20, 20], "ce", weight_decay=2e-3, feature_decay=2e-3),
    "ce-free": ncsolve.UFM(
        [50, 20, 7],
        CrossEntropy(0.1, [1, 0, 0.5], [1, 2, 1], [1, 1, 0.7]),
        bias="free",
        weight_decay=2e-3,
    ),
    "ce-regularized": ncsolve.UFM(
        [50, 20, 7], "ce", bias=0.05, weight_decay=2e-3, feature_decay=2e-3
    ),
    "ce-relu": ncsolve.UFM(
        [50, 20, 20], "ce", features="relu", weight_decay=2e-3, feature_decay=2e-3
    ),
}


def _wrong(name):
    prediction = ncsolve.predict(STORED[name])
    best = prediction.parameters()
    off = ncsolve.Parameters(
        (*best.weights[:-1], best.weights[-1] * 1.01), best.features, best.bias
    )
    return certify_rigorously(prediction.ufm, Claimed(off, prediction.value))


DOCUMENTS = {
    name: as_read(ncsolve.certify(ncsolve.predict(ufm), rigorous=True))
    for name, ufm in STORED.items()
}
DOCUMENTS |= {f"wrong-{name}": as_read(_wrong(name)) for name in ("none", "ce-free")}


def _at(document, path):
    for step in path:
        document = document[step]
    return document


def _changed(document, path, entry, *, sign=True):
    found = copy.deepcopy(document)
    _at(found, path[:-1])[path[-1]] = entry
    if sign:
        found["digest"] = digest(found)
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_certificate_is_accepted_as_it_was_written(name):
    found = replay_document(DOCUMENTS[name])
    assert found.failed is None
    assert found.certificate.outcome.name == DOCUMENTS[name]["outcome"]
    expected = (
        "DISPROVED"
        if name.startswith("wrong")
        else "NOT_DECIDED"
        if name == "undecided"
        else "PROVED"
    )
    assert DOCUMENTS[name]["outcome"] == expected
    assert as_read(found.certificate) == DOCUMENTS[name]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_one_corrupted_endpoint_is_rejected_with_the_digest_left_alone_and_recomputed(name):
    stored = DOCUMENTS[name]
    for what, pair in stored["enclosures"].items():
        low, high = (_number(text) for text in pair)
        width = high - low or abs(low) / 2**60
        for i, inwards in ((0, 1), (1, -1)):
            for step in (1, Fraction(1, 2), Fraction(1, 2**20), -Fraction(1, 2**20), -1):
                moved = (low, high)[i] + inwards * step * width
                text = Enclosure(moved, moved).to_list()[0]
                path = ("enclosures", what, i)
                assert "digest" in replay_document(_changed(stored, path, text, sign=False)).failed
                failed = replay_document(_changed(stored, path, text)).failed
                assert failed.startswith((f"{what}: ", "enclosures: ")), (path, step)


def _number(text):
    m, _, e = text.partition("*2^")
    return Fraction(m) * Fraction(2) ** int(e or 0)


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if DOCUMENTS[name]["scales"]])
def test_a_scale_with_which_a_dual_point_bounds_nothing_or_less_is_rejected(name):
    stored = DOCUMENTS[name]
    for entry in (1.0000001, -0.5, 0.999, 0.0, 1e300, 1, True, "1.0", None):
        failed = replay_document(_changed(stored, ("scales", 0), entry)).failed
        if failed is None:  # of two dual points the other one bounds
            assert len(stored["scales"]) == 2
            assert entry in (0.0, 0.999)
    for scales in ([], stored["scales"][:-1], [*stored["scales"], 1.0], None, {}):
        assert "scales" in replay_document(_changed(stored, ("scales",), scales)).failed


WORDS = {
    ("outcome",): "PROVED",
    ("method",): "dual",
    ("precision",): 32,
    ("problem", "feature_decay"): 0.0021,
    ("problem", "depth"): 4,
    ("problem", "bias"): 0.5,
    ("problem", "counts", 0): 51.0,
    ("claim", "value"): 1.5,
    ("claim", "tolerance"): 1e-20,
    ("claim", "states", 0): "merged",
    ("findings",): [],
    ("findings", 0, "says"): "all is well",
    ("claim", "point"): "AAAA",
}


CHANGES = [
    (name, path)
    for name in ("none", "free", "regularized", "ce", "wrong-ce-free")
    for path in WORDS
    if not (path == ("outcome",) and not name.startswith("wrong"))  # that is its outcome
    and not (
        path[-1] in ("tolerance", "states", 0) and name.startswith("wrong") and path[0] == "claim"
    )  # wrong either way
]


@pytest.mark.parametrize(
    ("name", "path"),
    CHANGES,
    ids=lambda part: part if isinstance(part, str) else ".".join(map(str, part)),
)
def test_one_changed_word_is_rejected(name, path):
    document = DOCUMENTS[name]
    found = replay_document(_changed(document, path, WORDS[path]))
    assert not found.accepted
    assert "digest" not in found.failed


@pytest.mark.parametrize("name", ["none", "free", "ce", "wrong-ce-free"])
@pytest.mark.parametrize("which", ["claim", "better"])
def test_an_entry_of_the_matrices_that_changes_is_rejected(name, which):
    stored, ufm = DOCUMENTS[name], replay_document(DOCUMENTS[name]).certificate.ufm
    text = stored["claim"]["point"] if which == "claim" else stored["better"]
    if text is None:
        return
    point = unpacked(text, ufm, "it")
    off = dataclasses.replace(point, features=point.features * (1 + 1e-6))
    path = ("claim", "point") if which == "claim" else ("better",)
    assert not replay_document(_changed(stored, path, packed(ufm, off))).accepted
    for damaged in (text[:-8], text + "A", "AAAA", text.lower()):
        assert not replay_document(_changed(stored, path, damaged)).accepted


def _paths(value, path=()):
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from _paths(value[key], (*path, key))
    elif isinstance(value, list):
        for i in range(len(value)):
            yield from _paths(value[i], (*path, i))


@pytest.mark.parametrize("name", ["free", "targets", "ce-free", "wrong-ce-free"])
def test_damage_of_any_kind_is_rejected_and_never_raises(name):
    document = DOCUMENTS[name]
    rng = np.random.default_rng(0)
    junk = [
        None,
        0,
        -1,
        2**70,
        1.5,
        "",
        "x",
        "nan",
        "1/3",
        "5*2^-3",
        "1*2^90000",
        [],
        {},
        [1],
        ["1", "2"],
        {"a": 1},
        True,
    ]
    paths = [path for path in _paths(document) if path and path != ("digest",)]
    for path in paths:
        if path[0] == "versions" or path[:2] == ("problem", "names"):
            continue  # said to people; no check reads them but the digest
        for i in rng.choice(len(junk), 4, replace=False):
            if _at(document, path) == junk[i]:
                continue
            found = replay_document(_changed(document, path, junk[i]))
            if (
                path[:2] in (("claim", "singular_values"), ("claim", "states"))
                and junk[i] is None
                and len(path) == 2
            ):
                continue  # nothing claimed of them: another claim, with findings of its own
            assert not found.accepted, (path, junk[i])
    for key in document:
        assert not replay_document({k: v for k, v in document.items() if k != key}).accepted
    assert not replay_document(document | {"more": 1}).accepted


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "certificate.json"
    ncsolve.certify(ncsolve.predict(STORED["free"]), rigorous=True).save(path)
    return path


def test_a_certificate_is_saved_whole_and_never_over_another(saved):
    assert ncsolve.replay(saved).accepted
    with pytest.raises(FileExistsError):
        ncsolve.certify(ncsolve.predict(STORED["ce"]), rigorous=True).save(saved)
    ncsolve.certify(ncsolve.predict(STORED["ce"]), rigorous=True).save(saved, overwrite=True)
    assert ncsolve.replay(saved).certificate.method == "Fenchel dual"
    assert os.listdir(saved.parent) == [saved.name]


def test_replay_on_the_command_line(saved, capsys):
    assert main(["replay", str(saved)]) == 0
    out = capsys.readouterr().out
    assert "accepted" in out
    assert "PROVED" in out
    assert "1e-08, relative to the lower end of the minimum" in out
    assert main(["replay", str(saved), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "ncsolve/replay/1"
    assert document["accepted"]
    assert document["failed"] is None
    text = saved.read_text()
    saved.write_text(text.replace('"PROVED"', '"DISPROVED"', 1))
    assert main(["replay", str(saved)]) == 1
    assert "rejected: digest" in capsys.readouterr().out
    changed = json.loads(text)
    changed["enclosures"]["minimum"][0] = changed["enclosures"]["minimum"][1]
    saved.write_text(json.dumps(changed | {"digest": digest(changed)}))
    assert main(["replay", str(saved), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["failed"].startswith("minimum")
    assert document["certificate"] is None


def test_what_is_no_certificate_is_refused_in_one_line(saved, tmp_path, capsys):
    argv = ["--counts", "30,20", "--json", "--quiet"]
    files = {
        "truncated": saved.read_text()[:-200],
        "empty": "",
        "binary": "\x00\x01",
        "list": "[1]",
        "word": "5",
        "doubled": '{"a": 1, "a": 2}',
    }
    files |= {
        "nan": '{"schema": NaN}',
        "deep": "[" * 100_000,
        "other": '{"schema": "ncsolve/rigorous/3"}',
    }
    for command in ("certify", "predict", "verify"):
        main([command, *argv, *(["--rng", "1"] if command == "verify" else [])])
        files[command] = capsys.readouterr().out
    for name, text in files.items():
        path = tmp_path / f"{name}.json"
        path.write_text(text)
        assert main(["replay", str(path)]) == 4
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("ncsolve: error: ")
        assert captured.err.count("\n") == 1
    (tmp_path / "before.json").write_text('{"schema": "ncsolve/rigorous/1"}')
    before = _refusal(capsys, tmp_path / "before.json")
    assert "0.1.0" in before
    assert "make it again with ncsolve certify --rigorous" in before
    assert "ncsolve/certify/1" in _refusal(capsys, tmp_path / "certify.json")
    assert "does not exist" in _refusal(capsys, tmp_path / "nowhere.json")
    assert "is a directory" in _refusal(capsys, tmp_path)


def _with(document, *path, entry):
    return json.dumps(_changed(document, path, entry))


LARGE = {
    "a huge smoothing": lambda: _with(DOCUMENTS["ce"], "problem", "smoothing", entry=10**400),
    "a huge target": lambda: _with(DOCUMENTS["targets"], "problem", "targets", 0, 0, entry=10**400),
    "a huge count": lambda: _with(DOCUMENTS["ce"], "problem", "counts", 0, entry=10**3000),
    "a huge claim": lambda: _with(DOCUMENTS["free"], "claim", "value", entry=10**4000),
    "a huge scale": lambda: _with(DOCUMENTS["ce"], "scales", 0, entry=10**400),
    "a huge tolerance": lambda: _with(DOCUMENTS["ce"], "claim", "tolerance", entry=10**400),
    "a huge width": lambda: _with(
        DOCUMENTS["none"], "problem", "width", entry=[2**32, 2**32, 2**32]
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_number_that_is_too_large_is_rejected_without_a_traceback(name, tmp_path, capsys):
    path = tmp_path / "large.json"
    path.write_text(LARGE[name]())
    assert main(["replay", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1].startswith("verdict")
    assert "rejected: " in captured.out
    assert captured.err == ""


@pytest.mark.parametrize("digits", ["1e999", "-1e999", pytest.param("1" * 5000, id="5000 digits")])
def test_a_number_that_no_double_is_near_to_is_no_json_here(digits, tmp_path, capsys):
    text = json.dumps(DOCUMENTS["ce"]).replace('"precision": 64', f'"precision": {digits}')
    assert digits in text
    path = tmp_path / "large.json"
    path.write_text(text)
    assert "is not a JSON document" in _refusal(capsys, path)
    assert not replay_document(DOCUMENTS["ce"] | {"scales": [float("inf")]}).accepted


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="a system without /dev/zero")
def test_a_device_without_an_end_is_read_to_a_limit(capsys):
    assert "at most 256 MiB" in _refusal(capsys, "/dev/zero")
    assert main(["predict", "--counts", "/dev/zero"]) == 4
    assert main(["campaign", "--summarize", "/dev/zero"]) == 4
    assert capsys.readouterr().err.count("at most 256 MiB") == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes that have names")
def test_a_certificate_comes_through_a_pipe(tmp_path, capsys):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(json.dumps(DOCUMENTS["ce"])))
    writer.start()
    assert main(["replay", str(pipe)]) == 0
    writer.join()
    assert "accepted" in capsys.readouterr().out


@pytest.mark.parametrize("entry", [1, "0x1.8p+0", "1.5", True, None, [1.5]])
@pytest.mark.parametrize("field", ["tolerance", "value"])
def test_a_claimed_number_is_a_number(field, entry):
    failed = replay_document(_changed(DOCUMENTS["ce"], ("claim", field), entry)).failed
    assert "claim: a number cannot be read" in failed


def _refusal(capsys, path):
    assert main(["replay", str(path)]) == 4
    return capsys.readouterr().err


def test_certify_rigorous_on_the_command_line(tmp_path, capsys):
    path = tmp_path / "proof.json"
    argv = [
        *"certify --counts 1000,100,10,2 --depth 3 --weight-decay 5e-4".split(),
        *"--feature-decay 5e-4 --rigorous".split(),
    ]
    assert main([*argv, "--out", str(path)]) == 0
    out = capsys.readouterr().out
    for word in (
        "outcome",
        "PROVED",
        "minimum",
        "von Neumann",
        "64 bits",
        "tolerance  ",
        "1e-08, relative to the lower end",
        "time",
    ):
        assert word in out
    assert "decimals that are shown" not in out
    assert json.loads(path.read_text())["schema"] == "ncsolve/rigorous/2"
    assert main(["replay", str(path), "--quiet"]) == 0
    capsys.readouterr()
    assert main([*argv, "--out", str(path)]) == 4  # never over another file
    assert "--force" in capsys.readouterr().err
    assert main([*argv, "--json"]) == 0
    document = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert document["schema"] == "ncsolve/certify/1"
    assert document["certificate"]["rigorous"] is True
    assert document["certificate"]["outcome"] == "PROVED"
    assert main("certify --counts 5,4,3 --loss ce --width 1 --rigorous --quiet".split()) == 3
    assert "NOT_DECIDED" in capsys.readouterr().out
    assert main(["certify", "--counts", "5,4,3", "--loss", "ce", "--depth", "2", "--rigorous"]) == 2
    assert "not convex" in capsys.readouterr().err
    assert main("certify --counts 5,4,3 --loss ce --limit vanishing-decay --rigorous".split()) == 2
    assert "limit" in capsys.readouterr().err
    assert main(["certify", "--counts", "5,4,3", "--tol", "2", "--rigorous"]) == 2
    assert "tolerance" in capsys.readouterr().err


def test_a_wrong_prediction_is_contradicted_on_the_command_line(monkeypatch, capsys):

    from ncsolve.theorems.predict import predict

    def off(*args, **kwargs):
        prediction = predict(*args, **kwargs)
        return dataclasses.replace(
            prediction,
            solution=dataclasses.replace(prediction.solution, value=prediction.value * (1 + 1e-6)),
        )

    monkeypatch.setattr("ncsolve.theorems.predict.predict", off)
    assert main(["certify", "--counts", "30,20,5", "--rigorous"]) == 1
    out = capsys.readouterr().out
    assert "DISPROVED" in out
    assert "decimals that are shown" in out


def test_the_bytes_of_matrices_may_be_packed_in_any_way():
    made = DOCUMENTS["wrong-ce-free"]
    again = copy.deepcopy(made)
    for place, name in ((again["claim"], "point"), (again, "better")):
        raw = zlib.decompress(base64.b64decode(place[name]))
        place[name] = base64.b64encode(zlib.compress(raw, 0)).decode()
    assert again["better"] != made["better"]
    again["digest"] = digest(again)
    assert replay_document(again).accepted


def test_a_claim_of_any_kind_of_number_is_written_and_read():
    ufm = STORED["none"]
    best = ncsolve.predict(ufm)
    for value, tolerance in ((1, np.float64(1e-8)), (np.float64(best.value), 1e-3)):
        found = certify_rigorously(ufm, Claimed(best.parameters(), value, tolerance=tolerance))
        assert replay_document(as_read(found)).accepted


@pytest.mark.parametrize("name", ["free", "ce-regularized", "wrong-ce-free"])
def test_a_certificate_is_a_value(name):
    found = replay_document(DOCUMENTS[name]).certificate
    again = pickle.loads(pickle.dumps(found))
    assert as_read(again) == DOCUMENTS[name]
    assert (again.outcome, again.findings, again.modes) == (
        found.outcome,
        found.findings,
        found.modes,
    )
    assert len(repr(found).splitlines()) <= 10


def test_a_singular_value_at_the_edge_of_the_tolerance_is_open():
    tau2, sigma = (
        Enclosure(Fraction(4), Fraction(4)),
        Enclosure(Fraction(1), Fraction(1) + Fraction(1, 2**60)),
    )
    mode = TargetMode(tau2, 1, 1, Stand.ALIVE, tau2, sigma)
    for off, verdict in (
        (Fraction(2, 10**8), Judgement.PROVED),
        (Fraction(2, 10**8) + Fraction(1, 2**50), Judgement.DISPROVED),
    ):
        found = about_singular_values([sigma.high + off], [mode], Fraction(1, 10**8))
        assert found.verdict is (Judgement.OPEN if verdict is Judgement.PROVED else verdict)
    inside = about_singular_values([1.0 + 1.9e-8], [mode], Fraction(1, 10**8))
    assert inside.verdict is Judgement.PROVED
