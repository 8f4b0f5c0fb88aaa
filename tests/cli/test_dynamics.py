"""`ncsolve dynamics` and its picture: what stands in them is what was computed."""

import csv
import json

import numpy as np
import pytest

import ncsolve
from ncsolve.cli import main
from ncsolve.show.plots import modes_against_step

DEEP = ["--counts", "30,20,8", "--depth", "2", "--weight-decay", "3e-3", "--feature-decay", "3e-3"]


def document(capsys, *argv):
    code = main(["dynamics", *argv, "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def test_the_document_holds_the_course(capsys):
    code, found = document(capsys, *DEEP, "--learning-rate", "0.3", "--start-scale", "0.3")
    assert (code, found["schema"]) == (0, "ncsolve/dynamics/1")
    ufm = ncsolve.UFM([30, 20, 8], depth=2, weight_decay=3e-3, feature_decay=3e-3)
    course = ncsolve.time_course(ufm, learning_rate=0.3, start=0.3)
    assert [row["flow_step"] for row in found["classes"]] == course.class_step.tolist()
    assert [row["descent_step"] for row in found["classes"]] == course.descent.class_step.tolist()
    assert [row["boundary"] for row in found["classes"]] == course.boundary.tolist()
    assert np.array(found["course"]["flow"]).shape == (3, len(found["course"]["step"]))


def test_a_start_below_the_boundary_is_warned_of_by_name(capsys, tmp_path):
    (tmp_path / "counts.json").write_text('{"cat": 30, "dog": 20, "owl": 8}')
    argv = [
        "dynamics",
        "--counts",
        str(tmp_path / "counts.json"),
        *DEEP[2:],
        "--start-scale",
        "0.05",
    ]
    assert main(argv) == 0
    out, err = capsys.readouterr()
    assert "class owl starts below the unstable root" in out + err
    row = next(line for line in out.splitlines() if line.startswith("owl")).split()
    assert (row[2], row[-1]) == ("dies", "0.0615234")


def test_the_table_shows_flow_and_recursion(capsys):
    assert (
        main(
            [
                "dynamics",
                *DEEP,
                *"--start-scale 0.3,0.2,0.25 --learning-rate 0.2 --momentum 0.5".split(),
            ]
        )
        == 0
    )
    lines = capsys.readouterr().out.splitlines()
    head = next(line for line in lines if line.startswith("class"))
    assert "flow step" in head
    assert "descent step" in head
    for name in "012":
        cells = next(line for line in lines if line.startswith(f"{name} ")).split()
        assert 0 <= float(cells[4]) - float(cells[3]) < 8


def test_a_free_bias_has_a_table_of_modes_too(capsys):
    assert (
        main(["dynamics", "--counts", "30,20,8,8", "--bias", "free", "--start-scale", "0.3"]) == 0
    )
    out = capsys.readouterr().out
    assert "at its optimum from the start" in out
    assert sum(line.startswith("mode ") and "learned" in line for line in out.splitlines()) == 3


def test_the_csv_has_a_line_per_step_and_mode(capsys, tmp_path):
    path = tmp_path / "course.csv"
    assert main(["dynamics", *DEEP, *"--start-scale 0.3 --steps 100 --out".split(), str(path)]) == 0
    text = path.read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 101 * 3
    assert [row["mode"] for row in rows[:3]] == ["0", "1", "2"]
    assert list(rows[0]) == ["step", "mode", "tau2", "flow", "descent"]
    assert main(["dynamics", *DEEP, "--out", str(path)]) == 4
    assert path.read_text() == text


def test_many_classes_are_cut_in_the_table_and_kept_in_the_document(capsys):
    argv = "--long-tail K=60,n=500,ratio=100 --weight-decay 1e-4 --feature-decay 1e-4 --start-scale 0.3".split()
    argv += ["--learning-rate", "5"]
    assert main(["dynamics", *argv]) == 0
    out = capsys.readouterr().out
    assert "36 more" in out
    _, found = document(capsys, *argv)
    assert len(found["classes"]) == 60


MISTAKES = {
    "a rate of zero": (["--learning-rate", "0"], "--learning-rate '0'"),
    "a rate of text": (["--learning-rate", "fast"], "'fast'"),
    "momentum of one": (["--momentum", "1"], "--momentum '1'"),
    "a negative start": (["--start-scale", "-1"], "--start-scale '-1'"),
    "two starts for three classes": (["--start-scale", "0.1,0.2"], "one per mode"),
    "a start that is gone": (["--start", "gaussian"], "--start"),
    "no steps": (["--steps", "0"], "--steps '0'"),
    "a share of one": (["--share", "1"], "--share '1'"),
    "a seed without use": (["--rng", "1"], "--rng"),
    "a picture of unknown kind": (["--picture", "a.bmp"], "a.bmp"),
    "a size without a picture": (["--size", "4x3"], "--picture"),
    "one file twice": (["--picture", "a.png", "--out", "a.png"], "a.png"),
    "a loss without modes": (["--loss", "ce"], "squared loss"),
    "an unknown suffix": (["--out", "a.txt"], ".txt"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_one_line_and_leaves_nothing(capsys, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    words, said = MISTAKES[name]
    assert main(["dynamics", "--counts", "30,20,8", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_lines_are_the_flow_and_points_the_recursion():
    ufm = ncsolve.UFM({"$a$": 30, "b": 20, "c": 8}, depth=2, weight_decay=3e-3, feature_decay=3e-3)
    found = ncsolve.time_course(ufm, start=[0.3, 0.3, 0.02])
    axes = modes_against_step(found)
    axes.get_figure().draw_without_rendering()
    lines = {line.get_label(): line for line in axes.get_lines()}
    for i, label in enumerate(("class \\$a\\$, $n$ = 30", "class b, $n$ = 20", "class c, $n$ = 8")):
        assert np.array_equal(lines[label].get_ydata(), found.flow.sigma[:, i])
    points = [
        line
        for line in axes.get_lines()
        if line.get_marker() in "osD" and len(line.get_xdata()) > 1
    ]
    for i, line in enumerate(points):
        at = np.searchsorted(found.recorded, line.get_xdata())
        assert np.array_equal(line.get_ydata(), found.descent.sigma[at, i])
    ticks = [line for line in axes.get_lines() if line.get_marker() in ("|", "x")]
    assert [float(tick.get_xdata()[0]) for tick in ticks] == found.mode_step.tolist()
    assert [float(tick.get_ydata()[0]) for tick in ticks] == pytest.approx(
        found.levels.tolist(), rel=1e-15
    )
    assert [tick.get_marker() for tick in ticks] == ["|", "|", "x"]


def test_the_recursion_stands_in_for_points_and_many_modes_are_thinned():
    ufm = ncsolve.UFM(np.arange(10, 60), weight_decay=1e-5, feature_decay=1e-5)
    course = ncsolve.time_course(ufm, start=0.1, learning_rate=1.0)
    axes = modes_against_step(course, log_steps=True)
    assert axes.get_xscale() == "symlog"
    assert sum(str(line.get_label()).startswith("class") for line in axes.get_lines()) == 7
    assert any(line.get_label() == "exact descent" for line in axes.get_lines())


def test_the_command_draws_the_picture(capsys, tmp_path):
    path = tmp_path / "modes.png"
    argv = [
        "dynamics",
        *DEEP,
        *"--start-scale 0.3 --picture".split(),
        str(path),
        *"--size 4x3 --dpi 50".split(),
    ]
    assert main(argv) == 0
    from matplotlib.image import imread

    assert imread(path).shape[:2] == (150, 200)
    assert main(argv) == 4


def test_more_steps_than_can_be_followed_are_inconclusive(capsys):
    assert main(["dynamics", "--counts", "30,20,8", "--steps", "1000000000"]) == 3
    assert "up to 5000000 works" in capsys.readouterr().err
