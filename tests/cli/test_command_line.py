"""The command line as a user meets it: answers, exit codes, one line for every mistake, nothing half-written."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import ncsolve
from ncsolve.cli import main

SMALL = ["--counts", "30,20,8", "--weight-decay", "4e-3", "--feature-decay", "4e-3"]
KEYS = {
    "schema",
    "ncsolve_version",
    "ufm",
    "theorem",
    "value",
    "singular_values",
    "classes",
    "layers",
    "certificate",
    "warnings",
}


def _json(capsys, *argv):
    code = main([*argv, "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


@pytest.mark.parametrize("command", ["predict", "verify", "certify"])
def test_one_json_document_with_the_keys_of_the_contract(capsys, command):
    code, document = _json(capsys, command, *SMALL)
    assert code == 0
    assert document["schema"] == f"ncsolve/{command}/1"
    assert document.keys() >= KEYS | {"provenance"}
    prediction = ncsolve.predict(ncsolve.UFM([30, 20, 8], weight_decay=4e-3, feature_decay=4e-3))
    assert document["value"] == prediction.value
    assert document["theorem"]["claim"] == "GLOBAL"
    assert [
        row["feature_norm"] for row in document["classes"]
    ] == prediction.classes.feature_norm.tolist()


def test_verify_says_that_descent_agrees(capsys):
    code, document = _json(capsys, "verify", *SMALL, "--rng", "1", "--hessian")
    assert (code, document["verdict"]) == (0, "AGREES")
    assert document["hessian"]["is_minimum"]
    assert document["provenance"]["rng"] == 1


def test_verify_without_enough_steps_is_inconclusive(capsys):
    code, document = _json(capsys, "verify", *SMALL, *"--method sgd --steps 3 --rng 1".split())
    assert (code, document["verdict"]) == (3, "STUCK")


def test_thresholds_of_a_long_tail(capsys):
    argv = "--long-tail K=10,n=500,ratio=100 --depth 2 --weight-decay 1e-3 --feature-decay 1e-3".split()
    code, document = _json(capsys, "thresholds", *argv)
    assert code == 0
    assert [row["count"] for row in document["classes"]][::9] == [500, 5]
    for row in document["classes"]:
        assert (
            (row["state"] == "vanished")
            == (row["count"] < row["critical_count"])
            == (row["critical_decay"] < 1e-3)
        )


@pytest.mark.parametrize("name", ["places-lt", "mnist"])
def test_the_shipped_examples_are_predicted(capsys, name):
    code, document = _json(
        capsys, "predict", "--counts", name, *"--weight-decay 1e-5 --feature-decay 1e-5".split()
    )
    assert code == 0
    assert len(document["classes"]) == {"places-lt": 365, "mnist": 10}[name]


def test_counts_come_from_files_and_from_standard_input(tmp_path):
    (tmp_path / "counts.csv").write_text("class,count\ncat,30\ndog,20\nowl,8\n")
    (tmp_path / "counts.json").write_text('{"cat": 30, "dog": 20, "owl": 8}')
    np.save(tmp_path / "labels.npy", np.repeat([0, 1, 2], [30, 20, 8]))
    values = set()
    for source in (
        ["--counts", "counts.csv"],
        ["--counts", "counts.json"],
        ["--counts", "-"],
        ["--labels", "labels.npy"],
    ):
        command = [sys.executable, "-m", "ncsolve", "predict", *source, "--json"]
        done = subprocess.run(
            command, cwd=tmp_path, input=b"30,20,8", capture_output=True, check=True
        )
        values.add(json.loads(done.stdout)["value"])
    assert len(values) == 1


MISTAKES = {
    "no counts": ("predict", 2, "--counts"),
    "empty counts": ("predict --counts ''", 4, ""),
    "a zero": ("predict --counts 5,0,3", 4, "0"),
    "a negative count": ("predict --counts 5,-1", 4, "-1"),
    "nan": ("predict --counts 5,nan", 4, "nan"),
    "infinite": ("predict --counts 5,inf", 4, "inf"),
    "overflowing": ("predict --counts 5,1e400", 4, "1e400"),
    "a word": ("predict --counts 5,many", 4, "many"),
    "one class": ("predict --counts 5", 4, "5"),
    "a missing file": ("predict --counts nowhere.csv", 4, "nowhere.csv"),
    "an unknown example": ("predict --counts placeslt", 4, "places-lt"),
    "a malformed long tail": ("predict --long-tail K=ten", 4, "ten"),
    "depth zero": ("predict --counts 5,3 --depth 0", 2, "0"),
    "depth 1.5": ("predict --counts 5,3 --depth 1.5", 2, "1.5"),
    "width zero": ("predict --counts 5,3 --width 0", 2, "0"),
    "too many widths": ("predict --counts 5,3 --width 3,4", 2, "2 entries"),
    "zero decay": ("predict --counts 5,3 --weight-decay 0", 2, "0"),
    "negative decay": ("predict --counts 5,3 --feature-decay -1", 2, "-1"),
    "nan decay": ("predict --counts 5,3 --weight-decay nan", 2, "nan"),
    "unknown loss": ("predict --counts 5,3 --loss hinge", 2, "hinge"),
    "unknown bias": ("predict --counts 5,3 --bias maybe", 2, "maybe"),
    "unknown theorem": ("predict --counts 5,3 --theorem etf", 2, "etf"),
    "no theorem": ("predict --counts 5,3 --bias 1e-2 --depth 2", 2, "the bias is none or free"),
    "an unknown option": ("predict --counts 5,3 --dept 3", 2, "--dept"),
    "an unknown command": ("forecast", 2, "forecast"),
    "momentum without sgd": ("verify --counts 5,3 --momentum .9", 2, "--momentum"),
    "no starts": ("verify --counts 5,3 --starts 0", 2, "0"),
    "an unwritable place": (
        "predict --counts 5,3 --out /nowhere/at/all.json",
        4,
        "/nowhere/at/all.json",
    ),
    "a picture of an unknown kind": ("plot norms --counts 5,3 --out picture.bmp", 2, "picture.bmp"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_one_line_and_its_exit_code(capsys, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    argv, code, said = MISTAKES[name]
    assert main(shlex.split(argv)) == code
    out, err = capsys.readouterr()
    assert out == ""
    line = err.strip().splitlines()[-1]
    assert line.startswith("ncsolve")
    assert "error" in line
    assert said in line
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\x02\xff", b"class,count\na,5\na,6\n", b"class,count\na,5\nb,x\n"]
)
def test_a_bad_file_is_named(capsys, tmp_path, content):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    assert main(["predict", "--counts", str(path)]) == 4
    assert "bad.csv" in capsys.readouterr().err


def test_labels_of_one_class_are_refused(capsys, tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(9, dtype=int))
    assert main(["predict", "--labels", str(tmp_path / "one.npy")]) == 4
    assert "one.npy" in capsys.readouterr().err


def test_out_is_written_whole_and_never_over_a_file(capsys, tmp_path):
    path = tmp_path / "answer.json"
    assert main(["predict", *SMALL, "--out", str(path)]) == 0
    first = path.read_bytes()
    assert json.loads(first)["schema"] == "ncsolve/predict/1"
    assert main(["predict", "--counts", "9,9", "--out", str(path)]) == 4
    assert path.read_bytes() == first
    assert main(["predict", "--counts", "9,9", "--out", str(path), "--force"]) == 0
    assert json.loads(path.read_bytes())["ufm"]["counts"] == [9, 9]
    matrices = tmp_path / "answer.npz"
    assert main(["predict", *SMALL, "--out", str(matrices)]) == 0
    with np.load(matrices, allow_pickle=False) as saved:
        assert saved["W_1"].shape == (3, 3)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["answer.json", "answer.npz"]
    capsys.readouterr()


def test_an_interrupt_during_descent_keeps_the_partial_result(tmp_path):
    path = tmp_path / "partial.json"
    argv = (
        "verify --counts 200,100,50,50 --width 64 --method sgd --steps 100000000 --starts 3".split()
    )
    command = [sys.executable, "-m", "ncsolve", *argv, "--out", str(path)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    seed = running.stderr.readline()  # said before descent starts; then it takes steps
    assert b"--rng" in seed
    time.sleep(3)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 3
    assert b"INTERRUPTED" in out
    assert b"interrupted" in err
    assert b"Traceback" not in err
    document = json.loads(path.read_bytes())
    assert document["interrupted"]
    assert [run["ending"] for run in document["runs"]] == ["INTERRUPTED"]


@pytest.mark.parametrize("kind", [["norms"], ["norms", "--measured"], ["gram"], ["objective"]])
@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_every_picture_is_drawn_in_every_format(capsys, tmp_path, kind, suffix):
    path = tmp_path / f"picture.{suffix}"
    assert (
        main(
            [
                "plot",
                *kind,
                *"--counts 300,40,9,1 --weight-decay 4e-3 --feature-decay 4e-3 --out".split(),
                str(path),
            ]
        )
        == 0
    )
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(start)
    capsys.readouterr()


def test_the_points_and_lines_of_a_picture_are_the_numbers():
    from matplotlib.axes import Axes

    from ncsolve.show import plots

    verification = ncsolve.verify(
        ncsolve.UFM([300, 40, 9, 4], weight_decay=1e-3, feature_decay=1e-3), rng=0
    )
    axes = plots.norms_against_counts(verification.prediction, verification.best)
    assert isinstance(axes, Axes)
    lines = {
        line.get_label().split("$")[-1] + line.get_label()[0]: line for line in axes.get_lines()
    }
    predicted = next(
        line
        for label, line in lines.items()
        if label.startswith(", predicted") and label.endswith("f")
    )
    assert np.allclose(
        np.sort(predicted.get_ydata()),
        np.sort(verification.prediction.classes.feature_norm),
        rtol=1e-12,
    )
    panels = plots.gram_triptych(verification.prediction, verification.best)
    assert np.allclose(
        panels[0].get_images()[0].get_array(), verification.prediction.gram_features, atol=1e-12
    )
    assert panels[0].get_images()[0].get_clim()[0] == -panels[0].get_images()[0].get_clim()[1]
    steps = plots.objective_against_step(verification).get_lines()[0]
    assert np.all(np.asarray(steps.get_ydata()) > 0)


DIGITS = "9" * 6000
LONG = [
    "predict --counts 5,{0}",
    "predict --counts 5,3 --depth {0}",
    "predict --counts 5,3 --width {0}",
    "predict --counts 5,3 --weight-decay {0}",
    "predict --counts 5,3 --theorem {0}",
    "predict --long-tail K=3,n={0},ratio=3",
    "predict --counts counts.json",
    "predict --counts 5,3 --targets targets.csv",
    "verify --counts 5,3 --steps {0}",
    "verify --counts 5,3 --tol {0}",
    "convert --weight-decay 1e-3 --classes {0}",
    "phase --counts 5,3 --x decay=1:{0} --y depth=1,2",
    "dynamics --counts 5,3 --start-scale {0}",
    "landscape --counts 5,3 --at modes={0}",
    "design bias-decay --counts 5,5 --cosine {0}",
    "theorems check --trials {0}",
    "campaign spec.toml",
    "plot norms result.json --out picture.png",
    "replay result.json",
]


@pytest.mark.parametrize("line", LONG)
def test_a_number_of_thousands_of_digits_gets_one_short_line(capsys, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counts.json").write_text(f"[5, {DIGITS}]")
    (tmp_path / "targets.csv").write_text(f"1,0\n0,{DIGITS}\n")
    (tmp_path / "spec.toml").write_text(f"[problem]\ncounts = [5, {DIGITS}]\n")
    (tmp_path / "result.json").write_text(f'{{"schema": "ncsolve/predict/1", "value": {DIGITS}}}')
    assert main(line.format(DIGITS).split()) in (2, 3, 4)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ncsolve: error: ")
    assert err.count("\n") == 1
    assert len(err) < 1200
