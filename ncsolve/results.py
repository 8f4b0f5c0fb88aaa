"""Result files, read back: the JSON document of a command, or the .npz file with its matrices, and what can be rebuilt from them.

A prediction is not stored but made again from its problem and theorem, which costs less than reading it; its value is compared with the
stored one. Descents cannot be made again so cheaply: their trajectories and, in an .npz file, the matrices of the best run are read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .border import shown
from .errors import DataError, NcsolveError
from .numeric.optimizers import Ending
from .numeric.record import Trajectory
from .raw_objective import Parameters

if TYPE_CHECKING:
    from .analytic.prediction import Prediction
    from .metrics.comparison import Comparison
    from .verification import Verification

SCHEMA = re.compile(r"ncsolve/([a-z]+)/1")
LIMIT = 1 << 30  # bytes of a JSON document
SAME = 1e-9  # relative difference of a stored value from the one that is predicted now


@dataclass(frozen=True, eq=False)
class History:
    """What is kept of a run in a document: its trajectory, and how it ended."""

    ending: Ending
    trajectory: Trajectory


@dataclass(frozen=True, eq=False)
class Result:
    """A result file.

    Attributes
    ----------
    path : where it was read
    kind : the command that wrote it, such as "predict" or "verify"
    document : its JSON document
    arrays : its matrices, empty for a .json file
    made : the prediction, where the result has not been read from a file
    """

    path: str
    kind: str
    document: Mapping[str, Any]
    arrays: Mapping[str, Any]
    made: Prediction | None = None

    @cached_property
    def prediction(self) -> Prediction:
        """The prediction, made again where it was read.

        Raises
        ------
        DataError
            The document has no problem, or its value is not what is predicted for it now.
        """
        from .analytic.predict import predict
        from .analytic.theorems import theorem
        from .problem import UFM

        if self.made is not None:
            return self.made
        try:
            chosen = theorem(self.document["theorem"]["name"])
            prediction = predict(UFM.from_dict(self.document["ufm"]), chosen, limit=chosen.limit)
        except (KeyError, TypeError):
            raise DataError(
                f"{shown(self.path)} holds no prediction; give a result of predict, thresholds, certify or verify"
            ) from None
        except NcsolveError as error:
            raise DataError(f"{shown(self.path)} holds a problem that is not understood: {error}") from None
        stored = self.document.get("value", prediction.value)
        if not isinstance(stored, int | float) or not abs(stored - prediction.value) <= SAME * abs(prediction.value):
            raise DataError(
                f"{shown(self.path)} holds the value {stored!r}, but {prediction.value!r} is predicted for its problem: "
                "it was changed, or written by another version; make it again"
            )
        return prediction

    @cached_property
    def histories(self) -> tuple[History, ...]:
        """The recorded runs of descent.

        Raises
        ------
        DataError
            There are none.
        """
        try:
            return tuple(History(Ending[run["ending"]], _trajectory(run["trajectory"])) for run in self.document["runs"])
        except (KeyError, TypeError, ValueError):
            raise DataError(f"{shown(self.path)} holds no runs of descent; give a result of ncsolve verify") from None

    @cached_property
    def found(self) -> Parameters:
        """The matrices of the best run: (W_1, ..., W_M), class means, bias.

        Raises
        ------
        DataError
            There are none.
        """
        weights = [self.arrays[name] for name in self._names("found_W_")]
        if not weights or "found_class_means" not in self.arrays:
            raise DataError(f"{shown(self.path)} holds no matrices of a run; ncsolve verify --out FILE.npz writes them")
        return Parameters(tuple(weights), self.arrays["found_class_means"], self.arrays["found_bias"])

    @cached_property
    def comparison(self) -> Comparison:
        """The best run beside the prediction, as `ncsolve compare` has a network beside it."""
        from .metrics.comparison import compare
        from .metrics.measure import measure

        names, point = list(self.prediction.ufm.names), self.found
        measured = measure(point.features.T, names, list(point.weights), point.bias, classes=names)
        return compare(measured, self.prediction, subset=True)

    def _names(self, prefix: str) -> list[str]:
        return sorted((name for name in self.arrays if name.startswith(prefix)), key=lambda name: int(name[len(prefix) :]))


def result_of(found: Prediction | Verification) -> Result:
    """What `ncsolve predict --out FILE.npz`, or verify, would have written, without the file.

    Examples
    --------
    >>> import ncsolve
    >>> prediction = ncsolve.predict(ncsolve.UFM([30, 20]))
    >>> result_of(prediction).kind, result_of(prediction).prediction is prediction
    ('predict', True)
    """
    from .analytic.prediction import Prediction

    if isinstance(found, Prediction):
        return Result("this problem", "predict", found.to_dict(), {}, found)
    return Result("this run", "verify", found.to_dict(), found.best.parameters.named("found_"), found.prediction)


def _trajectory(columns: Mapping[str, Any]) -> Trajectory:
    return Trajectory(**{name: np.array(column, dtype=float) for name, column in columns.items()})


def read_result(path: str | os.PathLike[str]) -> Result:
    """Read a result file.

    Parameters
    ----------
    path : .json, as --json or --out writes it, or .npz, as --out writes it for predict and verify

    Raises
    ------
    DataError
        The file cannot be read, or no command of ncsolve wrote it.

    Examples
    --------
    >>> import tempfile, pathlib, ncsolve
    >>> from ncsolve.cli import main
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "answer.json"
    >>> code = main(["predict", "--counts", "30,20", "--out", str(file), "--json"])  # doctest: +ELLIPSIS
    {...
    >>> read_result(file).prediction.value == ncsolve.predict(ncsolve.UFM([30, 20])).value
    True
    """
    text = os.fspath(path)
    arrays: Mapping[str, Any] = {}
    if text.lower().endswith(".npz"):
        from .snapshot.formats import arrays_in

        arrays = arrays_in(text)
        if "document" not in arrays:
            raise DataError(f"{shown(text)} holds no document; give an .npz file that predict or verify wrote with --out")
        content = str(arrays["document"])
    elif text.lower().endswith(".json"):
        content = _text(text)
    else:
        raise DataError(f"{shown(text)} is neither .json nor .npz; give a result that a command wrote with --out")
    try:
        document = json.loads(content)
        match = SCHEMA.fullmatch(document["schema"])
    except (ValueError, KeyError, TypeError):
        match = None
    if match is None:
        raise DataError(
            f"{shown(text)} is no result of ncsolve (it has no schema); give a file that a command wrote with --out"
        )
    return Result(text, match[1], document, arrays)


def _text(path: str) -> str:
    name = shown(path)
    try:
        with open(path, "rb") as stream:
            data = stream.read(LIMIT + 1)
    except OSError as error:
        raise DataError(f"{name} cannot be read ({error.strerror or error}); give a result that a command wrote") from None
    if len(data) > LIMIT:
        raise DataError(f"{name} has more than {LIMIT >> 20} MiB; results are read up to that size")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{name} is not text; give a JSON document that a command wrote") from None
