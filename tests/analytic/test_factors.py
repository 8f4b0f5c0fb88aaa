"""Explicit matrices of a prediction against its numbers, by plain numpy on the matrices alone."""

import json

import numpy as np
import pytest
from support.structures import STRUCTURES

import ncsolve
from ncsolve.problem.losses import sample_columns
from ncsolve.problem.objective import objective_over

EVERY = pytest.mark.parametrize("name", STRUCTURES)


def _matrices(name):
    prediction = ncsolve.predict(STRUCTURES[name])
    product = prediction.weights[0]
    for weight in prediction.weights[1:]:
        product = weight @ product
    return prediction, product, prediction.features()


@EVERY
def test_the_objective_of_the_matrices_is_the_value(name):
    prediction, product, features = _matrices(name)
    ufm = prediction.ufm
    codes = np.eye(ufm.classes) if ufm.loss.codes is None else ufm.loss.codes
    targets = np.repeat(codes, ufm.counts.astype(int), axis=1)
    residual = product @ features + prediction.bias[:, None] - targets
    value = (residual**2).sum() / (2 * ufm.counts.sum()) + ufm.feature_decay / 2 * (
        features**2
    ).sum()
    value += sum(
        decay / 2 * (w**2).sum()
        for decay, w in zip(ufm.weight_decay, prediction.weights, strict=True)
    )
    value += 0 if isinstance(ufm.bias, str) else ufm.bias / 2 * (prediction.bias**2).sum()
    assert value == pytest.approx(prediction.value, rel=1e-14)  # measured over the grid: 7e-16
    assert ncsolve.objective(ufm, prediction.parameters()) == pytest.approx(
        prediction.value, rel=1e-14
    )
    p = ncsolve.Parameters(prediction.weights, features, prediction.bias)
    assert ncsolve.objective(ufm, p) == pytest.approx(prediction.value, rel=1e-14)


@EVERY
def test_the_matrices_are_a_stationary_point_of_the_raw_objective(name):
    prediction, _, features = _matrices(name)
    ufm = prediction.ufm
    raw = objective_over(ufm, sample_columns(ufm.loss, ufm.counts))
    theta = raw.pack(ncsolve.Parameters(prediction.weights, features, prediction.bias))
    gradient = raw.value_and_gradient(theta)[1]
    if ufm.features == "relu":
        assert (features >= 0).all()
    # measured 2.6e-15, where the entries of theta are of order one
    assert np.abs(gradient).max() < 2e-14
    assert theta.any() == (prediction.singular_values > 0).any() or ufm.bias != "none"


@EVERY
def test_singular_values_and_layers_are_those_of_the_matrices(name):
    prediction, product, features = _matrices(name)
    ufm = prediction.ufm
    a = product @ prediction.class_means * np.sqrt(ufm.counts)
    scale = prediction.singular_values.max(initial=1e-3)
    assert (
        np.abs(np.linalg.svd(a, compute_uv=False) - prediction.singular_values).max()
        < 1e-14 * scale
    )  # measured 1.5e-15
    assert [layer.name for layer in prediction.layers] == [
        "H",
        *(f"W_{j + 1}" for j in range(ufm.depth)),
    ]
    rank = np.count_nonzero(prediction.singular_values)
    for layer, matrix in zip(prediction.layers, (features, *prediction.weights), strict=True):
        assert layer.shape == matrix.shape
        spectrum = np.linalg.svd(matrix, compute_uv=False)
        assert layer.singular_values.shape == (rank,)
        assert (
            np.abs(spectrum[:rank] - layer.singular_values).max(initial=0) < 1e-14 * spectrum.max()
        )
        assert spectrum[rank:].max(initial=0) < 1e-13 * spectrum.max(initial=1e-3)


@EVERY
def test_neighboring_factors_are_balanced(name):
    prediction, _, features = _matrices(name)
    decays, factors = prediction.ufm.decays, (features, *prediction.weights)
    for j in range(prediction.ufm.depth):
        below, above = (
            decays[j] * factors[j] @ factors[j].T,
            decays[j + 1] * factors[j + 1].T @ factors[j + 1],
        )
        assert np.abs(below - above).max() <= 1e-14 * np.abs(below).max()  # measured 1.2e-15
    penalties = [
        decay * layer.singular_values**2
        for decay, layer in zip(decays, prediction.layers, strict=True)
    ]
    assert np.ptp(penalties, axis=0).max(initial=0) <= 1e-14 * np.max(penalties, initial=1e-300)


@EVERY
def test_grams_and_logits_are_those_of_the_matrices(name):
    prediction, product, features = _matrices(name)
    ufm = prediction.ufm
    first = np.concatenate([[0], np.cumsum(ufm.counts)[:-1]]).astype(int)
    means = features[:, first]  # one sample of each class, and all of them are alike
    assert (np.repeat(means, ufm.counts.astype(int), axis=1) == features).all()
    _close(prediction.gram_features, means.T @ means)
    _close(prediction.gram_weights, product @ product.T)
    _close(prediction.logits, product @ means + prediction.bias[:, None])
    assert prediction.bias.shape == (ufm.outputs,)


def _close(a, b):
    assert a.shape == b.shape
    assert np.abs(a - b).max() <= 1e-14 * max(np.abs(b).max(), 1e-3)  # measured 1.2e-15


@EVERY
def test_the_class_table_is_read_off_the_matrices(name):
    prediction, product, _ = _matrices(name)
    ufm = prediction.ufm
    means = prediction.class_means
    codes = np.eye(ufm.classes) if ufm.loss.codes is None else ufm.loss.codes
    logits = product @ means + prediction.bias[:, None]
    largest = max(np.linalg.norm(means, axis=0).max(), 1e-3)
    for k, row in enumerate(prediction.classes):
        assert (row.name, row.count) == (str(k), ufm.counts[k])
        own = logits[:, k] @ codes[:, k]
        margin = min(
            logits[:, k] @ (codes[:, k] - codes[:, j]) for j in range(ufm.classes) if j != k
        )
        assert row.own_logit == pytest.approx(own, rel=1e-12, abs=1e-14)
        assert row.margin == pytest.approx(margin, rel=1e-12, abs=1e-13)
        assert row.feature_norm == pytest.approx(np.linalg.norm(means[:, k]), rel=1e-12, abs=1e-14)
        if ufm.loss.codes is None:
            assert row.weight_norm == pytest.approx(
                np.linalg.norm(product[k]), rel=1e-12, abs=1e-13
            )
        else:
            assert row.weight_norm is None
        alone = (
            min(np.linalg.norm(means[:, k] - means[:, j]) for j in range(ufm.classes) if j != k)
            > 1e-10 * largest
        )
        state = (
            "vanished" if row.feature_norm < 1e-10 * largest else "active" if alone else "merged"
        )
        assert row.state == state


@EVERY
def test_the_document_is_plain_json_without_nan(name):
    prediction = ncsolve.predict(STRUCTURES[name])
    document = json.loads(json.dumps(prediction.to_dict(), allow_nan=False))
    assert document["value"] == prediction.value
    assert document["singular_values"] == prediction.singular_values.tolist()
    assert [row["state"] for row in document["classes"]] == prediction.classes.state.tolist()
    assert all(entry["holds"] for entry in document["theorem"]["hypotheses"])


def test_saved_matrices_come_back_without_pickle(tmp_path):
    prediction = ncsolve.predict(STRUCTURES["M3-imbalanced-width_larger-bias_free-decays_unequal"])
    prediction.save(tmp_path / "p.npz")
    with np.load(tmp_path / "p.npz", allow_pickle=False) as file:
        assert all(
            (file[f"W_{j + 1}"] == weight).all() for j, weight in enumerate(prediction.weights)
        )
        assert (file["class_means"] == prediction.class_means).all()
        assert (file["logits"] == prediction.logits).all()
        document = json.loads(str(file["document"]))
        assert document.pop("schema") == "ncsolve/predict/1"
        assert document.pop("ncsolve_version") == ncsolve.__version__
        assert document == prediction.to_dict()
    with pytest.raises(FileExistsError):
        prediction.save(tmp_path / "p.npz")


def test_the_published_formulas_of_one_layer_without_bias():
    """||w_k||^2 = sqrt(n_k l_H / l_W) - N l_H, ||h_k|| = S_k / (S_k^2 + N l_H), W = diag(S^2 + N l_H) Hbar^T."""
    n, lw, lh = np.array([200.0, 100, 50, 3]), 4e-4, 7e-4
    prediction = ncsolve.predict(ncsolve.UFM(n, weight_decay=lw, feature_decay=lh))
    square = np.maximum(np.sqrt(n * lh / lw) - n.sum() * lh, 0)
    assert prediction.classes.weight_norm**2 == pytest.approx(square, rel=1e-13)
    assert prediction.classes.feature_norm == pytest.approx(
        np.sqrt(square) / (square + n.sum() * lh), rel=1e-13
    )
    w = (square + n.sum() * lh)[:, None] * prediction.class_means.T
    assert prediction.weights[0][:, :4] == pytest.approx(w, rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_the_published_formulas_of_deep_layers_without_bias(depth):
    """With x the larger root of M x^(M-1)/(1 + x^M)^2 = beta: S^2 = N l_H x^M, s_j^2 = (N Pi)^(1/M) x / l_j."""
    n, decays = (
        np.array([200.0, 100, 50, 50]),
        [4e-4, 7e-4, 5e-4, 3e-4, 6e-4, 5e-4, 4.5e-4][: depth + 1],
    )
    ufm = ncsolve.UFM(n, depth=depth, feature_decay=decays[0], weight_decay=decays[1:])
    prediction = ncsolve.predict(ufm)
    samples, product = n.sum(), np.prod(decays)
    x = []
    for tau2 in n:
        beta = depth * samples * (samples * product) ** (1 / depth) / tau2
        grid = np.linspace(30, 0.5, 3_000_001)
        above = depth * grid ** (depth - 1) / (1 + grid**depth) ** 2 >= beta
        x.append(grid[above.argmax()])
    x = np.array(x)
    square = samples * decays[0] * x**depth
    assert prediction.classes.weight_norm**2 == pytest.approx(square, rel=1e-4)
    assert prediction.classes.feature_norm == pytest.approx(
        np.sqrt(square) / (square + samples * decays[0]), rel=1e-4
    )
    assert prediction.classes.own_logit == pytest.approx(
        square / (square + samples * decays[0]), rel=1e-4
    )
    for layer, decay in zip(prediction.layers[1:], decays[1:], strict=True):
        assert layer.singular_values**2 == pytest.approx(
            (samples * product) ** (1 / depth) * x / decay, rel=1e-4
        )


def test_a_layer_that_would_overflow_is_refused():
    ufm = ncsolve.UFM([20, 10], depth=2, weight_decay=[1e-307, 1e305], feature_decay=1e-3)
    with pytest.raises(ncsolve.ProblemError, match="lie so far apart that a layer overflows"):
        ncsolve.predict(ufm).weights  # noqa: B018
