"""A predicted time course beside real descent on the raw objective over all N features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..numeric.following import Followed, follow
from ..numeric.layout import rotated
from ..numeric.optimizers import Ending, Momentum
from ..problem.errors import ProblemError
from ..problem.objective import Parameters, objective_over
from .course import FirstPass, TimeCourse
from .dynamics import scaled_means
from .starts import aligned_bases, aligned_parameters, gaussian_parameters
from .target_modes import target_modes

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.ufm import UFM

EXACT = 1e-9  # relative difference from the recursion that counts as none for an aligned start; measured 1e-14


@dataclass(frozen=True, eq=False)
class Track:
    """A time course and the descent that was run for it.

    Attributes
    ----------
    course : TimeCourse
    followed : Followed, measured singular values at recorded steps
    mode_step, class_step : arrays, the first step at which each mode, each class is learned or dead in the run; infinite if it never is
    """

    course: TimeCourse
    followed: Followed
    mode_step: Array
    class_step: Array

    @property
    def aligned(self) -> bool:
        """Whether the run started aligned, so that the recursion is exact."""
        return self.course.parameters is None

    @cached_property
    def descent_error(self) -> float:
        """The largest |sigma measured - sigma of the recursion| at a recorded step, as a share of the largest sigma of start and end."""
        return self._error(self.course.descent.sigma)

    @cached_property
    def flow_error(self) -> float:
        """The same for gradient flow."""
        return self._error(self.course.flow.sigma)

    def _error(self, predicted: Array) -> float:
        common = min(len(predicted), len(self.followed.sigma))
        scale = max(
            float(self.course.end.max(initial=0.0)),
            float(np.abs(self.followed.sigma[0]).max(initial=0.0)),
            1e-300,
        )
        return (
            float(np.abs(self.followed.sigma[:common] - predicted[:common]).max(initial=0.0))
            / scale
        )

    @property
    def agrees(self) -> bool | None:
        """Whether an aligned run did what the recursion says.

        None where the prediction is an approximation (other starts), and where rounding grows, so that the run leaves the recursion sooner
        or later: near a saddle, and at a learning rate at which descent cannot settle.
        """
        if not self.aligned:
            return None
        diverged = (
            self.followed.ending is Ending.DIVERGED or self.course.descent.diverged is not None
        )
        if diverged:
            return self.followed.ending is Ending.DIVERGED
        return self.descent_error <= EXACT or (None if self.rounding_grows else False)

    @property
    def rounding_grows(self) -> bool:
        """Whether the end is a saddle, or the learning rate too large for descent to settle there."""
        rate = self.course.largest_stable_rate
        return self.course.escape is not None or (
            rate is not None and self.course.learning_rate >= rate
        )

    def to_dict(self) -> dict[str, Any]:
        """The time course as plain values, with what was measured."""
        body = self.course.to_dict()
        for rows, steps in (("classes", self.class_step), ("modes", self.mode_step)):
            for row, step in zip(body[rows], steps, strict=bool(body[rows])):
                row["measured_step"] = float(step) if np.isfinite(step) else None
        body["course"]["measured_step"] = self.followed.step.tolist()
        body["course"]["measured"] = self.followed.sigma.T.tolist()
        return body | {
            "ending": self.followed.ending.name,
            "agrees": self.agrees,
            "descent_error": self.descent_error,
            "flow_error": self.flow_error,
            "outside": float(self.followed.outside[-1]),
        }


def track(course: TimeCourse, *, rng: int | np.random.Generator | None = None) -> Track:
    """Run the planned descent on the raw objective and read the modes off its matrices.

    An aligned start is put into random hidden bases. Descent moves all N features through their exact rotation (numeric/layout.py).

    Parameters
    ----------
    course : TimeCourse
    rng : seed or Generator, for the hidden bases

    Examples
    --------
    >>> import ncsolve
    >>> ufm = ncsolve.UFM([30, 20, 8], depth=2, weight_decay=3e-3, feature_decay=3e-3)
    >>> found = ncsolve.track(ncsolve.time_course(ufm, start=0.3), rng=0)
    >>> found.agrees, found.class_step.tolist() == found.course.descent.class_step.tolist()
    (True, True)
    """
    ufm, modes = course.ufm, course.modes
    layout = rotated(ufm)
    objective = objective_over(ufm, layout.columns)
    bases = None
    start = course.parameters
    if start is None:
        bases = aligned_bases(modes, np.random.default_rng(rng))
        start = aligned_parameters(modes, course.start, bases)
    if start.features.shape[1] == ufm.classes:
        features = np.zeros(objective.feature_shape)
        features[:, : ufm.classes] = scaled_means(ufm, start.features)
    else:
        features = layout.place(start.features)
    theta = objective.pack(Parameters(start.weights, features, start.bias))
    watch = FirstPass(course)
    method = Momentum(
        steps=course.steps, learning_rate=course.learning_rate, momentum=course.momentum
    )
    vectors = (modes.frame.left(), modes.frame.right())
    found = follow(
        objective,
        theta,
        vectors,
        method,
        recorded=course.recorded.tolist(),
        bases=bases,
        watch=watch,
    )
    return Track(course, found, watch.mode_step, watch.class_step)


def gaussian_start(
    ufm: UFM, scale: float, *, rng: int | np.random.Generator | None = None
) -> Parameters:
    """A start with every weight and all N features from N(0, scale^2), the bias at its optimum, for `time_course(ufm, start=...)`.

    Beyond 2^24 numbers in H only the class means are drawn (variance scale^2/n_k), without deviations from them.

    Examples
    --------
    >>> import ncsolve
    >>> ncsolve.gaussian_start(ncsolve.UFM([30, 20, 8], width=5), 0.01, rng=0).features.shape
    (5, 58)
    """
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < np.inf:
        raise ProblemError(f"scale {scale!r} is not a positive number such as 0.01")
    return gaussian_parameters(
        ufm, float(scale), target_modes(ufm).bias, np.random.default_rng(rng)
    )
