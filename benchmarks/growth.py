"""How cost grows with the number K of classes, G of distinct counts, N of samples, d of dimensions and M of layers.

For each size the median time of several calls; the exponent p is the least-squares slope of log time against log size, over the sizes whose
time is at least three times that of the smallest, where fixed costs no longer hide the growth (over all sizes if fewer than three are). Its
spread is that of the slopes when each repeat is fitted by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

import ncsolve

from .timing import seconds

HEAD = ("what grows", "in what", "seconds", "exponent")
REPEATS = 5


def exponent(sizes: Sequence[int], times: np.ndarray) -> tuple[float, float, float]:
    """(Slope of the medians, least, greatest slope of a repeat) of log time against log size; times is (sizes, repeats)."""
    medians = np.median(times, axis=1)
    grown = medians >= 3 * medians[0]
    kept = np.flatnonzero(grown) if grown.sum() >= 3 else np.arange(len(sizes))
    x = np.log(np.asarray(sizes, dtype=float)[kept])

    def slope(column: np.ndarray) -> float:
        return float(np.polyfit(x, np.log(column[kept]), 1)[0])

    each = [slope(times[:, i]) for i in range(times.shape[1])]
    return slope(medians), min(each), max(each)


def row(
    letter: str, what: str, sizes: Sequence[int], make: Callable[[int], Callable[[], object]]
) -> tuple[str, str, str, str]:
    """Time make(size)() at each size, sizes in turn so that a slow moment of the machine meets all of them."""
    actions = [make(size) for size in sizes]
    for action in actions:
        action()
    times = np.array([[seconds(action) for action in actions] for _ in range(REPEATS)]).T
    middle, least, greatest = exponent(sizes, times)
    shown = ", ".join(
        f"{size:,}: {time:.2g}" for size, time in zip(sizes, np.median(times, axis=1), strict=True)
    )
    return letter, what, shown, f"{middle:.2f} ({least:.2f} to {greatest:.2f})"


def predicting(bias: str, depth: int) -> Callable[[int], Callable[[], object]]:
    """predict with squared loss at K distinct counts, every class alive."""

    def make(classes: int) -> Callable[[], object]:
        decay = 1e-3 / classes
        ufm = ncsolve.UFM(
            ncsolve.LongTail(classes, 5000, 100).counts(),
            depth=depth,
            bias=bias,
            weight_decay=decay,
            feature_decay=decay,
        )
        return lambda: ncsolve.predict(ufm)

    return make


def predicting_ce(groups: int | None) -> Callable[[int], Callable[[], object]]:
    """predict with cross-entropy: so many groups of equal counts, or as many as classes."""

    def make(classes: int) -> Callable[[], object]:
        many = groups or classes
        counts = np.repeat(ncsolve.LongTail(many, 5000, 100).counts(), classes // many)
        decay = 2e-3 / classes
        ufm = ncsolve.UFM(counts, "ce", weight_decay=decay, feature_decay=decay)
        return lambda: ncsolve.predict(ufm)

    return make


def descending(letter: str, loss: str = "mse") -> Callable[[int], Callable[[], object]]:
    """200 steps from a random start, ten classes; N, d or M grows, the others stay at 1,000, 64 and 3 (cross-entropy: d = 10, M = 1)."""
    from ncsolve.numeric.descent import descend

    def make(size: int) -> Callable[[], object]:
        samples, width, depth = {"N": (size, 64, 3), "d": (1000, size, 3), "M": (1000, 64, size)}[
            letter
        ]
        if loss == "ce":
            width, depth = 10, 1
        ufm = ncsolve.UFM(
            [samples // 10] * 10,
            loss,
            depth=depth,
            width=width,
            weight_decay=5e-4,
            feature_decay=5e-4,
        )
        method = ncsolve.Descent(ncsolve.Momentum(steps=200), polish=None, starts=1, switch=False)
        return lambda: next(descend(ufm, method, rng=0))

    return make


def measuring(letter: str) -> Callable[[int], Callable[[], object]]:
    """measure on given features; N or d grows, the other is 20,000 or 128."""

    def make(size: int) -> Callable[[], object]:
        samples, dimension = (size, 128) if letter == "N" else (20_000, size)
        rng = np.random.default_rng(0)
        labels = np.arange(samples) % 10
        features, weight = rng.normal(size=(samples, dimension)), rng.normal(size=(10, dimension))
        return lambda: ncsolve.measure(features, labels, weight)

    return make


def proving(bias: str) -> Callable[[int], Callable[[], object]]:
    """certify(rigorous=True), squared loss at M = 3, K distinct counts; the prediction is not counted."""

    def make(classes: int) -> Callable[[], object]:
        ufm = ncsolve.UFM(
            ncsolve.LongTail(classes, 5000, 100).counts(),
            depth=3,
            bias=bias,
            weight_decay=3e-6,
            feature_decay=3e-6,
        )
        prediction = ncsolve.predict(ufm)
        prediction.parameters()
        return lambda: ncsolve.certify(prediction, rigorous=True).outcome

    return make


def rows() -> Iterator[tuple[str, ...]]:
    """(letter, what, seconds per size, exponent)."""
    classes = (10_000, 100_000, 300_000, 1_000_000)
    layers = (1, 2, 4, 8, 16)
    yield row("K", "predict, squared loss, M = 3, distinct counts", classes, predicting("none", 3))
    yield row(
        "K",
        "predict, squared loss, M = 3, free bias, distinct counts",
        (500, 1_000, 2_000, 4_000),
        predicting("free", 3),
    )
    yield row(
        "K",
        "predict, cross-entropy, 10 distinct counts",
        (100, 1_000, 10_000, 100_000),
        predicting_ce(10),
    )
    yield row(
        "G",
        "predict, cross-entropy, K = G distinct counts",
        (20, 40, 80, 160, 320),
        predicting_ce(None),
    )
    yield row(
        "K", "rigorous certificate, squared loss, M = 3", (125, 250, 500, 1_000), proving("none")
    )
    yield row(
        "K",
        "rigorous certificate, squared loss, M = 3, free bias",
        (125, 250, 500, 1_000),
        proving("free"),
    )
    yield row(
        "N",
        "200 steps of descent, squared loss, M = 3",
        (1_000, 10_000, 100_000, 1_000_000),
        descending("N"),
    )
    yield row(
        "N",
        "200 steps of descent, cross-entropy, M = 1",
        (1_000, 10_000, 100_000),
        descending("N", "ce"),
    )
    yield row("N", "measure, d = 128", (10_000, 40_000, 160_000), measuring("N"))
    yield row(
        "d", "200 steps of descent, squared loss, M = 3", (64, 128, 256, 512), descending("d")
    )
    yield row("d", "measure, N = 20,000", (64, 256, 1_024), measuring("d"))
    yield row("M", "200 steps of descent, squared loss", layers, descending("M"))
    yield row(
        "M", "predict, squared loss, K = 100,000", layers, lambda m: predicting("none", m)(100_000)
    )
