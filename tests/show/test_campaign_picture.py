"""The picture of a campaign: every problem stands where its numbers are, and what went wrong is said."""

import json

import numpy as np
import pytest
from support.campaigns import QUICK, toml

from ncsolve.cli import main
from ncsolve.questions import campaign
from ncsolve.show.plots.runs import EPS, results_picture
from ncsolve.show.plots.style import BLUE, VERMILION

SPEC = {
    "campaign": {"action": "verify", "seed": 1, "starts": 1, "trials": 4},
    "problem": {"counts": [30, 9]},
    "grid": {"depth": [1, 0, 3]},
    "draw": {"weight_decay": {"loguniform": [1e-4, 1e-2], "each": "layer"}},
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Results with errors, a verdict of every kind put in by hand, and their axes."""
    path = tmp_path_factory.mktemp("campaign") / "results.jsonl"
    campaign.run(SPEC, path, workers=1)
    header, *rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row |= {
            0: {"verdict": "REFUTED", "excess": -0.01},
            3: {"verdict": "STUCK", "excess": 0.5},
        }.get(row["index"], {})
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *rows)))
    axes = results_picture(path)
    axes.get_figure().draw_without_rendering()
    return {row["index"]: row for row in rows}, axes


def points(axes):
    """The points by label, and the lines that are none."""
    lines = {line.get_label(): line for line in axes.get_lines()}
    return {label: line for label, line in lines.items() if label.startswith("M =")}, lines


def test_every_solved_problem_is_a_point_at_its_decay_and_excess(drawn):
    rows, axes = drawn
    found, _ = points(axes)
    assert set(found) == {"M = 1, AGREES", "M = 1, REFUTED", "M = 1, STUCK", "M = 3, AGREES"}
    expected = set()
    for row in rows.values():
        if "error" not in row:
            decays = [5e-4, *row["problem"]["weight_decay"]]  # feature_decay has its default
            mean = float(np.prod(decays)) ** (1 / len(decays))
            expected.add((round(mean, 15), max(abs(row["excess"]), EPS)))
    shown = {
        (round(x, 15), y) for line in found.values() for x, y in zip(*line.get_data(), strict=True)
    }
    assert shown == expected
    assert len(expected) == 8
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_depths_are_colors_verdicts_marks_and_errors_are_counted(drawn):
    _, axes = drawn
    found, lines = points(axes)
    assert {label: line.get_color() for label, line in found.items()} == {
        label: BLUE if "M = 1" in label else VERMILION for label in found
    }
    marks = {label: line.get_marker() for label, line in found.items()}
    assert len({marks["M = 1, AGREES"], marks["M = 1, STUCK"], marks["M = 1, REFUTED"]}) == 3
    assert marks["M = 1, AGREES"] == marks["M = 3, AGREES"]
    assert "4 errors" in axes.get_title()
    assert {"resolution of doubles", "tolerance 1e-08"} <= set(lines)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
@pytest.mark.parametrize("action", ["predict", "certify"])
def test_the_command_draws_every_action_in_every_format(capsys, tmp_path, action, suffix):
    (tmp_path / "spec.toml").write_text(toml(QUICK | {"campaign": {"action": action}}))
    picture = tmp_path / f"picture.{suffix}"
    argv = ["campaign", str(tmp_path / "spec.toml"), "--workers", "1", "--plot", str(picture)]
    assert main(argv) == 0
    assert ["picture", str(picture)] in [
        line.split() for line in capsys.readouterr().out.splitlines()
    ]
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    first = picture.read_bytes()
    assert first.startswith(start)
    assert main(argv) == 4  # never over a file
    summarize = [
        "campaign",
        "--summarize",
        str(tmp_path / "spec.jsonl"),
        "--plot",
        str(picture),
        "--force",
    ]
    assert main(summarize) == 0
    assert picture.read_bytes() == first
    capsys.readouterr()


def test_an_action_without_decays_to_tell_apart_is_drawn_over_the_problems_number(tmp_path):
    path = tmp_path / "results.jsonl"
    campaign.run(QUICK, path, workers=1)
    axes = results_picture(path)
    found, lines = points(axes)
    assert axes.get_xlabel() == "problem"
    values = {row["index"]: row["value"] for row in campaign.results(path)}
    assert {
        x: y for line in found.values() for x, y in zip(*line.get_data(), strict=True)
    } == values
    assert "tolerance 1e-08" not in lines


def test_a_campaign_of_errors_alone_and_one_of_many_depths_are_drawn(tmp_path):
    wrong = {"problem": {"counts": [3, 2], "depth": 0}}
    campaign.run(wrong, tmp_path / "wrong.jsonl", workers=1)
    assert "0 problems, 1 error" in results_picture(tmp_path / "wrong.jsonl").get_title()
    many = {
        "campaign": {"action": "predict"},
        "problem": {"counts": [30, 20]},
        "grid": {"depth": list(range(1, 13))},
    }
    campaign.run(many, tmp_path / "many.jsonl", workers=1)
    axes = results_picture(tmp_path / "many.jsonl")
    axes.get_figure().draw_without_rendering()
    assert len({line.get_color() for line in axes.get_lines()}) == 12
    assert axes.get_legend() is None  # a prediction has no mark to explain
    assert [other.get_ylabel() for other in axes.get_figure().axes] == [
        axes.get_ylabel(),
        "depth M",
    ]
