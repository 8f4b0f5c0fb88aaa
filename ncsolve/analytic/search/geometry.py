r"""The name of an arrangement of K vectors, read off their Gram matrix.

With C the matrix of cosines, in this order:

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

from typing import TYPE_CHECKING

import numpy as np

from .frames import polygon

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...problem.losses import Array

ALIKE = 1e-6  # cosines and relative lengths closer than this are the same
ICOSAHEDRON = np.array([-1.0, -(0.2**0.5), 0.2**0.5])  # cosines between different vertices
POLYGONS = {
    5: "pentagon",
    6: "hexagon",
    7: "heptagon",
    8: "octagon",
    9: "nonagon",
    10: "decagon",
    12: "dodecagon",
}


def geometry(gram: Array) -> str:
    """Name the arrangement of K vectors from their Gram matrix; lengths matter only where they are zero and where directions are equal.

    Examples
    --------
    >>> from ncsolve.analytic.search.frames import orthogonal, simplex
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
    return (
        name
        if active.size == length.size
        else f"{name}, {length.size - active.size} classes at zero"
    )


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
        return f"{len(blocks)} orthogonal " + (
            "directions" if largest == 1 else f"simplices of sizes {_sizes(parts)}"
        )
    if len(blocks) > 1:
        return "orthogonal sum of: " + "; ".join(
            f"{_arrangement(block)} ({len(block)} classes)" for block in blocks
        )
    rank = int((np.linalg.eigvalsh(cosine) > ALIKE * len(cosine)).sum())
    angles = _angles(cosine)
    distinct = angles[np.diff(angles, prepend=-2.0) > ALIKE]
    vertices = np.sort(polygon(len(cosine))[0])
    if rank == 2 and all(np.abs(np.sort(row) - vertices).max() < ALIKE for row in cosine):
        return f"regular {POLYGONS.get(len(cosine), f'{len(cosine)}-gon')}"
    if (
        rank == 3
        and distinct.size == 3
        and len(cosine) == 12
        and np.abs(distinct - ICOSAHEDRON).max() < ALIKE
    ):
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
    """Connected components of a symmetric relation, each ascending."""
    left, found = set(range(len(joined))), []
    while left:
        reached: set[int] = set()
        border = {min(left)}
        while border:
            reached |= border
            border = set(np.flatnonzero(joined[sorted(border)].any(axis=0)).tolist()) - reached
        left -= reached
        found.append(sorted(reached))
    return found


def _sizes(groups: list[list[int]]) -> str:
    return ", ".join(map(str, sorted(map(len, groups), reverse=True)))
