r"""Any problem: the lowest end of a few descents, when asked for by name.

Statement. None. `numeric.descent` runs from random starts on the raw objective, and the lowest end is returned as it is: an upper
bound for problems that no theorem covers, such as ReLU features with depth or a bias. Never chosen unless asked for.
Edge cases. Zeros and states are read off to 1e-6; the six starts have a fixed seed, so the answer is the same each time.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..analytic import draws
from ..analytic.reduction import reduce
from ..analytic.scalar import fold, threshold
from ..analytic.spectrum import DenseFrame, given
from ..analytic.theorem import ACTIVE, VANISHED, Case, Claim, ClassStates, Solution, Theorem, Watch
from ..problem.ufm import UFM
from .proofs import proof

STARTS = 6
ZERO = 1e-6  # class means below this share of the largest count as zero


def solve(ufm: UFM, watch: Watch | None = None) -> Solution:
    """The lowest of six descents with a fixed seed."""
    from ..numeric.descent import Descent, descend

    told = (
        None
        if watch is None
        else (lambda start, step, value, _: watch(f"start {start + 1}, step {step}", value))
    )
    run = min(descend(ufm, Descent(starts=STARTS), rng=0, progress=told), key=lambda run: run.value)
    found = run.parameters
    norms = np.linalg.norm(found.features, axis=0)
    zero = norms <= ZERO * max(float(norms.max()), np.finfo(float).tiny)
    scaled = found.end_to_end @ (found.features * np.sqrt(ufm.counts))
    left, sigma, right = np.linalg.svd(scaled, full_matrices=False)
    rank = int((sigma > 1e-9 * max(float(sigma[0]), reduce(ufm).c)).sum())
    nan = np.full(ufm.classes, np.nan)
    factor = fold(ufm.depth) / threshold(ufm.depth)
    known = ufm.depth == 1 or ufm.loss.name == "mse"
    state = np.where(zero, VANISHED, ACTIVE)
    frame = DenseFrame(given, (left[:, :rank], right[:rank].T))
    return Solution(
        value=run.value,
        modes=(sigma[:rank], frame),
        bias=found.bias,
        states=partial(ClassStates, state, ~zero, nan, nan, np.nan, factor if known else np.nan),
        unique=False,
        warnings=(
            "found by descent: an upper bound that no theorem supports; zeros and states are read off to 1e-6",
        ),
        matrices=found,
    )


def draw(rng: np.random.Generator) -> UFM:
    """ReLU features with a bias or with depth, which no theorem covers."""
    n, depth = draws.counts(rng, most=4, largest=20.0), int(rng.integers(1, 3))
    mean = float(np.sqrt(n.mean()) / n.sum() * np.exp(rng.uniform(np.log(0.02), np.log(0.3))))
    loss = "ce" if rng.random() < 0.5 else "mse"
    return UFM(
        n, loss, depth, n.size + 1, bias="free", features="relu", **draws.decays(rng, depth, mean)
    )


THEOREM = Theorem(
    name="descent_only",
    statement="Any problem: the lowest end of six descents on the raw objective, on request.",
    reference="no theorem",
    claim=Claim.BEST_KNOWN,
    hypotheses=(),
    solve=solve,
    derive=proof("descent_only"),
    cases=(
        Case(
            "ReLU features with a bias",
            lambda: UFM([20, 10, 5], "ce", features="relu", bias="free"),
        ),
    ),
    iterative=True,
    on_request=True,
    draw=draw,
)
