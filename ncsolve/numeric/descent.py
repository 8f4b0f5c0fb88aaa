r"""Descent on the raw objective: several random starts, a way down, a polish, and the recorded trajectory.

All N features move (or their exact rotation, see layout.py). The referee is blind: nothing here knows a predicted minimum; a
`Reference` (Gram matrices and logits to measure distances against) only adds columns to the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.descend import projected, threads_for
from ..problem.errors import ProblemError
from ..problem.losses import Squared
from ..problem.objective import Objective, Parameters, objective_over
from ..values import Value
from .layout import Layout, can_rotate, grouped, rotated, samples
from .optimizers import LBFGS, GradientDescent, Newton, Optimizer, Stop
from .switch import switch

if TYPE_CHECKING:
    from ..problem.losses import Array
    from ..problem.ufm import UFM

#: Called at every recorded step as progress(start, step, objective, gradient norm).
Progress = Callable[[int, int, float, float], None]

SCALES = (1.0, 1.5, 0.7)
SMALL = 2**20  # numbers in H up to which every sample moves by itself
NOISE = 0.1  # spread of features around their class means at the start, as a share of a mean's norm
RECORD_GROWTH = 1.05  # recorded steps are this far apart, as a ratio
ROUGH = 1e-5  # relative gap promised before directions are switched off and on


@dataclass(frozen=True)
class Descent:
    """How to descend.

    Parameters
    ----------
    optimizer : LBFGS, GradientDescent or Momentum
    polish : Newton or None
        Newton-MINRES steps after the optimizer.
    starts : int >= 1
        Independent random starts, one spawned generator each.
    scale : float > 0, optional
        Standard deviation of a Gaussian start of every matrix. By default weights start as f times a random isometry, and
        features as f times random orthonormal class means plus Gaussian noise of a tenth of their norm, f = 1, 1.5, .7 in
        turn: no direction starts so weak that it dies before the others have settled. For ReLU features every other start, the
        first included, has class means that are orthonormal and nonnegative (disjoint supports) where the width allows it.
    rotate : bool
        Use the exact rotation to K + min(d_1, N - K) columns where there is one.
    replicas : int >= 0, optional
        Features per class, each shared by an equal part of its samples (see layout.py); 0 moves every sample by itself. By
        default 0 where all samples have at most 2^20 numbers and counts are whole, else 2. Of no effect on rotated problems.
    switch : bool
        For depth >= 2, try at the end of a run to switch directions off and on, and descend again (see switch.py).
    """

    optimizer: Optimizer = field(default_factory=LBFGS)
    polish: Newton | None = field(default_factory=Newton)
    starts: int = 2
    scale: float | None = None
    rotate: bool = True
    replicas: int | None = None
    switch: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.starts, bool) or not isinstance(self.starts, int) or self.starts < 1:
            raise ProblemError(f"starts {self.starts!r} is not a whole number of 1 or more")
        if self.replicas is not None and (
            isinstance(self.replicas, bool)
            or not isinstance(self.replicas, int)
            or self.replicas < 0
        ):
            raise ProblemError(f"replicas {self.replicas!r} is not a whole number of 0 or more")
        if self.scale is not None and not 0 < self.scale < np.inf:
            raise ProblemError(f"scale {self.scale!r} is not a positive number such as 0.1")


@dataclass(frozen=True, eq=False)
class Reference:
    """A geometry to measure distances to: Gram of class means, Gram of W_M ... W_1, and W_M ... W_1 Hbar."""

    gram_features: Array
    gram_weights: Array
    product: Array


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory(Value):
    """Recorded steps, as columns of equal length.

    Attributes
    ----------
    step, objective, gradient_norm
    nc1 : tr Sigma_W / tr Sigma_B
    nc2_features, nc2_weights : distance of the normalized Gram to the reference's; NaN without a reference
    nc3 : distance of normalized W_M ... W_1 Hbar to the reference's; NaN without a reference
    """

    step: Array
    objective: Array
    gradient_norm: Array
    nc1: Array
    nc2_features: Array
    nc2_weights: Array
    nc3: Array

    def to_dict(self) -> dict[str, Any]:
        """Lists, with None where there is no reference."""
        columns = super().to_dict().items()
        return {name: [None if x != x else x for x in column] for name, column in columns}


@dataclass(frozen=True, eq=False, repr=False)
class Run(Value):
    """One descent.

    Attributes
    ----------
    value, gradient_norm : at the end point
    steps : optimizer and polish steps
    ending : Stop
    parameters : (W_1, ..., W_M), class means (d_1, K), bias at the end point
    within : sum of squared distances of features to their class means
    theta, objective : the end point as a vector and the objective it belongs to (for Hessian checks)
    trajectory : Trajectory
    """

    value: float
    gradient_norm: float
    steps: int
    ending: Stop
    parameters: Parameters
    within: float
    theta: Array
    objective: Objective
    trajectory: Trajectory

    entries = ("value", "gradient_norm", "steps", "ending", "within_class", "trajectory")

    @property
    def within_class(self) -> float:
        """Sum of squared distances of features to their class means, as the document calls it."""
        return self.within


def descend(
    ufm: UFM,
    method: Descent | None = None,
    *,
    rng: int | np.random.Generator | None = None,
    start: Parameters | None = None,
    reference: Reference | None = None,
    progress: Progress | None = None,
) -> Iterator[Run]:
    """Yield one Run per start, as each ends.

    Parameters
    ----------
    ufm : UFM
    method : Descent
    rng : seed or Generator; one child is spawned per start, so start i does not depend on how many there are
    start : Parameters with (d_1, N) features, instead of random starts
    reference : geometry for the NC2 and NC3 columns of the record
    progress : callback

    Notes
    -----
    A KeyboardInterrupt ends the current run where it is; that run is yielded with ending INTERRUPTED, and no other starts.

    Examples
    --------
    >>> import ncsolve
    >>> from ncsolve.numeric.descent import descend
    >>> ufm = ncsolve.UFM(counts=[6, 3], weight_decay=1e-2, feature_decay=1e-2)
    >>> [run.ending.name for run in descend(ufm, ncsolve.Descent(starts=1), rng=0)]
    ['CONVERGED']
    """
    method = Descent() if method is None else method
    layout = _layout(ufm, method, start is not None)
    objective = objective_over(ufm, layout.columns)
    children = np.random.default_rng(rng).spawn(1 if start is not None else method.starts)
    for index, child in enumerate(children):
        if start is not None:
            theta = objective.pack(
                Parameters(start.weights, layout.place(start.features), start.bias)
            )
        else:
            theta = objective.pack(_random_start(ufm, layout, child, method.scale, index))
        with threads_for(max(*ufm.width, ufm.outputs)):
            run = _run(ufm, method, layout, objective, theta, index, reference, progress)
        yield run
        if run.ending is Stop.INTERRUPTED:
            return


def _layout(ufm: UFM, method: Descent, explicit: bool) -> Layout:
    if method.rotate and can_rotate(ufm):
        return rotated(ufm)
    small = ufm.whole and ufm.samples * max(ufm.width[0], ufm.outputs) <= SMALL
    replicas = method.replicas
    if replicas is None:
        replicas = (
            0 if small or explicit or (isinstance(ufm.loss, Squared) and not method.rotate) else 2
        )
    return grouped(ufm, replicas) if replicas else samples(ufm)


def _run(
    ufm: UFM,
    method: Descent,
    layout: Layout,
    objective: Objective,
    theta: Array,
    index: int,
    reference: Reference | None,
    progress: Progress | None,
) -> Run:
    recorder = Recorder(layout, objective, reference, index, progress, theta)
    nonnegative = objective.feature_slice if ufm.features == "relu" else None
    try:
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # a trial step may overflow; nothing that is not finite is accepted
            ending = _all_the_way(
                method,
                recorder,
                nonnegative,
                ufm.depth > 1 and method.switch and nonnegative is None,
            )
    except KeyboardInterrupt:
        ending = Stop.INTERRUPTED
    theta = recorder.theta
    value, gradient = objective.value_and_gradient(theta)
    free = projected(gradient, theta, nonnegative)
    recorder.record(recorder.step, theta, value, free)
    end = objective.unpack(theta)
    parameters = Parameters(end.weights, layout.class_means(end.features), end.bias)
    norm = float(np.linalg.norm(free))
    return Run(
        value,
        norm,
        recorder.step,
        ending,
        parameters,
        layout.within(end.features),
        theta,
        objective,
        recorder.trajectory(),
    )


def _all_the_way(
    method: Descent, recorder: Recorder, nonnegative: slice | None, may_switch: bool
) -> Stop:
    """From the recorder's point: down and polish; with switches, first loosely, then exactly, until no switch goes lower."""
    objective, theta = recorder.objective, recorder.theta
    value, gradient = objective.value_and_gradient(theta)
    if not np.isfinite(value):
        raise ProblemError(
            f"the objective is {value} at the start: its matrices are too large; a smaller scale works"
        )
    recorder(0, theta, value, projected(gradient, theta, nonnegative))
    exact = [method.optimizer] if method.polish is None else [method.optimizer, method.polish]
    rough = _loosened(method.optimizer)
    passes: list[list[Any]] = (
        [[rough], exact] if may_switch and rough != method.optimizer else [exact]
    )
    for stages in passes:
        switched: Array | None = recorder.theta
        while switched is not None:
            ending = _follow(recorder, stages, switched, nonnegative)
            if ending is Stop.DIVERGED:
                return ending
            switched = switch(objective, recorder.theta) if may_switch else None
    return ending


def _follow(recorder: Recorder, stages: list[Any], theta: Array, nonnegative: slice | None) -> Stop:
    """Run the stages one after the other; the best ending counts."""
    endings = []
    for stage in stages:
        if isinstance(stage, Newton) and theta.size > stage.largest and Stop.CONVERGED in endings:
            break
        recorder.offset = recorder.step
        outcome = stage.minimize(recorder.objective, theta, recorder, nonnegative)
        theta = recorder.theta = outcome.theta
        endings.append(outcome.ending)
        if outcome.ending is Stop.DIVERGED:
            break
    return (
        Stop.CONVERGED
        if Stop.CONVERGED in endings
        else endings[-1 if Stop.DIVERGED in endings else 0]
    )


def _random_start(
    ufm: UFM, layout: Layout, rng: np.random.Generator, scale: float | None, index: int
) -> Parameters:
    bias = np.zeros(ufm.outputs)
    if scale is not None:
        weights = tuple(rng.normal(scale=scale, size=shape) for shape in ufm.shapes)
        return Parameters(weights, layout.start(rng, scale), bias)
    factor = SCALES[index % len(SCALES)]
    weights = tuple(factor * _isometry(rng, *shape) for shape in ufm.shapes)
    apart = ufm.features == "relu" and index % 2 == 0 and ufm.width[0] >= ufm.classes
    means = factor * (_disjoint if apart else _isometry)(rng, ufm.width[0], ufm.classes)
    noise = layout.start(rng, NOISE * factor / np.sqrt(ufm.width[0]))
    return Parameters(weights, layout.around(means, noise), bias)


def _isometry(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """A uniformly random matrix with orthonormal columns, or rows where there are more columns."""
    tall = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))[0]
    return tall if rows >= columns else tall.T


def _disjoint(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """Orthonormal columns without negative entries, which have disjoint supports: every row is given to a random column."""
    owner = rng.permutation(
        np.concatenate([np.arange(columns), rng.integers(columns, size=rows - columns)])
    )
    matrix = np.zeros((rows, columns))
    matrix[np.arange(rows), owner] = np.abs(rng.normal(size=rows)) + np.finfo(float).tiny
    found: Array = matrix / np.linalg.norm(matrix, axis=0)
    return found


def _loosened(optimizer: Optimizer) -> Optimizer:
    """The same optimizer with a tolerance that is enough to compare subsets of directions, where it has one."""
    if not isinstance(optimizer, LBFGS | GradientDescent):
        return optimizer
    return replace(optimizer, tolerance=max(ROUGH, optimizer.tolerance))


class Recorder:
    """Keeps the last point (so that an interrupt loses nothing) and a record at growing distances."""

    def __init__(
        self,
        layout: Layout,
        objective: Objective,
        reference: Reference | None,
        index: int,
        progress: Progress | None,
        theta: Array,
    ) -> None:
        self.layout, self.objective, self.reference = layout, objective, reference
        self.index, self.progress = index, progress
        self.offset = self.step = 0
        self.next = 0.0
        self.rows: list[tuple[float, ...]] = []
        self.theta = theta

    def __call__(self, step: int, theta: Array, value: float, gradient: Array) -> None:
        """Watch one step of a stage that began at `offset`."""
        self.step, self.theta = self.offset + step, theta
        if self.step >= self.next:
            self.next = max(self.step + 1.0, RECORD_GROWTH * self.step)
            self.record(self.step, theta, value, gradient)
            if self.progress is not None:
                self.progress(self.index, self.step, value, float(np.linalg.norm(gradient)))

    def record(self, step: int, theta: Array, value: float, gradient: Array) -> None:
        """Add a row, unless the step has one."""
        if self.rows and self.rows[-1][0] >= step:
            return
        norm = float(np.linalg.norm(gradient))
        p = self.objective.unpack(theta)
        means = self.layout.class_means(p.features)
        between = float(np.sum((means - means.mean(axis=1, keepdims=True)) ** 2)) / means.shape[1]
        nc1 = self.layout.within(p.features) / self._total / between if between > 0 else np.nan
        row = [float(step), value, norm, nc1, np.nan, np.nan, np.nan]
        if self.reference is not None:
            product = p.end_to_end
            row[4] = _distance(means.T @ means, self.reference.gram_features)
            row[5] = _distance(product @ product.T, self.reference.gram_weights)
            row[6] = _distance(product @ means, self.reference.product)
        self.rows.append(tuple(row))

    @property
    def _total(self) -> float:
        return float(np.vdot(self.layout.columns.ones, self.layout.columns.ones))

    def trajectory(self) -> Trajectory:
        """The record as columns."""
        return Trajectory(*np.array(self.rows).T)


def _distance(found: Array, reference: Array) -> float:
    """||found/|found| - reference/|reference| ||_F, a zero matrix staying zero."""
    sizes = [float(np.linalg.norm(matrix)) for matrix in (found, reference)]
    return float(np.linalg.norm(found / (sizes[0] or 1.0) - reference / (sizes[1] or 1.0)))
