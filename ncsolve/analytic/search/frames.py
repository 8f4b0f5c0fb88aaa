r"""Frames and their names: K unit vectors x_1 .. x_K in R^r, which deep cross-entropy may arrange its classes in.

A frame is an (r, K) array. Each comes from a symmetric K x K matrix P of rank r, invariant under a group that moves every class
to every other one: x_k is column k of P^(1/2), scaled to length one.

    simplex                r = K - 1           <x_k, x_l> = -1/(K-1)
    g orthogonal simplices r = K - g           a partition of the classes; blocks of two are the pairs +-e_i of the orthoplex
    regular polygons       r = 2 each          angles 2 pi k / K, one polygon or several in orthogonal planes
    harmonic frames        r = 2 |S|           (cos 2 pi f k/K, sin 2 pi f k/K) for f in S; f = K/2 gives one coordinate, not two
    grids, tensor grids    r = a + b - 2 and (a-1)(b-1), K = a b: sums and products of two simplices
    strongly regular       eigenspaces of the adjacency matrix: T(m) for K = m(m-1)/2, Paley for primes K = 1 mod 4
    merged classes         a simplex of g < K points, r = g - 1, where classes share a point

The other way, `geometry` names an arrangement of K vectors from their Gram matrix. With C the matrix of cosines, in this order:

    C_kl = 1                                      the classes have merged, or are aligned where their lengths differ
    connected components of C_kl != 0             lie in orthogonal subspaces and are named one by one
    equal cosines and det C = 0                   simplex: m c + (1 - c) = 0 gives c = -1/(m-1); two classes: an opposite pair
    rank 2, each row the cosines of 2 pi k/K      regular polygon
    12 classes in rank 3, cosines -1, +-5^(-1/2)  icosahedron
    two cosines, whose graph is strongly regular  (K, k, lambda, mu): every vertex has k neighbors, every joined pair lambda in
                                                  common and every other pair mu
    anything else                                 rank and number of distinct angles
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...problem.losses import Array

LISTED = 1000  # harmonic frames of one size of S that are tried, times K
ALIKE = 1e-6  # cosines and relative lengths closer than this are the same
ICOSAHEDRON = np.array([-1.0, -(0.2**0.5), 0.2**0.5])  # cosines between different vertices
POLYGONS = dict(enumerate(["penta", "hexa", "hepta", "octa", "nona", "deca"], 5)) | {12: "dodeca"}


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
    from scipy.linalg import block_diag

    joined: Array = block_diag(*blocks)
    return joined


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
    graphs = {}
    if points >= 5 and math.comb(points, 2) == classes:
        graphs[f"T({points})"] = triangular(points)
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


def geometry(gram: Array) -> str:
    """Name the arrangement of K vectors from their Gram matrix; lengths matter only where they are zero and where directions are equal.

    Examples
    --------
    >>> pairs = orthogonal([simplex(2)] * 3)
    >>> geometry(pairs.T @ pairs)
    'orthoplex'
    >>> geometry(polygon(5).T @ polygon(5))
    'regular pentagon'
    """
    length = np.sqrt(np.maximum(np.diag(gram), 0.0))
    active = np.flatnonzero(length > ALIKE * length.max())
    if active.size == 0:
        return "zero"
    cosine = gram[np.ix_(active, active)] / np.outer(length[active], length[active])
    groups = _components(cosine > 1.0 - ALIKE)
    first = [group[0] for group in groups]
    name = _arrangement(cosine[np.ix_(first, first)])
    if len(groups) < active.size:
        even = all(np.ptp(length[active][group]) <= ALIKE * length.max() for group in groups)
        name += f", {'merged' if even else 'aligned'} classes in groups of sizes {_sizes(groups)}"
    missing = length.size - active.size
    return f"{name}, {missing} classes at zero" if missing else name


def _arrangement(cosine: Array) -> str:
    """Distinct directions."""
    parts = _components(np.abs(cosine) > ALIKE)
    blocks = [cosine[np.ix_(part, part)] for part in parts]
    if all(map(_is_simplex, blocks)):
        largest = max(map(len, parts))
        if len(blocks) == 1:
            return "simplex" if largest > 1 else "single direction"
        if len(cosine) == 2 * len(blocks) and largest == 2:
            return "square" if len(blocks) == 2 else "orthoplex"
        what = "directions" if largest == 1 else f"simplices of sizes {_sizes(parts)}"
        return f"{len(blocks)} orthogonal {what}"
    if len(blocks) > 1:
        named = (f"{_arrangement(block)} ({len(block)} classes)" for block in blocks)
        return f"orthogonal sum of: {'; '.join(named)}"
    rank = int((np.linalg.eigvalsh(cosine) > ALIKE * len(cosine)).sum())
    angles = _angles(cosine)
    distinct = angles[np.diff(angles, prepend=-2.0) > ALIKE]
    vertices = np.sort(polygon(len(cosine))[0])
    if rank == 2 and all(np.abs(np.sort(row) - vertices).max() < ALIKE for row in cosine):
        return f"regular {POLYGONS.get(len(cosine), f'{len(cosine)}-')}gon"
    shape = (rank, distinct.size, len(cosine))
    if shape == (3, 3, 12) and np.abs(distinct - ICOSAHEDRON).max() < ALIKE:
        return "icosahedron"
    if distinct.size == 2 and (graph := _strongly_regular(cosine > distinct.mean())):
        return f"strongly regular graph frame {graph}"
    return f"rank-{rank} configuration with {distinct.size} distinct angles"


def _is_simplex(cosine: Array) -> bool:
    """One vector, or equal angles and linear dependence."""
    return len(cosine) == 1 or bool(
        np.ptp(_angles(cosine)) < ALIKE and np.linalg.eigvalsh(cosine)[0] < ALIKE
    )


def _strongly_regular(near: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """(K, k, lambda, mu) of the graph or its complement, whichever has fewer edges; None without 0 < mu < k."""
    eye = np.eye(len(near))
    graph = near - eye
    if 2 * graph.sum() > near.size:
        graph = 1.0 - eye - graph
    degree, walks = graph.sum(axis=0), graph @ graph
    joined, apart = walks[graph > 0], walks[(graph + eye) == 0]
    if np.ptp(degree) or np.ptp(joined) or np.ptp(apart) or apart[0] in (0, degree[0]):  # blocks
        return None
    return len(near), int(degree[0]), int(joined[0]), int(apart[0])


def _angles(cosine: Array) -> Array:
    """Cosines of distinct vectors, ascending."""
    return np.sort(cosine[np.triu_indices(len(cosine), 1)])


def _components(joined: NDArray[np.bool_]) -> list[list[int]]:
    """Connected components of a symmetric relation, each ascending, by their first members."""
    from scipy.sparse.csgraph import connected_components

    many, of = connected_components(joined, directed=False)
    return [np.flatnonzero(of == part).tolist() for part in range(many)]


def _sizes(groups: list[list[int]]) -> str:
    return ", ".join(map(str, sorted(map(len, groups), reverse=True)))
