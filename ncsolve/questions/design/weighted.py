r"""Weighted squared loss without a bias: columns decouple at any depth.

Problem. (1/N) sum_i omega_{y_i} (1/2) ||W_M ... W_1 h_i - e_{y_i}||^2 plus the decays, with weights omega_k > 0, any counts and widths.
Statement. A global minimizer has A = Zbar D^(1/2) diagonal; entry k minimizes over sigma >= 0

    omega_k (sigma - tau_k)^2 / (2N) + c sigma^q,       tau_k = sqrt(n_k),                                                    (1)

which is omega_k times the scalar problem of scalar.py at c/omega_k: mode k is the mode of the unweighted problem with all decays divided by
omega_k, its critical decay is omega_k times as large, and of more than R living modes the R of the largest gain over zero are kept.
Proof. For q < 2, sum sigma_i(A)^q is the minimum over positive definite Lambda of alpha tr(Lambda A A^T) + beta tr Lambda^(-r) for some
alpha, beta, r > 0. Given Lambda, column k of A is a ridge regression with the value t_k e_k^T f_k(Lambda) e_k, where
f_k(x) = x/(x + const_k). With Lambda = sum lambda_i v_i v_i^T and P_ki = <e_k, v_i>^2, doubly stochastic, the whole is

    sum_ki P_ki [ t_k f_k(lambda_i) + beta lambda_i^(-r) ]  >=  sum_ki P_ki min_lambda [ ... ]_k  =  sum_k min_lambda [ ... ]_k,

the sum of the minima of (1), which diagonal A attain. With rank at most R only R of the lambda_i are finite, so class k is taken with
weight sum_i P_ki in [0, 1], R in all, and the best choice is the R classes of the largest gain. (Equal weights: this proves the spectral
theorem for one-hot labels without von Neumann.)

Cross-entropy, M = 1, weights omega: the convex problem on groups (convex.py) with the shares n_k omega_k / N; a group merges iff
sqrt(n) omega rho <= N c.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...analytic import scalar
from ...analytic.convex import solve_convex
from ...analytic.grouped import reduced_problem
from ...analytic.groups import Groups, groups
from ...analytic.reduction import reduce
from ...analytic.theorem import ACTIVE, MERGED, VANISHED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...analytic.convex import ConvexProblem
    from ...problem.losses import Array
    from ...problem.ufm import UFM


@dataclass(frozen=True, eq=False)
class Weighted:
    """The minimizer of a weighted squared loss.

    Attributes
    ----------
    value : the objective
    sigma : diagonal of A, shape (K,)
    own_logit : sigma_k / tau_k
    weight_norm : norms of the rows of W_M ... W_1
    feature_norm : norms of the class means
    """

    value: float
    sigma: Array
    own_logit: Array
    weight_norm: Array
    feature_norm: Array

    @property
    def states(self) -> NDArray[np.str_]:
        """For each class "active" or "vanished"."""
        return np.where(self.sigma > 0, ACTIVE, VANISHED)


def weighted_squared(ufm: UFM, weights: Array) -> Weighted:
    """The minimizer of the squared loss of `ufm`, without a bias, when samples of class k weigh omega_k.

    Examples
    --------
    >>> import numpy as np, ncsolve
    >>> ufm = ncsolve.UFM(counts=[100, 4], depth=2, weight_decay=1e-3, feature_decay=1e-3)
    >>> plain = weighted_squared(ufm, np.ones(2))
    >>> np.allclose(plain.weight_norm, ncsolve.predict(ufm).classes.weight_norm, rtol=1e-14)
    True
    """
    reduction = reduce(ufm)
    depth, n, g = reduction.depth, ufm.counts, reduction.mean_decay
    kappa = scalar.level(n, reduction.samples, g, depth) / weights
    limit = scalar.threshold(depth)
    alive = kappa <= limit if depth > 1 else kappa < limit
    p = np.ones(n.size)
    p[alive] = scalar.outer_root(kappa[alive], depth)
    cost = weights * n / (2.0 * reduction.samples)
    left = cost * p * (1.0 + depth * (1.0 - p))
    lost = np.argsort(left - cost, kind="stable")[reduction.rank_limit :]
    p[lost], left[lost] = 1.0, cost[lost]
    sigma = np.sqrt(n) * (1.0 - p)
    share = g * sigma**reduction.q
    row = np.sqrt(ufm.feature_decay / g) * sigma ** (depth / (depth + 1.0))
    return Weighted(float(left.sum()), sigma, 1.0 - p, row, np.sqrt(share / ufm.feature_decay / n))


def weighted_cross_entropy(ufm: UFM, weights: Array, c: float) -> tuple[NDArray[np.str_], float]:
    """(states, relative duality gap) at M = 1 and c = sqrt(lambda_W lambda_H), when samples of class k weigh omega_k.

    Classes of equal count must have equal weights. Which contrasts live is told to the solver by the rule; the gap, which takes every
    block of the problem into account, is small only if the rule is right.
    """
    over = groups(ufm)
    found = solve_convex(
        _problem(ufm, weights, over, c), lambda coarse: _problem(ufm, weights, coarse, c)
    )
    moved = np.linalg.norm(found.right * found.sigma, axis=1) > 0.0
    state = np.where(moved, ACTIVE, VANISHED).astype(f"U{len(VANISHED)}")
    state[(over.sizes > 1) & moved] = MERGED
    state[(over.sizes > 1) & (found.contrast > 0)] = ACTIVE
    return state[over.member], found.gap / abs(found.value)


def _problem(ufm: UFM, weights: Array, over: Groups, c: float) -> ConvexProblem:
    plain = reduced_problem(ufm, over, c)
    omega = weights[over.first]
    per_group = ufm.loss.per_class(ufm.classes)[:, over.first]
    columns = ufm.loss.grouped(
        over.sizes * over.counts * omega / over.samples, over.multiplicity, per_group
    )
    pull = np.sqrt(over.counts) * omega * ufm.loss.own_slope(ufm.classes)[over.first]
    return replace(plain, columns=columns, alive=(over.sizes > 1) & (pull > over.samples * c))
