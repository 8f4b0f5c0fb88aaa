"""Cross-entropy: the convex engine against cvxpy with SCS and Clarabel, large problems, and the deep search.

Promises: K = 20 in two groups 50 times and K = 100 in ten groups 1,000 times faster than cvxpy with SCS at 1e-6 (the full K x K problem,
compile time included; SCS stops after 240 s, then the ratio is a lower bound). Clarabel, an interior-point method, is asked for its default
1e-8 at K = 20 only: its time and memory grow too fast beyond. Places-LT (201 distinct counts) to a relative gap of
1e-10 in 20 s; 1,000 distinct counts in two minutes; deep, K = 10, in a minute.
"""

from __future__ import annotations

import resource
import warnings

import numpy as np

import ncsolve
from ncsolve.analytic.reduction import reduce
from ncsolve.problem.counts import named

from .timing import seconds

PATIENCE = 240.0
SETTINGS = {
    "SCS": {"eps": 1e-6, "max_iters": 10**7, "time_limit_secs": PATIENCE},
    "CLARABEL": {"time_limit": PATIENCE},
}
PEERS = (
    ("SCS", "SCS at 1e-6", 20, 2, 50, 9),
    ("CLARABEL", "Clarabel", 20, 2, 0, 5),
    ("SCS", "SCS at 1e-6", 100, 10, 1000, 1),
)


def cvxpy(ufm: ncsolve.UFM, solver: str) -> tuple[float, bool]:
    """(value, whether the solver finished) of the full K x K problem."""
    import cvxpy as cp

    k, n = ufm.classes, ufm.counts
    a = cp.Variable((k, k))
    z = a @ np.diag(1 / np.sqrt(n))
    fit = (n / n.sum()) @ (cp.log_sum_exp(z, axis=0) - cp.diag(z))
    problem = cp.Problem(cp.Minimize(fit + reduce(ufm).c * cp.normNuc(a)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = problem.solve(solver=solver, **SETTINGS[solver])
    return float(value), problem.status == "optimal"


def rows() -> list[tuple[str, str, str]]:
    """(what, measured, promise)."""
    table = []
    for solver, name, classes, groups, promise, repeats in PEERS:
        counts = np.repeat(np.round(np.geomspace(500, 20, groups)), classes // groups)
        ufm = ncsolve.UFM(counts, "ce", weight_decay=2e-4, feature_decay=2e-4)
        ncsolve.predict(ufm)
        ends: list[tuple[float, bool]] = []
        ours, theirs = [], []
        for _ in range(repeats):  # in turn: a slow moment of the machine slows both
            ours.append(
                float(np.median([seconds(lambda u=ufm: ncsolve.predict(u)) for _ in range(5)]))
            )
            theirs.append(seconds(lambda u=ufm, s=solver, e=ends: e.append(cvxpy(u, s))))
        ratios = np.divide(theirs, ours)
        apart = abs(ends[-1][0] / ncsolve.predict(ufm).value - 1)
        finished = (
            "" if all(done for _, done in ends) else f"more than (cut off at {PATIENCE:.0f} s) "
        )
        what = f"cross-entropy, K = {classes} in {groups} groups, against cvxpy with {name} (values {apart:.0e} apart)"
        spread = f" ({ratios.min():.0f} to {ratios.max():.0f})" if repeats > 1 else ""
        shown = f"{finished}{np.median(ratios):.0f}{spread} x faster ({np.median(ours) * 1e3:.1f} ms, {np.median(theirs):.1f} s)"
        table.append((what, shown, f"at least {promise} x" if promise else "-"))
    long = np.round(ncsolve.LongTail(1000, 5000, 100).counts(), 3)
    for what, counts, decay, most in (
        ("Places-LT, 201 distinct counts, decays 5e-5", named("places-lt"), 5e-5, 20),
        ("1,000 distinct counts, decays 3e-6", long, 3e-6, 120),
        ("1,000 distinct counts, decays 3e-5 (660 of them lost)", long, 3e-5, 120),
    ):
        ufm = ncsolve.UFM(counts, "ce", weight_decay=decay, feature_decay=decay)
        found: list[ncsolve.Prediction] = []
        taken = seconds(lambda u=ufm, f=found: f.append(ncsolve.predict(u)))
        gap = ncsolve.certify(found[0]).relative_gap
        table.append(
            (
                f"cross-entropy, {what}",
                f"{taken:.1f} s to relative gap {gap:.0e} (certified)",
                f"1e-10 in {most} s",
            )
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    table.append(("peak memory of the whole process so far", f"{peak:.2f} GB", "a multiple of G^2"))
    for depth in (3, 6):
        ufm = ncsolve.UFM([100] * 10, "ce", depth)
        taken = seconds(lambda u=ufm: ncsolve.predict(u))
        table.append((f"deep cross-entropy, K = 10, M = {depth}", f"{taken:.1f} s", "under 60 s"))
    return table
