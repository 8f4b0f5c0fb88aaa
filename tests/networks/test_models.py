"""Backbones: published parameter counts, shapes, small images, and one training step each."""

import numpy as np
import pytest

import ncsolve

torch = pytest.importorskip("torch")

from ncsolve.networks import MLP, VGG16, Dataset, ResNet18, Task, Training, train  # noqa: E402

torch.set_num_threads(1)


def _size(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_resnet18_has_the_published_number_of_parameters():
    trunk, outputs = ResNet18().trunk((3, 32, 32))
    assert outputs == 512
    # the common 32 x 32 variant with its classifier
    assert _size(trunk) + 512 * 10 + 10 == 11_173_962
    convolutions = [module for module in trunk.modules() if isinstance(module, torch.nn.Conv2d)]
    assert sum(one.kernel_size == (3, 3) for one in convolutions) == 17


def test_vgg16_has_the_published_convolutions():
    trunk, outputs = VGG16().trunk((3, 32, 32))
    convolutions = [module for module in trunk.modules() if isinstance(module, torch.nn.Conv2d)]
    assert outputs == 512
    stages = [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert [c.out_channels for c in convolutions] == stages
    # published with biases, which batch norm replaces
    assert sum(c.weight.numel() for c in convolutions) == 14_714_688 - 4_224


@pytest.mark.parametrize("kind", [ResNet18, VGG16])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28), (2, 9, 13)])
def test_images_of_any_size_become_vectors(kind, shape):
    trunk, outputs = kind(width=2).trunk(shape)
    assert trunk(torch.randn(3, *shape)).shape == (3, outputs)
    assert outputs == 16


def test_stages_of_resnet18_halve_the_image_three_times():
    trunk, _ = ResNet18(width=2).trunk((1, 32, 32))
    x = torch.randn(2, 1, 32, 32)
    for layer in trunk[:-2]:
        x = layer(x)
    assert x.shape == (2, 16, 4, 4)


def test_an_mlp_has_depth_times_width_relus():
    trunk, outputs = MLP(depth=4, width=7).trunk((3, 2))
    assert outputs == 7
    assert [m.in_features for m in trunk if isinstance(m, torch.nn.Linear)] == [6, 7, 7, 7]
    assert sum(isinstance(m, torch.nn.ReLU) for m in trunk) == 4


@pytest.mark.parametrize("kind", [ResNet18, VGG16])
@pytest.mark.parametrize(("loss", "features"), [("mse", "linear"), ("ce", "relu")])
def test_convolutional_networks_train_end_to_end_with_three_linear_layers(kind, loss, features):
    rng = np.random.default_rng(0)
    pattern = rng.normal(size=(3, 1, 8, 8))
    labels = np.repeat([0, 1, 2], [8, 6, 4])
    data = Dataset.of(pattern[labels] + 0.1 * rng.normal(size=(18, 1, 8, 8)), labels)
    depth = 3 if loss == "mse" else 1
    ufm = ncsolve.UFM(data.counts, loss, depth, 16, 5e-3, 5e-3, features=features)
    adam = {"optimizer": "adam", "learning_rate": 5e-3, "batch": 9, "precision": "single"}
    method = Training(epochs=30, log_every=30, **adam)
    trained = train(Task(ufm, data, kind(width=2)), method, rng=0)
    first, last = trained.records[0], trained.records[-1]
    assert last["objective"] < 0.85 * first["objective"]
    assert len(trained.reading.inputs) == ufm.depth
    assert trained.reading.inputs[0].shape == (18, 16)
    assert not trained.contradicts
    assert not any(module.training for module in trained.network.modules())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MLP(depth=0), "depth 0"),
        (lambda: ResNet18(width=1.5), "1.5"),
        (lambda: VGG16(width=True), "True"),
        (lambda: ResNet18().trunk((64,)), r"shape \(64,\)"),
    ],
)
def test_networks_that_cannot_be_built_are_refused(make, said):
    with pytest.raises(ncsolve.ProblemError, match=said):
        make()
