"""`ncsolve landscape`: tables, documents, exit codes."""

import json

import pytest

import ncsolve
from ncsolve.cli import main

DEEP = ["--counts", "30,20,8", "--depth", "2", "--weight-decay", "3e-3", "--feature-decay", "3e-3"]


def document(capsys, *argv):
    code = main(["landscape", *argv, "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("at", "negative", "zero"),
    [
        ("minimizer", 0, 6),
        ("zero", 0, 0),
        ("modes=1", 1, 4),
        ("unstable=2", 1, 6),
        ("unstable", 6, 6),
    ],
)
def test_the_document_holds_predicted_and_measured_counts(capsys, at, negative, zero):
    # all three at their unstable roots: each goes down, and so does each pair, since the unstable root falls where tau rises
    code, found = document(capsys, *DEEP, "--at", at)
    assert (code, found["schema"], found["comparison"], found["columns"]) == (
        0,
        "ncsolve/landscape/1",
        "AGREES",
        58,
    )
    assert found["predicted"] == found["measured"]
    assert (found["measured"]["negative"], found["measured"]["zero"]) == (negative, zero)
    assert sum(family["copies"] * len(family["values"]) for family in found["families"]) == len(
        found["measured_eigenvalues"]
    )


def test_modes_are_named_as_classes(capsys, tmp_path):
    (tmp_path / "counts.json").write_text('{"cat": 30, "dog": 20, "owl": 8}')
    code, found = document(
        capsys,
        "--counts",
        str(tmp_path / "counts.json"),
        *DEEP[2:],
        "--at",
        "modes=cat,dog+unstable=owl",
    )
    assert code == 0
    assert [(row["mode"], row["place"]) for row in found["modes"]] == [
        ("cat", "outer"),
        ("dog", "outer"),
        ("owl", "unstable"),
    ]


def test_the_text_shows_places_directions_and_the_verdict(capsys):
    assert main(["landscape", *DEEP, "--at", "unstable=2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["predicted", "1", "6", "185"] for line in lines)
    assert any(line.split() == ["measured", "1", "6", "185"] for line in lines)
    assert any(
        line.startswith("a mode and itself") and line.split()[4:6] == ["9", "1"] for line in lines
    )
    assert lines[-1].startswith("verdict  AGREES")


def test_too_large_a_hessian_falls_back_to_class_means_and_then_is_inconclusive(capsys):
    code, found = document(
        capsys, *"--long-tail K=10,n=500,ratio=10 --weight-decay 1e-4 --feature-decay 1e-4".split()
    )
    assert (code, found["columns"], found["comparison"]) == (0, 10, "AGREES")
    assert main(["landscape", "--counts", "places-lt"]) == 3
    assert "free numbers" in capsys.readouterr().err
    assert main(["landscape", "--counts", "2000,1000", "--width", "3", "--columns", "samples"]) == 3


def test_a_contradiction_has_exit_code_1_and_an_unresolved_difference_3(capsys, monkeypatch):
    from ncsolve.questions.landscape import Agreement, Landscape

    for comparison, code in ((Agreement.CONTRADICTED, 1), (Agreement.UNRESOLVED, 3)):
        monkeypatch.setattr(Landscape, "comparison", comparison)
        assert main(["landscape", *DEEP]) == code
        assert comparison.name in capsys.readouterr().out


def test_the_picture_has_every_measured_and_every_predicted_eigenvalue(capsys, tmp_path):
    from ncsolve.show.plots import hessian_spectrum

    found = ncsolve.measure_inertia(
        ncsolve.UFM([6, 4, 2], depth=2, weight_decay=2e-2, feature_decay=2e-2), "unstable=2"
    )
    axes = hessian_spectrum(found)
    axes.get_figure().draw_without_rendering()
    first, *marks = axes.get_lines()[:-1]
    assert first.get_ydata().tolist() == found.measured_eigenvalues.tolist()
    drawn = sorted(value for line in marks for value in line.get_ydata().tolist())
    assert drawn == found.predicted_eigenvalues.tolist()
    assert "1 negative, 6 zero" in axes.get_title()
    path = tmp_path / "spectrum.png"
    assert main(["landscape", *DEEP, "--picture", str(path)]) == 0
    assert path.stat().st_size > 1000
    assert main(["landscape", *DEEP, "--picture", str(path)]) == 4
    assert main(["landscape", *DEEP, "--picture", str(tmp_path / "a.txt")]) == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--at", "nowhere"], 2, "'nowhere'"),
        (["--at", "modes=5"], 2, "'5'"),
        (["--at", "unstable"], 2, "depth 1"),
        (["--loss", "ce", "--at", "modes=0"], 2, "has no modes"),
        (["--features", "relu"], 2, "linear"),
        (["--tol", "2"], 2, "--tol '2'"),
        (["--columns", "all"], 2, "columns"),
        (["--loss", "ce", "--limit", "vanishing-decay"], 2, "has no modes"),
    ],
)
def test_a_mistake_gets_one_line(capsys, words, code, said):
    assert main(["landscape", "--counts", "30,20,8", *words]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err.strip().splitlines()[-1]
