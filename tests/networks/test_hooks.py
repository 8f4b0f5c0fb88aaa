"""Hooks: what enters every linear layer, and that nothing stays behind."""

import numpy as np
import pytest

import ncsolve

torch = pytest.importorskip("torch")

from ncsolve.networks import capture, captured, linear_layers  # noqa: E402

torch.set_num_threads(1)
nn = torch.nn


def _model():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 4, bias=False), nn.Linear(4, 3)
    ).double()


def _hooks(model):
    every = (module._forward_pre_hooks | module._forward_hooks for module in model.modules())
    return [len(hooks) for hooks in every]


def test_inputs_of_every_linear_layer_are_what_a_pass_by_hand_gives():
    model, x = _model(), torch.randn(50, 6, dtype=torch.float64)
    model.eval()
    with torch.no_grad():
        hidden = model[2](model[1](model[0](x)))
        expected = {"0": x, "3": hidden, "4": model[3](hidden)}
    found = capture(model, x, chunk=7)
    assert list(found) == ["0", "3", "4"]
    for name, rows in expected.items():
        assert found[name].dtype == np.float64
        assert np.allclose(found[name], rows.numpy(), atol=1e-15)
    assert not any(_hooks(model))


def test_evaluation_mode_is_used_and_every_module_gets_its_own_mode_back():
    model = _model()
    model.train()
    model[1].eval()
    before = model[1].running_mean.clone()
    capture(model, torch.randn(20, 6, dtype=torch.float64))
    assert torch.equal(model[1].running_mean, before)
    assert model.training
    assert not model[1].training
    assert model[0].training


def test_hooks_are_removed_after_an_exception_in_the_block():
    model = _model()

    def fails():
        with captured(linear_layers(model)):
            model(torch.randn(4, 6, dtype=torch.float64))
            raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        fails()
    assert not any(_hooks(model))


def test_hooks_are_removed_after_an_exception_in_the_model_or_in_registering():
    model = _model()
    with pytest.raises(RuntimeError):
        capture(model, torch.randn(4, 9, dtype=torch.float64))
    assert not any(_hooks(model))
    assert model.training
    with pytest.raises(AttributeError), captured({"0": model[0], "none": None}):
        pass
    assert not any(_hooks(model))


def test_a_layer_that_is_called_twice_or_sees_no_vectors_is_named():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x):
            return self.layer(self.layer(x))

    with pytest.raises(ncsolve.DataError, match="'layer' was called 2 times"):
        capture(Twice(), torch.zeros(4, 3))
    with pytest.raises(ncsolve.DataError, match=r"'0' has shape \(4, 2, 3\)"):
        capture(nn.Sequential(nn.Linear(3, 3)), torch.zeros(4, 2, 3))


def test_the_predicted_features_pass_the_predicted_head_without_a_distance():
    ufm = ncsolve.UFM([30, 20, 10], depth=2, width=(6, 5), weight_decay=4e-3, feature_decay=4e-3)
    prediction = ncsolve.predict(ufm)
    head = nn.Sequential(nn.Linear(6, 5, bias=False), nn.Linear(5, 3, bias=False)).double()
    ncsolve.to_torch(prediction, head)
    found = capture(head, torch.from_numpy(prediction.features().T.copy()))
    labels = np.repeat(np.arange(3), [30, 20, 10])
    weights = [layer.weight.numpy() for layer in head]
    measured = ncsolve.measure(dict(found), labels, weights, None, prediction)
    for layer in measured.layers.values():
        assert layer["nc2_abs_H"] < 1e-12
        assert layer["nc2_abs_W"] < 1e-12
