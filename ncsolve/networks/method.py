"""How a network is trained: optimizer, rates, batches, precision, device. A frozen value; `train` joins it with a task."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..problem.errors import ProblemError

OPTIMIZERS = ("lbfgs", "adam", "sgd")
SCHEDULES = ("constant", "cosine", "step")
PRECISIONS = ("double", "single")
_RATES = {"lbfgs": 1.0, "adam": 1e-3, "sgd": 0.1}


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
        words = {"optimizer": OPTIMIZERS, "precision": PRECISIONS}
        if self.schedule is not None:
            words["schedule"] = SCHEDULES
        for field, known in words.items():
            if getattr(self, field) not in known:
                works = ", ".join(map(repr, known))
                raise ProblemError(
                    f"{field} {getattr(self, field)!r} is unknown; one of {works} works"
                )
        for field in ("epochs", "steps", "batch", "iterations", "memory", "log_every"):
            value = getattr(self, field)
            if value is not None and (
                not isinstance(value, int) or isinstance(value, bool) or value < 1
            ):
                raise ProblemError(f"{field} {value!r} is not a whole number of 1 or more")
        for field in ("learning_rate", "head_gain"):
            value = getattr(self, field)
            if value is not None and not (_is_number(value) and 0 < value < math.inf):
                raise ProblemError(f"{field} {value!r} is not a positive finite number")
        if not (_is_number(self.momentum) and 0 <= self.momentum < 1):
            raise ProblemError(f"momentum {self.momentum!r} is not a number from 0 to below 1")
        if not (_is_number(self.save_seconds) and self.save_seconds >= 0):
            raise ProblemError(f"save_seconds {self.save_seconds!r} is not a number of 0 or more")
        if self.optimizer == "lbfgs" and self.batch is not None:
            raise ProblemError(
                f"batch {self.batch} does not go with 'lbfgs', which needs the full batch; 'adam' and 'sgd' take one"
            )
        if self.optimizer == "lbfgs" and self.schedule not in (None, "constant"):
            raise ProblemError(
                f"schedule {self.schedule!r} does not go with 'lbfgs', whose line search sets the step"
            )

    @property
    def rate(self) -> float:
        """The learning rate at the start."""
        return _RATES[self.optimizer] if self.learning_rate is None else self.learning_rate

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


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
