"""The picture of README.md: python docs/picture.py draws docs/picture.png, in about ten seconds.

Left: Places-LT, all decays 5e-5; lines are predicted, points are where descent on the raw objective over all 62,500 features ended,
crosses classes whose norm it took to zero. Right: how many of 100 classes of a long tail live, over decay and imbalance, with the
closed-form boundaries.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

import ncsolve
from ncsolve import plots
from ncsolve.problem.counts import named
from ncsolve.show.plots.style import BLUE, VERMILION

HERE = Path(__file__).parent
DECAY = 5e-5
LOST = {
    "first class lost": "-",
    "fewer than half of the classes left": "--",
    "all classes lost": ":",
}
SAID = {"fewer than half of the classes left": "half of them lost"}


def places_lt(axes) -> None:
    """Norms against counts, predicted and descended."""
    prediction = ncsolve.predict(
        ncsolve.UFM(named("places-lt"), weight_decay=DECAY, feature_decay=DECAY)
    )
    run = ncsolve.verify(prediction, ncsolve.Descent(starts=1), rng=0).best
    counts = prediction.ufm.counts
    measured = {
        "w": np.linalg.norm(run.parameters.end_to_end, axis=1),
        "h": np.linalg.norm(run.parameters.features, axis=0),
    }
    order = np.argsort(counts)
    critical = float(prediction.classes[0].critical_count)
    n = np.geomspace(critical * (1 + 1e-9), counts.max() * 1.1, 2000)
    sigma = np.sqrt(n) - critical**0.5
    floor = 0.02
    axes.axvspan(counts.min() * 0.8, critical, color="0.93", lw=0)
    for letter, color, values in (
        ("w", BLUE, np.sqrt(sigma)),
        ("h", VERMILION, np.sqrt(sigma / n)),
    ):
        what = "classifier rows" if letter == "w" else "class means"
        axes.plot(n, values, color=color, lw=1.2, label=rf"{what} $\|{letter}_k\|$, predicted")
        alive = measured[letter][order] > floor
        axes.plot(
            counts[order][alive],
            measured[letter][order][alive],
            "o",
            color=color,
            mfc="white",
            ms=4,
            mew=0.9,
            zorder=3,
        )
        axes.plot(
            counts[order][~alive],
            np.full((~alive).sum(), floor),
            "x",
            color=color,
            ms=5,
            mew=1,
            clip_on=False,
            zorder=3,
        )
    axes.plot([], [], "o", color="0.3", mfc="white", ms=4, label="where descent ended")
    axes.text(
        critical * 0.93,
        4.2,
        "vanished",
        rotation=90,
        ha="right",
        va="top",
        fontsize="small",
        color="0.35",
    )
    axes.set(
        xscale="log", yscale="log", xlim=(counts.min() * 0.8, counts.max() * 1.15), ylim=(floor, 12)
    )
    axes.set(xlabel="images in the class", ylabel="norm")
    axes.set_title("Places-LT, 365 classes", fontsize="medium")
    axes.legend(frameon=False, fontsize="small", loc="lower right")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def long_tail(axes) -> None:
    """Classes alive over decay and imbalance."""
    found = ncsolve.phase_map(
        ncsolve.UFM([500] * 100, depth=3),
        "decay=1e-5:1e-2:600",
        "ratio=1:500:400",
        long_tail=ncsolve.LongTail(classes=100, largest=500, ratio=1),
        fields="active",
    )
    mesh = axes.pcolormesh(
        found.x.values,
        found.y.values,
        found.fields["active"],
        cmap="cividis",
        rasterized=True,
        shading="nearest",
    )
    for boundary in found.boundaries:
        if boundary.name in LOST:
            axes.plot(boundary.x, boundary.y, color="white", lw=3)
            axes.plot(
                boundary.x,
                boundary.y,
                color="black",
                lw=1.4,
                ls=LOST[boundary.name],
                label=SAID.get(boundary.name, boundary.name),
            )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=r"all decays $\lambda$",
        ylabel="imbalance, largest count / smallest",
    )
    axes.set_title("100 classes, three layers", fontsize="medium")
    axes.set(xlim=(1e-5, 1e-2), ylim=(1, 500))
    axes.figure.colorbar(mesh, ax=axes, pad=0.02, label="classes alive")
    axes.legend(loc="lower left", fontsize="small", framealpha=0.9)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def main() -> None:
    """Draw it."""
    figure = Figure(figsize=(10.4, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1.0))
    places_lt(left)
    long_tail(right)
    plots.save(left, HERE / "picture.png", dpi=120, overwrite=True)


if __name__ == "__main__":
    main()
