"""The words that describe a problem in a campaign's spec, and the UFM that they mean.

They are the fields of UFM, those of its loss, and three shorthands: `decay` for weight_decay and feature_decay at once,
`long_tail` (K, n, ratio, step) for counts, and one number tau as `logit_adjustment` for the offsets tau log(n_k/N).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .errors import ProblemError

if TYPE_CHECKING:
    from .ufm import UFM

#: All fields. A field's place numbers its random generator (spec.py): new fields go to the end.
FIELDS = (
    "counts",
    "long_tail",
    "long_tail.K",
    "long_tail.n",
    "long_tail.ratio",
    "long_tail.step",
    "depth",
    "width",
    "weight_decay",
    "feature_decay",
    "decay",
    "bias",
    "features",
    "loss",
    "smoothing",
    "logit_adjustment",
    "label_scale",
    "class_scale",
    "targets",
)
LONG_TAIL = ("K", "n", "ratio", "step")
CROSS_ENTROPY = ("smoothing", "logit_adjustment", "label_scale", "class_scale")
LOSS = ("name", *CROSS_ENTROPY, "targets")
PER_CLASS = ("logit_adjustment", "label_scale", "class_scale")
PER_LAYER = ("width", "weight_decay")

#: Words of which a problem may have only one, with what each of them replaces.
RIVALS = (
    ("counts", ("long_tail", *(f"long_tail.{part}" for part in LONG_TAIL))),
    ("long_tail", tuple(f"long_tail.{part}" for part in LONG_TAIL)),
    ("decay", ("weight_decay", "feature_decay")),
)


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
    from .ufm import UFM

    counts = _counts(fields)
    given: dict[str, Any] = {
        name: fields[name] for name in ("depth", "width", "bias", "features") if name in fields
    }
    for name in ("weight_decay", "feature_decay"):
        if name in fields or "decay" in fields:
            given[name] = fields.get(name, fields.get("decay"))
    if "loss" in fields or any(name in fields for name in LOSS):
        given["loss"] = _loss(fields, counts)
    return UFM(counts, **given)


def _counts(fields: Mapping[str, Any]) -> Any:
    from .longtail import long_tail

    if "counts" in fields:
        return fields["counts"]
    missing = [part for part in LONG_TAIL[:3] if f"long_tail.{part}" not in fields]
    if missing:
        raise ProblemError(f"the long tail lacks {' and '.join(missing)}; K, n and ratio make one")
    ratio, step = fields["long_tail.ratio"], fields.get("long_tail.step", False)
    if isinstance(ratio, bool) or not isinstance(ratio, int | float):
        raise ProblemError(
            f"long_tail.ratio {ratio!r} is not a number; it is the largest count over the smallest"
        )
    if not isinstance(step, bool):
        raise ProblemError(f"long_tail.step {step!r} is neither true nor false")
    return long_tail(fields["long_tail.K"], fields["long_tail.n"], ratio, step)


def _loss(fields: Mapping[str, Any], counts: Any) -> Any:
    """The loss: its word where nothing else is said, else the value with its parameters."""
    from .losses import CrossEntropy, Squared
    from .ufm import UFM

    word = fields.get("loss", "mse")
    entries = {name: fields[name] for name in CROSS_ENTROPY if _says_something(fields.get(name))}
    targets = fields.get("targets")
    if entries and word != "ce":
        raise ProblemError(f"{next(iter(entries))} belongs to loss 'ce', not to {word!r}")
    if targets is not None and word != "mse":
        raise ProblemError(f"targets belong to loss 'mse', not to {word!r}")
    if targets is not None:
        return Squared(targets)
    if not entries:
        return word
    offsets = entries.pop("logit_adjustment", None)
    if isinstance(offsets, int | float) and not isinstance(offsets, bool):
        plain = UFM(counts)  # refuses counts that have no logarithm
        offsets = [offsets * math.log(count / plain.samples) for count in plain.counts.tolist()]
    return CrossEntropy(offsets=offsets, **entries)


def _says_something(value: Any) -> bool:
    """Zero smoothing and zero logit adjustment are the plain loss, whichever it is: a grid may hold them."""
    return value is not None and not (
        isinstance(value, int | float) and not isinstance(value, bool) and value == 0
    )
