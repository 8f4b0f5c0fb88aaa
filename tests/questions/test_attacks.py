"""Attacks on theorems: true ones survive on random problems, planted wrong ones are refuted."""

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ncsolve
from ncsolve.analytic.theorem import Claim
from ncsolve.numeric.bounds import margin_certificate
from ncsolve.questions import attacks
from ncsolve.questions.attacks import attack
from ncsolve.theorems import theorem, theorems
from ncsolve.verification import Verdict

FAST = [t for t in theorems() if t.claim is not Claim.BEST_KNOWN]
NAMES = [t.name for t in FAST]


@pytest.mark.parametrize("one", theorems(), ids=lambda t: t.name)
def test_drawn_problems_lie_inside_the_hypotheses_and_differ(one):
    drawn = [one.draw(child) for child in np.random.default_rng(5).spawn(60)]
    assert all(one.lacks(ufm) == () for ufm in drawn)
    assert (
        len({ufm.counts.tobytes() + repr(ufm.decays).encode() for ufm in drawn}) > 50 or one.limit
    )
    assert all(ufm.whole and ufm.samples < 500 for ufm in drawn)


@pytest.mark.parametrize("one", [t for t in FAST if not t.limit], ids=lambda t: t.name)
def test_draws_come_near_thresholds_on_both_sides_of_them(one):
    ratios = []
    for child in np.random.default_rng(6).spawn(300):
        found = ncsolve.thresholds(ncsolve.predict(one.draw(child), one))
        critical = np.append(found.classes.critical_decay, found.complete_collapse or np.nan)
        ratios += (found.mean_decay / critical[~np.isnan(critical)]).tolist()
    near = np.array(ratios)[np.abs(np.array(ratios) - 1) < 0.05]
    assert np.sum(near < 1) >= 10
    assert np.sum(near > 1) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_a_theorem_survives(name):
    found = attack(theorem(name), 25, rng=0)
    assert found.verdict is Verdict.AGREES, [t.why for t in found.trials]
    assert len(found.trials) == 25


@pytest.mark.slow
@pytest.mark.parametrize("one", theorems(), ids=lambda t: t.name)
def test_a_theorem_survives_many_trials(one):
    number = 300 if one.claim is not Claim.BEST_KNOWN else 40
    found = attack(one, number, rng=1)
    assert found.verdict is Verdict.AGREES, [
        t.why for t in found.trials if t.verdict is not Verdict.AGREES
    ]


def test_a_trial_does_not_depend_on_how_many_there_are():
    few, many = (attack(theorem("squared_spectral"), n, rng=3).trials for n in (2, 4))
    assert [(t.ufm, t.value, t.excess) for t in few] == [
        (t.ufm, t.value, t.excess) for t in many[:2]
    ]


# Planted errors in a copy of a theorem


def _changed(one, change):
    return dataclasses.replace(one, solve=lambda ufm, *watch: change(ufm, one.solve(ufm, *watch)))


def _value_too_high(ufm, solution):
    return dataclasses.replace(solution, value=solution.value * (1 + 1e-6))


def _value_too_low(ufm, solution):
    return dataclasses.replace(solution, value=solution.value * (1 - 1e-6))


def _longer_everywhere(ufm, solution):
    """Singular values 1% larger, with the value that belongs to them: consistent, but not stationary."""
    sigma, frame = solution.sigma_and_frame
    changed = dataclasses.replace(solution, modes=lambda: (1.01 * sigma, frame))
    point = ncsolve.analytic.factors.balanced_factors(ufm, 1.01 * sigma, frame, solution.bias)
    return (
        dataclasses.replace(changed, value=ncsolve.objective(ufm, point))
        if sigma.size
        else solution
    )


def _zero_instead(ufm, solution):
    """Everything zero, with the value that belongs to it: a critical point, and at M >= 2 a local minimum."""
    sigma, frame = solution.sigma_and_frame
    if not sigma.size:
        return solution
    point = ncsolve.analytic.factors.balanced_factors(ufm, 0 * sigma, frame, solution.bias)
    states = dataclasses.replace(solution.states(), state=np.full(ufm.classes, "vanished"))
    value = ncsolve.objective(ufm, point)
    return dataclasses.replace(
        solution, modes=lambda: (0 * sigma, frame), value=value, states=lambda: states
    )


def _wrong_state(ufm, solution):
    states = solution.states()
    wrong = np.where(states.state == "active", "vanished", "active")
    return dataclasses.replace(solution, states=lambda: dataclasses.replace(states, state=wrong))


PLANTS = [_value_too_high, _value_too_low, _longer_everywhere, _zero_instead, _wrong_state]


def _decay_of_a_class(ufm, solution):
    states = solution.states()
    return dataclasses.replace(
        solution,
        states=lambda: dataclasses.replace(states, critical_decay=1.01 * states.critical_decay),
    )


def _count_of_a_class(ufm, solution):
    states = solution.states()
    return dataclasses.replace(
        solution,
        states=lambda: dataclasses.replace(states, critical_count=1.01 * states.critical_count),
    )


def _decay_of_collapse(ufm, solution):
    states = solution.states()
    told = (
        1.01 * np.nanmax(states.critical_decay)
        if states.complete_collapse is None
        else 1.01 * states.complete_collapse
    )
    return dataclasses.replace(
        solution, states=lambda: dataclasses.replace(states, complete_collapse=told)
    )


def _longer_bias(ufm, solution):
    return dataclasses.replace(solution, bias=solution.bias + 1e-6)


THRESHOLDS = [
    ("squared_spectral", _decay_of_a_class),
    ("squared_spectral", _count_of_a_class),
    ("balanced_cross_entropy", _decay_of_a_class),
    ("relu_cross_entropy", _decay_of_a_class),
    ("relu_cross_entropy", _count_of_a_class),
    ("imbalanced_cross_entropy", _decay_of_a_class),
    ("imbalanced_cross_entropy", _count_of_a_class),
    ("imbalanced_cross_entropy", _decay_of_collapse),
    ("imbalanced_cross_entropy", _longer_bias),
    ("imbalanced_regularized_bias", _decay_of_a_class),
    ("imbalanced_regularized_bias", _decay_of_collapse),
]


NOT_WRONG = {  # zero is a critical point as well, and a limit has neither states nor a zero
    ("deep_simplex", _zero_instead),
    ("vanishing_decay", _zero_instead),
    ("vanishing_decay", _wrong_state),
}
WRONG = [(name, plant) for name in NAMES for plant in PLANTS if (name, plant) not in NOT_WRONG]


@pytest.mark.parametrize(
    ("name", "plant"), WRONG, ids=[f"{name}{plant.__name__}" for name, plant in WRONG]
)
def test_a_planted_wrong_theorem_is_refuted(name, plant):
    found = attack(_changed(theorem(name), plant), 12, rng=2, starts=2)
    assert found.verdict is Verdict.REFUTED, [t.why for t in found.trials]
    assert all(t.why for t in found.trials if t.verdict is Verdict.REFUTED)


@pytest.mark.parametrize(
    ("name", "plant"), THRESHOLDS, ids=[f"{name}{plant.__name__}" for name, plant in THRESHOLDS]
)
def test_a_planted_wrong_threshold_is_refuted_although_the_matrices_are_right(name, plant):
    found = attack(_changed(theorem(name), plant), 20, rng=2, starts=1)
    assert found.verdict is Verdict.REFUTED, [t.why for t in found.trials]
    said = {"_longer_bias": "least norm", "_decay_of_collapse": "complete collapse"}.get(
        plant.__name__, "critical "
    )
    assert any(said in t.why for t in found.trials if t.verdict is Verdict.REFUTED)


def test_no_decay_is_told_for_a_class_that_a_bottleneck_never_keeps():
    table = ncsolve.predict(
        ncsolve.UFM([3, 3, 3], depth=2, width=1, bias="free", weight_decay=1e-3, feature_decay=1e-3)
    ).classes
    assert table.state.tolist() == ["active", "active", "vanished"]
    assert np.isfinite(table.critical_decay).tolist() == [True, True, False]
    assert table.locally_stable.tolist() == [True, True, False]


def test_a_critical_point_that_is_sold_as_global_is_refuted_by_descent():
    sold = dataclasses.replace(
        theorem("deep_simplex"), claim=Claim.GLOBAL, draw=lambda rng: ncsolve.UFM([30] * 4, "ce", 3)
    )
    found = attack(sold, 1, rng=0)
    assert found.verdict is Verdict.REFUTED
    assert "descent ends lower" in found.trials[0].why


def test_a_best_known_value_above_a_descent_is_beaten():
    worse = dataclasses.replace(
        theorem("deep_simplex"),
        claim=Claim.BEST_KNOWN,
        draw=lambda rng: ncsolve.UFM([30] * 4, "ce", 3),
    )
    assert attack(worse, 1, rng=0).verdict is Verdict.BEATEN


def test_where_nothing_settles_it_the_verdict_is_stuck(monkeypatch):
    def above(prediction, *arguments, **options):
        class Above:
            excess, certificate, interrupted = 1e-3, None, False

        return Above()

    monkeypatch.setattr(attacks, "verify", above)
    found = attack(theorem("squared_spectral"), 2, rng=0)
    assert found.verdict is Verdict.STUCK
    assert "every descent ends above" in found.trials[0].why


def test_an_interrupt_keeps_the_trials_so_far(monkeypatch):
    def interrupt(index, trial):
        if index == 1:
            raise KeyboardInterrupt

    found = attack(theorem("balanced_cross_entropy"), 5, rng=0, progress=interrupt)
    assert found.interrupted
    assert len(found.trials) == 2


SOURCES = [  # (theorem, file, what stands there, what is planted)
    ("squared_spectral", "analytic/scalar.py", "v = kappa * np.power(r, e)", "v = 1.01 * kappa * np.power(r, e)"),
    ("squared_spectral", "analytic/scalar.py", "share: Array = p * (1.0 + depth", "share: Array = p * (1.0 - depth"),
    ("squared_spectral", "theorems/squared_spectral.py", "(ufm.counts)), ufm.counts /", "(ufm.counts)), -ufm.counts /"),
    ("squared_targets", "theorems/squared_targets.py", "codes - mean[:, None]", "codes + mean[:, None]"),
    ("balanced_regularized_bias", "theorems/balanced_regularized_bias.py", "- pull * (1.0 + 1.0", "- pull * (1.0 - 1.0"),
    ("balanced_cross_entropy", "analytic/simplex.py", "x = self.classes * self.c", "x = 1.01 * self.classes * self.c"),
    ("relu_cross_entropy", "theorems/relu_cross_entropy.py", "+ delta) * share", "- delta) * share"),
    ("imbalanced_cross_entropy", "analytic/groups.py", "+ contrast * (1.0 -", "+ contrast * (1.01 -"),
    ("imbalanced_regularized_bias", "analytic/convex.py", "self._bias_weight @ bias**2) / 2.0", "self._bias_weight @ bias**2) / 2.5"),
    ("vanishing_decay", "theorems/vanishing_decay.py", "np.outer(u, u)", "1.01 * np.outer(u, u)"),
    ("deep_simplex", "analytic/simplex.py", "math.log(self.c * self.q", "math.log(1.01 * self.c * self.q"),
    ("squared_spectral", "analytic/spectral.py", "power(self.samples * decays /", "power(1.01 * self.samples * decays /"),
    ("squared_spectral", "analytic/spectral.py", "decay = limit * np.power", "decay = 1.01 * limit * np.power"),
    ("imbalanced_cross_entropy", "analytic/groups.py", "max([problem.norm_at_zero(), ", "max([1.01 * problem.norm_at_zero(), "),
    ("imbalanced_cross_entropy", "analytic/groups.py", "bias = bias - unseen", "bias = bias + 5 * unseen"),
    ("imbalanced_cross_entropy", "analytic/groups.py", "c / slope) ** 2", "c / slope) ** 3"),
    ("relu_cross_entropy", "theorems/relu_cross_entropy.py", "(1.0 - delta)) ** 2 / share", "(1.0 + delta)) ** 2 / share"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "file", "old", "new"), SOURCES, ids=[f"{s[0]}: {s[3]}" for s in SOURCES]
)
def test_the_command_refutes_a_copy_of_the_package_with_one_constant_or_sign_changed(
    tmp_path, name, file, old, new
):
    copy = tmp_path / "ncsolve"
    shutil.copytree(
        Path(ncsolve.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__")
    )
    text = (copy / file).read_text()
    assert text.count(old) == 1
    (copy / file).write_text(text.replace(old, new))
    command = [sys.executable, "-m", "ncsolve", "theorems", "check", name, "--trials", "20"]
    command += ["--rng", "0"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "REFUTED" in done.stdout


# The bound for the limit


@pytest.mark.parametrize("seed", range(4))
def test_the_max_margin_bound_is_below_what_cvxpy_finds_and_close(seed):
    import cvxpy

    ufm = theorem("vanishing_decay").draw(np.random.default_rng(seed))
    _, label, rows = ufm.loss.per_class(ufm.classes)
    z = cvxpy.Variable((ufm.classes, ufm.classes))
    pairs = [(j, k) for j in range(ufm.classes) for k in range(ufm.classes) if j != k]
    constraints = [label[k] * (rows[k] * z[k, k] - rows[j] * z[j, k]) >= 1 for j, k in pairs]
    problem = cvxpy.Problem(
        cvxpy.Minimize(cvxpy.normNuc(z @ np.diag(np.sqrt(ufm.counts)))), constraints
    )
    problem.solve(solver="CLARABEL")
    found = margin_certificate(ufm, ncsolve.predict(ufm, limit="vanishing-decay").logits)
    # measured 1e-9, Clarabel's own accuracy
    assert found.lower_bound == pytest.approx(problem.value, rel=1e-7)
    assert found.relative_gap < 1e-13


def test_the_max_margin_bound_stays_below_at_points_that_are_not_optimal():
    ufm = ncsolve.UFM([9, 4, 4], "ce")
    best = ncsolve.predict(ufm, limit="vanishing-decay")
    rng = np.random.default_rng(0)
    for _ in range(50):
        found = margin_certificate(ufm, best.logits + rng.normal(scale=0.2, size=(3, 3)))
        assert found.lower_bound <= best.value * (1 + 1e-14)
        assert found.value >= best.value * (1 - 1e-14)


# What cannot be attacked


def test_impossible_attacks_are_refused():
    with pytest.raises(ncsolve.ProblemError, match="trials 0"):
        attack(theorem("squared_spectral"), 0)
    with pytest.raises(ncsolve.ProblemError, match="cannot draw"):
        attack(dataclasses.replace(theorem("squared_spectral"), draw=None), 1)
    with pytest.raises(ncsolve.NoTheorem, match="'spectral' is unknown"):
        theorem("spectral")
