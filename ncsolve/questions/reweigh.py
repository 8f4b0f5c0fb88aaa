r"""Class weights and label temperatures that treat all classes alike.

Class weights. Samples of class k weigh omega_k in the loss, omega_k > 0; the scale of the loss is kept by sum_k omega_k n_k = N.

Squared loss without a bias: columns decouple at any depth, counts and widths. A global minimizer has A = Zbar D^(1/2) diagonal; entry k
minimizes over sigma >= 0

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

So class k's critical decay is kappa* omega_k n_k^(M/(M+1)) / N, and omega_k = C n_k^(-M/(M+1)), C = N / sum_j n_j^(1/(M+1)), gives all
classes the critical decay kappa* C / N. No other weights keep all classes alive at so large a decay: raising the least critical decay takes
weight from another class. All kappa_k are equal then, and with them all shrinkages p_k: every own logit is the same 1 - p, at every decay.
Cross-entropy, M = 1: the convex problem on groups (convex.py) with the shares n_k omega_k / N; a group merges iff sqrt(n) omega rho <= N c,
so omega_k = C/(sqrt(n_k) rho_k) gives all groups the critical decay C/N.

Label temperatures (LDT), cross-entropy at one layer. The logits of a sample of class k are multiplied by s_k
(`CrossEntropy(label_scale=s)`; delta_k in Behnia et al. 2023, arXiv:2303.07608); the scale of the logits is kept by sum_k s_k n_k = N.
There are three aims, and they contradict each other:

    thresholds    a group merges iff sqrt(n_k) (1 - delta) s_k r_k <= N c (convex.py): s_k = C/(sqrt(n_k) r_k) gives every group the
                  critical decay C (1 - delta)/N. Small classes are scaled up.
    limit         as decays vanish A tends to a multiple of (I - J/K) D^(1/2) diag(1/s) (vanishing_decay.py): with s_k = C sqrt(n_k) that
                  is I - J/K, and the classifiers are a simplex ETF. Small classes are scaled down, which lowers their merge
                  threshold: it is proportional to n_k then.
    classifiers   the classifiers are an exact simplex ETF at the given decays. A = alpha (I - J/K) has the logits
                  alpha/sqrt(n_k) (e_k - 1/K), margins m_k = s_k alpha/sqrt(n_k), and the gradient column
                  -(s_k sqrt(n_k)/N) K/(e^(m_k) + K - 1) (e_k - 1/K), which must be that of -c (I - J/K), for every k:

                      m_k / (e^(m_k) + K - 1) = beta/n_k,     s_k = (N c/(K sqrt(n_k))) (e^(m_k) + K - 1),     beta = alpha N c/K.    (2)

                  The problem is convex, so that point is its global minimizer. The left side of (2) rises up to e^m (m - 1) = K - 1
                  and falls beyond. On the branch beyond, larger classes have larger margins, sum s_k n_k falls in beta, and the scale
                  fixes beta; this branch tends to `limit` as c -> 0. Where even the largest beta, n_min times the peak, leaves the
                  sum above N, the branch before the peak is tried, on which the sum rises from N c sum sqrt(n_k) at A = 0. Answers
                  with small classes before the peak and large ones beyond it are not looked for: they might fill part of the gap
                  of decays between the two. From c sum sqrt(n_k) = 1 on there is none, since every s_k >= N c/sqrt(n_k).

The class means then have the Gram matrix of (A^T A)^(1/2) between D^(-1/2): the simplex directions, lengths proportional to n_k^(-1/2).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..analytic import scalar
from ..analytic.convex import solve_convex
from ..analytic.groups import Groups, groups, reduced_problem
from ..analytic.groups import states as groups_states
from ..analytic.reduction import reduce
from ..analytic.theorem import ACTIVE, VANISHED
from ..problem.errors import NoAnswer, NoTheorem, ProblemError
from ..problem.losses import CrossEntropy, Squared
from ..theorems.predict import predict
from ..values import Value
from .design import BESIDE, Design, Side, between, fates, states_of
from .recount import ALONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..analytic.convex import ConvexProblem
    from ..problem.losses import Array
    from ..problem.ufm import UFM

MOVED = 1e-3  # relative distance of the two sides in a temperature
CERTIFIED = 1e-8  # relative duality gap below which cross-entropy's sides count
EQUAL = 1e-9  # relative spread of critical decays that counts as none
AIMS = ("thresholds", "limit", "classifiers")  # of temperatures
SIMPLEX = 1e-6  # largest entry of the difference of Gram matrices that counts as none; the solver reaches about 1e-8
LARGEST = 2000  # classes whose classifiers are looked at
TINY, LARGEST_MARGIN = 1e-300, 700.0


@dataclass(frozen=True, eq=False, repr=False)
class Weighted(Value):
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
    p = scalar.shrinkage(kappa, scalar.survives(kappa, depth)[0], depth)
    cost = weights * n / (2.0 * reduction.samples)
    left = cost * scalar.energy(p, depth)
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
    problem = _problem(ufm, weights, groups(ufm), c)
    found = solve_convex(problem, lambda coarse: _problem(ufm, weights, coarse, c))
    return groups_states(ufm, problem, found).state, found.gap / abs(found.value)


def _problem(ufm: UFM, weights: Array, over: Groups, c: float) -> ConvexProblem:
    plain, omega = reduced_problem(ufm, over, c), weights[over.first]
    per_group = ufm.loss.per_class(ufm.classes)[:, over.first]
    shares = over.sizes * over.counts * omega / over.samples
    pull = np.sqrt(over.counts) * omega * ufm.loss.own_slope(ufm.classes)[over.first]
    columns = ufm.loss.grouped(shares, over.multiplicity, per_group)
    return replace(plain, columns=columns, alive=(over.sizes > 1) & (pull > over.samples * c))


@dataclass(frozen=True, eq=False, repr=False)
class ClassWeights(Design):
    """The answer of `class_weights`.

    Attributes
    ----------
    aim : "thresholds"
    weights : omega_k, shape (K,); sum omega_k n_k = N
    critical : critical geometric mean of the decays with these weights, shape (K,); NaN for classes that never merge
    critical_before : without weights
    own_logit, weight_norm, feature_norm : at the given decays with these weights, shape (K,); None for cross-entropy
    spread : (largest - smallest)/largest of the critical decays
    """

    question: ClassVar[str] = "class-weights"

    aim: str
    weights: Array
    critical: Array
    critical_before: Array
    own_logit: Array | None
    weight_norm: Array | None
    feature_norm: Array | None
    spread: float

    @property
    def verified(self) -> bool:
        """Whether the predictions on both sides, and the spread, say what the answer says."""
        return super().verified and self.spread <= EQUAL


def class_weights(ufm: UFM) -> ClassWeights:
    """Class weights omega_k in the loss that give all classes the same critical decay.

    Parameters
    ----------
    ufm : UFM
        Squared loss without a bias at any depth, or cross-entropy at M = 1.

    Returns
    -------
    ClassWeights
        The sides are predictions with all decays 1e-6 below and above the common critical one: all classes live, or none.

    Raises
    ------
    NoAnswer
        The width leaves no room for all classes, or none can merge.
    NoTheorem
        Weighted squared loss with a bias has no theorem here.

    Examples
    --------
    >>> import numpy as np, ncsolve
    >>> found = ncsolve.class_weights(ncsolve.UFM(counts=[1000, 100, 10], weight_decay=1e-3, feature_decay=1e-3))
    >>> np.round(found.weights, 6).tolist(), found.verified
    ([0.783772, 2.478505, 7.837722], True)
    """
    squared = isinstance(ufm.loss, Squared)  # weighted problems have no theorem of their own
    if squared and (not ufm.loss.one_hot or ufm.bias != "none"):
        raise NoTheorem(
            "weights in the squared loss are solved for one-hot targets without a bias; --bias none works"
        )
    if squared and ufm.rank_limit < ufm.classes:
        raise NoAnswer(
            f"the width lets {ufm.rank_limit} of {ufm.classes} classes live, whatever the weights; {ufm.classes} works"
        )
    if not squared and ufm.features == "relu" and ufm.depth == 1:
        raise NoTheorem(
            "weights are solved for cross-entropy with linear features; --features linear works"
        )
    before, exponent = fates(ufm).critical_decay, ufm.depth / (ufm.depth + 1.0)
    omega = _normalized(ufm, ufm.counts**-exponent / ufm.loss.own_slope(ufm.classes))

    def states(g: float) -> tuple[NDArray[np.str_], float]:
        if not squared:
            return weighted_cross_entropy(ufm, omega, g)
        return weighted_squared(ufm.replace(weight_decay=g, feature_decay=g), omega).states, 0.0

    critical, inside, outside = _equalized(before, omega, states)
    certified = ("the sides are convex problems solved to a duality gap of at most 1e-8",)
    found = weighted_squared(ufm, omega) if squared else None
    return ClassWeights(
        ufm,
        inside,
        outside,
        notes=() if squared else certified,
        aim="thresholds",
        weights=omega,
        critical=critical,
        critical_before=before,
        own_logit=None if found is None else found.own_logit,
        weight_norm=None if found is None else found.weight_norm,
        feature_norm=None if found is None else found.feature_norm,
        spread=float(1.0 - np.nanmin(critical) / np.nanmax(critical)),
    )


def _normalized(ufm: UFM, factors: Array) -> Array:
    """The factors times the number that makes sum factor_k n_k = N."""
    normalized: Array = factors * (ufm.samples / float(factors @ ufm.counts))
    return normalized


def _equalized(
    before: Array, factors: Array, states: Callable[[float], tuple[NDArray[np.str_], float]]
) -> tuple[Array, Side, Side]:
    """Critical decays times the factors, and all decays a little below and above the common one: all such classes live, or none."""
    critical, own = before * factors, ~np.isnan(before)
    if not own.any():
        raise NoAnswer(f"{ALONE}: there is nothing to equalize")
    below, above = (float(np.nanmin(critical)) * (1.0 + d) for d in (-BESIDE, BESIDE))
    found, gap = states(below)
    inside = Side.of(below, found, own)
    inside = replace(inside, holds=gap <= CERTIFIED and inside.holds)
    return critical, inside, Side.of(above, states(above)[0], own, 1)


@dataclass(frozen=True, eq=False, repr=False)
class LabelTemperatures(Design):
    """The answer of `label_temperatures`.

    Attributes
    ----------
    aim : "thresholds", "limit" or "classifiers"
    scales : s_k, shape (K,), for `CrossEntropy(label_scale=...)`; sum s_k n_k = N
    critical, critical_before : critical decays with and without them, shape (K,); NaN for classes that never merge
    deviation : how far the classifiers at the given decays are from a simplex ETF: the largest entry of the difference of Gram
        matrices, both of mean length one. None beyond 2000 classes
    deviation_before : without temperatures
    limit_deviation : in the limit of vanishing decays (no bias)
    """

    question: ClassVar[str] = "ldt"

    aim: str
    scales: Array
    critical: Array
    critical_before: Array
    deviation: float | None
    deviation_before: float | None
    limit_deviation: float | None

    @property
    def verified(self) -> bool:
        """Whether the predictions say what the answer says; for lengths also that the classifiers are a simplex."""
        reached = {"limit": self.limit_deviation, "classifiers": self.deviation}.get(self.aim, 0.0)
        return super().verified and reached is not None and reached <= SIMPLEX


def label_temperatures(ufm: UFM, aim: str = "thresholds") -> LabelTemperatures:
    """Label-dependent temperatures that equalize merge thresholds, or make the classifiers a simplex ETF.

    Parameters
    ----------
    ufm : UFM
        Cross-entropy at M = 1 with linear features; a label_scale of its own is replaced. For `limit` and `classifiers` without bias,
        smoothing and class-dependent temperatures.
    aim : "thresholds", "limit" (decays going to zero) or "classifiers" (at the given decays)

    Returns
    -------
    LabelTemperatures
        For thresholds the sides are predictions at decays 1e-6 below and above the common critical one. For the others, predictions
        with the temperature of the smallest class moved by 1e-3 either way: its classifier becomes longer (inside) or shorter than
        the mean of the others (`number`: their ratio). beta of (2) is bisected to neighboring doubles.

    Raises
    ------
    NoAnswer
        No class can merge; or the decays are too large for an exact simplex, or lie between the branches of (2).
    NoTheorem
        Another loss or depth.

    Examples
    --------
    >>> import numpy as np, ncsolve
    >>> ufm = ncsolve.UFM(counts=[100, 20, 20], loss="ce", weight_decay=1e-3, feature_decay=1e-3)
    >>> found = ncsolve.label_temperatures(ufm, "classifiers")
    >>> np.round(found.scales, 5).tolist(), found.deviation < 1e-6 < found.deviation_before, found.verified
    ([1.2611, 0.34724, 0.34724], True, True)
    """
    if aim not in AIMS:
        raise ProblemError(f"aim {aim!r} is unknown; {', '.join(map(repr, AIMS))} works")
    if not isinstance(ufm.loss, CrossEntropy) or ufm.depth > 1 or ufm.features != "linear":
        raise NoTheorem(
            "label temperatures are solved for cross-entropy (--loss ce) at depth 1 with linear features"
        )
    classes, root = ufm.classes, np.sqrt(ufm.counts)
    if ufm.rank_limit < classes - 1:
        raise NoTheorem(
            f"label temperatures are solved at width K - 1 or more; a width of {classes - 1} works"
        )

    loss: CrossEntropy = ufm.loss

    def scaled(scales: Array) -> UFM:
        given = None if (scales == 1.0).all() else scales
        return ufm.replace(loss=replace(loss, label_scale=given))

    plain, lengths = scaled(np.ones(classes)), aim != "thresholds"
    limited = ufm.bias == "none" and plain.loss.smoothing == 0.0
    if lengths and not (limited and plain.loss.plain):
        raise NoTheorem(
            f"aim {aim!r} is solved for cross-entropy without bias, smoothing, offsets and class scales"
        )
    if lengths and classes == 2:
        raise NoAnswer(
            "the classifiers of two classes are opposite and equally long whatever the temperatures"
        )
    before = fates(plain).critical_decay
    if aim == "classifiers":
        scales = _simplex(ufm)
    else:
        scales = _normalized(ufm, root if lengths else 1.0 / (root * plain.loss.own_slope(classes)))
    at, limit = scaled(scales), "vanishing-decay" if aim == "limit" else ""

    def states(c: float) -> tuple[NDArray[np.str_], float]:
        return states_of(at.replace(weight_decay=c, feature_decay=c)), 0.0

    def side(factor: float) -> Side:
        """The temperature of the smallest class times a factor; its classifier's length over the mean of the others'."""
        least = int(np.argmin(ufm.counts))
        moved = np.where(np.arange(classes) == least, scales * factor, scales)
        table = predict(scaled(moved), limit=limit).classes
        number = table.weight_norm[least] / np.delete(table.weight_norm, least).mean()
        return Side(factor, bool(number > 1.0), float(number), table.state)

    def deviation(ufm: UFM, limit: str = "") -> float:
        """Largest entry of the difference between the Gram matrix of the classifiers and that of a simplex, both of mean length one."""
        gram = predict(ufm, limit=limit).gram_weights
        length = float(np.trace(gram)) / classes
        simplex = (np.eye(classes) - 1.0 / classes) * (classes / (classes - 1.0))
        return float(np.abs(gram / length - simplex).max()) if length else math.inf

    if lengths:  # which way makes it longer depends on the branch
        critical, sides = before * scales, [side(1.0 - MOVED), side(1.0 + MOVED)]
        outside, inside = sorted(sides, key=lambda one: one.number)
    else:
        critical, inside, outside = _equalized(before, scales, states)
    looked = classes <= LARGEST
    return LabelTemperatures(
        ufm=ufm,
        inside=inside,
        outside=outside,
        notes=(),
        aim=aim,
        scales=scales,
        critical=critical,
        critical_before=before,
        deviation=deviation(at) if looked else None,
        deviation_before=deviation(plain) if looked else None,
        limit_deviation=deviation(at, "vanishing-decay") if looked and limited else None,
    )


def _simplex(ufm: UFM) -> Array:
    """s_k of (2)."""
    n, classes, c = ufm.counts, ufm.classes, reduce(ufm).c

    def log_psi(m: Array) -> Array:
        log: Array = np.log(m) - np.logaddexp(m, math.log(classes - 1.0))
        return log

    def margins(beta: float, beyond: bool) -> Array:
        """The roots of log m - log(e^m + K - 1) = log(beta/n) on one side of the peak, by bisection until no double changes."""
        low = np.full(n.size, peak if beyond else TINY)
        high = np.full(n.size, LARGEST_MARGIN if beyond else peak)
        target = np.log(beta / n)
        while True:
            middle = 0.5 * (low + high)
            if ((middle <= low) | (middle >= high)).all():
                return low
            before = (log_psi(middle) > target) == beyond
            low, high = np.where(before, middle, low), np.where(before, high, middle)

    def total(beta: float, beyond: bool) -> float:
        """Sum of s_k n_k / N, with e^m + K - 1 = m n/beta."""
        return float(c / classes * (n**1.5 * margins(beta, beyond)).sum() / beta)

    top = 2.0 + math.log(classes)
    peak = between(lambda m: math.exp(m) * (m - 1.0) <= classes - 1.0, 1.0, top)[0]
    most = float(n.min()) * math.exp(float(log_psi(np.array(peak))))
    beyond = total(most, True) <= 1.0
    if not beyond and not c * float(np.sqrt(n).sum()) < 1.0 <= total(most, False):
        make = "make the classifiers a simplex"
        if c * float(np.sqrt(n).sum()) >= 1.0:
            large = "at these decays, which are too large; smaller ones work"
            raise NoAnswer(f"no temperatures {make} {large}")
        raise NoAnswer(
            f"no temperatures with all classes on one branch {make} here; smaller decays work"
        )
    beta = between(lambda b: (total(b, beyond) > 1.0) == beyond, most * 1e-250, most)[0]
    return _normalized(ufm, np.sqrt(n) * margins(beta, beyond))
