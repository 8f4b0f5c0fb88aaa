"""Result files read back: every command's, whole or damaged, true or changed."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from support.written import ARGV, COUNTS, log, problem, write_all

import ncsolve
from ncsolve import cli
from ncsolve.problem.errors import DataError
from ncsolve.questions.maps import PhaseMap
from ncsolve.show.document import read_result, result_of

PREDICTIONS = (
    "predict.json",
    "predict.npz",
    "thresholds.json",
    "certify.json",
    "verify.json",
    "verify.npz",
    "compare.npz",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    before = Path.cwd()
    made = tmp_path_factory.mktemp("results")
    write_all(made)
    os.chdir(before)
    return made


def one_line(path):
    """The message of the mistake that reading `path` is."""
    with pytest.raises(DataError) as caught:
        read_result(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(folder, tmp_path, name, change):
    """A copy of a JSON result, changed."""
    document = json.loads((folder / name).read_text())
    change(document)
    (tmp_path / name).write_text(json.dumps(document))
    return tmp_path / name


def test_every_command_that_writes_documents_is_read_here():
    # a page, what needs a certificate of another extra, what needs torch (a log stands for it)
    pages = {"report", "replay", "train"}
    writing = {name for name in cli.COMMANDS if {".json", ".jsonl"} & set(cli.command(name).out)}
    assert {words[0] for words in ARGV.values()} == writing - pages
    suffixes = {(words[0], name.rpartition(".")[2]) for name, words in ARGV.items()}
    binary = {(name, "npz") for name in cli.COMMANDS if ".npz" in cli.command(name).out}
    assert binary <= suffixes


@pytest.mark.parametrize("name", [*ARGV, "train-log.jsonl"])
def test_a_result_says_which_command_wrote_it(folder, name):
    found = read_result(folder / name)
    assert found.kind == name.partition(".")[0]
    assert found.path == str(folder / name)


@pytest.mark.parametrize("name", PREDICTIONS)
def test_the_prediction_is_made_again(folder, name):
    assert read_result(folder / name).prediction.value == ncsolve.predict(problem()).value
    assert read_result(folder / name).predicts
    assert list(read_result(folder / name).prediction.ufm.names) == (
        list(COUNTS) if name != "compare.npz" else sorted(COUNTS)
    )


@pytest.mark.parametrize(
    "name", ["phase.json", "dynamics.json", "landscape.json", "measure.json", "campaign.jsonl"]
)
def test_what_holds_no_prediction_says_so_and_what_would(folder, name):
    found = read_result(folder / name)
    assert not found.predicts
    for lacking, command in (
        ("prediction", "predict"),
        ("histories", "verify"),
        ("found", "verify"),
        ("records", "train"),
    ):
        with pytest.raises(
            DataError, match=f"a result of ncsolve {found.kind}, holds no .*; ncsolve {command} "
        ):
            getattr(found, lacking)


@pytest.mark.parametrize("factor", [1.01, 1 + 1e-8, float("nan"), -1.0])
def test_a_changed_value_is_refused(folder, tmp_path, factor):
    path = changed(
        folder,
        tmp_path,
        "predict.json",
        lambda document: document.update(value=document["value"] * factor),
    )
    with pytest.raises(DataError, match=r"holds the value .* is predicted for its problem"):
        _ = read_result(path).prediction


@pytest.mark.parametrize(
    ("change", "said"),
    {
        "a changed count": (lambda d: d["ufm"]["counts"].__setitem__(0, 61.0), "holds the value"),
        "a word as value": (lambda d: d.update(value="0.05"), "holds the value"),
        "a negative count": (lambda d: d["ufm"]["counts"].__setitem__(0, -1.0), "not understood"),
        "an unknown theorem": (lambda d: d["theorem"].update(name="etf"), "not understood"),
        "no theorem's name": (lambda d: d.update(theorem={}), "holds no prediction"),
        "a problem that is a list": (lambda d: d.update(ufm=[1, 2]), "predict"),
        "no depth": (lambda d: d["ufm"].pop("depth"), "without depth"),
    }.values(),
)
def test_a_problem_that_was_changed_is_refused_in_one_line(folder, tmp_path, change, said):
    with pytest.raises(DataError, match=said) as caught:
        _ = read_result(changed(folder, tmp_path, "predict.json", change)).prediction
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [*ARGV, "train-log.jsonl"])
@pytest.mark.parametrize("share", [0.0, 0.4, 0.95])
def test_a_truncated_file_is_refused_or_read_up_to_its_last_whole_line(
    folder, tmp_path, name, share
):
    whole = (folder / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: int(share * len(whole))])
    if (
        path.suffix == ".jsonl" and b"\n" in path.read_bytes()
    ):  # half a line at the end is one that is being written
        assert read_result(path).kind == name.partition(".")[0]
    else:
        assert repr(str(path)) in one_line(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"3",
        b'"x"',
        b"{}",
        b'{"schema": 1}',
        b'{"schema": "ncsolve/predict/2"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
    ids=repr,
)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_what_no_command_wrote_is_refused(tmp_path, content, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    assert repr(str(path)) in one_line(path)


def test_other_files_are_named_with_what_works(tmp_path, folder):
    assert ".json, .npz, .jsonl" in one_line(tmp_path / "picture.png")
    assert "cannot be read" in one_line(tmp_path / "missing.json")
    assert "does not exist" in one_line(tmp_path / "missing.npz")
    (tmp_path / "folder.json").mkdir()
    assert "cannot be read" in one_line(tmp_path / "folder.json")
    assert "cannot be read" in one_line("a\0b.json")
    assert "no document" in one_line(folder / "snapshot.npz")
    (tmp_path / "upper.JSON").write_bytes((folder / "predict.json").read_bytes())
    assert read_result(tmp_path / "upper.JSON").kind == "predict"


def test_no_pickle_is_read(tmp_path):
    np.savez(tmp_path / "x.npz", document=np.array([{"schema": "ncsolve/predict/1"}], dtype=object))
    assert "pickle" in one_line(tmp_path / "x.npz")


@pytest.fixture(scope="module")
def verified():
    return ncsolve.verify(problem(), rng=0)


@pytest.mark.parametrize("name", ["verify.json", "verify.npz"])
def test_trajectories_come_back_to_the_last_bit(folder, verified, name):
    found = read_result(folder / name).histories
    assert len(found) == len(verified.runs) == 2
    for history, run in zip(found, verified.runs, strict=True):
        assert history.ending is run.ending
        for key, column in vars(run.trajectory).items():
            np.testing.assert_array_equal(getattr(history.trajectory, key), column)


def test_a_number_that_is_not_known_comes_back_as_nan(folder, tmp_path):
    path = changed(
        folder,
        tmp_path,
        "verify.json",
        lambda d: d["runs"][0]["trajectory"]["nc3"].__setitem__(0, None),
    )
    assert np.isnan(read_result(path).histories[0].trajectory.nc3[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["runs"][0].pop("trajectory"),
        lambda d: d["runs"][0].update(ending="TIRED"),
        lambda d: d["runs"][0]["trajectory"].pop("step"),
        lambda d: d["runs"][0]["trajectory"].update(step=["x"]),
        lambda d: d.update(runs=[3]),
    ],
)
def test_runs_that_are_not_whole_are_refused(folder, tmp_path, change):
    with pytest.raises(DataError, match="not the whole result of ncsolve verify"):
        _ = read_result(changed(folder, tmp_path, "verify.json", change)).histories


def test_the_matrices_of_the_best_run_come_back(folder, verified):
    found, best = read_result(folder / "verify.npz").found, verified.best.parameters
    for one, other in zip(
        (*found.weights, found.features, found.bias),
        (*best.weights, best.features, best.bias),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(DataError, match=r"--out FILE\.npz"):
        _ = read_result(folder / "verify.json").found


def test_the_spectrum_of_h_counts_every_sample(folder, verified):
    """Class means times sqrt(n_k): a converged run has the predicted singular values in every layer; measured 1e-12."""
    comparison = read_result(folder / "verify.npz").comparison
    assert [spectrum.name for spectrum in comparison.spectra] == ["H", "W_1", "W_2"]
    for spectrum in comparison.spectra:
        np.testing.assert_allclose(spectrum.measured, spectrum.predicted, rtol=1e-9)
    scaled = verified.best.parameters.features * np.sqrt(list(COUNTS.values()))
    np.testing.assert_allclose(
        comparison.spectra[0].measured, np.linalg.svd(scaled, compute_uv=False), rtol=1e-12
    )


def test_a_network_comes_back_in_the_order_of_its_labels(folder):
    found, document = (
        read_result(folder / "compare.npz"),
        json.loads((folder / "compare.json").read_text()),
    )
    names = [row["name"] for row in document["classes"]]
    assert names == sorted(COUNTS) != list(COUNTS)
    comparison = found.comparison
    assert [str(name) for name in comparison.measurement.classes] == names
    for key, value in document["distances"].items():
        assert comparison.distances[key] == pytest.approx(value, rel=1e-9), key
    for row, known in zip(comparison.classes, document["classes"], strict=True):
        assert row.feature_norm == pytest.approx(known["feature_norm"], rel=1e-12)
        assert row.predicted_weight_norm == known["predicted_weight_norm"]
        assert row.angle == pytest.approx(known["angle"], rel=1e-6)


def test_labels_and_counts_may_be_in_different_orders():
    prediction = ncsolve.predict(problem())
    order = np.argsort(list(COUNTS))
    labels = np.repeat(list(COUNTS), list(COUNTS.values()))
    weights = [prediction.weights[0], prediction.weights[1][order]]
    compared = ncsolve.compare(
        ncsolve.measure(prediction.features().T, labels, weights), prediction
    )
    assert [str(name) for name in compared.measurement.classes] == sorted(COUNTS)
    again = result_of(compared).comparison
    assert again.largest[1] < 1e-12
    assert [row.state for row in again.classes] == [row.state for row in compared.classes]
    np.testing.assert_array_equal(
        again.measurement.gram_features, compared.measurement.gram_features
    )


def test_widths_that_follow_the_number_of_classes_still_do(tmp_path):
    tail = ncsolve.LongTail(3, 100, 10)
    for width in (None, 3):
        known = ncsolve.phase_map(
            ncsolve.UFM(tail.counts()),
            "decay=1e-4,1e-3",
            "K=3,6",
            long_tail=tail,
            full_width=width is None,
        )
        known.save(tmp_path / f"{width}.npz")
        found = read_result(tmp_path / f"{width}.npz")
        kept = PhaseMap.from_dict(found.document, found.arrays)
        assert kept.at(1, 0) == known.at(1, 0)
        assert kept.at(1, 0).width == ((width or 6),)


def test_a_network_without_a_classifier_has_class_means_alone(tmp_path):
    prediction = ncsolve.predict(problem())
    labels = np.repeat(list(COUNTS), list(COUNTS.values()))
    compared = ncsolve.compare(ncsolve.measure(prediction.features().T, labels), prediction)
    found = result_of(compared)
    assert found.kind == "compare"
    assert found.found.weights == ()
    assert found.comparison.measurement.weight is None
    assert found.comparison.spectra[0].relative < 1e-12


@pytest.mark.parametrize("name", ["phase.npz", "phase.json"])
def test_a_phase_map_comes_back_whole(folder, name):
    found = read_result(folder / name)
    kept = PhaseMap.from_dict(found.document, found.arrays)
    tail = ncsolve.LongTail(10, 500, 100)
    problem = ncsolve.UFM(tail.counts(), depth=3)
    known = ncsolve.phase_map(problem, "decay=1e-4:1e-2:9", "ratio=1:1000:8", long_tail=tail)
    assert list(kept.fields) == list(known.fields)
    for key, field in known.fields.items():
        np.testing.assert_array_equal(kept.fields[key], field)
    np.testing.assert_array_equal(kept.claim, known.claim)
    np.testing.assert_array_equal(kept.theorem, known.theorem)
    assert (kept.x.name, kept.x.log, kept.y.name, kept.y.log) == ("decay", True, "ratio", True)
    assert [(one.name, one.kind) for one in kept.boundaries] == [
        (one.name, one.kind) for one in known.boundaries
    ]
    for one, other in zip(kept.boundaries, known.boundaries, strict=True):
        np.testing.assert_array_equal([one.x, one.y], [other.x, other.y])
    assert kept.at(2, 3) == known.at(2, 3)
    assert kept.tally() == known.tally()


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("x"),
        lambda d: d["x"].update(values=[1, 2, 3]),
        lambda d: d.update(fields={}),
        lambda d: d["fields"].update(active=[[1]]),
        lambda d: d["boundaries"][0].pop("x"),
        lambda d: d["ufm"].pop("depth"),
        lambda d: d["long_tail"].pop("K"),
    ],
)
def test_a_map_that_is_not_whole_is_refused(folder, tmp_path, change):
    from ncsolve.problem.errors import NcsolveError
    from ncsolve.show.gallery import drawn

    with pytest.raises(NcsolveError):
        drawn("phase", read_result(changed(folder, tmp_path, "phase.json", change)))


def test_a_training_log_is_read_up_to_its_last_whole_line(tmp_path):
    path = tmp_path / "run.jsonl"
    log(path)
    records = read_result(path).records
    assert [record["epoch"] for record in records] == [0, 1, 2]
    assert np.isnan(records[1]["excess"])
    assert records[2]["nc2_gof_H"] == 0.01
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"epoch": 3, "nc2_')
    assert len(read_result(path).records) == 3
    path.write_bytes(whole.replace(b'{"epoch": 1', b'{"epoch" 1'))
    assert "line 3" in one_line(path)
    path.write_bytes(whole.splitlines(keepends=True)[0])
    with pytest.raises(DataError, match="no measurements of a training"):
        _ = read_result(path).records


def test_what_python_saves_is_read_as_well(tmp_path, verified):
    verified.save(tmp_path / "run.npz")
    verified.prediction.save(tmp_path / "prediction.npz")
    tail = ncsolve.LongTail(3, 100, 10)
    ncsolve.phase_map(
        ncsolve.UFM(tail.counts()), "decay=1e-4:1e-2:3", "ratio=1,10", long_tail=tail
    ).save(tmp_path / "map.npz")
    assert [
        read_result(tmp_path / f"{name}.npz").kind for name in ("run", "prediction", "map")
    ] == ["verify", "predict", "phase"]
    assert read_result(tmp_path / "run.npz").prediction.value == verified.prediction.value


def test_a_result_in_memory_is_what_the_file_would_hold(folder, verified):
    read, made = read_result(folder / "verify.npz"), result_of(verified)
    assert made.prediction is verified.prediction
    assert json.loads(json.dumps(made.document)) == {
        key: read.document[key] for key in made.document
    }
    assert {name for name in read.arrays if name.startswith("found_")} == set(made.arrays)
