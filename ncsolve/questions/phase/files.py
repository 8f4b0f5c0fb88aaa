"""A phase map as a table of cells (.csv) or as arrays with a JSON text (.npz)."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...analytic.theorem import Claim
from ...files import atomic_write, document_of, write_arrays
from .cells import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .map import PhaseMap


def save(found: PhaseMap, path: str | Path, document: str = "", *, overwrite: bool = False) -> None:
    """Write `found` in the format of the suffix of `path`."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".npz"):
        raise ValueError(f"{str(path)!r} has suffix {suffix!r}; a map is saved as .csv or .npz")
    if suffix == ".npz":
        document = document or document_of("phase", about(found))
        write_arrays(path, _arrays(found), document, compressed=True, overwrite=overwrite)
        return
    with atomic_write(path, overwrite=overwrite) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        csv.writer(text, lineterminator="\n").writerows(_rows(found))
        text.flush()
        text.detach()


def about(found: PhaseMap) -> dict[str, Any]:
    """The document of a map without its arrays: the problem, the rule behind the counts, the axes, the names of boundaries."""
    body = found.to_dict(arrays=False)
    return body | {
        "boundaries": [
            {"name": boundary.name, "kind": boundary.kind} for boundary in found.boundaries
        ]
    }


def _arrays(found: PhaseMap) -> dict[str, Any]:
    named: dict[str, Any] = {"x": found.x.values, "y": found.y.values} | dict(found.fields)
    named |= {"x_name": np.array(found.x.name), "y_name": np.array(found.y.name)}
    named |= {"theorem": found.theorem, "theorems": np.array(found.theorems), "claim": found.claim}
    named["claims"] = np.array([claim.name for claim in Claim])
    named["boundary_names"] = np.array(
        [boundary.name for boundary in found.boundaries], dtype=np.str_
    )
    return named | {
        f"boundary_{i}": np.stack([boundary.x, boundary.y])
        for i, boundary in enumerate(found.boundaries)
    }


def _rows(found: PhaseMap) -> Iterator[list[Any]]:
    names, claims = list(found.fields), [claim.name for claim in Claim]
    yield [found.x.name, found.y.name, *names, "theorem", "claim"]
    x = [_shown(v, found.x.whole) for v in found.x.values]
    for i, y in enumerate(found.y.values):
        columns = [[_shown(v, name in WHOLE) for v in found.fields[name][i]] for name in names]
        theorem = [found.theorems[t] if t >= 0 else "" for t in found.theorem[i]]
        claim = [claims[c] if c >= 0 else "" for c in found.claim[i]]
        shown = [_shown(y, found.y.whole)] * len(x)
        yield from (list(row) for row in zip(x, shown, *columns, theorem, claim, strict=True))


def _shown(number: float, whole: bool) -> str:
    """As many digits as the double has; nothing where there is no number."""
    if np.isnan(number):
        return ""
    return f"{number:.0f}" if whole else repr(float(number))
