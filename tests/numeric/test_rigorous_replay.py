"""Replay: every certificate is accepted as it was written, and none after one endpoint, one entry or one word of it has changed."""

import copy
import dataclasses
import json
import os
import threading
from fractions import Fraction

import numpy as np
import pytest

import ncsolve
from ncsolve import CrossEntropy, Squared
from ncsolve.cli import main
from ncsolve.numeric.rigorous import Claimed, certify_rigorously
from ncsolve.numeric.rigorous.audit import replay_document
from ncsolve.numeric.rigorous.certificate import digest
from ncsolve.numeric.rigorous.enclosure import Enclosure, number_of, text_of, wider
from ncsolve.numeric.rigorous.evidence import Modes
from ncsolve.numeric.rigorous.exact import ExactProblem
from ncsolve.numeric.rigorous.gram import Gram
from ncsolve.numeric.rigorous.rejected import Rejected
from ncsolve.numeric.rigorous.scalar import Scalar, Stand
from ncsolve.numeric.rigorous.secular import Secular
from ncsolve.numeric.rigorous.spectral import Mode, distinct

TIED = ncsolve.UFM([20, 80], depth=2, weight_decay=[0.01, 0.025], feature_decay=0.1)
UNDECIDED = ncsolve.UFM(
    [1, 1, 1, 1, 2, 4], depth=2, bias="free", weight_decay=0.04, feature_decay=0.1
)
PROBLEMS = {
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


def _document(certificate):
    return json.loads(json.dumps(certificate.document(), allow_nan=False))


def _wrong(name):
    prediction = ncsolve.predict(PROBLEMS[name])
    best = prediction.parameters()
    off = ncsolve.Parameters(
        (*best.weights[:-1], best.weights[-1] * 1.01), best.features, best.bias
    )
    return certify_rigorously(prediction.ufm, Claimed(off, prediction.value))


DOCUMENTS = {
    name: _document(ncsolve.certify(ncsolve.predict(ufm), rigorous=True))
    for name, ufm in PROBLEMS.items()
}
DOCUMENTS |= {f"wrong-{name}": _document(_wrong(name)) for name in ("none", "ce-free")}


def _endpoints(value, path=()):
    """Paths to every endpoint: the strings of every pair of exact numbers among the enclosures."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if key not in ("dual", "own"):
                yield from _endpoints(entry, (*path, key))
    elif isinstance(value, list):
        if len(value) == 2 and all(isinstance(entry, str) for entry in value):
            yield from ((*path, 0), (*path, 1))
        else:
            for i, entry in enumerate(value):
                yield from _endpoints(entry, (*path, i))


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
    assert _document(found.certificate) == DOCUMENTS[name]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_one_corrupted_endpoint_is_rejected_with_the_digest_left_alone_and_recomputed(name):
    document = DOCUMENTS[name]
    tried = 0
    for path in _endpoints(document["enclosures"], ("enclosures",)):
        low, high = (number_of(text, "it") for text in _at(document, path[:-1]))
        mine = (low, high)[path[-1]]
        width = high - low or abs(mine) / 2**60
        inwards = 1 if path[-1] == 0 else -1
        for step in (
            inwards * width,
            inwards * width / 2,
            inwards * width / 2**20,
            -inwards * width / 2**20,
            -inwards * width,
        ):
            text = text_of(mine + step)
            assert "digest" in replay_document(_changed(document, path, text, sign=False)).failed
            failed = replay_document(_changed(document, path, text)).failed
            assert failed is not None, (path, step)
            assert "digest" not in failed
            tried += 1
    assert tried >= 16


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if "ce" in name])
def test_one_changed_probability_of_a_dual_point_is_rejected(name):
    document = DOCUMENTS[name]
    for h, row in enumerate(document["enclosures"]["dual"]):
        for g, text in enumerate(row):
            x = number_of(text, "it")
            for factor in (1 + 2**-52, 1 - 2**-52):
                changed = x * Fraction(factor) if x else x + 1
                found = replay_document(
                    _changed(document, ("enclosures", "dual", h, g), text_of(changed))
                )
                assert not found.accepted, (h, g, factor)


WORDS = {
    ("outcome",): "PROVED",
    ("method",): "dual",
    ("precision",): 32,
    ("problem", "feature_decay"): "0.0021",
    ("problem", "depth"): 4,
    ("problem", "bias"): "0.5",
    ("problem", "counts", 0): "51.0",
    ("claim", "value"): (1.5).hex(),
    ("claim", "tolerance"): "1e-20",
    ("claim", "states", 0): "merged",
    ("findings",): [],
    ("findings", 0, "says"): "all is well",
    ("claim", "point", "bias", "shape"): [9],
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


def test_an_entry_of_the_claimed_matrices_that_changes_is_rejected():
    from ncsolve.numeric.rigorous.matrices import from_text, to_text

    for name in ("none", "free", "ce"):
        document = DOCUMENTS[name]
        stored = document["claim"]["point"]["class_means"]
        means = from_text(stored, tuple(stored["shape"]), "class means")
        means[0, 0] *= 1 + 1e-6
        assert not replay_document(
            _changed(document, ("claim", "point", "class_means"), to_text(means))
        ).accepted


def test_modes_that_are_left_out_doubled_or_swapped_are_rejected():
    for name in ("none", "free", "targets"):
        document = DOCUMENTS[name]
        modes = document["enclosures"]["modes"]
        for changed in (
            modes[:-1],
            modes[1:],
            [*modes, modes[-1]],
            [modes[1], modes[0], *modes[2:]],
            [],
        ):
            found = replay_document(_changed(document, ("enclosures", "modes"), changed))
            assert not found.accepted
        for field, entry in (
            ("copies", 2),
            ("kept", 0),
            ("stand", "ZERO"),
            ("stand", "TIE"),
            ("p", None),
            ("copies", True),
        ):
            found = replay_document(_changed(document, ("enclosures", "modes", 0, field), entry))
            assert not found.accepted, field


def test_a_root_on_the_wrong_branch_is_rejected():
    ufm = ncsolve.UFM(
        [1000, 100, 10, 2], depth=3
    )  # the class of 2 has an outer root, and zero is lower
    document = _document(ncsolve.certify(ncsolve.predict(ufm), rigorous=True))
    tau2 = Enclosure(Fraction(2), Fraction(2))
    scalar = Scalar.of(ExactProblem(ufm))
    outer = scalar.shrinkage(tau2)
    inner = next(
        Enclosure(p, p + Fraction(1, 2**64)) for p in _bisected(scalar, Fraction(2), outer.high)
    )
    for p, why in ((outer, "threshold"), (inner, "threshold")):
        mode = Mode(tau2, 1, 1, Stand.ALIVE, p).to_dict()
        assert why in replay_document(_changed(document, ("enclosures", "modes", 3), mode)).failed
    assert not scalar.is_proved(inner, tau2)  # although the signs at its ends differ as well
    assert scalar.reaches(inner.low, Fraction(2)) > 0 > scalar.reaches(inner.high, Fraction(2))


def _bisected(scalar, tau2, low):
    """The start of a short interval around the root on the falling branch."""
    high = Fraction(1)
    while high - low > Fraction(1, 2**64):
        middle = (low + high) / 2
        low, high = (middle, high) if scalar.reaches(middle, tau2) > 0 else (low, middle)
    yield low


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
    paths = [
        path for path in _paths(document) if path and path not in (("digest",), ("feasibility",))
    ]
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
    ncsolve.certify(ncsolve.predict(PROBLEMS["free"]), rigorous=True).save(path)
    return path


def test_a_certificate_is_saved_whole_and_never_over_another(saved):
    assert ncsolve.replay(saved).accepted
    with pytest.raises(FileExistsError):
        ncsolve.certify(ncsolve.predict(PROBLEMS["ce"]), rigorous=True).save(saved)
    ncsolve.certify(ncsolve.predict(PROBLEMS["ce"]), rigorous=True).save(saved, overwrite=True)
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
        "other": '{"schema": "ncsolve/numeric/rigorous/2"}',
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
    assert "ncsolve/certify/1" in _refusal(capsys, tmp_path / "certify.json")
    assert "does not exist" in _refusal(capsys, tmp_path / "nowhere.json")
    assert "is a directory" in _refusal(capsys, tmp_path)


def _cell_of_tau2(name, i, bits):
    """The mode with its tau^2 in a cell of so many bits, everything else as it follows."""
    certificate = replay_document(DOCUMENTS[name]).certificate
    problem, mode = certificate.problem, certificate.evidence.modes[i]
    if problem.one_hot:
        secular = Secular(*distinct(problem.counts))
        tau2 = next(
            root
            for g in range(len(secular.poles) - 1)
            if mode.tau2.low <= (root := secular.root(g, None, bits)).low < mode.tau2.high
        )
    else:
        tau2 = next(
            e for e, _ in Gram(problem).eigenvalues(bits) if mode.tau2.low <= e.low < mode.tau2.high
        )
    assert tau2.high - tau2.low < mode.tau2.high - mode.tau2.low
    scalar = Scalar.of(problem)
    return certificate, Mode(
        tau2, mode.copies, mode.kept, scalar.stand(tau2), scalar.shrinkage(tau2)
    )


@pytest.mark.parametrize(("name", "i"), [("free", 0), ("targets", 0)])
@pytest.mark.parametrize("bits", [160, 320, 640])
def test_an_eigenvalue_with_more_bits_than_it_was_made_with_is_rejected(name, i, bits):
    certificate, mode = _cell_of_tau2(name, i, bits)
    modes = [*certificate.evidence.modes[:i], mode, *certificate.evidence.modes[i + 1 :]]
    changed = dataclasses.replace(certificate, evidence=Modes(certificate.problem, modes))
    assert f"mode {i}: tau2 is given with more bits" in replay_document(_document(changed)).failed


def test_a_mode_is_undecided_at_the_most_bits_only():
    certificate = replay_document(DOCUMENTS["undecided"]).certificate
    modes = certificate.evidence.modes
    i = next(i for i, mode in enumerate(modes) if mode.stand is Stand.UNDECIDED)
    scalar, coarse = Scalar.of(certificate.problem), wider(modes[i].tau2, 80)
    assert scalar.stand(coarse) is Stand.UNDECIDED
    mode = Mode(coarse, modes[i].copies, modes[i].kept, Stand.UNDECIDED, scalar.shrinkage(coarse))
    changed = dataclasses.replace(
        certificate, evidence=Modes(certificate.problem, [*modes[:i], mode, *modes[i + 1 :]])
    )
    assert "640 bits" in replay_document(_document(changed)).failed


def _with(document, *path, entry):
    return json.dumps(_changed(document, path, entry))


LARGE = {
    "a huge smoothing": lambda: _with(DOCUMENTS["ce"], "problem", "smoothing", entry=10**400),
    "a huge target": lambda: _with(DOCUMENTS["targets"], "problem", "targets", 0, 0, entry=10**400),
    "a huge count": lambda: _with(DOCUMENTS["ce"], "problem", "counts", 0, entry=10**3000),
    "a huge endpoint": lambda: _with(
        DOCUMENTS["free"], "enclosures", "modes", 1, "tau2", 1, entry="1*2^99999"
    ),
    "a long endpoint": lambda: _with(
        DOCUMENTS["free"], "enclosures", "modes", 1, "tau2", 1, entry="9" * 4000
    ),
    "a huge entry of a dual point": lambda: _with(
        DOCUMENTS["regularized"], "enclosures", "dual", 0, 0, entry="7" * 4000
    ),
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
    assert not replay_document(DOCUMENTS["ce"] | {"feasibility": float("inf")}).accepted


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


def test_an_exact_number_is_written_in_one_way_only():
    for number in (
        Fraction(0),
        Fraction(-7),
        Fraction(3, 8),
        Fraction(-5, 6),
        Fraction(2**1023),
        Fraction(5 * 2**3000),
        Fraction(1, 2**1100),
    ):
        assert number_of(text_of(number), "it") == number
    for text in (
        "-0",
        "00",
        "07",
        "2/4",
        "3/1",
        "3/8",
        "6*2^-4",
        "3*2^0",
        "3*2^5",
        "1*2^1000",
        "3*2^-03",
        "0*2^-3",
        "+3",
        "3/0",
        " 3",
    ):
        with pytest.raises(Rejected):
            number_of(text, "it")
    document = copy.deepcopy(DOCUMENTS["ce"])
    for pair in (
        document["enclosures"]["objective"],
        document["enclosures"]["bound"],
        document["enclosures"]["dual"][0],
    ):
        for i, text in enumerate(pair):
            m, _, e = text.partition("*2^")
            if e:
                changed = [*pair[:i], f"{2 * int(m)}*2^{int(e) - 1}", *pair[i + 1 :]]
                assert number_of(text, "it") == Fraction(2 * int(m)) * Fraction(2) ** (int(e) - 1)
                pair[i], kept = changed[i], pair[i]
                assert (
                    "shortest form"
                    in replay_document(document | {"digest": digest(document)}).failed
                )
                pair[i] = kept


@pytest.mark.parametrize(
    ("field", "entry"),
    [
        ("tolerance", " 1e-08"),
        ("tolerance", "1e-8"),
        ("tolerance", "0.00_1"),
        ("value", "0x1"),
        ("value", "1.5"),
    ],
)
def test_a_claimed_number_is_written_in_one_way_only(field, entry):
    assert (
        "claim: a number cannot be read"
        in replay_document(_changed(DOCUMENTS["ce"], ("claim", field), entry)).failed
    )


def test_a_feasibility_belongs_to_a_dual_point():
    assert replay_document(_changed(DOCUMENTS["ce"], ("feasibility",), 1.5)).accepted  # information
    assert (
        "feasibility" in replay_document(_changed(DOCUMENTS["none"], ("feasibility",), 1.5)).failed
    )


@pytest.mark.parametrize("entry", [-7.5, float("inf"), float("nan"), 0, True, None, "0.0"])
def test_a_feasibility_that_is_none_is_rejected(entry):
    document = DOCUMENTS["ce"] | {"feasibility": entry}
    if entry == entry and entry != float("inf"):
        document["digest"] = digest(document)
        assert "feasibility" in replay_document(document).failed
    assert not replay_document(document).accepted


def _refusal(capsys, path):
    assert main(["replay", str(path)]) == 4
    return capsys.readouterr().err


def test_certify_rigorous_on_the_command_line(tmp_path, capsys):
    path = tmp_path / "proof.json"
    argv = [
        "certify",
        "--counts",
        "1000,100,10,2",
        "--depth",
        "3",
        "--weight-decay",
        "5e-4",
        "--feature-decay",
        "5e-4",
        "--rigorous",
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
    assert json.loads(path.read_text())["schema"] == "ncsolve/rigorous/1"
    assert main(["replay", str(path), "--quiet"]) == 0
    capsys.readouterr()
    assert main([*argv, "--out", str(path)]) == 4  # never over another file
    assert "--force" in capsys.readouterr().err
    assert main([*argv, "--json"]) == 0
    document = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert document["schema"] == "ncsolve/certify/1"
    assert document["certificate"]["rigorous"] is True
    assert document["certificate"]["outcome"] == "PROVED"
    assert (
        main(
            [
                "certify",
                "--counts",
                "5,4,3",
                "--loss",
                "ce",
                "--width",
                "1",
                "--rigorous",
                "--quiet",
            ]
        )
        == 3
    )
    assert "NOT_DECIDED" in capsys.readouterr().out
    assert main(["certify", "--counts", "5,4,3", "--loss", "ce", "--depth", "2", "--rigorous"]) == 2
    assert "not convex" in capsys.readouterr().err
    assert (
        main(
            [
                "certify",
                "--counts",
                "5,4,3",
                "--loss",
                "ce",
                "--limit",
                "vanishing-decay",
                "--rigorous",
            ]
        )
        == 2
    )
    assert "limit" in capsys.readouterr().err
    assert main(["certify", "--counts", "5,4,3", "--tol", "2", "--rigorous"]) == 2
    assert "tolerance" in capsys.readouterr().err


def test_a_wrong_prediction_is_contradicted_on_the_command_line(monkeypatch, capsys):
    import dataclasses

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
