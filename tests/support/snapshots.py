"""Features and classifiers at a prediction, with noise, as a network would give them."""

import numpy as np

import ncsolve


def near(prediction, *, noise=0.0, dimension=None, rng=0):
    """Features (N, d), labels and matrices W_1 .. W_M at the prediction.

    Class means, samples and matrices each move by `noise` times their Frobenius norm; the space is rotated into `dimension`.
    """
    rng = np.random.default_rng(rng)
    width = prediction.class_means.shape[0]
    turn = np.linalg.qr(rng.normal(size=(dimension or width,) * 2))[0][:, :width]

    def moved(matrix):
        step = rng.normal(size=matrix.shape)
        return matrix + noise * np.linalg.norm(matrix) / np.linalg.norm(step) * step

    labels = np.repeat(np.arange(prediction.ufm.classes), prediction.ufm.counts.astype(int))
    features = moved(moved(prediction.class_means.T)[labels]) @ turn.T
    weights = [moved(weight) for weight in prediction.weights]
    return features, labels, [weights[0] @ turn.T, *weights[1:]]


def passed(features, weights):
    """Inputs of W_1, W_2, ... by layer."""
    layers = {"H_1": features}
    for j, weight in enumerate(weights[:-1]):
        layers[f"H_{j + 2}"] = layers[f"H_{j + 1}"] @ weight.T
    return layers


def long_tail_of_ten(decay=5e-5, **fields):
    """The prediction for 500, 299, ..., 5 samples; every class is alive at the default decay."""
    from ncsolve.problem.counts import long_tail

    return ncsolve.predict(
        ncsolve.UFM(long_tail(10, 500, 100), weight_decay=decay, feature_decay=decay, **fields)
    )
