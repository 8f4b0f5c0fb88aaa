"""Many problems at once on the cores of this machine, although processes may die.

joblib hands problems to worker processes, several at a time where they are short, and gives rows back as they come. When a process
dies (killed, or out of memory) joblib gives up all problems that are under way. These are tried again: first one per task, and
those under way at another death each alone. A problem that is alone when its process dies twice is to blame, and gets an error row.

Every process uses one BLAS thread: sums of several threads depend on how many there are.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

from .stopping import Stopped, deaf_children

if TYPE_CHECKING:
    from .spec import Spec

Row = dict[str, Any]

ATTEMPTS = 2  # deaths of a process that had nothing else to do, before its problem is to blame
WATCH = 0.5  # seconds between a process's looks at whether its campaign is still there


def here(spec: Spec, indices: Iterable[int]) -> Generator[Row, None, None]:
    """The row of every problem, one after the other, in this process."""
    from threadpoolctl import threadpool_limits

    from .row import solved

    with threadpool_limits(1, user_api="blas"):
        for index in indices:
            yield solved(spec, index)


class Local:
    """Two or more processes of this machine."""

    def __init__(self, workers: int) -> None:
        self._parallel = {"n_jobs": workers, "backend": "loky"}

    def rows(self, spec: Spec, indices: Iterable[int]) -> Generator[Row, None, None]:
        """The row of every problem, as they are finished.

        Raises
        ------
        Stopped
            Processes die before they have done anything.
        """
        many = iter(indices)
        while (crowd := (yield from self._attempt(spec, many, "auto"))) is not None:
            few = iter(crowd)
            while (suspects := (yield from self._attempt(spec, few, 1))) is not None:
                for index in suspects:
                    yield from self._alone(spec, index)

    def _attempt(
        self, spec: Spec, indices: Iterator[int], batch: str | int
    ) -> Generator[Row, None, list[int] | None]:
        """Solve until the indices are used up, or until a process dies: then the problems that were under way are returned."""
        feed = Feed(indices)
        try:
            with closing(in_parallel(self._parallel, spec, feed, batch, os.getpid())) as found:
                for row in found:
                    feed.finished(row["index"])
                    yield row
        except BrokenExecutor:
            return feed.close()
        return None

    def _alone(self, spec: Spec, index: int) -> Generator[Row, None, None]:
        for _ in range(ATTEMPTS):
            if (yield from self._attempt(spec, iter([index]), 1)) is None:
                return
        if not self._alive():
            raise Stopped("worker processes die as soon as they start; is there enough memory?")
        yield died(spec, index)

    def _alive(self) -> bool:
        """Whether a process can do anything at all."""
        from joblib import Parallel, delayed

        try:
            return bool(Parallel(**self._parallel)([delayed(os.getpid)()]))
        except BrokenExecutor:
            return False


def in_parallel(
    parallel: dict[str, Any],
    spec: Spec,
    indices: Iterable[int],
    batch: str | int,
    parent: int | None,
) -> Generator[Row, None, None]:
    """What joblib.Parallel, so configured, gives for every problem, as they are finished.

    Parameters
    ----------
    batch : problems per task, or "auto": as many as take a while
    parent : process id of this process, if the workers are its children and have nobody else to end them
    """
    from joblib import Parallel, delayed

    pool = Parallel(**parallel, batch_size=batch, return_as="generator_unordered")
    found: Generator[Row, None, None] | None = None
    try:
        with deaf_children():
            found = pool(delayed(_work)(spec, index, parent) for index in indices)
        assert found is not None
        for row in found:  # noqa: UP028 (`yield from` would close it outside of the block below)
            yield row
    finally:
        with warnings.catch_warnings():  # that closing gives up what is under way is no news
            warnings.simplefilter("ignore")
            if found is not None:
                found.close()


def died(spec: Spec, index: int) -> Row:
    """The row of a problem that kills its worker."""
    error = {
        "type": "WorkerDied",
        "message": "the worker process died each time it had this problem and nothing else",
    }
    return {"index": index, "problem": spec.listed(index), "error": error, "seconds": None}


class Feed(Iterator[int]):
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


_settled = False


def _work(spec: Spec, index: int, parent: int | None) -> Row:
    """A row, in a worker."""
    global _settled
    from .row import solved

    if not _settled:
        from threadpoolctl import threadpool_limits

        threadpool_limits(1, user_api="blas")
        if parent is not None:
            signal.signal(
                signal.SIGINT, signal.SIG_IGN
            )  # a process that replaces another one was not started deaf
            threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        _settled = True
    return solved(spec, index)


def _end_with(parent: int) -> None:
    """End this process when its parent has ended: it would wait minutes for more to do."""
    while os.getppid() == parent:
        time.sleep(WATCH)
    os._exit(1)
