"""The workers of a Dask cluster, through joblib's Dask backend.

Dask gives the problems of a worker that has died to the others by itself. After several deaths (`allowed-failures` of the scheduler, 3)
it says of all tasks that were with the worker that they killed it; such problems are tried once more, each alone on the
cluster, and what then kills again gets an error row.

joblib's own way of collecting results never calls back for a task that has failed, loses one whose result was with a worker that
died, and either way waits for ever; and it solves everything in the main process if the cluster has a single core. Hence a
backend that derives from it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import closing, contextmanager, suppress
from typing import Any

from distributed import Client, Future, KilledWorker
from joblib._dask import DaskDistributedBackend

from ...problem.errors import CampaignError
from ...version import __version__
from .spec import Spec
from .stopping import Stopped
from .workers import Row, died, in_parallel

CONNECT = 10  # seconds
PATIENCE, LOOK = (
    600.0,
    5.0,
)  # seconds without any worker until the campaign stops, and between two looks
LOST = "lost"


class _Backend(DaskDistributedBackend):  # type: ignore[misc]
    def __init__(self, client: Client) -> None:
        super().__init__(client=client, wait_for_workers_timeout=PATIENCE)
        self._under_way: dict[Future[Any], list[int]] = {}
        self._ended, self._deserted = threading.Event(), False

    def effective_n_jobs(self, n_jobs: int) -> int:
        """The cores of the cluster, but not one: joblib would take that for this process."""
        try:
            return max(2, int(super().effective_n_jobs(n_jobs)))
        except TimeoutError:
            raise _deserted() from None

    def start_call(self) -> None:
        """Begin to hand out tasks, and to look after the workers."""
        super().start_call()
        threading.Thread(target=self._watch, daemon=True).start()

    def stop_call(self) -> None:
        """All tasks are done, or given up."""
        self._ended.set()
        super().stop_call()

    def submit(self, func: Any, callback: Any = None) -> Any:
        """Submit the calls of a joblib batch as one task."""
        future = self.client.submit(_calls, func.items, pure=False)
        self._under_way[future] = [index for _, (_, index, _), _ in func.items]
        future.add_done_callback(lambda done: callback(self._rows(done)))
        return future

    def retrieve_result_callback(self, out: list[Row] | BaseException) -> list[Row]:
        """The rows of a task, or what it raised."""
        if isinstance(out, BaseException):
            raise _deserted() if self._deserted else out
        return out

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Have the cluster forget what is under way."""
        futures = list(self._under_way)
        self._under_way.clear()
        with suppress(OSError, TimeoutError, CancelledError):
            self.client.cancel(futures, force=True)

    def _rows(self, done: Future[Any]) -> list[Row] | BaseException:
        """The rows of a task, which problems have killed a worker or were beside one that has, or what the task raised."""
        try:
            rows: list[Row] | BaseException = done.result()
        except KilledWorker:
            rows = [{"index": index, LOST: True} for index in self._under_way.get(done, [])]
        except BaseException as error:
            rows = error
        self._under_way.pop(done, None)
        return rows

    def _watch(self) -> None:
        """Give up when there has been no worker for long; tasks would wait for one for ever."""
        seen = time.monotonic()
        while not self._ended.wait(LOOK):
            with suppress(OSError, TimeoutError, CancelledError):
                seen = time.monotonic() if self.client.ncores() else seen
            if time.monotonic() - seen > PATIENCE:
                self._deserted = True
                self.abort_everything()
                return


def _deserted() -> TimeoutError:
    return TimeoutError(f"it has had no worker for {PATIENCE:g} seconds")


class Cluster:
    """The workers of the cluster that a client is connected to."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def rows(self, spec: Spec, indices: Iterable[int]) -> Generator[Row, None, None]:
        """The row of every problem, as they are finished.

        Raises
        ------
        Stopped
            The scheduler does not answer any more.
        """
        try:
            lost = yield from self._attempt(spec, indices, "auto")
            for index in lost:
                if (yield from self._attempt(spec, [index], 1)):
                    yield died(spec, index)
        except (OSError, TimeoutError, CancelledError) as error:
            raise Stopped(
                f"the cluster is lost ({' '.join(str(error).split()) or type(error).__name__})"
            ) from None

    def _attempt(
        self, spec: Spec, indices: Iterable[int], batch: str | int
    ) -> Generator[Row, None, list[int]]:
        """Solve; the problems that were with a worker when it died once too often are returned."""
        lost = []
        parallel = {"n_jobs": -1, "backend": _Backend(self._client)}
        with closing(in_parallel(parallel, spec, indices, batch, None)) as found:
            for row in found:
                if LOST in row:
                    lost.append(row["index"])
                else:
                    yield row
        return lost


@contextmanager
def cluster(where: str | Client) -> Iterator[Cluster]:
    """The workers of the cluster of a Client, or of a scheduler's address such as "tcp://10.0.0.1:8786".

    Raises
    ------
    CampaignError
        There is no scheduler, or its workers lack ncsolve or have another version of it.
    """
    client = where if isinstance(where, Client) else _connected(where)
    try:
        _check_versions(client)
        yield Cluster(client)
    finally:
        if client is not where:
            client.close()  # type: ignore[no-untyped-call]


def _connected(address: str) -> Client:
    try:
        return Client(address, timeout=CONNECT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise CampaignError(
            f"no Dask scheduler answers at {address!r} ({why}); start one with 'dask scheduler' and give its address, "
            "such as tcp://10.0.0.1:8786"
        ) from None


def _check_versions(client: Client) -> None:
    """Rows of another version could differ."""
    for worker, version in client.run(_version, on_error="return").items():
        if version != __version__:
            has = f"ncsolve {version}" if isinstance(version, str) else "no ncsolve"
            raise CampaignError(
                f"the Dask worker {worker} has {has}, this is {__version__}; install the same on every worker"
            )


def _version() -> str:
    """Run on the workers."""
    return __version__


def _calls(calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]]) -> list[Row]:
    """A joblib batch, run on a worker."""
    return [function(*positional, **named) for function, positional, named in calls]
