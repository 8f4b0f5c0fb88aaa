"""What all pictures share: colors, axes, ticks, legends, names, and writing a picture to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DASHES = ("-", "--", ":", "-.")
MARKS = "osD^vPX*<>"
SCALE = "cividis"  # grows in lightness: readable in gray and with any color vision
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
LONGEST_TICK = 14
#: A line that marks what floats resolve.
RESOLUTION: dict[str, Any] = {"color": "0.5", "lw": 1, "ls": (0, (4, 3))}
#: A legend to the right of the axes.
BESIDE: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}


def new_axes(size: tuple[float, float]) -> Axes:
    """Axes on a new figure of this width and height in inches."""
    return cast("Axes", row_of_axes(1, size)[0])


def axes_or_new(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The axes, or new ones."""
    return new_axes(size) if ax is None else ax


def row_of_axes(number: int, size: tuple[float, float], **settings: Any) -> NDArray[np.object_]:
    """Axes side by side on a new figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    panels: NDArray[np.object_] = figure.subplots(1, number, squeeze=False, **settings)[0]
    return panels


def legend(axes: Axes | Figure, *entries: Any, **look: Any) -> None:
    """A legend without a frame, of these handles and labels or of all."""
    axes.legend(*entries, **{"frameon": False, "fontsize": "small"} | look)


def plain_ticks(axes: Axes, *, x: bool = True, y: bool = True) -> None:
    """Ticks as 0.1 and 1000; where an axis spans less than a power of ten or two, 2 and 5 have labels
    as well, and more where it spans less than 4.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    for axis, chosen in ((axes.xaxis, x), (axes.yaxis, y)):
        if not chosen:
            continue
        low, high = axis.get_view_interval()
        more = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
        subs = more if high / low < 4 else (1.0, 2.0, 5.0) if high / low < 100 else (1.0,)
        axis.set_major_locator(LogLocator(subs=subs))
        axis.set_minor_locator(LogLocator(subs=tuple(range(2, 10))))
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(NullFormatter())


def step_axis(axes: Axes) -> None:
    """Steps from 0 on, logarithmic from 1."""
    axes.set_xscale("symlog", linthresh=1, subs=range(2, 10))
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:g}")
    axes.set_xlim(left=0)


def evenly(number: int, most: int) -> NDArray[np.intp]:
    """At most so many indices below `number`, evenly apart, both ends among them."""
    import numpy as np

    between = np.linspace(0, max(number - 1, 0), min(most, number))
    return np.unique(between.round().astype(np.intp))


def plain_name(name: str, longest: int = LONGEST_TICK) -> str:
    """A name that is not too long and is not read as mathematics."""
    short = name if len(name) <= longest else name[: longest - 1] + ELLIPSIS
    return short.replace("$", r"\$")


def save(
    axes: Axes,
    path: str | Path,
    *,
    size: tuple[float, float] | None = None,
    dpi: float = 150.0,
    overwrite: bool = False,
) -> None:
    """Write the figure of `axes` to a .png, .svg or .pdf file, atomically and without a date.

    Parameters
    ----------
    axes : Axes
    path : str or Path
    size : (width, height) in inches, optional
    dpi : dots per inch of a .png
    overwrite : bool

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is false.
    """
    from pathlib import Path

    from ...files import atomic_write

    if size is not None:
        cast("Figure", axes.get_figure()).set_size_inches(*size)
    with atomic_write(path, overwrite=overwrite) as stream:
        draw(axes, stream, Path(path).suffix.lower().lstrip("."), dpi)


def draw(axes: Axes, stream: Any, kind: str, dpi: float | str = "figure") -> None:
    """Write the figure of `axes` to a binary stream as "png", "svg" or "pdf"; the same picture is the same bytes."""
    from matplotlib import rc_context

    undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    figure = cast("Figure", axes.get_figure())
    with rc_context({"svg.hashsalt": "ncsolve"}):
        figure.savefig(stream, format=kind, dpi=dpi, metadata=undated.get(kind, {}))
