"""A snapshot of a network: its features, their labels, its classifier, found in a file's arrays by their names. No pickle is ever read.

Names that are looked for, in this order:

    features    H, features, or H_1, H_2, ... (the inputs of W_1, W_2, ...)
    labels      y, labels, label, targets
    classifier  W, weight, or W_1, ..., W_M
    bias        b, bias
    order       classes: the K labels in the order of the classifier's rows; default sorted

Keys that the user gives replace them. The .npz that `predict --out` writes is a snapshot too: every sample at its class mean, labels the
names of the classes, matrices in their order; another classifier may take the place of its own. A file that was given for the classifier
must hold one: under a usual name, under a key, or as its only matrix of the shape (classes, dimensions). A table calls one column label,
class, target or y; all others are coordinates. What may go wrong with a file is said in one line.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..problem.border import rows as table_rows
from ..problem.border import shown, suffix_of
from ..problem.errors import CountsError, DataError
from ..problem.labels import COLUMNS, text_labels
from .rows import coded

Arrays = Mapping[str, Any]
Path = str | os.PathLike[str]

#: What is looked for: usual names, the stem of numbered ones, and how many axes it has.
KINDS = {
    "features": (("H", "features"), "H_", 2),
    "labels": (("y", "labels", "label", "targets"), None, 1),
    "weight": (("W", "weight"), "W_", 2),
    "bias": (("b", "bias"), None, 1),
}
LARGEST = 1 << 28  # numbers in the features of a prediction: 2 GiB
PICKLES = (".pkl", ".pickle", ".joblib", ".p")
CHECKPOINTS = (".pt", ".pth", ".ckpt")


def read_snapshot(
    path: Path,
    *,
    labels: Path | None = None,
    classifier: Path | None = None,
    keys: Mapping[str, str | None] | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """What `ncsolve.measure` takes from a file.

    Parameters
    ----------
    path : .npz, .npy, .csv, .safetensors, .pt, .pth or .ckpt
    labels : file of labels (.npy, .csv or .txt), optional
        Needed for .npy; elsewhere it replaces the labels in the file.
    classifier : file of the classifier and its bias, optional
        For instance a checkpoint beside a file of features.
    keys : mapping, optional
        Names that the user chose for "features", "labels", "weight" and "bias"; several weights or features are separated by commas.

    Returns
    -------
    arguments : features (one array, or a mapping layer -> array), labels, weight, bias and classes
    notes : what was looked for and not found, in words

    Raises
    ------
    DataError
        The file cannot be read, or lacks something; the message lists what it has.
    """
    chosen_keys = {what: key for what, key in (keys or {}).items() if key is not None}
    file = head = _File(arrays_in(path), shown(os.fspath(path)), chosen_keys)
    if classifier is not None:
        head = _File(arrays_in(classifier), shown(os.fspath(classifier)), chosen_keys)
    order = None
    if file.is_prediction and "features" not in chosen_keys:
        if labels is not None or "labels" in chosen_keys:
            option = "--labels" if labels is not None else "--labels-key"
            why = f"whose labels follow from its counts; {option} needs --features-key"
            raise DataError(f"{file.name} is a prediction, {why}; {file.candidates('features')}")
        names, counts, means = _prediction(file)
        if not (counts == np.floor(counts)).all():
            why = "fractional counts, which have no samples; whole counts have"
            raise DataError(f"{file.name} is a prediction for {why}")
        if counts.sum() * means.shape[0] > LARGEST:
            why = f"{counts.sum():.0f} samples of dimension {means.shape[0]}, too many to list"
            raise DataError(f"{file.name} is a prediction for {why}")
        times, order = counts.astype(np.intp), np.array(names, dtype=object)
        features, found = [np.repeat(means.T, times, axis=0)], np.repeat(order, times)
    else:
        features = file.several("features") or file.refuse("features")
        found = labels_in(labels) if labels is not None else file.one("labels")
        if found is None:
            file.refuse("labels", ", or give --labels FILE")
    weight, notes, chosen = head.several("weight"), [], chosen_keys.get("weight")
    if weight is None and classifier is not None:
        chosen = head.by_shape(features, found)
        weight = [head.arrays[chosen]]
        if len(head.arrays) > 1:
            how = "the only array of its shape; --weight-key chooses another"
            notes.append(f"{head.name}: the classifier is {chosen}, {how}")
    bias = head.one("bias") if weight is not None or "bias" in chosen_keys else None
    if bias is None and chosen is not None:
        beside = re.sub(r"weight$", "bias", chosen)
        if beside != chosen and beside in head.arrays:
            bias = head.arrays[beside]
            notes.append(f"the bias is {beside}, which stands beside {chosen}")
        elif any(len(_shape(one)) == 1 for one in head.arrays.values()):
            more = f"{head.candidates('bias')}; choose with --bias-key"
            notes.append(f"{head.name}: no bias was taken; {more}")
    if weight is None:
        notes.append(head.lacks("weight"))
    arguments = {
        "features": features[0],
        "labels": found,
        "weight": weight[0] if weight is not None and len(weight) == 1 else weight,
        "bias": bias,
        "classes": _order(head, found, order),
    }
    if len(features) > 1:
        arguments["features"] = {f"H_{j}": one for j, one in enumerate(features, start=1)}
    return arguments, notes


@dataclass(frozen=True, eq=False)
class _File:
    """The arrays of a file, its name, and the keys that were chosen."""

    arrays: Arrays
    name: str
    keys: Mapping[str, str]

    @property
    def is_prediction(self) -> bool:
        return "document" in self.arrays and "class_means" in self.arrays

    def one(self, what: str, key: str | None = None) -> Any:
        """The array under the key that was chosen, or under the first usual name that is there."""
        key = self.keys.get(what) if key is None else key
        if key is None:
            usual = KINDS[what][0]
            return next((self.arrays[one] for one in usual if one in self.arrays), None)
        if key not in self.arrays:
            raise DataError(f"{self.name} has no {shown(key)}; {self.candidates(what)}")
        return self.arrays[key]

    def several(self, what: str) -> list[Any] | None:
        """The matrices under the keys, under a usual name, or under numbered ones."""
        if what in self.keys:
            return [self.one(what, part.strip()) for part in self.keys[what].split(",")]
        if (single := self.one(what)) is not None:
            return [single]
        stem = KINDS[what][1]
        found = (re.fullmatch(rf"{stem}([1-9][0-9]*)", one) for one in self.arrays)
        numbered = sorted(int(match[1]) for match in found if match)
        for j, number in enumerate(numbered, start=1):
            if j != number:
                has = f"{self.name} has {stem}{numbered[-1]} but no {stem}{j}"
                raise DataError(f"{has}; give {stem}1, {stem}2, ... without gaps")
        return [self.arrays[f"{stem}{j}"] for j in numbered] or None

    def by_shape(self, features: list[Any], labels: Any) -> str:
        """The key of the only array that can be the classifier: the only one at all, or of shape (classes, dimensions)."""
        if len(self.arrays) == 1 and len(_shape(next(iter(self.arrays.values())))) == 2:
            return next(iter(self.arrays))
        shape = (len(coded(labels)[1]), features[0].shape[-1])
        every = self.arrays.items() if len(features) == 1 else ()
        fitting = {key: one for key, one in every if _shape(one) == shape}
        if len(fitting) == 1:
            return next(iter(fitting))
        several = f"{'several arrays' if fitting else 'no array'} of shape {shape}"
        shown_first = _File(fitting or self.arrays, self.name, {})
        raise DataError(shown_first.lacks("weight", several))

    def candidates(self, what: str) -> str:
        """What the file has, those of a fitting shape first."""
        shapes = {one: _shape(self.arrays[one]) for one in list(self.arrays)[:10_000]}
        fitting = [one for one in shapes if len(shapes[one]) == KINDS[what][2]] or list(shapes)
        if not fitting:
            return "it holds no arrays"
        listed = ", ".join(f"{one} {shapes[one]}" for one in fitting[:10])
        return f"candidates for {what}: {listed}{', ...' if len(fitting) > 10 else ''}"

    def lacks(self, what: str, but: str = "") -> str:
        """What the file does not hold, what it does, and how to choose."""
        names = " or ".join(KINDS[what][0])
        said = f"no classifier under {names}" if what == "weight" else f"no {what}"
        holds = f"{self.name} holds {said}{', and ' + but if but else ''}"
        return f"{holds}; {self.candidates(what)}; choose with --{what}-key"

    def refuse(self, what: str, more: str = "") -> Any:
        """Raise for what is not there."""
        raise DataError(self.lacks(what) + more)


def _order(head: _File, labels: Any, order: Any) -> Any:
    """The classes in the order of the classifier's rows, if its file says it: as they are written, matched with the labels."""
    given: Any = _prediction(head)[0] if head.is_prediction else head.arrays.get("classes")
    if not head.is_prediction and getattr(given, "ndim", 0) != 1:
        return order
    known = {str(label): label for label in coded(labels)[1]}
    words = [str(one) for one in given]
    if set(words) <= known.keys():
        return np.array([known[word] for word in words], dtype=object)
    return order if head.is_prediction else given


def _prediction(file: _File) -> tuple[list[str], Any, Any]:
    """The names of the classes of a prediction, which are words, whatever digits they are made of; counts and class means."""
    try:
        names = [str(one) for one in json.loads(str(file.arrays["document"]))["ufm"]["names"]]
        counts, means, *_ = (file.arrays[key] for key in ("counts", "class_means", "bias", "W_1"))
        if len(names) != counts.size or means.shape[1] != counts.size:
            raise ValueError("names, counts and class means differ in number")
    except (KeyError, ValueError, TypeError, IndexError) as error:
        why = f"is not the whole .npz of predict --out ({error}); write it again"
        raise DataError(f"{file.name} {why}") from None
    return names, counts, means


def labels_in(path: Path) -> Any:
    """Labels, one per sample, from a file of their own: .npy, .csv (one column, or one called label) or .txt (one a line)."""
    if _suffix(path) == ".npy":
        return np.asarray(arrays_in(path)["H"])
    try:
        suffix_of(path, (".npy", ".csv", ".txt"), "labels")
        return _numbers_or_words(text_labels(path))
    except CountsError as error:
        raise DataError(str(error)) from None


def arrays_in(path: Path) -> Arrays:
    """The arrays or tensors of a file by name."""
    text, suffix = os.fspath(path), _suffix(path)
    name, why = shown(text), ""
    if suffix in PICKLES:
        how = "save arrays with np.savez or safetensors"
        why = f"is a pickle, which can run any program when it is read; {how}"
    elif suffix not in READERS:
        why = f"has suffix {shown(suffix)}; one of {', '.join(READERS)} is read"
    elif "\0" in text or not os.path.exists(text):
        why = "does not exist; give the path of a file that does"
    elif os.path.isdir(text):
        why = "is a directory; give the path of a file in it"
    elif os.path.isfile(text) and os.path.getsize(text) == 0:
        why = "is empty"
    if why:
        raise DataError(f"{name} {why}")
    try:
        return READERS[suffix](text, name)
    except DataError:
        raise
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        how = "save arrays with np.savez or safetensors"
        how = "pip install safetensors" if package == "safetensors" else how
        why = f"needs the package {package}, which is not installed; {how}"
        raise DataError(f"{name} {why}") from None
    except OSError as error:
        raise DataError(f"{name} cannot be read ({error.strerror or error})") from None
    except Exception as error:  # a damaged file may raise nearly anything
        raise DataError(f"{name} {_unreadable(error, suffix)}") from None


def _unreadable(error: Exception, suffix: str = ".npy") -> str:
    """What is wrong with the content of a file, by its kind."""
    said = " ".join(str(error).split())[:120] or type(error).__name__
    program = "which could run any program; save"
    if suffix == ".npz":
        return f"cannot be read as .npz ({said}); save arrays with np.savez"
    if suffix == ".safetensors":
        said = "bfloat16, which numpy lacks; save float32" if "bfloat" in said.lower() else said
        return f"cannot be read as safetensors ({said})"
    if suffix in CHECKPOINTS:
        if "weights_only" in str(error) or "Unsupported" in str(error):
            said = f"it is a pickle of more than tensors, {program} model.state_dict()"
        return f"cannot be read as a checkpoint of tensors: {said}"
    if "pickle" in str(error).lower():
        return f"is a pickle of Python objects, {program} arrays of numbers or strings"
    return f"cannot be read as an array ({said})"


class _Archive(UserDict[str, Any]):
    """The arrays of an .npz file, each read once, when it is asked for."""

    def __init__(self, path: str, name: str) -> None:
        with open(path, "rb") as stream:
            if stream.read(2) != b"PK":
                raise ValueError("it does not begin like an archive of arrays")
            stream.seek(0)
            super().__init__(dict.fromkeys(np.load(stream, allow_pickle=False).files))
        self.path, self.name = path, name

    def __getitem__(self, key: str) -> Any:
        if self.data[key] is None:
            try:
                with open(self.path, "rb") as stream:
                    self.data[key] = np.load(stream, allow_pickle=False)[key]
            except Exception as error:
                name = f"{self.name}, array {shown(key)},"
                raise DataError(f"{name} {_unreadable(error)}") from None
        return self.data[key]


def _npy(path: str, name: str) -> Arrays:
    with open(path, "rb") as stream:
        if stream.read(6) != b"\x93NUMPY":
            raise ValueError("it does not begin like a .npy file")
    return {"H": np.load(path, mmap_mode="r", allow_pickle=False)}


def _csv(path: str, name: str) -> Arrays:
    """H, shape (N, d), and y, N labels."""
    labels: list[str] = []
    numbers: list[list[float]] = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            table = table_rows(stream, name, "mend it")
            _, header = next(table, (1, []))
            chosen = [i for i, column in enumerate(header) if column.lower() in COLUMNS]
            if len(chosen) != 1 or len(header) < 2:
                columns = "one column label (or class, target, y), and the others are coordinates"
                raise DataError(f"{name}: line 1 must be a header that calls {columns}")
            for line, row in table:
                at = f"{name} line {line}"
                if any(row) and len(row) != len(header):
                    raise DataError(
                        f"{at}: {len(row)} cells, the header has {len(header)}; mend it"
                    )
                if any(row):
                    labels.append(row.pop(chosen[0]))
                    numbers.append([_number(cell, at) for cell in row])
    except UnicodeDecodeError:
        raise DataError(f"{name} is not UTF-8 text; save it as UTF-8 text") from None
    except CountsError as error:
        raise DataError(str(error)) from None
    if not labels:
        raise DataError(f"{name} has a header and no samples")
    return {"H": np.array(numbers), "y": _numbers_or_words(labels)}


def _number(cell: str, at: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise DataError(f"{at}: {shown(cell)} is not a number") from None


def _safetensors(path: str, name: str) -> Arrays:
    from safetensors.numpy import load_file

    return dict(load_file(path))


def _torch(path: str, name: str) -> Arrays:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensors = dict(_flat(torch.load(path, map_location="cpu", weights_only=True), ""))
    if not tensors:
        raise DataError(f"{name} holds no tensors; save model.state_dict(), or a dict of tensors")
    return tensors


def _flat(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    """Tensors of nested dictionaries, their keys joined by dots."""
    if hasattr(value, "detach"):
        yield at or "H", value
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _flat(entry, f"{at}.{key}" if at else str(key))


def _numbers_or_words(labels: Sequence[str]) -> Any:
    """Whole numbers where all are, else text."""
    whole = all(re.fullmatch(r"[+-]?[0-9]{1,18}", label) for label in labels)
    return np.array([int(label) for label in labels] if whole else labels)


def _shape(array: Any) -> tuple[int, ...]:
    return tuple(getattr(array, "shape", ()))


def _suffix(path: Path) -> str:
    return os.path.splitext(os.fspath(path))[1].lower()


READERS: dict[str, Callable[[str, str], Arrays]] = {
    ".npz": _Archive,
    ".npy": _npy,
    ".csv": _csv,
    ".safetensors": _safetensors,
    **dict.fromkeys(CHECKPOINTS, _torch),
}
