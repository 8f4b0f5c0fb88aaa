"""Each preset against the paper's own recipe, written as its code computes it, d x d matrices and all."""

import numpy as np
import pytest
from support.snapshots import near

import ncsolve
from ncsolve.metrics.presets import PRESETS

COUNTS = [12, 9, 5, 3]
PREDICTION = ncsolve.predict(ncsolve.UFM(COUNTS, depth=2, weight_decay=2e-3, feature_decay=2e-3))
H, Y, (W1, W2) = near(PREDICTION, noise=0.3, dimension=6, rng=11)
W = W2 @ W1
B = np.array([0.3, -0.2, 0.1, 0.05])
K, N = 4, sum(COUNTS)
MU = np.array([H[k == Y].mean(axis=0) for k in range(K)])
MU_S, MU_C = H.mean(axis=0), MU.mean(axis=0)
SIGMA_W = sum(np.outer(h - MU[y], h - MU[y]) for h, y in zip(H, Y, strict=True)) / N
E = (np.eye(K) - np.ones((K, K)) / K) / np.sqrt(K - 1)


def fro(a):
    return np.sqrt((a**2).sum())


def published(name, **fields):
    return ncsolve.measure(H, Y, [W1, W2], B, preset=name, **fields).published


def agree(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12, abs=1e-14), name


def test_papyan():
    moved = MU - MU_C
    sigma_b = moved.T @ moved / K
    vectors, values, _ = np.linalg.svd(sigma_b)  # the notebook takes K - 1 singular vectors
    inverse = vectors[:, : K - 1] @ np.diag(1 / values[: K - 1]) @ vectors[:, : K - 1].T
    trace = np.trace(SIGMA_W @ inverse)
    norms, rows = np.linalg.norm(moved, axis=1), np.linalg.norm(W, axis=1)

    def coherence(v):
        g = v @ v.T + np.ones((K, K)) / (K - 1)
        g -= np.diag(np.diag(g))
        return np.abs(g).sum() / (K * (K - 1))

    nearest = np.array([np.argmin(((MU - h) ** 2).sum(axis=1)) for h in H])
    agree(
        published("papyan"),
        {
            "NC1": trace / K,
            "NC1 (notebook)": trace,
            "NC2 equinorm, class means": norms.std(ddof=1) / norms.mean(),
            "NC2 equinorm, classifiers": rows.std(ddof=1) / rows.mean(),
            "NC2 equiangle, class means": coherence(moved / norms[:, None]),
            "NC2 equiangle, classifiers": coherence(W / rows[:, None]),
            "NC3 self-duality": fro(W / fro(W) - moved / fro(moved)) ** 2,
            "NC4 mismatch": (nearest != np.argmax(H @ W.T + B, axis=1)).mean(),
        },
    )


def test_zhu():
    moved = MU - MU_S
    sigma_b = sum(np.outer(m, m) for m in moved) / K
    gram, product = W @ W.T, W @ moved.T
    agree(
        published("zhu"),
        {
            "NC1": np.trace(SIGMA_W @ np.linalg.pinv(sigma_b, rcond=1e-10)) / K,
            "NC2": fro(gram / fro(gram) - E),
            "NC3": fro(product / fro(product) - E),
            "NC4 bias": fro(W @ MU_S + B),
        },
    )


def test_dang():
    moved = MU - MU_S
    sigma_b = sum(np.outer(m, m) for m in moved) / K
    gram_w, gram_h, gram_moved, product, logits = (
        W @ W.T,
        MU @ MU.T,
        moved @ moved.T,
        W @ moved.T,
        W @ MU.T,
    )
    expected = {
        "NC1": np.trace(SIGMA_W @ np.linalg.pinv(sigma_b, rcond=1e-10)) / K,
        "NC2 ETF, W": fro(gram_w / fro(gram_w) - E),
        "NC2 ETF, H": fro(gram_moved / fro(gram_moved) - E),
        "NC2 OF, W": fro(gram_w / fro(gram_w) - np.eye(K) / np.sqrt(K)),
        "NC2 OF, H": fro(gram_h / fro(gram_h) - np.eye(K) / np.sqrt(K)),
        "NC3 ETF": fro(product / fro(product) - E),
        "NC3 self-duality": fro(W / fro(W) - MU / fro(MU)),
    }
    agree(published("dang"), expected)
    # Their theorem's geometry: diagonal, from the larger stationary root x of M x^(M-1)/(x^M + 1)^2 = b/n_k (all classes live here).
    x = []
    b = 2 * N * (N * 2e-3**2 * 2e-3) ** 0.5
    for n in COUNTS:  # M = 2: (b/n)(x^2 + 1)^2 - 2 x = 0
        roots = np.roots([b / n, 0, 2 * b / n, -2, b / n])
        x.append(max(r.real for r in roots if abs(r.imag) < 1e-9))
    s2 = N * 2e-3 * np.array(x) ** 2
    weights, features, values = (
        np.diag(s2),
        np.diag(s2 / (s2 + N * 2e-3) ** 2),
        np.diag(s2 / (s2 + N * 2e-3)),
    )
    expected |= {
        "NC2 GOF, W": fro(gram_w / fro(gram_w) - weights / fro(weights)),
        "NC2 GOF, H": fro(gram_h / fro(gram_h) - features / fro(features)),
        "NC3 GOF": fro(logits / fro(logits) - values / fro(values)),
    }
    agree(published("dang", prediction=PREDICTION), expected)


def test_hong_ling():
    sigma_b = sum(n / N * np.outer(m - MU_S, m - MU_S) for n, m in zip(COUNTS, MU, strict=True))
    agree(
        published("hong-ling"),
        {"NC1": np.trace(SIGMA_W @ np.linalg.pinv(sigma_b, rcond=1e-10)) / K},
    )


def test_galanti():
    total = 0.0
    for i in range(K):
        for j in range(i + 1, K):
            # their variance by moments
            v = [(H[k == Y] ** 2).sum(axis=1).mean() - (MU[k] ** 2).sum() for k in (i, j)]
            total += (v[0] + v[1]) / 2 / ((MU[i] - MU[j]) ** 2).sum()
    agree(published("galanti"), {"CDNV": total / (K * (K - 1) / 2)})


def test_one_name_has_many_values():
    """NC1 of one set of features, by paper: the same name, values far apart."""
    nc1 = [published(name)["NC1"] for name in ("papyan", "zhu", "hong-ling")] + [
        published("papyan")["NC1 (notebook)"]
    ]
    assert max(nc1) / min(nc1) > 3


def test_a_preset_sets_the_convention_of_the_keys_too_and_excludes_another():
    found = ncsolve.measure(H, Y, W, preset="zhu")
    by_hand = ncsolve.measure(H, Y, W, convention=PRESETS["zhu"].convention)
    assert dict(found) == dict(by_hand)
    assert by_hand.published == {}
    assert "NC4 bias" not in found.published  # no bias was given
    with pytest.raises(ncsolve.ProblemError, match="fixes the convention"):
        ncsolve.measure(H, Y, preset="zhu", convention=ncsolve.Convention())
    with pytest.raises(ncsolve.ProblemError, match="did you mean 'papyan'"):
        ncsolve.measure(H, Y, preset="papian")
    assert not any(
        name.lower() == "nc4" for preset in PRESETS.values() for name, *_ in preset.names
    )
