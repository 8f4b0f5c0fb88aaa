"""Random problems for the tests, from a seeded generator."""

import numpy as np

import ncsolve


def counts(rng):
    """K = 2..40 counts in 1..1e6: whole or not, all different or a few values repeated."""
    k = int(rng.integers(2, 41))
    n = np.exp(rng.uniform(0, np.log(1e6), k))
    if rng.random() < 0.6:
        n = rng.choice(n[: int(rng.integers(1, 5))], k)
    return np.floor(n) if rng.random() < 0.6 else n


def squared_problem(rng):
    """Depth 1..20, decays in 1e-9..1, bias none or free, any width; half of the decays aimed at where modes live."""
    n = counts(rng)
    depth = int(rng.integers(1, 21))
    decays = np.exp(rng.uniform(np.log(1e-9), 0, depth + 1))
    if rng.random() < 0.3:
        decays[:] = decays[0]
    if (
        rng.random() < 0.6
    ):  # move their mean to where one of the modes is of order one, as far as 1e-9..1 allows
        mean = rng.choice(n) ** (depth / (depth + 1)) / n.sum() * np.exp(rng.uniform(-6, 0))
        decays = np.clip(decays * mean / np.exp(np.log(decays).mean()), 1e-9, 1)
    return ncsolve.UFM(
        n,
        depth=depth,
        width=int(rng.integers(1, n.size + 1)) if rng.random() < 0.3 else None,
        weight_decay=decays[1:].tolist(),
        feature_decay=float(decays[0]),
        bias="none" if rng.random() < 0.5 else "free",
    )


def even(decay):
    """All decays equal."""
    return {"weight_decay": decay, "feature_decay": decay}
