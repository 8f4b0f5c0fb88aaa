r"""The time course of a planned descent on squared loss: when, not only where.

While all matrices are aligned with the modes of the target, descent acts on M + 1 scalars per mode. Two predictions:

    flow      gradient flow at time t = learning_rate * steps / (1 - momentum), closed form or integral (flow.py);
    descent   the recursion of descent itself, exact for such a start:

        v_j <- mu v_j + lambda_j s_j - (tau - P) P / (N s_j),     s_j <- s_j - eta v_j,     P = s_0 s_1 ... s_M

is what heavy-ball descent with rate eta and momentum mu on the raw objective over all N features does to the singular values of the
layers: the gradient of every aligned factor is aligned, so the network never leaves these modes, and nothing is approximated. Aligned:
F_j = sum_i s_{j,i} q_{j+1,i} q_{j,i}^T with q_{0,i} = v_i (right), q_{M+1,i} = u_i (left singular vectors of the target) and any
orthonormal hidden q_{j,i}. The bias is zero, or free and at its optimum ybar at the start, where it stays:
aligned residuals have mean zero.

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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.errors import ProblemError, TooLarge
from ..values import Value
from .curvature import families
from .flow import Flow, Mode, boundary
from .modes import TargetModes, minimizer, placement, target_modes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..problem.losses import Array
    from ..problem.ufm import UFM

POINTS = 201  # recorded steps of a time course
MOST_STEPS = 1_000_000
MOST_ASKED = 5_000_000  # steps
MOST_BISECTED = 40  # basin boundaries that a table may cost, about half a second each
SMALLEST = 1e-250  # product of the layers of a mode
HIGHEST = 1e100  # a layer beyond has diverged
LEARNED, DIES, UNSTARTED, DIVERGES = "learned", "dies", "not started", "diverges"


def time_course(
    ufm: UFM,
    *,
    learning_rate: float = 0.1,
    momentum: float = 0.0,
    start: float | ArrayLike = 0.1,
    steps: int | None = None,
    share: float = 0.5,
) -> TimeCourse:
    """Predict the time course of every mode and the step at which each class is learned or dies.

    Parameters
    ----------
    ufm : UFM
        Squared loss, linear features, bias none or free (then the bias starts at its optimum).
    learning_rate, momentum : of heavy-ball descent on the objective over all N features
    start : number, array (m,) or array (m, M + 1)
        Singular values of H (all N columns), W_1, ..., W_M along each mode of an aligned start: one number for all, one for each mode, or
        one for each mode and layer.
    steps : int, optional
        At most 5 x 10^6. Default: one and a half times what the last class needs, at most 10^6.
    share : number between 0 and 1
        A class is learned at this share of its final value.

    Raises
    ------
    NoTheorem
        Unless the loss is squared loss, features are linear and the bias is none or free.
    ProblemError
        If a number is not usable.
    TooLarge
        If more steps are asked for.

    Examples
    --------
    >>> import ncsolve
    >>> ufm = ncsolve.UFM([30, 20, 8], weight_decay=3e-3, feature_decay=3e-3)
    >>> course = ncsolve.time_course(ufm, learning_rate=0.1, start=0.1)
    >>> [round(float(step), 1) for step in course.class_step], course.descent.class_step.tolist()
    ([343.0, 408.9, 609.4], [345.0, 410.0, 611.0])
    """
    for name, number, low, high, allowed in (
        ("learning_rate", learning_rate, 0.0, math.inf, "a positive number"),
        ("share", share, 0.0, 1.0, "a number between 0 and 1"),
        ("momentum", momentum, -1e-300, 1.0, "a number from 0 to below 1"),
    ):
        if isinstance(number, bool) or not isinstance(number, Real) or not low < number < high:
            raise ProblemError(f"{name} {number!r} is not {allowed}")
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise ProblemError(f"steps {steps!r} is not a whole number of 1 or more")
    if steps is not None and steps > MOST_ASKED:
        raise TooLarge(
            f"{steps} steps would be followed one by one; up to {MOST_ASKED} works: a larger learning rate needs fewer"
        )
    modes = target_modes(ufm)
    layers = _aligned(modes, start)
    return TimeCourse(modes, float(learning_rate), float(momentum), layers, float(share), steps)


def _aligned(modes: TargetModes, start: float | ArrayLike) -> Array:
    """The start of every mode and layer, shape (m, M + 1)."""
    size, layers = modes.tau2.size, modes.ufm.depth + 1
    advice = f"give one positive number, {size} (one per mode) or {size} x {layers} (one per mode and layer)"
    try:
        given = np.array(start, dtype=np.float64)
    except (TypeError, ValueError):
        raise ProblemError(f"start {start!r} is not made of numbers; {advice}") from None
    if given.shape not in ((), (size,), (size, layers)):
        raise ProblemError(
            f"start has shape {given.shape} for {size} modes and {layers} layers; {advice}"
        )
    if not (np.isfinite(given).all() and (given > 0).all()):
        bad = float(given[~((given > 0) & np.isfinite(given))].flat[0])
        why = (
            "a mode that starts at zero stays there"
            if bad == 0
            else "it is not positive and finite"
        )
        raise ProblemError(f"start {bad:g} does not work: {why}; {advice}")
    product = layers * np.log([given.min(), given.max()])
    if product[1] > math.log(1e6 * modes.tau.max()):
        raise ProblemError(
            f"start {given.max():g} is far beyond every target ({modes.tau.max():g}); a start of order 1 or less works"
        )
    if product[0] < math.log(SMALLEST):
        raise ProblemError(
            f"start {given.min():g} to the power {layers} is too small for a double; a start of order .1 works"
        )
    full = np.broadcast_to(given[:, None] if given.ndim == 1 else given, (size, layers)).copy()
    full[~modes.room] = 0.0
    return full


@dataclass(frozen=True, eq=False, repr=False)
class Steps(Value):
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


@dataclass(frozen=True, eq=False, repr=False)
class TimeCourse(Value):
    """A planned descent and what theory says of it. Built by `time_course`.

    Attributes
    ----------
    modes : TargetModes
    learning_rate, momentum : of heavy-ball descent, v <- momentum v + gradient, theta <- theta - learning_rate v
    start : array (m, M + 1), singular values of H, W_1, ..., W_M along each mode; zero for modes that the widths have no room for
    share : the share of its final value at which a class counts as learned
    asked_steps : number of steps, or None for one and a half times what the last class needs
    """

    entries = (
        "ufm",
        *["learning_rate", "momentum", "time_per_step", "share", "steps", "largest_stable_rate"],
    )

    modes: TargetModes
    learning_rate: float
    momentum: float
    start: Array
    share: float
    asked_steps: int | None

    @property
    def ufm(self) -> UFM:
        """The problem."""
        return self.modes.ufm

    @property
    def time_per_step(self) -> float:
        """Learning_rate / (1 - momentum)."""
        return self.learning_rate / (1.0 - self.momentum)

    @cached_property
    def started(self) -> NDArray[np.bool_]:
        """Modes that do not start at zero: those that the widths have room for."""
        started: NDArray[np.bool_] = self.start.min(axis=1) > 0
        return started

    def _mode(self, i: int) -> Mode:
        modes, ufm = self.modes, self.ufm
        roots = float(modes.outer[i]), float(modes.inner[i])
        return Mode(float(modes.tau[i]), ufm.samples, ufm.decays, *roots)

    @cached_property
    def _flows(self) -> tuple[list[Flow | None], NDArray[np.intp]]:
        """One flow for modes with equal tau and start, and which flow each mode has."""
        keys = np.column_stack([self.modes.tau2, self.start])
        _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        flows = [
            Flow(self._mode(i), self.start[i]) if self.started[i] else None for i in first.tolist()
        ]
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
        _, first, which = np.unique(self.modes.tau2, return_index=True, return_inverse=True)
        return np.array([boundary(self._mode(i)) for i in first.tolist()])[which.ravel()]

    @cached_property
    def levels(self) -> Array:
        """Sigma at which each mode is learned (share of its end) or dead (it ends at zero; 1 - share of its start)."""
        dead = (1.0 - self.share) * self.start.prod(axis=1)
        levels: Array = np.where(self.lives, self.share * self.end, dead)
        return levels

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
        start = float(flow.start.prod())
        return self.share * flow.end if flow.lives else (1.0 - self.share) * start

    @cached_property
    def lateness(self) -> Array:
        """Steps by which descent is later than the flow at `mode_step`, to first order in the rate; 0 where there is no such step."""

        def late(flow: Flow) -> float:
            time, m = flow.time_to(self._level(flow)), self.momentum
            if time == 0.0 or math.isinf(time):
                return 0.0
            return m / (1.0 - m) + (1.0 + m) / (2.0 * (1.0 - m)) * flow.speeding(time)

        return self._each(late, 0.0)

    @cached_property
    def class_step(self) -> Array:
        """Step (of the flow) at which each class is learned or dead, shape (K,).

        With a free bias the own logit is a sum over modes; every mode meets its own level no later than the last of them.
        """
        if self.modes.by_class:
            return self.mode_step
        from scipy.optimize import brentq

        flows, which = self._flows
        finite = self.mode_step[np.isfinite(self.mode_step)]
        if not finite.size:
            return np.full(self.ufm.classes, math.inf)
        until = max(float(finite.max()) * self.time_per_step, 1e-300) * (1.0 + 1e-9)
        curves = [None if flow is None else flow.curve(until) for flow in flows]

        def own(time: float) -> Array:
            sigma = np.array([0.0 if curve is None else curve(time) for curve in curves])[which]
            return self.modes.own_logits(sigma)

        first, last = own(0.0), own(until)

        def step(k: int) -> float:
            level, sign = self.class_levels[k], 1.0 if self.class_lives[k] else -1.0
            if sign * (first[k] - level) >= 0:
                return 0.0
            if sign * (last[k] - level) < 0:
                return math.inf
            root = brentq(lambda time: own(time)[k] - level, 0.0, until, rtol=1e-12)
            return float(root) / self.time_per_step

        kinds = np.column_stack([self.ufm.counts, self.class_levels])
        _, alike, of = np.unique(kinds, axis=0, return_index=True, return_inverse=True)
        return np.array([step(k) for k in alike.tolist()])[of.ravel()]

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
        points = np.linspace(0, self.steps, min(POINTS, self.steps + 1))
        return np.unique(points.round().astype(np.intp))

    @cached_property
    def flow(self) -> Steps:
        """Gradient flow at the recorded steps."""
        times = np.asarray(self.recorded * self.time_per_step, dtype=np.float64)
        flows, which = self._flows
        nothing = np.zeros((times.size, self.ufm.depth + 1))
        layers = np.stack([nothing if flow is None else flow.at(times) for flow in flows], axis=1)
        return Steps(self.recorded, layers[:, which], self.mode_step, self.class_step)

    @cached_property
    def descent(self) -> Steps:
        """The exact recursion of descent, `steps` steps; a step is passed upwards by what lives, downwards by what dies."""
        wanted, own_logits = set(self.recorded.tolist()), self.modes.own_logits
        mode_level = np.where(self.started, self.levels, math.nan)
        started = own_logits(self.started.astype(float)) != 0
        class_level = np.where(started, self.class_levels, math.nan)
        mode_step, class_step = (np.full(x.size, math.inf) for x in (mode_level, class_level))
        mode_sign, class_sign = (np.where(x, 1.0, -1.0) for x in (self.lives, self.class_lives))
        kept, step = [], 0
        with np.errstate(over="ignore", invalid="ignore"):
            for step, layers in enumerate(self._descend()):
                sigma = layers.prod(axis=1)
                passed = mode_sign * (sigma - mode_level) >= 0
                mode_step[passed & np.isinf(mode_step)] = step
                passed = class_sign * (own_logits(sigma) - class_level) >= 0
                class_step[passed & np.isinf(class_step)] = step
                if step in wanted:
                    kept.append(layers)
                if step == self.steps:
                    break
        diverged = None if step == self.steps else step
        recorded = self.recorded[: len(kept)]
        return Steps(recorded, np.array(kept), mode_step, class_step, diverged)

    def _descend(self) -> Iterator[Array]:
        """Yield (s_0, ..., s_M) of all modes before the first step, after it, ...; ends only where a layer diverges."""
        layers = np.array(self.start, dtype=np.float64).T.copy()  # a row per layer
        decay = np.array(self.ufm.decays)[:, None]
        velocity = np.zeros_like(layers)
        while True:
            yield layers.T.copy()
            rest = _products_of_others(layers)
            pull = (self.modes.tau - layers[0] * rest[0]) / self.ufm.samples
            velocity *= self.momentum
            velocity += decay * layers - pull * rest
            layers -= self.learning_rate * velocity
            if not np.abs(layers).max() < HIGHEST:
                return

    @cached_property
    def largest_stable_rate(self) -> float | None:
        """2 (1 + momentum) / (largest eigenvalue of the Hessian at the end); None where it is too much to compute."""
        found = self._curvatures
        return None if found is None else 2.0 * (1.0 + self.momentum) / found[1]

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
        most = max(self.ufm.samples, self.ufm.classes)
        try:
            found = families(self.modes, point.share, point.shrinkage, most)
        except TooLarge:
            return None
        values = np.concatenate([np.ravel(family.values) for family in found])
        return float(values.min()), float(values.max())

    @cached_property
    def noise_rates(self) -> Array:
        """Rates (per step) at which within-class deviations in the feature direction of each mode decay at the end."""
        share = np.where(self.lives, self.modes.outer_shrinkage, 1.0)
        return np.asarray(self.ufm.feature_decay / share * self.time_per_step)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """Modes that die although the minimizer has them, and the other way round; rates that diverge."""
        modes, said = self.modes, []
        wanted = np.zeros(self.lives.size, dtype=bool)
        wanted[minimizer(modes)] = True
        for which, says in (
            (
                wanted & self.started & ~self.lives,
                "below the unstable root: descent from this start loses what the global minimizer has",
            ),
            (
                ~wanted & self.lives,
                "above the unstable root and lives, although the global minimizer is lower without",
            ),
            (
                wanted & ~self.started,
                "at zero or with a negative product: nothing is predicted to grow there",
            ),
        ):
            if which.any():
                said.append(f"{_names(modes, np.flatnonzero(which))} {says}")
        rate = self.largest_stable_rate
        if rate is not None and self.learning_rate >= rate:
            said.append(
                f"learning rate {self.learning_rate:g} is not below {rate:.6g} = 2 (1 + momentum)/(largest curvature): "
                "descent cannot settle"
            )
        if self.escape is not None:
            said.append(
                f"the end is a saddle: rounding grows there, and after about {self.escape:.0f} more steps descent leaves the aligned path"
            )
        if not modes.room.all():
            said.append(
                f"the widths have room for {int(modes.room.sum())} of {modes.room.size} modes: the others are not started"
            )
        return tuple(said)

    def class_rows(self) -> list[dict[str, Any]]:
        """Fate, steps of flow and descent, and the geometry at the end, of each class; empty unless targets are one-hot."""
        modes, ufm = self.modes, self.ufm
        if not ufm.loss.one_hot:
            return []
        starts = modes.own_logits(self.started.astype(float)) != 0
        columns: dict[str, Any] = {
            "class": list(ufm.names),
            "count": ufm.counts,
            "fate": self._fates(starts, self.class_lives),
            "flow_step": self.class_step,
            "descent_step": self.descent.class_step,
            "own_logit": modes.own_logits(self.end) + modes.bias,
        }
        if modes.by_class:
            layers = np.where(self.end[:, None] > 0, modes.layers(self.end), 0.0)
            columns |= {
                "start": self.start.prod(axis=1) ** (1.0 / (ufm.depth + 1)),
                "boundary": self._told_boundary,
                "feature_norm": layers[:, 0] / np.sqrt(ufm.counts),
                "weight_norm": layers[:, 1:].prod(axis=1),
            }
        return _rows(columns)

    def mode_rows(self) -> list[dict[str, Any]]:
        """Start, boundary, fate, end, steps and noise rate of each mode."""
        return _rows(
            {
                "mode": self.modes.names,
                "tau2": self.modes.tau2,
                "start": self.start,
                "boundary": self._told_boundary,
                "fate": self._fates(self.started, self.lives),
                "sigma": self.end,
                "flow_step": self.mode_step,
                "lateness": self.lateness,
                "descent_step": self.descent.mode_step,
                "noise_rate": self.noise_rates,
            }
        )

    def _fates(self, started: NDArray[np.bool_], lives: NDArray[np.bool_]) -> Array:
        """What descent does to a class or mode: what the flow does, unless the rate is so large that descent diverges."""
        moves = np.where(lives, LEARNED, DIES) if self.descent.diverged is None else DIVERGES
        return np.where(started, moves, UNSTARTED)

    @cached_property
    def _told_boundary(self) -> Array:
        """The basin boundary of each mode; unknown (NaN) where too many would have to be bisected."""
        bisected = self.ufm.depth > 1 and min(self.ufm.decays) < max(self.ufm.decays)
        if bisected and np.unique(self.modes.tau2).size > MOST_BISECTED:
            return np.full(self.lives.size, math.nan)
        return self.boundary

    def to_dict(self) -> dict[str, Any]:
        """The time course as plain values."""
        sigma = {"flow": self.flow.sigma, "descent": self.descent.sigma}
        return super().to_dict() | {
            "start": "aligned",
            "diverged": self.descent.diverged,
            "classes": self.class_rows(),
            "modes": self.mode_rows(),
            "course": {"step": self.recorded.tolist()}
            | {k: s.T.tolist() for k, s in sigma.items()},
            "warnings": list(self.warnings),
        }


def _products_of_others(layers: Array) -> Array:
    """Row j: the product of all rows but j, without a division, which would fail at zero."""
    rest = np.ones_like(layers)
    before, after = np.ones_like(layers[0]), np.ones_like(layers[0])
    for j in range(len(layers)):
        rest[j] *= before
        before = before * layers[j]
        rest[-1 - j] *= after
        after = after * layers[-1 - j]
    return rest


def _names(modes: TargetModes, which: NDArray[np.intp]) -> str:
    what = ("class", "classes") if modes.by_class else ("mode", "modes")
    names = ", ".join(modes.names[i].removeprefix("mode ") for i in which[:8])
    more = f" and {which.size - 8} more" if which.size > 8 else ""
    return f"{what[which.size > 1]} {names}{more} {'starts' if which.size == 1 else 'start'}"


def _rows(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Columns as rows of plain values; numbers that are not finite are None."""
    lists = [column if isinstance(column, list) else column.tolist() for column in columns.values()]
    return [
        {
            name: None if isinstance(x, float) and not math.isfinite(x) else x
            for name, x in zip(columns, row, strict=True)
        }
        for row in zip(*lists, strict=True)
    ]
