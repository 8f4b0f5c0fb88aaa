"""Why a prediction is needed to measure a long tail: python docs/measuring.py draws docs/measuring.png and prints its numbers.

Features exactly at the predicted optimum for ten classes of 500, 299, ..., 5 samples (squared loss, one layer, decays 5e-5: every
class is alive), with noise: the class means, the samples and the classifier each move by a share of their Frobenius norm.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import ncsolve
from ncsolve import plots
from ncsolve.problem.counts import long_tail

HERE = Path(__file__).parent
SHARES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
KEYS = ("nc2_gof_H", "nc2_gof_W", "nc2_etf_H", "nc2_of_H", "nc2_etf_W", "nc2_of_W")


def network(
    prediction: ncsolve.Prediction, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (N, 10), labels and classifier, `share` away from the prediction."""

    def moved(matrix: np.ndarray) -> np.ndarray:
        step = rng.normal(size=matrix.shape)
        return matrix + share * np.linalg.norm(matrix) / np.linalg.norm(step) * step

    labels = np.repeat(np.arange(10), prediction.ufm.counts.astype(int))
    return moved(moved(prediction.class_means.T)[labels]), labels, moved(prediction.weights[0])


def measured() -> tuple[ncsolve.Prediction, list[ncsolve.Measurement]]:
    """The prediction, and one measurement per share of noise."""
    prediction = ncsolve.predict(
        ncsolve.UFM(long_tail(10, 500, 100), weight_decay=5e-5, feature_decay=5e-5)
    )
    found = []
    for share in SHARES:
        features, labels, weight = network(prediction, share, np.random.default_rng(0))
        found.append(ncsolve.measure(features, labels, weight, prediction=prediction))
    return prediction, found


def table(found: list[ncsolve.Measurement]) -> str:
    """The numbers of the figure as a table in Markdown."""
    rows = [f"| noise | {' | '.join(KEYS)} |", "|" + "---|" * (len(KEYS) + 1)]
    for share, one in zip(SHARES, found, strict=True):
        rows.append(f"| {share:.1%} | {' | '.join(f'{one[key]:.4f}' for key in KEYS)} |")
    return "\n".join(rows)


def main() -> None:
    """Draw the figure and print the table."""
    prediction, found = measured()
    figure = Figure(figsize=(12.0, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    plots.metric_curves(
        SHARES, found, KEYS[:4], left, xlabel="noise, share of the Frobenius norm", floor=0.0
    )
    left.set_xscale("log")
    left.set_title("distance of an optimal long-tailed network to four targets", fontsize="medium")
    plots.norms_against_counts(prediction, found[SHARES.index(0.01)], right)
    right.set_title("norms at 1% noise", fontsize="medium")
    plots.save(left, HERE / "measuring.png", dpi=110, overwrite=True)
    print(table(found))


if __name__ == "__main__":
    main()
