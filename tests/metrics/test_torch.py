"""Tensors and checkpoints of torch, where it is installed."""

import json
import pickle

import numpy as np
import pytest
from support.snapshots import near

import ncsolve
from ncsolve.cli import main

torch = pytest.importorskip("torch")

PREDICTION = ncsolve.predict(ncsolve.UFM([20, 10, 5], weight_decay=5e-3, feature_decay=5e-3))
H, Y, (W,) = near(PREDICTION, noise=0.05, dimension=6, rng=2)
B = np.array([0.0, 0.01, -0.01])
DECAYS = ["--weight-decay", "5e-3", "--feature-decay", "5e-3"]
DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("grad", [False, True])
def test_tensors_give_the_numbers_of_arrays(device, grad):
    features = torch.tensor(H, device=device, requires_grad=grad)
    linear = torch.nn.Linear(6, 3, device=device, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor(W))
        linear.bias.copy_(torch.tensor(B))
    found = ncsolve.measure(
        features, torch.tensor(Y, device=device), linear.weight, linear.bias, PREDICTION
    )
    assert dict(found) == dict(ncsolve.measure(H, Y, W, B, PREDICTION))
    assert features.requires_grad == grad


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32"])
def test_short_floats_are_exact_doubles_with_a_wide_rank_cut(kind):
    dtype = getattr(torch, kind)
    short = torch.tensor(H).to(dtype)
    found = ncsolve.measure(short, Y, torch.tensor(W).to(dtype))
    exact = ncsolve.measure(short.double(), Y, torch.tensor(W).to(dtype).double())
    for key in exact:
        assert found[key] == pytest.approx(exact[key], rel=1e-13), key
    assert found.eps == torch.finfo(dtype).eps
    assert found.rank_cut > exact.rank_cut


def test_features_that_are_no_batch_of_a_tensor_kind_are_refused():
    for wrong in (torch.tensor(H).bool(), torch.tensor(H).to(torch.complex64)):
        with pytest.raises(ncsolve.DataError, match="not real numbers"):
            ncsolve.measure(wrong, Y)
    with pytest.raises(ncsolve.DataError, match=r"\(2, 35, 3\)"):
        ncsolve.measure(torch.zeros(2, 35, 3), Y)


def test_a_list_of_scalar_tensors_is_labels():
    found = ncsolve.measure(H, [torch.tensor(y) for y in Y])
    assert found.classes == (0, 1, 2)


def test_hooks_batches_and_a_stream_give_what_all_at_once_gives():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 5), torch.nn.Linear(5, 3)
    )
    inputs = torch.tensor(H, dtype=torch.float32)
    stream = ncsolve.StreamingMeasure()
    head = net[2:]
    for batch in torch.utils.data.DataLoader(
        list(zip(inputs, Y.tolist(), strict=True)), batch_size=8, shuffle=True
    ):
        hidden = net[:2](batch[0])
        stream.update({"H_1": hidden, "H_2": head[0](hidden)}, batch[1])
    hidden = net[:2](inputs)
    weights = [head[0].weight, head[1].weight]
    whole = ncsolve.measure({"H_1": hidden, "H_2": head[0](hidden)}, Y, weights, head[1].bias)
    found = stream.compute(weights, head[1].bias)
    for key in found:
        # float32 products of other batch sizes differ
        assert found[key] == pytest.approx(whole[key], rel=1e-6), key


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("h.npz", H=H, y=Y)
    net = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Linear(6, 3)).double()
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor(W))
        net[1].bias.copy_(torch.tensor(B))
    torch.save(net.state_dict(), "model.pt")
    torch.save({"epoch": 3, "model": net.state_dict(), "optimizer": {"lr": 0.1}}, "checkpoint.pth")
    torch.save(
        {"H": torch.tensor(H), "y": torch.tensor(Y), "W": torch.tensor(W), "b": torch.tensor(B)},
        "all.pt",
    )
    torch.save(net, "whole.pt")
    torch.save({"lr": 0.1}, "numbers.pt")
    return tmp_path


@pytest.mark.parametrize(
    "argv",
    [
        ["all.pt"],
        ["h.npz", "--classifier", "model.pt", "--weight-key", "1.weight", "--bias-key", "1.bias"],
        "h.npz --classifier checkpoint.pth --weight-key model.1.weight --bias-key model.1.bias".split(),
    ],
    ids=lambda argv: argv[-3] if len(argv) > 1 else argv[0],
)
def test_checkpoints_are_read(capsys, folder, argv):
    assert main(["measure", *argv, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["metrics"] == dict(ncsolve.measure(H, Y, W, B))
    assert main(["compare", *argv, *DECAYS, "--tol", "0.2", "--quiet"]) == 0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (
            ["h.npz", "--classifier", "model.pt", "--weight-key", "fc.weight"],
            ["'fc.weight'", "0.weight (6, 4)", "1.weight (3, 6)"],
        ),
        (
            ["h.npz", "--classifier", "model.pt", "--weight-key", "1.weight", "--bias-key", "b"],
            ["1.bias (3,)"],
        ),
        (["h.npz", "--classifier", "model.pt", "--weight-key", "0.weight"], ["(6, 4)", "(3, 6)"]),
        (["h.npz", "--classifier", "whole.pt"], ["whole.pt", "state_dict"]),
        (["numbers.pt"], ["no tensors"]),
        (["model.pt"], ["no features", "0.weight (6, 4)"]),
        (["bad.pt"], ["bad.pt"]),
        (["old.pth"], ["old.pth", "pickle"]),
    ],
    ids=lambda one: " ".join(one),
)
def test_a_bad_checkpoint_is_one_line(capsys, folder, argv, said):
    (folder / "bad.pt").write_bytes((folder / "model.pt").read_bytes()[:200])
    (folder / "old.pth").write_bytes(pickle.dumps({"weight": np.eye(2)}))
    assert main(["measure", *argv]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    for words in said:
        assert words in err


def test_a_checkpoint_beside_features_needs_a_key_unless_one_matrix_fits(capsys, folder):
    assert main(["measure", "h.npz", "--classifier", "model.pt"]) == 0
    said = capsys.readouterr().err
    assert (
        "the classifier is 1.weight, the only array of its shape; --weight-key chooses another"
        in said
    )
    assert "the bias is 1.bias, which stands beside 1.weight" in said
    torch.save({"a": torch.eye(3, 6), "b": torch.eye(3, 6)}, "two.pt")
    assert main(["measure", "h.npz", "--classifier", "two.pt", "--quiet"]) == 4
    assert "candidates for weight: a (3, 6), b (3, 6)" in capsys.readouterr().err
