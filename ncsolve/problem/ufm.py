r"""The question: an unconstrained feature model.

K classes with counts n_k > 0, N = sum n_k, depth M >= 1. Features H (d_1 x N), weights W_j (d_{j+1} x d_j), where W_M has
one row per output, bias b of the last layer:

    (1/N) sum_i loss(W_M ... W_1 h_i + b, y_i)
        + sum_j (lambda_j / 2) ||W_j||_F^2 + (lambda_H / 2) ||H||_F^2 + (lambda_b / 2) ||b||^2

All N columns of H are penalised. `bias="none"` is lambda_b = infinity, `bias="free"` is lambda_b = 0. Everything a user
can get wrong about a problem is refused here and in the table of fields, once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np

from ..values import Value
from .errors import CountsError, ProblemError
from .fields import FIELDS, brief
from .losses import LOSSES, Array, Loss

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# Between these, products and reciprocals of counts stay within doubles.
FEWEST, MOST = 1e-100, 1e100


@dataclass(frozen=True, init=False, eq=False, repr=False)
class UFM(Value):
    """An unconstrained feature model: class counts, loss, depth, widths, decays, bias, features.

    Parameters
    ----------
    counts : sequence of K positive numbers, or mapping class name -> count
        Samples per class; K >= 2. Fractions are allowed: only n_k / N and N enter the mathematics.
    loss : "mse", "ce", or a Loss value such as ``Squared(targets)`` or ``CrossEntropy(smoothing=0.1)``
        Squared loss is (1/2)||z - y||^2, cross-entropy logsumexp(z) - z_y, averaged over samples.
    depth : int, M >= 1
        Number of weight matrices on top of the features.
    width : int or M ints (d_1, ..., d_M), optional
        d_1 is the feature dimension, d_2 .. d_M the hidden widths. Default: large enough for the full geometry.
    weight_decay : float > 0, or M floats (lambda_1, ..., lambda_M)
        Decays of W_1 .. W_M, in the objective's convention (lambda/2 times the squared norm).
    feature_decay : float > 0
        lambda_H, on all N feature columns.
    bias : "none", "free" or a float lambda_b > 0
    features : "linear" or "relu"
        "relu" constrains H >= 0.
    names : sequence of K strings, optional
        Class names; taken from `counts` if that is a mapping.

    Raises
    ------
    CountsError, ProblemError
        One line: the value, what is wrong with it, what would work.

    Examples
    --------
    >>> import ncsolve
    >>> ufm = ncsolve.UFM(counts={"cat": 200, "dog": 100}, depth=3, weight_decay=5e-4, feature_decay=5e-4)
    >>> ufm.classes, ufm.samples, ufm.width
    (2, 300.0, (2, 2, 2))
    """

    counts: Array
    names: Sequence[str]
    loss: Loss
    depth: int
    width: tuple[int, ...]
    weight_decay: tuple[float, ...]
    feature_decay: float
    bias: str | float
    features: str

    def __init__(
        self,
        counts: ArrayLike | Mapping[str, float],
        loss: str | Loss = "mse",
        depth: SupportsIndex = 1,
        width: int | Sequence[int] | None = None,
        weight_decay: float | Sequence[float] = 5e-4,
        feature_decay: float = 5e-4,
        bias: str | float = "none",
        features: str = "linear",
        names: Sequence[str] | None = None,
    ) -> None:
        if isinstance(counts, Mapping):
            names = [str(name) for name in counts] if names is None else names
            counts = list(counts.values())
        n = _counts(counts, names)
        if names is None:
            names = _Numbered(n.size)
        elif not hasattr(names, "__len__") or len(names) != n.size:
            raise CountsError(
                f"names {brief(names)} do not fit {n.size} counts; give one name per class"
            )
        elif not isinstance(names, _Numbered) and all(
            name == str(k) for k, name in enumerate(names)
        ):
            names = _Numbered(n.size)
        layers = FIELDS["depth"].check(depth, 1)
        chosen = FIELDS["loss"].check(loss, layers)
        enough = min(n.size, chosen.outputs(n.size))
        given = {
            "loss": chosen,
            "depth": layers,
            "width": enough if width is None else width,
            "weight_decay": weight_decay,
            "feature_decay": feature_decay,
            "bias": bias,
            "features": features,
        }
        checked = {name: FIELDS[name].check(value, layers) for name, value in given.items()}
        names = names if isinstance(names, _Numbered) else tuple(map(str, names))
        self.__dict__.update(counts=n, names=names, **checked)  # the class is frozen

    @property
    def classes(self) -> int:
        """K, the number of classes."""
        return int(self.counts.size)

    @cached_property
    def outputs(self) -> int:
        """Number of logits: K for one-hot targets."""
        return self.loss.outputs(self.classes)

    @cached_property
    def samples(self) -> float:
        """N, the sum of the counts, in extended precision where the machine has it."""
        return float(self.counts.sum(dtype=np.longdouble))

    @cached_property
    def whole(self) -> bool:
        """Whether every count is a whole number, so that H has N columns."""
        return bool((self.counts == np.floor(self.counts)).all())

    @cached_property
    def balanced(self) -> bool:
        """Whether all counts are equal."""
        return bool(self.counts.min() == self.counts.max())

    @property
    def bias_decay(self) -> float:
        """lambda_b: infinity without a bias, 0 for a free one."""
        decays = {"none": math.inf, "free": 0.0}
        return decays[self.bias] if isinstance(self.bias, str) else self.bias

    @property
    def decays(self) -> tuple[float, ...]:
        """The M + 1 decays (lambda_H, lambda_1, ..., lambda_M)."""
        return (self.feature_decay, *self.weight_decay)

    @property
    def rank_limit(self) -> int:
        """R = min(K, outputs, all widths): the largest rank that Z - b 1^T can have."""
        return min(self.classes, self.outputs, *self.width)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of W_1, ..., W_M."""
        rows = (*self.width[1:], self.outputs)
        return tuple(zip(rows, self.width, strict=True))

    def replace(self, **changes: Any) -> UFM:
        """The same problem with some fields changed.

        New `counts` come with their own names; a new `depth` spreads single widths and decays over the new layers.

        Examples
        --------
        >>> import ncsolve
        >>> ncsolve.UFM(counts=[3, 2]).replace(depth=2).weight_decay
        (0.0005, 0.0005)
        """
        kept = {name: getattr(self, name) for name in self._names()}
        if "counts" in changes:
            kept["names"] = kept["width"] = None
        if "depth" in changes:
            for name in ("width", "weight_decay"):
                if len(set(kept[name] or ())) == 1:
                    kept[name] = kept[name][0]
        return UFM(**(kept | changes))

    def words(self, *, decays: bool = True) -> str:
        """The problem on one line; without its decays where they are what is asked for.

        Examples
        --------
        >>> import ncsolve
        >>> str(ncsolve.UFM([20, 10], "ce", depth=2))[:60]
        '2 classes, N = 30, cross-entropy, M = 2, width 2, weight dec'
        """
        said = self.parts()
        if not decays:
            del said["weight-decay"], said["feature-decay"]
        return ", ".join(said.values())

    def parts(self) -> dict[str, str]:
        """What `words` says, by the axis of a map that it is about."""

        def layers(values: Sequence[float]) -> str:
            distinct = values[:1] if len(set(values)) == 1 else values
            more = ", ..." if len(distinct) > 6 else ""
            return ", ".join(f"{value:.6g}" for value in distinct[:6]) + more

        whole = self.samples == math.floor(self.samples) and self.samples < 1e15
        return {
            "K": f"{self.classes} classes",
            "n": f"N = {self.samples:{'.0f' if whole else '.6g'}}",
            "loss": str(self.loss),
            "depth": f"M = {self.depth}",
            "width": f"width {layers(self.width)}",
            "weight-decay": f"weight decay {layers(self.weight_decay)}",
            "feature-decay": f"feature decay {self.feature_decay:.6g}",
            "bias-decay": {"none": "no bias", "free": "free bias"}.get(
                str(self.bias), f"bias decay {self.bias}"
            ),
            "features": f"{self.features} features",
        }

    def __str__(self) -> str:
        return self.words()

    def to_dict(self) -> dict[str, Any]:
        """The problem as plain Python values, the "ufm" entry of every JSON document."""
        said = {"names": list(self.names), "loss": self.loss.name} | self.loss.parameters()
        return super().to_dict() | said

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> UFM:
        """The problem that `to_dict` wrote.

        Raises
        ------
        ProblemError
            An entry is missing or unknown; other errors as for any problem.

        Examples
        --------
        >>> import ncsolve
        >>> ufm = ncsolve.UFM(counts={"cat": 30, "dog": 20}, loss=ncsolve.CrossEntropy(smoothing=0.1), bias="free")
        >>> ncsolve.UFM.from_dict(ufm.to_dict()) == ufm
        True
        """
        own = cls._names()
        if missing := sorted(set(own) - set(document)):
            raise ProblemError(
                f"a problem without {', '.join(missing)} is incomplete; give what UFM.to_dict writes"
            )
        given = {name: value for name, value in document.items() if name in own}
        parameters = {name: value for name, value in document.items() if name not in own}
        word = given["loss"]
        if word not in tuple(LOSSES):
            works = ", ".join(map(repr, LOSSES))
            raise ProblemError(f"loss {brief(word)} is unknown; one of {works} works")
        try:
            given["loss"] = LOSSES[word].from_parameters(parameters)
        except TypeError:
            said = ", ".join(sorted(parameters))
            raise ProblemError(f"loss {word!r} has no parameters {said}") from None
        return cls(**given)


@dataclass(frozen=True)
class _Numbered(Sequence[str]):
    """The names "0", "1", ..., without storing them: a million classes cost nothing."""

    size: int

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        chosen = range(self.size)[index]
        return list(map(str, chosen)) if isinstance(chosen, range) else str(chosen)


def _counts(counts: ArrayLike, names: Sequence[str] | None) -> Array:
    advice = "counts must be positive finite numbers, one per class, for at least 2 classes"
    try:
        raw = np.asarray(counts)
        if raw.dtype.kind not in "iufO":
            raise TypeError
        n = np.array(raw, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise CountsError(f"counts {brief(counts)} are not numbers; {advice}") from None
    if n.ndim != 1 or n.size == 0:
        what = "empty" if n.size == 0 else f"an array of shape {n.shape}"
        raise CountsError(f"counts {brief(counts)} are {what}; {advice}")
    if not (n.min() >= FEWEST and n.max() <= MOST):
        k = int(np.flatnonzero(~((n >= FEWEST) & (n <= MOST)))[0])
        fit = names is not None and hasattr(names, "__len__") and len(names) == n.size
        who = names[k] if names is not None and fit else k
        why = {0.0: "zero (leave out a class without samples)", math.inf: "infinite"}.get(
            n[k], "not positive"
        )
        why = "not a number" if math.isnan(n[k]) else why
        if 0 < n[k] < math.inf:
            why = f"outside {FEWEST:g} .. {MOST:g}, where doubles can carry the problem"
        raise CountsError(f"the count of class {who!r} is {n[k]:g}: {why}; {advice}")
    if n.size == 1:
        raise CountsError(f"counts {brief(counts)} have a single class; {advice}")
    n.setflags(write=False)
    return n
