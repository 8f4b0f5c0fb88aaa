"""`ncsolve train` as a user meets it: answers, files, exit codes, one line for every mistake."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import ncsolve
from ncsolve import cli
from ncsolve.cli import main
from ncsolve.cli.measuring import take_experiment
from ncsolve.networks import EXPERIMENTS

ROOT = Path(ncsolve.__file__).parents[1]
SMALL = [
    "--counts",
    ",".join(["8"] * 10),
    *"--weight-decay 5e-3 --feature-decay 5e-3 --backbone-width 48".split(),
]
QUICK = ["train", *SMALL, "--rng", "0", "--threads", "1", "--quiet"]


def _torch():
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")


def _json(capsys, *argv):
    code = main([*argv, "--json"])
    return code, json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def test_a_run_answers_with_prediction_distances_and_verdict(capsys, tmp_path):
    _torch()
    files = {
        "--log": "log.jsonl",
        "--figure": "run.png",
        "--save-features": "features.npz",
        "--checkpoint": "run.pt",
    }
    words = [word for option, name in files.items() for word in (option, str(tmp_path / name))]
    code, document = _json(capsys, *QUICK, "--epochs", "40", "--tol", ".05", *words)
    assert code == 0
    assert document["schema"] == "ncsolve/train/1"
    assert document["theorem"]["claim"] == "GLOBAL"
    assert document["ufm"]["counts"] == [8.0] * 10
    assert document["verdict"].startswith("reached")
    assert max(document["targets"]["predicted"]) < 0.05 < min(document["targets"]["simplex"])
    assert document["metrics"]["excess"] >= 0
    assert document["records"][-1] == document["metrics"]
    assert document["provenance"]["rng"] == 0
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[0]["predicted"] == document["value"]
    assert lines[-1] == document["metrics"]
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    compared = [
        "compare",
        str(tmp_path / "features.npz"),
        *"--width 32 --weight-decay 5e-3 --feature-decay 5e-3".split(),
    ]
    assert main([*compared, "--quiet"]) == 0
    capsys.readouterr()
    assert main([*QUICK, "--epochs", "40", "--checkpoint", str(tmp_path / "run.pt")]) == 4
    assert "--resume" in capsys.readouterr().err
    assert (
        main([*QUICK, "--epochs", "41", "--checkpoint", str(tmp_path / "run.pt"), "--resume"]) == 0
    )
    capsys.readouterr()
    unseeded = [
        "train",
        *SMALL,
        *"--threads 1 --epochs 42 --checkpoint".split(),
        str(tmp_path / "run.pt"),
        "--resume",
    ]
    assert _json(capsys, *unseeded, "--quiet")[1]["provenance"]["rng"] == 0


def test_text_shows_the_same_and_too_few_epochs_are_inconclusive(capsys):
    _torch()
    assert main([*QUICK, "--epochs", "1", "--tol", ".05"]) == 3
    out = capsys.readouterr().out
    for said in (
        "squared_spectral",
        "mlp (depth 3, width 48)",
        "ufm-head",
        "simplex",
        "not reached",
    ):
        assert said in out


def test_weight_decay_on_everything_says_that_nothing_is_predicted(capsys):
    _torch()
    assert (
        main(
            [
                "train",
                *SMALL[:4],
                *"--regularization all --epochs 2 --rng 0 --backbone-width 16".split(),
            ]
        )
        == 0
    )
    out, err = capsys.readouterr()
    assert "nothing is predicted" in err
    assert "theorem" not in out
    assert (
        main(["train", *SMALL, "--regularization", "ufm-all", "--epochs", "2", "--rng", "0"]) == 0
    )
    assert "not the backbone's weight decay" in capsys.readouterr().err


def test_mini_batches_names_and_your_own_data(capsys, tmp_path):
    _torch()
    rng = np.random.default_rng(0)
    labels = np.repeat(["owl", "cat", "dog"], [9, 12, 7])
    np.savez(tmp_path / "mine.npz", X=rng.normal(size=(28, 5)), y=labels)
    words = [
        "--data",
        str(tmp_path / "mine.npz"),
        *"--rng 1 --quiet --loss ce --smoothing .1 --batch 7".split(),
    ]
    code, document = _json(
        capsys, "train", *words, *"--epochs 5 --weight-decay 1e-2 --feature-decay 1e-2".split()
    )
    assert code == 0
    assert document["ufm"]["names"] == ["cat", "dog", "owl"]
    assert document["ufm"]["smoothing"] == 0.1
    assert document["training"]["optimizer"] == "adam"
    assert document["metrics"]["step"] == 20
    assert document["metrics"]["nc2_gof_H"] > 0


def test_rows_of_the_classifier_belong_to_classes_in_order_of_their_numbers(capsys, tmp_path):
    _torch()
    rng = np.random.default_rng(0)
    counts = np.arange(4, 16)  # twelve classes 0 .. 11, whose names sort as 0, 1, 10, 11, 2, ...
    labels = np.repeat(np.arange(12), counts)
    np.savez(
        tmp_path / "mine.npz",
        X=rng.normal(size=(12, 8))[labels] + 0.1 * rng.normal(size=(counts.sum(), 8)),
        y=labels,
    )
    path = str(tmp_path / "features.npz")
    decays = ["--weight-decay", "5e-3", "--feature-decay", "5e-3"]
    words = [
        "--data",
        str(tmp_path / "mine.npz"),
        *"--rng 1 --quiet --epochs 40 --backbone-width 48".split(),
        *decays,
    ]
    assert main(["train", *words, "--tol", ".05", "--save-features", path]) == 0
    assert main(["compare", path, "--width", "32", *decays, "--quiet"]) == 0


def test_an_interrupt_keeps_the_checkpoint(tmp_path):
    _torch()
    path, log = tmp_path / "run.pt", tmp_path / "log.jsonl"
    words = [
        *QUICK,
        *"--epochs 100000 --log-every 1 --checkpoint".split(),
        str(path),
        "--log",
        str(log),
    ]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "ncsolve", *words]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=tmp_path
    )
    deadline = time.monotonic() + 120
    while not (log.exists() and log.read_bytes().count(b"\n") > 3) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 3, err
    assert b"not finished: interrupted" in out
    assert b"Traceback" not in err
    assert path.exists()


MISTAKES = {
    "an unknown experiment": ("--experiment etf", 2, "'etf'"),
    "an unknown network": ("--network resnet50", 2, "'resnet50'"),
    "an unknown optimizer": ("--optimizer adamw", 2, "'adamw'"),
    "an unknown regularization": ("--regularization l2", 2, "'l2'"),
    "no gpu": ("--device cuda:99", 2, "cuda:99"),
    "lbfgs in batches": ("--optimizer lbfgs --batch 8", 2, "batch 8"),
    "momentum without sgd": ("--momentum .9", 2, "--momentum"),
    "no epochs": ("--epochs 0", 2, "--epochs"),
    "depth of a resnet's backbone": (
        "--network resnet18 --backbone-depth 3",
        2,
        "--backbone-depth",
    ),
    "a theorem": ("--theorem squared_spectral", 2, "--theorem"),
    "feature decay and none": ("--regularization all --feature-decay 1", 2, "--feature-decay"),
    "a checkpoint that looks like data": ("--checkpoint rows.npz --force", 2, ".pt, .pth, .ckpt"),
    "text as .npz": ("--data text.npz", 4, "does not begin like an archive"),
    "resume from nothing": ("--resume", 2, "--checkpoint"),
    "a picture of an unknown kind": ("--figure a.gif", 2, "a.gif"),
    "a size without a picture": ("--size 8x4", 2, "--size"),
    "a size that is none": ("--figure a.png --size 8", 2, "'8'"),
    "features in an unknown format": ("--save-features a.csv", 2, "a.csv"),
    "counts that are not there": ("--counts 500" + 9 * ",500", 4, "from 1 to 178"),
    "two counts": ("--counts 5,5", 4, "2 counts for 10 classes"),
    "missing data": ("--data nowhere.npz", 4, "nowhere.npz"),
    "a missing checkpoint": ("--checkpoint none.pt --resume", 4, "none.pt"),
    "an unwritable log": ("--log /nowhere/at/all.jsonl", 4, "/nowhere/at/all.jsonl"),
    "vectors for a vgg": ("--network vgg16 --data rows.npz", 2, "vgg16"),
    "vectors to resample": ("--image-size 9 --data rows.npz", 2, "resampled"),
    "relu features and a free bias": ("--features relu --bias free", 2, "no theorem"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_one_line_and_its_exit_code(capsys, tmp_path, monkeypatch, name):
    _torch()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.npz").write_text("one, two\n")
    np.savez(
        tmp_path / "rows.npz", X=np.random.default_rng(0).normal(size=(6, 3)), y=[0, 0, 1, 1, 2, 2]
    )
    argv, code, said = MISTAKES[name]
    assert main(["train", *argv.split()]) == code  # no seed is drawn and told for refused input
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert said in err
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.npz", "text.npz"]


def test_a_file_that_is_no_checkpoint_is_never_replaced(capsys, tmp_path):
    _torch()
    path = tmp_path / "model.pt"
    import torch

    torch.save({"fc.weight": torch.eye(3)}, path)
    before = path.read_bytes()
    assert main([*QUICK, "--epochs", "1", "--checkpoint", str(path), "--force"]) == 4
    assert "is no checkpoint of 'train', so it is kept" in capsys.readouterr().err
    (tmp_path / "empty.pt").touch()
    assert (
        main([*QUICK, "--epochs", "1", "--checkpoint", str(tmp_path / "empty.pt"), "--force"]) == 4
    )
    capsys.readouterr()
    assert path.read_bytes() == before
    path.unlink()
    for force in ([], ["--force"]):
        assert main([*QUICK, "--epochs", "1", "--checkpoint", str(path), *force]) == 0


def test_a_seed_that_is_drawn_is_said_once_the_input_is_good(capsys):
    _torch()
    words = [word for word in QUICK if word not in ("--rng", "0", "--quiet")]
    assert main([*words, "--epochs", "1"]) == 0
    assert "the seed is" in capsys.readouterr().err


def test_without_torch_one_line_says_what_to_install():
    code = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch': raise ModuleNotFoundError('No module named torch', name='torch')\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "from ncsolve.cli import main\n"
        "print(main(['train', '--rng', '0']))\n"
        "import ncsolve, ncsolve.networks\n"
        "print(ncsolve.simplex_frame(3, 4).shape)\n"
        "try: ncsolve.to_torch(None, None)\n"
        "except ncsolve.MissingPackage as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.splitlines() == [
        "2",
        "(3, 4)",
        "torch is not installed; networks need it: pip install 'ncsolve[torch]'",
    ]
    assert done.stderr.count("\n") == 1
    assert "pip install 'ncsolve[torch]'" in done.stderr


def test_networks_are_not_loaded_by_the_package_or_by_help():
    code = "import sys, ncsolve; from ncsolve.cli import main; main(['train', '--help']); print('|', *sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, cwd=ROOT
    ).stdout
    loaded = said.rpartition("|")[2].split()
    assert "ncsolve.networks" in loaded
    assert not {"torch", "sklearn", "numpy"} & set(loaded)


def test_every_experiment_is_a_set_of_options_that_the_command_knows():
    def parse(argv):
        args = cli.parse(argv)
        take_experiment(args)
        return args

    for name, experiment in EXPERIMENTS.items():
        args = parse(["train", "--experiment", name])
        typed = cli.parse(experiment.command().split()[1:])
        for option, value in experiment.options.items():
            assert getattr(args, option) == getattr(typed, option)
            assert str(getattr(typed, option)) in (value, f"{value}.0")
        assert parse(["train", "--experiment", name, "--epochs", "3"]).epochs == 3
