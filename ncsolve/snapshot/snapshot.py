"""A snapshot of a network: its features, their labels, its classifier, found in a file's arrays by their names.

Names that are looked for, in this order:

    features    H, features, or H_1, H_2, ... (the inputs of W_1, W_2, ...)
    labels      y, labels, label, targets
    classifier  W, weight, or W_1, ..., W_M
    bias        b, bias
    order       classes: the K labels in the order of the classifier's rows; default sorted

Keys that the user gives replace them. The .npz that `predict --out` writes is a snapshot too: every sample at its class mean.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..border import shown
from ..errors import DataError
from .formats import READERS, arrays_in

FEATURES, LABELS, WEIGHT, BIAS = ("H", "features"), ("y", "labels", "label", "targets"), ("W", "weight"), ("b", "bias")
LARGEST = 1 << 28  # numbers in the features of a prediction: 2 GiB


@dataclass(frozen=True)
class Keys:
    """Names that the user chose; several weights or features are separated by commas."""

    features: str | None = None
    labels: str | None = None
    weight: str | None = None
    bias: str | None = None


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What `ncsolve.measure` needs: features (one array, or a mapping layer -> array), labels, matrices, bias, order of classes.

    `notes` says what was looked for and not found.
    """

    features: Any
    labels: Any
    weight: Any = None
    bias: Any = None
    classes: Any = None
    notes: tuple[str, ...] = ()


def read_snapshot(
    path: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    classifier: str | os.PathLike[str] | None = None,
    keys: Keys | None = None,
) -> Snapshot:
    """Read a file.

    Parameters
    ----------
    path : .npz, .npy, .csv, .safetensors, .pt, .pth or .ckpt
    labels : file of labels (.npy, .csv or .txt), optional
        Needed for .npy; elsewhere it replaces the labels in the file.
    classifier : file of the classifier and its bias, optional
        For instance a checkpoint beside a file of features.
    keys : Keys, optional

    Raises
    ------
    DataError
        The file cannot be read, or lacks something; the message lists what it has.
    """
    keys = keys or Keys()
    name = shown(os.fspath(path))
    arrays = arrays_in(path)
    head = name
    if classifier is not None:
        others: Mapping[str, Any] = arrays_in(classifier)
        head = shown(os.fspath(classifier))
    else:
        others = arrays
    if "document" in arrays and "class_means" in arrays:
        return _of_prediction(arrays, name)
    features = _several(arrays, keys.features, FEATURES, "H_", name, "features")
    if features is None:
        raise DataError(f"{name} holds no features; {_candidates(arrays, 'features')}; choose with --features-key")
    if labels is not None:
        found = _labels_in(labels)
    else:
        found = _one(arrays, keys.labels, LABELS, name, "labels")
        if found is None:
            raise DataError(
                f"{name} holds no labels; {_candidates(arrays, 'labels')}; choose with --labels-key, or give --labels FILE"
            )
    weight = _several(others, keys.weight, WEIGHT, "W_", head, "weight")
    bias = None if weight is None and keys.bias is None else _one(others, keys.bias, BIAS, head, "bias")
    notes = []
    if weight is None:
        more = _candidates(others, "weight")
        notes.append(f"{head} holds no classifier under {' or '.join(WEIGHT)}; {more}; choose with --weight-key")
    layers = {f"H_{j + 1}": array for j, array in enumerate(features)} if len(features) > 1 else features[0]
    order = _one(others, None, ("classes",), head, "labels")
    order = order if getattr(order, "ndim", 0) == 1 else None
    matrices = weight[0] if weight is not None and len(weight) == 1 else weight
    return Snapshot(layers, found, matrices, bias, order, tuple(notes))


def _one(arrays: Mapping[str, Any], key: str | None, usual: Sequence[str], name: str, what: str) -> Any:
    """The array under the key, or under the first usual name that is there."""
    if key is not None:
        if key not in arrays:
            raise DataError(f"{name} has no {shown(key)}; {_candidates(arrays, what)}")
        return arrays[key]
    return next((arrays[one] for one in usual if one in arrays), None)


def _several(
    arrays: Mapping[str, Any], key: str | None, usual: Sequence[str], stem: str, name: str, what: str
) -> list[Any] | None:
    """The matrices under the keys, under a usual name, or under numbered ones."""
    if key is not None:
        return [_one(arrays, part.strip(), (), name, what) for part in key.split(",")]
    if (single := _one(arrays, None, usual, name, what)) is not None:
        return [single]
    numbered = sorted(int(match[1]) for one in arrays if (match := re.fullmatch(rf"{stem}([1-9][0-9]*)", one)))
    if numbered and numbered != list(range(1, len(numbered) + 1)):
        missing = next(j for j in range(1, numbered[-1] + 1) if j not in numbered)
        raise DataError(f"{name} has {stem}{numbered[-1]} but no {stem}{missing}; give {stem}1, {stem}2, ... without gaps")
    return [arrays[f"{stem}{j}"] for j in numbered] or None


def _candidates(arrays: Mapping[str, Any], what: str) -> str:
    """What the file has, those of a fitting shape first."""
    axes = {"features": 2, "weight": 2, "labels": 1, "bias": 1}[what]
    shapes = {one: tuple(getattr(arrays[one], "shape", ())) for one in list(arrays)[:10_000]}
    fitting = [one for one, shape in shapes.items() if len(shape) == axes] or list(shapes)
    listed = ", ".join(f"{one} {shapes[one]}" for one in fitting[:10])
    return f"candidates for {what}: {listed}{', ...' if len(fitting) > 10 else ''}" if listed else "it holds no arrays"


def _labels_in(path: str | os.PathLike[str]) -> Any:
    from .labels import labels_in

    return labels_in(path)


def _of_prediction(arrays: Mapping[str, Any], name: str) -> Snapshot:
    import json

    try:
        names = json.loads(str(arrays["document"]))["ufm"]["names"]
        counts, means, bias = arrays["counts"], arrays["class_means"], arrays["bias"]
        weights = [arrays[f"W_{j + 1}"] for j in range(sum(one.startswith("W_") for one in arrays))]
        if len(names) != counts.size or means.shape[1] != counts.size:
            raise ValueError("names, counts and class means differ in number")
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise DataError(f"{name} is not the whole .npz of predict --out ({error}); write it again") from None
    if not (counts == np.floor(counts)).all():
        raise DataError(f"{name} is a prediction for fractional counts, which have no samples; whole counts have")
    if counts.sum() * means.shape[0] > LARGEST:
        raise DataError(
            f"{name} is a prediction for {counts.sum():.0f} samples of dimension {means.shape[0]}, too many to list"
        )
    times = counts.astype(np.intp)
    classes = np.array([int(one) if one.isdigit() else one for one in names], dtype=object)
    return Snapshot(np.repeat(means.T, times, axis=0), np.repeat(classes, times), weights, bias, classes)


SUFFIXES = tuple(READERS)
