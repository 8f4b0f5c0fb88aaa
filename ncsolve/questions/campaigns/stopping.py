"""What ends a campaign early: a reason that leaves its file whole, and Ctrl-C, put off while something must not be torn apart."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ...problem.errors import NcsolveError


class Stopped(NcsolveError):
    """A campaign cannot go on; the rows that it has are kept."""


@contextmanager
def interrupts_held() -> Iterator[None]:
    """What would raise KeyboardInterrupt waits until the block ends.

    (A mask of signals would not do: other threads, such as joblib's, still receive them for this one.)

    Examples
    --------
    >>> import os, signal
    >>> try:
    ...     with interrupts_held():
    ...         os.kill(os.getpid(), signal.SIGINT)
    ...         finished = True
    ... except KeyboardInterrupt:
    ...     print(finished)
    True
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    raising = [
        number for number in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(number))
    ]
    before = {
        number: signal.signal(number, lambda which, frame: came.append(which)) for number in raising
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for which in came:
        signal.raise_signal(which)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes started in the block never receive SIGINT; nor do threads, and this one after the block.

    A terminal sends Ctrl-C to every process of a campaign. Only the main one shall act on it: a worker that did would return half
    a descent, or print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    _start_trackers()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_trackers() -> None:
    """Start what clears the mask when it is started: the processes that look after the semaphores of others."""
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    with suppress(
        ImportError, AttributeError
    ):  # joblib's own; without it, a very early Ctrl-C is noisy
        from joblib.externals.loky.backend import resource_tracker as joblibs

        joblibs.ensure_running()


@contextmanager
def termination_interrupts() -> Iterator[None]:
    """SIGTERM, which a batch system sends before it kills, is taken as Ctrl-C in the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
