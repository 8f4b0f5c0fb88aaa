r"""Decays, translated between conventions.

Their objective, averaged over the steps of one epoch, is

    s * (1/N) sum_i loss_i + sum_j p_j ||W_j||_F^2 + p_H ||H||_F^2 + p_b ||b||^2,

with a scale s and coefficients p that depend on how it is written down. Dividing by s changes no minimizer, and the canonical
objective has s = 1 and p = lambda / 2, so

    lambda = 2 p / s      for each decay.

`DecayConvention` says how their code is written, `convert` multiplies the factors, one per row of the table, and keeps them.

| their code | lambda becomes |
|---|---|
| penalties without the 1/2 | 2 lambda |
| squared error without the 1/2 (s = 2) | lambda / 2 |
| torch MSELoss(), the mean over N K entries (s = 2/K) | K lambda / 2 |
| half of it (s = 1/K) | K lambda |
| losses summed over the B samples of a step (s = B) | lambda / B, where B = N for the full batch |
| (lambda_H / 2N) ||H||^2, or the mean of (lambda_H/2)||h||^2 over a batch | lambda_H / N |
| (lambda_H / 2) times the sum of ||h||^2 over a mini-batch of B | lambda_H B / N |
| weight_decay of torch SGD or Adam, which adds w theta to the gradient (p = w/2) | w, times the loss's factor |
| AdamW, decoupled decay | the decay is the gradient of no function that the loss could be added to: refused |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..values import Value, plain
from .border import shown
from .errors import NoConversion, ProblemError

Decay = float | tuple[float, ...]

#: The words of a convention.
WORDS = {
    "loss": ("mse", "ce", "squared_error", "mse_loss", "half_mse_loss"),
    "reduction": ("mean", "sum"),
    "penalty": ("half", "full"),
    "feature_penalty": ("all", "mean", "batch", "optimizer"),
    "optimizer": ("none", "sgd", "adam", "adamw"),
}
DECAYS = ("weight_decay", "feature_decay", "bias")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class DecayConvention(Value):
    """How somebody's training code writes the loss and its penalties.

    Parameters
    ----------
    loss : str
        Per sample: "mse" is (1/2)||z - y||^2, "ce" cross-entropy (both canonical), "squared_error" ||z - y||^2, "mse_loss"
        torch's MSELoss() with its mean over samples and outputs, "half_mse_loss" half of that.
    reduction : "mean" or "sum" over the samples of a step (for "mse_loss" with "sum", over outputs too, as torch does)
    penalty : "half" for (lambda/2)||.||^2 or "full" for lambda ||.||^2, where penalties are terms of the loss
    feature_penalty : str
        "all": over all N features in every step; "batch": summed over the samples of a step; "mean": their mean, or 1/N of
        the sum over all; "optimizer": H is a parameter and the optimizer's weight_decay acts on it.
    optimizer : "none", "sgd", "adam" or "adamw"
        Whose weight_decay acts on weights (and on the bias, if it has a decay); "none": their penalties are terms of the loss.
    classes : int, optional
        K, the number of outputs. Needed by the MSELoss conventions.
    samples : float, optional
        N. Needed where features are summed over a mini-batch or averaged, and for sums over the full batch.
    batch : float, optional
        Samples B per step; the full batch by default.

    Raises
    ------
    NoConversion
        For "adamw".
    ProblemError
        For an unknown word or a number that cannot be.

    Examples
    --------
    >>> from ncsolve import DecayConvention
    >>> DecayConvention(loss="mse_loss", classes=10, optimizer="sgd").loss
    'mse_loss'
    """

    loss: str = "mse"
    reduction: str = "mean"
    penalty: str = "half"
    feature_penalty: str = "all"
    optimizer: str = "none"
    classes: int | None = None
    samples: float | None = None
    batch: float | None = None

    def __post_init__(self) -> None:
        for field, known in WORDS.items():
            given = getattr(self, field)
            if given not in known:
                works = ", ".join(map(repr, known))
                raise ProblemError(f"{field} {shown(given)} is unknown; one of {works} works")
        if self.optimizer == "adamw":
            raise NoConversion(
                "AdamW shrinks the weights beside the gradient step (decoupled decay): that is not an L2 penalty, its end depends on "
                "the learning rates, and no decay of the canonical objective stands for it; train with SGD or Adam(weight_decay=...)"
            )
        for field, least in (("classes", 2.0), ("samples", 1.0), ("batch", 1.0)):
            value = getattr(self, field)
            if value is not None and not (_is_number(value) and least <= value < math.inf):
                raise ProblemError(
                    f"{field} {shown(value)} is not a finite number of {least:g} or more"
                )
        if self.classes is not None and self.classes != int(self.classes):
            raise ProblemError(
                f"classes {self.classes!r} is not a whole number; give the number of outputs"
            )
        if self.batch is not None and self.samples is not None and self.batch > self.samples:
            raise ProblemError(
                f"batch {self.batch:g} is larger than samples {self.samples:g}; give at most that many"
            )


@dataclass(frozen=True, eq=False, repr=False)
class Rescaling(Value):
    """One row of the table at work: which decay it multiplies, by what, and why."""

    decay: str
    factor: float
    why: str


@dataclass(frozen=True, eq=False, repr=False)
class Converted(Value, Mapping[str, Any]):
    """Converted decays: a mapping that `UFM(counts, **converted)` takes, with the steps that led there.

    Attributes
    ----------
    weight_decay, feature_decay, bias : the decays that were given, converted; None for the others
    steps : tuple of Rescaling, in the order in which they were applied
    convention : DecayConvention
    back : whether the decays are in their convention (True) or the canonical one
    """

    weight_decay: Decay | None
    feature_decay: float | None
    bias: str | float | None
    steps: tuple[Rescaling, ...]
    convention: DecayConvention
    back: bool = False

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in DECAYS and getattr(self, str(name)) is not None

    def __iter__(self) -> Iterator[str]:
        return filter(self.__contains__, DECAYS)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def factor(self, decay: str) -> float:
        """The product of the factors of one decay, such as "weight_decay"."""
        return math.prod(step.factor for step in self.steps if step.decay == decay)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the command line writes them."""
        return {
            "convention": self.convention.to_dict(),
            "direction": "from canonical" if self.back else "to canonical",
            **{name: plain(value) for name, value in self.items()},
            "factors": {name: self.factor(name) for name in self},
            "steps": plain(self.steps),
        }


def convert(
    convention: DecayConvention,
    *,
    weight_decay: float | Sequence[float] | None = None,
    feature_decay: float | None = None,
    bias: str | float | None = None,
    back: bool = False,
) -> Converted:
    """Decays in the canonical convention (1/N) sum loss + (lambda/2)||.||^2, given theirs; or theirs, given the canonical.

    Parameters
    ----------
    convention : DecayConvention
        How their code is written.
    weight_decay : float or M floats, optional
    feature_decay : float, optional
    bias : "none", "free" or a decay of the bias, optional
    back : bool
        Convert from the canonical convention to theirs instead.

    Returns
    -------
    Converted
        A mapping of the decays that were given: ``UFM(counts, **converted)`` works. `.steps` tells factor by factor why.

    Raises
    ------
    ProblemError
        A decay that is not positive and finite, or N, K or B missing where the convention needs it.

    Notes
    -----
    For mini-batches the convention describes the mean of the objective over the steps of an epoch, which is what SGD descends on.

    Examples
    --------
    A network trained by ``torch.optim.SGD(weight_decay=1e-4)`` with ``MSELoss()`` and ``1e-5 * (h ** 2).sum()`` over
    mini-batches of 100 of its 5,000 samples:

    >>> import ncsolve
    >>> theirs = ncsolve.DecayConvention(loss="mse_loss", optimizer="sgd", penalty="full", feature_penalty="batch",
    ...                             classes=10, samples=5000, batch=100)
    >>> found = ncsolve.convert(theirs, weight_decay=1e-4, feature_decay=1e-5)
    >>> round(found.weight_decay, 12), round(found.feature_decay, 12)
    (0.0005, 2e-06)
    >>> ncsolve.UFM([500] * 10, **found).feature_decay == found.feature_decay
    True
    >>> [step.factor for step in found.steps if step.decay == "feature_decay"]
    [2.0, 5.0, 0.02]
    """
    given: dict[str, Any] = {
        "weight_decay": weight_decay,
        "feature_decay": feature_decay,
        "bias": bias,
    }
    steps: list[Rescaling] = []
    converted: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or (
            name == "bias" and isinstance(value, str) and value in ("none", "free")
        ):
            converted[name] = value
            continue
        chain = [(1 / factor if back else factor, why) for factor, why in _chain(convention, name)]
        steps += [Rescaling(name, float(factor), why) for factor, why in chain]
        factor = math.prod((factor for factor, _ in chain), start=Fraction(1))
        several = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)
        if name == "weight_decay" and several:
            converted[name] = tuple(_scaled(entry, factor, name) for entry in value)
        else:
            converted[name] = _scaled(value, factor, name)
    if all(value is None for value in given.values()):
        raise ProblemError(
            "no decay was given to convert; give weight_decay, feature_decay or bias"
        )
    return Converted(**converted, steps=tuple(steps), convention=convention, back=back)


def _chain(theirs: DecayConvention, decay: str) -> list[tuple[Fraction, str]]:
    """The rows of the module's table that hold: factors from their convention to the canonical one, exact, with their reasons."""
    loss, mean, of_features = theirs.loss, theirs.reduction == "mean", decay == "feature_decay"
    penalty = theirs.feature_penalty if of_features else ""
    trained = penalty == "optimizer" if of_features else theirs.optimizer != "none"
    half = "has no 1/2, so the data term is twice the canonical one"

    def needed(field: str, what: str) -> Fraction:
        if (value := getattr(theirs, field)) is None:
            raise ProblemError(f"{field} is missing: this convention needs {what}; give {field}")
        return Fraction(value)

    def outputs() -> Fraction:
        return needed("classes", "K, the outputs over which MSELoss() averages")

    def step() -> Fraction:
        whole = "N, as losses are summed over all samples"
        return needed("samples", whole) if theirs.batch is None else Fraction(theirs.batch)

    def share() -> Fraction:
        batch = theirs.batch
        return Fraction(1) if batch is None else Fraction(batch) / needed("samples", "N")

    table: tuple[tuple[bool, Callable[[], Fraction], str], ...] = (
        (
            trained,
            lambda: Fraction(1),
            "the optimizer adds weight_decay * theta to the gradient, the gradient of (weight_decay/2) theta^2",
        ),
        (theirs.penalty == "full" and not trained, lambda: Fraction(2), "the penalty has no 1/2"),
        (loss == "squared_error" and mean, lambda: Fraction(1, 2), f"the squared error {half}"),
        (
            loss == "mse_loss" and mean,
            lambda: outputs() / 2,
            "MSELoss() is the mean over N K entries, 2/K of the canonical data term",
        ),
        (
            loss == "half_mse_loss" and mean,
            outputs,
            "half of MSELoss() is 1/K of the canonical data term",
        ),
        (
            loss in ("squared_error", "mse_loss") and not mean,
            lambda: Fraction(1, 2),
            f"the sum of squared errors {half}",
        ),
        (
            not mean,
            lambda: 1 / step(),
            "losses are summed over the samples of a step, not averaged",
        ),
        (
            penalty == "mean",
            lambda: 1 / needed("samples", "N"),
            "features are averaged, 1/N of the sum over all of them",
        ),
        (penalty == "batch", share, "a step penalizes the features of its batch only, B of N"),
    )
    return [(factor(), why) for holds, factor, why in table if holds]


def _scaled(value: object, factor: Fraction, name: str) -> float:
    if not (_is_number(value) and 0 < value < math.inf):  # type: ignore[operator]
        words = ", 'none' or 'free'" if name == "bias" else ""
        raise ProblemError(
            f"{name} {shown(value)} is not a positive finite number such as 5e-4{words}"
        )
    try:
        found = float(Fraction(float(value)) * factor)  # type: ignore[arg-type]
    except OverflowError:
        found = math.inf
    if not 0 < found < math.inf:
        raise ProblemError(
            f"{name} {value!r} times {float(factor):g} leaves the range of doubles; check the numbers"
        )
    return found


def _is_number(value: object) -> bool:
    if isinstance(value, bool | str | bytes):
        return False
    try:
        return not math.isnan(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False
