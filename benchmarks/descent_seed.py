"""Descent on the seed paper's direct experiment, against the published way re-created as a torch loop.

Counts 200, 100, 50, 50, d = 64, all decays 5e-4, start N(0, .1^2). Published: SGD, rate .1, momentum .9, 30,000 steps over all 400 samples,
single precision. Ours: the default descent from the same kind of start, stopped at a relative gap of 1e-10 that is then checked.
The loop's cost per step is measured over part of its steps and multiplied out, unless `full` is set.
Promise: 100 times faster at M = 1, 30 times at M = 3 and 6.
"""

from __future__ import annotations

import numpy as np

import ncsolve

from .timing import seconds

COUNTS, WIDTH, DECAY, STEPS = (200, 100, 50, 50), 64, 5e-4, 30_000
PROMISE = {1: 100, 3: 30, 6: 30}


def torch_loop(depth: int, steps: int) -> float:
    """The published way; returns the final objective."""
    import torch

    torch.manual_seed(0)
    classes, samples = len(COUNTS), sum(COUNTS)
    labels = torch.repeat_interleave(torch.arange(classes), torch.tensor(COUNTS))
    target = torch.nn.functional.one_hot(labels, classes).T.float()
    shapes = [(WIDTH, WIDTH)] * (depth - 1) + [(classes, WIDTH)]
    features = torch.nn.Parameter(0.1 * torch.randn(WIDTH, samples))
    weights = [torch.nn.Parameter(0.1 * torch.randn(*shape)) for shape in shapes]
    optimizer = torch.optim.SGD([features, *weights], lr=0.1, momentum=0.9)
    loss = torch.zeros(())
    for _ in range(steps):
        logits = features
        for weight in weights:
            logits = weight @ logits
        penalty = (features**2).sum() + sum((weight**2).sum() for weight in weights)
        loss = ((logits - target) ** 2).sum() / (2 * samples) + DECAY / 2 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(loss.detach())


def rows(steps: int = 600, repeats: int = 5) -> list[tuple[str, str, str]]:
    """(what, ratio, promise)."""
    from ncsolve.numeric.descent import descend

    table = []
    for depth, promise in PROMISE.items():
        ufm = ncsolve.UFM(COUNTS, depth=depth, width=WIDTH, weight_decay=DECAY, feature_decay=DECAY)
        value = ncsolve.predict(ufm).value
        method = ncsolve.Descent(
            ncsolve.LBFGS(tolerance=1e-10), polish=None, starts=1, scale=0.1, switch=False
        )
        ends: list[float] = []

        def ours(
            ufm: ncsolve.UFM = ufm, method: ncsolve.Descent = method, ends: list[float] = ends
        ) -> None:
            ends.append(next(descend(ufm, method, rng=0)).value)

        ours(), torch_loop(depth, 20)
        pairs = [
            (seconds(ours), seconds(lambda m=depth: torch_loop(m, steps)) * STEPS / steps)
            for _ in range(repeats)
        ]
        gap = max(ends) / value - 1
        if not abs(gap) < 1e-10:
            raise AssertionError(f"descent at M = {depth} ended at relative gap {gap:.2e}")
        speed = np.array([theirs / mine for mine, theirs in pairs])
        what = f"descent, seed experiment, M = {depth} (relative gap reached {abs(gap):.0e})"
        shown = f"{np.median(speed):.0f} ({speed.min():.0f} to {speed.max():.0f}) x faster than the torch loop"
        table.append((what, shown, f"at least {promise} x"))
    return table
