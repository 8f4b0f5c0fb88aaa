"""Results of commands: a JSON document, matrices where the file has them, and what can be rebuilt from both.

A file is .json, the document alone; .npz, arrays of which one is the document; or .jsonl, whose first line is the document and whose
others are rows. `read_result` reads it, `result_of` makes the same from a value in memory.

A prediction is not stored but made again from its problem and theorem, which costs less than reading it; its value is compared with
the stored one. Descents cannot be made again so cheaply: their trajectories and, in an .npz file, the matrices of the best run are read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ..problem.border import shown
from ..problem.errors import DataError, NcsolveError

if TYPE_CHECKING:
    from ..analytic.prediction import Prediction
    from ..metrics.compare import Comparison
    from ..metrics.metrics import Measurement
    from ..numeric.descent import Trajectory
    from ..numeric.optimizers import Stop
    from ..problem.objective import Parameters
    from ..verification import Verification

SAME = 1e-9  # relative difference of a stored value from the one that is predicted now
SCHEMA = re.compile(r"ncsolve/([a-z-]+)/1")
SUFFIXES = (".json", ".npz", ".jsonl")
LIMIT = 1 << 30  # bytes of a text
#: What comes of entries that are missing, of another type, nested too deeply, or numbers of thousands of digits.
MISTAKES = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError)


class History(NamedTuple):
    """What is kept of a run in a document: how it ended, and its trajectory."""

    ending: Stop
    trajectory: Trajectory


@dataclass(frozen=True, eq=False)
class CommandResult:
    """What a command found. Built by `read_result`, or by `result_of` in memory.

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

    @property
    def predicts(self) -> bool:
        """Whether the result is about one prediction."""
        return isinstance(self._predicted.get("theorem"), Mapping)

    @property
    def _predicted(self) -> Mapping[str, Any]:
        held = self.document.get("prediction", self.document)  # compare keeps it inside
        return held if isinstance(held, Mapping) else {}

    @cached_property
    def prediction(self) -> Prediction:
        """The prediction, made again where it was read; DataError where there is no problem, or its value is not what is predicted now."""
        from ..problem.ufm import UFM
        from ..theorems import theorem
        from ..theorems.predict import predict

        if self.made is not None:
            return self.made
        try:
            name, problem = self._predicted["theorem"]["name"], self._predicted["ufm"]
        except (KeyError, TypeError):
            raise self._lacks("prediction", "predict --out FILE.json") from None
        try:
            with self.whole():
                chosen = theorem(name)
                prediction = predict(UFM.from_dict(problem), chosen, limit=chosen.limit)
        except NcsolveError as error:
            why = f"holds a problem that is not understood: {error}"
            raise DataError(f"{shown(self.path)} {why}") from None
        value = prediction.value
        stored = self._predicted.get("value", value)
        number = isinstance(stored, int | float) and abs(stored) < 1e300
        if not number or not abs(stored - value) <= SAME * abs(value):
            holds = f"holds the value {shown(stored)}, but {value!r} is predicted for its problem"
            changed = "it was changed, or written by another version; make it again"
            raise DataError(f"{shown(self.path)} {holds}: {changed}")
        return prediction

    @cached_property
    def histories(self) -> tuple[History, ...]:
        """The recorded runs of descent; DataError where there are none."""
        import numpy as np

        from ..numeric.descent import Trajectory
        from ..numeric.optimizers import Stop

        if not (runs := self.document.get("runs")):
            raise self._lacks("runs of descent", "verify --out FILE.json")

        def history(ending: str, trajectory: Mapping[str, Any]) -> History:
            columns = {name: np.array(column, float) for name, column in trajectory.items()}
            _, _ = np.shape(list(columns.values()))  # as many numbers in each
            return History(Stop[ending], Trajectory(**columns))

        with self.whole():
            return tuple(history(run["ending"], run["trajectory"]) for run in runs)

    @cached_property
    def records(self) -> tuple[dict[str, Any], ...]:
        """Measurements of a training, by time, NaN for what was not finite; DataError where there are none."""
        if not (records := self.document.get("records")):
            raise self._lacks("measurements of a training", "train --log FILE.jsonl")
        nan = float("nan")
        with self.whole():
            return tuple(
                {key: nan if x is None else x for key, x in one.items()} for one in records
            )

    @property
    def holds_matrices(self) -> bool:
        """Whether matrices were measured, in a run or in a network."""
        return "found_class_means" in self.arrays

    @cached_property
    def found(self) -> Parameters:
        """(W_1, ..., W_M), class means and bias of the best run, or of a network; DataError where there are none."""
        from ..problem.objective import Parameters

        if not self.holds_matrices:
            writer = "verify (or compare) --out FILE.npz"
            raise self._lacks("matrices of a run or a network", writer)
        with self.whole():
            factors = {name[8:]: name for name in self.arrays if name.startswith("found_W_")}
            weights = tuple(self.arrays[factors[j]] for j in sorted(factors, key=int))
            return Parameters(weights, self.arrays["found_class_means"], self.arrays["found_bias"])

    @cached_property
    def comparison(self) -> Comparison:
        """Class means and classifier beside the prediction, samples of a run at their class means."""
        import numpy as np

        from ..metrics.compare import compare_matrices

        point, ufm = self.found, self.prediction.ufm
        names, counts, variances = ufm.names, ufm.counts, None
        with self.whole():
            if self.kind == "compare":
                rows = self.document["classes"]
                names = tuple(row["name"] for row in rows)
                counts = np.array([row["count"] for row in rows], dtype=np.float64)
                variances = np.array([row["variance"] for row in rows], dtype=np.float64)
            return compare_matrices(point, self.prediction, names, counts, variances)

    @property
    def measured(self) -> Parameters | Measurement:
        """Matrices of a run, with its classes in the order of the prediction, or of a network, whose order may be another."""
        return self.comparison.measurement if self.kind == "compare" else self.found

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Entries of the document that are missing or of the wrong form are one DataError."""
        try:
            yield
        except NcsolveError:
            raise
        except MISTAKES as error:
            why = f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"
            whole = f"is not the whole result of ncsolve {self.kind} ({why}); make it again"
            raise DataError(f"{shown(self.path)} {whole}") from None

    def _lacks(self, what: str, writer: str) -> DataError:
        holds = f"{shown(self.path)}, a result of ncsolve {self.kind}, holds no {what}"
        return DataError(f"{holds}; ncsolve {writer} writes a file that does")


def result_of(found: Prediction | Verification | Comparison) -> CommandResult:
    """What predict, verify or compare would have written with --out FILE.npz, without the file.

    Examples
    --------
    >>> import ncsolve
    >>> prediction = ncsolve.predict(ncsolve.UFM([30, 20]))
    >>> result_of(prediction).kind, result_of(prediction).prediction is prediction
    ('predict', True)
    """
    from ..analytic.prediction import Prediction
    from ..verification import Verification

    if isinstance(found, Prediction):
        return CommandResult("this problem", "predict", found.to_dict(), {}, found)
    if isinstance(found, Verification):
        path, kind, matrices = "this run", "verify", found.best.parameters
    else:
        path, kind, matrices = "this comparison", "compare", found.matrices
    prediction: Any = found.prediction  # metrics/ asks for less of one
    return CommandResult(path, kind, found.to_dict(), matrices.named("found_"), prediction)


def read_result(path: str | os.PathLike[str]) -> CommandResult:
    """Read a result file.

    Parameters
    ----------
    path : .json, as --json or --out writes it; .npz, as --out writes it for predict, verify, compare and phase; .jsonl, the results of
        a campaign or the log of a training

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
    name = os.fspath(path)
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in SUFFIXES:
        give = "give a result that a command wrote with --out"
        raise DataError(f"{shown(name)} is none of {', '.join(SUFFIXES)}; {give}")
    if suffix == ".npz":
        from ..metrics.files import arrays_in

        arrays = arrays_in(name)
        if "document" not in arrays:
            give = "give an .npz file that a command of ncsolve wrote with --out (of a network, compare)"
            raise DataError(f"{shown(name)} holds no document; {give}")
        return _result(name, str(arrays["document"]), arrays)
    try:
        with open(name, "rb") as stream:
            data = stream.readline(LIMIT + 1) if suffix == ".jsonl" else stream.read(LIMIT + 1)
            found = _result(name, _text(name, data), {})
            if found.kind != "train-log":
                return found
            rows = _text(name, stream.read(LIMIT + 1))
    except NcsolveError:
        raise
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        give = "give a result that a command wrote"
        raise DataError(f"{shown(name)} cannot be read ({why}); {give}") from None
    return CommandResult(name, found.kind, {**found.document, "records": _records(name, rows)}, {})


def _result(path: str, text: str, arrays: Mapping[str, Any]) -> CommandResult:
    try:
        document = json.loads(text)
        kind = SCHEMA.fullmatch(document["schema"])[1]  # type: ignore[index]
    except MISTAKES:
        give = "give a file that a command wrote with --out"
        wrong = "is no result of ncsolve (it has no schema)"
        raise DataError(f"{shown(path)} {wrong}; {give}") from None
    return CommandResult(path, kind, document, arrays)


def _text(path: str, data: bytes) -> str:
    if len(data) > LIMIT:
        most = f"has more than {LIMIT >> 20} MiB; results are read up to that size"
        raise DataError(f"{shown(path)} {most}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{shown(path)} is not text; give a file that a command wrote") from None


def _records(path: str, text: str) -> list[dict[str, Any]]:
    """The measurements of a training; half a line at the end is one still being written."""
    lines, records = text.splitlines(keepends=True), []
    for number, line in enumerate(lines, start=2):
        try:
            records.append(dict(json.loads(line).items()))
        except MISTAKES:
            if number == len(lines) + 1 and not line.endswith("\n"):
                break
            wrong = f"line {number}: {shown(line[:60])} is no measurement; remove the line"
            raise DataError(f"{shown(path)}, {wrong}") from None
    return records
