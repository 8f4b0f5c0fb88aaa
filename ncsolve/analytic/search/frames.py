r"""Frames: K unit vectors x_1 .. x_K in R^r, which deep cross-entropy may arrange its classes in, and their names.

A frame is an (r, K) array. Each comes from a symmetric K x K matrix P of rank r, invariant under a group that moves every class
to every other one: x_k is column k of P^(1/2), scaled to length one.

    simplex                r = K - 1           <x_k, x_l> = -1/(K-1)
    g orthogonal simplices r = K - g           a partition of the classes; blocks of two are the pairs +-e_i of the orthoplex
    regular polygons       r = 2 each          angles 2 pi k / K, one polygon or several in orthogonal planes
    harmonic frames        r = 2 |S|           (cos 2 pi f k/K, sin 2 pi f k/K) for f in S; f = K/2 gives one coordinate, not two
    grids, tensor grids    r = a + b - 2 and (a-1)(b-1), K = a b: sums and products of two simplices
    strongly regular       eigenspaces of the adjacency matrix: T(m) for K = m(m-1)/2, Paley for primes K = 1 mod 4
    merged classes         a simplex of g < K points, r = g - 1, where classes share a point

geometry.py goes the other way, from a Gram matrix to a name.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ...problem.losses import Array

LISTED = 1000  # harmonic frames of one size of S that are tried, times K


def thinned(low: int, high: int) -> Iterator[int]:
    """All from low to high up to 8, then every fourth of what came before."""
    while low <= high:
        yield low
        low = max(low + 1, low * 5 // 4)


def simplex(size: int) -> Array:
    """Unit vectors with all cosines -1/(size - 1), shape (size - 1, size); a single vector is e_1."""
    if size == 1:
        return np.ones((1, 1))
    return _eigenspace(np.eye(size) - 1.0 / size)


def polygon(size: int) -> Array:
    """Vertices of the regular polygon, shape (2, size)."""
    return harmonic(size, (1,))


def harmonic(size: int, frequencies: tuple[int, ...]) -> Array:
    """Rows cos and sin of 2 pi f k/size for every f, scaled to unit columns."""
    angle = 2.0 * np.pi * np.outer(frequencies, np.arange(size)) / size
    sines = [f for f, frequency in enumerate(frequencies) if 2 * frequency != size]
    return _unit(np.concatenate([np.cos(angle), np.sin(angle)[sines]]))


def orthogonal(blocks: list[Array]) -> Array:
    """The blocks' vectors in orthogonal subspaces."""
    sum_ = np.zeros((sum(b.shape[0] for b in blocks), sum(b.shape[1] for b in blocks)))
    row = column = 0
    for block in blocks:
        sum_[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return sum_


def triangular(points: int) -> Array:
    """Adjacency of T(points): pairs of points, joined when they share one."""
    pairs = list(itertools.combinations(range(points), 2))
    return np.array([[float(len({*p, *q}) == 3) for q in pairs] for p in pairs])


def paley(prime: int) -> Array:
    """Adjacency of the Paley graph: residues, joined when they differ by a square."""
    squares = {k * k % prime for k in range(1, prime)}
    return np.array(
        [[float((i - j) % prime in squares) for j in range(prime)] for i in range(prime)]
    )


def frames(classes: int) -> Iterator[tuple[str, Array]]:
    """Named candidates of every rank for that many classes; a frame may come more than once under different names."""
    yield "simplex", simplex(classes)
    for g in thinned(2, classes // 2):
        yield f"{g} orthogonal simplices", orthogonal([simplex(m) for m in _shares(classes, g)])
    for g in thinned(1, classes // 3):
        name = f"{g} orthogonal polygons" if g > 1 else "regular polygon"
        yield name, orthogonal([polygon(m) for m in _shares(classes, g)])
    for g in thinned(2, classes - 1):
        merged = np.repeat(np.arange(g), _shares(classes, g))
        yield f"simplex of {g} merged groups", simplex(g)[:, merged]
    for a in range(2, math.isqrt(classes) + 1):
        if classes % a == 0:
            one, other = np.divmod(np.arange(classes), classes // a)
            x, y = simplex(a)[:, one], simplex(classes // a)[:, other]
            yield f"{a} x {classes // a} grid", _unit(np.concatenate([x, y]))
            yield (
                f"{a} x {classes // a} tensor grid",
                _unit((x[:, None, :] * y[None, :, :]).reshape(-1, classes)),
            )
    points = (1 + math.isqrt(1 + 8 * classes)) // 2
    graphs = (
        {f"T({points})": triangular(points)}
        if points >= 5 and math.comb(points, 2) == classes
        else {}
    )
    if classes % 4 == 1 and all(classes % d for d in range(2, math.isqrt(classes) + 1)):
        graphs["Paley graph"] = paley(classes)
    for name, graph in graphs.items():
        for value in np.unique(np.linalg.eigvalsh(graph).round(6))[:-1]:
            yield f"eigenspace {value:g} of {name}", _eigenspace(graph, value)
    for size in (2, 3):
        sets = ((1, *rest) for rest in itertools.combinations(range(2, classes // 2 + 1), size - 1))
        for frequencies in itertools.islice(sets, LISTED // classes):
            yield f"harmonic frame {frequencies}", harmonic(classes, frequencies)


def _shares(classes: int, parts: int) -> list[int]:
    """Nearly equal sizes, larger first."""
    return [classes // parts + (i < classes % parts) for i in range(parts)]


def _eigenspace(matrix: Array, value: float = 1.0) -> Array:
    """Unit columns of the eigenprojector, in coordinates of the eigenspace."""
    at, vectors = np.linalg.eigh(matrix)
    return _unit(vectors[:, np.abs(at - value) < 1e-5].T)


def _unit(x: Array) -> Array:
    scaled: Array = x / np.linalg.norm(x, axis=0)
    return scaled
