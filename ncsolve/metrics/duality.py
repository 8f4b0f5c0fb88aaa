r"""NC3: classifier rows against class means. Hdot has the columns mu_k - mu_G."""

from __future__ import annotations

import numpy as np

from .evidence import Evidence, Undefined, simplex, unit
from .registry import metric


@metric("nc3_selfdual", "weight")
def nc3_selfdual(e: Evidence) -> float:
    """||nrm(W^T) - nrm(Hdot)||_F (nc-toolbox; Dang et al. 2023, with Hbar in the place of Hdot)."""
    return float(np.sqrt(nc3_selfdual_sq(e)))


@metric("nc3_selfdual_sq", "weight")
def nc3_selfdual_sq(e: Evidence) -> float:
    """||nrm(W^T) - nrm(Hdot)||_F^2 (Papyan, Han & Donoho 2020)."""
    means = e.centered if e.convention.center_duality else e.means
    return float(
        (
            (unit(e.classifier, "the classifier") - unit(means, "the matrix of class means")) ** 2
        ).sum()
    )


@metric("nc3_etf", "weight")
def nc3_etf(e: Evidence) -> float:
    """||nrm(W Hdot) - E||_F (Zhu et al. 2021)."""
    product = e.classifier @ e.centered.T
    return float(
        np.linalg.norm(
            unit(product, "the product of classifier and class means") - simplex(e.classes)
        )
    )


@metric("nc3_cos", "weight")
def nc3_cos(e: Evidence) -> float:
    """mean_k (1 - cos(w_k, mu_k)), as half the squared distance of the directions, which keeps its digits near 0."""
    rows, means = e.classifier, e.means
    if e.convention.center_cosine:
        rows, means = rows - rows.mean(axis=0), e.centered
    sides = []
    for side, what in ((rows, "classifier row"), (means, "class mean")):
        length = np.linalg.norm(side, axis=1)
        if not length.all():
            k = int(np.flatnonzero(length == 0.0)[0])
            raise Undefined(
                f"the {what} of class {e.statistics.classes[k]!r} is zero and has no direction"
            )
        sides.append(side / length[:, None])
    return float(((sides[0] - sides[1]) ** 2).sum()) / (2.0 * e.classes)
