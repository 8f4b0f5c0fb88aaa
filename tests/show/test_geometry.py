"""Pictures of geometries: what stands in them is what was computed or measured, at the place where it belongs."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from support.pictures import drawn, labeled
from support.snapshots import long_tail_of_ten, near, passed

import ncsolve
from ncsolve import plots
from ncsolve.numeric.descent import descend
from ncsolve.problem.counts import long_tail as long_tail_counts


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


def compared(prediction, noise=0.02, layers=False, classifier=True, order=None):
    features, labels, weights = near(prediction, noise=noise, dimension=16)
    found = ncsolve.measure(
        passed(features, weights) if layers else features,
        labels,
        weights if classifier else None,
        prediction=prediction,
    )
    return ncsolve.compare(found, prediction)


TAIL = compared(long_tail_of_ten(depth=3))


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


def test_measured_norms_are_points_in_the_order_of_the_prediction():
    names = {"owl": 8, "cat": 30, "dog": 15}
    prediction = ncsolve.predict(ncsolve.UFM(names, weight_decay=1e-3, feature_decay=1e-3))
    labels = np.repeat(list(names), list(names.values()))
    features = np.repeat(prediction.class_means.T, list(names.values()), axis=0)
    found = ncsolve.measure(features, labels, prediction.weights[0][[1, 2, 0]])
    lines = labeled(drawn(plots.norms_against_counts(prediction, found)))
    for letter, norms in (
        ("h", prediction.classes.feature_norm),
        ("w", prediction.classes.weight_norm),
    ):
        points = next(
            line
            for label, line in lines.items()
            if label.endswith("measured") and f"{letter}_k" in label
        )
        assert points.get_xdata().tolist() == [8, 30, 15]
        np.testing.assert_allclose(points.get_ydata(), norms, rtol=1e-12)
    without = ncsolve.measure(features, labels)
    lines = labeled(drawn(plots.norms_against_counts(prediction, without)))
    assert not any("w_k" in label and "measured" in label for label in lines)
    panels = plots.gram_triptych(prediction, found, which="weights")
    np.testing.assert_allclose(panels[2].get_images()[0].get_array(), 0.0, atol=1e-12)
    with pytest.raises(ncsolve.DataError, match="give weight"):
        plots.gram_triptych(prediction, without, which="weights")


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


@pytest.mark.parametrize("which", ["features", "weights"])
def test_the_triptych_of_a_measurement_holds_its_gram_matrix(which):
    panels = plots.gram_triptych(TAIL.prediction, TAIL.measurement, which=which)
    drawn(panels[0])
    predicted, measured, difference = (panel.get_images()[0].get_array() for panel in panels)
    np.testing.assert_array_equal(predicted, getattr(TAIL.prediction, f"gram_{which}"))
    np.testing.assert_allclose(measured, getattr(TAIL.measurement, f"gram_{which}"), rtol=1e-12)
    np.testing.assert_array_equal(difference, measured - predicted)


def test_spectra_are_lines_predicted_and_points_measured():
    axes = drawn(plots.spectrum_per_layer(TAIL))
    lines = labeled(axes)
    assert len(lines) == 8
    for one, name in zip(TAIL.spectra, ("$H$", "$W_{1}$", "$W_{2}$", "$W_{3}$"), strict=True):
        assert lines[f"{name}, predicted"].get_ydata().tolist() == one.predicted.tolist()
        assert lines[f"{name}, measured"].get_ydata().tolist() == one.measured[:10].tolist()


def test_a_singular_value_of_zero_is_a_cross_at_the_bottom_and_no_point():
    prediction = ncsolve.predict(
        ncsolve.UFM([20, 10, 5], bias="free", weight_decay=3e-3, feature_decay=3e-3)
    )
    found = ncsolve.measure(
        prediction.features().T, np.repeat([0, 1, 2], [20, 10, 5]), prediction.weights
    )
    simplex = ncsolve.compare(found, prediction)
    axes = drawn(plots.spectrum_per_layer(simplex))
    lines = labeled(axes)
    cross = next(line for label, line in lines.items() if label.startswith("measured zero"))
    assert cross.get_xdata().tolist() == [3]
    assert len(lines["$H$, measured"].get_xdata()) == 2
    assert cross.get_ydata()[0] < min(simplex.spectra[0].predicted[:2])
    assert not any(
        label.startswith("measured zero")
        for label in labeled(drawn(plots.spectrum_per_layer(TAIL)))
    )


def test_the_histogram_counts_every_pair_and_marks_the_prediction():
    axes = drawn(plots.cosine_histogram(TAIL))
    assert sum(patch.get_height() for patch in axes.patches) == 45
    lines = labeled(axes)
    assert lines["predicted"].get_xdata()[0] == pytest.approx(0.0, abs=1e-12)
    assert lines["simplex, -0.111"].get_xdata()[0] == pytest.approx(-1 / 9)
    ce = ncsolve.predict(
        ncsolve.UFM([50, 30, 20, 10, 9, 8, 7], "ce", weight_decay=1e-3, feature_decay=1e-3)
    )
    many = drawn(plots.cosine_histogram(compared(ce), which="weights"))
    assert sum(1 for line in many.get_lines()) == 1  # 21 predicted values are a second histogram
    with pytest.raises(ncsolve.DataError, match="give weight"):
        plots.cosine_histogram(compared(long_tail_of_ten(), classifier=False), which="weights")
    with pytest.raises(ncsolve.ProblemError, match="'biases'"):
        plots.cosine_histogram(TAIL, which="biases")


@pytest.mark.parametrize("counts", [[60, 30, 10], [60, 30, 20, 10]], ids=["K=3", "K=4"])
@pytest.mark.parametrize("bias", ["none", "free"])
def test_vectors_lie_where_the_rotation_puts_them(counts, bias):
    prediction = ncsolve.predict(
        ncsolve.UFM(counts, bias=bias, weight_decay=1e-3, feature_decay=1e-3)
    )
    found = compared(prediction, noise=0.0)
    axes = drawn(plots.vectors(found))
    size = len(counts)
    lines = [line.get_data_3d() for line in axes.get_lines()[: 2 * size]]
    dots = [np.array(one._offsets3d).ravel() for one in axes.collections]
    for k in range(size):
        for i in (0, 1):  # class mean, classifier
            tip = np.array([axis[-1] for axis in lines[2 * k + i]])
            # nothing but a rotation away
            np.testing.assert_allclose(dots[2 * k + i], tip, atol=1e-12)
    tips = np.array([[axis[-1] for axis in line] for line in lines[::2]])
    spanned = size if bias == "none" else size - 1
    if spanned <= 3:  # nothing is lost: the Gram matrix of the drawn vectors is the predicted one
        gram = prediction.gram_features / np.trace(prediction.gram_features)
        np.testing.assert_allclose(tips @ tips.T, gram, atol=1e-12)
        assert axes.get_title() == ""
    else:
        assert axes.get_title().endswith("of the squared norms is seen")
        assert (np.linalg.norm(tips, axis=1) > 0.1).all()  # no class is hidden


def test_vectors_want_three_or_four_classes_and_three_dimensions():
    with pytest.raises(ncsolve.ProblemError, match="10 classes do not fit"):
        plots.vectors(TAIL)
    prediction = ncsolve.predict(ncsolve.UFM([30, 20, 10], weight_decay=1e-3, feature_decay=1e-3))
    with pytest.raises(ncsolve.ProblemError, match="'3d'"):
        plots.vectors(compared(prediction), Figure().subplots())
    with pytest.raises(ncsolve.DataError, match="give weight"):
        plots.vectors(compared(prediction, classifier=False))


def test_given_axes_are_drawn_on_and_returned(long_tail):
    figure = Figure(figsize=(9, 9))
    axes = figure.subplots(2, 3)
    assert plots.norms_against_counts(long_tail.prediction, ax=axes[0, 0]) is axes[0, 0]
    assert plots.spectrum_per_layer(TAIL, axes[0, 1]) is axes[0, 1]
    assert plots.cosine_histogram(TAIL, axes[0, 2]) is axes[0, 2]
    assert list(plots.gram_triptych(long_tail.prediction, long_tail.best, axes[1])) == list(axes[1])
    figure.draw_without_rendering()
    solid = Figure().add_subplot(projection="3d")
    prediction = ncsolve.predict(ncsolve.UFM([30, 20, 10], weight_decay=1e-3, feature_decay=1e-3))
    assert plots.vectors(compared(prediction), solid) is solid
    assert solid.get_legend() is not None
    assert not solid.get_figure().legends
