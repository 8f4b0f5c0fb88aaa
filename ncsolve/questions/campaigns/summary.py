"""What came of a campaign: numbers per group of loss, depth and bias, the worst of them, and what contradicts a prediction."""

from __future__ import annotations

import statistics
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...cli.answer import CONTRADICTED, DONE, INCONCLUSIVE
from .spec import Spec

VERDICTS = ("AGREES", "STUCK", "REFUTED", "BEATEN")
CONTRADICTING = ("REFUTED", "BEATEN")
SHOWN = 10  # indices that are listed by number


@dataclass(frozen=True)
class Worst:
    """The value that is largest in magnitude, and the problem that has it."""

    value: float
    index: int


@dataclass(frozen=True)
class Failure:
    """An error message, how many problems have it, and the first of them."""

    message: str
    number: int
    first: int


@dataclass(frozen=True)
class Group:
    """The problems of one loss, depth and kind of bias.

    Attributes
    ----------
    loss, depth, bias : as in the spec; a bias with a decay of its own is "decay"
    finished, errors : number of rows, and of those among them that are errors
    verdicts : number of each verdict (verify)
    certified, uncertified : number within the tolerance, and not (certify)
    excess : Worst relative excess of descent over the prediction, by magnitude; None where there is none
    gap : Worst relative gap
    seconds : median per problem
    """

    loss: str
    depth: str
    bias: str
    finished: int
    errors: int
    verdicts: Mapping[str, int]
    certified: int
    uncertified: int
    excess: Worst | None
    gap: Worst | None
    seconds: float | None


@dataclass(frozen=True, eq=False)
class Summary:
    """The summary of a file of results.

    Attributes
    ----------
    spec : Spec
    groups : tuple of Group, by loss, depth, bias
    total : Group over all of them
    claims : number of each claim
    contradicted : the first problems with a verdict REFUTED or BEATEN
    failures : tuple of Failure, the most frequent first
    unexpected : number of errors that ncsolve did not raise on purpose
    stopped : why not all problems are finished, where something stopped them ("interrupted", a full disk, ...)
    """

    spec: Spec
    groups: tuple[Group, ...]
    total: Group
    claims: Mapping[str, int]
    contradicted: tuple[int, ...]
    failures: tuple[Failure, ...]
    unexpected: int
    stopped: str = ""

    @property
    def finished(self) -> int:
        """Number of problems that have a row."""
        return self.total.finished

    @property
    def complete(self) -> bool:
        """Whether every problem has a row."""
        return self.finished == self.spec.problems

    @property
    def code(self) -> int:
        """Exit code: 1 if a prediction is contradicted, 3 if anything is stuck, not certified, an error or missing, else 0."""
        if any(self.total.verdicts[verdict] for verdict in CONTRADICTING):
            return CONTRADICTED
        open_ = (
            self.total.verdicts["STUCK"]
            or self.total.uncertified
            or self.total.errors
            or not self.complete
        )
        return INCONCLUSIVE if open_ else DONE

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain values."""
        return {
            "digest": self.spec.digest,
            "actions": list(self.spec.actions),
            "seed": self.spec.seed,
            "problems": self.spec.problems,
            "finished": self.finished,
            "stopped": self.stopped or None,
            "total": _plain(self.total),
            "claims": dict(self.claims),
            "contradicted": list(self.contradicted),
            "failures": [vars(failure) for failure in self.failures],
            "unexpected_errors": self.unexpected,
            "groups": [_plain(group) for group in self.groups],
        }


class Tally:
    """Rows, counted as they come."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._all = _Counted()
        self._groups: dict[tuple[str, str, str], _Counted] = {}
        self._claims: Counter[str] = Counter()
        self._contradicted: list[int] = []
        self._failures: dict[str, Failure] = {}
        self._unexpected = 0

    @property
    def finished(self) -> int:
        """Number of rows."""
        return self._all.finished

    @property
    def errors(self) -> int:
        """Number of error rows."""
        return self._all.errors

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a row."""
        fields = self._spec.common | row["problem"]
        for counted in (self._all, self._groups.setdefault(group_of(fields), _Counted())):
            counted.add(row)
        if "claim" in row:
            self._claims[row["claim"]] += 1
        if row.get("verdict") in CONTRADICTING:
            self._contradicted = sorted((*self._contradicted, row["index"]))[:SHOWN]
        if (error := row.get("error")) is not None:
            message = f"{error['type']}: {error['message']}"
            before = self._failures.get(message, Failure(message, 0, row["index"]))
            self._failures[message] = Failure(
                message, before.number + 1, min(before.first, row["index"])
            )
            self._unexpected += bool(error.get("unexpected"))

    def summary(self, stopped: str = "") -> Summary:
        """The summary so far."""
        groups = tuple(
            counted.group(*key)
            for key, counted in sorted(self._groups.items(), key=lambda item: _order(item[0]))
        )
        return Summary(
            self._spec,
            groups,
            self._all.group("", "", ""),
            dict(self._claims),
            tuple(self._contradicted),
            tuple(
                sorted(
                    self._failures.values(), key=lambda failure: (-failure.number, failure.first)
                )
            ),
            self._unexpected,
            stopped,
        )


@dataclass
class _Counted:
    finished: int = 0
    errors: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    certified: int = 0
    uncertified: int = 0
    excess: Worst | None = None
    gap: Worst | None = None
    seconds: array[float] = field(default_factory=lambda: array("d"))

    def add(self, row: Mapping[str, Any]) -> None:
        self.finished += 1
        self.errors += "error" in row
        if "verdict" in row:
            self.verdicts[row["verdict"]] += 1
        if "certified" in row:
            self.certified += bool(row["certified"])
            self.uncertified += not row["certified"]
        self.excess = _worse(self.excess, row.get("excess"), row["index"])
        self.gap = _worse(self.gap, row.get("relative_gap"), row["index"])
        if row.get("seconds") is not None:
            self.seconds.append(row["seconds"])

    def group(self, loss: str, depth: str, bias: str) -> Group:
        verdicts = {verdict: self.verdicts[verdict] for verdict in VERDICTS}
        median = statistics.median(self.seconds) if self.seconds else None
        numbers = (self.finished, self.errors, verdicts, self.certified, self.uncertified)
        return Group(loss, depth, bias, *numbers, self.excess, self.gap, median)


def group_of(fields: Mapping[str, Any]) -> tuple[str, str, str]:
    """Loss, depth and kind of bias, as words."""
    bias = fields.get("bias", "none")
    return (
        str(fields.get("loss", "mse"))[:20],
        str(fields.get("depth", 1))[:20],
        str(bias)[:20] if isinstance(bias, str) else "decay",
    )


def _order(key: tuple[str, str, str]) -> tuple[str, float, str, str]:
    loss, depth, bias = key
    return loss, float(depth) if depth.isdigit() else -1.0, depth, bias


def _worse(worst: Worst | None, value: float | None, index: int) -> Worst | None:
    """The larger magnitude; the smaller index where they are equal, so that the order of rows does not matter."""
    if value is None:
        return worst
    if worst is None or (abs(value), -index) > (abs(worst.value), -worst.index):
        return Worst(value, index)
    return worst


def _plain(group: Group) -> dict[str, Any]:
    worst = {
        name: None if found is None else vars(found)
        for name, found in (("excess", group.excess), ("gap", group.gap))
    }
    names = {
        name: value
        for name, value in vars(group).items()
        if name not in ("loss", "depth", "bias") or value
    }
    return names | worst | {"verdicts": dict(group.verdicts)}
