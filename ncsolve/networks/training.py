"""Train: join a task and a method into a trained network, measured against the prediction on the way.

A checkpoint holds everything that the rest of a run depends on; it is written atomically and read without unpickling code.
"""

from __future__ import annotations

import json
import math
import operator
import pickle
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch

from ..files import atomic_write, check_writable
from ..problem.border import shown
from ..problem.errors import DataError, ProblemError
from .hooks import Reading, reading
from .models import build
from .objective import TrainingLoss
from .task import Ending, RunLog, Task, Trained, Training

GROWTH = 1e6  # a loss so many times its least value (or one) has diverged
FORMAT = "ncsolve/train-checkpoint/1"

#: Called after every epoch with (epoch, epochs, loss of its last step, last record).
Progress = Callable[[int, int, float, dict[str, Any]], None]


def train(
    task: Task,
    method: Training | None = None,
    *,
    rng: int | np.random.Generator | None = None,
    log: str | Path | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Trained:
    """Train a network and watch it approach the predicted geometry.

    Parameters
    ----------
    task : Task
    method : Training, optional
    rng : seed or Generator, optional
        Of the initial parameters and of the order of the batches; torch's own generator is left as it was. The seed in use is
        `Trained.seed`. Without one a fresh seed is drawn, or that of the checkpoint is taken.
    log : path, optional
        JSON lines: a header, then one line per measurement.
    checkpoint : path, optional
        Written at the start, then whenever the last is `method.save_seconds` old, and at the end.
    resume : bool
        Go on from the checkpoint. On one machine with one number of threads the result is that of a run that was never stopped.
    overwrite : bool
        Whether an existing log or checkpoint may be replaced by a new run; a file that is no checkpoint never is.
    progress : callable, optional

    Returns
    -------
    Trained

    Raises
    ------
    DataError
        The checkpoint cannot be used, or would replace a file that is none.
    ProblemError
        The device is not there.
    FileExistsError
        A log or checkpoint exists already.

    Notes
    -----
    KeyboardInterrupt ends the run with what there is; the checkpoint is that of the last epoch boundary that was saved.

    Examples
    --------
    >>> import ncsolve
    >>> from ncsolve.networks import MLP, Task, Training, digits
    >>> data = digits().subset([10] * 10, rng=0)
    >>> task = Task(ncsolve.UFM(data.counts, width=16, weight_decay=5e-3, feature_decay=5e-3), data, MLP(1, 64))
    >>> trained = train(task, Training(epochs=20), rng=0)
    >>> trained.reached(tolerance=0.05), trained.contradicts
    (True, False)
    """
    method = Training() if method is None else method
    device = device_named(method.device)
    if resume and checkpoint is None:
        raise ProblemError("resume needs the checkpoint to go on from; give checkpoint")
    if not resume:
        for path in (log, checkpoint):
            if path is not None:
                check_writable(path, overwrite=overwrite)
        if checkpoint is not None:
            refuse_foreign(checkpoint)
    going_on = checkpoint if resume else None
    seed = _seed(rng) if rng is not None or going_on is None else seed_of(going_on)
    fingerprint = _fingerprint(task, method, seed)
    saved = None if going_on is None else _loaded(going_on, fingerprint)
    header = {
        "ufm": task.ufm.to_dict(),
        "regularization": task.regularization,
        "training": asdict(method),
        "rng": seed,
        "targets": list(task.targets),
    }
    if task.prediction is not None:
        header |= {"predicted": task.prediction.value, "claim": task.prediction.claim.name}
    # seeds and draws do not touch the caller's generators
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        run = _Run(task, method, seed, device)
        if saved is not None:
            run.load(saved)
        run.log = RunLog(log, header, run.records, overwrite=overwrite or resume)
        run.checkpoint, run.fingerprint = checkpoint, fingerprint
        try:
            ending = run.descend(progress)
        finally:
            run.log.close()
    run.network.to("cpu").eval()
    return Trained(task, method, run.network, tuple(run.records), run.read(), ending, seed)


class _Run:
    """The state of a run between two epochs."""

    log: RunLog
    checkpoint: str | Path | None = None
    fingerprint = ""

    def __init__(self, task: Task, method: Training, seed: int, device: torch.device) -> None:
        self.task, self.method, self.device = task, method, device
        like = {"device": device, "dtype": torch.float64}
        if method.precision == "single":
            like["dtype"] = torch.float32
        torch.manual_seed(seed)
        network = build(task.ufm, task.architecture, task.dataset.shape, method.head_gain)
        self.network = network.to(**like)
        self.samples = torch.tensor(task.dataset.samples, **like)
        self.labels = torch.tensor(task.dataset.labels, dtype=torch.int64, device=device)
        self.parts = 1 if method.batch is None else max(1, -(-len(self.labels) // method.batch))
        self.loss = TrainingLoss(task, self.parts).to(**like)
        self.optimizer = self._optimizer()
        self.order = np.random.default_rng(seed)
        self.epoch = self.step = 0
        self.seconds, self.least, self.saved = 0.0, math.inf, time.monotonic()
        self.records: list[dict[str, Any]] = []

    def _optimizer(self) -> torch.optim.Optimizer:
        parameters, method = list(self.network.parameters()), self.method
        if method.optimizer == "adam":
            return torch.optim.Adam(parameters, lr=method.rate)
        if method.optimizer == "sgd":
            return torch.optim.SGD(parameters, lr=method.rate, momentum=method.momentum)
        return torch.optim.LBFGS(
            parameters,
            lr=method.rate,
            max_iter=method.iterations,
            history_size=method.memory,
            tolerance_grad=0.0,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )

    def descend(self, progress: Progress | None) -> Ending:
        """Epoch after epoch, to an ending."""
        method, ending = self.method, None
        try:
            if not self.records:
                self.measure()
                self.save()
            self.network.train()
            while ending is None:
                if method.steps is not None and self.step >= method.steps:
                    ending = Ending.STEPS
                elif self.epoch >= method.epochs:
                    ending = Ending.EPOCHS
                else:
                    ending = self._one_epoch(progress)
        except KeyboardInterrupt:
            if not self.records:
                raise
            ending = Ending.INTERRUPTED
        late = ending is Ending.INTERRUPTED or self.records[-1]["epoch"] != self.epoch
        if late and ending is not Ending.DIVERGED:
            self.measure()
        if ending not in (Ending.INTERRUPTED, Ending.DIVERGED):
            self.save()
        return ending

    def _one_epoch(self, progress: Progress | None) -> Ending | None:
        """All steps of an epoch and what is said and saved after them; an ending if one was met."""
        began = time.perf_counter()
        value, ending = self._steps()
        self.epoch += 1
        self.seconds += time.perf_counter() - began
        if ending is not Ending.DIVERGED:
            if self.method.measured_at(self.epoch):
                self.measure()
            if progress is not None:
                progress(self.epoch, self.method.epochs, value, self.records[-1])
            if time.monotonic() - self.saved >= self.method.save_seconds:
                self.save()
        return ending

    def _steps(self) -> tuple[float, Ending | None]:
        """The loss of the last step, and an ending if one was met."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.method.rate_at(self.epoch)
        value = float("nan")
        for batch in self._batches():
            before = self._point()
            value = float(self.optimizer.step(self._closure(batch)))
            self.step += 1
            self.least = min(self.least, value)
            finite = all(bool(one.isfinite().all()) for one in self.network.parameters())
            if not finite or not value <= GROWTH * max(self.least, 1.0):
                return value, Ending.DIVERGED
            if before is not None and torch.equal(before, self._point()):
                return value, Ending.STALLED
            if self.method.steps is not None and self.step >= self.method.steps:
                break
        return value, None

    def _batches(self) -> Iterator[torch.Tensor | slice]:
        if self.parts == 1:
            yield slice(None)
            return
        for part in np.array_split(self.order.permutation(len(self.labels)), self.parts):
            yield torch.from_numpy(part).to(self.device)

    def _closure(self, batch: torch.Tensor | slice) -> Callable[[], torch.Tensor]:
        samples, labels = self.samples[batch], self.labels[batch]

        def evaluate() -> torch.Tensor:
            self.optimizer.zero_grad()
            value: torch.Tensor = self.loss(self.network, samples, labels)
            value.backward()
            return value.detach()

        return evaluate

    def _point(self) -> torch.Tensor | None:
        """All parameters as one vector, to see whether L-BFGS has moved; None for other optimizers."""
        if self.method.optimizer != "lbfgs":
            return None
        return torch.cat([parameter.detach().flatten() for parameter in self.network.parameters()])

    def read(self) -> Reading:
        """Features, weights and bias now."""
        return reading(self.network, self.samples)

    def measure(self) -> None:
        """Add a record."""
        row = {"epoch": self.epoch, "step": self.step, "seconds": round(self.seconds, 3)}
        row["learning_rate"] = self.method.rate_at(min(self.epoch, self.method.epochs))
        self.records.append(row | self.read().metrics(self.task))
        self.log.add(self.records[-1])

    def save(self) -> None:
        """Write everything that the rest of the run depends on; a kill leaves the old file or the new one, never a part."""
        if self.checkpoint is None:
            return
        state = {
            "format": FORMAT,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "seconds": self.seconds,
            "order": json.dumps(self.order.bit_generator.state),
            "torch": torch.get_rng_state(),
            "records": json.dumps(self.records),
            "fingerprint": self.fingerprint,
        }
        if self.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.device)
        with atomic_write(self.checkpoint, overwrite=True) as stream:
            torch.save(state, stream)
        self.saved = time.monotonic()

    def load(self, state: dict[str, Any]) -> None:
        """Become what was saved."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step, self.seconds = state["epoch"], state["step"], state["seconds"]
        self.order.bit_generator.state = json.loads(state["order"])
        torch.set_rng_state(state["torch"])
        if self.device.type == "cuda" and "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self.device)
        self.records = json.loads(state["records"])


def device_named(name: str) -> torch.device:
    """The device, if it can be used; else a ProblemError."""
    try:
        device = torch.device(name)
        if device.type == "cuda":
            torch.empty(0, device=device)
        elif device.type != "cpu":
            raise ProblemError(f"device {name!r} is not supported; 'cpu' and 'cuda' are")
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0][:100]
        raise ProblemError(f"device {name!r} cannot be used ({why}); 'cpu' always works") from None
    return device


def _seed(rng: int | np.random.Generator | None) -> int:
    if rng is None:
        return secrets.randbits(32)
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**32))
    try:
        seed = operator.index(rng)
    except TypeError:
        seed = -1
    if not 0 <= seed < 2**63:
        raise ProblemError(
            f"rng {rng!r} is not a seed; a whole number from 0 or a numpy Generator works"
        )
    return seed


def _fingerprint(task: Task, method: Training, seed: int) -> str:
    """What a checkpoint must share with a run that goes on from it: all but the device, the logging, and where a constant rate ends."""
    free = {"device", "log_every", "save_seconds"}
    free |= {"epochs", "steps"} if method.decline == "constant" else set()
    kept = {name: value for name, value in asdict(method).items() if name not in free}
    parts = {"task": json.loads(task.fingerprint()), "training": kept, "rng": seed}
    return json.dumps(parts, sort_keys=True)


def refuse_foreign(path: str | Path) -> None:
    """Raise a DataError if the file exists and is no checkpoint: such a file is never replaced."""
    try:
        if Path(path).exists():
            _read(path)
    except DataError:
        raise DataError(
            f"{shown(str(path))} exists and is no checkpoint of 'train', so it is kept; choose another name"
        ) from None


def seed_of(path: str | Path) -> int:
    """The seed of the run that wrote a checkpoint."""
    return int(json.loads(_read(path)["fingerprint"])["rng"])


def _loaded(path: str | Path, fingerprint: str) -> dict[str, Any]:
    """A checkpoint that was written by a run with this fingerprint; else the message names the first setting that differs."""
    state = _read(path)
    if state["fingerprint"] != fingerprint:
        where = _first_difference(json.loads(state["fingerprint"]), json.loads(fingerprint))
        raise DataError(
            f"checkpoint {shown(str(path))} is of another run: {where}; repeat its settings, or start a new checkpoint"
        )
    return state


def _read(path: str | Path) -> dict[str, Any]:
    name = shown(str(path))
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError(f"checkpoint {name} does not exist; start without resuming") from None
    except OSError as error:
        raise DataError(f"checkpoint {name} cannot be read ({error.strerror or error})") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, BadZipFile):
        raise DataError(
            f"{name} is no checkpoint of tensors and plain values; give one that 'train' has written"
        ) from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise DataError(
            f"{name} is no checkpoint of this version ({FORMAT}); give one that 'train' has written"
        )
    return state


def _first_difference(theirs: Any, ours: Any, at: str = "") -> str:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            if theirs.get(key) != ours.get(key):
                at = f"{at}.{key}" if at else key
                return _first_difference(theirs.get(key), ours.get(key), at)
    return f"{at} was {shown(theirs, 60)}, now {shown(ours, 60)}"
