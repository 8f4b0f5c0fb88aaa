"""A snapshot of a network: its features, their labels, its classifier, found in a file's arrays by their names.

Names that are looked for, in this order:

    features    H, features, or H_1, H_2, ... (the inputs of W_1, W_2, ...)
    labels      y, labels, label, targets
    classifier  W, weight, or W_1, ..., W_M
    bias        b, bias
    order       classes: the K labels in the order of the classifier's rows; default sorted

Keys that the user gives replace them. The .npz that `predict --out` writes is a snapshot too: every sample at its class mean, labels the
names of the classes, matrices in their order; another classifier may take the place of its own. A file that was given for the classifier
must hold one: under a usual name, under a key, or as its only matrix of the shape (classes, dimensions).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...problem.border import shown
from ...problem.errors import DataError
from .formats import READERS, arrays_in

FEATURES, LABELS, WEIGHT, BIAS = (
    ("H", "features"),
    ("y", "labels", "label", "targets"),
    ("W", "weight"),
    ("b", "bias"),
)
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
    others, head = arrays, name
    if classifier is not None:
        others, head = arrays_in(classifier), shown(os.fspath(classifier))
    if _is_prediction(arrays) and keys.features is None:
        if labels is not None or keys.labels is not None:
            option = "--labels" if labels is not None else "--labels-key"
            more = _candidates(arrays, "features")
            raise DataError(
                f"{name} is a prediction, whose labels follow from its counts; {option} needs --features-key; {more}"
            )
        rows, found, order = _of_prediction(arrays, name)
        features = [rows]
    else:
        features, found, order = *_samples(arrays, labels, keys, name), None
    weight = _several(others, keys.weight, WEIGHT, "W_", head, "weight")
    notes, chosen = [], keys.weight
    if weight is None and classifier is not None:
        chosen = _by_shape(others, features, found, head)
        weight = [others[chosen]]
        if len(others) > 1:
            notes.append(
                f"{head}: the classifier is {chosen}, the only array of its shape; --weight-key chooses another"
            )
    bias = None
    if weight is not None or keys.bias is not None:
        bias = _one(others, keys.bias, BIAS, head, "bias")
    if bias is None and chosen is not None:
        beside = re.sub(r"weight$", "bias", chosen)
        if beside != chosen and beside in others:
            bias = others[beside]
            notes.append(f"the bias is {beside}, which stands beside {chosen}")
        elif any(len(getattr(one, "shape", ())) == 1 for one in others.values()):
            notes.append(
                f"{head}: no bias was taken; {_candidates(others, 'bias')}; choose with --bias-key"
            )
    if weight is None:
        more = _candidates(others, "weight")
        notes.append(
            f"{head} holds no classifier under {' or '.join(WEIGHT)}; {more}; choose with --weight-key"
        )
    layers = (
        {f"H_{j + 1}": array for j, array in enumerate(features)}
        if len(features) > 1
        else features[0]
    )
    matrices = weight[0] if weight is not None and len(weight) == 1 else weight
    return Snapshot(layers, found, matrices, bias, _order(others, found, order, head), tuple(notes))


def _samples(
    arrays: Mapping[str, Any], labels: str | os.PathLike[str] | None, keys: Keys, name: str
) -> tuple[list[Any], Any]:
    """Features by layer, and labels."""
    features = _several(arrays, keys.features, FEATURES, "H_", name, "features")
    if features is None:
        raise DataError(
            f"{name} holds no features; {_candidates(arrays, 'features')}; choose with --features-key"
        )
    if labels is not None:
        return features, _labels_in(labels)
    found = _one(arrays, keys.labels, LABELS, name, "labels")
    if found is None:
        raise DataError(
            f"{name} holds no labels; {_candidates(arrays, 'labels')}; choose with --labels-key, or give --labels FILE"
        )
    return features, found


def _by_shape(arrays: Mapping[str, Any], features: list[Any], labels: Any, name: str) -> str:
    """The key of the only array that can be the classifier: the only one at all, or of shape (classes, dimensions)."""
    from ..labels import coded

    if len(arrays) == 1 and len(getattr(next(iter(arrays.values())), "shape", ())) == 2:
        return next(iter(arrays))
    shape = (len(coded(labels)[1]), features[0].shape[-1])
    fitting = [
        key
        for key in arrays
        if len(features) == 1 and tuple(getattr(arrays[key], "shape", ())) == shape
    ]
    if len(fitting) == 1:
        return fitting[0]
    several = f"several arrays of shape {shape}" if fitting else f"no array of shape {shape}"
    more = _candidates({key: arrays[key] for key in fitting} or arrays, "weight")
    raise DataError(
        f"{name} holds no classifier under {' or '.join(WEIGHT)}, and {several}; {more}; choose with --weight-key"
    )


def _order(arrays: Mapping[str, Any], labels: Any, order: Any, name: str) -> Any:
    """The classes in the order of the classifier's rows, if its file says it: as they are written, matched with the labels."""
    from ..labels import coded

    predicted = _is_prediction(arrays)
    given: Any = _names(arrays, name) if predicted else arrays.get("classes")
    if not predicted and getattr(given, "ndim", 0) != 1:
        return order
    known = {str(label): label for label in coded(labels)[1]}
    words = [str(one) for one in given]
    if set(words) <= known.keys():
        found = np.empty(len(words), dtype=object)
        found[:] = [known[word] for word in words]
        return found
    return order if predicted else given


def _one(
    arrays: Mapping[str, Any], key: str | None, usual: Sequence[str], name: str, what: str
) -> Any:
    """The array under the key, or under the first usual name that is there."""
    if key is not None:
        if key not in arrays:
            raise DataError(f"{name} has no {shown(key)}; {_candidates(arrays, what)}")
        return arrays[key]
    return next((arrays[one] for one in usual if one in arrays), None)


def _several(
    arrays: Mapping[str, Any],
    key: str | None,
    usual: Sequence[str],
    stem: str,
    name: str,
    what: str,
) -> list[Any] | None:
    """The matrices under the keys, under a usual name, or under numbered ones."""
    if key is not None:
        return [_one(arrays, part.strip(), (), name, what) for part in key.split(",")]
    if (single := _one(arrays, None, usual, name, what)) is not None:
        return [single]
    numbered = sorted(
        int(match[1]) for one in arrays if (match := re.fullmatch(rf"{stem}([1-9][0-9]*)", one))
    )
    if numbered and numbered != list(range(1, len(numbered) + 1)):
        missing = next(j for j in range(1, numbered[-1] + 1) if j not in numbered)
        raise DataError(
            f"{name} has {stem}{numbered[-1]} but no {stem}{missing}; give {stem}1, {stem}2, ... without gaps"
        )
    return [arrays[f"{stem}{j}"] for j in numbered] or None


def _candidates(arrays: Mapping[str, Any], what: str) -> str:
    """What the file has, those of a fitting shape first."""
    axes = {"features": 2, "weight": 2, "labels": 1, "bias": 1}[what]
    shapes = {one: tuple(getattr(arrays[one], "shape", ())) for one in list(arrays)[:10_000]}
    fitting = [one for one, shape in shapes.items() if len(shape) == axes] or list(shapes)
    listed = ", ".join(f"{one} {shapes[one]}" for one in fitting[:10])
    return (
        f"candidates for {what}: {listed}{', ...' if len(fitting) > 10 else ''}"
        if listed
        else "it holds no arrays"
    )


def _labels_in(path: str | os.PathLike[str]) -> Any:
    from .labels import labels_in

    return labels_in(path)


def _is_prediction(arrays: Mapping[str, Any]) -> bool:
    return "document" in arrays and "class_means" in arrays


def _names(arrays: Mapping[str, Any], name: str) -> list[str]:
    """The names of the classes of a prediction, in its order."""
    try:
        return [str(one) for one in json.loads(str(arrays["document"]))["ufm"]["names"]]
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{name} is not the whole .npz of predict --out ({error}); write it again"
        ) from None


def _of_prediction(arrays: Mapping[str, Any], name: str) -> tuple[Any, Any, Any]:
    """Features, labels and classes of a prediction; the names of classes are words, whatever digits they are made of."""
    names = _names(arrays, name)
    try:
        counts, means, _, _ = arrays["counts"], arrays["class_means"], arrays["bias"], arrays["W_1"]
        if len(names) != counts.size or means.shape[1] != counts.size:
            raise ValueError("names, counts and class means differ in number")
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise DataError(
            f"{name} is not the whole .npz of predict --out ({error}); write it again"
        ) from None
    if not (counts == np.floor(counts)).all():
        raise DataError(
            f"{name} is a prediction for fractional counts, which have no samples; whole counts have"
        )
    if counts.sum() * means.shape[0] > LARGEST:
        raise DataError(
            f"{name} is a prediction for {counts.sum():.0f} samples of dimension {means.shape[0]}, too many to list"
        )
    times = counts.astype(np.intp)
    classes = np.array(names, dtype=object)
    return np.repeat(means.T, times, axis=0), np.repeat(classes, times), classes


SUFFIXES = tuple(READERS)
