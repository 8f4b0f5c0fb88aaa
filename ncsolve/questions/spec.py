r"""A spec: a TOML file that stands for a numbered sequence of problems, none of which is built before it is asked for.

    [campaign]   action, seed, trials, and how to act
    [problem]    fields that all problems share; [[problem]], repeated, lists several
    [grid]       fields with a list of values each: every combination
    [draw]       fields with a distribution each

Problem number i = ((trial * cases + case) * points + point) with the last axis of the grid running fastest; axes are in the
order of FIELDS, however the file has them. Random values of problem i come from the seed alone: those of field number f from
SeedSequence(seed, spawn_key=(i, 1 + f)), the starts of descent from spawn_key (i, 0). The distributions:

    uniform = [a, b]        U(a, b)
    loguniform = [a, b]     exp U(log a, log b), a > 0
    integers = [a, b]       each of a, ..., b with the same probability
    logintegers = [a, b]    floor exp U(log a, log(b + 1)): each whole number n with probability proportional to log(1 + 1/n), a >= 1
    choice = [x, y, ...]    each with the same probability

with each = "layer" or "class" for an independent value per layer (width, weight_decay) or per class. Counts are drawn as
{K, count, repeats}: K classes; every `repeats` of them share a count, drawn as logintegers; in falling order.

Everything that can be wrong with the structure of a spec is said here, once, as a CampaignError. Values are judged where problems
are built: a depth of "three" makes error rows, a list that is empty makes no campaign.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..problem.border import opened, shown
from ..problem.errors import CampaignError, NcsolveError
from ..problem.fields import FIELDS, LONG_TAIL, LOSS, RIVALS, built, flattened

if TYPE_CHECKING:
    import numpy as np

    from ..problem.ufm import UFM

LIMIT = 64 << 20  # bytes
ACTIONS = ("predict", "certify", "verify")
SECTIONS = ("campaign", "problem", "grid", "draw")
CAMPAIGN: dict[str, Any] = {
    "action": "verify",
    "seed": 0,
    "trials": 1,
    "tolerance": 1e-8,
    "starts": 2,
    "theorem": None,
}
LAWS = ("uniform", "loguniform", "integers", "logintegers", "choice")
COUNTS = ("K", "count", "repeats")


@dataclass(frozen=True, eq=False)
class Spec:
    """A checked spec. Made by `read_spec`.

    Attributes
    ----------
    document : the spec as plain values, with everything that was left out filled in and counts read from their files

    Examples
    --------
    >>> from ncsolve.campaign import read_spec
    >>> spec = read_spec({"problem": {"counts": [20, 10]}, "grid": {"depth": [1, 2], "decay": [1e-3, 1e-2, 1e-1]}})
    >>> spec.problems, spec.varying(4)
    (6, {'depth': 2, 'decay': 0.01})
    """

    document: Mapping[str, Any]

    @property
    def actions(self) -> tuple[str, ...]:
        """What is done with every problem, of predict, certify, verify."""
        return tuple(self.document["campaign"]["action"])

    @property
    def seed(self) -> int:
        """The seed of all random numbers."""
        return int(self.document["campaign"]["seed"])

    @property
    def tolerance(self) -> float:
        """The relative difference within which values agree, and relative gap up to which a problem counts as certified."""
        return float(self.document["campaign"]["tolerance"])

    @property
    def starts(self) -> int:
        """Random starts of each descent."""
        return int(self.document["campaign"]["starts"])

    @property
    def theorem(self) -> str | None:
        """The theorem to use; the strongest that applies if None."""
        name: str | None = self.document["campaign"]["theorem"]
        return name

    @cached_property
    def problems(self) -> int:
        """How many problems there are."""
        return int(self.document["campaign"]["trials"]) * len(self._cases) * self._points

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the spec: equal exactly where the problems and what is done with them are."""
        text = json.dumps(self.document, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def common(self) -> dict[str, Any]:
        """The fields that all problems share."""
        return dict(self._cases[0]) if len(self._cases) == 1 else {}

    def listed(self, index: int) -> dict[str, Any]:
        """The fields of problem `index` that not all problems share, without the drawn ones; never fails."""
        fields = self._fields(index)
        own = fields if len(self._cases) > 1 else {name: fields[name] for name in self._grid}
        return flattened(own)

    def varying(self, index: int) -> dict[str, Any]:
        """The fields of problem `index` that not all problems share; with `common`, all of them."""
        return flattened(self.listed(index) | self._drawn(index))

    def problem(self, index: int) -> UFM:
        """Problem number `index`, built.

        Raises
        ------
        IndexError
            There is no such problem.
        NcsolveError
            The fields are no problem.
        """
        return built(self.common | self.varying(index))

    def descent_rng(self, index: int) -> np.random.Generator:
        """The generator of the random starts of problem `index`."""
        return self._rng(index, 0)

    def _rng(self, *key: int) -> np.random.Generator:
        import numpy as np

        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    @property
    def _cases(self) -> list[dict[str, Any]]:
        cases: list[dict[str, Any]] = self.document["problem"]
        return cases

    @cached_property
    def _grid(self) -> dict[str, list[Any]]:
        grid = self.document["grid"]
        return {name: grid[name] for name in FIELDS if name in grid}

    @cached_property
    def _points(self) -> int:
        return math.prod(len(values) for values in self._grid.values())

    def _fields(self, index: int) -> dict[str, Any]:
        """Fields from [problem] and [grid]."""
        if not 0 <= index < self.problems:
            raise IndexError(f"problem {index} is not one of 0 .. {self.problems - 1}")
        rest, point = divmod(index, self._points)
        fields = dict(self._cases[rest % len(self._cases)])
        for name, values in reversed(self._grid.items()):
            point, place = divmod(point, len(values))
            fields[name] = values[place]
        return fields

    def _drawn(self, index: int) -> dict[str, Any]:
        """Fields from [draw]; those that depend on how many layers or classes there are come last."""
        draws = self.document["draw"]
        numbers = {name: f for f, name in enumerate(FIELDS, start=1) if name in draws}
        found: dict[str, Any] = {}
        for name in sorted(numbers, key=lambda name: "each" in draws[name]):
            draw, rng = draws[name], self._rng(index, numbers[name])
            if "each" not in draw:
                found[name] = drawn(draw, rng)
                continue
            known = flattened(self._fields(index) | found)
            shape = {
                field: value
                for field, value in known.items()
                if field in ("counts", "depth") or field.startswith("long_tail.")
            }
            plain = built(shape)
            each = plain.depth if draw["each"] == "layer" else plain.classes
            found[name] = [drawn(draw, rng) for _ in range(each)]
        return {name: found[name] for name in numbers}


def drawn(draw: Mapping[str, Any], rng: np.random.Generator) -> Any:
    """One value of a distribution: a plain number, whatever `choice` lists, or counts.

    Examples
    --------
    >>> import numpy as np
    >>> drawn({"K": 5, "count": [1, 1000], "repeats": 2}, np.random.default_rng(0))
    [81, 81, 6, 6, 1]
    """
    if "K" in draw:
        ends = [
            [size] * 2 if isinstance(size, int) else size
            for size in (draw["K"], draw.get("repeats", 1))
        ]
        classes, repeats = (int(rng.integers(low, high, endpoint=True)) for low, high in ends)
        law = {"logintegers": draw["count"]}
        counts = [drawn(law, rng) for _ in range(-(-classes // repeats))]
        return sorted((n for n in counts for _ in range(repeats)), reverse=True)[:classes]
    law_name = next(name for name in LAWS if name in draw)
    if law_name == "choice":
        return draw["choice"][int(rng.integers(len(draw["choice"])))]
    low, high = draw[law_name]
    if law_name == "integers":
        return int(rng.integers(low, high, endpoint=True))
    if law_name == "uniform":
        return min(low + (high - low) * float(rng.random()), high)
    top = high + 1 if law_name == "logintegers" else high
    value = math.exp(math.log(low) + (math.log(top) - math.log(low)) * float(rng.random()))
    return min(max(math.floor(value) if law_name == "logintegers" else value, low), high)


def read_spec(source: Spec | str | os.PathLike[str] | Mapping[str, Any]) -> Spec:
    """The spec in a TOML file, or in a mapping of the same form.

    Parameters
    ----------
    source : path of a TOML file, or mapping
        Paths of counts in it are taken from the folder of the file.

    Raises
    ------
    CampaignError
        One line: the file, the place in it, what is wrong, what would work.

    Examples
    --------
    >>> read_spec({"problem": {"counts": [20, 10]}, "grid": {"depth": [1, 2, 3]}}).problems
    3
    """
    if isinstance(source, Spec):
        return source
    if isinstance(source, Mapping):
        return _Reading("spec", Path()).spec(source)
    with opened(source, LIMIT, "a [problem] at least", CampaignError) as file:
        data = file.read(LIMIT + 1)
    name = shown(os.fspath(source))
    return _Reading(name, Path(source).parent).spec(_toml(data, name))


def _toml(data: bytes, name: str) -> dict[str, Any]:
    import tomllib

    try:
        text = data.decode()
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        why = f"is not text (byte {error.start} is not UTF-8); save it as UTF-8 text"
    except tomllib.TOMLDecodeError as error:
        end = f"at line {text.count(chr(10)) + 1}, the end of the file"
        why = f"is not TOML: {str(error).replace('at end of document', end)}"
    except ValueError:  # Python reads no integer of more than 4300 digits
        why = "holds a number of thousands of digits; write it as 1e3, or leave digits out"
    except RecursionError:
        why = "is nested too deeply"
    raise CampaignError(f"{name} {why}")


@dataclass(frozen=True)
class _Reading:
    """One spec on its way in: what to call it in messages, and the folder in which its files lie."""

    name: str
    folder: Path

    def spec(self, raw: Mapping[str, Any]) -> Spec:
        check_words(raw, SECTIONS, self.name)
        _refuse_what_json_lacks(raw, self.name)
        cases = self._cases(raw.get("problem", {}))
        grid = self._grid(self._table(raw, "grid"))
        draw = self._draw(self._table(raw, "draw"))
        for at, case in cases.items():
            self._check_together({at: case, "[grid]": grid, "[draw]": draw})
        campaign = self._campaign(self._table(raw, "campaign", needed=False), random=bool(draw))
        document = {"campaign": campaign, "problem": [*cases.values()], "grid": grid, "draw": draw}
        # a copy, in which tuples are lists
        return Spec(json.loads(json.dumps(document, allow_nan=False)))

    def _table(
        self, raw: Mapping[str, Any], section: str, needed: bool = True
    ) -> Mapping[str, Any]:
        """A section, empty if it is not there; refused if it is there and empty."""
        table = raw.get(section, {})
        if not isinstance(table, Mapping):
            raise CampaignError(
                f"{self.name}: {section} {shown(table)} is not a section; write [{section}] and its fields below it"
            )
        if needed and not table and section in raw:
            raise CampaignError(
                f"{self.name}: [{section}] is empty; list a field in it, or leave it out"
            )
        return table

    def _campaign(self, table: Mapping[str, Any], *, random: bool) -> dict[str, Any]:
        where = f"{self.name} [campaign]"
        check_words(table, tuple(CAMPAIGN), where)
        given = CAMPAIGN | dict(table)
        actions = given["action"] if isinstance(given["action"], list) else [given["action"]]
        known = ", ".join(ACTIONS)
        if not actions:
            raise CampaignError(
                f"{where}: the list of actions is empty; name one or more of {known}"
            )
        for action in actions:
            if action not in ACTIONS or actions.count(action) > 1:
                wrong = "given twice" if action in ACTIONS else "unknown"
                raise CampaignError(
                    f"{where}: action {shown(action)} is {wrong}; {known} work, or a list of them"
                )
        for key, least in (("seed", 0), ("trials", 1), ("starts", 1)):
            if not _is(given[key], int) or given[key] < least:
                raise CampaignError(
                    f"{where}: {key} {shown(given[key])} is not a whole number of {least} or more"
                )
        tolerance = given["tolerance"]
        if not _is(tolerance, int | float) or not 0 < tolerance <= 1e300:
            raise CampaignError(
                f"{where}: tolerance {shown(tolerance)} is not a positive number such as 1e-8"
            )
        if given["theorem"] is not None:
            from ..theorems import theorems

            names = [theorem.name for theorem in theorems()]
            if given["theorem"] not in names:
                raise CampaignError(
                    f"{where}: theorem {shown(given['theorem'])} is unknown; one of {', '.join(names)} works"
                )
        if "starts" in table and "verify" not in actions:
            raise CampaignError(
                f"{where}: starts belongs to action 'verify'; leave it out, or verify"
            )
        if "tolerance" in table and actions == ["predict"]:
            raise CampaignError(
                f"{where}: tolerance belongs to actions 'certify' and 'verify'; leave it out, or certify"
            )
        if given["trials"] > 1 and not random and "verify" not in actions:
            raise CampaignError(
                f"{where}: {given['trials']} trials would all be the same; add a [draw], or leave trials out"
            )
        ordered = [action for action in ACTIONS if action in actions]
        return given | {"action": ordered, "tolerance": float(tolerance)}

    def _cases(self, tables: Any) -> dict[str, dict[str, Any]]:
        """The cases of [problem] or [[problem]], by what to call them: fields with one value each, those of tables flattened."""
        if isinstance(tables, list):
            if not tables or not all(isinstance(table, Mapping) for table in tables):
                raise CampaignError(
                    f"{self.name}: problem lists no problem; write [[problem]] and its fields below it"
                )
            numbered = {f"[[problem]] {number}": table for number, table in enumerate(tables, 1)}
        else:
            numbered = {"[problem]": self._table({"problem": tables}, "problem", needed=False)}
        cases: dict[str, dict[str, Any]] = {at: {} for at in numbered}
        for at, table in numbered.items():
            where = f"{self.name} {at}"
            check_words(table, tuple(FIELDS), where)
            for name, value in table.items():
                for field, entry in flattened({name: self._value(name, value, where)}).items():
                    if field in cases[at]:
                        raise CampaignError(f"{where}: {field} is given twice; keep one")
                    cases[at][field] = entry
        return cases

    def _grid(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """Axes: a list of values each; those of a long tail's parts under names such as long_tail.ratio."""
        where = f"{self.name} [grid]"
        axes = self._parted(table, where)
        for name, values in axes.items():
            if not isinstance(values, list):
                raise CampaignError(
                    f"{where}: {name} {shown(values)} is not a list; write [{shown(values)}], or move it to [problem]"
                )
            if not values:
                raise CampaignError(
                    f"{where}: {name} lists nothing; give it a value, or leave it out"
                )
            if name in ("counts", "label_scale", "class_scale", "targets") and not isinstance(
                values[0], list | Mapping | str
            ):
                raise CampaignError(
                    f"{where}: {name} lists {shown(values[0])}, which is one number; write a list of lists, [[...]]"
                )
            axes[name] = [self._value(name, value, where) for value in values]
        return axes

    def _draw(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """Distributions, of a long tail's parts under names such as long_tail.ratio."""
        where = f"{self.name} [draw]"
        draws = self._parted(table, where)
        for name, draw in draws.items():
            _check_draw(draw, name, f"{where} {name}")
            if "choice" in draw:
                values = [self._value(name, value, where) for value in draw["choice"]]
                draws[name] = dict(draw) | {"choice": values}
        return draws

    def _parted(self, table: Mapping[str, Any], where: str) -> dict[str, Any]:
        """The section with the parts of a long tail as fields of their own, if it is no choice of whole ones."""
        check_words(table, tuple(FIELDS), where)
        tail = table.get("long_tail")
        if not isinstance(tail, Mapping) or "choice" in tail:
            return dict(table)
        check_words(tail, LONG_TAIL, f"{where} long_tail")
        return flattened(table)

    def _value(self, name: str, value: Any, where: str) -> Any:
        """A value of a field, with counts read from where the spec says, and the entries of tables checked."""
        at = f"{where}: {name}"
        if name == "counts" and isinstance(value, str):
            from ..problem.counts import parse_counts

            if value.strip() == "-":
                raise CampaignError(f"{at} '-': a campaign reads no standard input; name a file")
            beside = self.folder / value
            local = len(value) < 4096 and "\0" not in value and beside.is_file()
            try:
                return parse_counts(os.fspath(beside) if local else value)
            except NcsolveError as error:
                raise CampaignError(f"{at}: {error}") from None
        if name == "loss" and isinstance(value, Mapping):
            check_words(value, LOSS, at)
            if "name" not in value:
                raise CampaignError(
                    f"{at} {shown(dict(value))} has no name; write e.g. {{ name = 'ce', smoothing = 0.1 }}"
                )
        if name == "long_tail":
            if not isinstance(value, Mapping):
                form = "write e.g. { K = 10, n = 500, ratio = 100 }"
                raise CampaignError(f"{at} {shown(value)} is not a table; {form}")
            check_words(value, LONG_TAIL, at)
        return value

    def _check_together(self, sections: Mapping[str, Mapping[str, Any]]) -> None:
        """Every field once, no field beside another that means the same, and class counts at all."""
        at: dict[str, str] = {}
        for section, fields in sections.items():
            for field, value in fields.items():
                for said in {field, *_inside(field, value)}:
                    if said in at:
                        both = f"in {at[said]} and in {section}"
                        twice = both if at[said] != section else f"twice in {section}"
                        raise CampaignError(f"{self.name}: {said} is given {twice}; keep one")
                    at[said] = section
        for field, others in RIVALS:
            for other in others:
                whole = field == "long_tail" and at.get(field) == at.get(other)
                if field in at and other in at and not whole:
                    raise CampaignError(
                        f"{self.name}: {field} (in {at[field]}) and {other} (in {at[other]}) say the same thing; keep one of them"
                    )
        parts = [part for part in LONG_TAIL[:3] if f"long_tail.{part}" not in at]
        if "counts" in at or not parts:
            return
        section = next(iter(sections))
        if any(field.startswith("long_tail") for field in at):
            raise CampaignError(
                f"{self.name}: the long tail of {section} lacks {' and '.join(parts)}; give them there, in [grid] or [draw]"
            )
        raise CampaignError(
            f"{self.name}: {section} has no class counts; give counts or long_tail there, in [grid] or in [draw]"
        )


def _inside(field: str, value: Any) -> set[str]:
    """Names that the tables among an axis's or a choice's values stand for: a loss's entries, a long tail's parts."""
    if field not in ("loss", "long_tail"):
        return set()
    values = value.get("choice", []) if isinstance(value, Mapping) else value
    tables = [table for table in values if isinstance(table, Mapping)]
    return {name for table in tables for name in flattened({field: table})} - {"loss"}


def _check_draw(draw: Any, name: str, where: str) -> None:
    """Refuse what is not a distribution for this field."""
    if not isinstance(draw, Mapping):
        raise CampaignError(
            f"{where}: {shown(draw)} is not a table; write e.g. {{ loguniform = [1e-5, 1e-1] }}"
        )
    if name == "counts" and "choice" not in draw:
        check_words(draw, COUNTS, where)
        for key in COUNTS:
            if key in draw:
                ends = [draw[key]] * 2 if key != "count" and _is(draw[key], int) else draw[key]
                _check_range(ends, f"{where}.{key}", whole=True, positive=True)
            elif key != "repeats":
                raise CampaignError(
                    f"{where}: {key} is missing; write e.g. {{ K = [2, 12], count = [1, 1000], repeats = [1, 3] }}"
                )
        return
    check_words(draw, (*LAWS, "each"), where)
    laws = [law for law in LAWS if law in draw]
    if len(laws) != 1:
        two = f"{' and '.join(laws)} are two distributions"
        said = two if laws else "no distribution is named"
        raise CampaignError(f"{where}: {said}; name one of {', '.join(LAWS)}")
    per = FIELDS[name].per
    if draw.get("each") is not None and (not per or draw["each"] != per):
        works = f"{per!r} works" if per else "leave it out"
        raise CampaignError(f"{where}: each = {shown(draw['each'])} is not for {name}; {works}")
    if laws != ["choice"]:
        law = laws[0]
        _check_range(draw[law], f"{where}.{law}", whole="integers" in law, positive="log" in law)
    elif not isinstance(draw["choice"], list) or not draw["choice"]:
        raise CampaignError(
            f"{where}: choice {shown(draw['choice'])} is not a list with at least one value"
        )


def _check_range(ends: Any, where: str, *, whole: bool, positive: bool) -> None:
    number = int if whole else int | float
    pair = isinstance(ends, list) and len(ends) == 2 and all(_is(x, number) for x in ends)
    if not pair or not -(2**63) + 1 < ends[0] <= ends[1] < 2**63 - 1 or (positive and ends[0] <= 0):
        kind = f"two {'positive ' if positive else ''}{'whole ' if whole else ''}numbers in order"
        raise CampaignError(f"{where} {shown(ends)} is not a range; write [low, high], {kind}")


def check_words(given: Iterable[str], known: Sequence[str], where: str) -> None:
    """Refuse the first word that is not known, and say the known one most like it; a dotted name is also compared by its last part.

    Examples
    --------
    >>> check_words(["dept"], ["depth", "width"], "spec.toml [grid]")
    Traceback (most recent call last):
    ...
    ncsolve.problem.errors.CampaignError: spec.toml [grid]: unknown key 'dept'; the nearest one that works is 'depth'
    """
    from difflib import SequenceMatcher

    for word in given:
        if word in known:
            continue

        def likeness(name: str, start: str = str(word).lower()[:100]) -> float:
            ends = {name, name.rpartition(".")[2]}
            return max(SequenceMatcher(None, start, end.lower()).ratio() for end in ends)

        raise CampaignError(
            f"{where}: unknown key {shown(word)}; the nearest one that works is {max(known, key=likeness)!r}"
        )


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _refuse_what_json_lacks(value: Any, where: str) -> None:
    """Dates, nan and infinity are TOML, but no value of any field."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if not isinstance(key, str):
                raise CampaignError(f"{where}: key {shown(key)} is not a word")
            _refuse_what_json_lacks(entry, f"{where} {key}" if re.match(r"\w", key) else where)
    elif isinstance(value, list | tuple):
        for entry in value:
            _refuse_what_json_lacks(entry, where)
    elif not isinstance(value, str | int | float) and value is not None:
        raise CampaignError(
            f"{where}: {shown(str(value))} is not a number, a word or a list of them"
        )
    elif isinstance(value, float) and not math.isfinite(value):
        raise CampaignError(f"{where}: {value} is not finite; give a number")
