"""The Hessian spectrum at a critical point: predicted eigenvalues by kind of direction, measured ones in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLACK, CYCLE, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...problem.losses import Array
    from ...questions.landscapes import Landscape

MARKS = "osD^vPX*<>"


@dataclass(frozen=True, eq=False)
class Eigenvalues:
    """What is drawn of a landscape, read from its document.

    Attributes
    ----------
    measured : array, ascending
    families : (kind of direction, its predicted eigenvalues) pairs; empty where they are not known
    zero : moduli up to this count as zero
    title : the point, and how many eigenvalues of each sign
    """

    measured: Array
    families: Sequence[tuple[str, Array]]
    zero: float
    title: str


def eigenvalues_of(document: Mapping[str, Any]) -> Eigenvalues:
    """From the document of a Landscape.

    Raises
    ------
    KeyError, TypeError, ValueError
        Something is missing.
    """
    measured = np.array(document["measured_eigenvalues"], dtype=np.float64)
    families = [
        (
            str(one["directions"]),
            np.repeat(np.array(one["values"], dtype=np.float64), int(one["copies"])),
        )
        for one in document["families"] or ()
    ]
    zero = max(
        float(document["tolerance"]) * float(np.abs(measured).max()),
        10.0 * float(document["gradient_norm"]),
    )
    said = ", ".join(
        f"{document['measured'][sign]} {sign}" for sign in ("negative", "zero", "positive")
    )
    return Eigenvalues(measured, families, zero, f"{document['at']}: {said}")


def hessian_spectrum(found: Eigenvalues | Landscape, ax: Axes | None = None) -> Axes:
    """Eigenvalues of the Hessian in ascending order.

    Parameters
    ----------
    found : Landscape, or the Eigenvalues of one's document
    ax : Axes, optional
        Drawn on; a new figure by default.

    Notes
    -----
    A step line shows all measured eigenvalues; marks show the predicted ones at their rank, one kind of direction each (where they are
    known in closed form). The vertical axis is logarithmic on both sides of zero and linear below the smallest non-zero eigenvalue.
    """
    axes = axes_or_new(ax, (7.6, 4.4))
    shown = found if isinstance(found, Eigenvalues) else eigenvalues_of(found.to_dict())
    measured = shown.measured
    rank = np.arange(1, measured.size + 1)
    axes.plot(rank, measured, drawstyle="steps-mid", color=BLACK, lw=1, label="measured, all")
    if shown.families:
        values = np.concatenate([family for _, family in shown.families])
        kind = np.repeat(
            np.arange(len(shown.families)), [family.size for _, family in shown.families]
        )
        order = np.argsort(values, kind="stable")
        for i, (directions, family) in enumerate(shown.families):
            at = np.flatnonzero(kind[order] == i)
            look: dict[str, Any] = {
                "color": CYCLE[i % (len(CYCLE) - 1)],
                "marker": MARKS[i % len(MARKS)],
            }
            label = f"{directions} ({family.size})"
            axes.plot(rank[at], values[order][at], mfc="none", ls="none", ms=5, label=label, **look)
    size = np.abs(measured)
    away = size[size > shown.zero]
    axes.set_yscale(
        "symlog", linthresh=10.0 ** np.floor(np.log10(away.min())) if away.size else 1.0
    )
    axes.axhline(0.0, color="0.6", lw=0.8, ls=":")
    axes.set(xlabel="rank of the eigenvalue", ylabel="eigenvalue of the Hessian")
    axes.set_title(shown.title, fontsize="medium")
    axes.legend(frameon=False, fontsize="x-small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes
