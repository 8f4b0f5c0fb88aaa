"""Campaigns: what a problem costs beyond its solution, and two workers against one.

On a machine that others use, wall time says little; processor time does. So each promise is measured both ways: the overhead as
processor time of all processes together less that of a plain loop over the same problems, and the speed of two workers also as
the processor time of the loop over that of the busier worker, which is the ratio of wall times where each has a core to itself.
Promise: under 5 ms per problem, 1.7 times as fast.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from ncsolve.questions import campaign
from ncsolve.questions.workers import Processes, one_thread

from .timing import seconds

SPEC = {  # problems of some 50 ms
    "campaign": {"action": "verify", "starts": 1, "trials": 120},
    "problem": {"long_tail": {"K": 30, "n": 60, "ratio": 10}, "depth": 3},
    "draw": {"decay": {"loguniform": [1e-5, 1e-4]}},
}
QUICK = {  # problems of some .5 ms
    "campaign": {"action": "predict", "trials": 1000},
    "problem": {"counts": [40, 20, 10]},
    "draw": {"decay": {"loguniform": [1e-5, 1e-3]}},
}


def workers() -> dict[int, float]:
    """Processor seconds so far of each child of this process that is a worker."""
    ticks, found = os.sysconf("SC_CLK_TCK"), {}
    for entry in Path("/proc").iterdir():
        try:
            state = (
                (entry / "stat").read_text().rpartition(")")[2].split()
                if entry.name.isdigit()
                else []
            )
            if (
                state
                and int(state[1]) == os.getpid()
                and b"spawn_main" in (entry / "cmdline").read_bytes()
            ):
                found[int(entry.name)] = (int(state[11]) + int(state[12])) / ticks
        except OSError:
            continue
    return found


def measured(spec: campaign.Spec, pool: Processes | None = None) -> tuple[float, float, float]:
    """Wall seconds, processor seconds of all processes, and of the busiest one, of a campaign with a pool or here."""
    who = {"workers": 1} if pool is None else {"executor": pool}
    with tempfile.TemporaryDirectory() as folder:
        before, cpu = workers(), time.process_time()
        wall = seconds(lambda: campaign.run(spec, Path(folder) / "results.jsonl", **who))
        main = time.process_time() - cpu
        each = (
            [after - before.get(worker, 0.0) for worker, after in workers().items()]
            if pool is not None
            else []
        )
    return wall, main + sum(each), max([main, *each])


def plain(spec: campaign.Spec) -> float:
    """Processor seconds of a loop over all problems."""
    one_thread()
    cpu = time.process_time()
    for index in range(spec.problems):
        campaign.solved(spec, index)
    return time.process_time() - cpu


def rows(repeats: int = 3) -> list[tuple[str, str, str]]:
    """(what, measured, promise)."""
    table = []
    pool = Processes(2)
    for what, document in (("50 ms", SPEC), ("0.5 ms", QUICK)):
        spec = campaign.read_spec(document)
        plain(spec), measured(spec, pool)  # warm up: imports, and workers that start
        over: dict[int, list[float]] = {1: [], 2: []}
        walls, busiest = [], []
        for _ in range(repeats):
            loop, one, two = plain(spec), measured(spec), measured(spec, pool)
            for number, run in ((1, one), (2, two)):
                over[number].append(1e3 * (run[1] - loop) / spec.problems)
            walls.append(one[0] / two[0])
            busiest.append(loop / two[2])
        for number, costs in over.items():
            who = "worker" if number == 1 else "workers"
            name = (
                f"campaign, problems of {what}, {number} {who}: processor time beyond a plain loop"
            )
            table.append((name, f"{_range(costs)} ms per problem", "under 5 ms"))
        if document is SPEC:
            table.append(
                (
                    "campaign, two workers against one, wall time",
                    f"{_range(walls)} x",
                    "at least 1.7 x with both cores free",
                )
            )
            name = "campaign, two workers against a plain loop, processor time of the busier worker"
            table.append((name, f"{_range(busiest)} x", "at least 1.7 x"))
    return table


def _range(values: list[float]) -> str:
    ordered = sorted(values)
    return f"{statistics.median(ordered):.3g} ({ordered[0]:.3g} to {ordered[-1]:.3g})"
