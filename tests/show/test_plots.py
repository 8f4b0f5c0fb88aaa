"""Pictures: what stands in them is what was computed, at the place where it belongs."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import ncsolve
from ncsolve.cli import main
from ncsolve.numeric.descent import descend
from ncsolve.problem.counts import long_tail as long_tail_counts
from ncsolve.show import plots


def verified(counts, starts=1, **fields):
    decays = {"weight_decay": 2e-3, "feature_decay": 2e-3}
    return ncsolve.verify(
        ncsolve.UFM(counts, **(decays | fields)), ncsolve.Descent(starts=starts), rng=0
    )


@pytest.fixture(scope="module")
def long_tail():
    """Ten classes at depth 3, of which the smallest vanish; names that are no mathematics."""
    counts = {f"${k}$": n for k, n in enumerate(long_tail_counts(10, 500, 100))}
    return verified(counts, starts=2, depth=3)


def labeled(axes):
    """The lines of axes that the legend names."""
    return {
        line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")
    }


def drawn(axes):
    """Draw the figure: mistakes in text and ticks show here."""
    axes.get_figure().draw_without_rendering()
    return axes


# Norms against counts


def test_predicted_norms_are_lines_over_counts_and_measured_ones_points(long_tail):
    axes = drawn(plots.norms_against_counts(long_tail.prediction, long_tail.best))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert "n_k" in axes.get_xlabel()
    lines = labeled(axes)
    table = long_tail.prediction.classes
    for name, norms in (
        ("classifier norm $\\|w_k\\|$", table.weight_norm),
        ("feature norm $\\|h_k\\|$", table.feature_norm),
    ):
        line = lines[f"{name}, predicted"]
        alive = norms > 0
        assert dict(zip(*line.get_data(), strict=True)) == dict(
            zip(table.count[alive], norms[alive], strict=True)
        )
        points = lines[f"{name}, measured"]
        assert points.get_linestyle() == "None"
        assert points.get_xdata().tolist() == table.count.tolist()
        np.testing.assert_allclose(points.get_ydata()[alive], norms[alive], rtol=1e-6)


def test_vanished_classes_stand_at_the_bottom_left_of_the_critical_count(long_tail):
    axes = plots.norms_against_counts(long_tail.prediction, long_tail.best)
    table = long_tail.prediction.classes
    lines = labeled(axes)
    gone = lines["vanished (norm zero)"]
    assert sorted(gone.get_xdata()) == sorted(table.count[table.state == "vanished"])
    lowest = axes.get_ylim()[0]
    assert np.all(gone.get_ydata() < 2 * lowest)
    assert min(table.feature_norm[table.feature_norm > 0]) > 2 * gone.get_ydata()[0]
    critical = next(line for label, line in lines.items() if label.startswith("critical count"))
    assert critical.get_xdata()[0] == table.critical_count[0]
    assert max(gone.get_xdata()) < critical.get_xdata()[0]


def test_without_a_run_there_is_nothing_measured_and_a_far_critical_count_is_only_named():
    prediction = ncsolve.predict(ncsolve.UFM([200, 100, 50, 50]))
    lines = labeled(plots.norms_against_counts(prediction))
    assert not any("measured" in label for label in lines)
    (far,) = (label for label in lines if label.startswith("critical count"))
    assert far.endswith("far to the left")
    assert lines[far].get_xdata().size == 0


@pytest.mark.parametrize("decay", [1e-3, 9.0], ids=["alive", "all vanished"])
@pytest.mark.parametrize("counts", [[50, 50, 50], [50, 30, 20], [1e15, 1e-3]], ids=str)
@pytest.mark.parametrize("bias", ["none", "free"])
def test_norms_are_drawn_whatever_is_left(decay, counts, bias):
    ufm = ncsolve.UFM(counts, weight_decay=decay, feature_decay=decay, bias=bias)
    axes = drawn(plots.norms_against_counts(ncsolve.predict(ufm)))
    assert all(
        line.get_xdata().size or label.startswith("critical")
        for label, line in labeled(axes).items()
    )
    assert 0 < axes.get_xlim()[0] < axes.get_xlim()[1]


def test_targets_that_are_not_labels_have_no_classifier_norm():
    ufm = ncsolve.UFM(
        [30, 20, 10], ncsolve.Squared([[1.0, -1.0, 0.0]]), weight_decay=1e-3, feature_decay=1e-3
    )
    lines = labeled(drawn(plots.norms_against_counts(ncsolve.predict(ufm))))
    assert any("h_k" in label for label in lines)
    assert not any("w_k" in label for label in lines)


# Gram matrices


@pytest.mark.parametrize("which", ["features", "weights"])
def test_the_triptych_holds_predicted_measured_and_their_difference(long_tail, which):
    panels = plots.gram_triptych(long_tail.prediction, long_tail.best, which=which)
    drawn(panels[0])
    predicted, measured, difference = (panel.get_images()[0] for panel in panels)
    expected = getattr(long_tail.prediction, f"gram_{which}")
    found = (
        long_tail.best.parameters.features.T
        if which == "features"
        else long_tail.best.parameters.end_to_end
    )
    np.testing.assert_array_equal(predicted.get_array(), expected)  # counts fall already
    np.testing.assert_allclose(measured.get_array(), found @ found.T, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(
        difference.get_array(), measured.get_array() - predicted.get_array()
    )
    assert predicted.get_clim() == measured.get_clim()
    for image in (predicted, difference):
        low, high = image.get_clim()
        assert low == -high < 0
    largest = np.abs(difference.get_array()).max()
    assert difference.get_clim()[1] == largest < 1e-3 * predicted.get_clim()[1]
    assert difference.colorbar.ax.get_ylabel() == f"difference, at most {largest:.1e}"


def test_classes_are_in_order_of_their_counts_and_named():
    found = verified({"few": 10, "many": 90, "a name of many letters": 40})
    panels = plots.gram_triptych(found.prediction, found.best)
    order = [1, 2, 0]
    np.testing.assert_array_equal(
        panels[0].get_images()[0].get_array(), found.prediction.gram_features[np.ix_(order, order)]
    )
    assert [label.get_text() for label in panels[0].get_xticklabels()] == [
        "many",
        "a name of man\u2026",
        "few",
    ]


def test_a_class_name_is_not_read_as_mathematics(long_tail):
    panels = plots.gram_triptych(long_tail.prediction, long_tail.best)
    assert panels[0].get_xticklabels()[3].get_text() == r"\$3\$"


def test_where_most_classes_vanish_their_corner_is_cut_but_not_their_difference():
    ufm = ncsolve.UFM([900, 500, *[3] * 60], weight_decay=2e-3, feature_decay=2e-3)
    found = ncsolve.verify(ufm, ncsolve.Descent(starts=1), rng=0)
    parameters = found.best.parameters
    moved = parameters.features.copy()
    moved[:, -1] = 0.5  # a class outside the corner is wrong
    run = replace(found.best, parameters=replace(parameters, features=moved))
    panels = plots.gram_triptych(found.prediction, run)
    assert panels[0].get_images()[0].get_array().shape == (4, 4)
    assert panels[0].get_xlabel() == "class, by falling count (first 4 of 62)"
    largest = np.abs(moved.T @ moved - found.prediction.gram_features).max()
    assert (
        panels[2].get_images()[0].colorbar.ax.get_ylabel() == f"difference, at most {largest:.1e}"
    )


def test_an_output_is_not_called_a_class():
    ufm = ncsolve.UFM(
        [30, 20, 10], ncsolve.Squared(np.eye(3)[:2] + 0.1), weight_decay=1e-3, feature_decay=1e-3
    )
    found = ncsolve.verify(ufm, ncsolve.Descent(starts=1), rng=0)
    panels = plots.gram_triptych(found.prediction, found.best, which="weights")
    assert panels[0].get_images()[0].get_array().shape == (2, 2)
    assert panels[0].get_xlabel() == "output"


def test_a_perfect_run_and_a_zero_prediction_have_a_scale():
    prediction = ncsolve.predict(ncsolve.UFM([5, 5], weight_decay=9.0, feature_decay=9.0))
    run = next(descend(prediction.ufm, ncsolve.Descent(starts=1), rng=0))
    zero = replace(run, parameters=prediction.parameters())
    drawn(plots.gram_triptych(prediction, zero)[0])


def test_an_unknown_gram_is_named(long_tail):
    with pytest.raises(ValueError, match="'biases'"):
        plots.gram_triptych(long_tail.prediction, long_tail.best, which="biases")


# Objective against step


def test_every_run_is_a_line_above_the_resolution_of_doubles(long_tail):
    axes = drawn(plots.objective_against_step(long_tail))
    lines = list(labeled(axes).values())
    floor = np.finfo(float).eps * long_tail.prediction.value
    assert len(lines) == len(long_tail.runs) + 1
    assert set(lines[-1].get_ydata()) == {floor}
    for line, run in zip(lines, long_tail.runs, strict=False):
        above = run.trajectory.objective - long_tail.prediction.value
        assert line.get_xdata().tolist() == run.trajectory.step.tolist()
        assert np.all(line.get_ydata() == np.where(above > floor, above, floor))
    assert axes.get_xlim()[0] == 0
    assert (axes.get_yscale(), axes.get_xscale()) == ("log", "symlog")
    pair = plots.objective_against_step((long_tail.prediction, long_tail.runs), log_steps=False)
    assert pair.get_xscale() == "linear"


def test_a_run_below_the_prediction_is_drawn_on_the_floor(long_tail):
    above = replace(long_tail.prediction.solution, value=2 * long_tail.prediction.value)
    prediction = replace(long_tail.prediction, solution=above)
    line = plots.objective_against_step((prediction, long_tail.runs)).get_lines()[0]
    assert line.get_ydata()[-1] == np.finfo(float).eps * prediction.value
    assert np.all(line.get_ydata() > 0)


def test_nine_runs_are_told_apart(long_tail):
    axes = plots.objective_against_step((long_tail.prediction, long_tail.runs[:1] * 9))
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
    assert len(looks) == 10


# Axes, files


def test_given_axes_are_drawn_on_and_returned(long_tail):
    figure = Figure(figsize=(8, 8))
    axes = figure.subplots(3, 3)
    assert plots.norms_against_counts(long_tail.prediction, ax=axes[0, 0]) is axes[0, 0]
    assert plots.objective_against_step(long_tail, axes[0, 1]) is axes[0, 1]
    assert list(plots.gram_triptych(long_tail.prediction, long_tail.best, axes[1])) == list(axes[1])
    figure.draw_without_rendering()


def test_pyplot_stays_out():
    code = (
        "import sys, ncsolve; from ncsolve.show import plots; assert 'matplotlib' not in sys.modules;"
        "plots.norms_against_counts(ncsolve.predict(ncsolve.UFM([3, 2]))); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("suffix", ["svg", "pdf", "png"])
def test_the_same_picture_is_the_same_bytes(tmp_path, suffix):
    prediction = ncsolve.predict(ncsolve.UFM([30, 20]))
    for name in "ab":
        plots.save(plots.norms_against_counts(prediction), tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_a_picture_is_written_in_the_size_asked_for_and_never_over_a_file(capsys, tmp_path):
    from matplotlib.image import imread

    path = tmp_path / "norms.png"
    argv = [
        "plot",
        "norms",
        "--counts",
        "30,20",
        "--out",
        str(path),
        "--size",
        "4x3",
        "--dpi",
        "50",
    ]
    assert main(argv) == 0
    assert imread(path).shape[:2] == (150, 200)
    before = path.read_bytes()
    assert main(argv) == 4
    assert path.read_bytes() == before
    assert main([*argv, "--force", "--dpi", "60", "--json"]) == 0
    assert imread(path).shape[:2] == (180, 240)
    document = json.loads("{" + capsys.readouterr().out.partition("\n{")[2])
    assert (document["schema"], document["kind"]) == ("ncsolve/plot/1", "norms")
    assert [file.name for file in tmp_path.iterdir()] == ["norms.png"]
