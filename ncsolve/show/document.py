"""Results of commands: a JSON document, matrices where the file has them, and what can be rebuilt from both.

A prediction is not stored but made again from its problem and theorem, which costs less than reading it; its value is compared with the
stored one. Descents cannot be made again so cheaply: their trajectories and, in an .npz file, the matrices of the best run are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..numeric.descent import Trajectory
from ..numeric.optimizers import Ending
from ..problem.border import shown
from ..problem.errors import DataError, NcsolveError
from ..problem.objective import Parameters

if TYPE_CHECKING:
    from ..analytic.prediction import Prediction
    from ..metrics.compare import Comparison
    from ..metrics.metrics import Measurement
    from ..verification import Verification

SAME = 1e-9  # relative difference of a stored value from the one that is predicted now


@dataclass(frozen=True, eq=False)
class History:
    """What is kept of a run in a document: its trajectory, and how it ended."""

    ending: Ending
    trajectory: Trajectory


@dataclass(frozen=True, eq=False)
class Result:
    """What a command found. Built by `result_files.read_result`, or by `result_of` in memory.

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
        return isinstance(self.document.get("prediction", self.document).get("theorem"), Mapping)

    @cached_property
    def prediction(self) -> Prediction:
        """The prediction, made again where it was read.

        Raises
        ------
        DataError
            The document has no problem, or its value is not what is predicted for it now.
        """
        from ..problem.ufm import UFM
        from ..theorems import theorem
        from ..theorems.predict import predict

        if self.made is not None:
            return self.made
        document = self.document.get(
            "prediction", self.document
        )  # compare keeps it beside the measurement
        try:
            name, problem = document["theorem"]["name"], document["ufm"]
        except (KeyError, TypeError):
            raise self._lacks("prediction", "predict --out FILE.json") from None
        try:
            with self.whole():
                chosen = theorem(name)
                prediction = predict(UFM.from_dict(problem), chosen, limit=chosen.limit)
        except NcsolveError as error:
            raise DataError(
                f"{shown(self.path)} holds a problem that is not understood: {error}"
            ) from None
        stored = document.get("value", prediction.value)
        if not isinstance(stored, int | float) or not abs(stored - prediction.value) <= SAME * abs(
            prediction.value
        ):
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
        if not self.document.get("runs"):
            raise self._lacks("runs of descent", "verify --out FILE.json")
        with self.whole():
            return tuple(
                History(Ending[run["ending"]], _trajectory(run["trajectory"]))
                for run in self.document["runs"]
            )

    @cached_property
    def records(self) -> tuple[dict[str, Any], ...]:
        """Measurements of a training, by time; NaN stands for what was not finite.

        Raises
        ------
        DataError
            There are none.
        """
        if not self.document.get("records"):
            raise self._lacks("measurements of a training", "train --log FILE.jsonl")
        with self.whole():
            return tuple(
                {key: np.nan if x is None else x for key, x in one.items()}
                for one in self.document["records"]
            )

    @property
    def holds_matrices(self) -> bool:
        """Whether matrices were measured, in a run or in a network."""
        return "found_class_means" in self.arrays

    @cached_property
    def found(self) -> Parameters:
        """The matrices of the best run, or of a network: (W_1, ..., W_M), class means, bias.

        Raises
        ------
        DataError
            There are none.
        """
        if not self.holds_matrices:
            raise self._lacks(
                "matrices of a run or a network", "verify (or compare) --out FILE.npz"
            )
        with self.whole():
            weights = tuple(self.arrays[name] for name in self._names("found_W_"))
            return Parameters(weights, self.arrays["found_class_means"], self.arrays["found_bias"])

    @cached_property
    def comparison(self) -> Comparison:
        """Class means and classifier beside the prediction, samples of a run at their class means."""
        from ..metrics.compare import compare_matrices

        point, ufm = self.found, self.prediction.ufm
        names, counts, variances = ufm.names, ufm.counts, None
        with self.whole():
            if self.kind == "compare":
                names = tuple(row["name"] for row in self.document["classes"])
                counts = np.array(
                    [row["count"] for row in self.document["classes"]], dtype=np.float64
                )
                variances = np.array(
                    [row["variance"] for row in self.document["classes"]], dtype=np.float64
                )
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
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            why = f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"
            raise DataError(
                f"{shown(self.path)} is not the whole result of ncsolve {self.kind} ({why}); make it again"
            ) from None

    def _lacks(self, what: str, writer: str) -> DataError:
        holds = f"{shown(self.path)}, a result of ncsolve {self.kind}, holds no {what}"
        return DataError(f"{holds}; ncsolve {writer} writes a file that does")

    def _names(self, prefix: str) -> list[str]:
        return sorted(
            (name for name in self.arrays if name.startswith(prefix)),
            key=lambda name: int(name[len(prefix) :]),
        )


def result_of(found: Prediction | Verification | Comparison) -> Result:
    """What predict, verify or compare would have written with --out FILE.npz, without the file.

    Examples
    --------
    >>> import ncsolve
    >>> prediction = ncsolve.predict(ncsolve.UFM([30, 20]))
    >>> result_of(prediction).kind, result_of(prediction).prediction is prediction
    ('predict', True)
    """
    from ..analytic.prediction import Prediction
    from ..metrics.compare import Comparison

    if isinstance(found, Prediction):
        return Result("this problem", "predict", found.to_dict(), {}, found)
    if isinstance(found, Comparison):
        prediction = cast(Prediction, found.prediction)  # metrics/ asks for less of one
        return Result(
            "this comparison",
            "compare",
            found.to_dict(),
            found.matrices.named("found_"),
            prediction,
        )
    return Result(
        "this run",
        "verify",
        found.to_dict(),
        found.best.parameters.named("found_"),
        found.prediction,
    )


def _trajectory(columns: Mapping[str, Any]) -> Trajectory:
    return Trajectory(**{name: np.array(column, dtype=float) for name, column in columns.items()})
