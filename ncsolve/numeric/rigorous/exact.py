r"""The problem in exact arithmetic: every input is the rational whose decimal string it was given as.

N = sum n_k,    Pi = lambda_H lambda_1 ... lambda_M,    R = min(K, outputs, widths),    c^2 = lambda_W lambda_H at M = 1
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...problem.errors import NcsolveError
from ...problem.exact_decimals import exact_decimal, exact_decimals
from ...problem.losses import CrossEntropy, Squared
from ...problem.ufm import UFM
from .rejected import Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIELDS = {
    "counts",
    "names",
    "loss",
    "depth",
    "width",
    "weight_decay",
    "feature_decay",
    "bias",
    "features",
}
_PARAMETERS = {"mse": {"targets"}, "ce": {"smoothing", "offsets", "label_scale", "class_scale"}}


@dataclass(frozen=True, eq=False)
class ExactProblem:
    """A UFM whose numbers are exact decimals."""

    ufm: UFM

    @cached_property
    def counts(self) -> list[Fraction]:
        """n_k."""
        return exact_decimals(self.ufm.counts.tolist())

    @cached_property
    def samples(self) -> Fraction:
        """N."""
        return sum(self.counts, Fraction(0))

    @cached_property
    def weight_decay(self) -> list[Fraction]:
        """lambda_1, ..., lambda_M."""
        return exact_decimals(self.ufm.weight_decay)

    @cached_property
    def feature_decay(self) -> Fraction:
        """lambda_H."""
        return exact_decimal(self.ufm.feature_decay)

    @cached_property
    def product(self) -> Fraction:
        """Pi."""
        found = self.feature_decay
        for decay in self.weight_decay:
            found *= decay
        return found

    @cached_property
    def bias_decay(self) -> Fraction | None:
        """lambda_b of a regularized bias; None for the biases "none" and "free"."""
        return None if isinstance(self.ufm.bias, str) else exact_decimal(self.ufm.bias)

    @property
    def squared(self) -> bool:
        """Whether the loss is squared loss."""
        return isinstance(self.ufm.loss, Squared)

    @property
    def one_hot(self) -> bool:
        """Whether output k belongs to class k."""
        return bool(self.ufm.loss.one_hot)

    @property
    def spectral(self) -> bool:
        """Whether the modes of the target make the minimum itself, and not only a lower bound of it.

        ReLU features remove points; without a bias the axis-aligned minimizer for one-hot targets is not among them.
        """
        return self.ufm.features == "linear" or (self.one_hot and self.ufm.bias == "none")

    @cached_property
    def targets(self) -> list[list[Fraction]]:
        """Rows of Y, where targets are given as a matrix."""
        return [exact_decimals(row) for row in self.ufm.loss.targets(self.ufm.classes).tolist()]

    @cached_property
    def smoothing(self) -> Fraction:
        """The smoothing delta of cross-entropy."""
        return (
            exact_decimal(self.ufm.loss.smoothing)
            if isinstance(self.ufm.loss, CrossEntropy)
            else Fraction(0)
        )

    @cached_property
    def per_class(self) -> tuple[list[Fraction], list[Fraction], list[Fraction]]:
        """(iota, s, r) of every class; zeros and ones for squared loss."""
        k = self.ufm.classes
        if self.squared:
            return [Fraction(0)] * k, [Fraction(1)] * k, [Fraction(1)] * k
        offset, label, rows = (
            exact_decimals(numbers) for numbers in self.ufm.loss.per_class(k).tolist()
        )
        return offset, label, rows

    def to_dict(self) -> dict[str, Any]:
        """The problem with every number as the decimal string that it stands for."""
        return {name: _texts(value) for name, value in self.ufm.to_dict().items()}

    @staticmethod
    def from_dict(stored: object) -> ExactProblem:
        """Read `to_dict` back; everything that a UFM refuses is refused here too."""
        if not isinstance(stored, Mapping):
            raise Rejected("problem: an object is needed")
        loss = stored.get("loss")
        if (
            not isinstance(loss, str)
            or loss not in _PARAMETERS
            or not _FIELDS <= stored.keys() <= _FIELDS | _PARAMETERS[loss]
        ):
            raise Rejected("problem: fields are missing or unknown")
        numbers = {
            name: _numbers(value, name)
            for name, value in stored.items()
            if name not in ("names", "loss", "features")
        }
        try:
            if loss == "ce":
                chosen: Any = CrossEntropy(
                    **{name: numbers[name] for name in _PARAMETERS["ce"] & numbers.keys()}
                )
            else:
                chosen = Squared(numbers.get("targets"))
            ufm = UFM(
                **{
                    name: numbers[name]
                    for name in (
                        "counts",
                        "depth",
                        "width",
                        "weight_decay",
                        "feature_decay",
                        "bias",
                    )
                },
                loss=chosen,
                features=str(stored["features"]),
                names=_names(stored["names"]),
            )
        except (NcsolveError, TypeError, ValueError, OverflowError) as error:
            raise Rejected(f"problem: {' '.join(str(error).split())}") from None
        found = ExactProblem(ufm)
        if {**found.to_dict(), "names": None} != {**stored, "names": None}:
            raise Rejected("problem: a number is not the shortest decimal of its double")
        return found


def _texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_texts(entry) for entry in value]
    return repr(value) if isinstance(value, float) else value


def _numbers(value: Any, name: str) -> Any:
    """Decimal strings to doubles, whole numbers and words as they are."""
    if isinstance(value, list):
        return [_numbers(entry, name) for entry in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or len(value) > 40:
        raise Rejected(f"problem: {name} holds {str(value)[:40]!r}")
    if value in ("none", "free"):
        return value
    try:
        return float(value)
    except ValueError:
        raise Rejected(f"problem: {name} holds {value!r}") from None


def _names(stored: Any) -> Sequence[str]:
    if not isinstance(stored, list) or not all(isinstance(name, str) for name in stored):
        raise Rejected("problem: names are not a list of words")
    return stored
