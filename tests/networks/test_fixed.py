"""Predicted classifiers in torch layers: the numbers, the dtype, the device, and everything that does not fit."""

import numpy as np
import pytest

import ncsolve
from ncsolve.networks import to_torch

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
Linear = torch.nn.Linear
PREDICTION = ncsolve.predict(ncsolve.UFM([300, 100, 30], width=16))
DEEP = ncsolve.predict(ncsolve.UFM([300, 100, 30], depth=3, width=(16, 8, 5)))
BIASED = ncsolve.predict(ncsolve.UFM([300, 100, 30], width=16, bias="free"))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_layer_receives_the_predicted_matrix_in_its_own_dtype(dtype):
    layer = Linear(16, 3, bias=False, dtype=dtype)
    to_torch(PREDICTION, layer)
    assert layer.weight.dtype is dtype
    assert torch.equal(layer.weight, torch.from_numpy(PREDICTION.weights[0].copy()).to(dtype))
    assert not layer.weight.requires_grad
    assert layer.weight.is_leaf


def test_a_meta_device_is_kept():
    layer = Linear(16, 3, bias=False, device="meta")
    to_torch(PREDICTION, layer)
    assert layer.weight.device.type == "meta"


def test_layers_that_are_not_frozen_go_on_learning_from_the_prediction():
    layer = Linear(16, 3, bias=True)
    to_torch(BIASED, layer, freeze=False)
    assert layer.weight.requires_grad
    assert layer.bias.requires_grad
    assert np.allclose(layer.bias.detach().numpy(), np.array([300, 100, 30]) / 430)
    layer(torch.ones(2, 16)).sum().backward()
    assert layer.weight.grad is not None


def test_m_layers_receive_the_factors_and_one_layer_their_product():
    sizes = ((16, 8), (8, 5), (5, 3))
    double = {"bias": False, "dtype": torch.float64}
    head = torch.nn.Sequential(*(Linear(d, k, **double) for d, k in sizes))
    to_torch(DEEP, head)
    one = Linear(16, 3, **double)
    to_torch(DEEP, one)
    x = torch.from_numpy(DEEP.class_means.T.copy())
    assert np.allclose(head(x).numpy().T, DEEP.logits, atol=1e-12)
    assert np.allclose(one(x).numpy().T, DEEP.logits, atol=1e-12)
    assert not any(parameter.requires_grad for parameter in head.parameters())


def test_a_bias_that_the_problem_does_not_have_becomes_zero():
    layer = Linear(16, 3)
    to_torch(PREDICTION, layer)
    assert not layer.bias.any()


REFUSED = {
    "a wrong width": (PREDICTION, lambda: Linear(12, 3, bias=False), "12 -> 3"),
    "a wrong number of classes": (PREDICTION, lambda: Linear(16, 4, bias=False), "16 -> 4"),
    "transposed": (PREDICTION, lambda: Linear(3, 16, bias=False), "3 -> 16"),
    "no linear layer": (PREDICTION, lambda: [torch.nn.ReLU()], "ReLU"),
    "a convolution": (
        PREDICTION,
        lambda: torch.nn.Conv2d(16, 3, 1),
        "Conv2d is not a torch.nn.Linear",
    ),
    "a number": (PREDICTION, lambda: 3, "int is not a torch.nn.Linear"),
    "too many layers": (PREDICTION, lambda: [Linear(16, 16), Linear(16, 3)], "2 linear layers"),
    "too few layers": (DEEP, lambda: [Linear(16, 3)], "depth 3"),
    "no place for a bias": (BIASED, lambda: Linear(16, 3, bias=False), "bias=True"),
    "a hidden bias": (
        DEEP,
        lambda: [Linear(16, 8), Linear(8, 5, bias=False), Linear(5, 3, bias=False)],
        "layer 1 has a bias",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line_and_left_alone(name):
    prediction, make, said = REFUSED[name]
    layers = make()
    parts = [] if layers == 3 else [layers] if isinstance(layers, torch.nn.Module) else layers
    before = [parameter.clone() for layer in parts for parameter in layer.parameters()]
    with pytest.raises(ncsolve.ProblemError, match=said) as caught:
        to_torch(prediction, layers)
    assert "\n" not in str(caught.value)
    after = [parameter for layer in parts for parameter in layer.parameters()]
    assert all(torch.equal(a, b) and b.requires_grad for a, b in zip(before, after, strict=True))
