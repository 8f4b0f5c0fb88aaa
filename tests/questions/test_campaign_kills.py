"""Campaigns and workers killed with SIGKILL: nothing is lost, nothing doubled, no half line read, and no process left behind."""

import os
import random
import signal
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest
from support.campaigns import MIXED, rows, running, started, toml, workers

import ncsolve
from ncsolve.questions import campaign
from ncsolve.questions import workers as module
from ncsolve.questions.campaign import Spec

SIMPLE = {
    "campaign": {"starts": 1, "trials": 40},
    "problem": {"counts": [30, 10]},
    "draw": {"decay": {"loguniform": [1e-4, 1e-2]}},
}


@pytest.mark.parametrize(
    ("kills", "trials"), [(3, 20), pytest.param(20, 60, marks=pytest.mark.slow)]
)
def test_a_campaign_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path, kills, trials):
    """Killed at a random moment after it has begun to go on: while it starts, solves or writes; with one worker or two."""
    rng = random.Random(kills)
    spec = MIXED | {"campaign": MIXED["campaign"] | {"trials": trials}}
    campaign.run(spec, tmp_path / "calm.jsonl", workers=1)
    uninterrupted = rows(tmp_path / "calm.jsonl")
    (tmp_path / "spec.toml").write_text(toml(spec))
    path = tmp_path / "spec.jsonl"
    grown = 0
    for number in range(kills):
        before = path.stat().st_size if path.exists() else 0
        process = started("spec.toml", "--workers", 1 + number % 2, cwd=tmp_path)
        begun = rng.random() < 0.8  # else it may be killed before its first row
        limit = time.monotonic() + 60
        while (
            begun
            and process.poll() is None
            and (not path.exists() or path.stat().st_size <= max(before, 1000))
        ):
            assert time.monotonic() < limit
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 1.5 if not begun else 0.15))
        helpers = workers(process.pid)
        process.kill()
        process.communicate()
        size = path.stat().st_size if path.exists() else 0
        assert size >= before
        grown += size > before
        limit = time.monotonic() + 20
        while any(map(running, helpers)):  # nobody is left computing for a campaign that is gone
            assert time.monotonic() < limit
            time.sleep(0.05)
    assert grown >= kills // 2
    so_far = rows(path) if path.read_bytes().endswith(b"\n") else {}
    assert so_far.items() <= uninterrupted.items()
    assert len(so_far) < len(uninterrupted)  # it had not come to its end before the last kill
    process = started("spec.toml", "--workers", 2, cwd=tmp_path)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 3  # for the impossible problems
    assert b"problems are in 'spec.jsonl' already; the rest goes on from there" in err
    assert rows(path) == uninterrupted
    assert b"problems      %d, all finished; %d are errors" % (6 * trials, 2 * trials) in out


class Poisoned(Spec):
    """A spec of which some problems kill the process that builds them."""

    def problem(self, index):
        if index == 7:
            # a nanny of Dask gives up a worker that dies before it is known to have started
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().problem(index)


#: Two workers: those of the package, and a pool of the standard library.
ENGINES = {
    "processes": {"workers": 2},
    "a function": {"executor": partial(ProcessPoolExecutor, 2, get_context("forkserver"))},
}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_problem_that_kills_its_worker_is_an_error_row_and_the_rest_is_solved(tmp_path, engine):
    spec = campaign.read_spec(SIMPLE)
    healthy, poisoned = tmp_path / "healthy.jsonl", tmp_path / "poisoned.jsonl"
    campaign.run(spec, healthy, workers=1)
    summary = campaign.run(Poisoned(spec.document), poisoned, **ENGINES[engine])
    assert [
        (failure.number, failure.first, failure.message[:10]) for failure in summary.failures
    ] == [(1, 7, "WorkerDied")]
    assert (summary.complete, summary.code) == (True, 3)
    found, expected = rows(poisoned), rows(healthy)
    assert "WorkerDied" in found.pop(7)
    assert found == {i: text for i, text in expected.items() if i != 7}


def test_a_worker_that_is_killed_costs_nothing(tmp_path):
    spec = campaign.read_spec(SIMPLE | {"campaign": {"starts": 1, "trials": 150}})
    path, calm = tmp_path / "results.jsonl", tmp_path / "calm.jsonl"
    killed = []

    def kill(finished, errors):
        if finished in (20, 70):
            killed.append(workers(os.getpid())[0])
            os.kill(killed[-1], signal.SIGKILL)

    summary = campaign.run(spec, path, workers=2, progress=kill)
    assert len(set(killed)) == 2
    assert (summary.total.errors, summary.code) == (0, 0)
    assert workers(os.getpid()) == []
    campaign.run(spec, calm, workers=1)
    assert rows(path) == rows(calm)


def test_when_no_worker_can_live_the_campaign_stops(tmp_path):
    dying = partial(ProcessPoolExecutor, 2, initializer=os._exit, initargs=(1,))
    summary = None
    for executor, said in (
        (partial(dying, get_context("spawn")), "worker processes die as soon as they start"),
        (dying(get_context("spawn")), "the executor is broken"),
    ):
        summary = campaign.run(SIMPLE, tmp_path / "results.jsonl", executor=executor)
        assert said in summary.stopped
        assert (summary.finished, summary.code) == (0, 3)
    assert campaign.run(SIMPLE, tmp_path / "results.jsonl", workers=1).complete


def test_an_executor_that_is_given_is_used_and_not_shut_down(tmp_path, monkeypatch):
    """Tasks end after a slice of time, and what they have not begun is given out again."""
    monkeypatch.setattr(module, "SLICE", 0.0)
    with ThreadPoolExecutor(2) as pool:
        assert campaign.run(SIMPLE, tmp_path / "results.jsonl", executor=pool).finished == 40
        assert pool.submit(int).result() == 0
    campaign.run(SIMPLE, tmp_path / "calm.jsonl", workers=1)
    assert rows(tmp_path / "results.jsonl") == rows(tmp_path / "calm.jsonl")
    with pytest.raises(ncsolve.CampaignError, match="the executor takes no work"):
        campaign.run(SIMPLE, tmp_path / "other.jsonl", executor=pool)
    with pytest.raises(ncsolve.CampaignError, match="an executor has its own"):
        campaign.run(SIMPLE, tmp_path / "other.jsonl", executor=pool, workers=2)
