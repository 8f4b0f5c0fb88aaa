r"""Gradient flow of aligned modes: M + 1 scalars each.

    ds_j/dt = (tau - P) P / (N s_j) - lambda_j s_j,     P = s_0 s_1 ... s_M,     j = 0 (H), 1, ..., M (W_j).               (1)

Equal starts with equal decays lambda stay equal, s_j = u for all j, and (1) is one equation, du/dt = u f(u) with
f(u) = (tau - u^(M+1)) u^(M-1)/N - lambda.

    M = 1:    a = u^2 is logistic, da/dt = (2/N) a (s - a), s = tau - N lambda:
              a(t) = s / (1 + (s/a_0 - 1) e^(-2 s t/N)), and a_0/(1 + 2 a_0 t/N) where s = 0;
    any M:    the time from u_0 to u_1 is the integral of d(log u)/f(u).

The zeros of f are the stationary points of scalar.py, u^(M+1) = sigma: for M >= 2 starts below the inner one decay to zero, the others end
at the outer one. With other decays or starts nothing of that kind is invariant: from (1), d(s_j^2)/dt = 2 G - 2 lambda_j s_j^2 with
one G = (tau - P) P/N for all layers, so that

    d(s_j^2 - s_k^2)/dt = -2 (lambda_j s_j^2 - lambda_k s_k^2):

layers with equal decays forget their difference like e^(-2 lambda t), and layers with different decays drift apart from equal starts,
to lambda_j s_j^2 = lambda_k s_k^2 at the end. (The balanced manifold lambda_j s_j^2 = lambda_k s_k^2 would be invariant if each layer's
rate were proportional to 1/lambda_j.) Then (1) is integrated for log s_j, where a mode that dies is a straight line.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.errors import ProblemError

if TYPE_CHECKING:
    from ..problem.losses import Array

RELATIVE, ABSOLUTE = 1e-12, 1e-14  # of log s_j along the flow
QUADRATURE = 1e-12  # relative error asked of a learning time
LONGEST = (
    400.0  # times 1/(smallest decay): by then every mode has settled, or has lost 170 powers of ten
)
NEAR = 1e-3  # in log s_j: nearer than this to the outer minimum a mode is caught by it
HIGHEST = 300.0  # logarithms beyond are cut off
SAME = 1e-15  # layers that differ by less, relatively, start equal
BOUNDARY = 1e-8  # relative accuracy of the basin boundary where it is bisected


@dataclass(frozen=True)
class Mode:
    """One mode: tau, N, the M + 1 decays (lambda_H, lambda_1, ...), and its stationary points sigma (0 where there is none)."""

    tau: float
    samples: float
    decays: tuple[float, ...]
    outer: float
    inner: float

    @property
    def depth(self) -> int:
        """M."""
        return len(self.decays) - 1

    @property
    def even(self) -> bool:
        """Whether all decays are equal."""
        return min(self.decays) == max(self.decays)

    def layers(self, sigma: float) -> Array:
        """Balanced (s_0, ..., s_M) at a stationary point: lambda_j s_j^2 = g sigma^q."""
        log_g = math.fsum(map(math.log, self.decays)) / len(self.decays)
        share = math.exp(log_g + 2.0 * math.log(sigma) / len(self.decays))
        return np.sqrt(share / np.array(self.decays))


@dataclass(frozen=True, eq=False)
class Flow:
    """The gradient flow of one mode from one start.

    Attributes
    ----------
    mode : Mode
    start : array (M + 1,), positive
    """

    mode: Mode
    start: Array

    @cached_property
    def single(self) -> bool:
        """Whether all layers stay equal: equal decays, equal starts."""
        return self.mode.even and bool(self.start.max() <= self.start.min() * (1.0 + SAME))

    @cached_property
    def lives(self) -> bool:
        """Whether the mode ends at its outer minimum and not at zero."""
        mode = self.mode
        if mode.outer == 0.0:
            return False
        if mode.depth == 1:  # zero is a saddle, and no positive start leads to it
            return True
        if self.single:
            return bool(np.log(self.start).sum() > math.log(mode.inner))
        return self._fate(shortcut=False)

    @property
    def end(self) -> float:
        """Sigma at the end: of the outer minimum, or zero."""
        return self.mode.outer if self.lives else 0.0

    def at(self, times: Array) -> Array:
        """(s_0, ..., s_M) at ascending times, shape (times, M + 1)."""
        if self.single and self.mode.depth == 1:
            return np.repeat(
                np.sqrt(_logistic(self.mode, float(self.start[0]) ** 2, times))[:, None], 2, axis=1
            )
        return (
            np.exp(self._solve(float(times[-1]), times=times).y.T)
            if times.size
            else np.empty((0, self.start.size))
        )

    def sigma(self, times: Array) -> Array:
        """The product of the layers at ascending times."""
        sigma: Array = self.at(times).prod(axis=1)
        return sigma

    def curve(self, until: float) -> Callable[[float], float]:
        """Sigma as a function of time, from 0 to `until`."""
        if self.single and self.mode.depth == 1:
            return lambda time: float(
                _logistic(self.mode, float(self.start[0]) ** 2, np.array([time]))[0]
            )
        solved = self._solve(until).sol
        return lambda time: math.exp(float(solved(time).sum()))

    def time_to(self, level: float) -> float:
        """The first time at which sigma is `level`; infinite if that never happens, 0 if it is past it at the start.

        A living mode below its minimum is asked to rise to the level, any other to fall to it.
        """
        start, end = float(np.exp(np.log(self.start).sum())), self.end
        rising = end > start
        if (start >= level) == rising or start == level:
            return 0.0
        if (level >= end) if rising else (level <= end):
            return math.inf
        if self.single and self.mode.depth == 1:
            return _logistic_time(self.mode, start, level)
        if self.single:
            return _quadrature(
                self.mode, math.log(start) / self.start.size, math.log(level) / self.start.size
            )
        aim = math.log(level)
        found = self._solve(LONGEST / min(self.mode.decays), lambda y: float(y.sum()) - aim)
        return float(found.t_events[0][0]) if found.t_events[0].size else math.inf

    def speed(self, layers: Array) -> float:
        """|ds/dt| at (s_0, ..., s_M)."""
        return float(np.linalg.norm(layers * self._slope(0.0, np.log(layers))))

    def speeding(self, time: float) -> float:
        """The logarithm of |ds/dt| at `time` over that at the start."""
        last = self.at(np.array([0.0, time]))[-1]
        return math.log(self.speed(last) / self.speed(self.start))

    def _slope(self, _: float, y: Array) -> Array:
        """D(log s_j)/dt."""
        mode = self.mode
        total = float(y.sum())
        rest = np.exp(
            np.minimum(total - 2.0 * y, HIGHEST)
        )  # a trial step of the integrator may be far off
        slope: Array = (mode.tau - math.exp(min(total, HIGHEST))) / mode.samples * rest - np.array(
            mode.decays
        )
        return slope

    def _solve(
        self, until: float, stop: Callable[[Array], float] | None = None, times: Array | None = None
    ) -> Any:
        """Integrate log s_j, until `stop` changes sign."""
        from scipy.integrate import solve_ivp

        y = np.log(self.start)
        event: Any = None
        if stop is not None:

            def event(_: float, y: Array) -> float:
                return stop(y)

            event.terminal = True
        dense = stop is None and times is None
        options = {
            "method": "LSODA",
            "t_eval": times,
            "events": event,
            "dense_output": dense,
            "rtol": RELATIVE,
            "atol": ABSOLUTE,
        }
        with np.errstate(over="ignore", invalid="ignore"):  # trial steps
            found = solve_ivp(self._slope, (0.0, until), y, **options)
        if not found.success or not np.isfinite(found.y).all():
            raise ProblemError(
                f"the flow of a mode cannot be followed ({found.message}); a start nearer to 1 works"
            )
        return found

    def _fate(self, shortcut: bool) -> bool:
        """Follow the flow until it is caught: by the outer minimum, or below the unstable root in every layer, where it sinks.

        Where P <= tau/2, the right side of (1) rises with every other layer, and the unstable root lies there: so the box below it is never
        left. With `shortcut` the box above it decides, too, while P <= tau/2: that is where flows from near the boundary pass by.
        """
        high = np.log(self.mode.layers(self.mode.outer))
        low = np.log(self.mode.layers(self.mode.inner))

        def settled(y: Array) -> float:
            caught = min(float(np.abs(y - high).max()) - NEAR, float((y - low).max()))
            return min(caught, -float((y - low).min())) if shortcut and y.sum() < half else caught

        half = math.log(self.mode.tau / 2.0)
        if settled(np.log(self.start)) <= 0.0:
            return bool((np.log(self.start) - low).max() > 0.0)
        last = self._solve(LONGEST / min(self.mode.decays), settled).y[:, -1]
        return bool((last - low).max() > BOUNDARY)


def boundary(mode: Mode) -> float:
    """The smallest common start of all layers from which the mode lives, to about 1e-8; 0 if every one does, infinite if none.

    Equal decays: u^(M+1) = sigma of the unstable root, in closed form. Else by bisection of the flow between 0 and tau^(1/(M+1)).
    """
    size = mode.depth + 1
    if mode.outer == 0.0:
        return math.inf
    if mode.depth == 1:
        return 0.0
    if mode.even:
        return float(mode.inner ** (1.0 / size))

    def lives(log_scale: float) -> bool:
        return Flow(mode, np.full(size, math.exp(log_scale)))._fate(shortcut=True)

    low, high = (
        float(np.log(mode.layers(mode.inner)).min()),
        math.log(mode.tau) / size,
    )  # below the root in every layer it dies
    if not lives(high):
        return math.inf
    while high - low > BOUNDARY:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if lives(middle) else (middle, high)
    return math.exp(high)


def _logistic(mode: Mode, start: float, times: Array) -> Array:
    """A(t) of M = 1, equal decays and starts."""
    s, n = mode.tau - mode.samples * mode.decays[0], mode.samples
    grown = -np.expm1(-2.0 * abs(s) * times / n)  # 1 - e^(-2 |s| t/N)
    if s > 0:
        return s * start / (start + (s - start) * np.exp(-2.0 * s * times / n))
    if s < 0:
        shrunk = np.exp(2.0 * s * times / n)
        return -s * start * shrunk / (-s + start * grown)
    return start / (1.0 + 2.0 * start * times / n)


def _logistic_time(mode: Mode, start: float, level: float) -> float:
    """The time from a = start to a = level: (N/2s) log of [level (s - start)] / [start (s - level)]."""
    s, n = mode.tau - mode.samples * mode.decays[0], mode.samples
    if s == 0.0:
        return n / 2.0 * (1.0 / level - 1.0 / start)
    return n / (2.0 * s) * (math.log(level / start) + math.log((s - start) / (s - level)))


def _quadrature(mode: Mode, low: float, high: float) -> float:
    """The integral of dv/f(e^v) over v = log u."""
    from scipy.integrate import quad

    depth = mode.depth

    def inverse(v: float) -> float:
        return 1.0 / (
            (mode.tau - math.exp((depth + 1) * v)) * math.exp((depth - 1) * v) / mode.samples
            - mode.decays[0]
        )

    return float(quad(inverse, low, high, epsabs=0.0, epsrel=QUADRATURE, limit=1000)[0])
