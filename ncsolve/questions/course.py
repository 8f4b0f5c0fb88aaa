r"""The time course of a planned descent on squared loss: when, not only where.

While all matrices are aligned with the modes of the target, descent acts on M + 1 scalars per mode. Two predictions:

    flow      gradient flow at time t = learning_rate * steps / (1 - momentum), closed form or integral (mode_flow.py);
    descent   the recursion of descent itself (mode_descent.py), exact for such a start.

Descent is later than the flow. With v = |ds/dt| along the flow, to first order in the learning rate, by

    momentum/(1 - momentum) + (1 + momentum)/(2 (1 - momentum)) log(v_then / v_start)

steps, whatever the rate: the first term is the velocity's start from zero, the second the curvature of the path. (Descent with rate eta
follows x' = v - (eta/2) v' v to second order, which costs (eta/2) times the integral of dv/v in time; for heavy-ball descent eta/2 becomes
eta (1 + momentum)/(2 (1 - momentum)^2).) It is exact to that order where all layers are equal, and a good guess elsewhere.

A class is learned when its own logit (without the bias) has reached a given share of its value at the end, and dead when it ends at zero
and has lost that share of its value at the start. Without a bias mode k is class k; with a free bias a class moves with several modes.

Deviations within a class in the feature direction of mode i (the i-th right singular vector of W_M ... W_1, with singular value S_i) decay
at the rate S_i^2/N + lambda_H, whichever class they belong to, and at lambda_H outside the row space. At the end S_i^2/N + lambda_H =
lambda_H/p_i.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.errors import TooLarge
from .course_table import class_rows, mode_rows, warnings
from .curvature import families
from .mode_descent import descent
from .mode_flow import Flow, Mode, boundary
from .placement import placement

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..problem.losses import Array
    from ..problem.objective import Parameters
    from ..problem.ufm import UFM
    from .target_modes import TargetModes

POINTS = 201  # recorded steps of a time course
MOST_STEPS = 1_000_000


@dataclass(frozen=True, eq=False)
class Steps:
    """Time courses at recorded steps, and when levels are first passed.

    Attributes
    ----------
    step : array (T,), whole numbers
    layers : array (T, m, M + 1), singular values of H, W_1, ..., W_M
    mode_step, class_step : arrays (m,), (K,): the first step at which each is learned or dead; infinite if that never happens
    diverged : the step at which descent diverged, or None
    """

    step: NDArray[np.intp]
    layers: Array
    mode_step: Array
    class_step: Array
    diverged: int | None = None

    @property
    def sigma(self) -> Array:
        """Singular values of A, shape (T, m)."""
        sigma: Array = self.layers.prod(axis=2)
        return sigma


@dataclass(frozen=True, eq=False)
class TimeCourse:
    """A planned descent and what theory says of it. Built by `time_course`.

    Attributes
    ----------
    modes : TargetModes
    learning_rate, momentum : of heavy-ball descent, v <- momentum v + gradient, theta <- theta - learning_rate v
    start : array (m, M + 1), singular values of H, W_1, ..., W_M along each mode; zero for modes that the widths have no room for
    share : the share of its final value at which a class counts as learned
    asked_steps : number of steps, or None for one and a half times what the last class needs
    parameters : the matrices that `start` is the projection of, or None for an aligned start
    """

    modes: TargetModes
    learning_rate: float
    momentum: float
    start: Array
    share: float
    asked_steps: int | None
    parameters: Parameters | None = None

    @property
    def ufm(self) -> UFM:
        """The problem."""
        return self.modes.ufm

    @property
    def time_per_step(self) -> float:
        """Learning_rate / (1 - momentum)."""
        return self.learning_rate / (1.0 - self.momentum)

    @cached_property
    def _flows(self) -> tuple[list[Flow | None], NDArray[np.intp]]:
        """One flow for modes with equal tau and start, and which flow each mode has."""
        modes, ufm = self.modes, self.ufm
        keys = np.column_stack([modes.tau2, self.start])
        _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        flows: list[Flow | None] = []
        for i in first.tolist():
            mode = Mode(
                float(modes.tau[i]),
                ufm.samples,
                ufm.decays,
                float(modes.outer[i]),
                float(modes.inner[i]),
            )
            flows.append(Flow(mode, self.start[i]) if self.start[i].min() > 0 else None)
        return flows, which.ravel()

    def _each(self, of: Callable[[Flow], Any], otherwise: Any) -> Array:
        """A number or array for every mode, computed once per flow."""
        flows, which = self._flows
        return np.array([otherwise if flow is None else of(flow) for flow in flows])[which]

    @cached_property
    def lives(self) -> NDArray[np.bool_]:
        """Whether each mode ends at its outer minimum."""
        return self._each(lambda flow: flow.lives, False).astype(bool)

    @cached_property
    def end(self) -> Array:
        """Sigma of each mode at the end."""
        end: Array = np.where(self.lives, self.modes.outer, 0.0)
        return end

    @cached_property
    def boundary(self) -> Array:
        """The smallest common start of all layers from which each mode lives (flow); 0 if any does, infinite if none."""
        flows, which = self._flows
        known: dict[float, float] = {}
        for flow, i in zip(flows, np.unique(which, return_index=True)[1].tolist(), strict=True):
            tau = float(self.modes.tau[i])
            if tau not in known:
                mode = Mode(
                    tau,
                    self.ufm.samples,
                    self.ufm.decays,
                    float(self.modes.outer[i]),
                    float(self.modes.inner[i]),
                )
                known[tau] = boundary(mode if flow is None else flow.mode)
        return np.array([known[tau] for tau in self.modes.tau.tolist()])

    @cached_property
    def levels(self) -> Array:
        """Sigma at which each mode is learned (share of its end) or dead (it ends at zero; 1 - share of its start)."""
        started: Array = np.where(
            self.lives, self.share * self.end, (1.0 - self.share) * self.start.prod(axis=1)
        )
        return started

    @cached_property
    def class_levels(self) -> Array:
        """The same for own logits of classes, without the bias."""
        end, start = self.modes.own_logits(self.end), self.modes.own_logits(self.start.prod(axis=1))
        levels: Array = np.where(self.class_lives, self.share * end, (1.0 - self.share) * start)
        return levels

    @cached_property
    def class_lives(self) -> NDArray[np.bool_]:
        """Whether the own logit of each class ends above that of zero features."""
        lives: NDArray[np.bool_] = self.modes.own_logits(self.end) > 1e-12
        return lives

    @cached_property
    def mode_step(self) -> Array:
        """Step (of the flow, a real number) at which each mode is learned or dead; infinite where it never starts."""
        times = self._each(lambda flow: flow.time_to(self._level(flow)), math.inf)
        return np.asarray(times / self.time_per_step, dtype=np.float64)

    def _level(self, flow: Flow) -> float:
        return (
            self.share * flow.end if flow.lives else (1.0 - self.share) * float(flow.start.prod())
        )

    @cached_property
    def lateness(self) -> Array:
        """Steps by which descent is later than the flow at `mode_step`, to first order in the rate; 0 where there is no such step."""

        def late(flow: Flow) -> float:
            time = flow.time_to(self._level(flow))
            if time == 0.0 or math.isinf(time):
                return 0.0
            m = self.momentum
            return m / (1.0 - m) + (1.0 + m) / (2.0 * (1.0 - m)) * flow.speeding(time)

        return self._each(late, 0.0)

    @cached_property
    def class_step(self) -> Array:
        """Step (of the flow) at which each class is learned or dead, shape (K,)."""
        if self.modes.by_class:
            return self.mode_step
        return self._class_steps()

    def _class_steps(self) -> Array:
        """Where the own logit, a sum over modes, meets its level; every mode meets its own level no later than `until`."""
        from scipy.optimize import brentq

        flows, which = self._flows
        finite = self.mode_step[np.isfinite(self.mode_step)]
        steps = np.full(self.ufm.classes, math.inf)
        if not finite.size:
            return steps
        until = max(float(finite.max()) * self.time_per_step, 1e-300) * (1.0 + 1e-9)
        curves = [None if flow is None else flow.curve(until) for flow in flows]

        def own(time: float) -> Array:
            sigma = np.array([0.0 if curve is None else curve(time) for curve in curves])[which]
            return self.modes.own_logits(sigma)

        first, last = own(0.0), own(until)
        for k in range(self.ufm.classes):
            same = np.flatnonzero(
                (self.ufm.counts[:k] == self.ufm.counts[k])
                & (self.class_levels[:k] == self.class_levels[k])
            )
            if same.size:
                steps[k] = steps[same[0]]
                continue
            level, sign = self.class_levels[k], 1.0 if self.class_lives[k] else -1.0
            if sign * (first[k] - level) >= 0:
                steps[k] = 0.0
            elif sign * (last[k] - level) >= 0:
                steps[k] = (
                    brentq(
                        lambda time, k=k, level=level: own(time)[k] - level, 0.0, until, rtol=1e-12
                    )
                    / self.time_per_step
                )
        return steps

    @cached_property
    def steps(self) -> int:
        """Number of steps of the time course."""
        if self.asked_steps is not None:
            return self.asked_steps
        finite = self.class_step[np.isfinite(self.class_step)]
        if not finite.size:
            return 1000
        last = float(finite.max()) + float(self.lateness.max(initial=0.0))
        return int(min(MOST_STEPS, max(20, math.ceil(1.5 * last))))

    @cached_property
    def recorded(self) -> NDArray[np.intp]:
        """Steps at which time courses are recorded: 201 of them, evenly apart, or all."""
        return np.unique(
            np.linspace(0, self.steps, min(POINTS, self.steps + 1)).round().astype(np.intp)
        )

    @cached_property
    def flow(self) -> Steps:
        """Gradient flow at the recorded steps."""
        times = np.asarray(self.recorded * self.time_per_step, dtype=np.float64)
        flows, which = self._flows
        layers = [
            np.zeros((times.size, self.ufm.depth + 1)) if flow is None else flow.at(times)
            for flow in flows
        ]
        return Steps(
            self.recorded, np.stack(layers, axis=1)[:, which], self.mode_step, self.class_step
        )

    @cached_property
    def descent(self) -> Steps:
        """The exact recursion of descent, `steps` steps."""
        modes, ufm = self.modes, self.ufm
        wanted = set(self.recorded.tolist())
        watch = FirstPass(self)
        kept, step = [], 0
        course = descent(
            modes.tau,
            ufm.samples,
            ufm.decays,
            self.start,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
        )
        with np.errstate(over="ignore", invalid="ignore"):
            for step, layers in enumerate(course):
                watch(step, layers.prod(axis=1))
                if step in wanted:
                    kept.append(layers)
                if step == self.steps:
                    break
        diverged = None if step == self.steps else step
        return Steps(
            self.recorded[: len(kept)], np.array(kept), watch.mode_step, watch.class_step, diverged
        )

    @cached_property
    def largest_stable_rate(self) -> float | None:
        """2 (1 + momentum) / (largest eigenvalue of the Hessian at the end); None where it is too much to compute."""
        return (
            None if self._curvatures is None else 2.0 * (1.0 + self.momentum) / self._curvatures[1]
        )

    @cached_property
    def escape(self) -> float | None:
        """Steps in which rounding (1e-16) grows to order one at the end of the aligned path, where that is a saddle; else None."""
        if self._curvatures is None or self._curvatures[0] >= -1e-12 * self._curvatures[1]:
            return None
        return math.log(1e16) / (-self._curvatures[0] * self.time_per_step)

    @cached_property
    def _curvatures(self) -> tuple[float, float] | None:
        """The smallest and the largest eigenvalue of the Hessian at the end, unless there are too many."""
        point = placement(self.modes, np.flatnonzero(self.lives))
        try:
            found = families(
                self.modes, point.share, point.shrinkage, max(self.ufm.samples, self.ufm.classes)
            )
        except TooLarge:
            return None
        return min(float(family.values.min()) for family in found), max(
            float(family.values.max()) for family in found
        )

    @cached_property
    def noise_rates(self) -> Array:
        """Rates (per step) at which within-class deviations in the feature direction of each mode decay at the end."""
        share = np.where(self.lives, self.modes.outer_shrinkage, 1.0)
        return np.asarray(self.ufm.feature_decay / share * self.time_per_step)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a planner must know."""
        return tuple(warnings(self))

    def class_rows(self) -> list[dict[str, Any]]:
        """One row per class, as plain values; empty unless targets are one-hot."""
        if not self.ufm.loss.one_hot:
            return []
        return class_rows(self)

    def mode_rows(self) -> list[dict[str, Any]]:
        """One row per mode, as plain values."""
        return mode_rows(self)

    def to_dict(self) -> dict[str, Any]:
        """The time course as plain values."""
        return {
            "ufm": self.ufm.to_dict(),
            "learning_rate": self.learning_rate,
            "momentum": self.momentum,
            "time_per_step": self.time_per_step,
            "share": self.share,
            "steps": self.steps,
            "start": "random" if self.parameters is not None else "aligned",
            "largest_stable_rate": self.largest_stable_rate,
            "diverged": self.descent.diverged,
            "classes": self.class_rows(),
            "modes": self.mode_rows(),
            "course": {
                "step": self.recorded.tolist(),
                "flow": self.flow.sigma.T.tolist(),
                "descent": self.descent.sigma.T.tolist(),
            },
            "warnings": list(self.warnings),
        }


class FirstPass:
    """Notes the first step at which each mode and each class passes its level: upwards if it lives, downwards if it dies."""

    def __init__(self, course: TimeCourse) -> None:
        self.course = course
        started = course.start.min(axis=1) > 0
        self.mode_level = np.where(started, course.levels, math.nan)
        self.class_level = course.class_levels
        self.mode_sign = np.where(course.lives, 1.0, -1.0)
        self.class_sign = np.where(course.class_lives, 1.0, -1.0)
        self.mode_step = np.full(self.mode_level.size, math.inf)
        self.class_step = np.full(self.class_level.size, math.inf)
        started_classes = np.asarray(course.modes.own_logits(started.astype(float))) != 0
        self.class_level = np.where(started_classes, self.class_level, math.nan)

    def __call__(self, step: int, sigma: Array) -> None:
        """Watch one step."""
        own = self.course.modes.own_logits(sigma)
        for found, value, level, sign in (
            (self.mode_step, sigma, self.mode_level, self.mode_sign),
            (self.class_step, own, self.class_level, self.class_sign),
        ):
            found[(sign * (value - level) >= 0) & np.isinf(found)] = step
