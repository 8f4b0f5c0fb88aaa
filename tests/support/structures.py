"""The grid of structured squared-loss problems that the tests share: depth x balance x width x bias x decays, and more."""

import numpy as np

import ncsolve

BALANCE = {
    "balanced": [12, 12, 12, 12],
    "imbalanced": [40, 20, 10, 10],
    "distinct": [30, 11, 7, 3],
    "one-small": [50, 9, 1],
}
WIDTH = {
    "default": lambda k, m: None,
    "larger": lambda k, m: 2 * k + 1,
    "bottleneck": lambda k, m: 2,
    "unequal": lambda k, m: [k + (3 * j) % 4 for j in range(m)],
    "narrow-inside": lambda k, m: [k + 2] * (m - 1) + [2],
}
CODES = {
    "bipolar": (2 * np.eye(4) - 1).tolist(),
    "two-outputs": [[1.0, 2.0, 0.0, -1.0], [0.0, 1.0, 3.0, 1.0]],
    "six-outputs": np.random.default_rng(4).normal(size=(6, 4)).tolist(),
}


def _decays(kind, m):
    if kind == "equal":
        return {"weight_decay": 4e-3, "feature_decay": 4e-3}
    return {"weight_decay": [4e-3 * 1.7 ** (j - 1) for j in range(m)], "feature_decay": 9e-4}


def _all():
    problems = {}
    for m in (1, 2, 3, 6):
        for balance, counts in BALANCE.items():
            for width, d in WIDTH.items():
                for bias in ("none", "free"):
                    for kind in ("equal", "unequal"):
                        name = f"M{m}-{balance}-width_{width}-bias_{bias}-decays_{kind}"
                        shape = {"depth": m, "width": d(len(counts), m), "bias": bias}
                        problems[name] = ncsolve.UFM(counts, **shape, **_decays(kind, m))
        problems[f"M{m}-relu"] = ncsolve.UFM(
            [40, 20, 10, 10], depth=m, features="relu", **_decays("unequal", m)
        )
        for code, matrix in CODES.items():
            for bias in ("none", "free"):
                fields = {
                    "loss": ncsolve.Squared(matrix),
                    "depth": m,
                    "bias": bias,
                    **_decays("unequal", m),
                }
                problems[f"M{m}-targets_{code}-bias_{bias}"] = ncsolve.UFM([9, 5, 3, 3], **fields)
    for decay in (1e-3, 0.05, 0.5, 30.0):
        problems[f"M1-balanced-bias_{decay:g}"] = ncsolve.UFM(
            [12] * 4, bias=decay, width=6, **_decays("unequal", 1)
        )
    return problems


STRUCTURES = _all()
