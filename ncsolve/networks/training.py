r"""Train: join a task and a method into a trained network, measured against the prediction on the way.

The training loss is the canonical objective at the features that the backbone computes. An epoch is cut into m steps. Step s sees the
samples S and minimizes

    (m/N) sum_{i in S} loss_i + m (lambda_H/2) sum_{i in S} ||h_i||^2 + sum_j (lambda_j/2) ||W_j||^2 + (lambda_b/2) ||b||^2,

whose mean over the steps of an epoch is the canonical objective: the feature penalty's factor m = N/B is what `conventions.convert`
gives for a penalty summed over mini-batches of B = N/m. A checkpoint holds everything that the rest of a run depends on; it is written
atomically and read without unpickling code.
"""

from __future__ import annotations

import json
import math
import operator
import pickle
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import nn

from ..files import atomic_write, check_writable
from ..problem.border import shown
from ..problem.conventions import DecayConvention, convert
from ..problem.errors import DataError, ProblemError
from ..problem.losses import CrossEntropy
from .hooks import reading
from .models import Network, build
from .task import Ending, Task, Trained, Training, run_log

GROWTH = 1e6  # a loss so many times its least value (or one) has diverged
FORMAT = "ncsolve/train-checkpoint/1"
PLAIN, MODULES = (
    ("epoch", "step", "seconds", "fingerprint"),
    ("network", "optimizer"),
)  # of a checkpoint

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
    for path in () if resume else (log, checkpoint):
        if path is not None:
            check_writable(path, overwrite=overwrite)
    going_on = checkpoint if resume else None
    if checkpoint is not None and not resume:
        refuse_foreign(checkpoint)
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
        with run_log(log, header, run.records, overwrite=overwrite or resume) as run.add:
            run.checkpoint, run.fingerprint = checkpoint, fingerprint
            ending = run.descend(progress)
    network, records = run.network.to("cpu").eval(), tuple(run.records)
    last = reading(network, run.samples)
    return Trained(task, method, network, records, last, ending, seed)


class TrainingLoss(nn.Module):
    """The loss of one step of a task, for a fixed number m of steps per epoch."""

    def __init__(self, task: Task, steps: int) -> None:
        super().__init__()
        self.task, samples = task, len(task.dataset.labels)
        ufm, batch, self.share, self.feature_decay = task.ufm, samples / steps, steps / samples, 0.0
        if task.regularization != "all":
            summed = DecayConvention(feature_penalty="batch", samples=samples, batch=batch)
            found = convert(summed, feature_decay=ufm.feature_decay, back=True)
            self.feature_decay = found.feature_decay or 0.0
        crossed = isinstance(ufm.loss, CrossEntropy)
        per_class = ufm.loss.per_class(ufm.classes) if crossed else np.ones((3, ufm.classes))
        arrays = (ufm.loss.targets(ufm.classes).T, *per_class)
        for name, array in zip(("targets", "offsets", "slopes", "scales"), arrays, strict=True):
            self.register_buffer(name, torch.tensor(array), persistent=False)

    def forward(self, network: Network, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss of a step that sees these samples."""
        ufm, head, (logits, features) = self.task.ufm, network.head, network(x)
        total = self.share * self.data(logits, labels)
        penalized = [(self.feature_decay, features)]
        penalized += [
            (decay, layer.weight) for decay, layer in zip(ufm.weight_decay, head, strict=True)
        ]
        if 0 < ufm.bias_decay < math.inf:
            penalized.append((ufm.bias_decay, head[-1].bias))
        if self.task.regularization != "ufm-head":
            penalized += [(ufm.weight_decay[0], one) for one in network.backbone.parameters()]
        for decay, array in penalized:
            total = total + decay / 2 * array.square().sum()
        return total

    def data(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The sum of losses over the samples."""
        loss, per_class = self.task.ufm.loss, dict(self.named_buffers())
        if not isinstance(loss, CrossEntropy):
            return (logits - per_class["targets"][labels]).square().sum() / 2
        slopes = per_class["slopes"][labels, None] * per_class["scales"]
        logits = slopes * logits + per_class["offsets"]
        smoothed = {"label_smoothing": loss.smoothing}
        return nn.functional.cross_entropy(logits, labels, reduction="sum", **smoothed)


class _Run:
    """The state of a run between two epochs."""

    add: Callable[[Mapping[str, Any]], object]
    checkpoint: str | Path | None = None
    fingerprint = ""

    def __init__(self, task: Task, method: Training, seed: int, device: torch.device) -> None:
        self.task, self.method, self.device = task, method, device
        dtype = torch.float32 if method.precision == "single" else torch.float64
        like = {"device": device, "dtype": dtype}
        torch.manual_seed(seed)
        network = build(task.ufm, task.architecture, task.dataset.shape, method.head_gain)
        self.network = network.to(**like)
        self.samples = torch.tensor(task.dataset.samples, **like)
        self.labels = torch.tensor(task.dataset.labels, dtype=torch.int64, device=device)
        self.parts = 1 if method.batch is None else max(1, -(-len(self.labels) // method.batch))
        self.loss = TrainingLoss(task, self.parts).to(**like)
        self.parameters, optim, rate = list(self.network.parameters()), torch.optim, method.rate
        self.optimizer: torch.optim.Optimizer
        if method.optimizer == "lbfgs":
            exactly = {"tolerance_grad": 0.0, "tolerance_change": 0.0}
            exactly |= {"max_iter": method.iterations, "history_size": method.memory}
            search = {"line_search_fn": "strong_wolfe"}
            self.optimizer = optim.LBFGS(self.parameters, rate, **exactly, **search)
        elif method.optimizer == "adam":
            self.optimizer = optim.Adam(self.parameters, rate)
        else:
            self.optimizer = optim.SGD(self.parameters, rate, method.momentum)
        self.order = np.random.default_rng(seed)
        self.epoch = self.step = 0
        self.seconds, self.least, self.saved = 0.0, math.inf, time.monotonic()
        self.records: list[dict[str, Any]] = []

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
                    began = time.perf_counter()
                    value, ending = self._steps()
                    self.epoch += 1
                    self.seconds += time.perf_counter() - began
                    if ending is Ending.DIVERGED:
                        return ending
                    if method.measured_at(self.epoch):
                        self.measure()
                    if progress is not None:
                        progress(self.epoch, method.epochs, value, self.records[-1])
                    if time.monotonic() - self.saved >= method.save_seconds:
                        self.save()
        except KeyboardInterrupt:
            if not self.records:
                raise
            ending = Ending.INTERRUPTED
        if ending is Ending.INTERRUPTED or self.records[-1]["epoch"] != self.epoch:
            self.measure()
        if ending is not Ending.INTERRUPTED:
            self.save()
        return ending

    def _steps(self) -> tuple[float, Ending | None]:
        """All steps of an epoch: the loss of the last, and an ending if one was met."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.method.rate_at(self.epoch)
        value, searched = float("nan"), self.method.optimizer == "lbfgs"
        for batch in self._batches():
            before = [one.detach().clone() for one in self.parameters] if searched else []
            value = float(self.optimizer.step(partial(self._evaluate, batch)))
            self.step += 1
            self.least = min(self.least, value)
            finite = all(bool(one.isfinite().all()) for one in self.parameters)
            if not finite or not value <= GROWTH * max(self.least, 1.0):
                return value, Ending.DIVERGED
            if searched and all(map(torch.equal, before, self.parameters)):
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

    def _evaluate(self, batch: torch.Tensor | slice) -> torch.Tensor:
        self.optimizer.zero_grad()
        value: torch.Tensor = self.loss(self.network, self.samples[batch], self.labels[batch])
        value.backward()
        return value.detach()

    def measure(self) -> None:
        """Add a record."""
        row = {"epoch": self.epoch, "step": self.step, "seconds": round(self.seconds, 3)}
        row["learning_rate"] = self.method.rate_at(min(self.epoch, self.method.epochs))
        self.records.append(row | reading(self.network, self.samples).metrics(self.task))
        self.add(self.records[-1])

    def save(self) -> None:
        """Write everything that the rest of the run depends on; a kill leaves the old file or the new one, never a part."""
        if self.checkpoint is None:
            return
        state = {"format": FORMAT} | {name: getattr(self, name) for name in PLAIN}
        state |= {name: getattr(self, name).state_dict() for name in MODULES}
        state["order"] = json.dumps(self.order.bit_generator.state)
        state |= {"records": json.dumps(self.records), "torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.device)
        with atomic_write(self.checkpoint, overwrite=True) as stream:
            torch.save(state, stream)
        self.saved = time.monotonic()

    def load(self, state: dict[str, Any]) -> None:
        """Become what was saved."""
        for name in MODULES:
            getattr(self, name).load_state_dict(state[name])
        for name in PLAIN:
            setattr(self, name, state[name])
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
        if 0 <= (seed := operator.index(rng)) < 2**63:
            return seed
    except TypeError:
        pass
    raise ProblemError(
        f"rng {rng!r} is not a seed; a whole number from 0 or a numpy Generator works"
    )


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
        why = "exists and is no checkpoint of 'train', so it is kept; choose another name"
        raise DataError(f"{shown(str(path))} {why}") from None


def seed_of(path: str | Path) -> int:
    """The seed of the run that wrote a checkpoint."""
    return int(json.loads(_read(path)["fingerprint"])["rng"])


def _loaded(path: str | Path, fingerprint: str) -> dict[str, Any]:
    """A checkpoint that was written by a run with this fingerprint; else the message names the first setting that differs."""
    state, at = _read(path), ""
    theirs, ours = json.loads(state["fingerprint"]), json.loads(fingerprint)
    if theirs == ours:
        return state
    while isinstance(theirs, dict) and isinstance(ours, dict):
        key = min(key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key))
        at, theirs, ours = f"{at}.{key}".lstrip("."), theirs.get(key), ours.get(key)
    where = f"{at} was {shown(theirs, 60)}, now {shown(ours, 60)}"
    how = "repeat its settings, or start a new checkpoint"
    raise DataError(f"checkpoint {shown(str(path))} is of another run: {where}; {how}")


def _read(path: str | Path) -> dict[str, Any]:
    name, state, what = shown(str(path)), None, "of tensors and plain values"
    try:
        state, what = torch.load(path, "cpu", weights_only=True), f"of this version ({FORMAT})"
    except FileNotFoundError:
        raise DataError(f"checkpoint {name} does not exist; start without resuming") from None
    except OSError as error:
        raise DataError(f"checkpoint {name} cannot be read ({error.strerror or error})") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, BadZipFile):
        pass
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise DataError(f"{name} is no checkpoint {what}; give one that 'train' has written")
    return state
