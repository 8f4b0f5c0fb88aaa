"""Definitions of the metrics written out entry by entry, with loops and d x d matrices; nothing of ncsolve is used."""

import itertools
from fractions import Fraction

import numpy as np


def parts(features, labels):
    """Class means as a list, counts, mean of means, sample mean, in sorted order of the labels."""
    h = [np.asarray(row, dtype=np.float64) for row in features]
    names = sorted(set(labels))
    mu = []
    for name in names:
        mine = [x for x, y in zip(h, labels, strict=True) if y == name]
        mu.append(sum(mine) / len(mine))
    n = [sum(y == name for y in labels) for name in names]
    return names, mu, n, sum(mu) / len(mu), sum(h) / len(h)


def sigma_w(features, labels):
    names, mu, *_ = parts(features, labels)
    total = 0.0
    for x, y in zip(features, labels, strict=True):
        r = x - mu[names.index(y)]
        total = total + np.outer(r, r)
    return total / len(labels)


def sigma_b(features, labels, *, center="classes", weights="classes"):
    _, mu, n, mu_c, mu_s = parts(features, labels)
    g = mu_c if center == "classes" else mu_s
    share = [1 / len(mu)] * len(mu) if weights == "classes" else [m / sum(n) for m in n]
    return sum(s * np.outer(m - g, m - g) for s, m in zip(share, mu, strict=True))


def pinv_trace(features, labels, **choices):
    return np.trace(
        sigma_w(features, labels)
        @ np.linalg.pinv(sigma_b(features, labels, **choices), rcond=1e-10)
    )


def variances(features, labels):
    names, mu, *_ = parts(features, labels)
    found = []
    for k, name in enumerate(names):
        mine = [sum((x - mu[k]) ** 2) for x, y in zip(features, labels, strict=True) if y == name]
        found.append(sum(mine) / len(mine))
    return found


def cdnv(features, labels):
    _, mu, *_ = parts(features, labels)
    v = variances(features, labels)
    pairs = list(itertools.combinations(range(len(mu)), 2))
    return sum((v[i] + v[j]) / (2 * sum((mu[i] - mu[j]) ** 2)) for i, j in pairs) / len(pairs)


def etf(size):
    return np.array(
        [[(float(i == j) - 1 / size) / (size - 1) ** 0.5 for j in range(size)] for i in range(size)]
    )


def normalized_gram(vectors):
    gram = np.array([[float(np.dot(a, b)) for b in vectors] for a in vectors])
    return gram / np.sqrt((gram**2).sum())


def frobenius(a):
    return float(np.sqrt((np.asarray(a) ** 2).sum()))


def equinorm(vectors, ddof):
    norms = [float(np.sqrt(np.dot(v, v))) for v in vectors]
    mean = sum(norms) / len(norms)
    return (sum((x - mean) ** 2 for x in norms) / (len(norms) - ddof)) ** 0.5 / mean


def equiangle(vectors):
    size = len(vectors)
    total = 0.0
    for i in range(size):
        for j in range(size):
            if i != j:
                cos = np.dot(vectors[i], vectors[j]) / np.sqrt(
                    np.dot(vectors[i], vectors[i]) * np.dot(vectors[j], vectors[j])
                )
                total += abs(cos + 1 / (size - 1))
    return total / (size * (size - 1))


def ncc_mismatch(features, labels, weight, bias):
    _, mu, *_ = parts(features, labels)
    wrong = 0
    for x in features:
        scores = [np.dot(w, x) + c for w, c in zip(weight, bias, strict=True)]
        distances = [sum((x - m) ** 2) for m in mu]
        wrong += scores.index(max(scores)) != distances.index(min(distances))
    return wrong / len(features)


def exact_mismatch(features, labels, weight, bias):
    """The share of mismatches in rational numbers: no class has both the largest logit and the nearest mean."""
    names = sorted(set(labels))
    h = [[Fraction(float(x)) for x in row] for row in features]
    w = [[Fraction(float(x)) for x in row] for row in weight]
    mu = []
    for name in names:
        mine = [x for x, y in zip(h, labels, strict=True) if y == name]
        mu.append([sum(column) / len(mine) for column in zip(*mine, strict=True)])
    wrong = 0
    for x in h:
        scores = [
            sum(a * b for a, b in zip(row, x, strict=True)) + Fraction(c)
            for row, c in zip(w, bias, strict=True)
        ]
        distances = [sum((a - b) ** 2 for a, b in zip(x, m, strict=True)) for m in mu]
        wrong += not any(
            s == max(scores) and d == min(distances) for s, d in zip(scores, distances, strict=True)
        )
    return wrong / len(h)


def hull_distance(k, weight):
    """Distance of w_k from the hull of the others: over every face, its foot if that lies in the face."""
    others = np.delete(weight, k, axis=0) - weight[k]
    best = np.inf
    for size in range(1, len(others) + 1):
        for face in itertools.combinations(others, size):
            face = np.array(face)
            edges = (face[1:] - face[0]).T
            share = np.linalg.lstsq(edges, -face[0], rcond=None)[0] if size > 1 else np.zeros(0)
            if share.min(initial=0.0) >= -1e-13 and share.sum() <= 1 + 1e-13:
                best = min(best, float(np.linalg.norm(face[0] + edges @ share)))
    return best
