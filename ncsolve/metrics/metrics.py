r"""The metrics: a measurement holds statistics, classifier, convention and prediction, and each metric is a small function of it.

H stands for the class means minus mu_G (not centered where a formula says Hbar), W for the rows of the classifier W_M ... W_1;
nrm(A) = A/||A||_F, E = (I - J/K)/sqrt(K - 1), Sigma_W = (1/N) sum (h - mu_y)(h - mu_y)^T and
Sigma_B = sum_k s_k (mu_k - mu_G)(mu_k - mu_G)^T, s_k = 1/K or n_k/N. Every metric but nc2_margin is 0 at its ideal; METRICS lists them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..problem.errors import DataError, ProblemError
from ..values import Value, plain
from .presets import Convention, preset_named, refuse_unknown
from .rows import DOUBLE, FIRST, listed

if TYPE_CHECKING:
    from ..problem.losses import Array, Indices
    from ..problem.ufm import UFM

#: A prediction comes in as an argument, and how it was made does not matter here. Asked of it are ufm, class_means, weights, bias,
#: gram_features, gram_weights, classes, and of layers the name and the singular_values.
Predicted = Any

ROUNDINGS = 16.0  # of a quantity in float64 that make no difference
MOST = 256  # classes; beyond, K quadratic programs of K unknowns take minutes


class Undefined(Exception):
    """The metric has no value here; the message says why."""


class Geometry(NamedTuple):
    """Predicted Gram matrices of the inputs X of a layer and of the rest W_M ... W_j of the network, and their product W_M ... W_j X."""

    features: Array
    weights: Array
    products: Array


@dataclass(frozen=True, eq=False, repr=False)
class Measurement(Value, Mapping[str, float]):
    """Neural-collapse metrics of one set of features: a mapping key -> value, with the statistics behind it.

    Attributes
    ----------
    classes : the K labels, in the order of the rows of the classifier
    counts : samples per class n_k, shape (K,)
    origin, offset : class means mu_k = origin_k + offset_k, each of shape (K, d)
    scatter : sum over the class of ||h - mu_k||^2, shape (K,)
    eps : spacing at 1 of the floats that the features came in
    basis, within : Q, shape (r, d), and P, shape (r, r), of the second pass; None if P was not kept
    mismatch : share of samples whose class by the classifier is not the one of the nearest class mean; None if not counted
    factors : the matrices W_1, ..., W_M that were given, the classifier alone if it was one matrix
    bias : b, shape (K,), or None
    convention, preset : how the metrics are normalized, and the name of the preset, or ""
    prediction, place : what the features are held against, and for each class its place there; None without a prediction
    passed : how many matrices of the network the features have passed
    metrics : key -> value; the mapping itself
    absent : key -> why it has no value
    layers : name -> Measurement of that layer's features, where several layers were given
    """

    entries = (
        *("samples", "dimension", "rank", "rank_cut", "convention", "metrics", "absent"),
        *("preset", "published", "classes", "spectra", "layers"),
    )

    classes: tuple[Hashable, ...]
    counts: Array
    origin: Array
    offset: Array
    scatter: Array
    eps: float = DOUBLE
    basis: Array | None = None
    within: Array | None = None
    mismatch: float | None = None
    factors: tuple[Array, ...] = ()
    bias: Array | None = None
    convention: Convention = field(default_factory=Convention)
    preset: str = ""
    prediction: Predicted = None
    place: Any = None
    passed: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    layers: Mapping[str, Measurement] = field(default_factory=dict)

    def __getitem__(self, key: str) -> float:
        if key in self.absent:
            raise KeyError(f"{key} is absent: {self.absent[key]}")
        return self.metrics[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)

    @property
    def published(self) -> dict[str, float]:
        """The values under the names of the preset's paper; empty without a preset."""
        if not self.preset:
            return {}
        return preset_named(self.preset).values(self.metrics, len(self.classes))

    @property
    def samples(self) -> int:
        """N."""
        return int(self.counts.sum())

    @property
    def dimension(self) -> int:
        """The dimension d of the features."""
        return int(self.origin.shape[1])

    @property
    def shares(self) -> Array:
        """n_k / N, shape (K,)."""
        return np.asarray(self.counts / self.counts.sum())

    @property
    def variances(self) -> Array:
        """V_k = E ||h - mu_k||^2, shape (K,); zero for a class of one sample."""
        return np.asarray(self.scatter / self.counts)

    @cached_property
    def means(self) -> Array:
        """Class means as rows, shape (K, d)."""
        return np.asarray(self.origin + self.offset)

    @property
    def class_means(self) -> Array:
        """Hbar, shape (d, K): one column per class, as in a Prediction."""
        return self.means.T

    @cached_property
    def moved(self) -> Array:
        """mu_k less the mean of the rounded means, a vector of doubles near mu_C; shape (K, d)."""
        return np.asarray((self.origin - self.means.mean(axis=0)) + self.offset)

    @cached_property
    def differences(self) -> Array:
        """mu_k - mu_C, shape (K, d)."""
        return np.asarray(self.moved - self.moved.mean(axis=0))

    @property
    def sample_mean(self) -> Array:
        """mu_S, summed as a difference from mu_C: exact where the counts are equal."""
        mean_of_means = self.means.mean(axis=0) + self.moved.mean(axis=0)
        return np.asarray(mean_of_means + self.shares @ self.differences)

    @cached_property
    def centered(self) -> Array:
        """mu_k - mu_G as rows, by the convention, shape (K, d)."""
        apart = self.differences
        return apart if self.convention.center == "classes" else apart - self.shares @ apart

    @property
    def resolution(self) -> Array:
        """How far rounding in float64 may have moved each mu_k - mu_C, shape (K,)."""
        size = np.linalg.norm(self.differences, axis=1) + np.sqrt(self.variances)
        return np.asarray(ROUNDINGS * DOUBLE * size)

    @property
    def rank_cut(self) -> float:
        """Singular values of the centered class means at or below this count as zero."""
        share = self.convention.rank_cut
        return (2.0 * self.eps if share is None else share) * float(np.linalg.norm(self.means))

    @cached_property
    def rank(self) -> int:
        """Numerical rank of the centered class means."""
        return int((np.linalg.svd(self.centered, compute_uv=False) > self.rank_cut).sum())

    @cached_property
    def weight(self) -> Any:
        """W_M ... W_1, shape (K, d), or None."""
        return product(self.factors) if self.factors else None

    @property
    def weight_rows(self) -> Array:
        """Rows of W, centered if the convention says so."""
        centered = self.convention.center_weights
        return np.asarray(self.weight - self.weight.mean(axis=0) if centered else self.weight)

    @property
    def products(self) -> Array:
        """W_M ... W_1 Hbar, shape (K, K)."""
        return np.asarray(self.weight @ self.means.T)

    @cached_property
    def geometry(self) -> Geometry:
        """What is predicted of these features and of the matrices that act on them, classes in the measured order."""
        p, k = self.prediction, np.ix_(self.place, self.place)
        rest, features = product(p.weights[self.passed :]), p.class_means
        if self.passed == 0:
            grams = p.gram_features, p.gram_weights
        else:
            features = functools.reduce(lambda x, w: w @ x, p.weights[: self.passed], features)
            grams = features.T @ features, rest @ rest.T
        return Geometry(grams[0][k], grams[1][k], (rest @ features)[k])

    @cached_property
    def gram_features(self) -> Array:
        """Hbar^T Hbar, not centered, shape (K, K)."""
        return gram(self.means)

    @cached_property
    def gram_weights(self) -> Any:
        """Gram matrix of the rows of W_M ... W_1, shape (K, K), or None."""
        return None if self.weight is None else gram(self.weight)

    @cached_property
    def feature_norm(self) -> Array:
        """||mu_k||, not centered, shape (K,)."""
        return np.asarray(np.linalg.norm(self.means, axis=1))

    @cached_property
    def weight_norm(self) -> Any:
        """||w_k||, shape (K,), or None."""
        return None if self.weight is None else np.linalg.norm(self.weight, axis=1)

    @property
    def feature_cosines(self) -> Array:
        """Cosines between class means, not centered, shape (K, K); NaN where one is zero."""
        return quotients(self.gram_features, self.feature_norm)

    @property
    def weight_cosines(self) -> Any:
        """Cosines between the rows of the classifier, shape (K, K), or None."""
        return None if self.weight is None else quotients(self.gram_weights, self.weight_norm)

    @property
    def logits(self) -> Any:
        """W_M ... W_1 Hbar + b, shape (K, K), column k the logits of the mean of class k; None without a classifier."""
        if self.weight is None:
            return None
        return self.products + (0.0 if self.bias is None else self.bias[:, None])

    @cached_property
    def spectra(self) -> dict[str, Array]:
        """Singular values, descending: "H" of Hbar D^(1/2), which is what H has once every class has collapsed; "W_1", ..., "W_M"."""
        every = {"H": self.means * np.sqrt(self.counts)[:, None]}
        every |= {f"W_{j + 1}": factor for j, factor in enumerate(self.factors)}
        values = functools.partial(np.linalg.svd, compute_uv=False)
        return {name: np.asarray(values(one)) for name, one in every.items()}

    def to_dict(self) -> dict[str, Any]:
        """The measurement as plain values."""
        weight_norm = [None] * len(self.classes) if self.weight is None else self.weight_norm
        keys = ("name", "count", "feature_norm", "weight_norm", "variance")
        names, counts = map(str, self.classes), self.counts.astype(int)
        columns = zip(names, counts, self.feature_norm, weight_norm, self.variances, strict=True)
        layers = [
            {"name": name, "rank": one.rank, "metrics": one.metrics, "absent": one.absent}
            for name, one in self.layers.items()
        ]
        classes = [dict(zip(keys, row, strict=True)) for row in columns]
        changed = {"preset": self.preset or None, "classes": classes, "layers": layers}
        return super().to_dict() | {key: plain(value) for key, value in changed.items()}


# NC1: the within-class scatter against the between-class scatter.


def nc1_pinv(m: Measurement) -> float:
    r"""Trace tr(Sigma_W Sigma_B^+) / K.

    With Sigma_B = B^T B, B = diag(sqrt s) (mu_k - mu_G) = U diag(sigma) V^T of shape K x d, the trace is the sum of
    v_r^T Sigma_W v_r / sigma_r^2 over the singular values above the cut. No d x d matrix is inverted.

    Papyan, Han & Donoho 2020 (their notebook: not divided by K, mu_C); Zhu et al. 2021 and Dang et al. 2023: mu_S; Hong & Ling
    2023: mu_S and s_k = n_k/N.
    """
    assert m.basis is not None
    root = np.sqrt(_between_shares(m))[:, None]
    _, sigma, v = np.linalg.svd(root * (m.centered @ m.basis.T), full_matrices=False)
    alive = sigma > m.rank_cut * root.max()  # rounding moves the weighted rows no further
    if not alive.any():
        raise Undefined("all class means coincide")
    v, sigma = v[alive], sigma[alive]
    each = np.einsum("ri,ij,rj->r", v, m.within / m.counts.sum(), v, optimize=True) / sigma**2
    return float(each.sum()) / (len(m.classes) if m.convention.per_class else 1)


def nc1_quotient(m: Measurement) -> float:
    """Quotient tr Sigma_W / tr Sigma_B (Tirer & Bruna 2022)."""
    if (np.linalg.norm(m.differences, axis=1) <= m.resolution).all():
        raise Undefined("all class means coincide")
    between = float(_between_shares(m) @ np.einsum("ij,ij->i", m.centered, m.centered))
    return float(m.scatter.sum() / m.counts.sum()) / between


def nc1_cdnv(m: Measurement) -> float:
    """Mean over i < j of (V_i + V_j) / (2 ||mu_i - mu_j||^2), V = E ||h - mu||^2 (Galanti, Gyorgy & Hutter 2022).

    Infinite where two class means coincide up to the rounding of float64.
    """
    v, moved, resolution = m.variances, m.centered, m.resolution
    total, size = 0.0, len(v)
    for i in range(size - 1):  # differences, not Gram matrices: near means keep their digits
        apart = moved[i + 1 :] - moved[i]
        squares = np.einsum("ij,ij->i", apart, apart)
        if (squares <= (resolution[i + 1 :] + resolution[i]) ** 2).any():
            return math.inf
        total += float(((v[i] + v[i + 1 :]) / (2.0 * squares)).sum())
    return total / (size * (size - 1) / 2.0)


def _between_shares(m: Measurement) -> Array:
    """s_k, with sum 1."""
    size = len(m.classes)
    return m.shares if m.convention.between == "samples" else np.full(size, 1.0 / size)


# NC2: how far class means (H) and classifier rows (W) are from a simplex, from an orthogonal frame, and from the prediction.


def nc2_equinorm(m: Measurement, rows: Array, what: str) -> float:
    """std_k / mean_k of ||mu_k - mu_G||, of ||w_k|| (Papyan, Han & Donoho 2020)."""
    length = np.linalg.norm(rows, axis=1)
    if not length.any():
        raise Undefined(f"{what} zero")
    return float(length.std(ddof=m.convention.ddof) / length.mean())


def nc2_equiangle(m: Measurement, rows: Array, what: str) -> float:
    """Mean over k != l of |cos(mu_k - mu_G, mu_l - mu_G) + 1/(K - 1)|, of rows w_k (Papyan, Han & Donoho 2020).

    The absolute value stands inside the mean: the signed mean is zero for every centered set of equal norms.
    """
    cosines = np.clip(gram(_directions(m, rows, what)), -1.0, 1.0)
    off = ~np.eye(len(rows), dtype=bool)
    return float(np.abs(cosines[off] + 1.0 / (len(rows) - 1.0)).mean())


def off(matrix: Array, target: Callable[[int], Array], what: str) -> float:
    """||nrm(A) - target||_F.

    nc2_etf: Gram of mu_k - mu_G, and of W as it is (Zhu et al. 2021, Dang et al. 2023) or centered (Zhou et al. 2022), to E; nc3_etf:
    W H to E (Zhu et al. 2021); nc2_of: Gram of Hbar and of W to I/sqrt K, the target of bias-free squared loss (Dang et al. 2023).
    """
    return float(np.linalg.norm(unit(matrix, what) - target(len(matrix))))


def gof(found: Array, predicted: Array, what: str) -> float:
    """||nrm(found) - nrm(predicted)||_F of Hbar^T Hbar, W W^T or W Hbar, W = W_M ... W_1 (Dang et al. 2023).

    Nothing is centered, and the bias takes no part. It does not see a common factor; `relative` does.
    """
    apart = unit(found, f"the {what}") - unit(predicted, f"the predicted {what}")
    return float(np.linalg.norm(apart))


def relative(found: Array, predicted: Array, what: str) -> float:
    """||found - predicted||_F / ||predicted||_F: the absolute companion, which sees the scale."""
    size = norm(predicted)
    if size == 0.0:
        raise Undefined(f"the predicted {what} is zero")
    return norm(found - predicted) / size


def nc2_margin(m: Measurement) -> float:
    """min_k dist(w_k, conv{w_j : j != k}), the margin of generalized neural collapse for K > d + 1 (Jiang et al. 2024). Larger is better"""
    if (size := len(m.classes)) > MOST:
        raise Undefined(f"it takes {size} quadratic programs; up to {MOST} classes are measured")
    rows = m.weight
    if rows.shape[1] > rows.shape[0]:  # distances live in the span of the rows
        rows = principal(rows)
    return min(hull_distance(np.delete(rows, k, axis=0) - row) for k, row in enumerate(rows))


def hull_distance(points: Array) -> float:
    r"""Distance of the origin from the convex hull of the rows.

    Let P have the points as columns and write x >= 0 as s u with sum u = 1. Over s, ||P x||^2 + (s - 1)^2 has the minimum
    ||P u||^2 / (1 + ||P u||^2), which grows with ||P u||: so x of non-negative least squares is a multiple of the weights u of the
    point of the hull that is nearest to the origin.

    Examples
    --------
    >>> round(hull_distance(np.array([[1.0, 1.0], [1.0, -1.0]])), 12)
    1.0
    """
    from scipy.optimize import nnls

    scale = float(np.linalg.norm(points, axis=1).max())
    if scale == 0.0:
        return 0.0
    system = np.vstack([points.T / scale, np.ones(len(points))])
    target = np.zeros(len(system))
    target[-1] = 1.0
    x, _ = nnls(system, target)
    return float(np.linalg.norm(points.T @ (x / x.sum())))


# NC3: classifier rows against class means. NC4: decisions. The bias, and the sum of the rows.


def nc3_selfdual_sq(m: Measurement) -> float:
    """||nrm(W^T) - nrm(H)||_F^2 (Papyan, Han & Donoho 2020); its root: nc-toolbox, and Dang et al. 2023 with Hbar in the place of H."""
    means = m.centered if m.convention.center_duality else m.means
    apart = unit(m.weight, "the classifier") - unit(means, "the matrix of class means")
    return float((apart**2).sum())


def nc3_cos(m: Measurement) -> float:
    """mean_k (1 - cos(w_k, mu_k)), as half the squared distance of the directions, which keeps its digits near 0."""
    rows, means = m.weight, m.means
    if m.convention.center_cosine:
        rows, means = rows - rows.mean(axis=0), m.centered
    sides = (rows, "classifier row"), (means, "class mean")
    w, h = (_directions(m, side, what) for side, what in sides)
    return float(((w - h) ** 2).sum()) / (2.0 * len(m.classes))


def nc4_ncc_mismatch(m: Measurement) -> float:
    """Share of samples with argmax(W h + b) != nearest class mean (Papyan, Han & Donoho 2020).

    The bias takes part wherever one was given. Ties up to rounding are agreements.
    """
    assert m.mismatch is not None
    return m.mismatch


def nc_bias(m: Measurement) -> float:
    """||b + W mu_S||, mu_S the mean of all samples (NC4 of Zhu et al. 2021 and Zhou et al. 2022)."""
    return norm(m.bias + m.weight @ m.sample_mean)


def nc0(m: Measurement) -> float:
    """||W^T 1||: the norm of the sum of the classifier's rows."""
    return norm(m.weight.sum(axis=0))


class Metric(NamedTuple):
    """A formula, and what it needs besides features and labels."""

    formula: Callable[[Measurement], float]
    needs: tuple[str, ...] = ()


NEEDS = {
    "weight": "a classifier (weight)",
    "bias": "a bias",
    "prediction": "a prediction",
    "within": "the pooled scatter matrix or a second pass",
    "mismatch": "a second pass with the classifier",
}
W, P = ("weight",), ("prediction",)
GRAM_H, GRAM_W = "Gram matrix of the class means", "Gram matrix of the classifier"
PRODUCT = "product of classifier and class means"
METRICS = {
    "nc1_pinv": Metric(nc1_pinv, ("within",)),
    "nc1_quotient": Metric(nc1_quotient),
    "nc1_cdnv": Metric(nc1_cdnv),
    "nc2_equinorm_H": Metric(lambda m: nc2_equinorm(m, m.centered, "the centered class means are")),
    "nc2_equinorm_W": Metric(lambda m: nc2_equinorm(m, m.weight_rows, "the classifier is"), W),
    "nc2_equiangle_H": Metric(lambda m: nc2_equiangle(m, m.centered, "centered class mean")),
    "nc2_equiangle_W": Metric(lambda m: nc2_equiangle(m, m.weight_rows, "classifier row"), W),
    "nc2_etf_H": Metric(lambda m: off(gram(m.centered), simplex, f"the centered {GRAM_H}")),
    "nc2_etf_W": Metric(lambda m: off(gram(m.weight_rows), simplex, f"the {GRAM_W}"), W),
    "nc2_of_H": Metric(lambda m: off(m.gram_features, frame, f"the {GRAM_H}")),
    "nc2_of_W": Metric(lambda m: off(m.gram_weights, frame, f"the {GRAM_W}"), W),
    "nc2_gof_H": Metric(lambda m: gof(m.gram_features, m.geometry.features, GRAM_H), P),
    "nc2_gof_W": Metric(lambda m: gof(m.gram_weights, m.geometry.weights, GRAM_W), W + P),
    "nc2_abs_H": Metric(lambda m: relative(m.gram_features, m.geometry.features, GRAM_H), P),
    "nc2_abs_W": Metric(lambda m: relative(m.gram_weights, m.geometry.weights, GRAM_W), W + P),
    "nc3_gof": Metric(lambda m: gof(m.products, m.geometry.products, PRODUCT), W + P),
    "nc3_abs": Metric(lambda m: relative(m.products, m.geometry.products, PRODUCT), W + P),
    "nc3_selfdual": Metric(lambda m: math.sqrt(nc3_selfdual_sq(m)), W),
    "nc3_selfdual_sq": Metric(nc3_selfdual_sq, W),
    "nc3_etf": Metric(lambda m: off(m.weight @ m.centered.T, simplex, f"the {PRODUCT}"), W),
    "nc3_cos": Metric(nc3_cos, W),
    "nc4_ncc_mismatch": Metric(nc4_ncc_mismatch, ("weight", "mismatch")),
    "nc_bias": Metric(nc_bias, ("weight", "bias")),
    "nc0": Metric(nc0, W),
    "nc2_margin": Metric(nc2_margin, W),
}


def chosen(keys: Iterable[str] | None) -> list[str]:
    """These keys, each one of METRICS; all by default."""
    asked = list(METRICS if keys is None else [keys] if isinstance(keys, str) else keys)
    for key in asked:
        refuse_unknown(key, METRICS, "metric")
    return list(dict.fromkeys(asked))


def assembled(
    layers: Mapping[str, Measurement],
    prediction: Predicted,
    *,
    subset: bool = False,
    keys: Iterable[str] | None = None,
) -> Measurement:
    """The measurements of all layers beside the prediction (or None), with these metrics; what has been evaluated without one stays.

    Several layers are those of the first.
    """
    asked, first, place = chosen(keys), next(iter(layers.values())), None
    if prediction is not None:
        place = matched(prediction, first.classes, first.counts, subset=subset)
        if len(layers) > (depth := len(prediction.weights)):
            why = f"layer {depth + 1} is measured, but the prediction has {depth}"
            raise DataError(f"{why}; predict with that depth")
    found = {}
    for passed, (name, old) in enumerate(layers.items()):
        one = replace(old, prediction=prediction, place=place, passed=passed)
        found[name] = one = replace(one, metrics={}, absent={}, layers={})
        have = {what for what in NEEDS if getattr(one, what) is not None}
        for key in asked:
            formula, needs = METRICS[key]
            lacking = [NEEDS[need] for need in needs if need not in have]
            try:
                if lacking:
                    one.absent[key] = f"it needs {' and '.join(lacking)}"
                elif key in old.metrics and "prediction" not in needs:
                    one.metrics[key] = old.metrics[key]
                else:
                    one.metrics[key] = float(formula(one))
            except Undefined as reason:
                one.absent[key] = str(reason)
    top = next(iter(found.values()))
    return top if list(found) == [FIRST] else replace(top, layers=found)


def matched(
    prediction: Predicted, classes: Sequence[Hashable], counts: Array, *, subset: bool = False
) -> Indices:
    """For each measured class its place among the predicted ones.

    By name, where the labels printed as text are the predicted names; else, if the prediction was made from counts without names, the
    classes in sorted order are the counts in their order. Counts may differ from the predicted ones only of a subset of the samples.
    """
    ufm: UFM = prediction.ufm
    if not ufm.loss.one_hot:
        why = "the prediction is for targets that are not one-hot"
        raise ProblemError(f"{why}: no row of W belongs to a class; one-hot ones work")
    names, labels = list(ufm.names), [str(one) for one in classes]
    places = {name: k for k, name in enumerate(names)}
    if set(labels) == set(names):
        order = [places[label] for label in labels]
    elif names == [str(k) for k in range(len(labels))]:
        order = list(range(len(names)))
    else:
        missing = [name for name in names if name not in set(labels)]
        extra = [one for one, label in zip(classes, labels, strict=True) if label not in places]
        said = [f"{len(labels)} classes were measured and {len(names)} predicted"]
        said += [f"classes without samples: {listed(missing)}"] if missing else []
        said += [f"labels that are no predicted class: {listed(extra)}"] if extra else []
        how = "predict with the counts of these labels, or give samples of every class"
        raise DataError("; ".join([*said, how]))
    place = np.array(order, dtype=np.intp)
    predicted = ufm.counts[place]
    wrong = [] if subset else np.flatnonzero(predicted != counts).tolist()
    each = (
        f"class {classes[i]!r}: {counts[i]:g} samples, {predicted[i]:g} predicted" for i in wrong
    )
    if pairs := ", ".join(islice(each, 4)):
        more = f" and {len(wrong) - 4} more" if len(wrong) > 4 else ""
        why = f"the labels contradict the counts of the prediction ({pairs}{more})"
        how = "predict with these counts, or say that the samples are a subset of the training set"
        raise DataError(f"{why}; {how}")
    return place


# Matrices


def product(factors: Sequence[Array]) -> Array:
    """W_M ... W_1."""
    return functools.reduce(np.matmul, reversed(factors))


def norm(array: Array) -> float:
    """Frobenius norm; entries whose squares leave the doubles are scaled by a power of two, which rounds nothing."""
    exponent = -math.frexp(float(np.abs(array).max(initial=0.0)))[1]
    return math.ldexp(float(np.linalg.norm(np.ldexp(array, exponent))), -exponent)


def unit(matrix: Array, what: str) -> Array:
    """nrm(A) = A / ||A||_F."""
    size = norm(matrix)
    if size == 0.0:
        raise Undefined(f"{what} is zero")
    return np.asarray(matrix / size)


def gram(rows: Array) -> Array:
    """Inner products of the rows."""
    return np.asarray(rows @ rows.T)


def quotients(gram: Array, norms: Array) -> Array:
    """Cosines from inner products and norms; NaN where a norm is zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(gram / np.outer(norms, norms), -1.0, 1.0)


def simplex(classes: int) -> Array:
    """E = (I - J/K) / sqrt(K - 1), the Gram matrix of a simplex at norm 1."""
    return np.asarray((np.eye(classes) - 1.0 / classes) / math.sqrt(classes - 1.0))


def frame(classes: int) -> Array:
    """I / sqrt K, the Gram matrix of an orthogonal frame at norm 1."""
    return np.eye(classes) / math.sqrt(classes)


def principal(rows: Array) -> Array:
    """Rows with the same inner products, at most as wide as there are rows; principal directions first."""
    left, sigma, _ = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(left * sigma)


def _directions(m: Measurement, rows: Array, what: str) -> Array:
    """The rows at norm 1."""
    length = np.linalg.norm(rows, axis=1)
    if not length.all():
        k = int(np.flatnonzero(length == 0.0)[0])
        raise Undefined(f"the {what} of class {m.classes[k]!r} is zero and has no direction")
    return np.asarray(rows / length[:, None])
