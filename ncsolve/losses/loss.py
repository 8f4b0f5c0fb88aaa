"""What every loss tells the rest of the library, column by column.

The data term of the objective is a sum over columns of a function of the logits Z (outputs x P). A column is a sample, a
class mean, or (squared loss only) a rotated combination of samples; `Columns` hides which.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Columns(Protocol):
    """The data term F(Z) of one objective, over P columns."""

    @property
    def ones(self) -> Array:
        """The row that the bias multiplies, shape (P,): all ones when columns are samples."""

    def value(self, logits: Array) -> float:
        """F(Z), a float; `logits` has shape (outputs, P)."""

    def gradient(self, logits: Array) -> Array:
        """dF/dZ, shape (outputs, P)."""

    def hessian_product(self, logits: Array, direction: Array) -> Array:
        """The second derivative of F at Z applied to `direction`, shape (outputs, P)."""


class Loss(Protocol):
    """A loss, named, and able to lay out its data term."""

    @property
    def name(self) -> str:
        """The word used in `UFM(loss=...)`, on the command line and in JSON."""

    def outputs(self, classes: int) -> int:
        """Number of logits for a problem with that many classes; raises ProblemError where they do not fit."""

    def targets(self, classes: int) -> Array:
        """The matrix Y whose column k is the target of class k, shape (outputs, classes)."""

    def sample_columns(self, counts: Array) -> Columns:
        """One column per sample, classes in order; the counts are whole numbers."""

    def class_columns(self, counts: Array) -> Columns:
        """One column per class, features scaled by sqrt(n_k): equal to `sample_columns` when every class has collapsed."""
