"""Writing a picture to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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

    from matplotlib import rc_context

    from ...files import atomic_write

    figure = cast("Figure", axes.get_figure())
    if size is not None:
        figure.set_size_inches(*size)
    kind = Path(path).suffix.lower().lstrip(".")
    undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    with atomic_write(path, overwrite=overwrite) as stream, rc_context({"svg.hashsalt": "ncsolve"}):
        figure.savefig(stream, format=kind, dpi=dpi, metadata=undated)
