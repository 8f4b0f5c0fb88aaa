"""The command line at its edges: streams, terminals, interrupts, contradicted predictions, files that cannot be written.

Answers and plain mistakes are in test_command_line.py.
"""

import dataclasses
import json
import math
import os
import pty
import select
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import ncsolve
from ncsolve.analytic.theorem import Claim
from ncsolve.cli import command, main
from ncsolve.files import document_of
from ncsolve.numeric.optimizers import Stop
from ncsolve.problem.counts import named
from ncsolve.show import text as report

SMALL = ["--counts", "30,20,8", "--weight-decay", "4e-3", "--feature-decay", "4e-3"]
ENVIRONMENT = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
SLOW = ["--counts", "200,100,50,50", "--width", "64", "--method", "sgd", "--steps", "100000000"]


def ncsolve_(*argv, **options):
    """The finished process of `python -m ncsolve ...`."""
    settings = {"capture_output": True, "text": True, "env": ENVIRONMENT, "timeout": 60} | options
    return subprocess.run([sys.executable, "-m", "ncsolve", *argv], **settings)


def answer(capsys, *argv, code=0):
    assert main(list(argv)) == code
    return capsys.readouterr()


def refusal(capsys, *argv, code):
    """The one line that a mistake gets; nothing on standard output."""
    out, err = answer(capsys, *argv, code=code)
    assert out == ""
    assert err.startswith("ncsolve: error: ")
    assert err.count("\n") == 1
    return err


def on_a_terminal(*argv, environment=ENVIRONMENT):
    """What a terminal receives, and the exit code."""
    master, slave = pty.openpty()
    environment = {"TERM": "xterm-256color", "COLUMNS": "120"} | {
        k: v for k, v in environment.items() if k != "TERM"
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "ncsolve", *argv],
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
        if not part:
            break
        received += part
    os.close(master)
    return received.decode(), process.wait(timeout=60)


# The answer in words


def test_the_table_names_every_quantity_and_says_what_vanished(capsys):
    out = answer(
        capsys,
        "predict",
        "--counts",
        '{"cat": 1000, "dog": 100, "owl": 10, "yak": 2}',
        "--depth",
        "3",
    ).out
    lines = out.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("class "))
    assert lines[header].split("  ")[0] == "class"
    for column in (
        "count",
        "state",
        "|w_k|",
        "|h_k|",
        "own logit",
        "margin",
        "critical count",
        "critical decay",
    ):
        assert column in lines[header]
    assert lines[header + 4].split()[:5] == ["yak", "2", "vanished", "0", "0"]
    assert "3 active, 1 vanished (1 of them may stay non-zero in a local minimum)" in out
    assert "GLOBAL: a global minimizer, proved" in out
    assert "squared_spectral, Dang et al. 2023" in out


def test_the_value_has_fifteen_digits_and_the_table_six(capsys):
    out = answer(capsys, "predict", *SMALL).out
    prediction = ncsolve.predict(ncsolve.UFM([30, 20, 8], weight_decay=4e-3, feature_decay=4e-3))
    assert f"value    {prediction.value:.15g}\n" in out
    assert f"{prediction.classes.weight_norm[0]:.6g}" in out.split("class ")[-1]


def test_a_long_table_shows_both_ends_by_count(capsys):
    out = answer(capsys, "predict", "--counts", "places-lt", "--quiet").out
    rows = out[out.index("class ") :].splitlines()[1:]
    assert len(rows) == 25
    assert rows[12] == "... 341 more (use --json for all)"
    counts = [float(row.split()[-8]) for row in rows if not row.startswith("...")]
    known = sorted(named("places-lt").values(), reverse=True)
    assert counts == [*known[:12], *known[-12:]]


def test_wide_and_long_names_keep_the_columns_aligned():
    prediction = ncsolve.predict(ncsolve.UFM({"猫": 30, "e\u0301": 20, "x" * 80: 10}))
    lines = report.class_table(prediction.classes).text().splitlines()
    assert lines[3].startswith("x" * 29 + "...  ")
    # the cat takes two columns and one character
    assert lines[1].index("30") == lines[3].index("10") - 1
    assert lines[2].index("20") == lines[3].index("10") + 1  # the accent takes none


def test_a_name_that_the_terminal_cannot_show_is_escaped():
    done = ncsolve_(
        "predict",
        "--counts",
        '{"猫": 30, "dog": 20}',
        env=ENVIRONMENT | {"PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0
    assert r"\u732b" in done.stdout


def test_verify_says_each_run_the_certificate_the_distances_and_the_verdict(capsys):
    out = answer(capsys, "verify", *SMALL, "--rng", "5", "--starts", "3", "--hessian").out
    keys = [line.split("  ")[0] for line in out.rpartition("\n\n")[2].splitlines()]
    assert keys == [
        "descent",
        "run 1",
        "run 2",
        "run 3",
        "certificate",
        "distances",
        "hessian",
        "verdict",
    ]
    assert "LBFGS, 3 starts, --rng 5" in out
    assert "floating point, not a proof" in out
    assert "an isolated minimum up to rotation" in out
    assert out.rstrip().endswith("AGREES: the best run ends at the predicted value")


def test_a_fresh_seed_is_told_and_repeats_the_runs(capsys):
    first = answer(capsys, "verify", *SMALL, "--json", "--starts", "1")
    seed = json.loads(first.out)["provenance"]["rng"]
    assert f"--rng {seed}" in first.err
    again = answer(capsys, "verify", *SMALL, "--json", "--starts", "1", "--rng", str(seed))
    assert json.loads(again.out)["runs"] == json.loads(first.out)["runs"]
    other = answer(capsys, "verify", *SMALL, "--json", "--starts", "1", "--quiet")
    assert other.err == ""
    assert json.loads(other.out)["provenance"]["rng"] != seed


def test_thresholds_end_with_the_first_and_the_last_loss(capsys):
    argv = ["--counts", "1000,100,10,2", "--depth", "3"]
    out = answer(capsys, "thresholds", *argv).out
    assert "first loss  at decay 0.000411624" in out
    assert "local" in out
    document = json.loads(answer(capsys, "thresholds", *argv, "--json").out)
    assert document.keys() >= {
        "mean_decay",
        "local_factor",
        "first_loss",
        "complete_collapse",
        "classes",
        "provenance",
    }
    # one layer: none lives on
    assert "local" not in answer(capsys, "thresholds", "--counts", "10,2").out


def test_certify_without_a_bound_or_with_a_gap_is_inconclusive(capsys):
    targets = ["certify", *SMALL, "--tol", "1e-300"]
    out, err = answer(capsys, *targets, code=3)
    assert "not certified" in out
    assert "above the tolerance 1e-300" in err
    document = json.loads(answer(capsys, *targets, "--json", code=3).out)
    assert 0 < document["certificate"]["relative_gap"] < 1e-12


def test_certify_says_why_no_bound_is_known(capsys, monkeypatch):
    def none_known(prediction):
        raise ncsolve.ProblemError("no bound is known here")

    monkeypatch.setattr("ncsolve.verification.certify", none_known)
    out, err = answer(capsys, "certify", *SMALL, "--json", code=3)
    assert json.loads(out)["certificate"] is None
    assert err == "ncsolve: not certified: no bound is known here\n"


@pytest.mark.parametrize(
    ("claim", "verdict"), [(Claim.GLOBAL, "REFUTED"), (Claim.CRITICAL, "BEATEN")]
)
def test_a_run_below_the_prediction_contradicts_it(capsys, monkeypatch, claim, verdict):
    right = ncsolve.predict

    def too_high(ufm, theorem=None, **others):
        found = right(ufm, theorem, **others)
        solution = dataclasses.replace(found.solution, value=1.01 * found.value)
        return dataclasses.replace(
            found, solution=solution, theorem=dataclasses.replace(found.theorem, claim=claim)
        )

    monkeypatch.setattr("ncsolve.theorems.predict.predict", too_high)
    out = answer(capsys, "verify", *SMALL, "--rng", "0", code=1).out
    assert f"verdict      {verdict}: " in out


# The answer in JSON


def test_provenance_says_how_to_repeat_and_names_no_home(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "counts.csv"
    path.write_text("cat,30\ndog,20\n")
    provenance = json.loads(answer(capsys, "predict", "--counts", str(path), "--json").out)[
        "provenance"
    ]
    assert provenance["arguments"] == [
        "predict",
        "--counts",
        os.path.join("~", "counts.csv"),
        "--json",
    ]
    assert provenance.keys() == {"python", "numpy", "scipy", "platform", "arguments", "rng", "time"}
    assert provenance["time"].endswith("+00:00")
    assert str(tmp_path) not in json.dumps(provenance)


def test_numbers_that_are_not_finite_are_null_in_a_document():
    body = {"a": [1.5, math.nan, {"b": math.inf}], "rows": [{"c": -math.inf}]}
    document = json.loads(document_of("predict", body), parse_constant=pytest.fail)
    assert document["a"] == [1.5, None, {"b": None}]
    assert document["rows"] == [{"c": None}]


def test_json_of_very_many_classes_builds_no_square_matrix(capsys):
    size = 20_000  # squared, 3.2 GB of doubles
    tracemalloc.start()
    out = answer(
        capsys, "predict", "--long-tail", f"K={size},n=100000,ratio=100", "--json", "--quiet"
    ).out
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(json.loads(out)["classes"]) == size
    assert peak < 2e8  # measured 6e7


def test_out_holds_the_document_that_is_printed(capsys, tmp_path):
    path = tmp_path / "answer.json"
    out = answer(capsys, "thresholds", *SMALL, "--json", "--out", str(path)).out
    assert path.read_text() == out


# Targets


@pytest.mark.parametrize("suffix", ["npy", "csv"])
def test_targets_from_a_file_are_the_targets_of_the_problem(capsys, tmp_path, suffix):
    matrix = np.array([[1.0, -1.0, 0.5], [0.0, 2.0, 1.0]])
    path = tmp_path / f"targets.{suffix}"
    np.save(path, matrix) if suffix == "npy" else path.write_text("1,-1,.5\n0,2,1\n")
    document = json.loads(answer(capsys, "predict", *SMALL, "--targets", str(path), "--json").out)
    assert document["ufm"]["targets"] == matrix.tolist()
    assert document["theorem"]["name"] == "squared_targets"
    assert document["classes"][0]["weight_norm"] is None
    assert "  -  " in answer(capsys, "predict", *SMALL, "--targets", str(path)).out


BAD_TARGETS = {
    "a word": ("t.csv", b"1,2,3\n4,x,6\n", "line 2: 'x'"),
    "nan": ("t.csv", b"1,2,nan\n", "nan"),
    "ragged": ("t.csv", b"1,2,3\n4,5\n", "line 2: 2 numbers"),
    "too few columns": ("t.csv", b"1,2\n", "2 columns for 3 classes"),
    "empty": ("t.csv", b"", "is empty"),
    "blank": ("t.csv", b"\n\n", "holds no numbers"),
    "binary": ("t.csv", b"\xff\xfe\x00", "not text"),
    "not an array": ("t.npy", b"PK\x03\x04 archive", "does not begin like"),
    "damaged": (
        "t.npy",
        b"\x93NUMPY\x01\x00\x10\x00{'descr': 'boom'",
        "cannot be read as an array",
    ),
    "a suffix": ("t.xlsx", b"1,2,3\n", "'.xlsx'"),
}


@pytest.mark.parametrize("name", BAD_TARGETS)
def test_a_bad_file_of_targets_is_named(capsys, tmp_path, name):
    file, content, said = BAD_TARGETS[name]
    (tmp_path / file).write_bytes(content)
    err = refusal(capsys, "predict", *SMALL, "--targets", str(tmp_path / file), code=4)
    assert said in err
    assert file in err


def test_no_pickle_is_ever_loaded(capsys, tmp_path):
    np.save(tmp_path / "t.npy", np.array([[print]], dtype=object), allow_pickle=True)
    assert "t.npy" in refusal(
        capsys, "predict", *SMALL, "--targets", str(tmp_path / "t.npy"), code=4
    )
    assert "t.npy" in refusal(capsys, "predict", "--labels", str(tmp_path / "t.npy"), code=4)


# Mistakes


USAGE = {
    "two sources of counts": (["predict", *SMALL, "--long-tail", "K=3,n=9,ratio=3"], "--long-tail"),
    "no command": ([], "a command is needed"),
    "momentum with the automatic step": (
        ["verify", *SMALL, "--method", "gradient", "--momentum", ".9"],
        "--momentum",
    ),
    "a rate without sgd": (["verify", *SMALL, "--learning-rate", ".1"], "--learning-rate"),
    "a rate of zero": (
        ["verify", *SMALL, "--method", "sgd", "--learning-rate", "0"],
        "--learning-rate '0'",
    ),
    "momentum 1": (["verify", *SMALL, "--method", "sgd", "--momentum", "1"], "--momentum '1'"),
    "steps 1.5": (["verify", *SMALL, "--steps", "1.5"], "--steps '1.5'"),
    "a negative seed": (["verify", *SMALL, "--rng", "-1"], "--rng '-1'"),
    "scale nan": (["verify", *SMALL, "--scale", "nan"], "--scale 'nan'"),
    "tolerance 0": (["verify", *SMALL, "--tol", "0"], "--tol '0'"),
    "tolerance inf": (["certify", *SMALL, "--tol", "inf"], "--tol 'inf'"),
    "an unknown method": (["verify", *SMALL, "--method", "adam"], "adam"),
    "a method for predict": (["predict", *SMALL, "--method", "sgd"], "--method"),
    "a decay that underflows": (["predict", *SMALL[:2], "--weight-decay", "1e-400"], "1e-400"),
    "decays whose product underflows": (
        ["predict", *SMALL[:2], "--weight-decay", "1e-305", "--feature-decay", "1e-305"],
        "1e-305",
    ),
    "an empty width": (["predict", *SMALL, "--width", ""], "width"),
    "a boundless depth": (["predict", *SMALL, "--depth", "9" * 30], "depth"),
    "features": (["predict", *SMALL, "--features", "gelu"], "gelu"),
    "targets of another loss": (["predict", *SMALL, "--loss", "ce", "--targets", "t.csv"], "ce"),
    "matrices of thresholds": (["thresholds", *SMALL, "--out", "x.npz"], "x.npz"),
    "out without a suffix": (["predict", *SMALL, "--out", "x"], "'x'"),
    "a plot without out": (["plot", "norms", *SMALL], "--out"),
    "an unknown plot": (["plot", "histogram", *SMALL, "--out", "x.png"], "histogram"),
    "a run that is not drawn": (
        ["plot", "norms", *SMALL, "--out", "x.png", "--starts", "2"],
        "--starts",
    ),
    "measured grams": (["plot", "gram", *SMALL, "--out", "x.png", "--measured"], "--measured"),
    "which norms": (["plot", "norms", *SMALL, "--out", "x.png", "--which", "weights"], "--which"),
    "a size": (["plot", "norms", *SMALL, "--out", "x.png", "--size", "8by5"], "8by5"),
    "a size beyond memory": (
        ["plot", "norms", *SMALL, "--out", "x.png", "--size", "900x900"],
        "900x900",
    ),
    "a resolution": (["plot", "norms", *SMALL, "--out", "x.png", "--dpi", "-1"], "--dpi '-1'"),
}


@pytest.mark.parametrize("name", USAGE)
def test_a_usage_error_is_one_line_with_code_2(capsys, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    argv, said = USAGE[name]
    assert said in refusal(capsys, *argv, code=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "size"), [("counts.csv", 1 << 40), ("labels.npy", 1 << 43), ("targets.csv", 1 << 40)]
)
def test_a_huge_file_is_refused_unread(capsys, tmp_path, name, size):
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(size)  # a sparse file: no bytes on disk
    option = "--" + name.partition(".")[0]
    counts = SMALL if option == "--targets" else []
    assert name in refusal(capsys, "predict", *counts, option, str(path), code=4)


@pytest.mark.parametrize(
    "argv",
    [
        ["--counts", "1e15,1e14,3"],
        ["--weight-decay", "1e-300"],
        ["--depth", "60"],
        ["--bias", "free"],
    ],
)
@pytest.mark.parametrize("command", ["predict", "thresholds", "certify"])
def test_legal_extremes_give_numbers_or_an_honest_refusal(capsys, command, argv):
    counts = [] if argv[0] == "--counts" else SMALL[:2]
    code = main([command, *counts, *argv, "--json", "--quiet"])
    out, err = capsys.readouterr()
    if code in (0, 3):
        document = json.loads(out, parse_constant=pytest.fail)
        values = [
            row[key]
            for row in document["classes"]
            for key in ("feature_norm", "own_logit", "margin", "count")
        ]
        assert None not in values
        assert document.get("value", 0.0) is not None
    else:
        assert code == 2
        assert err.startswith("ncsolve: error: ")


def test_too_large_and_out_of_memory_are_one_line(capsys, monkeypatch, tmp_path):
    path = str(tmp_path / "matrices.npz")
    argv = ["predict", "--long-tail", "K=100000,n=100000,ratio=10", "--out", path, "--quiet"]
    assert main(argv) == 3
    assert "100000 x 100000 matrix" in capsys.readouterr().err
    assert "32 GB" in refusal(
        capsys, "verify", "--counts", "1e9,1e9", "--no-rotate", "--rng", "0", code=3
    )

    def exhausted(args, terminal):
        raise MemoryError("Unable to allocate 57 PiB")

    failing = dataclasses.replace(command("predict"), run=exhausted)
    monkeypatch.setattr("ncsolve.cli.predicting.predict", failing)
    assert "57 PiB" in refusal(capsys, "predict", *SMALL, code=3)
    assert list(tmp_path.iterdir()) == []


def test_a_hessian_that_is_too_large_does_not_cost_the_runs(capsys, monkeypatch):
    monkeypatch.setattr("ncsolve.numeric.hessian.LARGEST", 1)
    out, err = answer(capsys, "verify", *SMALL, "--hessian", "--rng", "0")
    assert "AGREES" in out
    assert "no Hessian check" in err


def test_a_bug_is_not_dressed_up_as_a_mistake(monkeypatch):
    failing = dataclasses.replace(command("predict"), run=lambda args, terminal: 1 // 0)
    monkeypatch.setattr("ncsolve.cli.predicting.predict", failing)
    with pytest.raises(ZeroDivisionError):
        main(["predict", *SMALL])


# Writing


@pytest.mark.parametrize(
    "place",
    [
        "missing/x.json",
        "file/x.json",
        "folder.json",
        "taken.json",
        "/proc/x.json",
        "n" * 300 + ".json",
    ],
)
def test_where_out_cannot_be_written_nothing_is_computed(capsys, tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "taken.json").write_text("kept")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr("ncsolve.theorems.predict.predict", pytest.fail)
    assert place[:20] in refusal(capsys, "predict", *SMALL, "--out", place, code=4)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "taken.json").read_text() == "kept"


def test_a_file_that_appears_meanwhile_is_kept_and_the_answer_is_printed(
    capsys, tmp_path, monkeypatch
):
    path = tmp_path / "answer.json"
    right = ncsolve.predict

    def someone_writes(ufm, theorem=None, **others):
        path.write_text("kept")
        return right(ufm, theorem, **others)

    monkeypatch.setattr("ncsolve.theorems.predict.predict", someone_writes)
    out, err = answer(capsys, "predict", *SMALL, "--out", str(path), code=4)
    assert "answer.json' exists" in err
    assert "value" in out
    assert path.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_without_links_is_written_all_the_same(capsys, tmp_path, monkeypatch):
    def no_links(*paths):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "answer.json"
    answer(capsys, "predict", *SMALL, "--out", str(path))
    assert json.loads(path.read_text())["schema"] == "ncsolve/predict/1"
    assert list(tmp_path.iterdir()) == [path]


# Streams


def test_a_reader_who_leaves_is_not_an_error():
    read, write = os.pipe()
    os.close(read)
    done = ncsolve_("predict", *SMALL, capture_output=False, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_one_line():
    with open("/dev/full", "w") as full:
        done = ncsolve_(
            "predict", *SMALL, capture_output=False, stdout=full, stderr=subprocess.PIPE
        )
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert "standard output" in done.stderr


def test_warnings_go_to_standard_error_unless_the_reader_sees_them_or_wants_none(capsys):
    argv = ["predict", "--counts", "20,10", "--weight-decay", "5", "--feature-decay", "5"]
    warning = "the decays are so large that the zero solution is the global minimizer"
    out, err = answer(capsys, *argv, "--json")
    assert err == f"ncsolve: warning: {warning}\n"
    assert json.loads(out)["warnings"] == [warning]
    out, err = answer(capsys, *argv, "--quiet")
    assert err == ""
    assert f"warning  {warning}" in out
    seen, code = on_a_terminal(*argv)
    assert (code, seen.count(warning)) == (0, 1)


def test_a_terminal_gets_bars_and_color_and_a_pipe_does_not():
    argv = ["verify", "--counts", "1000,100,10,2", "--depth", "3", "--rng", "0", "--steps", "200"]
    seen, _ = on_a_terminal(*argv)
    assert "start 1/2" in seen
    assert "gradient" in seen
    assert "start 2/2" in seen
    assert "\x1b[1;35m3" in seen  # the row of the vanished class
    assert "\x1b[1mclass" in seen
    seen, _ = on_a_terminal(*argv, environment=ENVIRONMENT | {"NO_COLOR": "1"})
    assert "\x1b[1;35m" not in seen
    assert "start 1/2" in seen
    seen, _ = on_a_terminal(*argv, "--quiet")
    assert "start 1/2" not in seen
    done = ncsolve_(*argv)
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stderr == ""


def test_version_and_help_are_answers(capsys):
    assert answer(capsys, "--version").out == f"ncsolve {ncsolve.__version__}\n"
    for argv in (["--help"], ["predict", "--help"], ["plot", "--help"]):
        out, err = answer(capsys, *argv)
        assert out.startswith("usage: ncsolve")
        assert err == ""


# Ctrl-C


def interrupted(argv, path):
    """Interrupt a run shortly after its descent has begun: exit code, stdout, stderr."""
    command = [sys.executable, "-m", "ncsolve", *argv, "--out", str(path)]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True
    )
    assert "the seed is" in running.stderr.readline()  # the last thing said before the descent
    time.sleep(2.5)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    return running.returncode, out, err


def test_ctrl_c_during_lbfgs_keeps_the_point_and_writes_it(tmp_path):
    path = tmp_path / "partial.json"
    code, out, err = interrupted(["verify", "--counts", "places-lt", "--depth", "3"], path)
    assert (code, err) == (3, "ncsolve: interrupted; the partial result is kept\n")
    assert "interrupted  the runs were cut short" in out
    document = json.loads(path.read_text())
    run = document["runs"][-1]
    assert run["ending"] == "INTERRUPTED"
    assert run["value"] <= run["trajectory"]["objective"][0]
    assert (document["interrupted"], document["verdict"]) == (True, "STUCK")


def test_ctrl_c_during_a_plot_draws_the_partial_run(tmp_path):
    path = tmp_path / "partial.png"
    code, _, err = interrupted(["plot", "objective", *SLOW], path)
    assert (code, err) == (3, "ncsolve: interrupted; the partial result is kept\n")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_ctrl_c_between_runs_keeps_the_finished_ones(capsys, monkeypatch):
    from ncsolve.numeric import descent

    right = descent._random_start

    def interrupt_the_second(ufm, layout, rng, scale, index):
        if index == 1:
            raise KeyboardInterrupt
        return right(ufm, layout, rng, scale, index)

    monkeypatch.setattr(descent, "_random_start", interrupt_the_second)
    out, err = answer(capsys, "verify", *SMALL, "--rng", "0", code=3)
    assert "run 1" in out
    assert "run 2" not in out
    assert "AGREES" in out
    assert "interrupted" in err


def test_ctrl_c_before_there_is_anything_to_keep_is_one_line(capsys, monkeypatch, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ncsolve.theorems.predict.predict", interrupt)
    path = tmp_path / "answer.json"
    assert (
        refusal(capsys, "verify", *SMALL, "--rng", "0", "--out", str(path), code=130)
        == "ncsolve: error: interrupted\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("method", ["lbfgs", "gradient", "sgd"])
def test_every_method_descends_and_says_its_name(capsys, method):
    steps = ["--steps", "4000"]
    document = json.loads(
        answer(capsys, "verify", *SMALL, "--method", method, "--rng", "0", "--json", *steps).out
    )
    endings = {run["ending"] for run in document["runs"]}
    assert endings == {Stop.STEPS.name if method == "sgd" else Stop.CONVERGED.name}
    assert document["verdict"] == "AGREES"
    unrotated = answer(
        capsys, "verify", *SMALL, "--method", method, "--rng", "0", "--json", "--no-rotate", *steps
    ).out
    assert json.loads(unrotated)["verdict"] == "AGREES"


def test_a_rate_that_diverges_is_inconclusive_not_a_contradiction(capsys):
    argv = ["verify", *SMALL, "--method", "sgd", "--learning-rate", "1000", "--rng", "0", "--json"]
    document = json.loads(answer(capsys, *argv, code=3).out, parse_constant=pytest.fail)
    assert document["verdict"] == "STUCK"
    assert {run["ending"] for run in document["runs"]} == {"DIVERGED"}


def test_an_interrupt_inside_a_string_that_is_run_is_handled_like_any_other(tmp_path):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGINT); [None for _ in range(10**6)]"
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "__main__.py").write_text(
        "import sys, ncsolve.cli as cli\n"
        f"cli.parse = lambda argv: exec({code!r})\n"
        "sys.exit(cli.main(['predict']))\n"
    )
    words = [sys.executable, "-m", "one"]
    environment = os.environ | {"PYTHONPATH": str(Path(ncsolve.__file__).parents[1])}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "ncsolve: error: interrupted\n")
