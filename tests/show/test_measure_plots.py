"""Pictures of measurements: what stands in them is what was measured, at the place where it belongs."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from support.snapshots import long_tail_of_ten, near, passed

import ncsolve
from ncsolve.show import plots


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


def drawn(axes):
    axes.get_figure().draw_without_rendering()
    return axes


def labeled(axes):
    return {
        line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")
    }


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
def test_the_triptych_of_a_measurement_holds_its_gram_matrix(which):
    panels = plots.gram_triptych(TAIL.prediction, TAIL.measurement, which=which)
    drawn(panels[0])
    predicted, measured, difference = (panel.get_images()[0].get_array() for panel in panels)
    np.testing.assert_array_equal(predicted, getattr(TAIL.prediction, f"gram_{which}"))
    np.testing.assert_allclose(measured, getattr(TAIL.measurement, f"gram_{which}"), rtol=1e-12)
    np.testing.assert_array_equal(difference, measured - predicted)


def test_curves_are_the_records_with_several_targets_and_the_floor():
    prediction = long_tail_of_ten()
    records = []
    for noise in (0.5, 0.1, 0.01):
        features, labels, weights = near(prediction, noise=noise)
        records.append(
            ncsolve.measure(features.astype(np.float32), labels, weights, prediction=prediction)
        )
    axes = drawn(
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
    axes = drawn(plots.metric_curves(range(4), records, ["a"], floor=1e-6))
    height = labeled(axes)["a"].get_ydata()
    assert np.isnan(height[1])
    assert height[2] == 1e-6
    with pytest.raises(ncsolve.ProblemError, match="3 epochs and 4 records"):
        plots.metric_curves(range(3), records, ["a"])
    with pytest.raises(ncsolve.ProblemError, match="no record has any of b"):
        plots.metric_curves(range(4), records, ["b"])
    far = drawn(plots.metric_curves([0, 1], [{"a": 1.0}, {"a": 0.5}], ["a"], floor=1e-16))
    assert any(label.endswith("far below") for label in labeled(far))


def test_spectra_are_lines_predicted_and_points_measured():
    axes = drawn(plots.spectrum_per_layer(TAIL))
    lines = labeled(axes)
    assert len(lines) == 8
    for one, name in zip(TAIL.spectra, ("$H$", "$W_{1}$", "$W_{2}$", "$W_{3}$"), strict=True):
        assert lines[f"{name}, predicted"].get_ydata().tolist() == one.predicted.tolist()
        assert lines[f"{name}, measured"].get_ydata().tolist() == one.measured[:10].tolist()


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
            np.testing.assert_allclose(
                dots[2 * k + i], tip, atol=1e-12
            )  # nothing but a rotation away
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


def test_given_axes_are_drawn_on_and_returned():
    figure = Figure(figsize=(9, 6))
    axes = figure.subplots(1, 3)
    assert plots.spectrum_per_layer(TAIL, axes[0]) is axes[0]
    assert plots.cosine_histogram(TAIL, axes[1]) is axes[1]
    assert plots.metric_curves([0], [TAIL.measurement], ax=axes[2]) is axes[2]
    solid = Figure().add_subplot(projection="3d")
    prediction = ncsolve.predict(ncsolve.UFM([30, 20, 10], weight_decay=1e-3, feature_decay=1e-3))
    assert plots.vectors(compared(prediction), solid) is solid
    figure.draw_without_rendering()


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_solid_picture_is_written_in_every_format(tmp_path, suffix):
    prediction = ncsolve.predict(
        ncsolve.UFM({"$a$": 30, "b_1": 20, "c": 10}, weight_decay=1e-3, feature_decay=1e-3)
    )
    labels = np.repeat(["$a$", "b_1", "c"], [30, 20, 10])
    found = ncsolve.measure(
        np.repeat(prediction.class_means.T, [30, 20, 10], axis=0), labels, prediction.weights
    )
    plots.save(plots.vectors(ncsolve.compare(found, prediction)), tmp_path / f"v.{suffix}")
    assert (tmp_path / f"v.{suffix}").stat().st_size > 1000


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
