"""Time courses against real descent: fates, steps, lateness, boundaries, warnings."""

import math

import numpy as np
import pytest
from oracles.dynamics import followed

import ncsolve

THREE = {"counts": [30, 20, 8], "weight_decay": 3e-3, "feature_decay": 3e-3}


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize(
    ("depth", "decays"),
    [(1, 3e-3), (2, 3e-3), (3, 3e-3), (1, [8e-3]), (2, [1e-3, 6e-3])],
    ids=["1", "2", "3", "1 unequal", "2 unequal"],
)
def test_descent_in_random_hidden_bases_does_what_the_recursion_says(bias, momentum, depth, decays):
    ufm = ncsolve.UFM(
        [30, 20, 8, 8], depth=depth, width=6, bias=bias, weight_decay=decays, feature_decay=3e-3
    )
    course = ncsolve.time_course(
        ufm, learning_rate=0.3 * (1 - momentum), momentum=momentum, start=0.4
    )
    found = followed(course, rng=1)
    assert found.error < 1e-13  # measured 1.1e-14
    assert found.class_step.tolist() == course.descent.class_step.tolist()
    assert found.mode_step.tolist() == course.descent.mode_step.tolist()
    assert np.abs(found.layers - course.descent.layers).max() < 1e-13
    assert np.isfinite(found.class_step).all()


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_descent_is_as_late_as_said_and_the_flow_as_near_as_the_rate_is_small(depth, momentum):
    ufm = ncsolve.UFM(depth=depth, **THREE)
    errors = []
    for rate in (0.1, 0.025):
        course = ncsolve.time_course(
            ufm, learning_rate=rate * (1 - momentum), momentum=momentum, start=0.3
        )
        late = course.descent.mode_step - course.mode_step
        # the next whole step
        assert np.all(np.abs(late - course.lateness - 0.5) < 0.6 + 0.6 * rate * course.lateness)
        errors.append((late / course.mode_step).max())
    assert errors[1] < 0.4 * errors[0]


@pytest.mark.parametrize("depth", [2, 3])
def test_a_class_that_starts_below_its_boundary_dies_and_a_warning_names_it(depth):
    ufm = ncsolve.UFM(
        {"cat": 30, "dog": 20, "owl": 8}, depth=depth, weight_decay=3e-3, feature_decay=3e-3
    )
    edge = ncsolve.time_course(ufm).boundary
    course = ncsolve.time_course(
        ufm, start=[1.2 * edge[0], 1.2 * edge[1], 0.98 * edge[2]], learning_rate=0.3
    )
    assert course.lives.tolist() == [True, True, False]
    assert any("class owl starts below the unstable root" in warning for warning in course.warnings)
    found = followed(course, rng=0)
    assert found.error < 1e-9
    assert found.class_step.tolist() == course.descent.class_step.tolist()
    assert abs(found.sigma[-1][2]) < 0.6 * found.sigma[0][2]
    assert found.sigma[-1][:2] == pytest.approx(course.end[:2], rel=1e-3)
    above = ncsolve.time_course(ufm, start=1.02 * edge.max(), learning_rate=0.3)
    assert above.lives.all()
    assert above.warnings == ()


def test_a_strong_class_that_starts_too_low_leaves_a_saddle_and_descent_turns_to_it_after_all():
    ufm = ncsolve.UFM(depth=3, **THREE)
    course = ncsolve.time_course(ufm, start=[0.1, 0.3, 0.3], learning_rate=0.5, steps=6000)
    assert course.lives.tolist() == [False, True, True]
    assert any("saddle" in warning for warning in course.warnings)
    found = followed(course, rng=0)
    assert found.error > 0.1
    assert found.sigma[-1][0] == pytest.approx(course.modes.outer[0], rel=1e-6)
    left = course.recorded[np.argmax(np.abs(found.sigma - course.descent.sigma).max(axis=1) > 0.1)]
    assert 0.5 * course.escape < left - course.mode_step[2] < 2 * course.escape


@pytest.mark.parametrize("bias", ["none", "free"])
def test_the_flow_of_a_class_is_the_sum_of_its_modes(bias):
    ufm = ncsolve.UFM([30, 20, 20, 8], bias=bias, weight_decay=2e-3, feature_decay=2e-3)
    course = ncsolve.time_course(ufm, learning_rate=1e-2, start=0.2, share=0.7)
    assert np.abs(course.descent.class_step - course.class_step).max() < 3  # measured 1.4
    assert course.class_step[1] == course.class_step[2]
    prediction = ncsolve.predict(ufm)
    rows = course.class_rows()
    assert [row["own_logit"] for row in rows] == pytest.approx(
        prediction.classes.own_logit.tolist(), rel=1e-12
    )
    if bias == "none":
        assert [row["feature_norm"] for row in rows] == pytest.approx(
            prediction.classes.feature_norm.tolist(), rel=1e-12
        )
        assert [row["weight_norm"] for row in rows] == pytest.approx(
            prediction.classes.weight_norm.tolist(), rel=1e-12
        )


def test_a_vanishing_class_dies_at_one_layer_from_every_start():
    ufm = ncsolve.UFM([100, 30, 1], weight_decay=1e-2, feature_decay=1e-2)
    assert ncsolve.predict(ufm).classes.state[2] == "vanished"
    course = ncsolve.time_course(ufm, start=0.3)
    assert [row["fate"] for row in course.class_rows()] == ["learned", "learned", "dies"]
    assert course.warnings == ()
    found = followed(course, rng=0)
    assert found.error < 1e-9
    assert found.class_step[2] == pytest.approx(course.class_step[2], abs=3)


def test_a_class_that_lives_on_although_zero_is_lower_is_named():
    ufm = ncsolve.UFM([1000, 100, 10, 2], depth=3, weight_decay=4.6e-4, feature_decay=4.6e-4)
    assert ncsolve.predict(ufm).classes.state[3] == "vanished"
    course = ncsolve.time_course(ufm, start=0.9)
    assert course.lives[3]
    assert any("class 3" in warning and "lower without" in warning for warning in course.warnings)


def test_modes_beyond_a_bottleneck_are_not_started():
    ufm = ncsolve.UFM([30, 8, 20], width=2, weight_decay=3e-3, feature_decay=3e-3)
    course = ncsolve.time_course(ufm, start=0.2)
    assert [row["fate"] for row in course.class_rows()] == ["learned", "not started", "learned"]
    assert not course.start[1].any()
    assert course.class_step[1] == math.inf
    found = followed(course, rng=0)
    assert found.error < 1e-9
    assert found.class_step[1] == math.inf
    assert any("room for 2 of 3" in warning for warning in course.warnings)


def test_rates_above_the_stable_one_do_not_settle_and_rates_below_do():
    ufm = ncsolve.UFM(width=5, **THREE)
    plan = ncsolve.time_course(ufm)
    largest, near = plan.largest_stable_rate, 1.01 * plan.modes.layers(plan.end)
    for momentum in (0.0, 0.5):
        limit = largest * (1 + momentum)
        for factor, settles in ((0.97, True), (1.05, False)):
            course = ncsolve.time_course(
                ufm, learning_rate=factor * limit, momentum=momentum, start=near, steps=4000
            )
            found = followed(course)
            assert (np.abs(found.sigma[-1] - course.end).max() < 1e-3) == settles
            assert any("learning rate" in warning for warning in course.warnings) != settles
    far = ncsolve.time_course(ufm, learning_rate=1e3, start=1.0, steps=50)
    assert far.descent.diverged is not None
    assert followed(far, rng=0).diverged


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"learning_rate": 0}, "learning_rate 0 "),
        ({"learning_rate": "fast"}, "'fast'"),
        ({"momentum": 1.0}, "momentum 1.0"),
        ({"momentum": -0.1}, "momentum -0.1"),
        ({"share": 1.0}, "share 1.0"),
        ({"steps": 0}, "steps 0"),
        ({"start": 0.0}, "stays there"),
        ({"start": -0.1}, "not positive"),
        ({"start": math.nan}, "not positive"),
        ({"start": [0.1, 0.2]}, "shape"),
        ({"start": "small"}, "not made of numbers"),
        ({"start": 1e9}, "far beyond"),
        ({"start": 1e-200}, "too small"),
    ],
    ids=str,
)
def test_a_plan_that_makes_no_sense_is_refused_in_one_line(fields, said):
    with pytest.raises(ncsolve.ProblemError, match=said) as caught:
        ncsolve.time_course(ncsolve.UFM(**THREE), **fields)
    assert "\n" not in str(caught.value)


def test_problems_without_modes_are_refused():
    for fields in ({"loss": "ce"}, {"features": "relu"}, {"bias": 0.1}):
        with pytest.raises(ncsolve.NoTheorem):
            ncsolve.time_course(ncsolve.UFM([3, 2], **fields))


def test_where_descent_diverges_no_class_is_said_to_be_learned():
    course = ncsolve.time_course(ncsolve.UFM([30, 20, 8]), learning_rate=1e6, steps=50)
    assert {row["fate"] for row in (*course.class_rows(), *course.mode_rows())} == {"diverges"}
    assert followed(course, rng=0).diverged


def test_more_steps_than_can_be_followed_are_refused():
    with pytest.raises(ncsolve.NcsolveError, match="up to 5000000 works"):
        ncsolve.time_course(ncsolve.UFM([30, 20]), steps=10**9)


def test_the_picture_of_a_diverging_descent_still_marks_where_the_flow_learns():
    from ncsolve.show.plots import modes_against_step

    ufm = ncsolve.UFM([30, 20, 8])
    for rate, steps in ((0.1, 6000), (1e6, 60)):
        course = ncsolve.time_course(ufm, learning_rate=rate, steps=steps)
        lines = modes_against_step(course).get_lines()
        marks = [line.get_ydata()[0] for line in lines if line.get_marker() == "|"]
        assert marks == pytest.approx(course.share * course.end)
