"""Campaigns: thousands of problems from one spec, predicted, certified or verified, one row each in a file of results.

The spec (a TOML file, `ncsolve.questions.campaigns.reading`) stands for a numbered sequence of problems. `run` solves those that
have no row yet and adds their rows; it can be stopped at any moment, in any way, and goes on when it is called again. Rows do not
depend on the number of workers, on the machine they run on (up to its linear algebra), or on interruptions; only `seconds` does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from ..problem.errors import CampaignError
from .campaigns.journal import Journal, mark, read_results
from .campaigns.reading import read_spec as read_spec
from .campaigns.spec import Spec as Spec
from .campaigns.stopping import Stopped, interrupts_held
from .campaigns.summary import Group as Group
from .campaigns.summary import Summary as Summary
from .campaigns.summary import Tally
from .campaigns.summary import Worst as Worst

if TYPE_CHECKING:
    from distributed import Client

    from ..problem.ufm import UFM

#: Anything that `read_spec` understands.
Source = Spec | str | os.PathLike[str] | Mapping[str, Any]

#: Called as progress(finished, errors) when a campaign begins and after every row.
Progress = Callable[[int, int], None]

Rows = Callable[[Spec, Iterator[int]], Generator[dict[str, Any], None, None]]


def run(
    spec: Source,
    out: str | os.PathLike[str],
    *,
    workers: int | None = None,
    backend: str | Client = "loky",
    force: bool = False,
    progress: Progress | None = None,
    note: Callable[[str], None] | None = None,
) -> Summary:
    """Solve the problems of a spec that have no row in `out` yet, and add their rows to it.

    Parameters
    ----------
    spec : path of a TOML file, mapping of the same form, or Spec
    out : path of the file of results
        JSON Lines: a header (schema "ncsolve/campaign/1", version, spec and its digest, seed, number of problems), then a row per
        problem (`ncsolve.questions.campaigns.row.solved`), in the order in which they are finished. It is made if it does not exist.
    workers : int >= 1, optional
        Processes of this machine; all cores by default. One means this process itself.
    backend : "loky", the address of a Dask scheduler ("tcp://10.0.0.1:8786"), or a distributed.Client
    force : bool
        Begin anew, whatever `out` holds.
    progress : callback (finished, errors)
    note : callback for a sentence, such as where an earlier run is taken up

    Returns
    -------
    Summary
        Of all rows in the file. Its `stopped` says what ended the run early: Ctrl-C, a full disk, the loss of all workers.

    Raises
    ------
    CampaignError
        The spec or the file cannot be used; another campaign is writing the file; there is no such cluster.
    KeyboardInterrupt
        Before there was any row.
    OSError
        The file cannot be made.

    Notes
    -----
    In the main program of a script, call it below ``if __name__ == "__main__":``, as for every use of processes. A worker that dies
    is replaced; a problem that is alone when its worker dies twice gets an error row. With one worker there is no process to lose
    but this one.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> out = pathlib.Path(tempfile.mkdtemp()) / "results.jsonl"
    >>> spec = {"problem": {"counts": [20, 10], "decay": 1e-2}, "grid": {"depth": [1, 2], "bias": ["none", "free"]}}
    >>> summary = run(spec, out, workers=1)
    >>> summary.finished, summary.total.verdicts["AGREES"], summary.code
    (4, 4, 0)
    """
    spec = read_spec(spec)
    with _solver(workers, backend) as solve, Journal(out, spec, force=force) as journal:
        tally, seen = Tally(spec), bytearray()
        for row in journal.rows():
            tally.add(row)
            mark(seen, row["index"])
        if note is not None and tally.finished:
            again = (
                "nothing is left to do"
                if tally.finished == spec.problems
                else "the rest goes on from there"
            )
            note(
                f"{tally.finished} of {spec.problems} problems are in {os.fspath(out)!r} already; {again}"
            )
        stopped = ""
        try:
            if progress is not None:
                progress(tally.finished, tally.errors)
            with closing(solve(spec, _unseen(spec.problems, seen))) as rows:
                for row in rows:
                    with interrupts_held():  # a row that is written is counted
                        journal.append(row)
                        tally.add(row)
                    if progress is not None:
                        progress(tally.finished, tally.errors)
        except Stopped as reason:
            stopped = str(reason)
        except KeyboardInterrupt:
            if not tally.finished:
                raise
            stopped = "interrupted"
    return tally.summary(stopped)


def problem(spec: Source, index: int) -> UFM:
    """Problem number `index` of a spec, exactly as the campaign has it.

    Parameters
    ----------
    spec : path of a TOML file, mapping of the same form, or Spec
    index : int, from 0

    Raises
    ------
    IndexError
        There is no such problem.
    NcsolveError
        Its fields are no problem: what its error row says.

    Examples
    --------
    >>> problem({"problem": {"counts": [20, 10]}, "grid": {"depth": [1, 2, 3]}}, 2).depth
    3
    """
    return read_spec(spec).problem(index)


def results(out: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """The rows of a file of results, one after the other; half a line at its end, left by a kill, is passed over.

    Raises
    ------
    CampaignError
        The file cannot be read, is none of results, or has a damaged line, which is named.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> out = pathlib.Path(tempfile.mkdtemp()) / "results.jsonl"
    >>> _ = run({"problem": {"counts": [20, 10]}, "grid": {"depth": [1, 2]}, "campaign": {"action": "predict"}}, out, workers=1)
    >>> [(row["index"], row["claim"]) for row in results(out)]
    [(0, 'GLOBAL'), (1, 'GLOBAL')]
    """
    return read_results(out)[1]


def summarize(out: str | os.PathLike[str]) -> Summary:
    """The summary of a file of results, of a campaign that has ended or still runs.

    Raises
    ------
    CampaignError
        As `results`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> out = pathlib.Path(tempfile.mkdtemp()) / "results.jsonl"
    >>> _ = run({"problem": {"counts": [20, 10]}, "grid": {"depth": [1, 0]}}, out, workers=1)
    >>> [(failure.number, failure.message) for failure in summarize(out).failures]
    [(1, 'ProblemError: depth 0 is not between 1 and 1000; give the number of weight matrices')]
    """
    spec, rows = read_results(out)
    tally = Tally(spec)
    for row in rows:
        tally.add(row)
    return tally.summary()


def _unseen(problems: int, seen: bytearray) -> Iterator[int]:
    """Problems without a row; `seen` is a set of bits."""
    known = 8 * len(seen)
    return (
        index
        for index in range(problems)
        if index >= known or not seen[index >> 3] >> (index & 7) & 1
    )


@contextmanager
def _solver(workers: int | None, backend: str | Client) -> Iterator[Rows]:
    """What turns indices into rows: this process, several of this machine, or a cluster."""
    if workers is not None and (
        isinstance(workers, bool) or not isinstance(workers, int) or workers < 1
    ):
        raise CampaignError(f"workers {workers!r} is not a whole number of 1 or more")
    if backend == "loky":
        from joblib import cpu_count

        from .campaigns.workers import Local, here

        chosen = cpu_count() if workers is None else workers
        yield here if chosen == 1 else Local(chosen).rows
        return
    if workers is not None:
        raise CampaignError(f"workers {workers} is for this machine; a cluster has its own")
    try:
        from .campaigns.cluster import cluster
    except ImportError:
        raise CampaignError(
            "a cluster needs dask.distributed; install it with: pip install 'ncsolve[distributed]'"
        ) from None
    with cluster(backend) as found:
        yield found.rows
