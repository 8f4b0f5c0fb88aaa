"""What ends a campaign early: a reason that leaves its file whole, and Ctrl-C, put off while something must not be torn apart."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import NcsolveError


class Stopped(NcsolveError):
    """A campaign cannot go on; the rows that it has are kept."""


@contextmanager
def interrupts_held() -> Iterator[None]:
    """SIGINT waits until the block ends; processes and threads started in it never receive one.

    A terminal sends Ctrl-C to every process of a campaign. Only the main one shall act on it: a worker that did would return half
    a descent or print a traceback.

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
