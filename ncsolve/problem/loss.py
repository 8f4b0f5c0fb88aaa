"""What every loss tells the rest of the library, column by column.

The data term of the objective is a sum over columns of a function of the logits Z (outputs x P). A column stands for samples
of one class that share a feature, one of them or all n_k; the feature and so the logits are scaled by the square root of their
number (the column's mass), which makes Frobenius norms of the columns those of all N features. `Columns` hides which.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


class Columns(Protocol):
    """The data term F(Z) of one objective, over P columns."""

    @property
    def ones(self) -> Array:
        """The row that the bias multiplies, shape (P,): square roots of the masses."""

    def value(self, logits: Array) -> float:
        """F(Z), a float; `logits` has shape (outputs, P)."""

    def gradient(self, logits: Array) -> Array:
        """dF/dZ, shape (outputs, P)."""

    def value_and_gradient(self, logits: Array) -> tuple[float, Array]:
        """Both, for the price of one where they share work."""

    def hessian_product(self, logits: Array) -> Callable[[Array], Array]:
        """The map from a direction to the second derivative of F at Z applied to it, both of shape (outputs, P)."""

    def without_mean(self, dual: Array) -> Array:
        """A dual point near `dual`, in the domain of the conjugate, whose rows are orthogonal to `ones`."""

    def conjugate(self, dual: Array) -> float:
        """F*(dual) = sup over Z of <dual, Z> - F(Z); infinite outside its domain."""


class Loss(Protocol):
    """A loss, named, and able to lay out its data term."""

    @property
    def name(self) -> str:
        """The word used in `UFM(loss=...)`, on the command line and in JSON."""

    @property
    def one_hot(self) -> bool:
        """Whether output k belongs to class k, as in classification."""

    def outputs(self, classes: int) -> int:
        """Number of logits for a problem with that many classes; raises ProblemError where they do not fit."""

    def targets(self, classes: int) -> Array:
        """The matrix Y whose column k is the target of class k, shape (outputs, classes)."""

    def parameters(self) -> dict[str, Any]:
        """Everything but the name that tells two such losses apart, as plain values; empty for the plain loss."""

    def per_class(self, classes: int) -> Array:
        """Parameters that tell classes apart beside their counts, shape (any, classes); equal columns, exchangeable classes."""

    def own_slope(self, classes: int) -> Array:
        """-d loss / d(own logit) + the same for another class's logit, where all logits are equal, per class (convex.py)."""

    def grouped(self, shares: Array, multiplicity: Array, per_group: Array) -> Columns:
        """Reduced columns of groups of exchangeable classes, in the form of `analytic/groups.py`, shape (G + 1, G)."""

    def columns(self, labels: Indices, mass: Array) -> Columns:
        """Column i stands for `mass[i]` samples of class `labels[i]`; N is the sum of the masses."""


def sample_columns(loss: Loss, counts: Array) -> Columns:
    """One column per sample, classes in order; the counts are whole numbers."""
    labels = np.repeat(np.arange(counts.size), counts.astype(np.intp))
    return loss.columns(labels, np.ones(labels.size))


def class_columns(loss: Loss, counts: Array) -> Columns:
    """One column sqrt(n_k) z_k per class: equal to `sample_columns` when every class has collapsed."""
    return loss.columns(np.arange(counts.size), counts)
