"""Why a run stopped, what it keeps, and what its record promises."""

import json

import numpy as np
import pytest

import ncsolve
from ncsolve.numeric.descent import Recorder, descend
from ncsolve.numeric.layout import samples
from ncsolve.numeric.optimizers import Stop, small_gradient
from ncsolve.problem.objective import Objective, objective_over

SHALLOW = ncsolve.UFM([6, 4, 2], weight_decay=2e-2, feature_decay=2e-2)
DEEP = ncsolve.UFM([20, 10, 5], depth=3, weight_decay=5e-3, feature_decay=5e-3)
METHODS = {
    "lbfgs": ncsolve.LBFGS(),
    "gradient-descent": ncsolve.GradientDescent(steps=3000),
    "momentum": ncsolve.Momentum(steps=500),
}


def _runs(ufm, method=None, rng=0, **options):
    return list(descend(ufm, method, rng=rng, **options))


@pytest.mark.parametrize("ufm", [SHALLOW, DEEP], ids=["M1", "M3"])
def test_a_converged_run_has_the_small_gradient_it_promises(ufm):
    for polish in (None, ncsolve.Newton()):
        tolerance = ncsolve.LBFGS().tolerance if polish is None else polish.tolerance
        for run in _runs(ufm, ncsolve.Descent(polish=polish)):
            assert run.ending is Stop.CONVERGED
            value, gradient = run.objective.value_and_gradient(run.theta)
            assert value == run.value
            assert np.linalg.norm(gradient) == run.gradient_norm
            decay = min(ufm.decays)
            assert run.gradient_norm**2 <= 2 * decay * tolerance * value
            assert small_gradient(run.objective, value, gradient, tolerance)
            assert not small_gradient(run.objective, value, gradient / run.gradient_norm, tolerance)


@pytest.mark.parametrize("optimizer", METHODS.values(), ids=METHODS.keys())
def test_a_step_limit_is_reported_and_kept(optimizer):
    limited = type(optimizer)(steps=7)
    for ufm in (SHALLOW, DEEP):
        for run in _runs(ufm, ncsolve.Descent(optimizer=limited, polish=None, switch=False)):
            assert run.ending is Stop.STEPS
            assert run.steps == 7
            assert run.value > 1.0001 * ncsolve.predict(ufm).value


def test_momentum_takes_its_steps_once():
    method = ncsolve.Descent(optimizer=ncsolve.Momentum(steps=3000), polish=None, starts=1)
    # no switch goes lower here, so nothing starts again
    assert [run.steps for run in _runs(DEEP, method)] == [3000]


def test_a_run_that_rounding_stops_is_stalled():
    (run,) = _runs(
        SHALLOW, ncsolve.Descent(optimizer=ncsolve.LBFGS(tolerance=0.0), polish=None, starts=1)
    )
    assert run.ending is Stop.STALLED
    assert run.value == pytest.approx(ncsolve.predict(SHALLOW).value, rel=1e-14)


@pytest.mark.parametrize("features", ["linear", "relu"])
@pytest.mark.parametrize("rate", [10.0, 1e3, 1e30, 1e200])
@pytest.mark.parametrize("switch", [True, False], ids=["switch", "plain"])
def test_a_rate_that_is_too_large_diverges_without_a_warning(rate, switch, features):
    method = ncsolve.Descent(
        optimizer=ncsolve.Momentum(steps=500, learning_rate=rate), switch=switch
    )
    verification = ncsolve.verify(DEEP.replace(features=features), method, rng=0)
    assert verification.verdict is ncsolve.Verdict.STUCK
    json.dumps(verification.to_dict(), allow_nan=False)
    for run in verification.runs:
        assert run.ending is Stop.DIVERGED
        assert np.isfinite(run.theta).all()
        assert run.value < 1e6 * max(run.trajectory.objective[0], 1.0)


def test_a_deep_run_that_diverges_past_the_largest_double_is_kept_finite():
    ufm = ncsolve.UFM([5, 3], depth=60, weight_decay=1e-3, feature_decay=1e-3)
    method = ncsolve.Descent(
        optimizer=ncsolve.Momentum(steps=50, learning_rate=1e10), polish=None, starts=1
    )
    (run,) = _runs(ufm, method)
    assert run.ending is Stop.DIVERGED
    assert np.isfinite(run.value)


def test_a_start_that_overflows_is_refused():
    for optimizer in METHODS.values():
        with pytest.raises(
            ncsolve.ProblemError,
            match="at the start: its matrices are too large; a smaller scale works",
        ):
            _runs(DEEP, ncsolve.Descent(optimizer=optimizer, scale=1e100))


@pytest.mark.parametrize("optimizer", METHODS.values(), ids=METHODS.keys())
@pytest.mark.parametrize("step", [0, 1, 5, 12])
def test_an_interrupt_keeps_the_run_and_starts_no_other(optimizer, step):
    seen = []

    def progress(start, at, value, norm):
        seen.append((start, at))
        if at >= step:
            raise KeyboardInterrupt

    method = ncsolve.Descent(optimizer=optimizer, starts=3)
    verification = ncsolve.verify(SHALLOW, method, rng=0, progress=progress)
    assert verification.interrupted
    (run,) = verification.runs
    assert {start for start, _ in seen} == {0}
    assert run.ending is Stop.INTERRUPTED
    assert step <= run.steps <= 1.05 * step + 1
    assert run.trajectory.step[-1] == run.steps
    assert run.trajectory.step.size == len(seen)
    assert np.isfinite(run.theta).all()
    assert run.value == run.objective.value(run.theta) == run.trajectory.objective[-1]
    assert run.value >= verification.prediction.value
    json.dumps(verification.to_dict(), allow_nan=False)


@pytest.mark.parametrize("optimizer", METHODS.values(), ids=METHODS.keys())
def test_an_interrupt_in_the_middle_of_a_step_keeps_the_last_finished_one(optimizer, monkeypatch):
    finished, evaluate = [], Objective.value_and_gradient

    def interrupted(self, theta):
        if len(finished) >= 9 and np.abs(theta - finished[-1][0]).max() > 0:  # a trial point
            monkeypatch.undo()
            raise KeyboardInterrupt
        return evaluate(self, theta)

    monkeypatch.setattr(Objective, "value_and_gradient", interrupted)
    follow = Recorder.__call__
    monkeypatch.setattr(
        Recorder,
        "__call__",
        lambda self, step, theta, value, gradient: (
            finished.append((theta.copy(), value)),
            follow(self, step, theta, value, gradient),
        ),
    )
    (run,) = _runs(SHALLOW, ncsolve.Descent(optimizer=optimizer, starts=1))
    assert run.ending is Stop.INTERRUPTED
    assert (run.theta == finished[-1][0]).all()
    assert run.value == finished[-1][1]


def test_an_interrupt_of_a_later_start_keeps_the_earlier_ones():
    def progress(start, at, value, norm):
        if start == 1 and at >= 5:
            raise KeyboardInterrupt

    whole = _runs(SHALLOW, ncsolve.Descent(starts=3))
    runs = _runs(SHALLOW, ncsolve.Descent(starts=3), progress=progress)
    assert [run.ending for run in runs] == [Stop.CONVERGED, Stop.INTERRUPTED]
    assert (runs[0].theta == whole[0].theta).all()


@pytest.mark.parametrize("features", ["linear", "relu"])
@pytest.mark.parametrize("ufm", [SHALLOW, DEEP], ids=["M1", "M3"])
def test_gradient_descent_never_raises_the_objective(ufm, features):
    ufm = ufm.replace(features=features)
    objective = objective_over(ufm, samples(ufm).columns)
    nonnegative = objective.feature_slice if features == "relu" else None
    for seed in range(3):
        rng = np.random.default_rng(seed)
        theta = (
            np.abs(rng.normal(size=objective.size))
            if nonnegative
            else rng.normal(scale=2.0, size=objective.size)
        )
        values, steps = [objective.value(theta)], [0]

        def watch(step, theta, value, gradient, values=values, steps=steps):
            values.append(objective.value(theta))
            steps.append(step)

        outcome = ncsolve.GradientDescent(steps=3000).minimize(objective, theta, watch, nonnegative)
        assert (np.diff(values) <= 0).all()
        assert (np.diff(steps) == 1).all()
        assert values[-1] == objective.value(outcome.theta)


def test_momentum_does_raise_the_objective_on_its_way():
    (run,) = _runs(
        SHALLOW,
        ncsolve.Descent(optimizer=ncsolve.Momentum(learning_rate=0.3), polish=None, starts=1),
    )
    assert (np.diff(run.trajectory.objective) > 0).any()  # so the check above can fail


@pytest.mark.parametrize("optimizer", METHODS.values(), ids=METHODS.keys())
@pytest.mark.parametrize("ufm", [SHALLOW, DEEP], ids=["M1", "M3"])
def test_recorded_steps_increase_and_end_at_the_run(ufm, optimizer):
    for run in _runs(ufm, ncsolve.Descent(optimizer=optimizer)):
        path = run.trajectory
        assert path.step[0] == 0
        assert (np.diff(path.step) >= 1).all()
        assert path.step[-1] == run.steps
        assert path.objective[-1] == run.value
        assert path.gradient_norm[-1] == run.gradient_norm
        assert len({column.size for column in vars(path).values()}) == 1
        assert path.step.size <= 30 + np.log(run.steps) / np.log(1.05)
        assert path.to_dict()["nc3"] == [None] * path.step.size  # no reference was given
        assert path.nc1[-1] < 0.2 * path.nc1[0]


def test_runs_are_a_function_of_the_seed():
    for ufm in (SHALLOW, DEEP):
        first, second = _runs(ufm), _runs(ufm)
        for a, b in zip(first, second, strict=True):
            assert (a.theta == b.theta).all()
            assert a.trajectory.to_dict() == b.trajectory.to_dict()
        assert first[0].trajectory.objective[0] != _runs(ufm, rng=1)[0].trajectory.objective[0]


@pytest.mark.parametrize("scale", [None, 0.3], ids=["isometries", "gaussian"])
def test_a_start_does_not_depend_on_how_many_there_are(scale):
    many, few = (_runs(DEEP, ncsolve.Descent(starts=n, scale=scale)) for n in (3, 2))
    for a, b in zip(many, few, strict=False):
        assert (a.theta == b.theta).all()
    assert len({run.trajectory.objective[0] for run in many}) == 3


@pytest.mark.parametrize("starts", [0, -1, 1.5, True])
def test_a_number_of_starts_that_is_not_one_is_refused(starts):
    with pytest.raises(ncsolve.ProblemError, match=r"is not a whole number of 1 or more"):
        ncsolve.Descent(starts=starts)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.inf, np.nan])
def test_a_scale_that_is_not_positive_is_refused(scale):
    with pytest.raises(ncsolve.ProblemError, match=r"is not a positive number such as 0\.1"):
        ncsolve.Descent(scale=scale)
