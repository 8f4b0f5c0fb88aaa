"""Campaigns run: rows are what the library says of each problem, and the file of results is whole, whatever happens."""

import errno
import fcntl
import json
import os
import pty
import re
import resource
import select
import shlex
import signal
import subprocess
import sys
import threading
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.campaigns import (
    ENVIRONMENT,
    MIXED,
    QUICK,
    command,
    lines,
    rows,
    started,
    toml,
    workers,
)

import ncsolve
from ncsolve.cli import main
from ncsolve.questions import campaign
from ncsolve.questions.journal import journal


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The results of MIXED, run once in this process, without interruption."""
    path = tmp_path_factory.mktemp("campaign") / "results.jsonl"
    return path, campaign.run(MIXED, path, workers=1)


def refused(call, *arguments, **options):
    """The message of a CampaignError, which is one line."""
    with pytest.raises(ncsolve.CampaignError) as caught:
        call(*arguments, **options)
    assert str(caught.value).isprintable()
    return str(caught.value)


# Rows


def test_a_row_says_what_predict_certify_and_verify_say(finished):
    path, _ = finished
    for row in lines(path)[1:]:
        index = row["index"]
        if "error" in row:
            continue
        prediction = ncsolve.predict(campaign.problem(MIXED, index))
        starts = np.random.default_rng(np.random.SeedSequence(3).spawn(30)[index].spawn(1)[0])
        found = ncsolve.verify(prediction, ncsolve.Descent(starts=1), rng=starts)
        assert (row["theorem"], row["claim"]) == (prediction.theorem.name, prediction.claim.name)
        assert row["value"] == prediction.value
        assert sum(row["states"].values()) == prediction.ufm.classes
        assert row["states"]["active"] == int((prediction.classes.state == "active").sum())
        assert (row["verdict"], row["excess"]) == (found.verdict.name, found.excess)
        assert row["distances"] == found.metrics
        certificate = ncsolve.certify(prediction)
        assert (row["lower_bound"], row["relative_gap"]) == (
            certificate.lower_bound,
            certificate.relative_gap,
        )
        assert row["certified"] is True
        assert 0 < row["seconds"] < 60


def test_the_header_says_what_the_rows_are(finished):
    path, _ = finished
    header = lines(path)[0]
    spec = campaign.read_spec(MIXED)
    assert list(header) == ["schema", "ncsolve_version", "digest", "seed", "problems", "spec"]
    assert (header["schema"], header["ncsolve_version"]) == (
        "ncsolve/campaign/1",
        ncsolve.__version__,
    )
    assert (header["digest"], header["seed"], header["problems"]) == (spec.digest, 3, 30)
    assert campaign.problem(
        header["spec"] | {"campaign": {"seed": 3, "trials": 5}}, 7
    ) == campaign.problem(MIXED, 7)


def test_an_impossible_problem_is_an_error_row_and_the_rest_goes_on(finished):
    path, summary = finished
    errors = {row["index"]: row["error"] for row in lines(path)[1:] if "error" in row}
    assert sorted(errors) == [i for i in range(30) if i % 6 in (2, 3)]
    said = {
        "type": "ProblemError",
        "message": "depth 0 is not between 1 and 1000; give the number of weight matrices",
    }
    assert all(error == said for error in errors.values())
    assert (summary.finished, summary.total.errors, summary.unexpected) == (30, 10, 0)
    assert summary.failures[0].number == 10
    assert summary.total.verdicts == {"AGREES": 20, "STUCK": 0, "REFUTED": 0, "BEATEN": 0}
    assert summary.code == 3


@pytest.mark.parametrize("workers", [2, 3])
def test_the_rows_do_not_depend_on_the_number_of_workers(finished, tmp_path, workers):
    path = tmp_path / "results.jsonl"
    campaign.run(MIXED, path, workers=workers)
    assert rows(path) == rows(finished[0])


def test_another_seed_gives_other_rows(finished, tmp_path):
    path = tmp_path / "results.jsonl"
    campaign.run(
        MIXED | {"campaign": MIXED["campaign"] | {"seed": 4, "trials": 1}}, path, workers=1
    )
    assert rows(path)[0] != rows(finished[0])[0]


def test_a_bug_is_an_error_row_that_says_so(tmp_path, monkeypatch):
    right = ncsolve.predict

    def broken(ufm, theorem=None):
        return right(ufm, theorem) if ufm.depth != 3 else 1 // 0

    monkeypatch.setattr("ncsolve.theorems.predict.predict", broken)
    path = tmp_path / "results.jsonl"
    summary = campaign.run(QUICK, path, workers=1)
    error = lines(path)[3]["error"]
    assert error == {
        "type": "ZeroDivisionError",
        "message": "integer division or modulo by zero",
        "unexpected": True,
    }
    assert (summary.total.errors, summary.unexpected, summary.code) == (1, 1, 3)


def test_a_wrong_prediction_is_contradicted_and_named(tmp_path, monkeypatch):
    right = ncsolve.predict

    def too_high(ufm, theorem=None):
        found = right(ufm, theorem)
        return (
            found
            if ufm.depth != 2
            else replace(found, solution=replace(found.solution, value=1.01 * found.value))
        )

    monkeypatch.setattr("ncsolve.theorems.predict.predict", too_high)
    spec = QUICK | {"campaign": {"action": "verify", "starts": 1}}
    summary = campaign.run(spec, tmp_path / "results.jsonl", workers=1)
    assert (summary.code, summary.contradicted) == (1, (1,))
    assert summary.total.verdicts["REFUTED"] == 1
    assert summary.total.excess.index == 1
    assert summary.total.excess.value == pytest.approx(-0.01 / 1.01, rel=1e-9)


def test_what_is_stuck_or_not_certified_is_inconclusive(tmp_path, monkeypatch):
    spec = QUICK | {"campaign": {"action": "certify", "tolerance": 1e-300}}
    summary = campaign.run(spec, tmp_path / "gap.jsonl", workers=1)
    assert (summary.total.uncertified, summary.code) == (5, 3)
    deep = {
        "campaign": {"action": "certify", "theorem": "descent_only"},
        "problem": {"counts": [9, 5], "bias": 0.1, "depth": 2},
    }
    summary = campaign.run(deep, tmp_path / "deep.jsonl", workers=1)
    row = lines(tmp_path / "deep.jsonl")[1]
    assert (row["certified"], row["lower_bound"]) == (False, None)
    assert "no bound is known" in row["why"]
    assert summary.code == 3
    right = ncsolve.predict

    def too_low(ufm, theorem=None):
        found = right(ufm, theorem)
        return replace(found, solution=replace(found.solution, value=0.99 * found.value))

    monkeypatch.setattr("ncsolve.theorems.predict.predict", too_low)
    summary = campaign.run(QUICK | {"campaign": {"starts": 1}}, tmp_path / "stuck.jsonl", workers=1)
    assert (summary.total.verdicts["STUCK"], summary.code) == (5, 3)


# Going on


def test_a_finished_campaign_is_not_run_again(finished, tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_bytes(finished[0].read_bytes())
    said = []
    summary = campaign.run(MIXED, path, workers=1, note=said.append)
    assert path.read_bytes() == finished[0].read_bytes()
    assert summary.to_dict() == finished[1].to_dict()
    assert said == [f"30 of 30 problems are in {str(path)!r} already; nothing is left to do"]


def test_from_wherever_a_file_was_cut_the_campaign_goes_on(tmp_path):
    whole = tmp_path / "whole.jsonl"
    campaign.run(QUICK, whole, workers=1)
    data = whole.read_bytes()
    path = tmp_path / "results.jsonl"
    header = data.index(b"\n") + 1
    places = [
        0,
        1,
        header // 2,
        header - 1,
        *range(header, len(data), 37),
        len(data) - 1,
        len(data),
    ]
    for place in places:
        path.write_bytes(data[:place])
        before = data[:place].count(b"\n") - 1 if place >= header else 0
        calls = []
        summary = campaign.run(
            QUICK,
            path,
            workers=1,
            progress=lambda finished, errors, calls=calls: calls.append(finished),
        )
        assert rows(path) == rows(whole)
        assert calls == list(range(before, 6))  # what was there is not solved again
        assert summary.complete
        assert (
            path.read_bytes()[: data[:place].rfind(b"\n") + 1]
            == data[: data[:place].rfind(b"\n") + 1]
        )


def test_an_interrupt_keeps_what_is_finished(tmp_path):
    def stop(finished, errors):
        if finished == 3:
            raise KeyboardInterrupt

    path = tmp_path / "results.jsonl"
    summary = campaign.run(QUICK, path, workers=1, progress=stop)
    assert (summary.stopped, summary.finished, summary.code) == ("interrupted", 3, 3)
    assert sorted(rows(path)) == [0, 1, 2]
    assert campaign.run(QUICK, path, workers=1).complete

    def at_once(finished, errors):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        campaign.run(QUICK, tmp_path / "other.jsonl", workers=1, progress=at_once)


@pytest.mark.parametrize("written", [False, True])
def test_an_interrupt_while_a_row_is_written_leaves_it_whole_or_out(tmp_path, monkeypatch, written):
    """Also when it is another thread that the signal reaches; a row counts exactly if it is in the file."""
    right = os.write

    def struck(file, data):
        done = right(file, data) if written or b'"index":2' not in data else 0
        if b'"index":2' in data:
            killer = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT))
            killer.start()
            killer.join()
            time.sleep(0.01)
        return done

    monkeypatch.setattr(os, "write", struck)
    path = tmp_path / "results.jsonl"
    summary = campaign.run(QUICK, path, workers=1)
    assert (summary.stopped, summary.finished) == ("interrupted", 2 + written)
    assert sorted(rows(path)) == [0, 1, 2][: 2 + written]


def test_an_interrupted_descent_is_no_row(tmp_path, monkeypatch):
    """verify keeps what an interrupted run has reached; a campaign must not take that for the result."""
    right = ncsolve.verify
    monkeypatch.setattr(
        "ncsolve.verification.verify",
        lambda *words, **named: replace(right(*words, **named), interrupted=True),
    )
    path = tmp_path / "results.jsonl"
    with pytest.raises(KeyboardInterrupt):
        campaign.run(QUICK | {"campaign": {"starts": 1}}, path, workers=1)
    assert rows(path) == {}


# What is refused


def test_the_results_of_another_spec_are_refused_and_force_begins_anew(tmp_path):
    path = tmp_path / "results.jsonl"
    campaign.run(QUICK, path, workers=1)
    before = path.read_bytes()
    other = QUICK | {"grid": {"depth": [1, 2]}}
    assert "holds the results of another spec" in refused(campaign.run, other, path, workers=1)
    assert path.read_bytes() == before
    assert campaign.run(other, path, workers=1, force=True).finished == 2
    assert sorted(rows(path)) == [0, 1]
    assert campaign.run(other, path, workers=1, force=True).finished == 2


def said(entry, text):
    """What gives a row's entry another text; value and index are numbers in the rows of QUICK."""
    return lambda row: re.sub(rb'"%s":[0-9.e-]+' % entry, rb'"%s":%s' % (entry, text), row)


DAMAGE = {
    "a line that is no JSON": (lambda row: row[:-3] + b"\n", "is not a row"),
    "nothing on a line": (lambda row: b"\n", "is not a row"),
    "zeros, as after a power cut": (lambda row: b"\0" * len(row) + b"\n", "is not a row"),
    "a number": (lambda row: b"7\n", "is not a row"),
    "another index": (said(b"index", b"99"), "99 is not a problem of 0 .. 4"),
    "an index that is there": (said(b"index", b"1"), "problem 1 is there a second time"),
    "a fractional index": (said(b"index", b"2.5"), "2.5 is not a problem"),
    "an index of 5000 digits": (said(b"index", 5000 * b"2"), "is not a row"),
    "no problem": (lambda row: row.replace(b'"problem"', b'"problme"'), "is not a row"),
    "a value that is no number": (said(b"value", b"NaN"), "is not a row"),
    "an infinite value": (said(b"value", b"-Infinity"), "is not a row"),
    "a value beyond all doubles": (said(b"value", b"1e999"), "is not a row"),
    "a value of 400 digits": (said(b"value", 400 * b"9"), "is not a row"),
    "a value that is a word": (said(b"value", b'"x"'), "is not a row"),
    "an error without a message": (said(b"value", b'0,"error":{"type":"x"}'), "not a row"),
    "a verdict that is none": (said(b"value", b'0,"verdict":["AGREES"]'), "is not a row"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_line_is_named_and_nothing_is_touched(tmp_path, name):
    damage, said = DAMAGE[name]
    path = tmp_path / "results.jsonl"
    campaign.run(QUICK, path, workers=1)
    data = path.read_bytes().splitlines(keepends=True)
    assert b'"index":2' in data[3]
    data[3] = damage(data[3])
    path.write_bytes(b"".join(data))
    for use in (
        lambda: campaign.run(QUICK, path, workers=1),
        lambda: campaign.summarize(path),
        lambda: list(campaign.results(path)),
    ):
        message = refused(use)
        assert said in message
        assert "results.jsonl', line 4: " in message
    assert path.read_bytes() == b"".join(data)


@pytest.mark.parametrize(
    "content",
    [b"kept", b"kept\n", b"{}\n", b'{"schema": "ncsolve/predict/1"}\n', b"\x00\xff\n", b"[1]\n"],
)
def test_a_file_of_something_else_is_kept(tmp_path, content):
    path = tmp_path / "results.jsonl"
    path.write_bytes(content)
    assert "is not a file of a campaign's results" in refused(campaign.run, QUICK, path, workers=1)
    assert "is not a file of a campaign's results" in refused(campaign.summarize, path)
    assert path.read_bytes() == content


def test_a_header_that_does_not_fit_its_spec_is_damaged(tmp_path):
    path = tmp_path / "results.jsonl"
    campaign.run(QUICK, path, workers=1)
    path.write_bytes(path.read_bytes().replace(b'"counts":[20,10]', b'"counts":[20,11]'))
    assert "line 1: the spec does not have the digest" in refused(campaign.summarize, path)


def test_two_campaigns_cannot_write_one_file(tmp_path):
    path = tmp_path / "results.jsonl"
    with journal(path, campaign.read_spec(QUICK)):
        assert "is being written by another campaign" in refused(
            campaign.run, QUICK, path, workers=1
        )
        assert "is being written by another campaign" in refused(
            campaign.run, QUICK, path, workers=1, force=True
        )
        assert campaign.summarize(path).finished == 0  # reading is allowed
    assert campaign.run(QUICK, path, workers=1).complete


def test_of_two_campaigns_started_at_once_on_one_file_one_works_and_the_other_says_so(tmp_path):
    (tmp_path / "spec.toml").write_text(toml(MIXED | {"campaign": {"starts": 1, "trials": 40}}))
    both = [started("spec.toml", "--workers", 1, cwd=tmp_path) for _ in range(2)]
    said = {
        process.returncode: process.communicate(timeout=300) for process in both if process.wait()
    }
    assert set(said) == {3, 4}  # the one that works has impossible problems
    assert b"is being written by another campaign; wait for it" in said[4][1]
    assert said[4][1].count(b"\n") == 1
    assert sorted(rows(tmp_path / "spec.jsonl")) == list(range(240))


def test_the_loser_leaves_an_empty_file_to_its_owner(tmp_path):
    """The winner may not have written its header yet."""
    path = tmp_path / "results.jsonl"
    path.touch()
    with path.open("rb") as owned:
        fcntl.flock(owned, fcntl.LOCK_EX)
        assert "another campaign" in refused(campaign.run, QUICK, path, workers=1, force=True)
        assert path.read_bytes() == b""
    assert campaign.run(QUICK, path, workers=1).complete


def test_a_pipe_a_folder_and_a_device_are_refused_and_left_as_they_are(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to(os.devnull)
    for name, said in (("pipe", "a pipe"), ("folder", "a folder"), ("device", "a device")):
        before = os.lstat(tmp_path / name)
        for force in (False, True):
            with pytest.raises(OSError, match=said):
                campaign.run(QUICK, tmp_path / name, workers=1, force=force)
        assert os.path.samestat(before, os.lstat(tmp_path / name))
    assert "is a pipe" in refused(campaign.summarize, tmp_path / "pipe")


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_a_number_of_workers_that_is_none_is_refused(tmp_path, workers):
    assert "is not a whole number of 1 or more" in refused(
        campaign.run, QUICK, tmp_path / "x.jsonl", workers=workers
    )
    assert list(tmp_path.iterdir()) == []


# A full disk


def test_a_full_disk_stops_the_campaign_and_leaves_whole_lines(tmp_path, monkeypatch):
    path = tmp_path / "results.jsonl"
    right, written = os.write, []

    def full(file, data):
        if os.fstat(file).st_size > 1000:
            if not written:
                written.append(right(file, data[: len(data) // 2]))  # what still fits
                return written[0]
            raise OSError(errno.ENOSPC, "No space left on device")
        return right(file, data)

    monkeypatch.setattr(os, "write", full)
    summary = campaign.run(QUICK, path, workers=1)
    assert written
    assert "cannot be written (No space left on device)" in summary.stopped
    assert 0 < summary.finished == len(rows(path)) < 5
    assert summary.code == 3
    monkeypatch.undo()
    assert campaign.run(QUICK, path, workers=1).complete
    assert sorted(rows(path)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("limit", [100, 1000])
def test_a_limit_on_the_size_of_files_is_a_full_disk(tmp_path, limit):
    (tmp_path / "spec.toml").write_text(toml(QUICK))
    limited = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # noqa: E731
    done = subprocess.run(
        command("spec.toml", "--workers", 1),
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        preexec_fn=limited,
    )
    assert "Traceback" not in done.stderr
    assert "cannot be written (File too large)" in done.stderr
    assert done.stderr.count("\n") == 1
    path = tmp_path / "spec.jsonl"
    if limit == 100:  # not even the header
        assert done.returncode == 4
        assert path.read_bytes() == b""
        return
    assert done.returncode == 3
    assert "of 5 finished" in done.stdout
    assert 0 < len(rows(path)) < 5
    assert main(["campaign", str(tmp_path / "spec.toml"), "--workers", "1"]) == 0
    assert sorted(rows(path)) == [0, 1, 2, 3, 4]


# The command line


def answer(capsys, *argv, code=0):
    assert main(["campaign", *map(str, argv)]) == code
    return capsys.readouterr()


def test_the_command_runs_summarizes_and_goes_on(capsys, tmp_path):
    spec = tmp_path / "spec.toml"
    spec.write_text(toml(MIXED | {"campaign": MIXED["campaign"] | {"trials": 1}}))
    out, err = answer(capsys, spec, "--workers", 1, code=3)
    assert err == ""
    assert "problems      6, all finished; 2 are errors" in out
    assert "verdicts      4 AGREES" in out
    assert "certified     4 within 1e-08, 0 not" in out
    assert "error         ProblemError: depth 0 is not between" in out
    header, *table = out.split("\n\n")[1].splitlines()
    assert header.split()[:5] == ["loss", "depth", "bias", "problems", "errors"]
    assert [line.split()[:5] for line in table] == [
        ["ce", "1", "free", "1", "0"],
        ["ce", "1", "none", "1", "0"],
        ["mse", "0", "free", "1", "1"],
        ["mse", "0", "none", "1", "1"],
        ["mse", "3", "free", "1", "0"],
        ["mse", "3", "none", "1", "0"],
    ]
    again = answer(capsys, spec, "--workers", 1, code=3)
    assert again.out == out
    assert "6 of 6 problems are in" in again.err
    assert answer(capsys, "--summarize", tmp_path / "spec.jsonl", code=3).out == out
    printed = answer(capsys, "--summarize", tmp_path / "spec.jsonl", "--json", code=3).out
    document = json.loads(printed, parse_constant=pytest.fail)
    assert document["schema"] == "ncsolve/campaign-summary/1"
    assert (document["problems"], document["finished"], document["total"]["errors"]) == (6, 6, 2)
    assert document["failures"][0]["number"] == 2
    assert len(document["groups"]) == 6


def test_the_file_of_results_stands_where_it_is_asked_for(capsys, tmp_path):
    (tmp_path / "spec.toml").write_text(toml(QUICK))
    answer(
        capsys, tmp_path / "spec.toml", "--workers", 1, "--out", tmp_path / "other.jsonl", "--quiet"
    )
    assert sorted(file.name for file in tmp_path.iterdir()) == ["other.jsonl", "spec.toml"]


USAGE = {
    "neither": ("", 2, "a spec or --summarize is needed"),
    "both": ("a.toml --summarize b.jsonl", 2, "--summarize needs no spec"),
    "workers of a summary": ("--summarize b.jsonl --workers 2", 2, "--workers belongs to a run"),
    "out of a summary": ("--summarize b.jsonl --out c.jsonl", 2, "--out belongs to a run"),
    "workers of a cluster": ("a.toml --workers 2 --dask tcp://127.0.0.1:1", 2, "--workers counts"),
    "no address": ("a.toml --dask ''", 2, "--dask '' is not an address"),
    "a suffix": ("a.toml --out x.json", 2, "x.json"),
    "a picture": ("a.toml --plot x.bmp", 2, "x.bmp"),
    "a size without a picture": ("a.toml --size 3x3", 2, "--size needs --plot"),
    "no workers": ("spec.toml --workers 0", 2, "--workers '0'"),
    "no spec": ("nowhere.toml", 4, "nowhere.toml"),
    "no results": ("--summarize nowhere.jsonl", 4, "nowhere.jsonl"),
    "no place": ("spec.toml --out no/where.jsonl --workers 1", 4, "no/where.jsonl"),
    "a folder": ("spec.toml --out folder.jsonl --workers 1", 4, "folder.jsonl"),
    "a picture that exists": ("spec.toml --plot there.png", 4, "--plot 'there.png' exists"),
    "a picture nowhere": (
        "spec.toml --plot no/where.png",
        4,
        "--plot 'no/where.png' cannot be written",
    ),
}


@pytest.mark.parametrize("name", USAGE)
def test_a_mistake_on_the_command_line_is_one_line(capsys, tmp_path, monkeypatch, name):
    argv, code, said = USAGE[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.toml").write_text(toml(QUICK))
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "there.png").write_text("kept")
    before = sorted(tmp_path.rglob("*"))
    out, err = answer(capsys, *shlex.split(argv), code=code)
    assert out == ""
    assert said in err
    assert err.startswith("ncsolve: error: ")
    assert err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_without_distributed_a_cluster_is_one_line(capsys, tmp_path, monkeypatch):
    (tmp_path / "spec.toml").write_text(toml(QUICK))
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "ncsolve.questions.campaigns.cluster", raising=False)
    err = answer(capsys, tmp_path / "spec.toml", "--dask", "tcp://127.0.0.1:1", code=4).err
    assert "pip install 'ncsolve[distributed]'" in err


def test_nothing_heavy_is_loaded_before_it_is_needed():
    code = "import sys, ncsolve; ncsolve.campaign.read_spec({'problem': {'counts': [3, 2]}}); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    assert not {"joblib", "distributed", "rich", "matplotlib", "sympy"} & set(done.stdout.split())


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_with_a_summary_and_the_same_command_goes_on(finished, tmp_path, workers):
    long = MIXED | {"campaign": MIXED["campaign"] | {"trials": 2000}}
    (tmp_path / "spec.toml").write_text(toml(long))
    path = tmp_path / "spec.jsonl"
    running = started("spec.toml", "--workers", workers, cwd=tmp_path)
    limit = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < 5:
        assert time.monotonic() < limit
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    out, err = running.communicate(timeout=30)
    assert running.returncode == 3
    assert b"stopped       interrupted; the same command goes on" in out
    assert b"Traceback" not in err
    assert err.count(b"\n") == 1
    found = rows(path)
    assert found.items() <= {**rows(finished[0]), **found}.items()
    assert all(found[i] == text for i, text in rows(finished[0]).items() if i in found)


def test_ctrl_c_before_there_is_a_row_is_130(tmp_path):
    slow = {
        "campaign": {"starts": 1},
        "problem": {"counts": [9000, 5000, 100], "loss": "ce", "depth": 4, "decay": 1e-6},
    }
    (tmp_path / "spec.toml").write_text(toml(slow))
    running = started("spec.toml", "--workers", 2, cwd=tmp_path)
    limit = time.monotonic() + 60
    while not workers(running.pid):
        assert time.monotonic() < limit
        time.sleep(0.02)
    # an interrupt that comes while workers are started is lost on purpose (workers.py)
    time.sleep(2)
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (130, b"")
    assert err == b"ncsolve: error: interrupted\n"


def test_a_terminal_sees_how_far_it_is_and_the_time_left(tmp_path):
    (tmp_path / "spec.toml").write_text(toml(MIXED))
    master, slave = pty.openpty()
    environment = ENVIRONMENT | {"TERM": "xterm-256color", "COLUMNS": "120"}
    process = subprocess.Popen(
        command("spec.toml", "--workers", 1),
        cwd=tmp_path,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
    )
    os.close(slave)
    received = b""
    while select.select([master], [], [], 60)[0]:
        try:
            part = os.read(master, 1 << 16)
        except OSError:  # the other end is closed
            break
        received += part
    os.close(master)
    assert process.wait(timeout=60) == 3
    shown = received.decode()
    assert re.search(r"\b[1-9]\d?/30\b", shown)
    assert re.search(r"left.{0,20}\d:\d\d:\d\d", shown)
    assert "errors" in shown
    assert "30, all finished" in shown


def test_the_documented_campaign_is_what_the_documentation_says(capsys, tmp_path, monkeypatch):
    text = (Path(__file__).parents[2] / "docs" / "campaigns.md").read_text()
    spec, tail = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    shown = re.search(r"\$ ncsolve campaign spec.toml\n(.*?)```", text, re.DOTALL).group(1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.toml").write_text(spec)
    out, _ = answer(capsys, "spec.toml", "--workers", 1)

    def settled(said):  # without the last digits of doubles and the times
        return [
            re.sub(r"(\s+-?[\d.]+e-1\d\S*.*)|(\s+\S+)$", "", line) for line in said.splitlines()
        ]

    assert settled(out) == settled(shown)
    assert out.splitlines()[:5] == shown.splitlines()[:5]
    assert campaign.read_spec(tomllib.loads(tail)).problems == 6
