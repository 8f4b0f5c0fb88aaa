"""verify on Places-LT (N = 62,500, K = 365). Promise: under two minutes on two cores at M = 1 and at M = 3."""

from __future__ import annotations

import ncsolve
from ncsolve.problem.counts import named

from .timing import seconds

DECAY = 5e-5


def rows() -> list[tuple[str, str, str]]:
    """(what, seconds, promise)."""
    table = []
    for depth in (1, 3):
        ufm = ncsolve.UFM(named("places-lt"), depth=depth, weight_decay=DECAY, feature_decay=DECAY)
        found: list[ncsolve.Verification] = []
        taken = seconds(
            lambda u=ufm, f=found: f.append(ncsolve.verify(u, ncsolve.Descent(starts=1), rng=0))
        )
        verdict = f"{found[0].verdict.name}, relative excess {found[0].excess:.0e}"
        table.append(
            (
                f"verify Places-LT, M = {depth}, decays {DECAY:g}",
                f"{taken:.0f} s, {verdict}",
                "under 120 s",
            )
        )
    return table
