"""A measurement and a comparison in words: paragraphs of aligned tables. Nothing here prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..metrics.compare import OTHERS
from .text import Line, columns, text

if TYPE_CHECKING:
    from ..metrics.compare import Comparison
    from ..metrics.metrics import Measurement

MOST_ROWS, SHOWN_ROWS = 40, 12  # a longer table shows so many rows from each end


def measurement_blocks(found: Measurement) -> Iterator[str]:
    """What was measured, the metrics, the paper's own names, the classes, the layers."""
    yield text(_about(found))
    if found.published:
        yield columns(
            ("published", "value"),
            [(name, _cell(value)) for name, value in found.published.items()],
        )
    yield columns(
        ("metric", "value"), [(key, _cell(value)) for key, value in found.metrics.items()]
    )
    if found.absent:
        yield text(_absent(found.absent))
    names = ("class", "count", "|w_k|", "|h_k|", "variance")
    weight = (
        [None] * len(found.classes) if found.weight_norm is None else found.weight_norm.tolist()
    )
    rows = zip(
        found.classes, found.counts, weight, found.feature_norm, found.variances, strict=True
    )
    yield _table(
        names, [(_name(name), f"{n:g}", _cell(w), _cell(h), _cell(v)) for name, n, w, h, v in rows]
    )
    if found.layers:
        yield _layers(found.layers)


def comparison_blocks(found: Comparison) -> Iterator[str]:
    """The prediction, the distances to it and to the targets of balanced theory, the classes, the layers, the verdict."""
    from .text import prediction_lines

    m = found.measurement
    yield text(prediction_lines(found.prediction))
    yield text(_about(m))
    if m.published:
        yield columns(
            ("published", "value"), [(name, _cell(value)) for name, value in m.published.items()]
        )
    marked = [
        (key, _cell(value), "held against --tol" if key in found.decisive else "")
        for key, value in found.distances.items()
    ]
    others = [(key, _cell(m[key]), "") for key in OTHERS if key in m]
    more = [("procrustes_H", _cell(found.procrustes), "")]
    yield columns(("distance", "value", ""), [*marked, *more, *others])
    biased = any(row.bias or row.predicted_bias for row in found.classes)
    header = (
        "class",
        "count",
        "state",
        "|w_k|",
        "predicted",
        "|h_k|",
        "predicted",
        *(("b", "predicted") if biased else ()),
    )
    rows = [
        (
            _name(row.name),
            f"{row.count:g}",
            row.state,
            _cell(row.weight_norm),
            _cell(row.predicted_weight_norm),
            _cell(row.feature_norm),
            _cell(row.predicted_feature_norm),
            *((_cell(row.bias), _cell(row.predicted_bias)) if biased else ()),
            _cell(row.angle),
            _cell(row.cosine_error),
        )
        for row in found.classes
    ]
    yield _table((*header, "angle", "cos error"), rows)
    spectra = [
        (
            one.name,
            _cell(one.measured[0]),
            _cell(one.predicted[0]),
            _cell(one.gof),
            _cell(one.relative),
        )
        for one in found.spectra
    ]
    yield columns(
        ("factor", "largest sigma", "predicted", "scale-free distance", "relative distance"),
        spectra,
    )
    if m.layers:
        yield _layers(m.layers)
    key, value = found.largest
    said = (
        f"within the tolerance {found.tolerance:g}"
        if found.agrees
        else f"beyond the tolerance {found.tolerance:g}"
    )
    name = "agrees" if found.agrees else "differs"
    untested = f"; not tested: {', '.join(found.untested)}" if found.untested else ""
    yield text(
        [("verdict", f"{name}: the largest distance, {key} = {value:.6g}, is {said}{untested}")]
    )


def _about(found: Measurement) -> list[Line]:
    c = found.convention
    mean = {"classes": "mu_C, the mean of class means", "samples": "mu_S, the mean of all samples"}[
        c.center
    ]
    preset = [("preset", found.preset)] if found.preset else []
    d = found.class_means.shape[0]
    return [
        ("measured", f"{found.samples} samples in {len(found.classes)} classes, dimension {d}"),
        (
            "rank",
            f"{found.rank} of the centered class means (singular values above {found.rank_cut:.3g})",
        ),
        ("center", mean),
        *preset,
    ]


def _absent(absent: Mapping[str, str]) -> list[Line]:
    """Absent keys, those with one reason on one line."""
    reasons: dict[str, list[str]] = {}
    for key, reason in absent.items():
        reasons.setdefault(reason, []).append(key)
    return [("absent", f"{', '.join(keys)}: {reason}") for reason, keys in reasons.items()]


def _layers(layers: Mapping[str, Measurement]) -> str:
    keys = (
        "nc1_quotient",
        "nc1_cdnv",
        "nc2_etf_H",
        "nc2_of_H",
        "nc2_gof_H",
        "nc2_gof_W",
        "nc3_gof",
    )
    shown = [key for key in keys if any(key in layer for layer in layers.values())]
    rows = [
        (name, str(layer.rank), *(_cell(layer.get(key)) for key in shown))
        for name, layer in layers.items()
    ]
    return columns(("layer", "rank", *shown), rows)


def _table(header: Sequence[str], rows: Sequence[tuple[str, ...]]) -> str:
    """The table; of more than 40 classes only the first and the last."""
    if len(rows) <= MOST_ROWS:
        return columns(header, rows)
    lines = columns(header, [*rows[:SHOWN_ROWS], *rows[-SHOWN_ROWS:]]).splitlines()
    lines.insert(1 + SHOWN_ROWS, f"... {len(rows) - 2 * SHOWN_ROWS} more (use --json for all)")
    return "\n".join(lines)


def _name(label: object) -> str:
    """The label on one line."""
    text = str(label)
    return text if text.isprintable() else repr(text)


def _cell(number: float | None) -> str:
    return "-" if number is None else f"{number:.6g}"
