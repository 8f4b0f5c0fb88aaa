"""Training: the predicted geometry is reached, nothing lies below it, and a run that was killed goes on as if it had not been."""

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

torch = pytest.importorskip("torch")

from ncsolve.networks import MLP, Dataset, Task, Training, train  # noqa: E402
from ncsolve.networks.task import Ending  # noqa: E402

torch.set_num_threads(1)

ROOT = Path(ncsolve.__file__).parents[1]
COUNTS = [24, 12, 6, 6]


def _data():
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(4, 10))
    labels = np.repeat(np.arange(4), COUNTS)
    return Dataset.of(centers[labels] + 0.3 * rng.normal(size=(48, 10)), labels)


def _task(loss="mse", depth=1, bias="none", regularization="ufm-head", features="linear", width=8):
    data = _data()
    ufm = ncsolve.UFM(data.counts, loss, depth, width, 5e-3, 5e-3, bias, features)
    return Task(ufm, data, MLP(2, 48), regularization)


GEOMETRIES = {
    "one layer": {},
    "three layers": {"depth": 3},
    "free bias": {"bias": "free"},
    "cross-entropy": {"loss": "ce"},
    "relu features": {"features": "relu", "width": 24},
}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_a_network_reaches_the_predicted_geometry_and_never_lies_below_it(name):
    method = Training(epochs=40, head_gain=1.5, log_every=5)
    trained = train(_task(**GEOMETRIES[name]), method, rng=1)
    assert trained.reached(0.02)
    assert not trained.contradicts
    assert all(record["excess"] > -1e-12 for record in trained.records)
    assert trained.metrics["excess"] < 5e-3
    assert trained.metrics["nc2_abs_H"] < 0.03
    assert trained.metrics["nc2_abs_W"] < 0.03
    others = [pair for target, pair in trained.targets().items() if target != "predicted"]
    assert min(map(min, others)) > 0.1
    for layer in trained.metrics.get("layers", ()):
        assert layer["nc2_abs_H"] < 0.05


def test_a_head_that_starts_too_small_ends_at_zero_where_theory_has_a_local_minimum():
    data = _data()
    ufm = ncsolve.UFM(data.counts, depth=6, width=8, weight_decay=5e-3, feature_decay=5e-3)
    task = Task(ufm, data, MLP(2, 48))
    trained = train(task, Training(epochs=30, head_gain=0.1, log_every=30), rng=1)
    assert np.linalg.norm(trained.reading.weights[-1]) < 1e-2
    assert not trained.reached(0.5)
    assert trained.metrics["excess"] > 0.1


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_mini_batches_come_near_the_same_geometry(optimizer):
    rate = {"adam": 5e-3, "sgd": 0.05}[optimizer]
    method = {"optimizer": optimizer, "learning_rate": rate, "batch": 24}
    trained = train(_task(), Training(epochs=400, log_every=100, **method), rng=1)
    assert trained.metrics["step"] == 800
    assert trained.reached(0.05)
    assert not trained.contradicts


def test_a_value_below_a_global_minimum_would_be_reported():
    trained = train(_task(), Training(epochs=2), rng=0)
    trained.records[-1]["excess"] = -1e-6
    assert trained.contradicts


def test_where_features_are_not_penalized_nothing_is_predicted():
    trained = train(_task(regularization="all"), Training(epochs=10), rng=0)
    last = trained.metrics
    assert trained.targets() == {
        "simplex": (last["nc2_simplex_H"], last["nc2_etf_W"]),
        "orthogonal": (last["nc2_of_H"], last["nc2_of_W"]),
    }
    assert not trained.reached(10.0)
    assert "excess" not in trained.metrics
    assert "nc2_of_H" in trained.metrics
    json.dumps(trained.to_dict())


def test_training_leaves_the_generators_of_the_caller_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = train(_task(), Training(epochs=2), rng=0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    again, other = (train(_task(), Training(epochs=2), rng=seed) for seed in (0, 1))
    assert again.metrics["objective"] == first.metrics["objective"]
    assert other.metrics["objective"] != first.metrics["objective"]


METHODS = {
    "lbfgs": Training(epochs=25, save_seconds=0.0),
    "adam": Training(optimizer="adam", epochs=25, batch=10, save_seconds=0.0),
    "sgd": Training(
        optimizer="sgd", epochs=25, batch=10, schedule="step", save_seconds=0.0, precision="single"
    ),
}


def _same(one, other):
    """Bit by bit, all but the seconds."""
    assert one.ending is other.ending
    for a, b in zip(one.network.parameters(), other.network.parameters(), strict=True):
        assert torch.equal(a, b)

    def untimed(records):
        return [record | {"seconds": 0} for record in records]

    assert untimed(one.records) == untimed(other.records)


@pytest.mark.parametrize("name", METHODS)
def test_an_interrupted_run_resumes_to_the_result_of_one_that_was_not(name, tmp_path):
    def interrupt(epoch, _epochs, _value, _record):
        if epoch == 11:
            raise KeyboardInterrupt

    path, log = tmp_path / "run.pt", tmp_path / "run.jsonl"
    cut = train(_task(), METHODS[name], rng=2, checkpoint=path, log=log, progress=interrupt)
    assert cut.ending is Ending.INTERRUPTED
    resumed = train(_task(), METHODS[name], rng=2, checkpoint=path, log=log, resume=True)
    _same(resumed, train(_task(), METHODS[name], rng=2))
    lines = [json.loads(line, parse_constant=pytest.fail) for line in log.read_text().splitlines()]
    assert lines[0]["schema"] == "ncsolve/train-log/1"
    assert [line["epoch"] for line in lines[1:]] == list(range(26))


KILLED = """
import sys, time, torch  # noqa: E402
sys.path.insert(0, {tests!r})
torch.set_num_threads(1)
from networks.test_training import METHODS, _task  # noqa: E402
from ncsolve.networks import train  # noqa: E402
train(_task(), METHODS[{name!r}], rng=2, checkpoint={path!r}, log={log!r}, progress=lambda *_: time.sleep(0.05))
"""


@pytest.mark.parametrize("name", ["lbfgs", "adam"])
def test_a_killed_run_resumes_to_the_result_of_one_that_was_not(name, tmp_path):
    path, log = str(tmp_path / "run.pt"), str(tmp_path / "run.jsonl")
    script = KILLED.format(tests=str(ROOT / "tests"), name=name, path=path, log=log)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    running = subprocess.Popen([sys.executable, "-c", script], env=environment, cwd=ROOT)
    deadline = time.monotonic() + 60
    while not (os.path.exists(log) and Path(log).read_bytes().count(b"\n") >= 12):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    with open(log, "ab") as stream:  # a line that the kill has cut
        stream.write(b'{"epoch": 13, "obj')
    saved = torch.load(path, weights_only=True)
    assert 5 <= saved["epoch"] < 25
    resumed = train(_task(), METHODS[name], rng=2, checkpoint=path, log=log, resume=True)
    _same(resumed, train(_task(), METHODS[name], rng=2))
    lines = Path(log).read_text().splitlines()[1:]
    assert [json.loads(line)["epoch"] for line in lines] == list(range(26))
    assert sorted(os.listdir(tmp_path)) == ["run.jsonl", "run.pt"]


def test_a_finished_run_with_a_constant_rate_can_be_given_more_epochs(tmp_path):
    path = tmp_path / "run.pt"
    train(_task(), Training(epochs=10), rng=2, checkpoint=path)
    longer = train(_task(), Training(epochs=20, log_every=1), rng=2, checkpoint=path, resume=True)
    straight = train(_task(), Training(epochs=20, log_every=1), rng=2)
    assert longer.metrics["objective"] == straight.metrics["objective"]


def test_a_seed_is_drawn_reported_and_found_again_in_the_checkpoint(tmp_path):
    path = tmp_path / "run.pt"
    first = train(_task(), Training(epochs=2), checkpoint=path)
    assert train(_task(), Training(epochs=3), checkpoint=path, resume=True).seed == first.seed
    again = train(_task(), Training(epochs=2), rng=first.seed)
    assert again.metrics["objective"] == first.metrics["objective"]
    seeds = (np.random.default_rng(3) for _ in range(2))
    drawn = [train(_task(), Training(epochs=1), rng=seed).seed for seed in seeds]
    assert drawn[0] == drawn[1]
    for wrong in ("seed", -1, 1.5):
        with pytest.raises(ncsolve.ProblemError, match="is not a seed"):
            train(_task(), rng=wrong)


def test_a_step_limit_and_a_finished_run_end_as_they_say():
    trained = train(_task(), Training(optimizer="adam", epochs=50, batch=10, steps=7), rng=0)
    assert (trained.ending, trained.metrics["step"]) == (Ending.STEPS, 7)
    assert train(_task(), Training(epochs=3), rng=0).ending is Ending.EPOCHS


def test_a_rate_that_is_too_large_ends_as_diverged():
    trained = train(_task(), Training(optimizer="sgd", learning_rate=1e6, epochs=50), rng=0)
    assert trained.ending is Ending.DIVERGED
    assert all(np.isfinite(record["objective"]) for record in trained.records)


def test_lbfgs_says_when_it_cannot_go_lower():
    data = Dataset.of(np.eye(3), [0, 1, 2])
    ufm = ncsolve.UFM(data.counts, width=3, weight_decay=1e-2, feature_decay=1e-2)
    task = Task(ufm, data, MLP(1, 16))
    trained = train(task, Training(epochs=3000, log_every=3000), rng=0)
    assert trained.ending is Ending.STALLED
    assert abs(trained.metrics["excess"]) < 1e-12
    assert trained.metrics["nc2_abs_H"] < 1e-6


@pytest.mark.parametrize(
    ("loss", "seed", "gain", "said"),
    [
        ("ce", 2, 1.0, "task.ufm.loss was 'mse', now 'ce'"),
        ("mse", 3, 1.0, "rng was 2, now 3"),
        ("mse", 2, 2.0, "training.head_gain"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_with_the_setting_that_differs(
    tmp_path, loss, seed, gain, said
):
    task, method, path = _task(loss), Training(epochs=2, head_gain=gain), tmp_path / "run.pt"
    train(_task(), Training(epochs=2), rng=2, checkpoint=path)
    with pytest.raises(ncsolve.DataError, match=said):
        train(task, method, rng=seed, checkpoint=path, resume=True)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 cut"])
def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "run.pt"
    path.write_bytes(content)
    with pytest.raises(ncsolve.DataError, match="no checkpoint") as caught:
        train(_task(), Training(epochs=2), rng=2, checkpoint=path, resume=True)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path):
    path = tmp_path / "run.pt"
    target = tmp_path / "written"

    class Planted:
        def __reduce__(self):
            return os.system, (f"touch {target}",)

    torch.save({"format": Planted()}, path)
    with pytest.raises(ncsolve.DataError, match="no checkpoint"):
        train(_task(), Training(epochs=2), rng=2, checkpoint=path, resume=True)
    assert not target.exists()


def test_files_are_not_replaced_silently(tmp_path):
    path, log = tmp_path / "run.pt", tmp_path / "run.jsonl"
    train(_task(), Training(epochs=1), rng=2, checkpoint=path, log=log)
    before = path.read_bytes(), log.read_bytes()
    for given in ({"checkpoint": path}, {"log": log}):
        with pytest.raises(FileExistsError):
            train(_task(), Training(epochs=2), rng=2, **given)
    assert (path.read_bytes(), log.read_bytes()) == before
    train(_task(), Training(epochs=2), rng=3, checkpoint=path, log=log, overwrite=True)
    assert log.read_bytes() != before[1]
    with pytest.raises(ncsolve.DataError, match="does not exist"):
        train(_task(), Training(epochs=2), rng=2, checkpoint=tmp_path / "none.pt", resume=True)
    with pytest.raises(ncsolve.ProblemError, match="resume needs"):
        train(_task(), Training(epochs=2), resume=True)


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "no device", "mps"])
def test_a_device_that_is_not_there_is_named_in_one_line(device):
    with pytest.raises(ncsolve.ProblemError, match=device) as caught:
        train(_task(), Training(device=device))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_reaches_the_same_geometry_and_resumes(tmp_path):
    path = tmp_path / "run.pt"
    half = train(_task(), Training(epochs=40, device="cuda"), rng=1, checkpoint=path)
    assert next(half.network.parameters()).device.type == "cpu"
    method = Training(epochs=80, device="cuda")
    assert train(_task(), method, rng=1, checkpoint=path, resume=True).reached(0.02)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (dict(optimizer="adamw"), "'adamw'"),
        (dict(epochs=0), "epochs 0"),
        (dict(batch=2.5), "2.5"),
        (dict(batch=8), "full batch"),
        (dict(schedule="cosine"), "line search"),
        (dict(learning_rate=float("nan")), "nan"),
        (dict(momentum=1.0), "momentum 1.0"),
        (dict(precision="half"), "'half'"),
        (dict(save_seconds=-1), "save_seconds"),
    ],
)
def test_a_method_that_cannot_be_is_refused(fields, said):
    with pytest.raises(ncsolve.ProblemError, match=said):
        Training(**fields)


def test_saved_features_are_what_measure_reads(tmp_path):
    from ncsolve.cli import main

    trained = train(_task(depth=2), Training(epochs=40), rng=1)
    path = tmp_path / "features.npz"
    trained.save_features(path)
    with np.load(path, allow_pickle=False) as saved:
        assert sorted(saved.files) == ["H_1", "H_2", "W_1", "W_2", "classes", "y"]
        layers, weights = ({f"W_{j}": saved[f"{x}_{j}"] for j in (1, 2)} for x in "HW")
        prediction = trained.task.prediction
        found = ncsolve.measure(layers, saved["y"], [*weights.values()], None, prediction)
    assert found["nc2_gof_H"] == pytest.approx(trained.metrics["nc2_gof_H"], rel=1e-9)
    decays = ["--depth", "2", "--width", "8", "--weight-decay", "5e-3", "--feature-decay", "5e-3"]
    assert main(["compare", str(path), *decays, "--tol", "0.1", "--quiet"]) == 0
    assert main(["compare", str(path), *decays, "--tol", "1e-9", "--quiet"]) == 1
