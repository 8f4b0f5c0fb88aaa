"""How many threads linear algebra may use.

The threads of a BLAS wait for each other by spinning. For matrices of a few hundred rows that costs as much as it saves when the
machine is idle, and up to thirty times the computation when other programs use the cores: solving Places-LT took 3.5 s with one
thread, idle or not (7 s beside one busy process), and more than 100 s with two threads beside that process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

TINY, LARGE = 64, 512  # rows below which no BLAS starts threads, and from which they pay


@contextmanager
def threads_for(rows: int) -> Iterator[None]:
    """One BLAS thread while matrices of so many rows are multiplied; no limit for large ones. Holds for the whole process."""
    if not TINY <= rows < LARGE:
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
