"""Pictures of runs: objective and metrics against the step or the epoch, and every problem of a campaign where its numbers are."""

import json
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from support import pictures
from support.campaigns import QUICK, toml
from support.pictures import labeled
from support.snapshots import long_tail_of_ten, near

import ncsolve
from ncsolve import plots
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
def verified():
    ufm = ncsolve.UFM([30, 20, 1], depth=2, weight_decay=2e-3, feature_decay=2e-3)
    return ncsolve.verify(ufm, rng=0)


def test_every_run_is_a_line_above_the_resolution_of_doubles(verified):
    axes = pictures.drawn(plots.objective_against_step(verified))
    lines = list(labeled(axes).values())
    floor = np.finfo(float).eps * verified.prediction.value
    assert len(lines) == len(verified.runs) + 1
    assert set(lines[-1].get_ydata()) == {floor}
    for line, run in zip(lines, verified.runs, strict=False):
        above = run.trajectory.objective - verified.prediction.value
        assert line.get_xdata().tolist() == run.trajectory.step.tolist()
        assert np.all(line.get_ydata() == np.where(above > floor, above, floor))
    assert axes.get_xlim()[0] == 0
    assert (axes.get_yscale(), axes.get_xscale()) == ("log", "symlog")
    pair = plots.objective_against_step((verified.prediction, verified.runs), log_steps=False)
    assert pair.get_xscale() == "linear"


def test_a_run_below_the_prediction_is_drawn_on_the_floor(verified):
    above = replace(verified.prediction.solution, value=2 * verified.prediction.value)
    prediction = replace(verified.prediction, solution=above)
    line = plots.objective_against_step((prediction, verified.runs)).get_lines()[0]
    assert line.get_ydata()[-1] == np.finfo(float).eps * prediction.value
    assert np.all(line.get_ydata() > 0)


def test_nine_runs_are_told_apart(verified):
    axes = plots.objective_against_step((verified.prediction, verified.runs[:1] * 9))
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
    assert len(looks) == 10


def test_curves_are_the_records_with_several_targets_and_the_floor():
    prediction = long_tail_of_ten()
    records = []
    for noise in (0.5, 0.1, 0.01):
        features, labels, weights = near(prediction, noise=noise)
        records.append(
            ncsolve.measure(features.astype(np.float32), labels, weights, prediction=prediction)
        )
    axes = pictures.drawn(
        plots.metric_curves([0, 10, 20], records, ["nc2_gof_H", "nc2_etf_H", "nc2_of_H", "nc9"])
    )
    lines = labeled(axes)
    assert axes.get_yscale() == "log"
    for key, name in (
        ("nc2_gof_H", "features to the prediction"),
        ("nc2_etf_H", "features to the simplex"),
    ):
        assert lines[name].get_xdata().tolist() == [0, 10, 20]
        assert lines[name].get_ydata().tolist() == [record[key] for record in records]
    assert not any("nc9" in label for label in lines)
    (floor,) = (label for label in lines if label.startswith("resolution"))
    assert "1.2e-07" in floor
    assert set(lines[floor].get_ydata()) == {float(np.finfo(np.float32).eps)}
    assert axes.get_xlabel() == "epoch"


def test_gaps_stay_gaps_and_zeros_lie_on_the_floor():
    records = [{"a": 1.0}, {}, {"a": 0.0}, {"a": 1e-3}]
    axes = pictures.drawn(plots.metric_curves(range(4), records, ["a"], floor=1e-6))
    height = labeled(axes)["a"].get_ydata()
    assert np.isnan(height[1])
    assert height[2] == 1e-6
    with pytest.raises(ncsolve.ProblemError, match="3 epochs and 4 records"):
        plots.metric_curves(range(3), records, ["a"])
    with pytest.raises(ncsolve.ProblemError, match="no record has any of b"):
        plots.metric_curves(range(4), records, ["b"])
    far = pictures.drawn(plots.metric_curves([0, 1], [{"a": 1.0}, {"a": 0.5}], ["a"], floor=1e-16))
    assert any(label.endswith("far below") for label in labeled(far))


def test_given_axes_are_drawn_on_and_returned(verified):
    one, other = Figure(figsize=(9, 6)).subplots(1, 2)
    assert plots.objective_against_step(verified, one) is one
    assert plots.metric_curves([0], [{"nc2_gof_H": 0.1}], ax=other) is other
    one.get_figure().draw_without_rendering()


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
