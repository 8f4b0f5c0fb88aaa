"""Many independent pieces of work on any `concurrent.futures` executor, although its workers die.

Items go to workers some at a time. A worker stops after a slice of time and gives back what it has not begun, so tasks are neither
too short to pay nor too long to lose. A worker that dies takes its task with it, and in a pool of processes all tasks that were
under way. Their items are tried again: first one per task, and those under way at another death each alone. An item that is alone
when its worker dies twice is to blame.

How many tasks are worth having under way follows from what comes back: by Little's law the number of busy workers is the seconds
that they have worked per second that has passed.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    InvalidStateError,
    ProcessPoolExecutor,
)
from contextlib import contextmanager, suppress
from functools import cache
from queue import SimpleQueue
from typing import Any

from ..problem.errors import CampaignError, NcsolveError
from ..version import __version__

Row = dict[str, Any]
Found = Future[tuple[list[Row], float]]

MOST, SLICE = 64, 0.2  # items of a task; seconds after which it begins no other item
ALONE = 2  # levels from here on are of one task at a time, and an item has ALONE of them
CONNECT = 10  # seconds
PATIENCE, LOOK = 600.0, 5.0  # seconds without a worker until a cluster is given up; between looks


class Stopped(NcsolveError):
    """A campaign cannot go on; the rows that it has are kept."""


class Crew:
    """The workers behind an executor, which is made anew when it breaks.

    Parameters
    ----------
    executor : Executor, or a function that makes one; None is this process itself
        One that is given is neither replaced nor shut down.
    work : function of an item, picklable
    blamed : function of an item that kills its workers; its value stands for that of `work`
    """

    def __init__(
        self,
        executor: Executor | Callable[[], Executor] | None,
        work: Callable[[int], Row],
        blamed: Callable[[int], Row],
    ) -> None:
        given: Any = executor
        makes = executor is not None and not isinstance(executor, Executor)
        self._make = given if makes else None
        self._executor = given() if makes else given
        self._work, self._blamed = work, blamed
        self._tickets, self._busy, self._begun = itertools.count(), 0.0, time.monotonic()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._make is not None:
            self._executor.shutdown(wait=False)

    def rows(self, items: Iterator[int], left: int, level: int = 0) -> Generator[Row, None, None]:
        """The value of `work` at each of so many items, as they are finished.

        Raises
        ------
        Stopped
            Workers die before they have done anything, or there are none any more.
        CampaignError
            The executor takes no work.
        """
        if self._executor is None:
            yield from map(self._work, items)
            return
        finished: SimpleQueue[Found] = SimpleQueue()
        under_way: dict[Found, list[int]] = {}
        back, suspects, again = deque[int](), list[int](), 0
        try:
            while left or under_way or suspects:
                window = 1 if level >= ALONE else cores() if level else self._window()
                while left and not suspects and len(under_way) < window:
                    size = 1 if level else max(1, min(MOST, left // window))
                    task = [back.popleft() if back else next(items) for _ in range(size)]
                    left -= size
                    under_way[future := self._submit(task)] = task
                    future.add_done_callback(finished.put)
                if not under_way:
                    yield from self._tried_again(suspects, again)
                    suspects = []
                    continue
                task = under_way.pop(future := finished.get())
                try:
                    rows, seconds = future.result()
                except BrokenExecutor:
                    suspects, again = suspects + task, level + 1
                except (CancelledError, OSError) as error:
                    why = " ".join(str(error).split()) or type(error).__name__
                    raise Stopped(f"the cluster is lost ({why})") from None
                except Exception:  # an executor that replaces its workers itself has given up
                    suspects, again = suspects + task, max(level, ALONE) + 1
                else:
                    self._busy += seconds
                    back.extend(task[len(rows) :])
                    left += len(task) - len(rows)
                    yield from rows
        finally:
            for future in under_way:
                future.cancel()

    def _tried_again(self, suspects: list[int], level: int) -> Generator[Row, None, None]:
        """Items that may have killed a worker, once more, or blamed."""
        if level < 2 * ALONE:
            yield from self.rows(iter(suspects), len(suspects), level)
            return
        for item in suspects:
            try:
                self._submit([]).result()
            except Exception as error:  # not even this
                said = f"worker processes die as soon as they start ({type(error).__name__})"
                raise Stopped(f"{said}; is there enough memory?") from None
            yield self._blamed(item)

    def _window(self) -> int:
        """Tasks under way: some for every worker, at first for every core."""
        passed = max(time.monotonic() - self._begun, SLICE)
        return max(2 * cores(), round(4 * self._busy / passed))

    def _submit(self, task: list[int]) -> Found:
        try:
            with _deaf_children():
                future: Found = self._executor.submit(_task, self._work, task, next(self._tickets))
                return future
        except BrokenExecutor as error:
            if self._make is None:
                why = f"the executor is broken ({' '.join(str(error).split())})"
                raise Stopped(f"{why}; give a function that makes one") from None
            self._executor.shutdown(wait=False)
            self._executor = self._make()
            return self._submit(task)
        except RuntimeError as error:
            raise CampaignError(f"the executor takes no work ({error}); give another") from None


class Processes(ProcessPoolExecutor):
    """Processes of this machine, which end with this one, in whatever way, and with `shutdown`."""

    def __init__(self, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        theirs, self._lifeline = context.Pipe(duplex=False)
        super().__init__(workers, context, _end_with, (theirs,))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End all processes, in the middle of their work if they have any."""
        self._lifeline.close()
        super().shutdown(wait=True, cancel_futures=True)


class Cluster(Executor):
    """The workers of a Dask cluster.

    Dask gives the tasks of a worker that has died to the others by itself; only after several deaths (`allowed-failures` of the
    scheduler, 3) it gives up all tasks that were with the worker.

    Parameters
    ----------
    address : of the scheduler, such as "tcp://10.0.0.1:8786"

    Raises
    ------
    CampaignError
        distributed is not installed, there is no scheduler, or its workers lack ncsolve or have another version of it.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            cure = "install it with: pip install 'ncsolve[distributed]'"
            raise CampaignError(f"a cluster needs dask.distributed; {cure}") from None
        connect: Any = Client
        try:
            self._client = connect(address, timeout=CONNECT, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            why = " ".join(str(error).split()) or type(error).__name__
            cure = (
                "start one with 'dask scheduler' and give its address, such as tcp://10.0.0.1:8786"
            )
            raise CampaignError(
                f"no Dask scheduler answers at {address!r} ({why}); {cure}"
            ) from None
        self._under_way: set[Future[Any]] = set()
        self._ended = threading.Event()
        for worker, version in self._client.run(_version, on_error="return").items():
            if version != __version__:  # its rows could differ
                self._client.close()
                has = f"ncsolve {version}" if isinstance(version, str) else "no ncsolve"
                cure = "install the same on every worker"
                raise CampaignError(
                    f"the Dask worker {worker} has {has}, this is {__version__}; {cure}"
                )
        threading.Thread(target=self._watch, daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a worker call the function."""
        ours: Future[Any] = Future()
        self._under_way.add(ours)

        def pass_on(theirs: Any) -> None:
            self._under_way.discard(ours)
            with suppress(InvalidStateError):  # given up meanwhile
                try:
                    ours.set_result(theirs.result())
                except Exception as error:
                    ours.set_exception(error)

        self._client.submit(fn, *args, **kwargs, pure=False).add_done_callback(pass_on)
        return ours

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Disconnect; the cluster forgets what is under way."""
        self._ended.set()
        with suppress(OSError, CancelledError):
            self._client.close()

    def _watch(self) -> None:
        """Give up when there has been no worker for long; tasks would wait for one for ever."""
        seen = time.monotonic()
        while not self._ended.wait(LOOK):
            with suppress(OSError, CancelledError):
                seen = time.monotonic() if self._client.ncores() else seen
            if time.monotonic() - seen > PATIENCE:
                error = TimeoutError(f"it has had no worker for {PATIENCE:g} seconds")
                for future in list(self._under_way):
                    with suppress(InvalidStateError):
                        future.set_exception(error)


def cores() -> int:
    """Cores that this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable is not None else os.cpu_count() or 1


def one_thread() -> Any:
    """One BLAS thread from now on, or in a `with` block: sums of several depend on how many there are."""
    import scipy.linalg  # noqa: F401 - the libraries of numpy and scipy are there before they are limited
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


_settled = cache(one_thread)


def _task(work: Callable[[int], Row], items: list[int], ticket: int) -> tuple[list[Row], float]:
    """On a worker: the values for as many items as fit into a slice of time, and the seconds.

    No two tasks have the same ticket: Dask could take the result of one for that of its equal.
    """
    _settled()
    started, rows = time.monotonic(), []
    for item in items:
        rows.append(work(item))
        if time.monotonic() - started > SLICE:
            break
    return rows, time.monotonic() - started


def _version() -> str:
    """On a worker."""
    return __version__


def _end_with(lifeline: Any) -> None:
    """On a new process: end it when the other end of the pipe is closed, by its owner or by its death."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        with suppress(EOFError, OSError):
            lifeline.recv()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started in the block never receive SIGINT; nor do threads, and this one after the block.

    A terminal sends Ctrl-C to every process of a campaign. Only the main one shall act on it: a worker that did would return half
    a descent, or print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # its start would clear the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
