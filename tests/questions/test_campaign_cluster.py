"""Campaigns on a Dask cluster of two worker processes on the loopback address, some of which are killed."""

import logging
import os
import signal
from functools import partial

import pytest
from distributed import Client, LocalCluster
from questions.test_campaign_kills import Poisoned
from support.campaigns import rows

import ncsolve
from ncsolve.questions import campaign
from ncsolve.questions import workers as module

SPEC = {
    "campaign": {"starts": 1, "trials": 120},
    "problem": {"counts": [40, 20, 10], "depth": 3},
    "draw": {"decay": {"loguniform": [1e-4, 1e-2]}},
}
LOOPBACK = {
    "n_workers": 2,
    "threads_per_worker": 1,
    "processes": True,
    "host": "127.0.0.1",
    "dashboard_address": "127.0.0.1:0",
    "scheduler_kwargs": {"dashboard": False},
    "silence_logs": logging.CRITICAL,
}


def dask(cluster):
    return partial(campaign.Cluster, cluster.scheduler_address)


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes; nothing listens but on the loopback address, and there is no dashboard."""
    with LocalCluster(**LOOPBACK) as found:
        # as real clusters do, replace workers that stay away
        found.adapt(minimum=2, maximum=2, interval="200ms")
        yield found


def processes(cluster):
    """Process ids of the workers."""
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        return list(client.run(os.getpid).values())


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The rows of SPEC, solved in this process."""
    path = tmp_path_factory.mktemp("campaign") / "local.jsonl"
    campaign.run(SPEC, path, workers=1)
    return rows(path)


def test_a_worker_process_killed_in_the_middle_costs_nothing(cluster, local, tmp_path):
    assert cluster.scheduler_address.startswith("tcp://127.0.0.1:")
    before = processes(cluster)
    assert len(before) == 2

    def kill(finished, errors):
        if finished == 50:
            os.kill(before[0], signal.SIGKILL)

    path = tmp_path / "results.jsonl"
    summary = campaign.run(SPEC, path, executor=dask(cluster), progress=kill)
    assert (summary.finished, summary.total.errors, summary.code) == (120, 0, 0)
    assert rows(path) == local  # none twice, none missing, none different
    assert before[0] not in processes(cluster)


def test_a_client_may_be_given_and_a_file_gone_on_with(cluster, local, tmp_path):
    path = tmp_path / "results.jsonl"

    def stop(finished, errors):
        if finished == 30:
            raise KeyboardInterrupt

    with Client(cluster.scheduler_address, set_as_default=False) as client:
        assert (
            campaign.run(SPEC, path, executor=client.get_executor(), progress=stop).stopped
            == "interrupted"
        )
        assert 30 <= len(rows(path)) < 120
        assert campaign.run(SPEC, path, executor=client.get_executor()).complete
        assert client.status == "running"  # it is not ours to close
    assert rows(path) == local


def test_a_cluster_with_another_version_or_none_is_refused(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "__version__", "0.0.1")
    with pytest.raises(
        ncsolve.CampaignError,
        match=r"the Dask worker tcp://127.0.0.1:\d+ has ncsolve .*, this is 0.0.1",
    ):
        campaign.run(SPEC, tmp_path / "results.jsonl", executor=dask(cluster))
    with pytest.raises(ncsolve.CampaignError, match="workers 2 is for this machine"):
        campaign.run(SPEC, tmp_path / "results.jsonl", executor=dask(cluster), workers=2)
    monkeypatch.setattr(module, "CONNECT", 0.5)
    for address in ("tcp://127.0.0.1:9", "nonsense://x", "127.0.0.1:port"):
        with pytest.raises(ncsolve.CampaignError, match="no Dask scheduler answers at") as caught:
            campaign.run(
                SPEC, tmp_path / "results.jsonl", executor=partial(campaign.Cluster, address)
            )
        assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_problem_that_kills_its_workers_is_an_error_row(cluster, tmp_path):
    """Dask gives up a task after four deaths, and the problems beside it with it: all but the guilty one are solved."""
    spec = campaign.read_spec(SPEC | {"campaign": {"starts": 1, "trials": 40}})
    path, healthy = tmp_path / "results.jsonl", tmp_path / "healthy.jsonl"
    summary = campaign.run(Poisoned(spec.document), path, executor=dask(cluster))
    assert summary.complete
    found = rows(path)
    assert {i for i, text in found.items() if "WorkerDied" in text} == {7}
    campaign.run(spec, healthy, workers=1)
    assert {i: t for i, t in found.items() if i != 7} == {
        i: t for i, t in rows(healthy).items() if i != 7
    }


@pytest.mark.slow
def test_a_lost_scheduler_ends_the_campaign_and_keeps_its_rows(tmp_path, local):
    path = tmp_path / "results.jsonl"
    with LocalCluster(**LOOPBACK) as found:

        def stop(finished, errors):
            if finished == 40:
                found.sync(found.scheduler.close)

        summary = campaign.run(SPEC, path, executor=dask(found), progress=stop)
    assert "the cluster is lost" in summary.stopped
    assert 40 <= summary.finished < 120
    assert summary.code == 3
    assert rows(path).items() <= local.items()


@pytest.mark.slow
def test_a_cluster_without_workers_ends_the_campaign_in_time(tmp_path, local, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 2.0)
    monkeypatch.setattr(module, "LOOK", 0.2)
    path = tmp_path / "results.jsonl"
    with LocalCluster(**LOOPBACK) as found:

        def desert(finished, errors):
            if finished == 40:
                found.scale(0)

        summary = campaign.run(SPEC, path, executor=dask(found), progress=desert)
        assert summary.stopped == "the cluster is lost (it has had no worker for 2 seconds)"
        assert 40 <= summary.finished < 120
        again = campaign.run(SPEC, path, executor=dask(found))
        assert again.stopped == summary.stopped  # from the beginning, too
        monkeypatch.setattr(module, "PATIENCE", 60.0)
        found.scale(1)  # a cluster of one core is a cluster
        assert campaign.run(SPEC, path, executor=dask(found)).complete
    assert rows(path) == local
