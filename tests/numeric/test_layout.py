"""The rotation to K + min(d, N - K) columns: the same descent as over all N samples, and the same law of random starts."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

import ncsolve
from ncsolve.numeric.descent import Reference, descend
from ncsolve.numeric.layout import can_rotate, rotated, samples
from ncsolve.problem.objective import objective_over

SHAPES = {
    "many-samples": ([9, 6, 4], 5),
    "few-samples": ([4, 2, 1], 6),
    "fewer-than-width": ([2, 2, 1], 7),
}
BIAS = ["none", "free", 0.3]


def _problem(shape, bias, depth):
    counts, width = SHAPES[shape]
    decays = {"weight_decay": [0.02 + 0.01 * j for j in range(depth)], "feature_decay": 0.015}
    return ncsolve.UFM(counts, depth=depth, width=width, bias=bias, **decays)


def _start(ufm, rng, scale=0.5):
    weights = tuple(rng.normal(scale=scale, size=shape) for shape in ufm.shapes)
    features = rng.normal(scale=scale, size=(ufm.width[0], int(ufm.samples)))
    bias = (
        np.zeros(ufm.outputs) if ufm.bias == "none" else rng.normal(scale=scale, size=ufm.outputs)
    )
    return ncsolve.Parameters(weights, features, bias)


def _trajectories(ufm, optimizer, start, place=lambda start: start):
    prediction = ncsolve.predict(ufm.replace(bias="none"))  # any geometry to measure distances to
    product = prediction.parameters().end_to_end
    reference = Reference(
        prediction.gram_features, product @ product.T, product @ prediction.class_means
    )
    ends = []
    for rotate in (True, False):
        method = ncsolve.Descent(optimizer=optimizer, polish=None, switch=False, rotate=rotate)
        given = place(start) if rotate else start
        ends.append(next(descend(ufm, method, start=given, reference=reference)).trajectory)
    return ends


def _difference(a, b):
    """Largest difference of two trajectories over all columns, relative to the column's largest entry."""
    assert (a.step == b.step).all()
    columns = [(getattr(a, name), getattr(b, name)) for name in vars(a) if name != "step"]
    return max(float(np.abs(x - y).max() / np.abs(y).max()) for x, y in columns)


STEPS = {  # with the largest difference that is accepted, and measured
    "momentum": (ncsolve.Momentum(steps=400, learning_rate=0.02, momentum=0.9), 1e-13),  # 5e-15
    "fixed-step": (ncsolve.Momentum(steps=400, learning_rate=0.1, momentum=0.0), 1e-13),  # 3e-15
    "automatic-step": (
        ncsolve.GradientDescent(steps=25, tolerance=0.0),
        1e-9,
    ),  # 2e-11: the longest steps amplify rounding
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("bias", BIAS, ids=str)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_descent_takes_the_same_path_over_rotated_columns(shape, bias, depth, step):
    optimizer, accepted = STEPS[step]
    ufm = _problem(shape, bias, depth)
    start = _start(ufm, np.random.default_rng(depth))
    rotated_path, path = _trajectories(ufm, optimizer, start)
    assert path.step.size > 20
    assert _difference(rotated_path, path) < accepted


@pytest.mark.parametrize("shape", SHAPES)
def test_a_start_that_is_off_by_one_percent_takes_another_path(shape):
    def moved(start):
        return ncsolve.Parameters(start.weights, 1.01 * start.features, start.bias)

    ufm = _problem(shape, "free", 3)
    rotated_path, path = _trajectories(
        ufm, STEPS["momentum"][0], _start(ufm, np.random.default_rng(3)), moved
    )
    assert _difference(rotated_path, path) > 1e-3


@pytest.mark.parametrize("bias", BIAS, ids=str)
@pytest.mark.parametrize("shape", SHAPES)
def test_both_layouts_agree_on_objective_class_means_and_scatter(shape, bias):
    ufm = _problem(shape, bias, 2)
    start = _start(ufm, np.random.default_rng(7))
    labels = np.repeat(np.arange(ufm.classes), ufm.counts.astype(int))
    means = np.array([start.features[:, labels == k].mean(axis=1) for k in range(ufm.classes)]).T
    scatter = sum(
        float(np.sum((h - means[:, k]) ** 2)) for h, k in zip(start.features.T, labels, strict=True)
    )
    values = []
    for layout in (rotated(ufm), samples(ufm)):
        features = layout.place(start.features)
        objective = objective_over(ufm, layout.columns)
        values.append(
            objective.value(objective.pack(ncsolve.Parameters(start.weights, features, start.bias)))
        )
        assert np.abs(layout.class_means(features) - means).max() < 1e-14  # measured 2e-16
        assert layout.within(features) == pytest.approx(scatter, rel=1e-13)  # measured 9e-16
    assert values[0] == pytest.approx(values[1], rel=1e-14)  # measured 5e-16
    assert values[1] == pytest.approx(ncsolve.objective(ufm, start), rel=1e-14)
    assert rotated(ufm).columns.ones.size == ufm.classes + min(
        ufm.width[0], int(ufm.samples) - ufm.classes
    )


def test_features_that_do_not_vary_along_an_axis_keep_their_scatter():
    ufm = ncsolve.UFM([3, 2], width=4)
    features = np.random.default_rng(0).normal(size=(4, 5))
    features[0] = 0.0  # an LQ factor without pivoting spills over the first N - K columns here
    placed = [layout.within(layout.place(features)) for layout in (rotated(ufm), samples(ufm))]
    assert placed[0] == pytest.approx(placed[1], rel=1e-14)


def test_placing_the_predicted_features_reproduces_the_predicted_value():
    ufm = ncsolve.UFM(
        [9, 6, 4], depth=2, width=5, bias="free", weight_decay=1e-2, feature_decay=1e-2
    )
    prediction = ncsolve.predict(ufm)
    for layout in (rotated(ufm), samples(ufm)):
        objective = objective_over(ufm, layout.columns)
        given = ncsolve.Parameters(
            prediction.weights, layout.place(prediction.features()), prediction.bias
        )
        assert objective.value(objective.pack(given)) == pytest.approx(prediction.value, rel=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_random_start_has_the_law_of_n_gaussian_columns(shape):
    ufm = _problem(shape, "none", 1)
    layouts, draws = (rotated(ufm), samples(ufm)), 3000
    statistics = []
    for seed, layout in enumerate(layouts):
        rng = np.random.default_rng(seed)
        statistics.append(
            np.array([_statistics(layout, layout.start(rng, 1.7)) for _ in range(draws)])
        )
    pvalues = [ks_2samp(a, b).pvalue for a, b in zip(*(s.T for s in statistics), strict=True)]
    assert min(pvalues) > 1e-3  # fixed seeds; 5 statistics
    wrong = [ks_2samp(1.05 * a, b).pvalue for a, b in zip(*(s.T for s in statistics), strict=True)]
    assert min(wrong) < 1e-6


def _statistics(layout, features):
    """What rotations leave alone: scatter, its largest and smallest singular value, a class mean, the second moment of H."""
    means = layout.class_means(features)
    within = features @ features.T - (means * layout.ufm.counts) @ means.T
    spectrum = np.linalg.eigvalsh(within)
    rank = min(layout.ufm.width[0], int(layout.ufm.samples) - layout.ufm.classes)
    return (
        layout.within(features),
        spectrum[-1],
        spectrum[-rank],
        float(means[0, 0]),
        float(np.vdot(features, features)),
    )


@pytest.mark.parametrize("features", ["linear", "relu"])
def test_relu_features_keep_their_samples(features):
    ufm = ncsolve.UFM([3, 2], features=features)
    assert can_rotate(ufm) == (features == "linear")
    if features == "relu":
        with pytest.raises(ncsolve.ProblemError, match="linear features only; rotate=False works"):
            rotated(ufm)
        assert samples(ufm).start(np.random.default_rng(0), 1.0).min() >= 0


def test_fractional_counts_have_no_samples_but_rotate():
    ufm = ncsolve.UFM([2.5, 1.75])
    with pytest.raises(ncsolve.ProblemError, match="fractional counts have no N samples"):
        samples(ufm)
    with pytest.raises(ncsolve.ProblemError, match="fractional counts have no N samples"):
        next(descend(ufm, ncsolve.Descent(rotate=False), rng=0))
    assert rotated(ufm).columns.ones.size == 2 + 2
    assert next(descend(ufm, rng=0)).ending.name == "CONVERGED"
