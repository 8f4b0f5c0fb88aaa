"""Both forms are trained: the objective as somebody's code writes it, and the canonical one with converted decays."""

import functools
import itertools
import json
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import minimize

import ncsolve
from ncsolve.cli import main
from ncsolve.problem.conventions import WORDS

K, D, M = 3, 4, 2
COUNTS = [4, 2, 2]
N, B = sum(COUNTS), 4
LABELS = np.array([0, 0, 1, 2, 0, 0, 1, 2])  # two batches of the same composition
Y = np.eye(K)[:, LABELS]
SHAPES = [(D, D), (K, D), (D, N)]


def _matrices(theta):
    blocks, start = [], 0
    for rows, columns in SHAPES:
        blocks.append(theta[start : start + rows * columns].reshape(rows, columns))
        start += rows * columns
    return blocks


def _cross_entropies(Z):
    return np.log(np.exp(Z).sum(axis=0)) - (Y * Z).sum(axis=0)


def _canonical(theta, w, h, loss):
    W1, W2, H = _matrices(theta)
    Z = W2 @ W1 @ H
    data = _cross_entropies(Z).sum() / N if loss == "ce" else ((Z - Y) ** 2).sum() / (2 * N)
    return data + w / 2 * ((W1**2).sum() + (W2**2).sum()) + h / 2 * (H**2).sum()


def _minimum(objective):
    """Descent with derivatives by complex steps, so that the objective is all there is to write down."""

    def gradient(theta):
        steps = theta + 1e-30j * np.eye(theta.size)
        return np.array([objective(step).imag / 1e-30 for step in steps])

    theta = np.random.default_rng(5).normal(size=sum(r * c for r, c in SHAPES)) * 0.8
    theta = minimize(objective, theta, jac=gradient, method="BFGS", options={"maxiter": 2000}).x
    moves = 1e-5 * np.eye(theta.size)
    hessian = np.array([gradient(theta + move) - gradient(theta - move) for move in moves]) / 2e-5
    # rotations leave the Hessian singular, so the least step is taken
    newton = np.linalg.pinv(hessian, rcond=1e-6)
    for _ in range(8):
        theta = theta - newton @ gradient(theta)
    assert np.abs(gradient(theta)).max() < 1e-12 * max(1.0, abs(objective(theta)))
    return objective(theta), _invariants(*_matrices(theta))


def _invariants(W1, W2, H):
    """What no rotation of a layer moves: the Grams of features and of classifiers, and the hidden layer's spectrum squared."""
    return [H.T @ H, W2 @ W2.T, np.linalg.svd(W1, compute_uv=False) ** 2]


# Each objective as code writes it: theta, decay of weights, decay of features.
def _no_half(theta, w, h):
    W1, W2, H = _matrices(theta)
    return (
        ((W2 @ W1 @ H - Y) ** 2).sum() / (2 * N)
        + w * ((W1**2).sum() + (W2**2).sum())
        + h * (H**2).sum()
    )


def _summed(theta, w, h):
    W1, W2, H = _matrices(theta)
    data = sum(0.5 * ((W2 @ W1 @ H[:, i] - Y[:, i]) ** 2).sum() for i in range(N))
    return data + w / 2 * ((W1**2).sum() + (W2**2).sum()) + h / 2 * (H**2).sum()


def _summed_ce(theta, w, h):
    W1, W2, H = _matrices(theta)
    return (
        _cross_entropies(W2 @ W1 @ H).sum()
        + w / 2 * ((W1**2).sum() + (W2**2).sum())
        + h / 2 * (H**2).sum()
    )


def _features_over_2n(theta, w, h):
    W1, W2, H = _matrices(theta)
    data = _cross_entropies(W2 @ W1 @ H).mean()
    return data + w / 2 * ((W1**2).sum() + (W2**2).sum()) + h / (2 * N) * (H**2).sum()


def _mse_loss(theta, w, h):
    W1, W2, H = _matrices(theta)
    return (
        ((W2 @ W1 @ H - Y) ** 2).mean()
        + w / 2 * ((W1**2).sum() + (W2**2).sum())
        + h / 2 * (H**2).sum()
    )


def _half_mse_loss(theta, w, h):
    W1, W2, H = _matrices(theta)
    return (
        0.5 * ((W2 @ W1 @ H - Y) ** 2).mean()
        + w / 2 * ((W1**2).sum() + (W2**2).sum())
        + h / 2 * (H**2).sum()
    )


def _mse_loss_sum(theta, w, h):
    W1, W2, H = _matrices(theta)
    return (
        ((W2 @ W1 @ H - Y) ** 2).sum()
        + w / 2 * ((W1**2).sum() + (W2**2).sum())
        + h / 2 * (H**2).sum()
    )


def _squared_error(theta, w, h):
    W1, W2, H = _matrices(theta)
    data = ((W2 @ W1 @ H - Y) ** 2).sum(axis=0).mean()
    return data + w * ((W1**2).sum() + (W2**2).sum()) + h * (H**2).sum()


def _mini_batches(theta, w, h):
    W1, W2, H = _matrices(theta)
    total = 0.0
    for batch in (slice(0, B), slice(B, N)):
        loss = _cross_entropies(W2 @ W1 @ H)[batch].mean()
        total += loss + w / 2 * ((W1**2).sum() + (W2**2).sum()) + h / 2 * (H[:, batch] ** 2).sum()
    return total / (N // B)


def _summed_mini_batches(theta, w, h):
    W1, W2, H = _matrices(theta)
    total = 0.0
    for batch in (slice(0, B), slice(B, N)):
        loss = ((W2 @ W1 @ H - Y)[:, batch] ** 2).sum()
        total += (
            loss + w * ((W1**2).sum() + (W2**2).sum()) + h * (H[:, batch] ** 2).mean(axis=1).sum()
        )
    return total / (N // B)


@functools.cache
def _their_minimum(name):
    theirs, _, _, w, h = ROWS[name]
    return _minimum(lambda theta: theirs(theta, w, h))


DecayConvention = ncsolve.DecayConvention
# name: (their objective, its convention, scale of the data term, their decays of weights and features)
ROWS = {
    "penalties_without_the_half": (_no_half, DecayConvention(penalty="full"), 1, 0.01, 0.005),
    "summed_squared_loss": (_summed, DecayConvention(reduction="sum", samples=N), N, 0.15, 0.1),
    "summed_cross_entropy": (
        _summed_ce,
        DecayConvention(loss="ce", reduction="sum", samples=N),
        N,
        0.15,
        0.1,
    ),
    "features_over_2n": (
        _features_over_2n,
        DecayConvention(loss="ce", feature_penalty="mean", samples=N),
        1,
        0.02,
        0.1,
    ),
    "mse_loss": (_mse_loss, DecayConvention(loss="mse_loss", classes=K), 2 / K, 0.012, 0.008),
    "half_mse_loss": (
        _half_mse_loss,
        DecayConvention(loss="half_mse_loss", classes=K),
        1 / K,
        0.007,
        0.005,
    ),
    "mse_loss_summed": (
        _mse_loss_sum,
        DecayConvention(loss="mse_loss", reduction="sum", samples=N),
        2 * N,
        0.3,
        0.2,
    ),
    "squared_error": (
        _squared_error,
        DecayConvention(loss="squared_error", penalty="full"),
        2,
        0.02,
        0.01,
    ),
    "mini_batches": (
        _mini_batches,
        DecayConvention(loss="ce", feature_penalty="batch", samples=N, batch=B),
        1,
        0.02,
        0.03,
    ),
    "summed_mini_batches": (
        _summed_mini_batches,
        DecayConvention(
            loss="squared_error",
            reduction="sum",
            penalty="full",
            feature_penalty="mean",
            samples=N,
            batch=B,
        ),
        2 * B,
        0.08,
        0.3,
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_both_forms_have_the_same_minimum(name):
    _, convention, scale, w, h = ROWS[name]
    found = ncsolve.convert(convention, weight_decay=w, feature_decay=h)
    loss = "ce" if convention.loss == "ce" else "mse"
    value, grams = _their_minimum(name)
    canonical, canonical_grams = _minimum(
        lambda theta: _canonical(theta, found.weight_decay, found.feature_decay, loss)
    )
    assert value / scale == pytest.approx(canonical, rel=1e-13)  # measured: 4e-16
    for gram, expected in zip(grams, canonical_grams, strict=True):
        assert np.abs(gram - expected).max() <= 1e-12  # measured: 8e-15
    assert grams[1].max() > 0.1  # not the trivial minimum
    if loss == "mse":
        prediction = ncsolve.predict(ncsolve.UFM(COUNTS, loss=loss, depth=M, width=D, **found))
        assert canonical == pytest.approx(prediction.value, rel=1e-10)


@pytest.mark.parametrize("name", ROWS)
def test_a_factor_that_is_one_percent_off_is_seen(name):
    _, convention, scale, w, h = ROWS[name]
    found = ncsolve.convert(convention, weight_decay=w, feature_decay=h)
    loss = "ce" if convention.loss == "ce" else "mse"
    value, grams = _their_minimum(name)
    off, off_grams = _minimum(
        lambda theta: _canonical(theta, found.weight_decay, 1.01 * found.feature_decay, loss)
    )
    assert abs(value / scale / off - 1) > 1e-4
    assert max(np.abs(a - b).max() for a, b in zip(grams, off_grams, strict=True)) > 1e-4


def _everything():
    words = itertools.product(
        *list(WORDS.values())[:4], [o for o in WORDS["optimizer"] if o != "adamw"]
    )
    for loss, reduction, penalty, features, optimizer in words:
        yield ncsolve.DecayConvention(
            loss=loss, reduction=reduction, penalty=penalty, feature_penalty=features, optimizer=optimizer,
            classes=7, samples=900, batch=128,
        )  # fmt: skip


def _their_average(c, lam, what):
    """2 p / s from the definition: the coefficient of the squared norm in the mean over steps, and the scale of the loss."""
    scale = Fraction(
        {"mse": 1, "ce": 1, "squared_error": 2, "mse_loss": 2, "half_mse_loss": 1}[c.loss]
    )
    if c.reduction == "mean" and c.loss in ("mse_loss", "half_mse_loss"):
        scale /= c.classes
    if c.reduction == "sum":
        scale *= c.batch
    half = c.penalty == "half" or (
        c.optimizer != "none" if what == "weight_decay" else c.feature_penalty == "optimizer"
    )
    p = Fraction(lam) / (2 if half else 1)
    if what == "feature_decay":
        p *= {
            "all": 1,
            "optimizer": 1,
            "mean": Fraction(1, c.samples),
            "batch": Fraction(c.batch, c.samples),
        }[c.feature_penalty]
    return float(2 * p / scale)


def test_every_combination_of_words_is_twice_the_coefficient_over_the_scale_and_converts_back():
    number = 0
    for convention in _everything():
        there = ncsolve.convert(
            convention, weight_decay=[3e-4, 1e-3], feature_decay=2e-5, bias=1e-2
        )
        assert there.weight_decay == tuple(
            _their_average(convention, x, "weight_decay") for x in (3e-4, 1e-3)
        )
        assert there.feature_decay == _their_average(convention, 2e-5, "feature_decay")
        assert there.bias == _their_average(convention, 1e-2, "weight_decay")
        back = ncsolve.convert(convention, **there, back=True)
        assert back.weight_decay == pytest.approx((3e-4, 1e-3), rel=4e-16)
        assert back.feature_decay == pytest.approx(2e-5, rel=4e-16)
        assert back.bias == pytest.approx(1e-2, rel=4e-16)
        for name in there:
            assert there.factor(name) * back.factor(name) == pytest.approx(1, rel=1e-15)
        number += 1
    assert number == 5 * 2 * 2 * 4 * 3


def test_the_result_is_what_a_problem_takes():
    theirs = ncsolve.DecayConvention(
        loss="mse_loss", optimizer="sgd", feature_penalty="batch", classes=2, samples=30, batch=3
    )
    found = ncsolve.convert(theirs, weight_decay=(1e-3, 2e-3), feature_decay=1e-2, bias="free")
    ufm = ncsolve.UFM([20, 10], depth=2, **found)
    assert ufm.weight_decay == (1e-3, 2e-3)  # K/2 is one for two classes
    assert ufm.feature_decay == pytest.approx(1e-3, rel=1e-15)
    assert ufm.bias == "free"
    assert dict(ncsolve.convert(theirs, feature_decay=1.0)) == {"feature_decay": 0.1}
    with pytest.raises(AttributeError):
        found.weight_decay = 1.0


torch_rows = pytest.mark.parametrize("loss", ["ce", "mse_loss"])


def _torch_sgd(loss, w, h, step, seed=0):
    """Training as torch code does it: modules, SGD with weight_decay; `step` yields (batch, feature penalty)."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    labels = torch.tensor(LABELS)
    H = torch.nn.Parameter(torch.randn(N, D, dtype=torch.float64) * 0.8)
    head = torch.nn.Sequential(
        *(torch.nn.Linear(D, out, bias=False, dtype=torch.float64) for out in (D, K))
    )
    criterion = torch.nn.CrossEntropyLoss() if loss == "ce" else torch.nn.MSELoss()
    targets = labels if loss == "ce" else torch.nn.functional.one_hot(labels).double()
    with_decay = {"params": head.parameters(), "weight_decay": w}
    optimizer = torch.optim.SGD(
        [with_decay, {"params": [H], "weight_decay": h if step == "optimizer" else 0.0}],
        lr=0.5,
        momentum=0.9,
    )
    batches = [slice(0, B), slice(B, N)] if step == "batch" else [slice(0, N)]
    for _ in range(4000 if step == "batch" else 6000):
        for batch in batches:
            optimizer.zero_grad()
            value = criterion(head(H[batch]), targets[batch])
            if step != "optimizer":
                value = value + 0.5 * h * (H[batch] ** 2).sum()
            value.backward()
            optimizer.step()
    W1, W2 = (layer.weight.detach().numpy() for layer in head)
    return W1, W2, H.detach().numpy().T


@pytest.mark.parametrize("step", ["all", "optimizer", "batch"])
@torch_rows
def test_torch_sgd_with_weight_decay_ends_at_the_canonical_minimum(loss, step):
    w, h = (0.02, 0.02) if loss == "ce" else (0.01, 0.01)
    W1, W2, H = _torch_sgd(loss, w, h, step)
    convention = ncsolve.DecayConvention(
        loss=loss,
        optimizer="sgd",
        feature_penalty=step,
        classes=K,
        samples=N,
        batch=B if step == "batch" else N,
    )
    found = ncsolve.convert(convention, weight_decay=w, feature_decay=h)
    name = "ce" if loss == "ce" else "mse"
    decays = (found.weight_decay, found.feature_decay, name)
    value, grams = _minimum(lambda theta: _canonical(theta, *decays))
    theta = np.concatenate([W1.ravel(), W2.ravel(), H.ravel()])
    assert _canonical(theta, *decays) == pytest.approx(value, rel=1e-13)  # measured: 7e-16
    for gram, expected in zip(_invariants(W1, W2, H), grams, strict=True):
        assert np.abs(gram - expected).max() <= 1e-11  # measured: 2e-14
    assert grams[1].max() > 0.1


REFUSED = {
    "adamw": (dict(optimizer="adamw"), dict(weight_decay=1e-2), "not an L2 penalty"),
    "an unknown loss": (dict(loss="hinge"), dict(weight_decay=1), "'hinge'"),
    "no classes": (dict(loss="mse_loss"), dict(weight_decay=1), "classes is missing"),
    "no samples": (dict(reduction="sum"), dict(weight_decay=1), "samples is missing"),
    "no samples for a batch": (
        dict(feature_penalty="batch", batch=8),
        dict(feature_decay=1),
        "samples",
    ),
    "a batch above n": (dict(batch=9, samples=8), dict(weight_decay=1), "batch 9"),
    "no decay": ({}, {}, "no decay"),
    "a zero": ({}, dict(weight_decay=0), "weight_decay 0"),
    "nan": ({}, dict(feature_decay=float("nan")), "nan"),
    "a word": ({}, dict(weight_decay="much"), "'much'"),
    "a bias word": ({}, dict(bias="maybe"), "'maybe'"),
    "two feature decays": ({}, dict(feature_decay=[1, 2]), "[1, 2]"),
    "overflow": (dict(penalty="full"), dict(weight_decay=1.5e308), "range of doubles"),
    "half a class": (dict(classes=2.5), dict(weight_decay=1), "2.5"),
    "true classes": (dict(classes=True), dict(weight_decay=1), "True"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_converted_is_refused_in_one_line(name):
    convention, decays, said = REFUSED[name]
    error = ncsolve.NoConversion if name == "adamw" else ncsolve.ProblemError
    with pytest.raises(error) as caught:
        ncsolve.convert(ncsolve.DecayConvention(**convention), **decays)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_converts_there_and_back(capsys):
    words = [
        *"--loss MSE-Loss --optimizer sgd --penalty full --feature-penalty batch".split(),
        *"--batch 7".split(),
    ]
    argv = ["convert", *words, "--counts", "20,10,5", "--json", "--quiet"]
    assert (
        main([*argv, "--weight-decay", "1e-3,2e-3", "--feature-decay", "1e-4", "--bias", "free"])
        == 0
    )
    there = json.loads(capsys.readouterr().out)
    assert there["schema"] == "ncsolve/convert/1"
    assert there["weight_decay"] == [0.0015, 0.003]
    assert there["feature_decay"] == pytest.approx(2 * 1.5 * 7 / 35 * 1e-4)
    assert there["factors"]["feature_decay"] == pytest.approx(0.6)
    assert (
        main(
            [
                *argv,
                *"--weight-decay 0.0015,0.003 --feature-decay".split(),
                repr(there["feature_decay"]),
                "--back",
            ]
        )
        == 0
    )
    back = json.loads(capsys.readouterr().out)
    assert back["weight_decay"] == [1e-3, 2e-3]
    assert back["feature_decay"] == pytest.approx(1e-4)
    assert (
        main(["convert", "--loss", "half-mse-loss", "--classes", "4", "--weight-decay", "1e-3"])
        == 0
    )
    assert "--weight-decay 0.004" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--optimizer", "adamw", "--weight-decay", "1e-2"], "decoupled"),
        (["--weight-decay", "x"], "'x'"),
        (["--classes", "two", "--weight-decay", "1"], "two"),
        (["--counts", "5,3", "--samples", "8", "--weight-decay", "1"], "--samples"),
        ([], "no decay"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(capsys, argv, said):
    assert main(["convert", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err
