"""Many problems at once, on the cores of this machine or of a cluster, although workers may die.

joblib hands problems to worker processes, several at a time where they are short, and gives rows back as they come. When a worker dies
(killed, or out of memory) joblib gives up all problems that are under way. These are tried again: first one per task, and those
under way at another death each alone. A problem that is alone when its worker dies twice is to blame, and gets an error row.

Every process uses one BLAS thread: sums of several threads depend on how many there are.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from .stopping import Stopped, interrupts_held

if TYPE_CHECKING:
    from .spec import Spec

Row = dict[str, Any]

ATTEMPTS = 2  # deaths of a worker that had nothing else to do, before its problem is to blame
WATCH = 0.5  # seconds between a worker's looks at whether its campaign is still there


class Workers:
    """Who solves the problems of a campaign.

    Parameters
    ----------
    parallel : keyword arguments of joblib.Parallel that say who
    deaths : exceptions that mean the death of a worker
    attempts : how often a problem may kill a worker that has nothing else to do
    """

    def __init__(
        self, parallel: dict[str, Any], deaths: tuple[type[BaseException], ...] = (BrokenExecutor,), attempts: int = ATTEMPTS
    ) -> None:
        self._parallel, self._deaths, self._attempts = parallel, deaths, attempts

    def rows(self, spec: Spec, indices: Iterable[int]) -> Generator[Row, None, None]:
        """The row of every problem, as they are finished.

        Raises
        ------
        Stopped
            Workers die before they have done anything.
        """
        many = iter(indices)
        while (crowd := (yield from self._attempt(spec, many, "auto"))) is not None:
            few = iter(crowd)
            while (suspects := (yield from self._attempt(spec, few, 1))) is not None:
                for index in suspects:
                    yield from self._alone(spec, index)

    def _alone(self, spec: Spec, index: int) -> Iterator[Row]:
        for _ in range(self._attempts):
            if (yield from self._attempt(spec, iter([index]), 1)) is None:
                return
        if not self._alive():
            raise Stopped("worker processes die as soon as they start; is there enough memory?")
        error = {"type": "WorkerDied", "message": "the worker process died each time it had this problem and nothing else"}
        yield {"index": index, "problem": spec.listed(index), "error": error, "seconds": None}

    def _alive(self) -> bool:
        """Whether a worker can do anything at all."""
        from joblib import Parallel, delayed

        try:
            return bool(Parallel(**self._parallel)([delayed(os.getpid)()]))
        except self._deaths:
            return False

    def _attempt(self, spec: Spec, indices: Iterator[int], batch: str | int) -> Generator[Row, None, list[int] | None]:
        """Solve until the indices are used up, or until a worker dies: then the problems that were under way are returned."""
        from joblib import Parallel, delayed

        feed = _Feed(indices)
        parallel = Parallel(**self._parallel, batch_size=batch, return_as="generator_unordered")
        with ExitStack() as stack:
            try:
                with interrupts_held():  # the processes that are started here never see Ctrl-C
                    found = parallel(delayed(_work)(spec, index, os.getpid()) for index in feed)
                stack.callback(_closed, found)
                for row in found:
                    feed.finished(row["index"])
                    yield row
            except self._deaths:
                return feed.close()
        return None


def local(workers: int) -> Workers:
    """Two or more processes of this machine."""
    return Workers({"n_jobs": workers, "backend": "loky"})


def here(spec: Spec, indices: Iterable[int]) -> Generator[Row, None, None]:
    """Rows one after the other, in this process."""
    from threadpoolctl import threadpool_limits

    from .row import solved

    with threadpool_limits(1, user_api="blas"):
        for index in indices:
            yield solved(spec, index)


class _Feed(Iterator[int]):
    """Indices on their way to workers. joblib takes them in threads of its own, even while it is giving up."""

    def __init__(self, indices: Iterator[int]) -> None:
        self._indices, self._lock = indices, threading.Lock()
        self._under_way: dict[int, None] = {}
        self._open = True

    def __next__(self) -> int:
        with self._lock:
            if not self._open:
                raise StopIteration
            index = next(self._indices)
            self._under_way[index] = None
            return index

    def finished(self, index: int) -> None:
        """A row has come."""
        with self._lock:
            del self._under_way[index]

    def close(self) -> list[int]:
        """Give out nothing more; what was given out and has not come back."""
        with self._lock:
            self._open = False
            return list(self._under_way)


def _closed(found: Generator[Row, None, None]) -> None:
    """Give up what is under way; joblib's warning that this loses something is no news."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found.close()


_settled = False


def _work(spec: Spec, index: int, campaign: int) -> Row:
    """A row, in a worker; the process id of the campaign tells whether that is on this machine."""
    global _settled
    from .row import solved

    if not _settled:
        from threadpoolctl import threadpool_limits

        threadpool_limits(1, user_api="blas")
        if os.getppid() == campaign:
            threading.Thread(target=_end_with, args=(campaign,), daemon=True).start()
        _settled = True
    return solved(spec, index)


def _end_with(campaign: int, end: Callable[[int], None] = os._exit) -> None:
    """End this process when its parent has ended: a worker would wait minutes for more to do."""
    while os.getppid() == campaign:
        time.sleep(WATCH)
    end(1)
