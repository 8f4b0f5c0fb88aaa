"""Colours, new axes and ticks that the pictures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
)
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DIVERGING = "RdBu_r"
NAMED_TICKS = 12  # with more classes, ticks are numbers
LONGEST_TICK = 14


def new_axes(size: tuple[float, float]) -> Axes:
    """Axes on a new figure of this width and height in inches."""
    return cast("Axes", row_of_axes(1, size)[0])


def axes_or_new(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The axes, or new ones."""
    return new_axes(size) if ax is None else ax


def row_of_axes(number: int, size: tuple[float, float]) -> NDArray[np.object_]:
    """Axes side by side on a new figure."""
    from matplotlib.figure import Figure

    panels: NDArray[np.object_] = Figure(figsize=size, layout="constrained").subplots(
        1, number, squeeze=False
    )[0]
    return panels


def plain_ticks(axes: Axes, *, x: bool = True, y: bool = True) -> None:
    """Ticks as 0.1 and 1000; where an axis spans less than a power of ten or two, 2 and 5 have labels
    as well, and more where it spans less than 4.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    plain = FuncFormatter(lambda value, _: f"{value:g}")
    for axis, (low, high), chosen in (
        (axes.xaxis, axes.get_xlim(), x),
        (axes.yaxis, axes.get_ylim(), y),
    ):
        if not chosen:
            continue
        subs = (
            (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
            if high / low < 4
            else (1.0, 2.0, 5.0)
        )
        axis.set_major_locator(LogLocator(subs=subs if high / low < 100 else (1.0,)))
        axis.set_minor_locator(LogLocator(subs=tuple(range(2, 10))))
        axis.set_major_formatter(plain)
        axis.set_minor_formatter(NullFormatter())


def step_axis(axes: Axes) -> None:
    """Steps from 0 on, logarithmic from 1."""
    axes.set_xscale("symlog", linthresh=1, subs=range(2, 10))
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:g}")
    axes.set_xlim(left=0)


def class_ticks(panel: Axes, names: Sequence[str]) -> None:
    """The names of the classes along both sides."""
    short = [plain_name(name) for name in names]
    turned = max(map(len, short)) > 3
    panel.set_xticks(range(len(short)), short, rotation=90 if turned else 0)
    panel.set_yticks(range(len(short)), short)


def plain_name(name: str) -> str:
    """A class name that is not too long and is not read as mathematics."""
    short = (
        name if len(name) <= LONGEST_TICK else name[: LONGEST_TICK - 1] + "\N{HORIZONTAL ELLIPSIS}"
    )
    return short.replace("$", r"\$")
