"""Progress on a terminal's standard error: a bar of rich, and what each kind of work tells it; it is cleared at the end.

Each function gives the callback of one kind of work: of `predict`, `verify`, `attack`, `campaign.run`, `phase_map`, `train`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ..numeric.descent import Descent
    from ..problem.ufm import UFM

Bar = AbstractContextManager[Callable[..., None]]
ELAPSED, LEFT = ("{task.description}", "elapsed"), ("counted", "{task.description}", "remaining")


def _bars(*columns: str) -> Progress:
    """Bars with the columns of these names; other words are rich's text."""
    from rich import progress as rich
    from rich.console import Console

    known: dict[str, Any] = {
        "elapsed": rich.TimeElapsedColumn,
        "remaining": rich.TimeRemainingColumn,
        "counted": rich.MofNCompleteColumn,
    }
    made = [known[name]() if name in known else rich.TextColumn(name) for name in columns]
    return rich.Progress(rich.BarColumn(24), *made, console=Console(stderr=True), transient=True)


@contextmanager
def _bar(
    columns: tuple[str, ...], says: str, told: Callable[..., dict[str, Any]], **task: Any
) -> Iterator[Callable[..., None]]:
    """One bar, and a callback that gives it what `told` makes of the callback's arguments."""
    with _bars(*columns) as shown:
        bar = shown.add_task(says, **({"total": None} | task))
        yield lambda *values: shown.update(bar, **told(*values))


def stages() -> Bar:
    """The stage of a search ("search 3 of 12"), where no end can be foreseen a pulse, and its objective."""

    def told(stage: str, objective: float) -> dict[str, Any]:
        words = stage.split()
        done, total = (int(words[1]), int(words[3])) if words[0] == "search" else (None, None)
        said = stage if math.isnan(objective) else f"{stage}  objective {objective:.12g}"
        return {"description": said, "completed": done, "total": total}

    return _bar(ELAPSED, "solving", told)


def words(total: int) -> Bar:
    """One of `total` is done, named by a word."""
    return _bar(LEFT, "", lambda word: {"advance": 1, "description": word}, total=total)


def portions(says: str) -> Bar:
    """So many of a total that is known with the first call, which shows the bar."""

    def told(done: int, total: int) -> dict[str, Any]:
        return {"completed": done, "total": total, "visible": True}

    return _bar(LEFT, says, told, visible=False)


def epochs() -> Bar:
    """The epoch of a training, its loss, and how far features and classifier are."""

    def told(epoch: int, total: int, value: float, record: dict[str, Any]) -> dict[str, Any]:
        said = f"epoch {epoch}/{total}  loss {value:.6g}"
        for key, word in (("nc2_gof_H", "features"), ("nc2_gof_W", "classifier")):
            said += f"  {word} {record[key]:.3f}" if key in record else ""
        return {"description": said, "completed": epoch, "total": total}

    return _bar(ELAPSED, "training", told)


@contextmanager
def counted(total: int) -> Iterator[Callable[[int, int], None]]:
    """How many problems of a campaign are finished, how many of them are errors, and the time that is left."""
    with _bars("counted", *ELAPSED, "left", "remaining") as shown:
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
def bars(ufm: UFM, method: Descent) -> Iterator[Callable[[int, int, float, float], None]]:
    """A bar per start: of its steps where their number is fixed, else of the way that log |gradient| has to fall."""
    from ..numeric.optimizers import Momentum

    says = "start {task.description}  step {task.fields[step]}  objective {task.fields[objective]:.12g}"
    optimizer = method.optimizer
    tolerance = 2.0 * min(ufm.decays) * getattr(optimizer, "tolerance", 1e-12)
    with _bars(says + "  gradient {task.fields[norm]:.2e}", "elapsed") as shown:
        tasks: dict[int, TaskID] = {}
        first = most = 0.0

        def share(step: int, objective: float, norm: float) -> float:
            nonlocal first, most
            if isinstance(optimizer, Momentum):
                return step / optimizer.steps
            goal, first = math.sqrt(tolerance * abs(objective)), first or norm
            if 0 < goal < first and norm > 0:
                most = max(most, min(math.log(first / norm) / math.log(first / goal), 1.0))
            return most

        def move(start: int, step: int, objective: float, norm: float) -> None:
            nonlocal first, most
            fields: dict[str, Any] = {"step": step, "objective": objective, "norm": norm}
            if start not in tasks:
                for task in tasks.values():
                    shown.update(task, completed=1.0)
                    shown.stop_task(task)
                tasks[start] = shown.add_task(f"{start + 1}/{method.starts}", total=1.0, **fields)
                first = most = 0.0
            shown.update(tasks[start], completed=share(step, objective, norm), **fields)

        yield move
