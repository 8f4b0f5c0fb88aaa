r"""Cross-entropy, with label smoothing and the label-dependent family.

For a sample of class y with logits z (K of them), target p = (1 - delta) e_y + delta/K and

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
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ProblemError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .loss import Array, Indices

OUTSIDE = 1e-15  # a probability may be so far below zero by rounding
LARGEST_OFFSET, SMALLEST_SCALE, LARGEST_SCALE = 1e6, 1e-6, 1e6


@dataclass(frozen=True, eq=False)
class CrossEntropyColumns:
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

    def value(self, logits: Array) -> float:
        """F(Z)."""
        return self.value_and_gradient(logits)[0]

    def gradient(self, logits: Array) -> Array:
        """Weight * slope * (softmax(u) - p)."""
        return self.value_and_gradient(logits)[1]

    def value_and_gradient(self, logits: Array) -> tuple[float, Array]:
        """Both."""
        at = np.arange(self.own.size)
        u, top, share = self._exponentials(logits)
        mine = share[self.own, at]
        share[self.own, at] = 0.0
        others = share.sum(axis=0)
        # log1p where the own logit leads: a loss of 1e-20 keeps its digits
        losses = np.where(top > 0, top + np.log(mine + others), np.log1p(others))
        if self.spread:
            losses -= self.spread * (self.multiplicity * u).sum(axis=0)
        share[self.own, at] = mine
        share /= mine + others
        return float(losses @ self.weight), self._pull(share, others / (mine + others))

    def _pull(self, share: Array, missed: Array) -> Array:
        """Weight * slope * (share - p), where `missed` = 1 - share of the own class keeps its digits."""
        at = np.arange(self.own.size)
        own = (
            (self.multiplicity * self.spread + np.zeros(share.shape))[self.own, at]
            if self.spread
            else 0.0
        )
        if self.spread:
            share -= self.multiplicity * self.spread
        share[self.own, at] = (1.0 - self.kept) - missed - own
        share *= self.slope
        share *= self.weight
        return share

    def _exponentials(self, logits: Array) -> tuple[Array, Array, Array]:
        """Logits u less the own one, their largest entry per column (the own one is zero), multiplicity * exp(u - largest)."""
        u = self.slope * logits + self.offset
        u -= u[self.own, np.arange(self.own.size)]
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
        at = np.arange(self.own.size)
        shape = dual.shape
        column = (
            self.weight * self.ones * np.broadcast_to(self.slope, shape)[0]
        )  # r_j cancels within a row
        targets = np.full(shape, self.spread)
        targets[self.own, at] = 0.0
        flow = np.maximum(targets + dual / (self.weight * self.slope), 0.0) * column
        flow[self.own, at] = 0.0
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
        w[self.own, at] = 0.0
        w[self.own, at] = -w.sum(axis=0)
        moved: Array = w * self.weight * self.slope
        return moved

    def conjugate(self, dual: Array) -> float:
        """F*(dual); see the module.

        Everything is computed from the probabilities of the other classes: next to one, that of the own class has lost its digits.
        """
        from scipy.special import xlogy

        at = np.arange(self.own.size)
        w = dual / (self.weight * self.slope)
        targets = np.broadcast_to(self.spread * self.multiplicity, w.shape)
        others = targets + w
        own = (
            w[self.own, at] + targets[self.own, at] - (1.0 - self.kept)
        )  # minus the sum of the others, if the dual is consistent
        others[self.own, at] = 0.0
        missed = others.sum(axis=0)
        if others.min() < -OUTSIDE or missed.max() > 1.0 + OUTSIDE:
            return math.inf
        if np.any(np.abs(own + missed) > 1e-12 * missed + (OUTSIDE if self.spread else 0.0)):
            return math.inf
        others, missed = np.maximum(others, 0.0), np.minimum(missed, 1.0)
        stands = np.broadcast_to(np.maximum(self.multiplicity, np.finfo(float).tiny), w.shape)
        entropy = (xlogy(others, others) - xlogy(others, stands)).sum(axis=0)
        entropy += np.where(
            missed < 1.0, (1.0 - missed) * np.log1p(-np.minimum(missed, 1.0 - 2.0**-53)), 0.0
        )
        offset = np.broadcast_to(self.offset, w.shape)
        w[self.own, at] = 0.0
        return float((entropy - (w * (offset - offset[self.own, at])).sum(axis=0)) @ self.weight)


@dataclass(frozen=True, eq=False, init=False)
class CrossEntropy:
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

    smoothing: float
    offsets: Array | None
    label_scale: Array | None
    class_scale: Array | None

    def __init__(
        self,
        smoothing: float = 0.0,
        offsets: ArrayLike | None = None,
        label_scale: ArrayLike | None = None,
        class_scale: ArrayLike | None = None,
    ) -> None:
        try:
            delta = math.nan if isinstance(smoothing, bool) else float(smoothing)
        except (TypeError, ValueError):
            delta = math.nan
        if not 0.0 <= delta < 1.0:
            raise ProblemError(
                f"smoothing {smoothing!r} is not in [0, 1); 0 is plain cross-entropy, 0.1 is usual"
            )
        set_ = object.__setattr__
        set_(self, "smoothing", delta)
        set_(self, "offsets", _per_class(offsets, "offsets", positive=False))
        set_(self, "label_scale", _per_class(label_scale, "label_scale", positive=True))
        set_(self, "class_scale", _per_class(class_scale, "class_scale", positive=True))

    @property
    def name(self) -> str:
        """The word used in `UFM(loss=...)`."""
        return "ce"

    @property
    def one_hot(self) -> bool:
        """Output k belongs to class k."""
        return True

    @property
    def plain(self) -> bool:
        """Whether nothing but smoothing is there: no scales but ones, no offsets but equal ones."""
        scales = all(
            x is None or bool((x == 1.0).all()) for x in (self.label_scale, self.class_scale)
        )
        return scales and (self.offsets is None or bool((self.offsets == self.offsets[0]).all()))

    def outputs(self, classes: int) -> int:
        """K."""
        for what in ("offsets", "label_scale", "class_scale"):
            given = getattr(self, what)
            if given is not None and given.size != classes:
                raise ProblemError(
                    f"{what} has {given.size} entries for {classes} classes; give one number per class"
                )
        return classes

    def targets(self, classes: int) -> Array:
        """The identity: the target before smoothing."""
        return np.eye(classes)

    def parameters(self) -> dict[str, Any]:
        """What differs from plain cross-entropy."""
        found: dict[str, Any] = {"smoothing": self.smoothing} if self.smoothing else {}
        for what in ("offsets", "label_scale", "class_scale"):
            if (given := getattr(self, what)) is not None:
                found[what] = given.tolist()
        return found

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> CrossEntropy:
        """The loss with these `parameters`."""
        return cls(**parameters)

    def per_class(self, classes: int) -> Array:
        """(iota, s, r) of every class, shape (3, K)."""
        filled = (np.zeros(classes), np.ones(classes), np.ones(classes))
        given = (self.offsets, self.label_scale, self.class_scale)
        return np.array([one if x is None else x for x, one in zip(given, filled, strict=True)])

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
        classes = int(labels.max()) + 1
        given = [
            x.size for x in (self.offsets, self.label_scale, self.class_scale) if x is not None
        ]
        offset, label, rows = self.per_class(given[0] if given else classes)
        root = np.sqrt(mass)
        slope = label[labels] / root
        return CrossEntropyColumns(
            own=labels,
            weight=mass / mass.sum(),
            ones=root,
            slope=slope[None, :] if self.class_scale is None else rows[:, None] * slope,
            offset=np.zeros((1, 1)) if self.offsets is None else offset[:, None],
            spread=self.smoothing / (given[0] if given else classes),
            kept=1.0 - self.smoothing,
            multiplicity=np.ones((1, 1)),
        )


def _per_class(given: ArrayLike | None, what: str, *, positive: bool) -> Array | None:
    if given is None:
        return None
    try:
        array = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ProblemError(f"{what} are not numbers; give one number per class") from None
    if array.ndim != 1 or array.size == 0:
        raise ProblemError(f"{what} have shape {array.shape}; give one number per class")
    low, high = (SMALLEST_SCALE, LARGEST_SCALE) if positive else (-LARGEST_OFFSET, LARGEST_OFFSET)
    wrong = ~((array >= low) & (array <= high))
    if wrong.any():
        k = int(np.flatnonzero(wrong)[0])
        raise ProblemError(f"{what}[{k}] is {array[k]:g}; numbers from {low:g} to {high:g} work")
    array.setflags(write=False)
    return array
