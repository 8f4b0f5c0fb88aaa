"""Progress on a terminal's standard error: one bar per start, filled as the logarithm of the gradient falls."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..numeric.optimizers import Momentum

if TYPE_CHECKING:
    from rich.progress import TaskID

    from ..numeric.descent import Descent, Progress
    from ..problem.ufm import UFM


@contextmanager
def bars(ufm: UFM, method: Descent) -> Iterator[Progress]:
    """A callback for `verify(progress=...)`, and the bars it moves; they are cleared at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    says = "start {task.description}  step {task.fields[step]}  objective {task.fields[objective]:.12g}  "
    columns = (
        BarColumn(24),
        TextColumn(says + "gradient {task.fields[norm]:.2e}"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as shown:
        share = _Share(ufm, method)
        tasks: dict[int, TaskID] = {}

        def move(start: int, step: int, objective: float, norm: float) -> None:
            fields: dict[str, Any] = {"step": step, "objective": objective, "norm": norm}
            if start not in tasks:
                for task in tasks.values():
                    shown.update(task, completed=1.0)
                    shown.stop_task(task)
                tasks[start] = shown.add_task(f"{start + 1}/{method.starts}", total=1.0, **fields)
                share.begin()
            shown.update(tasks[start], completed=share(step, objective, norm), **fields)

        yield move


@contextmanager
def stages() -> Iterator[Callable[[str, float], None]]:
    """A callback for `predict(progress=...)`, and the bar that shows its last word; it is cleared at the end.

    The bar fills as a search goes on ("search 3 of 12") and pulses where no end can be foreseen.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (BarColumn(24), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("solving", total=None)

        def move(stage: str, objective: float) -> None:
            words = stage.split()
            done, total = (int(words[1]), int(words[3])) if words[0] == "search" else (None, None)
            said = stage if math.isnan(objective) else f"{stage}  objective {objective:.12g}"
            shown.update(task, description=said, completed=done, total=total)

        yield move


@contextmanager
def words(total: int) -> Iterator[Callable[[str], None]]:
    """A callback that moves a bar by one of `total` and shows a word, with the time that is left; it is cleared at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=total)
        yield lambda word: shown.update(task, advance=1, description=word)


@contextmanager
def counted(total: int) -> Iterator[Callable[[int, int], None]]:
    """A callback for `campaign.run(progress=...)`, and the bar that it moves, with the time left; it is cleared at the end."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        TextColumn("left"),
    )
    with Bars(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as shown:
        task = shown.add_task("", total=total)
        begun = False

        def move(finished: int, errors: int) -> None:
            nonlocal begun
            if not begun:  # what an earlier run has done says nothing about how fast this one is
                shown.reset(task, completed=finished)
                begun = True
            said = f"{errors} error{'' if errors == 1 else 's'}" if errors else ""
            shown.update(task, completed=finished, description=said)

        yield move


@contextmanager
def portions(says: str) -> Iterator[Callable[[int, int], None]]:
    """A callback of (done, total) that moves a bar, shown from the first call on, with the time that is left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(says, total=None, visible=False)
        yield lambda done, total: shown.update(task, completed=done, total=total, visible=True)


class _Share:
    """How much of a run is done: of its steps where their number is fixed, else of the way that log |gradient| has to fall."""

    def __init__(self, ufm: UFM, method: Descent) -> None:
        self.decay = min(ufm.decays)
        self.optimizer = method.optimizer
        self.begin()

    def begin(self) -> None:
        """A new run starts."""
        self.first, self.most = 0.0, 0.0

    def __call__(self, step: int, objective: float, norm: float) -> float:
        if isinstance(self.optimizer, Momentum):
            return step / self.optimizer.steps
        goal = math.sqrt(
            2.0 * self.decay * getattr(self.optimizer, "tolerance", 1e-12) * abs(objective)
        )
        self.first = self.first or norm
        if 0 < goal < self.first and norm > 0:
            done = math.log(self.first / norm) / math.log(self.first / goal)
            self.most = max(self.most, min(done, 1.0))
        return self.most


@contextmanager
def epochs() -> Iterator[Callable[[int, int, float, dict[str, Any]], None]]:
    """A callback for `networks.train(progress=...)`, and the bar it moves; it is cleared at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (BarColumn(24), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("training", total=None)

        def move(epoch: int, total: int, value: float, record: dict[str, Any]) -> None:
            said = f"epoch {epoch}/{total}  loss {value:.6g}"
            for key, word in (("nc2_gof_H", "features"), ("nc2_gof_W", "classifier")):
                said += f"  {word} {record[key]:.3f}" if key in record else ""
            shown.update(task, description=said, completed=epoch, total=total)

        yield move
