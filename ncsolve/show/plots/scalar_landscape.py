"""The scalar landscape of a mode: one minimum that beats zero, ties with it, loses to it, or is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .style import BLACK, CYCLE, axes_or_new

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from ...problem.losses import Array

MOST = 6  # curves for modes


def scalar_landscape(
    depth: int, kappa: Sequence[float], names: Sequence[str] = (), ax: Axes | None = None
) -> Axes:
    r"""Objective of one mode against its singular value, both as shares: f(r) = (1 - r)^2 + (M+1) kappa r^(2/(M+1)), r = sigma/tau.

    Parameters
    ----------
    depth : M
    kappa : levels N g tau^(-2M/(M+1)) of the modes, one curve each; of more than six, the first, the last and four between
    names : of the modes, as many; mathematics between dollar signs is drawn as such
    ax : Axes, optional

    Notes
    -----
    f(0) = 1 is the value of zero. Dots mark the minimizers; the dashed curve is the level kappa* at which the minimizer jumps from
    r = 1 - 1/M to zero, between the two open circles (for M = 1 it moves to zero without a jump).

    Examples
    --------
    >>> axes = scalar_landscape(3, [0.1, 0.3], ["cat", "yak"])
    >>> axes.get_xlabel()
    'singular value $\\sigma/\\tau$'
    """
    from ...analytic.scalar import outer_root, threshold

    axes = axes_or_new(ax, (7.2, 4.4))
    r = np.linspace(0.0, 1.15, 800) ** 2 / 1.15
    critical = threshold(depth)

    def value(level: float, share: Array) -> Array:
        found: Array = (1.0 - share) ** 2 + (depth + 1) * level * share ** (2.0 / (depth + 1))
        return found

    chosen = np.unique(
        np.linspace(0, max(len(kappa) - 1, 0), min(MOST, len(kappa))).round().astype(int)
    )
    tops = []
    for i, k in enumerate(chosen.tolist()):
        level, color = float(kappa[k]), CYCLE[i % len(CYCLE)]
        name = names[k] if len(names) else f"mode {k}"
        label = rf"{name}, $\kappa/\kappa^*$ = {level / critical:.3g}"
        axes.plot(r, value(level, r), color=color, lw=1.5, label=label)
        best = 1.0 - float(outer_root(np.array([level]), depth)[0]) if level < critical else 0.0
        axes.plot(
            [best], value(level, np.array([best])), "o", color=color, ms=6, clip_on=False, zorder=3
        )
        tops.append(float(value(level, np.array([1.0]))[0]))
    jump = 1.0 - 1.0 / depth
    says = f",\njump from {jump:.3g} to 0" if depth > 1 else ""
    axes.plot(
        r,
        value(critical, r),
        color=BLACK,
        lw=1,
        ls=(0, (4, 3)),
        label=rf"threshold, $\kappa = \kappa^*${says}",
    )
    if depth > 1:
        axes.plot(
            [0.0, jump], [1.0, 1.0], "o", color=BLACK, mfc="white", ms=6, clip_on=False, zorder=3
        )
        arrow = {
            "arrowstyle": "->",
            "connectionstyle": "arc3,rad=-0.25",
            "color": BLACK,
            "shrinkA": 6,
            "shrinkB": 6,
        }
        axes.annotate("", xy=(0.0, 1.0), xytext=(jump, 1.0), arrowprops=arrow)
    axes.axhline(1.0, color="0.6", lw=0.8, label="value of zero")
    axes.set(
        xlabel=r"singular value $\sigma/\tau$", ylabel=r"objective of the mode / $(\tau^2/2N)$"
    )
    axes.set(xlim=(0.0, 1.15), ylim=(0.0, min(max([1.5, *tops]) * 1.1, 3.0)))
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes
