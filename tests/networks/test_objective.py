"""The training loss against the objective written out sample by sample, and its mean over the steps of an epoch."""

import math

import numpy as np
import pytest

import ncsolve

torch = pytest.importorskip("torch")

from ncsolve.networks import MLP, Dataset, Task, Training  # noqa: E402

torch.set_num_threads(1)

from ncsolve.networks.hooks import Reading, reading  # noqa: E402
from ncsolve.networks.models import build  # noqa: E402
from ncsolve.networks.training import TrainingLoss, _Run  # noqa: E402

COUNTS = [7, 4, 5]
DATA = Dataset.of(np.random.default_rng(0).normal(size=(16, 6)), np.repeat(list("abc"), COUNTS))
LOSSES = {
    "mse": "mse",
    "encoded": ncsolve.Squared([[1.0, -1.0, 0.5], [0.0, 2.0, 1.0]]),
    "ce": "ce",
    "smoothed": ncsolve.CrossEntropy(smoothing=0.2),
    "tempered": ncsolve.CrossEntropy(0.1, [0.3, -0.2, 0.5], [1.0, 2.0, 0.5], [0.7, 1.1, 1.4]),
}


def _task(loss="mse", bias="none", regularization="ufm-head", depth=2, features="linear"):
    decays = tuple(1e-2 * (j + 1) for j in range(depth))
    ufm = ncsolve.UFM(COUNTS, loss, depth, 5, decays, 3e-2, bias, features, names="abc")
    return Task(ufm, DATA, MLP(1, 8), regularization)


def _network(task):
    torch.manual_seed(1)
    network = build(task.ufm, task.architecture, task.dataset.shape, 1.0).double()
    if network.head[-1].bias is not None:
        torch.nn.init.normal_(network.head[-1].bias)
    return network


def _by_hand(task, network):
    """The canonical objective, one sample after another, plus what `regularization` adds."""
    ufm, total = task.ufm, 0.0
    features = []
    for x, y in zip(DATA.samples, DATA.labels, strict=True):
        h = network.backbone(torch.tensor(x)[None])[0].detach().numpy()
        z = h
        for layer in network.head:
            z = layer.weight.detach().numpy() @ z
        if network.head[-1].bias is not None:
            z = z + network.head[-1].bias.detach().numpy()
        if isinstance(ufm.loss, ncsolve.Squared):
            total += 0.5 * sum((z - ufm.loss.targets(3)[:, y]) ** 2)
        else:
            loss = ufm.loss
            s = 1.0 if loss.label_scale is None else loss.label_scale[y]
            r = np.ones(3) if loss.class_scale is None else loss.class_scale
            u = s * r * z + (0.0 if loss.offsets is None else loss.offsets)
            p = [(1 - loss.smoothing) * (j == y) + loss.smoothing / 3 for j in range(3)]
            total += math.log(sum(math.exp(one) for one in u))
            total -= sum(a * b for a, b in zip(p, u, strict=True))
        features.append(h)
    total /= len(DATA.labels)
    for decay, layer in zip(ufm.weight_decay, network.head, strict=True):
        total += decay / 2 * float((layer.weight.detach() ** 2).sum())
    if task.regularization != "all":
        total += ufm.feature_decay / 2 * float(np.sum(np.square(features)))
    if isinstance(ufm.bias, float):
        total += ufm.bias / 2 * float((network.head[-1].bias.detach() ** 2).sum())
    if task.regularization != "ufm-head":
        squares = (float((p.detach() ** 2).sum()) for p in network.backbone.parameters())
        total += ufm.weight_decay[0] / 2 * sum(squares)
    return total


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("bias", ["none", "free", 0.2])
@pytest.mark.parametrize("regularization", ["ufm-head", "ufm-all", "all"])
def test_the_full_batch_loss_is_the_objective_written_out(loss, bias, regularization):
    task = _task(LOSSES[loss], bias, regularization, depth=1 if bias == 0.2 else 2)
    network = _network(task)
    x, y = torch.tensor(DATA.samples), torch.tensor(DATA.labels)
    value = float(TrainingLoss(task, 1).double()(network, x, y).detach())
    assert value == pytest.approx(_by_hand(task, network), rel=1e-13)
    if regularization == "ufm-head":
        # and the library's own definition, at the features that were captured
        assert reading(network, x).objective(task) == pytest.approx(value, rel=1e-13)


def _steps(run, batches):
    every = (run.loss(run.network, run.samples[one], run.labels[one]) for one in batches)
    return [float(value.detach()) for value in every]


@pytest.mark.parametrize("batch", [1, 3, 5, 8, 16])
@pytest.mark.parametrize("loss", ["mse", "smoothed"])
def test_the_mean_over_the_steps_of_an_epoch_is_the_objective(batch, loss):
    task = _task(LOSSES[loss], "free")
    run = _Run(task, Training(optimizer="sgd", batch=batch), 3, torch.device("cpu"))
    batches = list(run._batches())
    assert len(batches) == -(-16 // batch)
    seen = torch.cat([torch.arange(16)[one] for one in batches])
    assert sorted(seen.tolist()) == list(range(16))
    assert np.mean(_steps(run, batches)) == pytest.approx(_by_hand(task, run.network), rel=1e-13)


def test_a_feature_penalty_that_is_not_scaled_to_the_batch_would_be_seen(monkeypatch):
    import ncsolve.networks.training as module

    task = _task()
    monkeypatch.setattr(module, "convert", lambda *_, feature_decay, back: ncsolve.convert(
        ncsolve.DecayConvention(), feature_decay=feature_decay, back=back))  # fmt: skip
    run = _Run(task, Training(optimizer="sgd", batch=4), 3, torch.device("cpu"))
    assert abs(np.mean(_steps(run, run._batches())) / _by_hand(task, run.network) - 1) > 1e-3


def test_relu_features_are_nonnegative_and_linear_ones_are_not():
    for features in ("relu", "linear"):
        task = _task(features=features)
        h = _network(task).backbone(torch.tensor(DATA.samples))
        assert bool((h >= 0).all()) == (features == "relu")


def test_counts_that_the_data_does_not_have_are_refused():
    with pytest.raises(ncsolve.DataError, match="counts 7, 4, 5, the problem 7, 4, 6"):
        Task(ncsolve.UFM([7, 4, 6]), DATA, MLP())
    with pytest.raises(ncsolve.ProblemError, match="'head'"):
        Task(ncsolve.UFM(COUNTS), DATA, MLP(), "head")


def test_no_prediction_is_made_where_features_are_not_penalized():
    assert _task(regularization="all").prediction is None
    assert _task(regularization="ufm-all").prediction is not None


@pytest.mark.parametrize("size", [1e-60, 1e-100, 1e-150, 1e-200, 0.0])
def test_a_network_on_its_way_to_zero_is_measured(size):
    """Each factor shrinks, their product faster: what is left of it counts as zero, and a metric without a value is left out."""
    rng = np.random.default_rng(0)
    data = Dataset.of(rng.normal(size=(12, 5)), np.arange(12) % 3)
    decays = {"weight_decay": 5e-3, "feature_decay": 5e-3}
    task = Task(ncsolve.UFM(data.counts, width=4, depth=2, **decays), data, MLP(1, 8))
    features, first, second = (size * rng.normal(size=shape) for shape in ((12, 4), (4, 4), (3, 4)))
    row = Reading((features, features @ first.T), (first, second), np.zeros(3)).metrics(task)
    assert row["nc2_abs_H"] == pytest.approx(1.0)
    assert ("nc2_gof_W" in row) == (size == 1e-60)
    assert ("nc1_quotient" in row) == (size >= 1e-100)
