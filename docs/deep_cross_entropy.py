"""How far the simplex is from best in deep cross-entropy: python docs/deep_cross_entropy.py writes docs/deep_cross_entropy.md.

K = 3 .. 12 classes of 100 samples, M = 2 .. 6 layers, all decays 5e-4, no bias, widths of at least K.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import ncsolve
from ncsolve.analytic.search.lowrank import best_known
from ncsolve.problem.losses import class_columns

HERE = Path(__file__).parent
SAMPLES, DECAY = 100.0, 5e-4


def simplex_value(classes: int, c: float, q: float) -> float:
    """min over a of log(1 + (K-1) e^(-a)) + c (K-1) (a sqrt n)^q, on a grid refined ten times around its best point."""
    low, high = 0.0, 60.0
    for _ in range(10):
        a = np.linspace(low, high, 2001)
        f = np.log1p((classes - 1) * np.exp(-a)) + c * (classes - 1) * (a * np.sqrt(SAMPLES)) ** q
        best = int(np.argmin(f))
        low, high = a[max(best - 2, 0)], a[min(best + 2, a.size - 1)]
    return float(f[best])


def row(classes: int, depth: int) -> str:
    """One line of the table."""
    c, q = DECAY * (depth + 1) / 2.0, 2.0 / (depth + 1)
    columns = class_columns(ncsolve.CrossEntropy(), np.full(classes, SAMPLES))
    found = best_known(columns, classes=classes, c=c, q=q, rank_limit=classes)
    simplex = simplex_value(classes, c, q)
    gain = simplex / found.value - 1.0
    shown = f"{100.0 * gain:.2f}%" if gain > 1e-9 else "0"
    return f"| {classes} | {depth} | {found.geometry} | {found.sigma.size} | {found.value:.12f} | {simplex:.12f} | {shown} |"


def main() -> None:
    """Solve everything and write the page."""
    page = [
        "# Deep cross-entropy: the simplex and what is better",
        "",
        "K classes of 100 samples, M layers, all decays 5e-4, no bias, widths of at least K. Dang et al. (2023, arXiv:2301.00437,",
        "Theorem 4.1) state that the global minimizers are simplex ETFs; Garrod and Keating (2024, arXiv:2410.23169) prove that none is",
        "for K >= 4, M >= 3 and for K >= 6, M = 2. The values below are the lowest known to `ncsolve.analytic.search.lowrank.best_known`,",
        "upper bounds on the minimum and no theorem; the simplex has the best scale. The last column says by how much the simplex is",
        "above. Geometries are those of the class means: a simplex has equal angles, the orthoplex consists of orthogonal pairs of",
        "opposite classes, a strongly regular graph frame (K, k, l, m) has two angles, that of the joined pairs of such a graph and that",
        "of the others. Angles are told apart at 1e-6. `python docs/deep_cross_entropy.py` writes this page.",
        "",
        "| K | M | best geometry known | rank | its objective | simplex | simplex above by |",
        "|" + "---|" * 7,
    ]
    page += [row(classes, depth) for classes in range(3, 13) for depth in range(2, 7)]
    (HERE / "deep_cross_entropy.md").write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
