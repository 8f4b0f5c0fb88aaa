r"""The fields of the question, each described once: name, bounds, words, option, axis, and the loss that it belongs to.

From the table `FIELDS` follow the checks of `UFM` and `CrossEntropy`, the options of the command line, the words of a campaign's
TOML (`built`), the entries of the JSON document (`UFM.to_dict`) and the axes of a phase map. A new field is one entry at the end,
an attribute of `UFM` or of its loss, and its mathematics; docs/howto/add_field.md adds one.

Three entries are shorthands: `decay` for weight_decay and feature_decay at once, `long_tail` (K, n, ratio, step) for counts, and
one number tau as `logit_adjustment` for the offsets tau log(n_k/N).

Axes. `AXES` maps the name of every axis to its `Field` (low, high, below, whole, says): the fields that are one number, with hyphens,
`bias-decay` for a bias that is a number, `mean-decay` for the geometric mean of the decays, and K, n, ratio of a long tail (`TAIL`,
which need a rule for counts and are no business of `moved`). `moved(ufm, {"depth": 3, "smoothing": 0.1})` is the problem with the
named axes at these values; further changes, such as counts or width=None, are given as to `UFM.replace`. An axis may begin at zero or
below it (smoothing, logit-adjustment).
"""

from __future__ import annotations

import math
import operator
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

from .errors import ProblemError

if TYPE_CHECKING:
    from .ufm import UFM

SMALLEST = sys.float_info.min  # below it a double has lost digits
DEEPEST = 1000


@dataclass(frozen=True)
class Field:
    """One field of the question.

    Attributes
    ----------
    name : its word in TOML and, with hyphens, on the command line
    kind : what judges its values: kind(value, field, layers) -> the value that is kept
    low, high : least and largest number, on an axis at least
    metavar, help : of the option
    whole, below : whether its numbers are whole; whether `high` itself is left out
    words : words that are values
    per : "layer" or "class" where it may be a list of numbers, one for each
    loss : the loss that it belongs to
    usual : its value where nothing is said
    advice : what would work, the end of an error line
    key, attribute : its JSON key and its name in Python, where they are other words
    says : what it is as an axis of a map, if it may be one
    """

    name: str
    kind: Callable[[Any, Field, int], Any] | None = None
    low: float = -math.inf
    high: float = math.inf
    metavar: str = ""
    help: str = ""
    _: KW_ONLY
    whole: bool = False
    below: bool = False
    words: tuple[str, ...] = ()
    per: str = ""
    loss: str = ""
    usual: Any = None
    advice: str = ""
    key: str = ""
    attribute: str = ""
    says: str = ""

    def __post_init__(self) -> None:
        key = self.key or self.name
        self.__dict__.update(key=key, attribute=self.attribute or key)

    @property
    def option(self) -> str:
        """Its option on the command line."""
        return "--" + self.name.replace("_", "-")

    def read(self, text: str) -> Any:
        """What the text of an option means; what is no number is left for `check` to refuse."""
        if self.kind in (_word, _loss, _matrix):
            return text
        return numbers(text, self.name) if self.per else number(text, self.name)

    def check(self, value: Any, layers: int) -> Any:
        """The value that is kept, for a problem of so many layers; a ProblemError where it cannot be."""
        return value if self.kind is None else self.kind(value, self, layers)


def brief(value: object) -> str:
    """The value on one line of at most 60 characters, whatever it is."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no integer of more than 4300 digits
        text = f"of type {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def number(text: str, name: str) -> int | float | str:
    """The number that a text is, as it stands if it is none."""
    for kind in (int, float):
        try:
            found: int | float = kind(text)
        except ValueError:
            continue
        if found == 0 and re.match(r"\s*\+?[0.]*[1-9]", text):
            raise ProblemError(
                f"{name} {text} is less than a double holds; give a positive number such as 5e-4"
            )
        return found
    return text


def numbers(text: str, name: str) -> Any:
    """One number, or several between commas."""
    parts = [number(part.strip(), name) for part in text.split(",")]
    return parts if len(parts) > 1 else parts[0]


def _number(value: Any, field: Field, layers: int) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not (field.low <= number <= field.high) or (field.below and number == field.high):
        ends = f"[{field.low:g}, {field.high:g}{')' if field.below else ']'}"
        raise ProblemError(f"{field.name} {brief(value)} is not in {ends}; {field.advice}")
    return number


def _depth(value: Any, field: Field, layers: int) -> int:
    try:
        depth = operator.index(value)
        if isinstance(value, bool):
            raise TypeError
    except TypeError:
        raise ProblemError(
            f"depth {brief(value)} is not a whole number; give the number of weight matrices, 1 or more"
        ) from None
    if not field.low <= depth <= field.high:
        raise ProblemError(
            f"depth {brief(depth)} is not between 1 and {field.high}; give the number of weight matrices"
        )
    return depth


def _layers(value: Any, field: Field, layers: int) -> list[Any]:
    """One entry per layer."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, Sequence) or isinstance(value, str):
        return [value] * layers
    if len(value) != layers:
        which = " (d_1 .. d_M)" if field.name == "width" else ""
        raise ProblemError(
            f"{field.name} has {len(value)} entries for depth {layers}; give one number or {layers}{which}"
        )
    return list(value)


def _widths(value: Any, field: Field, layers: int) -> tuple[int, ...]:
    given = _layers(value, field, layers)
    try:
        widths = tuple(operator.index(d) for d in given)
    except TypeError:
        raise ProblemError(
            f"width {brief(value)} is not made of whole numbers; give numbers of 1 or more"
        ) from None
    if max(widths) > 10**100:
        raise ProblemError(f"width {brief(max(widths))} is more than 1e100; give fewer units")
    if min(widths) < 1:
        raise ProblemError(
            f"width {brief(min(widths))} is less than 1; every layer needs at least one unit"
        )
    return widths


def _decay(value: Any, field: Field, layers: int) -> float:
    advice, name = "give a positive number such as 5e-4", field.name
    try:
        if isinstance(value, bool):
            raise TypeError
        decay = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ProblemError(f"{name} {brief(value)} is not a number; {advice}") from None
    if decay == 0:
        raise ProblemError(
            f"{name} is 0: without decay the infimum is not attained or nothing collapses; give a positive number"
        )
    if not SMALLEST <= decay < math.inf:
        why = "too small for a double" if 0 < decay < SMALLEST else "not a positive finite number"
        raise ProblemError(f"{name} is {decay:g}: {why}; {advice}")
    return decay


def _decays(value: Any, field: Field, layers: int) -> tuple[float, ...]:
    return tuple(_decay(entry, field, layers) for entry in _layers(value, field, layers))


def _bias(value: Any, field: Field, layers: int) -> str | float:
    if isinstance(value, str) and value in field.words:
        return value
    if isinstance(value, str | bool):
        why = "is unknown" if isinstance(value, str) else "says too little"
        raise ProblemError(f"bias {value!r} {why}; 'none', 'free' or a positive decay works")
    try:
        return _decay(value, field, layers)
    except ProblemError as error:
        raise ProblemError(f"{error}, or 'none' (b = 0), or 'free' (no decay)") from None


def _word(value: Any, field: Field, layers: int) -> str:
    if value not in field.words:
        works = ", ".join(map(repr, field.words))
        raise ProblemError(f"{field.name} {value!r} is unknown; one of {works} works")
    return str(value)


def _classes(value: Any, field: Field, layers: int) -> Any:
    """One number per class, as a read-only array."""
    if value is None:
        return None
    import numpy as np

    name = field.attribute
    try:
        array = np.atleast_1d(np.array(value, dtype=np.float64))
    except (TypeError, ValueError, OverflowError):
        raise ProblemError(f"{name} are not numbers; give one number per class") from None
    if array.ndim != 1 or array.size == 0:
        raise ProblemError(f"{name} have shape {array.shape}; give one number per class")
    wrong = ~((array >= field.low) & (array <= field.high))
    if wrong.any():
        k = int(np.flatnonzero(wrong)[0])
        raise ProblemError(
            f"{name}[{k}] is {array[k]:g}; numbers from {field.low:g} to {field.high:g} work"
        )
    array.setflags(write=False)
    return array


def _matrix(value: Any, field: Field, layers: int) -> Any:
    """One column per class, as a read-only array."""
    if value is None:
        return None
    import numpy as np

    try:
        matrix = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ProblemError(
            f"targets are not a matrix of numbers ({error}); give one column per class"
        ) from None
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ProblemError(
            f"targets have shape {matrix.shape}; give (outputs, K), one column per class"
        )
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ProblemError(
            f"target [{row}, {column}] is {matrix[row, column]}; targets must be finite numbers"
        )
    matrix.setflags(write=False)
    return matrix


def _loss(value: Any, field: Field, layers: int) -> Any:
    """A loss by its word, or as a value."""
    from .losses import LOSSES

    if isinstance(value, str) and value in LOSSES:
        return LOSSES[value]()
    if hasattr(value, "columns"):
        return value
    works = ", ".join(map(repr, LOSSES))
    if isinstance(value, str):
        raise ProblemError(f"loss {value!r} is unknown; one of {works} or a Loss value works")
    raise ProblemError(
        f"loss {brief(value)} is not a Loss; {works} Squared(targets) or CrossEntropy(...) works"
    )


def _per_class(name: str, ends: tuple[float, float], help: str, **more: Any) -> Field:
    return Field(name, _classes, *ends, "LIST", help, per="class", loss="ce", **more)


DECAYS = (1e-300, 1e100)  # on an axis
#: All fields. A field's place numbers its random generator in a campaign: new fields go to the end.
FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field(
            "counts",
            metavar="TEXT",
            help="200,100,50,50 | counts.csv (class,count) | counts.json | - | places-lt | mnist",
        ),
        Field("long_tail", metavar="SPEC", help="K=10,n=500,ratio=100[,step]"),
        Field("long_tail.K", None, 2, 10**7, whole=True, says="number of classes"),
        Field("long_tail.n", None, 1.0, 1e100, says="largest count (samples)"),
        Field("long_tail.ratio", None, 1.0, 1e100, says="largest count / smallest"),
        Field("long_tail.step"),
        Field(
            "depth",
            _depth,
            1,
            DEEPEST,
            "M",
            "number of weight matrices on top of the features (1)",
            whole=True,
            says="depth M",
        ),
        Field(
            "width",
            _widths,
            1,
            10**9,
            "D",
            "feature dimension and hidden widths: one number, or M between commas",
            whole=True,
            per="layer",
            says="width of every layer",
        ),
        Field(
            "weight_decay",
            _decays,
            *DECAYS,
            "X",
            "one number, or M between commas (5e-4)",
            per="layer",
            says="decay of every weight",
        ),
        Field(
            "feature_decay",
            _decay,
            *DECAYS,
            "X",
            "decay of all N features (5e-4)",
            says="feature decay",
        ),
        Field("decay", None, *DECAYS, says="all decays"),
        Field(
            "bias",
            _bias,
            *DECAYS,
            "WORD",
            "none (default), free, or a decay",
            words=("none", "free"),
            says="bias decay",
        ),
        Field(
            "features",
            _word,
            metavar="WORD",
            help="linear (default) or relu",
            words=("linear", "relu"),
        ),
        Field("loss", _loss, metavar="NAME", help="mse (default) or ce, cross-entropy"),
        Field(
            "smoothing",
            _number,
            0.0,
            1.0,
            "X",
            "ce: label smoothing, from 0 to below 1",
            below=True,
            loss="ce",
            usual=0.0,
            advice="0 is plain cross-entropy, 0.1 is usual",
            says="label smoothing",
        ),
        _per_class(
            "logit_adjustment",
            (-1e6, 1e6),
            "ce: K numbers added to the logits, or tau: tau log(n_k/N)",
            key="offsets",
            says="tau of logit adjustment",
        ),
        _per_class("label_scale", (1e-6, 1e6), "ce: K temperatures by label (LDT)"),
        _per_class("class_scale", (1e-6, 1e6), "ce: K temperatures by output (CDT)"),
        Field(
            "targets",
            _matrix,
            metavar="FILE",
            help="matrix of targets (.npy, .csv), column k for class k; default one-hot",
            loss="mse",
            attribute="codes",
        ),
    )
}
LONG_TAIL = tuple(name.partition(".")[2] for name in FIELDS if name.startswith("long_tail."))
TAIL = ("ratio", "n", "K")
AXES: dict[str, Field] = {
    {"bias": "bias-decay"}.get(name, name.removeprefix("long_tail.").replace("_", "-")): field
    for name, field in FIELDS.items()
    if field.says
}
AXES["mean-decay"] = Field("mean_decay", None, *DECAYS, says="geometric mean of the decays")
LOSS = ("name", *(name for name, field in FIELDS.items() if field.loss))

#: Words of which a problem may have only one, with what each of them replaces.
RIVALS = (
    ("counts", ("long_tail", *(f"long_tail.{part}" for part in LONG_TAIL))),
    ("long_tail", tuple(f"long_tail.{part}" for part in LONG_TAIL)),
    ("decay", ("weight_decay", "feature_decay")),
)


def moved(ufm: UFM, values: Mapping[str, float], **changes: Any) -> UFM:
    """The problem with the named axes at these values, and any other fields changed as `UFM.replace` changes them.

    Raises
    ------
    ProblemError
        The field belongs to another loss, or the problem cannot be.

    Examples
    --------
    >>> import ncsolve
    >>> moved(ncsolve.UFM([30, 10], weight_decay=4e-3, feature_decay=1e-3), {"mean-decay": 1e-2}).decays
    (0.005, 0.02)
    """
    depth = int(values.get("depth", ufm.depth))
    if depth != ufm.depth:
        changes["depth"] = depth
    weights = ufm.weight_decay if depth == ufm.depth else ufm.weight_decay[:1] * depth
    own: dict[str, Any] = {}
    for name, value in values.items():
        if name == "decay":
            changes["weight_decay"] = changes["feature_decay"] = value
        elif name == "mean-decay":
            shares = [decay / ufm.feature_decay for decay in weights]
            mean = math.exp(math.fsum(map(math.log, shares)) / (depth + 1))
            changes["feature_decay"] = value / mean
            changes["weight_decay"] = [share * value / mean for share in shares]
        elif name != "depth":
            field = FIELDS["bias" if name == "bias-decay" else name.replace("-", "_")]
            (own if field.loss else changes)[field.key] = int(value) if field.whole else value
            if field.loss not in ("", ufm.loss.name):
                raise ProblemError(
                    f"axis {name} belongs to loss {field.loss!r}, not to {ufm.loss.name!r}"
                )
    if "offsets" in own:
        own["offsets"] = adjusted(own["offsets"], changes.get("counts", ufm.counts))
    if own:
        changes["loss"] = ufm.loss.from_parameters(ufm.loss.parameters() | own)
    return ufm.replace(**changes)


def adjusted(tau: float, counts: Any) -> list[float]:
    """The offsets tau log(n_k / N) of logit adjustment."""
    from .ufm import UFM

    if not -sys.float_info.max <= tau <= sys.float_info.max:
        raise ProblemError(f"logit_adjustment {brief(tau)} is not a number such as 1")
    plain = UFM(counts)  # refuses counts that have no logarithm
    return [tau * math.log(count / plain.samples) for count in plain.counts.tolist()]


def flattened(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with a loss that is a table replaced by its entries, and a long tail by its parts.

    Examples
    --------
    >>> flattened({"loss": {"name": "ce", "smoothing": 0.1}, "depth": 2})
    {'depth': 2, 'loss': 'ce', 'smoothing': 0.1}
    """
    flat = dict(fields)
    if isinstance(flat.get("long_tail"), Mapping):
        flat |= {f"long_tail.{part}": value for part, value in flat.pop("long_tail").items()}
    if isinstance(flat.get("loss"), Mapping):
        flat |= {
            "loss" if entry == "name" else entry: value for entry, value in flat.pop("loss").items()
        }
    return flat


def built(fields: Mapping[str, Any]) -> UFM:
    """The problem that flattened fields describe.

    Raises
    ------
    CountsError, ProblemError
        As UFM, CrossEntropy, Squared and long_tail do; and if an entry belongs to another loss.

    Examples
    --------
    >>> built({"long_tail.K": 3, "long_tail.n": 100, "long_tail.ratio": 10, "decay": 1e-3}).counts.tolist()
    [100.0, 31.0, 10.0]
    """
    from .counts import long_tail
    from .losses import LOSSES
    from .ufm import UFM

    counts: Any = fields.get("counts")
    if "counts" not in fields:
        missing = [part for part in LONG_TAIL[:3] if f"long_tail.{part}" not in fields]
        if missing:
            raise ProblemError(
                f"the long tail lacks {' and '.join(missing)}; K, n and ratio make one"
            )
        ratio, step = fields["long_tail.ratio"], fields.get("long_tail.step", False)
        if isinstance(ratio, bool) or not isinstance(ratio, int | float):
            raise ProblemError(
                f"long_tail.ratio {ratio!r} is not a number; it is the largest count over the smallest"
            )
        if not isinstance(step, bool):
            raise ProblemError(f"long_tail.step {step!r} is neither true nor false")
        counts = long_tail(fields["long_tail.K"], fields["long_tail.n"], ratio, step)
    given: dict[str, Any] = {}
    if "decay" in fields:
        given |= {"weight_decay": fields["decay"], "feature_decay": fields["decay"]}
    for name, field in FIELDS.items():
        if name in fields and field.kind is not None and not field.loss:
            given[name] = fields[name]
    word = given.get("loss", "mse")
    own: dict[str, Any] = {}
    for name in LOSS[1:]:
        field, value = FIELDS[name], fields.get(name)
        # zero smoothing and zero logit adjustment are the plain loss, whichever it is
        idle = isinstance(value, int | float) and not isinstance(value, bool) and value == 0
        if field.loss == word and value is not None:
            own[field.attribute] = value
        elif value is not None and not idle:
            belongs = "belong" if name.endswith("s") else "belongs"
            raise ProblemError(f"{name} {belongs} to loss {field.loss!r}, not to {word!r}")
    tau = own.get("offsets")
    if isinstance(tau, int | float) and not isinstance(tau, bool):
        own["offsets"] = adjusted(tau, counts)
    if own:
        given["loss"] = LOSSES[word](**own)
    return UFM(counts, **given)
