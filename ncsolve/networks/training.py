"""Train: join a task and a method into a trained network, measured against the prediction on the way."""

from __future__ import annotations

import json
import math
import operator
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..files import check_writable
from ..problem.errors import ProblemError
from . import checkpoint as checkpoints
from .journal import Journal
from .method import Training
from .network import Network, build
from .objective import TrainingLoss
from .reading import reading
from .task import Task
from .trained import Ending, Trained

GROWTH = 1e6  # a loss so many times its least value (or one) has diverged

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
            checkpoints.refuse_foreign(checkpoint)
    seed = (
        checkpoints.seed(checkpoint)
        if resume and checkpoint is not None and rng is None
        else _seed(rng)
    )
    fingerprint = _fingerprint(task, method, seed)
    saved = checkpoints.load(checkpoint, fingerprint) if resume and checkpoint is not None else None
    with _own_generator(device):
        run = _Run(task, method, seed, device)
        if saved is not None:
            run.load(saved)
        records = run.records
        header = {
            "ufm": task.ufm.to_dict(),
            "regularization": task.regularization,
            "training": asdict(method),
            "rng": seed,
        }
        header |= {"targets": list(task.targets)}
        if task.prediction is not None:
            header |= {"predicted": task.prediction.value, "claim": task.prediction.claim.name}
        journal = Journal(log, header, records, overwrite=overwrite or resume)
        keeper = _Keeper(checkpoint, fingerprint, method.save_seconds)
        try:
            ending = run.descend(journal, keeper, progress)
        finally:
            journal.close()
    run.network.to("cpu").eval()
    return Trained(task, method, run.network, tuple(records), run.read(), ending, seed)


class _Run:
    """The state of a run between two epochs."""

    def __init__(self, task: Task, method: Training, seed: int, device: torch.device) -> None:
        self.task, self.method, self.device = task, method, device
        dtype = torch.float64 if method.precision == "double" else torch.float32
        torch.manual_seed(seed)
        network = build(task.ufm, task.architecture, task.dataset.shape, method.head_gain)
        self.network: Network = network.to(device=device, dtype=dtype)
        self.samples = torch.from_numpy(np.ascontiguousarray(task.dataset.samples)).to(
            device=device, dtype=dtype
        )
        self.labels = torch.from_numpy(task.dataset.labels.astype(np.int64)).to(device)
        size = len(self.labels)
        self.parts = 1 if method.batch is None else max(1, -(-size // method.batch))
        self.loss = TrainingLoss(task, self.parts).to(device=device, dtype=dtype)
        self.optimizer = _optimizer(method, self.network)
        self.order = np.random.default_rng(seed)
        self.epoch = self.step = 0
        self.seconds, self.least = 0.0, math.inf
        self.records: list[dict[str, Any]] = []

    def descend(self, journal: Journal, keeper: _Keeper, progress: Progress | None) -> Ending:
        """Epoch after epoch, to an ending."""
        method, ending = self.method, None
        try:
            if not self.records:
                self.measure(journal)
                keeper.save(self)
            self.network.train()
            while ending is None:
                ending = self._finished()
                if ending is None:
                    began = time.perf_counter()
                    value, ending = self._one_epoch()
                    self.epoch += 1
                    self.seconds += time.perf_counter() - began
                    if ending is Ending.DIVERGED:
                        break
                    if method.measured_at(self.epoch):
                        self.measure(journal)
                    if progress is not None:
                        progress(self.epoch, method.epochs, value, self.records[-1])
                    keeper.save_if_old(self)
        except KeyboardInterrupt:
            if not self.records:
                raise
            ending = Ending.INTERRUPTED
        if ending is not Ending.DIVERGED and (
            ending is Ending.INTERRUPTED or self.records[-1]["epoch"] != self.epoch
        ):
            self.measure(journal)
        if ending not in (Ending.INTERRUPTED, Ending.DIVERGED):
            keeper.save(self)
        return ending

    def _finished(self) -> Ending | None:
        if self.method.steps is not None and self.step >= self.method.steps:
            return Ending.STEPS
        return Ending.EPOCHS if self.epoch >= self.method.epochs else None

    def _one_epoch(self) -> tuple[float, Ending | None]:
        """The loss of the last step, and an ending if one was met."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.method.rate_at(self.epoch)
        value = float("nan")
        for batch in self._batches():
            before = self._point()
            value = float(self.optimizer.step(self._closure(batch)))
            self.step += 1
            self.least = min(self.least, value)
            finite = all(
                bool(parameter.isfinite().all()) for parameter in self.network.parameters()
            )
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

    def read(self) -> Any:
        """Features, weights and bias now."""
        return reading(self.network, self.samples)

    def measure(self, journal: Journal) -> None:
        """Add a record."""
        row: dict[str, Any] = {
            "epoch": self.epoch,
            "step": self.step,
            "seconds": round(self.seconds, 3),
        }
        row |= {
            "learning_rate": self.method.rate_at(min(self.epoch, self.method.epochs)),
            **self.read().metrics(self.task),
        }
        self.records.append(row)
        journal.add(row)

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on."""
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "seconds": self.seconds,
            "order": json.dumps(self.order.bit_generator.state),
            "torch": torch.get_rng_state(),
            "records": json.dumps(self.records),
        }
        return state | (
            {"cuda": torch.cuda.get_rng_state(self.device)} if self.device.type == "cuda" else {}
        )

    def load(self, state: dict[str, Any]) -> None:
        """Become what `state` described."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step, self.seconds = state["epoch"], state["step"], state["seconds"]
        self.order.bit_generator.state = json.loads(state["order"])
        torch.set_rng_state(state["torch"])
        if self.device.type == "cuda" and "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self.device)
        self.records = json.loads(state["records"])


class _Keeper:
    """Writes checkpoints, not too often."""

    def __init__(self, path: str | Path | None, fingerprint: str, every: float) -> None:
        self.path, self.fingerprint, self.every = path, fingerprint, every
        self.last = time.monotonic()

    def save(self, run: _Run) -> None:
        """Write one now."""
        if self.path is not None:
            checkpoints.save(self.path, run.state() | {"fingerprint": self.fingerprint})
            self.last = time.monotonic()

    def save_if_old(self, run: _Run) -> None:
        """Write one if the last is old."""
        if time.monotonic() - self.last >= self.every:
            self.save(run)


def _optimizer(method: Training, network: Network) -> torch.optim.Optimizer:
    parameters = list(network.parameters())
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


@contextmanager
def _own_generator(device: torch.device) -> Iterator[None]:
    """Seed and draw without touching the caller's generators."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


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
    fields = asdict(method)
    free = [
        "device",
        "log_every",
        "save_seconds",
        *(["epochs", "steps"] if method.decline == "constant" else []),
    ]
    kept = {name: value for name, value in fields.items() if name not in free}
    return json.dumps(
        {"task": json.loads(task.fingerprint()), "training": kept, "rng": seed}, sort_keys=True
    )
