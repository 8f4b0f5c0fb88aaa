r"""Any problem: the lowest end of a few descents, when asked for by name.

Statement. None. `numeric.descent` runs from random starts on the raw objective, and the lowest end is returned as it is: an upper
bound for problems that no theorem covers, such as ReLU features with depth or a bias. Never chosen unless asked for.
Edge cases. Zeros and states are read off to 1e-6; the six starts have a fixed seed, so the answer is the same each time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..analytic import draws
from ..analytic.reduction import reduce
from ..analytic.scalar import fold, threshold
from ..analytic.spectrum import DenseFrame, given
from ..analytic.theorem import ACTIVE, VANISHED, Case, Claim, ClassStates, Solution, Theorem, Watch
from ..problem.ufm import UFM

if TYPE_CHECKING:
    from .proofs.steps import Derivation

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


def derive() -> Derivation:
    """No theorem, but an identity at every critical point: neighboring factors are balanced."""
    import sympy as sp

    from .predict import predict
    from .proofs.draws import spread
    from .proofs.steps import Derivation, Result, Step
    from .proofs.symbols import K, N, c, eq, lambda_H, lambda_W, n, sigma, times

    def letters(name: str) -> sp.Matrix:
        return sp.Matrix(2, 2, sp.symbols(f"{name}_11 {name}_12 {name}_21 {name}_22", real=True))

    first, second, features, slope, target = map(letters, ("W1", "W2", "H", "G", "Y"))
    decays = sp.symbols("lambda_1 lambda_2", positive=True)
    logits = second * first * features
    penalty = (
        decays[0] * sum(entry**2 for entry in first)
        + decays[1] * sum(entry**2 for entry in second)
        + lambda_H * sum(entry**2 for entry in features)
    ) / 2

    losses = {
        "any loss (its slope G = dF/dZ is all that a first derivative sees of it)": sum(
            slope[i, j] * logits[i, j] for i in range(2) for j in range(2)
        ),
        "squared loss": sum((logits[i, j] - target[i, j]) ** 2 for i in range(2) for j in range(2))
        / 4,
    }
    objective, upper, lower = sp.Symbol("L", real=True), letters("D"), letters("E")

    def derivatives(of: sp.Matrix, names: sp.Matrix) -> dict[sp.Basic, sp.Expr]:
        return {names[i, j]: sp.Derivative(objective, of[i, j]) for i in range(2) for j in range(2)}

    steps = [
        Step(
            f"Two layers, 2 x 2 matrices, {loss}: with D = dL/d{outer[0]} and E = dL/d{inner[0]} the combination loses the loss and keeps "
            f"the decays. Where both derivatives vanish, {rule}.",
            eq(
                times(outer[1].T, upper) - times(lower, inner[1].T),
                outer[2] * times(outer[1].T, outer[1]) - inner[2] * times(inner[1], inner[1].T),
            ),
            derivatives(outer[1], upper)
            | derivatives(inner[1], lower)
            | {objective: data + penalty},
        )
        for loss, data in losses.items()
        for outer, inner, rule in (
            (
                ("W_2", second, decays[1]),
                ("W_1", first, decays[0]),
                "lambda_2 W_2^T W_2 = lambda_1 W_1 W_1^T",
            ),
            (
                ("W_1", first, decays[0]),
                ("H", features, lambda_H),
                "lambda_1 W_1^T W_1 = lambda_H H H^T",
            ),
        )
    ]

    def draw(rng: np.random.Generator) -> tuple[float, ...]:
        classes, count, share = (
            float(rng.integers(2, 4)),
            float(rng.integers(2, 30)),
            spread(rng, 0.5, 2),
        )
        decay = float(rng.uniform(0.05, 0.8)) / (classes * count**0.5)
        return classes, count, decay * share, decay / share

    left, right = letters("W"), letters("H")
    free = left.T * left * lambda_W - lambda_H * right * right.T
    at_end = sp.sqrt(lambda_W * lambda_H)
    return Derivation(
        "Any problem: what holds at every critical point",
        (
            *steps,
            Step(
                "Traces of these identities: all M + 1 decay terms are equal, and the decays cost (M + 1)/2 times any one "
                "of them, such as lambda_H ||H||^2. The trace for one layer:",
                eq(
                    free.trace(),
                    lambda_W * sum(entry**2 for entry in left)
                    - lambda_H * sum(entry**2 for entry in right),
                ),
            ),
            Step(
                "One layer, squared loss: on a singular direction with w h = sigma, lambda_W w^2 = lambda_H h^2 gives "
                "each decay term c sigma/2, c = sqrt(lambda_W lambda_H),",
                eq(lambda_W * (sigma * sp.sqrt(lambda_H / lambda_W)) / 2, c * sigma / 2),
                {c: at_end},
            ),
            Step(
                "and descent's end for K equal counts without a bias must be that of squared_spectral, sigma = sqrt(n) - "
                "N c on K directions: the slope there.",
                eq(sp.Derivative((sigma - sp.sqrt(n)) ** 2 / (2 * N) + c * sigma, sigma), 0),
                {sigma: sp.sqrt(n) - N * c},
            ),
            Step(
                "Its objective:",
                eq(
                    K * ((sigma - sp.sqrt(n)) ** 2 / (2 * N) + c * sigma),
                    K * c * (sp.sqrt(n) - N * c / 2),
                ),
                {sigma: sp.sqrt(n) - N * c},
            ),
        ),
        (
            Result(
                "objective of equal counts, squared loss, M = 1, found by descent",
                (K * c * (sp.sqrt(n) - N * c / 2)).subs(N, K * n).subs(c, at_end),
                (K, n, lambda_W, lambda_H),
                lambda classes, n, weight, feature: (
                    predict(
                        UFM([n] * int(classes), "mse", 1, None, weight, feature), "descent_only"
                    ).value
                ),
                draw,
            ),
        ),
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
    derive=derive,
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
