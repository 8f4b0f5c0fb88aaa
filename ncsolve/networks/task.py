"""A training run as values: the question (`Task`), how the network is trained (`Training`), what came out (`Trained`), and its log.

The question is whether this network reaches the predicted geometry of its unconstrained feature model. Questions by name are in
experiments.py.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import atomic_write, json_line
from ..metrics.metrics import frame, simplex
from ..problem.errors import DataError, ProblemError
from ..problem.losses import CrossEntropy, Squared
from ..values import Value
from ..version import __version__

if TYPE_CHECKING:
    from ..analytic.prediction import Prediction
    from ..problem.losses import Array
    from ..problem.ufm import UFM
    from .data import Dataset
    from .hooks import Reading
    from .models import Architecture, Network

REGULARIZATIONS = ("ufm-head", "ufm-all", "all")
DISTINCT = 1e-3  # a target this near to the prediction is the prediction
OPTIMIZERS = {"lbfgs": 1.0, "adam": 1e-3, "sgd": 0.1}  # and their learning rates
ROUNDING = 1e-9  # relative excess below zero that double precision may produce
TARGETS = {  # the metrics that measure the distances of class means and of classifiers to each
    "predicted": ("nc2_gof_H", "nc2_gof_W"),
    "simplex": ("nc2_simplex_H", "nc2_etf_W"),
    "orthogonal": ("nc2_of_H", "nc2_of_W"),
}


@dataclass(frozen=True, eq=False, repr=False)
class Task(Value):
    r"""A network, its data and its objective.

    With features H = H(theta) of a backbone with parameters theta, the training loss is

    - "ufm-head": (1/N) sum loss + sum_j (lambda_j/2)||W_j||^2 + (lambda_H/2)||H||^2 (+ the bias's penalty), exactly the objective of
      `ufm` at (H(theta), W, b). It never lies below the model's minimum and reaches it if the backbone can realize those features.
    - "ufm-all": the same plus (lambda_1/2)||theta||^2. Theory does not cover the last term: the features' penalty is predicted, their
      price in backbone weights is not.
    - "all": weight decay on all parameters, none on the features. No theory covers it and nothing is predicted.

    Parameters
    ----------
    ufm : UFM
        Counts, loss, depth M, widths d_1 .. d_M, decays, bias; features "relu" ends the backbone in a ReLU.
    dataset : Dataset
        Its class counts must be those of `ufm`.
    architecture : MLP, ResNet18 or VGG16
    regularization : "ufm-head", "ufm-all" or "all"

    Raises
    ------
    DataError
        The counts of the data and of the problem differ.
    ProblemError

    Examples
    --------
    >>> import ncsolve
    >>> from ncsolve.networks import MLP, Task, digits
    >>> data = digits().subset([20] * 10, rng=0)
    >>> Task(ncsolve.UFM(data.counts, width=16), data, MLP(depth=2, width=64)).prediction.claim.name
    'GLOBAL'
    """

    ufm: UFM
    dataset: Dataset
    architecture: Architecture
    regularization: str = "ufm-head"

    def __post_init__(self) -> None:
        if self.regularization not in REGULARIZATIONS:
            works = ", ".join(map(repr, REGULARIZATIONS))
            raise ProblemError(
                f"regularization {self.regularization!r} is unknown; one of {works} works"
            )
        if not isinstance(self.ufm.loss, Squared | CrossEntropy):
            raise ProblemError(f"loss {self.ufm.loss.name!r} cannot be trained; 'mse' and 'ce' can")
        there = list(self.dataset.counts.values())
        if len(there) != self.ufm.classes or not np.array_equal(self.ufm.counts, there):
            ours, theirs = (
                ", ".join(f"{n:g}" for n in one[:12]) for one in (there, self.ufm.counts)
            )
            why = f"the data has counts {ours}, the problem {theirs}; use UFM(dataset.counts)"
            raise DataError(why)

    @cached_property
    def prediction(self) -> Prediction | None:
        """What theory predicts; None for "all"."""
        if self.regularization == "all":
            return None
        from ..theorems.predict import predict

        return predict(self.ufm)

    @cached_property
    def targets(self) -> dict[str, Array]:
        """Gram matrices at norm 1 that class means may come to: "predicted", and of the other geometries, "simplex" and "orthogonal", those
        that are not the predicted one themselves.
        """
        size = self.ufm.classes
        others = {"simplex": simplex(size), "orthogonal": frame(size)}
        if self.prediction is None:
            return others
        gram = self.prediction.gram_features
        unit = gram / (float(np.linalg.norm(gram)) or 1.0)
        apart = {name: float(np.linalg.norm(unit - other)) for name, other in others.items()}
        return {"predicted": unit} | {k: x for k, x in others.items() if apart[k] > DISTINCT}

    def fingerprint(self) -> str:
        """JSON text that changes with anything the training depends on."""
        data = hashlib.sha256(self.dataset.samples.tobytes() + self.dataset.labels.tobytes())
        parts = {
            "ufm": self.ufm.to_dict(),
            "architecture": self.architecture.to_dict(),
            "regularization": self.regularization,
            "data": data.hexdigest(),
        }
        return json.dumps(parts, sort_keys=True)


_WORDS: dict[str, Any] = {
    "optimizer": OPTIMIZERS,
    "precision": ("double", "single"),
    "schedule": (None, "constant", "cosine", "step"),
}
_OPTIONAL = ("steps", "batch", "log_every", "learning_rate")
_WHOLE = "epochs steps batch iterations memory log_every"
_NUMBERS: dict[str, tuple[Any, Any, str]] = {
    "whole number of 1 or more": (int, lambda n: n >= 1, _WHOLE),
    "positive finite number": (int | float, lambda x: 0 < x < math.inf, "learning_rate head_gain"),
    "number from 0 to below 1": (int | float, lambda x: 0 <= x < 1, "momentum"),
    "number of 0 or more": (int | float, lambda x: x >= 0, "save_seconds"),
}


@dataclass(frozen=True, kw_only=True)
class Training:
    """A way to train.

    Parameters
    ----------
    optimizer : "lbfgs", "adam" or "sgd"
        L-BFGS with a strong Wolfe line search takes the full batch; its epoch is up to `iterations` iterations. Adam and SGD follow
        the gradient of the whole objective, penalties included (L2, nothing decoupled).
    epochs : int
        Passes over the data.
    steps : int, optional
        Limit on optimizer steps, if it comes first.
    learning_rate : float, optional
        By default 1 (lbfgs), 1e-3 (adam), .1 (sgd).
    momentum : float in [0, 1)
        Of SGD.
    schedule : "constant", "cosine" (to zero at the last epoch) or "step" (a tenth at half and again at three quarters)
        lbfgs is "constant". By default "cosine" for the others.
    batch : int, optional
        Samples per step; default all. Every epoch is cut into equal parts (sizes differ by at most one) in random order.
    iterations, memory : L-BFGS iterations per epoch and pairs remembered
    head_gain : float
        The M linear layers start as isometries times this number. Deep heads have a zero minimum whose basin small starts fall into.
    precision : "double" or "single"
    device : "cpu", "cuda", "cuda:1", ...
    log_every : int, optional
        Epochs between measurements; by default about 60 of them, evenly spaced, with the first and the last.
    save_seconds : float
        A checkpoint is written when the last is so old; 0 after every epoch.

    Examples
    --------
    >>> Training(optimizer="adam").rate
    0.001
    """

    optimizer: str = "lbfgs"
    epochs: int = 100
    steps: int | None = None
    learning_rate: float | None = None
    momentum: float = 0.9
    schedule: str | None = None
    batch: int | None = None
    iterations: int = 10
    memory: int = 50
    head_gain: float = 1.0
    precision: str = "double"
    device: str = "cpu"
    log_every: int | None = None
    save_seconds: float = 10.0

    def __post_init__(self) -> None:
        for name, known in _WORDS.items():
            if (word := getattr(self, name)) not in known:
                works = ", ".join(repr(one) for one in known if one)
                raise ProblemError(f"{name} {word!r} is unknown; one of {works} works")
        for said, (kind, holds, names) in _NUMBERS.items():
            for name in names.split():
                value = getattr(self, name)
                number = isinstance(value, kind) and not isinstance(value, bool) and holds(value)
                if not number and not (value is None and name in _OPTIONAL):
                    raise ProblemError(f"{name} {value!r} is not a {said}")
        if self.optimizer != "lbfgs":
            return
        if self.batch is not None:
            why = "which needs the full batch; 'adam' and 'sgd' take one"
            raise ProblemError(f"batch {self.batch} does not go with 'lbfgs', {why}")
        if self.schedule not in (None, "constant"):
            why = "whose line search sets the step"
            raise ProblemError(f"schedule {self.schedule!r} does not go with 'lbfgs', {why}")

    @property
    def rate(self) -> float:
        """The learning rate at the start."""
        return OPTIMIZERS[self.optimizer] if self.learning_rate is None else self.learning_rate

    @property
    def decline(self) -> str:
        """The schedule in use."""
        return self.schedule or ("constant" if self.optimizer == "lbfgs" else "cosine")

    def rate_at(self, epoch: int) -> float:
        """The learning rate in epoch 0, 1, ...

        Examples
        --------
        >>> sgd = Training(optimizer="sgd", epochs=100, schedule="step")
        >>> [round(sgd.rate_at(epoch), 6) for epoch in (0, 50, 75)]
        [0.1, 0.01, 0.001]
        """
        done = epoch / self.epochs
        if self.decline == "cosine":
            return self.rate * (1.0 + math.cos(math.pi * done)) / 2.0
        if self.decline == "step":
            return float(self.rate * 0.1 ** ((done >= 0.5) + (done >= 0.75)))
        return self.rate

    def measured_at(self, epoch: int) -> bool:
        """Whether the network is measured after so many epochs (0 is the start)."""
        every = self.log_every or max(1, self.epochs // 60)
        return epoch % every == 0 or epoch == self.epochs


class Ending(Enum):
    """Why a training run stopped."""

    EPOCHS = "all epochs are done"
    STEPS = "the step limit was reached; more steps may go lower"
    STALLED = "the line search finds no lower point in this precision"
    DIVERGED = "the loss grew without bound; a smaller learning rate works"
    INTERRUPTED = "interrupted; resume from the checkpoint if one was written"


@dataclass(frozen=True, eq=False, repr=False)
class Trained(Value):
    """A trained network and what was measured on the way.

    Attributes
    ----------
    task, method : what was trained, and how
    network : torch module on the CPU, in evaluation mode
    records : one dict per measurement, the last one of the end; keys as in `ncsolve.measure`, and "epoch", "step", "objective",
        "excess" (relative to the predicted value), "accuracy", "learning_rate", "seconds"
    reading : features, weights and bias at the end
    ending : Ending
    seed : of the initial parameters and the batches
    """

    task: Task
    method: Training
    network: Network
    records: Sequence[dict[str, Any]]
    reading: Reading
    ending: Ending
    seed: int

    @property
    def metrics(self) -> dict[str, Any]:
        """The last record."""
        return self.records[-1]

    def targets(self) -> dict[str, tuple[float, float]]:
        """Distances (of class means, of classifiers) to the prediction and to the other targets, at equal norm, uncentered.

        Targets that are the predicted geometry themselves (the simplex of a balanced problem with a free bias) are left out, and so is
        the prediction where there is none.
        """
        last = self.metrics
        keys = {name: TARGETS[name] for name in self.task.targets}
        there = {name: both for name, both in keys.items() if both[0] in last}
        return {name: (last[h], last.get(w, math.nan)) for name, (h, w) in there.items()}

    def reached(self, tolerance: float) -> bool:
        """Whether the distances to the predicted geometry are below the tolerance and below those to every other target."""
        targets = self.targets()
        ours = targets.pop("predicted", (math.inf, math.inf))
        bounds = ((tolerance, tolerance), *targets.values())
        return all(d < bound for other in bounds for d, bound in zip(ours, other, strict=True))

    @property
    def contradicts(self) -> bool:
        """Whether the network lies below a value that is claimed to be the model's global minimum."""
        prediction = self.task.prediction
        if prediction is None or prediction.claim.name not in ("GLOBAL", "CERTIFIED"):
            return False
        slack = ROUNDING if prediction.claim.name == "GLOBAL" else 1e-6
        return bool(self.metrics["excess"] < -slack)

    def save_features(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write what `ncsolve measure` reads to an .npz file, atomically: H_1 .. H_M, the inputs of W_1 .. W_M, y, classes, b.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is false.
        """
        classes = np.array(self.task.dataset.names)
        arrays: dict[str, Any] = {"y": classes[self.task.dataset.labels], "classes": classes}
        arrays |= {f"H_{j}": one for j, one in enumerate(self.reading.inputs, start=1)}
        arrays |= {f"W_{j}": one for j, one in enumerate(self.reading.weights, start=1)}
        if self.task.ufm.bias != "none":
            arrays["b"] = self.reading.bias
        with atomic_write(path, overwrite=overwrite) as stream:
            np.savez(stream, **arrays)

    def to_dict(self) -> dict[str, Any]:
        """The run as plain values: the prediction's document (without one, the problem), the method, the last record, all records."""
        prediction = self.task.prediction
        body = {"ufm": self.task.ufm.to_dict()} if prediction is None else prediction.to_dict()
        used = {"learning_rate": self.method.rate, "schedule": self.method.decline}
        return body | {
            "architecture": self.task.architecture.to_dict(),
            "regularization": self.task.regularization,
            "training": asdict(self.method) | used,
            "ending": self.ending.name,
            "metrics": self.metrics,
            "targets": {name: list(both) for name, both in self.targets().items()},
            "records": list(self.records),
        }


@contextmanager
def run_log(
    path: str | Path | None,
    header: Mapping[str, Any],
    records: Iterable[Mapping[str, Any]],
    *,
    overwrite: bool,
) -> Iterator[Callable[[Mapping[str, Any]], object]]:
    """What adds a measurement to the log of a run: JSON lines, a header and the records so far, then each as soon as it is known."""
    if path is None:
        yield lambda record: None
        return
    schema = {"schema": "ncsolve/train-log/1", "ncsolve_version": __version__}
    with atomic_write(path, overwrite=overwrite) as stream:
        stream.writelines(map(json_line, [schema | dict(header), *records]))
    with open(path, "ab", buffering=0) as log:
        yield lambda record: log.write(json_line(record))
