"""From a TOML file, or the same as a mapping, to a Spec; everything that can be wrong with its structure is said here, once.

Values are judged where problems are built: a depth of "three" makes error rows, a list that is empty makes no campaign.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...problem.border import opened, shown
from ...problem.errors import CampaignError, CountsError, NcsolveError
from ...problem.fields import CROSS_ENTROPY, FIELDS, LONG_TAIL, LOSS, RIVALS, flattened
from .draws import check_draw
from .spec import ACTIONS, Spec
from .words import check_words

LIMIT = 64 << 20  # bytes
SECTIONS = ("campaign", "problem", "grid", "draw")
CAMPAIGN = ("action", "seed", "trials", "tolerance", "starts", "theorem")


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
        return _checked(source, "spec", Path())
    try:
        with opened(source, LIMIT, "a [problem] at least") as file:
            data = file.read(LIMIT + 1)
    except CountsError as error:
        raise CampaignError(str(error)) from None
    name = shown(os.fspath(source))
    return _checked(_toml(data, name), name, Path(source).parent)


def _toml(data: bytes, name: str) -> dict[str, Any]:
    import tomllib

    try:
        text = data.decode()
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise CampaignError(
            f"{name} is not text (byte {error.start} is not UTF-8); save it as UTF-8 text"
        ) from None
    except tomllib.TOMLDecodeError as error:
        said = str(error).replace(
            "at end of document", f"at line {text.count(chr(10)) + 1}, the end of the file"
        )
        raise CampaignError(f"{name} is not TOML: {said}") from None
    except RecursionError:
        raise CampaignError(f"{name} is nested too deeply") from None


def _checked(raw: Mapping[str, Any], name: str, folder: Path) -> Spec:
    check_words(raw, SECTIONS, name)
    _refuse_what_json_lacks(raw, name)
    cases = _cases(raw, name, folder)
    grid = _grid(_table(raw, "grid", name), f"{name} [grid]", folder)
    draw = _draw(_table(raw, "draw", name), f"{name} [draw]", folder)
    for at, case in cases.items():
        _check_together({at: case, "[grid]": grid, "[draw]": draw}, name)
    campaign = _campaign(
        _table(raw, "campaign", name, needed=False), f"{name} [campaign]", random=bool(draw)
    )
    document = {"campaign": campaign, "problem": list(cases.values()), "grid": grid, "draw": draw}
    return Spec(
        json.loads(json.dumps(document, allow_nan=False))
    )  # a copy, in which tuples are lists


def _table(
    raw: Mapping[str, Any], section: str, name: str, *, needed: bool = True
) -> Mapping[str, Any]:
    """A section, empty if it is not there; refused if it is there and empty."""
    if section not in raw:
        return {}
    table = raw[section]
    if not isinstance(table, Mapping):
        raise CampaignError(
            f"{name}: {section} {shown(table)} is not a section; write [{section}] and its fields below it"
        )
    if needed and not table:
        raise CampaignError(f"{name}: [{section}] is empty; list a field in it, or leave it out")
    return table


def _campaign(table: Mapping[str, Any], where: str, *, random: bool) -> dict[str, Any]:
    check_words(table, CAMPAIGN, where)
    given: dict[str, Any] = {
        "action": "verify",
        "seed": 0,
        "trials": 1,
        "tolerance": 1e-8,
        "starts": 2,
        "theorem": None,
    } | dict(table)
    actions = given["action"] if isinstance(given["action"], list) else [given["action"]]
    known = ", ".join(ACTIONS)
    if not actions:
        raise CampaignError(f"{where}: the list of actions is empty; name one or more of {known}")
    for action in actions:
        if action not in ACTIONS or actions.count(action) > 1:
            wrong = "given twice" if action in ACTIONS else "unknown"
            raise CampaignError(
                f"{where}: action {shown(action)} is {wrong}; {known} work, or a list of them"
            )
    for key, least in (("seed", 0), ("trials", 1), ("starts", 1)):
        if isinstance(given[key], bool) or not isinstance(given[key], int) or given[key] < least:
            raise CampaignError(
                f"{where}: {key} {shown(given[key])} is not a whole number of {least} or more"
            )
    tolerance = given["tolerance"]
    if (
        isinstance(tolerance, bool)
        or not isinstance(tolerance, int | float)
        or not 0 < tolerance < math.inf
    ):
        raise CampaignError(
            f"{where}: tolerance {shown(tolerance)} is not a positive number such as 1e-8"
        )
    if given["theorem"] is not None:
        _check_theorem(given["theorem"], where)
    if "starts" in table and "verify" not in actions:
        raise CampaignError(f"{where}: starts belongs to action 'verify'; leave it out, or verify")
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


def _check_theorem(theorem: Any, where: str) -> None:
    from ...theorems import theorems

    known = [known.name for known in theorems()]
    if theorem not in known:
        raise CampaignError(
            f"{where}: theorem {shown(theorem)} is unknown; one of {', '.join(known)} works"
        )


def _cases(raw: Mapping[str, Any], name: str, folder: Path) -> dict[str, dict[str, Any]]:
    """The cases of [problem] or [[problem]], by what to call them in a message."""
    tables = raw.get("problem", {})
    if isinstance(tables, list):
        if not tables or not all(isinstance(table, Mapping) for table in tables):
            raise CampaignError(
                f"{name}: problem lists no problem; write [[problem]] and its fields below it"
            )
        numbered = {f"[[problem]] {number}": table for number, table in enumerate(tables, start=1)}
    else:
        numbered = {"[problem]": _table(raw, "problem", name, needed=False)}
    return {at: _fields(table, f"{name} {at}", folder) for at, table in numbered.items()}


def _fields(table: Mapping[str, Any], where: str, folder: Path) -> dict[str, Any]:
    """Fields with one value each; the entries of a loss and the parts of a long tail are fields of their own."""
    check_words(table, FIELDS, where)
    fields: dict[str, Any] = {}
    for name, value in table.items():
        for field, entry in flattened(
            {name: _value(name, value, f"{where}: {name}", folder)}
        ).items():
            if field in fields:
                raise CampaignError(f"{where}: {field} is given twice; keep one")
            fields[field] = entry
    return fields


def _grid(table: Mapping[str, Any], where: str, folder: Path) -> dict[str, Any]:
    """Axes: a list of values each; those of a long tail's parts under names such as long_tail.ratio."""
    check_words(table, FIELDS, where)
    axes: dict[str, Any] = {}
    for name, values in table.items():
        if name == "long_tail" and isinstance(values, Mapping):
            check_words(values, LONG_TAIL, f"{where} long_tail")
            axes |= {f"long_tail.{part}": each for part, each in values.items()}
        else:
            axes[name] = values
    for name, values in axes.items():
        if not isinstance(values, list):
            raise CampaignError(
                f"{where}: {name} {shown(values)} is not a list; write [{shown(values)}], or move it to [problem]"
            )
        if not values:
            raise CampaignError(f"{where}: {name} lists nothing; give it a value, or leave it out")
        if name in ("counts", "label_scale", "class_scale", "targets") and not isinstance(
            values[0], list | Mapping | str
        ):
            raise CampaignError(
                f"{where}: {name} lists {shown(values[0])}, which is one number; write a list of lists, [[...]]"
            )
        axes[name] = [_value(name, value, f"{where}: {name}", folder) for value in values]
    return axes


def _draw(table: Mapping[str, Any], where: str, folder: Path) -> dict[str, Any]:
    """Distributions, of a long tail's parts under names such as long_tail.ratio."""
    check_words(table, FIELDS, where)
    draws: dict[str, Any] = {}
    for name, draw in table.items():
        if name == "long_tail" and isinstance(draw, Mapping) and "choice" not in draw:
            check_words(draw, LONG_TAIL, f"{where} long_tail")
            draws |= {f"long_tail.{part}": each for part, each in draw.items()}
        else:
            draws[name] = draw
    for name, draw in draws.items():
        check_draw(draw, name, f"{where} {name}")
        if "choice" in draw:
            values = [_value(name, value, f"{where}: {name}", folder) for value in draw["choice"]]
            draws[name] = dict(draw) | {"choice": values}
    return draws


def _value(name: str, value: Any, where: str, folder: Path) -> Any:
    """A value of a field, with counts read from where the spec says, and the entries of tables checked."""
    if name == "counts" and isinstance(value, str):
        from ...problem.counts import parse_counts

        if value.strip() == "-":
            raise CampaignError(f"{where} '-': a campaign reads no standard input; name a file")
        try:
            beside = folder / value
            return parse_counts(
                os.fspath(beside)
                if len(value) < 4096 and "\0" not in value and beside.is_file()
                else value
            )
        except NcsolveError as error:
            raise CampaignError(f"{where}: {error}") from None
    if name == "loss" and isinstance(value, Mapping):
        check_words(value, LOSS, where)
        if "name" not in value:
            raise CampaignError(
                f"{where} {shown(dict(value))} has no name; write e.g. {{ name = 'ce', smoothing = 0.1 }}"
            )
    if name == "long_tail":
        form = "write e.g. { K = 10, n = 500, ratio = 100 }"
        if not isinstance(value, Mapping):
            raise CampaignError(f"{where} {shown(value)} is not a table; {form}")
        check_words(value, LONG_TAIL, where)
    return value


def _check_together(sections: Mapping[str, Mapping[str, Any]], name: str) -> None:
    """Every field once, no field beside another that means the same, and class counts at all."""
    at: dict[str, str] = {}
    for section, fields in sections.items():
        for field, value in fields.items():
            for said in {field, *_inside(field, value, section)}:
                if said in at:
                    twice = (
                        f"in {at[said]} and in {section}"
                        if at[said] != section
                        else f"twice in {section}"
                    )
                    raise CampaignError(f"{name}: {said} is given {twice}; keep one")
                at[said] = section
    for field, others in RIVALS:
        for other in others:
            if (
                field in at
                and other in at
                and not (field == "long_tail" and at[field] == at[other])
            ):
                raise CampaignError(
                    f"{name}: {field} (in {at[field]}) and {other} (in {at[other]}) say the same thing; keep one of them"
                )
    parts = [part for part in LONG_TAIL[:3] if f"long_tail.{part}" not in at]
    if "counts" in at or not parts:
        return
    section = next(iter(sections))
    if any(field.startswith("long_tail") for field in at):
        raise CampaignError(
            f"{name}: the long tail of {section} lacks {' and '.join(parts)}; give them there, in [grid] or [draw]"
        )
    raise CampaignError(
        f"{name}: {section} has no class counts; give counts or long_tail there, in [grid] or in [draw]"
    )


def _inside(field: str, value: Any, section: str) -> set[str]:
    """Names that a table stands for: those of a loss's entries and of a long tail's parts."""
    values = (
        value if section == "[grid]" else value.get("choice", []) if section == "[draw]" else []
    )
    tables = (
        [table for table in values if isinstance(table, Mapping)]
        if field in ("loss", "long_tail")
        else []
    )
    if field == "loss":
        return {
            entry for table in tables for entry in table if entry in (*CROSS_ENTROPY, "targets")
        }
    return {f"long_tail.{part}" for table in tables for part in table}


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
