r"""The question: an unconstrained feature model.

K classes with counts n_k > 0, N = sum n_k, depth M >= 1. Features H (d_1 x N), weights W_j (d_{j+1} x d_j), where W_M has
one row per output, bias b of the last layer:

    (1/N) sum_i loss(W_M ... W_1 h_i + b, y_i)
        + sum_j (lambda_j / 2) ||W_j||_F^2 + (lambda_H / 2) ||H||_F^2 + (lambda_b / 2) ||b||^2

All N columns of H are penalised. `bias="none"` is lambda_b = infinity, `bias="free"` is lambda_b = 0. Everything a user
can get wrong about a problem is refused here, once.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from .errors import CountsError, ProblemError
from .losses import LOSSES, Array, Loss

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

SMALLEST = float(np.finfo(np.float64).tiny)  # below it a double has lost digits
DEEPEST = 1000
FEWEST, MOST = (
    1e-100,
    1e100,
)  # between these, products and reciprocals of counts stay within doubles


@dataclass(frozen=True, init=False, eq=False)
class UFM:
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
    loss: Loss
    depth: int
    width: tuple[int, ...]
    weight_decay: tuple[float, ...]
    feature_decay: float
    bias: str | float
    features: str
    names: Sequence[str]

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
                f"names {_short(names)} do not fit {n.size} counts; give one name per class"
            )
        m = _depth(depth)
        chosen = _loss(loss)
        outputs = chosen.outputs(n.size)
        enough = min(n.size, outputs)
        set_ = object.__setattr__  # the class is frozen: these are the only assignments
        set_(self, "counts", n)
        set_(
            self,
            "names",
            names if isinstance(names, _Numbered) else tuple(str(name) for name in names),
        )
        set_(self, "loss", chosen)
        set_(self, "depth", m)
        set_(self, "width", (enough,) * m if width is None else _widths(width, m))
        set_(self, "weight_decay", _decays(weight_decay, m))
        set_(self, "feature_decay", _decay(feature_decay, "feature_decay"))
        set_(self, "bias", _bias(bias))
        set_(self, "features", _one_of(features, "features", ("linear", "relu")))

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
        return (
            {"none": math.inf, "free": 0.0}[self.bias] if isinstance(self.bias, str) else self.bias
        )

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
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        if "counts" in changes:
            kept["names"] = kept["width"] = None
        if "depth" in changes:
            for name in ("width", "weight_decay"):
                if len(set(kept[name] or ())) == 1:
                    kept[name] = kept[name][0]
        return UFM(**(kept | changes))

    def to_dict(self) -> dict[str, Any]:
        """The problem as plain Python values, the "ufm" entry of every JSON document."""
        document = {
            "counts": self.counts.tolist(),
            "names": list(self.names),
            "loss": self.loss.name,
            "depth": self.depth,
            "width": list(self.width),
            "weight_decay": list(self.weight_decay),
            "feature_decay": self.feature_decay,
            "bias": self.bias,
            "features": self.features,
        }
        return document | self.loss.parameters()

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
        own = {field.name for field in fields(cls)}
        if missing := sorted(own - set(document)):
            raise ProblemError(
                f"a problem without {', '.join(missing)} is incomplete; give what UFM.to_dict writes"
            )
        given = {name: value for name, value in document.items() if name in own}
        parameters = {name: value for name, value in document.items() if name not in own}
        if given["loss"] not in LOSSES:
            raise ProblemError(
                f"loss {given['loss']!r} is unknown; one of {', '.join(map(repr, LOSSES))} works"
            )
        try:
            loss = LOSSES[given["loss"]].from_parameters(parameters)
        except TypeError:
            raise ProblemError(
                f"loss {given['loss']!r} has no parameters {', '.join(sorted(parameters))}"
            ) from None
        return cls(**(given | {"loss": loss}))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UFM) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(
            (self.counts.tobytes(), self.depth, self.width, self.decays, self.bias, self.features)
        )


class _Numbered(Sequence[str]):
    """The names "0", "1", ..., without storing them: a million classes cost nothing."""

    def __init__(self, size: int) -> None:
        self._range = range(size)

    def __len__(self) -> int:
        return len(self._range)

    def __getitem__(self, index: Any) -> Any:
        chosen = self._range[index]
        return [str(i) for i in chosen] if isinstance(chosen, range) else str(chosen)


def _counts(counts: ArrayLike, names: Sequence[str] | None) -> Array:
    advice = "counts must be positive finite numbers, one per class, for at least 2 classes"
    try:
        raw = np.asarray(counts)
        if raw.dtype.kind not in "iufO":
            raise TypeError
        n = np.array(raw, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise CountsError(f"counts {_short(counts)} are not numbers; {advice}") from None
    if n.ndim != 1 or n.size == 0:
        what = "empty" if n.size == 0 else f"an array of shape {n.shape}"
        raise CountsError(f"counts {_short(counts)} are {what}; {advice}")
    if not (n.min() >= FEWEST and n.max() <= MOST):
        k = int(np.flatnonzero(~((n >= FEWEST) & (n <= MOST)))[0])
        who = (
            names[k]
            if names is not None and hasattr(names, "__len__") and len(names) == n.size
            else k
        )
        why = {0.0: "zero (leave out a class without samples)", math.inf: "infinite"}.get(
            n[k], "not positive"
        )
        why = "not a number" if math.isnan(n[k]) else why
        if 0 < n[k] < math.inf:
            why = f"outside {FEWEST:g} .. {MOST:g}, where doubles can carry the problem"
        raise CountsError(f"the count of class {who!r} is {n[k]:g}: {why}; {advice}")
    if n.size == 1:
        raise CountsError(f"counts {_short(counts)} have a single class; {advice}")
    n.setflags(write=False)
    return n


def _depth(depth: SupportsIndex) -> int:
    try:
        m = operator.index(depth)
        if isinstance(depth, bool):
            raise TypeError
    except TypeError:
        raise ProblemError(
            f"depth {depth!r} is not a whole number; give the number of weight matrices, 1 or more"
        ) from None
    if not 1 <= m <= DEEPEST:
        raise ProblemError(
            f"depth {m} is not between 1 and {DEEPEST}; give the number of weight matrices"
        )
    return m


def _loss(loss: str | Loss) -> Loss:
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ProblemError(
                f"loss {loss!r} is unknown; one of {', '.join(map(repr, LOSSES))} or a Loss value works"
            )
        return LOSSES[loss]()
    if not hasattr(loss, "columns"):
        raise ProblemError(
            f"loss {_short(loss)} is not a Loss; {', '.join(map(repr, LOSSES))} Squared(targets) or CrossEntropy(...) works"
        )
    return loss


def _each(value: Any, depth: int) -> list[Any]:
    """One entry per layer."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return (
        list(value)
        if isinstance(value, Sequence) and not isinstance(value, str)
        else [value] * depth
    )


def _widths(width: int | Sequence[int], depth: int) -> tuple[int, ...]:
    given = _each(width, depth)
    if len(given) != depth:
        raise ProblemError(
            f"width has {len(given)} entries for depth {depth}; give one number or {depth} (d_1 .. d_M)"
        )
    try:
        widths = tuple(operator.index(d) for d in given)
    except TypeError:
        raise ProblemError(
            f"width {_short(width)} is not made of whole numbers; give numbers of 1 or more"
        ) from None
    if min(widths) < 1:
        raise ProblemError(
            f"width {min(widths)} is less than 1; every layer needs at least one unit"
        )
    return widths


def _decays(decay: float | Sequence[float], depth: int) -> tuple[float, ...]:
    given = _each(decay, depth)
    if len(given) != depth:
        raise ProblemError(
            f"weight_decay has {len(given)} entries for depth {depth}; give one number or {depth}"
        )
    return tuple(_decay(value, "weight_decay") for value in given)


def _decay(value: float, name: str) -> float:
    try:
        if isinstance(value, bool):
            raise TypeError
        decay = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ProblemError(
            f"{name} {_short(value)} is not a number; give a positive number such as 5e-4"
        ) from None
    if decay == 0:
        raise ProblemError(
            f"{name} is 0: without decay the infimum is not attained or nothing collapses; give a positive number"
        )
    if not SMALLEST <= decay < math.inf:
        why = "too small for a double" if 0 < decay < SMALLEST else "not a positive finite number"
        raise ProblemError(f"{name} is {decay:g}: {why}; give a positive number such as 5e-4")
    return decay


def _bias(bias: str | float) -> str | float:
    if isinstance(bias, str):
        if bias in ("none", "free"):
            return bias
        raise ProblemError(f"bias {bias!r} is unknown; 'none', 'free' or a positive decay works")
    if isinstance(bias, bool):
        raise ProblemError(
            f"bias {bias!r} says too little; 'none', 'free' or a positive decay works"
        )
    try:
        return _decay(bias, "bias")
    except ProblemError as error:
        raise ProblemError(f"{error}, or 'none' (b = 0), or 'free' (no decay)") from None


def _one_of(value: str, name: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ProblemError(
            f"{name} {value!r} is unknown; one of {', '.join(map(repr, known))} works"
        )
    return value


def _short(value: object) -> str:
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no integer of more than 4300 digits
        text = f"of type {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
