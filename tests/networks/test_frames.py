"""Frames by their definition: cosines, norms, uniform rotations."""

import numpy as np
import pytest

import ncsolve
from ncsolve.networks import orthogonal_frame, simplex_frame


@pytest.mark.parametrize(("classes", "width"), [(2, 1), (2, 5), (3, 2), (4, 3), (10, 9), (10, 64)])
def test_a_simplex_has_unit_rows_with_equal_cosines_and_mean_zero(classes, width):
    frame = simplex_frame(classes, width, rng=1)
    cosine = np.array(
        [[1.0 if k == l else -1.0 / (classes - 1) for l in range(classes)] for k in range(classes)]
    )
    assert frame.shape == (classes, width)
    assert np.abs(frame @ frame.T - cosine).max() < 1e-14
    assert np.abs(frame.sum(axis=0)).max() < 1e-14


@pytest.mark.parametrize(("classes", "width"), [(2, 2), (3, 5), (10, 10), (10, 64)])
def test_an_orthogonal_frame_has_orthonormal_rows(classes, width):
    frame = orthogonal_frame(classes, width, rng=1)
    assert np.abs(frame @ frame.T - np.eye(classes)).max() < 1e-14


@pytest.mark.parametrize("frame", [simplex_frame, orthogonal_frame])
def test_frames_are_turned_at_random_but_repeatably(frame):
    assert np.array_equal(frame(4, 6, rng=3), frame(4, 6, rng=3))
    assert np.linalg.norm(frame(4, 6, rng=3) - frame(4, 6, rng=4)) > 0.1
    drawn = np.array([frame(3, 4, rng=i)[0] for i in range(400)])
    assert np.abs(drawn.mean(axis=0)).max() < 0.15  # uniform directions: standard error .025
    assert np.abs(drawn.T @ drawn / 400 - np.eye(4) / 4).max() < 0.06


def test_a_simplex_is_what_balanced_theory_predicts():
    prediction = ncsolve.predict(ncsolve.UFM([50] * 5, bias="free", width=8))
    frame = simplex_frame(5, 8, rng=0)
    ratio = prediction.gram_weights / (frame @ frame.T)
    assert np.ptp(ratio) < 1e-12 * ratio.max()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: simplex_frame(5, 3), "width 3"),
        (lambda: orthogonal_frame(5, 4), "width 4"),
        (lambda: simplex_frame(1, 4), "classes 1"),
        (lambda: orthogonal_frame(2.5, 4), "2.5"),
    ],
)
def test_frames_that_do_not_exist_are_refused_in_one_line(call, said):
    with pytest.raises(ncsolve.ProblemError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)
