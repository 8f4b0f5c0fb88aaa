"""Rigorous certificates: 1,000 classes of distinct counts with squared loss, cross-entropy with 50 distinct counts, and their replay.

Promises: under 10 s for 1,000 classes at every depth and both biases, under a minute for 50 distinct counts (K = 50 and K = 200). The
prediction is not counted, reading the file is part of the replay.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

import ncsolve

from .timing import seconds

DECAY = 3e-6
THOUSAND = np.round(ncsolve.LongTail(1000, 5000, 100).counts(), 3)
FIFTY = np.round(np.geomspace(500, 20, 50))


def row(what: str, ufm: ncsolve.UFM, promise: str) -> tuple[str, str, str]:
    """Certify the prediction, replay the file."""
    prediction = ncsolve.predict(ufm)
    prediction.parameters()
    found: list[tuple[ncsolve.RigorousCertificate, ncsolve.Outcome]] = []

    def prove() -> None:
        made = ncsolve.certify(prediction, rigorous=True)
        found.append((made, made.outcome))

    busy = time.process_time()
    taken = seconds(prove)
    busy = time.process_time() - busy
    proof, outcome = found[0]
    if outcome is not ncsolve.Outcome.PROVED:
        raise AssertionError(f"{what}: {proof.outcome.name}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "certificate.json"
        proof.save(path)
        size = path.stat().st_size / 2**20
        replayed: list[bool] = []
        again = seconds(lambda: replayed.append(ncsolve.replay(path).accepted))
    if not replayed[0]:
        raise AssertionError(f"{what}: the replay rejects it")
    proved = (
        f"{taken:.2f} s ({busy:.2f} s of one core), PROVED to relative gap {proof.relative_gap:.0e}"
    )
    shown = f"{proved}; replay {again:.2f} s, file {size:.2g} MB"
    return f"rigorous, {what}", shown, promise


def rows() -> list[tuple[str, str, str]]:
    """(what, measured, promise)."""
    table = []
    for bias in ("none", "free"):
        for depth in (1, 3, 6):
            ufm = ncsolve.UFM(
                THOUSAND, depth=depth, bias=bias, weight_decay=DECAY, feature_decay=DECAY
            )
            table.append(
                row(
                    f"squared loss, 1,000 distinct counts, M = {depth}, bias {bias}",
                    ufm,
                    "under 10 s",
                )
            )
    for repeat in (1, 4):
        for bias in ("none", "free", 0.01):
            ufm = ncsolve.UFM(
                np.repeat(FIFTY, repeat), "ce", bias=bias, weight_decay=2e-4, feature_decay=2e-4
            )
            name = f"bias {bias}" if isinstance(bias, str) else f"bias decay {bias}"
            table.append(
                row(
                    f"cross-entropy, K = {ufm.classes} with 50 distinct counts, {name}",
                    ufm,
                    "under 60 s",
                )
            )
    return table
