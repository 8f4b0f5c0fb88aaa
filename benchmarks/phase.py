"""Phase maps: 500 x 500 cells of 100 classes, in seconds and against predicting cell by cell.

Promises: the map of a squared-loss problem (decay x ratio, M = 3, no bias), states and value, with its boundaries, in 5 s; under 1 GB.
The peer predicts a sample of the same cells one at a time and is multiplied out.
"""

from __future__ import annotations

import resource

import numpy as np

import ncsolve

from .timing import paired

SIDE, SAMPLE = 500, 400


def rows() -> list[tuple[str, str, str]]:
    """(what, seconds and ratio, promise)."""
    tail = ncsolve.LongTail(classes=100, largest=500, ratio=100)
    table = []
    for what, fields, promise in (
        ({"depth": 3}, "active", "5 s"),
        ({"depth": 3}, "active,vanished,merged,rank,value", "5 s"),
        ({"depth": 3, "bias": "free"}, "active,value", "-"),
        ({"loss": "ce", "features": "relu"}, "active,value", "-"),
        ({"loss": "ce"}, "active", "-"),
    ):
        ufm = ncsolve.UFM(tail.counts(), **what)  # type: ignore[arg-type]
        found: list[ncsolve.PhaseMap] = []

        def whole(
            ufm: ncsolve.UFM = ufm, fields: str = fields, found: list[ncsolve.PhaseMap] = found
        ) -> None:
            axes = f"decay=1e-5:1e-2:{SIDE}", f"ratio=1:1000:{SIDE}"
            found[:] = [ncsolve.phase_map(ufm, *axes, long_tail=tail, fields=fields)]

        if (
            "loss" in what and "features" not in what
        ):  # one cell is a convex problem: nothing to multiply out
            times = sorted(paired(whole, lambda: None, repeats=3).ours)
            table.append(
                (
                    f"{SIDE} x {SIDE} map, K = 100, {_named(what)}, {fields}",
                    f"{times[1]:.2f} s",
                    promise,
                )
            )
            continue

        def one_by_one(found: list[ncsolve.PhaseMap] = found) -> None:
            rng = np.random.default_rng(0)
            for row, column in rng.integers(SIDE, size=(SAMPLE, 2)):
                prediction = ncsolve.predict(found[0].at(row, column))
                (prediction.solution.states().state == "active").sum()

        ratio = paired(whole, one_by_one, repeats=5)
        speed = sorted(
            theirs * SIDE**2 / SAMPLE / ours
            for ours, theirs in zip(ratio.ours, ratio.theirs, strict=True)
        )
        shown = f"{sorted(ratio.ours)[2]:.2f} s, {speed[2]:.0f} ({speed[0]:.0f} to {speed[-1]:.0f}) x faster than cell by cell"
        table.append((f"{SIDE} x {SIDE} map, K = 100, {_named(what)}, {fields}", shown, promise))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return [*table, ("peak memory of the whole process so far", f"{peak:.2f} GB", "under 1 GB")]


def _named(what: dict[str, object]) -> str:
    loss = "cross-entropy" if what.get("loss") == "ce" else "squared loss"
    return ", ".join([loss, *(f"{name} {value}" for name, value in what.items() if name != "loss")])
