r"""Losses: what a loss tells the rest of the library, column by column, and the two that there are.

The data term of the objective is a sum over columns of a function of the logits Z (outputs x P). A column stands for samples
of one class that share a feature, one of them or all n_k; the feature and so the logits are scaled by the square root of their
number (the column's mass), which makes Frobenius norms of the columns those of all N features. `Columns` hides which.

Squared loss, per sample (1/2) ||z - y||^2:

    F(Z) = ||Z - Y||_F^2 / (2N)

Y repeats the target of class k in each of its n_k columns; the target is the unit vector e_k unless a matrix is given.
Any orthogonal change of columns leaves F as it is, so three layouts share one class: samples (P = N, target Y), class
means (P = K, target Y D^(1/2)), and the rotation of all N samples that `numeric/layout.py` builds.

Cross-entropy, with label smoothing and the label-dependent family. For a sample of class y with logits z (K of them), target
p = (1 - delta) e_y + delta/K and

    u_j = s_y r_j z_j + iota_j,        loss = log sum_j exp(u_j) - sum_j p_j u_j.

delta: label smoothing. iota: logit adjustment (LA). s: label-dependent temperatures (LDT). r: class-dependent temperatures
(CDT); names as in Behnia et al. (2023, arXiv:2303.07608). Plain cross-entropy has delta = 0, iota = 0, s = r = 1.

Gradient in z_j: s_y r_j (softmax(u)_j - p_j). Conjugate at w, with pi_j = p_j + w_j / (s_y r_j):

    sum_j pi_j log pi_j - sum_j (w_j / (s_y r_j)) iota_j     if pi lies in the simplex,  infinity otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ..values import Value, plain
from .errors import ProblemError
from .fields import FIELDS, Field

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
OUTSIDE = 1e-15  # a probability may be so far below zero by rounding


class Columns(Protocol):
    """The data term F(Z) of one objective, over P columns."""

    ones: Array  # the row that the bias multiplies, shape (P,): square roots of the masses

    def value_and_gradient(self, logits: Array) -> tuple[float, Array]:
        """F(Z), a float, and dF/dZ, both for `logits` of shape (outputs, P)."""

    def hessian_product(self, logits: Array) -> Callable[[Array], Array]:
        """The map from a direction to the second derivative of F at Z applied to it, both of shape (outputs, P)."""

    def without_mean(self, dual: Array) -> Array:
        """A dual point near `dual`, in the domain of the conjugate, whose rows are orthogonal to `ones`."""

    def conjugate(self, dual: Array) -> float:
        """F*(dual) = sup over Z of <dual, Z> - F(Z); infinite outside its domain."""

    def value(self, logits: Array) -> float:
        """F(Z)."""
        return self.value_and_gradient(logits)[0]

    def gradient(self, logits: Array) -> Array:
        """dF/dZ."""
        return self.value_and_gradient(logits)[1]


class Loss(Value):
    """A loss, named, and able to lay out its data term. Its attributes are the fields of the table that belong to it."""

    name: ClassVar[str]  # the word used in `UFM(loss=...)`, on the command line and in JSON
    words: ClassVar[str]  # what it is called where a problem is printed
    smoothing = 0.0  # of the labels

    def __post_init__(self) -> None:
        for field in self._fields():
            checked = field.check(getattr(self, field.attribute), 0)
            object.__setattr__(self, field.attribute, checked)

    @classmethod
    @cache
    def _fields(cls) -> tuple[Field, ...]:
        return tuple(field for field in FIELDS.values() if field.loss == cls.name)

    @property
    def one_hot(self) -> bool:
        """Whether output k belongs to class k, as in classification."""
        return True

    @property
    def plain(self) -> bool:
        """Whether no class is treated in a way of its own."""
        return True

    def parameters(self) -> dict[str, Any]:
        """Everything but the name that tells two such losses apart, as plain values; empty for the plain loss."""
        given = {
            field.key: (getattr(self, field.attribute), field.usual) for field in self._fields()
        }
        return {
            key: plain(value)
            for key, (value, usual) in given.items()
            if value is not usual and (isinstance(value, np.ndarray) or value != usual)
        }

    def __str__(self) -> str:
        given = self.parameters().items()
        said = [
            f"{name.replace('_', ' ')} {value:g}"
            if isinstance(value, float)
            else name.replace("_", " ")
            for name, value in given
        ]
        return self.words + (f" with {' and '.join(said)}" if said else "")

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Loss:
        """The loss with these `parameters`; a TypeError where one is unknown."""
        attribute = {field.key: field.attribute for field in cls._fields()}
        return cls(**{attribute.get(key, key): value for key, value in parameters.items()})

    def outputs(self, classes: int) -> int:
        """Number of logits for a problem with that many classes; raises ProblemError where they do not fit."""
        raise NotImplementedError

    def targets(self, classes: int) -> Array:
        """The matrix Y whose column k is the target of class k, shape (outputs, classes)."""
        raise NotImplementedError

    def per_class(self, classes: int) -> Array:
        """Parameters that tell classes apart beside their counts, shape (any, classes); equal columns, exchangeable classes."""
        raise NotImplementedError

    def own_slope(self, classes: int) -> Array:
        """-d loss / d(own logit) + the same for another class's logit, where all logits are equal, per class (convex.py)."""
        raise NotImplementedError

    def grouped(self, shares: Array, multiplicity: Array, per_group: Array) -> Columns:
        """Reduced columns of groups of exchangeable classes, in the form of `analytic/groups.py`, shape (G + 1, G)."""
        raise NotImplementedError

    def columns(self, labels: Indices, mass: Array) -> Columns:
        """Column i stands for `mass[i]` samples of class `labels[i]`; N is the sum of the masses."""
        raise NotImplementedError


def sample_columns(loss: Loss, counts: Array) -> Columns:
    """One column per sample, classes in order; the counts are whole numbers."""
    labels = np.repeat(np.arange(counts.size), counts.astype(np.intp))
    return loss.columns(labels, np.ones(labels.size))


def class_columns(loss: Loss, counts: Array) -> Columns:
    """One column sqrt(n_k) z_k per class: equal to `sample_columns` when every class has collapsed."""
    return loss.columns(np.arange(counts.size), counts)


@dataclass(frozen=True, eq=False, repr=False)
class SquaredColumns(Value, Columns):
    """Sum over entries of weight (Z - target)^2 / 2; the bias enters through the row `ones`, zeros where it is in the logits.

    `weight` is 1/N, or broadcast to the shape of the target; entries of weight zero stand for nothing.
    """

    target: Array
    ones: Array
    weight: float | Array

    def value_and_gradient(self, logits: Array) -> tuple[float, Array]:
        """<weight R, R> / 2 and weight R, R the residual Z - target."""
        residual = logits - self.target
        gradient = self.weight * residual
        return float(np.vdot(gradient, residual)) / 2.0, gradient

    def hessian_product(self, logits: Array) -> Callable[[Array], Array]:
        """Weight times direction: the second derivative is constant."""
        return lambda direction: self.weight * direction

    def without_mean(self, dual: Array) -> Array:
        """The orthogonal projection."""
        size = float(self.ones @ self.ones)
        return dual - np.outer(dual @ self.ones / size, self.ones) if size else dual

    def conjugate(self, dual: Array) -> float:
        """<dual, target> + sum of dual^2 / (2 weight)."""
        there = np.asarray(self.weight) > 0
        scaled = np.divide(dual, self.weight, out=np.zeros(dual.shape), where=there)
        return float(np.vdot(dual, self.target)) + float(np.vdot(dual, scaled)) / 2.0


@dataclass(frozen=True, eq=False, repr=False)
class Squared(Loss):
    """The squared loss (1/2)||z - y||^2, averaged over samples.

    Parameters
    ----------
    codes : array_like of shape (outputs, K), optional
        Column k is the target of class k: another label encoding, soft labels, or (with every count 1) the targets of a
        regression. By default the targets are one-hot, outputs = K, and no matrix is stored.

    Examples
    --------
    >>> import numpy as np, ncsolve
    >>> ufm = ncsolve.UFM(counts=[30, 20, 10], loss=ncsolve.Squared([[1.0, -1.0, 0.0]]), weight_decay=1e-3,
    ...                   feature_decay=1e-3)
    >>> ncsolve.predict(ufm).logits.shape
    (1, 3)
    """

    name = "mse"
    words = "squared loss"
    codes: Any = None

    def __str__(self) -> str:
        to = "" if self.codes is None else f" to {' x '.join(map(str, self.codes.shape))} targets"
        return self.words + to

    @property
    def one_hot(self) -> bool:
        """Whether class k is encoded by the unit vector e_k, as in classification."""
        return self.codes is None

    def outputs(self, classes: int) -> int:
        """Rows of the target matrix: K for one-hot labels."""
        if self.codes is None:
            return classes
        if self.codes.shape[1] != classes:
            raise ProblemError(
                f"targets have {self.codes.shape[1]} columns for {classes} classes; give one column per class"
            )
        return int(self.codes.shape[0])

    def targets(self, classes: int) -> Array:
        """The matrix Y, column k the target of class k."""
        return np.eye(classes) if self.codes is None else self.codes

    def per_class(self, classes: int) -> Array:
        """The codes; nothing where targets are one-hot."""
        return np.empty((0, classes)) if self.codes is None else self.codes

    def own_slope(self, classes: int) -> Array:
        """One: the difference of the targets."""
        return np.ones(classes)

    def grouped(self, shares: Array, multiplicity: Array, per_group: Array) -> Columns:
        """Reduced columns of one-hot targets; their bias is in the logits."""
        target = np.zeros(multiplicity.shape)
        target[-1] = 1.0
        return SquaredColumns(target, np.zeros(shares.size), multiplicity * shares)

    def columns(self, labels: Indices, mass: Array) -> SquaredColumns:
        """Column i stands for `mass[i]` samples of class `labels[i]`."""
        root = np.sqrt(mass)
        if self.codes is None:
            target = np.zeros((int(labels.max()) + 1, labels.size))
            target[labels, np.arange(labels.size)] = root
        else:
            target = self.codes[:, labels] * root
        return SquaredColumns(target, root, 1.0 / float(mass.sum()))


@dataclass(frozen=True, eq=False, repr=False)
class CrossEntropyColumns(Value, Columns):
    """sum_i weight_i loss(u_i), u = slope * Z + offset, in the general form that groups of equal rows need too.

    Attributes
    ----------
    own : (P,) row of each column's own class
    weight : (P,) share of the samples in each column
    ones : (P,) row that the bias multiplies
    slope, offset : broadcast to (rows, P)
    spread : delta/K, the target of every class; the own class has 1 - delta more
    kept : 1 - delta
    multiplicity : broadcast to (rows, P): how many classes a row stands for; one where it is the own row
    """

    own: Indices
    weight: Array
    ones: Array
    slope: Array
    offset: Array
    spread: float
    kept: float
    multiplicity: Array

    @property
    def _mine(self) -> tuple[Indices, Indices]:
        """Where the own class stands in each column."""
        return self.own, np.arange(self.own.size)

    def value_and_gradient(self, logits: Array) -> tuple[float, Array]:
        """F(Z) and weight * slope * (softmax(u) - p)."""
        u, top, share = self._exponentials(logits)
        own = share[self._mine]
        share[self._mine] = 0.0
        others = share.sum(axis=0)
        # log1p where the own logit leads: a loss of 1e-20 keeps its digits
        losses = np.where(top > 0, top + np.log(own + others), np.log1p(others))
        share /= own + others
        # 1 - share of the own class, which keeps its digits
        missed = others / (own + others)
        share[self._mine] = (1.0 - self.kept) - missed
        if self.spread:
            losses -= self.spread * (self.multiplicity * u).sum(axis=0)
            share -= self.spread * self.multiplicity
        share *= self.slope
        share *= self.weight
        return float(losses @ self.weight), share

    def _exponentials(self, logits: Array) -> tuple[Array, Array, Array]:
        """Logits u less the own one, their largest entry per column (the own one is zero), multiplicity * exp(u - largest)."""
        u = self.slope * logits + self.offset
        u -= u[self._mine]
        top = u.max(axis=0)
        share = np.exp(u - top)
        share *= self.multiplicity
        return u, top, share

    def hessian_product(self, logits: Array) -> Callable[[Array], Array]:
        """The map V -> weight * slope * (diag(s) - s s^T) slope * V, s the softmax of each column, computed once."""
        share = self._exponentials(logits)[2]
        share /= share.sum(axis=0)

        def product(direction: Array) -> Array:
            moved = self.slope * direction
            moved -= (share * moved).sum(axis=0)
            moved *= share
            result: Array = self.slope * moved * self.weight
            return result

        return product

    def without_mean(self, dual: Array) -> Array:
        """Move probabilities a little so that every row of `dual` becomes orthogonal to `ones`; one column per class.

        With slope_jk = r_j t_k let g_jk = weight_k t_k ones_k pi_jk (j != k) be the flow from class k to class j. The rows are
        orthogonal when what flows into each class less what flows out is what the targets give. Flow is added from the classes
        with too little outflow to those with too little inflow, never taken away, so it stays nonnegative; should a class lose more
        than all it has, the whole is pulled back towards the targets.
        """
        shape = dual.shape
        # r_j cancels within a row
        column = self.weight * self.ones * np.broadcast_to(self.slope, shape)[0]
        targets = np.full(shape, self.spread)
        targets[self._mine] = 0.0
        flow = np.maximum(targets + dual / (self.weight * self.slope), 0.0) * column
        flow[self._mine] = 0.0
        given = (targets * column).sum(axis=1) - (targets * column).sum(axis=0)
        for _ in range(3):  # what rounding leaves of the first pass
            excess = flow.sum(axis=1) - flow.sum(axis=0) - given
            out, into = np.maximum(excess, 0.0), np.maximum(-excess, 0.0)
            total = max(float(out.sum()), float(into.sum()))
            if total == 0.0:
                break
            flow += np.outer(into, out) / total
        w = flow / column - targets
        room = 1.0 - targets.sum(axis=0)
        w *= min(1.0, float((room / np.maximum(w.sum(axis=0), room)).min()))
        w[self._mine] = 0.0
        w[self._mine] = -w.sum(axis=0)
        moved: Array = w * self.weight * self.slope
        return moved

    def conjugate(self, dual: Array) -> float:
        """F*(dual); see the module.

        Everything is computed from the probabilities of the other classes: next to one, that of the own class has lost its digits.
        """
        from scipy.special import xlogy

        w = dual / (self.weight * self.slope)
        targets = np.broadcast_to(self.spread * self.multiplicity, w.shape)
        others = targets + w
        # minus the sum of the others, if the dual is consistent
        own = w[self._mine] + targets[self._mine] - (1.0 - self.kept)
        others[self._mine] = 0.0
        missed = others.sum(axis=0)
        if others.min() < -OUTSIDE or missed.max() > 1.0 + OUTSIDE:
            return math.inf
        if np.any(np.abs(own + missed) > 1e-12 * missed + (OUTSIDE if self.spread else 0.0)):
            return math.inf
        others, missed = np.maximum(others, 0.0), np.minimum(missed, 1.0)
        stands = np.broadcast_to(np.maximum(self.multiplicity, np.finfo(float).tiny), w.shape)
        entropy = (xlogy(others, others) - xlogy(others, stands)).sum(axis=0)
        kept = (1.0 - missed) * np.log1p(-np.minimum(missed, 1.0 - 2.0**-53))
        entropy += np.where(missed < 1.0, kept, 0.0)
        offset = np.broadcast_to(self.offset, w.shape)
        w[self._mine] = 0.0
        return float((entropy - (w * (offset - offset[self._mine])).sum(axis=0)) @ self.weight)


@dataclass(frozen=True, eq=False, repr=False)
class CrossEntropy(Loss):
    """Cross-entropy of the softmax, averaged over samples.

    Parameters
    ----------
    smoothing : float in [0, 1)
        delta: the target is (1 - delta) e_y + delta/K.
    offsets : array_like (K,), optional
        iota of logit adjustment, added to the logits.
    label_scale : array_like (K,), positive, optional
        s of LDT: multiplies all logits of a sample by the number of its label.
    class_scale : array_like (K,), positive, optional
        r of CDT: multiplies logit j by r_j for every sample.

    Examples
    --------
    >>> import ncsolve
    >>> ufm = ncsolve.UFM(counts=[30, 30], loss=ncsolve.CrossEntropy(smoothing=0.1), weight_decay=1e-3, feature_decay=1e-3)
    >>> ncsolve.predict(ufm).theorem.name
    'balanced_cross_entropy'
    """

    name = "ce"
    words = "cross-entropy"
    smoothing: float = 0.0
    offsets: ArrayLike | None = None
    label_scale: ArrayLike | None = None
    class_scale: ArrayLike | None = None

    def _size(self, usual: int) -> int:
        """How many classes the fields with one number per class speak of."""
        given = (getattr(self, field.attribute) for field in self._fields() if field.per == "class")
        return next((x.size for x in given if x is not None), usual)

    @property
    def plain(self) -> bool:
        """Whether nothing but smoothing is there: no scales but ones, no offsets but equal ones."""
        offset, label, rows = self.per_class(self._size(1))
        return bool((offset == offset[0]).all() and (label == 1.0).all() and (rows == 1.0).all())

    def outputs(self, classes: int) -> int:
        """K."""
        for field in self._fields():
            given = getattr(self, field.attribute)
            if field.per == "class" and given is not None and given.size != classes:
                raise ProblemError(
                    f"{field.attribute} has {given.size} entries for {classes} classes; give one number per class"
                )
        return classes

    def targets(self, classes: int) -> Array:
        """The identity: the target before smoothing."""
        return np.eye(classes)

    def per_class(self, classes: int) -> Array:
        """(iota, s, r) of every class, shape (3, K)."""
        filled = (np.zeros(classes), np.ones(classes), np.ones(classes))
        given = (self.offsets, self.label_scale, self.class_scale)
        iota, s, r = (one if x is None else x for x, one in zip(given, filled, strict=True))
        return np.array([iota, s, r])

    def unseen(self, classes: int) -> Array:
        """(1/r_1, ..., 1/r_K), the direction in which logits change no softmax: a bias is determined up to multiples of it."""
        found: Array = 1.0 / self.per_class(classes)[2]
        return found

    def own_slope(self, classes: int) -> Array:
        """(1 - delta) s r."""
        _, label, rows = self.per_class(classes)
        slope: Array = (1.0 - self.smoothing) * label * rows
        return slope

    def grouped(self, shares: Array, multiplicity: Array, per_group: Array) -> CrossEntropyColumns:
        """Reduced columns of groups."""
        offset, label, rows = per_group
        number = shares.size
        slope = np.vstack([np.repeat(rows[:, None], number, axis=1), rows]) * label
        sizes = multiplicity[:-1] + np.eye(number)
        return CrossEntropyColumns(
            own=np.full(number, number),
            weight=shares,
            ones=np.zeros(number),
            slope=slope,
            offset=np.vstack([np.repeat(offset[:, None], number, axis=1), offset]),
            spread=self.smoothing / float(sizes[:, 0].sum()),
            kept=1.0 - self.smoothing,
            multiplicity=multiplicity,
        )

    def columns(self, labels: Indices, mass: Array) -> CrossEntropyColumns:
        """Column i stands for `mass[i]` samples of class `labels[i]`."""
        classes = self._size(int(labels.max()) + 1)
        offset, label, rows = self.per_class(classes)
        root = np.sqrt(mass)
        slope = label[labels] / root
        return CrossEntropyColumns(
            own=labels,
            weight=mass / mass.sum(),
            ones=root,
            slope=slope[None, :] if self.class_scale is None else rows[:, None] * slope,
            offset=np.zeros((1, 1)) if self.offsets is None else offset[:, None],
            spread=self.smoothing / classes,
            kept=1.0 - self.smoothing,
            multiplicity=np.ones((1, 1)),
        )


#: The words that `UFM(loss=...)` and `--loss` understand.
LOSSES: dict[str, type[Loss]] = {"mse": Squared, "ce": CrossEntropy}
