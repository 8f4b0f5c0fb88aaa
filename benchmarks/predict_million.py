"""predict for a million distinct counts, and the free bias at K = 5,000, against one np.power over a million doubles.

Promise: at most 25 times the primitive, under 1 GB.
"""

from __future__ import annotations

import resource

import numpy as np

import ncsolve

from .timing import paired

LIMIT = 25


def rows() -> list[tuple[str, str, str]]:
    """(what, ratio, promise)."""
    rng = np.random.default_rng(0)
    numbers = rng.uniform(1.0, 1e6, 1_000_000)
    few = rng.uniform(1.0, 1e6, 5_000)

    def primitive() -> None:
        np.power(numbers, 1 / 3)

    def answer(counts: np.ndarray, depth: int, bias: str) -> float:
        return ncsolve.predict(
            ncsolve.UFM(counts, depth=depth, weight_decay=1e-9, feature_decay=1e-9, bias=bias)
        ).value

    table = []
    for bias, counts in (("none", numbers), ("free", few)):
        for depth in (1, 2, 3, 6):
            ratio = paired(lambda c=counts, m=depth, b=bias: answer(c, m, b), primitive, repeats=15)
            what = f"predict, K = {counts.size:,} distinct counts, M = {depth}, bias {bias}"
            table.append((what, f"{ratio.row()} x np.power", f"at most {LIMIT} x"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    table.append(("peak memory of the whole process so far", f"{peak:.2f} GB", "under 1 GB"))
    return table
