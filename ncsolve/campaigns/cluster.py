"""The workers of a Dask cluster, through joblib's Dask backend.

Dask gives the problems of a worker that has died to the others by itself, and after several deaths says so of the task
(`KilledWorker`). joblib's backend never calls back for a task that fails like this, and would wait for it for ever; and it
solves everything in the main process if the cluster has a single core. Both are put right here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import Any

from distributed import Client, KilledWorker
from joblib._dask import DaskDistributedBackend

from .. import __version__
from ..errors import CampaignError
from .spec import Spec
from .stopping import Stopped
from .workers import Row, Workers

CONNECT = 10  # seconds


class _Backend(DaskDistributedBackend):  # type: ignore[misc]
    def effective_n_jobs(self, n_jobs: int) -> int:
        """The cores of the cluster, but not one: joblib would take that for `here`."""
        return max(2, int(super().effective_n_jobs(n_jobs)))

    def submit(self, func: Any, callback: Any = None) -> Any:
        """Submit, and call back after a failure too."""
        future = super().submit(func, callback)
        future.add_done_callback(lambda done: None if done.exception() is None else callback(done))
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """The result, or the exception that came instead."""
        if isinstance(out, Future):
            return out.result()
        if isinstance(out, BaseException):
            raise out
        return super().retrieve_result_callback(out)


class _Workers(Workers):
    """One attempt with a problem alone is enough: Dask itself makes several."""

    def rows(self, spec: Spec, indices: Iterable[int]) -> Generator[Row, None, None]:
        """The row of every problem."""
        try:
            yield from super().rows(spec, indices)
        except (OSError, TimeoutError) as error:
            raise Stopped(f"the cluster is lost ({' '.join(str(error).split()) or type(error).__name__})") from None


@contextmanager
def cluster(where: str | Client) -> Iterator[Workers]:
    """The workers of the cluster of a Client, or of a scheduler's address such as "tcp://10.0.0.1:8786".

    Raises
    ------
    CampaignError
        There is no scheduler, or its workers lack ncsolve or have another version of it.
    """
    client = where if isinstance(where, Client) else _connected(where)
    try:
        _check_versions(client)
        yield _Workers({"n_jobs": -1, "backend": _Backend(client=client)}, (KilledWorker, CancelledError), attempts=1)
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
            raise CampaignError(f"the Dask worker {worker} has {has}, this is {__version__}; install the same on every worker")


def _version() -> str:
    """Run on the workers."""
    return __version__
