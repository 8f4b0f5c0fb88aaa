"""Campaigns: thousands of problems from one spec, predicted, certified or verified, one row each in a file of results.

The spec (a TOML file, `read_spec`) stands for a numbered sequence of problems. `run` solves those that have no row yet and adds
their rows; it can be stopped at any moment, in any way, and goes on when it is called again. A row depends on the spec and its
index alone, not on who computes it, when, or beside what; only `seconds` does.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..problem.border import shown
from ..problem.errors import CampaignError, NcsolveError, ProblemError, TooLarge
from ..values import Value, plain
from .journal import VERDICTS, journal, read_results
from .spec import Spec as Spec
from .spec import read_spec as read_spec
from .workers import Cluster as Cluster
from .workers import Crew, Processes, Stopped, cores, one_thread

if TYPE_CHECKING:
    from ..analytic.prediction import Prediction
    from ..numeric.bounds import Certificate
    from ..problem.ufm import UFM

#: Anything that `read_spec` understands.
Source = Spec | str | os.PathLike[str] | Mapping[str, Any]

#: Called as progress(finished, errors) when a campaign begins and after every row.
Progress = Callable[[int, int], None]

LONGEST = 500  # characters of an error's message
SHOWN = 10  # indices that are listed by number


def run(
    spec: Source,
    out: str | os.PathLike[str],
    *,
    workers: int | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
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
        problem (`solved`), in the order in which they are finished. It is made if it does not exist.
    workers : int >= 1, optional
        Processes of this machine; all cores by default. One means this process itself.
    executor : concurrent.futures.Executor, or a function that makes one; optional
        Who computes instead of processes of this machine, such as ``client.get_executor()`` of a dask.distributed.Client, or
        ``lambda: ncsolve.campaign.Cluster("tcp://10.0.0.1:8786")``. A broken pool cannot be used again: a function is asked
        for a new one, an executor that was given ends the campaign. Only what a function made is shut down.
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
    if workers is not None and (type(workers) is not int or workers < 1):
        raise CampaignError(f"workers {workers!r} is not a whole number of 1 or more")
    if workers is not None and executor is not None:
        raise CampaignError(f"workers {workers} is for this machine; an executor has its own")
    number = cores() if workers is None else workers
    engine = executor or (partial(Processes, number) if number > 1 else None)
    crew, stopped = Crew(engine, partial(solved, spec), partial(_died, spec)), ""
    with one_thread(), crew, journal(out, spec, force=force) as (known, write):
        seen, errors = set[int](), 0
        for row in known:
            seen.add(row["index"])
            errors += "error" in row
        finished, left = len(seen), spec.problems - len(seen)
        if note is not None and finished:
            again = "the rest goes on from there" if left else "nothing is left to do"
            done = f"{finished} of {spec.problems} problems are in {os.fspath(out)!r} already"
            note(f"{done}; {again}")
        try:
            if progress is not None:
                progress(finished, errors)
            unseen = (index for index in range(spec.problems) if index not in seen)
            with closing(crew.rows(unseen, left)) as rows:
                for row in rows:
                    try:
                        write(row)
                    except OSError as error:
                        why = f"{shown(os.fspath(out))} cannot be written ({error.strerror})"
                        cure = "its rows are whole: make room and run it again"
                        raise Stopped(f"{why}; {cure}") from None
                    finished, errors = finished + 1, errors + ("error" in row)
                    if progress is not None:
                        progress(finished, errors)
        except Stopped as reason:
            stopped = str(reason)
        except KeyboardInterrupt:  # perhaps in the middle of a row, which then does not count
            if not any(True for _ in results(out)):
                raise
            stopped = "interrupted"
        return replace(summarize(out), stopped=stopped)


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
    every: list[_Told] = []
    groups: dict[tuple[str, str, str], list[_Told]] = defaultdict(list)
    claims, failures, unexpected = Counter[str](), dict[str, Failure](), 0
    for row in rows:
        fields, error = spec.common | row["problem"], row.get("error")
        bias = fields.get("bias", "none")
        loss, depth = str(fields.get("loss", "mse"))[:20], str(fields.get("depth", 1))[:20]
        told: dict[str, Any] = {name: row.get(name) for name in _Told.__slots__}
        every.append(_Told(**told))
        groups[loss, depth, bias[:20] if isinstance(bias, str) else "decay"].append(every[-1])
        claims.update([row["claim"]] if "claim" in row else [])
        if error is not None:
            message, index = f"{error['type']}: {error['message']}", row["index"]
            same = failures.get(message, Failure(message, 0, index))
            failures[message] = Failure(message, same.number + 1, min(same.first, index))
            unexpected += bool(error.get("unexpected"))

    def place(key: tuple[str, str, str]) -> tuple[str, float, str, str]:
        loss, depth, bias = key
        return loss, float(depth) if depth.isdecimal() else -1.0, depth, bias

    return Summary(
        spec,
        tuple(_group(key, groups[key]) for key in sorted(groups, key=place)),
        _group(("", "", ""), every),
        dict(claims),
        tuple(sorted(told.index for told in every if told.verdict in VERDICTS[2:])[:SHOWN]),
        tuple(sorted(failures.values(), key=lambda failure: (-failure.number, failure.first))),
        unexpected,
    )


def solved(spec: Spec, index: int) -> dict[str, Any]:
    """The row of problem `index`.

    Returns
    -------
    dict
        index, problem (the fields that not all problems share), then either

        - theorem, claim, value, states (number of classes active, vanished, merged);
        - certify, verify: lower_bound, relative_gap (None where no bound is known); certify: certified, and why not;
        - verify: verdict, excess, distances of the best run to the prediction

        or error (type, message; `unexpected` unless ncsolve raised it on purpose), and seconds.

    Raises
    ------
    KeyboardInterrupt
        Also if it came during a descent, which `verify` would cut short.

    Examples
    --------
    >>> spec = read_spec({"problem": {"counts": [20, 10]}, "grid": {"depth": [1, 0]}})
    >>> solved(spec, 0)["verdict"], solved(spec, 1)["error"]["type"]
    ('AGREES', 'ProblemError')
    """
    started = time.perf_counter()
    row: dict[str, Any] = {"index": index, "problem": spec.listed(index)}
    try:
        row["problem"] = spec.varying(index)
        row |= _outcome(spec, index)
    except Exception as error:  # whatever is wrong with one problem, the others go on
        row["error"] = {"type": type(error).__name__, "message": _one_line(error)}
        if not isinstance(error, NcsolveError | MemoryError):
            row["error"]["unexpected"] = True
    return row | {"seconds": round(time.perf_counter() - started, 6)}


def _outcome(spec: Spec, index: int) -> dict[str, Any]:
    from ..numeric.descent import Descent
    from ..theorems.predict import predict
    from ..verification import verify

    prediction = predict(spec.problem(index), spec.theorem)
    states = Counter(prediction.classes.state.tolist())
    row: dict[str, Any] = {
        "theorem": prediction.theorem.name,
        "claim": prediction.claim.name,
        "value": _number(prediction.value),
        "states": {state: states[state] for state in ("active", "vanished", "merged")},
    }
    verification, certificate, why = None, None, ""
    if "verify" in spec.actions:
        rng, method = spec.descent_rng(index), Descent(starts=spec.starts)
        verification = verify(prediction, method, rng=rng, tolerance=spec.tolerance)
        if verification.interrupted:
            raise KeyboardInterrupt
        certificate = verification.certificate
    if "certify" in spec.actions and certificate is None:
        certificate, why = _certificate(prediction)
    if spec.actions != ("predict",):
        for name in ("lower_bound", "relative_gap"):
            row[name] = None if certificate is None else _number(getattr(certificate, name))
    if "certify" in spec.actions:
        row["certified"] = certificate is not None and certificate.relative_gap <= spec.tolerance
        row |= {"why": why} if why else {}
    if verification is not None:
        row |= {"verdict": verification.verdict.name, "excess": _number(verification.excess)}
        row["distances"] = {name: _number(x) for name, x in verification.metrics.items()}
    return row


def _certificate(prediction: Prediction) -> tuple[Certificate | None, str]:
    """The certificate, or why there is none."""
    from ..verification import certify

    if prediction.theorem.limit:
        certify(prediction)  # refuses, with the reason
    prediction.parameters()
    try:
        return certify(prediction), ""
    except (ProblemError, TooLarge) as error:  # the problem is sound, but no bound is known
        return None, _one_line(error)


def _number(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


def _one_line(error: Exception) -> str:
    message = " ".join(str(error).split())
    return message if len(message) <= LONGEST else message[: LONGEST - 3] + "..."


def _died(spec: Spec, index: int) -> dict[str, Any]:
    """The row of a problem that kills its worker."""
    why = "the worker process died each time it had this problem and nothing else"
    error = {"type": "WorkerDied", "message": why}
    return {"index": index, "problem": spec.listed(index), "error": error, "seconds": None}


@dataclass(frozen=True, eq=False, repr=False)
class Worst(Value):
    """The value that is largest in magnitude, and the problem that has it."""

    value: float
    index: int


@dataclass(frozen=True, eq=False, repr=False)
class Failure(Value):
    """An error message, how many problems have it, and the first of them."""

    message: str
    number: int
    first: int


@dataclass(frozen=True, eq=False, repr=False)
class Group(Value):
    """The problems of one loss, depth and kind of bias.

    Attributes
    ----------
    loss, depth, bias : as in the spec; a bias with a decay of its own is "decay"
    finished, errors : number of rows, and of those among them that are errors
    verdicts : number of each verdict (verify)
    certified, uncertified : number within the tolerance, and not (certify)
    excess : Worst relative excess of descent over the prediction, by magnitude; None where there is none
    gap : Worst relative gap
    seconds : median per problem
    """

    loss: str
    depth: str
    bias: str
    finished: int
    errors: int
    verdicts: Mapping[str, int]
    certified: int
    uncertified: int
    excess: Worst | None
    gap: Worst | None
    seconds: float | None

    def to_dict(self) -> dict[str, Any]:
        """The group as plain values; the group of all problems has no loss, depth or bias."""
        return {name: entry for name, entry in super().to_dict().items() if entry != ""}


@dataclass(frozen=True, eq=False, repr=False)
class Summary(Value):
    """The summary of a file of results.

    Attributes
    ----------
    spec : Spec
    groups : tuple of Group, by loss, depth, bias
    total : Group over all of them
    claims : number of each claim
    contradicted : the first problems with a verdict REFUTED or BEATEN
    failures : tuple of Failure, the most frequent first
    unexpected : number of errors that ncsolve did not raise on purpose
    stopped : why not all problems are finished, where something stopped them ("interrupted", a full disk, ...)
    """

    spec: Spec
    groups: tuple[Group, ...]
    total: Group
    claims: Mapping[str, int]
    contradicted: tuple[int, ...]
    failures: tuple[Failure, ...]
    unexpected: int
    stopped: str = ""

    @property
    def finished(self) -> int:
        """Number of problems that have a row."""
        return self.total.finished

    @property
    def complete(self) -> bool:
        """Whether every problem has a row."""
        return self.finished == self.spec.problems

    @property
    def code(self) -> int:
        """Exit code: 1 if a prediction is contradicted, 3 if anything is stuck, not certified, an error or missing, else 0."""
        total = self.total
        if total.verdicts["REFUTED"] or total.verdicts["BEATEN"]:
            return 1
        doubt = total.verdicts["STUCK"] or total.uncertified or total.errors
        return 3 if doubt or not self.complete else 0

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain values."""
        asked = {
            name: getattr(self.spec, name) for name in ("digest", "actions", "seed", "problems")
        }
        told = {"finished": self.finished, "stopped": self.stopped or None, "total": self.total}
        names = ("claims", "contradicted", "failures")
        told |= {name: getattr(self, name) for name in names}
        entries: dict[str, Any] = plain(
            asked | told | {"unexpected_errors": self.unexpected, "groups": self.groups}
        )
        return entries


@dataclass(slots=True)
class _Told:
    """What a summary needs of a row, None where the row does not have it."""

    index: int
    error: Any
    verdict: str | None
    certified: bool | None
    excess: float | None
    relative_gap: float | None
    seconds: float | None


def _group(key: tuple[str, str, str], rows: list[_Told]) -> Group:
    verdicts, certified = Counter(row.verdict for row in rows), [row.certified for row in rows]
    seconds = [row.seconds for row in rows if row.seconds is not None]

    def worst(name: str) -> Worst | None:
        values = [(value, row.index) for row in rows if (value := getattr(row, name)) is not None]
        # of equal ones the first, in whatever order the rows are
        return Worst(*max(values, key=lambda each: (abs(each[0]), -each[1]))) if values else None

    return Group(
        *key,
        len(rows),
        sum(row.error is not None for row in rows),
        {verdict: verdicts[verdict] for verdict in VERDICTS},
        certified.count(True),
        certified.count(False),
        worst("excess"),
        worst("relative_gap"),
        statistics.median(seconds) if seconds else None,
    )
