"""What ends a campaign early: a reason that leaves its file whole, and Ctrl-C, put off while something must not be torn apart."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import NcsolveError


class Stopped(NcsolveError):
    """A campaign cannot go on; the rows that it has are kept."""


@contextmanager
def interrupts_held() -> Iterator[None]:
    """SIGINT waits until the block ends.

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
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes started in the block ignore SIGINT; one that comes just then is lost on this process as well.

    A terminal sends Ctrl-C to every process of a campaign. Only the main one shall act on it: a worker that did would return half
    a descent, or print a traceback. (A mask would not do: starting joblib's resource tracker clears it.)
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


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
