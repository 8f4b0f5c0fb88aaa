"""The final expression of each derivation is the library's own number, on random inputs."""

import numpy as np
import pytest
import sympy as sp

import ncsolve
from ncsolve import UFM, CrossEntropy, Squared, predict, thresholds
from ncsolve.analytic.factors import balanced_factors
from ncsolve.analytic.spectrum import DenseFrame
from ncsolve.numeric.bounds import certificate
from ncsolve.theorems import theorems


def spread(rng, low, high):
    """Log-uniform between two positive numbers."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def split(rng, mean):
    """Decays of weights and features with the given geometric mean."""
    share = spread(rng, 0.1, 10)
    return float(mean * share), float(mean / share)


def cosine(gram, i=0, j=1):
    return gram[i, j] / np.sqrt(gram[i, i] * gram[j, j])


def weight(prediction):
    return prediction.classes[0].weight_norm ** 2


def feature(prediction, k=0):
    return prediction.classes[k].feature_norm ** 2


# Squared loss: the shrinkage p is drawn, and the decays follow from it


def shrunk(n, samples, depth, p, ratio=1.0):
    mean = p * (1 - p) ** ((depth - 1) / (depth + 1)) * n ** (depth / (depth + 1)) / samples
    return mean / ratio, mean * ratio**depth


def draw_one_layer(rng):
    n = spread(rng, 5, 5e3)
    samples = n * (1 + spread(rng, 0.1, 5))
    return n, samples, *split(rng, rng.uniform(0.01, 0.9) * n**0.5 / samples)


def one_layer(n, samples, *decays):
    return predict(UFM([n, samples - n], "mse", 1, None, *decays))


def draw_closed(depth):
    def draw(rng):
        n = spread(rng, 5, 5e3)
        return n, 2.5 * n, shrunk(n, 2.5 * n, depth, rng.uniform(0.1, 0.95) / depth)[0]

    return draw


def closed(depth):
    def first(n, samples, g):
        counts = [n, min(samples - n, 0.9 * n), max(samples - 1.9 * n, 0.05 * n)]
        return predict(UFM(counts, "mse", depth, None, g, g)).singular_values[0]

    return first


def draw_shrunk(rng):
    depth, n = int(rng.integers(1, 8)), spread(rng, 5, 5e3)
    p = float(rng.uniform(0.02, 0.9) / depth)
    return n, n * (1 + spread(rng, 0.1, 5)), float(depth), p, spread(rng, 0.5, 2)


def deep(n, samples, depth, p, ratio):
    return predict(
        UFM([n, samples - n], "mse", int(depth), None, *shrunk(n, samples, depth, p, ratio))
    )


def equal(n, depth, p):
    return predict(UFM([n] * 3, "mse", int(depth), None, *shrunk(n, 3 * n, depth, p))).value


def draw_two(rng):
    one, two = spread(rng, 5, 5e3), spread(rng, 5, 5e3)
    tau = (2 * one * two / (one + two)) ** 0.5
    return one, two, float(rng.uniform(0.01, 0.9) * tau / (one + two))


def draw_square(which):
    def draw(rng):
        codes = rng.normal(size=(2, 2)) + 2 * np.eye(2)
        counts = spread(rng, 5, 500), spread(rng, 5, 500)
        tau = np.linalg.svd(codes * np.sqrt(counts), compute_uv=False)[which]
        return *codes.ravel(), *counts, float(rng.uniform(0.02, 0.9) * tau / sum(counts))

    return draw


def square(a, b, c, d, one, two, decay):
    return predict(UFM([one, two], Squared([[a, b], [c, d]]), 1, None, decay, decay))


def draw_line(rng):
    depth = int(rng.integers(1, 7))
    counts = (spread(rng, 5, 500) for _ in range(3))
    return *rng.normal([2.0, 4.0, 9.0]), *counts, float(depth), rng.uniform(0.02, 0.9) / depth


def line(*values):
    codes, counts, (depth, p) = np.array(values[:3]), np.array(values[3:6]), values[6:]
    tau2 = counts @ (codes - codes @ counts / counts.sum()) ** 2
    decay = shrunk(tau2, counts.sum(), depth, p)[0]
    return predict(UFM(counts, Squared(codes[None]), int(depth), None, decay, decay, "free"))


def draw_border(low, high):
    def draw(rng):
        classes, n = int(rng.integers(2, 12)), spread(rng, 5, 5e3)
        level = float(rng.uniform(0.02, 0.8)) * n**0.5
        border = level / (n**0.5 - level)
        return classes, n, *split(rng, level / (classes * n)), border * spread(rng, low, high)

    return draw


above, below = draw_border(1.2, 20), draw_border(0.05, 0.9)


def bordered(classes, n, *rest):
    return predict(UFM([n] * int(classes), "mse", 1, None, *rest), "balanced_regularized_bias")


def draw_groups(rng):
    one, two = spread(rng, 5, 500), spread(rng, 5, 500)
    decay = float(rng.uniform(0.02, 0.9)) * one**0.5 / (3 * one + two)
    return one, two, decay, spread(rng, 1e-3, 10)


def grouped(one, two, decay, bias):
    ufm = UFM([one] * 3 + [two], "mse", 1, None, decay, decay, bias)
    return predict(ufm, "imbalanced_regularized_bias")


def contrast(*values):
    logits = grouped(*values).logits
    return logits[0, 0] - logits[1, 0]


def draw_pair(rng):
    return spread(rng, 5, 500), spread(rng, 5, 500), spread(rng, 1e-3, 10)


def nothing(one, two, bias):
    decay = 1.1 / (one + two) ** 0.5
    ufm = UFM([one, two], "mse", 1, None, decay, decay, bias)
    return predict(ufm, "imbalanced_regularized_bias").value


def collapse(counts, *rest):
    return thresholds(UFM(counts, *rest[:1], 1, None, 1e-2, 1e-2, *rest[1:])).complete_collapse


def draw_descent(rng):
    classes, n = int(rng.integers(2, 4)), float(rng.integers(2, 30))
    return classes, n, *split(rng, rng.uniform(0.05, 0.8) / (classes * n**0.5))


def descended(classes, n, *decays):
    return predict(UFM([n] * int(classes), "mse", 1, None, *decays), "descent_only").value


# Cross-entropy


def draw_simplex(rng):
    classes, n, smoothing = int(rng.integers(2, 20)), spread(rng, 5, 5e3), rng.uniform(0, 0.3)
    mean = spread(rng, 1e-3, 0.9) * (1 - smoothing) / (classes * n**0.5)
    return classes, n, *split(rng, mean), smoothing


def simplex(classes, n, w, h, smoothing):
    ufm = UFM([n] * int(classes), CrossEntropy(smoothing), 1, None, w, h)
    return predict(ufm, "balanced_cross_entropy")


def draw_lengths(rng):
    one, two = spread(rng, 5, 5e3), spread(rng, 5, 5e3)
    return one, two, *split(rng, spread(rng, 1e-3, 0.9) / (2 * (one + two)) ** 0.5)


def two(one, other, *decays):
    return predict(UFM([one, other], "ce", 1, None, *decays), "imbalanced_cross_entropy")


def draw_merging(rng):
    return (
        spread(rng, 20, 500),
        spread(rng, 1e-4, 1e-2),
        spread(rng, 1e-4, 1e-2),
        rng.uniform(0, 0.3),
    )


def merging(samples, w, h, smoothing):
    counts = [0.3 * samples] * 2 + [0.4 * samples]
    ufm = UFM(counts, CrossEntropy(smoothing), 1, None, w, h)
    return thresholds(ufm).classes.critical_count[0]


def draw_against(rng):
    large = spread(rng, 20, 500)
    return float(rng.integers(1, 6)), large, large * float(rng.uniform(0.1, 0.9))


def draw_relu(rng):
    classes, n, smoothing = int(rng.integers(2, 12)), spread(rng, 5, 5e3), rng.uniform(0, 0.3)
    samples = n + (classes - 1) * n * spread(rng, 0.1, 10)
    least = min(n, (samples - n) / (classes - 1)) * (1 - 1 / classes)
    mean = rng.uniform(0.01, 0.9) * (1 - smoothing) * least**0.5 / samples
    return classes, n, samples, *split(rng, mean), smoothing


def relu(classes, n, samples, w, h, smoothing):
    counts = [n] + [(samples - n) / (classes - 1)] * (int(classes) - 1)
    ufm = UFM(counts, CrossEntropy(smoothing), 1, None, w, h, features="relu")
    return predict(ufm, "relu_cross_entropy")


def draw_seli(rng):
    sizes = float(rng.integers(1, 7)), float(rng.integers(1, 7))
    return *sizes, spread(rng, 5, 5e3), spread(rng, 5, 5e3)


def seli(first, second, one, other):
    ufm = UFM([one] * int(first) + [other] * int(second), "ce")
    return predict(ufm, limit="vanishing-decay")


def ldt(classes):
    counts = 10.0 * np.arange(1, int(classes) + 1) ** 2
    ufm = UFM(counts, CrossEntropy(label_scale=np.sqrt(counts)))
    return cosine(predict(ufm, limit="vanishing-decay").gram_weights, 0, -1)


def slope(classes, margin, smoothing):
    return (classes - 1) / (np.exp(margin) + classes - 1) - smoothing * (1 - 1 / classes)


def draw_deep(rng):
    """Margins at which the simplex lies below zero: then it is the outer stationary point."""
    while True:
        classes, n, depth = int(rng.integers(2, 9)), spread(rng, 5, 5e3), int(rng.integers(2, 6))
        smoothing, a = float(rng.choice([0.0, rng.uniform(0, 0.1)])), float(rng.uniform(2, 9))
        loss = np.log1p((classes - 1) * np.exp(-a)) + smoothing * (1 - 1 / classes) * a
        pull = slope(classes, a, smoothing)
        if 0 < pull * a * (depth + 1) / 2 < 0.99 * (np.log(classes) - loss):
            return float(classes), n, float(depth), smoothing, a


def deep_simplex(classes, n, depth, smoothing, margin):
    q = 2 / (depth + 1)
    decay = slope(classes, margin, smoothing) / ((classes - 1) * n ** (q / 2) * margin ** (q - 1))
    ufm = UFM([n] * int(classes), CrossEntropy(smoothing), int(depth), None, decay, decay)
    return predict(ufm, "deep_simplex")


def explicit(ufm, left, sigma):
    """Balanced factors of sigma left left^T."""
    frame = DenseFrame(lambda: (left, left))
    sigma = np.full(left.shape[1], sigma)
    return balanced_factors(ufm, sigma, frame, np.zeros(ufm.classes))


def draw_orthoplex(rng):
    classes, n, depth = 2.0 * rng.integers(2, 7), spread(rng, 5, 5e3), float(rng.integers(2, 7))
    return classes, n, depth, spread(rng, 1e-5, 1e-2), spread(rng, 0.5, 6)


def orthoplex(classes, n, depth, decay, beta):
    ufm = UFM([n] * int(classes), "ce", int(depth), None, decay, decay)
    left = np.kron(np.eye(int(classes) // 2), [[1.0], [-1.0]]) / 2**0.5
    return ncsolve.objective(ufm, explicit(ufm, left, 2 * beta * n**0.5))


def draw_polygon(rng):
    return spread(rng, 5, 5e3), spread(rng, 1e-5, 1e-2), spread(rng, 0.5, 8)


def polygon(classes, n, decay, rho):
    angle = 2 * np.pi * np.arange(classes) / classes
    left = np.column_stack([np.cos(angle), np.sin(angle)]) * (2 / classes) ** 0.5
    ufm = UFM([n] * classes, "ce", 1, 2, decay, decay)
    return ufm, explicit(ufm, left, classes * rho / 2 * n**0.5)


def polygon_objective(classes):
    return lambda *values: ncsolve.objective(*polygon(classes, *values))


def draw_bound(rng):
    classes, n = float(rng.integers(4, 10)), spread(rng, 5, 5e3)
    return classes, n, spread(rng, 0.1, 0.9) / (classes * n**0.5)


def bound(classes, n, decay):
    length = np.log(1 / (decay * n**0.5) - classes + 1)
    point = length * (np.eye(int(classes)) - 1 / classes)
    return certificate(*polygon(int(classes), n, decay, 1.0), witness=(point,)).lower_bound


#: Theorem -> (arguments, draw, number of the library) of each of its results, in their order.
NUMBERS = {
    "squared_spectral": [
        ("n N lambda_W lambda_H", draw_one_layer, lambda *v: weight(one_layer(*v))),
        ("n N lambda_W lambda_H", draw_one_layer, lambda *v: one_layer(*v).classes[0].own_logit),
        ("n N g", draw_closed(2), closed(2)),
        ("n N g", draw_closed(3), closed(3)),
        ("n N M p r", draw_shrunk, lambda *v: weight(deep(*v))),
        ("n N M p r", draw_shrunk, lambda *v: deep(*v).classes[0].feature_norm),
        ("n M p", lambda rng: (spread(rng, 5, 5e3), *draw_shrunk(rng)[2:4]), equal),
        (
            "N M g",
            lambda rng: (spread(rng, 10, 1e4), float(rng.integers(1, 8)), spread(rng, 1e-6, 1e-3)),
            lambda N, M, g: thresholds(
                UFM([0.4 * N, 0.6 * N], "mse", int(M), None, g, g)
            ).classes.critical_count[0],
        ),
        (
            "n_1 n_2 g",
            draw_two,
            lambda a, b, g: predict(UFM([a, b], "mse", 1, None, g, g, "free")).singular_values[0],
        ),
    ],
    "squared_targets": [
        *(
            (
                "y_11 y_12 y_21 y_22 n_1 n_2 c",
                draw_square(i),
                lambda *v, i=i: square(*v).singular_values[i],
            )
            for i in (0, 1)
        ),
        ("y_1 y_2 y_3 n_1 n_2 n_3 M p", draw_line, lambda *v: line(*v).singular_values[0]),
        ("y_1 y_2 y_3 n_1 n_2 n_3 M p", draw_line, lambda *v: line(*v).bias[0]),
    ],
    "balanced_regularized_bias": [
        ("K n lambda_W lambda_H lambda_b", draw, lambda *v, read=read: read(bordered(*v)))
        for draw, read in (
            (above, lambda found: cosine(found.gram_features)),
            (below, lambda found: cosine(found.gram_features)),
            (above, lambda found: found.bias[0]),
            (below, lambda found: found.bias[0]),
            (below, lambda found: found.singular_values[0]),
            (above, lambda found: found.singular_values[-1]),
            (above, weight),
        )
    ],
    "imbalanced_regularized_bias": [
        ("n_1 n_2 lambda lambda_b", draw_groups, contrast),
        ("n_1 n_2 lambda lambda_b", draw_groups, lambda *v: grouped(*v).classes.critical_count[0]),
        ("n_1 n_2 lambda_b", draw_pair, lambda one, two, bias: collapse([one, two], "mse", bias)),
        ("n_1 n_2 lambda_b", draw_pair, nothing),
    ],
    "balanced_cross_entropy": [
        ("K n lambda_W lambda_H delta", draw_simplex, lambda *v, read=read: read(simplex(*v)))
        for read in (
            lambda found: found.singular_values[0],
            weight,
            feature,
            lambda found: found.value,
        )
    ],
    "imbalanced_cross_entropy": [
        ("n_1 n_2 lambda_W lambda_H", draw_lengths, lambda *v: two(*v).classes[0].own_logit),
        ("n_1 n_2 lambda_W lambda_H", draw_lengths, lambda *v: two(*v).value),
        ("n_1 n_2 lambda_W lambda_H", draw_lengths, lambda *v: feature(two(*v), 1)),
        ("N lambda_W lambda_H delta", draw_merging, merging),
        (
            "m_2 n_1 n_2",
            draw_against,
            lambda many, one, other: collapse([one] + [other] * int(many), "ce"),
        ),
    ],
    "relu_cross_entropy": [
        ("K n N lambda_W lambda_H delta", draw_relu, lambda *v, read=read: read(relu(*v)))
        for read in (
            lambda found: found.classes[0].own_logit,
            feature,
            weight,
            lambda found: found.value,
            lambda found: found.classes.critical_count[0],
        )
    ],
    "vanishing_decay": [
        ("m_1 m_2 n_1 n_2", draw_seli, lambda *v: seli(*v).value),
        ("m_1 m_2 n_1 n_2", draw_seli, lambda *v: seli(*v).gram_weights[0, 0]),
        ("m_1 m_2 n_1 n_2", draw_seli, lambda *v: seli(*v).gram_weights[0, int(v[0])]),
        ("m_1 m_2 n_1 n_2", draw_seli, lambda *v: seli(*v).gram_features[0, 0]),
        ("m_1 m_2 n_1 n_2", draw_seli, lambda *v: seli(*v).gram_features[0, int(v[0])]),
        ("K", lambda rng: (float(rng.integers(2, 30)),), ldt),
    ],
    "deep_simplex": [
        ("K n M delta a", draw_deep, lambda *v: deep_simplex(*v).singular_values[0]),
        ("K n M delta a", draw_deep, lambda *v: deep_simplex(*v).value),
        ("K n M delta a", draw_deep, lambda *v: deep_simplex(*v).classes[0].feature_norm),
    ],
    "deep_cross_entropy": [("K n M g beta", draw_orthoplex, orthoplex)],
    "bottleneck_cross_entropy": [
        *(("n c rho", draw_polygon, polygon_objective(classes)) for classes in (4, 5, 6, 7)),
        ("K n c", draw_bound, bound),
    ],
    "descent_only": [("K n lambda_W lambda_H", draw_descent, descended)],
}
DERIVATIONS = {theorem.name: theorem.derive() for theorem in theorems()}
RESULTS = [
    pytest.param(result.expression, *number, id=f"{name}: {result.name}")
    for name, numbers in NUMBERS.items()
    for result, number in zip(DERIVATIONS[name].results, numbers, strict=True)
]


def deviation(expression, arguments, draw, number, trials):
    """The largest relative difference between expression and library over random arguments."""
    symbols = {symbol.name: symbol for symbol in expression.free_symbols}
    names = arguments.split()
    assert symbols.keys() <= set(names)
    function = sp.lambdify([symbols.get(name, name) for name in names], expression, "scipy")
    rng = np.random.default_rng(5)
    pairs = [(function(*v), float(number(*v))) for v in (draw(rng) for _ in range(trials))]
    return max(abs(found - expected) / abs(expected) for expected, found in pairs)


@pytest.mark.parametrize(("expression", "arguments", "draw", "number"), RESULTS)
def test_a_final_expression_equals_the_library_on_random_inputs(
    expression, arguments, draw, number
):
    # measured 1.5e-13 for the certified bound, 3e-14 for all others
    assert deviation(expression, arguments, draw, number, 50) < 1e-12
    wrong = expression * sp.Rational(101, 100)
    assert deviation(wrong, arguments, draw, number, 3) > 5e-3


def test_every_result_has_its_number():
    assert {name for name, derivation in DERIVATIONS.items() if derivation.results} == set(NUMBERS)
